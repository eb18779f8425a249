"""The only module that imports scikit-learn's private names."""

from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator, _fit_context
from sklearn.model_selection._split import GroupsConsumerMixin
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import (
    _check_feature_names,
    _check_method_params,
    _check_n_features,
    _num_samples,
)

__all__ = [
    "BaseComposition",
    "GroupsConsumerMixin",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "StrOptions",
    "check_aligned",
    "check_columns",
    "check_method_params",
    "fit_context",
    "num_samples",
    "remember_columns",
    "safe_indexing",
    "validate_parameter_constraints",
    "validate_params",
]

BaseComposition = _BaseComposition
check_method_params = _check_method_params
fit_context = _fit_context
num_samples = _num_samples
safe_indexing = _safe_indexing


def check_aligned(X: Any, **others: Any) -> None:
    """Raise a `ValueError` unless all have the same rows, in the same order.

    Rows are matched by position. Row labels of ``X`` in another order are therefore
    an error: they show that the rows were sorted on one side only.
    """
    check_consistent_length(X, *others.values())
    if not isinstance(X, pd.DataFrame):
        return
    for name, other in others.items():
        labelled = isinstance(other, (pd.Series, pd.DataFrame))
        if not labelled or X.index.equals(other.index) or not X.index.is_unique:
            continue
        if X.index.isin(other.index).all():
            message = (
                f"The row labels of {name} are those of X in another order, and rows "
                f"are matched by position. Pass {name}.loc[X.index]."
            )
            raise ValueError(message)


def check_columns(estimator: BaseEstimator, X: pd.DataFrame) -> None:
    """Raise a `ValueError` unless a table has the columns of fit, in their order."""
    _check_feature_names(estimator, X, reset=False)


def remember_columns(estimator: BaseEstimator, X: pd.DataFrame) -> None:
    """Set ``n_features_in_`` and ``feature_names_in_`` from a table."""
    _check_feature_names(estimator, X, reset=True)
    _check_n_features(estimator, X, reset=True)
