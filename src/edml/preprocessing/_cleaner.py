"""DataCleaner: a raw event table in canonical form."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from edml._sklearn import fit_context, remember_columns
from edml.schema import (
    COURSE,
    EPOCH_COLUMNS,
    NAME_COLUMNS,
    NUMBER_COLUMNS,
    PARTITION,
    PERIOD,
    STUDENT,
    check_keys,
    check_table,
    check_work,
    read_epochs,
    read_numbers,
    read_partitions,
    read_periods,
    resolve_columns,
    strip_names,
    take_labels,
    work_columns,
)


class DataCleaner(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Bring a raw event table into canonical form, row by row.

    Periods become 'SS-YYYY', null partitions 0, dates epoch seconds with NaN for 0 and
    null, grades and scores floats, names are stripped of surrounding white space and
    blank ones become null. No row is dropped, and no row affects another.

    Parameters
    ----------
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ from the
        canonical ones. The actual names are kept.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of the table seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    edml.feature_extraction.FeatureEngineer : Computes features from the result.

    Notes
    -----
    The output has the columns seen in `fit`, in that order. An optional column that is
    absent later (there is no final grade while the course runs) is returned as nulls;
    one that appears only later is left out. Columns outside the event table pass
    unchanged, where they are there.

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.preprocessing import DataCleaner
    >>> X = make_student_activity(20, random_state=0)
    >>> sorted(X["periodo"].str.len().unique().tolist())
    [6, 7]
    >>> DataCleaner().fit_transform(X)["periodo"].str.len().unique().tolist()
    [7]
    """

    __module__ = "edml.preprocessing"
    #: Proven by `edml.testing`: a row's output depends only on its own history.
    _per_history: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "columns": [Mapping, None],
    }

    def __init__(self, columns: Mapping[str, str] | None = None) -> None:
        self.columns = columns

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Remember the columns of the table; ``y`` is ignored.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The raw event table.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : DataCleaner
            The same object.

        Raises
        ------
        TableError
            If ``X`` is not a DataFrame, or lacks a key or all kinds of work.
        ValueError
            If ``columns`` names an unknown column.
        """
        check_work(X, resolve_columns(self.columns))
        remember_columns(self, X)
        self._columns_out = list(X.columns)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Clean every row.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The raw event table; it is not changed.

        Returns
        -------
        cleaned : DataFrame of shape (n_rows, n_features_in_)
            The cleaned table, with the index of ``X``.

        Raises
        ------
        TableError
            If a required column is absent, or a column cannot be read.
        """
        check_is_fitted(self)
        names = resolve_columns(self.columns)
        check_table(X, work_columns(self._columns_out, names).values())
        for key in (STUDENT, COURSE):
            check_keys(X[names[key]])
        if list(X.columns) == self._columns_out:
            cleaned = X.copy(deep=False)
        else:
            own = {*names.values()}  # of others, null could mean something
            kept = [one for one in self._columns_out if one in X.columns or one in own]
            cleaned = X.reindex(columns=kept)
        for canonical, actual in names.items():
            if actual in X.columns and actual in cleaned.columns:
                values = _clean(canonical, X[actual])
                if values is not None:  # as a Series: an array would be copied
                    cleaned[actual] = pd.Series(
                        values, X.index, values.dtype, copy=False
                    )
        return cleaned


def _clean(canonical: str, column: pd.Series) -> Any:
    """Clean one column; None if it is canonical already.

    The result never shares memory with the column.
    """
    if canonical == PARTITION:
        return read_partitions(column)
    if canonical in NUMBER_COLUMNS:
        numbers = read_numbers(column)
        return None if column.dtype == np.float64 else numbers
    if canonical in EPOCH_COLUMNS:
        return read_epochs(column)
    if canonical in NAME_COLUMNS:
        stripped = strip_names(column)
        return None if stripped is column else stripped.array
    if canonical == PERIOD:
        codes, labels, _ = read_periods(column)
        return take_labels(labels, codes, column)
    return None
