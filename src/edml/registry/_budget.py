"""Numbers and JSON of a file, read within a budget that grows with the file."""

import json
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from edml.registry._nodes import refuse

# Upper bounds of the bytes that Python's objects take for each of these characters.
# A backslash may stand for any of them.
_JSON_COST = {b"{": 240, b"[": 90, b",": 40, b":": 30, b'"': 16, b"\\u": 90}
_TEXT_COST = {b"\n": 120, b" ": 40}
_ASCII, _UNICODE = 1, 5  # bytes in memory for each byte of text
_DIGITS = b"0123456789"


class Budget:
    """The memory that the parts of a file of ``packed`` bytes may take together."""

    def __init__(self, packed: int) -> None:
        self.left = 40 * packed + 64 * 2**20

    def read_json(self, content: bytes) -> Any:
        """Return the value of JSON without repeated keys, NaN and infinity."""
        self._spend(content, _JSON_COST)
        return json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_not_finite,
        )

    def read_text(self, content: bytes) -> bytes:
        """Return text whose lines and words fit into the budget."""
        self._spend(content, _TEXT_COST)
        return content

    def _spend(self, content: bytes, costs: dict[bytes, int]) -> None:
        self.left -= len(content) * (_ASCII if content.isascii() else _UNICODE)
        self.left -= sum(cost * content.count(part) for part, cost in costs.items())
        if self.left < 0:
            refuse("would fill the memory while it is read")


def read_numbers_or_inf(text: bytes, size: int) -> NDArray[Any]:
    """Return numbers, of which some may be the word inf."""
    words = text.split(b" ")
    infinite = [place for place, word in enumerate(words) if word == b"inf"]
    for place in infinite:
        words[place] = b"0"
    values = read_numbers(b" ".join(words), size, float)
    values[infinite] = np.inf
    return values


def read_numbers(text: bytes, size: int, kind: type) -> NDArray[Any]:
    """Return ``size`` numbers separated by single spaces, in ASCII digits."""
    others = b" -" if kind is int else b" -+.e"
    right = not text.translate(None, _DIGITS + others)
    right = right and size == (text.count(b" ") + 1 if text else 0)
    try:
        values: NDArray[Any] = np.fromstring(text if right else b"", kind, sep=" ")
    except (ValueError, DeprecationWarning):  # which of them depends on numpy's version
        right = False
    if not right or len(values) != size or not np.isfinite(values).all():
        refuse("holds a list of numbers that is too long, too short or not of numbers")
    return values


def read_count(text: bytes | str, most: int = 10**8) -> int:
    """Return a whole number from 0 to ``most``, in ASCII digits."""
    if not (0 < len(text) <= 9 and text.isascii() and text.isdigit()):
        refuse("holds a count that is not a number")
    if int(text) > most:
        refuse("holds a count that is too large")
    return int(text)


def is_neutral(value: Any) -> bool:
    """Return whether a part that edml does not know is switched off, and may go."""
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return all(map(is_neutral, items))
    return value in (None, 0, "", "0", "none", "false")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        refuse("holds a key twice")
    return found


def _not_finite(text: str) -> NoReturn:
    refuse("holds a number that is not finite")
