"""Checks that the out-of-fold pass is possible and honest."""

import numpy as np

from edml.classifier._units import Units
from edml.exceptions import SplitError
from edml.model_selection import SplitPlan
from edml.schema import FloatArray, IntArray


def check_plan(plan: SplitPlan, fails: IntArray, units: Units) -> None:
    """Check that no student is on both sides, and that every side has both classes."""
    _check_once(plan, units)
    both = np.zeros(2, dtype=np.int64)
    for number, (train, test) in enumerate(plan.splits):
        held = np.bincount(fails[train], minlength=2)
        both += np.bincount(fails[test], minlength=2)
        if not held.all():
            message = (
                f"Fold {number}: the {len(train)} training rows hold one class of y. "
                "Use fewer folds, or stratify them, as StudentKFold does."
            )
            raise SplitError(message)
        _check_apart(units.students, train, test, number, "students")
        _check_apart(units.groups, train, test, number, "groups")
    if not both.all():
        message = (
            "The test sides of all folds hold one class of y; calibration and "
            "threshold need both. Test other rows."
        )
        raise SplitError(message)


def _check_apart(
    codes: IntArray | None, train: IntArray, test: IntArray, number: int, what: str
) -> None:
    if codes is None:
        return
    shared = len(np.intersect1d(codes[train], codes[test]))
    if shared:
        message = (
            f"Fold {number}: {shared} {what} are on both sides, so that their scores "
            "would not be out of fold. Pass a number as cv, StudentKFold, or another "
            "splitter that keeps students together."
        )
        raise SplitError(message)


def _check_once(plan: SplitPlan, units: Units) -> None:
    is_unit = np.zeros(plan.n_samples, dtype=np.bool_)
    is_unit[units.rows] = True
    tested = np.zeros(plan.n_samples, dtype=np.int64)
    for number, (_, test) in enumerate(plan.splits):
        if not is_unit[test].any():
            message = (
                f"Fold {number} tests no first row of a snapshot, so that it "
                "scores nothing. Split whole histories, as StudentKFold does."
            )
            raise SplitError(message)
        tested += np.bincount(test, minlength=plan.n_samples)
    repeated = int((tested > 1).sum())
    if repeated:
        message = (
            f"{repeated} rows are tested more than once, and each may count once in "
            "calibration and threshold. Pass a splitter whose test sides do not "
            "overlap, such as StudentKFold."
        )
        raise SplitError(message)


def check_scores(score: FloatArray, fold: IntArray) -> None:
    """Check that out-of-fold scores are in [0, 1]."""
    bad = ~((score >= 0) & (score <= 1))  # also True for NaN
    if bad.any():
        folds = np.unique(fold[bad]).tolist()
        message = (
            f"The classifier gave {int(bad.sum())} of {len(score)} scores that are no "
            f"probability, NaN or outside [0, 1] (folds {folds}). Check its "
            "predict_proba, and whether its input may hold NaN."
        )
        raise ValueError(message)
