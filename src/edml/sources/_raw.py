"""A table as it was found in a file or frame, before its columns are read."""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import BinaryIO, Literal, NamedTuple, Protocol, TypeAlias

import pandas as pd

from edml._messages import join, table_error
from edml.exceptions import TableError


class ArrowTable(Protocol):
    """A table of a library that follows the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


Source: TypeAlias = str | PathLike[str] | BinaryIO | pd.DataFrame | ArrowTable
Format = Literal["csv", "excel", "json", "parquet", "arrow", "pandas"]
_COLUMN = re.compile(
    r"(?P<column>\w+)(?P<needed>!?)(?:>(?P<parent>\w+))?(?::(?P<name>\w+))?"
)
LARGEST_SIZE = 4 * 2**30  # bytes that a compressed file may unpack to


class Dialect(NamedTuple):
    """How a file is written; None means to detect it, or that its format has none."""

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
    return table_error(
        "several_headers",
        "The column names have several levels (a MultiIndex). Join them to one name "
        "each, as in X.columns = ['_'.join(names) for names in X.columns].",
    )


class Described(NamedTuple):
    """The columns of a platform's table that are read, and the kind of each."""

    columns: dict[str, str]
    names: dict[str, str]  # by which edml calls them
    needs: list[str]  # the others are missing values where they are absent
    parent: tuple[str, str] | None  # the column that holds the ids of a table


def describe_tables(text: str) -> dict[str, Described]:
    """Read descriptions such as ``enrol id(id! courseid!>course) number(status)``.

    A table has its columns in the brackets of their kind: ``!`` marks those that it
    needs, ``>`` the table whose ids a column holds, and ``:`` the name it gets here.
    """
    tables = {}
    for table in re.split(r"\n(?=\w)", text.strip()):
        name, _, described = table.partition(" ")
        found = Described({}, {}, [], None)
        for kind, inside in re.findall(r"(\w+)\(([^)]*)\)", described):
            for one in _COLUMN.finditer(inside):
                column = one["column"]
                found.columns[column] = kind
                found.names[column] = one["name"] or column
                found.needs.extend([column] if one["needed"] else [])
                if one["parent"]:
                    found = found._replace(parent=(column, one["parent"]))
        tables[name] = found
    return tables
