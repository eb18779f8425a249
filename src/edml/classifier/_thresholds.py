"""Choose the threshold from out-of-fold scores."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import check_scoring, get_scorer_names

from edml._sklearn import Interval
from edml.schema import BoolArray, FloatArray, Occupancy

_CONSTRAINT = re.compile(r"\s*(recall|precision)\s*>=\s*(\d*\.?\d+)\s*")
_N_CANDIDATES = 200  # for a scorer, which is called for each candidate


@dataclass(frozen=True)
class Capacity:
    """The number of students that a course team can contact.

    As the threshold of a `RiskClassifier`, it flags this many students of each course
    on an average day, out of fold. The flag depends only on a student's own
    probability, so the number varies from day to day.

    Parameters
    ----------
    per_course : int
        Students of a course who can be contacted at a time, at least 1.

    Raises
    ------
    ValueError
        If it is not an integer of at least 1.

    Examples
    --------
    >>> from edml.classifier import Capacity
    >>> Capacity(per_course=15)
    Capacity(per_course=15)
    """

    __module__ = "edml.classifier"
    per_course: int

    def __post_init__(self) -> None:
        whole = isinstance(self.per_course, Integral)
        if not whole or isinstance(self.per_course, bool) or self.per_course < 1:
            message = (
                "per_course must be a whole number from 1 on; found "
                f"{self.per_course!r}."
            )
            raise ValueError(message)


def check_threshold(threshold: Any) -> None:
    """Raise ValueError for an invalid threshold, before anything is fitted."""
    if isinstance(threshold, Capacity):
        return
    if isinstance(threshold, Real) and not isinstance(threshold, bool):
        if threshold in Interval(Real, 0, 1, closed="both"):
            return
        found = f"found {threshold!r}, which is no probability"
    elif isinstance(threshold, str):
        match = _CONSTRAINT.fullmatch(threshold)
        if match and 0 < float(match[2]) <= 1:
            return
        if threshold in get_scorer_names():
            check_scoring(scoring=threshold)
            return
        found = f"found {threshold!r}"
        if match:
            found += ", and a share is in (0, 1]"
    elif callable(threshold):
        check_scoring(scoring=threshold)  # rejects a metric, which is not a scorer
        return
    else:
        found = f"found an object of type {type(threshold).__name__}"
    message = (
        "threshold must be a number in [0, 1], the name of a scorer ('f1'), a scorer, "
        "'recall>=0.9' or 'precision>=0.5' with any share, or "
        f"Capacity(per_course=...); {found}."
    )
    raise ValueError(message)


def choose_threshold(
    threshold: Any, score: FloatArray, fails: BoolArray, occupancy: Occupancy | None
) -> float:
    """Choose the score at and above which to flag, by the rule of a threshold.

    ``score`` is out of fold, in [0, 1]; ``occupancy`` is the duration of each unit,
    which a `Capacity` requires. Of equally good scores, the highest is chosen.
    """
    if isinstance(threshold, Capacity):
        return _by_capacity(threshold, score, occupancy)
    cuts = _Cuts(score, fails)
    if isinstance(threshold, str) and threshold in cuts.merits:
        return cuts.best(cuts.merits[threshold])
    match = _CONSTRAINT.fullmatch(threshold) if isinstance(threshold, str) else None
    if match is None:
        return _by_scorer(threshold, score, fails, cuts)
    least = float(match[2])
    if match[1] == "recall":
        return cuts.best(np.where(cuts.recall >= least, cuts.precision, -1))
    if cuts.precision.max() < least:
        highest = cuts.best(cuts.precision)
        warnings.warn(
            f"No threshold reaches a precision of {least:g} out of fold; the highest "
            f"is {cuts.precision.max():.3g}, and its threshold is taken. Require "
            "less, or flag by Capacity.",
            UserWarning,
            stacklevel=4,
        )
        return highest
    return cuts.best(np.where(cuts.precision >= least, cuts.recall, -1))


class _Cuts:
    """Precision, recall and F1 at every score, the highest first."""

    def __init__(self, score: FloatArray, fails: BoolArray) -> None:
        order = np.argsort(-score, kind="stable")
        ranked = score[order]
        last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        self.score = ranked[last]
        self.n_flagged = last + 1
        self.hits = np.cumsum(fails[order])[last]
        self.precision = self.hits / self.n_flagged
        self.recall = self.hits / fails.sum()
        n_failing, n_passing = fails.sum(), (~fails).sum()
        spared = n_passing - (self.n_flagged - self.hits)
        # equal to scikit-learn's scorers of these names, for all cuts at once
        self.merits = {
            "f1": 2 * self.hits / (self.n_flagged + n_failing),
            "precision": self.precision,
            "recall": self.recall,
            "jaccard": self.hits / (self.n_flagged + n_failing - self.hits),
            "accuracy": (self.hits + spared) / len(fails),
            "balanced_accuracy": (self.recall + spared / n_passing) / 2,
        }

    def best(self, merit: FloatArray) -> float:
        return float(self.score[np.argmax(merit)])  # the first, hence the highest


class _Flags(ClassifierMixin, BaseEstimator):
    """A classifier with fixed flags, for scorers."""

    def __init__(self, flags: Any) -> None:
        self.flags = flags
        self.classes_ = np.array([0, 1])

    def predict(self, X: object) -> Any:
        return self.flags


def _by_scorer(
    threshold: str | Callable[..., Any],
    score: FloatArray,
    fails: BoolArray,
    cuts: _Cuts,
) -> float:
    scorer = check_scoring(scoring=threshold)
    outcome = fails.astype(np.int64)
    some = np.unique(
        np.linspace(0, len(cuts.score) - 1, _N_CANDIDATES).round().astype(np.int64)
    )
    candidates = cuts.score[some]
    rows = np.empty((len(score), 0))  # a scorer passes it on, and predict ignores it
    merit = np.empty(len(candidates))
    for number, candidate in enumerate(candidates):
        flags = (score >= candidate).astype(np.int64)
        try:
            merit[number] = scorer(_Flags(flags), rows, outcome)
        except AttributeError as error:
            message = (
                f"The scorer {threshold!r} scores probabilities, which no threshold "
                "changes. Pass one that scores flags, such as 'f1'."
            )
            raise ValueError(message) from error
    if np.isnan(merit).all():
        message = (
            f"The scorer {threshold!r} gave NaN for all {len(merit)} thresholds. Pass "
            "one that is defined for flags of 0 and 1."
        )
        raise ValueError(message)
    return float(candidates[np.nanargmax(merit)])


def _by_capacity(
    capacity: Capacity, score: FloatArray, occupancy: Occupancy | None
) -> float:
    if occupancy is None:
        message = (
            "Capacity counts the students of a course on a day, and needs an event "
            "table; X has no columns of student, course and partition. Map their "
            "names with columns=, or pass another threshold."
        )
        raise ValueError(message)
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    per_group = np.cumsum(occupancy.days[order])[last] / occupancy.n_groups
    within = np.flatnonzero(per_group <= capacity.per_course)
    if not len(within):
        _warn_capacity(capacity, per_group[0], "the scores are equal for so many")
        return float(ranked[0])
    chosen = within[-1]
    if chosen == len(last) - 1 and per_group[-1] < capacity.per_course:
        _warn_capacity(capacity, per_group[-1], "there are no more students")
    return float(ranked[last[chosen]])


def _warn_capacity(capacity: Capacity, reached: float, why: str) -> None:
    warnings.warn(
        f"Asked to flag {capacity.per_course} students of a course on an average day; "
        f"{reached:.3g} are flagged, for {why}.",
        UserWarning,
        stacklevel=5,
    )
