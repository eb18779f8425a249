"""Choose a body's columns, check their cells, and convert them to plain arrays."""

from collections.abc import Callable, Collection, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edml.exceptions import TableError
from edml.schema import (
    COLUMNS,
    COURSE,
    EARLIEST,
    EPOCH_COLUMNS,
    LARGEST_NUMBER,
    LATEST,
    NAME_COLUMNS,
    NUMBER_COLUMNS,
    PARTITION,
    STUDENT,
    BoolArray,
    row_error,
)
from edml.serving._problem import Problem, refuse_table
from edml.sources import read_events

LARGEST_KEY = 2**53  # a float holds whole numbers exactly up to here
MISSING = frozenset({"nan", "NaN"})  # in addition to null, as pandas users write it

_KEYS = frozenset({STUDENT, COURSE})
_NUMBERS = frozenset({PARTITION, *NUMBER_COLUMNS, *EPOCH_COLUMNS})
_NAMES = frozenset(NAME_COLUMNS)

Cells = NDArray[Any] | Sequence[Any]


def choose_columns(
    found: Collection[str], required: Collection[str], optional: Collection[str]
) -> list[str]:
    """Return the names of the columns to read, the required ones first.

    An error does not repeat the names that were found, because a table without a header
    has values in their place.
    """
    absent = [name for name in required if name not in found]
    if absent:
        detail = (
            f"Expected the columns of an event table; {absent} are missing. Use "
            "exactly these names, and send null where there is no value."
        )
        raise Problem(422, "missing-column", detail, column=absent[0])
    return [*required, *(name for name in optional if name in found)]


def read_column(canonical: str, actual: str, cells: Cells) -> NDArray[Any]:
    """Return the cells of a column as an array that edml reads fast.

    ``canonical`` is the role of the column, a name of `edml.schema.COLUMNS` or another;
    ``actual`` is its name. Missing numbers become NaN, missing texts None. An invalid
    cell raises a Problem.
    """
    if canonical in _KEYS:
        return _read_keys(actual, cells)
    if canonical in _NUMBERS:
        if isinstance(cells, np.ndarray) and cells.dtype.kind == "M":
            return cells
        return np.array(cells, dtype=np.float64)
    return _read_texts(actual, cells, names=canonical in _NAMES)


def _refuse_rows(column: str, bad: BoolArray, problem: str, remedy: str) -> Problem:
    """Return the problem of some rows, given as a mask, of a column."""
    return refuse_table(row_error(pd.Series(bad, name=column), bad, problem, remedy))


def _read_keys(name: str, cells: Cells) -> NDArray[Any]:
    """Read student or course ids: text, or whole numbers."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iu":
        return cells
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "f":
        fits = (cells == np.trunc(cells)) & (np.abs(cells) <= LARGEST_KEY)
        if fits.all():
            return cells.astype(np.int64)
        cells = cells.astype(object)
    values = to_objects(cells)
    if set(map(type, values)) <= {str} and not _has_missing(values):
        return values
    right = _mark(values, _is_key)
    if not right.all():
        raise _refuse_rows(
            name,
            ~right,
            "have no id, or one that is neither text nor a whole number below 2**53",
            "Send every id as text.",
        )
    whole = (int(cell) if isinstance(cell, float) else cell for cell in values)
    return np.fromiter(whole, object, len(values))


def _is_key(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell not in MISSING
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return False
    return abs(cell) <= LARGEST_KEY and cell == int(cell)


def is_number(canonical: str) -> bool:
    """Return whether a column holds numbers or dates."""
    return canonical in _NUMBERS


def is_plain(canonical: str, cells: Cells) -> bool:
    """Check whether a column of numbers or dates can be taken as it is.

    All others are left to the reader of files: text, words for null, dates in other
    units than seconds, and numbers that it may not accept.
    """
    if canonical not in _NUMBERS:
        return True
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind not in "fiu":
            return cells.dtype.kind == "M" and canonical in EPOCH_COLUMNS
    elif not set(map(type, cells)) <= {float, int, type(None)}:
        return False
    numbers = np.array(cells, dtype=np.float64)  # None becomes NaN
    if canonical in EPOCH_COLUMNS:
        known = (numbers >= EARLIEST) & (numbers < LATEST)
        return bool((known | (numbers == 0) | np.isnan(numbers)).all())
    return not (np.abs(numbers) > LARGEST_NUMBER).any()


def read_like_a_file(
    source: pd.DataFrame | BytesIO, roles: Mapping[str, str]
) -> tuple[dict[str, Cells], tuple[str, ...]]:
    """Read a table or CSV as `edml.sources.read_events` does; return notes about it."""
    name = "body.csv" if isinstance(source, BytesIO) else None
    columns = {role: actual for actual, role in roles.items() if role in COLUMNS}
    try:
        X, report = read_events(source, columns=columns, name=name, return_report=True)
    except TableError as error:
        raise refuse_table(error) from error
    cells = {
        str(name): column.to_numpy()
        if column.dtype.kind in "if"
        else column.astype(object).where(column.notna(), None).to_numpy()
        for name, column in X.items()
    }
    return cells, report.notes


def _read_texts(name: str, cells: Cells, *, names: bool) -> NDArray[Any]:
    """Read names, identifiers, and any other column that a model was fitted on."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind != "O":
        if names and cells.dtype.kind == "M":
            everywhere = np.ones(len(cells), dtype=np.bool_)
            raise _refuse_rows(name, everywhere, "hold a date", "Send names as text.")
        return cells
    values = to_objects(cells)
    kinds = set(map(type, values))
    if not kinds <= {str, int, float, type(None)}:
        bad = ~_mark(values, _is_text_or_number)
        raise _refuse_rows(
            name, bad, "hold neither text nor a number", "Send text, or null."
        )
    if str in kinds:
        return _without_missing(values)
    if names or kinds <= {type(None)}:
        return values
    # JSON's whole numbers reach 2**64
    dtype = np.int64 if kinds == {int} and max(values) < 2**63 else np.float64
    return values.astype(dtype)  # as pandas holds a column of numbers


def _is_text_or_number(cell: Any) -> bool:
    return cell is None or (
        isinstance(cell, (str, int, float)) and not isinstance(cell, bool)
    )


def to_objects(cells: Cells) -> NDArray[Any]:
    """Return the cells as an array, of objects unless it is one already."""
    if isinstance(cells, np.ndarray):
        return cells
    return np.fromiter(cells, object, len(cells))


def _without_missing(values: NDArray[Any]) -> NDArray[Any]:
    if not _has_missing(values):
        return values
    found = values.copy()
    found[[isinstance(cell, str) and cell in MISSING for cell in values]] = None
    return found


def _has_missing(values: NDArray[Any]) -> bool:
    return any(text in values for text in MISSING)


def _mark(values: NDArray[Any], test: Callable[[Any], bool]) -> BoolArray:
    return np.fromiter(map(test, values), dtype=np.bool_, count=len(values))
