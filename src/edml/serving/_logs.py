"""Logs: one JSON object per line, without tokens or values."""

import json
import logging
import re
import secrets
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import IO

LOGGER = logging.getLogger("edml.serving")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", flags=re.ASCII)


class JsonFormatter(logging.Formatter):
    """Formats a record, and the dict ``edml`` of its ``extra``, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, tz=UTC)
        line = {
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "edml", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            # the location, but not the message, which may quote a body
            line["error"] = record.exc_info[0].__name__
            line["at"] = _frames(record.exc_info[2])
        return json.dumps(line, default=str)


def configure_logs(stream: IO[str] | None = None) -> None:
    """Write JSON lines to standard error or a stream, unless there is a handler."""
    if LOGGER.hasHandlers():
        return
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)


def request_id(given: str | None) -> str:
    """Return the client's id if it is safe to log, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


def _frames(trace: TracebackType | None) -> list[str]:
    """Return the last places of a traceback, the innermost first."""
    frames = traceback.extract_tb(trace)[-8:][::-1]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
