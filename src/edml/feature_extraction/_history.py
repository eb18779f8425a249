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

from edml.feature_extraction._items import (
    Creations,
    Exams,
    Submissions,
    earliest_events,
    first_creations,
    first_values,
    holding,
    known_scores,
    number_assignments,
    number_items,
    running_means,
)
from edml.feature_extraction._spells import Snapshots, Spells, Statistics, join_spells
from edml.schema import EXAM_KINDS, PARTITION, FloatArray, IntArray

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
    out: FloatArray | None = None,
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
    # in the order of FEATURES
    described = np.empty((len(FEATURES), len(of_row))) if out is None else out

    def describe(spells: Spells) -> tuple[FloatArray, IntArray]:
        """Return aggregates, and where each row finds its own."""
        found, step = snapshots.statistics(spells)
        return found, step.take(of_row)

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
        write(f"{kind}_n_sum", *describe(grades.where(np.isin(exam_name, names))))
    for timing, spells in work.timings.items():
        found, place = describe(spells)
        write(f"{timing}_min", found[1:], place)
    zeros = work.scores.where(work.scores.value <= 0)
    for name, spells in (
        ("assignment_n_sum", work.open),
        ("assignment_zero_sum", zeros),
    ):
        write(name, snapshots.counts(spells)[np.newaxis], of_row)
    percent = described[-1]
    overall, place = describe(grades)
    np.take(100 * Statistics(*overall).mean, place, out=percent, mode="clip")
    write("overall_parciales_n_sum", overall, place)
    scores, place = describe(work.scores)
    whole = Statistics(*scores).mean.take(place)
    write("score_min", scores[1:], place)
    known = (whole > 0) & ~np.isnan(percent)
    np.divide(percent, whole, out=percent, where=known)
    percent[~known] = 0
    return described


# -- from events to spells ----------------------------------------------------


class _Work(NamedTuple):
    """The assignments: those that exist, their scores and their timings."""

    open: Spells
    scores: Spells
    timings: dict[str, Spells]


def _grades(snapshots: Snapshots, exams: Exams) -> tuple[Spells, IntArray]:
    """Return the spells of exams' grades, and the exam's name of each."""
    items = number_items(snapshots, exams.row, exams.name)
    at = snapshots.of_row[exams.row]
    spells, item = running_means(items, items.of_event, at, exams.grade)
    return spells, items.name[item]


def _work(
    snapshots: Snapshots,
    creations: Creations,
    submissions: Submissions,
    pending_is_zero: bool,
) -> _Work:
    items, created, handed_in = number_assignments(snapshots, creations, submissions)
    never, nothing = items.never, np.zeros(len(items.never))

    dates = first_creations(snapshots, created, creations, never)
    arrival = snapshots.of_row[submissions.row]
    arrived = earliest_events(handed_in, arrival, never)
    submitted = submissions.submitted
    timed = ~np.isnan(submitted)
    sent_at, sent = first_values(
        handed_in[timed], arrival[timed], submitted[timed], never
    )
    sent_at = np.maximum(sent_at, dates.at)

    graded, item = known_scores(snapshots, items, handed_in, submissions)
    # a creation scores 0 until a submission arrives
    scores = [graded, Spells(dates.at, arrived, nothing)]
    if pending_is_zero:
        first_known = earliest_events(item, graded.start, never)
        scores.append(Spells(arrived, first_known, nothing))

    to_do = (dates.due - dates.unlock) / 3600
    taken = (sent - dates.unlock) / 3600
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(to_do > 0, taken / to_do, np.nan)
    before_due = (dates.due - sent) / 3600
    values = (to_do, taken, relative, before_due)
    starts = (dates.at, sent_at, sent_at, sent_at)
    timings = {
        name: holding(Spells(start, never, value))
        for name, start, value in zip(TIMINGS, starts, values, strict=True)
    }
    return _Work(
        Spells(np.minimum(dates.at, arrived), never, nothing),
        holding(join_spells(scores)),
        timings,
    )
