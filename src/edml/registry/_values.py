"""Values of parameters and fitted attributes that edml would store."""

import re
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from xgboost import XGBClassifier

from edml._sklearn import validate_parameter_constraints
from edml.exceptions import RegistryError
from edml.feature_extraction import (
    FEATURE_SETS,
    RELATIVE_FIGURES,
    ActivityFeatures,
    FeatureEngineer,
    HistoryFeatures,
    ProgressFeatures,
    StaticColumns,
)
from edml.preprocessing import DataCleaner, KeyDropper
from edml.registry._nodes import refuse
from edml.schema import resolve_columns, resolve_exam_kinds

#: The parts of HistoryFeatures, in their order, besides StaticColumns at the end.
PARTS: tuple[type, ...] = (FeatureEngineer, ProgressFeatures, ActivityFeatures)
#: They take ``columns``.
_MAPPED: Any = (DataCleaner, HistoryFeatures, StaticColumns, *PARTS)
#: Parameters that HistoryFeatures hands on to its parts.
_SHARED = {"columns", "exam_kinds", "fill_value", "partition_days", "pending"}
# Fitted arrays with one value, row or column for each feature.
_OF_FEATURES = (
    *("center_", "coef_", "data_max_", "data_min_", "data_range_", "feature_count_"),
    *("feature_log_prob_", "max_abs_", "mean_", "min_", "scale_", "statistics_"),
    *("theta_", "var_", "variances_"),
)
# The same for each class.
_OF_CLASSES = ("class_count_", "class_log_prior_", "class_prior_", "theta_")
_MAY_BE_MISSING = {"statistics_"}  # of a column without values
#: What scikit-learn writes for a parameter that is deprecated and was not set; the
#: constraints of a version that still has the parameter do not know it.
_NOT_SET = "deprecated"
# LightGBM parses the settings as one name=value string in every prediction.
_WORD = re.compile(r"[\w.:,\-\[\]() ]{0,200}", re.ASCII)
_MOST = 2**32  # the largest whole number that a seed may be
_MOST_TREES = 100_000
_LARGEST = 1e60  # a number whose square does not overflow


def check_values(estimator: Any) -> None:
    """Check one estimator: its parameters, numbers, shapes, classes and names."""
    kind = type(estimator).__name__
    own = vars(estimator)
    _check_parameters(kind, estimator)
    for name, value in own.items():
        if name.endswith("_"):
            _check_finite(kind, name, value)
    _check_shapes(kind, own)
    if isinstance(estimator, DataCleaner | KeyDropper):
        _check_columns(kind, own)
    classes = own.get("classes_", own.get("_classes"))
    if isinstance(classes, np.ndarray) and not (classes[:-1] < classes[1:]).all():
        refuse(f"has a {kind} whose classes do not ascend")
    encoder = own.get("_le")
    if encoder is not None and not np.array_equal(encoder.classes_, classes):
        refuse(f"has a {kind} with two lists of classes")
    if isinstance(estimator, HistoryFeatures):
        _check_joined(estimator)
    if isinstance(estimator, StaticColumns):
        _check_static(estimator)


def check_threshold(threshold: Any) -> None:
    """Check that a threshold is a probability."""
    number = isinstance(threshold, float | int) and not isinstance(threshold, bool)
    if not number or not 0 <= threshold <= 1:
        refuse("has a threshold that is not a number from 0 to 1")


def check_names(given: Iterable[Any], known: Iterable[Any], kind: str) -> None:
    """Check that a step's features have the order in which it receives them.

    A booster that was fitted on an array has numbered its features.
    """
    if [*given] == [*known]:
        return
    # LightGBM cannot store spaces
    names = [str(name).replace(" ", "_") for name in given]
    expected = [str(name).replace(" ", "_") for name in known]
    numbered = [f"Column_{number}" for number in range(len(names))]
    if names != expected and expected not in ([], numbered):
        refuse(f"gives its {kind} other features than it was fitted on")


