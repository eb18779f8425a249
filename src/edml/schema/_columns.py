"""The columns of the event table, and checks of a table's columns."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any

import pandas as pd

from edml._messages import coded, for_python, join
from edml.exceptions import TableError

STUDENT = "user_uuid"
COURSE = "course_uuid"
PARTITION = "particion"
PERIOD = "periodo"
FINAL_GRADE = "nota_final_materia"

#: A student, a course, a course day: one snapshot.
SNAPSHOT_KEYS = (STUDENT, COURSE, PARTITION)

#: What the columns begin with that count what a student did, by kind.
ACTIVITY_PREFIX = "activity_"
#: Of the means of a course on each day, which edml.add_course_context adds.
CONTEXT_PREFIX = "context_"

#: The columns that features read. Of them, the keys and one kind of work must be there.
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
NUMBER_COLUMNS = (
    FINAL_GRADE,
    "nota_parcial",
    "points_possible",
    "ass_weight",
    "score",
)
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
    "ass_weight",
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


def resolve_columns(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Return the actual name of every canonical column.

    ``columns`` is ``{canonical: actual}`` for those whose names differ. A column whose
    own name is the actual name of another one does not exist: in a table with
    {'user_uuid': 'legajo'}, 'legajo' is the student, and the column legajo gets a name
    that no table has. An unknown canonical name, one actual name used twice, or a key
    without a column is an error.
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
    for canonical, actual in columns.items():
        if canonical not in names:
            raise ValueError(unknown_name(canonical, COLUMNS, "columns", "column"))
        if not isinstance(actual, str):
            message = (
                f"columns maps {canonical!r} to {describe_type(actual)}; pass the name "
                "of a column, a string."
            )
            raise TypeError(message)
    taken = list(columns.values())
    shared = sorted({name for name in taken if taken.count(name) > 1})
    if shared:
        message = f"columns reads {shared} twice. Map each canonical column to another."
        raise ValueError(message)
    shadowed = [name for name in COLUMNS if name in taken and name not in columns]
    keys = [name for name in shadowed if name in SNAPSHOT_KEYS]
    if keys:
        message = (
            f"columns reads {keys} as other columns. Map {keys} to the columns that "
            "hold them."
        )
        raise ValueError(message)
    return names | {name: f"(no {name})" for name in shadowed} | dict(columns)


def columns_of(estimator: object) -> dict[str, str]:
    """Return the actual column names that a model's steps read, by canonical name."""
    for columns in _stated(estimator, "columns"):
        if isinstance(columns, Mapping):
            return resolve_columns(columns)
    return resolve_columns(None)


def step_parameter(estimator: object, name: str, default: Any) -> Any:
    """Return a parameter of the first step that sets it, such as `partition_days`.

    The estimator is a pipeline, fitted or not, or a model or search around one.
    """
    return next(_stated(estimator, name), default)


def _stated(estimator: object, name: str) -> Iterator[Any]:
    for wrapped in ("pipeline_", "best_estimator_", "estimator"):
        inner = getattr(estimator, wrapped, None)
        if inner is not None and not isinstance(inner, str):
            yield from _stated(inner, name)
            return
    for _, step in getattr(estimator, "steps", [("", estimator)]):
        value = getattr(step, name, None)
        if value is not None:
            yield value


