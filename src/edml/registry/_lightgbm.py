"""The text of a LightGBM booster, read into arrays and written from them.

LightGBM aborts the process on some malformed text, so it only sees text of `write`.
"""

import re
from itertools import accumulate
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from edml.registry._budget import (
    Budget,
    is_neutral,
    read_count,
    read_numbers,
    read_numbers_or_inf,
)
from edml.registry._nodes import refuse
from edml.registry._trees import LEAF, MAX_CLASSES, Trees, check_trees

MAX_TREE_DEPTH = 1000
END = b"end of trees\n\n"

_N = rb"(\d{1,3}(?:\.\d{1,20})?(?:e[+-]?\d{1,2})?)"
_OBJECTIVE = re.compile(
    rb"binary sigmoid:" + _N + rb"|multiclass num_class:(\d{1,4})"
    rb"|multiclassova num_class:(\d{1,4}) sigmoid:" + _N
)
_VERSION = re.compile(rb"v\d{1,3}")
_NAME = re.compile(r'[^\s\x00-\x20",:\[\]{}\x7f]{1,1000}')  # as LightGBM allows them
_HEADER = {
    *(b"version", b"num_class", b"num_tree_per_iteration", b"max_feature_idx"),
    *(b"objective", b"feature_names", b"tree_sizes"),
}
_AVERAGE = b"average_output"  # of LightGBM's own random forests
# They describe the training, and no prediction depends on them.
_DROPPED = {b"label_index", b"feature_infos", b"monotone_constraints", _AVERAGE}
# Only LightGBM's drawings and tables of trees show them.
_SHOWN = {b"leaf_weight", b"internal_value", b"internal_weight", b"shrinkage"}
_OF_SPLITS = {
    "split_feature": int,
    "split_gain": float,
    "threshold": float,
    "decision_type": int,
    "left_child": int,
    "right_child": int,
    "internal_count": int,
}
_OF_LEAVES = {"leaf_value": float, "leaf_count": int}
_OF_TREES = ("num_leaves", "num_cat")
_OF_CATEGORIES = ("cat_boundaries", "cat_threshold")
_CATEGORICAL, _MISSING_SHIFT, _UNKNOWN_MISSING = 1, 2, 3

Block = dict[bytes, bytes]


class LightGBM(NamedTuple):
    """A booster: the numbers of all trees under each name, concatenated."""

    n_classes: int
    n_iterations: int
    objective: str
    averaged: bool
    names: list[str]
    values: dict[str, NDArray[Any]]
    sizes: dict[str, list[int]]  # how many of the values belong to each tree

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.names)


def read(content: bytes, budget: Budget) -> LightGBM:
    """Read and check the text of a booster, up to `END`."""
    head, _, body = budget.read_text(content).partition(b"\n\n")
    header = _read_header(head)
    line = header[b"feature_names"].decode("utf-8")
    names = line.split(" ")
    # the native parser takes "=" at the ends of the line for a part of the key
    n_kept = len(line.strip("=").split())
    if not read_count(header[b"max_feature_idx"]) + 1 == len(names) == n_kept or not (
        all(map(_NAME.fullmatch, names))
    ):
        _refuse("feature_names of another number, or invalid ones")
    n_classes, objective = _read_objective(header)
    blocks = _read_blocks(body, header[b"tree_sizes"])
    if not blocks or len(blocks) % n_classes:
        _refuse("an incomplete number of trees")
    values, sizes = _read_values(blocks)
    _check(values, sizes, len(names))
    n_iterations = len(blocks) // n_classes
    averaged = _AVERAGE in header
    return LightGBM(
        max(n_classes, 2), n_iterations, objective, averaged, names, values, sizes
    )


def write(booster: LightGBM) -> bytes:
    """Return the text of a booster; equal trees give equal bytes."""
    parts = {
        name: _texts(booster.values[name], sizes)
        for name, sizes in booster.sizes.items()
    }
    lines = [f"{name}={{}}" for name in parts if name not in _OF_CATEGORIES]
    plain = "\n".join([*lines, "is_linear=0"])
    of_categories = "\n".join([plain, *(f"{name}={{}}" for name in _OF_CATEGORIES)])
    blocks = []
    for number, (*own, edges, words) in enumerate(zip(*parts.values(), strict=True)):
        form = of_categories if words else plain
        text = form.format(*own, edges, words)
        blocks.append(f"Tree={number}\n{text}\n\n\n")
    per_iteration = len(blocks) // booster.n_iterations
    head = (
        "tree",
        "version=v4",
        f"num_class={per_iteration}",
        f"num_tree_per_iteration={per_iteration}",
        "label_index=0",
        f"max_feature_idx={booster.n_features - 1}",
        f"objective={booster.objective}",
        *((_AVERAGE.decode(),) if booster.averaged else ()),
        f"feature_names={' '.join(booster.names)}",
        f"feature_infos={' '.join(['none'] * booster.n_features)}",
        f"tree_sizes={' '.join(str(len(block)) for block in blocks)}",
    )
    return "\n".join([*head, "", "".join(blocks)]).encode("utf-8") + END


