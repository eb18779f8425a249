"""The text of a LightGBM booster, checked before LightGBM reads it.

LightGBM aborts the process on some malformed text, and loops forever on a child that
points back.
"""

import re
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from edml.registry._nodes import refuse
from edml.registry._tree_shapes import LEAF, check_shapes

MAX_TREE_DEPTH = 1000
MAX_CLASSES = 1000
END = "end of trees\n\n"

_N = r"-?\d{1,40}(?:\.\d{1,40})?(?:e[+-]?\d{1,3})?"
_INTEGERS = re.compile(r"-?\d{1,9}(?: -?\d{1,9})*")
_UNSIGNED = re.compile(r"\d{1,10}(?: \d{1,10})*")
_NUMBERS = re.compile(rf"{_N}(?: {_N})*")
_COUNT = re.compile(r"\d{1,8}")
_INFO = re.compile(rf"none|\[{_N}:{_N}\]|-?\d{{1,9}}(?::-?\d{{1,9}})*")
_OBJECTIVE = re.compile(
    rf"binary sigmoid:(?P<binary>{_N})"
    r"|multiclass num_class:(?P<classes>\d{1,4})"
    rf"|multiclassova num_class:(?P<ova>\d{{1,4}}) sigmoid:(?P<sigmoid>{_N})"
)
_HEADER = (
    "version",
    "num_class",
    "num_tree_per_iteration",
    "label_index",
    "max_feature_idx",
    "objective",
    "feature_names",
    "feature_infos",
    "tree_sizes",
)
_OPTIONAL = {"monotone_constraints"}
_AVERAGE = "average_output"  # of LightGBM's own random forests
# numbers that a tree of n leaves has under each name: n, or n - 1
_OF_LEAVES = {"leaf_value": float, "leaf_weight": float, "leaf_count": int}
_OF_SPLITS = {
    "split_feature": int,
    "split_gain": float,
    "threshold": float,
    "decision_type": int,
    "left_child": int,
    "right_child": int,
    "internal_value": float,
    "internal_weight": float,
    "internal_count": int,
}
_OF_CATEGORIES = {"cat_boundaries", "cat_threshold"}
_ALWAYS = {"num_leaves", "num_cat", "is_linear", "shrinkage"}
_CATEGORICAL, _MISSING_SHIFT, _UNKNOWN_MISSING = 1, 2, 3


class BoosterShape(NamedTuple):
    """The sizes that a booster declares."""

    n_features: int
    n_classes: int
    n_iterations: int


def check_lightgbm(text: str) -> BoosterShape:
    """Check the text of a booster, up to `END`; return its sizes."""
    head, separator, body = text.partition("\n\n")
    if not separator or not text.endswith(END) or "\0" in text or "\r" in text:
        refuse("holds a LightGBM booster without beginning or end")
    header = _read_header(head)
    n_features = _count(header["max_feature_idx"]) + 1
    for name in ("feature_names", "feature_infos"):
        if len(header[name].split(" ")) != n_features:
            _refuse(f"{name} of another number")
    if not all(map(_INFO.fullmatch, header["feature_infos"].split(" "))):
        _refuse("invalid feature_infos")
    n_classes, per_iteration = _read_classes(header)
    if header["tree_sizes"] and not _INTEGERS.fullmatch(header["tree_sizes"]):
        _refuse("tree_sizes that are not numbers")
    sizes = [int(size) for size in header["tree_sizes"].split()]
    if not sizes or len(sizes) % per_iteration or min(sizes) <= 0:
        _refuse("an incomplete number of trees")
    blocks = _cut(body.encode("utf-8"), sizes)
    _check_trees(blocks, n_features)
    return BoosterShape(n_features, n_classes, len(sizes) // per_iteration)


def _refuse(what: str) -> NoReturn:
    refuse(f"holds a LightGBM booster with {what}")


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text):
        _refuse("an invalid count")
    return int(text)


def _read_header(head: str) -> dict[str, str]:
    first, *lines = head.split("\n")
    if first != "tree":
        _refuse("another kind of model than trees")
    found: dict[str, str] = {}
    for line in lines:
        key, separator, value = line.partition("=")
        if key in found or (not separator and line != _AVERAGE):
            _refuse("an invalid or repeated header line")
        found[key] = value
    known = {*_HEADER, *_OPTIONAL, _AVERAGE}
    if not set(_HEADER) <= found.keys() <= known or found["version"] != "v4":
        _refuse("another header than version v4 has")
    constraints = found.get("monotone_constraints", "0")
    if not _INTEGERS.fullmatch(constraints) or not _COUNT.fullmatch(
        found["label_index"]
    ):
        _refuse("invalid constraints or an invalid label")
    return found


def _read_classes(header: dict[str, str]) -> tuple[int, int]:
    found = _OBJECTIVE.fullmatch(header["objective"])
    if found is None:
        _refuse("an objective that is not a classifier's")
    n_classes, per_iteration = (
        _count(header[name]) for name in ("num_class", "num_tree_per_iteration")
    )
    sigmoid = found["binary"] or found["sigmoid"]
    if sigmoid is not None and not 0 < float(sigmoid) < np.inf:
        _refuse("an invalid sigmoid")
    of_objective = int(found["classes"] or found["ova"] or 1)
    if not n_classes == per_iteration == of_objective or n_classes > MAX_CLASSES:
        _refuse("contradicting numbers of classes")
    if n_classes == 1:
        return 2, 1
    return n_classes, n_classes


