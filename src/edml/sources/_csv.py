"""Read the cells of CSV files as text: detect the dialect, and check every row."""

import codecs
import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from edml._messages import coded, table_error
from edml.exceptions import TableError
from edml.sources._cells import has_decimal_commas
from edml.sources._header import N_TOP, check_names, check_top
from edml.sources._raw import LARGEST_SIZE, Dialect, Expected, Raw, label_lines

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(rb'"?sep=([!-~\t])"?(?:\r\n?|\n)', re.IGNORECASE)
GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"  # how compressed files begin
_CHUNK = 50_000  # rows
_SAMPLE = 200_000  # bytes
_PIECE = 2**18  # bytes
_BLOCK = 2**23  # bytes: with many small blocks, Arrow takes a third more memory
UTF16 = coded("read_utf16", "It is marked as UTF-16; fix it with encoding='utf-16'.")
NOT_UTF8 = coded(
    "read_cp1252",
    "It is not UTF-8 and was read as Windows-1252: check letters with accents, and fix "
    "it with encoding='cp1252' or another.",
)
COMMAS = coded("read_commas", "Numbers have a decimal comma; fix it with decimal=','.")


class Header(NamedTuple):
    """The line of column names."""

    names: list[str]
    row: int  # as a spreadsheet numbers it, without a line sep=;
    end: int  # byte offset of the first row


def read_csv(data: bytes, given: Dialect, expected: Expected) -> Raw:
    """Read a CSV file; of several separators, take the one that finds known names.

    All cells are text, but those of numbers, which may be floats already.
    """
    notes: list[str] = []
    if given.encoding in (None, "utf-8") and not data.startswith(UTF16_MARKS):
        # reading shows whether it is UTF-8, which saves a search of the whole file
        with suppress(UnicodeDecodeError):
            plain = data.removeprefix(codecs.BOM_UTF8)
            return _read_utf8(plain, given._replace(encoding="utf-8"), expected, notes)
        notes.clear()
    text, encoding = as_text(data, given.encoding, notes)
    return _read_utf8(text.encode(), given._replace(encoding=encoding), expected, notes)


def _read_utf8(
    data: bytes, given: Dialect, expected: Expected, notes: list[str]
) -> Raw:
    """Read a CSV file in UTF-8; raise a UnicodeDecodeError if it is not."""
    check_nulls(b"\0" in data)
    sep, header = read_header(data, given.sep, set(expected.known), notes)
    where = f"Line {header.row}"
    check_columns(header, sep, expected)
    frame, decimal = read_rows(data, header, sep, given.decimal, expected.numbers)
    if given.decimal is None and decimal == ",":
        notes.append(COMMAS)
    return Raw("csv", frame, notes, Dialect(sep, decimal, given.encoding), where)


def check_columns(header: Header, sep: str, expected: Expected) -> None:
    """Check the names of the columns, and hint at another separator."""
    hint = coded(
        "not_separated",
        f" The separator {sep!r} is not in the line of names: pass another as sep=.",
        sep=sep,
    )
    alone = len(header.names) == 1
    where = f"Line {header.row}"
    check_names(where, header.names, expected, hint if alone else "")


def read_rows(
    data: bytes, header: Header, sep: str, decimal: str | None, numbers: Collection[str]
) -> tuple[pd.DataFrame, str]:
    """Read the rows below a header, and the decimal mark if it is not known."""
    places = [place for place, name in enumerate(header.names) if name in numbers]
    decimal = decimal or ("." if sep == "," else None)
    frame, found = _read_regular(data, header, sep, decimal, places)
    if frame is None:
        frame = _read_rows(data, header, sep)
    if decimal is None:
        commas = found is None and has_decimal_commas([frame[one] for one in places])
        decimal = "," if commas else found or "."
    frame.columns = pd.Index(header.names, dtype=object)
    return frame, decimal


def unpack(data: bytes) -> bytes:
    """Unpack a file of gzip or zip."""
    packed = io.BytesIO(data)
    with unpacking(), open_packed(packed) as file:
        if file is packed:
            raise zipfile.BadZipFile
        unpacked = file.read(LARGEST_SIZE + 1)
    if len(unpacked) > LARGEST_SIZE:
        raise table_error("too_large", "It unpacks to more than 4 GB. Split the file.")
    return unpacked


def open_packed(file: BinaryIO) -> Any:
    """Open what is in a file of gzip or zip; another is returned as it is."""
    start = file.read(len(_ZIP))
    file.seek(0)
    if start.startswith(GZIP):
        return gzip.open(file)
    if start != _ZIP:
        return file
    archive = zipfile.ZipFile(file)
    inside = [one for one in archive.namelist() if not one.startswith("__MACOSX/")]
    if len(inside) != 1:
        raise table_error(
            "gzip",
            f"Expected one file in the zip archive; found {len(inside)}. Pack each "
            "table separately.",
        )
    try:
        return archive.open(inside[0])
    except RuntimeError:  # it needs a password, or another method
        raise zipfile.BadZipFile from None


