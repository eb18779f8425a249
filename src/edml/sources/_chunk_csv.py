"""Read CSV files in chunks of whole rows, from where an earlier call stopped."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from edml._messages import table_error
from edml.exceptions import TableError
from edml.sources._arrow import differing
from edml.sources._csv import (
    COMMAS,
    NOT_UTF8,
    UTF16,
    UTF16_MARKS,
    check_columns,
    check_nulls,
    open_packed,
    read_header,
    read_rows,
    unpacking,
)
from edml.sources._raw import Dialect, Expected, Raw, naming

_LONGEST = 16  # chunks that one row may span


class Place(NamedTuple):
    """Where a chunk ends: what is before it of a file, and how that was written."""

    file: int = 0
    row: int = 0
    byte: int = 0  # of UTF-8
    decimal: str | None = None
    encoding: str | None = None


class RawChunk(NamedTuple):
    """Rows as a file has them, where they end, and the share of the table so far."""

    raw: Raw
    end: Place
    share: float


class _NotUtf8(Exception):  # noqa: N818 - not an error: another encoding is tried
    pass


def read_csv_chunks(
    paths: list[Path], given: Dialect, expected: Expected, size: int, start: Place
) -> Iterator[RawChunk]:
    """Yield the rows of files of CSV, about ``size`` bytes of text at a time."""
    sizes = [path.stat().st_size for path in paths]
    first: list[Any] = []
    for number, path in enumerate(paths[start.file :], start=start.file):
        begin = start if number == start.file else Place(number)
        with naming(str(path)), path.open("rb") as file:
            for raw, end in _CsvFile(file, given, expected, size).read(begin):
                columns = list(raw.frame.columns)
                first = first or columns
                if set(columns) != set(first):
                    raise differing(paths[start.file], first, path, columns)
                raw.frame = raw.frame[first]
                share = (sum(sizes[:number]) + file.tell()) / max(sum(sizes), 1)
                yield RawChunk(raw, end, share)


class _CsvFile(NamedTuple):
    """A file and what is known about it."""

    file: BinaryIO
    given: Dialect
    expected: Expected
    size: int

    def read(self, begin: Place) -> Iterator[tuple[Raw, Place]]:
        """Yield chunks and where they end."""
        encoding = begin.encoding or self.given.encoding
        notes: list[str] = []
        with unpacking():
            top = self._open(None)(len(codecs.BOM_UTF8))
            if encoding is None and top.startswith(UTF16_MARKS):
                encoding = "utf-16"
                notes.append(UTF16)
            try:
                yield from self._read(begin, encoding, notes)
            except _NotUtf8:
                yield from self._read(begin, "cp1252", [NOT_UTF8])

    def _open(self, encoding: str | None) -> Callable[[int], bytes]:
        """Return what reads so many bytes of the file as UTF-8, none at its end."""
        self.file.seek(0)
        stream = open_packed(self.file)
        if encoding in (None, "utf-8"):
            return stream.read
        try:
            decoder = codecs.getincrementaldecoder(str(encoding))()
        except LookupError:
            raise table_error(
                "encoding",
                f"It is not text in {encoding}. Pass its encoding, or save as UTF-8.",
                encoding=encoding,
            ) from None

        def read(size: int) -> bytes:
            text, data = "", b"more"
            while data and not text:
                data = stream.read(size)
                text = decoder.decode(data, final=not data)
            return text.encode()

        return read

    def _read(
        self, begin: Place, encoding: str | None, notes: list[str]
    ) -> Iterator[tuple[Raw, Place]]:
        read, end = self._open(encoding), begin
        try:
            top = read(self.size).removeprefix(codecs.BOM_UTF8)
            while b"\n" not in top and (more := read(self.size)):
                top += more
            whole = top[: top.rfind(b"\n") + 1] or top  # lines
            known = set(self.expected.known)
            sep, header = read_header(whole, self.given.sep, known, notes)
            check_columns(header, sep, self.expected)
            if not begin.row:
                end = begin._replace(row=header.row, byte=header.end)
            decimal = begin.decimal or self.given.decimal
            for data in _read_blocks(read, top, sep, self.size, header.end, end.byte):
                check_nulls(b"\0" in data)
                below = header._replace(row=end.row, end=0)
                frame, found = read_rows(
                    data, below, sep, decimal, self.expected.numbers
                )
                if len(frame):
                    if decimal is None and found == "," != self.given.decimal:
                        notes.append(COMMAS)
                    decimal = found
                    end = end._replace(row=int(frame.index[-1]))
                end = end._replace(
                    byte=end.byte + len(data),
                    decimal=decimal,
                    encoding=encoding or "utf-8",
                )
                dialect = Dialect(sep, decimal or ".", end.encoding)
                where = f"Line {header.row}"
                yield Raw("csv", frame, list(notes), dialect, where), end
        except UnicodeDecodeError:
            if encoding is None and end.encoding is None:
                raise _NotUtf8 from None
            message = f"It is not text in {encoding or 'utf-8'}"
            if self.given.encoding is None:
                message += f" after line {end.row}, as it is before"
            message += ". Pass its encoding, such as encoding='cp1252'."
            raise TableError(message) from None


def _read_blocks(
    read: Callable[[int], bytes],
    top: bytes,
    sep: str,
    size: int,
    first: int,
    skipped: int,
) -> Iterator[bytes]:
    """Yield whole rows of about ``size`` bytes, after those that are skipped.

    The ``first`` row begins after the names of the columns.
    """
    rest = top
    empty = skipped == first  # then there is a chunk, even of no rows
    while len(rest) < skipped and (more := read(size)):
        skipped -= len(rest)
        rest = more
    rest = rest[skipped:]
    wanted, over = size, False
    while not over:
        while len(rest) < wanted and not over:
            more = read(wanted - len(rest))
            rest, over = rest + more, not more
        end = len(rest) if over else _find_end(rest, sep)
        if end or (over and empty):
            yield rest[:end]
            rest, wanted, empty = rest[end:], size, False
        elif wanted > _LONGEST * size:
            message = (
                "A quote stays open for so long that no row ends. Close every quote, "
                "and write a quote within quotes twice."
            )
            raise TableError(message)
        else:
            wanted = len(rest) + size


def _find_end(data: bytes, sep: str) -> int:
    """Return where the last whole row ends, 0 if none does."""
    end = data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, len(data) - 1) + 1
    if data.count(b'"', 0, end) % 2:  # the line may end within quotes
        end = _find_end_by_rows(data, sep)
    while data[end - 2 : end] == b"\n\n" or data[end - 3 : end] == b"\n\r\n":
        end -= 1 if data[end - 2 : end] == b"\n\n" else 2  # blank lines count as rows
    return end


def _find_end_by_rows(data: bytes, sep: str) -> int:
    stop = data.rfind(b"\n") + 1
    ends, position = [0], 0

    def lines() -> Iterator[str]:
        nonlocal position
        for line in io.BytesIO(data[:stop]):
            position += len(line)
            yield line.decode()

    try:
        for _ in csv.reader(lines(), delimiter=sep, strict=True):
            ends.append(position)
    except csv.Error:
        if position < stop:  # reading the rows raises the error, with its line
            return stop
    return ends[-1]
