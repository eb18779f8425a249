"""Four ways to divide a table, from flattering to honest, judged on the same rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold

from edml.exceptions import SplitError
from edml.model_selection import PeriodSplit, StudentKFold
from edml.schema import (
    COURSE,
    PERIOD,
    STUDENT,
    BoolArray,
    IntArray,
    factorize_keys,
    first_rows,
    snapshot_codes,
)

ROW_RANDOM, BY_STUDENT, BY_COURSE, FORWARD = (
    "row-random",
    "by student",
    "by course",
    "forward",
)
#: In the order in which a report shows them: the most flattering first.
SPLITS = (ROW_RANDOM, BY_STUDENT, BY_COURSE, FORWARD)
#: What the others are held against: the first of these that can be made.
REFERENCES = (FORWARD, BY_STUDENT, BY_COURSE)

Sides = list[tuple[IntArray, IntArray]]


@dataclass(frozen=True)
class Fold:
    """One training of one split.

    Attributes
    ----------
    split : str
        One of `SPLITS`.
    train : ndarray of shape (n_train,)
        Positions of the rows that train.
    judged : ndarray of shape (n_judged,)
        Positions of the judged rows on the test side.
    """

    split: str
    train: IntArray
    judged: IntArray


@dataclass(frozen=True)
class Folds:
    """The trainings of all splits, and the rows that they all judge.

    Attributes
    ----------
    folds : list of Fold
        Of one split, each judged row is in one fold.
    judged : ndarray of shape (n_judged,)
        Positions, ascending: the first row of each snapshot that is judged.
    notes : list of str
        Which splits are left out or differ, and why.
    """

    folds: list[Fold]
    judged: IntArray
    notes: list[str]

    @property
    def splits(self) -> list[str]:
        """The splits that could be made, in the order of `SPLITS`."""
        made = {fold.split for fold in self.folds}
        return [split for split in SPLITS if split in made]

    @property
    def reference(self) -> str:
        """The split that the others are held against."""
        return next(split for split in REFERENCES if split in self.splits)


def make_folds(
    X: pd.DataFrame,
    fails: BoolArray,
    names: Mapping[str, str],
    *,
    n_splits: int,
    test_periods: int,
    random_state: int,
) -> Folds:
    """Divide a table in each of the four ways, where it can be.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        An event table.
    fails : ndarray of shape (n_rows,)
        Whether the row's student fails.
    names : mapping of str to str
        The actual names of the canonical columns.
    n_splits : int
        Number of folds of all splits but the one in time.
    test_periods : int
        Number of periods that are judged.
    random_state : int
        Draws the folds.

    Returns
    -------
    folds : Folds

    Raises
    ------
    SplitError
        If none of the splits that keep students apart can be made.
    TableError
        If a key or a period cannot be read.
    """
    codes = snapshot_codes(X, names)
    makers: dict[str, Callable[[], Iterable[tuple[IntArray, IntArray]]]] = {
        FORWARD: lambda: PeriodSplit(
            test_periods, student=names[STUDENT], period=names[PERIOD]
        ).split(X, fails),
        BY_COURSE: lambda: _course_sides(X, names, n_splits),
        BY_STUDENT: lambda: StudentKFold(
            n_splits, names[STUDENT], random_state=random_state
        ).split(X, fails),
        ROW_RANDOM: lambda: _row_sides(len(X), n_splits, random_state),
    }
    made: dict[str, Sides] = {}
    notes = []
    for split, make in makers.items():
        try:
            made[split] = _check_sides(list(make()), fails)
        except SplitError as error:
            notes.append(f"The split {split!r} is left out. {error}")
    if not set(REFERENCES) & set(made):
        message = f"No split that keeps students apart can be made. {' '.join(notes)}"
        raise SplitError(message)
    tested = made[FORWARD][0][1] if FORWARD in made else np.arange(len(X))
    judged = tested[first_rows(codes[tested])[0]]
    found = Folds(_cut(made, judged, len(X)), judged, notes)
    notes.extend(_differences(found, len(made.get(BY_COURSE, [])), n_splits))
    return found


def _cut(made: Mapping[str, Sides], judged: IntArray, n_rows: int) -> list[Fold]:
    """Keep of each test side what is judged, and no fold that judges nothing."""
    is_judged = np.zeros(n_rows, dtype=np.bool_)
    is_judged[judged] = True
    folds = (
        Fold(split, train, test[is_judged[test]])
        for split, sides in made.items()
        for train, test in sides
    )
    return [fold for fold in folds if len(fold.judged)]


def _differences(found: Folds, n_course_folds: int, n_splits: int) -> list[str]:
    notes = []
    if 0 < n_course_folds < n_splits:
        notes.append(
            f"The split {BY_COURSE!r} has {n_course_folds} folds instead of "
            f"{n_splits}: one for each course."
        )
    if found.reference != FORWARD:
        notes.append(
            f"Without the split {FORWARD!r}, all snapshots are judged, and optimism is "
            f"the difference to {found.reference!r}."
        )
    return notes


def _row_sides(n_rows: int, n_splits: int, random_state: int) -> Sides:
    if n_rows < n_splits:
        message = f"{n_splits} folds need as many rows; X has {n_rows}. Lower n_splits."
        raise SplitError(message)
    cv = KFold(n_splits, shuffle=True, random_state=random_state)
    return list(cv.split(np.empty(n_rows)))


def _course_sides(X: pd.DataFrame, names: Mapping[str, str], n_splits: int) -> Sides:
    courses = factorize_keys(X[names[COURSE]])
    students = factorize_keys(X[names[STUDENT]])
    n_courses = int(courses.max()) + 1
    if n_courses < 2:
        message = "Folds of courses need two courses; X holds one."
        raise SplitError(message)
    sides = []
    folds: Any = GroupKFold(min(n_splits, n_courses))
    for _, test in folds.split(courses, groups=courses):
        tested = np.zeros(int(students.max()) + 1, dtype=np.bool_)
        tested[students[test]] = True
        sides.append((np.flatnonzero(~tested[students]), test))
    return sides


def _check_sides(sides: Sides, fails: BoolArray) -> Sides:
    for number, (train, _) in enumerate(sides, start=1):
        held = fails[train]
        if not len(held):
            message = (
                f"Nothing is left to train fold {number} of {len(sides)} on: all "
                "students are on its test side as well."
            )
            raise SplitError(message)
        if held.all() or not held.any():
            message = (
                f"Training needs both classes of y; the {len(held)} training rows of "
                f"fold {number} of {len(sides)} hold one."
            )
            raise SplitError(message)
    return sides
