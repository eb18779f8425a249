"""Trees and forests of scikit-learn, rebuilt from the numbers of their nodes."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from edml.registry import _types
from edml.registry._nodes import (
    State,
    attributes,
    check_keys,
    read_json,
    refuse,
    type_name,
)
from edml.registry._trees import MAX_CLASSES, Trees, check_trees
from edml.registry._walk import Maker, Walk, find

MAX_TREE_DEPTH = 2000
_ROUNDING = 1e-6
_COUNTS = ("n_node_samples", "weighted_n_node_samples")


class TreeParts(NamedTuple):
    """The arrays of a tree, as stored, and its stated sizes."""

    nodes: NDArray[Any]
    values: NDArray[np.float64]
    n_features: int
    max_depth: int


def read_tree(walk: Walk, own: dict[str, State]) -> Maker:
    """Read the tree of a classifier with these attributes; return its maker.

    All trees of a file are checked, and their nodes copied, together: later.
    """
    n_features, n_classes = fitted_shape(walk, own)
    node = own["tree_"]
    if node.get("__loader__") != "TreeNode" or type_name(node) != _types.TREE:
        refuse("has no tree where one belongs")
    check_keys(node, "__reduce__", "content")
    arguments = _read_arguments(walk, node["__reduce__"], n_features, n_classes)
    state = attributes(node)
    if state.keys() != {"max_depth", "node_count", "nodes", "values"}:
        refuse("has a tree with missing or unknown parts")
    nodes, values = walk.array(state["nodes"]), walk.array(state["values"])
    max_depth, n_nodes = read_json(state["max_depth"]), read_json(state["node_count"])
    right = (
        values.dtype == np.float64
        and nodes.ndim == 1
        and nodes.flags.c_contiguous
        and values.flags.c_contiguous
        and type(n_nodes) is int
        and n_nodes == len(nodes) > 0
        and values.shape == (n_nodes, 1, n_classes)
        and type(max_depth) is int
        and 0 <= max_depth <= MAX_TREE_DEPTH
    )
    if not right:
        refuse("has a tree whose arrays do not fit together")
    number = len(walk.trees)
    walk.trees.append(TreeParts(nodes, values, n_features, max_depth))

    def make() -> Any:
        made = find(node)(*arguments())
        arrays = {"nodes": walk.nodes[number], "values": values.copy()}
        made.__setstate__({"max_depth": max_depth, "node_count": n_nodes, **arrays})
        return made

    return make


def fitted_shape(walk: Walk, own: dict[str, State]) -> tuple[int, int]:
    """Return a classifier's numbers of features and classes; it has one output."""
    n_features, n_classes = (
        walk.number(own[name]) for name in ("n_features_in_", "n_classes_")
    )
    classes = walk.array(own["classes_"])
    right = (
        type(n_features) is int
        and n_features > 0
        and type(n_classes) is int
        and classes.shape == (n_classes,)
        and 0 < n_classes <= MAX_CLASSES
        and walk.number(own["n_outputs_"]) == 1
    )
    if not right:
        refuse("has a tree classifier whose features, classes or outputs disagree")
    return n_features, n_classes


def check_forest(walk: Walk, own: dict[str, State]) -> None:
    """Compare a forest with its trees, which are checked separately."""
    if "estimators_" not in own:
        return
    expected = fitted_shape(walk, own)
    trees = own["estimators_"]
    if trees.get("__loader__") != "ListNode" or not trees["content"]:
        refuse("has a forest without trees")
    for tree in trees["content"]:
        known = type_name(tree) in _types.TREE_CLASSIFIERS
        inside = attributes(tree) if known else {}
        if "tree_" not in inside or fitted_shape(walk, inside) != expected:
            refuse("has a forest of trees that do not fit together")
        if walk.array(inside["classes_"]).tolist() != [*range(expected[1])]:
            refuse("has a forest of trees of other classes")


def check_forests(trees: list[TreeParts]) -> list[NDArray[Any]]:
    """Check all trees at once; return their nodes as scikit-learn lays them out."""
    nodes = _lay_out(np.concatenate([tree.nodes for tree in trees]))
    counts = np.array([len(tree.nodes) for tree in trees])
    described = Trees(
        counts,
        nodes["left_child"],
        nodes["right_child"],
        nodes["feature"],
        # a split that separates missing values has an infinite threshold
        nodes["threshold"],
        nodes["missing_go_to_left"],
        np.repeat([tree.n_features for tree in trees], counts),
    )
    depths = check_trees(described, MAX_TREE_DEPTH)
    if (depths != [tree.max_depth for tree in trees]).any():
        refuse("has a tree whose depth is wrong")
    if any(not (nodes[name] >= 0).all() for name in _COUNTS):
        refuse("has a tree with a negative number of samples")
    if not np.isfinite(nodes["impurity"]).all():
        refuse("has a tree with an impurity that is not a number")
    for shape in {tree.values.shape[1:] for tree in trees}:
        same = [tree.values for tree in trees if tree.values.shape[1:] == shape]
        shares = np.concatenate(same)
        total = shares.sum(axis=(1, 2))
        if not ((shares >= 0).all() and (np.abs(total - 1) <= _ROUNDING).all()):
            refuse("has a tree whose leaves do not hold probabilities")
    return np.split(nodes, np.cumsum(counts)[:-1])


def _lay_out(stored: NDArray[Any]) -> NDArray[Any]:
    """Copy nodes, field by field, into records of the installed scikit-learn."""
    dtype = node_dtype()
    nodes = np.zeros(len(stored), dtype)
    kept = stored.dtype.names or ()
    for name in dtype.names or ():
        if name not in kept or stored.dtype[name] != dtype[name]:
            refuse(f"has trees without {name}: refit it with this scikit-learn")
        nodes[name] = stored[name]
    for name in {*kept} - {*nodes.dtype.names}:
        if stored.dtype[name].kind not in "biuf" or stored[name].any():
            refuse(f"has trees with {name[:60]!r}, which this scikit-learn cannot read")
    return nodes


def _read_arguments(walk: Walk, reduce: Any, n_features: int, n_classes: int) -> Maker:
    if reduce.keys() != {"args"} or reduce["args"].get("__loader__") != "TupleNode":
        refuse("has a tree that is made in another way")
    make = walk.visit(reduce["args"])
    features, classes, outputs = reduce["args"]["content"]
    of_each = walk.array(classes)
    right = (
        read_json(features) == n_features
        and read_json(outputs) == 1
        and type(read_json(features)) is int
        and type(read_json(outputs)) is int
        and of_each.dtype == np.intp
        and of_each.tolist() == [n_classes]
    )
    if not right:
        refuse("has a tree of other features or classes than its classifier")
    return make


@cache
def node_dtype() -> np.dtype[Any]:
    """Return the dtype of a tree's nodes in the installed scikit-learn."""
    tree = DecisionTreeClassifier().fit([[0], [1]], [0, 1]).tree_
    dtype: np.dtype[Any] = tree.__getstate__()["nodes"].dtype
    return dtype
