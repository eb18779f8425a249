"""Bodies arrive whole or not at all, and all of them within their memory."""

import gzip
import io
import random
import threading
import time
import tracemalloc
import zlib

import pytest
from flask import Flask
from gunicorn.http import errors
from hypothesis import given
from hypothesis import strategies as st

from edml.serving import Limits, _receive
from edml.serving._gate import RECEIVED
from edml.serving._problem import Problem
from edml.serving._receive import Receiver

LIMITS = Limits(max_body_bytes=2**20)
app = Flask("bodies")


class Slow(io.RawIOBase):
    """A body whose second half waits until the test releases it."""

    def __init__(self, *parts):
        self.parts = list(parts)
        self.go_on, self.asked = threading.Event(), threading.Event()

    def read(self, size=-1):
        if len(self.parts) == 1:
            self.asked.set()
            assert self.go_on.wait(60)
        return self.parts.pop(0) if self.parts else b""


class Failing:
    """A body whose client, or the server's parser, fails."""

    def __init__(self, error):
        self.error = error

    def read(self, size=-1):
        raise self.error


def receive(receiver, source, length=None, seconds=60.0, terminated=True, **environ):
    """Return what is received; a body without a length is chunked."""
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"}
    environ |= chunked if length is None else {"CONTENT_LENGTH": str(length)}
    if length is None or terminated:  # as gunicorn says of every body
        environ["wsgi.input_terminated"] = True
    source = io.BytesIO(source) if isinstance(source, bytes) else source
    environ |= {"wsgi.input": source}
    with (
        app.test_request_context("/", method="POST", environ_overrides=environ),
        receiver.receive(time.monotonic() + seconds) as body,
    ):
        return body


def refusal(*given, **more):
    with pytest.raises(Problem, match=r"\.$") as caught:
        receive(*given, **more)
    return caught.value.status, caught.value.code


@given(st.binary(max_size=300), st.booleans())
def test_the_app_gets_the_body(body, chunked):
    length = None if chunked else len(body)
    assert receive(Receiver(LIMITS), body, length) == body


@given(st.binary(min_size=1, max_size=50), st.integers(1, 50), st.booleans())
def test_half_a_body_is_rejected(body, missing, terminated):
    length = len(body) + missing
    found = refusal(Receiver(LIMITS), body, length, terminated=terminated)
    assert found == (408, "incomplete")


@pytest.mark.parametrize("length", [None, 9])
@pytest.mark.parametrize("error", [ConnectionResetError(), errors.NoMoreData()])
def test_a_client_that_left(error, length):
    found = refusal(Receiver(LIMITS), Failing(error), length)
    assert found == (408, "incomplete")


@pytest.mark.parametrize(
    "error", [errors.LimitRequestHeaders("SECRET"), errors.InvalidHeader("SECRET")]
)
def test_bad_trailers_are_the_clients_fault(error):
    with pytest.raises(Problem, match="trailers") as caught:
        receive(Receiver(LIMITS), Failing(error))
    assert caught.value.status == 400
    assert "SECRET" not in caught.value.detail


@pytest.mark.parametrize("length", [None, 2**20 + 1])
def test_no_more_is_read_than_the_limit(length):
    source = io.BytesIO(b"x" * 2**21)
    found = refusal(Receiver(LIMITS), source, length)
    assert found == (413, "too-large")
    assert source.tell() in (0, 2**20 + 1)


def test_a_body_that_comes_too_slowly():
    assert refusal(Receiver(LIMITS), b"x", seconds=-1) == (408, "too-slow")


def test_the_turn_is_taken_after_the_last_byte():
    turns = []

    class Source(io.BytesIO):
        def read(self, size=-1):
            assert not turns
            return super().read(size)

    source = Source(b"x" * 600_000)
    environ = {RECEIVED: lambda _: turns.append(source.tell())}
    receive(Receiver(LIMITS), source, **environ)
    assert turns == [600_000]


def test_bodies_in_flight_share_their_memory(monkeypatch):
    monkeypatch.setattr(_receive, "_PATIENCE", 0.1)
    receiver, held, threads = Receiver(LIMITS), [], []
    half = b"x" * 2**18
    for _ in range(5):
        slow = Slow(half, *[b"x" * 190_000] * 4, b"x")
        args = (receiver, slow)
        threads.append(threading.Thread(target=receive, args=args))
        threads[-1].start()
        held.append(slow)
    for slow in held:
        assert slow.asked.wait(60)
    large = b"x" * 2**20
    for _ in range(3):
        with pytest.raises(Problem, match="room for the body") as caught:
            receive(receiver, large)
        assert (caught.value.status, caught.value.code) == (503, "busy")
        assert receive(receiver, half) == half  # a small one is received all the same
    for slow in held:
        slow.go_on.set()
    for thread in threads:
        thread.join()
    for _ in range(9):  # what is over, or was refused, holds nothing
        assert receive(receiver, large) == large


