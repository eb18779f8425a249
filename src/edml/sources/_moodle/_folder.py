"""A folder of Moodle's tables, exported as CSV or Parquet files."""

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from edml._messages import table_error
from edml._urls import as_path
from edml.sources._blocks import read_blocks
from edml.sources._moodle._tables import TABLES, find_prefix
from edml.sources._open import read_table

_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".csv.gz", ".tsv.gz", ".txt.gz")


class Folder:
    """The exported tables of a folder, one file each.

    ``names`` are the tables that are there, without their prefix.
    """

    def __init__(self, path: str | PathLike[str], prefix: str | None) -> None:
        self._path = as_path(path)
        if not self._path.is_dir():
            raise table_error(
                "no_folder",
                f"There is no folder {self._path}. Expected the folder of Moodle's "
                "exported tables, or the URL of its database.",
                path=self._path,
            )
        self.notes: list[str] = []  # of what was inferred
        self._files: dict[str, Path] = {}
        for file in sorted(self._path.iterdir()):
            suffix = next((s for s in _SUFFIXES if file.name.lower().endswith(s)), "")
            if not suffix:
                continue
            name = file.name[: -len(suffix)].lower()
            if name in self._files:
                raise table_error(
                    "doubled_tables",
                    f"Table {name} is exported twice: {self._files[name].name} and "
                    f"{file.name}. Remove one of them from the folder.",
                    place=self._path,
                    tables=name,
                )
            self._files[name] = file
        self._prefix = find_prefix(self._files, prefix)
        self.names = {name for name in TABLES if self._prefix + name in self._files}

    def read(
        self, name: str, courses: Sequence[str | int] | None, *, by_day: bool = False
    ) -> Iterator[pd.DataFrame]:
        """Yield a table's file, that of a log in blocks."""
        file = self._files[self._prefix + name]
        if by_day:
            yield from read_blocks(file, TABLES[name].columns)
            return
        raw, notes = read_table(file, known=TABLES[name].columns)
        self.notes += [f"{file.name}: {note}" for note in notes]
        yield raw
