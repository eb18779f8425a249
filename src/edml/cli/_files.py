"""Read event tables from files, and write files atomically."""

import json
import re
import unicodedata
from collections.abc import Mapping
from hashlib import file_digest, sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from edml import sources
from edml._files import replace_file
from edml._optional import import_optional
from edml.cli._settings import Source
from edml.cli._terminal import note
from edml.exceptions import TableError

_LONGEST_NAME = 40  # bytes of a name to keep when it is made safe
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def read_events(
    path: Path, names: Mapping[str, str], *, source: Source | None = None
) -> pd.DataFrame:
    """Read a file of events, and show the reader's inferences on stderr."""
    return _read_events(path, names, source, "raise")[0]


def read_for_check(
    path: Path, names: Mapping[str, str], *, source: Source
) -> tuple[pd.DataFrame, Mapping[str, str]]:
    """Read a file of events, and what is wrong with the columns that cannot be read."""
    X, report = _read_events(path, names, source, "report")
    return X, report.unreadable or {}


def _read_events(
    path: Path,
    names: Mapping[str, str],
    source: Source | None,
    unreadable: Literal["raise", "report"],
) -> tuple[pd.DataFrame, sources.ReadingReport]:
    X, report = sources.read_events(
        path,
        columns=names,
        unreadable=unreadable,
        return_report=True,
        **({} if source is None else source.model_dump()),
    )
    for text in report.notes:
        note(f"{path}: {text}")
    return X, report


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index, as CSV or Parquet by the suffix."""
    if check_suffix(path) == ".csv":
        write_whole(path, table.to_csv(index=False).encode("utf-8", "surrogatepass"))
        return
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    write_whole(path, buffer.getvalue())


def check_suffix(path: Path) -> str:
    """Return the suffix of an output table; raise if it cannot be written."""
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        message = (
            "Expected a table in a file that ends in .csv or .parquet; found "
            f"{path.name!r}. Choose one of the two."
        )
        raise TableError(message)
    if suffix == ".parquet":
        import_optional("pyarrow", extra="parquet", purpose="Parquet")
    return suffix


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically; create its folder if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, with lossless floats and without NaN."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, f"{text}\n".encode("utf-8", "backslashreplace"))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, or of the files of a folder, in hexadecimal."""
    if path.is_dir():
        parts = sorted(part for part in path.rglob("*") if part.is_file())
        lines = [f"{part.relative_to(path)} {hash_file(part)}\n" for part in parts]
        return sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def safe_name(name: str) -> str:
    """Return a file name that every system accepts, for any name of a course.

    Letters, digits, spaces and ``-_.()`` are kept. If another character is replaced, a
    hash at the end makes the name unique.
    """
    plain = unicodedata.normalize("NFC", name)
    kept = "".join(c if c.isalnum() or c in " -_.()" else "_" for c in plain)
    kept = kept.strip(" .").encode()[:_LONGEST_NAME].decode(errors="ignore")
    kept = kept.rstrip(" .")
    if kept and kept == plain and not _RESERVED.fullmatch(kept):
        return kept
    mark = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{kept or 'course'}-{mark}"
