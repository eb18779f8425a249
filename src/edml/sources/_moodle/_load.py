"""Read the tables of the wanted courses, one at a time, of a folder or database."""

from collections.abc import Collection, Iterator, Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from edml._messages import table_error
from edml._urls import as_path
from edml.sources._blocks import read_blocks
from edml.sources._import_report import Tally
from edml.sources._moodle._database import Database
from edml.sources._moodle._tables import (
    PARENT_WHERE,
    TABLES,
    WHERE,
    Ids,
    find_prefix,
    read_values,
)
from edml.sources._open import read_table

_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".csv.gz", ".tsv.gz", ".txt.gz")
_READ_TWICE = {table.parent[1] for table in TABLES.values() if table.parent} | {
    "assign_user_flags",
    "groups_members",
}


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


class Tables:
    """The tables of a source, restricted to some courses."""

    def __init__(
        self, source: Folder | Database, courses: Collection[str] | None, tally: Tally
    ) -> None:
        self._source = source
        self._tally = tally
        self._kept: dict[str, pd.DataFrame] = {}
        self.course = self._read_courses(courses)

    def __contains__(self, name: str) -> bool:
        return name in self._source.names

    def read(self, name: str) -> pd.DataFrame:
        """Read a table; an absent one is empty."""
        if name in self._kept:
            return self._kept[name].copy()
        if name not in self:
            return self._convert(name, pd.DataFrame(columns=list(TABLES[name].columns)))
        chunks = self._source.read(name, self._selected)
        table = pd.concat(
            [self._convert(name, raw) for raw in chunks], ignore_index=True
        )
        if TABLES[name].parent is not None:
            table = self._drop_orphans(name, table)
        self._tally.tables[name] = len(table)
        if name not in _READ_TWICE:
            return table
        self._kept[name] = table
        return table.copy()

    def blocks(self, name: str) -> Iterator[pd.DataFrame]:
        """Yield a table block by block, with a column ``count`` if rows were added up.

        Rows of other courses may be among them.
        """
        for raw in self._source.read(name, self._selected, by_day=True):
            added_up = {"count": raw["count"]} if "count" in raw else {}
            yield self._convert(name, raw).assign(**added_up)

    def _convert(self, name: str, raw: pd.DataFrame) -> pd.DataFrame:
        table = read_values(name, raw, self.ids)
        for column, values in WHERE.get(name, {}).items():
            table = table[table[column].isin(values)]
        return table

    def _drop_orphans(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """Drop rows of other courses, or of works that are not in the source."""
        column, parent = TABLES[name].parent or ("", "")
        if parent not in self:
            return table
        names, ids = TABLES[name].names, TABLES[parent].names["id"]
        parents = self.read(parent)
        for restricted, values in PARENT_WHERE.get(name, {}).items():
            parents = parents[parents[restricted].isin(values)]
        kept = table[names[column]].isin(parents[ids])
        if self._selected is None and parent != "grade_items":
            rule = f"rows of {name} whose {parent} is not in the source were left out"
            self._tally.add(rule, (~kept).sum(), doubt=True)
        return table if kept.all() else table[kept]

    def _read_courses(self, wanted: Collection[str] | None) -> pd.DataFrame:
        self._selected: list[str | int] | None = None
        raw = pd.concat(self._source.read("course", None))
        self.ids = Ids(raw.get("id", pd.Series(dtype="str")))
        table = self._convert("course", raw)
        if wanted is not None:
            texts = self.ids.decode(table["id"])
            chosen = {str(one) for one in wanted}
            unknown = chosen - set(texts) - set(table["shortname"])
            if unknown:
                message = (
                    "Expected ids or short names of courses; these are unknown: "
                    f"{sorted(unknown)}. Correct courses=."
                )
                raise table_error("unknown_courses", message, courses=sorted(unknown))
            table = table[texts.isin(chosen) | table["shortname"].isin(chosen)]
            kept = self.ids.decode(table["id"])
            self._selected = [int(one) if self.ids.whole else one for one in kept]
        table = table.reset_index(drop=True)
        self._kept["course"] = table
        self._tally.tables["course"] = len(table)
        return table
