"""Course context: what the students of a course have done by each day, on average."""

import warnings
from collections.abc import Iterator, Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

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
    check_keys,
    check_table,
    factorize_keys,
    history_codes,
    rank_keys,
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
_MOST_ROWS = 2**18  # described at once


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
    course = rank_keys(X[names[COURSE]])
    partition = read_partitions(X[names[PARTITION]])
    days, day = np.unique(partition, return_inverse=True)
    cells, first, cell = np.unique(
        course * len(days) + day, return_index=True, return_inverse=True
    )
    day_of = days[cells % len(days)]
    # each row's student is open until the course's last partition before this one
    left = np.searchsorted(days, partition + _OPEN_DAYS / partition_days) - 1
    until = np.searchsorted(cells, course * len(days) + left, "right") - 1
    history = history_codes(X[names[STUDENT]], X[names[COURSE]])
    figures = [figure for _, some in parts for figure in some]
    n_students = np.zeros(len(cells), dtype=np.int64)
    high, low, counts = np.zeros((3, len(figures), len(cells)))
    for rows, n_open in _some_students(history, cell, until):
        of, ahead = _count_up(n_open)
        at = cell[rows][of] + ahead
        table, wanted = _add_rows(X.iloc[rows], of, ahead, day_of[at], names)
        n_students += np.bincount(at, minlength=len(cells))
        place = 0
        for part, some in parts:
            described = part._describe(part._read(table), wanted)
            own = list(part._names())
            for figure in some:
                values = comparable(figure, described[:, own.index(figure)])
                known = ~np.isnan(values)
                cell_of, (large, small) = at[known], _split(values[known])
                high[place] += np.bincount(cell_of, large, len(cells))
                low[place] += np.bincount(cell_of, small, len(cells))
                counts[place] += np.bincount(cell_of, minlength=len(cells))
                place += 1
    with np.errstate(invalid="ignore"):  # 0/0 is unknown
        means = (high + low) / counts
    context = X[[names[COURSE]]].iloc[first].reset_index(drop=True)
    context[names[PARTITION]] = day_of
    context["n_students"] = n_students
    for figure, mean in zip(figures, means, strict=True):
        context[CONTEXT_PREFIX + figure] = mean
    return context


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
    check_scalar(
        partition_days, "partition_days", Real, min_val=0, include_boundaries="neither"
    )
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
    check_table(context, figures)
    row, age = _find(X, context, names)
    _warn(row, age * partition_days)
    added = X.copy()
    for name in figures:
        added[name] = np.append(read_numbers(context[name]), np.nan)[row]
    return added


def _split(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Split values into two parts whose sums are exact, in any order."""
    high = np.round(values * 2.0**24) / 2.0**24
    return high, np.round((values - high) * 2.0**60) / 2.0**60


def _some_students(
    history: IntArray, cell: IntArray, until: IntArray
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield rows of some students, and on how many days each is the latest.

    The whole table with a row for each student and day may not fit into memory.
    """
    rows = np.lexsort((cell, history))
    ends = np.append(np.diff(history[rows]) > 0, True)
    latest = np.minimum(until[rows], np.roll(cell[rows], -1) - 1)
    latest[ends] = until[rows][ends]
    n_open = latest - cell[rows] + 1  # 0 of all but one row of a snapshot
    size = np.cumsum(n_open + 1)[ends] // _MOST_ROWS
    cuts = np.flatnonzero(ends)[:-1][np.diff(size) > 0] + 1
    return zip(np.split(rows, cuts), np.split(n_open, cuts), strict=True)


def _count_up(n: IntArray) -> tuple[IntArray, IntArray]:
    """Return each place ``n`` times, and 0, 1, ... within it."""
    place = np.repeat(np.arange(len(n)), n)
    return place, np.arange(len(place)) - (np.cumsum(n) - n)[place]


def _add_rows(
    own: pd.DataFrame,
    of: IntArray,
    ahead: IntArray,
    partition: IntArray,
    names: Mapping[str, str],
) -> tuple[pd.DataFrame, IntArray]:
    """Add a row without an event for each day on which an open student has none."""
    absent = ahead > 0
    added = own[[names[STUDENT], names[COURSE]]].iloc[of[absent]]
    added = added.assign(**{names[PARTITION]: partition[absent]})
    wanted = np.where(absent, len(own) + np.cumsum(absent) - 1, of)
    table = pd.concat([own, added], ignore_index=True) if len(added) else own
    return table, wanted


def _find(
    X: pd.DataFrame, context: pd.DataFrame, names: Mapping[str, str]
) -> tuple[IntArray, FloatArray]:
    """Return each row's row of the context, -1 if none, and its age in partitions."""
    for table in (context, X):
        check_keys(table[names[COURSE]])
    courses = factorize_keys(
        pd.concat([context[names[COURSE]], X[names[COURSE]]], ignore_index=True)
    )
    day = read_partitions(context[names[PARTITION]])
    days, place = np.unique(day, return_inverse=True)
    known = courses[: len(context)] * len(days) + place
    order = np.argsort(known)
    known = known[order]
    if (np.diff(known) == 0).any():
        message = "context has a partition of a course twice. Keep one row of each."
        raise TableError(message)
    partition = read_partitions(X[names[PARTITION]])
    first = courses[len(context) :] * len(days)
    latest = np.searchsorted(days, partition, "right") - 1
    place = np.searchsorted(known, first + latest, "right") - 1
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
