"""The gate: few requests run at a time, and the others wait for their turn."""

import threading

import pytest

from edml.serving._gate import RECEIVED, Gate
from edml.serving._problem import Problem
from served import wait_until


def taking_app(environ, start_response):
    environ[RECEIVED](environ.get("n_bytes", 0))
    return [b"done"]


def gate_of(app=taking_app, **options):
    settings = {"slots": 1, "timeout_seconds": 60}
    settings |= {"received": lambda: None, "answering": lambda: None}
    settings |= {"stopping": lambda: False}
    return Gate(app, **settings | options)


def ask(gate):
    return b"".join(gate({}, lambda *_: None))


BODY = {"CONTENT_LENGTH": "9"}


@pytest.mark.parametrize(
    ("stopping", "environ", "takes", "closes"),
    [
        (False, {}, False, False),
        (True, {}, False, True),
        (True, BODY, True, True),
        (False, BODY, True, False),
        (False, BODY, False, True),  # it may be rejected before it has arrived
        (False, {"HTTP_TRANSFER_ENCODING": "chunked"}, False, True),
        (False, {"CONTENT_LENGTH": "0"}, False, False),
    ],
)
def test_which_answers_close_their_connection(stopping, environ, takes, closes):
    closed, started = [], []

    class Response:
        def start_response(self, *answer):
            started.append(answer)

        def force_close(self):
            closed.append(True)

    def app(environ, start_response):
        if takes:
            environ[RECEIVED](0)
        start_response("200 OK", [])
        return []

    gate_of(app, stopping=lambda: stopping)({**environ}, Response().start_response)
    assert started == [("200 OK", [])]
    assert closed == [True] * closes


class Busy:
    """An app that holds its turns until the test frees them."""

    def __init__(self):
        self.free, self.lock = threading.Event(), threading.Lock()
        self.now = self.most = 0

    def __call__(self, environ, start_response):
        environ[RECEIVED](environ.get("n_bytes", 0))
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.free.wait(60)
        with self.lock:
            self.now -= 1
        return [b"done"]


@pytest.mark.parametrize("slots", [1, 3])
def test_so_many_at_work(slots):
    app, answers = Busy(), []
    gate = gate_of(app, slots=slots)
    threads = [
        threading.Thread(target=lambda: answers.append(ask(gate))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: app.now == slots)
    app.free.set()
    for thread in threads:
        thread.join()
    assert answers == [b"done"] * 8
    assert app.most == slots


def test_a_request_that_takes_no_turn_waits_for_none():
    busy = Busy()

    def app(environ, start_response):
        return busy(environ, start_response) if "busy" in environ else [b"ok"]

    gate = gate_of(app)
    thread = threading.Thread(target=lambda: gate({"busy": 1}, None))
    thread.start()
    wait_until(lambda: busy.now == 1)
    assert ask(gate) == b"ok"
    busy.free.set()
    thread.join()


def test_large_bodies_wait_for_one_another_and_small_ones_pass():
    app = Busy()
    gate = gate_of(app, slots=3)
    threads = []

    def start(n_requests, n_bytes):
        for _ in range(n_requests):
            environ = {"n_bytes": n_bytes}
            threads.append(threading.Thread(target=gate, args=(environ, None)))
            threads[-1].start()

    start(5, n_bytes=2**20 + 1)
    wait_until(lambda: app.now == 1)
    start(2, n_bytes=2**20)
    wait_until(lambda: app.now == 3)
    app.free.set()
    for thread in threads:
        thread.join()
    assert app.now == 0
    assert app.most == 3


def test_busy_for_too_long():
    app = Busy()
    gate = gate_of(app, timeout_seconds=0.01)
    thread = threading.Thread(target=lambda: ask(gate))
    thread.start()
    wait_until(lambda: app.now == 1)
    with pytest.raises(Problem, match="too many requests") as caught:
        ask(gate)
    assert caught.value.status == 503
    assert caught.value.headers["Retry-After"] == "1"
    app.free.set()
    thread.join()
    assert ask(gate) == b"done"  # the refused request took no slot


def test_error_in_the_app_releases_its_slot():
    def app(environ, start_response):
        environ[RECEIVED](environ.get("n_bytes", 0))
        raise ZeroDivisionError

    gate = gate_of(app)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match=r"^$"):
            ask(gate)


@pytest.mark.parametrize("takes_turn", [True, False])
def test_it_reports_when_the_request_and_the_answer_are_there(takes_turn):
    told = []

    def app(environ, start_response):
        if takes_turn:
            environ[RECEIVED](environ.get("n_bytes", 0))
        told.append("at work")
        return [b""]

    gate = gate_of(
        app,
        received=lambda: told.append("received"),
        answering=lambda: told.append("answering"),
    )
    ask(gate)
    assert told == ["received"] * takes_turn + ["at work", "answering"]
