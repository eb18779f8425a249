"""What the chunks of a table show about its columns, and whether they agree."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.schema import COURSE, NAME_COLUMNS, PARTITION, STUDENT, plain_spellings
from edml.sources._cells import NULL_WORDS, are_whole
from edml.sources._dates import Dates
from edml.sources._event_columns import NUMBERED, Column


@dataclass(frozen=True)
class ColumnFacts:
    """What the rows of a column show; the whole table may decide how they are read."""

    form: str = ""  # of its dates
    naive: bool = False
    whole: bool = False  # whole numbers had a ``.0``, and were written without it
    tailed: bool = False  # so had texts, which other texts would forbid
    worded: bool = False  # it holds texts that are no whole numbers
    null: bool = False
    largest: float | None = None
    texts: Sequence[str] = ()  # names, and words that may mean null
    ids: str = ""  # hashes of ids, and of what they are but for spelling

    @classmethod
    def from_column(cls, read: Column, given: pd.Series, role: str) -> Self:
        """Collect them from a chunk, and from its column as it was given."""
        if read.dates is not None:
            return cls(read.dates.form, read.dates.naive)
        if role == "score":
            largest = read.cells.max()
            return cls(largest=None if pd.isna(largest) else float(largest))
        null = role in (PARTITION, NUMBERED) and bool(read.cells.isna().any())
        if read.distinct is None:
            return cls(null=null)
        distinct, dtype = read.distinct, given.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            dtype = dtype.categories.dtype
        if role not in NAME_COLUMNS:
            distinct = distinct[distinct.isin(NULL_WORDS)]
        return cls(
            whole=read.whole,
            tailed=read.whole and isinstance(dtype, pd.StringDtype),
            worded=not are_whole(read.distinct),
            null=null,
            texts=sorted(distinct),
            ids=_hash_ids(read.distinct) if role in (STUDENT, COURSE) else "",
        )

    def join(self, other: Self, name: str) -> Self:
        """Return the facts of both but for ids, unless they contradict each other."""
        if self.form and other.form and self.form != other.form:
            raise _torn(name, f"dates as {self.form!r} and as {other.form!r}")
        if self.form and other.form and self.naive != other.naive:
            raise _torn(name, "dates with a time zone and without one")
        either: dict[str, Any] = {
            name: getattr(self, name) or getattr(other, name)
            for name in ("form", "naive", "whole", "tailed", "worded", "null")
        }
        sizes = [one for one in (self.largest, other.largest) if one is not None]
        texts = sorted({*self.texts, *other.texts})
        joined = type(self)(**either, largest=max(sizes, default=None), texts=texts)
        if joined.tailed and joined.worded:
            raise _torn(name, "whole numbers with decimals, such as 1004.0, and texts")
        return joined

    def to_column(self, name: str, ids: Iterable[str]) -> Column:
        """Return a column for the notes of the report; ``ids`` are those of chunks."""
        none = pd.Series(dtype=np.float64)
        largest = [] if self.largest is None else [self.largest]
        return Column(
            pd.Series(largest, dtype=np.float64, name=name),
            Dates(none, self.form, self.naive) if self.form else None,
            self.whole,
            pd.Series(self.texts, dtype="str"),
            _count_alike(ids),
        )


def _hash_ids(distinct: pd.Series) -> str:
    both = [distinct, plain_spellings(distinct)]
    hashes = [pd.util.hash_array(one.to_numpy(dtype=object)) for one in both]
    ids = np.column_stack(hashes).astype("<u8")
    return base64.b64encode(ids.tobytes()).decode()


def _count_alike(ids: Iterable[str]) -> int:
    """Count the ids that are another one but for how they are spelled."""
    hashes = np.frombuffer(b"".join(map(base64.b64decode, ids)), "<u8").reshape(-1, 2)
    return len(np.unique(hashes[:, 0])) - len(np.unique(hashes[:, 1]))


def _torn(name: str, found: str) -> TableError:
    return TableError(
        f"Column {name!r} holds {found}, in different parts of the table. Write it in "
        "one way, or read the parts as separate tables.",
        column=name,
    )
