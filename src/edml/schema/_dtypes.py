"""From pandas' many dtypes to plain arrays, and the error that names bad rows."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.arrays import NumpyExtensionArray

from edml.exceptions import TableError
from edml.schema._types import BoolArray, FloatArray, IntArray


def plain(column: pd.Series) -> Any:
    """Give the column's array; text that is kept as objects, as an object array.

    pandas looks for nulls in such text twice before it does any work.
    """
    values = column.array
    if isinstance(column.dtype, pd.StringDtype) and column.dtype.storage == "python":
        return np.asarray(values, dtype=object)
    return values.to_numpy() if isinstance(values, NumpyExtensionArray) else values


def factorize(column: pd.Series) -> tuple[IntArray, Any]:
    """Give each distinct value of a column a number; null is -1.

    Parameters
    ----------
    column : Series
        Any column.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        From 0, in order of appearance.
    found : sequence
        The distinct values, as pandas gives them: to make Python texts of thousands
        of Arrow's takes a millisecond.
    """
    values = plain(column)
    if _is_objects(values):
        return _factorize_objects(values, _addresses(values), slice(None))
    codes, found = pd.factorize(values)
    return codes.astype(np.int64, copy=False), found


def factorize_present(column: pd.Series) -> tuple[IntArray, IntArray, list[Any]]:
    """Give each distinct value a number, of a column that is mostly null.

    Parameters
    ----------
    column : Series
        Any column.

    Returns
    -------
    rows : ndarray of shape (n_present,)
        Positions of the rows that are not null.
    codes : ndarray of shape (n_present,)
        The number of the value in each of them.
    found : list
        The distinct values.
    """
    values = plain(column)
    if _is_objects(values):
        addresses = _addresses(values)
        # nearly every null is one of these two objects; others are found below
        rows = np.flatnonzero((addresses != id(np.nan)) & (addresses != id(None)))
        codes, found = _factorize_objects(values, addresses, rows)
    else:
        rows = np.flatnonzero(~np.asarray(pd.isna(values)))
        numbers, distinct = pd.factorize(values[rows])
        codes, found = numbers.astype(np.int64, copy=False), list(distinct)
    present = codes >= 0
    return (
        (rows, codes, found)
        if present.all()
        else (rows[present], codes[present], found)
    )


def _is_objects(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind == "O"


def _addresses(values: NDArray[Any]) -> IntArray:
    """Give the address of each object of an array."""
    if not len(values):
        return np.empty(0, dtype=np.int64)
    return np.frombuffer(np.ascontiguousarray(values), dtype=np.intp)


def _factorize_objects(
    values: NDArray[Any], addresses: IntArray, rows: IntArray | slice
) -> tuple[IntArray, list[Any]]:
    """Give each distinct value of some rows a number.

    Equal texts of a table are mostly one object many times over, and comparing
    addresses is several times faster than hashing text; then only what the
    distinct objects hold is compared.
    """
    objects, _ = pd.factorize(addresses[rows])
    first = np.empty(int(objects.max(initial=-1)) + 1, dtype=np.int64)
    first[objects[::-1]] = np.arange(len(objects))[::-1]  # the first row comes last
    codes, found = pd.factorize(values[rows][first])
    return codes.astype(np.int64, copy=False)[objects], list(found)


def as_floats(column: pd.Series) -> FloatArray:
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64)
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if dtype.kind in "Mmc":
        unreadable = column.notna().to_numpy()
        values = np.full(len(column), np.nan)
    else:  # text, categories, or objects of several kinds
        given = column.astype(object)
        values = pd.to_numeric(given, errors="coerce").to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        unreadable = np.isnan(values) & column.notna().to_numpy()
    if unreadable.any():
        raise row_error(
            column, unreadable, "are not numbers", "Mend them, or make them null."
        )
    return values


def as_seconds(column: pd.Series) -> FloatArray | None:
    """Convert datetimes to epoch seconds, NaT to NaN; None if there are none.

    Datetimes without a time zone are UTC.
    """
    if column.dtype.kind == "O" and len(column):
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if kind.startswith(("datetime", "date")):
            column = pd.to_datetime(column, utc=True)
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return None
    if column.dt.tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    moments = column.to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)


def is_arrow_text(column: pd.Series) -> bool:
    """Tell whether a column is pandas' own text, kept by Arrow."""
    dtype = column.dtype
    return isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"


def take_labels(labels: list[str], codes: IntArray, column: pd.Series) -> Any:
    """Give each row its label, null for code -1, in the kind of text of ``column``."""
    if isinstance(column.dtype, pd.StringDtype):
        return pd.array([*labels, np.nan], dtype=column.dtype).take(codes)
    return np.array([*labels, np.nan], dtype=object)[codes]


def row_error(
    column: pd.Series, bad: BoolArray, problem: str, remedy: str
) -> TableError:
    rows = np.flatnonzero(bad)
    labels: list[Any] = column.index[rows[:5]].tolist()
    more = ", ..." if len(rows) > 5 else ""
    shown = ", ".join(repr(label) for label in labels)
    return TableError(
        f"Column {column.name!r}: {len(rows)} of {len(column)} rows {problem} "
        f"(row labels {shown}{more}). {remedy}",
        column=str(column.name),
        rows=tuple(labels),
    )
