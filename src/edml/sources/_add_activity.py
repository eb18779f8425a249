"""add_activity: counts of what students did online, in an event table."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from edml.schema import (
    ACTIVITY_PREFIX,
    COLUMNS,
    COURSE,
    FINAL_GRADE,
    PARTITION,
    PERIOD,
    SNAPSHOT_KEYS,
    STUDENT,
    IntArray,
    check_table,
    history_codes,
    read_partitions,
    resolve_columns,
)
from edml.sources._counts import count_days, read_counts, read_kinds
from edml.sources._import_report import ImportReport, hand_over
from edml.sources._matching import Unknown
from edml.sources._rows import Events
from edml.sources._tidy import TidyTable, find_pairs, read_tidy

_LATE = "lines after a course's last day were left out"
_OF_HISTORY = {STUDENT, COURSE, "course_name", "legajo", PERIOD, FINAL_GRADE}


def add_activity(
    X: pd.DataFrame,
    activity: pd.DataFrame | str | PathLike[str],
    *,
    kind: str = "all",
    columns: Mapping[str, str] | None = None,
    unknown: Unknown = "raise",
    return_report: bool = False,
) -> Any:
    """Add daily counts of clicks, page views or log lines to an event table.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table; it is not changed.
    activity : DataFrame of shape (n_lines, n_columns), str or path-like
        With the columns ``student``, ``course`` and ``day`` (course day, whole; days
        before the course count on day 0), and optionally ``kind`` (such as "quiz") and
        ``count`` (from 0 on; a line counts 1 if absent). Counts of one student, course,
        day and kind are added up. Or a file of such a table: CSV, Excel, JSON or
        Parquet.
    kind : str, default="all"
        Kind of all lines, where the table has no column ``kind``.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns of ``X`` whose names differ.
    unknown : {"raise", "drop"}, default="raise"
        What to do with lines of a student who is not in that course in ``X``, such as a
        teacher.
    return_report : bool, default=False
        Whether to return a report, too. Otherwise a warning says if lines after a
        course's last day were left out.

    Returns
    -------
    X : DataFrame of shape (n_rows + n_new_rows, n_columns + n_kinds)
        The rows of ``X``, then a row for each day on which a student only did what is
        counted, with a new index. The column ``activity_<kind>`` holds the counts in
        the first row of each day, and 0 elsewhere.
    report : ImportReport
        What was read and left out. Only with ``return_report=True``.

    Raises
    ------
    TableError
        If a column is missing or cannot be read, or a student is unknown.
    ValueError
        If ``X`` has a column of this kind already.

    See Also
    --------
    add_students : Add what is known of each student.

    Notes
    -----
    Outcomes have one entry per row, so read them (`edml.datasets.make_target`) after
    adding activity. Days after a course's last partition in ``X`` are left out.

    New rows exist only for days on which a student was active. In a table with a row
    for every day there are none. In others, leave ``every=None`` in
    `edml.pipeline.make_risk_pipeline`, which trains on days that everybody has, and
    compare models on such days: active students have more snapshots than others.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.datasets import load_activity
    >>> from edml.sources import add_activity
    >>> X = load_activity()
    >>> log = X[["user_uuid", "course_uuid"]].head(1).set_axis(
    ...     ["student", "course"], axis=1
    ... )
    >>> log = log.assign(day=4, kind="forum", count=12)
    >>> add_activity(X, log)["activity_forum"].sum().item()
    12.0
    """
    names = resolve_columns(columns)
    check_table(X, [names[key] for key in SNAPSHOT_KEYS])
    notes: list[str] = []
    table = read_tidy(
        activity,
        "activity",
        ("student", "course", "day"),
        ("kind", "count"),
        notes,
        numbers=("day", "count"),
    )
    kinds = read_kinds(table, kind)
    clash = [name for name in kinds.labels if name in X.columns]
    if clash:
        message = f"X has the columns {clash} already. Add activity once, or drop them."
        raise ValueError(message)
    day = table.numbers("day")
    table.check(
        "day",
        ~(day % 1 == 0),
        "are not whole days",
        "Number days from 0 on.",
        code="negative_day",
    )
    day, count = day.astype(np.int64), read_counts(table)
    history = history_codes(X[names[STUDENT]], X[names[COURSE]])
    partition = read_partitions(X[names[PARTITION]])
    row, course_end = _find_rows(X, names, table, partition)
    seat = np.append(history, -1)[row]
    strange = seat < 0
    if unknown == "raise":
        table.check(
            "student",
            strange,
            "are of a student who is not in that course of the event table",
            "Correct the ids, or leave such lines out with unknown='drop'.",
            code="unmatched",
        )
    late = ~strange & (day > course_end)
    kept = np.flatnonzero(~strange & ~late)
    rules = {
        "lines of students who are not in the course were left out": strange.sum(),
        "lines from before the start count on day 0": (day[kept] < 0).sum(),
        _LATE: late.sum(),
    }
    kinds = kinds._replace(codes=kinds.codes[kept])
    active = count_days(seat[kept], np.maximum(day[kept], 0), kinds, count[kept])
    filled, n_new = _fill(X, names, history, partition, active)
    report = ImportReport(
        source="activity",
        read={"activity": len(table)},
        made={"rows": len(filled), "new rows": n_new, "kinds": len(kinds.labels)},
        rules={rule: int(number) for rule, number in rules.items()},
        notes=tuple(notes),
        doubts=(_LATE,) if late.any() else (),
    )
    return hand_over(filled, report, return_report)


def _find_rows(
    X: pd.DataFrame, names: Mapping[str, str], table: TidyTable, partition: IntArray
) -> tuple[IntArray, IntArray]:
    """Return the history's first row and the course's last day for each line, or -1."""
    have = TidyTable("X", X)
    student, course = have.ids(names[STUDENT]), have.ids(names[COURSE])
    ends = np.zeros(len(course.labels), dtype=np.int64)
    np.maximum.at(ends, course.codes, partition)
    wanted = table.ids("student"), table.ids("course")
    row = find_pairs(wanted, (student, course))
    return row, np.append(ends[course.codes], -1)[row]


def _fill(
    X: pd.DataFrame,
    names: Mapping[str, str],
    history: IntArray,
    partition: IntArray,
    active: Events,
) -> tuple[pd.DataFrame, int]:
    """Return the table with counts, and the number of its new rows."""
    width = 1 + int(max(partition.max(initial=0), active.day.max(initial=0)))
    have = history * width + partition
    cells = active.seat * width + active.day
    order = np.argsort(have, kind="stable")
    at = np.searchsorted(have[order], cells)
    found = np.append(have[order], -1)[at] == cells
    new = cells[~found]
    row = np.empty(len(cells), dtype=np.int64)
    row[found] = order[at[found]]
    row[~found] = len(X) + np.arange(len(new))
    # a new row repeats what is known of the history in its latest row by then
    by_then = np.maximum(np.searchsorted(have[order], new) - 1, 0)
    earlier = history[order][by_then] == new // width
    source = order[np.where(earlier, by_then, np.minimum(by_then + 1, len(X) - 1))]
    events = {names[name] for name in COLUMNS if name not in _OF_HISTORY}
    others = X[[name for name in X.columns if name not in events]].iloc[source]
    others[names[PARTITION]] = new % width
    counted = [name for name in others if str(name).startswith(ACTIVITY_PREFIX)]
    others[counted] = 0  # of an earlier call
    filled = pd.concat([X, others], ignore_index=True) if len(new) else X.copy()
    for name, values in active.columns.items():
        counts = np.zeros(len(filled))
        counts[row] = values
        filled[name] = counts
    return filled, len(new)
