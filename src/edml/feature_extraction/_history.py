"""The numeric kernels: what was known of each history, at every row's partition.

Arrays in, arrays out. A history is a student in a course, numbered from 0. Its
*snapshots* are the partitions of its rows; those of all histories are numbered in one
sequence, by history and then by partition. So "never", within a history, is the first
snapshot of the next one, and a score that becomes known between two snapshots is first
seen at the later one.

A *spell* is a value that holds from one snapshot until another. Grades, scores and
timings all become spells, and a row's features are aggregates of the spells that hold
at its snapshot. They change only where a spell begins or ends, and are computed only
there, from those spells themselves. (Running totals across histories would cancel, and
let one student's numbers disturb another's.)

Time and memory grow with the number of rows and, within one history, with its items
times its changes.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from edml.feature_extraction._spells import (
    Snapshots,
    Spells,
    Statistics,
    join_spells,
    spell_statistics,
)
from edml.schema import (
    EXAM_KINDS,
    PARTITION,
    FloatArray,
    IntArray,
    distinct_codes,
)

TIMINGS = (
    "hrs_to_do_assignment",
    "hrs_taken_to_do_assignment",
    "rel_time_taken_to_do_assignment",
    "hrs_before_due",
)


def _with_statistics(name: str) -> list[str]:
    return [f"{name}_{statistic}" for statistic in ("min", "max", "mean", "std")]


#: The names of the 44 features, in order.
FEATURES = (
    PARTITION,
    *(
        name
        for kind in EXAM_KINDS
        for name in (f"{kind}_n_sum", *_with_statistics(f"nota_{kind}"))
    ),
    "overall_parciales_n_sum",
    *_with_statistics("nota_overall"),
    "assignment_n_sum",
    *_with_statistics("score"),
    "assignment_zero_sum",
    *(name for timing in TIMINGS for name in _with_statistics(timing)),
    "parcial_sobre_ass",
)


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


class Submissions(NamedTuple):
    """One entry per part of a submission; ``known`` is when its score is."""

    row: IntArray
    name: IntArray
    score: FloatArray
    submitted: FloatArray
    known: IntArray


def history_features(
    history: IntArray,
    partition: IntArray,
    exams: Exams,
    creations: Creations,
    submissions: Submissions,
    *,
    kinds: Mapping[str, IntArray],
    pending_is_zero: bool,
    fill_value: float | None,
    wanted: IntArray | None = None,
) -> FloatArray:
    """Compute the features of all rows, or of those wanted, of shape (44, n_wanted).

    ``history`` and ``partition`` are those of the rows. ``creations.name`` and
    ``submissions.name`` number one list of names; ``kinds`` holds the codes in
    ``exams.name`` of each kind.
    """
    snapshots = Snapshots(history, partition)
    of_row = snapshots.of_row if wanted is None else snapshots.of_row[wanted]
    grades, exam_name = _grades(snapshots, exams)
    work = _work(snapshots, creations, submissions, pending_is_zero)
    described = np.empty((len(FEATURES), len(of_row)))  # in the order of FEATURES

    def write(first: str, values: FloatArray, place: IntArray) -> None:
        """Write consecutive features, given where each row finds its values."""
        if fill_value is not None:
            np.copyto(values, fill_value, where=np.isnan(values))
        begin = FEATURES.index(first)
        rows = described[begin : begin + len(values)]
        # the mode "raise" would make a copy of the output
        np.take(values, place, axis=1, out=rows, mode="clip")

    described[0] = partition if wanted is None else partition[wanted]
    for kind, names in kinds.items():
        found, step = snapshots.statistics(grades.where(np.isin(exam_name, names)))
        write(f"{kind}_n_sum", found, step.take(of_row))
    for timing, spells in work.timings.items():
        found, step = snapshots.statistics(spells)
        write(f"{timing}_min", found[1:], step.take(of_row))
    zeros = work.scores.where(work.scores.value <= 0)
    for name, spells in (
        ("assignment_n_sum", work.open),
        ("assignment_zero_sum", zeros),
    ):
        write(name, snapshots.counts(spells)[np.newaxis], of_row)
    overall, grade_step = snapshots.statistics(grades)
    scores, score_step = snapshots.statistics(work.scores)
    grade_place, score_place = grade_step.take(of_row), score_step.take(of_row)
    described[-1] = _percent(
        Statistics(*overall).mean[grade_place], Statistics(*scores).mean[score_place]
    )
    write("overall_parciales_n_sum", overall, grade_place)
    write("score_min", scores[1:], score_place)
    return described


# -- from events to spells ----------------------------------------------------


class _Items(NamedTuple):
    """The distinct pairs of a history and a name, and when each history ends."""

    of_event: IntArray
    name: IntArray
    never: IntArray


class _Work(NamedTuple):
    """The assignments: those that exist, their scores and their timings."""

    open: Spells
    scores: Spells
    timings: dict[str, Spells]


def _items(snapshots: Snapshots, row: IntArray, name: IntArray) -> _Items:
    n_names = int(name.max()) + 1 if len(name) else 1
    pairs, of_event = distinct_codes(snapshots.history[row] * n_names + name)
    history, name = np.divmod(pairs, n_names)
    return _Items(of_event, name, snapshots.firsts[history + 1])


def _grades(snapshots: Snapshots, exams: Exams) -> tuple[Spells, IntArray]:
    """Return the spells of exams' grades, and the exam's name of each."""
    items = _items(snapshots, exams.row, exams.name)
    at = snapshots.of_row[exams.row]
    spells, item = _running_means(items, items.of_event, at, exams.grade)
    return spells, items.name[item]


def _work(
    snapshots: Snapshots,
    creations: Creations,
    submissions: Submissions,
    pending_is_zero: bool,
) -> _Work:
    n_creations = len(creations.name)
    items = _items(
        snapshots,
        np.concatenate([creations.row, submissions.row]),
        np.concatenate([creations.name, submissions.name]),
    )
    created, handed_in = items.of_event[:n_creations], items.of_event[n_creations:]
    never, nothing = items.never, np.zeros(len(items.never))

    dates = _first_creations(snapshots, created, creations, never)
    arrival = snapshots.of_row[submissions.row]
    arrived = _earliest(handed_in, arrival, never)
    sent, sent_at = _first_submissions(handed_in, arrival, submissions, never)
    sent_at = np.maximum(sent_at, dates.at)

    known = snapshots.find(snapshots.history[submissions.row], submissions.known)
    scored = ~np.isnan(submissions.score)
    timely = scored & (known < never[handed_in])
    graded, _ = _running_means(
        items, handed_in[timely], known[timely], submissions.score[timely]
    )
    # a creation scores 0 until a submission arrives
    scores = [graded, Spells(dates.at, arrived, nothing)]
    if pending_is_zero:
        first_known = _earliest(handed_in[scored], known[scored], never)
        scores.append(Spells(arrived, first_known, nothing))

    to_do = (dates.due - dates.unlock) / 3600
    taken = (sent - dates.unlock) / 3600
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(to_do > 0, taken / to_do, np.nan)
    before_due = (dates.due - sent) / 3600
    values = (to_do, taken, relative, before_due)
    starts = (dates.at, sent_at, sent_at, sent_at)
    timings = {
        name: _holding(Spells(start, never, value))
        for name, start, value in zip(TIMINGS, starts, values, strict=True)
    }
    return _Work(
        Spells(np.minimum(dates.at, arrived), never, nothing),
        _holding(join_spells(scores)),
        timings,
    )


def _holding(spells: Spells) -> Spells:
    """Drop the spells that are empty or hold no value."""
    return spells.where((spells.start < spells.stop) & ~np.isnan(spells.value))


def _running_means(
    items: _Items, item: IntArray, at: IntArray, value: FloatArray
) -> tuple[Spells, IntArray]:
    """Return spells of the mean of each item's parts so far, and their items."""
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


