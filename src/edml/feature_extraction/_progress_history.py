"""The numeric kernel of progress: each assignment's state, at every row's partition.

An assignment of a history is first seen, becomes due, is handed in, gets its score and
its weight: each from a snapshot on. Its state changes at few snapshots, the steps, and
the features of a step are aggregates of the states that hold there.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from edml.feature_extraction._deadlines import due_snapshots
from edml.feature_extraction._items import (
    Creations,
    Dates,
    Items,
    Submissions,
    earliest_events,
    first_creations,
    first_values,
    known_scores,
    number_assignments,
)
from edml.feature_extraction._spells import (
    Snapshots,
    Spells,
    blocks,
    expand,
    join_spells,
)
from edml.schema import (
    PARTITION,
    SECONDS_PER_DAY,
    BoolArray,
    FloatArray,
    IntArray,
)

#: The names of the features, in order.
PROGRESS_FEATURES = (
    PARTITION,
    "missed_n",
    "missed_streak",
    "ahead_n",
    "submitted_share",
    "submitted_weight_share",
    "on_time_share",
    "due_score_mean",
    "due_score_weighted_mean",
    "weight_due",
    "marks_in_hand",
    "score_last",
    "score_last_3_mean",
    "score_trend",
    "days_before_due_last",
    "days_since_submission",
    "days_since_due",
)
_WEIGHT = 10.0  # percent, of an assignment that states none


class _Assignments(NamedTuple):
    """When the state of each assignment changes, and what is known of it then.

    ``due_order`` and ``order`` rank them by due date and by submission.
    """

    due: IntArray
    arrived: IntArray
    timed: IntArray  # both dates are known
    weighed: IntArray
    weight: FloatArray
    days_before_due: FloatArray
    on_time: BoolArray
    never: IntArray
    due_order: IntArray
    order: IntArray


def progress_features(
    history: IntArray,
    partition: IntArray,
    creations: Creations,
    submissions: Submissions,
    *,
    partition_days: float,
    fill_value: float | None,
    wanted: IntArray | None = None,
    out: FloatArray | None = None,
) -> FloatArray:
    """Compute the features of all rows, or of those wanted, (n_features, n_wanted).

    ``creations.name`` and ``submissions.name`` number one list of names.
    """
    snapshots = Snapshots(history, partition)
    items, created, sent = number_assignments(snapshots, creations, submissions)
    dates = first_creations(snapshots, created, creations, items.never)
    due, due_day, past = due_snapshots(
        snapshots, items, dates, creations, submissions, partition_days
    )
    work = _assignments(snapshots, items, sent, dates, due, creations, submissions)
    graded, item = known_scores(snapshots, items, sent, submissions)
    states, item = _states(items, np.minimum(dates.at, work.arrived), graded, item)
    step = snapshots.steps(
        *(work.due, work.arrived, work.timed, work.weighed),
        *(states.start, states.stop),
    )
    found, last_due, last_sent = _aggregate(
        work._replace(
            due=step[work.due],
            arrived=step[work.arrived],
            timed=step[work.timed],
            weighed=step[work.weighed],
            never=step[work.never],
        ),
        Spells(step[states.start], step[states.stop], states.value),
        item,
        step[snapshots.firsts],
    )
    of_row = snapshots.of_row if wanted is None else snapshots.of_row[wanted]
    described = np.empty((len(PROGRESS_FEATURES), len(of_row))) if out is None else out
    described[0] = partition if wanted is None else partition[wanted]
    if fill_value is not None:  # there are fewer steps than rows
        np.copyto(found, fill_value, where=np.isnan(found))
    place = step[of_row]
    # the mode "raise" would make a copy of the output
    np.take(found, place, axis=1, out=described[1:-2], mode="clip")

    of_snapshot = np.append(snapshots.keys()[1], 0)  # the last entry is never taken

    def days_since(at: IntArray, last: IntArray) -> FloatArray:
        begun = np.append(of_snapshot[at].astype(np.float64), np.nan)[last]
        days: FloatArray = (described[0] - begun[place]) * partition_days
        return days

    described[-2] = days_since(work.arrived, last_sent)
    day = np.append(due_day, 0)[last_due][place]
    described[-1] = np.where(
        day > 0, past[of_row] - day, days_since(work.due, last_due)
    )
    if fill_value is not None:
        since = described[-2:]
        np.copyto(since, fill_value, where=np.isnan(since))
    return described


# -- from events to assignments ------------------------------------------------


def _assignments(
    snapshots: Snapshots,
    items: Items,
    sent: IntArray,
    dates: Dates,
    due: IntArray,
    creations: Creations,
    submissions: Submissions,
) -> _Assignments:
    never = items.never
    real = ~submissions.blank
    at = snapshots.of_row[submissions.row]
    arrived, date = first_values(
        sent[real], at[real], submissions.submitted[real], never
    )
    early = (dates.due - date) / SECONDS_PER_DAY
    timed = np.where(np.isnan(early), never, np.maximum(arrived, dates.at))
    weight = np.concatenate([creations.weight, submissions.weight])
    stated = ~np.isnan(weight)
    rows = np.concatenate([creations.row, submissions.row])
    weighed, weight = first_values(
        *(items.of_event[stated], snapshots.of_row[rows[stated]], weight[stated]),
        never,
    )
    return _Assignments(
        due=due,
        arrived=arrived,
        timed=timed,
        weighed=weighed,
        weight=weight,
        days_before_due=early,
        on_time=np.where(np.isnan(early), arrived <= due, early >= 0),
        never=never,
        due_order=_order(due, dates.due),
        order=_order(arrived, date),
    )


def _order(at: IntArray, date: FloatArray) -> IntArray:
    """Rank by snapshot, then by date, missing last, then by name."""
    order = np.lexsort((date, at))  # items are sorted by history and name
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank


def _states(
    items: Items, first: IntArray, graded: Spells, item: IntArray
) -> tuple[Spells, IntArray]:
    """Return spells of each assignment's score, NaN until it is known, by start."""
    until = earliest_events(item, graded.start, items.never)
    waiting = Spells(first, until, np.full(len(first), np.nan))
    states = join_spells([waiting, graded])
    item = np.concatenate([np.arange(len(first)), item])
    some = np.flatnonzero(states.start < states.stop)
    some = some[np.lexsort((item[some], states.start[some]))]
    spells = Spells(states.start[some], states.stop[some], states.value[some])
    return spells, item[some]


