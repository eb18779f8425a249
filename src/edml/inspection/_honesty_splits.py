"""Four ways to split a table, from flattering to honest, with the same test rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold

from edml._messages import coded
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
# In the order in which a report shows them: the most flattering first.
_SPLITS = (ROW_RANDOM, BY_STUDENT, BY_COURSE, FORWARD)
# The reference split is the first of these that is possible.
_REFERENCES = (FORWARD, BY_STUDENT, BY_COURSE)

Sides = list[tuple[IntArray, IntArray]]  # positions of training and test rows


@dataclass(frozen=True)
class Fold:
    """One fold of a split; ``test`` holds only evaluated rows."""

    split: str
    train: IntArray
    test: IntArray


@dataclass(frozen=True)
class Folds:
    """The folds of all splits, and the rows on which all of them are evaluated.

    ``rows`` holds the position of the first row of each snapshot, ascending. In each
    split, each of them is in the test side of exactly one fold.
    """

    folds: list[Fold]
    rows: IntArray
    notes: list[str]  # which splits are left out or differ, and why

    @property
    def splits(self) -> list[str]:
        """The possible splits, the most flattering first."""
        made = {fold.split for fold in self.folds}
        return [split for split in _SPLITS if split in made] or sorted(made)

    @property
    def reference(self) -> str:
        """The split that the others are compared with."""
        return next(split for split in _REFERENCES if split in self.splits)


def make_folds(
    X: pd.DataFrame,
    fails: BoolArray,
    names: Mapping[str, str],
    *,
    n_splits: int,
    test_periods: int,
    random_state: int,
) -> Folds:
    """Split a table in each of the four ways, where possible.

    Raise a SplitError if no split separates students.
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
            made[split] = check_sides(list(make()), fails)
        except SplitError as error:
            note = f"The split {split!r} is left out. {error}"
            notes.append(coded("split_left_out", note, split=split))
    if not set(_REFERENCES) & set(made):
        message = f"No split that keeps students apart can be made. {' '.join(notes)}"
        raise SplitError(message)
    tested = made[FORWARD][0][1] if FORWARD in made else np.arange(len(X))
    rows = tested[first_rows(codes[tested])[0]]
    folds = [
        Fold(split, train, np.intersect1d(test, rows))
        for split, sides in made.items()
        for train, test in sides
    ]
    n_course_folds = len(made.get(BY_COURSE, []))
    if 0 < n_course_folds < n_splits:
        note = (
            f"The split {BY_COURSE!r} has {n_course_folds} folds instead of "
            f"{n_splits}: one for each course."
        )
        notes.append(coded("folds_of_courses", note, split=BY_COURSE, n=n_course_folds))
    found = Folds([fold for fold in folds if len(fold.test)], rows, notes)
    if found.reference != FORWARD:
        note = (
            f"Without the split {FORWARD!r}, all snapshots are evaluated, and optimism "
            f"is the difference to {found.reference!r}."
        )
        notes.append(coded("no_forward", note, split=FORWARD, other=found.reference))
    return found


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


def check_sides(sides: Sides, fails: BoolArray) -> Sides:
    for number, (train, _) in enumerate(sides, start=1):
        held = fails[train]
        if not len(held):
            message = (
                f"No rows are left to train fold {number} of {len(sides)}: all "
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
