"""The worker disconnects slow clients, and repeats no text of a bad request."""

import json
import logging
import socket
import ssl
import threading
from types import SimpleNamespace

import pytest
from gunicorn.http import errors
from gunicorn.http.body import ChunkedReader
from gunicorn.http.unreader import IterUnreader
from hypothesis import given
from hypothesis import strategies as st

from edml.serving._worker import Watch, Worker, _Chunks
from served import wait_until

SECRET = "Bearer s3cret-of-the-tutors-page"  # noqa: S105


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield SimpleNamespace(sock=ours), theirs
    ours.close()
    theirs.close()


def in_a_thread(target):
    thread = threading.Thread(target=target)
    thread.start()
    return thread


def test_missing_request_is_cut_off(pair):
    conn, theirs = pair
    watch, got, inside = Watch(0.0), [], threading.Event()

    def handle():
        with watch.over(conn):
            inside.set()
            got.append(conn.sock.recv(10))
            conn.sock.sendall(b"408")  # it can still receive an answer

    thread = in_a_thread(handle)
    assert inside.wait(60)
    wait_until(lambda: watch.cut_off() is None and not thread.is_alive())
    assert got == [b""]
    assert theirs.recv(10) == b"408"


def test_server_time_does_not_count_against_the_client(pair):
    conn, theirs = pair
    watch = Watch(0.0)
    with watch.over(conn):
        watch.pause()
        watch.cut_off()
        theirs.sendall(b"more")
        assert conn.sock.recv(10) == b"more"


def test_an_answer_that_is_not_taken_is_cut_off(pair):
    conn, _ = pair
    watch, failed, inside = Watch(0.0), [], threading.Event()

    def handle():
        with watch.over(conn):
            watch.pause()
            watch.restart()
            inside.set()
            try:
                conn.sock.sendall(b"x" * 10_000_000)
            except OSError as error:
                failed.append(error)

    thread = in_a_thread(handle)
    assert inside.wait(60)
    wait_until(lambda: watch.cut_off() is None and not thread.is_alive())
    assert len(failed) == 1


def test_client_within_its_time_is_not_cut_off(pair):
    conn, theirs = pair
    watch = Watch(1000.0)
    with watch.over(conn):
        watch.cut_off()
        theirs.sendall(b"more")
        assert conn.sock.recv(10) == b"more"


def test_a_request_that_arrives_while_stopping_has_less_time(pair):
    conn, _ = pair
    watch = Watch(1000.0)
    with watch.over(conn):
        watch.hasten(0.0)
        watch.cut_off()
        assert conn.sock.recv(10) == b""


def test_request_in_progress_while_stopping_has_full_time(pair):
    conn, theirs = pair
    watch = Watch(1000.0)
    with watch.over(conn):
        watch.pause()
        watch.hasten(0.0)
        watch.cut_off()
        theirs.sendall(b"more")
        assert conn.sock.recv(10) == b"more"


def test_handled_connection_is_not_cut_off(pair):
    conn, theirs = pair
    watch = Watch(0.0)
    with watch.over(conn):
        pass
    watch.cut_off()
    theirs.sendall(b"more")
    assert conn.sock.recv(10) == b"more"


def test_a_closed_connection_does_not_stop_the_watch(pair):
    conn, _ = pair
    watch = Watch(0.0)
    with watch.over(conn):
        conn.sock.close()
        watch.cut_off()


# -- errors ---------------------------------------------------------------------------


@pytest.fixture
def worker():
    worker = object.__new__(Worker)  # without gunicorn's files and pipes
    worker.log = logging.getLogger("test.gunicorn")
    return worker


def answer_to(worker, pair, error):
    conn, theirs = pair
    try:
        raise error
    except Exception as raised:
        worker.handle_error(None, conn.sock, ("127.0.0.1", 1), raised)
    conn.sock.close()
    return theirs.makefile("rb").read()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidHeader(SECRET), 400),
        (errors.InvalidHeaderName(SECRET), 400),
        (errors.InvalidRequestLine(SECRET), 400),
        (errors.InvalidHTTPVersion(SECRET), 400),
        (errors.LimitRequestLine(5000, 4094), 414),
        (errors.LimitRequestHeaders(SECRET), 431),
        (errors.ExpectationFailed(SECRET), 417),
        (errors.UnsupportedTransferCoding(SECRET), 501),
        (RuntimeError(SECRET), 500),
    ],
)
def test_no_word_of_a_bad_request_is_repeated(worker, pair, caplog, error, status):
    caplog.set_level(logging.DEBUG)
    head, _, body = answer_to(worker, pair, error).partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert problem["status"] == status
    assert type(error).__name__ in problem["detail"]
    assert type(error).__name__ in caplog.text
    assert "s3cret" not in caplog.text
    assert b"s3cret" not in head + body
    if status == 500:
        assert "test_worker.py" in caplog.text  # the traceback


def test_a_connection_without_tls_gets_no_plain_text(worker, pair, caplog):
    assert answer_to(worker, pair, ssl.SSLError("http request")) == b""
    assert "not TLS" in caplog.text


def test_a_client_that_left_is_no_error(worker, pair):
    conn, theirs = pair
    theirs.close()
    worker.handle_error(None, conn.sock, None, errors.InvalidRequestLine("x"))


def in_chunks(wire, piece=4096):
    pieces = (wire[start : start + piece] for start in range(0, len(wire), piece))
    unreader = IterUnreader(pieces)
    return _Chunks(ChunkedReader(None, unreader), unreader)


@given(sizes=st.lists(st.integers(1, 9), max_size=50), repeats=st.integers(1, 1000))
def test_bodies_in_chunks_of_any_size_are_read(sizes, repeats):
    wire = b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in sizes)
    body = in_chunks(wire * repeats + b"0\r\n\r\n")
    found = b"".join(iter(lambda: body.read(2048), b""))
    assert found == b"x" * sum(sizes) * repeats


def test_megabytes_of_extensions_are_not_read():
    wire = (b"1;" + b"x" * 8000 + b"\r\n[\r\n") * 2000
    with pytest.raises(errors.LimitRequestHeaders, match="between chunks"):
        in_chunks(wire).read(2048)
