"""Find the rows of each student, and the students who fail."""

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import column_or_1d

from edml._sklearn import check_aligned
from edml.exceptions import SplitError, TableError
from edml.schema import (
    PERIOD,
    STUDENT,
    BoolArray,
    IntArray,
    check_table,
    describe_index,
    describe_type,
    how_to_convert,
    rank_keys,
    read_target,
    resolve_columns,
)


def read_students(X: object, groups: ArrayLike | None, student: str) -> IntArray:
    """Encode students as numbers from 0, in the order of their sorted ids."""
    if groups is None:
        column = _student_column(X, student)
    else:
        check_aligned(X, groups=groups)
        ids = groups if isinstance(groups, pd.Series) else column_or_1d(groups)
        column = pd.Series(ids, name="groups")
    try:
        return rank_keys(column)
    except TableError as error:
        raise SplitError(str(error)) from None


def read_classes(
    y: ArrayLike | None, students: IntArray, fail_label: Any
) -> BoolArray | None:
    """Return which rows fail; ``fail_label`` is as in `StudentKFold`."""
    if y is None:
        return None
    check_consistent_length(students, y)
    try:
        return read_target(y, fail_label).fails
    except ValueError as error:
        raise SplitError(str(error)) from None


def student_column(student: str, columns: Mapping[str, str] | None) -> str:
    """Return the column of the student, by its own name or by the mapping."""
    return _by_mapping(STUDENT, student, columns)


def period_column(period: str, columns: Mapping[str, str] | None) -> str:
    """Return the column of the period, by its own name or by the mapping."""
    return _by_mapping(PERIOD, period, columns)


def _by_mapping(canonical: str, given: str, columns: Mapping[str, str] | None) -> str:
    if columns is None:
        return given
    mapped = resolve_columns(columns)[canonical]
    if given not in (canonical, mapped):
        message = (
            f"columns maps {canonical!r} to {mapped!r}, and {given!r} was passed as "
            "well. Pass one of them."
        )
        raise ValueError(message)
    return mapped


def describe_splitter(cv: Any) -> str:
    """Return the repr of a splitter, without the parameters that are rarely set."""
    shown = {
        name: value
        for name, value in sorted(vars(cv).items())
        if name != "fail_label" or value is not None
    }
    inside = ", ".join(f"{name}={value!r}" for name, value in shown.items())
    return f"{type(cv).__name__}({inside})"


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
        held = describe_index(X, [student])
        near = difflib.get_close_matches(student, [str(name) for name in X.columns])
        hint = f" (similar: {near})" if near else ""
        message = (
            f"The students are read from the column {student!r}, which X lacks{hint}."
            f"{held} {remedy}"
        )
        raise SplitError(message)
    return check_table(X, [student])[student]
