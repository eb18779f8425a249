"""What `tomllib` does not do: find the line of a key, and write a value."""

import json
import tomllib
from collections.abc import Mapping
from typing import Any

Place = tuple[str, ...]


def find_lines(text: str) -> dict[Place, int]:
    """Find the line of a TOML document on which each of its keys is set.

    A document that is cut within a statement does not parse, so the cuts that do parse
    are where statements end: no second grammar is needed.
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
    """Parse a TOML value; any other text is returned as it is."""
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if set(document) == {"value"} else text


def write_value(value: Any) -> str:
    """Write a text, number, truth or list of such in TOML, which is that of JSON."""
    # but for a character that JSON leaves as it is
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _places(document: Mapping[str, Any], above: Place = ()) -> list[Place]:
    places = []
    for name, value in document.items():
        places.append((*above, name))
        if isinstance(value, Mapping):
            places += _places(value, (*above, name))
    return places
