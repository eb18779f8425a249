"""Convert pandas' many dtypes to plain arrays, and report invalid rows."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from edml._messages import Rows, coded
from edml.exceptions import TableError
from edml.schema._types import BoolArray, FloatArray, IntArray


def factorize(
    column: pd.Series, rows: IntArray | None = None
) -> tuple[IntArray, list[Any]]:
    """Encode values by order of appearance, null as -1; return codes and values.

    ``rows`` are the positions of those to encode, None for all.
    """
    values: Any = column.array if rows is None else column.array[rows]
    if isinstance(column.dtype, pd.StringDtype) and column.dtype.storage == "python":
        values = np.asarray(values, dtype=object)  # faster: this also finds nulls
    try:
        codes, found = pd.factorize(values)
    except TypeError:  # a cell that has no hash
        bad = np.array([not isinstance(cell, Hashable) for cell in column])
        raise row_error(
            column,
            bad,
            "hold a list or another collection",
            "Write one text or number in each row.",
            code="collection",
        ) from None
    return codes.astype(np.int64, copy=False), list(found)


CORRECT = "Correct them, or make them null."


def as_floats(
    column: pd.Series, *, booleans: bool = False, remedy: str = CORRECT
) -> FloatArray:
    """Convert numbers, or text that spells them, to floats; null to NaN.

    True and False are no numbers, unless ``booleans`` is set: as a final grade, they
    would both fail.
    """
    dtype = column.dtype
    if booleans and dtype.kind == "b":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if isinstance(dtype, np.dtype) and dtype.kind in "fiu":
        return column.to_numpy(dtype=np.float64)
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "fiu":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if dtype.kind in "Mmcb":
        unreadable = column.notna().to_numpy()
        values = np.full(len(column), np.nan)
    else:  # text, categories, or mixed objects
        given = column.astype(object)
        values = pd.to_numeric(given, errors="coerce").to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        unreadable = np.isnan(values) & column.notna().to_numpy()
        inner = _inner(dtype)
        if not booleans and (inner.kind == "b" or pd.api.types.is_object_dtype(inner)):
            boolean = (isinstance(cell, _BOOLEANS) for cell in given)
            unreadable |= np.fromiter(boolean, dtype=np.bool_, count=len(given))
    if unreadable.any():
        raise row_error(
            column, unreadable, "are not numbers", remedy, code="not_numbers"
        )
    return values


_BOOLEANS = (bool, np.bool_)


def _inner(dtype: Any) -> Any:
    """Return the dtype of the values, of categories too."""
    return dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype


def as_seconds(column: pd.Series) -> FloatArray | None:
    """Convert datetimes to epoch seconds, NaT to NaN; None for other columns.

    Datetimes without a time zone are UTC.
    """
    if _inner(column.dtype).kind == "M":
        column = column.astype(_inner(column.dtype))
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
    column: pd.Series,
    bad: BoolArray,
    problem: str,
    remedy: str,
    *,
    code: str | None = None,
) -> TableError:
    """Return the error for the rows that ``bad`` marks: their labels, no values.

    Rows of a file are labelled by its lines or records, which name their index. The
    text of ``code`` has the column and ``where``.
    """
    rows = np.flatnonzero(bad)
    labels: list[Any] = column.index[rows[:5]].tolist()
    more = ", ..." if len(rows) > 5 else ""
    shown = ", ".join(repr(label) for label in labels)
    name = column.index.name
    numbered = name in ("line", "record")
    what = name if numbered else "row label"
    what += "s" if len(rows) > 1 else ""
    message = (
        f"Column {column.name!r}: {len(rows)} of {len(column)} rows {problem} "
        f"({what} {shown}{more}). {remedy}"
    )
    if code is not None:
        numbers = labels if numbered else (rows[:5] + 1).tolist()
        where = Rows(name if numbered else "row", tuple(numbers), len(rows[5:]))
        message = coded(code, message, column=column.name, where=where)
    return TableError(message, column=str(column.name), rows=tuple(labels))