class Watched(io.BytesIO):
    """A body that notes how many such bodies are read at once, from its second read."""

    reading, most = [], 0

    def read(self, size=-1):
        if self.tell():
            Watched.reading.append(self)
            Watched.most = max(Watched.most, len(Watched.reading))
            time.sleep(0.001)
            Watched.reading.remove(self)
        return super().read(size)


@pytest.mark.parametrize("length", [None, 2**20])
def test_one_piece_of_large_bodies_is_received_at_a_time(monkeypatch, length):
    monkeypatch.setattr(_receive, "LARGE", 1)
    monkeypatch.setattr(_receive, "_PATIENCE", 60.0)
    monkeypatch.setattr(Watched, "most", 0)
    receiver, bodies = Receiver(LIMITS), []

    def send():
        bodies.append(receive(receiver, Watched(b"x" * 2**20), length))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [b"x" * 2**20] * 4
    assert Watched.most == 1


def test_a_large_body_waits_for_a_slow_one_only_once(monkeypatch):
    monkeypatch.setattr(_receive, "_PATIENCE", 0.05)
    receiver, slow = Receiver(LIMITS), Slow(b"x")
    thread = threading.Thread(target=receive, args=(receiver, slow))
    thread.start()
    assert slow.asked.wait(60)
    body = b"x" * 2**20
    waited = []
    monkeypatch.setattr(
        receiver._large, "take", lambda seconds: waited.append(seconds) or False
    )
    assert receive(receiver, body) == body  # in chunks
    assert waited == [0.05]
    assert receive(receiver, body, len(body)) == body  # not large enough to wait
    assert waited == [0.05]
    slow.go_on.set()
    thread.join()


# -- gzip ------------------------------------------------------------------------------


def packed(receiver, data, **more):
    return receive(receiver, data, HTTP_CONTENT_ENCODING="gzip", **more)


def packed_refusal(data, **more):
    return refusal(Receiver(LIMITS), data, HTTP_CONTENT_ENCODING="gzip", **more)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.booleans())
def test_gzip_of_one_or_more_members(parts, chunked):
    data = b"".join(map(gzip.compress, parts))
    length = None if chunked else len(data)
    assert packed(Receiver(LIMITS), data, length=length) == b"".join(parts)


@given(st.binary(max_size=300), st.data())
def test_half_a_gzip_is_rejected(body, data):
    whole = gzip.compress(body)
    end = data.draw(st.integers(1, len(whole) - 1))
    assert packed_refusal(whole[:end]) == (400, "content-encoding")
    assert packed_refusal(whole[:end], length=len(whole)) == (408, "incomplete")


@pytest.mark.parametrize(
    "data",
    [
        b"plain text",
        gzip.compress(b"x") + b"more",
        gzip.compress(b"x" * 99)[:-8] + b"12345678",  # a wrong checksum
        zlib.compress(b"x"),
    ],
    ids=["text", "more", "checksum", "zlib"],  # a gzip holds the time
)
def test_what_is_no_gzip(data):
    assert packed_refusal(data) == (400, "content-encoding")


@pytest.mark.parametrize("more", [0, 1])
def test_gzip_at_the_limit(more):
    body = random.Random(0).randbytes(2**19) + b"x" * (2**19 + more)  # noqa: S311
    if more:
        assert packed_refusal(gzip.compress(body)) == (413, "too-large")
    else:
        assert packed(Receiver(LIMITS), gzip.compress(body)) == body


def test_gzip_that_is_longer_than_its_content():
    data = gzip.compress(random.Random(0).randbytes(2**20))  # noqa: S311
    assert packed_refusal(data) == (413, "too-large")


def test_a_bomb_unpacks_no_further_than_the_limit():
    deflate = zlib.compressobj(wbits=31)
    bomb = b"".join(deflate.compress(bytes(2**20)) for _ in range(100))
    bomb += deflate.flush()
    receiver = Receiver(LIMITS)
    tracemalloc.start()
    found = refusal(receiver, bomb, HTTP_CONTENT_ENCODING="gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == (413, "too-large")
    assert peak < 8 * LIMITS.max_body_bytes
    assert packed(receiver, gzip.compress(b"x" * 2**20)) == b"x" * 2**20  # all is free


def test_too_many_members():
    small, large = gzip.compress(b"x"), gzip.compress(b"x" * 2**14)
    assert packed(Receiver(LIMITS), small * 100) == b"x" * 100
    assert packed_refusal(small * 101) == (400, "content-encoding")
    assert packed_refusal(gzip.compress(b"") * 101) == (400, "content-encoding")
    whole = small * 50 + large * 60 + small * 50
    assert packed(Receiver(LIMITS), whole) == b"x" * (100 + 60 * 2**14)


def test_another_coding_is_rejected():
    for coding in ("br", "gzip, gzip", "deflate", ""):
        with pytest.raises(Problem, match="use gzip") as caught:
            receive(Receiver(LIMITS), b"x", HTTP_CONTENT_ENCODING=coding)
        assert caught.value.status == 415
        assert caught.value.headers == {"Accept-Encoding": "gzip"}
