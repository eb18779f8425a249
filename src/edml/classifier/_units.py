"""The units of a table, and whether folds of them are honest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml._sklearn import num_samples
from edml.exceptions import SplitError
from edml.model_selection import SplitPlan
from edml.schema import (
    STUDENT,
    FloatArray,
    IntArray,
    check_outcomes,
    factorize_keys,
    first_rows,
    is_event_table,
    snapshot_codes,
)


@dataclass(frozen=True)
class Units:
    """The units of a table, and the students and groups of its rows.

    The units are the snapshots of an event table, or the rows of another. ``rows`` are
    the first rows of the snapshots, or every row. ``described`` means that rows already
    hold the features of their history, and can be scored separately.
    """

    rows: IntArray
    students: IntArray | None
    groups: IntArray | None
    events: bool
    described: bool


def read_units(
    X: Any, names: Mapping[str, str], groups: Any, fails: IntArray, *, described: bool
) -> Units:
    """Find the units of a table; ``described`` if histories are described first."""
    events = is_event_table(X, names)
    together = None
    if groups is not None:
        together = factorize_keys(pd.Series(np.asarray(groups), name="groups"))
    students = together
    if isinstance(X, pd.DataFrame) and names[STUDENT] in X.columns:
        students = factorize_keys(X[names[STUDENT]])
    if events:
        rows, place = first_rows(snapshot_codes(X, names))
        check_outcomes(fails, rows, place)
    else:
        rows = np.arange(num_samples(X))
    return Units(rows, students, together, events, described or not events)


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


def check_scores(score: FloatArray, fold: IntArray | None = None) -> None:
    """Check that scores, of one or several folds, are in [0, 1]."""
    bad = ~((score >= 0) & (score <= 1))  # also True for NaN
    if bad.any():
        where = "" if fold is None else f" (folds {np.unique(fold[bad]).tolist()})"
        message = (
            f"The classifier returned {int(bad.sum())} of {len(score)} scores that are "
            f"NaN or outside [0, 1]{where}. Check its predict_proba, and whether its "
            "input may hold NaN."
        )
        raise ValueError(message)
