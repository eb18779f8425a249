"""The event table: its columns and periods, how they are read, how they fail.

Everything that reads a column of an event table reads it through this module,
so that a null, a text, a datetime or a bad number means the same everywhere.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edml.exceptions import TableError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

STUDENT = "user_uuid"
COURSE = "course_uuid"
PARTITION = "particion"
PERIOD = "periodo"
FINAL_GRADE = "nota_final_materia"

#: A student, a course, a course day: one snapshot.
SNAPSHOT_KEYS = (STUDENT, COURSE, PARTITION)

REQUIRED_COLUMNS = (
    *SNAPSHOT_KEYS,
    "nombre_examen",
    "nota_parcial",
    "assignment_id",
    "ass_name",
    "ass_due_at",
    "ass_unlock_at",
    "ass_name_sub",
    "score",
    "s_submitted_at",
    "s_graded_at",
)
NAME_COLUMNS = ("nombre_examen", "ass_name", "ass_name_sub")
NUMBER_COLUMNS = (FINAL_GRADE, "nota_parcial", "points_possible", "score")
EPOCH_COLUMNS = (
    "fecha_mesa_epoch",
    "ass_created_at",
    "ass_due_at",
    "ass_unlock_at",
    "ass_lock_at",
    "s_submitted_at",
    "s_graded_at",
    "s_created_at",
)
#: Every column that the event table may have, in the platform's order.
COLUMNS = (
    STUDENT,
    COURSE,
    "course_name",
    "legajo",
    PERIOD,
    PARTITION,
    FINAL_GRADE,
    "nombre_examen",
    "nota_parcial",
    "fecha_mesa_epoch",
    "assignment_id",
    "ass_name",
    "points_possible",
    "ass_created_at",
    "ass_due_at",
    "ass_unlock_at",
    "ass_lock_at",
    "ass_name_sub",
    "sub_uuid",
    "score",
    "submission_type",
    "s_submitted_at",
    "s_graded_at",
    "s_created_at",
)

#: The exam names of each kind; the kind "overall" is every exam.
EXAM_KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "parciales": ("PRIMER PARCIAL(20)", "SEGUNDO PARCIAL(20)"),
        "integradores": ("INTEGRADOR(30)",),
        "recuperatorios": (
            "RECUPERATORIO PRIMER PARCIAL(20)",
            "RECUPERATORIO SEGUNDO PARCIAL(20)",
        ),
    }
)

SECONDS_PER_DAY = 86_400
_LARGEST_PARTITION = 2**53  # whole numbers are exact in a float up to here
_PERIOD = re.compile(r"\s*0?([12])-(\d{4})\s*", flags=re.ASCII)


class Names(NamedTuple):
    """The rows of a name column that hold a name.

    Attributes
    ----------
    rows : ndarray of shape (n_named,)
        Positions of the rows with a name.
    codes : ndarray of shape (n_named,)
        For each of them, the position of its name in ``labels``.
    labels : list of str
        The distinct names, stripped of surrounding white space.
    """

    rows: IntArray
    codes: IntArray
    labels: list[str]


# -- which columns ------------------------------------------------------------


def resolve_columns(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Give the actual name of every canonical column.

    Parameters
    ----------
    columns : mapping of str to str or None
        ``{canonical: actual}`` for the columns whose names differ.

    Returns
    -------
    names : dict
        An entry for each of `COLUMNS`.

    Raises
    ------
    ValueError
        If a key is not a canonical column name, or two canonical columns are
        read from one actual column.
    """
    names = dict(zip(COLUMNS, COLUMNS, strict=True))
    if columns is None:
        return names
    if not isinstance(columns, Mapping):
        message = (
            "columns maps canonical to actual names, {'user_uuid': 'student'}; "
            f"found {type(columns).__name__}."
        )
        raise TypeError(message)
    for canonical in columns:
        if canonical not in names:
            raise ValueError(_unknown(canonical, COLUMNS, "columns", "column"))
    names.update(columns)
    actual = list(columns.values())
    shared = sorted({str(name) for name in actual if actual.count(name) > 1})
    if shared:
        message = f"columns reads {shared} twice: give each canonical column its own."
        raise ValueError(message)
    return names


