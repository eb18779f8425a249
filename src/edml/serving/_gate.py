"""Gate: receive bodies concurrently, and process a few requests at a time."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from threading import Event, Lock
from typing import Any

from edml.serving._problem import Problem

#: What the app calls, if the environment has it, as soon as the body is complete.
RECEIVED = "edml.received"
LARGE = 2**20  # bytes of a body; smaller ones pass those of this size


class Gate:
    """WSGI middleware that limits the number of requests processed at a time.

    Python runs one thread at a time: two concurrent requests each take more than twice
    as long. A request therefore waits here for its turn as soon as its body is there.
    It has no turn while the body arrives, so that a slow client does not delay others.
    Of requests with large bodies, only one has or awaits a turn: small ones pass.
    ``received`` is called when the body is complete, ``answering`` when the response is
    ready.

    A response says that its connection closes if ``stopping`` returns true, or if the
    body was not received: a client must not send its next request over it.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        *,
        slots: int,
        timeout_seconds: float,
        received: Callable[[], None],
        answering: Callable[[], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._app = app
        self._slots = Places(slots)
        self._large = Places(1)
        self._timeout_seconds = timeout_seconds
        self._received = received
        self._answering = answering
        self._stopping = stopping

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        unread = [_has_body(environ)]

        def received(n_bytes: int) -> None:
            unread.clear()
            self._take_turn(at_the_end, n_bytes)

        def start(*answer: Any) -> Any:
            if self._stopping() or any(unread):
                # WSGI does not let an app set the header itself
                start_response.__self__.force_close()  # type: ignore[attr-defined]
            return start_response(*answer)

        with ExitStack() as at_the_end:
            at_the_end.callback(self._answering)
            environ[RECEIVED] = received
            return self._app(environ, start)

    def _take_turn(self, at_the_end: ExitStack, n_bytes: int) -> None:
        self._received()
        latest = time.monotonic() + self._timeout_seconds
        for places in ([self._large] if n_bytes > LARGE else []) + [self._slots]:
            if not places.take(latest - time.monotonic()):
                detail = (
                    f"Expected a turn within {self._timeout_seconds:g} seconds; found "
                    "too many requests before this one. Send it again later."
                )
                raise Problem(503, "busy", detail, headers={"Retry-After": "1"})
            at_the_end.callback(places.give_back)


def _has_body(environ: dict[str, Any]) -> bool:
    length = environ.get("CONTENT_LENGTH") or "0"
    return length != "0" or "HTTP_TRANSFER_ENCODING" in environ


class Places:
    """A semaphore that is fair: a thread that has just come passes no other."""

    def __init__(self, n_places: int) -> None:
        self._free = n_places
        self._waiting: deque[Event] = deque()
        self._lock = Lock()

    def take(self, seconds: float) -> bool:
        """Wait for a place; return whether there was one in time."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            mine = Event()
            self._waiting.append(mine)
        if mine.wait(seconds):
            return True
        with self._lock:
            if mine not in self._waiting:  # it was given a place just now
                return True
            self._waiting.remove(mine)
        return False

    def give_back(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
