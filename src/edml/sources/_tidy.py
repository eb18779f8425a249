"""Read the columns of tidy tables: ids, texts, dates and numbers."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from edml._messages import coded, for_python, join
from edml.exceptions import TableError
from edml.schema import BoolArray, FloatArray, IntArray, row_error
from edml.sources._cells import has_decimal_commas, read_numbers
from edml.sources._dates import read_dates
from edml.sources._open import read_table
from edml.sources._raw import naming

_WHOLE = r"(-?\d+)\.0+"  # an id that was a float before it became text


class Labelled(NamedTuple):
    """A text per row: its position in ``labels``, or -1 for none."""

    codes: IntArray
    labels: list[str]

    def at(self, rows: IntArray) -> Any:
        """Take the texts of some rows, null for -1, in the default text dtype."""
        codes = np.append(self.codes, -1)[rows]
        texts = pd.Series(self.labels or [""], dtype="str").array
        return pd.api.extensions.take(texts, codes, allow_fill=True)

    def find_in(self, labels: list[str]) -> IntArray:
        """Return each row's position in other labels, -1 where it is not in them."""
        found = pd.Index(labels, dtype=object).get_indexer(
            pd.Index(self.labels, dtype=object)
        )
        return np.append(found, -1).astype(np.int64)[self.codes]


def find_pairs(
    wanted: tuple[Labelled, Labelled], known: tuple[Labelled, Labelled]
) -> IntArray:
    """Return the first known row of each pair of ids, -1 where the pair is unknown."""
    who, where = (own.find_in(of.labels) for own, of in zip(wanted, known, strict=True))
    width = max(len(known[1].labels), 1)
    codes = known[0].codes * width + known[1].codes
    first = pd.Series(codes).drop_duplicates()
    pairs = np.where((who >= 0) & (where >= 0), who * width + where, -1)
    place = pd.Index(first).get_indexer(pairs)
    return np.append(first.index.to_numpy(), -1).astype(np.int64)[place]


@dataclass(frozen=True)
class TidyTable:
    """One of the tables, and the name that users know.

    Rows of a file are labelled by its lines, others are numbered from 0.
    """

    name: str
    frame: pd.DataFrame
    decimal: str = "."

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, column: str) -> bool:
        return column in self.frame.columns

    def ids(self, column: str, *, required: bool = True) -> Labelled:
        """Read ids as text: 1004, 1004.0 and '1004' are one id, '01004' another."""
        if column not in self:
            return Labelled(np.full(len(self), -1), [])
        codes, found = pd.factorize(self.frame[column])
        labels = _id_texts(pd.Index(found))
        unreadable = np.array([label is None for label in labels], dtype=bool)
        self.check(
            column,
            np.append(unreadable, False)[codes],
            "hold an id with decimals, or a float that is too large to be exact",
            "Read ids as text.",
            code="not_id",
        )
        ids = _merge(codes, [label or "" for label in labels])
        if required:
            self.check(
                column, ids.codes < 0, "have no value", "Drop them, or fix the join."
            )
        return ids

    def texts(self, column: str, *, required: bool = False) -> Labelled:
        """Read texts without surrounding white space; blank ones are null."""
        if column not in self:
            return Labelled(np.full(len(self), -1), [])
        codes, found = pd.factorize(self.frame[column])
        texts = _merge(codes, [str(value).strip() for value in found])
        if required:
            self.check(column, texts.codes < 0, "have no value", "Fill them.")
        return texts

    def numbers(self, column: str) -> FloatArray:
        """Read numbers; an absent column is all null."""
        if column not in self:
            return np.full(len(self), np.nan)
        with naming(self.name):
            found = read_numbers(self.frame[column], self.decimal)
        return found.to_numpy(dtype=np.float64)

    def dates(self, column: str) -> FloatArray:
        """Read dates as epoch seconds; an absent column, null and 0 are missing."""
        if column not in self:
            return np.full(len(self), np.nan)
        with naming(self.name):
            seconds = read_dates(self.frame[column], None, "UTC", ".").seconds
        return np.where(seconds == 0, np.nan, seconds)

    def check(
        self,
        column: str,
        bad: BoolArray,
        problem: str,
        remedy: str,
        code: str = "no_value",
    ) -> None:
        """Raise a `TableError` for the rows that ``bad`` marks."""
        if bad.any():
            with naming(self.name):
                raise row_error(self.frame[column], bad, problem, remedy, code=code)


