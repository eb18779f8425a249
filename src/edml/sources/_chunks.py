"""EventChunks: read an event table that may be larger than the memory."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from edml._messages import pack, unpack
from edml.exceptions import TableError
from edml.schema import PARTITION, check_work, describe_absent, resolve_columns
from edml.sources._arrow import find_parts
from edml.sources._chunk_csv import Place, RawChunk, read_csv_chunks
from edml.sources._chunk_facts import ColumnFacts
from edml.sources._chunk_parquet import read_parquet_chunks, read_schema
from edml.sources._event_columns import NUMBERED, ColumnReader, expect
from edml.sources._events import (
    ReadingReport,
    check_parameters,
    join_errors,
    make_report,
)
from edml.sources._header import check_header
from edml.sources._open import CSV, PARQUET, find_label, find_suffix, open_table
from edml.sources._raw import Dialect, Raw, Source, naming

_BYTES_PER_ROW = 128  # of text, to read about as many rows of CSV as of Parquet


@dataclass(frozen=True, eq=False)
class EventChunk:
    """Rows of an event table, as `EventChunks.read` yields them.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        As from `read_events`, but ``particion`` and ``assignment_id`` may have another
        type, which the whole table decides, and ids and names may be categories.
    facts : dict
        What the rows show about their columns, for `EventChunks.settle`; for JSON.
    end : list
        Where the rows end, for `EventChunks.read`; for JSON.
    share : float
        How much of the table has been read, a fraction in [0, 1].

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.sources import EventChunks
    >>> (chunk,) = EventChunks(make_student_activity(20, random_state=0)).read()
    >>> chunk.share
    1.0
    """

    __module__ = "edml.sources"

    X: pd.DataFrame
    facts: dict[str, Any]
    end: list[Any]
    share: float


class EventChunks:
    """An event table that is read in chunks of rows, as `read_events` reads it whole.

    CSV and Parquet files, and folders of them, are read in bounded memory; other files
    and tables are one chunk. How the table is written is inferred from the first chunk
    and checked in each: a later one that contradicts it raises an error.

    Parameters
    ----------
    source : path-like, DataFrame or Arrow table
        As for `read_events`, or a folder of CSV files that are one table.
    columns : mapping of str to str or None, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    sep, decimal, encoding, date_unit, date_format, timezone, sheet : str, default=None
        How the table is written, as for `read_events`. The decimal mark and encoding of
        CSV files are detected in the first rows.
    na_values : collection of str, default=()
        Words in text columns that mean a missing value.
    n_rows : int, default=500_000
        About how many rows a chunk has.
    categories : bool, default=False
        Whether ids and names come as categories, which takes less time and memory.

    Attributes
    ----------
    extra_types : dict of str to pyarrow.DataType
        The types of the columns of Parquet files that are not of an event table.

    See Also
    --------
    edml.sources.read_events : Reads the whole table.

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.sources import EventChunks
    >>> chunks = EventChunks(make_student_activity(20, random_state=0))
    >>> facts = [chunk.facts for chunk in chunks.read()]
    >>> report, types = chunks.settle(facts)
    >>> types["assignment_id"]
    'float64'
    """

    __module__ = "edml.sources"

    def __init__(
        self,
        source: Source,
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
        n_rows: int = 500_000,
        categories: bool = False,
    ) -> None:
        self.source = source
        self.n_rows = n_rows
        self.extra_types: dict[str, Any] = {}
        self._names = names = resolve_columns(columns)
        self._given = Dialect(sep, decimal, encoding, sheet)
        self._reader = ColumnReader(
            date_unit,
            date_format,
            timezone,
            decimal or ".",
            tuple(na_values),
            numbered=False,
            coded=categories,
        )
        check_parameters(self._given, self._reader)
        self._expected = expect(names)

    def read(self, after: Iterable[Any] | None = None) -> Iterator[EventChunk]:
        """Read the table from its beginning, or from where a chunk ended.

        Parameters
        ----------
        after : iterable or None, default=None
            The ``end`` of the last chunk that was read.

        Yields
        ------
        chunk : EventChunk
            The next rows.

        Raises
        ------
        TableError
            If the table cannot be read, or rows contradict those before them.
        """
        label = find_label(self.source, None)
        known: dict[str, ColumnFacts] = {}
        start = Place() if after is None else Place(*after)
        paths, kind = self.list_files()
        for raw, end, share in self._open(paths, kind, start):
            with naming(str(paths[end.file]) if paths else label):
                check_header(raw, self._expected)
                check_work(raw.frame, self._names)
                X, facts = self._read_columns(raw)
                for name, one in facts.items():
                    known[name] = known.get(name, one).join(one, name)
            said = {name: asdict(one) for name, one in facts.items()}
            about = {
                "format": raw.format,
                "notes": [pack(note) for note in raw.notes],
                "dialect": list(raw.dialect),
                "names": list(raw.frame.columns),
                "columns": said,
            }
            yield EventChunk(X, about, list(end), share)

    def _read_columns(self, raw: Raw) -> tuple[pd.DataFrame, dict[str, ColumnFacts]]:
        frame = raw.frame
        reader = self._reader._replace(decimal=raw.dialect.decimal or ".")
        X, roles, read, errors = reader.read_table(frame, self._names)
        if errors:
            raise join_errors(errors)
        facts = {
            name: ColumnFacts.from_column(one, frame[name], roles[name])
            for name, one in read.items()
        }
        return X.reset_index(drop=True), facts

    def settle(
        self, facts: Iterable[Mapping[str, Any]]
    ) -> tuple[ReadingReport, dict[str, str]]:
        """Report how the whole table was read, from the facts of all its chunks.

        Parameters
        ----------
        facts : iterable of dict
            Of every chunk, in their order.

        Returns
        -------
        report : ReadingReport
            As from `read_events`.
        types : dict of str to str
            The type of ``particion`` and ``assignment_id``: ``"int64"``, ``"float64"``
            or ``"text"``.

        Raises
        ------
        TableError
            If chunks contradict each other.
        """
        facts = list(facts)
        last = facts[-1]
        found: dict[str, ColumnFacts] = {}
        ids: dict[str, list[str]] = {}
        for chunk in facts:
            for name, said in chunk["columns"].items():
                one = ColumnFacts(**said)
                found[name] = found.get(name, one).join(one, name)
                ids.setdefault(name, []).append(one.ids)
        actual = {self._names[name]: name for name in self._names}
        roles = {name: actual[name] for name in found}
        notes = dict.fromkeys(unpack(one) for chunk in facts for one in chunk["notes"])
        none = pd.DataFrame(columns=last["names"])
        absent = describe_absent(check_work(none, self._names))
        raw = Raw(
            last["format"],
            none,
            [*notes, *([absent] if absent else [])],
            Dialect(*last["dialect"]),
        )
        types, read = {}, {}
        for name, one in found.items():
            read[name] = one.to_column(name, ids[name])
            if roles[name] == NUMBERED and one.worded:
                types[name] = "text"
            elif roles[name] in (PARTITION, NUMBERED):
                types[name] = "float64" if one.null else "int64"
                read[name] = read[name]._replace(whole=False)
        report = make_report(raw, roles, read, self._reader)
        return report, types

    def _open(self, paths: list[Path], kind: str, start: Place) -> Iterator[RawChunk]:
        if kind == "parquet":
            root = Path(str(self.source))
            root = root if root.is_dir() else root.parent
            schema = read_schema(paths, root)
            self.extra_types = {
                field.name: getattr(field.type, "value_type", field.type)
                if "dictionary" in str(field.type)
                else field.type
                for field in schema
                if field.name not in self._expected.known
            }
            known, coded = self._expected.known, self._reader.coded
            yield from read_parquet_chunks(
                paths, root, known, self.n_rows, start, coded=coded
            )
        elif kind == "csv":
            size = self.n_rows * _BYTES_PER_ROW
            yield from read_csv_chunks(paths, self._given, self._expected, size, start)
        elif not start.row:
            label = find_label(self.source, None)
            with naming(label):
                raw = open_table(self.source, label, self._given, self._expected)
            yield RawChunk(raw, Place(0, len(raw.frame)), 1.0)

    def list_files(self) -> tuple[list[Path], str]:
        """List the files of the table, and say how they are read.

        Returns
        -------
        paths : list of Path
            None for a table in memory.
        kind : {"csv", "parquet", "whole"}
            ``"whole"`` is one chunk.

        Raises
        ------
        TableError
            If there is no file, or a folder holds CSV and Parquet.
        """
        if not isinstance(self.source, (str, PathLike)):
            return [], "whole"
        path = Path(self.source)
        if path.is_dir():
            found = {
                kind: paths
                for kind, suffixes in (("parquet", PARQUET), ("csv", CSV))
                if (paths := find_parts(path, suffixes))
            }
            if len(found) != 1:
                message = (
                    f"{path}: Expected files of CSV or of Parquet in the folder; found "
                    f"{'both' if found else 'none'}. Pass a folder of one kind."
                )
                raise TableError(message)
            ((kind, paths),) = found.items()
            return paths, kind
        if not path.is_file():
            message = f"There is no file {path}. Check the path."
            raise TableError(message)
        suffix, packed = find_suffix(path.name)
        if suffix in PARQUET and not packed:
            return [path], "parquet"
        return [path], "csv" if suffix in CSV else "whole"
