"""Checks of a finished model: it is a fitted classifier whose parts fit together."""

import re
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted

from edml.classifier import (
    DeployedClassifier,
    IsotonicCalibrator,
    RiskClassifier,
    SigmoidCalibrator,
)
from edml.exceptions import RegistryError
from edml.pipeline import Blend
from edml.preprocessing import KeyDropper
from edml.registry import _types
from edml.registry._nodes import refuse
from edml.registry._values import check_names, check_threshold, check_values

#: Everything that their predictions read was checked before they were made.
_OF_TREES = _types.FORESTS | _types.TREE_CLASSIFIERS
#: Classes on the list that take a matrix of numbers.
_NUMERIC = _OF_TREES | {name for name in _types.OBJECTS if not name.startswith("edml.")}
_HASH = re.compile(r"[0-9a-f]{1,128}")


def check_model(model: Any) -> None:
    """Check that a model is a fitted classifier whose parts fit together."""
    _check_classifier(model)
    check_parts(model)  # of the classifiers inside, too
    _check_inside(model)


def _check_classifier(model: Any) -> None:
    if isinstance(model, RiskClassifier):
        raise RegistryError(
            "A RiskClassifier holds students' data. Pass model.deployable()."
        )
    estimator = hasattr(model, "__sklearn_tags__") and not isinstance(model, type)
    if not estimator or not is_classifier(model):
        raise RegistryError(
            f"Expected a fitted classifier, got {type(model).__name__}. Fit one, or "
            "a pipeline that ends in one."
        )
    try:
        check_is_fitted(model)
        n_classes = len(np.asarray(model.classes_))
        n_features = int(getattr(model, "n_features_in_", 1))
    except Exception as error:
        raise RegistryError(
            f"The {type(model).__name__} is not fitted. Fit it first."
        ) from error
    if n_classes < 2 or n_features < 1 or not hasattr(model, "predict_proba"):
        raise RegistryError(
            f"The {type(model).__name__} has {n_classes} classes, {n_features} "
            "features; at least 2 and 1 are needed, and predict_proba."
        )


def _check_inside(model: Any) -> None:
    if isinstance(model, DeployedClassifier):
        _check_deployed(model)
    elif isinstance(model, Blend):
        _check_blend(model)
    else:
        _check_steps(model)


def check_parts(part: Any) -> None:
    """Check the values of all estimators in a model."""
    if isinstance(part, list | tuple):
        for one in part:
            check_parts(one)
    elif isinstance(part, BaseEstimator):
        check_values(part)
        for name, value in vars(part).items():
            if name != "estimators_":  # a forest's trees, checked with their nodes
                check_parts(value)


def _check_deployed(model: DeployedClassifier) -> None:
    _check_classifier(model.pipeline)
    _check_inside(model.pipeline)
    classes = np.asarray(model.classes)  # a fitted pipeline may know them by codes
    if classes.shape != (2,) or (
        np.asarray(model.pipeline.classes_).tolist()
        not in ([0, 1], sorted(classes.tolist()))
    ):
        refuse("has classes that do not fit its pipeline")
    names, known = model.feature_names, getattr(model.pipeline, "feature_names_in_", ())
    if names is not None:
        check_names(names, known, "pipeline")
        if len(names) != getattr(model.pipeline, "n_features_in_", len(names)):
            refuse("has columns that do not fit its pipeline")
    for text in (model.split_plan_hash, model.data_fingerprint):
        if text is not None and not _HASH.fullmatch(text):
            refuse("has a fingerprint that is not one")
    check_threshold(model.threshold)
    calibrator, right = model.calibrator, True
    if isinstance(calibrator, SigmoidCalibrator):
        low, high = calibrator.range_
        numbers = (low, high, calibrator.slope_, calibrator.intercept_)
        right = all(isinstance(one, float) and np.isfinite(one) for one in numbers)
        right = right and 0 < low <= high < 1 and calibrator.slope_ > 0
    elif isinstance(calibrator, IsotonicCalibrator):
        at, height = calibrator.scores_, calibrator.probabilities_
        right = {at.dtype, height.dtype} == {np.dtype(np.float64)}
        right = right and at.ndim == 1 and at.shape == height.shape and len(at) >= 2
        right = right and at[0] == 0 and at[-1] == 1 and bool((np.diff(at) >= 0).all())
        right = right and height[0] > 0 and height[-1] < 1
        right = right and bool((np.diff(height) >= 0).all())
    elif calibrator is not None:
        right = False
    if not right:
        refuse("has a calibrator that does not increase from 0 to 1")


def _check_blend(model: Blend) -> None:
    if model.scale not in {"probability", "log-odds"} or not model.classifiers_:
        refuse("has a blend without members or with an unknown scale")
    for classifier in model.classifiers_:
        _check_classifier(classifier)
        _check_inside(classifier)
        if classifier.n_features_in_ != model.n_features_in_ or not np.array_equal(
            classifier.classes_, model.classes_
        ):
            refuse("has a blend whose members do not fit it")


def _check_steps(model: Any) -> None:
    steps = [one for _, one in getattr(model, "steps", [("", model)])]
    steps = [one for one in steps if one not in (None, "passthrough")]
    final, names = steps[-1], None
    for step in steps:
        known = getattr(step, "feature_names_in_", ())
        # a later edml may compute more features, of which it takes its own by name
        by_name = isinstance(step, KeyDropper) and len(known) > 0
        if names is not None and not (by_name and {*known} <= {*names}):
            needed = getattr(step, "n_features_in_", len(names))
            if len(names) != needed:
                refuse(f"gives {len(names)} features to a step of {needed}")
            check_names(names, known, "classifier" if step is final else "steps")
        if step is not final:
            named = hasattr(step, "get_feature_names_out")
            names = step.get_feature_names_out(names) if named else None
    if final is not model:
        _check_classifier(final)
    if isinstance(final, DeployedClassifier | Blend) or hasattr(final, "steps"):
        _check_inside(final)
    else:
        _try(steps)


def _try(steps: list[Any]) -> None:
    """Predict a row of zeros with the steps that know no events or students.

    The libraries check many fitted attributes and settings only then.
    """
    kinds = [f"{type(one).__module__}.{type(one).__qualname__}" for one in steps]
    first = len(steps)
    while first and kinds[first - 1] in _NUMERIC:
        first -= 1
    if {*kinds[first:]} <= _OF_TREES:
        return
    row = np.zeros((1, steps[first].n_features_in_))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the row has no names
            for step in steps[first:-1]:
                row = step.transform(row)
            answer = steps[-1].predict_proba(row)
    except Exception as error:
        raise RegistryError(
            f"The model file holds a {type(steps[-1]).__name__} that cannot predict "
            f"here ({error}): it is damaged, or another version of its library stored "
            "it. Restore it from a copy, or refit it."
        ) from error
    shape = (1, len(steps[-1].classes_))
    if answer.shape != shape or not ((answer >= 0) & (answer <= 1)).all():
        refuse(f"has a {type(steps[-1]).__name__} whose answers are no probabilities")
