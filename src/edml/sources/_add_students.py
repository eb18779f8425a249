"""add_students: what is known of each student, in an event table."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from edml._words import count
from edml.exceptions import TableError
from edml.schema import COURSE, STUDENT, check_table, resolve_columns
from edml.sources._import_report import ImportReport, hand_over
from edml.sources._tidy import Labelled, TidyTable, find_pairs, read_frame, read_tidy

_KEYS = ("student", "course")


def add_students(
    X: pd.DataFrame,
    students: pd.DataFrame | str | PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    return_report: bool = False,
) -> Any:
    """Add what is known of each student to an event table.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table; it is not changed.
    students : DataFrame of shape (n_students, n_columns), str or path-like
        With the column ``student``, ``course`` where a row is about an enrolment, and
        at least one other. What is known only later, such as a final average, does not
        belong here. Or a file of such a table: CSV (whose cells stay text), Excel, JSON
        or Parquet.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns of ``X`` whose names differ.
    return_report : bool, default=False
        Whether to return a report, too.

    Returns
    -------
    X : DataFrame of shape (n_rows, n_columns + n_new_columns)
        The same rows with the other columns of ``students``, null for students whom it
        lacks.
    report : ImportReport
        How many were found. Only with ``return_report=True``.

    Raises
    ------
    TableError
        If a column is missing, a student (or student and course) has two rows, or no
        student is in both tables.
    ValueError
        If ``X`` has one of the columns already.

    See Also
    --------
    edml.feature_extraction.StaticColumns : Use such columns as features.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.sources import add_students
    >>> X = load_activity()
    >>> table = X[["user_uuid"]].drop_duplicates().set_axis(["student"], axis=1)
    >>> table["admission_score"] = 7.5
    >>> add_students(X, table)["admission_score"].unique().tolist()
    [7.5]
    """
    names = resolve_columns(columns)
    check_table(X, [names[STUDENT], names[COURSE]])
    notes: list[str] = []
    students = read_frame(students, "students", _KEYS, notes)
    added = [name for name in students.columns if name not in _KEYS]
    if not added:
        message = "students holds only ids. Add the columns that describe students."
        raise TableError(message)
    clash = [name for name in added if name in X.columns]
    if clash:
        message = f"X has the columns {clash} already. Rename or drop them."
        raise ValueError(message)
    by_course = "course" in students.columns
    keys = _KEYS if by_course else _KEYS[:1]
    table = read_tidy(students, "students", keys, added, notes)
    have = _read_pairs(
        TidyTable("X", X), names[STUDENT], names[COURSE] if by_course else None
    )
    pairs = _read_pairs(table, "student", "course" if by_course else None)
    place = find_pairs(pairs, have)  # a row of X for each row, and the reverse
    row = find_pairs(have, pairs)
    known = place >= 0
    repeated = known & pd.Series(place).duplicated().to_numpy()
    table.check(
        "student",
        repeated,
        "repeat another",
        "Keep one row for each student.",
        code="repeated",
    )
    if len(X) and not known.any():
        message = (
            f"students: none of the {len(table)} rows is of a student of the event "
            f"table, by {list(keys)}. Check that both hold the same kind of id."
        )
        raise TableError(message)
    new = {
        name: pd.api.extensions.take(students[name].array, row, allow_fill=True)
        for name in added
    }
    filled = X.assign(**new)
    absent = len(np.unique(find_pairs(have, have)[row < 0]))
    what = "enrolment" if by_course else "student"
    if absent:
        notes.append(f"students lacks {count(absent, what)} of the event table.")
    report = ImportReport(
        source="students",
        read={"students": len(table)},
        made={"columns": len(added), f"described {what}s": int(known.sum())},
        rules={
            f"of {what}s who are not in the event table were left out": int(
                (~known).sum()
            )
        },
        notes=tuple(notes),
    )
    return hand_over(filled, report, return_report)


def _read_pairs(
    table: TidyTable, student: str, course: str | None
) -> tuple[Labelled, Labelled]:
    """Read the ids of students and courses; without a course, all rows are of one."""
    if course is not None:
        return table.ids(student), table.ids(course)
    return table.ids(student), Labelled(np.zeros(len(table), dtype=np.int64), [""])
