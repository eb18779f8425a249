"""StudentKFold: cross-validation in which no student is split."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.model_selection import KFold, StratifiedKFold

from edml.exceptions import SplitError
from edml.model_selection._students import (
    StudentSplitter,
    column_name,
    count_students,
    failing_students,
    read_outcomes,
)
from edml.schema import STUDENT, BoolArray, IntArray


class StudentKFold(StudentSplitter):
    """Divide the students into folds, stratified by outcome.

    Every row of a student is on one side of each split, and on the test side of one
    split. The students are read from a column of ``X``, so no ``groups=`` is needed. A
    student fails if ``y`` holds the failing class in any of the student's rows. Which
    students share a fold depends on the set of students, their outcomes and
    ``random_state``; the order of the rows does not matter.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    student : str, default="user_uuid"
        The column of ``X`` that holds the student.
    shuffle : bool, default=True
        Whether to draw the folds at random. Otherwise students that are adjacent in
        sorted order tend to share a fold.
    random_state : int, RandomState instance or None, default=None
        Controls the folds. Pass an int for the same folds on every call.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ, as everywhere in
        edml, instead of ``student``.
    fail_label : label, default=None
        The label in ``y`` that means failing. Of numbers and booleans it is the higher
        one by default; text needs it, or an ordered category.

    See Also
    --------
    PeriodSplit : Train on earlier periods, test on later ones.
    student_train_test_split : Split once.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.model_selection import StudentKFold
    >>> X = pd.DataFrame({"user_uuid": list("aabbccdd"), "particion": [0, 1] * 4})
    >>> y = [0, 0, 1, 1, 0, 0, 1, 1]
    >>> cv = StudentKFold(2, random_state=0)
    >>> for train, test in cv.split(X, y):
    ...     print("".join(X["user_uuid"][train]), "".join(X["user_uuid"][test]))
    aadd bbcc
    bbcc aadd
    """

    __module__ = "edml.model_selection"

    def __init__(
        self,
        n_splits: int = 5,
        student: str = STUDENT,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        fail_label: Any = None,
    ) -> None:
        KFold(n_splits, shuffle=shuffle, random_state=random_state)  # run its checks
        self.n_splits = n_splits
        self.student = column_name(STUDENT, student, columns)
        self.shuffle = shuffle
        self.random_state = random_state
        self.fail_label = fail_label

    def split(
        self,
        X: pd.DataFrame | ArrayLike,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Generate the row positions of each split.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            A table with the column ``student``; if ``groups`` is given, any object with
            a length.
        y : array-like of shape (n_rows,), default=None
            Two classes. Without it the folds are not stratified.
        groups : array-like of shape (n_rows,), default=None
            The student of each row, used instead of the column.

        Returns
        -------
        splits : iterator of (train, test)
            Two arrays of row positions, ascending, for each fold.

        Raises
        ------
        SplitError
            If the students are missing or null, if there are fewer students, failing
            students or passing students than folds, or if ``y`` does not have two
            classes, or text of which no label is known to mean failing.
        """
        students, fails = read_outcomes(X, y, groups, self.student, self.fail_label)
        failing = None if fails is None else failing_students(fails, students)
        fold = self._student_folds(count_students(students), failing)
        return _row_splits(fold[students], self.n_splits)

    def _student_folds(self, n_students: int, failing: BoolArray | None) -> IntArray:
        """Assign each student a fold."""
        self._check_enough(n_students, "students")
        splitter = KFold
        if failing is not None:
            n_failing = int(failing.sum())
            self._check_enough(n_failing, "failing students")
            self._check_enough(n_students - n_failing, "passing students")
            splitter = StratifiedKFold
        cv = splitter(
            self.n_splits, shuffle=self.shuffle, random_state=self.random_state
        )
        fold = np.empty(n_students, dtype=np.int64)
        for number, (_, test) in enumerate(cv.split(fold, failing)):
            fold[test] = number
        return fold

    def _check_enough(self, found: int, what: str) -> None:
        if found < self.n_splits:
            message = (
                f"{self.n_splits} folds need at least {self.n_splits} {what}; the "
                f"rows hold {found}. Lower n_splits, or bring more students."
            )
            raise SplitError(message)


def _row_splits(
    row_fold: IntArray, n_splits: int
) -> Iterator[tuple[IntArray, IntArray]]:
    for number in range(n_splits):
        test = row_fold == number
        yield np.flatnonzero(~test), np.flatnonzero(test)
