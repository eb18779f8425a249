"""Read CSV and Parquet bodies: from untrusted bytes to arrays of cells."""

import io
from collections.abc import Collection, Sequence
from csv import Error, reader
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute as pc
from pyarrow import csv
from pyarrow.parquet import ParquetFile

from edml.serving._cells import choose_columns
from edml.serving._limits import Limits
from edml.serving._pages import check_pages
from edml.serving._problem import Problem, refuse_size

_NULLS = ["", "nan", "NaN"]
_LONGEST_HEADER = 2**20  # bytes
_LONGEST_NAME = 2**20  # in a Parquet file's metadata, in bytes
_MOST_COLUMNS = 1000  # and row groups of Parquet


def read_csv(
    body: bytes,
    required: Collection[str],
    optional: Collection[str],
    limits: Limits,
    ids: Collection[str] = (),
) -> dict[str, NDArray[Any] | list[Any]]:
    """Read the named columns of CSV: commas, a header, UTF-8.

    A column is numeric if every cell is a number, else text; empty cells and 'nan' are
    missing. ``ids`` are always text: 007 and 7 are two of them. All other columns are
    ignored.
    """
    check_lines(body, limits)
    names = _check_names(_read_header(body), required, optional)
    table = _parse_csv(body, names)
    check_length(table.num_rows, limits)
    return {
        name: _texts(_one_array(column)) if name in ids else _spelled(column)
        for name, column in zip(names, table.select(names).columns, strict=True)
    }


def check_lines(body: bytes, limits: Limits) -> None:
    """Reject many lines before they use memory."""
    if max(body.count(b"\n"), body.count(b"\r")) > 2 * limits.max_rows + 1:
        raise refuse_size("far more lines", f"{limits.max_rows:,} rows")


def has_other_separator(body: bytes) -> bool:
    """Return whether the header has semicolons, tabs or bars, but no comma."""
    header = body[: body.find(b"\n") + 1]
    n_columns = 0 if b"," in header else max(map(header.count, (b";", b"\t", b"|")))
    if n_columns and (len(header) > _LONGEST_HEADER or n_columns > _MOST_COLUMNS):
        raise _no_header()  # which the reader of files would take minutes for
    return n_columns > 0


def _read_header(body: bytes) -> list[str]:
    begin = io.BytesIO(body[:_LONGEST_HEADER])
    text = io.TextIOWrapper(begin, encoding="utf-8-sig", newline="")
    try:
        names = next(reader(text))
        is_cut = not text.read(1) and len(body) > _LONGEST_HEADER
        if not is_cut and len(names) <= _MOST_COLUMNS:
            body.decode("utf-8")  # pyarrow does not check the columns that are ignored
            return names
    except (StopIteration, UnicodeDecodeError, Error) as error:
        raise _no_header() from error
    raise _no_header()


def _no_header() -> Problem:
    detail = (
        f"Expected CSV in UTF-8 that begins with a header of at most {_MOST_COLUMNS:,} "
        "columns and 1 MB; the body has none. Send the column names first, with commas "
        "between them."
    )
    return Problem(400, "no-csv", detail)


