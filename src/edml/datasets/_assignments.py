"""The assignments of a synthetic platform: their creations and submissions."""

from typing import NamedTuple

import numpy as np

from edml.datasets._courses import Courses, midnight
from edml.datasets._draws import Draws, split_in_two, untidy
from edml.datasets._enrolments import Enrolments
from edml.datasets._table import Events, ObjectArray, Texts, Values
from edml.schema import SECONDS_PER_DAY, BoolArray, FloatArray, IntArray

_MINUTE, _HOUR = 60, 3600
_END_OF_DAY = SECONDS_PER_DAY - _MINUTE
_KINDS: ObjectArray = np.array(["online_upload", "online_quiz"], dtype=object)


class _Parts(NamedTuple):
    """Parts of submissions, arrays of shape (n_parts,)."""

    enrolment: IntArray
    course: IntArray
    assignment: IntArray
    second: BoolArray
    day: IntArray
    submitted: IntArray
    score: FloatArray


def make_creations(draws: Draws, courses: Courses, enrolments: Enrolments) -> Events:
    """Show the assignments, one row for each student; some rows get lost."""
    given = courses.given[enrolments.course]
    who, which = np.nonzero(given & ~draws.chance(0.03, *given.shape))
    event, again = split_in_two(draws, len(who), 0.02)  # shown again, postponed
    who, which = who[event], which[event]
    course = enrolments.course[who]
    unlock = midnight(courses, course, courses.unlock_days[course, which])
    due = _due(courses, course, which) + 2 * SECONDS_PER_DAY * again
    return Events(
        enrolment=who,
        day=courses.posted_days[course, which],
        columns={
            "assignment_id": courses.assignment_ids[course, which] + again,
            "ass_name": _names(draws, courses, course, which),
            "points_possible": courses.points[course, which],
            "ass_created_at": draws.blank(unlock - 3 * SECONDS_PER_DAY, 0.02),
            "ass_due_at": draws.blank(due, 0.03),
            "ass_unlock_at": draws.blank(unlock, 0.06),
            "ass_lock_at": draws.blank(due + 3 * SECONDS_PER_DAY, 0.5),
        },
    )


def make_submissions(
    draws: Draws,
    courses: Courses,
    enrolments: Enrolments,
    students: ObjectArray,
    partitions: int,
) -> Events:
    """Hand in the assignments: early or late, in one part or two, or not at all."""
    parts = _handed_in(draws, courses, enrolments, partitions)
    seen = parts.day < partitions  # later parts are never seen
    parts = _Parts._make(values[seen] for values in parts)
    quiz = courses.quizzes[parts.course, parts.assignment]
    columns: dict[str, Values] = {
        "ass_name_sub": _names(draws, courses, parts.course, parts.assignment),
        "sub_uuid": _submission_ids(courses, enrolments, students, parts),
        "submission_type": Texts(quiz.astype(np.int64), _KINDS),
    }
    columns.update(_marks(draws, parts, quiz))
    return Events(parts.enrolment, parts.day, columns)


def _handed_in(
    draws: Draws, courses: Courses, enrolments: Enrolments, partitions: int
) -> _Parts:
    given = courses.given[enrolments.course]
    will = enrolments.diligence_after(courses.due_days[enrolments.course] / partitions)
    will += 0.7 * draws.normal(*given.shape)
    who, which = np.nonzero(given & (will > -1.55))
    event, second = split_in_two(draws, len(who), 0.05)
    who, which = who[event], which[event]
    course = enrolments.course[who]
    will, ability = will[who, which], enrolments.ability[who]
    hours_left = 30 + 22 * will + 24 * draws.normal(len(who))
    hours_left -= second * 30 * draws.uniform(len(who))
    minutes_left = np.floor(60 * hours_left).astype(np.int64)
    submitted = _due(courses, course, which) - minutes_left * _MINUTE
    day = np.maximum((submitted - courses.starts[course]) // SECONDS_PER_DAY, 0)
    day += draws.chance(0.03, len(who))  # the platform's log took a day
    score = 72 + 9 * ability + 5 * will - 5 * second + 18 * draws.normal(len(who))
    return _Parts(who, course, which, second, day, submitted, score)


def _marks(draws: Draws, parts: _Parts, quiz: BoolArray) -> dict[str, Values]:
    """Grade the parts: quizzes at once, uploads by a teacher, some never."""
    n = len(parts.day)
    days = np.floor(11 * draws.uniform(n) * draws.uniform(n)).astype(np.int64)
    at_work = 9 * _HOUR + 5 * _MINUTE * draws.whole(0, 119, n)
    midnights = parts.submitted - parts.submitted % SECONDS_PER_DAY
    at_desk = np.maximum(midnights + days * SECONDS_PER_DAY + at_work, parts.submitted)
    graded = np.where(quiz, parts.submitted, at_desk)
    score = np.clip(5 * np.floor(parts.score / 5 + 0.5), 0, 100)
    score[draws.chance(0.01, n)] = 0.0
    pending = draws.chance(0.015, n)
    empty = draws.chance(0.004, n)  # a row without a submission
    submitted_at = draws.blank(parts.submitted, 0.03)
    submitted_at[empty] = 0.0
    graded_at = draws.blank(graded, 0.03)
    graded_at[pending | empty] = np.nan
    return {
        "score": np.where(pending | empty, np.nan, score),
        "s_submitted_at": submitted_at,
        "s_graded_at": graded_at,
        "s_created_at": draws.blank(submitted_at, 0.02),
    }


def _due(courses: Courses, course: IntArray, assignment: IntArray) -> IntArray:
    return midnight(courses, course, courses.due_days[course, assignment]) + _END_OF_DAY


def _names(
    draws: Draws, courses: Courses, course: IntArray, assignment: IntArray
) -> Texts:
    n = courses.given.shape[1]
    number = np.arange(1, n + 1).astype(str).astype(object)
    labels = np.concatenate(["Trabajo Práctico " + number, "Cuestionario " + number])
    return untidy(draws, assignment + n * courses.quizzes[course, assignment], labels)


def _submission_ids(
    courses: Courses, enrolments: Enrolments, students: ObjectArray, parts: _Parts
) -> Texts:
    """Name each part after its student, course, assignment and part."""
    student = students[enrolments.student[parts.enrolment]]
    number = courses.assignment_ids[parts.course, parts.assignment] + parts.second
    labels = student + "-" + number.astype(str).astype(object)
    return Texts(np.arange(len(labels)), labels)
