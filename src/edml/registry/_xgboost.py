"""The JSON of an XGBoost booster, read into arrays and rewritten from them."""

import json
import math
import re
from itertools import chain
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from edml.exceptions import RegistryError
from edml.registry._budget import Budget, is_neutral, read_count
from edml.registry._nodes import refuse
from edml.registry._trees import LEAF, MAX_CLASSES, Trees, check_trees

MAX_TREE_DEPTH = 1000

_NUMBER = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_NAME = re.compile(r"[^\x00-\x1f\[\]<>\x7f]{1,1000}")
_ROOT_PARENT = _DELETED = 2**31 - 1  # no parent; the feature of a pruned node
_LARGEST = float(np.finfo(np.float32).max)
_FLOAT = (-_LARGEST, _LARGEST, np.float32)
_VALUES: dict[str, tuple[float, float, type]] = {  # smallest, largest, type
    "default_left": (0, 1, np.uint8),
    "left_children": (-1, _DELETED, np.int32),
    "loss_changes": _FLOAT,
    "right_children": (-1, _DELETED, np.int32),
    "split_conditions": _FLOAT,
    "split_indices": (0, _DELETED, np.int32),
    "sum_hessian": _FLOAT,
}
# No prediction depends on the weights; the parents follow from the children.
_DROPPED = ("base_weights", "parents")
_CATEGORIES = (
    *("categories", "categories_nodes"),
    *("categories_segments", "categories_sizes"),
)
_OBJECTIVES = {
    "binary:logistic": "reg_loss_param",
    "multi:softmax": "softmax_multiclass_param",
    "multi:softprob": "softmax_multiclass_param",
}
_KINDS = {"float", "int", "i", "q"}


class XGBoost(NamedTuple):
    """A booster: the numbers of all trees under each name, concatenated."""

    n_features: int
    n_classes: int
    n_iterations: int
    n_groups: int  # trees of an iteration, without parallel ones; 1 for two classes
    objective: str
    scale_pos_weight: float
    base_score: list[float]  # one, or one for each class
    names: list[str]
    kinds: list[str]
    attributes: dict[str, str]
    counts: NDArray[np.intp]  # nodes of each tree
    values: dict[str, NDArray[Any]]


def read(content: bytes, budget: Budget) -> XGBoost:
    """Read and check the JSON of a booster."""
    try:
        return _read_model(budget.read_json(content))
    except RegistryError:
        raise
    except Exception as error:  # a part is missing or has the wrong type
        raise RegistryError(
            "The model file holds an XGBoost booster that is damaged."
        ) from error


