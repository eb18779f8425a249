"""What `tomllib` lacks: find the line of a key, and write a value."""

import json
import tomllib
from collections.abc import Mapping
from typing import Any

Place = tuple[str, ...]


def find_lines(text: str) -> dict[Place, int]:
    """Find the line of a TOML document on which each of its keys is set.

    A document cut within a statement does not parse, so statements end at the cuts that
    do parse. This avoids a second grammar.
    """
    lines = text.split("\n")  # not splitlines: TOML has no other line breaks
    found: dict[Place, int] = {}
    begin = 0
    for end in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue  # within a multi-line statement
        for place in _places(document):
            found.setdefault(place, begin + 1)
        begin = end
    return found


def read_value(text: str) -> Any:
    """Parse a TOML value; return any other text unchanged."""
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if set(document) == {"value"} else text


def write_value(value: Any) -> str:
    """Write a string, number, boolean or list of these in TOML, equal to JSON here."""
    # except for a character that JSON does not escape
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _places(document: Mapping[str, Any], above: Place = ()) -> list[Place]:
    places = []
    for name, value in document.items():
        places.append((*above, name))
        if isinstance(value, Mapping):
            places += _places(value, (*above, name))
    return places
