"""Trees and forests of scikit-learn: their nodes, checked before any predictor.

scikit-learn walks a tree without looking where it goes: a child that points back
never ends, one beyond the nodes reads foreign memory.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from edml.registry import _types
from edml.registry._nodes import Walk
from edml.registry._states import State, attributes, read_json, refuse

MAX_TREE_DEPTH = 2000
MAX_CLASSES = 1000
_LEAF = -1
_ROUNDING = 1e-6
_COUNTS = ("n_node_samples", "weighted_n_node_samples")


class TreeParts(NamedTuple):
    """What a tree is made of."""

    nodes: NDArray[Any]
    values: NDArray[np.float64]
    n_features: int
    max_depth: int


def read_classifier(walk: Walk, own: dict[str, State]) -> TreeParts | None:
    """Read the tree of a tree classifier, and compare it with the classifier.

    Parameters
    ----------
    walk : Walk
        Gives the arrays.
    own : dict of str to dict
        The classifier's attributes.

    Returns
    -------
    parts : TreeParts or None
        To be given to `check_trees`; None where it is not fitted.

    Raises
    ------
    RegistryError
        If the tree's form is not that of scikit-learn.
    """
    if "tree_" not in own:
        return None
    n_features, n_classes = fitted_shape(walk, own)
    node = own["tree_"]
    name = f"{node['__module__']}.{node['__class__']}"
    if node.get("__loader__") != "TreeNode" or name != _types.TREE:
        refuse("has something else where a tree belongs")
    if node.keys() - {"__reduce__", "content"} != {
        "__class__",
        "__module__",
        "__loader__",
    }:
        refuse("has a tree with other parts than it has")
    walk.name(name, _types.ALLOWED_TYPES)
    _check_arguments(walk, node["__reduce__"], n_features, n_classes)
    state = attributes(node)
    if state.keys() != {"max_depth", "node_count", "nodes", "values"}:
        refuse("has a tree with other parts than it has")
    nodes, values = walk.array(state["nodes"]), walk.array(state["values"])
    max_depth, n_nodes = read_json(state["max_depth"]), read_json(state["node_count"])
    right = (
        nodes.dtype == node_dtype()
        and values.dtype == np.float64
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
    return TreeParts(nodes, values, n_features, max_depth)


def fitted_shape(walk: Walk, own: dict[str, State]) -> tuple[int, int]:
    """Give a classifier's numbers of features and of classes.

    Parameters
    ----------
    walk : Walk
        Gives the arrays.
    own : dict of str to dict
        The classifier's attributes.

    Returns
    -------
    n_features, n_classes : int
        At least 1, and at least 1.

    Raises
    ------
    RegistryError
        If they contradict each other, or there is more than one output.
    """
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
    """Compare a forest with its trees, which are checked on their own.

    Parameters
    ----------
    walk : Walk
        Gives the arrays.
    own : dict of str to dict
        The forest's attributes.

    Raises
    ------
    RegistryError
        If a tree has other features or classes than the forest.
    """
    if "estimators_" not in own:
        return
    expected = fitted_shape(walk, own)
    trees = own["estimators_"]
    if trees.get("__loader__") != "ListNode" or not trees["content"]:
        refuse("has a forest without trees")
    for tree in trees["content"]:
        name = f"{tree['__module__']}.{tree['__class__']}"
        inside = attributes(tree) if name in _types.TREE_CLASSIFIERS else {}
        if "tree_" not in inside or fitted_shape(walk, inside) != expected:
            refuse("has a forest of trees that do not fit together")


def check_trees(trees: list[TreeParts]) -> None:
    """Check the nodes of all trees at once.

    Parameters
    ----------
    trees : list of TreeParts
        Each with arrays that fit together.

    Raises
    ------
    RegistryError
        If the children of one do not form a tree, or a number is out of bounds.
    """
    if not trees:
        return
    counts = np.array([len(tree.nodes) for tree in trees])
    nodes = np.concatenate([tree.nodes for tree in trees])
    first = np.cumsum(counts) - counts
    start = np.repeat(first, counts)
    end = start + np.repeat(counts, counts)
    left, right = nodes["left_child"], nodes["right_child"]
    inner = left != _LEAF
    if (right[~inner] != _LEAF).any():
        refuse("has a tree with a leaf that has one child")
    at = np.flatnonzero(inner)
    # compared before they are added to, so that nothing overflows
    for children in (left[at], right[at]):
        if ((children <= at - start[at]) | (children >= (end - start)[at])).any():
            refuse("has a tree whose children are not below their parents")
    below = np.concatenate([left[at] + start[at], right[at] + start[at]])
    reached = np.bincount(below, minlength=len(nodes))
    reached[first] += 1
    if (reached != 1).any():
        refuse("has a tree with a node that is reached never, or twice")
    _check_depths(trees, first, left + start, right + start, inner)
    _check_numbers(trees, counts, nodes, inner)


def _check_depths(
    trees: list[TreeParts],
    first: NDArray[np.intp],
    left: NDArray[np.intp],
    right: NDArray[np.intp],
    inner: NDArray[np.bool_],
) -> None:
    # level by level, of all trees together
    stated = np.array([tree.max_depth for tree in trees])
    depth = np.zeros(len(trees), dtype=np.intp)
    level, tree, n_levels = first, np.arange(len(trees)), 0
    while level.size:
        depth[tree] = n_levels
        n_levels += 1
        if n_levels > MAX_TREE_DEPTH + 1:
            refuse(f"has a tree deeper than {MAX_TREE_DEPTH}")
        keep = inner[level]
        level, tree = level[keep], tree[keep]
        level = np.concatenate([left[level], right[level]])
        tree = np.concatenate([tree, tree])
    if (depth != stated).any():
        refuse("has a tree of another depth than it says")


def _check_numbers(
    trees: list[TreeParts],
    counts: NDArray[np.intp],
    nodes: NDArray[Any],
    inner: NDArray[np.bool_],
) -> None:
    n_features = np.repeat([tree.n_features for tree in trees], counts)
    feature = nodes["feature"]
    if (inner & ((feature < 0) | (feature >= n_features))).any():
        refuse("has a tree that asks for a feature that is not there")
    # a split of the missing from all others has an infinite threshold
    if np.isnan(nodes["threshold"]).any() or (nodes["missing_go_to_left"] > 1).any():
        refuse("has a tree with a threshold that is no number")
    if any((~(nodes[name] >= 0)).any() for name in _COUNTS):
        refuse("has a tree with less than no samples")
    for shape in {tree.values.shape[1:] for tree in trees}:
        same = [tree.values for tree in trees if tree.values.shape[1:] == shape]
        shares = np.concatenate(same)
        total = shares.sum(axis=(1, 2))
        if not ((shares >= 0).all() and (np.abs(total - 1) <= _ROUNDING).all()):
            refuse("has a tree whose leaves hold no probabilities")


def _check_arguments(walk: Walk, reduce: Any, n_features: int, n_classes: int) -> None:
    if reduce.keys() != {"args"} or reduce["args"].get("__loader__") != "TupleNode":
        refuse("has a tree that is made in another way")
    walk.visit(reduce["args"])
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


@cache
def node_dtype() -> np.dtype[Any]:
    """Give the form of a tree's nodes in the scikit-learn that is installed.

    Returns
    -------
    dtype : numpy.dtype
        With one field for each part of a node.
    """
    tree = DecisionTreeClassifier().fit([[0], [1]], [0, 1]).tree_
    dtype: np.dtype[Any] = tree.__getstate__()["nodes"].dtype
    return dtype
