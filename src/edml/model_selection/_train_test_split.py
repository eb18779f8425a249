"""student_train_test_split: one split in which no student is on both sides."""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state

from edml._sklearn import safe_indexing
from edml.exceptions import SplitError
from edml.model_selection._students import (
    column_name,
    failing_students,
    read_outcomes,
)
from edml.schema import STUDENT, BoolArray


def student_train_test_split(
    X: pd.DataFrame | ArrayLike,
    y: ArrayLike,
    *arrays: Any,
    test_size: float = 0.2,
    random_state: int | np.random.RandomState | None = None,
    student: str = STUDENT,
    groups: ArrayLike | None = None,
    columns: Mapping[str, str] | None = None,
    fail_label: Any = None,
) -> list[Any]:
    """Split a table in two by student, stratified by outcome.

    A student fails if ``y`` holds the failing class in any of the student's rows. Both
    sides hold at least one failing and one passing student. Which students are tested
    depends on the set of students, their outcomes and ``random_state``; the order of
    the rows does not matter.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        A table with the column ``student``; if ``groups`` is given, any indexable
        object.
    y : array-like of shape (n_rows,)
        Two classes.
    *arrays : array-like of shape (n_rows, ...)
        More arrays to split in the same way.
    test_size : float or int, default=0.2
        Share of the students in (0, 1), rounded up; or their number, if an int.
    random_state : int, RandomState instance or None, default=None
        Controls the test side. Pass an int for the same split on every call.
    student : str, default="user_uuid"
        The column of ``X`` that holds the student.
    groups : array-like of shape (n_rows,), default=None
        The student of each row, used instead of the column.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ, as everywhere in
        edml, instead of ``student``.
    fail_label : label, default=None
        The label in ``y`` that means failing. Of numbers and booleans it is the higher
        one by default; text needs it, or an ordered category.

    Returns
    -------
    splits : list of length 2 * (2 + len(arrays))
        ``X_train, X_test, y_train, y_test``, then train and test of each further
        array; rows keep their order.

    Raises
    ------
    SplitError
        If the students are missing or null, if ``y`` does not have two classes, or if
        there are too few failing or passing students for both sides.
    ValueError
        If ``test_size`` is neither a share nor a positive number.

    See Also
    --------
    StudentKFold : Split several times, testing each student once.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.model_selection import student_train_test_split
    >>> X = pd.DataFrame({"user_uuid": list("aabbccdd"), "particion": [0, 1] * 4})
    >>> y = pd.Series([0, 0, 1, 1, 0, 0, 1, 1])
    >>> X_train, X_test, y_train, y_test = student_train_test_split(
    ...     X, y, test_size=0.5, random_state=0)
    >>> sorted(set(X_train["user_uuid"]) & set(X_test["user_uuid"]))
    []
    >>> len(X_train), len(X_test), y_test.mean()
    (4, 4, np.float64(0.5))
    """
    check_consistent_length(X, *arrays)
    column = column_name(STUDENT, student, columns)
    students, fails = read_outcomes(X, y, groups, column, fail_label)
    if fails is None:
        message = "The split is stratified by outcome, and y is None. Pass y."
        raise SplitError(message)
    failing = failing_students(fails, students)
    n_test = _count_tested(test_size, len(failing))
    tested = _draw(failing, n_test, check_random_state(random_state))
    test = tested[students]
    sides = np.flatnonzero(~test), np.flatnonzero(test)
    return [safe_indexing(array, rows) for array in (X, y, *arrays) for rows in sides]


def _count_tested(test_size: float, n_students: int) -> int:
    if isinstance(test_size, Integral) and not isinstance(test_size, bool):
        if test_size >= 1:
            return int(test_size)
    elif isinstance(test_size, Real) and 0 < test_size < 1:
        # Rounded first: 0.07 * 100 is a little more than 7 in binary.
        return math.ceil(round(test_size * n_students, 9))
    message = (
        "test_size is a share of the students in (0, 1), or their number from 1 on; "
        f"found {test_size!r}."
    )
    raise ValueError(message)


def _draw(failing: BoolArray, n_test: int, rng: np.random.RandomState) -> BoolArray:
    """Draw the students to test; both outcomes stay on both sides."""
    n_students, n_failing = len(failing), int(failing.sum())
    n_passing = n_students - n_failing
    # As close to the share of failing students as possible with both outcomes on both
    # sides.
    least = max(1, n_test - (n_passing - 1))
    most = min(n_failing - 1, n_test - 1)
    if least > most:
        message = (
            "Both sides need a failing and a passing student; of "
            f"{n_students} students {n_failing} fail and {n_passing} pass, and "
            f"{n_test} are to be tested. Change test_size, or bring more students."
        )
        raise SplitError(message)
    share = round(n_test * n_failing / n_students)
    n_test_failing = min(max(share, least), most)
    tested = np.zeros(n_students, dtype=np.bool_)
    tested[rng.permutation(np.flatnonzero(failing))[:n_test_failing]] = True
    tested[rng.permutation(np.flatnonzero(~failing))[: n_test - n_test_failing]] = True
    return tested
