"""The JSON of an XGBoost booster, checked before XGBoost reads it."""

import json
import re
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from edml.exceptions import RegistryError
from edml.registry._boosters_lightgbm import BoosterShape
from edml.registry._nodes import refuse
from edml.registry._tree_shapes import LEAF, check_shapes

MAX_TREE_DEPTH = 1000
MAX_CLASSES = 1000

_COUNT = re.compile(r"\d{1,8}")
_N = r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?"
_NUMBER = re.compile(_N)
_BASE = re.compile(rf"\[{_N}(?:,{_N})*\]|{_N}")  # one, or one for each class
_ROOT_PARENT = _DELETED = 2**31 - 1  # no parent; the feature of a pruned node
_FLOATS = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
_INTEGERS = (
    "default_left",
    "left_children",
    "parents",
    "right_children",
    "split_indices",
    "split_type",
)
_CATEGORIES = (
    "categories",
    "categories_nodes",
    "categories_segments",
    "categories_sizes",
)
_ATTRIBUTES = {"best_iteration", "best_score", "scikit_learn"}
_OBJECTIVES = {
    "binary:logistic": "reg_loss_param",
    "multi:softmax": "softmax_multiclass_param",
    "multi:softprob": "softmax_multiclass_param",
}
_LARGEST = float(np.finfo(np.float32).max)


def check_xgboost(content: bytes) -> BoosterShape:
    """Check the JSON of a booster; return its sizes."""
    try:
        model = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_not_finite,
        )
        return _check_model(model)
    except RegistryError:
        raise
    except Exception as error:  # a part is missing or has the wrong type
        raise RegistryError(
            "The model file holds an XGBoost booster that is damaged."
        ) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("a repeated key")
    return found


def _not_finite(text: str) -> NoReturn:
    _refuse("a number that is not finite")


def _refuse(what: str) -> NoReturn:
    refuse(f"holds an XGBoost booster with {what}")


def _parts(value: Any, *names: str, optional: tuple[str, ...] = ()) -> list[Any]:
    if not isinstance(value, dict) or not (
        set(names) <= value.keys() <= {*names, *optional}
    ):
        _refuse(f"other parts than {', '.join(names)}")
    return [value[name] for name in names]


def _count(text: Any) -> int:
    if not isinstance(text, str) or not _COUNT.fullmatch(text):
        _refuse("an invalid count")
    return int(text)


def _check_model(model: Any) -> BoosterShape:
    learner, version = _parts(model, "learner", "version")
    _integers(version, 3, 0, 1000)
    attributes, names, kinds, booster, params, objective = _parts(
        learner,
        "attributes",
        "feature_names",
        "feature_types",
        "gradient_booster",
        "learner_model_param",
        "objective",
    )
    base, boosted, num_class, num_feature, num_target = _parts(
        params,
        "base_score",
        "boost_from_average",
        "num_class",
        "num_feature",
        "num_target",
    )
    n_features, n_groups = _count(num_feature), max(_count(num_class), 1)
    if (
        not isinstance(base, str)
        or not _BASE.fullmatch(base)
        or base.count(",") + 1 not in (1, n_groups)
        or any(abs(float(one)) > _LARGEST for one in base.strip("[]").split(","))
        or _count(num_target) != 1
        or boosted not in ("0", "1")
        or not n_features > 0
        or n_groups > MAX_CLASSES
    ):
        _refuse("invalid numbers of features, classes or targets, or base score")
    for texts in (names, kinds):
        if not isinstance(texts, list) or len(texts) not in (0, n_features):
            _refuse("names or types for another number of features")
        if not all(isinstance(text, str) for text in texts):
            _refuse("a feature's name or type that is not text")
    if not set(kinds) <= {"float", "int", "i", "q"}:
        _refuse("features of an unsupported type")
    _check_objective(objective, n_groups)
    n_iterations = _check_booster(booster, n_features, n_groups)
    _check_attributes(attributes, n_iterations)
    return BoosterShape(n_features, max(n_groups, 2), n_iterations)


def _check_objective(objective: Any, n_groups: int) -> None:
    name = objective.get("name")
    if name not in _OBJECTIVES:
        _refuse("an objective that is not a classifier's")
    _, param = _parts(objective, "name", _OBJECTIVES[name])
    if name == "binary:logistic":
        (weight,) = _parts(param, "scale_pos_weight")
        if n_groups != 1 or not _NUMBER.fullmatch(weight):
            _refuse("contradicting numbers of classes")
        return
    (num_class,) = _parts(param, "num_class")
    if n_groups < 2 or _count(num_class) != n_groups:
        _refuse("contradicting numbers of classes")


