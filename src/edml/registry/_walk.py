"""The walk over a file's schema, before any object is made.

skops makes each object from a node with a kind, a class and a state. Here every node is
of a known kind with exactly the keys of that kind, and every class is on the list.
Nodes do not refer to others, so that nothing is used elsewhere than it was checked.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edml.registry import _types
from edml.registry._arrays import read_array
from edml.registry._nodes import (
    State,
    attributes,
    check_keys,
    check_list,
    check_name,
    key_types,
    read_json,
    refuse,
    refuse_type,
    type_name,
)

MAX_DEPTH = 60
MAX_THREADS = 256
_THREADS = frozenset({"n_jobs", "nthread", "num_threads", "thread_count"})
_LONGEST_NUMBER = 400  # digits


class Walk:
    """One walk over one file, whose members may come to ``limit`` bytes in all.

    ``check`` is called with the walk, a class's name and its attributes' nodes, and
    returns the names of those that it checked itself.
    """

    def __init__(
        self,
        members: Mapping[str, bytes],
        trusted: Sequence[str],
        limit: int,
        check: Callable[["Walk", str, dict[str, State]], set[str]],
    ) -> None:
        self.members = members
        self.trusted = frozenset(trusted)
        self.left = limit
        self.check = check
        self.used: set[str] = set()
        self._depth = 0

    def visit(self, node: Any) -> None:
        """Check a node and all its parts."""
        if not isinstance(node, dict):
            refuse("describes an object without its parts")
        kind = node.get("__loader__")
        action = _ACTIONS.get(kind) if isinstance(kind, str) else None
        if action is None:
            refuse(f"holds a node of the kind {str(kind)[:60]!r}, which may run code")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            refuse(f"nests its objects deeper than {MAX_DEPTH}")
        action(self, node)
        self._depth -= 1

    def member(self, node: State) -> bytes:
        """Return the bytes that a node names, counted each time against the limit."""
        name = node["file"]
        if not isinstance(name, str) or name not in self.members:
            refuse("names a member that is not there")
        content = self.members[name]
        self.left -= len(content)
        if self.left < 0:
            refuse("uses its members so often that they fill the memory")
        self.used.add(name)
        return content

    def array(self, node: State) -> NDArray[Any]:
        """Return the read-only values of an array without objects."""
        if node.get("__loader__") != "NdArrayNode":
            refuse("has no array where one belongs")
        check_keys(node, "type", "file")
        if node["type"] != "numpy":
            refuse("has objects where numbers belong")
        values = read_array(self.member(node))
        name = type_name(node)
        if name != _types.ARRAY and (name not in _types.SCALARS or values.shape):
            refuse_type(name)
        return values

    def number(self, node: State) -> Any:
        """Return the value of a JsonNode or of a numpy scalar."""
        if node.get("__loader__") == "NdArrayNode":
            return self.array(node).item()
        return read_json(node)

    def name(self, name: str, allowed: frozenset[str]) -> None:
        """Check that a class or function is allowed here, or trusted by the user."""
        if name not in allowed and name not in self.trusted:
            refuse_type(name)


def _json(walk: Walk, node: State) -> None:
    if _too_deep(read_json(node)):
        refuse("nests a value too deep")


def _too_deep(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth > MAX_DEPTH or any(_too_deep(one, depth + 1) for one in inner)


def _sequence(*names: str) -> Callable[[Walk, State], None]:
    def action(walk: Walk, node: State) -> None:
        check_keys(node, "content")
        check_name(node, *names)
        for item in check_list(node["content"]):
            walk.visit(item)

    return action


def _dict(walk: Walk, node: State) -> None:
    check_name(node, *_types.DICTS)
    content = node["content"]
    for kind, key in zip(key_types(node), content, strict=True):
        walk.name(type_name(kind), _types.KEY_TYPES)
        if len(key) > _LONGEST_NUMBER and type_name(kind) != "builtins.str":
            refuse("has a number that is too long")
    for value in content.values():
        walk.visit(value)


def _defaultdict(walk: Walk, node: State) -> None:
    check_keys(node, "content")
    check_name(node, "collections.defaultdict")
    if node["content"].keys() != {"main", "default_factory"}:
        refuse("has a dictionary of another form")
    factory = node["content"]["default_factory"]
    if factory.get("__loader__") == "TypeNode":
        check_keys(factory)
        walk.name(type_name(factory), _types.FACTORIES)
    elif read_json(factory) is not None:
        refuse("has a dictionary of another form")
    walk.visit(node["content"]["main"])


def _array(walk: Walk, node: State) -> None:
    if node.get("type") == "numpy":
        values = walk.array(node)
        if values.dtype.kind not in _types.ARRAY_KINDS:
            refuse("has an array of neither numbers nor text")
        if values.dtype.kind == "b" and (values.view(np.uint8) > 1).any():
            refuse("has an array of invalid truth values")
        return
    check_keys(node, "type", "content", "shape")
    check_name(node, _types.ARRAY)
    shape, items = node["shape"], check_list(node["content"])
    if node["type"] != "json" or shape.get("__loader__") != "TupleNode":
        refuse("has an array of another form")
    walk.visit(shape)
    if [read_json(size) for size in shape["content"]] != [len(items)]:
        refuse("has an array whose shape is wrong")
    for item in items:
        _json(walk, item)


def _dtype(walk: Walk, node: State) -> None:
    check_keys(node, "content")
    walk.name(type_name(node), frozenset({"numpy.dtype"}))
    # skops stores it as an empty array
    if walk.array(node["content"]).dtype.kind not in _types.ARRAY_KINDS:
        refuse("has a dtype of neither numbers nor text")


def _bytes(walk: Walk, node: State) -> None:
    check_keys(node, "file")
    check_name(node, "builtins.bytes")
    walk.member(node)


def _object(walk: Walk, node: State) -> None:
    name = type_name(node)
    walk.name(name, _types.OBJECTS)
    if name in walk.trusted and name not in _types.OBJECTS:
        check_keys(node, *({"content"} & node.keys()))
        if "content" in node:
            walk.visit(node["content"])
        return
    check_keys(node, "content")
    own = attributes(node)
    for key in _THREADS & own.keys():
        n_threads = read_json(own[key])
        if n_threads is not None and not (
            type(n_threads) is int and abs(n_threads) <= MAX_THREADS
        ):
            refuse(f"asks for more than {MAX_THREADS} threads")
    checked = walk.check(walk, name, own)
    # those that are checked by their contents are not plain nodes
    for key, value in own.items():
        if key not in checked:
            walk.visit(value)


def _constructed(walk: Walk, node: State) -> None:
    check_keys(node, "content")
    walk.name(type_name(node), frozenset())
    walk.visit(node["content"])


def _named(walk: Walk, node: State) -> None:
    check_keys(node)
    walk.name(type_name(node), frozenset())


_ACTIONS: dict[str, Callable[[Walk, State], None]] = {
    "ObjectNode": _object,
    "DictNode": _dict,
    "DefaultDictNode": _defaultdict,
    "ListNode": _sequence("builtins.list"),
    "TupleNode": _sequence("builtins.tuple"),
    "JsonNode": _json,
    "NdArrayNode": _array,
    "DTypeNode": _dtype,
    "BytesNode": _bytes,
    # only of names that the user trusts
    "ConstructorFromReduceNode": _constructed,
    "FunctionNode": _named,
    "TypeNode": _named,
}
