"""Read Parquet, and the tables of other libraries by the Arrow interface."""

from collections.abc import Collection, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd

from edml._messages import coded, table_error
from edml._optional import import_optional
from edml.exceptions import TableError
from edml.sources._cells import recode
from edml.sources._raw import Dialect, Expected, Raw, two_headers

NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def is_arrow(source: object) -> bool:
    """Check whether a table follows the Arrow PyCapsule interface."""
    return hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")


def read_arrow(source: Any) -> Raw:
    """Read a table of pyarrow, polars or another library."""
    arrow = import_optional(
        "pyarrow", extra="parquet", purpose="Reading tables of other libraries"
    )
    return Raw("arrow", to_frame(arrow.table(source)), [])


def read_parquet(source: bytes | Path, _: Dialect, expected: Expected) -> Raw:
    """Read a Parquet file, given as its bytes, or a folder of parts.

    Columns of known names that pandas kept in the index are noted.
    """
    known = expected.known
    import_optional("pyarrow", extra="parquet", purpose="Parquet")
    import pyarrow as pa  # noqa: PLC0415 - optional
    from pyarrow import parquet  # noqa: PLC0415

    try:
        if isinstance(source, bytes):
            # from memory, so that the file may be replaced meanwhile
            table = parquet.ParquetFile(BytesIO(source)).read()
            notes: list[str] = []
        else:
            table, notes = _read_parts(source)
    except (pa.ArrowException, OSError):  # their messages may quote the file
        raise unreadable() from None
    about = table.schema.pandas_metadata or {}
    if len(about.get("column_indexes", ())) > 1:
        raise two_headers()
    kept = [name for name in about.get("index_columns", ()) if isinstance(name, str)]
    frame = to_frame(table)
    named = add_ranges(frame, about.get("index_columns", ()), known)
    if named := [*named, *(name for name in kept if name in known)]:
        notes.append(note_index(named))
    unnamed = [name for name in kept if name.startswith("__index_level_")]
    if unnamed := [name for name in unnamed if name in frame.columns]:
        frame = frame.set_index(unnamed).rename_axis([None] * len(unnamed))
    return Raw("parquet", frame, notes)


def unreadable() -> TableError:
    """Return the error about a file that is no Parquet."""
    return table_error(
        "not_parquet",
        "It cannot be read as Parquet. Write it again, for example with "
        "DataFrame.to_parquet, or pass a CSV file.",
    )


def add_ranges(
    frame: pd.DataFrame,
    levels: Sequence[Any],
    known: Collection[str],
    first: int = 0,
    n_rows: int | None = None,
) -> list[str]:
    """Add the columns that pandas kept as a range in the index, and return them.

    The rows are those from ``first`` on, of the ``n_rows`` of a file.
    """
    added = []
    for level in levels:
        if isinstance(level, dict) and level.get("name") in known:
            numbers = range(level["start"], level["stop"], level["step"])
            whole = len(numbers) == (len(frame) if n_rows is None else n_rows)
            numbers = numbers[first : first + len(frame)]
            if not whole:
                raise table_error(
                    "index_gaps",
                    f"The index {level['name']!r} does not have a number for each row. "
                    "Write it as a column, with reset_index().",
                    column=level["name"],
                )
            frame.insert(0, level["name"], pd.Series(numbers, frame.index))
            added.append(level["name"])
    return added


def _read_parts(folder: Path) -> tuple[Any, list[str]]:
    """Read the parts of a folder in the order of their names, as one table."""
    import pyarrow as pa  # noqa: PLC0415 - optional
    from pyarrow import parquet  # noqa: PLC0415

    paths = find_parts(folder)
    if not paths:
        raise table_error(
            "no_parts",
            "There is no file that ends in .parquet in the folder. Pass a file, or a "
            "folder of Parquet parts.",
        )
    tables: list[Any] = []
    for path in paths:
        with path.open("rb") as file:
            table = parquet.ParquetFile(file).read()
        for name, cell in hive_cells(path, folder).items():
            if name not in table.column_names:
                cells = pa.array([cell] * table.num_rows, pa.large_string())
                table = table.append_column(name, cells)
        if tables and set(table.column_names) != set(tables[0].column_names):
            raise differing(paths[0], tables[0].column_names, path, table.column_names)
        tables.append(table)
    try:
        whole = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:
        raise differing_types() from None
    return whole, note_parts(len(paths))


