"""A table as it was found in a file or frame, before its columns are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import pandas as pd

Format = Literal["csv", "excel", "json", "parquet", "arrow", "pandas"]
LARGEST_SIZE = 4 * 2**30  # bytes that a compressed file may unpack to


class Dialect(NamedTuple):
    """How a CSV file is written; None is to be detected."""

    sep: str | None
    decimal: str | None
    encoding: str | None


@dataclass
class Raw:
    """A table and where it is from.

    An index named "line" or "record" numbers the rows as the file does, from 1.
    """

    format: Format
    frame: pd.DataFrame
    notes: list[str]
    dialect: Dialect = Dialect(None, None, None)
    header: str = "The table"  # what holds the column names, for messages
    sheet: str | None = None


def label_lines(numbers: Sequence[int] | pd.Index) -> pd.Index:
    """Return an index that numbers rows by the lines of their file."""
    return pd.Index(numbers, name="line")
