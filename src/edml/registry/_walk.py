"""Walk over a file's schema: check every node, then create the objects.

skops creates each object from a node with a kind, a class and a state. Every node must
be of a known kind with exactly the keys of that kind, and every class must be on the
list. Nodes cannot refer to others, so that every object is used only where it was
checked.

Visiting a node returns a function (a maker) that creates its object. Makers are called,
and classes imported, only after the whole file was checked.
"""

import importlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edml.registry import _types
from edml.registry._arrays import read_array
from edml.registry._budget import Budget
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

Maker = Callable[[], Any]

MAX_DEPTH = 60
_LONGEST_NUMBER = 400  # digits


class Walk:
    """One walk over one file, whose members may total ``limit`` bytes.

    What is parsed of them counts against ``budget``.

    ``check`` receives the walk, a class name and the nodes of its attributes, and
    returns the makers of the attributes that it checked itself.
    """

    def __init__(
        self,
        members: Mapping[str, bytes],
        trusted: Sequence[str],
        limit: int,
        budget: Budget,
        check: Callable[["Walk", str, dict[str, State]], dict[str, Maker]],
    ) -> None:
        self.members = members
        self.trusted = frozenset(trusted)
        self.left = limit
        self.budget = budget
        self.check = check
        self.used: set[str] = set()
        self.trees: list[Any] = []  # their arrays as stored
        self.nodes: list[NDArray[Any]] = []  # of each tree, after the check of all
        self._depth = 0

    def visit(self, node: Any) -> Maker:
        """Check a node and all its parts; return the maker of its object."""
        if not isinstance(node, dict):
            refuse("describes an object without its parts")
        kind = node.get("__loader__")
        read = _READERS.get(kind) if isinstance(kind, str) else None
        if read is None:
            refuse(f"holds a node of the kind {str(kind)[:60]!r}, which may run code")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            refuse(f"nests its objects deeper than {MAX_DEPTH}")
        make = read(self, node)
        self._depth -= 1
        return make

    def items(self, node: State, name: str) -> list[Maker]:
        """Check a list or tuple and its items."""
        check_keys(node, "content")
        check_name(node, name)
        return [self.visit(item) for item in check_list(node["content"])]

    def member(self, node: State) -> bytes:
        """Return the bytes that a node names; each read counts against the limit."""
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


def find(node: State) -> Any:
    """Import the class or function that an allowed node names."""
    return getattr(importlib.import_module(node["__module__"]), node["__class__"])


def _instance_maker(node: State, state: Maker) -> Maker:
    """Return the maker of an object from its state, equivalent to that of skops."""

    def make() -> Any:
        kind = find(node)
        if not isinstance(kind, type):
            refuse("names a class that is not one")
        made: Any = kind.__new__(kind)  # type: ignore[call-overload]
        own = state()
        if own is None:
            return made
        if node["__loader__"] == "ObjectNode" and any(
            hasattr(kind, key) for key in own
        ):
            refuse("has an attribute in the place of a method")
        if hasattr(made, "__setstate__"):
            made.__setstate__(own)
        else:
            made.__dict__.update(own)
        return made

    return make


def _json(walk: Walk, node: State) -> Maker:
    value = read_json(node)
    if _too_deep(value):
        refuse("nests a value too deep")
    return lambda: value


