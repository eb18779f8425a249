"""What all candidates share: the rows of each fold, cut once for the whole search."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edml.classifier._prepared import Prepared
from edml.exceptions import TableError
from edml.preprocessing import KeyDropper
from edml.sampling import SnapshotSampler
from edml.sampling._snapshots import EVENT_COUNTS
from edml.schema import PARTITION, SNAPSHOT_KEYS, BoolArray, IntArray

_N_SCREENED = 5_000  # snapshots of a fold by which trees are counted, about
_THINNINGS = (1, 2, 3, 5, 7, 10, 14, 21, 28)


@dataclass(frozen=True)
class Fold:
    """One fold.

    Attributes
    ----------
    train : ndarray of shape (n_train,)
        Rows of the training side.
    test : ndarray of shape (n_test,)
        Rows of the units that are tested, ascending.
    screen : ndarray of shape (n_screened,)
        Some of them, on days chosen by the calendar, by which trees are counted.
    """

    train: IntArray
    test: IntArray
    screen: IntArray


class Material:
    """The features of all rows, and who trains on which.

    Parameters
    ----------
    prepared : Prepared
        By the pipeline that edml's own algorithms share.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.fails = prepared.fails
        self.events = prepared.front is not None
        self.folds = [
            Fold(train, test, self._screen(test))
            for (train, _), test in zip(
                prepared.plan.splits, prepared.tests, strict=True
            )
        ]

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """The features of all rows, shape (n_rows, n_features)."""
        ready = self.prepared.ready
        if self.events:
            return KeyDropper().fit_transform(ready).to_numpy(dtype=np.float64)
        return read_matrix(ready)

    def train_rows(self, fold: Fold, every: int) -> IntArray:
        """Give the rows on which a fold trains, in the order of its split."""
        if not self.events:
            return fold.train
        chosen = self._first_rows[fold.train] & (
            self._partition[fold.train] % every == 0
        )
        return fold.train[chosen]

    @cached_property
    def _partition(self) -> IntArray:
        partition: IntArray = self.prepared.ready[PARTITION].to_numpy()
        return partition

    @cached_property
    def _first_rows(self) -> BoolArray:
        sampler = SnapshotSampler(every=1)
        # it copies what it samples: of the features, only those that it looks at
        read = [*SNAPSHOT_KEYS, *EVENT_COUNTS]
        sampler.fit_resample(self.prepared.ready[read], self.fails)
        chosen = np.zeros(len(self.fails), dtype=np.bool_)
        chosen[sampler.sample_indices_] = True
        return chosen

    def _screen(self, test: IntArray) -> IntArray:
        if not self.events:
            return test
        partition = self._partition[test]
        for every in _THINNINGS:
            some = test[partition % every == 0]
            if len(some) <= _N_SCREENED:
                break
        # a course may have no such day with both outcomes
        both = len(np.unique(self.fails[some])) == 2
        return some if both else test


def read_matrix(X: Any) -> NDArray[np.float64]:
    """Read a plain table as numbers.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The table.

    Returns
    -------
    matrix : ndarray of shape (n_rows, n_columns)

    Raises
    ------
    TableError
        If a column holds no numbers, or one is infinite.
    """
    if isinstance(X, pd.DataFrame):
        texts = [
            str(name)
            for name, dtype in X.dtypes.items()
            if not (
                pd.api.types.is_numeric_dtype(dtype)
                or pd.api.types.is_bool_dtype(dtype)
            )
        ]
        if texts:
            message = (
                f"The columns {texts} hold no numbers, which the algorithms need. "
                "Encode them, or pass (name, pipeline, space) with a pipeline that "
                "does."
            )
            raise TableError(message)
        matrix = X.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        try:
            matrix = np.asarray(X, dtype=np.float64)
        except (TypeError, ValueError):
            message = (
                "X holds what is no number. Encode it, or pass (name, pipeline, space) "
                "with a pipeline that does."
            )
            raise TableError(message) from None
    if matrix.ndim != 2:
        message = f"X must have rows and columns; found {matrix.ndim} dimension(s)."
        raise TableError(message)
    infinite = int(np.isinf(matrix).any(axis=0).sum())
    if infinite:
        message = f"{infinite} columns of X hold infinite numbers. Replace them."
        raise TableError(message)
    return matrix