# -- from assignments to features ----------------------------------------------


def _aggregate(
    work: _Assignments, states: Spells, item: IntArray, firsts: IntArray
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the features at each step, and its last due and last sent assignments."""
    n_steps = int(firsts[-1])
    found = np.full((len(PROGRESS_FEATURES) - 3, n_steps), np.nan)
    done = np.maximum(work.due, work.arrived)
    last_due, last_done, last_sent, last_timed = (
        _last(at, order, work.never, firsts)
        for at, order in (
            (work.due, work.due_order),
            (done, work.due_order),
            (work.arrived, work.order),
            (work.timed, work.order),
        )
    )
    for begin, end, some in blocks(states.start, states.stop, firsts):
        point, place = expand(
            np.maximum(states.start[some], begin) - begin,
            np.minimum(states.stop[some], end) - begin,
        )
        which, score = item[some][place], states.value[some][place]
        features = _block_features(
            point, which, score, work, begin, last_done[begin:end]
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            for row, values in enumerate(features):
                found[row, begin:end] = values
    found[-1] = np.append(work.days_before_due, np.nan)[last_timed]
    return found, last_due, last_sent


def _last(at: IntArray, order: IntArray, never: IntArray, firsts: IntArray) -> IntArray:
    """Return each step's last assignment, by order, of those whose ``at`` has come.

    -1 where there is none. Those that come rank above all of earlier histories.
    """
    best = np.full(int(firsts[-1]), -1)
    some = np.flatnonzero(at < never)
    np.maximum.at(best, at[some], order[some])
    best = np.maximum.accumulate(best)
    of_rank = np.empty(len(order) + 1, dtype=np.int64)
    of_rank[order], of_rank[-1] = np.arange(len(order)), -1
    last = of_rank[best]
    begun = np.repeat(firsts[:-1], np.diff(firsts))  # the first step of the history
    return np.where(np.append(at, -1)[last] >= begun, last, -1)


def _block_features(
    point: IntArray,
    which: IntArray,
    score: FloatArray,
    work: _Assignments,
    begin: int,
    last_done: IntArray,
) -> Iterator[FloatArray]:
    """Yield the features of some steps, from the second to the last but three.

    Each entry is an assignment that is known at a step, counted from ``begin``.
    ``last_done`` is each step's latest due assignment that is submitted.
    """
    n_points = len(last_done)
    at = point + begin
    due, sent = at >= work.due[which], at >= work.arrived[which]
    weight = np.where(at >= work.weighed[which], work.weight[which], _WEIGHT)

    def count(where: BoolArray) -> FloatArray:
        found = np.bincount(point[where], minlength=n_points)
        return found.astype(np.float64)

    def add(values: FloatArray, where: BoolArray) -> FloatArray:
        found = np.bincount(point[where], values[where], n_points)
        return found.astype(np.float64, copy=False)  # no marked entry: whole numbers

    missed, done = due & ~sent, due & sent
    known = sent & ~np.isnan(score)
    graded = due & known
    marks = weight * score
    n_due, n_missed = count(due), count(missed)
    weight_due = add(weight, due)
    latest = np.append(work.due_order, -1)[last_done][point]
    yield n_missed
    yield count(missed & (work.due_order[which] > latest))
    yield count(sent & ~due)
    yield 1 - n_missed / n_due
    yield 1 - add(weight, missed) / weight_due
    yield count(done & work.on_time[which]) / n_due
    yield add(score, graded) / (count(graded) + n_missed)
    yield add(marks, graded) / add(weight, graded | missed)
    yield weight_due
    yield add(marks, known) / 100
    order = work.order[which[known]]
    yield from _last_scores(point[known], score[known], order, n_points)


def _last_scores(
    point: IntArray, score: FloatArray, order: IntArray, n_points: int
) -> Iterator[FloatArray]:
    """Yield each step's last score, the mean of the last three, and the trend."""
    total, number = np.zeros(n_points), np.zeros(n_points)
    last = np.full(n_points, np.nan)
    for nth in range(3):
        best = np.full(n_points, -1)
        np.maximum.at(best, point, order)
        hit = order == best[point]
        total[point[hit]] += score[hit]
        number[point[hit]] += 1
        point, score, order = point[~hit], score[~hit], order[~hit]
        if nth == 0:
            last[best >= 0] = total[best >= 0]
            n_earlier = np.bincount(point, minlength=n_points)
            earlier = np.bincount(point, score, n_points) / n_earlier
    yield last
    yield total / number
    yield last - earlier
