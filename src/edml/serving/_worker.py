"""The gunicorn that `edml-serve` runs: its application, its worker, its signals."""

import json
import signal
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from edml.serving._gate import Gate
from edml.serving._limits import Limits
from edml.serving._logs import JsonFormatter
from edml.serving._problem import MEDIA_TYPE, Problem

# Threads that wait for slow clients cost little: they are made when needed.
CONNECTIONS_READ = 256
CONNECTIONS_HELD = 1000
STOP_SECONDS = 5.0  # what is left to requests that still arrive, when it is to stop
IDLE_SECONDS = 1.0  # and to connections that are kept, for their next request

_STATUS = {
    errors.LimitRequestLine: (414, "Shorten the address."),
    errors.LimitRequestHeaders: (431, "Send fewer and shorter headers."),
    errors.ExpectationFailed: (417, "Leave the header Expect out."),
    errors.UnsupportedTransferCoding: (501, "Send the body plain or chunked."),
}


class Application(BaseApplication):
    """What gunicorn serves, and how.

    Parameters
    ----------
    make_app : callable
        Gives the WSGI application, in each worker anew.
    limits : Limits
        For the time that a request may take to arrive, and its size.
    threads : int
        How many requests a worker works on at a time.
    settings : dict
        Settings of gunicorn.
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
        """Hand the settings to gunicorn; neither file nor environment adds to them."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the WSGI application of a worker."""
        return self.make_app()

    def run(self) -> None:
        """Serve until a signal ends it; raises SystemExit."""
        _Arbiter(self).run()


class _Arbiter(Arbiter):
    def handle_int(self) -> None:
        # Ctrl-C loses no more requests than SIGTERM does
        self.handle_term()


class _Log(Logger):
    def setup(self, cfg: Any) -> None:
        """Write what gunicorn tells as the app writes: JSON, a line each."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonFormatter())


class Worker(ThreadWorker):
    """A worker whose clients cannot hold it up.

    gunicorn waits without end for the rest of a request, and for a client to take its
    answer; here both have their time. And when it is to stop, it waits for connections
    on which nothing comes; here these have a second.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch = Watch(self.app.limits.timeout_seconds)

    def load_wsgi(self) -> None:
        """Put the gate before the application."""
        super().load_wsgi()
        limits = self.app.limits
        app: Any = self.wsgi
        self.wsgi: Any = Gate(
            app,
            slots=self.app.work_slots,
            max_body_bytes=limits.max_body_bytes,
            timeout_seconds=limits.timeout_seconds,
            received=self._watch.pause,
            answering=self._watch.restart,
        )

    def init_signals(self) -> None:
        """Leave Ctrl-C, which a terminal sends to all processes, to the parent."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def notify(self) -> None:
        """Cut off who took too long; the main loop calls it once a second."""
        super().notify()
        self._watch.cut_off()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events; when it is to stop, for a second, and hasten the clients."""
        if not self.alive:
            self._watch.hasten(STOP_SECONDS)
            latest = time.monotonic() + IDLE_SECONDS
            for conn in (*self.keepalived_conns, *self.pending_conns):
                conn.timeout = min(conn.timeout, latest)
            self.notify()
            timeout = min(timeout, 1.0)
        super().wait_for_and_dispatch_events(timeout)

    def handle(self, conn: Any) -> Any:
        """Handle a request, in a thread of its own."""
        with self._watch.over(conn):
            kept = super().handle(conn)
            if not kept:
                # gunicorn would do so in the main thread, and wait up to two seconds
                # there for a client that does not close its side
                with suppress(OSError):  # it is closed already
                    conn.close(graceful=True)
                conn.close = _closed
        return kept

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that is no HTTP; no word of it is repeated or logged."""
        kind = type(exc).__name__
        if isinstance(exc, errors.ParseException):
            status, remedy = _STATUS.get(type(exc), (400, "Send well-formed HTTP."))
            self.log.warning("Refused a request that is no HTTP: %s", kind)
        elif isinstance(exc, ssl.SSLError):
            self.log.warning("Refused a connection that is no TLS")
            return
        else:
            status, remedy = 500, "Tell those who run it when it was."
            # the frames, but not the message, which may hold values
            frames = "".join(traceback.format_tb(exc.__traceback__))
            self.log.error("Error handling a request: %s\n%s", kind, frames)
        detail = f"Expected a request as of HTTP/1.1; found {kind}. {remedy}"
        try:
            write_nonblock(client, _raw_answer(Problem(status, "http", detail)))
        except OSError:
            self.log.debug("The client left before it was told.")


class Watch:
    """The time that each connection has, by the thread that handles it.

    Parameters
    ----------
    seconds : float
        How long a request may take to arrive, and its answer to be taken.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._watched: dict[int, tuple[Any, float, int]] = {}
        self._hastened = False

    @contextmanager
    def over(self, conn: Any) -> Iterator[None]:
        """Watch a connection while this thread handles it."""
        me = threading.get_ident()
        # a request that does not come whole can still be answered
        self._set(me, conn, socket.SHUT_RD)
        try:
            yield
        finally:
            with self._lock:
                del self._watched[me]

    def pause(self) -> None:
        """Stop the clock: the request is there, and the time is ours."""
        me = threading.get_ident()
        with self._lock:
            conn, _, how = self._watched[me]
            self._watched[me] = conn, float("inf"), how

    def restart(self) -> None:
        """Start the clock anew: the answer is to be taken."""
        me = threading.get_ident()
        self._set(me, self._watched[me][0], socket.SHUT_RDWR)

    def hasten(self, seconds: float) -> None:
        """Give the requests that are still arriving less time, from the first call on.

        Parameters
        ----------
        seconds : float
            How long they have at most.
        """
        if self._hastened:
            return
        self._hastened = True
        latest = time.monotonic() + seconds
        with self._lock:
            for me, (conn, deadline, how) in self._watched.items():
                if how == socket.SHUT_RD and deadline != float("inf"):
                    self._watched[me] = conn, min(deadline, latest), how

    def cut_off(self) -> None:
        """Wake the threads whose clients took too long."""
        now = time.monotonic()
        with self._lock:  # no thread may go on to another connection meanwhile
            for me, (conn, deadline, how) in self._watched.items():
                if now > deadline:
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
    key: Path | None,
    ready: Callable[[Any], None],
) -> dict[str, Any]:
    """Give the settings of gunicorn.

    Parameters
    ----------
    address : str
        Where to listen, "host:port".
    workers : int
        Number of processes.
    grace_seconds : float
        How long requests in flight have to finish, when it is to stop.
    certificate, key : Path or None
        Files for TLS; None is plain HTTP.
    ready : callable
        Called with the arbiter as soon as it listens.

    Returns
    -------
    settings : dict of str to object
        For `Application`.
    """
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
        context = _tls_context(certificate, key)
        settings["certfile"] = str(certificate)
        settings["ssl_context"] = lambda _config, _default: context
    return settings


@cache
def _tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Read the files once: gunicorn would for every connection."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


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
        # not SSLSocket's own, which forgets its state while a thread reads from it
        socket.socket.shutdown(sock, how)


def _closed(graceful: bool = False) -> None:
    """Do nothing: it was closed in its own thread."""
