"""Problem: why a request is rejected, as an RFC 9457 document."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from edml.exceptions import TableError
from edml.serving._limits import Limits

MEDIA_TYPE = "application/problem+json"
_LABELS = re.compile(r"\(row label(s?) ")


class Problem(Exception):  # noqa: N818 - the RFC's word
    """A rejected request; neither ``detail`` nor ``rows`` holds a cell's value.

    ``code`` names the problem for programs; rows count from 0; ``parameter`` is the
    wrong one of the query.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        column: str | None = None,
        rows: tuple[int, ...] = (),
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.column = column
        self.rows = rows
        self.parameter = parameter
        self.headers = dict(headers or {})

    def to_dict(self, request_id: str | None = None) -> dict[str, Any]:
        """Return the document; its type is "about:blank", as the status says enough."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.column is not None:
            document["column"] = self.column
        if self.rows:
            document["rows"] = list(self.rows)
        if self.parameter is not None:
            document["parameter"] = self.parameter
        if request_id is not None:
            document["request_id"] = request_id
        return document


def refuse_size(found: str, most: str) -> Problem:
    """Return the problem of a body that is too large."""
    detail = (
        f"Expected at most {most}; found {found}. Send the students in several "
        "requests, each with all of a student's events."
    )
    return Problem(413, "too-large", detail)


def refuse_body(limits: Limits) -> Problem:
    """Return the problem of a body that is too long."""
    return refuse_size("a longer body", f"{limits.max_body_bytes:,} bytes in the body")


def refuse_table(error: TableError) -> Problem:
    """Return the problem of a table whose rows are numbered from 0, or by lines.

    A TableError never holds a value.
    """
    detail, by_rows = _LABELS.subn(r"(row\1, counted from 0: ", str(error))
    return Problem(
        422,
        "unreadable-column" if error.column else "no-table",
        detail,
        column=error.column,
        rows=error.rows if by_rows else (),
    )