def write(booster: XGBoost) -> bytes:
    """Return the JSON of a booster; equal trees give equal bytes."""
    n_trees, n_groups = len(booster.counts), booster.n_groups
    per_iteration = n_trees // booster.n_iterations
    model = {
        "gbtree_model_param": {
            "num_parallel_tree": str(per_iteration // n_groups),
            "num_trees": str(n_trees),
        },
        "iteration_indptr": list(range(0, n_trees + 1, per_iteration)),
        "tree_info": np.repeat(np.arange(n_groups), per_iteration // n_groups).tolist()
        * booster.n_iterations,
        "trees": _trees(booster),
    }
    name, base = booster.objective, [f"{one!r}" for one in booster.base_score]
    of_objective = (
        {"num_class": str(n_groups)}
        if n_groups > 1
        else {"scale_pos_weight": repr(booster.scale_pos_weight)}
    )
    learner = {
        "attributes": booster.attributes,
        "feature_names": booster.names,
        "feature_types": booster.kinds,
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {
            # versions before 3.1 cannot read a list
            "base_score": base[0] if len(base) == 1 else f"[{','.join(base)}]",
            "boost_from_average": "1",
            "num_class": str(n_groups if n_groups > 1 else 0),
            "num_feature": str(booster.n_features),
            "num_target": "1",
        },
        "objective": {"name": name, _OBJECTIVES[name]: of_objective},
    }
    return json.dumps({"learner": learner, "version": [3, 0, 0]}).encode()


def _trees(booster: XGBoost) -> list[dict[str, Any]]:
    counts = booster.counts
    ends = np.cumsum(counts).tolist()
    is_deleted = booster.values["split_indices"] == _DELETED
    parts = {
        **booster.values,
        "base_weights": np.zeros(len(is_deleted)),
        "parents": _parents(counts, booster.values),
        "split_type": np.zeros(len(is_deleted), np.uint8),
    }
    lists = {name: part.tolist() for name, part in parts.items()}
    return [
        {
            "id": number,
            "tree_param": {
                # XGBoost crashes if it is wrong
                "num_deleted": str(np.count_nonzero(is_deleted[end - size : end])),
                "num_feature": str(booster.n_features),
                "num_nodes": str(size),
                "size_leaf_vector": "1",
            },
            **{name: part[end - size : end] for name, part in lists.items()},
            **dict.fromkeys(_CATEGORIES, ()),
        }
        for number, (size, end) in enumerate(zip(counts.tolist(), ends, strict=True))
    ]


def _parents(
    counts: NDArray[np.intp], values: dict[str, NDArray[Any]]
) -> NDArray[np.int32]:
    """Return each node's parent by its place in the tree; pruned nodes have any."""
    first = np.cumsum(counts) - counts
    start = np.repeat(first, counts)
    parents = np.zeros(len(start), np.int32)
    parents[first] = _ROOT_PARENT
    at = np.flatnonzero(values["left_children"] != LEAF)
    for side in ("left_children", "right_children"):
        parents[values[side][at] + start[at]] = at - start[at]
    return parents


def _refuse(what: str) -> NoReturn:
    refuse(f"holds an XGBoost booster with {what}")


def _parts(value: Any, *names: str, dropped: tuple[str, ...] = ()) -> list[Any]:
    """Return the parts of these names; drop others that are neutral or known."""
    if not isinstance(value, dict) or not set(names) <= value.keys():
        _refuse(f"other parts than {', '.join(names)}")
    for name in value.keys() - {*names, *dropped}:
        if not is_neutral(value[name]):
            _refuse(f"{name[:60]!r}, which edml cannot read")
    return [value[name] for name in names]


def _count(text: Any) -> int:
    return read_count(text) if isinstance(text, str) else _refuse("an invalid count")


def _number(text: Any) -> float:
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        _refuse("text where a number belongs")
    value = float(np.float32(text)) if abs(float(text)) <= _LARGEST else np.inf
    if not math.isfinite(value):
        _refuse("a number that is too large")
    return float(str(np.float32(value)))  # as few digits as identify it


def _read_model(model: Any) -> XGBoost:
    learner, version = _parts(model, "learner", "version")
    if [type(one) for one in version] != [int] * 3:
        _refuse("an invalid version")
    attributes, names, kinds, booster, params, objective = _parts(
        learner,
        "attributes",
        "feature_names",
        "feature_types",
        "gradient_booster",
        "learner_model_param",
        "objective",
    )
    base, num_class, num_feature, num_target = _parts(
        params,
        "base_score",
        "num_class",
        "num_feature",
        "num_target",
        dropped=("boost_from_average",),
    )
    n_features, n_groups = _count(num_feature), max(_count(num_class), 1)
    if not n_features or n_groups > MAX_CLASSES or _count(num_target) != 1:
        _refuse("invalid numbers of features, classes or targets")
    for texts in (names, kinds):
        if not isinstance(texts, list) or len(texts) not in (0, n_features):
            _refuse("names or types for another number of features")
        if not all(isinstance(text, str) and _NAME.fullmatch(text) for text in texts):
            _refuse("a feature's name or type that is not text")
    if not set(kinds) <= _KINDS:
        _refuse("features of an unsupported type")
    name, scale = _read_objective(objective, n_groups)
    n_iterations, counts, values = _read_booster(booster, n_features, n_groups)
    return XGBoost(
        n_features,
        max(n_groups, 2),
        n_iterations,
        n_groups,
        name,
        scale,
        _read_base(base, n_groups),
        names,
        kinds,
        _read_attributes(attributes, n_iterations),
        counts,
        values,
    )


def _read_base(text: Any, n_groups: int) -> list[float]:
    if not isinstance(text, str) or text.count(",") >= n_groups:
        _refuse("an invalid base score")
    inside = text[1:-1] if text[:1] + text[-1:] == "[]" else text
    base = [_number(one) for one in inside.split(",")]
    if len(base) not in (1, n_groups) or (n_groups == 1 and not 0 < base[0] < 1):
        _refuse("a base score that is not a probability")
    return base[:1] if len({*base}) == 1 else base


def _read_objective(objective: Any, n_groups: int) -> tuple[str, float]:
    name = objective.get("name")
    if name not in _OBJECTIVES:
        _refuse("an objective that is not a classifier's")
    _, param = _parts(objective, "name", _OBJECTIVES[name])
    binary = name == "binary:logistic"
    (value,) = _parts(param, "scale_pos_weight" if binary else "num_class")
    if (n_groups == 1) != binary or (not binary and _count(value) != n_groups):
        _refuse("contradicting numbers of classes")
    scale = _number(value) if binary else 1.0
    return name, scale if scale >= 0 else _refuse("a negative weight")


def _read_attributes(attributes: Any, n_iterations: int) -> dict[str, str]:
    found = dict(attributes)
    kept = {}
    if "best_iteration" in found:
        best = _count(found.pop("best_iteration"))
        if best >= n_iterations:
            _refuse("a best iteration that does not exist")
        kept["best_iteration"] = str(best)
    if "best_score" in found:
        score = found.pop("best_score")
        _number(score)
        kept["best_score"] = repr(float(score))
    found.pop("scikit_learn", None)  # it only repeats the kind of estimator
    if found:
        _refuse("unknown attributes")
    return kept


def _read_booster(
    booster: Any, n_features: int, n_groups: int
) -> tuple[int, NDArray[np.intp], dict[str, NDArray[Any]]]:
    model, name = _parts(booster, "model", "name")
    if name != "gbtree":
        _refuse("another kind of model than gbtree")
    params, info, trees, starts = _parts(
        model, "gbtree_model_param", "tree_info", "trees", "iteration_indptr"
    )
    parallel, num_trees = _parts(params, "num_parallel_tree", "num_trees")
    n_trees, n_parallel = _count(num_trees), max(_count(parallel), 1)
    per_iteration = n_parallel * n_groups
    if not isinstance(trees, list) or not n_trees == len(trees) > 0:
        _refuse("an incomplete number of trees")
    if n_trees % per_iteration:
        _refuse("an incomplete number of trees")
    groups = np.repeat(np.arange(n_groups), n_parallel).tolist()
    n_iterations = n_trees // per_iteration
    right = info == groups * n_iterations
    right = right and starts == list(range(0, n_trees + 1, per_iteration))
    if not right or {*map(type, info), *map(type, starts)} != {int}:
        _refuse("trees of other classes or iterations than their places")
    counts = np.array([_check_tree(*one, n_features) for one in enumerate(trees)])
    sizes = counts.tolist()
    values = {name: _join(trees, name, sizes) for name in _VALUES}
    _check_nodes(counts, values, n_features)
    return n_iterations, counts, values


def _check_tree(number: int, tree: Any, n_features: int) -> int:
    own_number, param, kinds, *_ = _parts(
        tree, "id", "tree_param", "split_type", *_VALUES, dropped=_DROPPED
    )
    features, nodes, leaf_size = _parts(
        param, "num_feature", "num_nodes", "size_leaf_vector", dropped=("num_deleted",)
    )
    if (
        type(own_number) is not int
        or own_number != number
        or _count(features) != n_features
        or leaf_size not in ("0", "1")
        or _count(nodes) < 1
        or kinds != [0] * len(kinds)
        or len(kinds) != _count(nodes)
    ):
        _refuse("a tree of another shape, or with categories")
    return _count(nodes)


def _join(trees: list[Any], name: str, sizes: list[int]) -> NDArray[Any]:
    """Return the numbers of all trees under one name, concatenated."""
    low, high, dtype = _VALUES[name]
    parts = [tree[name] for tree in trees]
    if {*map(type, parts)} != {list} or [*map(len, parts)] != sizes:
        _refuse(f"{name} of the wrong length")
    numbers = [*chain.from_iterable(parts)]
    kind = float if dtype is np.float32 else int
    if not {*map(type, numbers)} <= {int, kind}:
        _refuse(f"{name} that are not numbers")
    found = np.array(numbers, np.int64 if kind is int else np.float64)
    if not ((found >= low) & (found <= high)).all():
        _refuse(f"{name} out of bounds")
    return found.astype(dtype)


def _check_nodes(
    counts: NDArray[np.intp], values: dict[str, NDArray[Any]], n_features: int
) -> None:
    deleted = values["split_indices"] == _DELETED  # pruned: they stay, unreachable
    trees = Trees(
        counts,
        values["left_children"],
        values["right_children"],
        values["split_indices"],
        values["split_conditions"],
        values["default_left"],
        n_features,
        deleted,
    )
    check_trees(trees, MAX_TREE_DEPTH)
