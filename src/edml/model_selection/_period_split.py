"""PeriodSplit: train on earlier periods, test on later ones."""

from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edml.exceptions import SplitError
from edml.model_selection._students import (
    StudentSplitter,
    column_name,
    read_outcomes,
)
from edml.schema import PERIOD, STUDENT, BoolArray, IntArray, check_table, read_periods


class PeriodSplit(StudentSplitter):
    """Train on earlier periods and test on later ones, in calendar order.

    The test side is the last ``test_periods`` periods of ``X``. The training side is
    all periods before them, without the students of the test side; otherwise returning
    students would be on both sides. This is how a model is used, and therefore the
    split to report.

    Parameters
    ----------
    test_periods : int, default=1
        Number of periods on the test side of each split.
    n_splits : int, default=1
        Number of splits. Each split except the last tests on the ``test_periods``
        periods just before those of the next, as in
        `sklearn.model_selection.TimeSeriesSplit`.
    student : str, default="user_uuid"
        The column of ``X`` that holds the student.
    period : str, default="periodo"
        The column of ``X`` that holds the period, 'S-YYYY' or 'SS-YYYY'.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ, as everywhere in
        edml, instead of ``student`` and ``period``.
    fail_label : label, default=None
        The label in ``y`` that means failing. Of numbers and booleans it is the higher
        one by default; text needs it, or an ordered category.

    See Also
    --------
    StudentKFold : Folds of students, whatever their period.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.model_selection import PeriodSplit
    >>> X = pd.DataFrame({
    ...     "user_uuid": ["a", "b", "c", "c"],
    ...     "periodo": ["1-2023", "02-2023", "02-2023", "1-2024"],
    ... })
    >>> for train, test in PeriodSplit().split(X):
    ...     print(train, test)  # c returns in 2024: its row of 2023 is on no side
    [0 1] [3]
    """

    __module__ = "edml.model_selection"

    def __init__(
        self,
        test_periods: int = 1,
        n_splits: int = 1,
        *,
        student: str = STUDENT,
        period: str = PERIOD,
        columns: Mapping[str, str] | None = None,
        fail_label: Any = None,
    ) -> None:
        for name, value in (("test_periods", test_periods), ("n_splits", n_splits)):
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            if not whole or value < 1:
                message = f"{name} must be a whole number from 1 on; found {value!r}."
                raise ValueError(message)
        self.test_periods = test_periods
        self.n_splits = n_splits
        self.student = column_name(STUDENT, student, columns)
        self.period = column_name(PERIOD, period, columns)
        self.fail_label = fail_label

    def split(
        self,
        X: pd.DataFrame,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Generate the row positions of each split, in calendar order.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            A table with the columns ``student`` and ``period``.
        y : array-like of shape (n_rows,), default=None
            Two classes. With it, both sides of each split are checked to hold
            both.
        groups : array-like of shape (n_rows,), default=None
            The student of each row, used instead of the column.

        Returns
        -------
        splits : iterator of (train, test)
            Two arrays of row positions, ascending, for each split.

        Raises
        ------
        SplitError
            If the students are missing or null, if a period is null, if there
            are too few periods, or if a side is empty or holds one class.
        TableError
            If a period does not parse.
        """
        students, fails = read_outcomes(X, y, groups, self.student, self.fail_label)
        periods, labels = self._read_periods(X)
        # All splits are found and checked before the first is yielded.
        splits = []
        for back in range(self.n_splits, 0, -1):
            start = len(labels) - back * self.test_periods
            train, test = _sides(periods, students, start, start + self.test_periods)
            _check_sides(train, test, fails, labels[start])
            splits.append((np.flatnonzero(train), np.flatnonzero(test)))
        return iter(splits)

    def _read_periods(self, X: pd.DataFrame) -> tuple[IntArray, list[str]]:
        if not isinstance(X, pd.DataFrame) or self.period not in X.columns:
            message = (
                f"The periods are read from the column {self.period!r} of a DataFrame, "
                "which X lacks. Name the column with period=...; the output of "
                "FeatureEngineer has no periods, so split the event table."
            )
            raise SplitError(message)
        periods, labels, _ = read_periods(check_table(X, [self.period])[self.period])
        null = int((periods < 0).sum())
        if null:
            message = (
                f"Column {self.period!r}: {null} of {len(X)} rows have no period. "
                "Drop them, or fill in the period of their course."
            )
            raise SplitError(message)
        needed = self.n_splits * self.test_periods + 1
        if len(labels) < needed:
            message = (
                f"{self.n_splits} splits of {self.test_periods} test periods each, "
                f"after at least one to train on, need {needed} periods; X holds "
                f"{len(labels)}: {labels}. Lower n_splits or test_periods."
            )
            raise SplitError(message)
        return periods, labels


def _sides(
    periods: IntArray, students: IntArray, start: int, stop: int
) -> tuple[BoolArray, BoolArray]:
    """Return the training and test rows for the test periods [start, stop)."""
    test = (periods >= start) & (periods < stop)
    tested = np.zeros(students.max() + 1, dtype=np.bool_)
    tested[students[test]] = True
    return (periods < start) & ~tested[students], test


def _check_sides(
    train: BoolArray, test: BoolArray, fails: BoolArray | None, first: str
) -> None:
    if not train.any():
        message = (
            f"The training side before {first} is empty: all students before it are "
            "on the test side as well. Bring earlier periods or other students."
        )
        raise SplitError(message)
    if fails is None:
        return
    for side, rows in (("training", train), ("test", test)):
        held = fails[rows]
        if held.all() or not held.any():
            message = (
                f"Both sides of a split need both classes of y; the {len(held)} rows "
                f"of the {side} side of the split at {first} hold one. Change "
                "test_periods or n_splits."
            )
            raise SplitError(message)
