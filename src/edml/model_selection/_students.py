"""Find the rows of each student, and the students who fail."""

import difflib

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import column_or_1d

from edml.exceptions import SplitError, TableError
from edml.schema import (
    BoolArray,
    IntArray,
    check_table,
    describe_type,
    how_to_convert,
    rank_keys,
)


def read_students(X: object, groups: ArrayLike | None, student: str) -> IntArray:
    """Encode students as numbers from 0, in the order of their sorted ids."""
    if groups is None:
        column = _student_column(X, student)
    else:
        check_consistent_length(X, groups)
        ids = groups if isinstance(groups, pd.Series) else column_or_1d(groups)
        column = pd.Series(ids, name="groups")
    try:
        return rank_keys(column)
    except TableError as error:
        raise SplitError(str(error)) from None


def read_classes(y: ArrayLike | None, students: IntArray) -> BoolArray | None:
    """Return which rows fail, i.e. hold the higher of the two classes."""
    if y is None:
        return None
    check_consistent_length(students, y)
    values = pd.Series(column_or_1d(y))
    null = int(values.isna().sum())
    if null:
        message = (
            f"y has no value in {null} of {len(values)} rows. Drop the rows of "
            "courses that still run."
        )
        raise SplitError(message)
    codes, classes = pd.factorize(values, sort=True)
    if len(classes) != 2:
        held = "one" if len(classes) == 1 else len(classes)
        message = (
            f"y needs two classes, passes and fails; the {len(values)} rows hold "
            f"{held}. Check the passing grade, or split without y."
        )
        raise SplitError(message)
    fails: BoolArray = codes == 1
    return fails


def failing_students(fails: BoolArray, students: IntArray) -> BoolArray:
    """Return which students fail in at least one row."""
    failing = np.zeros(count_students(students), dtype=np.bool_)
    failing[students[fails]] = True
    return failing


def count_students(students: IntArray) -> int:
    """Count the students of `read_students`."""
    return int(students.max()) + 1 if len(students) else 0


def _student_column(X: object, student: str) -> pd.Series:
    remedy = (
        "Name the column with student=..., or pass the students of the rows as groups=."
    )
    if not isinstance(X, pd.DataFrame):
        message = (
            f"The students are read from the column {student!r} of a pandas DataFrame; "
            f"X is of type {describe_type(X)}. {how_to_convert(X)} {remedy}"
        )
        raise SplitError(message)
    if student not in X.columns:
        near = difflib.get_close_matches(student, [str(name) for name in X.columns])
        hint = f" (similar: {near})" if near else ""
        message = (
            f"The students are read from the column {student!r}, which X lacks{hint}. "
            f"{remedy}"
        )
        raise SplitError(message)
    return check_table(X, [student])[student]
