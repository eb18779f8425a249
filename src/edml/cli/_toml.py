"""What `tomllib` does not do: tell the line of a key, and write a value."""

import json
import tomllib
from collections.abc import Mapping
from typing import Any

Place = tuple[str, ...]


def find_lines(text: str) -> dict[Place, int]:
    """Tell on which line of a TOML document each of its keys is set.

    A document that is cut within a statement does not parse, so the cuts that do
    parse are where statements end: no second grammar is needed.

    Parameters
    ----------
    text : str
        A document that parses.

    Returns
    -------
    lines : dict of tuple of str to int
        For each path of names, such as ("tune", "folds"), the line on which the
        statement begins that sets it first, from 1.
    """
    lines = text.split("\n")  # not splitlines: TOML knows no other ends of lines
    found: dict[Place, int] = {}
    begin = 0
    for end in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue  # within a statement of several lines
        for place in _places(document):
            found.setdefault(place, begin + 1)
        begin = end
    return found


def read_value(text: str) -> Any:
    """Read a value as TOML has it, and what is none as the text itself.

    Parameters
    ----------
    text : str
        Such as ``3``, ``["a", "b"]`` or ``roc_auc``.

    Returns
    -------
    value : object
        A number, a boolean, a list, a table or a text.
    """
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if set(document) == {"value"} else text


def write_value(value: Any) -> str:
    """Write a value as TOML has it, on one line.

    Parameters
    ----------
    value : bool, int, float, str, list or mapping
        What a configuration can hold.

    Returns
    -------
    text : str
        `read_value` gives the value again.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(write_value(one) for one in value)}]"
    if isinstance(value, Mapping):
        inner = (f"{_quote(key)} = {write_value(one)}" for key, one in value.items())
        return f"{{{', '.join(inner)}}}"
    return _quote(str(value))


def _quote(text: str) -> str:
    # a text of JSON is one of TOML, but for a character that JSON leaves as it is
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _places(document: Mapping[str, Any], above: Place = ()) -> list[Place]:
    places = []
    for name, value in document.items():
        places.append((*above, name))
        if isinstance(value, Mapping):
            places += _places(value, (*above, name))
    return places
