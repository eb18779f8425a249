"""read_contacts: who was contacted, and when."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.schema import COURSE, STUDENT, BoolArray, check_table, resolve_columns
from edml.sources._import_report import ImportReport, hand_over
from edml.sources._tidy import TidyTable, find_pairs, read_tidy

_COLUMNS = ("student", "course", "date")


def read_contacts(
    source: pd.DataFrame | str | PathLike[str], *, return_report: bool = False
) -> Any:
    """Read who was contacted, and when.

    Parameters
    ----------
    source : DataFrame, str or path-like
        A table with the columns ``student``, ``course`` and ``date``, and optionally
        ``kind``, such as "email"; or a file of one: CSV, Excel, JSON or Parquet.
    return_report : bool, default=False
        Whether to return a report, too.

    Returns
    -------
    contacts : DataFrame of shape (n_contacts, 4)
        ``student`` and ``course`` as text, ``date`` in UTC, and ``kind``, null where it
        is unknown.
    report : ImportReport
        What was inferred. Only with ``return_report=True``.

    Raises
    ------
    TableError
        If a column is missing, or an id or a date is missing or cannot be read.

    See Also
    --------
    edml.inspection.evaluate_with_contacts : Evaluate a model whose list was used.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.sources import read_contacts
    >>> table = pd.DataFrame(
    ...     {"student": [1004.0, 7.0], "course": "algebra", "date": "2026-03-02"}
    ... )
    >>> read_contacts(table)[["student", "course", "date"]]
      student   course                      date
    0    1004  algebra 2026-03-02 00:00:00+00:00
    1       7  algebra 2026-03-02 00:00:00+00:00
    """
    notes: list[str] = []
    table = read_tidy(source, "contacts", _COLUMNS, ("kind",), notes)
    seconds = table.dates("date")
    table.check("date", np.isnan(seconds), "have no value", "Fill them.")
    rows = np.arange(len(table))
    contacts = pd.DataFrame(
        {
            "student": table.ids("student").at(rows),
            "course": table.ids("course").at(rows),
            "date": pd.to_datetime(seconds, unit="s", utc=True),
            "kind": table.texts("kind").at(rows),
        }
    )
    report = ImportReport(
        source="contacts",
        read={"contacts": len(table)},
        made={"contacts": len(table)},
        rules={},
        notes=tuple(notes),
    )
    return hand_over(contacts, report, return_report)


def contacted_rows(
    X: pd.DataFrame, contacts: pd.DataFrame, *, columns: Mapping[str, str] | None = None
) -> BoolArray:
    """Return for each row whether its student was ever contacted in its course.

    Also after the row: a contact changes the outcome of all rows.
    """
    names = resolve_columns(columns)
    check_table(X, [names[STUDENT], names[COURSE]])
    table, have = read_tidy(contacts, "contacts", _COLUMNS[:2], ("date", "kind"), []), X
    rows = TidyTable("X", have)
    wanted = rows.ids(names[STUDENT]), rows.ids(names[COURSE])
    known = table.ids("student"), table.ids("course")
    found: BoolArray = find_pairs(wanted, known) >= 0
    if len(table) and len(X) and not found.any():
        message = (
            f"contacts: none of the {len(table)} rows is of a student and course of "
            "the other table. Check that both hold the same kind of id."
        )
        raise TableError(message)
    return found
