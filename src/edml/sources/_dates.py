"""Read columns of dates in any of their forms as epoch seconds."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._messages import table_error
from edml.exceptions import TableError
from edml.schema import EARLIEST, LATEST, BoolArray, FloatArray, date_unit
from edml.sources._cells import check_rows, is_objects, read_floats

#: How many of each unit are a second.
UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_ISO = (
    r"\d{4}-\d\d-\d\d"
    r"(?:[T ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d{1,9})?)?)?"
    r" ?(?:Z|z|UTC|[+-]\d\d(?::?\d\d)?)?)?"
)
_ZONE = r"[T ].*(?:Z|z|UTC|[+-]\d\d(?::?\d\d)?)$"
_FORMS = (
    "Write dates in ISO 8601, as 2024-03-31 or 2024-03-31T18:00:00Z, or as epoch "
    "seconds, all of a column in one way."
)


class Dates(NamedTuple):
    """Epoch seconds, and how they were written."""

    seconds: pd.Series
    form: str  # a unit of epochs, "ISO 8601", "datetime", or "" where all are null
    naive: bool = False  # without a time zone


def read_dates(
    column: pd.Series,
    unit: str | None,
    timezone: str,
    decimal: str,
    form: str | None = None,
) -> Dates:
    """Read dates; null, 0 and words for null are missing, the former two as they are.

    ``unit`` is that of epochs, None to take it from their size; ``timezone`` is where
    datetimes without a zone are from; ``form`` is how text is written.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        plain = column.astype(dtype.categories.dtype)
        return read_dates(plain, unit, timezone, decimal, form)
    if is_objects(column):
        column = _settle(column)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _from_datetimes(column, timezone, "datetime")
    if isinstance(column.dtype, pd.StringDtype):
        stated = None if form is None else _from_form(column, form, timezone)
        if stated is not None:
            return stated
        given = column.notna().to_numpy(dtype=np.bool_)
        if given.any() and column.str.fullmatch(_ISO)[given].all():
            # to look for numbers among a million dates takes longer than to parse them
            numbers, bad = _nothing(column), given
        else:
            numbers, bad = read_floats(column, decimal)
        if bad.any():
            return _from_texts(column, bad, numbers, timezone)
    elif pd.api.types.is_numeric_dtype(column.dtype) and column.dtype.kind in "fiu":
        numbers, _ = read_floats(column)
    else:
        _check_dates(column, column.notna().to_numpy())
        return Dates(_nothing(column), "")
    return _from_epochs(column, numbers, unit)


def _nothing(column: pd.Series) -> pd.Series:
    return pd.Series(np.nan, column.index, dtype=np.float64)


def _settle(column: pd.Series) -> pd.Series:
    """Convert a column of objects to one type: datetimes, text or numbers."""
    known = column[column.notna()]
    dates = np.array([isinstance(cell, dt.date) for cell in known], dtype=np.bool_)
    texts = np.array([isinstance(cell, str) for cell in known], dtype=np.bool_)
    if dates.all() and len(known):
        zones = {getattr(cell, "tzinfo", None) is not None for cell in known}
        if len(zones) > 1:
            raise _mixed(column, "some with a time zone and others without one")
        return pd.to_datetime(column, utc=zones == {True})
    if dates.any():
        raise _mixed(column, "some as datetimes and others as text or numbers")
    if texts.all():
        return column.astype("str")
    numbers, bad = read_floats(column)
    _check_dates(column, bad)
    return numbers


def _mixed(column: pd.Series, how: str) -> TableError:
    return table_error(
        "mixed_dates",
        f"Column {column.name!r} holds dates of different kinds, {how}. {_FORMS}",
        column=column.name,
    )


def _check_dates(column: pd.Series, bad: BoolArray) -> None:
    check_rows(column, bad, "hold no date", _FORMS, code="no_date")


def _from_datetimes(column: pd.Series, timezone: str, form: str) -> Dates:
    naive = column.dt.tz is None
    if naive and timezone != "UTC":
        # an hour that comes twice is the later one
        late = np.zeros(len(column), dtype=np.bool_)
        column = column.dt.tz_localize(
            timezone, ambiguous=late, nonexistent="shift_forward"
        )
    if column.dt.tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    if column.dt.unit == "ns":
        column = column.dt.round("us")
    moments = column.to_numpy(dtype="datetime64[us]")
    seconds = np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)
    found = pd.Series(seconds, column.index, copy=False)
    if np.isnan(seconds).all():
        return Dates(found, "")
    _check_range(column, _outside(seconds))
    return Dates(found, form, naive)


