"""Read event tables from files, and write files atomically."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import file_digest, sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from edml import sources
from edml._files import replace_file, write_new
from edml._messages import coded
from edml._optional import import_optional
from edml._urls import check_stores
from edml.cli._selection import id_texts
from edml.cli._settings import Config, Source
from edml.cli._stores import MANIFEST, is_store, read_sample
from edml.cli._terminal import note, say, words
from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    FINAL_GRADE,
    PARTITION,
    STUDENT,
    check_table,
    columns_of,
    fail_label_of,
    has_context,
    read_numbers,
    resolve_columns,
    spell_key,
)

#: What makes rows of two files one event.
_EVENT = (
    *(STUDENT, COURSE, PARTITION, "nombre_examen"),
    *("assignment_id", "ass_name", "ass_name_sub", "sub_uuid"),
)
_LONGEST_NAME = 80  # bytes of a name to keep when it is made safe
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def read_file(
    path: Path,
    names: Mapping[str, str],
    *,
    source: Source | None = None,
    max_rows: int | None = None,
) -> pd.DataFrame:
    """Read a file of events, and show the reader's inferences on stderr.

    Of a store, read whole students of about ``max_rows`` rows.
    """
    if max_rows is not None and is_store(path):
        return read_sample(path, names, max_rows)
    return _read(path, names, source, "raise")[0]


def add_context(
    X: pd.DataFrame, columns: Mapping[str, str], partition_days: float
) -> pd.DataFrame:
    """Add the context of whole courses, unless the file had it."""
    if has_context(X.columns):
        return X
    from edml.feature_extraction import add_course_context  # noqa: PLC0415 - slow

    note(
        "Students are compared with all of their course in the file, which must hold "
        "whole courses."
    )
    return add_course_context(X, columns=columns, partition_days=partition_days)


def read_files(
    paths: Sequence[Path], names: Mapping[str, str], *, source: Source | None = None
) -> pd.DataFrame:
    """Read files of events as one table.

    Rows of a later file replace those of the earlier ones about the same event, so that
    weekly exports may overlap.
    """
    tables = [read_file(path, names, source=source) for path in paths]
    if len(tables) == 1:
        return tables[0]
    for name in (names[STUDENT], names[COURSE]):
        ids = [table[name] for table in tables if name in table.columns]
        if len({column.dtype for column in ids}) > 1:  # 1004 here and "1004" there
            for table, column in zip(tables, ids, strict=True):
                table[name] = id_texts(column)
    X = pd.concat(tables, keys=range(len(tables)), names=["file", None])
    event = [names[name] for name in _EVENT if names[name] in X.columns]
    file = X.index.get_level_values("file").to_series(X.index)
    same_event = file.groupby([X[name] for name in event], dropna=False)
    replaced = file < same_event.transform("max")
    if replaced.any():
        text = words.ngettext(
            "Read {n} row of earlier files as later ones have it, about the same "
            "event.",
            "Read {n} rows of earlier files as later ones have them, about the same "
            "events.",
            int(replaced.sum()),
        )
        note(text)
    return X[~replaced].reset_index(drop=True)


def read_for_check(
    path: Path, config: Config
) -> tuple[pd.DataFrame, Mapping[str, str]]:
    """Read a file of events, and what is wrong with the columns that cannot be read."""
    names = resolve_columns(config.columns)
    if is_store(path):  # its columns were read when it was made
        return read_sample(path, names, config.data.max_rows), {}
    X, report = _read(path, names, config.source, "report")
    return X, report.unreadable or {}


def _read(
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
        note(f"{path}: {say(text)}")
    return X, report


def read_outcomes(
    X: pd.DataFrame, path: Path | None, model: Any, passing_grade: float
) -> np.ndarray | None:
    """Return the label of each row, from a file of grades or from the events' own.

    None stands for an unknown grade, and for a table where none is known.
    """
    names = columns_of(model)
    keys, grade = [names[STUDENT], names[COURSE]], names[FINAL_GRADE]
    if path is not None:
        table, notes = sources.read_table(path, known=[*keys, grade])
        for text in notes:
            note(f"{path}: {say(text)}")
        check_table(table, [*keys, grade])
        known = pd.Series(read_numbers(table[grade]), _spell_keys(table, keys))
        known = known[~known.index.duplicated(keep="last")]
        grades = known.reindex(_spell_keys(X, keys)).to_numpy()
    elif grade in X.columns:
        grades = read_numbers(X[grade])
    else:
        return None
    unknown = np.isnan(grades)
    if unknown.all():
        return None
    fails = fail_label_of(model)
    passes = next(one for one in model.classes_.tolist() if one != fails)
    labels = np.where(grades < passing_grade, fails, passes).astype(object)
    labels[unknown] = None
    return labels


def _spell_keys(table: pd.DataFrame, keys: list[str]) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([table[key].map(spell_key) for key in keys])


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
    check_stores(path)
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        message = coded(
            "written_as",
            "Expected a table in a file that ends in .csv or .parquet; found "
            f"{path.name!r}. Choose one of the two.",
        )
        raise TableError(message)
    if suffix == ".parquet":
        import_optional("pyarrow", extra="parquet", purpose="Parquet")
    return suffix


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically; create its folder if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)


def write_beside(folder: Path, moment: datetime, suffix: str, data: bytes) -> Path:
    """Write a new file that is named after a time; never replace one."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = moment.astimezone(UTC)
    while True:
        millisecond = moment.microsecond // 1000
        path = folder / f"{moment:%Y-%m-%dT%H-%M-%S}-{millisecond:03d}Z{suffix}"
        try:
            write_new(path, data)
        except FileExistsError:  # by another command at this very time
            moment += timedelta(milliseconds=1)
        else:
            return path


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    write_whole(path, to_json(value))


def to_json(value: Any) -> bytes:
    """Format as JSON, with lossless floats and without NaN."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, or of the files of a folder, in hexadecimal."""
    if is_store(path):
        path = path / MANIFEST  # it holds the hash of each bucket
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
