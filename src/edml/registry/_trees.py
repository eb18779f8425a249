"""The trees of a model, whichever library grew them: one description, one check.

The libraries follow the nodes of a tree unchecked: a child that points back makes them
loop forever, and one out of range reads foreign memory.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edml.registry._nodes import refuse

LEAF = -1
MAX_CLASSES = 1000


class Trees(NamedTuple):
    """The concatenated nodes of all trees; the first node of a tree is its root.

    Children are positions within the tree, or `LEAF`. Leaves may have any feature and
    threshold, and so may the ``unused`` nodes, which no other node reaches.
    """

    counts: NDArray[np.intp]
    left: NDArray[Any]
    right: NDArray[Any]
    feature: NDArray[Any]
    threshold: NDArray[Any]
    missing_left: NDArray[Any]  # whether a missing value goes to the left child
    n_features: int | NDArray[np.intp]  # of the model, or of each node's
    unused: NDArray[np.bool_] | None = None


def check_trees(trees: Trees, max_depth: int) -> NDArray[np.intp]:
    """Check the structure and the splits of all trees; return their depths."""
    inner = trees.left != LEAF
    feature, missing = trees.feature, trees.missing_left
    if (inner & ((feature < 0) | (feature >= trees.n_features))).any():
        refuse("has a tree that uses a feature that does not exist")
    if np.isnan(trees.threshold).any() or ((missing != 0) & (missing != 1)).any():
        refuse("has a tree with a split that is not a number or has no direction")
    return _check_structure(trees, inner, max_depth)


def _check_structure(
    trees: Trees, inner: NDArray[np.bool_], max_depth: int
) -> NDArray[np.intp]:
    counts, unused = trees.counts, trees.unused
    first = np.cumsum(counts) - counts
    start, end = np.repeat(first, counts), np.repeat(counts, counts)
    if (trees.right[~inner] != LEAF).any():
        refuse("has a tree with a leaf that has one child")
    at = np.flatnonzero(inner)
    # compare before adding, to avoid an overflow
    for children in (trees.left[at], trees.right[at]):
        if ((children <= at - start[at]) | (children >= end[at])).any():
            refuse("has a tree whose children are not below their parents")
    left, right = trees.left + start, trees.right + start
    reached = np.bincount(np.concatenate([left[at], right[at]]), minlength=len(left))
    reached[first] += 1
    if (reached != (1 if unused is None else ~unused)).any():
        refuse("has a tree with a node that is reached never or twice")
    depth = np.zeros(len(counts), dtype=np.intp)
    level, tree, n_levels = first, np.arange(len(counts)), 0
    while level.size:  # of all trees together
        if n_levels > max_depth:
            refuse(f"has a tree deeper than {max_depth}")
        depth[tree] = n_levels
        n_levels += 1
        keep = inner[level]
        level, tree = level[keep], tree[keep]
        level = np.concatenate([left[level], right[level]])
        tree = np.concatenate([tree, tree])
    return depth
