"""bucket_events: write an event table as a store, in bounded memory.

The table is read once, in chunks. Each is written as a piece, its rows sorted by
bucket; then each bucket is collected from all pieces. What was written is kept if the
process is stopped.
"""

import json
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256
from itertools import pairwise
from math import ceil
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar
from sklearn.utils.parallel import delayed
from tqdm.auto import tqdm

from edml import __version__
from edml._files import make_folder, remove_tree, replace_file
from edml._messages import pack, table_error
from edml._optional import import_optional
from edml._urls import as_path, need_local
from edml.scale._bucket_of import bucket_of
from edml.scale._draft import Draft, telling_of_full_disks
from edml.scale._map import run_all
from edml.scale._store import FORMAT, HASH, MANIFEST, EventStore, bucket_name
from edml.schema import PARTITION, STUDENT, IntArray, fingerprint, resolve_columns
from edml.sources import EventChunk, EventChunks

#: Rows of a bucket that one process comfortably holds, with their features.
_ROWS_OF_BUCKET = 250_000
_BYTES_PER_ROW = 2_000  # of events while they are described and scored
_NUMBERED = "assignment_id"


def bucket_events(
    source: Any,
    out: str | PathLike[str],
    n_buckets: int | Literal["auto"] = "auto",
    *,
    columns: Mapping[str, str] | None = None,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    date_unit: str | None = None,
    date_format: str | None = None,
    timezone: str | None = None,
    sheet: str | None = None,
    na_values: Collection[str] = (),
    chunk_rows: int = 500_000,
    n_jobs: int | None = None,
    progress: bool = True,
) -> EventStore:
    """Write an event table as a store, whole students in buckets.

    The table is read as `edml.sources.read_events` reads it, but in chunks, so that it
    may be larger than the memory; a chunk that contradicts what earlier ones showed, as
    dates in another unit, is an error. Killed at any moment, the next call with the
    same arguments goes on where this one stopped. The store appears when it is whole.

    Parameters
    ----------
    source : path-like, DataFrame or Arrow table
        As for `read_events`, a folder of CSV files that are one table, or a store, to
        write it with another number of buckets.
    out : path-like
        The folder to write. A store that is there is replaced. The disk needs twice the
        space while it is written.
    n_buckets : int or "auto", default="auto"
        Number of buckets. "auto" makes buckets of about 250,000 rows.
    columns : mapping of str to str or None, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    sep, decimal, encoding, date_unit, date_format, timezone, sheet : str, default=None
        How the table is written, as for `edml.sources.read_events`. The decimal mark
        and encoding of CSV files are detected in the first rows.
    na_values : collection of str, default=()
        Words in text columns that mean a missing value.
    chunk_rows : int, default=500_000
        About how many rows are read at a time.
    n_jobs : int or None, default=None
        Number of threads that write buckets; None is 1, -1 one for each core.
    progress : bool, default=True
        Whether to show progress bars.

    Returns
    -------
    store : EventStore
        The store; its ``report`` says what was inferred.

    Raises
    ------
    TableError
        If the table cannot be read or has no rows, or ``out`` is no store.
    OSError
        If no space is left; what is written is kept.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from edml.datasets import make_student_activity
    >>> from edml.scale import bucket_events
    >>> X = make_student_activity(20, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     store = bucket_events(X, f"{folder}/store", 4, progress=False)
    ...     store.n_rows == len(X)
    True
    """
    import_optional("pyarrow", extra="scale", purpose="A store of events")
    if n_buckets != "auto":
        check_scalar(n_buckets, "n_buckets", int, min_val=1)
    reading: dict[str, Any] = {
        "sep": sep,
        "decimal": decimal,
        "encoding": encoding,
        "date_unit": date_unit,
        "date_format": date_format,
        "timezone": timezone,
        "sheet": sheet,
        "na_values": sorted(na_values),
    }
    of_store = None
    if isinstance(source, EventStore):
        source = source.path
    if isinstance(source, (str, PathLike)):
        need_local(as_path(source), "a table to bucket", "Copy the files first.")
    if isinstance(source, (str, PathLike)) and EventStore.is_store(source):
        of_store = EventStore(source)
        columns = of_store.columns if columns is None else columns
        if of_store.path.resolve() == Path(out).resolve():
            message = f"{out} is also the source. Choose another folder to write."
            raise table_error("also_source", message, path=out)
    columns = dict(columns or {})
    chunks = EventChunks(
        source, columns=columns, n_rows=chunk_rows, categories=True, **reading
    )
    about = _describe(chunks, of_store)
    key = {
        "edml": __version__,
        "source": about["fingerprint"],
        "columns": columns,
        "n_buckets": n_buckets,
        "chunk_rows": chunk_rows,
        **reading,
    }
    draft = Draft(as_path(out), key, MANIFEST)
    if draft.is_done():
        return EventStore(out)
    with telling_of_full_disks(draft.target, "What is written so far is kept."), draft:
        work = _Bucketing(draft, chunks, columns, progress)
        work.write_pieces(n_buckets)
        work.write_buckets(n_jobs)
        work.finish(about, of_store)
    store = EventStore(out)
    largest = max(map(store.n_rows_of, range(store.n_buckets)))
    if largest > max(4 * _ROWS_OF_BUCKET, 2 * store.n_rows / store.n_buckets):
        warnings.warn(
            f"One bucket has {largest:,} rows, because a student has many: a process "
            f"needs about {largest * _BYTES_PER_ROW / 1e9:.1f} GB for it. Check the "
            "ids, or lower n_jobs.",
            stacklevel=2,
        )
    return store


