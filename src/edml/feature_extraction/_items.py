"""Items, the exams and assignments of each history, from the rows that mention them."""

from typing import NamedTuple

import numpy as np

from edml.feature_extraction._spells import (
    Snapshots,
    Spells,
    Statistics,
    join_spells,
    spell_statistics,
)
from edml.schema import BoolArray, FloatArray, IntArray, distinct_codes


class Exams(NamedTuple):
    """One entry per part of an exam; a null grade is 0 already."""

    row: IntArray
    name: IntArray
    grade: FloatArray


class Creations(NamedTuple):
    """One entry per creation; ``rank`` orders those of one partition."""

    row: IntArray
    name: IntArray
    rank: FloatArray
    due: FloatArray
    unlock: FloatArray
    weight: FloatArray


class Submissions(NamedTuple):
    """One entry per part of a submission; ``known`` is when its score is.

    ``blank`` marks the parts with neither score nor date: nothing was handed in.
    """

    row: IntArray
    name: IntArray
    score: FloatArray
    submitted: FloatArray
    known: IntArray
    weight: FloatArray
    blank: BoolArray


class Items(NamedTuple):
    """The distinct pairs of a history and a name, and when each history ends."""

    of_event: IntArray
    history: IntArray
    name: IntArray
    never: IntArray


def number_items(snapshots: Snapshots, row: IntArray, name: IntArray) -> Items:
    """Find the items of events, given by row and name; sort by history and name."""
    n_names = int(name.max()) + 1 if len(name) else 1
    pairs, of_event = distinct_codes(snapshots.history[row] * n_names + name)
    history, name = np.divmod(pairs, n_names)
    return Items(of_event, history, name, snapshots.firsts[history + 1])


def number_assignments(
    snapshots: Snapshots, creations: Creations, submissions: Submissions
) -> tuple[Items, IntArray, IntArray]:
    """Find the assignments, and the one of each creation and of each submission."""
    items = number_items(
        snapshots,
        np.concatenate([creations.row, submissions.row]),
        np.concatenate([creations.name, submissions.name]),
    )
    n_creations = len(creations.row)
    return items, items.of_event[:n_creations], items.of_event[n_creations:]


class Dates(NamedTuple):
    """When each assignment is created, and its dates in epoch seconds."""

    at: IntArray
    due: FloatArray
    unlock: FloatArray


def first_creations(
    snapshots: Snapshots, item: IntArray, creations: Creations, never: IntArray
) -> Dates:
    """Find the creation that gives each assignment its dates."""
    at = snapshots.of_row[creations.row]
    # the last key weighs most; NaN sorts last
    order = np.lexsort((creations.unlock, creations.due, creations.rank, at, item))
    ordered = item[order]
    first = order[np.diff(ordered, prepend=-1) > 0]
    created = item[first]
    dates = Dates(never.copy(), *np.full((2, len(never)), np.nan))
    dates.at[created] = at[first]
    dates.due[created] = creations.due[first]
    dates.unlock[created] = creations.unlock[first]
    return dates


def earliest_events(item: IntArray, at: IntArray, never: IntArray) -> IntArray:
    """Return when the first of each item's events happens."""
    earliest = never.copy()
    np.minimum.at(earliest, item, at)
    return earliest


def first_values(
    item: IntArray, at: IntArray, value: FloatArray, never: IntArray
) -> tuple[IntArray, FloatArray]:
    """Return each item's first snapshot, and its lowest value there; NaN if none."""
    first = earliest_events(item, at, never)
    lowest = np.full(len(never), np.inf)
    some = at == first[item]
    np.fmin.at(lowest, item[some], value[some])
    return first, np.where(np.isinf(lowest), np.nan, lowest)


def known_scores(
    snapshots: Snapshots, items: Items, sent: IntArray, submissions: Submissions
) -> tuple[Spells, IntArray]:
    """Return spells of the scores that are known, and their items.

    ``sent`` is the item of each submission.
    """
    known = snapshots.find(snapshots.history[submissions.row], submissions.known)
    timely = ~np.isnan(submissions.score) & (known < items.never[sent])
    return running_means(items, sent[timely], known[timely], submissions.score[timely])


def running_means(
    items: Items, item: IntArray, at: IntArray, value: FloatArray
) -> tuple[Spells, IntArray]:
    """Return spells of the mean of each item's parts so far, and their items.

    The spells are in an order that does not depend on the order of the rows. Parts are
    summed in the order of time, in which those of re-grades cancel exactly.
    """
    order = np.lexsort((value, at, item))
    item, at, value = item[order], at[order], value[order]
    never = items.never
    alone = (np.bincount(item, minlength=len(never)) == 1)[item]
    single = item[alone]  # most items have one part, and need no mean
    whole = Spells(at[alone], never[single], value[alone])
    if alone.all():
        return whole, single
    item, at, value = item[~alone], at[~alone], value[~alone]
    width = int(never.max())
    steps, start = distinct_codes(item * width + at)
    of_step, begin = np.divmod(steps, width)
    last = np.append(of_step[1:] != of_step[:-1], True)
    ends = np.flatnonzero(last) + 1  # per item, the step after its last
    stop = ends[np.searchsorted(ends, start, side="right")]
    found = spell_statistics(start, stop, value, np.append(0, ends))
    until = np.where(last, never[of_step], np.append(begin[1:], 0))
    means = Spells(begin, until, Statistics(*found).mean)
    return join_spells([whole, means]), np.concatenate([single, of_step])


def holding(spells: Spells) -> Spells:
    """Drop the spells that are empty or hold no value."""
    return spells.where((spells.start < spells.stop) & ~np.isnan(spells.value))