@contextmanager
def unpacking() -> Iterator[None]:
    """Say so where a file cannot be unpacked."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile):
        raise table_error(
            "gzip", "It cannot be unpacked as gzip or zip. Compress it again."
        ) from None


def as_text(data: bytes, encoding: str | None, notes: list[str]) -> tuple[str, str]:
    """Decode a file without its byte order mark, and return its encoding."""
    if encoding is None and data.startswith(UTF16_MARKS):
        encoding = "utf-16"
        notes.append(UTF16)
    try:
        text = data.decode(encoding or "utf-8")
    except (UnicodeError, LookupError):
        if encoding is None:
            notes.append(NOT_UTF8)
            return as_text(data, "cp1252", notes)
        raise table_error(
            "encoding",
            f"It is not text in {encoding}. Pass its encoding, or save as UTF-8.",
            encoding=encoding,
        ) from None
    check_nulls("\0" in text)
    return text.removeprefix("\ufeff"), encoding or "utf-8"


def check_nulls(found: bool) -> None:
    if found:
        raise table_error(
            "null_characters",
            "It holds null characters: it is not text, or has another encoding, such "
            "as encoding='utf-16-le'. Save it as CSV in UTF-8.",
        )


# -- the column names ------------------------------------------------------------------


def read_header(
    data: bytes, sep: str | None, known: set[str], notes: list[str]
) -> tuple[str, Header]:
    """Read the column names with the separator that yields the most known names."""
    start = 0
    if line := _SEPARATOR_LINE.match(data):
        start = line.end()
        if sep is None:
            sep = line[1].decode()
            message = f"Its first line names the separator {sep!r}."
            notes.append(coded("read_separator", message, sep=sep))
    found = {
        one: _first_rows(data, one, start) for one in ([sep] if sep else _SEPARATORS)
    }

    def fitness(one: str) -> tuple[int, int]:
        n_known = (len(known.intersection(row.names)) for row in found[one])
        return max(n_known, default=0), len(found[one][0].names) if found[one] else 0

    best = max(found, key=fitness)
    if not found[best]:
        remedy = "Write a line of column names, and rows below it."
        quoted = f"The quotes in its first lines cannot be read. {remedy}"
        message = coded("quotes_at_top", quoted)
        if not data[start:].strip():
            message = coded("empty_file", f"It is empty. {remedy}")
        raise TableError(message)
    check_top([(row.row, row.names) for row in found[best]], known)
    if sep is None and best != ",":
        shown = "tabs" if best == "\t" else repr(best)
        message = f"Columns are separated by {shown}; fix it with sep={best!r}."
        separated = coded("read_separated", message, sep=best)
        notes.append(coded("read_tabs", message) if best == "\t" else separated)
    return best, found[best][0]


def _first_rows(data: bytes, sep: str, start: int) -> list[Header]:
    """Return the first rows that are not empty, up to one whose quotes are wrong."""
    read: list[bytes] = []  # the names may span several lines

    def lines() -> Iterator[str]:
        for line in _open(data, start):
            read.append(line.encode())
            yield line

    found: list[Header] = []
    rows = enumerate(csv.reader(lines(), delimiter=sep, strict=True), start=1)
    try:
        for number, row in rows:
            if any(name.strip() for name in row):
                found.append(Header(row, number, start + sum(map(len, read))))
            if len(found) == N_TOP:
                break
    except csv.Error:
        pass  # another separator may do, and the error is raised with the rows
    return found


def _open(data: bytes, start: int) -> io.TextIOWrapper:
    file = io.BytesIO(data)  # does not copy
    file.seek(start)
    return io.TextIOWrapper(file, "utf-8", newline="")


# -- the rows --------------------------------------------------------------------------


def _read_regular(
    data: bytes, header: Header, sep: str, decimal: str | None, numbers: list[int]
) -> tuple[pd.DataFrame | None, str | None]:
    """Read a file that has one row in every line with pyarrow; return None for others.

    Columns of ``numbers`` that hold nothing else are floats. Return their decimal mark.
    """
    # in others, with ragged rows or unbalanced quotes, pyarrow may join rows
    if find_spec("pyarrow") is None or not sep.isascii():
        return None, None
    end = data.find(b"\n", header.end + _SAMPLE) + 1
    sample = _parse(data, slice(header.end, end or None), header, sep)
    if sample is None:
        return None, None
    commas = has_decimal_commas([sample[place] for place in numbers])
    mark = decimal or ("," if commas else ".")
    floats = [place for place in numbers if _is_float(sample[place], mark)]
    body = slice(header.end, None)
    frame = _parse(data, body, header, sep, floats, mark)
    if floats and (
        frame is None or (decimal is None and _has_commas(frame, mark, numbers))
    ):
        floats = []
        frame = _parse(data, body, header, sep)
    if frame is None or len(frame) != _count_lines(data, header.end):
        return None, None
    first = header.row + 1
    frame.index = label_lines(pd.RangeIndex(first, first + len(frame)))
    suspects = (frame[0] == header.names[0]).to_numpy()
    if suspects.any():  # taking no rows of a large table is slow
        for line, *cells in frame[suspects].itertuples(name=None):
            if _blank_nulls(cells) == header.names:
                raise _names_again(header, line)
    return frame, mark if floats else None


def _has_commas(frame: pd.DataFrame, mark: str, numbers: list[int]) -> bool:
    """Check whether numbers that were left as text show another decimal mark."""
    return mark == "." and has_decimal_commas([frame[place] for place in numbers])


def _parse(
    data: bytes,
    part: slice,
    header: Header,
    sep: str,
    floats: Collection[int] = (),
    decimal: str = ".",
) -> pd.DataFrame | None:
    """Parse a part of a file with pyarrow; None if it cannot."""
    import pyarrow as pa  # noqa: PLC0415 - optional
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    labels = [str(place) for place in range(len(header.names))]
    types = {
        label: pa.float64() if place in floats else pa.large_string()
        for place, label in enumerate(labels)
    }
    quoted = data.find(b'"', part.start, part.stop or len(data)) >= 0
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(memoryview(data)[part])),
            arrow_csv.ReadOptions(column_names=labels, block_size=_BLOCK),
            arrow_csv.ParseOptions(delimiter=sep, quote_char='"' if quoted else False),
            arrow_csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                decimal_point=decimal,
            ),
        )
    except pa.ArrowException:  # its message may quote the file
        return None
    text = pd.StringDtype(na_value=np.nan)
    frame = table.to_pandas(
        types_mapper={pa.large_string(): text}.get,
        split_blocks=True,
        self_destruct=True,
    )
    return frame.set_axis(range(len(labels)), axis=1)


def _is_float(column: pd.Series, decimal: str) -> bool:
    try:
        column.str.replace(decimal, ".", regex=False).astype("Float64")
    except ValueError:
        return False
    return True


def _blank_nulls(cells: list[object]) -> list[object]:
    return ["" if cell is None or cell != cell else cell for cell in cells]  # noqa: PLR0124


def _count_lines(data: bytes, start: int) -> int | None:
    """Count the lines below the names; None if they end in different ways."""
    end = len(data)
    while end > start and data[end - 1] in b"\r\n":
        end -= 1
    n_feeds, n_returns = _count_bytes(data, b"\n", start, end), 0
    if b"\r" in data:
        n_returns = _count_bytes(data, b"\r", start, end)
        if n_feeds and n_returns != data.count(b"\r\n", start, end):
            return None
    return max(n_feeds, n_returns) + (end > start)


def _count_bytes(data: bytes, one: bytes, start: int, end: int) -> int:
    """Count a byte that is frequent, faster than `bytes.count` does."""
    found = np.frombuffer(data, np.uint8, end - start, start)
    pieces = np.split(found, range(_PIECE, len(found), _PIECE))
    return sum(int(np.count_nonzero(piece == one[0])) for piece in pieces)


def _read_rows(data: bytes, header: Header, sep: str) -> pd.DataFrame:
    """Read any file row by row; raise for one with more or fewer fields than names."""
    columns: list[list[pd.Series]] = [[] for _ in header.names]
    lines: list[int] = []
    rows = _check_rows(data, header, sep)
    while chunk := list(islice(rows, _CHUNK)):
        lines += [number for number, _ in chunk]
        cells = zip(*(row for _, row in chunk), strict=True)
        for parts, texts in zip(columns, cells, strict=True):
            found = [text or None for text in texts]
            parts.append(pd.Series(found, dtype="str"))
    none = pd.Series(dtype="str")
    table = {
        place: pd.concat(parts, ignore_index=True) if parts else none
        for place, parts in enumerate(columns)
    }
    frame = pd.DataFrame(table)
    frame.index = label_lines(lines)
    return frame


def _check_rows(
    data: bytes, header: Header, sep: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the fields of every row, without blank lines."""
    rows = csv.reader(_open(data, header.end), delimiter=sep, strict=True)
    number, n_names = header.row, len(header.names)
    try:
        for number, row in enumerate(rows, start=header.row + 1):
            if row == header.names:
                raise _names_again(header, number)
            if len(row) == n_names and (n_names > 1 or row[0]):
                yield number, row
            elif len(row) > 1 or "".join(row).strip():
                raise _ragged(header, len(row), number)
    except csv.Error:
        raise table_error(
            "quotes",
            f"The quotes in the line after line {number} cannot be read. Close every "
            "quote, and write a quote within quotes twice.",
            line=number,
        ) from None


def _ragged(header: Header, found: int, number: int) -> TableError:
    expected = len(header.names)
    return table_error(
        "ragged",
        f"Expected {expected} fields in every line, as there are column names; found "
        f"{found} fields in line {number}. Correct the line; a field that holds the "
        "separator needs quotes around it.",
        line=number,
        found=found,
        expected=expected,
    )


def _names_again(header: Header, number: int) -> TableError:
    return table_error(
        "names_again",
        f"Expected {len(header.names)} fields in every line, as there are column "
        f"names; found the column names again in line {number}. Delete the line.",
        line=number,
    )
