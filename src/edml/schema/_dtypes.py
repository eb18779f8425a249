"""Convert pandas' many dtypes to plain arrays, and report invalid rows."""

from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.schema._types import BoolArray, FloatArray, IntArray


def factorize(column: Any) -> tuple[IntArray, list[Any]]:
    """Encode values by order of appearance, null as -1; return codes and values.

    The column is a Series, or the array of one.
    """
    values = column.array if isinstance(column, pd.Series) else column
    if isinstance(column.dtype, pd.StringDtype) and column.dtype.storage == "python":
        values = np.asarray(values, dtype=object)  # faster: this also finds nulls
    codes, found = pd.factorize(values)
    return codes.astype(np.int64, copy=False), list(found)


def as_floats(column: pd.Series) -> FloatArray:
    """Convert numbers, or text that spells them, to floats; null to NaN."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64)
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if dtype.kind in "Mmc":
        unreadable = column.notna().to_numpy()
        values = np.full(len(column), np.nan)
    else:  # text, categories, or mixed objects
        given = column.astype(object)
        values = pd.to_numeric(given, errors="coerce").to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        unreadable = np.isnan(values) & column.notna().to_numpy()
    if unreadable.any():
        raise row_error(
            column, unreadable, "are not numbers", "Correct them, or make them null."
        )
    return values


def as_seconds(column: pd.Series) -> FloatArray | None:
    """Convert datetimes to epoch seconds, NaT to NaN; None for other columns.

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


def take_labels(labels: list[Any], codes: IntArray, column: pd.Series) -> Any:
    """Return each row's label, null for code -1, in the text dtype of ``column``."""
    if isinstance(column.dtype, pd.StringDtype):
        return pd.array([*labels, np.nan], dtype=column.dtype).take(codes)
    return np.array([*labels, np.nan], dtype=object)[codes]


def row_error(
    column: pd.Series, bad: BoolArray, problem: str, remedy: str
) -> TableError:
    """Return the error for the rows that ``bad`` marks: their labels, no values.

    Rows of a file are labelled by its lines or records, which name their index.
    """
    rows = np.flatnonzero(bad)
    labels: list[Any] = column.index[rows[:5]].tolist()
    more = ", ..." if len(rows) > 5 else ""
    shown = ", ".join(repr(label) for label in labels)
    name = column.index.name
    what = f"{name}s" if name in ("line", "record") else "row labels"
    return TableError(
        f"Column {column.name!r}: {len(rows)} of {len(column)} rows {problem} "
        f"({what} {shown}{more}). {remedy}",
        column=str(column.name),
        rows=tuple(labels),
    )
