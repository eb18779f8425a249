"""One student in one course: the daily risk, the events and the changes."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._translation import N_
from edml.datasets import as_of
from edml.schema import (
    COURSE,
    PARTITION,
    SECONDS_PER_DAY,
    STUDENT,
    IntArray,
    Names,
    read_epochs,
    read_names,
    read_numbers,
    read_partitions,
)

WEEK = 7  # days
_WORK = (
    "nombre_examen",
    "nota_parcial",
    "ass_name",
    "ass_due_at",
    "ass_name_sub",
    "score",
    "s_submitted_at",
)
#: Kinds of events in the order of the chart, each with its legend and its name.
KINDS = {
    "exam": (N_("exams"), N_("Exam")),
    "submission": (N_("submissions"), N_("Submission")),
    "missed": (N_("missed"), N_("Missed")),
}


class Event(NamedTuple):
    """An exam, a submission, or either of them missed."""

    partition: int
    kind: str  # one of KINDS
    name: str
    grade: float  # as known by then; NaN where there is none


def week_before(at: float, partition_days: float = 1.0) -> float:
    """Return the partition a week before; it may lie before the first."""
    return at - max(1, round(WEEK / partition_days))


def take_history(
    X: pd.DataFrame, names: Mapping[str, str], student: object, course: object
) -> pd.DataFrame:
    """Return the events of one student in one course."""
    rows = (X[names[STUDENT]] == student) & (X[names[COURSE]] == course)
    return X[rows.to_numpy(dtype=np.bool_)]


def as_of_each(
    history: pd.DataFrame,
    names: Mapping[str, str],
    at: float,
    partition_days: float = 1.0,
) -> tuple[IntArray, pd.DataFrame]:
    """Return a history as it was known at the end of each of its partitions.

    In the table each partition is a separate student, named by it, so that one call
    scores them all. Features of one student do not depend on another's.
    """
    days = read_partitions(history[names[PARTITION]])
    partitions = np.unique(days[days <= at])
    moment = np.repeat(partitions, len(history))
    rows = np.tile(np.arange(len(history)), len(partitions))
    table = history.iloc[rows].reset_index(drop=True)
    table[names[STUDENT]] = moment.astype(str)
    shown = as_of(table, moment, columns=names, partition_days=partition_days)
    return partitions, shown


def read_trajectory(partitions: IntArray, students: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of `as_of_each`'s table in the order of time."""
    by_moment = students.set_index(students[STUDENT].astype(str))
    found = by_moment.loc[[str(p) for p in partitions.tolist()]]
    return pd.DataFrame(
        {
            "partition": partitions,
            "probability": found["probability"].to_numpy(dtype=np.float64),
            "flagged": found["flagged"].to_numpy(dtype=np.bool_),
        }
    )


def find_first_day(
    X: pd.DataFrame,
    names: Mapping[str, str],
    course: object,
    at: float,
    partition_days: float = 1.0,
) -> float:
    """Return the calendar day (since 1970) of partition 0 of a course, or NaN.

    A submission is in the partition of its day, so the submission times of the whole
    course up to ``at`` show when it began.
    """
    of_course = X[(X[names[COURSE]] == course).to_numpy(dtype=np.bool_)]
    of_course = _with_all_work(of_course, names)
    days = read_partitions(of_course[names[PARTITION]])
    sent = read_names(of_course[names["ass_name_sub"]]).rows
    times = read_epochs(of_course[names["s_submitted_at"]])[sent]
    starts = times // SECONDS_PER_DAY - days[sent] * partition_days
    starts = starts[~np.isnan(starts) & (days[sent] <= at)]
    return float(np.median(starts)) if len(starts) else np.nan


def list_events(
    history: pd.DataFrame,
    names: Mapping[str, str],
    at: float,
    first_day: float,
    partition_days: float = 1.0,
) -> list[Event]:
    """List what happened to a student up to a partition.

    Missed events are an exam without a grade, a submission without a time and without a
    score above 0, and an overdue assignment without a submission. The last kind needs a
    ``first_day`` that is not NaN.
    """
    shown = as_of(history, at, columns=names, partition_days=partition_days)
    shown = _with_all_work(shown, names)
    days = read_partitions(shown[names[PARTITION]])
    found = [*_exams(shown, names, days), *_submissions(shown, names, days)]
    handed_in = {event.name for event in found if event.kind == "submission"}
    missed = {event.name for event in found if event.kind == "missed"}
    found += [
        event
        for event in _overdue(shown, names, days, at, first_day, partition_days)
        if event.name not in handed_in | missed
    ]
    return sorted(found, key=lambda one: (one.partition, one.kind, one.name))


def _with_all_work(X: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the columns of all work, empty where a platform lacks its kind."""
    return X.reindex(columns=[names[name] for name in (PARTITION, *_WORK)])


def _exams(
    shown: pd.DataFrame, names: Mapping[str, str], days: IntArray
) -> Iterator[Event]:
    exams = read_names(shown[names["nombre_examen"]])
    grades = read_numbers(shown[names["nota_parcial"]])[exams.rows]
    for name, part in _by_name(exams):
        when = int(days[exams.rows[part]].min())
        if np.isnan(grades[part]).all():
            yield Event(when, "missed", name, np.nan)
        else:  # a part that was missed counts as 0, as in the features
            grade = float(np.nan_to_num(grades[part]).mean())
            yield Event(when, "exam", name, grade)


def _submissions(
    shown: pd.DataFrame, names: Mapping[str, str], days: IntArray
) -> Iterator[Event]:
    sent = read_names(shown[names["ass_name_sub"]])
    scores = read_numbers(shown[names["score"]])[sent.rows]
    times = read_epochs(shown[names["s_submitted_at"]])[sent.rows]
    for name, part in _by_name(sent):
        timed = ~np.isnan(times[part])
        handed_in = timed.any() or (scores[part] > 0).any()
        # a part that was never handed in counts as 0, as in the features
        score = (
            scores[part]
            if not handed_in
            else np.where(timed, scores[part], np.nan_to_num(scores[part]))
        )
        when = int(days[sent.rows[part]].min())
        known = score[~np.isnan(score)]
        grade = float(known.mean()) if len(known) else np.nan
        yield Event(when, "submission" if handed_in else "missed", name, grade)


def _overdue(
    shown: pd.DataFrame,
    names: Mapping[str, str],
    days: IntArray,
    at: float,
    first_day: float,
    partition_days: float,
) -> Iterator[Event]:
    """Return the assignments due by then, on their due days."""
    created = read_names(shown[names["ass_name"]])
    due = read_epochs(shown[names["ass_due_at"]]) // SECONDS_PER_DAY
    for name, part in _by_name(created):
        rows = created.rows[part]
        first = rows[np.argmin(days[rows])]
        when = (due[first] - first_day) // partition_days
        if when <= at:  # not where a date is missing
            yield Event(max(int(when), int(days[first])), "missed", name, np.nan)


def _by_name(names: Names) -> Iterator[tuple[str, IntArray]]:
    for code, label in enumerate(names.labels):
        part = np.flatnonzero(names.codes == code)
        if len(part):
            yield label, part
