"""Problem: why a request is refused, as RFC 9457 has it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from edml.exceptions import TableError

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """A request that cannot be answered, and what to do about it.

    Parameters
    ----------
    status : int
        The HTTP status.
    code : str
        Which problem, for programs: lower case, with hyphens.
    detail : str
        What was expected, what was found, and what to do; never a value of the body.
    column : str, default=None
        The column that it is about.
    rows : sequence of int, default=()
        The first rows that it is about, the first row of the body being 0.
    headers : mapping of str to str, default=None
        What the answer carries besides.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        column: str | None = None,
        rows: tuple[int, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.column = column
        self.rows = rows
        self.headers = dict(headers or {})

    def to_dict(self, request_id: str | None = None) -> dict[str, Any]:
        """Give the document.

        Parameters
        ----------
        request_id : str, default=None
            Which request, to find it in the log.

        Returns
        -------
        document : dict
            The members of RFC 9457 ("about:blank": the status says the kind), and
            ``code``, ``column``, ``rows`` and ``request_id``.
        """
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
        if request_id is not None:
            document["request_id"] = request_id
        return document


def refuse_missing(names: Sequence[str]) -> Problem:
    """Make the problem of columns that are not there.

    Parameters
    ----------
    names : sequence of str
        The columns.

    Returns
    -------
    problem : Problem
        To be raised. It does not repeat the names that were sent: a table without
        a line of names has values in their place.
    """
    detail = (
        f"Expected the columns of an event table; found none called {list(names)}. "
        "Name them exactly so, and send null where there is nothing."
    )
    return Problem(422, "missing-column", detail, column=names[0])


def refuse_size(found: str, most: str) -> Problem:
    """Make the problem of a body that is too large.

    Parameters
    ----------
    found : str
        How much there is.
    most : str
        How much there may be.

    Returns
    -------
    problem : Problem
        To be raised.
    """
    detail = (
        f"Expected at most {most}; found {found}. Send the students in several "
        "requests, each with all of a student's events."
    )
    return Problem(413, "too-large", detail)


def refuse_table(error: TableError) -> Problem:
    """Make the problem of a table that edml's readers refuse.

    Parameters
    ----------
    error : TableError
        Of a table whose rows are numbered from 0, and whose columns were asked for.

    Returns
    -------
    problem : Problem
        To be raised; an error of this kind never holds a value.
    """
    return Problem(
        422,
        "unreadable-column" if error.column else "no-table",
        str(error).replace("(row labels ", "(rows, counted from 0: "),
        column=error.column,
        rows=error.rows,
    )
