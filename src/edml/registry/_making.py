"""From checked nodes to objects, as skops makes them.

skops checks every node again, by its own list; after the walk that takes most of the
time of loading and adds nothing. Only the kinds of node that the walk allows are known
here, and only names that it allowed are imported.
"""

import importlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edml.registry import _types
from edml.registry._arrays import read_array
from edml.registry._nodes import State, refuse

Members = Mapping[str, bytes]


def make(node: State, members: Members) -> Any:
    """Make an object from a node that a `Walk` has checked."""
    return _MAKERS[node["__loader__"]](node, members)


def _find(node: State) -> Any:
    module, name = node["__module__"], node["__class__"]
    return getattr(importlib.import_module(module), name)


def _json(node: State, members: Members) -> Any:
    return json.loads(node["content"])


def _list(node: State, members: Members) -> Any:
    return [make(one, members) for one in node["content"]]


def _tuple(node: State, members: Members) -> Any:
    return tuple(_list(node, members))


def _dict(node: State, members: Members) -> Any:
    kinds, content = node["key_types"]["content"], node["content"]
    made = _find(node)()
    for kind, (key, value) in zip(kinds, content.items(), strict=True):
        text = kind["__class__"] == "str" and kind["__module__"] == "builtins"
        made[key if text else _find(kind)(key)] = make(value, members)
    return made


def _defaultdict(node: State, members: Members) -> Any:
    content = node["content"]
    factory = content["default_factory"]
    return defaultdict(make(factory, members), make(content["main"], members))


def _array(node: State, members: Members) -> Any:
    if node["type"] == "json":
        objects = np.empty(len(node["content"]), dtype=object)
        for place, one in enumerate(node["content"]):
            objects[place] = make(one, members)
        return objects
    values = read_array(members[node["file"]])
    if f"{node['__module__']}.{node['__class__']}" == _types.ARRAY:
        return values.copy(order="K")  # writable, and aligned
    return _find(node)(values)


def _dtype(node: State, members: Members) -> Any:
    return read_array(members[node["content"]["file"]]).dtype


def _bytes(node: State, members: Members) -> Any:
    return members[node["file"]]


def _object(node: State, members: Members) -> Any:
    kind = _find(node)
    if not isinstance(kind, type):
        refuse("names a class that is not one")
    made: Any = kind.__new__(kind)  # type: ignore[call-overload]
    state = make(node["content"], members) if "content" in node else None
    if state is None:
        return made
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
    else:
        made.__dict__.update(state)
    return made


def _tree(node: State, members: Members) -> Any:
    made = _find(node)(*make(node["__reduce__"]["args"], members))
    made.__setstate__(make(node["content"], members))
    return made


def _constructed(node: State, members: Members) -> Any:
    return _find(node)(*make(node["content"], members))


def _named(node: State, members: Members) -> Any:
    return _find(node)


_MAKERS: dict[str, Callable[[State, Members], Any]] = {
    "ObjectNode": _object,
    "TreeNode": _tree,
    "DictNode": _dict,
    "DefaultDictNode": _defaultdict,
    "ListNode": _list,
    "TupleNode": _tuple,
    "JsonNode": _json,
    "NdArrayNode": _array,
    "DTypeNode": _dtype,
    "BytesNode": _bytes,
    "ConstructorFromReduceNode": _constructed,
    "FunctionNode": _named,
    "TypeNode": _named,
}
