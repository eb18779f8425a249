"""read_events: the one reader of event tables, and the report of what it inferred."""

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edml._messages import coded, join
from edml.exceptions import TableError
from edml.schema import check_work, describe_absent, resolve_columns
from edml.sources._dates import UNITS, check_form
from edml.sources._event_columns import (
    Column,
    ColumnReader,
    expect,
    note_dates,
    note_ids,
    note_texts,
    note_work,
)
from edml.sources._open import find_label, open_table
from edml.sources._raw import Dialect, Format, Raw, Source, naming


@dataclass(frozen=True)
class ReadingReport:
    """How a table of events was read.

    Parameters
    ----------
    format : {"csv", "excel", "json", "parquet", "arrow", "pandas"}
        The format of the file, or the kind of table.
    sep, decimal, encoding : str or None
        Separator, decimal mark and encoding of a CSV file, and the encoding of JSON;
        None for other formats.
    notes : tuple of str
        A sentence for each inference that differs from the defaults (commas, decimal
        points, UTF-8, epoch seconds), with the parameter of `read_events` that sets it.
    dates : mapping of str to str or None, default=None
        How the dates of each column were written: in ``"s"``, ``"ms"``, ``"us"`` or
        ``"ns"`` since 1970, in ``"ISO 8601"``, or as ``"datetime"``. A column without
        dates is left out.
    timezone : str or None, default=None
        The time zone of dates that have none; None if all have one.
    sheet : str or None, default=None
        The sheet of an Excel workbook.
    unreadable : mapping of str to str or None, default=None
        What is wrong with each column that cannot be read, with
        ``unreadable="report"``.

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

    format: Format
    sep: str | None
    decimal: str | None
    encoding: str | None
    notes: tuple[str, ...]
    dates: Mapping[str, str] | None = None
    timezone: str | None = None
    sheet: str | None = None
    unreadable: Mapping[str, str] | None = None


def read_events(
    source: Source,
    *,
    columns: Mapping[str, str] | None = None,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    date_unit: str | None = None,
    date_format: str | None = None,
    timezone: str | None = None,
    sheet: str | None = None,
    na_values: Collection[str] = (),
    name: str | None = None,
    unreadable: Literal["raise", "report"] = "raise",
    return_report: bool = False,
) -> Any:
    """Read an event table from a file or another library's table.

    Whatever the source, the same events come back the same: ids and names as text,
    dates as epoch seconds, grades and scores as floats. An ambiguous table raises an
    error; everything inferred is reported, and can be set by a parameter.

    Parameters
    ----------
    source : path-like, binary file, DataFrame or Arrow table
        A file whose suffix determines its format: ``.csv``, ``.tsv`` or ``.txt``;
        ``.xlsx``; ``.json``, ``.jsonl`` or ``.ndjson``; ``.parquet``. CSV and JSON may
        be compressed (``.gz``, or ``.zip`` of one file). Or a folder of Parquet parts,
        a file opened in binary mode, a pandas DataFrame, or a table of a library that
        follows the Arrow PyCapsule interface, such as polars, pyarrow and DuckDB.
    columns : mapping of str to str or None, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    sep : str or None, default=None
        Separator of a CSV file. None detects a comma, semicolon, tab or ``|`` from the
        header, or reads it from a first line ``sep=;``.
    decimal : {".", ","} or None, default=None
        Decimal mark of a CSV file. None takes the comma if it is not the separator,
        numbers have one, and none has a point.
    encoding : str or None, default=None
        Encoding of a CSV or JSON file. None is UTF-16 if the file has its byte order
        mark, else UTF-8, and Windows-1252 (which includes Latin-1) if it is not UTF-8.
    date_unit : {"s", "ms", "us", "ns"} or None, default=None
        Unit of dates that are numbers, counted from 1970. None takes the one that puts
        all dates of a column between 1990 and 2100.
    date_format : str or None, default=None
        How dates are written in columns of text that are not ISO 8601, in the codes of
        `datetime.datetime.strptime`, such as ``"%d/%m/%Y %H:%M"``. It is never guessed,
        because 4/3/2024 is two dates.
    timezone : str or None, default=None
        IANA name of the time zone of dates that have none, such as
        ``"America/Bogota"``; None is UTC. Where clocks go back, an hour that comes
        twice is taken as the later one.
    sheet : str or None, default=None
        Name of the sheet of an Excel workbook. None takes the one whose first row holds
        the most of the column names.
    na_values : collection of str, default=()
        Words in text columns that mean a missing value. By default only an empty field
        does, because a course may be called NA.
    name : str or None, default=None
        The name of the file, for its suffix and for messages; required if ``source`` is
        a file object without a name.
    unreadable : {"raise", "report"}, default="raise"
        Whether a column that cannot be read is an error, or is left as it was found,
        with a note in the report.
    return_report : bool, default=False
        Whether to return the report. Otherwise its notes are shown as a warning.

    Returns
    -------
    X : DataFrame of shape (n_rows, n_columns)
        All columns of the table, under its own names. Ids and names are text, with
        leading zeros, and whole numbers without ``.0``; dates are epoch seconds;
        ``assignment_id`` is a number if all are. Columns that are not of an event table
        are left as they are (text, from CSV).
    report : ReadingReport
        The inferences. Only if ``return_report`` is true.

    Raises
    ------
    ValueError
        If a parameter is not valid, or ``columns`` names an unknown column.
    TypeError
        If ``source`` is of another type.
    TableError
        If the file does not exist, its suffix is unknown, or it cannot be read: ragged
        rows, repeated names, cells that are not numbers or dates, dates outside 1990 to
        2100 or of several units in one column. The message names the lines as a
        spreadsheet numbers them, and never a value.
    MissingExtraError
        If an optional library for the format is not installed.
    OSError
        If the system cannot read the file.

    See Also
    --------
    edml.sources.make_event_table : Makes an event table from tidy tables.

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
    given = Dialect(sep, decimal, encoding, sheet)
    reader = ColumnReader(date_unit, date_format, timezone, ".", tuple(na_values))
    check_parameters(given, reader)
    if unreadable not in ("raise", "report"):
        message = f"unreadable is 'raise' or 'report', found {unreadable!r}."
        raise ValueError(message)
    names = resolve_columns(columns)
    label = find_label(source, name)
    with naming(label):
        raw = open_table(source, label, given, expect(names))
        said = describe_absent(check_work(raw.frame, names))
        raw.notes += [said] if said else []
        reader = reader._replace(decimal=raw.dialect.decimal or ".")
        X, roles, read, errors = reader.read_table(raw.frame, names)
        report = make_report(raw, roles, read, reader)
        if errors and unreadable == "raise":
            raise join_errors(errors)
    if errors:
        wrong = {str(error.column): error.args[0] for error in errors}
        report = replace(report, unreadable=wrong)
    if raw.format != "pandas":
        X = X.reset_index(drop=True)
    if return_report:
        return X, report
    if report.notes:
        notes = [text for note in report.notes for text in (note, " ")]
        message = join(*([f"{label}: "] if label else []), *notes[:-1])
        warnings.warn(message, stacklevel=2)
    return X