class _Dates(NamedTuple):
    """When each assignment is created, and its dates in epoch seconds."""

    at: IntArray
    due: FloatArray
    unlock: FloatArray


def _first_creations(
    snapshots: Snapshots, item: IntArray, creations: Creations, never: IntArray
) -> _Dates:
    """Find the creation that gives each assignment its dates."""
    at = snapshots.of_row[creations.row]
    # the last key weighs most; NaN sorts last
    order = np.lexsort((creations.unlock, creations.due, creations.rank, at, item))
    ordered = item[order]
    first = order[np.diff(ordered, prepend=-1) > 0]
    created = item[first]
    dates = _Dates(never.copy(), *np.full((2, len(never)), np.nan))
    dates.at[created] = at[first]
    dates.due[created] = creations.due[first]
    dates.unlock[created] = creations.unlock[first]
    return dates


def _earliest(item: IntArray, at: IntArray, never: IntArray) -> IntArray:
    """Return when the first of each item's events happens."""
    earliest = never.copy()
    np.minimum.at(earliest, item, at)
    return earliest


def _first_submissions(
    item: IntArray, at: IntArray, submissions: Submissions, never: IntArray
) -> tuple[FloatArray, IntArray]:
    """Return the date of each item's first part that has one, and when that came."""
    timed = ~np.isnan(submissions.submitted)
    item, at, seconds = item[timed], at[timed], submissions.submitted[timed]
    earliest = _earliest(item, at, never)
    first = at == earliest[item]
    date = np.full(len(never), np.inf)
    np.minimum.at(date, item[first], seconds[first])
    return np.where(np.isinf(date), np.nan, date), earliest


def _percent(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return 100 * part / whole where both are known and whole > 0, else 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 100 * part / whole
    return np.where((whole > 0) & ~np.isnan(part), ratio, 0.0)