def canonical_names(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of the user's names, such as a contact list, by canonical ones."""
    return table.rename(columns={actual: name for name, actual in columns.items()})


def is_event_table(X: object, columns: Mapping[str, str]) -> bool:
    """Check whether ``X`` is a DataFrame with the student, course and partition.

    A table of another library with these columns is an error: its rows must not be
    taken for those of a plain table.
    """
    keys = {columns[key] for key in SNAPSHOT_KEYS}
    if isinstance(X, pd.DataFrame):
        return keys <= set(X.columns)
    have = getattr(X, "column_names", getattr(X, "columns", ()))  # pyarrow, others
    if isinstance(have, Iterable) and keys <= {n for n in have if isinstance(n, str)}:
        check_table(X)
    return False


def has_context(names: Iterable[object]) -> bool:
    """Check whether any of the names is that of a mean of the course."""
    return any(str(name).startswith(CONTEXT_PREFIX) for name in names)


def unknown_name(found: object, known: Collection[str], where: str, what: str) -> str:
    """Return the message for an unknown name, with the nearest known one."""
    near = difflib.get_close_matches(str(found), known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{where} has an unknown {what} {found!r}. {hint}Known: {list(known)}."


def check_table(X: object, required: Iterable[str] = ()) -> pd.DataFrame:
    """Return ``X`` if it is a DataFrame with each required column once.

    Raise a `TableError` for anything else. ``required`` holds actual names.
    """
    if not isinstance(X, pd.DataFrame):
        message = (
            "Expected the event table as a pandas DataFrame, found "
            f"{describe_type(X)}. {how_to_convert(X)}"
        )
        raise TableError(message)
    have = X.columns
    if isinstance(have, pd.MultiIndex):
        message = coded(
            "several_headers",
            f"The event table has {have.nlevels} levels of column names. Keep one: "
            "X.columns = X.columns.get_level_values(0).",
        )
        raise TableError(message)
    required = list(required)
    absent = [name for name in required if name not in have]
    if absent:
        others = [str(name) for name in have if name not in required]
        near = {
            name: difflib.get_close_matches(name, others, n=1)[0]
            for name in absent
            if difflib.get_close_matches(name, others, n=1)
        }
        similar = coded("similar_columns", f" Similar columns: {near}.", near=near)
        hint = describe_index(X, absent) or (similar if near else "")
        lacks = coded(
            "missing_columns", f"The event table lacks {absent}.", columns=absent
        )
        remedy = " Rename the columns, or map them with columns={canonical: actual}."
        raise TableError(join(lacks, hint, for_python(remedy)))
    if not have.is_unique:
        twice = sorted({str(name) for name in have[have.duplicated()]} & {*required})
        if twice:
            message = coded(
                "doubled_names",
                f"The event table has the columns {twice} more than once.",
                columns=twice,
            )
            raise TableError(message)
    return X


def describe_index(X: pd.DataFrame, absent: Collection[str]) -> str:
    """Return a sentence about absent columns that the index holds, or ''."""
    levels = [name for name in X.index.names if name in absent]
    if not levels:
        return ""
    message = f" Its index holds {levels}: pass X.reset_index()."
    return coded("columns_in_index", message, columns=levels)


def check_array_like(X: object) -> None:
    """Raise a `TableError` for what is no table of rows, such as a dict or a path."""
    if isinstance(X, list | tuple) or hasattr(X, "__array__") or hasattr(X, "toarray"):
        return
    message = (
        "Expected a table of rows and columns, such as a pandas DataFrame; found "
        f"{describe_type(X)}. {how_to_convert(X)}"
    )
    raise TableError(message)


def describe_type(X: object) -> str:
    """Name the type of what was passed, and its library: 'polars DataFrame'."""
    library = type(X).__module__.partition(".")[0]
    own = library in ("builtins", "numpy", "pandas")
    return type(X).__name__ if own else f"{library} {type(X).__name__}"


def how_to_convert(X: object) -> str:
    """Say how to make a pandas DataFrame of what was passed."""
    if isinstance(X, str | PathLike):
        return "Read the file first: edml.read_events(X)."
    if isinstance(X, Mapping) or (isinstance(X, list) and X and type(X[0]) is dict):
        return "Convert it first: pandas.DataFrame(X)."
    if hasattr(X, "collect") and not hasattr(X, "to_pandas"):
        return "Convert it first: X.collect().to_pandas()."
    for method in ("to_pandas", "toPandas", "_to_pandas", "df", "compute", "execute"):
        if callable(getattr(X, method, None)):
            return f"Convert it first: X.{method}()."
    return "Its columns are read by name: pass the DataFrame itself, not its values."
