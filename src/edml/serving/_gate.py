"""Gate: receive bodies concurrently, and process a few requests at a time."""

from collections.abc import Callable, Iterable
from io import BytesIO, RawIOBase
from threading import BoundedSemaphore
from typing import Any

from edml.serving._problem import Problem

_PIECE = 2**20


class Gate:
    """WSGI middleware that limits the number of requests processed at a time.

    Python runs one thread at a time: two concurrent requests each take more than twice
    as long. A request therefore waits here for its turn. It has no turn while its body
    arrives, so that a slow client does not delay others; ``received`` is called when
    the body is complete, ``answering`` when the response is ready.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        *,
        slots: int,
        max_body_bytes: int,
        timeout_seconds: float,
        received: Callable[[], None],
        answering: Callable[[], None],
    ) -> None:
        self._app = app
        self._slots = BoundedSemaphore(slots)
        self._max_body_bytes = max_body_bytes
        self._timeout_seconds = timeout_seconds
        self._received = received
        self._answering = answering

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        turn = _Turn(self._slots, self._timeout_seconds)
        if _has_body(environ):
            environ["wsgi.input"] = _Body(environ, self._max_body_bytes, self, turn)
        else:
            self._received()
        try:
            return self._app(environ, start_response)
        finally:
            turn.end()
            self._answering()

    def begin(self, turn: "_Turn") -> None:
        """Report that the body is complete, and wait for the turn."""
        self._received()
        turn.begin()


class _Turn:
    """The turn of one request, which a request without a body never takes."""

    def __init__(self, slots: BoundedSemaphore, timeout_seconds: float) -> None:
        self._slots = slots
        self._timeout_seconds = timeout_seconds
        self._taken = False

    def begin(self) -> None:
        self._taken = self._slots.acquire(timeout=self._timeout_seconds)
        if not self._taken:
            message = (
                f"Expected a turn within {self._timeout_seconds:g} seconds; found too "
                "many requests before this one. Send it again later."
            )
            raise Problem(503, "busy", message, headers={"Retry-After": "1"})

    def end(self) -> None:
        if self._taken:
            self._taken = False
            self._slots.release()


class _Body(RawIOBase):
    """The body of a request, received completely at the application's first read.

    The application decides whether to read: it does not wait for the body of an
    unauthorized request. One byte beyond the limit is read, so that the application
    notices the excess.
    """

    def __init__(
        self, environ: dict[str, Any], max_bytes: int, gate: Gate, turn: _Turn
    ) -> None:
        self._source = environ["wsgi.input"]
        length = environ.get("CONTENT_LENGTH")
        self._expected = int(length) if length else None
        self._max_bytes = max_bytes
        self._gate, self._turn = gate, turn
        self._whole: BytesIO | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._whole is None:
            self._whole = self._read_whole()
            self._gate.begin(self._turn)
        return self._whole.readinto(buffer)

    def _read_whole(self) -> BytesIO:
        # a truncated body may be a readable table with a wrong result
        whole = BytesIO()
        most = self._max_bytes + 1
        if self._expected is not None:
            most = min(most, self._expected)
        try:
            while (left := most - whole.tell()) > 0:
                piece = self._source.read(min(left, _PIECE))
                if not piece:
                    break
                whole.write(piece)
        except OSError as error:  # the client disconnected, or was cut off
            raise _incomplete() from error
        if self._expected is not None and whole.tell() < most:
            raise _incomplete()
        whole.seek(0)
        return whole


def _incomplete() -> Problem:
    message = (
        "Expected the whole body; it ended early, or took too long. Send it again."
    )
    return Problem(408, "incomplete", message, headers={"Connection": "close"})


def _has_body(environ: dict[str, Any]) -> bool:
    length = environ.get("CONTENT_LENGTH")
    return bool(environ.get("HTTP_TRANSFER_ENCODING")) or length not in (None, "", "0")