def _too_deep(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth > MAX_DEPTH or any(_too_deep(one, depth + 1) for one in inner)


def _list(walk: Walk, node: State) -> Maker:
    makers = walk.items(node, "builtins.list")
    return lambda: [make() for make in makers]


def _tuple(walk: Walk, node: State) -> Maker:
    makers = walk.items(node, "builtins.tuple")
    return lambda: tuple(make() for make in makers)


def _dict(walk: Walk, node: State) -> Maker:
    check_name(node, *_types.DICTS)
    content = node["content"]
    kinds = key_types(node)
    for kind, key in zip(kinds, content, strict=True):
        walk.name(type_name(kind), _types.KEY_TYPES)
        if len(key) > _LONGEST_NUMBER and type_name(kind) != "builtins.str":
            refuse("has a number that is too long")
    makers = [walk.visit(value) for value in content.values()]

    def make() -> Any:
        made = find(node)()
        for kind, key, value in zip(kinds, content, makers, strict=True):
            text = type_name(kind) == "builtins.str"
            made[key if text else find(kind)(key)] = value()
        return made

    return make


def _defaultdict(walk: Walk, node: State) -> Maker:
    check_keys(node, "content")
    check_name(node, "collections.defaultdict")
    if node["content"].keys() != {"main", "default_factory"}:
        refuse("has a dictionary of another form")
    factory = node["content"]["default_factory"]
    named = factory.get("__loader__") == "TypeNode"
    if named:
        check_keys(factory)
        walk.name(type_name(factory), _types.FACTORIES)
    elif read_json(factory) is not None:
        refuse("has a dictionary of another form")
    main = walk.visit(node["content"]["main"])
    return lambda: defaultdict(find(factory) if named else None, main())


def _array(walk: Walk, node: State) -> Maker:
    if node.get("type") != "numpy":
        return _array_of_objects(walk, node)
    values = walk.array(node)
    if values.dtype.kind not in _types.ARRAY_KINDS:
        refuse("has an array of neither numbers nor text")
    if values.dtype.kind == "b" and (values.view(np.uint8) > 1).any():
        refuse("has an array of invalid truth values")
    if type_name(node) == _types.ARRAY:
        return lambda: values.copy(order="K")  # writable, and aligned
    return lambda: find(node)(values)


def _array_of_objects(walk: Walk, node: State) -> Maker:
    check_keys(node, "type", "content", "shape")
    check_name(node, _types.ARRAY)
    shape, items = node["shape"], check_list(node["content"])
    if node["type"] != "json" or shape.get("__loader__") != "TupleNode":
        refuse("has an array of another form")
    walk.visit(shape)
    if [read_json(size) for size in shape["content"]] != [len(items)]:
        refuse("has an array whose shape is wrong")
    makers = [_json(walk, item) for item in items]

    def make() -> Any:
        made = np.empty(len(makers), dtype=object)
        for place, one in enumerate(makers):
            made[place] = one()
        return made

    return make


def _dtype(walk: Walk, node: State) -> Maker:
    check_keys(node, "content")
    walk.name(type_name(node), frozenset({"numpy.dtype"}))
    dtype = walk.array(node["content"]).dtype  # skops stores it as an empty array
    if dtype.kind not in _types.ARRAY_KINDS:
        refuse("has a dtype of neither numbers nor text")
    return lambda: dtype


def _bytes(walk: Walk, node: State) -> Maker:
    check_keys(node, "file")
    check_name(node, "builtins.bytes")
    content = walk.member(node)
    return lambda: content


def _object(walk: Walk, node: State) -> Maker:
    name = type_name(node)
    walk.name(name, _types.OBJECTS)
    if name not in _types.OBJECTS:  # a class that the user trusts
        check_keys(node, *({"content"} & node.keys()))
        state = walk.visit(node["content"]) if "content" in node else None
        return _instance_maker(node, state or (lambda: None))
    check_keys(node, "content")
    own = attributes(node)
    # types with content checks are not plain nodes
    makers = walk.check(walk, name, own)
    makers = {key: makers.get(key) or walk.visit(value) for key, value in own.items()}
    fixed = _types.FIXED.keys() & own.keys()
    for key in fixed:
        makers[key] = partial(_types.fixed_value, name, key)
    return _instance_maker(node, lambda: {key: one() for key, one in makers.items()})


def _constructed(walk: Walk, node: State) -> Maker:
    check_keys(node, "content")
    walk.name(type_name(node), frozenset())
    arguments = walk.visit(node["content"])
    return lambda: find(node)(*arguments())


def _named(walk: Walk, node: State) -> Maker:
    check_keys(node)
    walk.name(type_name(node), frozenset())
    return lambda: find(node)


_READERS: dict[str, Callable[[Walk, State], Maker]] = {
    "ObjectNode": _object,
    "DictNode": _dict,
    "DefaultDictNode": _defaultdict,
    "ListNode": _list,
    "TupleNode": _tuple,
    "JsonNode": _json,
    "NdArrayNode": _array,
    "DTypeNode": _dtype,
    "BytesNode": _bytes,
    # only for names that the user trusts
    "ConstructorFromReduceNode": _constructed,
    "FunctionNode": _named,
    "TypeNode": _named,
}
