"""The kinds of work that a table has: exams, assignments, submissions."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from edml._messages import coded, for_python, join
from edml.schema._columns import REQUIRED_COLUMNS, SNAPSHOT_KEYS, check_table

_EXAMS = ("nombre_examen", "nota_parcial")
_CREATIONS = ("ass_name", "assignment_id", "ass_due_at", "ass_unlock_at")
_SUBMISSIONS = ("ass_name_sub", "score", "s_submitted_at", "s_graded_at")

#: The features that need each set of columns; "*" stands for min, max, mean and std.
_NEEDED = {
    "exams": _EXAMS,
    "score_*": ("ass_name_sub", "score"),
    "hrs_to_do_assignment_*": ("ass_name", "ass_due_at", "ass_unlock_at"),
    "hrs_taken_to_do_assignment_*": (
        *("ass_name", "ass_unlock_at"),
        *("ass_name_sub", "s_submitted_at"),
    ),
    "rel_time_taken_to_do_assignment_*": (
        *("ass_name", "ass_due_at", "ass_unlock_at"),
        *("ass_name_sub", "s_submitted_at"),
    ),
    "hrs_before_due_*": ("ass_name", "ass_due_at", "ass_name_sub", "s_submitted_at"),
    "parcial_sobre_ass": (*_EXAMS, "ass_name_sub", "score"),
}


def work_columns(have: Collection[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that features read of a table, canonical to actual.

    Exams need a name and a grade, assignments a name, submissions a name and a score or
    a date; what is incomplete is not read. Other columns may be absent: they are null.
    """
    read = {name: names[name] for name in REQUIRED_COLUMNS if names[name] in have}
    sent = "ass_name_sub" in read and ("score" in read or "s_submitted_at" in read)
    kinds = (
        (_EXAMS, all(name in read for name in _EXAMS)),
        (_CREATIONS, "ass_name" in read),
        (_SUBMISSIONS, sent),
    )
    for columns, complete in kinds:
        if not complete:
            read = {name: read[name] for name in read if name not in columns}
    return read


def check_work(X: object, names: Mapping[str, str]) -> dict[str, str]:
    """Return `work_columns` of a table with the keys and at least one kind of work."""
    table = check_table(X)
    read = work_columns(list(table.columns), names)
    needed = REQUIRED_COLUMNS if read.keys() <= {*SNAPSHOT_KEYS} else SNAPSHOT_KEYS
    check_table(table, [names[name] for name in needed])
    check_table(table, read.values())
    return read


def read_work(X: pd.DataFrame, read: Mapping[str, str]) -> dict[str, pd.Series]:
    """Return every column that features read by canonical name, null if not there."""
    check_table(X, read.values())
    null = pd.Series(np.nan, X.index)
    return {name: X[read[name]] if name in read else null for name in REQUIRED_COLUMNS}


def describe_absent(read: Mapping[str, str]) -> str:
    """Say which columns are not read, and what that means; "" if all are."""
    absent = [name for name in REQUIRED_COLUMNS if name not in read]
    if not absent:
        return ""
    empty = [
        feature for feature, needed in _NEEDED.items() if not read.keys() >= {*needed}
    ]
    message = f"The event table has no {absent}, or not what they belong to."
    said = [coded("without_columns", message, columns=absent)]
    if empty:
        said.append(for_python(f" These features stay empty: {empty}."))
    if "s_graded_at" in absent and "score" in read:
        message = " A score counts from the day of its row on."
        said.append(coded("score_from_row", message))
    return join(*said)
