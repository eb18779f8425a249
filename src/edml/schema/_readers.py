"""Readers of the columns of the event table."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.schema._dates import EARLIEST, LATEST, date_unit
from edml.schema._dtypes import (
    CORRECT,
    as_floats,
    as_seconds,
    factorize,
    row_error,
    take_labels,
)
from edml.schema._types import FloatArray, IntArray

LARGEST_PARTITION = 2**53  # whole numbers are exact in a float up to here
#: Beyond it, no grade, score, weight or course day of a file is what it seems to be.
LARGEST_NUMBER = 1_000_000
_HOW_TO_READ_DATES = (
    "Dates are epoch seconds or datetimes: read the table with edml.read_events, or "
    "convert the column with pd.to_datetime."
)
_PERIOD = re.compile(r"\s*0?([12])-(\d{4})\s*", flags=re.ASCII)


class Names(NamedTuple):
    """The rows of a name column that hold a name: ``labels[codes]`` are the names."""

    rows: IntArray
    codes: IntArray
    labels: list[str]


def read_numbers(
    column: pd.Series, *, booleans: bool = False, remedy: str = CORRECT
) -> FloatArray:
    """Read numbers, or text that spells them; null is NaN, infinity an error.

    True and False are an error too, unless ``booleans`` reads them as 1 and 0.

    The result is read-only by convention: it may share the column's memory.
    """
    values = as_floats(column, booleans=booleans, remedy=remedy)
    infinite = np.isinf(values)
    if infinite.any():
        raise row_error(
            column,
            infinite,
            "hold an infinite number",
            "Make them null or finite.",
            code="infinite",
        )
    return values


def read_partitions(column: pd.Series) -> IntArray:
    """Read partitions, whole course days from 0; null is partition 0."""
    values = read_numbers(column)
    bad = (values < 0) | (values > LARGEST_PARTITION)  # NaN compares as False
    if bad.any():
        raise row_error(
            column,
            bad,
            "hold a negative or immense partition",
            "A partition is a course day, counted from 0: move or drop them.",
            code="negative_day",
        )
    values = np.where(np.isnan(values), 0.0, values)
    partitions: IntArray = values.astype(np.int64)
    fractional = partitions != values
    if fractional.any():
        raise row_error(
            column,
            fractional,
            "hold a fractional partition",
            "Partitions are whole numbers: round them down.",
            code="fractional_day",
        )
    return partitions


def read_epochs(column: pd.Series) -> FloatArray:
    """Read dates from 1990 to 2100 as epoch seconds; null and 0 are missing: NaN."""
    datetimes = as_seconds(column)
    if datetimes is None:
        seconds = read_numbers(column, remedy=_HOW_TO_READ_DATES)
    else:
        seconds = datetimes
    negative = seconds < 0
    if negative.any():
        raise row_error(
            column,
            negative,
            "hold a date before 1970",
            "Dates are epoch seconds, 0 or null where missing.",
            code="date_range",
        )
    seconds = np.where(seconds == 0, np.nan, seconds)
    outside = (seconds < EARLIEST) | (seconds >= LATEST)  # NaN compares as False
    if outside.any():
        unit = None if datetimes is not None else date_unit(seconds[outside])
        raise row_error(
            column,
            outside,
            "hold a date outside 1990 to 2100"
            + (f"; as numbers they look like {unit.words}" if unit else ""),
            "Dates are epoch seconds or datetimes, 0 or null where missing. "
            + (unit.remedy if unit else "Correct them, or make them null."),
            code="date_range",
        )
    return seconds


def _distinct_names(column: pd.Series) -> tuple[IntArray, IntArray, list[str]]:
    """Return the rows that are not null, their codes, and the distinct names."""
    rows = np.flatnonzero(pd.notna(column.array))  # few, in a table of events
    codes, found = factorize(column, rows)
    return rows, codes, [str(name) for name in found]


def read_names(column: pd.Series) -> Names:
    """Read names without surrounding white space; skip null, empty and blank ones."""
    rows, codes, found = _distinct_names(column)
    stripped = [name.strip() for name in found]
    labels = list(dict.fromkeys(name for name in stripped if name))
    position = {name: code for code, name in enumerate(labels)}
    merged = np.array([position.get(name, -1) for name in stripped], dtype=np.int64)
    codes = merged[codes]
    named = codes >= 0
    return Names(rows[named], codes[named], labels)


def strip_names(column: pd.Series) -> pd.Series:
    """Strip names of surrounding white space; blank ones become null."""
    rows, present, found = _distinct_names(column)
    stripped = [name.strip() for name in found]
    if stripped == found and all(stripped):
        return column
    codes = np.full(len(column), -1)
    codes[rows] = present
    names = take_labels([name or np.nan for name in stripped], codes, column)
    return pd.Series(names, column.index, names.dtype, copy=False)


def read_periods(column: pd.Series) -> tuple[IntArray, list[str], IntArray]:
    """Read half-years, 'S-YYYY' or 'SS-YYYY' with S 1 or 2.

    Return each row's code, -1 where it is null; the periods as 'SS-YYYY', in calendar
    order; and the number of half-years since year 0 of each of them.
    """
    codes, found = factorize(column)
    parsed = [_PERIOD.fullmatch(str(period)) for period in found]
    unreadable = np.array([match is None for match in parsed], dtype=bool)
    if unreadable.any():
        bad = np.append(unreadable, False)[codes]  # code -1 is null: the last entry
        raise row_error(
            column,
            bad,
            "hold no period",
            "Periods are 'S-YYYY' or 'SS-YYYY', S being 1 or 2: '01-2022'.",
            code="no_period",
        )
    half_year = np.array(
        [2 * int(match[2]) + int(match[1]) - 1 for match in parsed if match],
        dtype=np.int64,
    )
    half_years, merged = np.unique(half_year, return_inverse=True)
    labels = [f"{half % 2 + 1:02d}-{half // 2:04d}" for half in half_years.tolist()]
    return np.append(merged, -1)[codes], labels, half_years
