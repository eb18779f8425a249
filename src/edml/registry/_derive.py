"""New models from stored ones: trained anew, or with another threshold."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

from edml.classifier import DeployedClassifier, RiskClassifier
from edml.classifier._thresholds import check_threshold, choose_threshold
from edml.exceptions import RegistryError
from edml.inspection._judged import judge
from edml.pipeline._steps import without_samplers
from edml.registry._duel import Answered
from edml.registry._record import ModelRecord
from edml.registry._shelf import Shelf, check_unseen
from edml.registry._training import (
    describe_training,
    read_rule,
    rebuild,
    retuned_training,
)
from edml.schema import fingerprint


def deployable(model: Any) -> Any:
    """Give the model that predicts the same, without any training row.

    Parameters
    ----------
    model : classifier
        A fitted RiskClassifier, pipeline, or any other classifier.

    Returns
    -------
    model : classifier
        What is stored.

    Raises
    ------
    RegistryError
        If a RiskClassifier is not fitted; of all else the store of models tells.
    """
    if isinstance(model, RiskClassifier):
        try:
            return model.deployable()
        except NotFittedError as error:
            message = (
                "Expected a fitted model; found a RiskClassifier that is not. Fit it "
                "first."
            )
            raise RegistryError(message) from error
    return without_samplers(model)


def retune(
    model: Any, X: Any, y: ArrayLike, threshold: Any
) -> tuple[DeployedClassifier, str]:
    """Give a stored model another threshold, chosen on the rows given.

    Parameters
    ----------
    model : classifier
        A stored model of two classes.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        Of students that it was not trained on.
    y : array-like of shape (n_rows,)
        Their outcomes.
    threshold : float, str, callable or Capacity
        The rule, as `RiskClassifier` takes it.

    Returns
    -------
    model : DeployedClassifier
        The new one.
    data_fingerprint : str
        Of the rows.

    Raises
    ------
    RegistryError
        If the rows hold one outcome only.
    """
    check_threshold(threshold)
    judged = judge(Answered(model, X), X, y, None)
    if isinstance(threshold, Real):
        chosen = float(threshold)
    else:
        n_failing = int(judged.fails.sum())
        if n_failing in (0, len(judged.fails)):
            message = (
                "Expected rows of students who fail and of students who pass; found "
                f"{len(judged.fails)} of one outcome. Give rows of both."
            )
            raise RegistryError(message)
        occupancy = None if judged.course is None else judged.course.occupancy
        chosen = choose_threshold(
            threshold, judged.probability, judged.fails, occupancy
        )
    is_deployed = isinstance(model, DeployedClassifier)
    new = DeployedClassifier(
        model.pipeline if is_deployed else model,
        model.calibrator if is_deployed else None,
        chosen,
        model.classes_,
        getattr(model, "feature_names_in_", None),
        getattr(model, "split_plan_hash", None),
        getattr(model, "data_fingerprint", None),
    )
    return new, fingerprint(X, judged.labels)


def refit(
    shelf: Shelf,
    version: int | str,
    X: Any,
    y: ArrayLike,
    tags: Mapping[str, Any] | None,
) -> ModelRecord:
    """Train a stored model anew, and store it.

    Parameters
    ----------
    shelf : Shelf
        The models.
    version : int or str
        Which.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The training rows.
    y : array-like of shape (n_rows,)
        Their outcomes.
    tags : mapping or None
        What the user notes.

    Returns
    -------
    record : ModelRecord
        Of the new version.
    """
    record = shelf.record(version)
    number = record.version
    model = rebuild(record.training, shelf.load(number), number)
    model.fit(X, y)
    stored = deployable(model)
    known = getattr(stored, "data_fingerprint", None)
    return shelf.add(
        stored,
        describe_training(model),
        tags=tags,
        parent=number,
        data_fingerprint=known or _training_fingerprint(X, y),
    )


def retune_threshold(
    shelf: Shelf,
    version: int | str,
    X: Any,
    y: ArrayLike,
    threshold: Any,
    tags: Mapping[str, Any] | None,
) -> ModelRecord:
    """Choose the threshold of a stored model anew, and store it.

    Parameters
    ----------
    shelf : Shelf
        The models.
    version : int or str
        Which.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        Of students that it was not trained on.
    y : array-like of shape (n_rows,)
        Their outcomes.
    threshold : float, str, callable, Capacity or None
        The rule; None is that of the record.
    tags : mapping or None
        What the user notes.

    Returns
    -------
    record : ModelRecord
        Of the new version.

    Raises
    ------
    RegistryError
        If there is no rule.
    """
    record = shelf.record(version)
    written = (record.training or {}).get("threshold")
    rule = read_rule(written) if threshold is None else threshold
    if rule is None:
        message = (
            f"Expected a rule for the threshold in the record of version "
            f"{record.version}; found none. Pass threshold='f1', or another."
        )
        raise RegistryError(message)
    model, data = retune(shelf.load(record.version), X, y, rule)
    check_unseen({**record.to_dict(), "threshold_fingerprint": None}, data)
    return shelf.add(
        model,
        retuned_training(record.training, rule),
        tags=tags,
        parent=record.version,
        data_fingerprint=record.data_fingerprint,
        threshold_fingerprint=data,
    )


def _training_fingerprint(X: Any, y: ArrayLike) -> str:
    """Give the fingerprint of training rows, as `RiskClassifier` makes it.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The table.
    y : array-like of shape (n_rows,)
        The labels.

    Returns
    -------
    digest : str
        With each label as its place among the sorted labels.
    """
    codes = np.unique(np.asarray(y), return_inverse=True)[1]
    return fingerprint(X, codes.astype(np.int64))
