"""Read the cells of a column, of any type, as texts, ids and numbers."""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd

from edml.schema import (
    LARGEST_NUMBER,
    BoolArray,
    IntArray,
    check_keys,
    count_spellings,
    row_error,
)

#: Words that mean a missing number, but may be a name.
NULL_WORDS = (
    *("NA", "N/A", "n/a", "<NA>", "#N/A", "None", "none", "null", "NULL", "nan"),
    *("NaN", "NaT", r"\N"),
)
_LARGEST = 2**53  # a float holds whole numbers exactly up to here
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = r"-?(?:0|[1-9]\d{0,15})"
_ROUNDED = r"\d\.\d+E\+\d+"  # as a spreadsheet shows long numbers
_BAD = object()


def _is_null(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or cell != cell  # noqa: PLR0124


def is_objects(column: pd.Series) -> bool:
    """Check whether a column holds Python objects, which may be of several types."""
    return column.dtype.kind == "O" and isinstance(column.dtype, np.dtype)


def map_cells(
    column: pd.Series, convert: Callable[[Any], Any]
) -> tuple[list[Any], BoolArray]:
    """Convert cells that are not null; return them, and mark those it calls bad."""
    if is_objects(column):  # equal objects may differ in type, as 1 and True do
        cells: Any = column.tolist()
        found = [None if _is_null(cell) else convert(cell) for cell in cells]
        return found, np.array([cell is _BAD for cell in found], dtype=np.bool_)
    codes, distinct = pd.factorize(column)
    found = [*(convert(cell) for cell in distinct), None]  # the code of null is -1
    bad = np.array([cell is _BAD for cell in found], dtype=np.bool_)
    return [found[code] for code in codes.tolist()], bad[codes]


def recode(codes: IntArray, places: IntArray) -> IntArray:
    """Return the place of each code; that of -1, which is null, is -1."""
    if np.array_equal(places, np.arange(len(places))):
        return codes  # there may be a million
    placed: IntArray = np.append(places, -1)[codes]
    return placed


def check_rows(
    column: pd.Series,
    bad: BoolArray,
    problem: str,
    remedy: str,
    *,
    code: str | None = None,
) -> None:
    """Raise a `TableError` for the rows that ``bad`` marks."""
    if bad.any():
        raise row_error(column, bad, problem, remedy, code=code)


# -- texts -----------------------------------------------------------------------------


class Texts(NamedTuple):
    """A column as text, the texts that occur in it, and whether numbers had a ``.0``.

    Checks look at the few distinct texts, and at the rows only to name them.
    """

    column: pd.Series
    distinct: pd.Series
    whole: bool = False

    def without(self, words: Collection[str]) -> "Texts":
        """Make these words null."""
        kept = self.distinct[~self.distinct.isin(words)]
        if len(kept) == len(self.distinct):
            return self
        column = self.column.mask(self.column.isin(words))
        return self._replace(column=column, distinct=kept)


def read_texts(column: pd.Series, *, ids: bool, decimal: str = ".") -> Texts:
    """Read a column as text, whole numbers without ``.0``; blank cells are null.

    Ids are text or whole numbers.
    """
    texts = _without_tails(_spell_cells(column, ids=ids), decimal)
    if is_objects(column):
        floats = any(isinstance(cell, float) and cell == cell for cell in column)  # noqa: PLR0124
    else:
        floats = pd.api.types.is_float_dtype(column.dtype) and len(texts.distinct) > 0
    return texts._replace(whole=floats or texts.whole)


def _spell_cells(column: pd.Series, *, ids: bool) -> pd.Series:
    """Convert cells of any type to text."""
    if isinstance(column.dtype, pd.StringDtype):
        return column.astype("str")

    def convert(cell: Any) -> Any:
        if isinstance(cell, str):
            return cell or None
        return _spell_number(cell, ids=ids)

    cells, bad = map_cells(column, convert)
    check_rows(
        column,
        bad,
        f"hold neither text nor {'a whole number below 2**53' if ids else 'a number'}",
        "Write them as text; in a spreadsheet, format the cells as text.",
        code="not_id" if ids else "not_text",
    )
    return pd.Series(cells, column.index, dtype="str", name=column.name)


def _without_tails(column: pd.Series, decimal: str) -> Texts:
    """Make blank texts null, and drop the ``.0`` of whole numbers if all are."""
    distinct = _distinct(column)
    if (distinct == "").any():
        column = column.mask(column == "")
        distinct = distinct[distinct != ""]
    tails = tuple({".0", f"{decimal}0"})
    whole = rf"{_WHOLE}(?:[{decimal}.]0)?"
    tailed = bool(distinct.str.endswith(tails).any())
    if not tailed or not distinct.str.fullmatch(whole).all():
        return Texts(column, distinct)
    column = column.str.replace(r"[.,]0$", "", regex=True)
    return Texts(column, _distinct(column), whole=True)


def _distinct(column: pd.Series) -> pd.Series:
    return pd.Series(column.unique(), dtype="str").dropna()


def read_keys(texts: Texts) -> tuple[pd.Series, int]:
    """Check the ids of students or courses, blank ones of which are missing.

    Return how many differ from another one only in how they are spelled.
    """
    column, distinct, _ = texts
    if distinct.str.isspace().any():
        column = column.mask(column.str.isspace())
    check_keys(column)
    if distinct.str.fullmatch(_ROUNDED).any():
        check_rows(
            column,
            column.str.fullmatch(_ROUNDED).to_numpy(dtype=np.bool_),
            "hold an id in scientific notation, whose last digits are lost",
            "Export them again, with ids as text.",
            code="rounded_id",
        )
    return column, count_spellings(distinct)[0]


def _spell_number(cell: Any, *, ids: bool) -> Any:
    """Return a number as text, and _BAD for what is neither text nor a number."""
    if isinstance(cell, (bool, np.bool_)):
        return _BAD
    if isinstance(cell, (Integral, UUID)):
        return str(cell)
    if not isinstance(cell, (Real, Decimal)) or not np.isfinite(float(cell)):
        return _BAD
    if isinstance(cell, Decimal) and cell == int(cell):
        return str(int(cell))
    number = float(cell)
    if number.is_integer() and abs(number) <= _LARGEST:
        return str(int(number))
    return _BAD if ids else repr(number)


def read_numbered(column: pd.Series, decimal: str) -> Texts:
    """Read ids, which become numbers if all are whole, to be ordered by size."""
    codes, found = pd.factorize(_spell_cells(column, ids=True))
    texts = _without_tails(pd.Series(found, dtype="str"), decimal)
    if not are_whole(texts.distinct):
        return read_texts(column, ids=True, decimal=decimal)
    numbers = np.append(texts.column.astype(np.float64), np.nan)[codes]
    if not np.isnan(numbers).any():
        numbers = numbers.astype(np.int64)
    return Texts(pd.Series(numbers, column.index, copy=False), texts.distinct)


def are_whole(texts: pd.Series) -> bool:
    """Check whether all texts are whole numbers as `read_numbered` takes them."""
    return bool(texts.str.fullmatch(_WHOLE).all())


# -- numbers ---------------------------------------------------------------------------


def read_floats(column: pd.Series, decimal: str = ".") -> tuple[pd.Series, BoolArray]:
    """Read numbers, null as NaN; also return which cells are not numbers.

    A column of floats is returned as it is.
    """
    dtype, none_bad = column.dtype, np.zeros(len(column), dtype=np.bool_)
    if dtype == np.float64:
        return column, none_bad
    numbers: Any = None
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "fiu":
        numbers = column
    elif isinstance(dtype, pd.StringDtype):
        column = column.astype("str")
        if decimal == ",":
            # a point would be a thousands separator: leave it, to be refused
            column = column.str.replace(".", " . ", regex=False)
            column = column.str.replace(",", ".", regex=False)
        if column.dtype.storage == "pyarrow":
            with suppress(ValueError):
                numbers = column.astype("Float64")
    if numbers is not None:
        floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Series(floats, column.index, name=column.name, copy=False), none_bad
    cells, bad = map_cells(column, _as_number)
    found = [None if cell is _BAD else cell for cell in cells]
    return pd.Series(found, column.index, dtype=np.float64, name=column.name), bad


def _as_number(cell: Any) -> Any:
    if isinstance(cell, str):
        cell = cell.strip()
        if not cell or cell in NULL_WORDS:
            return None
        return float(cell) if _NUMBER.fullmatch(cell) else _BAD
    if isinstance(cell, (bool, np.bool_)) or not isinstance(cell, (Real, Decimal)):
        return _BAD
    return float(cell)


def read_numbers(column: pd.Series, decimal: str) -> pd.Series:
    """Read a column of numbers of a plausible size, null where there is none."""
    numbers, bad = read_floats(column, decimal)
    remedy = "Correct them, or leave them empty."
    check_rows(column, bad, "are not numbers", remedy, code="not_numbers")
    check_rows(
        column,
        np.abs(numbers.to_numpy()) > LARGEST_NUMBER,  # NaN compares as False
        f"hold an infinite number, or one beyond {LARGEST_NUMBER:,}",
        "Grades, scores, weights and course days are smaller: check that each column "
        "holds what its name says.",
        code="immense",
    )
    return numbers


def has_decimal_commas(columns: list[pd.Series]) -> bool:
    """Check whether numbers in text have decimal commas, and none has a point."""
    commas = [column for column in columns if _any_match(column, ",", r"\d*,\d+")]
    points = any(_any_match(column, ".", r"\d*\.\d+") for column in columns)
    return bool(commas) and not points


def _any_match(column: pd.Series, mark: str, pattern: str) -> bool:
    if not isinstance(column.dtype, pd.StringDtype):
        return False
    marked = column[column.str.contains(mark, regex=False, na=False)]
    exponent = r"(?:[eE][+-]?\d+)?\s*"
    return bool(marked.str.fullmatch(rf"\s*[+-]?{pattern}{exponent}").any())
