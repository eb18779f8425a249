"""Fitting a pipeline: what runs once for all folds, and what is trained in each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from edml._sklearn import safe_indexing
from edml.exceptions import SplitError
from edml.pipeline._steps import IDLE
from edml.sampling import SnapshotSampler
from edml.schema import FloatArray, IntArray


def fix_random_states(estimator: Any, rng: np.random.RandomState) -> None:
    """Give every ``random_state`` that is None a number of its own."""
    params = estimator.get_params(deep=True)
    states = sorted(key for key in params if key.rpartition("__")[2] == "random_state")
    drawn = {
        key: int(rng.randint(np.iinfo(np.int32).max))
        for key in states
        if params[key] is None
    }
    estimator.set_params(**drawn)


def fit_rest(rest: Any, X: Any, y: IntArray, sample_weight: FloatArray | None) -> Any:
    """Fit an estimator, with weights that follow their rows through samplers.

    Parameters
    ----------
    rest : estimator
        A pipeline or any classifier; it is fitted in place.
    X : array-like of shape (n_rows, n_columns)
        The training rows.
    y : ndarray of shape (n_rows,)
        0 or 1.
    sample_weight : ndarray of shape (n_rows,) or None
        How much each row weighs.

    Returns
    -------
    rest : estimator
        The same object.

    Raises
    ------
    ValueError
        If a sampler does not tell which rows it kept, or the classifier takes no
        weights.
    """
    if sample_weight is None:
        return rest.fit(X, y)
    final = rest
    if isinstance(rest, Pipeline):
        final = rest.steps[-1][1]
    if not has_fit_parameter(final, "sample_weight"):
        message = (
            f"{type(final).__name__} takes no sample_weight. Leave the weights out, or "
            "pass another classifier."
        )
        raise ValueError(message)
    for name, step in rest.steps[:-1] if isinstance(rest, Pipeline) else ():
        if step in IDLE:
            continue
        if not hasattr(step, "fit_resample"):
            # one step, for some transform the rows of fit otherwise than new ones
            X = step.fit_transform(X, y)
            continue
        X, y = step.fit_resample(X, y)
        kept = getattr(step, "sample_indices_", None)
        if kept is None:
            message = (
                f"The sampler {name!r} ({type(step).__name__}) makes rows of its own, "
                "which have no sample_weight. Leave the weights out, or balance by "
                "'over', 'under' or not at all."
            )
            raise ValueError(message)
        sample_weight = sample_weight[kept]
    final.fit(X, y, sample_weight=sample_weight)
    return rest


@dataclass(frozen=True)
class Training:
    """What is fitted in each fold and at last, and on which rows.

    Attributes
    ----------
    rest : estimator
        What learns, not fitted.
    sampler : tuple of (str, SnapshotSampler) or None
        The pipeline's own step, which has chosen the rows once for all folds: a
        snapshot is chosen by its own history and day.
    n_rows : int
        Number of rows of the table.
    rows : ndarray of shape (n_training,)
        Positions of the rows that may train.
    X, y : array-like of shape (n_training, ...)
        Those rows, and their outcomes.
    sample_weight : ndarray of shape (n_training,) or None
        How much each weighs.
    """

    rest: Any
    sampler: Any
    n_rows: int
    rows: IntArray
    X: Any
    y: IntArray
    sample_weight: FloatArray | None

    def fit(self, train: IntArray | None = None) -> Any:
        """Fit on everything, or on the rows of one side of a split."""
        X, y, weight = self.X, self.y, self.sample_weight
        if train is not None:
            place = np.full(self.n_rows, -1)
            place[self.rows] = np.arange(len(self.rows))
            chosen = place[train]  # in the order of the split, with its repeats
            chosen = chosen[chosen >= 0]
            X, y = safe_indexing(X, chosen), y[chosen]
            weight = None if weight is None else weight[chosen]
        if len(np.unique(y)) < 2:
            message = (
                f"y needs two classes; the {len(y)} training rows of a fold hold one. "
                "Use fewer folds, or keep more partitions in SnapshotSampler."
            )
            raise SplitError(message)
        return fit_rest(clone(self.rest), X, y, weight)


def prepare_training(
    rest: Any, X: Any, y: IntArray, sample_weight: FloatArray | None
) -> Training:
    """Choose the rows that train, where edml's own sampler does so."""
    first = rest.steps[0] if isinstance(rest, Pipeline) else ("", None)
    if type(first[1]) is not SnapshotSampler or len(rest.steps) < 2:
        return Training(rest, None, len(y), np.arange(len(y)), X, y, sample_weight)
    name, sampler = first[0], clone(first[1])
    kept, outcome = sampler.fit_resample(X, y)
    rows = sampler.sample_indices_
    weight = None if sample_weight is None else sample_weight[rows]
    return Training(rest[1:], (name, sampler), len(y), rows, kept, outcome, weight)


def score_fold(
    training: Training, X: Any, train: IntArray, test: IntArray
) -> FloatArray:
    """Train on one side of a split and score the other."""
    return raw_scores(training.fit(train), safe_indexing(X, test))


def raw_scores(fitted: Any, X: Any) -> FloatArray:
    """Give the score of the second class in [0, 1], before any calibration.

    What a classifier without probabilities decides by is brought between 0 and 1 by
    a curve that, unlike the logistic one, tells far decisions apart.
    """
    if hasattr(fitted, "predict_proba"):
        return np.asarray(fitted.predict_proba(X), dtype=np.float64)[:, 1]
    decided: NDArray[Any] = np.asarray(fitted.decision_function(X), dtype=np.float64)
    return (1 + decided / (1 + np.abs(decided))) / 2