def _describe(chunks: EventChunks, store: EventStore | None) -> dict[str, Any]:
    """Describe the source, to recognize another one or a later state of it."""
    if store is not None:
        return {**store.manifest["source"], "fingerprint": store.fingerprint}
    paths, _ = chunks.list_files()
    if not paths:
        table = chunks.source
        found = fingerprint(table) if isinstance(table, pd.DataFrame) else None
        return {"files": [], "fingerprint": found or repr(id(table))}
    stats = [(path.name, path.stat()) for path in paths]
    states = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
    digest = sha256(json.dumps(states).encode()).hexdigest()
    return {"files": [path.name for path in paths], "fingerprint": digest}


class _Bucketing:
    """The writing of one store."""

    def __init__(
        self, draft: Draft, chunks: EventChunks, columns: dict[str, str], progress: bool
    ) -> None:
        self.draft, self.chunks, self.progress = draft, chunks, progress
        self.columns = columns
        self.names = resolve_columns(columns)
        self.pieces = draft.folder / "pieces"
        make_folder(self.pieces)
        self.plan: dict[str, Any] = draft.read("plan.json") or {}

    # -- pieces ------------------------------------------------------------------------

    def write_pieces(self, n_buckets: int | Literal["auto"]) -> None:
        """Read the table, and write its chunks, the rows sorted by bucket."""
        if "facts" in self.plan:
            return
        done: list[dict[str, Any]] = []
        while (said := self.draft.read(f"pieces/{len(done):05d}.json")) is not None:
            done.append(said)
        share = done[-1]["share"] if done else 0.0
        bar = tqdm(desc="Rows read", total=100, unit="%", disable=not self.progress)
        with bar:
            bar.update(round(100 * share))
            chunks = self.chunks.read(done[-1]["end"] if done else None)
            for said in self._write_each(chunks, len(done), n_buckets):
                done.append(said)
                bar.update(round(100 * said["share"]) - bar.n)
        if not done:
            message = "The table has no rows. Check the export."
            raise table_error("no_rows", message)
        report, types = self.chunks.settle(
            facts for one in done for facts in one["facts"]
        )
        self.plan |= {
            "facts": {
                "report": {**asdict(report), "notes": [*map(pack, report.notes)]},
                "types": types,
            },
            "n_pieces": len(done),
            "n_rows": sum(one["rows"] for one in done),
        }
        self.draft.write("plan.json", self.plan)

    def _write_each(
        self,
        chunks: Iterable[EventChunk],
        number: int,
        n_buckets: int | Literal["auto"],
    ) -> Iterator[dict[str, Any]]:
        """Write each piece while the next one is read, and say what is written."""
        pending: Future[dict[str, Any]] | None = None
        with ThreadPoolExecutor(1) as pool:
            for piece in self._join_small(chunks):
                if pending is not None:
                    yield pending.result()
                self._plan(piece, n_buckets)
                pending = pool.submit(self._write_piece, number, piece)
                number += 1
            if pending is not None:
                yield pending.result()

    def _join_small(self, chunks: Iterable[EventChunk]) -> Iterator[list[EventChunk]]:
        """Yield the chunks of each piece: of small files, a piece holds many."""
        held: list[EventChunk] = []
        n_rows = 0
        for chunk in chunks:
            if len(chunk.X):
                held.append(chunk)
                n_rows += len(chunk.X)
            if 2 * n_rows > self.chunks.n_rows:
                yield held
                held, n_rows = [], 0
        if held:
            yield held

    def _plan(self, piece: list[EventChunk], n_buckets: int | Literal["auto"]) -> None:
        """Settle the number of buckets and the types, from the first piece."""
        if self.plan:
            return
        n_rows = sum(len(chunk.X) for chunk in piece) / max(piece[-1].share, 1e-9)
        if n_buckets == "auto":
            n_buckets = ceil(n_rows / _ROWS_OF_BUCKET)
        self.plan = {"n_buckets": n_buckets}
        schema = self._find_schema(piece[0].X)
        replace_file(
            self.draft.folder / "schema.arrow", schema.serialize().to_pybytes()
        )
        self.draft.write("plan.json", self.plan)

    def _find_schema(self, X: pd.DataFrame) -> Any:
        import pyarrow as pa  # noqa: PLC0415 - optional

        changing = {self.names[PARTITION]: pa.float64()}
        changing[self.names[_NUMBERED]] = pa.large_string()
        fields = []
        for name in X.columns:
            kind = self.chunks.extra_types.get(name) or changing.get(name)
            if kind is None:
                kind = _infer_type(X[name])
            fields.append(pa.field(str(name), kind))
        return pa.schema(fields)

    @property
    def schema(self) -> Any:
        """The columns of the pieces, in Arrow's types."""
        import pyarrow as pa  # noqa: PLC0415 - optional

        data = (self.draft.folder / "schema.arrow").read_bytes()
        return pa.ipc.read_schema(pa.BufferReader(data))

    def _write_piece(self, number: int, piece: list[EventChunk]) -> dict[str, Any]:
        import pyarrow as pa  # noqa: PLC0415 - optional

        tables = [chunk.X for chunk in piece]
        student, n_buckets = self.names[STUDENT], self.plan["n_buckets"]
        buckets = np.concatenate([bucket_of(X[student], n_buckets) for X in tables])
        small = np.uint16 if n_buckets <= 2**16 else np.int64
        order = np.argsort(buckets.astype(small), kind="stable")  # 16 bits: by radix
        ends = np.searchsorted(buckets[order], np.arange(n_buckets + 1))
        schema = self.schema
        try:
            arrays = [
                _to_arrow([X.iloc[:, place] for X in tables], field.type, order)
                for place, field in enumerate(schema)
            ]
        except pa.ArrowException:  # its message may hold a value
            message = (
                "A column that edml does not read holds values of several types, which "
                "Parquet cannot hold. Drop it, or write it as text."
            )
            raise table_error("mixed_column", message) from None
        batch = pa.record_batch(arrays, schema)
        sink = pa.BufferOutputStream()  # needs no GIL, other than BytesIO
        # threads cost more than they bring: most buckets of a piece are small
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        with pa.ipc.new_file(sink, schema, options=options) as writer:
            for begin, end in pairwise(ends.tolist()):
                writer.write_batch(batch.slice(begin, end - begin))
        replace_file(self.pieces / f"{number:05d}.arrow", sink.getvalue().to_pybytes())
        said = {
            "facts": [chunk.facts for chunk in piece],
            "end": piece[-1].end,
            "share": piece[-1].share,
            "rows": len(buckets),
        }
        self.draft.write(f"pieces/{number:05d}.json", said)
        return said

    # -- buckets -----------------------------------------------------------------------

    def write_buckets(self, n_jobs: int | None) -> None:
        """Collect each bucket from the pieces."""
        n_buckets = self.plan["n_buckets"]
        missing = [
            bucket
            for bucket in range(n_buckets)
            if self.draft.read(f"bucket-{bucket:05d}.json") is None
        ]
        pieces = [
            self.pieces / f"{number:05d}.arrow"
            for number in range(self.plan["n_pieces"])
        ]
        student = self.names[STUDENT]
        types = self.plan["facts"]["types"]
        work = (
            delayed(_write_bucket)(self.draft.folder, pieces, bucket, types, student)
            for bucket in missing
        )
        n_done = n_buckets - len(missing)
        run_all(
            *(work, n_done, n_buckets, n_jobs, self.progress, "Buckets written"),
            prefer="threads",  # Arrow does the work, and releases the GIL
        )

    def finish(self, about: Mapping[str, Any], store: EventStore | None) -> None:
        """Write the manifest, and put the store in its place."""
        buckets = [
            self.draft.read(f"bucket-{bucket:05d}.json")
            for bucket in range(self.plan["n_buckets"])
        ]
        report = self.plan["facts"]["report"]
        manifest = {
            "format": FORMAT,
            "hash": HASH,
            "edml": __version__,
            "n_buckets": self.plan["n_buckets"],
            "n_rows": sum(one["rows"] for one in buckets),
            "n_students": sum(one["students"] for one in buckets),
            "columns": self.columns,
            "names": self.schema.names,
            "report": store.manifest["report"] if store is not None else report,
            "source": about,
            "buckets": buckets,
        }
        remove_tree(self.pieces)
        self.draft.finish(manifest)


