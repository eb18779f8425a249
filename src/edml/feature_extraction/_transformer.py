"""What the transformers of histories share: rows in, rows out, and the latest rows."""

import copy
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from edml._sklearn import Interval, fit_context, remember_columns
from edml.schema import (
    COURSE,
    PARTITION,
    SNAPSHOT_KEYS,
    STUDENT,
    FloatArray,
    IntArray,
    check_table,
    history_codes,
    latest_positions,
    read_partitions,
    resolve_columns,
)


class Rows(NamedTuple):
    """A table, and each row's history and partition."""

    X: pd.DataFrame
    history: IntArray
    partition: IntArray


class HistoryTransformer(TransformerMixin, BaseEstimator):
    """Compute features of each row from its history; subclasses say which."""

    feature_names_in_: NDArray[Any]
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "columns": [Mapping, None],
        "partition_days": [Interval(Real, 0, None, closed="neither")],
        "fill_value": [Real, None],
    }

    def __init__(
        self,
        columns: Mapping[str, str] | None = None,
        partition_days: float = 1.0,
        fill_value: float | None = 0.0,
    ) -> None:
        self.columns = columns
        self.partition_days = partition_days
        self.fill_value = fill_value

    def _fit(self, X: pd.DataFrame) -> None:
        """Check the parameters and the columns, and learn what depends on them."""
        raise NotImplementedError

    def _names(self) -> Sequence[str]:
        """Return the names of the features."""
        raise NotImplementedError

    def _read(self, X: pd.DataFrame) -> Any:
        """Return the `Rows` of a table, or its `Events`, which hold more."""
        names = resolve_columns(self.columns)
        check_table(X, [names[key] for key in SNAPSHOT_KEYS])
        return Rows(
            X,
            history_codes(X[names[STUDENT]], X[names[COURSE]]),
            read_partitions(X[names[PARTITION]]),
        )

    def _describe(
        self,
        read: Any,
        rows: IntArray | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        """Compute the features of all rows or of some, (n_rows, n_features).

        ``out`` is where to write them, (n_features, n_rows).
        """
        raise NotImplementedError

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Check the parameters and the columns; ``y`` is ignored.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The event table, raw or cleaned.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : estimator
            The same object.

        Raises
        ------
        TableError
            If ``X`` is not a DataFrame, or lacks a column that the features need, or
            one cannot be read.
        ValueError
            If a parameter is out of range, or names something unknown.
        """
        self._fit(X)
        remember_columns(self, X)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Compute the features of every row.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The event table, raw or cleaned, its rows in any order. Columns outside the
            event table are ignored.

        Returns
        -------
        features : DataFrame of shape (n_rows, 2 + n_features)
            The student, the course, and the features, with the index of ``X``.

        Raises
        ------
        TableError
            If a column that was read in `fit` is absent, or cannot be read.
        """
        check_is_fitted(self)
        names = resolve_columns(self.columns)
        described = self._describe(self._read(X))
        frame = pd.DataFrame(
            described, index=X.index, columns=list(self._names()), copy=False
        )
        frame.insert(0, COURSE, X[names[COURSE]])
        frame.insert(0, STUDENT, X[names[STUDENT]])
        return frame

    def transform_latest(self, X: pd.DataFrame) -> tuple[IntArray, FloatArray]:
        """Compute the features of each history's latest partition only.

        It is cheaper than `transform` if only the latest state matters, as in a contact
        list or an endpoint.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The event table, as for `transform`.

        Returns
        -------
        rows : ndarray of shape (n_histories,)
            Positions in ``X``: the first row of each history's latest partition, in
            the order in which the histories first appear.
        features : ndarray of shape (n_histories, n_features)
            The features of those rows, bit-identical to those of `transform`.

        Raises
        ------
        TableError
            If a column that was read in `fit` is absent, or cannot be read.
        """
        check_is_fitted(self)
        read = self._read(X)
        rows = latest_positions(read.history, read.partition)
        return rows, self._describe(read, rows)

    def unfilled(self) -> Self:
        """Return a copy that leaves what is unknown NaN, to show it.

        Returns
        -------
        transformer : estimator
            Fitted like this one.
        """
        return copy.copy(self).set_params(fill_value=None)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : object, default=None
            Ignored: the names do not depend on it.

        Returns
        -------
        names : ndarray of shape (2 + n_features,)
            The names as objects of type str.
        """
        check_is_fitted(self)
        return np.array([STUDENT, COURSE, *self._names()], dtype=object)
