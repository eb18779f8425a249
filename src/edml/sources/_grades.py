"""Read the exams and outcomes of `make_event_table`."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._messages import table_error
from edml.schema import FloatArray, IntArray
from edml.sources._enrolments import Seats
from edml.sources._rows import Events
from edml.sources._tidy import TidyTable
from edml.sources._versions import epoch_days, latest_of, order_versions

EXAM_COLUMNS = ("student", "course", "exam", "date")
EXAM_OPTIONS = ("graded", "grade")
OUTCOME_COLUMNS = ("student", "course", "final_grade")


class Exams(NamedTuple):
    """Exams as events, their names, and the latest date."""

    events: Events
    names: list[str]
    latest: float
    n_replaced: int


def make_exams(table: TidyTable, seat: IntArray, seats: Seats, scale: float) -> Exams:
    """Make a row per version of an exam's grade.

    ``seat`` is -1 for rows that are left out.
    """
    name = table.texts("exam", required=True)
    held, graded = table.dates("date"), table.dates("graded")
    table.check("date", np.isnan(held), "have no value", "Fill them, or drop the rows.")
    grade = table.numbers("grade")
    absent = np.isnan(grade)
    _check_scale(table, "grade", grade, scale)
    pair = np.where(seat >= 0, seat * max(len(name.labels), 1) + name.codes, -1)
    earliest = np.fmax(epoch_days(held), np.where(seat >= 0, seats.first[seat], 0))
    grade = np.where(absent, 0.0, grade * (10 / scale) if scale != 10 else grade)
    versions = order_versions(
        pair, np.fmax(held, graded), earliest, np.where(seat >= 0, grade, np.nan)
    )
    rows, part = versions.row, versions.part
    events = Events(
        seat[rows],
        versions.day - seats.start[seat[rows]],
        {
            "nombre_examen": name.at(rows),
            "nota_parcial": np.where(
                absent[rows] & (versions.number == 1), np.nan, part
            ),
            "fecha_mesa_epoch": held[rows],
        },
    )
    latest = latest_of(held[seat >= 0], graded[seat >= 0])
    return Exams(events, name.labels, latest, int((versions.number > 1).sum()))


def read_outcomes(
    table: TidyTable, seat: IntArray, n_seats: int, scale: float, passing: float | None
) -> FloatArray:
    """Return each enrolment's final grade on the scale of 0 to 10, passing at 4."""
    again = pd.Series(seat).duplicated().to_numpy() & (seat >= 0)
    table.check(
        "student",
        again,
        "repeat another row's student and course",
        "Keep the one final grade.",
        code="repeated",
    )
    grade = table.numbers("final_grade")
    _check_scale(table, "final_grade", grade, scale)
    final = np.full(n_seats, np.nan)
    final[seat[seat >= 0]] = _scale_final(grade, scale, passing)[seat >= 0]
    return final


def _scale_final(grades: FloatArray, scale: float, passing: float | None) -> FloatArray:
    """Scale linearly, or piecewise so that the passing grade becomes 4."""
    if passing is None:
        return grades * (10 / scale) if scale != 10 else grades
    below = 4 * grades / passing
    above = 4 + 6 * (grades - passing) / (scale - passing)
    return np.where(grades >= passing, above, below)


def _check_scale(
    table: TidyTable, column: str, grades: FloatArray, scale: float
) -> None:
    """Raise if most grades lie above the highest one."""
    known = grades[~np.isnan(grades)]
    above = int((known > scale).sum())
    if above > len(known) / 2:
        message = (
            f"{table.name}: {above} of {len(known)} values of {column!r} lie above "
            f"grade_scale={scale:g}. Pass the highest grade, such as grade_scale=100."
        )
        raise table_error(
            "above_scale", message, table=table.name, column=column, scale=scale
        )