def read_frame(
    table: object, name: str, known: Sequence[str], notes: list[str]
) -> pd.DataFrame:
    """Return a table, which may be in a file; note what was inferred of the file."""
    if isinstance(table, (str, PathLike)):
        table, found = read_table(table, known=known)
        notes += [f"{name}: {note}" for note in found]
    if not isinstance(table, pd.DataFrame):
        message = f"{name} must be a pandas DataFrame, found {type(table).__name__}."
        raise TableError(message)
    return table


def read_tidy(
    table: object,
    name: str,
    required: Sequence[str],
    optional: Sequence[str],
    notes: list[str],
    *,
    numbers: Sequence[str] = (),
) -> TidyTable:
    """Check the columns of a table; note those that are ignored, and decimal commas."""
    whole = read_frame(table, name, (*required, *optional), notes)
    found = [str(column) for column in whole.columns]
    twice = sorted({column for column in found if found.count(column) > 1})
    if twice:
        message = f"{name} has the columns {twice} more than once. Drop or rename them."
        doubled = coded("doubled_columns", message, table=name, columns=twice)
        raise TableError(doubled)
    absent = [column for column in required if column not in found]
    if absent:
        others = [column for column in found if column not in (*required, *optional)]
        near = {
            column: match
            for column in absent
            for match in difflib.get_close_matches(column, others, n=1)
        }
        message = coded(
            "table_lacks_columns",
            f"{name} lacks the columns {absent}; it has {found}.",
            table=name,
            columns=absent,
        )
        similar = coded("similar_columns", f" Similar columns: {near}.", near=near)
        remedy = for_python(f" Rename them; required are {list(required)}.")
        raise TableError(join(message, similar if near else "", remedy))
    known = [column for column in (*required, *optional) if column in found]
    ignored = sorted(set(found) - set(known))
    if ignored:
        notes.append(
            f"{name}: the columns {ignored} were ignored; optional ones are "
            f"{list(optional)}."
        )
    frame = whole.set_axis(found, axis=1)[known]
    if frame.index.name not in ("line", "record"):
        frame = frame.reset_index(drop=True)
    decimal = "."
    if has_decimal_commas([frame[column] for column in numbers if column in frame]):
        notes.append(f"{name}: numbers have a decimal comma.")
        decimal = ","
    return TidyTable(name, frame, decimal)


def _id_texts(found: pd.Index) -> list[str] | list[str | None]:
    """Return ids as texts, the usual kinds of them at once, because they are many."""
    if pd.api.types.is_integer_dtype(found.dtype):
        return [*found.astype(str)]
    if isinstance(found.dtype, pd.StringDtype):
        return [*found.str.strip().str.replace(rf"^{_WHOLE}$", r"\1", regex=True)]
    return [_id_text(value) for value in found]


def _id_text(value: object) -> str | None:
    """Return an id as text, or None for a number that is not exactly one."""
    if isinstance(value, str):
        text = value.strip()
        whole = re.fullmatch(_WHOLE, text)
        return whole[1] if whole else text
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, float):  # a column of whole numbers with nulls
        exact = value.is_integer() and abs(value) < 2**53
        return str(int(value)) if exact else None
    return str(value).strip()


def _merge(codes: IntArray, labels: list[str]) -> Labelled:
    """Merge the codes of equal labels; those of empty ones become -1."""
    if len({*labels, ""}) > len(labels):  # all differ, and none is empty
        return Labelled(codes.astype(np.int64), labels)
    distinct = [label for label in dict.fromkeys(labels) if label]
    position = {label: place for place, label in enumerate(distinct)}
    merged = np.array([*(position.get(label, -1) for label in labels), -1])
    return Labelled(merged.astype(np.int64)[codes], distinct)
