"""Find and read the tables of a Canvas Data 2 export, in any of its file formats."""

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from edml._optional import import_optional
from edml.exceptions import TableError
from edml.sources._blocks import read_blocks

_CSV, _TSV, _PARQUET = (".csv",), (".tsv", ".txt"), (".parquet",)
_JSON = (".json", ".jsonl", ".ndjson")
_NAMESPACE = r"(?:[\w-]+\.)*(?:(?:canvas|canvas_data_2|cd2|dap|public)[_-]+)?"
_PART = (
    r"(?:[._-]*(?:part|job|snapshot|incremental|full|snappy|c?\d+[tz\d]*|[0-9a-f]{4,}))"
)
LOGS = ("web_logs", "requests")  # of Canvas Data 2, and of its predecessor
_BLOCK = 100_000  # rows that are parsed at a time, to spare memory
_UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def read_export(
    source: Path, wanted: Mapping[str, Iterable[str]], notes: list[str]
) -> dict[str, pd.DataFrame]:
    """Read the wanted columns of the wanted tables, without tables that are absent.

    Columns have plain names: ``value.user_id`` is ``user_id``. Rows of all parts of a
    table are joined; ``ts`` and ``action`` are the export's own columns.
    """
    if not source.is_dir():
        message = (
            f"There is no folder {str(source)!r}. Unpack the export into a folder."
        )
        raise TableError(message)
    found, ignored = _find_files(source, [*wanted, *LOGS])
    if ignored:
        shown = ", ".join(ignored[:5]) + (", ..." if len(ignored) > 5 else "")
        notes.append(f"{len(ignored)} other files were ignored: {shown}.")
    tables = {}
    for name in [name for name in found if name in wanted]:
        columns = {*wanted[name], "ts", "action"}
        parts = [_read_file(path, columns) for path in found[name]]
        tables[name] = pd.concat(parts, ignore_index=True)
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
    known = (*_CSV, *_TSV, *_JSON, *_PARQUET)
    return suffixes[-1] if suffixes and suffixes[-1] in known else None


def _read_file(path: Path, columns: set[str]) -> pd.DataFrame:
    suffix = _suffix(path)
    try:
        if suffix in _PARQUET:
            table = _read_parquet(path, columns)
        elif suffix in _JSON:
            table = _read_json(path, columns)
        else:
            table = _read_text(path, columns, tabs=suffix in _TSV)
    except (ValueError, OSError, EOFError) as error:
        if isinstance(error, TableError):
            raise
        message = (
            f"{path.name} cannot be read as {suffix}: {type(error).__name__}. Export "
            "or download it again."
        )
        raise TableError(message) from None  # its message may hold a value
    return table


def _plain(name: str) -> str:
    """Return ``user_id`` for ``value.user_id``, ``key.user_id`` and ``userId``."""
    name = re.sub(r"^(?:key|value|meta)\.", "", name.strip())
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _open(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _read_text(path: Path, columns: set[str], *, tabs: bool) -> pd.DataFrame:
    r"""Read CSV, or the tab-separated form, in which ``\N`` is null.

    Only some columns are kept, because others hold all that students wrote.
    """
    how: dict[str, Any] = {"delimiter": ",", "strict": True}
    if tabs:
        how = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    parts: list[pd.DataFrame] = []
    csv.field_size_limit(2**31 - 1)
    with _open(path) as file:
        rows = csv.reader(file, **how)
        try:
            header = next(rows, [])
            names = [_plain(name) for name in header]
            places = [place for place, name in enumerate(names) if name in columns]
            kept = [names[place] for place in places]
            for block in iter(lambda: list(islice(rows, _BLOCK)), []):
                _check_lengths(path, block, len(header), rows.line_num)
                cells = [[row[place] for row in block if row] for place in places]
                parts.append(
                    pd.DataFrame(dict(zip(kept, cells, strict=True)), dtype="str")
                )
        except csv.Error:
            message = (
                f"{path.name}: the quotes near line {rows.line_num} cannot be read. "
                "Export or download it again."
            )
            raise TableError(message) from None
    if not parts:
        return pd.DataFrame(columns=kept, dtype="str")
    table = pd.concat(parts, ignore_index=True)
    table = table.mask((table == "") | (table == "\\N") if tabs else table == "")
    if tabs:
        table = table.replace(list(_UNESCAPED), list(_UNESCAPED.values()))
    return table


def _check_lengths(
    path: Path, block: list[list[str]], n_names: int, last_line: int
) -> None:
    """Raise if a row has more or fewer fields than there are names."""
    wrong = sum(len(row) not in (0, n_names) for row in block)
    if wrong:
        message = (
            f"{path.name}: {wrong} of the {len(block)} rows before line "
            f"{last_line + 1} have another number of fields than the {n_names} names. "
            "Export or download it again."
        )
        raise TableError(message)


def _read_json(path: Path, columns: set[str]) -> pd.DataFrame:
    """Read JSON lines, whose fields may stand in ``key``, ``value`` and ``meta``."""
    fields: dict[str, list[Any]] = {}
    names: dict[str, str] = {}  # found once per spelling: this runs for every field
    n_rows = 0

    def flat(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in record.items():
            if name in ("key", "value", "meta") and isinstance(value, dict):
                yield from value.items()
            else:
                yield name, value

    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                record = None
            if not isinstance(record, dict):
                message = (
                    f"{path.name}, line {number}: expected one JSON object per line. "
                    "Export or download it again."
                )
                raise TableError(message)
            for spelling, value in flat(record):
                name = names.get(spelling)
                if name is None:
                    name = names[spelling] = _plain(spelling)
                if name in columns:
                    values = fields.setdefault(name, [])
                    values.extend([None] * (n_rows - len(values)))
                    values.append(
                        json.dumps(value) if isinstance(value, list | dict) else value
                    )
            n_rows += 1
    for values in fields.values():
        values.extend([None] * (n_rows - len(values)))
    table = {
        name: pd.array(np.array(values, dtype=object), dtype=object)
        for name, values in fields.items()
    }
    return pd.DataFrame(table, index=range(n_rows))


def _read_parquet(path: Path, columns: set[str]) -> pd.DataFrame:
    parquet = import_optional("pyarrow.parquet", extra="parquet", purpose="Parquet")
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        table = parquet.read_table(file)
    nested = {"key", "value", "meta"}
    while any(
        str(field.type).startswith("struct")
        for field in table.schema
        if field.name in nested
    ):
        table = table.flatten()
    kept = [name for name in table.column_names if _plain(name) in columns]
    # whole numbers with nulls must not become floats, which round large ids
    frame: pd.DataFrame = table.select(kept).to_pandas(integer_object_nulls=True)
    for field in table.schema:
        if field.name in frame and str(field.type).startswith(("list", "large_list")):
            frame[field.name] = frame[field.name].map(_as_text)
    return frame.rename(columns=_plain)


def _as_text(value: Any) -> str | None:
    return None if value is None else json.dumps(list(value))
