"""One fold of one of edml's own algorithms, fitted here or in another process."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edml.schema import FloatArray, IntArray
from edml.tuning._clock import Limit
from edml.tuning._growing import Path, grow, probability_at
from edml.tuning._material import read_matrix
from edml.tuning._scoring import Judge


@dataclass(frozen=True)
class FoldJob:
    """All that the fit of a fold needs.

    Attributes
    ----------
    checkpoints : tuple of int
        Numbers of trees at which it is scored.
    patience : int
        Checkpoints without a better score after which it stops.
    pipeline : Pipeline
        Not fitted, and of this fold alone: its steps are fitted in place.
    matrix : ndarray of shape (n_rows, n_features)
        The features of all rows.
    train : ndarray of shape (n_train,)
        Rows of the training side.
    y : ndarray of shape (n_train,)
        Their outcomes, 0 or 1.
    table : DataFrame, array-like or None
        The training rows as they were given, for a balancer that treats whole numbers
        otherwise than others.
    screen : ndarray of shape (n_screened,)
        Rows by which trees are counted.
    judge : Judge
        Scores them.
    limit : Limit
        When to stop.
    """

    checkpoints: tuple[int, ...]
    patience: int
    pipeline: Any
    matrix: NDArray[np.float64]
    train: IntArray
    y: IntArray
    table: Any
    screen: IntArray
    judge: Judge
    limit: Limit


@dataclass(frozen=True)
class Grown:
    """The fit of a fold.

    Attributes
    ----------
    path : dict of int to float
        Score of the screened rows by number of trees.
    classifier : estimator
        Fitted.
    imputer : transformer or None
        Fitted, where NaN had to be filled.
    fit_time : float
        Seconds.
    """

    path: dict[int, float]
    classifier: Any
    imputer: Any
    fit_time: float

    def predict(self, X: NDArray[np.float64], n_trees: int) -> FloatArray:
        """Give the probability of failing by so many trees."""
        if self.imputer is not None:
            X = self.imputer.transform(X)
        return probability_at(self.classifier, X, n_trees)


def fit_fold(job: FoldJob) -> Grown:
    """Fit a fold, and score it at each number of trees.

    Parameters
    ----------
    job : FoldJob
        What to fit.

    Returns
    -------
    grown : Grown

    Raises
    ------
    OutOfTimeError
        If its time is over.
    ValueError
        If its rows hold one class.
    """
    start = perf_counter()
    steps, y = dict(job.pipeline.steps), job.y
    if len(np.unique(y)) < 2:
        message = f"the {len(y)} training rows of a fold hold one class"
        raise ValueError(message)
    X, screen = rows_of(job.matrix, job.train), rows_of(job.matrix, job.screen)
    imputer = steps.get("impute", "passthrough")
    imputer = None if imputer == "passthrough" else imputer
    if imputer is not None:
        X, screen = imputer.fit_transform(X), imputer.transform(screen)
    if steps["balance"] != "passthrough":
        job.limit.check()
        given = X if imputer is not None or job.table is None else job.table
        X, y = steps["balance"].fit_resample(given, y)
        X = read_matrix(X)
    path = Path(job.checkpoints, job.patience, job.judge, job.limit)
    classifier = grow(steps["classify"], X, y, screen, path)
    return Grown(path.scores, classifier, imputer, perf_counter() - start)


def rows_of(matrix: NDArray[np.float64], rows: IntArray) -> NDArray[np.float64]:
    """Give some rows, one after another in memory."""
    return np.ascontiguousarray(matrix[rows])
