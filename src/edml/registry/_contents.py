"""What each class of the list must hold, before it is made and after."""

import json
import re
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from edml.classifier import (
    DeployedClassifier,
    IsotonicCalibrator,
    RiskClassifier,
    SigmoidCalibrator,
)
from edml.exceptions import RegistryError
from edml.pipeline import Blend
from edml.pipeline._blend import LOG_ODDS, PROBABILITY
from edml.registry import _types
from edml.registry._boosters_lightgbm import BoosterShape, check_lightgbm
from edml.registry._boosters_xgboost import check_xgboost
from edml.registry._nodes import Walk
from edml.registry._states import State, attributes, read_json, refuse
from edml.registry._trees import TreeParts, check_forest, read_classifier

# LightGBM reads the classifier's settings as one text of name=value, at every predict
_SETTING = re.compile(r"[\w.:,\-]{0,200}")
_OTHER_SETTINGS = frozenset(
    {
        "bagging_fraction",
        "bagging_freq",
        "bagging_seed",
        "cat_l2",
        "cat_smooth",
        "data_random_seed",
        "deterministic",
        "extra_seed",
        "extra_trees",
        "feature_fraction",
        "feature_fraction_bynode",
        "feature_fraction_seed",
        "first_metric_only",
        "force_col_wise",
        "force_row_wise",
        "is_unbalance",
        "lambda_l1",
        "lambda_l2",
        "max_bin",
        "max_cat_threshold",
        "max_cat_to_onehot",
        "max_delta_step",
        "metric",
        "min_data_in_bin",
        "min_data_in_leaf",
        "min_data_per_group",
        "min_gain_to_split",
        "min_sum_hessian_in_leaf",
        "neg_bagging_fraction",
        "path_smooth",
        "pos_bagging_fraction",
        "scale_pos_weight",
        "seed",
        "verbose",
        "verbosity",
    }
)


class ContentCheck:
    """Checks by class, and the trees that they gather."""

    def __init__(self) -> None:
        self.trees: list[TreeParts] = []

    def __call__(self, walk: Walk, name: str, own: dict[str, State]) -> set[str]:
        """Check an object's attributes.

        Parameters
        ----------
        walk : Walk
            Gives the arrays.
        name : str
            The class, with its module.
        own : dict of str to dict
            The attributes' nodes.

        Returns
        -------
        checked : set of str
            Those that are no plain nodes, and checked here.

        Raises
        ------
        RegistryError
            If the class's own code could not live with them.
        """
        if name in _types.TREE_CLASSIFIERS:
            parts = read_classifier(walk, own)
            if parts is None:
                return set()
            self.trees.append(parts)
            return {"tree_"}
        if name in _types.FORESTS:
            check_forest(walk, own)
        if name == _types.LIGHTGBM:
            return _check_lightgbm_classifier(walk, own)
        if name == _types.XGBOOST:
            return _check_xgboost_classifier(walk, own)
        return set()


def check_model(model: Any) -> None:
    """Check that a model is a fitted classifier, and that its parts agree.

    Parameters
    ----------
    model : object
        What was loaded, or is to be stored.

    Raises
    ------
    RegistryError
        If it is not, or they do not.
    """
    if isinstance(model, RiskClassifier):
        message = "A RiskClassifier holds students' data. Pass model.deployable()."
        raise RegistryError(message)
    estimator = hasattr(model, "__sklearn_tags__") and not isinstance(model, type)
    if not estimator or not is_classifier(model):
        message = (
            f"Expected a fitted classifier, got {type(model).__name__}. Fit one, or "
            "a pipeline that ends in one."
        )
        raise RegistryError(message)
    try:
        check_is_fitted(model)
        n_classes = len(np.asarray(model.classes_))
        n_features = int(getattr(model, "n_features_in_", 1))
    except Exception as error:
        message = f"The {type(model).__name__} is not fitted. Fit it first."
        raise RegistryError(message) from error
    if n_classes < 2 or n_features < 1 or not hasattr(model, "predict_proba"):
        message = (
            f"The {type(model).__name__} has {n_classes} classes, {n_features} "
            "features; at least 2 and 1 are needed, and predict_proba."
        )
        raise RegistryError(message)
    if isinstance(model, DeployedClassifier):
        _check_deployed(model)
    elif isinstance(model, Blend):
        _check_blend(model)
    else:
        _check_steps(model)


