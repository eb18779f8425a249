"""Logs: one JSON object a line, without tokens and without values."""

import json
import logging
import re
import secrets
import sys
from datetime import UTC, datetime
from typing import IO

LOGGER = logging.getLogger("edml.serving")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", flags=re.ASCII)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record.

        Parameters
        ----------
        record : LogRecord
            What it tells is its message, and the dict ``edml`` given as ``extra``.

        Returns
        -------
        line : str
            Without line breaks.
        """
        when = datetime.fromtimestamp(record.created, tz=UTC)
        line = {
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "edml", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            # where, and not what: the text of an error may quote a body
            line["error"] = record.exc_info[0].__name__
            line["at"] = _frames(record.exc_info[2])
        return json.dumps(line, default=str)


def configure_logs(stream: IO[str] | None = None) -> None:
    """Write the logs of `edml.serving` as JSON lines, unless they go somewhere.

    Parameters
    ----------
    stream : text stream, default=None
        Where to; None is standard error.
    """
    if LOGGER.hasHandlers():
        return
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)


def request_id(given: str | None) -> str:
    """Give the id of a request.

    Parameters
    ----------
    given : str or None
        What the client or a proxy calls it.

    Returns
    -------
    id : str
        That, if it can stand in a log; else a new one.
    """
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


def _frames(trace: object) -> list[str]:
    """Give the places of a traceback, the last ones first."""
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code  # type: ignore[attr-defined]
        found.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")  # type: ignore[attr-defined]
        trace = trace.tb_next  # type: ignore[attr-defined]
    return found[-8:][::-1]
