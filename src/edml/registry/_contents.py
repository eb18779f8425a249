"""Checks of an object's attributes by its class, before the object is made."""

import json
import re
from typing import Any

from edml.registry import _types
from edml.registry._boosters import make_lightgbm, make_xgboost
from edml.registry._boosters_lightgbm import BoosterShape, check_lightgbm
from edml.registry._boosters_xgboost import check_xgboost
from edml.registry._nodes import (
    State,
    attributes,
    check_keys,
    read_json,
    refuse,
    type_name,
)
from edml.registry._trees import TreeParts, check_forest, read_tree
from edml.registry._walk import Maker, Walk

# LightGBM parses the settings as one name=value string in every prediction
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
    """Checks by class; they also collect the trees."""

    def __init__(self) -> None:
        self.trees: list[TreeParts] = []

    def __call__(
        self, walk: Walk, name: str, own: dict[str, State]
    ) -> dict[str, Maker]:
        """Check an object's attributes; return the makers of the special ones."""
        if name in _types.TREE_CLASSIFIERS and "tree_" in own:
            parts, make = read_tree(walk, own)
            self.trees.append(parts)
            return {"tree_": make}
        if name in _types.FORESTS:
            check_forest(walk, own)
        if name == _types.LIGHTGBM:
            return {"_Booster": _read_lightgbm(walk, own)}
        if name == _types.XGBOOST:
            return {"_Booster": _read_xgboost(walk, own)}
        return {}


def _read_lightgbm(walk: Walk, own: dict[str, State]) -> Maker:
    state, make = _read_booster(
        walk, own, _types.STORED_LIGHTGBM, {"model", "best_iteration", "params"}
    )
    settings = {
        name: read_json(node)
        for name, node in own.items()
        if node.get("__loader__") == "JsonNode"
    }
    others = own["_other_params"]
    if others["__loader__"] != "DictNode" or others["content"].keys() - _OTHER_SETTINGS:
        refuse("has LightGBM settings that do not belong in a stored model")
    settings |= {name: read_json(node) for name, node in others["content"].items()}
    for name, value in settings.items():
        if not _is_setting(value):
            refuse(f"has an invalid LightGBM setting {name!r}")
    params = json.loads(read_json(state["params"]))
    if not isinstance(params, dict) or any(
        isinstance(value, dict | list) for value in params.values()
    ):
        refuse("has a booster with invalid settings")
    shape = check_lightgbm(walk.member(state["model"]).decode("utf-8"))
    best = read_json(state["best_iteration"])
    if type(best) is not int or not -1 <= best <= shape.n_iterations:
        refuse("has a booster with a best iteration that does not exist")
    if walk.number(own["_n_features"]) != shape.n_features:
        refuse("has a booster of other features than its classifier")
    _check_classes(walk, own["_n_classes"], shape)
    if walk.array(own["_classes"]).shape != (shape.n_classes,):
        refuse("has a booster of other classes than its classifier")
    return lambda: make_lightgbm(make())


def _read_xgboost(walk: Walk, own: dict[str, State]) -> Maker:
    state, make = _read_booster(walk, own, _types.STORED_XGBOOST, {"model", "n_jobs"})
    if state["n_jobs"] != own["n_jobs"]:
        refuse("has a booster of other threads than its classifier")
    _check_classes(walk, own["n_classes_"], check_xgboost(walk.member(state["model"])))
    return lambda: make_xgboost(make())


def _read_booster(
    walk: Walk, own: dict[str, State], name: str, parts: set[str]
) -> tuple[dict[str, State], Maker]:
    """Return a booster's attributes (``model`` as bytes) and its maker."""
    node = own.get("_Booster", {})
    if node.get("__loader__") != "ObjectNode":
        refuse("has a boosted classifier that is not fitted")
    check_keys(node, "content")
    if type_name(node) != name:
        refuse("has a booster in another form than edml stores")
    state = attributes(node)
    if state.keys() != parts or state["model"].get("__loader__") != "BytesNode":
        refuse("has a booster in another form than edml stores")
    return state, walk.visit(node["content"])


def _is_setting(value: Any) -> bool:
    if isinstance(value, str):
        return _SETTING.fullmatch(value) is not None
    return value is None or isinstance(value, bool | int | float)


def _check_classes(walk: Walk, n_classes: State, shape: BoosterShape) -> None:
    if walk.number(n_classes) != shape.n_classes:
        refuse("has a booster of other classes than its classifier")
