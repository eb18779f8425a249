"""The enrolments of a synthetic platform, with ability and diligence."""

from typing import NamedTuple

import numpy as np

from edml.datasets._draws import Draws
from edml.schema import FloatArray, IntArray

#: Share of a trait that a student keeps from course to course.
_OF_STUDENT = 0.8
_PER_STUDENT = np.array([0.45, 0.75, 0.90, 1.0])  # at most 1, 2, 3, 4 courses


class Enrolments(NamedTuple):
    """A student in a course, arrays of shape (n_enrolments,).

    Ability, diligence and drift are approximately standard normal; diligence changes by
    ``drift`` over the course. Final grades are integers from 0 to 10.
    """

    student: IntArray
    course: IntArray
    ability: FloatArray
    diligence: FloatArray
    drift: FloatArray
    final_grade: FloatArray

    def diligence_after(self, share: FloatArray) -> FloatArray:
        """Return each enrolment's diligence after a share of the course."""
        return self.diligence[:, None] + self.drift[:, None] * share


def enrol(
    draws: Draws, n_enrolments: int, n_courses: int, fail_rate: float
) -> Enrolments:
    """Enrol students in courses, and draw their final grades."""
    student, course = _seats(draws, n_enrolments, n_courses)
    ability = _trait(draws, student)
    diligence = 0.3 * ability + 0.95 * _trait(draws, student)
    drift = 0.8 * draws.normal(n_enrolments)
    merit = 0.7 * ability + 0.55 * (diligence + drift)
    merit += 0.75 * draws.normal(n_enrolments)
    grade = _grades(merit, fail_rate)
    return Enrolments(student, course, ability, diligence, drift, grade)


def _seats(
    draws: Draws, n_enrolments: int, n_courses: int
) -> tuple[IntArray, IntArray]:
    """Assign every student one to four different courses."""
    wanted = 1 + np.searchsorted(_PER_STUDENT, draws.uniform(n_enrolments), "right")
    wanted = np.minimum(wanted, n_courses)
    student = np.repeat(np.arange(n_enrolments), wanted)[:n_enrolments]
    n_students = int(student[-1]) + 1
    wanted = wanted[:n_students]
    # Equal steps around the circle of courses never meet in one round.
    longest = np.where(wanted > 1, (n_courses - 1) // np.maximum(wanted - 1, 1), 1)
    step = 1 + np.floor(draws.uniform(n_students) * longest).astype(np.int64)
    first = draws.whole(0, n_courses - 1, n_students)
    nth = np.arange(n_enrolments) - np.searchsorted(student, student)
    return student, (first[student] + nth * step[student]) % n_courses


def _trait(draws: Draws, student: IntArray) -> FloatArray:
    lasting = draws.normal(int(student[-1]) + 1)[student]
    return _OF_STUDENT * lasting + 0.6 * draws.normal(len(student))


def _grades(merit: FloatArray, fail_rate: float) -> FloatArray:
    """Grade by rank, so that exactly the requested share fails."""
    n = len(merit)
    n_failed = int(fail_rate * n + 0.5)
    rank = np.empty(n)
    rank[np.argsort(merit, kind="stable")] = np.arange(n) + 0.5
    failed = np.floor(4 * rank / max(n_failed, 1))
    place = 2 * (rank - n_failed) / max(n - n_failed, 1) - 1
    passed = 4 + np.floor(3.5 * (1 + place * np.abs(place)))  # few 4 and 10
    return np.where(rank < n_failed, failed, passed)
