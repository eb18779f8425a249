"""Checks of a finished model: it is a fitted classifier whose parts fit together."""

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
from edml.registry._nodes import refuse
from edml.registry._values import check_names, check_threshold, check_values


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
    right = (
        classes.shape == (2,)
        and np.asarray(model.pipeline.classes_).tolist() in ([0, 1], classes.tolist())
        and (
            model.feature_names is None
            or len(model.feature_names) == getattr(model.pipeline, "n_features_in_", 0)
        )
    )
    if not right:
        refuse("has classes or columns that do not fit its pipeline")
    check_threshold(model.threshold)
    calibrator = model.calibrator
    if isinstance(calibrator, SigmoidCalibrator):
        low, high = calibrator.range_
        numbers = (calibrator.slope_, calibrator.intercept_)
        right = 0 < low <= high < 1 and calibrator.slope_ > 0
        right = right and all(np.isfinite(number) for number in numbers)
    elif isinstance(calibrator, IsotonicCalibrator):
        at, height = calibrator.scores_, calibrator.probabilities_
        right = at.ndim == 1 and at.shape == height.shape and len(at) >= 2
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
    steps = getattr(model, "steps", None)
    if steps is None:
        return
    final = steps[-1][1]
    if len(steps) > 1 and hasattr(model[:-1], "get_feature_names_out"):
        names = model[:-1].get_feature_names_out()
        needed = getattr(final, "n_features_in_", len(names))
        if len(names) != needed:
            refuse(f"gives {len(names)} features to a classifier of {needed}")
        check_names(names, getattr(final, "feature_names_in_", ()), "classifier")
    _check_classifier(final)
    _check_inside(final)
