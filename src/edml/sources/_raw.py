"""A table as it was found in a file or frame, before its columns are read."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import BinaryIO, Literal, NamedTuple, Protocol, TypeAlias

import pandas as pd

from edml._messages import coded, join
from edml.exceptions import TableError


class ArrowTable(Protocol):
    """A table of a library that follows the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


Source: TypeAlias = str | PathLike[str] | BinaryIO | pd.DataFrame | ArrowTable
Format = Literal["csv", "excel", "json", "parquet", "arrow", "pandas"]
LARGEST_SIZE = 4 * 2**30  # bytes that a compressed file may unpack to


class Dialect(NamedTuple):
    """How a file is written; None is to be detected, or not of its format."""

    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    sheet: str | None = None


UNKNOWN = Dialect()


class Expected(NamedTuple):
    """The names of columns that a table may have, in any order."""

    known: Collection[str] = ()
    required: Collection[str] = ()
    numbers: Collection[str] = ()  # those that may be read as floats from CSV


@dataclass
class Raw:
    """A table and where it is from.

    An index named "line" or "record" numbers the rows as the file does, from 1.
    """

    format: Format
    frame: pd.DataFrame
    notes: list[str]
    dialect: Dialect = UNKNOWN
    header: str = "The table"  # what holds the column names, for messages


@contextmanager
def naming(what: str | None) -> Iterator[None]:
    """Name a table or its file in errors about it."""
    try:
        yield
    except TableError as error:
        message = error.args[0] if what is None else join(f"{what}: ", error.args[0])
        raise TableError(message, column=error.column, rows=error.rows) from None


def label_lines(numbers: Sequence[int] | pd.Index) -> pd.Index:
    """Return an index that numbers rows by the lines of their file."""
    return pd.Index(numbers, name="line")


def two_headers() -> TableError:
    """Return the error for column names on several levels."""
    message = coded(
        "several_headers",
        "The column names have several levels (a MultiIndex). Join them to one name "
        "each, as in X.columns = ['_'.join(names) for names in X.columns].",
    )
    return TableError(message)


def columns_by_kind(kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the kind of each column, from the columns of each kind."""
    return {name: kind for kind, names in kinds.items() for name in names.split()}
