"""The numeric kernels: what was known of each history, at every row's partition.

Arrays in, arrays out. A history is a student in a course, numbered from 0. A
*moment* is ``history * width + partition``, where ``width`` is one more than the
last partition: so moments sort by history and then by partition, and "never",
within a history, is the first moment of the next one.

A *spell* is a value that holds from one moment up to another. Grades, scores and
timings all become spells; the moments at which one begins or ends are the change
points, and between two change points nothing is new. Aggregates are therefore
worked out at the change points alone, over the spells that hold there (never by
running totals across histories, which cancel and let one student's numbers
disturb another's), and each row takes those of its last change point.

The work and the memory grow with the rows, and within one history with the
product of its items and its change points.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from edml._jobs import Jobs
from edml.feature_extraction._spells import (
    ChangePoints,
    Spells,
    Statistics,
    spell_statistics,
)
from edml.schema import BoolArray, FloatArray, IntArray, distinct_codes

TIMINGS = (
    "hrs_to_do_assignment",
    "hrs_taken_to_do_assignment",
    "rel_time_taken_to_do_assignment",
    "hrs_before_due",
)
_WIDEST = 2**31  # beyond it, moments could overflow: partitions are ranked instead


class Rows(NamedTuple):
    """The rows of the table: who and when."""

    history: IntArray
    partition: IntArray
    n_histories: int


class Exams(NamedTuple):
    """One entry per part of an exam; a null grade is 0 already."""

    history: IntArray
    partition: IntArray
    name: IntArray
    grade: FloatArray


class Creations(NamedTuple):
    """One entry per creation; ``rank`` orders those of one partition."""

    history: IntArray
    partition: IntArray
    name: IntArray
    rank: FloatArray
    due: FloatArray
    unlock: FloatArray


class Submissions(NamedTuple):
    """One entry per part of a submission; ``known`` is when its score is."""

    history: IntArray
    partition: IntArray
    name: IntArray
    score: FloatArray
    submitted: FloatArray
    known: IntArray


class Features(NamedTuple):
    """Some features at their steps: ``values[:, step[of_rows]]`` are the rows'.

    They are the feature ``first`` and those that come after it. Missing values are
    NaN. ``values`` is not used elsewhere.
    """

    first: str
    values: FloatArray
    step: IntArray | None
    of_rows: IntArray


def history_features(
    rows: Rows,
    exams: Exams,
    creations: Creations,
    submissions: Submissions,
    kinds: Mapping[str, IntArray],
    jobs: Jobs,
    *,
    pending_is_zero: bool,
    wanted: IntArray | None = None,
) -> Iterator[Features]:
    """Work out the features of every row.

    Parameters
    ----------
    rows : Rows
        The table's rows.
    exams, creations, submissions : Exams, Creations, Submissions
        Its events. ``creations.name`` and ``submissions.name`` number the same
        list of names.
    kinds : mapping of str to ndarray
        For each exam kind, the codes of its names in ``exams.name``.
    jobs : Jobs
        Takes what can be prepared beside the rest.
    pending_is_zero : bool
        Whether a submission that is not graded yet scores 0.
    wanted : ndarray of shape (n_wanted,), default=None
        Positions of the rows to describe; None for all.

    Yields
    ------
    features : Features
        Some of them, as soon as they are known: what is done with these can go on
        beside the next ones.
    """
    width = int(rows.partition.max()) + 1 if len(rows.partition) else 1
    if width > _WIDEST:
        rows, exams, creations, submissions, width = _rank_partitions(
            rows, exams, creations, submissions
        )
    spells_of_exams = jobs(_exam_spells, exams, width)
    work = _assignments(creations, submissions, width, jobs, pending_is_zero)
    moments = rows.history * width + rows.partition
    exam_name, exam_spells = spells_of_exams()
    points = ChangePoints(
        [exam_spells, work.open, work.scores, *work.timings.values()],
        moments if wanted is None else moments[wanted],
        rows.n_histories,
        width,
    )
    for name, spells in work.timings.items():
        found, step = points.statistics(spells)
        yield Features(f"{name}_min", found[1:], step, points.of_rows)
    yield from _results(points, exam_spells, work)
    yield from _counts(points, work)
    for kind, names in kinds.items():
        of_kind = exam_spells.where(np.isin(exam_name, names))
        found, step = points.statistics(of_kind)
        yield Features(f"{kind}_n_sum", found, step, points.of_rows)


def _results(
    points: ChangePoints, exams: Spells, work: "_Assignments"
) -> list[Features]:
    grades, grade_step = points.statistics(exams)
    scores, score_step = points.statistics(work.scores)
    # now, for who takes the others may fill what they lack
    percent = _percent(
        Statistics(*grades).mean[grade_step], Statistics(*scores).mean[score_step]
    )
    return [
        Features("overall_parciales_n_sum", grades, grade_step, points.of_rows),
        Features("score_min", scores[1:], score_step, points.of_rows),
        Features("parcial_sobre_ass", percent[np.newaxis], None, points.of_rows),
    ]


def _counts(points: ChangePoints, work: "_Assignments") -> list[Features]:
    zeros = work.scores.where(work.scores.value <= 0)
    return [
        Features(name, points.counts(spells)[np.newaxis], None, points.of_rows)
        for name, spells in (
            ("assignment_n_sum", work.open),
            ("assignment_zero_sum", zeros),
        )
    ]


# -- from events to spells ----------------------------------------------------


class _Items(NamedTuple):
    """The distinct pairs of a history and a name, in order of history."""

    of_event: IntArray
    history: IntArray
    name: IntArray


class _Assignments(NamedTuple):
    open: Spells
    scores: Spells
    timings: dict[str, Spells]


def _exam_spells(exams: Exams, width: int) -> tuple[IntArray, Spells]:
    items = _items(exams.history, exams.name)
    item, spells = _running_means(
        items, items.of_event, exams.partition, exams.grade, width
    )
    return items.name[item], spells


def _assignments(
    creations: Creations,
    submissions: Submissions,
    width: int,
    jobs: Jobs,
    pending_is_zero: bool,
) -> _Assignments:
    n_creations = len(creations.name)
    items = _items(
        np.concatenate([creations.history, submissions.history]),
        np.concatenate([creations.name, submissions.name]),
    )
    created, handed_in = items.of_event[:n_creations], items.of_event[n_creations:]
    first = items.history * width  # the moments of each assignment's history
    never = first + width
    graded = jobs(_graded, items, handed_in, submissions, width)
    times = jobs(_submission_times, handed_in, submissions, len(items.name), width)

    dates = _first_creations(created, creations, len(items.name))
    creation_at = np.where(dates.known, first + dates.partition, never)
    arrival = _earliest(handed_in, submissions.partition, len(items.name), width)
    arrival_at = first + arrival
    sent = times()
    sent_at = np.maximum(first + sent.partition, creation_at)

    scores = [
        graded(),
        # a creation scores 0 until a submission arrives
        Spells(creation_at, arrival_at, np.zeros(len(first))),
    ]
    if pending_is_zero:
        scored = ~np.isnan(submissions.score)
        known = _earliest(
            handed_in[scored], submissions.known[scored], len(first), width
        )
        scores.append(Spells(arrival_at, first + known, np.zeros(len(first))))

    to_do = (dates.due - dates.unlock) / 3600
    taken = (sent.seconds - dates.unlock) / 3600
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(to_do > 0, taken / to_do, np.nan)
    before_due = (dates.due - sent.seconds) / 3600
    values = (to_do, taken, relative, before_due)
    starts = (creation_at, sent_at, sent_at, sent_at)
    timings = {
        name: _holding(Spells(start, never, value))
        for name, start, value in zip(TIMINGS, starts, values, strict=True)
    }
    return _Assignments(
        Spells(np.minimum(creation_at, arrival_at), never, np.zeros(len(first))),
        _holding(Spells(*map(np.concatenate, zip(*scores, strict=True)))),
        timings,
    )


def _holding(spells: Spells) -> Spells:
    """Drop the spells that are empty or hold no value."""
    return spells.where((spells.start < spells.stop) & ~np.isnan(spells.value))


def _items(history: IntArray, name: IntArray) -> _Items:
    n_names = int(name.max()) + 1 if len(name) else 1
    pairs, of_event = distinct_codes(history * n_names + name)
    return _Items(of_event, *np.divmod(pairs, n_names))


def _running_means(
    items: _Items, item: IntArray, partition: IntArray, value: FloatArray, width: int
) -> tuple[IntArray, Spells]:
    """Give each item the mean of the parts that were known, as spells.

    The result also names the item of every spell.
    """
    first = items.history * width
    alone = (np.bincount(item, minlength=len(first)) == 1)[item]
    single = item[alone]
    whole = Spells(
        first[single] + partition[alone], first[single] + width, value[alone]
    )
    if alone.all():
        return single, whole
    item, partition, value = item[~alone], partition[~alone], value[~alone]
    steps, start = distinct_codes(item * width + partition)
    of_step, when = np.divmod(steps, width)
    last = np.append(of_step[1:] != of_step[:-1], True)
    ends = np.flatnonzero(last) + 1  # per item, the step after its last
    stop = ends[np.searchsorted(ends, start, side="right")]
    found = spell_statistics(start, stop, value, np.append(0, ends))
    begin = first[of_step] + when
    until = np.where(last, first[of_step] + width, np.append(begin[1:], 0))
    mean = Statistics(*found).mean
    return np.concatenate([single, of_step]), Spells(
        *map(np.concatenate, zip(whole, (begin, until, mean), strict=True))
    )


def _graded(
    items: _Items, item: IntArray, submissions: Submissions, width: int
) -> Spells:
    """Give the score of each submission, from when a part of it is known on."""
    known = ~np.isnan(submissions.score) & (submissions.known < width)
    return _running_means(
        items, item[known], submissions.known[known], submissions.score[known], width
    )[1]


class _Dates(NamedTuple):
    known: BoolArray
    partition: IntArray
    due: FloatArray
    unlock: FloatArray


class _Sent(NamedTuple):
    partition: IntArray
    seconds: FloatArray


def _first_creations(item: IntArray, creations: Creations, n_items: int) -> _Dates:
    """Find the creation that gives each assignment its dates."""
    count = np.bincount(item, minlength=n_items)
    chosen = np.full(n_items, -1)
    chosen[item] = np.arange(len(item))  # right where there is one
    several = np.flatnonzero(count[item] > 1)
    if len(several):
        order = np.lexsort(  # the last key weighs most; NaN sorts last
            tuple(
                values[several]
                for values in (
                    creations.unlock,
                    creations.due,
                    creations.rank,
                    creations.partition,
                    item,
                )
            )
        )
        several = several[order]
        repeated, first = np.unique(item[several], return_index=True)
        chosen[repeated] = several[first]
    known = chosen >= 0
    if not len(item):
        nothing = np.full(n_items, np.nan)
        return _Dates(known, np.zeros(n_items, dtype=np.int64), nothing, nothing)
    return _Dates(
        known,
        creations.partition[chosen],
        np.where(known, creations.due[chosen], np.nan),
        np.where(known, creations.unlock[chosen], np.nan),
    )


def _earliest(
    item: IntArray, partition: IntArray, n_items: int, width: int
) -> IntArray:
    """Give the first partition of each item's events, ``width`` where none."""
    earliest = np.full(n_items, width)
    np.minimum.at(earliest, item, partition)
    return earliest


