"""The courses of a synthetic platform: their periods, exams and assignments."""

from typing import NamedTuple

import numpy as np

from edml.datasets._draws import Draws
from edml.datasets._table import ObjectArray
from edml.schema import SECONDS_PER_DAY, BoolArray, IntArray

SUBJECTS = (
    "Análisis Matemático",
    "Álgebra",
    "Física",
    "Química General",
    "Programación",
    "Estadística",
)
FIRST_HALF_YEAR = 2 * 2022
N_PERIODS = 4
_START_MONTHS = np.array([3, 8])  # the first half-year begins in March


class Courses(NamedTuple):
    """The exams and assignments of each course.

    Arrays of shape (n_courses,); those of exam days (-1 where none is held) have one
    column for each of three exams, those of assignments one for each assignment.
    ``half_years`` counts from year 0, and ``starts`` is day 0 in epoch seconds.
    """

    identifiers: ObjectArray
    names: ObjectArray
    half_years: IntArray
    starts: IntArray
    exam_days: IntArray
    unlock_days: IntArray
    due_days: IntArray
    posted_days: IntArray
    given: BoolArray
    quizzes: BoolArray
    assignment_ids: IntArray
    points: IntArray


def make_courses(draws: Draws, n_courses: int, partitions: int) -> Courses:
    """Plan the courses, the earlier periods first."""
    course = np.arange(n_courses)
    n_periods = min(N_PERIODS, n_courses)
    period = course * n_periods // n_courses
    subject = course - np.searchsorted(period, period)  # its place in its period
    half_years = FIRST_HALF_YEAR + period
    due, given = _due_days(draws, n_courses, partitions)
    unlock = due - draws.whole(5, 9, *due.shape)
    quizzes = draws.chance(0.35, *due.shape)
    return Courses(
        identifiers=draws.identifiers(n_courses),
        names=_subject_names(subject),
        half_years=half_years,
        starts=_first_days(half_years),
        exam_days=_exam_days(draws, n_courses, partitions),
        unlock_days=unlock,
        due_days=due,
        posted_days=np.where(draws.chance(0.5, *due.shape), due, np.maximum(unlock, 0)),
        given=given,
        quizzes=quizzes,
        assignment_ids=_assignment_ids(draws, *due.shape),
        points=np.where(quizzes, 10, 100),
    )


def _subject_names(subject: IntArray) -> ObjectArray:
    first = np.array(SUBJECTS, dtype=object)[subject % len(SUBJECTS)]
    again = subject // len(SUBJECTS) + 1
    numbered = first + " " + again.astype(str).astype(object)
    return np.where(again > 1, numbered, first)


def _first_days(half_years: IntArray) -> IntArray:
    months = (half_years // 2 - 1970) * 12 + _START_MONTHS[half_years % 2] - 1
    seconds = months.astype("datetime64[M]").astype("datetime64[s]")
    return np.asarray(seconds.astype(np.int64))


def _due_days(
    draws: Draws, n_courses: int, partitions: int
) -> tuple[IntArray, BoolArray]:
    """Spread the assignments over the course; every third course has one more."""
    fewest = max(1, round(partitions / 7.5))
    number = fewest + (np.arange(n_courses) % 3 == 1)
    first, last = partitions // 15, partitions - 1 - partitions // 20
    place = np.arange(fewest + 1)
    step = (last - first) / np.maximum(number - 1, 1)[:, None]
    day = np.floor(first + place * step).astype(np.int64)
    day += draws.whole(-1, 1, *day.shape)
    return np.clip(day, 0, partitions - 1), place < number[:, None]


def _exam_days(draws: Draws, n_courses: int, partitions: int) -> IntArray:
    """Two midterms, or in every third course one and a final."""
    share = np.array([0.38, 0.78, 0.86])
    days = np.floor(share * partitions + 3 * draws.uniform(n_courses, 3))
    days = np.minimum(days, partitions - 1).astype(np.int64)
    final = np.arange(n_courses) % 3 == 2
    days[final, 1] = -1
    days[~final, 2] = -1
    return days


def _assignment_ids(draws: Draws, n_courses: int, n_assignments: int) -> IntArray:
    """Draw the platform's ids of the assignments, in no order within a course."""
    order = draws.order(n_courses * n_assignments)
    return 10_000 + 7 * order.reshape(n_courses, n_assignments)


def midnight(courses: Courses, course: IntArray, day: IntArray) -> IntArray:
    """Return the epoch seconds at which a day of a course begins."""
    return courses.starts[course] + SECONDS_PER_DAY * day