def _texts(values: NDArray[Any], sizes: list[int]) -> list[str]:
    numbers = values.tolist()
    trees = [
        numbers[end - size : end]
        for end, size in zip(accumulate(sizes), sizes, strict=True)
    ]
    # one text of all trees is much faster than one for each
    return str(trees)[2:-2].replace(",", "").split("] [")


def _refuse(what: str) -> NoReturn:
    refuse(f"holds a LightGBM booster with {what}")


def _read_lines(text: bytes, known: set[bytes]) -> dict[bytes, bytes]:
    """Return the values of lines of the form name=value, dropping neutral others."""
    lines = [line.partition(b"=") for line in text.split(b"\n")]
    found = {name: value for name, _, value in lines}
    if len(found) != len(lines):
        _refuse("a repeated line")
    for name in found.keys() - known:
        if not all(map(is_neutral, found[name].decode("ascii", "replace").split(" "))):
            _refuse(f"{name.decode('ascii', 'replace')[:60]!r}, which edml cannot read")
        del found[name]
    return found


def _read_header(head: bytes) -> dict[bytes, bytes]:
    kind, _, lines = head.partition(b"\n")
    if kind != b"tree":
        _refuse("another kind of model than trees")
    found = _read_lines(lines, _HEADER | _DROPPED)
    missing = b", ".join(sorted(_HEADER - found.keys())).decode()
    if missing:
        _refuse(f"a header without {missing}")
    if found.get(_AVERAGE) or not _VERSION.fullmatch(found[b"version"]):
        _refuse("an incomplete or invalid header")
    return found


def _read_objective(header: dict[bytes, bytes]) -> tuple[int, str]:
    """Return the trees of an iteration (1 for two classes), and the objective."""
    found = _OBJECTIVE.fullmatch(header[b"objective"])
    if found is None:
        _refuse("an objective that is not a classifier's")
    sigmoid = float(found[1] or found[4] or 1)
    n_classes = read_count(found[2] or found[3] or b"1", MAX_CLASSES)
    stated = (header[b"num_class"], header[b"num_tree_per_iteration"])
    if {*map(read_count, stated)} != {n_classes} or not 0 < sigmoid < np.inf:
        _refuse("contradicting numbers of classes, or an invalid sigmoid")
    if found[1]:
        return 1, f"binary sigmoid:{sigmoid!r}"
    if n_classes < 2:
        _refuse("contradicting numbers of classes")
    if found[2]:
        return n_classes, f"multiclass num_class:{n_classes}"
    return n_classes, f"multiclassova num_class:{n_classes} sigmoid:{sigmoid!r}"


def _read_blocks(body: bytes, stated: bytes) -> list[Block]:
    *blocks, end = body.split(b"\n\n\n")
    sizes = " ".join(str(len(block) + 3) for block in blocks)
    if end != END or stated != sizes.encode():
        _refuse("tree_sizes that do not fit its text, or without its end")
    required = {name.encode() for name in (*_OF_TREES, *_OF_SPLITS, *_OF_LEAVES)}
    optional = {b"is_linear", *(name.encode() for name in _OF_CATEGORIES)}
    found = []
    for number, block in enumerate(blocks):
        first, _, lines = block.partition(b"\n")
        own = _read_lines(lines, required | optional | _SHOWN)
        if first != b"Tree=%d" % number or required - own.keys():
            _refuse("a tree with missing parts")
        if own.get(b"is_linear", b"0") != b"0":
            _refuse("a tree with linear leaves, which are not supported")
        found.append(own)
    return found


