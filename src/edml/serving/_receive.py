"""Receive the bodies of requests, within limits on each and on all of them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import flask
from werkzeug.exceptions import BadRequest

from edml.serving._gate import LARGE, RECEIVED, Places
from edml.serving._limits import Limits
from edml.serving._problem import Problem, refuse_body
from edml.serving._unpack import unpack

_PIECE = 2**18  # bytes of a body between two checks of the clock
_PIECE_OF_CHUNKS = 2**11  # a chunk may hold a single byte
_PATIENCE = 2.0  # seconds to wait for the piece of another large body
_MOST_IN_FLIGHT = 4  # times the largest body; a body's first piece does not count


class Receiver:
    """Receives bodies completely; those in flight share a bounded amount of memory.

    Of large bodies, and those in chunks, one piece is received and unpacked at a time:
    many threads that receive megabytes would leave little time to those that answer. A
    body that has waited too long, such as for a piece of a slow client, waits no more.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = _MOST_IN_FLIGHT * limits.max_body_bytes
        self._lock = threading.Lock()
        self._large = Places(1)

    @contextmanager
    def receive(self, deadline: float) -> Iterator[bytes]:
        """Yield the body of the current request once it has its turn."""
        most = self._limits.max_body_bytes
        arriving = self._arrive(deadline)
        if _is_packed():
            arriving = unpack(arriving, _PIECE)
        pieces, size, held = [], 0, 0
        try:
            for piece in self._in_turns(arriving):
                if size:
                    self._hold(len(piece))
                    held += len(piece)
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    raise refuse_body(self._limits)
            flask.request.environ.get(RECEIVED, lambda n_bytes: None)(size)
            body = b"".join(pieces)
            pieces.clear()
            yield body
        finally:
            self._hold(-held)

    def _in_turns(self, arriving: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces of a body, those of a large one when no other arrives."""
        size, waits = 0, True
        is_chunked = flask.request.content_length is None
        while True:
            is_large = is_chunked or size > LARGE
            has_turn = waits and is_large and self._large.take(_PATIENCE)
            waits = has_turn or not is_large
            try:
                piece = next(arriving, b"")
            finally:
                if has_turn:
                    self._large.give_back()
            if not piece:
                return
            size += len(piece)
            yield piece

    def _arrive(self, deadline: float) -> Iterator[bytes]:
        """Yield the body as it is sent; raise a Problem unless all of it comes."""
        stated = flask.request.content_length or 0
        piece_size = _PIECE if stated else _PIECE_OF_CHUNKS
        most = self._limits.max_body_bytes
        if stated > most:
            raise refuse_body(self._limits)
        size = 0
        while piece := _read(min(piece_size, most + 1 - size)):
            size += len(piece)
            if size > most:
                raise refuse_body(self._limits)
            if time.monotonic() > deadline:
                raise self._too_slow()
            yield piece
        if size < stated:
            raise _incomplete()

    def _hold(self, n_bytes: int) -> None:
        with self._lock:
            if n_bytes > self._left:
                detail = (
                    "Expected room for the body; found that the bodies of other "
                    "requests take all of it. Send it again later, or less."
                )
                raise Problem(503, "busy", detail, headers={"Retry-After": "1"})
            self._left -= n_bytes

    def _too_slow(self) -> Problem:
        detail = (
            f"Expected the body within {self._limits.timeout_seconds:g} seconds; it "
            "came too slowly. Send it again, or less."
        )
        return Problem(408, "too-slow", detail)


def _is_packed() -> bool:
    """Check whether the body is in gzip; a Problem rejects other encodings."""
    coding = flask.request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("gzip", "x-gzip"):
        return True
    if coding == "identity":
        return False
    detail = (
        "Expected a body in gzip, or as it is; found another coding in the header "
        "Content-Encoding. Send Parquet, which is compressed itself, or use gzip."
    )
    headers = {"Accept-Encoding": "gzip"}
    raise Problem(415, "content-encoding", detail, headers=headers)


def _read(size: int) -> bytes:
    try:
        return flask.request.stream.read(size)
    except (OSError, BadRequest) as error:  # the client disconnected, or was cut off
        raise _incomplete() from error
    except Exception as error:  # of the server's parser, which may quote the body
        detail = (
            "Expected a body as HTTP/1.1 describes it; found chunks or trailers that "
            "are malformed, or too many. Send the body with a Content-Length."
        )
        raise Problem(400, "http", detail) from error


def _incomplete() -> Problem:
    """Return the problem of half a body, which may be a table with a wrong result."""
    detail = "Expected the whole body; it ended early, or took too long. Send it again."
    return Problem(408, "incomplete", detail)
