"""The nodes of a description: their names, their parts, and what is refused."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from edml.exceptions import RegistryError

_COMMON = {"__class__", "__module__", "__loader__"}

State = dict[str, Any]


def refuse(what: str) -> NoReturn:
    """Raise, for a file that has what no model has.

    Parameters
    ----------
    what : str
        In words.

    Raises
    ------
    RegistryError
        Always.
    """
    message = f"The model file {what}: it is damaged or made up. Nothing was loaded."
    raise RegistryError(message)


def refuse_type(name: str) -> NoReturn:
    """Raise, for a type that is not on the list.

    Parameters
    ----------
    name : str
        With its module.

    Raises
    ------
    RegistryError
        Always.
    """
    message = (
        f"The model holds {name[:120]!r}, which is not among the types that are "
        "known to be safe. If you know where it comes from, name it in trusted=[...]."
    )
    raise RegistryError(message)


def read_json(node: State) -> Any:
    """Give the value of a node of plain JSON.

    Parameters
    ----------
    node : dict
        Of the kind "JsonNode".

    Returns
    -------
    value : object
        A number, text, truth value, None, or a list or dict of such.

    Raises
    ------
    RegistryError
        If it is none.
    """
    if node.get("__loader__") != "JsonNode":
        refuse("has an object where a number or a text belongs")
    check_keys(node, "content")
    check_name(node, "builtins.str")
    return json.loads(node["content"])


def attributes(node: State) -> dict[str, State]:
    """Give the nodes of an object's attributes.

    Parameters
    ----------
    node : dict
        Of the kind "ObjectNode" or "TreeNode".

    Returns
    -------
    attributes : dict of str to dict
        By their names.

    Raises
    ------
    RegistryError
        If its state is no plain dictionary.
    """
    content = node["content"]
    if content.get("__loader__") != "DictNode" or type_name(content) != "builtins.dict":
        refuse("has an object whose state is no dictionary")
    if {type_name(kind) for kind in key_types(content)} - {"builtins.str"}:
        refuse("has an object whose attributes have no names")
    found: dict[str, State] = content["content"]
    if not all(name.isidentifier() and not name.startswith("__") for name in found):
        refuse("has an object whose attributes have no proper names")
    return found


def type_name(node: State) -> str:
    """Give the name of a node's class, with its module.

    Parameters
    ----------
    node : dict
        As skops writes it.

    Returns
    -------
    name : str
        Such as "builtins.dict".

    Raises
    ------
    RegistryError
        If it is no text.
    """
    module, name = node["__module__"], node["__class__"]
    if not (isinstance(module, str) and isinstance(name, str)):
        refuse("has a type without a name")
    return f"{module}.{name}"


def check_keys(node: State, *expected: str) -> None:
    """Check that a node has its own parts, all of them, and no other.

    Parameters
    ----------
    node : dict
        As skops writes it.
    *expected : str
        Besides its kind and its class.

    Raises
    ------
    RegistryError
        If it has not.
    """
    if node.keys() != _COMMON.union(expected):
        refuse(f"has a {node['__loader__']} with other parts than it has")


def check_name(node: State, *names: str) -> None:
    """Check that a node is of one of a few classes.

    Parameters
    ----------
    node : dict
        As skops writes it.
    *names : str
        The classes, with their modules.

    Raises
    ------
    RegistryError
        If it is of another one.
    """
    if type_name(node) not in names:
        refuse_type(type_name(node))


def key_types(node: State) -> list[State]:
    """Give the nodes of the types of a dictionary's keys.

    Parameters
    ----------
    node : dict
        Of a dictionary.

    Returns
    -------
    kinds : list of dict
        One for each key, in their order.

    Raises
    ------
    RegistryError
        If they are of another form, or more or fewer.
    """
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
        if kind.get("__loader__") != "TypeNode":
            refuse("has a dictionary whose keys are of no type")
        check_keys(kind)
    return found


def check_list(value: Any) -> list[Any]:
    """Check that a value is a list.

    Parameters
    ----------
    value : object
        A part of a node.

    Returns
    -------
    value : list
        The same.

    Raises
    ------
    RegistryError
        If it is none.
    """
    if not isinstance(value, list):
        refuse("has something else where a list belongs")
    found: list[Any] = value
    return found


def nodes(state: Any) -> Iterator[State]:
    """Give every node of a description, the outermost first.

    Parameters
    ----------
    state : object
        As skops writes it.

    Yields
    ------
    node : dict
        May be changed; its parts come after it.
    """
    waiting = [state]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "__loader__" in one:
                yield one
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
