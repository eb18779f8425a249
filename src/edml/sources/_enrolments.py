"""Read the enrolments and outcomes of `make_event_table`."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._messages import coded
from edml.exceptions import TableError
from edml.schema import FloatArray, IntArray, combine_codes, read_periods
from edml.sources._raw import naming
from edml.sources._rows import Events
from edml.sources._tidy import Labelled, TidyTable, find_pairs
from edml.sources._versions import epoch_days

ENROLMENT_COLUMNS = ("student", "course", "start")
ENROLMENT_OPTIONS = ("joined", "end", "course_name", "period", "student_number")


class Seats(NamedTuple):
    """The enrolments; days are epoch days, ``end`` NaN where it is not known."""

    student: Labelled
    course: Labelled
    start: IntArray
    first: IntArray
    end: FloatArray

    def find(self, student: Labelled, course: Labelled) -> IntArray:
        """Return each row's enrolment, -1 where the student is not in the course."""
        return find_pairs((student, course), (self.student, self.course))


def read_seats(table: TidyTable) -> Seats:
    """Read the enrolments, one per student and course."""
    student, course = table.ids("student"), table.ids("course")
    pairs = pd.Series(combine_codes(student.codes, course.codes))
    table.check(
        "student",
        pairs.duplicated().to_numpy(),
        "repeat another row's student and course",
        "Keep one row per student and course: join their dates, or give each run of "
        "the course its own id.",
        code="repeated",
    )
    start = table.dates("start")
    table.check("start", np.isnan(start), "have no value", "It is day 0 of the course.")
    begin = epoch_days(start).astype(np.int64)
    joined = epoch_days(table.dates("joined"))
    first = np.fmax(begin, joined).astype(np.int64)
    return Seats(student, course, begin, first, epoch_days(table.dates("end")))


def read_seat_periods(table: TidyTable, start: IntArray, notes: list[str]) -> Labelled:
    """Read each enrolment's half-year, or infer it from the day that it starts."""
    if "period" in table:
        with naming(table.name):
            codes, labels, _ = read_periods(table.frame["period"])
        return Labelled(codes, labels)
    days = pd.Series(start.astype("datetime64[D]").astype("datetime64[s]"))
    half = np.where(days.dt.month <= 6, "01-", "02-").astype(object)
    codes, found = pd.factorize(half + days.dt.strftime("%Y").to_numpy(dtype=object))
    notes.append(
        "Periods were inferred from the day a course starts: January to June is 1, "
        "July to December 2. Set them with the column 'period' of enrolments."
    )
    return Labelled(codes.astype(np.int64), list(found))


def last_days(table: TidyTable, seats: Seats, until: float) -> IntArray:
    """Return each enrolment's last course day: its end, or the day of the export."""
    day = epoch_days(np.array([until if np.isfinite(until) else np.nan]))
    last = np.fmin(seats.end, day)
    missing = np.isnan(last)
    if missing.any():
        message = (
            f"{table.name}: {int(missing.sum())} of {len(last)} rows have no 'end', "
            "and no other table holds a date. Fill 'end', or pass until=."
        )
        raise TableError(coded("no_end", message, table=table.name), column="end")
    return last.astype(np.int64) - seats.start


def make_ticks(seats: Seats, last: IntArray, every: int) -> Events:
    """Make a row on each enrolment's first day, and on later multiples of ``every``."""
    first = seats.first - seats.start
    begin = first // every
    number = np.maximum(np.where(last >= first, last // every - begin + 1, 0), 0)
    seat = np.repeat(np.arange(len(number)), number)
    step = np.arange(len(seat)) - (np.cumsum(number) - number)[seat]
    day = np.maximum(every * (begin[seat] + step), first[seat])
    return Events(seat, day, {})
