"""Fits whose number of trees is read off as they grow, and that can be stopped."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from lightgbm.callback import CallbackEnv, EarlyStopException
from numpy.typing import NDArray
from sklearn.base import clone
from xgboost.callback import TrainingCallback

from edml.schema import FloatArray, IntArray
from edml.tuning._clock import Limit

Judge = Callable[[FloatArray], float]

_FEW_ROWS = 5_000  # of which a hundred trees are grown in no time


class Path:
    """The score after each checkpoint of one fit.

    Parameters
    ----------
    checkpoints : tuple of int
        Numbers of trees, ascending.
    patience : int
        Checkpoints without a better score after which to stop.
    judge : callable
        Gives the score of the probabilities of the screened rows.
    limit : Limit
        When to stop in any case.

    Attributes
    ----------
    scores : dict of int to float
        The score by number of trees.
    """

    def __init__(
        self, checkpoints: tuple[int, ...], patience: int, judge: Judge, limit: Limit
    ) -> None:
        self.checkpoints = checkpoints
        self.patience = patience
        self.limit = limit
        self.scores: dict[int, float] = {}
        self._judge = judge

    def add(self, n_trees: int, probability: FloatArray) -> bool:
        """Note the score of so many trees; whether to stop there."""
        self.scores[n_trees] = self._judge(probability)
        scores = list(self.scores.values())
        best = int(np.argmax(scores))  # NaN too: it is found, and fails the trial
        return len(scores) - 1 - best >= self.patience


def grow(
    classifier: Any, X: NDArray[Any], y: IntArray, screen: NDArray[Any], path: Path
) -> Any:
    """Fit a classifier of trees, and score it at each checkpoint.

    Parameters
    ----------
    classifier : LGBMClassifier, XGBClassifier or RandomForestClassifier
        Not fitted; its number of trees is of no account.
    X, y : ndarray of shape (n_rows, n_features) and (n_rows,)
        The training rows.
    screen : ndarray of shape (n_screened, n_features)
        The rows that are scored.
    path : Path
        Notes the scores.

    Returns
    -------
    fitted : estimator
        With at least as many trees as the last checkpoint that was scored.

    Raises
    ------
    OutOfTimeError
        If the time is over.
    """
    return _GROWERS[_kind(classifier)](classifier, X, y, screen, path)


def probability_at(fitted: Any, X: NDArray[Any], n_trees: int) -> FloatArray:
    """Give the probability of the second class by the first trees of a fit.

    Parameters
    ----------
    fitted : estimator
        What `grow` gave.
    X : ndarray of shape (n_rows, n_features)
        The rows.
    n_trees : int
        How many trees have a say.

    Returns
    -------
    probability : ndarray of shape (n_rows,)
        To the bit what a classifier of so many trees would give.
    """
    kind = _kind(fitted)
    if kind == "lightgbm":
        both = fitted.predict_proba(X, num_iteration=fitted.trees_after_[n_trees])
    elif kind == "xgboost":
        both = fitted.predict_proba(X, iteration_range=(0, n_trees))
    else:
        first = copy.copy(fitted)
        first.estimators_ = fitted.estimators_[:n_trees]
        both = first.predict_proba(X)
    return np.asarray(both, dtype=np.float64)[:, 1]


def _kind(classifier: Any) -> str:
    name = type(classifier).__name__
    return {"LGBMClassifier": "lightgbm", "XGBClassifier": "xgboost"}.get(
        name, "random_forest"
    )


def _grow_lightgbm(
    classifier: Any, X: NDArray[Any], y: IntArray, screen: NDArray[Any], path: Path
) -> Any:
    # Of few rows, a round may find no tree, and a later one may: so many rounds are
    # fewer trees, and the first trees of a longer fit are more.
    there: dict[int, int] = {}

    def look(env: CallbackEnv) -> None:
        path.limit.check()
        n_trees = env.iteration + 1
        if n_trees not in path.checkpoints:
            return
        # the type also covers what cross-validation gives, which predicts otherwise
        model: Any = env.model
        given = model.predict(screen, num_iteration=n_trees, num_threads=1)
        there[n_trees] = model.num_trees()
        if path.add(n_trees, given):
            raise EarlyStopException(env.iteration, [])

    grown = clone(classifier).set_params(n_estimators=path.checkpoints[-1])
    grown.fit(X, y, callbacks=[look])
    grown.trees_after_ = there
    return grown


class _LookAtXGBoost(TrainingCallback):
    def __init__(self, screen: NDArray[Any], path: Path) -> None:
        self.screen = screen
        self.path = path

    def after_iteration(self, model: Any, epoch: int, evals_log: object) -> bool:
        self.path.limit.check()
        n_trees = epoch + 1
        if n_trees not in self.path.checkpoints:
            return False
        given = model.inplace_predict(self.screen, iteration_range=(0, n_trees))
        return self.path.add(n_trees, np.asarray(given, dtype=np.float64))


def _grow_xgboost(
    classifier: Any, X: NDArray[Any], y: IntArray, screen: NDArray[Any], path: Path
) -> Any:
    grown = clone(classifier).set_params(
        n_estimators=path.checkpoints[-1], callbacks=[_LookAtXGBoost(screen, path)]
    )
    return grown.fit(X, y).set_params(callbacks=None)


def _grow_forest(
    classifier: Any, X: NDArray[Any], y: IntArray, screen: NDArray[Any], path: Path
) -> Any:
    grown = clone(classifier).set_params(warm_start=True)
    X32 = np.ascontiguousarray(X, dtype=np.float32)  # as the trees would, each time
    screen32 = np.ascontiguousarray(screen, dtype=np.float32)
    summed = np.zeros(len(screen))
    n_summed = 0
    step = 100 if len(X) < _FEW_ROWS else 10  # trees between two looks at the clock
    looks = range(step, path.checkpoints[-1], step)
    for n_trees in sorted({*looks, *path.checkpoints}):
        path.limit.check()
        grown.set_params(n_estimators=n_trees).fit(X32, y)
        if n_trees not in path.checkpoints:
            continue
        for tree in grown.estimators_[n_summed:]:
            summed += tree.predict_proba(screen32, check_input=False)[:, 1]
        n_summed = n_trees
        if path.add(n_trees, summed / n_summed):
            break
    return grown.set_params(warm_start=False)


_GROWERS = {
    "lightgbm": _grow_lightgbm,
    "xgboost": _grow_xgboost,
    "random_forest": _grow_forest,
}
