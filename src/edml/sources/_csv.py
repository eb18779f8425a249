"""Read event tables from CSV: detect the dialect, then read with pandas."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    EPOCH_COLUMNS,
    NAME_COLUMNS,
    NUMBER_COLUMNS,
    PARTITION,
    PERIOD,
    REQUIRED_COLUMNS,
    STUDENT,
    check_table,
)

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(rb'"?sep=([!-~\t])"?\r?\n', re.IGNORECASE)
_NUMBERS = (PARTITION, *NUMBER_COLUMNS, *EPOCH_COLUMNS)
# Columns kept as text: the student 007 is not 7. `assignment_id` is not among them,
# because it is ordered by size.
_TEXTS = (STUDENT, COURSE, PERIOD, "course_name", "legajo", *NAME_COLUMNS, "sub_uuid")
#: Words that mean a missing number, but may be a name.
_NULL_WORDS = ("NA", "N/A", "n/a", "<NA>", "#N/A", "None", "null", "NULL", "nan", "NaN")
# From pandas 3.1 on, parsing is always exact and the option is deprecated.
_BEFORE_3_1 = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
_EXACT: dict[str, Any] = {"float_precision": "round_trip"} if _BEFORE_3_1 else {}


class Dialect(NamedTuple):
    """How a CSV file is written; None is to be detected."""

    sep: str | None
    decimal: str | None
    encoding: str | None


class _Header(NamedTuple):
    """The line of column names."""

    names: list[str]
    row: int  # as a spreadsheet numbers it, without a line sep=;
    text: bytes
    end: int  # byte offset of the first row


def read_csv(
    data: bytes,
    names: Mapping[str, str],
    given: Dialect,
    na_values: tuple[str, ...],
) -> tuple[pd.DataFrame, Dialect, list[str]]:
    """Read a CSV file; ``names`` maps canonical to actual column names.

    Return the table, the dialect used, and a note for each inference.
    """
    notes: list[str] = []
    data, encoding = _as_utf8(data, given.encoding, notes)
    sep, header = _read_header(data, given.sep, names, notes)
    required = [names[name] for name in REQUIRED_COLUMNS]
    check_table(pd.DataFrame(columns=header.names), required)
    _check_rows(data, header, sep)

    def parse(decimal: str, **how: int) -> pd.DataFrame:
        return _parse(data, header, names, na_values, sep=sep, decimal=decimal, **how)

    def unread(table: pd.DataFrame) -> list[str]:
        """List the number columns that hold other values."""
        columns = [names[name] for name in _NUMBERS if names[name] in table.columns]
        return [
            column
            for column in columns
            if not pd.api.types.is_numeric_dtype(table[column].dtype)
        ]

    marks = [given.decimal or "."]
    if given.decimal is None and sep != ",":
        # the likelier first, because reading all rows twice takes twice as long
        marks = sorted([".", ","], key=lambda mark: len(unread(parse(mark, nrows=999))))
    table, decimal = parse(marks[0]), marks[0]
    if unread(table) and len(marks) > 1:
        other = parse(marks[1])
        if len(unread(other)) < len(unread(table)):
            table, decimal = other, marks[1]
    if decimal != (given.decimal or "."):
        notes.append("Numbers have a decimal comma; fix it with decimal=','.")
    _note_null_words(table, names, notes)
    return table, Dialect(sep, decimal, encoding), notes


def unpack(data: bytes) -> bytes:
    """Unpack a gzip file."""
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error):
        message = "It cannot be unpacked as gzip. Compress the file again."
        raise TableError(message) from None


def _as_utf8(data: bytes, encoding: str | None, notes: list[str]) -> tuple[bytes, str]:
    """Detect the encoding, and return the text in UTF-8 without a byte order mark."""
    if encoding is None and data.startswith(_UTF16_MARKS):
        encoding = "utf-16"
        notes.append("It is marked as UTF-16; fix it with encoding='utf-16'.")
    try:
        text = data.decode(encoding or "utf-8")
    except (UnicodeError, LookupError):
        if encoding is None:
            notes.append(
                "It is not UTF-8 and was read as Windows-1252: check letters with "
                "accents, and fix it with encoding='cp1252' or another."
            )
            return _as_utf8(data, "cp1252", notes)
        message = f"It is not text in {encoding}. Pass its encoding, or save as UTF-8."
        raise TableError(message) from None
    if "\0" in text:
        message = "It holds null characters: it is no text. Save it as CSV in UTF-8."
        raise TableError(message)
    if encoding is None:
        return data.removeprefix(codecs.BOM_UTF8), "utf-8"
    return text.removeprefix("\ufeff").encode(), encoding


def _read_header(
    data: bytes, sep: str | None, names: Mapping[str, str], notes: list[str]
) -> tuple[str, _Header]:
    """Read the column names with the separator that yields the most known names."""
    start = 0
    if line := _SEPARATOR_LINE.match(data):
        start = line.end()
        if sep is None:
            sep = line[1].decode()
            notes.append(f"Its first line names the separator {sep!r}.")
    known = set(names.values())
    found = {
        one: _first_row(data, one, start) for one in ([sep] if sep else _SEPARATORS)
    }

    def fitness(one: str) -> tuple[int, int]:
        return len(known.intersection(found[one].names)), len(found[one].names)

    best = max(found, key=fitness)
    header = found[best]
    if sep is None and best != ",":
        shown = "tabs" if best == "\t" else repr(best)
        notes.append(f"Columns are separated by {shown}; fix it with sep={best!r}.")
    doubled = {name for name in header.names if name and header.names.count(name) > 1}
    if doubled:
        message = (
            f"Line {header.row} holds the column names {sorted(doubled)} more than "
            "once. Rename or drop all but one of each."
        )
        raise TableError(message)
    return best, header


def _first_row(data: bytes, sep: str, start: int) -> _Header:
    read: list[bytes] = []  # the names may span several lines

    def lines() -> Iterator[str]:
        for line in _open(data, start):
            read.append(line.encode())
            yield line

    rows = csv.reader(lines(), delimiter=sep, strict=True)
    try:
        for number, row in enumerate(rows, start=1):
            if any(name.strip() for name in row):
                return _Header(row, number, read[-1], start + sum(map(len, read)))
    except csv.Error:
        return _Header([], 1, b"", 0)  # another separator may do
    message = "It is empty. Write a line of column names, and rows below it."
    raise TableError(message)


def _open(data: bytes, start: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data[start:]), "utf-8", newline="")


def _check_rows(data: bytes, header: _Header, sep: str) -> None:
    """Raise for rows with more or fewer fields than there are names.

    pandas fills short rows with nulls, and takes the first field of long ones as the
    index, which shifts every value into a neighbouring column.
    """
    if _is_regular(data, header, sep):
        return
    rows = csv.reader(_open(data, header.end), delimiter=sep, strict=True)
    number, n_names = header.row, len(header.names)
    try:
        for number, row in enumerate(rows, start=header.row + 1):
            blank = len(row) <= 1 and not "".join(row).strip()  # pandas skips these
            again = row == header.names
            if again or (len(row) != n_names and not blank):
                found = "the column names again" if again else f"{len(row)} fields"
                message = (
                    f"Expected {n_names} fields in every line, as there are column "
                    f"names; found {found} in line {number}. Correct the line; a "
                    "field that holds the separator needs quotes around it."
                )
                raise TableError(message)
    except csv.Error:
        message = (
            f"The quotes in the line after line {number} cannot be read. Close every "
            "quote, and write a quote within quotes twice."
        )
        raise TableError(message) from None


def _is_regular(data: bytes, header: _Header, sep: str) -> bool:
    """Check quickly that rows are regular; blank lines and stray quotes count as not.

    Without its fields, every row of the file must be the same.
    """
    body = data[header.end :].rstrip(b"\r\n")
    if header.text.rstrip() in body or re.search(rb"\r(?!\n)", body):
        return False
    if b'"' in body:
        characters = np.frombuffer(body, np.uint8)
        inside = np.cumsum(characters == ord('"'), dtype=np.uint8) & 1
        body = (characters * (inside ^ 1)).tobytes()
    kept = sep.encode() + b"\n"
    skeleton = body.translate(None, delete=bytes(set(range(256)) - set(kept))) + b"\n"
    row = sep.encode() * (len(header.names) - 1) + b"\n"
    return skeleton == row * (len(skeleton) // len(row))


def _parse(
    data: bytes,
    header: _Header,
    names: Mapping[str, str],
    na_values: tuple[str, ...],
    **how: Any,
) -> pd.DataFrame:
    numbers = {names[name] for name in _NUMBERS}
    labels = [name or f"Unnamed: {place}" for place, name in enumerate(header.names)]
    try:
        return pd.read_csv(
            io.BytesIO(data[header.end :]),
            names=labels,
            header=None,
            index_col=False,
            dtype={names[name]: "str" for name in _TEXTS},
            keep_default_na=False,
            na_values={
                label: ["", *(_NULL_WORDS if label in numbers else na_values)]
                for label in labels
            },
            low_memory=False,
            **_EXACT,
            **how,
        )
    except pd.errors.EmptyDataError:  # names, but no rows
        return pd.DataFrame(columns=labels)
    except pd.errors.ParserError:  # its message may quote the file
        message = "It cannot be read as CSV. Check its quotes and its separators."
        raise TableError(message) from None


def _note_null_words(
    table: pd.DataFrame, names: Mapping[str, str], notes: list[str]
) -> None:
    texts = [names[name] for name in set(names) - set(_NUMBERS)]
    words: set[str] = set()
    columns = []
    for name in (name for name in table.columns if name in texts):
        found = table[name][table[name].isin(_NULL_WORDS)].unique()
        if len(found):
            words.update(found)
            columns.append(name)
    if words:
        notes.append(
            f"Columns {columns} hold the words {sorted(words)}, which stay words: if "
            f"they mean missing values, pass na_values={sorted(words)}."
        )
