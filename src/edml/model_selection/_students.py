"""Find the rows of each student, and the students who fail."""

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import column_or_1d

from edml._sklearn import GroupsConsumerMixin, check_aligned
from edml.exceptions import SplitError, TableError
from edml.schema import (
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


class KnownSplits(BaseCrossValidator):
    """A cross-validator with a fixed number of splits."""

    n_splits: int

    def get_n_splits(
        self, X: object = None, y: object = None, groups: object = None
    ) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            The number of splits.
        """
        return self.n_splits


class StudentSplitter(GroupsConsumerMixin, KnownSplits):
    """A cross-validator that keeps each student on one side."""

    def __repr__(self) -> str:
        # without the parameter that is rarely set
        shown = {k: v for k, v in vars(self).items() if (k, v) != ("fail_label", None)}
        inside = ", ".join(f"{name}={shown[name]!r}" for name in sorted(shown))
        return f"{type(self).__name__}({inside})"


def read_outcomes(
    X: object,
    y: ArrayLike | None,
    groups: ArrayLike | None,
    student: str,
    fail_label: Any,
) -> tuple[IntArray, BoolArray | None]:
    """Return each row's student and whether it fails; None without ``y``.

    Students are numbers from 0, in the order of their sorted ids. ``fail_label`` is as
    in `StudentKFold`.
    """
    students = _read_students(X, groups, student)
    check_aligned(X, y=y)
    if y is None:
        return students, None
    check_consistent_length(students, y)
    try:
        return students, read_target(y, fail_label).fails
    except ValueError as error:
        raise SplitError(str(error)) from None


def _read_students(X: object, groups: ArrayLike | None, student: str) -> IntArray:
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


def column_name(canonical: str, given: str, columns: Mapping[str, str] | None) -> str:
    """Return the actual name of a column, passed by itself or in a mapping."""
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
