"""Read the tables of the Open University dataset from its files."""

import gzip
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from edml._urls import as_path
from edml.exceptions import TableError
from edml.schema import BoolArray, FloatArray, read_numbers

PRESENTATION = ["code_module", "code_presentation"]
ENROLMENT = [*PRESENTATION, "id_student"]
#: The columns to read from each table.
TABLES: Mapping[str, list[str]] = {
    "courses": [*PRESENTATION, "module_presentation_length"],
    "assessments": [
        *PRESENTATION,
        *("id_assessment", "assessment_type", "date", "weight"),
    ],
    "studentInfo": [*ENROLMENT, "final_result"],
    "studentRegistration": [*ENROLMENT, "date_unregistration"],
    "studentAssessment": [
        *("id_assessment", "id_student", "date_submitted", "is_banked", "score"),
    ],
}
#: What each student was when enrolling, and the tables that hold it.
STATIC: Mapping[str, list[str]] = {
    "studentInfo": [
        *("highest_education", "num_of_prev_attempts", "studied_credits"),
        *("gender", "region", "imd_band", "age_band", "disability"),
    ],
    "studentRegistration": ["date_registration"],
}
#: The log of what students did online.
ACTIVITY: Mapping[str, list[str]] = {
    "vle": ["id_site", "activity_type"],
    "studentVle": [*ENROLMENT, "id_site", "date", "sum_click"],
}
_PACKED: Mapping[str, Literal["gzip", "zip"]] = {".gz": "gzip", ".zip": "zip"}
_SUFFIXES = (".csv", ".csv.gz", ".csv.zip", ".zip")
_SOURCE = "The dataset is available at doi:10.1038/sdata.2017.171 (CC BY 4.0)."


def read_tables(
    data_home: str | PathLike[str], *, activity: bool, static: bool
) -> dict[str, pd.DataFrame]:
    """Read the tables that are needed; a missing or unreadable file is an error."""
    folder = as_path(data_home)
    if not folder.is_dir():
        message = f"There is no folder {str(folder)!r}. {_SOURCE} Unpack it there."
        raise FileNotFoundError(message)
    wanted = {**TABLES, **(ACTIVITY if activity else {})}
    for name, columns in STATIC.items() if static else ():
        wanted[name] = [*wanted[name], *columns]
    return {name: _read_table(folder, name, wanted[name]) for name in wanted}


def _read_table(folder: Path, name: str, columns: list[str]) -> pd.DataFrame:
    paths = [folder / f"{name}{suffix}" for suffix in _SUFFIXES]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        names = [path.name for path in paths]
        message = (
            f"The folder {str(folder)!r} has no table {name!r}; looked for {names}. "
            f"{_SOURCE} Unpack it there."
        )
        raise FileNotFoundError(message)
    try:
        # some editions write nulls as "?"; codes as categories save a third of the time
        codes = dict.fromkeys(PRESENTATION, "category")
        with path.open("rb") as file:
            packed = _PACKED.get(path.suffix)
            table = pd.read_csv(file, na_values="?", dtype=codes, compression=packed)
    except (ValueError, EOFError, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        message = (
            f"{path.name} is not a CSV table with a header: {type(error).__name__}. "
            f"{_SOURCE}"
        )
        raise TableError(message) from error
    absent = [column for column in columns if column not in table]
    if absent:
        message = (
            f"{path.name} lacks the columns {absent}; it has {list(table)}. Use the "
            f"file as it is published. {_SOURCE}"
        )
        raise TableError(message)
    for column in columns:
        if column.startswith(("id_", "code_")):
            reject(table[column].isna(), name, column, "have no value")
        if column.startswith("id_") and table[column].dtype.kind not in "iu":
            number = pd.to_numeric(table[column], errors="coerce")
            reject(~(number % 1 == 0), name, column, "are not whole numbers")
            table[column] = number.astype(np.int64)
    return table[columns]


def read_filled(table: pd.DataFrame, name: str, column: str) -> FloatArray:
    """Read numbers, none of which may be missing."""
    values = read_numbers(table[column])
    reject(np.isnan(values), name, column, "hold no number")
    return values


def reject(bad: BoolArray | pd.Series, name: str, column: str, problem: str) -> None:
    """Raise for rows of a table that cannot be read."""
    if bad.any():
        message = (
            f"{name}, column {column!r}: {int(bad.sum())} of {len(bad)} rows "
            f"{problem}. Use the file as it is published. {_SOURCE}"
        )
        raise TableError(message)
