"""Values of parameters and fitted attributes that edml would store."""

import warnings
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from edml._sklearn import validate_parameter_constraints
from edml.exceptions import RegistryError
from edml.feature_extraction import (
    FEATURE_SETS,
    ActivityFeatures,
    FeatureEngineer,
    HistoryFeatures,
    ProgressFeatures,
    StaticColumns,
)
from edml.preprocessing import DataCleaner
from edml.registry._nodes import refuse
from edml.schema import resolve_columns, resolve_exam_kinds

#: The parts of HistoryFeatures, in their order, besides StaticColumns at the end.
PARTS: tuple[type, ...] = (FeatureEngineer, ProgressFeatures, ActivityFeatures)
#: They take ``columns``.
_MAPPED: Any = (DataCleaner, HistoryFeatures, StaticColumns, *PARTS)
# Fitted arrays with one value, row or column for each feature.
_OF_FEATURES = (
    *("center_", "coef_", "data_max_", "data_min_", "data_range_", "feature_log_prob_"),
    *("max_abs_", "mean_", "min_", "scale_", "statistics_", "theta_", "var_"),
    "variances_",
)
_MAY_BE_MISSING = {"statistics_"}  # of a column without values
#: What scikit-learn writes for a parameter that is deprecated and was not set; the
#: constraints of a version that still has the parameter do not know it.
_NOT_SET = "deprecated"


def check_values(estimator: Any) -> None:
    """Check one estimator: its parameters, numbers, shapes, classes and names."""
    kind = type(estimator).__name__
    own = vars(estimator)
    constraints = getattr(type(estimator), "_parameter_constraints", {})
    given = {
        name: own[name]
        for name in constraints.keys() & own.keys()
        if not (isinstance(own[name], str) and own[name] == _NOT_SET)
    }
    for name, value in given.items():
        # True is a number for the constraints
        if isinstance(value, bool) and not {"boolean", bool} & {
            one for one in constraints[name] if isinstance(one, str | type)
        }:
            refuse(f"has a {kind} whose {name} is a truth value")
    try:
        validate_parameter_constraints(constraints, given, kind)
        if isinstance(estimator, _MAPPED):
            resolve_columns(estimator.columns)
        if isinstance(estimator, FeatureEngineer | HistoryFeatures):
            resolve_exam_kinds(estimator.exam_kinds)
    except (TypeError, ValueError, AttributeError) as error:
        refuse(f"has a {kind} with a parameter that it cannot have ({error})")
    for name, value in own.items():
        if name.endswith("_") and name not in _MAY_BE_MISSING:
            _check_finite(kind, name, value)
    if not isinstance(estimator, Pipeline):  # which asks its steps
        _check_features(kind, own)
    classes = own.get("classes_", own.get("_classes"))
    if isinstance(classes, np.ndarray) and not (classes[:-1] < classes[1:]).all():
        refuse(f"has a {kind} whose classes do not ascend")
    encoder = own.get("_le")
    if encoder is not None and not np.array_equal(encoder.classes_, classes):
        refuse(f"has a {kind} with two lists of classes")
    _check_signals(estimator)
    if "_Booster" in own:
        _check_answer(kind, estimator)


def check_threshold(threshold: Any) -> None:
    """Check that a threshold is a probability."""
    number = isinstance(threshold, float | int) and not isinstance(threshold, bool)
    if not number or not 0 <= threshold <= 1:
        refuse("has a threshold that is not a number from 0 to 1")


def check_names(given: Any, known: Any, kind: str) -> None:
    """Check that a classifier's features have the order in which it receives them.

    A classifier that was fitted on an array knows none of the names.
    """
    # LightGBM cannot store spaces
    names = [str(name).replace(" ", "_") for name in given]
    expected = [str(name).replace(" ", "_") for name in known]
    if names != expected and {*names} & {*expected}:
        refuse(f"gives its {kind} other features than it was fitted on")


def _check_signals(estimator: Any) -> None:
    if isinstance(estimator, HistoryFeatures):
        _check_joined(estimator)
    if isinstance(estimator, StaticColumns):
        _check_static(estimator)


def _check_joined(joined: HistoryFeatures) -> None:
    """Check that the parts are those of the set of features, in their order."""
    wanted = PARTS[: 1 + FEATURE_SETS.index(joined.features)]
    if joined.static is not None:
        wanted = (*wanted, StaticColumns)
    if not isinstance(joined.parts_, list) or (*map(type, joined.parts_),) != wanted:
        refuse(f"has HistoryFeatures of {joined.features!r} with other parts")
    if any(part.columns != joined.columns for part in joined.parts_):
        refuse("has HistoryFeatures whose parts read other columns")


def _check_static(static: StaticColumns) -> None:
    _check_texts("StaticColumns", [*static.numeric, *static.categorical])
    if not hasattr(static, "categories_"):  # the parameter of HistoryFeatures
        return
    if len(static.categories_) != len(static.categorical):
        refuse("has StaticColumns with categories of other columns")
    for categories in static.categories_:
        _check_texts("StaticColumns", categories)


def _check_texts(kind: str, texts: Any) -> None:
    plain = isinstance(texts, list) and all(type(text) is str for text in texts)
    if not plain or len({*texts}) < len(texts):
        refuse(f"has {kind} whose names are not distinct texts")


def _check_finite(kind: str, name: str, value: Any) -> None:
    if not isinstance(value, np.ndarray | float):
        return
    numbers = np.asarray(value)
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        refuse(f"has a {kind} whose {name} is not finite")


def _check_answer(kind: str, booster: Any) -> None:
    """Predict one row: the libraries check most of their settings only then."""
    row = np.zeros((1, booster.n_features_in_))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the row has no names
            answer = booster.predict_proba(row)
    except Exception as error:
        raise RegistryError(
            f"The model file holds a {kind} that cannot predict: it is damaged or made "
            "up. Restore it from a copy."
        ) from error
    if not np.isfinite(answer).all():
        refuse(f"has a {kind} whose probabilities are not finite")


def _check_features(kind: str, own: dict[str, Any]) -> None:
    n_features = own.get("n_features_in_")
    if n_features is None:
        return
    names = own.get("feature_names_in_")
    if names is not None and not len({*names}) == len(names) == n_features:
        refuse(f"has a {kind} with another number of names than features")
    for name in _OF_FEATURES:
        values = own.get(name)
        if isinstance(values, np.ndarray) and (
            not values.ndim or values.shape[-1] != n_features
        ):
            refuse(f"has a {kind} whose {name} is not for {n_features} features")
