"""Derive models from stored ones, by refitting or with another threshold."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

from edml._sklearn import InvalidParameterError
from edml.classifier import (
    DeployedClassifier,
    RiskClassifier,
    check_threshold,
    choose_threshold,
)
from edml.exceptions import EdmlError, RegistryError
from edml.inspection import EvaluationUnits
from edml.pipeline import strip_samplers
from edml.registry._errors import registry_error
from edml.registry._record import ModelRecord
from edml.registry._store import ModelStore, check_unseen
from edml.registry._training import (
    describe_training,
    read_rule,
    rebuild,
    retuned_training,
)
from edml.schema import fingerprint


def deployable(model: Any) -> Any:
    """Return an equivalent model without training rows."""
    if not isinstance(model, RiskClassifier):
        return strip_samplers(model)
    try:
        return model.deployable()
    except NotFittedError as error:
        raise RegistryError(
            "Expected a fitted model; found a RiskClassifier that is not. Fit it first."
        ) from error


def refit(
    store: ModelStore,
    version: int | str,
    X: Any,
    y: ArrayLike,
    tags: Mapping[str, Any] | None,
) -> ModelRecord:
    """Train a stored model on other rows, and store it."""
    record = store.record(version)
    number = record.version
    model = rebuild(record.training, store.load(number), number)
    _fit(model, X, y, number)
    stored = deployable(model)
    known = getattr(stored, "data_fingerprint", None)
    return store.add(
        stored,
        describe_training(model),
        tags=tags,
        parent=number,
        reference=getattr(model, "reference_", None),
        data_fingerprint=known or _training_fingerprint(X, y),
    )


def _fit(model: Any, X: Any, y: ArrayLike, version: int) -> None:
    """Fit a rebuilt model, whose settings are from a record."""
    try:
        model.fit(X, y)
    except EdmlError:
        raise
    except (TypeError, ValueError) as error:
        # other messages may quote a row
        of_settings = isinstance(error, InvalidParameterError)
        found = str(error) if of_settings else f"{type(error).__name__} in fit."
        raise RegistryError(
            f"Expected settings in the record of version {version}, and rows, that a "
            f"model can be fitted with; found: {found} Check X and y, or fit a model "
            f"with other settings and register it with parent={version}."
        ) from error


def retune_threshold(
    store: ModelStore,
    version: int | str,
    X: Any,
    y: ArrayLike,
    threshold: Any,
    tags: Mapping[str, Any] | None,
) -> ModelRecord:
    """Choose another threshold for a stored model, and store it."""
    record = store.record(version)
    written = (record.training or {}).get("threshold")
    rule = read_rule(written) if threshold is None else threshold
    if rule is None:
        raise registry_error(
            "no_rule",
            f"Expected a rule for the threshold in the record of version "
            f"{record.version}; found none. Pass threshold='f1', or another.",
            version=record.version,
        )
    check_threshold(rule)
    model = store.load(record.version)
    units = EvaluationUnits.from_estimator(model, X, y)
    data = units.fingerprint()
    check_unseen({**record.to_dict(), "threshold_fingerprint": None}, data)
    return store.add(
        _with_threshold(model, _choose(rule, units)),
        retuned_training(record.training, rule),
        tags=tags,
        parent=record.version,
        reference=store.reference(record.version),  # the probabilities are the same
        data_fingerprint=record.data_fingerprint,
        threshold_fingerprint=data,
    )


def _choose(rule: Any, units: EvaluationUnits) -> float:
    if isinstance(rule, Real):
        return float(rule)
    if len(np.unique(units.y_true)) < 2:
        raise registry_error(
            "one_outcome",
            "Expected rows of students who fail and of students who pass; found "
            f"{len(units.y_true)} of one outcome. Pass rows of both.",
        )
    occupancy = None if units.course is None else units.course.occupancy
    return choose_threshold(rule, units.y_prob, units.y_true, occupancy)


def _with_threshold(model: Any, threshold: float) -> DeployedClassifier:
    if isinstance(model, DeployedClassifier):
        known = model.get_params(deep=False)
        return DeployedClassifier(**{**known, "threshold": threshold})
    names = getattr(model, "feature_names_in_", None)
    return DeployedClassifier(model, None, threshold, model.classes_, names)


def _training_fingerprint(X: Any, y: ArrayLike) -> str:
    """Return the fingerprint of training rows, as `RiskClassifier` computes it."""
    codes = np.unique(np.asarray(y), return_inverse=True)[1]
    return fingerprint(X, codes.astype(np.int64))
