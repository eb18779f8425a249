"""How the columns of the event table are read."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.schema._dtypes import (
    as_floats,
    as_seconds,
    factorize,
    factorize_present,
    is_arrow_text,
    row_error,
    take_labels,
)
from edml.schema._types import FloatArray, IntArray

LARGEST_PARTITION = 2**53  # whole numbers are exact in a float up to here
_PERIOD = re.compile(r"\s*0?([12])-(\d{4})\s*", flags=re.ASCII)


class Names(NamedTuple):
    """The rows of a name column that hold a name.

    Attributes
    ----------
    rows : ndarray of shape (n_named,)
        Positions of the rows with a name.
    codes : ndarray of shape (n_named,)
        For each of them, the position of its name in ``labels``.
    labels : list of str
        The distinct names, stripped of surrounding white space.
    """

    rows: IntArray
    codes: IntArray
    labels: list[str]


def read_numbers(column: pd.Series) -> FloatArray:
    """Read a column of numbers; null is NaN.

    Parameters
    ----------
    column : Series
        Numbers of any dtype, or text that spells numbers.

    Returns
    -------
    values : ndarray of shape (n_rows,)
        The numbers; treat it as read-only, for it may share the column's memory.

    Raises
    ------
    TableError
        If a value is not a number, or is infinite.
    """
    values = as_floats(column)
    infinite = np.isinf(values)
    if infinite.any():
        raise row_error(
            column, infinite, "hold an infinite number", "Make them null or finite."
        )
    return values


def read_partitions(column: pd.Series) -> IntArray:
    """Read the partitions; null is partition 0.

    Parameters
    ----------
    column : Series
        Course days, whole numbers from 0 on.

    Returns
    -------
    partitions : ndarray of shape (n_rows,)
        Treat it as read-only, for it may share the column's memory.

    Raises
    ------
    TableError
        If a partition is not a number, or is infinite, negative or fractional.
    """
    if column.dtype == np.int64:  # as the cleaner leaves them
        whole = column.to_numpy()
        if not len(whole) or 0 <= whole.min() <= whole.max() <= LARGEST_PARTITION:
            return whole
    values = read_numbers(column)
    bad = (values < 0) | (values > LARGEST_PARTITION)  # NaN compares as False
    if bad.any():
        raise row_error(
            column,
            bad,
            "hold a negative or immense partition",
            "A partition is a course day, counted from 0: move or drop them.",
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
        )
    return partitions


def read_epochs(column: pd.Series) -> FloatArray:
    """Read dates as epoch seconds; null and 0 are missing, hence NaN.

    Parameters
    ----------
    column : Series
        Epoch seconds, or datetimes (those without a time zone are UTC).

    Returns
    -------
    seconds : ndarray of shape (n_rows,)

    Raises
    ------
    TableError
        If a value is neither a number nor a datetime, or is infinite or
        negative.
    """
    datetimes = as_seconds(column)
    seconds = read_numbers(column) if datetimes is None else datetimes
    negative = seconds < 0
    if negative.any():
        raise row_error(
            column,
            negative,
            "hold a date before 1970",
            "Dates are epoch seconds, 0 or null where missing.",
        )
    zero = seconds == 0
    return np.where(zero, np.nan, seconds) if zero.any() else seconds


def read_names(column: pd.Series) -> Names:
    """Read a column of names, compared after stripping white space.

    Parameters
    ----------
    column : Series
        Names; null, empty and blank are no name.

    Returns
    -------
    names : Names
        The rows that hold a name, and which.
    """
    return _read_names(column)[0]


def _read_names(column: pd.Series) -> tuple[Names, bool]:
    """Read names, and tell whether they were stripped already."""
    rows, codes, found = factorize_present(column)
    stripped = [str(name).strip() for name in found]
    if all(stripped) and stripped == found:
        return Names(rows, codes, stripped), True
    distinct = list(dict.fromkeys(name for name in stripped if name))
    position = {name: code for code, name in enumerate(distinct)}
    merged = np.array([position.get(name, -1) for name in stripped], dtype=np.int64)
    codes = merged[codes]
    named = codes >= 0
    return Names(rows[named], codes[named], distinct), False


def strip_names(column: pd.Series) -> pd.Series:
    """Strip names of surrounding white space; blank ones become null.

    Parameters
    ----------
    column : Series
        Names.

    Returns
    -------
    stripped : Series
        The same object where nothing needs stripping.
    """
    if is_arrow_text(column):  # whole columns at once; Arrow's spaces are Python's
        import pyarrow.compute as pc  # noqa: PLC0415 - there, where its text is

        given = column.array.__arrow_array__()
        kept = pc.utf8_trim_whitespace(given)
        blank = pc.equal(kept, "")
        if pc.any(blank).as_py():
            kept = pc.if_else(blank, None, kept)
        elif kept.equals(given):
            return column
        names = column.dtype.__from_arrow__(kept)
        return pd.Series(names, column.index, copy=False)
    names, stripped = _read_names(column)
    if stripped:
        return column
    codes = np.full(len(column), -1)
    codes[names.rows] = names.codes
    labels = take_labels(names.labels, codes, column)
    return pd.Series(labels, column.index, labels.dtype, copy=False)


def read_periods(column: pd.Series) -> tuple[IntArray, list[str], IntArray]:
    """Read half-years, in either form: '1-2022' or '01-2022'.

    Parameters
    ----------
    column : Series
        'S-YYYY' or 'SS-YYYY', S 1 or 2; null stays null.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        For each row, the position of its period below; -1 where it is null.
    labels : list of str
        The periods as 'SS-YYYY', in calendar order.
    half_years : ndarray of shape (n_periods,)
        The number of half-years since year 0, by which they are ordered.

    Raises
    ------
    TableError
        If a period does not parse.
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
        )
    half_year = np.array(
        [2 * int(match[2]) + int(match[1]) - 1 for match in parsed if match],
        dtype=np.int64,
    )
    half_years, merged = np.unique(half_year, return_inverse=True)
    labels = [f"{half % 2 + 1:02d}-{half // 2:04d}" for half in half_years.tolist()]
    return np.append(merged, -1)[codes], labels, half_years