def _read_values(
    blocks: list[Block],
) -> tuple[dict[str, NDArray[Any]], dict[str, list[int]]]:
    leaves, n_cats = (
        [read_count(block[name.encode()]) for block in blocks] for name in _OF_TREES
    )
    if min(leaves, default=1) < 1:
        _refuse("a tree without leaves")
    splits = [size - 1 for size in leaves]
    sizes = dict.fromkeys(_OF_TREES, [1] * len(blocks))
    sizes |= dict.fromkeys(_OF_SPLITS, splits)
    # LightGBM does not always write the counts of a tree of one leaf; it reads none
    counted = [size if size > 1 else 0 for size in leaves]
    sizes |= {"leaf_value": leaves, "leaf_count": counted}
    values = {
        name: np.array(each)
        for name, each in zip(_OF_TREES, (leaves, n_cats), strict=True)
    }
    for name, kind in {**_OF_SPLITS, **_OF_LEAVES}.items():
        values[name] = _join(blocks, name, sizes[name], kind)
    edges = [size + 1 if size else 0 for size in n_cats]
    bounds = _join(blocks, "cat_boundaries", edges, int)
    words = [
        int(bounds[end - 1]) if size else 0
        for end, size in zip(accumulate(edges), edges, strict=True)
    ]
    values["cat_boundaries"] = bounds
    values["cat_threshold"] = _join(blocks, "cat_threshold", words, int)
    return values, {**sizes, "cat_boundaries": edges, "cat_threshold": words}


def _join(blocks: list[Block], name: str, sizes: list[int], kind: type) -> NDArray[Any]:
    """Return the numbers of all trees under one name, concatenated."""
    key = name.encode()
    texts = [block.get(key, b"") for block in blocks]
    if name == "leaf_count":
        texts = [text if size else b"" for text, size in zip(texts, sizes, strict=True)]
    if [text.count(b" ") + 1 if text else 0 for text in texts] != sizes:
        _refuse(f"a tree with the wrong number of {name}")
    joined = b" ".join(filter(None, texts))
    # a split that separates missing values has an infinite threshold
    if name == "threshold" and b"inf" in joined:
        return read_numbers_or_inf(joined, sum(sizes))
    return read_numbers(joined, sum(sizes), kind)


def _check(
    values: dict[str, Any], sizes: dict[str, list[int]], n_features: int
) -> None:
    leaves = values["num_leaves"]
    splits = leaves - 1
    counts = splits + leaves
    # A child >= 0 is a split, any other is the leaf ~child. Number the leaves of a tree
    # after its splits.
    tree = np.repeat(np.arange(len(leaves)), splits)
    own = np.arange(len(tree)) - (np.cumsum(splits) - splits)[tree]
    at = (np.cumsum(counts) - counts)[tree] + own

    def place(values: NDArray[Any], leaf: int = 0) -> NDArray[Any]:
        placed = np.full(int(counts.sum()), leaf, dtype=values.dtype)
        placed[at] = values
        return placed

    children = []
    for child in (values["left_child"], values["right_child"]):
        is_split = child >= 0
        limit = np.where(is_split, splits[tree], leaves[tree])
        if (np.where(is_split, child, ~child) >= limit).any():
            _refuse("a tree whose children are not below their parents")
        children.append(place(np.where(is_split, child, splits[tree] + ~child), LEAF))
    left, right = children
    decision = values["decision_type"]
    if ((decision < 0) | (decision >> _MISSING_SHIFT >= _UNKNOWN_MISSING)).any():
        _refuse("a decision of an unknown type")
    threshold = values["threshold"]
    trees = Trees(
        counts,
        left,
        right,
        place(values["split_feature"]),
        place(threshold),
        place(decision >> 1 & 1),
        n_features,
    )
    check_trees(trees, MAX_TREE_DEPTH)
    if (
        min(values[name].min(initial=0) for name in ("leaf_count", "internal_count"))
        < 0
    ):
        _refuse("a negative number of rows")
    categorical = (decision & _CATEGORICAL).astype(bool)
    index, n_sets = threshold[categorical], values["num_cat"][tree][categorical]
    if ((index < 0) | (index >= n_sets) | (index != np.floor(index))).any():
        _refuse("a split by categories that do not exist")
    _check_categories(values, sizes["cat_boundaries"])


def _check_categories(values: dict[str, Any], sizes: list[int]) -> None:
    bounds, words = values["cat_boundaries"], values["cat_threshold"]
    first = np.cumsum(sizes) - sizes
    first = first[np.array(sizes) > 0]
    rising = np.diff(bounds) > 0
    rising[first[1:] - 1] = True  # from one tree to the next
    if (bounds[first] != 0).any() or not rising.all():
        _refuse("categories that do not fit together")
    if ((words < 0) | (words >= 2**32)).any():
        _refuse("categories that are not sets")
