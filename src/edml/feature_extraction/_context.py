"""Course context: what the students of a course have done by each day, on average."""

import math
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.feature_extraction._activity import ActivityFeatures
from edml.feature_extraction._progress import ProgressFeatures
from edml.schema import (
    ACTIVITY_PREFIX,
    CONTEXT_PREFIX,
    COURSE,
    PARTITION,
    SNAPSHOT_KEYS,
    STUDENT,
    FloatArray,
    IntArray,
    check_table,
    factorize_keys,
    read_numbers,
    read_partitions,
    resolve_columns,
)

_PROGRESS = (
    "missed_n",
    "submitted_share",
    "due_score_mean",
    "marks_in_hand",
    "score_last",
)
_ACTIVITY = (
    "actions_n",
    "actions_n_14d",
    "actions_n_28d",
    "active_n",
    "active_n_14d",
    "active_n_28d",
)
#: The features that are compared with the course, by the set of features.
RELATIVE_FIGURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"classic": (), "progress": _PROGRESS, "full": _PROGRESS + _ACTIVITY}
)
_OPEN_DAYS = 14  # a student without a row for so long has left, as far as is known
_OLD_DAYS = 7


def comparable(figure: str, values: FloatArray) -> FloatArray:
    """Return a figure on the scale on which it is averaged and compared."""
    # few students do most of the clicks
    return np.log1p(values) if figure.startswith("actions_") else values


def make_course_context(
    X: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    partition_days: float = 1.0,
) -> pd.DataFrame:
    """Compute what the students of each course have done by each day, on average.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table of whole courses.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ from the
        canonical ones.
    partition_days : float, default=1.0
        Length of a partition in days, > 0.

    Returns
    -------
    context : DataFrame of shape (n_course_days, 3 + n_figures)
        One row for each course and each partition that the course has in ``X``, under
        the names that ``X`` has for them, sorted. ``n_students`` is the number of open
        students. ``context_<figure>`` is their mean of a feature of `ProgressFeatures`
        (``missed_n``, ``submitted_share``, ``due_score_mean``, ``marks_in_hand``,
        ``score_last``) or of `ActivityFeatures` (``actions_n`` and ``active_n``, in all
        and of 14 and 28 days), if ``X`` has activity. It leaves out unknown values, and
        is NaN without any. That of ``actions_n...`` is the mean of log(1 + x).

    Raises
    ------
    TableError
        If a column is missing or cannot be read.

    See Also
    --------
    add_course_context : Add the context to an event table.

    Notes
    -----
    A row uses nothing that happened after its partition, so more events later do not
    change it. A student is open on a day with a row in the 14 days up to it: that a
    student will have left is not known earlier.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.feature_extraction import make_course_context
    >>> context = make_course_context(load_activity())
    >>> context[["n_students", "context_missed_n"]].iloc[40].round(1).tolist()
    [139.0, 0.6]
    """
    names = resolve_columns(columns)
    check_table(X, [names[key] for key in SNAPSHOT_KEYS])
    if not len(X):
        message = "X has no row. Pass the events of whole courses."
        raise TableError(message)
    shared: dict[str, Any] = {"columns": columns, "partition_days": partition_days}
    parts: list[tuple[Any, tuple[str, ...]]] = [
        (ProgressFeatures(**shared, fill_value=None).fit(X), _PROGRESS)
    ]
    if any(str(name).startswith(ACTIVITY_PREFIX) for name in X.columns):
        parts.append((ActivityFeatures(**shared, fill_value=None).fit(X), _ACTIVITY))
    read = [names[key] for key in SNAPSHOT_KEYS]
    read += [name for name in X.columns if name not in read]
    open_for = math.ceil(_OPEN_DAYS / partition_days)
    averages = [
        _average(own, partition, open_for, names, parts)
        for own, partition in _courses(X[read], names)
    ]
    return pd.concat(averages, ignore_index=True)


def add_course_context(
    X: pd.DataFrame,
    context: pd.DataFrame | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    partition_days: float = 1.0,
) -> pd.DataFrame:
    """Add to each row what the course's students have done by then, on average.

    With ``features="progress"`` or ``"full"``, `edml.pipeline.make_risk_pipeline` then
    also shows each student's difference from these means, as ``relative_<figure>``.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table; it is not changed.
    context : DataFrame, default=None
        The result of `make_course_context`, such as one computed and stored today, to
        add to some students' rows. None computes it from ``X``, which must then hold
        whole courses: all of their students.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ from the
        canonical ones.
    partition_days : float, default=1.0
        Length of a partition in days, > 0.

    Returns
    -------
    X : DataFrame of shape (n_rows, n_columns + n_figures)
        The rows of ``X`` with the columns ``context_<figure>``: those of the course's
        latest partition in ``context`` up to the row's. NaN where there is none, and
        the differences are unknown then.

    Raises
    ------
    TableError
        If a column is missing or cannot be read, or ``context`` has a course's
        partition twice.
    ValueError
        If ``X`` has a context already.

    Warns
    -----
    UserWarning
        If rows have no context, or one that is more than 7 days older than they are.

    See Also
    --------
    make_course_context : Compute the context, and what it holds.
    edml.sources.add_activity : Add counts of clicks, before the context.

    Notes
    -----
    Add it before students are divided or left out, in training and in use alike. A
    row's features depend on its own history and its own context only, whoever else is
    in the table. The context holds no outcome.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.feature_extraction import add_course_context, make_course_context
    >>> X = load_activity()
    >>> context = make_course_context(X)  # of all students, once a day
    >>> student = X[X["user_uuid"] == X["user_uuid"].iloc[0]]
    >>> add_course_context(student, context).shape[1] - student.shape[1]
    5
    """
    names = resolve_columns(columns)
    check_table(X, [names[key] for key in SNAPSHOT_KEYS])
    clash = [name for name in X.columns if str(name).startswith(CONTEXT_PREFIX)]
    if clash:
        message = (
            f"X has the columns {clash} already. Add the context once, or drop it."
        )
        raise ValueError(message)
    if context is None:
        context = make_course_context(X, columns=columns, partition_days=partition_days)
    check_table(context, [names[COURSE], names[PARTITION]])
    figures = [name for name in context if str(name).startswith(CONTEXT_PREFIX)]
    if not figures:
        message = (
            "context has no column context_..., such as 'context_missed_n'. Compute it "
            "with edml.make_course_context."
        )
        raise TableError(message)
    row, age = _find(X, context, names)
    _warn(row, age * partition_days)
    added = X.copy()
    for name in figures:
        added[name] = np.append(read_numbers(context[name]), np.nan)[row]
    return added


