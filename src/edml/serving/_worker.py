"""The gunicorn that `edml-serve` runs: its application, its worker, its signals.

gunicorn documents `BaseApplication` and the settings. `Arbiter.handle_int` and most of
what `Worker` overrides are private: pyproject.toml caps gunicorn's major version, and
tests/serving/test_server.py (slow) shows whether the overrides still work.
"""

import json
import selectors
import signal
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.http.body import ChunkedReader
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from edml.serving._gate import Gate
from edml.serving._limits import Limits
from edml.serving._logs import JsonFormatter
from edml.serving._problem import MEDIA_TYPE, Problem

# threads that wait for slow clients are cheap, and started only when needed
CONNECTIONS_READ = 512
CONNECTIONS_HELD = 1000
CROWD = 200  # connections at once; each then has less time to arrive
CROWDED_SECONDS = 2.0
STOP_SECONDS = 5.0  # for requests that are still arriving when the server stops
PIECE = 2**16  # bytes of a body that are received at once
PIECE_OF_CHUNKS = 2**12  # gunicorn copies what it has for each chunk, maybe of one byte
MOST_OF_CHUNKS = 8  # times the body, for sizes and ends of chunks; one byte takes 6
IDLE_SECONDS = 2.0  # then, for the next request on a kept connection

_STATUS = {
    errors.LimitRequestLine: (414, "Shorten the address."),
    errors.LimitRequestHeaders: (431, "Send fewer and shorter headers."),
    errors.ExpectationFailed: (417, "Leave the header Expect out."),
    errors.UnsupportedTransferCoding: (501, "Send the body plain or chunked."),
    errors.ConfigurationProblem: (404, "Ask below the path of SCRIPT_NAME."),
}


class Application(BaseApplication):
    """Runs the app that ``make_app`` creates in each worker.

    ``threads`` is the number of requests that a worker processes at a time.
    """

    def __init__(
        self,
        make_app: Callable[[], Any],
        *,
        limits: Limits,
        threads: int,
        settings: dict[str, Any],
    ) -> None:
        self.make_app = make_app
        self.limits = limits
        self.work_slots = threads
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Hand over our settings only; no file or environment variable adds to them."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self.make_app()

    def run(self) -> None:
        """Serve until a signal ends it; raises SystemExit."""
        _Arbiter(self).run()


class _Arbiter(Arbiter):
    def handle_int(self) -> None:
        # stop as gracefully on Ctrl-C as on SIGTERM
        self.handle_term()