def _to_arrow(columns: list[pd.Series], kind: Any, order: IntArray) -> Any:
    """Join the parts of a column and convert it, its rows in another order."""
    import pyarrow as pa  # noqa: PLC0415 - optional

    parts: list[Any] = []
    for column in columns:
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy()
            indices = pa.array(codes, pa.int32(), mask=codes < 0)
            texts = pa.array(column.cat.categories, kind, from_pandas=True)
            part = pa.DictionaryArray.from_arrays(indices, texts)
        else:
            part = pa.Array.from_pandas(column, type=kind)
        parts += part.chunks if isinstance(part, pa.ChunkedArray) else [part]
    if len(parts) == 1:
        (array,) = parts
    elif pa.types.is_dictionary(parts[0].type):
        array = pa.chunked_array(parts).unify_dictionaries().combine_chunks()
    else:
        array = pa.concat_arrays(parts)
    if pa.types.is_dictionary(array.type):
        return array.dictionary.take(array.indices.take(order))
    return array.take(order)


def _infer_type(column: pd.Series) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - optional

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    if isinstance(dtype, pd.StringDtype):
        return pa.large_string()
    try:
        kind = pa.Array.from_pandas(column).type
    except pa.ArrowException:
        kind = pa.large_string()  # writing raises the error
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.large_string() if pa.types.is_null(kind) else kind


