"""The gate: few requests run, any number arrive, and none runs half-read."""

import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.serving._gate import Gate
from edml.serving._problem import Problem
from served import wait_until


class Slow(io.RawIOBase):
    """A body whose second half waits until the test releases it."""

    def __init__(self, data):
        self.parts = [data[: len(data) // 2], data[len(data) // 2 :]]
        self.go_on = threading.Event()
        self.asked = threading.Event()

    def read(self, size=-1):
        if len(self.parts) == 1:
            self.asked.set()
            assert self.go_on.wait(60)
        return self.parts.pop(0) if self.parts else b""


class Resetting:
    """A body whose client has disconnected."""

    def read(self, size=-1):
        raise ConnectionResetError


def reading_app(environ, start_response):
    return [environ["wsgi.input"].read()]


def gate_of(app=reading_app, **options):
    settings = {"slots": 1, "max_body_bytes": 1000, "timeout_seconds": 60}
    settings |= {"received": lambda: None, "answering": lambda: None}
    return Gate(app, **settings | options)


def environ_of(body, length=None):
    source = io.BytesIO(body) if isinstance(body, bytes) else body
    length = len(body) if length is None and isinstance(body, bytes) else length
    found = {"wsgi.input": source, "CONTENT_LENGTH": str(length)}
    if length is None:
        found = {"wsgi.input": source, "HTTP_TRANSFER_ENCODING": "chunked"}
    return found


def ask(gate, environ):
    return b"".join(gate(environ, lambda *_: None))


@given(st.binary(max_size=300), st.booleans())
def test_the_app_gets_the_body(body, chunked):
    environ = environ_of(body)
    if chunked:
        environ = {"wsgi.input": io.BytesIO(body), "HTTP_TRANSFER_ENCODING": "chunked"}
    assert ask(gate_of(), environ) == body


@given(st.binary(min_size=1, max_size=60), st.integers(1, 7))
def test_app_may_read_the_body_in_pieces(body, size):
    def app(environ, start_response):
        return list(iter(lambda: environ["wsgi.input"].read(size), b""))

    assert ask(gate_of(app), environ_of(body)) == body


def test_lines():
    def app(environ, start_response):
        return list(environ["wsgi.input"])

    environ = environ_of(b"a,b\n1,2\n3,4")
    assert list(gate_of(app)(environ, None)) == [b"a,b\n", b"1,2\n", b"3,4"]


@given(st.binary(min_size=1, max_size=50), st.integers(1, 50))
def test_half_a_body_is_refused(body, missing):
    with pytest.raises(Problem, match="the whole body") as caught:
        ask(gate_of(), environ_of(body, len(body) + missing))
    assert caught.value.status == 408


def test_a_client_that_left():
    with pytest.raises(Problem, match="the whole body"):
        ask(gate_of(), environ_of(Resetting(), 10))


@pytest.mark.parametrize("length", [None, 5000])
def test_no_more_is_read_than_the_limit(length):
    source = io.BytesIO(b"x" * 5000)
    answer = ask(gate_of(max_body_bytes=1000), environ_of(source, length))
    assert len(answer) == 1001  # so that the app sees that there is more
    assert source.tell() == 1001


def test_a_body_that_is_refused_unread_is_not_waited_for():
    def app(environ, start_response):
        return [b"no"]

    slow = Slow(b"never read")
    assert ask(gate_of(app), environ_of(slow, 10)) == b"no"
    assert not slow.asked.is_set()


@pytest.mark.parametrize("slots", [1, 3])
def test_so_many_at_work(slots):
    lock, free = threading.Lock(), threading.Event()
    now, most = [0], [0]

    def app(environ, start_response):
        environ["wsgi.input"].read()
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        assert free.wait(60)
        with lock:
            now[0] -= 1
        return [b"done"]

    gate = gate_of(app, slots=slots)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(gate, environ_of(b"x"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: now[0] == slots)
    free.set()
    for thread in threads:
        thread.join()
    assert answers == [b"done"] * 8
    assert most[0] == slots


def test_a_slow_client_delays_nobody():
    gate = gate_of()
    slow = Slow(b"slowly")
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(ask(gate, environ_of(slow, 6)))
    )
    thread.start()
    assert slow.asked.wait(60)
    assert ask(gate, environ_of(b"quick")) == b"quick"
    assert answers == []
    slow.go_on.set()
    thread.join()
    assert answers == [b"slowly"]


def test_without_a_body_there_is_no_turn_to_wait_for():
    free, inside = threading.Event(), threading.Event()

    def app(environ, start_response):
        if environ["wsgi.input"].read():
            inside.set()
            assert free.wait(60)
        return [b"ok"]

    gate = gate_of(app)
    thread = threading.Thread(target=lambda: ask(gate, environ_of(b"x")))
    thread.start()
    assert inside.wait(60)
    health = {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": ""}
    assert ask(gate, health) == b"ok"
    free.set()
    thread.join()


def test_busy_for_too_long():
    free, inside = threading.Event(), threading.Event()

    def app(environ, start_response):
        environ["wsgi.input"].read()
        inside.set()
        assert free.wait(60)
        return [b"ok"]

    gate = gate_of(app, timeout_seconds=0.01)
    thread = threading.Thread(target=lambda: ask(gate, environ_of(b"x")))
    thread.start()
    assert inside.wait(60)
    with pytest.raises(Problem, match="too many requests") as caught:
        ask(gate, environ_of(b"y"))
    assert caught.value.status == 503
    assert caught.value.headers["Retry-After"] == "1"
    free.set()
    thread.join()
    assert ask(gate, environ_of(b"z")) == b"ok"  # the refused request took no slot


def test_error_in_the_app_releases_its_slot():
    def app(environ, start_response):
        environ["wsgi.input"].read()
        raise ZeroDivisionError

    gate = gate_of(app)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            ask(gate, environ_of(b"x"))


@pytest.mark.parametrize("body", [b"x", b""])
def test_it_reports_when_the_request_and_the_answer_are_there(body):
    told = []

    def app(environ, start_response):
        environ["wsgi.input"].read()
        told.append("at work")
        return [b""]

    gate = gate_of(
        app,
        received=lambda: told.append("received"),
        answering=lambda: told.append("answering"),
    )
    ask(gate, environ_of(body))
    assert told == ["received", "at work", "answering"]
