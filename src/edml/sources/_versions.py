"""Successive versions of a grade, as rows whose running mean is the current one.

The event table averages the known parts of a submission or an exam. So that a re-grade
replaces the grade before it, the k-th version is written as the part that moves the
mean from the version before to it: k times the version, less the parts so far.
"""

from typing import NamedTuple

import numpy as np

from edml.schema import SECONDS_PER_DAY, BoolArray, FloatArray, IntArray


class Versions(NamedTuple):
    """One entry per version of a grade, by item and then by day.

    ``row`` is the row of the table that holds the version, ``day`` the epoch day from
    which it is known, ``number`` counts from 1, and ``part`` is what is averaged.
    """

    row: IntArray
    day: IntArray
    number: IntArray
    part: FloatArray


def epoch_days(seconds: FloatArray) -> FloatArray:
    """Return UTC calendar days since 1970, NaN for missing dates."""
    return np.floor(seconds / SECONDS_PER_DAY)


def order_versions(
    item: IntArray,
    known: FloatArray,
    earliest: IntArray | FloatArray,
    grade: FloatArray,
) -> Versions:
    """Order the versions of each item's grade by when they became known.

    ``known`` is in epoch seconds; a version counts from ``earliest`` (an epoch day) at
    the soonest. Rows without a grade are left out. Of two versions of one day, the
    later counts; of two that became known at once, the later row.
    """
    rows = np.flatnonzero(~np.isnan(grade))
    rows = rows[np.lexsort((rows, known[rows], item[rows]))]
    day = np.fmax(epoch_days(known[rows]), earliest[rows]).astype(np.int64)
    last = _changes(item[rows], day, after=True)
    rows, day = rows[last], day[last]
    begins = _changes(item[rows], after=False)
    places = np.arange(len(rows))
    first = np.maximum.accumulate(np.where(begins, places, 0)) if len(rows) else places
    number = places - first + 1
    part = grade[rows].astype(np.float64)
    total = part.copy()
    for k in range(2, int(number.max(initial=1)) + 1):
        at = np.flatnonzero(number == k)
        part[at] = k * grade[rows[at]] - total[at - 1]
        total[at] = total[at - 1] + part[at]
    return Versions(rows, day, number, part)


def first_of(item: IntArray, date: FloatArray) -> IntArray:
    """Return the row with the earliest date of each item that has one."""
    rows = np.flatnonzero(~np.isnan(date))
    rows = rows[np.lexsort((rows, date[rows], item[rows]))]
    return rows[_changes(item[rows], after=False)]


def latest_of(*dates: FloatArray) -> float:
    """Return the latest of some dates in epoch seconds, -inf if there is none."""
    every = np.concatenate(dates)
    return float(np.max(every, initial=-np.inf, where=~np.isnan(every)))


def _changes(*codes: IntArray, after: bool) -> BoolArray:
    """Return where any of the codes differs from the next entry, or the one before."""
    n_entries = len(codes[0])
    differs = np.zeros(max(n_entries - 1, 0), dtype=bool)
    for one in codes:
        differs |= one[1:] != one[:-1]
    edge = np.ones(min(n_entries, 1), dtype=bool)
    return np.concatenate([differs, edge] if after else [edge, differs])
