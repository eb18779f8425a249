"""The nodes of a skops schema: their types, their parts, and the errors about them."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NoReturn

from edml.exceptions import RegistryError

_PLAIN_TEXT = re.compile(r'"[\w .:()-]*"', re.ASCII)
_COMMON = frozenset({"__class__", "__module__", "__loader__"})
_TEXT_KEY = {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"}
_CONSTANTS = {"null": None, "true": True, "false": False}

State = dict[str, Any]


def refuse(what: str) -> NoReturn:
    """Raise for contents that a model file cannot have."""
    raise RegistryError(
        f"The model file {what}: it is damaged or made up. Nothing was loaded."
    )


def refuse_type(name: str) -> NoReturn:
    """Raise for a type that is not on the list."""
    raise RegistryError(
        f"The model holds {name[:120]!r}, which is not among the types that are "
        "known to be safe. If you know where it comes from, name it in trusted=[...]."
    )


def read_json(node: State) -> Any:
    """Return the value of a JsonNode, which skops writes as JSON text."""
    if node.get("__loader__") != "JsonNode":
        refuse("has an object where a number or a text belongs")
    check_keys(node, "content")
    check_name(node, "builtins.str")
    content = node["content"]
    # most values of a file
    if content in _CONSTANTS:
        return _CONSTANTS[content]
    if _PLAIN_TEXT.fullmatch(content):
        return content[1:-1]
    return json.loads(content)


def attributes(node: State) -> dict[str, State]:
    """Return the nodes of an object's attributes, by name."""
    content = node["content"]
    if content.get("__loader__") != "DictNode" or type_name(content) != "builtins.dict":
        refuse("has an object whose state is not a dictionary")
    if any(kind != _TEXT_KEY for kind in key_types(content)):
        refuse("has an object whose attributes have no names")
    found: dict[str, State] = content["content"]
    if not all(name.isidentifier() and not name.startswith("__") for name in found):
        refuse("has an object with invalid attribute names")
    return found


def type_name(node: State) -> str:
    """Return the name of a node's class, with its module."""
    module, name = node["__module__"], node["__class__"]
    if not (isinstance(module, str) and isinstance(name, str)):
        refuse("has a type without a name")
    return f"{module}.{name}"


def check_keys(node: State, *expected: str) -> None:
    """Check that a node has exactly these parts in addition to its class and kind."""
    if node.keys() != _keys(expected):
        refuse(f"has a {node['__loader__']} with missing or unknown parts")


@cache
def _keys(expected: tuple[str, ...]) -> frozenset[str]:
    return _COMMON.union(expected)


def check_name(node: State, *names: str) -> None:
    """Check that a node is of one of these classes."""
    if type_name(node) not in names:
        refuse_type(type_name(node))


def key_types(node: State) -> list[State]:
    """Return the nodes of the types of a dictionary's keys, in their order."""
    check_keys(node, "content", "key_types")
    kinds, content = node["key_types"], node["content"]
    if kinds.get("__loader__") != "ListNode" or not isinstance(content, dict):
        refuse("has a dictionary of another form")
    check_keys(kinds, "content")
    check_name(kinds, "builtins.list")
    found = check_list(kinds["content"])
    if len(found) != len(content):
        refuse("has a dictionary with more or fewer keys than values")
    for kind in found:
        if kind == _TEXT_KEY:
            continue
        if kind.get("__loader__") != "TypeNode":
            refuse("has a dictionary whose keys have no type")
        check_keys(kind)
    return found


def check_list(value: Any) -> list[Any]:
    """Check that a value is a list."""
    if not isinstance(value, list):
        refuse("has no list where one belongs")
    found: list[Any] = value
    return found


def nodes(state: Any) -> Iterator[State]:
    """Yield every node, the outermost first; it may be changed before its parts."""
    waiting = [state]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "__loader__" in one:
                yield one
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
