"""The numeric kernel of activity: sums of counts up to each row's partition.

Counts are whole numbers, so that the running totals over all histories are exact, and a
difference of two of them is the sum of one history's counts to the last bit.
"""

import math
from collections.abc import Iterable

import numpy as np

from edml.feature_extraction._spells import Snapshots
from edml.schema import FloatArray, IntArray

_WINDOWS = (7, 14, 28)  # days
#: The names of the features of all kinds, in order; those of each kind follow.
ACTIVITY_FEATURES = (
    "actions_n",
    *(f"actions_n_{days}d" for days in _WINDOWS),
    "active_n",
    *(f"active_n_{days}d" for days in _WINDOWS),
    "days_since_active",
    "actions_log_ratio",
)


def activity_features(
    history: IntArray,
    partition: IntArray,
    counts: Iterable[FloatArray],
    *,
    n_kinds: int,
    partition_days: float,
    fill_value: float | None,
    wanted: IntArray | None = None,
    out: FloatArray | None = None,
) -> FloatArray:
    """Compute the features of all rows, or of those wanted, (n_features, n_wanted).

    ``counts`` holds the counts of each kind, one per row, NaN for 0.
    """
    snapshots = Snapshots(history, partition)
    n_snapshots = int(snapshots.firsts[-1])
    day = np.zeros(n_snapshots + 1, dtype=np.int64)  # the last entry is that of none
    day[snapshots.of_row] = partition
    some = slice(None) if wanted is None else wanted
    history, partition, at = history[some], partition[some], snapshots.of_row[some]
    begin = {
        days: snapshots.find(
            history,
            np.maximum(partition - math.ceil(days / partition_days) + 1, 0),
        )
        for days in _WINDOWS
    }
    begin_all = snapshots.firsts[history]
    n_features = 1 + len(ACTIVITY_FEATURES) + 2 * n_kinds
    described = np.empty((n_features, len(at))) if out is None else out
    described[0] = partition
    total = np.zeros(n_snapshots, dtype=np.int64)
    first_of_kind = 1 + len(ACTIVITY_FEATURES)
    for kind, values in enumerate(counts):
        busy = np.flatnonzero(values > 0)  # NaN compares as False
        mine = np.bincount(snapshots.of_row[busy], values[busy], n_snapshots)
        mine = mine.astype(np.int64)
        total += mine
        ran = _running_total(mine)
        place = first_of_kind + 2 * kind
        described[place] = ran[at + 1] - ran[begin_all]
        described[place + 1] = ran[at + 1] - ran[begin[14]]
    active = total > 0
    rows = iter(described[1:first_of_kind])
    for numbers in (total, active.astype(np.int64)):
        ran = _running_total(numbers)
        for start in (begin_all, *begin.values()):
            next(rows)[:] = ran[at + 1] - ran[start]
    last = np.maximum.accumulate(np.where(active, np.arange(n_snapshots), -1))[at]
    since = (described[0] - day[last]) * partition_days
    fill = np.nan if fill_value is None else fill_value
    next(rows)[:] = np.where(last >= begin_all, since, fill)
    lately, before = described[3], described[4] - described[3]
    next(rows)[:] = np.log((1 + lately) / (1 + before))
    return described


def _running_total(numbers: IntArray) -> IntArray:
    """Return the sum of the numbers before each place, and of all as the last."""
    ran = np.zeros(len(numbers) + 1, dtype=np.int64)
    np.cumsum(numbers, out=ran[1:])
    return ran