def _write_bucket(
    folder: Path,
    pieces: list[Path],
    bucket: int,
    types: Mapping[str, str],
    student: str,
) -> None:
    import pyarrow as pa  # noqa: PLC0415 - optional
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    options = pa.ipc.IpcReadOptions(use_threads=False)
    batches = []
    for piece in pieces:
        with pa.memory_map(str(piece)) as file:
            batches.append(pa.ipc.open_file(file, options=options).get_batch(bucket))
    table = pa.Table.from_batches(batches)
    for name, kind in types.items():
        column = table.column(name)
        if kind != "text":  # by way of floats, as read_events makes them
            column = column.cast(pa.float64())
        if kind == "int64":
            column = column.cast(pa.int64(), safe=False)
        table = table.set_column(table.column_names.index(name), name, column)
    sink = pa.BufferOutputStream()
    # statistics of hashed students would spare no reader a row
    parquet.write_table(table, sink, compression="zstd", write_statistics=False)
    data = sink.getvalue().to_pybytes()
    replace_file(folder / "content" / bucket_name(bucket), data)
    said = {
        "rows": table.num_rows,
        "students": pc.count_distinct(table.column(student)).as_py(),
        "bytes": len(data),
        "sha256": sha256(data).hexdigest(),
    }
    replace_file(folder / f"bucket-{bucket:05d}.json", json.dumps(said).encode())
