"""Find and read the tables of a Canvas Data 2 export, in any of its file formats."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from edml._messages import table_error
from edml.sources._blocks import read_blocks

_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".json", ".jsonl", ".ndjson")
_NAMESPACE = r"(?:[\w-]+\.)*(?:(?:canvas|canvas_data_2|cd2|dap|public)[_-]+)?"
_PART = (
    r"(?:[._-]*(?:part|job|snapshot|incremental|full|snappy|c?\d+[tz\d]*|[0-9a-f]{4,}))"
)
LOGS = ("web_logs", "requests")  # of Canvas Data 2, and of its predecessor


def read_export(
    source: Path, wanted: Mapping[str, Iterable[str]], notes: list[str]
) -> dict[str, pd.DataFrame]:
    """Read the wanted columns of the wanted tables, without tables that are absent.

    Columns have plain names: ``value.user_id`` is ``user_id``. Rows of all parts of a
    table are joined; ``ts`` and ``action`` are the export's own columns.
    """
    if not source.is_dir():
        message = f"There is no folder {str(source)!r}. Unpack the export into one."
        raise table_error("no_folder", message, path=source)
    found, ignored = _find_files(source, [*wanted, *LOGS])
    if ignored:
        shown = ", ".join(ignored[:5]) + (", ..." if len(ignored) > 5 else "")
        notes.append(f"{len(ignored)} other files were ignored: {shown}.")
    tables = {}
    for name in [name for name in found if name in wanted]:
        columns = [*wanted[name], "ts", "action"]
        blocks = [
            block
            for path in found[name]
            for block in read_blocks(path, columns, _plain)
        ]
        empty = pd.DataFrame(columns=columns)
        tables[name] = pd.concat(blocks, ignore_index=True) if blocks else empty
    return tables


def read_log(source: Path, wanted: Iterable[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the export's log of requests block by block, each with the table's name."""
    found, _ = _find_files(source, LOGS)
    for name, paths in found.items():
        for path in paths:
            for block in read_blocks(path, [*wanted], _plain):
                yield name, block


def _find_files(
    source: Path, names: Sequence[str]
) -> tuple[dict[str, list[Path]], list[str]]:
    """Return the files of each table, and the names of other files."""
    found: dict[str, list[Path]] = {}
    ignored = []
    for path in sorted(source.rglob("*")):
        if not path.is_file() or _suffix(path) is None:
            continue
        stem = path.name.removesuffix(".gz").lower()
        stem = stem.removesuffix(_suffix(path) or "")
        inside = path.relative_to(source).parts[-2::-1]
        table = _table_of(stem, names)
        if table is None and re.fullmatch(f"{_PART}+", stem):
            tables = (_table_of(folder.lower(), names) for folder in inside)
            table = next((name for name in tables if name), None)
        if table is None:
            ignored.append(path.name)
        else:
            found.setdefault(table, []).append(path)
    return found, ignored


def _table_of(stem: str, names: Sequence[str]) -> str | None:
    """Return the table that a file or folder is named after."""
    for name in names:
        if re.fullmatch(f"{_NAMESPACE}{name}{_PART}*", stem):
            return name
    return None


def _suffix(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes = suffixes[:-1]
    return suffixes[-1] if suffixes and suffixes[-1] in _SUFFIXES else None


def _plain(name: str) -> str:
    """Return ``user_id`` for ``value.user_id``, ``key.user_id`` and ``userId``."""
    name = re.sub(r"^(?:key|value|meta)\.", "", name.strip())
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