def is_setting(value: Any) -> bool:
    """Return whether a booster's parameter is a plain one, or a list of such."""
    if isinstance(value, list | tuple):
        return all(map(is_setting, value))
    if isinstance(value, dict):
        return is_setting([*value]) and is_setting([*value.values()])
    if isinstance(value, str):
        return "=" not in value and _WORD.fullmatch(value) is not None
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf" and is_setting(value.ravel().tolist())
    number = isinstance(value, Real | np.bool) and not abs(float(value)) > _MOST
    return value is None or number


def _check_parameters(kind: str, estimator: Any) -> None:
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
            for name, most in (("partition_days", _MOST), ("fill_value", _LARGEST)):
                if own.get(name) is not None and not abs(float(own[name])) <= most:
                    refuse(f"has a {kind} whose {name} is not finite, or too large")
        if isinstance(estimator, FeatureEngineer | HistoryFeatures):
            resolve_exam_kinds(estimator.exam_kinds)
        n_trees = own.get("n_estimators")
        if n_trees is not None and not 0 < n_trees <= _MOST_TREES:
            refuse(f"has a {kind} of {n_trees} trees; at most {_MOST_TREES} are read")
        if isinstance(estimator, LGBMClassifier | XGBClassifier):
            for name, value in estimator.get_params(deep=False).items():
                if not is_setting(value):
                    refuse(f"has a {kind} whose {name} is not a plain setting")
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, RegistryError):
            raise
        refuse(f"has a {kind} with a parameter that it cannot have ({error})")


def _check_joined(joined: HistoryFeatures) -> None:
    """Check that the parts are those of the set of features, in their order."""
    wanted = PARTS[: 1 + FEATURE_SETS.index(joined.features)]
    if joined.static is not None:
        wanted = (*wanted, StaticColumns)
    if not isinstance(joined.parts_, list) or (*map(type, joined.parts_),) != wanted:
        refuse(f"has HistoryFeatures of {joined.features!r} with other parts")
    names = [*getattr(joined, "feature_names_in_", ())]
    relative = getattr(joined, "relative_", [])  # those stored before have none
    _check_texts("HistoryFeatures", relative)
    if not {*relative} <= {*RELATIVE_FIGURES[joined.features]}:
        refuse("has HistoryFeatures that compare something else with the course")
    for part in joined.parts_:
        own = {name: vars(part)[name] for name in _SHARED & vars(part).keys()}
        other = any(value != getattr(joined, name) for name, value in own.items())
        if other or [*getattr(part, "feature_names_in_", ())] != names:
            refuse("has HistoryFeatures whose parts have other settings or columns")


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
    if numbers.dtype.kind != "f":
        return
    numbers = numbers.astype(np.float64)
    if name in _MAY_BE_MISSING:
        numbers = numbers[~np.isnan(numbers)]
    if not (np.abs(numbers) <= _LARGEST).all():
        refuse(f"has a {kind} whose {name} is not finite, or too large")


def _check_shapes(kind: str, own: dict[str, Any]) -> None:
    n_features = own.get("n_features_in_")
    if n_features is None:
        return
    names = own.get("feature_names_in_")
    if names is not None and not (
        len({*names}) == len(names) == n_features
        and all(isinstance(name, str) for name in names)
    ):
        refuse(f"has a {kind} with another number of names than features")
    sizes = [(name, -1, n_features, "features") for name in _OF_FEATURES]
    if "classes_" in own:
        n_classes = len(own["classes_"])
        sizes += [(name, 0, n_classes, "classes") for name in _OF_CLASSES]
    for name, axis, size, what in sizes:
        values = own.get(name)
        if values is not None and not (
            isinstance(values, np.ndarray)
            and values.dtype.kind == "f"
            and values.ndim
            and values.shape[axis] == size
        ):
            refuse(f"has a {kind} whose {name} is not for {size} {what}")


def _check_columns(kind: str, own: dict[str, Any]) -> None:
    """Check that a step that only passes columns on knows its own in their order."""
    names = own.get("feature_names_in_")
    if names is None:
        return
    dropped = own.get("keys", ())
    kept = [name for name in names.tolist() if name not in dropped]
    if kept != own.get("_kept", own.get("_columns_out")):
        refuse(f"has a {kind} with other columns than it was fitted on")