def _submission_times(
    item: IntArray, submissions: Submissions, n_items: int, width: int
) -> _Sent:
    """Give the time of the first part that has one, and when that part came."""
    timed = ~np.isnan(submissions.submitted)
    item, seconds = item[timed], submissions.submitted[timed]
    partition = submissions.partition[timed]
    earliest = _earliest(item, partition, n_items, width)
    first = partition == earliest[item]
    time = np.full(n_items, np.inf)
    np.minimum.at(time, item[first], seconds[first])
    return _Sent(earliest, np.where(np.isinf(time), np.nan, time))


def _percent(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Give 100 * part / whole where both are known and whole > 0, else 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 100 * part / whole
    return np.where((whole > 0) & ~np.isnan(part), ratio, 0.0)


def _rank_partitions(
    rows: Rows, exams: Exams, creations: Creations, submissions: Submissions
) -> tuple[Rows, Exams, Creations, Submissions, int]:
    """Replace partitions by their ranks; a time between two is the later one."""
    present, rank = np.unique(rows.partition, return_inverse=True)

    def ranked(partition: IntArray) -> IntArray:
        return np.searchsorted(present, partition).astype(np.int64)

    return (
        rows._replace(partition=rank),
        exams._replace(partition=ranked(exams.partition)),
        creations._replace(partition=ranked(creations.partition)),
        submissions._replace(
            partition=ranked(submissions.partition), known=ranked(submissions.known)
        ),
        len(present),
    )
