"""Errors and notes for people who do not write Python, in their language.

A message for Python users carries a code and the values in it. The code has another
text, without parameters and types, which the app and the command line show.
"""

from collections.abc import Mapping, Sequence
from gettext import NullTranslations
from typing import Any, NamedTuple

from edml._texts import TEXTS
from edml._translation import translator
from edml.exceptions import TableError

_Part = str | tuple[str, Mapping[str, Any]]


class Coded(str):
    """A message for Python users, and the codes and values that it was made of."""

    __slots__ = ("parts",)
    parts: tuple[_Part, ...]

    def __new__(cls, text: str, parts: tuple[_Part, ...] = ()) -> "Coded":
        """Hold the text, and the parts in their order: names, or a code and values."""
        coded = super().__new__(cls, text)
        coded.parts = parts
        return coded

    @property
    def code(self) -> str | None:
        """The first code."""
        return next((part[0] for part in self.parts if isinstance(part, tuple)), None)


class Rows(NamedTuple):
    """The first few of some rows, as the file numbers them."""

    kind: str  # "line", "record" or "row"
    numbers: tuple[int, ...]
    n_more: int = 0


def coded(code: str, message: str, /, **values: Any) -> str:
    """Return a message with its code, one of `TEXTS`, and the values of that text."""
    return Coded(message, ((code, values),))


def table_error(code: str, message: str, /, **values: Any) -> TableError:
    """Return an error with a coded message; a value ``column`` names its column."""
    column = values.get("column")
    column = None if column is None else str(column)
    return TableError(coded(code, message, **values), column=column)


def for_python(message: str) -> str:
    """Return a message that only Python users need: others do not see it."""
    return Coded(message)


def join(*texts: str) -> str:
    """Join messages without losing the codes; plain text is the name of a file."""
    whole = "".join(texts)
    if not any(isinstance(text, Coded) for text in texts):
        return whole
    parts = (text.parts if isinstance(text, Coded) else (text,) for text in texts)
    return Coded(whole, tuple(part for one in parts for part in one if part))


def pack(text: str) -> list[Any]:
    """Return a message with its codes and values as lists, for JSON."""
    return [str(text), list(text.parts)] if isinstance(text, Coded) else [text]


def unpack(packed: Sequence[Any]) -> str:
    """Return the message that was packed."""
    if len(packed) == 1:
        return str(packed[0])
    parts = (one if isinstance(one, str) else tuple(one) for one in packed[1])
    return Coded(packed[0], tuple(parts))


def in_words(said: Exception | str, language: str) -> str:
    """Say an error, a warning or a note in a language, for people.

    What has no code is said in English.
    """
    message = said.args[0] if isinstance(said, Exception) and said.args else said
    texts = translator(language)
    if isinstance(message, Coded):
        parts = (_say(part, texts).strip() for part in message.parts)
        return " ".join(part for part in parts if part)
    return " ".join(str(said).split())


def _say(part: _Part, texts: NullTranslations) -> str:
    if isinstance(part, str):
        return part
    code, values = part
    said = {name: _say_value(value, texts) for name, value in values.items()}
    return texts.gettext(TEXTS[code]).format(**said)


def _say_value(value: Any, texts: NullTranslations) -> str:
    if isinstance(value, Rows):
        return _say_rows(value, texts)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} ({meant})" for name, meant in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _say_rows(rows: Rows, texts: NullTranslations) -> str:
    n_rows = len(rows.numbers) + rows.n_more
    if rows.kind == "line":
        where = texts.ngettext("line {rows}", "lines {rows}", n_rows)
    elif rows.kind == "record":
        where = texts.ngettext("record {rows}", "records {rows}", n_rows)
    else:
        where = texts.ngettext("row {rows}", "rows {rows}", n_rows)
    where = where.format(rows=", ".join(map(str, rows.numbers)))
    if not rows.n_more:
        return where
    return texts.gettext("{rows} and {n} more").format(rows=where, n=rows.n_more)
