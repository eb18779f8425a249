"""When assignments are due: course days from dates, point-in-time."""

import numpy as np

from edml.feature_extraction._items import Creations, Dates, Items, Submissions
from edml.feature_extraction._spells import Snapshots
from edml.schema import SECONDS_PER_DAY, FloatArray, IntArray

_LAST_DAY = 2**16 - 1  # epoch days up to 2100 are below


def due_snapshots(
    snapshots: Snapshots,
    items: Items,
    dates: Dates,
    creations: Creations,
    submissions: Submissions,
    partition_days: float,
) -> tuple[IntArray, IntArray, IntArray]:
    """Return when assignments are due, on which day, and snapshots' last past days.

    Without a creation, an assignment is never due. Days are epoch days, 0 if unknown.
    """
    history, partition = snapshots.keys()
    zero = _day_zero(snapshots, creations, submissions, partition_days)
    with np.errstate(invalid="ignore"):
        past = zero + np.floor((partition + 1) * partition_days) - 1
    past = np.nan_to_num(np.clip(past, 0, _LAST_DAY)).astype(np.int64)
    width = _LAST_DAY + 1
    # what has been due stays due, also if the first day turns out to be later
    past = np.maximum.accumulate(history * width + past)
    created = np.minimum(dates.at, max(len(past) - 1, 0))
    datable = ~np.isnan(dates.due) & ~np.isnan(zero[created])
    day = np.where(datable, dates.due // SECONDS_PER_DAY, 0).astype(np.int64)
    found = np.searchsorted(past, items.history * width + day)
    due = np.where(datable, np.maximum(found, dates.at), dates.at)
    return np.minimum(due, items.never), day, past % width


def _day_zero(
    snapshots: Snapshots,
    creations: Creations,
    submissions: Submissions,
    partition_days: float,
) -> FloatArray:
    """Return the epoch day of course day 0, as known at each snapshot; NaN if unknown.

    The first partition of a history may hold what happened before it.
    """
    history, partition = snapshots.keys()
    first = partition[snapshots.firsts[:-1]][history]
    zero = np.full(len(partition), np.nan)

    def learn(row: IntArray, date: FloatArray, *, later: bool, latest: bool) -> None:
        """Fill in the dates in rows of the first partition, or of later ones."""
        at = snapshots.of_row[row]
        some = ~np.isnan(date) & ((partition[at] > first[at]) == later)
        at, day = at[some], date[some] // SECONDS_PER_DAY
        if latest:
            day -= np.ceil((partition[at] + 1) * partition_days) - 1
        else:
            day -= np.floor(partition[at] * partition_days)
        found = (
            _running_max(history, at, day)
            if latest
            else -_running_max(history, at, -day)
        )
        np.copyto(zero, found, where=np.isnan(zero))

    learn(submissions.row, submissions.submitted, later=True, latest=True)
    learn(creations.row, creations.due, later=True, latest=False)
    learn(creations.row, creations.unlock, later=False, latest=True)
    return zero


def _running_max(history: IntArray, at: IntArray, value: FloatArray) -> FloatArray:
    """Return the highest value at each snapshot or before, within its history."""
    distinct, place = np.unique(value, return_inverse=True)
    best = np.zeros(len(history), dtype=np.int64)
    np.maximum.at(best, at, place + 1)
    base = history * (len(distinct) + 1)
    best = np.maximum.accumulate(best + base) - base
    return np.append(np.nan, distinct)[best]
