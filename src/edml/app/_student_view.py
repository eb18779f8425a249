"""One student in one course: the risk day by day, what happened, what changed."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

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
#: Kinds of what happened, in the order in which they are shown.
KINDS = ("exam", "submission", "missed")


class Event(NamedTuple):
    """Something that happened to a student.

    Attributes
    ----------
    partition : int
        When.
    kind : {"exam", "submission", "missed"}
        What: an exam sat, work handed in, or an exam or work that was missed.
    name : str
        Of the exam or assignment.
    grade : float
        As known by then; NaN where none is.
    """

    partition: int
    kind: str
    name: str
    grade: float


def week_before(at: float, partition_days: float = 1.0) -> float:
    """Give the partition a week before another.

    Parameters
    ----------
    at : float
        The partition.
    partition_days : float, default=1.0
        Length of a partition in days.

    Returns
    -------
    since : float
        At least one partition before; it may be before the first.
    """
    return at - max(1, round(WEEK / partition_days))


def take_history(
    X: pd.DataFrame, names: Mapping[str, str], student: object, course: object
) -> pd.DataFrame:
    """Give the events of one student in one course.

    Parameters
    ----------
    X : DataFrame
        The events.
    names : mapping of str to str
        Actual column names by canonical name.
    student, course : object
        As the columns hold them.

    Returns
    -------
    history : DataFrame
        Some rows of ``X``.
    """
    rows = (X[names[STUDENT]] == student) & (X[names[COURSE]] == course)
    return X[rows.to_numpy(dtype=np.bool_)]


def as_of_each(
    history: pd.DataFrame,
    names: Mapping[str, str],
    at: float,
    partition_days: float = 1.0,
) -> tuple[IntArray, pd.DataFrame]:
    """Give a history as it was known at the end of each of its partitions.

    The moments stand as students of their own in one table, so that all of them are
    scored at once: no student's features depend on another's.

    Parameters
    ----------
    history : DataFrame
        Of one student in one course.
    names : mapping of str to str
        Actual column names by canonical name.
    at : float
        The last partition.
    partition_days : float, default=1.0
        Length of a partition in days.

    Returns
    -------
    partitions : ndarray of shape (n_moments,)
        Those in which the history has a row, ascending.
    table : DataFrame
        The "student" of a moment is the partition as a text.
    """
    from edml.datasets import as_of  # noqa: PLC0415 - seconds

    days = read_partitions(history[names[PARTITION]])
    partitions = np.unique(days[days <= at])
    moments = [
        as_of(history, p, columns=names, partition_days=partition_days).assign(
            **{names[STUDENT]: str(p)}
        )
        for p in partitions.tolist()
    ]
    return partitions, pd.concat(moments, ignore_index=True)


def read_trajectory(partitions: IntArray, students: pd.DataFrame) -> pd.DataFrame:
    """Put the risk of each moment in the order of time.

    Parameters
    ----------
    partitions : ndarray of shape (n_moments,)
        From `as_of_each`.
    students : DataFrame
        What scoring its table gave.

    Returns
    -------
    trajectory : DataFrame of shape (n_moments, 3)
        ``partition``, ``probability`` and ``flagged``.
    """
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
    """Give the day of the calendar that is partition 0 of a course.

    What is handed in stands in the partition in which it was: the days of all
    submissions of the course, up to a partition, tell when it began.

    Parameters
    ----------
    X : DataFrame
        The events.
    names : mapping of str to str
        Actual column names by canonical name.
    course : object
        As the column holds it.
    at : float
        The last partition that is looked at.
    partition_days : float, default=1.0
        Length of a partition in days.

    Returns
    -------
    day : float
        Days since 1970; NaN where no submission has a time.
    """
    of_course = X[(X[names[COURSE]] == course).to_numpy(dtype=np.bool_)]
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

    An exam that is named without a grade was missed. A submission without a time of
    submission and without a score above 0 was missed, too, and so was an assignment
    that was due by then and to which nothing was handed in.

    Parameters
    ----------
    history : DataFrame
        Of one student in one course.
    names : mapping of str to str
        Actual column names by canonical name.
    at : float
        The partition.
    first_day : float
        From `find_first_day`; NaN leaves out what was only due.
    partition_days : float, default=1.0
        Length of a partition in days.

    Returns
    -------
    events : list of Event
        By partition, then by kind and name.
    """
    from edml.datasets import as_of  # noqa: PLC0415 - seconds

    shown = as_of(history, at, columns=names, partition_days=partition_days)
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
    """Give the assignments that were due by then, at the partition of their due day."""
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
