"""read_events: the one reader of event tables, and the report of what it inferred."""

import warnings
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from edml._words import count
from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    EPOCH_COLUMNS,
    NUMBER_COLUMNS,
    PARTITION,
    PERIOD,
    REQUIRED_COLUMNS,
    SNAPSHOT_KEYS,
    STUDENT,
    check_work,
    describe_absent,
    read_partitions,
    read_periods,
    resolve_columns,
)
from edml.sources._cells import (
    NULL_WORDS,
    Texts,
    read_keys,
    read_numbered,
    read_numbers,
    read_texts,
)
from edml.sources._dates import UNITS, Dates, check_form, read_dates
from edml.sources._open import find_label, open_table
from edml.sources._raw import Dialect, Expected, Format, Raw, Source, naming

_IDS = (STUDENT, COURSE, "legajo", "sub_uuid")
_NUMBERS = (PARTITION, *NUMBER_COLUMNS)
_NUMBERED = "assignment_id"  # an id that is ordered by size where it is a number
_UNIT_NAMES = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


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


@overload
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
    return_report: Literal[False] = False,
) -> pd.DataFrame: ...
@overload
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
    return_report: Literal[True],
) -> tuple[pd.DataFrame, ReadingReport]: ...
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
) -> pd.DataFrame | tuple[pd.DataFrame, ReadingReport]:
    """Read an event table from a file or another library's table.

    Whatever the source, the same events come back the same: ids and names as text,
    dates as epoch seconds, grades and scores as floats. An ambiguous table raises an
    error; everything inferred is reported, and can be set by a parameter.

    Parameters
    ----------
    source : path-like, binary file, DataFrame or Arrow table
        A file whose suffix determines its format: ``.csv``, ``.tsv`` or ``.txt``;
        ``.xlsx``; ``.json``, ``.jsonl`` or ``.ndjson``; ``.parquet``. CSV and JSON may
        be compressed (``.gz``). Or a folder of Parquet parts, a file opened in binary
        mode, a pandas DataFrame, or a table of a library that follows the Arrow
        PyCapsule interface, such as polars, pyarrow and DuckDB.
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
        rows, doubled names, numbers and dates that are none, dates outside 1990 to 2100
        or of several units in one column. The message names the lines as a spreadsheet
        numbers them, and never a value.
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
    _check_parameters(sep, decimal, date_unit, timezone)
    if date_format is not None:
        check_form(date_format)
    if unreadable not in ("raise", "report"):
        message = f"unreadable is 'raise' or 'report', found {unreadable!r}."
        raise ValueError(message)
    names = resolve_columns(columns)
    label = find_label(source, name)
    with naming(label):
        given = Dialect(sep, decimal, encoding)
        expected = Expected(
            set(names.values()),
            [names[one] for one in SNAPSHOT_KEYS],
            [names[one] for one in (*_NUMBERS, *EPOCH_COLUMNS) if one in names],
        )
        raw = open_table(source, label, given, sheet, expected)
        said = describe_absent(check_work(raw.frame, names))
        raw.notes += [said] if said else []
        reader = _Reader(
            date_unit,
            date_format,
            timezone or "UTC",
            raw.dialect.decimal or ".",
            tuple(na_values),
        )
        X, report, errors = _read(raw, names, reader, timezone)
        if errors and unreadable == "raise":
            raise _join(errors)
    if return_report:
        return X, report
    if report.notes:
        notes = " ".join(report.notes)
        warnings.warn(f"{label}: {notes}" if label else notes, stacklevel=2)
    return X


def _check_parameters(
    sep: str | None, decimal: str | None, date_unit: str | None, timezone: str | None
) -> None:
    one = sep is None or (len(sep) == 1 and sep not in '"\r\n')
    if not one or decimal not in (None, ".", ","):
        message = "sep expects one character, and decimal '.' or ','."
        raise ValueError(message)
    if date_unit not in (None, *UNITS):
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


# -- the columns -----------------------------------------------------------------------


class _Column(NamedTuple):
    """A column that was read, and what the report says about it."""

    cells: pd.Series
    dates: Dates | None = None
    whole: bool = False  # ids had a ``.0``
    distinct: pd.Series | None = None  # the texts in it
    n_alike: int = 0  # ids that differ in spelling only


class _Reader(NamedTuple):
    """How the columns of a table are read."""

    date_unit: str | None
    date_format: str | None
    timezone: str
    decimal: str
    na_values: tuple[str, ...]

    def try_to_read(self, column: pd.Series, role: str) -> "_Column | TableError":
        """Read a column, or return what is wrong with it."""
        try:
            return self.read(column, role)
        except TableError as error:
            return error

    def read(self, column: pd.Series, role: str) -> _Column:
        """Read a column by its role, and check it while its rows have their lines."""
        if role in EPOCH_COLUMNS:
            dates = self._read_dates(column)
            return _Column(dates.seconds, dates)
        if role in _NUMBERS:
            numbers = read_numbers(column, self.decimal)
            return _Column(_whole(numbers) if role == PARTITION else numbers)
        if role == _NUMBERED:
            texts = read_numbered(column, self.decimal)
            return _Column(texts.column, whole=texts.whole)
        texts = read_texts(column, ids=role in _IDS, decimal=self.decimal)
        texts = texts.without(self.na_values)
        cells, n_alike = texts.column, 0
        if role in (STUDENT, COURSE):
            cells, n_alike = read_keys(texts)
        elif role == PERIOD:
            _check_periods(texts)
        return _Column(cells, None, texts.whole, texts.distinct, n_alike)

    def _read_dates(self, column: pd.Series) -> Dates:
        try:
            return read_dates(
                column, self.date_unit, self.timezone, self.decimal, self.date_format
            )
        except TableError as error:
            if not isinstance(column.dtype, pd.StringDtype):
                raise
            hint = (
                "Or pass how they are written, such as date_format='%d/%m/%Y %H:%M'."
                if self.date_format is None
                else f"Not all are written as date_format={self.date_format!r} says."
            )
            message = f"{error} {hint}"
            raise TableError(message, column=error.column, rows=error.rows) from None


def _whole(numbers: pd.Series) -> pd.Series:
    """Check partitions, and return them as whole numbers if none is null."""
    partitions = read_partitions(numbers)
    if numbers.isna().any():
        return numbers
    return pd.Series(partitions, numbers.index, copy=False)


def _check_periods(texts: Texts) -> None:
    try:
        read_periods(texts.distinct)
    except TableError:
        read_periods(texts.column)  # which names the rows


def _read(
    raw: Raw,
    names: Mapping[str, str],
    reader: _Reader,
    timezone: str | None,
) -> tuple[pd.DataFrame, ReadingReport, list[TableError]]:
    """Read every column by its role; return how, and the errors of those that fail."""
    frame, notes = raw.frame, raw.notes
    # where a column has two roles, the required one decides how it is read
    order = sorted(names, key=lambda name: name in REQUIRED_COLUMNS)
    present = {names[name]: name for name in order if names[name] in frame.columns}
    roles = {actual: present[actual] for actual in frame.columns if actual in present}
    sep, decimal, encoding = raw.dialect
    with ThreadPoolExecutor() as pool:  # Arrow and numpy release the GIL
        columns = pool.map(
            reader.try_to_read, (frame[name] for name in roles), roles.values()
        )
        found = dict(zip(roles, columns, strict=True))
    read = {name: one for name, one in found.items() if isinstance(one, _Column)}
    errors = [one for one in found.values() if isinstance(one, TableError)]
    dates = {name: one.dates for name, one in read.items() if one.dates is not None}
    _note_ids(read, notes)
    _note_dates(dates, reader.date_unit, timezone, notes)
    _note_texts(read, notes)
    _note_work({roles[actual]: column for actual, column in read.items()}, notes)
    table = {
        name: read[name].cells if name in read else frame[name]
        for name in frame.columns
    }
    X = pd.DataFrame(table, frame.index, copy=False)
    if raw.format != "pandas":
        X = X.reset_index(drop=True)
    report = ReadingReport(
        raw.format,
        sep,
        decimal,
        encoding,
        tuple(notes),
        {name: found.form for name, found in dates.items() if found.form},
        (timezone or "UTC") if any(found.naive for found in dates.values()) else None,
        raw.sheet,
        {str(error.column): str(error) for error in errors} or None,
    )
    return X, report, errors


def _join(errors: list[TableError]) -> TableError:
    """Return the first error, which names the other columns that cannot be read."""
    first, *others = errors
    if not others:
        return first
    columns = [error.column for error in others]
    message = f"{first} The columns {columns} cannot be read either."
    return TableError(message, column=first.column, rows=first.rows)


def _note_dates(
    dates: Mapping[str, Dates],
    date_unit: str | None,
    timezone: str | None,
    notes: list[str],
) -> None:
    for unit, word in _UNIT_NAMES.items():
        found = [name for name, one in dates.items() if one.form == unit]
        if found and date_unit is None:
            notes.append(
                f"Dates in {found} are {word} since 1970; fix it with "
                f"date_unit={unit!r}."
            )
    naive = [name for name, one in dates.items() if one.naive]
    if naive and timezone is None:
        notes.append(
            f"Dates in {naive} have no time zone and were read as UTC; fix it with "
            "timezone='UTC' or another."
        )


def _note_ids(read: Mapping[str, _Column], notes: list[str]) -> None:
    notes += [
        f"Column {name!r} holds {count(column.n_alike, 'id')} that differ from another "
        "one only in white space, case or leading zeros, and count as different. Write "
        "each id in one way."
        for name, column in read.items()
        if column.n_alike
    ]


def _note_texts(read: Mapping[str, _Column], notes: list[str]) -> None:
    whole = [name for name, column in read.items() if column.whole]
    if whole:
        notes.append(
            f"Columns {whole} hold whole numbers with decimals, which were left out: "
            "1004.0 is the id 1004. Write ids as text."
        )
    found = {
        name: column.distinct[column.distinct.isin(NULL_WORDS)]
        for name, column in read.items()
        if column.distinct is not None
    }
    columns = [name for name, words in found.items() if len(words)]
    if columns:
        words = sorted(set(pd.concat([found[name] for name in columns])))
        notes.append(
            f"Columns {columns} hold the words {words}, which stay words: if they mean "
            f"missing values, pass na_values={words}."
        )


def _note_work(read: Mapping[str, _Column], notes: list[str]) -> None:
    """Note names that differ in case only, and scores that are no percentages."""
    for roles in (("nombre_examen",), ("ass_name", "ass_name_sub")):
        columns = [read[role] for role in roles if role in read]
        texts = [one.distinct for one in columns if one.distinct is not None]
        names = pd.concat([pd.Series(dtype="str"), *texts]).str.strip()
        alike = names.nunique() - names.str.casefold().nunique()
        if alike:
            notes.append(
                f"Columns {[one.cells.name for one in columns]} hold "
                f"{count(alike, 'name')} that differ from another one only in case and "
                "count as different. Write each name in one way."
            )
    if "score" in read and 0 < read["score"].cells.max() <= 1:
        notes.append(
            f"Column {read['score'].cells.name!r} holds scores of 0 to 1, as Excel "
            "keeps cells that are formatted as percent. If they are fractions, "
            "multiply them by 100."
        )