def _cut(body: bytes, sizes: list[int]) -> list[dict[str, str]]:
    # LightGBM finds the next tree by these sizes
    ends = np.cumsum([0, *sizes])
    # one line break precedes the first tree
    start = len(body) - len(END) - int(ends[-1])
    if start != 0 or body[int(ends[-1]) :] != END.encode():
        _refuse("tree_sizes that do not fit its text")
    blocks = []
    for number, (begin, end) in enumerate(pairwise(ends.tolist())):
        block = body[begin:end].decode("utf-8")
        name = f"Tree={number}\n"
        if not block.startswith(name) or not block.endswith("\n\n\n"):
            _refuse("tree_sizes that do not fit its trees")
        lines = [line.partition("=") for line in block[len(name) : -3].split("\n")]
        found = {key: value for key, _, value in lines}
        if len(found) != len(lines):
            _refuse("a repeated line in a tree")
        blocks.append(found)
    return blocks


def _check_trees(blocks: list[dict[str, str]], n_features: int) -> None:
    known = _ALWAYS | _OF_LEAVES.keys() | _OF_SPLITS.keys()
    for block in blocks:
        extra = _OF_CATEGORIES if block.get("num_cat", "0") != "0" else set()
        if block.keys() != known | extra:
            _refuse("a tree with missing or unknown parts")
        if block["is_linear"] != "0" or not _NUMBERS.fullmatch(block["shrinkage"]):
            _refuse("a tree with linear leaves, which are not supported")
    leaves = np.array([_count(block["num_leaves"]) for block in blocks])
    if (leaves < 1).any():
        _refuse("a tree without leaves")
    splits = leaves - 1
    values = {name: _join(blocks, name, splits) for name in _OF_SPLITS}
    for name in _OF_LEAVES:
        # a tree of one leaf may lack its weight and count
        _join(blocks, name, leaves, may_lack=name != "leaf_value")
    _check_structure(leaves, values["left_child"], values["right_child"])
    feature = values["split_feature"]
    if ((feature < 0) | (feature >= n_features)).any():
        _refuse("a split on a feature that does not exist")
    _check_decisions(blocks, splits, values)


def _join(
    blocks: list[dict[str, str]],
    name: str,
    expected: NDArray[np.intp],
    *,
    may_lack: bool = False,
) -> NDArray[Any]:
    """Return the numbers of all trees under one name, concatenated."""
    texts = [block[name] for block in blocks]
    counts = np.array([text.count(" ") + 1 if text else 0 for text in texts])
    fits = counts == expected
    if may_lack:
        fits |= (expected == 1) & (counts == 0)
    if not fits.all():
        _refuse(f"a tree with the wrong number of {name}")
    kind = {**_OF_LEAVES, **_OF_SPLITS}[name]
    pattern = _INTEGERS if kind is int else _NUMBERS
    joined = " ".join(text for text in texts if text)
    if joined and not pattern.fullmatch(joined):
        _refuse(f"{name} that are not numbers")
    values = np.array(joined.split(), dtype=np.int64 if kind is int else np.float64)
    if not np.isfinite(values).all():
        _refuse(f"{name} that are not finite")
    return values


def _check_structure(
    leaves: NDArray[np.intp], left: NDArray[np.int64], right: NDArray[np.int64]
) -> None:
    # A child >= 0 is a split, any other is the leaf ~child. Number the leaves of a tree
    # after its splits.
    splits = leaves - 1
    counts = splits + leaves
    tree = np.repeat(np.arange(len(leaves)), splits)
    own = np.arange(len(tree)) - (np.cumsum(splits) - splits)[tree]
    at = (np.cumsum(counts) - counts)[tree] + own
    children = []
    for child in (left, right):
        is_split = child >= 0
        limit = np.where(is_split, splits[tree], leaves[tree])
        if (np.where(is_split, child, ~child) >= limit).any():
            _refuse("a tree whose children are not below their parents")
        placed = np.full(int(counts.sum()), LEAF)
        placed[at] = np.where(is_split, child, splits[tree] + ~child)
        children.append(placed)
    placed_left, placed_right = children
    check_shapes(placed_left, placed_right, counts, MAX_TREE_DEPTH, _refuse)


def _check_decisions(
    blocks: list[dict[str, str]], splits: NDArray[np.intp], values: dict[str, Any]
) -> None:
    decision, threshold = values["decision_type"], values["threshold"]
    missing = decision >> _MISSING_SHIFT
    if ((decision < 0) | (missing >= _UNKNOWN_MISSING)).any():
        _refuse("a decision of an unknown type")
    n_cats = np.array([_count(block["num_cat"]) for block in blocks])
    categorical = (decision & _CATEGORICAL).astype(bool)
    n_sets = np.repeat(n_cats, splits)[categorical]
    index = threshold[categorical]
    if ((index < 0) | (index >= n_sets) | (index != np.floor(index))).any():
        _refuse("a split by categories that do not exist")
    for n_cat, block in zip(n_cats.tolist(), blocks, strict=True):
        if n_cat:
            _check_categories(n_cat, block)


def _check_categories(n_cat: int, block: dict[str, str]) -> None:
    bounds, words = block["cat_boundaries"], block["cat_threshold"]
    if not (_INTEGERS.fullmatch(bounds) and _UNSIGNED.fullmatch(words)):
        _refuse("categories that are not numbers")
    edges = np.array(bounds.split(), dtype=np.int64)
    bits = np.array(words.split(), dtype=np.int64)
    right = (
        len(edges) == n_cat + 1
        and edges[0] == 0
        and edges[-1] == len(bits)
        and (np.diff(edges) > 0).all()
        and (bits < 2**32).all()
    )
    if not right:
        _refuse("categories that do not fit together")
