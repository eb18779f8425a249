"""Open what holds a table: files by their suffix, frames by their type."""

import re
from collections.abc import Callable, Collection
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from edml._messages import coded, for_python, table_error
from edml._urls import as_path, is_store
from edml.exceptions import TableError
from edml.sources._arrow import is_arrow, read_arrow, read_parquet
from edml.sources._csv import GZIP, read_csv, unpack
from edml.sources._excel import read_excel
from edml.sources._header import check_header
from edml.sources._json import read_json
from edml.sources._raw import UNKNOWN, Dialect, Expected, Raw, Source, naming

CSV, _JSON = (".csv", ".tsv", ".txt"), (".json", ".jsonl", ".ndjson")
PARQUET = (".parquet",)
_READERS: dict[str, Callable[[bytes, Dialect, Expected], Raw]] = {
    **dict.fromkeys(CSV, read_csv),
    **dict.fromkeys(_JSON, read_json),
    **dict.fromkeys((".xlsx", ".xlsm"), read_excel),
    ".parquet": read_parquet,
}
_NAMELESS = "the file"


def find_label(source: Source, name: str | None) -> str | None:
    """Return the name of a file, or None for a table in memory."""
    if isinstance(source, (str, PathLike)):
        return name or str(as_path(source) if is_store(source) else source)
    if hasattr(source, "read"):
        return name or str(getattr(source, "name", _NAMELESS))
    return None


def open_table(
    source: Source, label: str | None, given: Dialect, expected: Expected
) -> Raw:
    """Read a table as it is, and check the names of its columns."""
    if label is None:
        raw = _open_frame(source)
    else:
        raw = _open_file(source, label, given, expected)
    check_header(raw, expected)
    return raw


def _open_file(source: Any, label: str, given: Dialect, expected: Expected) -> Raw:
    path = as_path(source) if isinstance(source, (str, PathLike)) else None
    if path is not None and path.is_dir():
        return read_parquet(path, given, expected)
    suffix, packed = find_suffix(label)
    if suffix not in _READERS or (packed and suffix not in CSV + _JSON):
        message = coded(
            "file_kind",
            "Expected a table in a file that ends in .csv, .tsv, .txt, .xlsx, .json, "
            ".jsonl or .parquet, the text formats also with .gz or .zip; found "
            f"{Path(label).name!r}. Convert the file, or rename it.",
            name=Path(label).name,
        )
        if label == _NAMELESS:
            message = for_python(
                "The file object has no name to tell its format by. Pass one, such as "
                "name='events.csv'."
            )
        raise TableError(message)
    data = _read_stream(source) if path is None else _read_bytes(path)
    data = unpack(data) if packed or data.startswith(GZIP) else data
    return _READERS[suffix](data, given, expected)


def find_suffix(label: str) -> tuple[str, bool]:
    """Return the suffix of a file without .gz or .zip, and whether it has that."""
    suffixes = [suffix.lower() for suffix in Path(label).suffixes]
    packed = suffixes[-1:] in ([".gz"], [".zip"])
    return "".join(suffixes[:-1][-1:] if packed else suffixes[-1:]), packed


def read_table(
    source: Source, *, name: str | None = None, known: Collection[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """Read a table of any kind as it is, with a sentence for each inference.

    Errors call it ``name``, whose suffix sets the format; a separator is recognized by
    the ``known`` columns. The cells of CSV are text, and rows are labelled by line.
    """
    label = find_label(source, name)
    with naming(label):
        raw = open_table(source, label, UNKNOWN, Expected(known))
    return raw.frame, without_parameters(raw.notes)


def without_parameters(notes: list[str]) -> list[str]:
    """Return the notes without the parameters of `read_events` that they name."""
    return [re.sub(r"(;|, and) fix it with .*", ".", note) for note in notes]


def _open_frame(source: Any) -> Raw:
    if isinstance(source, pd.DataFrame):
        return Raw("pandas", source, [])
    if is_arrow(source):
        return read_arrow(source)
    hint = " Collect it first." if hasattr(source, "collect") else ""
    message = (
        "Expected a path, a binary file, a pandas DataFrame, or a table of another "
        f"library such as polars or pyarrow; found {type(source).__name__}.{hint}"
    )
    raise TypeError(message)


def _read_stream(source: Any) -> bytes:
    data = source.read()
    if isinstance(data, str):
        message = "Open the file in binary mode, open(path, 'rb')."
        raise TypeError(message)
    return data


def _read_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise table_error(
            "no_file", f"There is no file {path}. Check the path.", path=path
        )
    return path.read_bytes()
