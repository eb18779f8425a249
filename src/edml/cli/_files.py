"""Event tables from files, and files that are there whole or not at all."""

import json
import re
import secrets
import unicodedata
from collections.abc import Mapping
from hashlib import file_digest, sha256
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from edml import sources
from edml._optional import import_optional
from edml.cli._terminal import note
from edml.exceptions import TableError

CSV, PARQUET = ".csv", ".parquet"

_WEIGHTY = 40  # bytes of a name that are kept where it is made safe
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def read_events(
    path: Path, names: Mapping[str, str], content: BinaryIO | None = None
) -> pd.DataFrame:
    """Read a file of events, and show on stderr what had to be inferred.

    ``content`` is what to read as a file of that name, instead of the file itself.
    """
    X, report = sources.read_events(
        path if content is None else content,
        columns=names,
        name=str(path),
        return_report=True,
    )
    for text in report.notes:
        note(f"{path}: {text}")
    return X


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV or Parquet, as the suffix says.

    Parameters
    ----------
    path : Path
        The file, replaced where it exists; its folder is made.
    table : DataFrame
        Its index is left out.

    Raises
    ------
    TableError
        If the suffix is another.
    MissingExtraError
        If Parquet is to be written without pyarrow.
    OSError
        If the file cannot be written.
    """
    if check_kind(path) == CSV:
        write_whole(path, table.to_csv(index=False).encode("utf-8", "surrogatepass"))
        return
    _need_pyarrow()
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    write_whole(path, buffer.getvalue())


def check_kind(path: Path) -> str:
    """Give the kind of a table's file.

    Parameters
    ----------
    path : Path
        The file, which need not exist.

    Returns
    -------
    kind : {".csv", ".parquet"}

    Raises
    ------
    TableError
        If the suffix is another.
    """
    suffix = path.suffix.lower()
    if suffix not in (CSV, PARQUET):
        message = (
            f"Expected a table in a file that ends in {CSV} or {PARQUET}; found "
            f"{path.name!r}. Rename it, or convert it to one of them."
        )
        raise TableError(message)
    return suffix


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all.

    Parameters
    ----------
    path : Path
        The file, replaced where it exists; its folder is made.
    data : bytes
        What it shall hold.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the file, for a rename is atomic on one file system only.
    draft = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write what JSON can hold, whole or not at all.

    Parameters
    ----------
    path : Path
        The file, replaced where it exists.
    value : object
        Floats are written to the last bit; NaN is refused.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, f"{text}\n".encode("utf-8", "backslashreplace"))


def hash_file(path: Path) -> str:
    """Give the SHA-256 of a file's content.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    digest : str
        64 hexadecimal digits.
    """
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def safe_name(name: str) -> str:
    """Give a name that every system takes for one file or folder.

    Parameters
    ----------
    name : str
        Of a course, say; it may hold anything.

    Returns
    -------
    safe : str
        Letters, digits, blanks and ``-_.()`` as they are. Where another character
        had to go, an end of a hash tells it from others of the same look.
    """
    plain = unicodedata.normalize("NFC", name)
    kept = "".join(c if c.isalnum() or c in " -_.()" else "_" for c in plain)
    kept = kept.strip(" .").encode()[:_WEIGHTY].decode(errors="ignore").rstrip(" .")
    if kept and kept == plain and not _RESERVED.fullmatch(kept):
        return kept
    mark = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{kept or 'course'}-{mark}"


def _need_pyarrow() -> Any:
    return import_optional("pyarrow.lib", extra="parquet", purpose="Parquet")
