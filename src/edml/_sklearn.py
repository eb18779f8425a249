"""The only module that imports scikit-learn's private names."""

import pandas as pd
from sklearn.base import BaseEstimator, _fit_context
from sklearn.model_selection._split import GroupsConsumerMixin
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
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
    "StrOptions",
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


def check_columns(estimator: BaseEstimator, X: pd.DataFrame) -> None:
    """Raise a `ValueError` unless a table has the columns of fit, in their order."""
    _check_feature_names(estimator, X, reset=False)


def remember_columns(estimator: BaseEstimator, X: pd.DataFrame) -> None:
    """Set ``n_features_in_`` and ``feature_names_in_`` from a table."""
    _check_feature_names(estimator, X, reset=True)
    _check_n_features(estimator, X, reset=True)