def _check_attributes(attributes: Any, n_iterations: int) -> None:
    if not attributes.keys() <= _ATTRIBUTES or not all(
        isinstance(value, str) for value in attributes.values()
    ):
        _refuse("unknown attributes")
    if _count(attributes.get("best_iteration", "0")) >= n_iterations:
        _refuse("a best iteration that does not exist")
    float(attributes.get("best_score", "0"))


def _check_booster(booster: Any, n_features: int, n_groups: int) -> int:
    model, name = _parts(booster, "model", "name")
    if name != "gbtree":
        _refuse("another kind of model than gbtree")
    params, info, trees, starts = _parts(
        model,
        "gbtree_model_param",
        "tree_info",
        "trees",
        "iteration_indptr",
        optional=("cats",),
    )
    _check_no_categories(model.get("cats"))
    parallel, num_trees = _parts(params, "num_parallel_tree", "num_trees")
    n_trees = _count(num_trees)
    if not isinstance(trees, list) or not n_trees == len(trees) > 0:
        _refuse("an incomplete number of trees")
    per_iteration = max(_count(parallel), 1) * n_groups
    groups = _integers(info, n_trees, 0, n_groups - 1)
    if n_trees % per_iteration:
        _refuse("an incomplete number of trees")
    edges = _integers(starts, n_trees // per_iteration + 1, 0, n_trees)
    if (np.diff(edges) != per_iteration).any() or edges[0] != 0:
        _refuse("iterations that do not fit its trees")
    expected = np.repeat(np.arange(n_groups), per_iteration // n_groups)
    if (groups.reshape(-1, per_iteration) != expected).any():
        _refuse("trees of other classes than their places")
    checked = [_check_tree(*numbered, n_features) for numbered in enumerate(trees)]
    counts = np.array([len(left) for left, _, _ in checked])
    left, right, deleted = map(np.concatenate, zip(*checked, strict=True))
    check_shapes(left, right, counts, MAX_TREE_DEPTH, _refuse, unused=deleted)
    return n_trees // per_iteration


def _check_no_categories(cats: Any) -> None:
    if cats is not None and any(_parts(cats, "enc", "feature_segments", "sorted_idx")):
        _refuse("categories, which are not supported")


def _check_tree(number: int, tree: Any, n_features: int) -> tuple[NDArray[Any], ...]:
    own_number, param, *_ = _parts(
        tree, "id", "tree_param", *_FLOATS, *_INTEGERS, *_CATEGORIES
    )
    deleted, features, nodes, leaf_size = _parts(
        param, "num_deleted", "num_feature", "num_nodes", "size_leaf_vector"
    )
    n_nodes, n_deleted = _count(nodes), _count(deleted)
    if (
        type(own_number) is not int
        or own_number != number
        or _count(features) != n_features
        or leaf_size not in ("0", "1")
        or n_nodes < 1
        or any(tree[name] != [] for name in _CATEGORIES)
    ):
        _refuse("a tree of another shape, or with categories")
    for name in _FLOATS:
        values = _array(tree[name], n_nodes, (int, float))
        if not (np.abs(values) <= _LARGEST).all():
            _refuse(f"{name} that are not numbers")
    left = _integers(tree["left_children"], n_nodes, -1, n_nodes - 1)
    right = _integers(tree["right_children"], n_nodes, -1, n_nodes - 1)
    feature = _integers(tree["split_indices"], n_nodes, 0, _DELETED)
    parents = _integers(tree["parents"], n_nodes, 0, _ROOT_PARENT)
    _integers(tree["split_type"], n_nodes, 0, 0)
    _integers(tree["default_left"], n_nodes, 0, 1)
    at, deleted = np.flatnonzero(left != LEAF), feature == _DELETED
    if any((parents[below[at]] != at).any() for below in (left, right)):
        _refuse("a tree whose nodes have other parents")
    if parents[0] != _ROOT_PARENT or deleted[0] or deleted.sum() != n_deleted:
        _refuse("a tree with another root, or other pruned nodes")
    if (feature[at] >= n_features).any():
        _refuse("a split on a feature that does not exist")
    return left, right, deleted  # pruned nodes stay, but are unreachable


def _array(values: Any, size: int, kinds: type | tuple[type, ...]) -> NDArray[Any]:
    if not isinstance(values, list) or len(values) != size:
        _refuse("a list of the wrong length")
    allowed = {*kinds} if isinstance(kinds, tuple) else {kinds}
    if not {*map(type, values)} <= allowed:
        _refuse("something other than a number")
    return np.array(values, dtype=np.int64 if kinds is int else np.float64)


def _integers(values: Any, size: int, low: int, high: int) -> NDArray[np.int64]:
    found = _array(values, size, int)
    if ((found < low) | (found > high)).any():
        _refuse("a number that is out of bounds")
    return found
