"""Generate the event table of a synthetic learning platform."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_scalar

from edml.datasets._assignments import make_creations, make_submissions
from edml.datasets._courses import Courses, make_courses
from edml.datasets._draws import Draws
from edml.datasets._enrolments import Enrolments, enrol
from edml.datasets._exams import make_exams
from edml.datasets._table import Events, ObjectArray, spread, take_texts
from edml.schema import COLUMNS, IntArray


def make_student_activity(
    n_enrolments: int = 200,
    *,
    n_courses: int = 10,
    fail_rate: float = 0.04,
    partitions: int = 60,
    random_state: Any = None,
) -> pd.DataFrame:
    """Generate a synthetic raw event table with the quirks of a real platform.

    A final grade depends on ability and diligence, which also determine, with noise,
    what the student hands in, when, and how well. Failing can therefore be predicted
    early to a degree, and better as the course progresses.

    Parameters
    ----------
    n_enrolments : int, default=200
        Number of pairs of a student and a course, at least 1; a student takes one to
        four courses. An enrolment has about 62 rows for 60 partitions.
    n_courses : int, default=10
        Number of courses, at least 1. A course is one run of a subject in one
        period; there are as many periods as courses, but at most four.
    fail_rate : float, default=0.04
        Share of the enrolments whose final grade is below 4, in [0, 1].
    partitions : int, default=60
        Days of a course, at least 1: its partitions are 0 to ``partitions - 1``.
    random_state : int, RandomState, Generator or None, default=None
        The same number gives a bit-identical table on every machine.

    Returns
    -------
    X : DataFrame
        The event table, with every column of :data:`edml.schema.COLUMNS`, its
        rows roughly in order of partition within an enrolment. Most rows are
        ticks, on which the student did nothing.

    Raises
    ------
    ValueError
        If a number is out of its range.

    See Also
    --------
    load_activity : Load a fixed table from this function.

    Notes
    -----
    The quirks: periods as '1-2022' and '01-2022'; null partitions; exams and
    submissions in several parts; early, late and missed submissions; creations at the
    due day or the unlock day, lost, or shown twice; null grades and scores, some
    permanently; grading days later, also after the course; dates that are 0 or null;
    names with white space; rows that carry several events; make-up exams.

    Examples
    --------
    >>> from edml.datasets import make_student_activity, make_target
    >>> X = make_student_activity(50, fail_rate=0.1, random_state=0)
    >>> X.groupby(["user_uuid", "course_uuid"]).ngroups
    50
    >>> float(make_target(X.drop_duplicates(["user_uuid", "course_uuid"])).mean())
    0.1
    """
    check_scalar(n_enrolments, "n_enrolments", Integral, min_val=1)
    check_scalar(n_courses, "n_courses", Integral, min_val=1)
    check_scalar(fail_rate, "fail_rate", Real, min_val=0, max_val=1)
    check_scalar(partitions, "partitions", Integral, min_val=1)
    draws = Draws(random_state)
    courses = make_courses(draws, n_courses, partitions)
    enrolments = enrol(draws, n_enrolments, n_courses, fail_rate)
    students = draws.identifiers(int(enrolments.student[-1]) + 1)
    kinds = [
        make_exams(draws, courses, enrolments, partitions),
        make_creations(draws, courses, enrolments),
        make_submissions(draws, courses, enrolments, students, partitions),
    ]
    cell, places = _lay_out(draws, kinds, n_enrolments, partitions)
    enrolment, day = cell // partitions, cell % partitions
    table = _of_enrolments(draws, courses, enrolments, students, enrolment)
    table["particion"] = _partitions(draws, day)
    for events, place in zip(kinds, places, strict=True):
        for name, values in events.columns.items():
            table[name] = spread(values, place, len(cell))
    absent = np.full(len(cell), np.nan)
    return pd.DataFrame({name: table.get(name, absent) for name in COLUMNS}, copy=False)


def _lay_out(
    draws: Draws, kinds: list[Events], n_enrolments: int, partitions: int
) -> tuple[IntArray, list[IntArray]]:
    """Assign every event a row, and every day of an enrolment at least one.

    Return each row's cell, ``enrolment * partitions + day``, and for each kind of
    events their rows.
    """
    n_cells = n_enrolments * partitions
    height = np.ones(n_cells, dtype=np.int64)
    cells = [events.enrolment * partitions + events.day for events in kinds]
    levels = []
    for cell in cells:
        # On one day in ten, events of different kinds are in separate rows.
        apart = draws.chance(0.1, n_cells)
        levels.append(_nth_of_its_kind(cell) + apart[cell])
        np.maximum.at(height, cell, levels[-1] + 1)
    first = np.cumsum(height) - height
    cell_of_row = np.repeat(np.arange(n_cells), height)
    order = _platform_order(draws, cell_of_row, n_enrolments, partitions)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    rows = [place[first[c] + level] for c, level in zip(cells, levels, strict=True)]
    return cell_of_row[order], rows


def _nth_of_its_kind(cell: IntArray) -> IntArray:
    order = np.argsort(cell, kind="stable")
    ordered = cell[order]
    nth = np.empty_like(cell)
    nth[order] = np.arange(len(cell)) - np.searchsorted(ordered, ordered)
    return nth


def _platform_order(
    draws: Draws, cell: IntArray, n_enrolments: int, partitions: int
) -> IntArray:
    """Shuffle the enrolments; their rows stay in order, with a few exceptions."""
    rank = draws.order(n_enrolments)[cell // partitions]
    stray = draws.chance(0.03, len(cell)) * draws.whole(-9, 9, len(cell))
    moment = np.clip(cell % partitions + stray, 0, partitions - 1)
    return np.argsort(rank * partitions + moment, kind="stable")


def _of_enrolments(
    draws: Draws,
    courses: Courses,
    enrolments: Enrolments,
    students: ObjectArray,
    enrolment: IntArray,
) -> dict[str, Any]:
    """Fill the columns that are constant within an enrolment."""
    course = enrolments.course[enrolment]
    student = enrolments.student[enrolment]
    short = draws.chance(0.3, len(enrolments.course))[enrolment]
    return {
        "user_uuid": take_texts(student, students),
        "course_uuid": take_texts(course, courses.identifiers),
        "course_name": take_texts(course, courses.names),
        "legajo": 40_000 + student,
        "periodo": take_texts(2 * course + short, _periods(courses)),
        "nota_final_materia": enrolments.final_grade[enrolment],
    }


def _periods(courses: Courses) -> ObjectArray:
    """Write each course's period in both forms, '01-2022' and '1-2022'."""
    year = (courses.half_years // 2).astype(str).astype(object)
    half = (courses.half_years % 2 + 1).astype(str).astype(object)
    short = half + "-" + year
    return np.column_stack(["0" + short, short]).ravel()


def _partitions(draws: Draws, day: IntArray) -> NDArray[np.float64]:
    """Set the partition of some rows of day 0 to null, which means 0."""
    unknown = (day == 0) & draws.chance(0.3, len(day))
    return np.where(unknown, np.nan, day)
