"""Read Parquet files in chunks of rows, from where an earlier call stopped."""

from collections.abc import Collection, Iterator
from math import ceil
from pathlib import Path
from typing import Any

from edml.exceptions import TableError
from edml.sources._arrow import (
    add_ranges,
    differing,
    differing_types,
    hive_cells,
    is_coded_text,
    is_text,
    note_index,
    note_parts,
    to_frame,
    unreadable,
)
from edml.sources._chunk_csv import Place, RawChunk
from edml.sources._raw import Raw, naming, two_headers


def read_schema(paths: list[Path], root: Path) -> Any:
    """Return the columns that all parts have, of types that hold those of each."""
    import pyarrow as pa  # noqa: PLC0415 - optional
    from pyarrow import parquet  # noqa: PLC0415

    schemas: list[Any] = []
    for path in paths:
        with naming(str(path)):
            try:
                found = parquet.read_schema(path)
            except (pa.ArrowException, OSError):
                raise unreadable() from None
            if len((found.pandas_metadata or {}).get("column_indexes", ())) > 1:
                raise two_headers()
        for name in hive_cells(path, root).keys() - set(found.names):
            found = found.append(pa.field(name, pa.large_string()))
        if schemas and set(found.names) != set(schemas[0].names):
            raise differing(paths[0], schemas[0].names, path, found.names)
        schemas.append(found.remove_metadata())
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException:
        raise differing_types() from None


def read_parquet_chunks(
    paths: list[Path],
    root: Path,
    known: Collection[str],
    n_rows: int,
    start: Place,
    *,
    coded: bool = False,
) -> Iterator[RawChunk]:
    """Yield about ``n_rows`` rows at a time, texts as categories with ``coded``."""
    import pyarrow as pa  # noqa: PLC0415 - optional
    from pyarrow import parquet  # noqa: PLC0415

    schema = read_schema(paths, root)
    texts = [field.name for field in schema if coded and is_text(field.type)]
    sizes = [parquet.read_metadata(path).num_rows for path in paths]
    notes = note_parts(len(paths))
    for number, path in enumerate(paths[start.file :], start=start.file):
        file = parquet.ParquetFile(path, read_dictionary=texts)
        row = first = start.row if number == start.file else 0
        cells = hive_cells(paths[number], root)
        levels = (file.schema_arrow.pandas_metadata or {}).get("index_columns", ())
        try:
            for table in _read_tables(file, first, n_rows):
                n_read = len(table)
                for name in cells.keys() - set(table.column_names):
                    column = pa.array([cells[name]] * n_read, pa.large_string())
                    table = table.append_column(name, column)  # noqa: PLW2901
                frame = to_frame(_cast(table, schema), coded=coded)
                added = add_ranges(frame, levels, known, row, sizes[number])
                kept = [n for n in levels if isinstance(n, str) and n in frame.columns]
                if named := [*added, *(name for name in kept if name in known)]:
                    notes = [*dict.fromkeys([*notes, note_index(named)])]
                unnamed = [n for n in kept if n.startswith("__index_level_")]
                row += n_read
                share = (sum(sizes[:number]) + row) / max(sum(sizes), 1)
                raw = Raw("parquet", frame.drop(columns=unnamed), list(notes))
                yield RawChunk(raw, Place(number, row), share)
        except (pa.ArrowException, OSError):
            message = f"{paths[number]}: {unreadable()}"
            raise TableError(message) from None


def _cast(table: Any, schema: Any) -> Any:
    """Bring the columns to the types of all parts, but for texts in dictionaries."""
    import pyarrow as pa  # noqa: PLC0415 - optional

    columns = []
    for field in schema:
        column = table.column(field.name)
        if not (is_coded_text(column.type) and is_text(field.type)):
            column = column.cast(field.type)
        columns.append(column)
    return pa.table(columns, schema.names)


def _read_tables(file: Any, first: int, n_rows: int) -> Iterator[Any]:
    """Yield the rows from ``first`` on; the first file yields one table at least."""
    import pyarrow as pa  # noqa: PLC0415 - optional

    groups = range(file.metadata.num_row_groups)
    skipped = first
    while groups and file.metadata.row_group(groups[0]).num_rows <= skipped:
        skipped -= file.metadata.row_group(groups[0]).num_rows
        groups = groups[1:]
    held: list[Any] = []  # batches of dictionaries end with a group of rows
    left = file.metadata.num_rows - first
    n_rows = ceil(left / max(round(left / n_rows), 1))  # so that no few are left
    for batch in file.iter_batches(max(n_rows, 1), row_groups=groups):
        if skipped < len(batch):
            held.append(batch.slice(skipped))
        skipped = max(skipped - len(batch), 0)
        if sum(map(len, held)) >= n_rows:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)
