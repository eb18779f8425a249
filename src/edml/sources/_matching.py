"""Match the rows of tidy tables by their ids; unknown ones are errors, or left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edml.exceptions import TableError
from edml.schema import BoolArray, IntArray
from edml.sources._enrolments import Seats
from edml.sources._import_report import Tally
from edml.sources._tidy import TidyTable
from edml.sources._work import Work, read_work

Unknown = Literal["raise", "drop"]


@dataclass(frozen=True)
class Matching:
    """How to treat unknown ids, and where to count the rows left out for them."""

    unknown: Unknown
    tally: Tally

    def find_seats(self, table: TidyTable, seats: Seats) -> IntArray:
        """Return each row's enrolment, -1 for rows that are left out."""
        student, course = table.ids("student"), table.ids("course")
        seat = seats.find(student, course)
        no_course = course.find_in(seats.course.labels) < 0
        self._leave_out(table, "course", no_course, "a course that enrolments lacks")
        self._leave_out(
            table,
            "student",
            (seat < 0) & ~no_course,
            "a student who is not enrolled in the course",
        )
        self._check_any(table, seat >= 0, ("student", "course"))
        return seat

    def find_work(self, table: TidyTable, seats: Seats) -> Work:
        """Read the assignments of courses and students that enrolments has."""
        known = table.ids("course").find_in(seats.course.labels) >= 0
        self._leave_out(table, "course", ~known, "a course that enrolments lacks")
        self._check_any(table, known, ("course",))
        single = table.ids("student", required=False)
        lost = (single.codes >= 0) & (seats.find(single, table.ids("course")) < 0)
        self._leave_out(
            table,
            "student",
            lost & known,
            "a student who is not enrolled in the course",
        )
        return read_work(table, known & ~lost, seats)

    def find_items(
        self, table: TidyTable, seat: IntArray, seats: Seats, work: Work
    ) -> IntArray:
        """Return each row's assignment, -1 for rows that are left out."""
        course = table.ids("course").find_in(seats.course.labels)
        ids = table.ids("assignment").find_in(work.ids.labels)
        item = np.where(seat >= 0, work.find(course, ids), -1)
        self._leave_out(
            table,
            "assignment",
            (item < 0) & (seat >= 0),
            "an assignment that the course lacks in assignments",
        )
        self._check_any(table, item >= 0, ("course", "assignment"))
        return item

    def _leave_out(
        self, table: TidyTable, column: str, bad: BoolArray, problem: str
    ) -> None:
        if self.unknown == "raise":
            table.check(
                column,
                bad,
                f"are of {problem}",
                "Correct the ids, or leave such rows out with unknown='drop'.",
                code="unmatched",
            )
        rule = f"{table.name} of {problem} were left out"
        self.tally.add(rule, bad.sum(), doubt=True)

    def _check_any(
        self, table: TidyTable, found: BoolArray, columns: Sequence[str]
    ) -> None:
        if len(found) and not found.any():
            message = (
                f"{table.name}: none of the {len(found)} rows matches the other tables "
                f"by {list(columns)}. Check that they hold the same kind of id."
            )
            raise TableError(message)
