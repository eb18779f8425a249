"""The exams of a synthetic platform."""

import numpy as np

from edml.datasets._courses import Courses, midnight
from edml.datasets._draws import Draws, split_in_two, untidy
from edml.datasets._enrolments import Enrolments
from edml.datasets._table import Events, ObjectArray
from edml.schema import EXAM_KINDS, BoolArray, FloatArray, IntArray

#: In the order of the columns below: midterms, final, make-ups of the midterms.
EXAM_NAMES: ObjectArray = np.array(
    [
        *EXAM_KINDS["parciales"],
        *EXAM_KINDS["integradores"],
        *EXAM_KINDS["recuperatorios"],
    ],
    dtype=object,
)
_HOUR_OF_EXAM = 18 * 3600


def make_exams(
    draws: Draws, courses: Courses, enrolments: Enrolments, partitions: int
) -> Events:
    """Generate the midterms, the finals, and the make-ups of failed exams."""
    days = _exam_days(courses, enrolments, partitions)
    grade, absent = _performance(draws, enrolments, days / partitions)
    who, which = np.nonzero(_sat(draws, days, grade, absent))
    # Theory and practice, graded separately, on one or two days.
    event, second = split_in_two(draws, len(who), 0.06)
    who, which = who[event], which[event]
    next_day = second & draws.chance(0.5, len(event))
    day = np.minimum(days[who, which] + next_day, partitions - 1)
    points = grade[who, which] + second * draws.normal(len(event))
    held = midnight(courses, enrolments.course[who], day) + _HOUR_OF_EXAM
    return Events(
        enrolment=who,
        day=day,
        columns={
            "nombre_examen": untidy(draws, which, EXAM_NAMES),
            "nota_parcial": np.where(absent[who, which], np.nan, _rounded(points)),
            "fecha_mesa_epoch": draws.blank(held, 0.04),
        },
    )


def _exam_days(courses: Courses, enrolments: Enrolments, partitions: int) -> IntArray:
    """Return the day of each exam that can be sat, else -1; make-ups come later."""
    days = courses.exam_days[enrolments.course]
    later = np.minimum(days[:, :2] + 3 + partitions // 10, partitions - 1)
    return np.hstack([days, np.where(days[:, :2] < 0, -1, later)])


def _performance(
    draws: Draws, enrolments: Enrolments, share: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Return each student's grade in every exam, and who would be absent."""
    will = enrolments.diligence_after(np.maximum(share, 0))
    grade = 6.4 + 1.6 * enrolments.ability[:, None] + 0.7 * will
    grade += 1.1 * draws.normal(*share.shape)
    return grade, will + draws.normal(*share.shape) < -2.6


def _sat(
    draws: Draws, days: IntArray, grade: FloatArray, absent: BoolArray
) -> BoolArray:
    """Return who is on the list of each exam; make-ups list most who need them."""
    sat = days >= 0
    lost = absent[:, :2] | (_rounded(grade[:, :2]) < 4)
    sat[:, 3:] &= lost & draws.chance(0.85, len(days), 2)
    return sat


def _rounded(grade: FloatArray) -> FloatArray:
    return np.clip(np.floor(2 * grade + 0.5) / 2, 0, 10)