def _courses(
    X: pd.DataFrame, names: Mapping[str, str]
) -> Iterator[tuple[pd.DataFrame, IntArray]]:
    """Yield each course's rows and their partitions, sorted by the course's id."""
    partition = read_partitions(X[names[PARTITION]])
    ids, codes = X[names[COURSE]], factorize_keys(X[names[COURSE]])
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order])) + 1
    for rows in sorted(np.split(order, ends), key=lambda rows: str(ids.iloc[rows[0]])):
        yield X.iloc[rows], partition[rows]


def _average(
    own: pd.DataFrame,
    partition: IntArray,
    open_for: int,
    names: Mapping[str, str],
    parts: list[tuple[Any, tuple[str, ...]]],
) -> pd.DataFrame:
    """Return the context of one course."""
    days, day_of_row = np.unique(partition, return_inverse=True)
    student = factorize_keys(own[names[STUDENT]])
    row_of = np.full((int(student.max()) + 1, len(days)), -1)
    row_of[student, day_of_row] = np.arange(len(own))  # any row of a snapshot
    seen = np.where(row_of >= 0, days, -open_for - 1)
    is_open = np.maximum.accumulate(seen, axis=1) > days - open_for
    # A row without an event, on each day on which an open student has none
    absent_student, absent_day = np.nonzero(is_open & (row_of < 0))
    any_row = row_of.max(axis=1)
    absent = own[[names[STUDENT], names[COURSE]]].iloc[any_row[absent_student]]
    absent = absent.assign(**{names[PARTITION]: days[absent_day]})
    row_of[absent_student, absent_day] = len(own) + np.arange(len(absent))
    table = pd.concat([own, absent], ignore_index=True) if len(absent) else own
    day = np.nonzero(is_open)[1]
    means = {
        names[COURSE]: own[names[COURSE]].iloc[[0]].repeat(len(days)).array,
        names[PARTITION]: days,
        "n_students": np.bincount(day, minlength=len(days)),
    }
    for part, figures in parts:
        described = part._describe(part._read(table), row_of[is_open])
        of = list(part._names())
        for figure in figures:
            values = comparable(figure, described[:, of.index(figure)])
            # in order: the last bits of a sum do not depend on that of the rows
            order = np.lexsort((values, day))
            mean = pd.Series(values[order]).groupby(day[order]).mean()
            means[CONTEXT_PREFIX + figure] = mean.reindex(range(len(days))).to_numpy()
    return pd.DataFrame(means)


def _find(
    X: pd.DataFrame, context: pd.DataFrame, names: Mapping[str, str]
) -> tuple[IntArray, FloatArray]:
    """Return each row's row of the context, -1 if none, and its age in partitions."""
    courses = factorize_keys(
        pd.concat([context[names[COURSE]], X[names[COURSE]]], ignore_index=True)
    )
    day = read_partitions(context[names[PARTITION]])
    n_days = int(day.max(initial=0)) + 1
    known = courses[: len(context)] * n_days + day
    order = np.argsort(known)
    known = known[order]
    if (np.diff(known) == 0).any():
        message = "context has a partition of a course twice. Keep one row of each."
        raise TableError(message)
    partition = read_partitions(X[names[PARTITION]])
    first = courses[len(context) :] * n_days
    place = np.searchsorted(known, first + np.minimum(partition, n_days - 1), "right")
    place -= 1
    found = (place >= 0) & (known[place] >= first) if len(known) else place >= 0
    row = np.where(found, order[place], -1) if len(known) else place
    age = np.where(found, partition - np.append(day, 0)[row], 0).astype(float)
    return row, age


def _warn(row: IntArray, age: FloatArray) -> None:
    absent, old = int((row < 0).sum()), int((age > _OLD_DAYS).sum())
    if absent:
        warnings.warn(
            f"{absent:,} of {len(row):,} rows have no context: their course, or its "
            "days up to theirs, are not in it. What compares them with the course is "
            "unknown.",
            UserWarning,
            stacklevel=3,
        )
    if old:
        warnings.warn(
            f"{old:,} of {len(row):,} rows have a context that is up to "
            f"{age.max():g} days older than they are. Compute it again.",
            UserWarning,
            stacklevel=3,
        )