def _check_deployed(model: DeployedClassifier) -> None:
    check_model(model.pipeline)
    classes = np.asarray(model.classes)
    right = (
        isinstance(model.threshold, float | int)
        and np.isfinite(model.threshold)
        and classes.shape == (2,)
        and np.array_equal(classes, np.asarray(model.pipeline.classes_))
        and (
            model.feature_names is None
            or len(model.feature_names) == getattr(model.pipeline, "n_features_in_", 0)
        )
    )
    if not right:
        refuse("has a threshold, classes or columns that do not fit its pipeline")
    calibrator = model.calibrator
    if isinstance(calibrator, SigmoidCalibrator):
        low, high = calibrator.range_
        numbers = (calibrator.slope_, calibrator.intercept_)
        right = 0 < low <= high < 1 and calibrator.slope_ > 0
        right = right and all(np.isfinite(number) for number in numbers)
    elif isinstance(calibrator, IsotonicCalibrator):
        at, height = calibrator.scores_, calibrator.probabilities_
        right = at.ndim == 1 and at.shape == height.shape and len(at) >= 2
        right = right and at[0] == 0 and at[-1] == 1 and (np.diff(at) >= 0).all()
        right = right and height[0] >= 0 and height[-1] <= 1
        right = right and (np.diff(height) >= 0).all()
    elif calibrator is not None:
        right = False
    if not right:
        refuse("has a calibrator that does not rise from 0 to 1")


def _check_blend(model: Blend) -> None:
    if model.scale not in {PROBABILITY, LOG_ODDS} or not model.classifiers_:
        refuse("has a blend of nothing, or on no scale")
    for classifier in model.classifiers_:
        check_model(classifier)
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
        given = len(model[:-1].get_feature_names_out())
        needed = getattr(final, "n_features_in_", given)
        if given != needed:
            refuse(f"gives {given} features to a classifier of {needed}")
    check_model(final)


def _booster(walk: Walk, own: dict[str, State], name: str) -> dict[str, State]:
    node = own["_Booster"]
    found = f"{node['__module__']}.{node['__class__']}"
    kinds = {"__class__", "__module__", "__loader__", "content"}
    if node.get("__loader__") != "ObjectNode" or found != name or node.keys() != kinds:
        refuse("has a booster of another form than edml gives it")
    walk.name(name, _types.ALLOWED_TYPES)
    walk.visit(node["content"])
    return attributes(node)


def _check_lightgbm_classifier(walk: Walk, own: dict[str, State]) -> set[str]:
    if own.get("_Booster", {}).get("__loader__") != "ObjectNode":
        refuse("has a LightGBM classifier that is not fitted")
    for name, node in own.items():
        if node.get("__loader__") != "JsonNode":
            continue
        value = read_json(node)
        if isinstance(value, str):
            plain = _SETTING.fullmatch(value) is not None
        else:
            plain = value is None or isinstance(value, bool | int | float)
        if not plain:
            refuse(f"has a LightGBM setting {name!r} that is no setting")
    others = own["_other_params"]
    if others["__loader__"] != "DictNode" or not all(
        name in _OTHER_SETTINGS and _is_setting(read_json(node))
        for name, node in others["content"].items()
    ):
        refuse("has LightGBM settings that do not belong in a stored model")
    state = _booster(walk, own, _types.STORED_LIGHTGBM)
    if state.keys() != {"model", "best_iteration", "params"}:
        refuse("has a booster of another form than edml gives it")
    _check_settings(json.loads(read_json(state["params"])))
    shape = check_lightgbm(_content(walk, state).decode("utf-8"))
    best = read_json(state["best_iteration"])
    if type(best) is not int or not -1 <= best <= shape.n_iterations:
        refuse("has a booster with a best iteration that is not there")
    _compare(walk, own, shape, "_n_features", "_n_classes")
    if walk.array(own["_classes"]).shape != (shape.n_classes,):
        refuse("has a booster of other classes than its classifier")
    return {"_Booster"}


def _is_setting(value: Any) -> bool:
    if isinstance(value, str):
        return _SETTING.fullmatch(value) is not None
    return value is None or isinstance(value, bool | int | float)


def _check_settings(params: Any) -> None:
    if not isinstance(params, dict) or any(
        isinstance(value, dict | list) for value in params.values()
    ):
        refuse("has a booster whose settings are none")


def _check_xgboost_classifier(walk: Walk, own: dict[str, State]) -> set[str]:
    if own.get("_Booster", {}).get("__loader__") != "ObjectNode":
        refuse("has an XGBoost classifier that is not fitted")
    state = _booster(walk, own, _types.STORED_XGBOOST)
    if state.keys() != {"model", "n_jobs"} or state["n_jobs"] != own["n_jobs"]:
        refuse("has a booster of another form than edml gives it")
    shape = check_xgboost(_content(walk, state))
    _compare(walk, own, shape, None, "n_classes_")
    return {"_Booster"}


def _content(walk: Walk, state: dict[str, State]) -> bytes:
    if state["model"].get("__loader__") != "BytesNode":
        refuse("has a booster of another form than edml gives it")
    return walk.member(state["model"])


def _compare(
    walk: Walk,
    own: dict[str, State],
    shape: BoosterShape,
    n_features: str | None,
    n_classes: str,
) -> None:
    if n_features is not None and walk.number(own[n_features]) != shape.n_features:
        refuse("has a booster of other features than its classifier")
    if walk.number(own[n_classes]) != shape.n_classes:
        refuse("has a booster of other classes than its classifier")