def note_index(names: list[str]) -> str:
    """Return a note for columns that were in the index."""
    message = f"Columns kept in the index were read as columns: {names}."
    return coded("read_index", message, columns=names)


def note_parts(n_parts: int) -> list[str]:
    """Return a note for several parts."""
    message = f"It is a folder of {n_parts} parts."
    return [coded("read_parts", message, n=n_parts)] if n_parts > 1 else []


def find_parts(folder: Path, suffixes: Collection[str] = (".parquet",)) -> list[Path]:
    """Return the files of a folder but hidden ones, in the order of their names."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not path.name.startswith(("_", "."))
        and path.name.lower().removesuffix(".gz").endswith(tuple(suffixes))
    ]


def hive_cells(path: Path, folder: Path) -> dict[str, str | None]:
    """Return the columns that the folders of a part are named after.

    `periodo=01-2023`, as Spark writes it, is a column of one value.
    """
    parts = [part.partition("=") for part in path.relative_to(folder).parts[:-1]]
    return {
        name: None if value == NO_PARTITION else unquote(value)
        for name, equals, value in parts
        if equals
    }


def differing(
    first: Path, names: Collection[str], other: Path, others: Collection[str]
) -> TableError:
    """Return the error about parts that have other columns."""
    columns = sorted(set(names) ^ set(others))
    return table_error(
        "unequal_parts",
        f"Expected the same columns in every part; {first.name!r} and {other.name!r} "
        f"differ in {columns}. Write them from one table, or move the part elsewhere.",
        first=first.name,
        second=other.name,
        columns=columns,
    )


def differing_types() -> TableError:
    """Return the error about parts whose columns cannot be joined."""
    return table_error(
        "parts_of_types",
        "The parts hold columns of different types. Write them from one table.",
    )


def to_frame(table: Any, *, coded: bool = False) -> pd.DataFrame:
    """Convert a table without loss: nullable integers stay integers.

    With ``coded``, dictionaries of texts become categories, and not texts.
    """
    columns = [
        _to_categories(column)
        if coded and is_coded_text(column.type)
        else _to_series(column)
        for column in table.columns
    ]
    frame = pd.DataFrame(dict(enumerate(columns)), copy=False)
    frame.columns = pd.Index(table.column_names, dtype=object)
    return frame


def is_text(kind: Any) -> bool:
    """Check whether a type of Arrow is text."""
    import pyarrow as pa  # noqa: PLC0415 - optional

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_coded_text(kind: Any) -> bool:
    """Check whether a type of Arrow is a dictionary of texts."""
    import pyarrow as pa  # noqa: PLC0415 - optional

    return bool(pa.types.is_dictionary(kind) and is_text(kind.value_type))


def _to_categories(column: Any) -> pd.Series:
    import pyarrow as pa  # noqa: PLC0415 - optional

    column = column.unify_dictionaries().combine_chunks()
    places, texts = pd.factorize(_to_series(pa.chunked_array([column.dictionary])))
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    coded = pd.Categorical.from_codes(recode(codes, places), texts)
    return pd.Series(coded, copy=False)


def _to_series(column: Any) -> pd.Series:
    import pyarrow as pa  # noqa: PLC0415 - optional

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _to_series(column.cast(kind.value_type))
    if pa.types.is_string(kind) or str(kind) == "string_view":
        try:
            column = column.cast(pa.large_string())
        except pa.ArrowNotImplementedError:  # of views, in older versions
            column = pa.chunked_array([column.to_pylist()], pa.large_string())
    mapped: dict[Any, Any] = {pa.large_string(): pd.StringDtype(na_value=np.nan)}
    if pa.types.is_integer(kind) and column.null_count:
        bits = kind.bit_width
        signed = pa.types.is_signed_integer(kind)
        mapped[kind] = f"{'Int' if signed else 'UInt'}{bits}"
        mapped[kind] = pd.api.types.pandas_dtype(mapped[kind])
    return column.to_pandas(date_as_object=False, types_mapper=mapped.get)