class _Log(Logger):
    def setup(self, cfg: Any) -> None:
        """Log gunicorn's messages like the app's, as lines of JSON."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonFormatter())


class _Chunks:
    """A body in chunks, which may not be mostly extensions of chunks.

    Megabytes of them would pass as one small piece of a body.
    """

    def __init__(self, reader: Any, unreader: Any) -> None:
        self._reader = reader
        self._receive = type(unreader).chunk.__get__(unreader)
        self._n_received = self._n_read = 0
        unreader.chunk = self._count

    def read(self, size: int) -> bytes:
        data: bytes = self._reader.read(size)
        self._n_read += len(data)
        return data

    def _count(self) -> bytes:
        data: bytes = self._receive()
        self._n_received += len(data)
        n_bytes = self._n_read + self._reader.buf.tell()
        if self._n_received > PIECE + MOST_OF_CHUNKS * n_bytes:
            raise errors.LimitRequestHeaders("too much between chunks")
        return data


class Worker(ThreadWorker):
    """A worker that clients cannot block.

    gunicorn waits indefinitely for the rest of a request, and for a client to read its
    response; here both have a time limit.

    On shutdown, gunicorn closes each connection after its response, over which an
    uninformed client sends its next request, and loses it. Here a connection stays open
    for a moment, and closes with the response that says so.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch = Watch(self.app.limits.timeout_seconds)

    def load_wsgi(self) -> None:
        """Wrap the application in the gate."""
        super().load_wsgi()
        app: Any = self.wsgi
        self.wsgi: Any = Gate(
            app,
            slots=self.app.work_slots,
            timeout_seconds=self.app.limits.timeout_seconds,
            received=self._watch.pause,
            answering=self._watch.restart,
            stopping=lambda: not self.alive,
        )

    def init_signals(self) -> None:
        """Ignore Ctrl-C, which a terminal sends to the workers and their parent."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def notify(self) -> None:
        """Cut off slow clients; the main loop calls this once a second."""
        super().notify()
        self._watch.cut_off()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events; while stopping, for a second, with less time for clients."""
        if not self.alive:
            self._stop_listening()
            self._watch.hasten(STOP_SECONDS)
            latest = time.monotonic() + IDLE_SECONDS
            for conn in (*self.keepalived_conns, *self.pending_conns):
                conn.timeout = min(conn.timeout, latest)
            self.notify()
            timeout = min(timeout, 1.0)
        super().wait_for_and_dispatch_events(timeout)

    def _stop_listening(self) -> None:
        """Take the connections that wait to be accepted, and let no more arrive."""
        self.set_accept_enabled(False)
        while self.sockets:
            n_before = self.nr_conns
            self.accept(self.sockets[-1])
            if self.nr_conns == n_before:
                self.sockets.pop().close()

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep a connection also while stopping, if its response did not close it."""
        if self.alive or fs.cancelled() or fs.exception() or fs.result() is not True:
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.setblocking(False)
            conn.timeout = time.monotonic() + IDLE_SECONDS
            readable = partial(self.on_client_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, readable)
        except (OSError, ValueError):  # the client has left
            self.nr_conns -= 1
            conn.close()
        else:
            self.keepalived_conns.append(conn)

    def handle(self, conn: Any) -> Any:
        """Handle a request in a thread of the pool."""
        with self._watch.over(conn):
            kept = super().handle(conn)
            if not kept:
                # gunicorn closes in the main thread, and would wait there for up to two
                # seconds for a client that does not close its side
                with suppress(OSError):  # it is closed already
                    conn.close(graceful=True)
                conn.close = _closed
        return kept

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Receive bodies in larger pieces: threads hand over to others at each."""
        reader, unreader = req.body.reader, conn.parser.unreader
        is_chunked = isinstance(reader, ChunkedReader)
        unreader.mxchunk = PIECE_OF_CHUNKS if is_chunked else PIECE
        # the body around the reader would ask it for 1 KB each
        req.body = _Chunks(reader, unreader) if is_chunked else reader
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Respond to a request that is not HTTP; never repeat or log its content."""
        kind = type(exc).__name__
        if isinstance(exc, errors.ParseException):
            status, remedy = _STATUS.get(type(exc), (400, "Send well-formed HTTP."))
            self.log.warning("Rejected a request that is not HTTP: %s", kind)
        elif isinstance(exc, ssl.SSLError):
            self.log.warning("Rejected a connection that is not TLS")
            return
        else:
            status, remedy = 500, "Report the time to its operator."
            # the frames, but not the message, which may hold values
            frames = "".join(traceback.format_tb(exc.__traceback__))
            self.log.error("Error handling a request: %s\n%s", kind, frames)
        detail = f"Expected an HTTP/1.1 request; found {kind}. {remedy}"
        try:
            write_nonblock(client, _raw_answer(Problem(status, "http", detail)))
        except OSError:
            self.log.debug("The client left before the answer.")


class Watch:
    """The time limit of each connection, by the thread that handles it.

    A request may take ``seconds`` to arrive, and as long to read its response.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._watched: dict[int, tuple[Any, float, int]] = {}
        self._latest = float("inf")  # for requests to arrive

    @contextmanager
    def over(self, conn: Any) -> Iterator[None]:
        """Watch a connection while this thread handles it."""
        me = threading.get_ident()
        # shut only reading, so that an incomplete request still gets a response
        self._set(me, conn, socket.SHUT_RD)
        try:
            yield
        finally:
            with self._lock:
                del self._watched[me]

    def pause(self) -> None:
        """Stop the clock while the complete request is processed."""
        me = threading.get_ident()
        with self._lock:
            conn, _, how = self._watched[me]
            self._watched[me] = conn, float("inf"), how

    def restart(self) -> None:
        """Restart the clock for the client to read the response."""
        me = threading.get_ident()
        self._set(me, self._watched[me][0], socket.SHUT_RDWR)

    def hasten(self, seconds: float) -> None:
        """From the first call on, requests have at most ``seconds`` left to arrive."""
        self._latest = min(self._latest, time.monotonic() + seconds)

    def cut_off(self) -> None:
        """Shut the connections of slow clients, which wakes their threads."""
        now = time.monotonic()
        with self._lock:  # no thread may switch to another connection meanwhile
            is_crowded = len(self._watched) > CROWD
            less = max(0.0, self._seconds - CROWDED_SECONDS) if is_crowded else 0.0
            for me, (conn, deadline, how) in self._watched.items():
                arrives = how == socket.SHUT_RD and deadline != float("inf")
                if now > deadline - less or (arrives and now > self._latest):
                    _shut(conn.sock, how)
                    self._watched[me] = conn, now + self._seconds, socket.SHUT_RDWR

    def _set(self, me: int, conn: Any, how: int) -> None:
        with self._lock:
            self._watched[me] = conn, time.monotonic() + self._seconds, how


def gunicorn_settings(
    address: str,
    *,
    workers: int,
    grace_seconds: float,
    certificate: Path | None,
    load_tls: Callable[[], ssl.SSLContext | None],
    ready: Callable[[Any], None],
) -> dict[str, Any]:
    """Return the settings for `Application`; ``ready`` is called once it listens."""
    settings: dict[str, Any] = {
        "bind": [address],
        "workers": workers,
        "worker_class": Worker,
        "threads": CONNECTIONS_READ,
        "worker_connections": CONNECTIONS_HELD,
        "graceful_timeout": int(grace_seconds),
        "keepalive": 30,
        "loglevel": "warning",
        "logger_class": _Log,
        "proc_name": "edml-serve",
        "control_socket_disable": True,
        "when_ready": ready,
    }
    if certificate is not None:
        settings["certfile"] = str(certificate)
        settings["ssl_context"] = lambda _config, _default: load_tls()
    return settings


def _raw_answer(problem: Problem) -> bytes:
    body = json.dumps(problem.to_dict()).encode()
    head = (
        f"HTTP/1.1 {problem.status} {problem.to_dict()['title']}\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _shut(sock: socket.socket, how: int) -> None:
    with suppress(OSError):  # it is closed already
        # not SSLSocket's own method, which drops its state while a thread reads from it
        socket.socket.shutdown(sock, how)


def _closed(graceful: bool = False) -> None:
    """Do nothing: the thread has closed the connection."""
