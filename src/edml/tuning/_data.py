"""The data of a search: a table, its folds, and how a fitted candidate is scored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline

from edml.classifier import (
    Capacity,
    Prepared,
    SigmoidCalibrator,
    check_scores,
    choose_threshold,
    prepare,
    raw_scores,
)
from edml.pipeline import make_risk_pipeline
from edml.sampling import SnapshotSampler
from edml.schema import (
    BoolArray,
    FloatArray,
    IntArray,
    is_event_table,
    read_occupancy,
    resolve_columns,
)
from edml.tuning._algorithms import Algorithm
from edml.tuning._bayes import OutOfTimeError

Splits = list[tuple[IntArray, IntArray]]


def prepare_search(
    X: Any,
    y: ArrayLike,
    groups: ArrayLike | None,
    cv: Any,
    random_state: int,
    pipeline_params: Mapping[str, Any],
    fail_label: Any = None,
) -> Prepared:
    """Read the table, draw the folds, and describe the histories of an event table."""
    base = make_risk_pipeline(**pipeline_params)
    if not is_event_table(X, resolve_columns(pipeline_params["columns"])):
        base = base[-1]
    return prepare(
        base,
        X,
        y,
        cv=cv,
        draw_seed=lambda: random_state,
        groups=groups,
        fail_label=fail_label,
    )


@dataclass(frozen=True)
class SearchData:
    """The table on which the candidates of an algorithm are fitted and scored.

    ``estimator`` is what remains to be fitted: the steps that describe histories ran
    once. In an event table the index of ``X`` holds the rows' positions in the
    user's table.
    """

    estimator: Any
    X: Any
    y: IntArray
    splits: Splits

    @classmethod
    def of(cls, prepared: Prepared, algorithm: Algorithm) -> "SearchData":
        """Describe the histories, unless a parameter of those steps is searched."""
        prepared = prepared.of(algorithm.pipeline)
        front = [] if prepared.front is None else list(prepared.front.named_steps)
        if any(name.split("__")[0] in front for name in algorithm.space):
            prepared = replace(
                prepared,
                front=None,
                rest=algorithm.pipeline,
                ready=prepared.X,
                units=replace(prepared.units, described=False),
            )
        X = prepared.ready
        if prepared.units.events:
            X = X.set_axis(pd.RangeIndex(len(X)))
        trains = [train for train, _ in prepared.plan.splits]
        if prepared.front is not None and _samples_snapshots(prepared.rest):
            trains = [np.intersect1d(train, prepared.units.rows) for train in trains]
        splits = list(zip(trains, prepared.shown, strict=True))
        return cls(prepared.encode(prepared.rest), X, prepared.fails, splits)


def _samples_snapshots(rest: Any) -> bool:
    """Whether the first step drops all rows of a snapshot but the first."""
    return isinstance(rest, Pipeline) and isinstance(rest[0], SnapshotSampler)


class SearchScorer:
    """A scorer of scikit-learn that counts each snapshot once.

    Scorers of flags see those of the threshold that ``threshold`` chooses on the
    fold; a fixed one is applied to probabilities that are calibrated on the fold.
    From ``deadline`` on, an instant of `time.monotonic`, it raises OutOfTimeError.
    """

    def __init__(
        self, scoring: Any, threshold: Any, calibration: str | None, prepared: Prepared
    ) -> None:
        self.deadline = float("inf")
        self._scorer = check_scoring(scoring=scoring)
        self._threshold = threshold
        self._calibrated = calibration is not None
        self._names = prepared.names
        self._is_unit: BoolArray | None = None
        self._X: Any = None
        if prepared.units.events:
            self._is_unit = np.zeros(len(prepared.fails), dtype=np.bool_)
            self._is_unit[np.concatenate(prepared.tests)] = True
            # of a named scorer nothing but the candidate sees the rows
            if not isinstance(scoring, str) or isinstance(threshold, Capacity):
                self._X = prepared.X

    def __call__(self, estimator: Any, X: Any, y: IntArray) -> float:
        """Score a fitted candidate on the rows of a test side."""
        probability = raw_scores(estimator, X)
        rows: IntArray | None = None
        if self._is_unit is not None:
            units = self._is_unit[X.index]
            rows = X.index.to_numpy()[units]
            probability, y = probability[units], y[units]
            X = X[units] if self._X is None else self._X.iloc[rows]
        check_scores(probability)
        flag = partial(self._flag, probability, y == 1, rows)
        score = float(self._scorer(Predicted(probability, flag), X, y))
        if not np.isfinite(score):
            message = "The scorer returned NaN or infinity."
            raise ValueError(message)
        if monotonic() > self.deadline:
            message = "The time of the search was over."
            raise OutOfTimeError(message)
        return score

    def _flag(
        self, probability: FloatArray, fails: BoolArray, rows: IntArray | None
    ) -> BoolArray:
        """Return who is flagged, by the rule of ``threshold``."""
        if not isinstance(self._threshold, Real):
            occupancy = None
            if rows is not None and isinstance(self._threshold, Capacity):
                occupancy = read_occupancy(self._X, rows, self._names)
            return probability >= choose_threshold(
                self._threshold, probability, fails, occupancy
            )
        if self._calibrated:
            n_failing = int(fails.sum())
            calibrator = SigmoidCalibrator().fit(
                probability,
                fails,
                n_failing=n_failing,
                n_passing=len(fails) - n_failing,
            )
            probability = calibrator.predict(probability)
        return probability >= float(self._threshold)


class Predicted(ClassifierMixin, BaseEstimator):
    """A classifier that answers a scorer with what a candidate predicted."""

    classes_ = np.array([0, 1])

    def __init__(self, probability: FloatArray, flag: Callable[[], BoolArray]) -> None:
        self.probability = probability
        self.flag = flag

    def predict_proba(self, X: object) -> NDArray[Any]:
        return np.column_stack([1 - self.probability, self.probability])

    def predict(self, X: object) -> IntArray:
        return self.flag().astype(np.int64)
