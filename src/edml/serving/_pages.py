"""Check the pages of a Parquet file before any of them is unpacked.

A reader takes the memory that the headers of the pages ask for, whatever the footer
says: a page of a few kilobytes may hold a dictionary of a hundred million texts.
"""

from collections.abc import Collection, Iterator
from itertools import product
from typing import Any

from edml.serving._limits import Limits
from edml.serving._problem import refuse_size

_MOST_PAGES = 20_000
_MOST_DIGITS = 32  # bytes of a decimal number
_MOST_UNPACKED = 4  # times the largest body
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3  # types of pages
_FIELDS = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}  # what describes them in the header
_PREFIXED_TEXTS = (
    7  # the encoding DELTA_BYTE_ARRAY, whose texts grow from one to the next
)


def check_pages(
    body: bytes, metadata: Any, names: Collection[str], limits: Limits
) -> None:
    """Raise a Problem, or a ValueError for a malformed file, unless it is harmless."""
    groups = [metadata.row_group(one) for one in range(metadata.num_row_groups)]
    rows = [group.num_rows for group in groups]
    # a reader of the column "a" reads "a.b" as well
    columns = [
        index
        for index in range(metadata.num_columns)
        for path in (metadata.schema.column(index).path,)
        if any(path == name or path.startswith(f"{name}.") for name in names)
    ]
    sound = min(rows, default=0) >= 0 and sum(rows) == metadata.num_rows
    if not sound or any(_is_long(metadata.schema.column(one)) for one in columns):
        raise ValueError("malformed row groups, or numbers of any length")
    n_pages = n_bytes = 0
    most = _MOST_UNPACKED * limits.max_body_bytes
    for group, index in product(groups, columns):
        for page in _read_headers(body, group.column(index), group.num_rows):
            n_pages += 1
            n_bytes += page[2]
            if n_pages > _MOST_PAGES:
                raise refuse_size("more pages", f"{_MOST_PAGES:,} pages of Parquet")
            if n_bytes > most:
                raise refuse_size("a larger table", f"{most:,} bytes unpacked")


def _is_long(column: Any) -> bool:
    """Return whether numbers take as many bytes as a single one asks for."""
    is_bytes = column.physical_type == "BYTE_ARRAY"
    is_fixed = column.physical_type == "FIXED_LEN_BYTE_ARRAY"
    is_text = column.logical_type.type in ("STRING", "NONE")
    return (is_bytes and not is_text) or (is_fixed and column.length > _MOST_DIGITS)


def _read_headers(body: bytes, chunk: Any, n_rows: int) -> Iterator[dict[int, Any]]:
    """Yield the headers of a column's pages in one row group, by field number."""
    at = chunk.data_page_offset
    if 0 < (chunk.dictionary_page_offset or 0) < at:
        at = chunk.dictionary_page_offset
    n_values = 0
    while n_values < chunk.num_values:
        reader = _Reader(body, at)
        page = reader.read_struct()
        kind, unpacked, packed = (
            _read_field(page, number, int) for number in (1, 2, 3)
        )
        own = _read_field(page, _FIELDS[kind], dict)
        number = _read_field(own, 1, int)
        if kind != _DICTIONARY:
            n_values += number
        is_prefixed = own[4 if kind == _DATA_V2 else 2] == _PREFIXED_TEXTS
        sound = (
            min(at, unpacked, packed, number) >= 0 and max(number, n_values) <= n_rows
        )
        at = reader.at + packed
        if not sound or is_prefixed or at > len(body):
            raise ValueError("a malformed page")
        yield page


def _read_field(struct: dict[int, Any], number: int, kind: type) -> Any:
    """Return a field of a header; its type in the body may be any."""
    value = struct[number]
    if not isinstance(value, kind):
        raise ValueError("a field of another type")
    return value


class _Reader:
    """Reads the structs of Thrift's compact protocol that page headers consist of."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def read_struct(self, depth: int = 0) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while head := self._read_byte():
            number = number + (head >> 4) if head >> 4 else self._read_integer()
            fields[number] = self._read_value(head & 0x0F, depth)
        return fields

    def _read_value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind in (4, 5, 6):
            return self._read_integer()
        if kind == 8:  # bytes, such as the least value
            length = self._read_varint()
            self.at += length
            return None
        if kind == 12 and depth < 3:
            return self.read_struct(depth + 1)
        raise ValueError("a field that page headers do not have")

    def _read_byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _read_varint(self) -> int:
        value = shift = 0
        while (byte := self._read_byte()) > 0x7F and shift < 63:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def _read_integer(self) -> int:
        value = self._read_varint()
        return value >> 1 ^ -(value & 1)