def resolve_exam_kinds(
    exam_kinds: Mapping[str, Iterable[str]] | None,
) -> dict[str, tuple[str, ...]]:
    """Give the exam names of every kind.

    Parameters
    ----------
    exam_kinds : mapping of str to iterable of str or None
        The names of the kinds to change; a kind left out keeps its own.

    Returns
    -------
    kinds : dict
        An entry for each kind of `EXAM_KINDS`, its names stripped.

    Raises
    ------
    ValueError
        If a kind is unknown, its names are one string, or a name is in two
        kinds.
    """
    kinds = dict(EXAM_KINDS)
    for kind, names in (exam_kinds or {}).items():
        if kind not in EXAM_KINDS:
            raise ValueError(_unknown(kind, EXAM_KINDS, "exam_kinds", "exam kind"))
        if isinstance(names, str):
            message = f"exam_kinds[{kind!r}] is one string; give a list of names."
            raise ValueError(message)  # noqa: TRY004 - a value of the wrong form
        kinds[kind] = tuple(name.strip() for name in names)
    every = [name for names in kinds.values() for name in set(names)]
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        message = f"exam_kinds names {twice} in two kinds; an exam has one kind."
        raise ValueError(message)
    return kinds


def _unknown(found: object, known: Collection[str], where: str, what: str) -> str:
    near = difflib.get_close_matches(str(found), known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{where} has an unknown {what} {found!r}. {hint}Known: {list(known)}."


def check_table(X: object, required: Iterable[str] = ()) -> pd.DataFrame:
    """Check that ``X`` is a DataFrame with the columns ``required``.

    Parameters
    ----------
    X : DataFrame
        The event table.
    required : iterable of str
        Actual names of the columns that must be there, once each.

    Returns
    -------
    X : DataFrame
        The same object.

    Raises
    ------
    TableError
        If ``X`` is not a DataFrame, or a column is absent or there twice.
    """
    if not isinstance(X, pd.DataFrame):
        message = (
            f"Expected the event table as a pandas DataFrame, found "
            f"{type(X).__name__}. Its columns are read by name: pass the DataFrame "
            "itself, not its values."
        )
        raise TableError(message)
    have = X.columns
    required = list(required)
    absent = [name for name in required if name not in have]
    if absent:
        others = [str(name) for name in have if name not in required]
        near = {
            name: difflib.get_close_matches(name, others, n=1)[0]
            for name in absent
            if difflib.get_close_matches(name, others, n=1)
        }
        hint = f" Similar columns: {near}." if near else ""
        message = (
            f"The event table lacks {absent}.{hint} Rename the columns, or map them "
            "with columns={canonical: actual}."
        )
        raise TableError(message)
    if not have.is_unique:
        twice = sorted({str(name) for name in have[have.duplicated()]} & {*required})
        if twice:
            message = f"The event table has the columns {twice} more than once."
            raise TableError(message)
    return X


# -- how columns are read -----------------------------------------------------


def read_keys(column: pd.Series) -> pd.Series:
    """Check that a key column has no null.

    Parameters
    ----------
    column : Series
        The column of students or courses.

    Returns
    -------
    column : Series
        The same object.

    Raises
    ------
    TableError
        If a key is null.
    """
    null = column.isna().to_numpy()
    if null.any():
        raise _row_error(column, null, "have no value", "Drop them, or mend the join.")
    return column


def read_numbers(column: pd.Series) -> FloatArray:
    """Read a column of numbers; null is NaN.

    Parameters
    ----------
    column : Series
        Numbers of any dtype, or text that spells numbers.

    Returns
    -------
    values : ndarray of shape (n_rows,)
        The numbers; treat it as read-only, for it may share the column's memory.

    Raises
    ------
    TableError
        If a value is not a number, or is infinite.
    """
    values = _as_floats(column)
    infinite = np.isinf(values)
    if infinite.any():
        raise _row_error(
            column, infinite, "hold an infinite number", "Make them null or finite."
        )
    return values


def read_partitions(column: pd.Series) -> IntArray:
    """Read the partitions; null is partition 0.

    Parameters
    ----------
    column : Series
        Course days, whole numbers from 0 on.

    Returns
    -------
    partitions : ndarray of shape (n_rows,)

    Raises
    ------
    TableError
        If a partition is not a number, or is infinite, negative or fractional.
    """
    values = read_numbers(column)
    bad = (values < 0) | (values > _LARGEST_PARTITION)  # NaN compares as False
    if bad.any():
        raise _row_error(
            column,
            bad,
            "hold a negative or immense partition",
            "A partition is a course day, counted from 0: move or drop them.",
        )
    partitions: IntArray = np.nan_to_num(values).astype(np.int64)
    fractional = ~np.isnan(values) & (partitions != values)
    if fractional.any():
        raise _row_error(
            column,
            fractional,
            "hold a fractional partition",
            "Partitions are whole numbers: round them down.",
        )
    return partitions


def read_epochs(column: pd.Series) -> FloatArray:
    """Read dates as epoch seconds; null and 0 are missing, hence NaN.

    Parameters
    ----------
    column : Series
        Epoch seconds, or datetimes (those without a time zone are UTC).

    Returns
    -------
    seconds : ndarray of shape (n_rows,)

    Raises
    ------
    TableError
        If a value is neither a number nor a datetime, or is infinite or
        negative.
    """
    if column.dtype == object and len(column) and _holds_datetimes(column):
        column = pd.to_datetime(column, utc=True).rename(column.name)
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        seconds = _datetimes_as_seconds(column)
    else:
        seconds = read_numbers(column)
    negative = seconds < 0
    if negative.any():
        raise _row_error(
            column,
            negative,
            "hold a date before 1970",
            "Dates are epoch seconds, 0 or null where missing.",
        )
    return np.where(seconds == 0, np.nan, seconds)


def read_names(column: pd.Series) -> Names:
    """Read a column of names, compared after stripping white space.

    Parameters
    ----------
    column : Series
        Names; null, empty and blank are no name.

    Returns
    -------
    names : Names
        The rows that hold a name, and which.
    """
    values = column.array
    rows = np.flatnonzero(~np.asarray(values.isna() if hasattr(values, "isna") else
                                      pd.isna(values)))
    codes, found = pd.factorize(values[rows])
    stripped = [str(name).strip() for name in found]
    if all(stripped) and stripped == list(found):
        return Names(rows, codes, stripped)
    merged, labels = pd.factorize(np.array(stripped, dtype=object))
    codes = merged[codes] if len(merged) else codes
    if "" in stripped:
        blank = list(labels).index("")
        named = codes != blank
        rows, codes = rows[named], codes[named]
        codes = codes - (codes > blank)
        labels = np.delete(labels, blank)
    return Names(rows, codes, list(labels))


def read_periods(column: pd.Series) -> tuple[IntArray, list[str], IntArray]:
    """Read half-years, in either form: '1-2022' or '01-2022'.

    Parameters
    ----------
    column : Series
        'S-YYYY' or 'SS-YYYY', S 1 or 2; null stays null.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        For each row, the position of its period below; -1 where it is null.
    labels : list of str
        The periods as 'SS-YYYY', in calendar order.
    half_years : ndarray of shape (n_periods,)
        The number of half-years since year 0, by which they are ordered.

    Raises
    ------
    TableError
        If a period does not parse.
    """
    codes, found = pd.factorize(column.array)
    parsed = [_PERIOD.fullmatch(str(period)) for period in found]
    unreadable = np.array([match is None for match in parsed], dtype=bool)
    if unreadable.any():
        bad = np.append(unreadable, False)[codes]  # code -1 is null: the last entry
        raise _row_error(
            column,
            bad,
            "hold no period",
            "Periods are 'S-YYYY' or 'SS-YYYY', S being 1 or 2: '01-2022'.",
        )
    half_year = np.array(
        [2 * int(match[2]) + int(match[1]) - 1 for match in parsed if match],
        dtype=np.int64,
    )
    half_years, merged = np.unique(half_year, return_inverse=True)
    labels = [f"{half % 2 + 1:02d}-{half // 2:04d}" for half in half_years.tolist()]
    return np.append(merged, -1)[codes], labels, half_years


def known_partitions(
    partition: IntArray,
    submitted: FloatArray,
    graded: FloatArray,
    partition_days: float,
) -> IntArray:
    """Give the partition from which each score is known.

    That is the row's own partition, plus the UTC calendar days from submission
    to grading where both dates are given and grading came later.

    Parameters
    ----------
    partition : ndarray of shape (n_rows,)
        The rows' own partitions.
    submitted, graded : ndarray of shape (n_rows,)
        Epoch seconds, NaN where missing.
    partition_days : float
        Length of a partition in days; a part of a partition counts as one.

    Returns
    -------
    known : ndarray of shape (n_rows,)
    """
    days = graded // SECONDS_PER_DAY - submitted // SECONDS_PER_DAY
    wait = np.ceil(np.nan_to_num(np.maximum(days, 0.0)) / partition_days)
    return partition + np.minimum(wait, _LARGEST_PARTITION).astype(np.int64)


def snapshot_codes(X: pd.DataFrame, columns: Mapping[str, str]) -> IntArray:
    """Number the snapshots of an event table.

    Parameters
    ----------
    X : DataFrame
        An event table, or what `FeatureEngineer` gives.
    columns : mapping of str to str
        Actual names of the three key columns, by canonical name.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        Equal for two rows of one student, course and partition, and only then.
    """
    check_table(X, [columns[key] for key in SNAPSHOT_KEYS])
    students, _ = pd.factorize(read_keys(X[columns[STUDENT]]).array)
    courses, _ = pd.factorize(read_keys(X[columns[COURSE]]).array)
    partitions, _ = pd.factorize(read_partitions(X[columns[PARTITION]]))
    history, _ = pd.factorize(combine_codes(students, courses))
    return combine_codes(history, partitions)


def combine_codes(first: IntArray, second: IntArray) -> IntArray:
    """Join two columns of codes into one; equal pairs get equal codes."""
    width = int(second.max()) + 1 if len(second) else 1
    return first.astype(np.int64) * width + second


# -- dtypes, and errors -------------------------------------------------------


def _as_floats(column: pd.Series) -> FloatArray:
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64)
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if dtype.kind in "Mmc":
        unreadable = column.notna().to_numpy()
        values = np.full(len(column), np.nan)
    else:  # text, categories, or objects of several kinds
        given = column.astype(object)
        values = pd.to_numeric(given, errors="coerce").to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        unreadable = np.isnan(values) & column.notna().to_numpy()
    if unreadable.any():
        raise _row_error(
            column, unreadable, "are not numbers", "Mend them, or make them null."
        )
    return values


def _holds_datetimes(column: pd.Series) -> bool:
    return pd.api.types.infer_dtype(column, skipna=True).startswith(("datetime", "date"))


def _datetimes_as_seconds(column: pd.Series) -> FloatArray:
    """Convert datetimes to epoch seconds, NaT to NaN."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dt.tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    microseconds = column.to_numpy(dtype="datetime64[us]")
    return np.where(
        np.isnat(microseconds), np.nan, microseconds.astype(np.int64) / 1e6
    )


def _row_error(
    column: pd.Series, bad: BoolArray, problem: str, remedy: str
) -> TableError:
    rows = np.flatnonzero(bad)
    labels: list[Any] = column.index[rows[:5]].tolist()
    more = ", ..." if len(rows) > 5 else ""
    shown = ", ".join(repr(label) for label in labels)
    return TableError(
        f"Column {column.name!r}: {len(rows)} of {len(column)} rows {problem} "
        f"(row labels {shown}{more}). {remedy}"
    )
