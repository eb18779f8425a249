"""read_events: the one reader of event files, and the report of what it inferred."""

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Literal, overload

import pandas as pd

from edml.exceptions import TableError
from edml.schema import REQUIRED_COLUMNS, check_table, resolve_columns
from edml.sources._csv import Dialect, read_csv, unpack
from edml.sources._parquet import read_parquet

_CSV, _PARQUET = (".csv", ".tsv", ".txt"), (".parquet",)


@dataclass(frozen=True)
class ReadingReport:
    """How a file of events was read.

    Parameters
    ----------
    format : {"csv", "parquet"}
        The format of the file.
    sep, decimal, encoding : str or None
        Separator, decimal mark and encoding of a CSV file; None for Parquet.
    notes : tuple of str
        A sentence for each inference that differs from the defaults (commas, decimal
        points, UTF-8), with the parameter of `read_events` that sets it.

    Examples
    --------
    >>> from io import BytesIO
    >>> from edml.datasets import make_student_activity
    >>> from edml.sources import read_events
    >>> X = make_student_activity(20, random_state=0)
    >>> file = BytesIO(X.to_csv(index=False, sep=";", decimal=",").encode())
    >>> found, report = read_events(file, name="events.csv", return_report=True)
    >>> for note in report.notes:
    ...     print(note)
    Columns are separated by ';'; fix it with sep=';'.
    Numbers have a decimal comma; fix it with decimal=','.
    """

    __module__ = "edml.sources"

    format: Literal["csv", "parquet"]
    sep: str | None
    decimal: str | None
    encoding: str | None
    notes: tuple[str, ...]


@overload
def read_events(
    source: str | PathLike[str] | BinaryIO,
    *,
    columns: Mapping[str, str] | None = None,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    na_values: Collection[str] = (),
    name: str | None = None,
    return_report: Literal[False] = False,
) -> pd.DataFrame: ...
@overload
def read_events(
    source: str | PathLike[str] | BinaryIO,
    *,
    columns: Mapping[str, str] | None = None,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    na_values: Collection[str] = (),
    name: str | None = None,
    return_report: Literal[True],
) -> tuple[pd.DataFrame, ReadingReport]: ...
def read_events(
    source: str | PathLike[str] | BinaryIO,
    *,
    columns: Mapping[str, str] | None = None,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    na_values: Collection[str] = (),
    name: str | None = None,
    return_report: bool = False,
) -> pd.DataFrame | tuple[pd.DataFrame, ReadingReport]:
    """Read an event table from a CSV or Parquet file.

    The suffix determines the format: ``.csv``, ``.tsv`` or ``.txt`` (also with
    ``.gz``), or ``.parquet``. An ambiguous file raises an error; everything inferred is
    reported, and can be set by a parameter.

    Parameters
    ----------
    source : path-like or binary file
        The file, or its content as a file opened in binary mode.
    columns : mapping of str to str or None, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    sep : str or None, default=None
        Separator of a CSV file. None detects a comma, semicolon, tab or ``|`` from the
        header, or reads it from a first line ``sep=;``.
    decimal : {".", ","} or None, default=None
        Decimal mark of a CSV file. None takes the comma if it is not the separator and
        lets more number columns be read.
    encoding : str or None, default=None
        Encoding of a CSV file. None is UTF-16 if the file has its byte order mark, else
        UTF-8, and Windows-1252 if it is not UTF-8.
    na_values : collection of str, default=()
        Words in text columns that mean a missing value. By default only an empty field
        does, because a course may be called NA.
    name : str or None, default=None
        The name of the file, for its suffix and for messages; required if ``source`` is
        a file object without a name.
    return_report : bool, default=False
        Whether to return the report. Otherwise its notes are shown as a warning.

    Returns
    -------
    X : DataFrame of shape (n_rows, n_columns)
        All columns of the file, under its own names. Numbers are parsed exactly; ids
        and names are kept as text, with leading zeros.
    report : ReadingReport
        The inferences. Only if ``return_report`` is true.

    Raises
    ------
    ValueError
        If ``sep`` or ``decimal`` is not valid, or ``columns`` names an unknown column.
    TableError
        If the file does not exist, its suffix is unknown, or it cannot be read. The
        message names the line as numbered in a spreadsheet, and never a value.
    MissingExtraError
        If a Parquet file is to be read without pyarrow.
    OSError
        If the system cannot read the file.

    Examples
    --------
    >>> from io import BytesIO
    >>> from edml.datasets import make_student_activity
    >>> from edml.sources import read_events
    >>> X = make_student_activity(20, random_state=0)
    >>> file = BytesIO(X.to_csv(index=False).encode())
    >>> read_events(file, name="events.csv").shape == X.shape
    True
    """
    label = name or str(getattr(source, "name", source))
    suffixes = [suffix.lower() for suffix in Path(label).suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = "".join(suffixes[:-1][-1:] if packed else suffixes[-1:])
    if suffix not in _CSV and (packed or suffix not in _PARQUET):
        message = (
            "Expected events in a file that ends in .csv, .csv.gz or .parquet; found "
            f"{Path(label).name!r}. Convert the file, or rename it."
        )
        raise TableError(message)
    if len(sep or ",") != 1 or decimal not in (None, ".", ","):
        message = "sep expects one character, and decimal '.' or ','."
        raise ValueError(message)
    names = resolve_columns(columns)
    data = _read_bytes(source)
    try:
        if suffix in _PARQUET:
            X, notes = read_parquet(data, set(names.values()))
            report = ReadingReport("parquet", None, None, None, tuple(notes))
        else:
            given = Dialect(sep, decimal, encoding)
            data = unpack(data) if packed else data
            X, used, notes = read_csv(data, names, given, tuple(na_values))
            report = ReadingReport("csv", *used, tuple(notes))
        check_table(X, [names[required] for required in REQUIRED_COLUMNS])
    except TableError as error:
        raise TableError(f"{label}: {error}", column=error.column) from None
    if return_report:
        return X, report
    if notes:
        warnings.warn(f"{label}: {' '.join(notes)}", stacklevel=2)
    return X


def _read_bytes(source: str | PathLike[str] | BinaryIO) -> bytes:
    if not isinstance(source, (str, PathLike)):
        return source.read()
    path = Path(source)
    if not path.is_file():
        message = f"There is no file {path}. Give the path of a file of events."
        raise TableError(message)
    return path.read_bytes()