def check_parameters(given: Dialect, reader: ColumnReader) -> None:
    """Raise a `ValueError` for what cannot be read in any table."""
    sep, timezone = given.sep, reader.timezone
    one = sep is None or (len(sep) == 1 and sep not in '"\r\n')
    if not one or given.decimal not in (None, ".", ","):
        message = "sep expects one character, and decimal '.' or ','."
        raise ValueError(message)
    if reader.date_unit not in (None, *UNITS):
        message = f"date_unit expects one of {list(UNITS)}, or None; found another."
        raise ValueError(message)
    try:
        ZoneInfo(timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = (
            "timezone expects an IANA name, such as 'America/Bogota'; found "
            f"{timezone!r}."
        )
        raise ValueError(message) from None
    if reader.date_format is not None:
        check_form(reader.date_format)


def make_report(
    raw: Raw, roles: Mapping[str, str], read: Mapping[str, Column], reader: ColumnReader
) -> ReadingReport:
    """Note what was inferred about the columns, after the notes of the table."""
    notes = raw.notes
    dates = {name: one.dates for name, one in read.items() if one.dates is not None}
    note_ids(read, notes)
    note_dates(dates, reader, notes)
    note_texts(read, notes)
    note_work({roles[actual]: column for actual, column in read.items()}, notes)
    naive = any(found.naive for found in dates.values())
    sep, decimal, encoding, sheet = raw.dialect
    return ReadingReport(
        raw.format,
        sep,
        decimal,
        encoding,
        tuple(notes),
        {name: found.form for name, found in dates.items() if found.form},
        (reader.timezone or "UTC") if naive else None,
        sheet,
    )


def join_errors(errors: list[TableError]) -> TableError:
    """Return the first error, which names the other columns that cannot be read."""
    first, *others = errors
    if not others:
        return first
    columns = [error.column for error in others]
    also = coded(
        "also_unreadable",
        f" The columns {columns} cannot be read either.",
        columns=columns,
    )
    message = join(first.args[0], also)
    return TableError(message, column=first.column, rows=first.rows)