def _parse_csv(body: bytes, names: Sequence[str]) -> pa.Table:
    ragged: list[tuple[int, int, int]] = []

    def note(row: Any) -> str:
        ragged.append((row.number, row.expected_columns, row.actual_columns))
        return "skip"

    if b"\n" not in body:
        body += b"\n"  # pyarrow rejects a header without a line break
    text = pa.dictionary(pa.int32(), pa.string())  # equal strings are stored once
    try:
        table = csv.read_csv(
            pa.BufferReader(body),
            # one block: a line may be longer than a block, and no other is
            csv.ReadOptions(use_threads=False, block_size=len(body) + 1),
            csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
            csv.ConvertOptions(
                include_columns=list(names),
                column_types=dict.fromkeys(names, text),
                null_values=_NULLS,
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowException, OSError) as error:  # their messages quote the body
        detail = (
            "Expected CSV in UTF-8, with commas between the values; found a body that "
            "cannot be read as such. Check its encoding and its quotes."
        )
        raise Problem(400, "no-csv", detail) from error
    if ragged:
        number, expected, actual = ragged[0]
        row = max(number - 2, 0)  # line 1 is the header
        detail = (
            f"Expected {expected} values in every row, as in the header; found "
            f"{actual} in row {row}, counted from 0, and {len(ragged)} such rows in "
            "all. Put quotes around values that hold a comma or a quote."
        )
        raise Problem(400, "ragged-rows", detail, rows=(row,))
    return table


def _spelled(column: pa.ChunkedArray) -> NDArray[Any] | list[Any]:
    """Return a column of CSV as numbers if all cells are numbers, else as text."""
    array = _one_array(column)
    if pc.any(pc.match_substring(array.dictionary, "x", ignore_case=True)).as_py():
        return _texts(array)  # pyarrow would read hexadecimal numbers
    for kind in (pa.int64(), pa.float64()):
        try:
            numbers = array.dictionary.cast(kind)
        except pa.ArrowInvalid:
            continue
        if not len(numbers):
            return np.full(len(array), np.nan)
        return _numbers(numbers.take(array.indices))
    return _texts(array)


def read_parquet(
    body: bytes, required: Collection[str], optional: Collection[str], limits: Limits
) -> dict[str, NDArray[Any] | list[Any]]:
    """Read the named columns of a Parquet file; ignore all others."""
    try:
        return _read_parquet(body, required, optional, limits)
    except Problem:
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        detail = (  # the texts of these errors may quote the file
            "Expected a whole Parquet file; found a body that cannot be read as one. "
            "Write it again, for example with DataFrame.to_parquet."
        )
        raise Problem(400, "no-parquet", detail) from error


def _read_parquet(
    body: bytes, required: Collection[str], optional: Collection[str], limits: Limits
) -> dict[str, NDArray[Any] | list[Any]]:
    options = {
        "thrift_string_size_limit": _LONGEST_NAME,
        "thrift_container_size_limit": _MOST_COLUMNS,  # also bounds the nesting
    }
    metadata = ParquetFile(pa.BufferReader(body), **options).metadata
    check_length(metadata.num_rows, limits)
    schema = metadata.schema.to_arrow_schema()
    names = _check_names(schema.names, required, optional)
    texts = [name for name in names if _check_type(schema.field(name))]
    check_pages(body, metadata, names, limits)
    # Each distinct text is read once, so it cannot unpack to more than the file's own
    # dictionary.
    file = ParquetFile(
        pa.BufferReader(body), metadata=metadata, read_dictionary=texts, **options
    )
    table = file.read(columns=names, use_threads=False)
    check_length(table.num_rows, limits)
    return {name: _cells(table.column(name)) for name in names}


def _check_type(field: pa.Field) -> bool:
    """Return whether a column is text; reject types that event tables cannot have."""
    types = pa.types
    kind = field.type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind):
        return True
    numbers = (types.is_integer, types.is_floating, types.is_decimal)
    others = (types.is_timestamp, types.is_date, types.is_null)
    if field.type is not kind or not any(is_(kind) for is_ in (*numbers, *others)):
        detail = (
            f"Expected text, numbers or dates in column {field.name!r}; found another "
            "type. Convert the column before it is written."
        )
        raise Problem(422, "column-type", detail, column=field.name)
    return False


def _cells(column: pa.ChunkedArray) -> NDArray[Any] | list[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _texts(_one_array(column))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(_one_array(column.dictionary_encode()))
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        moments = column.cast(pa.timestamp("us"), safe=False)
        return moments.to_numpy().astype("datetime64[us]", copy=False)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    return _numbers(column)


def _numbers(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """Return numbers, as floats if some are missing."""
    if not column.null_count:
        return np.asarray(column.to_numpy())
    numbers: NDArray[Any] = column.cast(pa.float64(), safe=False).to_numpy(
        zero_copy_only=False
    )
    return numbers


def _texts(array: pa.DictionaryArray) -> NDArray[Any]:
    """Return strings as objects, equal ones as the same object for fast comparison."""
    found = array.dictionary.to_pylist()
    texts = np.empty(len(found) + 1, dtype=object)
    texts[:-1] = [None if text in _NULLS[1:] else text for text in found]
    texts[-1] = None
    where = array.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
    texts_of_rows: NDArray[Any] = texts[where]
    return texts_of_rows


def _one_array(column: pa.ChunkedArray) -> pa.DictionaryArray:
    array = column.unify_dictionaries().combine_chunks()
    if hasattr(array, "chunks"):  # without rows
        array = pa.concat_arrays(array.chunks)
    return array


def _check_names(
    found: Sequence[str], required: Collection[str], optional: Collection[str]
) -> list[str]:
    """Return the columns to read, each of which must occur exactly once."""
    names = choose_columns(found, required, optional)
    twice = [name for name in names if found.count(name) > 1]
    if twice:
        detail = (
            f"Expected every column once; found {twice} more than once. Send each "
            "column once."
        )
        raise Problem(422, "duplicate-column", detail, column=twice[0])
    return names


def check_length(n_rows: int, limits: Limits) -> None:
    """Reject too many rows, and none."""
    if n_rows > limits.max_rows:
        raise refuse_size(f"{n_rows:,} rows", f"{limits.max_rows:,}")
    if n_rows < 1:
        detail = (
            "Expected the events of at least one student; found no rows. Send at least "
            "one row."
        )
        raise Problem(422, "no-table", detail)
