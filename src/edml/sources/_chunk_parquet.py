"""Read Parquet files in chunks of rows, from where an earlier call stopped."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from edml.exceptions import TableError
from edml.sources._arrow import (
    add_ranges,
    differing,
    differing_types,
    hive_cells,
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
    paths: list[Path], root: Path, known: Collection[str], n_rows: int, start: Place
) -> Iterator[RawChunk]:
    """Yield at most ``n_rows`` rows at a time."""
    import pyarrow as pa  # noqa: PLC0415 - optional
    from pyarrow import parquet  # noqa: PLC0415

    schema = read_schema(paths, root)
    files = [parquet.ParquetFile(path) for path in paths[start.file :]]
    sizes = [parquet.read_metadata(path).num_rows for path in paths]
    notes = note_parts(len(paths))
    for number, file in enumerate(files, start=start.file):
        row = first = start.row if number == start.file else 0
        cells = hive_cells(paths[number], root)
        levels = (file.schema_arrow.pandas_metadata or {}).get("index_columns", ())
        try:
            for batch in _read_batches(file, first, n_rows):
                table = pa.Table.from_batches([batch])
                for name in cells.keys() - set(table.column_names):
                    column = pa.array([cells[name]] * len(batch), pa.large_string())
                    table = table.append_column(name, column)
                frame = to_frame(table.select(schema.names).cast(schema))
                added = add_ranges(frame, levels, known, row, sizes[number])
                kept = [n for n in levels if isinstance(n, str) and n in frame.columns]
                if named := [*added, *(name for name in kept if name in known)]:
                    notes = [*dict.fromkeys([*notes, note_index(named)])]
                unnamed = [n for n in kept if n.startswith("__index_level_")]
                row += len(batch)
                share = (sum(sizes[:number]) + row) / max(sum(sizes), 1)
                raw = Raw("parquet", frame.drop(columns=unnamed), list(notes))
                yield RawChunk(raw, Place(number, row), share)
        except (pa.ArrowException, OSError):
            message = f"{paths[number]}: {unreadable()}"
            raise TableError(message) from None


def _read_batches(file: Any, first: int, n_rows: int) -> Iterator[Any]:
    """Yield batches of rows from ``first`` on; the first file yields one at least."""
    groups = range(file.metadata.num_row_groups)
    skipped = first
    while groups and file.metadata.row_group(groups[0]).num_rows <= skipped:
        skipped -= file.metadata.row_group(groups[0]).num_rows
        groups = groups[1:]
    for batch in file.iter_batches(n_rows, row_groups=groups):
        if skipped < len(batch):
            yield batch.slice(skipped)
        skipped = max(skipped - len(batch), 0)
