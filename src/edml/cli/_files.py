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

from edml._optional import import_optional
from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    NAME_COLUMNS,
    PERIOD,
    REQUIRED_COLUMNS,
    STUDENT,
    check_table,
)

CSV, PARQUET = ".csv", ".parquet"

# What a text spells is kept: the student 007 is not 7. Not `assignment_id`, which
# is compared by size.
_TEXTS = (STUDENT, COURSE, PERIOD, "course_name", "legajo", *NAME_COLUMNS, "sub_uuid")
# From pandas 3.1 on every number is read to the last bit, and asking is deprecated.
_BEFORE_3_1 = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
_EXACT: dict[str, Any] = {"float_precision": "round_trip"} if _BEFORE_3_1 else {}
_WEIGHTY = 40  # bytes of a name that are kept where it is made safe
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def read_events(
    path: Path, names: Mapping[str, str], content: BinaryIO | None = None
) -> pd.DataFrame:
    """Read an event table; the suffix tells of which kind the file is.

    Parameters
    ----------
    path : Path
        ``.csv`` (UTF-8, with commas and a header) or ``.parquet``.
    names : mapping of str to str
        The actual column names, as from `edml.schema.resolve_columns`.
    content : binary file or None, default=None
        What to read as a file of that name; None reads the file itself.

    Returns
    -------
    X : DataFrame
        All columns; numbers of a CSV file are read to the last bit.

    Raises
    ------
    TableError
        If there is no such file, it is of neither kind, cannot be read as what it
        is, or lacks a column.
    MissingExtraError
        If a Parquet file is to be read without pyarrow.
    OSError
        If it cannot be read.
    """
    kind = check_kind(path)
    if content is None and not path.is_file():
        raise TableError(f"There is no file {path}. Name the file of the events.")
    reader = _read_csv if kind == CSV else _read_parquet
    table = reader(path, names, content)
    if len(table.columns) == 1 and ";" in str(table.columns[0]):
        message = f"{path} has its columns parted by ';'. Save it with commas."
        raise TableError(message)
    try:
        check_table(table, [names[name] for name in REQUIRED_COLUMNS])
    except TableError as error:
        raise TableError(f"{path}: {error}") from None
    return table


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


def _read_csv(
    path: Path, names: Mapping[str, str], content: BinaryIO | None
) -> pd.DataFrame:
    texts = {names[name]: "str" for name in _TEXTS}
    try:
        return pd.read_csv(
            path if content is None else content,
            dtype=texts,
            low_memory=False,
            **_EXACT,
        )
    except UnicodeDecodeError:
        reason = "it is not UTF-8. Save it as UTF-8"
    except pd.errors.EmptyDataError:
        reason = "it is empty. Write a header and rows"
    except pd.errors.ParserError as error:
        line = re.search(r"line (\d+)", str(error))  # not the error, which may quote
        place = f"line {line[1]}" if line else "a line"
        reason = f"{place} has other fields than the header. Mend it"
    raise TableError(f"{path} cannot be read as CSV: {reason}.")


def _read_parquet(
    path: Path, _: Mapping[str, str], content: BinaryIO | None
) -> pd.DataFrame:
    arrow = _need_pyarrow()
    # first: what the system refuses is no fault of the file
    data = path.read_bytes() if content is None else content.read()
    try:
        return pd.read_parquet(BytesIO(data))
    except arrow.ArrowException:
        message = f"{path} cannot be read as Parquet. Write it anew, or give a CSV."
        raise TableError(message) from None


def _need_pyarrow() -> Any:
    return import_optional("pyarrow.lib", extra="parquet", purpose="Parquet")
