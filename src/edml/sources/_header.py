"""Check the names of a table's columns, and leave out those of a bare index."""

import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from edml._messages import coded, for_python, join, table_error
from edml.exceptions import TableError
from edml.schema import check_table
from edml.sources._raw import Expected, Raw, two_headers

# what pandas, DuckDB and polars make of a name that is there twice
_RENAMED = re.compile(r"(.+?)(\.\d+|:\d+|_duplicated_\d+)", re.DOTALL)
_UNNAMED = re.compile(r"\s*|Unnamed: \d+(_level_\d+)?|__index_level_\d+__")
_WHOLE = r"\d{1,15}(?:\.0)?"
_INVISIBLE = re.compile(r"[\s_\-\u200b\ufeff]+")
#: How many rows are searched for the column names.
N_TOP = 10


def check_header(raw: Raw, expected: Expected) -> None:
    """Take known names from the index, and reject doubtful column names.

    A column without a name is left out if it is empty or numbers the rows, as an index
    does that was written with the table.
    """
    frame = raw.frame
    if isinstance(frame.columns, pd.MultiIndex):
        raise two_headers()
    kept = [
        name
        for name in frame.index.names
        if name in expected.known and name not in frame.columns
    ]
    if kept:
        frame = frame.reset_index(level=kept)
        if isinstance(frame.index, pd.RangeIndex):
            frame = frame.reset_index(drop=True)
        message = f"Columns kept in the index were read as columns: {kept}."
        raw.notes.append(coded("read_index", message, columns=kept))
    names = [name if isinstance(name, str) else None for name in frame.columns]
    unnamed = [name is not None and bool(_UNNAMED.fullmatch(name)) for name in names]
    for place in np.flatnonzero(unnamed):
        _check_unnamed(raw, frame.iloc[:, place], int(place))
    if any(unnamed):
        frame = frame.loc[:, ~np.array(unnamed)]
    check_names(raw.header, list(frame.columns), expected, _describe_index(frame.index))
    raw.frame = frame


def _describe_index(index: pd.Index) -> str:
    """Return a sentence about an index that may hold a column by another name."""
    names = [name for name in index.names if name not in ("line", "record")]
    if not names or isinstance(index, pd.RangeIndex):
        return ""
    shown = [name for name in names if name is not None] or "no name"
    return for_python(
        f" Its index has {shown}: if it holds one of them, name it so, as in "
        "X.rename_axis('user_uuid')."
    )


def check_names(
    where: str, names: Sequence[Any], expected: Expected, hint: str = ""
) -> None:
    """Check that the required names are there, and each once."""
    texts = [name for name in names if isinstance(name, str) and name.strip()]
    doubled = sorted({name for name in texts if texts.count(name) > 1})
    if doubled:
        raise table_error(
            "doubled_names",
            f"{where} holds the column names {doubled} more than once. Rename or drop "
            "all but one of each.",
            columns=doubled,
        )
    for name in texts:
        renamed = _RENAMED.fullmatch(name)
        if renamed and renamed[1] in expected.known and renamed[1] in texts:
            raise table_error(
                "renamed_name",
                f"{where} holds the columns {renamed[1]!r} and {name!r}, as if a name "
                "had been there twice and one was changed. Drop the wrong one, or "
                "rename it.",
                first=renamed[1],
                second=name,
            )
    _check_spellings(where, texts, expected.known)
    try:
        check_table(pd.DataFrame(columns=names), expected.required)
    except TableError as error:
        raise TableError(join(error.args[0], hint)) from None


def _check_spellings(where: str, names: list[str], known: Collection[str]) -> None:
    """Raise for a name that is a known one but for case, spaces or underscores."""
    meant = {_fold(name): name for name in known}
    for name in names:
        other = meant.get(_fold(name))
        if other is not None and name not in known:
            doubled = f"beside {other!r}" if other in names else f"instead of {other!r}"
            raise table_error(
                "similar_name",
                f"{where} holds the column {name!r} {doubled}: they differ in upper "
                "and lower case, spaces, hyphens or underscores only. Rename it, or "
                "drop it if it is another column.",
                column=name,
                expected=other,
            )


def _fold(name: str) -> str:
    return _INVISIBLE.sub("", name.casefold())


def check_top(
    rows: Sequence[tuple[int, Sequence[Any]]], known: Collection[str]
) -> None:
    """Raise if a row below the first one holds the column names."""
    (first, names), *below = rows
    n_known = len(set(known).intersection(names))
    for line, cells in below:
        if len(set(known).intersection(cells)) > n_known:
            above = (
                f"line {first}" if line == first + 1 else f"lines {first} to {line - 1}"
            )
            raise table_error(
                "below_title",
                f"The column names are in line {line}, below a title. Delete {above}, "
                "so that the names come first.",
                line=line,
            )


def _check_unnamed(raw: Raw, column: pd.Series, place: int) -> None:
    """Raise for a column without a name that holds data."""
    filled = column.notna().to_numpy()
    if not filled.any():
        return
    if filled.all() and _is_counting(column):
        message = coded(
            "left_out_numbers",
            f"Column {place + 1} has no name and numbers the rows; it was left out. "
            "Write the table without its index.",
            place=place + 1,
        )
        raw.notes.append(message)
        return
    raise table_error(
        "unnamed_column",
        f"{raw.header} holds no name for column {place + 1}, which has values. Name "
        "it, or leave it out; an index is left out with to_csv(index=False).",
        place=place + 1,
    )


def _is_counting(column: pd.Series) -> bool:
    """Check whether the values are whole numbers that increase."""
    texts = column.astype(str)
    if not texts.str.fullmatch(_WHOLE).all():
        return False
    return bool((np.diff(texts.astype(float).to_numpy()) > 0).all())
