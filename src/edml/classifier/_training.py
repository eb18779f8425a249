"""Fit a pipeline: the steps that run once for all folds, and those of each fold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from edml._sklearn import safe_indexing
from edml.exceptions import SplitError
from edml.pipeline import (
    fit_weighted,
    larger_trees,
    single_thread_after_fork,
    smaller_leaves,
)
from edml.sampling import SnapshotSampler
from edml.schema import FloatArray, IntArray, Target

# parameters that map labels to numbers
_BY_LABEL = ("class_weight", "sampling_strategy")


def fix_random_states(estimator: Any, rng: np.random.RandomState) -> None:
    """Set every ``random_state`` that is None to a number drawn from ``rng``."""
    params = estimator.get_params(deep=True)
    states = sorted(key for key in params if key.rpartition("__")[2] == "random_state")
    drawn = {
        key: int(rng.randint(np.iinfo(np.int32).max))
        for key in states
        if params[key] is None
    }
    estimator.set_params(**drawn)


def encode_labels(estimator: Any, target: Target) -> dict[str, Any]:
    """Return the parameters that name labels, by their codes: 1 fails, 0 passes.

    These are the class weights and the numbers of rows that a sampler makes.
    """
    codes = {
        label: int(label == target.fail_label) for label in target.classes.tolist()
    }
    encoded = {}
    for name, value in estimator.get_params(deep=True).items():
        if name.rpartition("__")[2] not in _BY_LABEL or not isinstance(value, Mapping):
            continue
        unknown = len(value.keys() - codes.keys())
        if unknown:
            message = (
                f"{name} names {unknown} labels that y lacks. Its keys are labels of "
                "y, with their type and spelling."
            )
            raise ValueError(message)
        encoded[name] = {codes[label]: number for label, number in value.items()}
    return encoded


@dataclass(frozen=True)
class Training:
    """The estimator for each fold and the final fit, and its training rows.

    ``sampler`` is the pipeline's own `SnapshotSampler` step, which chose ``rows`` once
    for all folds: a snapshot is chosen by its own history and day.
    """

    rest: Any
    sampler: Any
    n_rows: int
    rows: IntArray
    X: Any
    y: IntArray
    sample_weight: FloatArray | None
    target: Target

    def fit(self, train: IntArray | None = None) -> Any:
        """Fit on all rows, or on those of one side of a split."""
        X, y, weight = self.X, self.y, self.sample_weight
        if train is not None:
            place = np.full(self.n_rows, -1)
            place[self.rows] = np.arange(len(self.rows))
            chosen = place[train]  # in the order of the split, including repeats
            chosen = chosen[chosen >= 0]
            X, y = safe_indexing(X, chosen), y[chosen]
            weight = None if weight is None else weight[chosen]
        if len(np.unique(y)) < 2:
            message = (
                f"y needs two classes; the {len(y)} training rows of a fold hold one. "
                "Use fewer folds, or keep more partitions in SnapshotSampler."
            )
            raise SplitError(message)
        changed = encode_labels(self.rest, self.target) | smaller_leaves(self.rest, y)
        params = changed | larger_trees(self.rest, y)
        rest = clone(clone(self.rest).set_params(**params))
        with single_thread_after_fork(rest):
            if weight is None:
                fitted = rest.fit(X, y)
            else:
                fitted = fit_weighted(rest, X, y, weight)
        own = self.rest.get_params()
        for name in changed:  # so that it can be fitted again on other rows
            owner, _, parameter = name.rpartition("__")
            # LightGBM's set_params would note it a second time
            setattr(
                fitted.get_params()[owner] if owner else fitted, parameter, own[name]
            )
        return fitted


def prepare_training(
    rest: Any,
    X: Any,
    y: IntArray,
    sample_weight: FloatArray | None,
    target: Target,
) -> Training:
    """Choose the training rows, if the pipeline has edml's own sampler."""
    first = rest.steps[0] if isinstance(rest, Pipeline) else ("", None)
    if type(first[1]) is not SnapshotSampler or len(rest.steps) < 2:
        rows = np.arange(len(y))
        return Training(rest, None, len(y), rows, X, y, sample_weight, target)
    name, sampler = first[0], clone(first[1])
    kept, outcome = sampler.fit_resample(X, y)
    rows = sampler.sample_indices_
    weight = None if sample_weight is None else sample_weight[rows]
    step = (name, sampler)
    return Training(rest[1:], step, len(y), rows, kept, outcome, weight, target)


def score_fold(
    training: Training, X: Any, train: IntArray, test: IntArray
) -> FloatArray:
    """Train on one side of a split and score the other."""
    return raw_scores(training.fit(train), safe_indexing(X, test))


def raw_scores(fitted: Any, X: Any) -> FloatArray:
    """Return the score of the class of code 1, in [0, 1], before calibration.

    Decisions are mapped into [0, 1] by a curve that, unlike the logistic function,
    separates extreme values.
    """
    with single_thread_after_fork(fitted):
        if hasattr(fitted, "predict_proba"):
            return np.asarray(fitted.predict_proba(X), dtype=np.float64)[:, 1]
        decided = np.asarray(fitted.decision_function(X), dtype=np.float64)
    return (1 + decided / (1 + np.abs(decided))) / 2
