"""EventStore: an event table on disk, whole students in buckets."""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edml._messages import table_error, unpack
from edml._optional import import_optional
from edml._urls import as_path
from edml.sources import ReadingReport

FORMAT = 1
HASH = "md5-8"  # the first eight hexadecimal digits of MD5, modulo n_buckets
MANIFEST = "_store.json"


class EventStore:
    """An event table in a folder of Parquet files, every student whole in one.

    `bucket_events` writes it. The folder holds ``bucket-00000.parquet`` and so on, with
    the columns of the table as `edml.sources.read_events` reads them, a student's rows
    in the order of the source; and ``_store.json``, the manifest, written last.

    Parameters
    ----------
    path : path-like
        The folder, here or in an object store.

    Attributes
    ----------
    path : Path
        The folder.
    manifest : dict
        What ``_store.json`` holds: ``format`` (1), ``hash`` (``"md5-8"``, see
        `bucket_of`), ``n_buckets``, ``n_rows``, ``n_students``, ``columns``, ``names``
        (of all columns), ``report`` (how the source was read), ``source`` (its files
        and their fingerprint) and ``buckets`` (of each: rows, students, bytes and
        SHA-256).

    Raises
    ------
    TableError
        If the folder is not a store, or of a later format.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from edml.datasets import make_student_activity
    >>> from edml.scale import EventStore, bucket_events
    >>> X = make_student_activity(20, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     _ = bucket_events(X, f"{folder}/store", 4, progress=False)
    ...     store = EventStore(f"{folder}/store")
    ...     store.n_rows == len(X) == sum(len(bucket) for bucket in store)
    True
    """

    __module__ = "edml.scale"

    def __init__(self, path: str | PathLike[str]) -> None:
        import_optional("pyarrow", extra="scale", purpose="A store of events")
        self.path = as_path(path)
        self.manifest = _read_manifest(self.path)

    @staticmethod
    def is_store(path: str | PathLike[str]) -> bool:
        """Check whether a folder holds a store.

        Parameters
        ----------
        path : path-like
            The folder.

        Returns
        -------
        is_store : bool
        """
        return (as_path(path) / MANIFEST).is_file()

    @property
    def n_buckets(self) -> int:
        """Number of buckets."""
        return int(self.manifest["n_buckets"])

    @property
    def n_rows(self) -> int:
        """Number of rows in all buckets."""
        return int(self.manifest["n_rows"])

    @property
    def n_students(self) -> int:
        """Number of students in all buckets."""
        return int(self.manifest["n_students"])

    @property
    def columns(self) -> dict[str, str]:
        """Names that differ, as ``columns=`` takes them: ``{canonical: actual}``."""
        return dict(self.manifest["columns"])

    @property
    def report(self) -> ReadingReport:
        """How the source was read."""
        found = self.manifest["report"]
        notes = tuple(unpack(note) for note in found["notes"])
        return ReadingReport(**{**found, "notes": notes})

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the manifest, and so of all rows."""
        text = json.dumps(self.manifest, sort_keys=True)
        return sha256(text.encode()).hexdigest()

    def bucket_path(self, bucket: int) -> Path:
        """Return the Parquet file of a bucket.

        Parameters
        ----------
        bucket : int
            From 0 to ``n_buckets - 1``.

        Returns
        -------
        path : Path
        """
        return self.path / bucket_name(bucket)

    def n_rows_of(self, bucket: int) -> int:
        """Return the number of rows of a bucket.

        Parameters
        ----------
        bucket : int
            From 0 to ``n_buckets - 1``.

        Returns
        -------
        n_rows : int
        """
        return int(self.manifest["buckets"][bucket]["rows"])

    def read(self, bucket: int, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Read the events of a bucket.

        Parameters
        ----------
        bucket : int
            From 0 to ``n_buckets - 1``.
        names : sequence of str or None, default=None
            The columns to read; None is all.

        Returns
        -------
        X : DataFrame of shape (n_rows, n_columns)
            As `edml.sources.read_events` returns these rows of the source.

        Raises
        ------
        TableError
            If the file is not as the manifest says.
        """
        import pyarrow as pa  # noqa: PLC0415 - optional
        from pyarrow import parquet  # noqa: PLC0415

        path = self.bucket_path(bucket)
        try:
            with path.open("rb") as file:
                table = parquet.ParquetFile(file).read(names)
        except (pa.ArrowException, FileNotFoundError):
            table = None
        if table is None or table.num_rows != self.n_rows_of(bucket):
            message = (
                f"{path} is not the file that the store's manifest describes. Make the "
                "store again with bucket_events."
            )
            raise table_error("store_damaged", message, path=path)
        text = pd.StringDtype(na_value=np.nan)
        types = {pa.large_string(): text, pa.string(): text}
        return table.to_pandas(types_mapper=types.get)

    def __len__(self) -> int:
        return self.n_buckets

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return map(self.read, range(self.n_buckets))

    def __repr__(self) -> str:
        return (
            f"EventStore({str(self.path)!r}: {self.n_rows:,} rows of "
            f"{self.n_students:,} students in {self.n_buckets:,} buckets)"
        )


def bucket_name(bucket: int) -> str:
    """Return the name of the file of a bucket."""
    return f"bucket-{bucket:05d}.parquet"


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        found = json.loads((path / MANIFEST).read_bytes())
        wanted = found["format"], found["hash"]
    except FileNotFoundError:
        message = (
            f"{path} is not a store of events: it holds no {MANIFEST}. Make one with "
            "bucket_events, or edml bucket."
        )
        raise table_error("not_store", message, path=path) from None
    except (ValueError, KeyError, TypeError):
        message = f"{path / MANIFEST} cannot be read. Make the store again."
        raise table_error("store_damaged", message, path=path) from None
    if wanted != (FORMAT, HASH):
        message = (
            f"{path} is a store of another format than {FORMAT} with {HASH}. Update "
            "edml, or make the store again."
        )
        raise table_error("other_store", message, path=path)
    return found
