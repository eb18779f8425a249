"""The structure of decision trees, checked for all trees of a model at once."""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

LEAF = -1


def check_shapes(
    left: NDArray[Any],
    right: NDArray[Any],
    counts: NDArray[np.intp],
    max_depth: int,
    refuse: Callable[[str], NoReturn],
    unused: NDArray[np.bool_] | None = None,
) -> NDArray[np.intp]:
    """Check that nodes form trees of a limited depth; return the depth of each tree.

    The nodes of all trees are concatenated; ``counts`` has the number of each tree,
    whose root is its first node. Children are positions within the tree, or `LEAF`.
    Every node except the ``unused`` ones must be reached once.
    """
    first = np.cumsum(counts) - counts
    start, end = np.repeat(first, counts), np.repeat(counts, counts)
    inner = left != LEAF
    if (right[~inner] != LEAF).any():
        refuse("a tree with a leaf that has one child")
    at = np.flatnonzero(inner)
    # compare before adding, to avoid an overflow
    for children in (left[at], right[at]):
        if ((children <= at - start[at]) | (children >= end[at])).any():
            refuse("a tree whose children are not below their parents")
    left, right = left + start, right + start
    reached = np.bincount(np.concatenate([left[at], right[at]]), minlength=len(left))
    reached[first] += 1
    if (reached != (1 if unused is None else ~unused)).any():
        refuse("a tree with a node that is reached never or twice")
    depth = np.zeros(len(counts), dtype=np.intp)
    level, tree, n_levels = first, np.arange(len(counts)), 0
    while level.size:  # of all trees together
        if n_levels > max_depth:
            refuse(f"a tree deeper than {max_depth}")
        depth[tree] = n_levels
        n_levels += 1
        keep = inner[level]
        level, tree = level[keep], tree[keep]
        level = np.concatenate([left[level], right[level]])
        tree = np.concatenate([tree, tree])
    return depth