def _from_texts(
    column: pd.Series, bad: BoolArray, numbers: pd.Series, timezone: str
) -> Dates:
    codes, found = pd.factorize(column.where(bad))
    texts = pd.Series(found, dtype="str").str.strip()
    is_date = texts.str.fullmatch(_ISO).to_numpy(dtype=np.bool_)
    ready = texts.where(is_date).str.replace(",", ".", regex=False)
    ready = ready.str.replace(r" ?(?:UTC|z)$", "Z", regex=True)
    zoned = texts.str.contains(_ZONE, regex=True).to_numpy(dtype=np.bool_)
    moments = _parse(ready, zoned)
    unreadable = moments.isna().to_numpy()
    _check_dates(column, np.append(unreadable, False)[codes])
    if zoned.any() and not zoned.all():
        raise _mixed(column, "some with a time zone and others without one")
    if (numbers.notna() & (numbers != 0)).any():
        raise _mixed(column, "some as text and others as numbers")
    rows = moments.array.take(codes, allow_fill=True)
    return _from_datetimes(
        pd.Series(rows, column.index, name=column.name), timezone, "ISO 8601"
    )


def _from_form(column: pd.Series, form: str, timezone: str) -> Dates | None:
    """Read texts that are all written in one form; None if some are not."""
    codes, found = pd.factorize(column)
    texts = pd.Series(found, dtype="str").str.strip()
    moments = pd.to_datetime(texts, format=form, errors="coerce", utc="%z" in form)
    if moments.isna().any() or not len(moments):
        return None
    rows = moments.array.take(codes, allow_fill=True)
    return _from_datetimes(
        pd.Series(rows, column.index, name=column.name), timezone, form
    )


def check_form(form: str) -> None:
    """Raise a `ValueError` unless a date survives being written in this form."""
    day = dt.datetime(2024, 3, 31, 18, 5, tzinfo=dt.UTC)
    try:
        back = dt.datetime.strptime(day.strftime(form), form)
    except ValueError:
        back = None
    if back is None or back.date() != day.date():
        message = (
            "date_format needs the day, the month and the year in the codes of "
            f"strptime, as '%d/%m/%Y %H:%M'; found {form!r}."
        )
        raise ValueError(message)


def _parse(texts: pd.Series, zoned: BoolArray) -> pd.Series:
    parsed = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    return parsed if zoned.any() else parsed.dt.tz_localize(None)


def _from_epochs(column: pd.Series, numbers: pd.Series, unit: str | None) -> Dates:
    values = numbers.to_numpy()
    given = values[~np.isnan(values)]
    given = given[given != 0]
    if not len(given):
        return Dates(numbers, "")
    units = [unit] if unit else [*UNITS]
    for name in units:
        if not _outside(given, UNITS[name]).any():
            return Dates(_to_seconds(numbers, name), name)
    outside = np.logical_and.reduce([_outside(values, UNITS[name]) for name in units])
    look = date_unit(values[outside])
    words = f"; as numbers they look like {look.words}" if look else ""
    _check_range(column, outside, words)
    raise _mixed(column, "epochs of different units")


def _to_seconds(numbers: pd.Series, unit: str) -> pd.Series:
    if unit == "s":
        return numbers
    if unit == "ns":  # beyond a float's precision, which is enough for microseconds
        numbers, unit = (numbers / 1e3).round(), "us"
    return numbers / UNITS[unit]


def _outside(numbers: FloatArray, per_second: float = 1.0) -> BoolArray:
    """Mark dates outside 1990 to 2100; NaN and 0 are missing."""
    early, late = numbers < EARLIEST * per_second, numbers >= LATEST * per_second
    return (early & (numbers != 0)) | late


def _check_range(column: pd.Series, bad: BoolArray, words: str = "") -> None:
    check_rows(
        column,
        bad,
        f"hold a date outside 1990 to 2100{words}",
        "Write numbers as epoch seconds, milliseconds, microseconds or nanoseconds "
        "since 1970, and leave unknown dates empty.",
        code="date_range",
    )
