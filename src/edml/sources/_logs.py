"""Add up the lines of a platform's log: counts by student, course, day and kind."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from edml.schema import SECONDS_PER_DAY, BoolArray, IntArray
from edml.sources._import_report import Tally

_KEYS = ["student", "course", "date", "kind"]
_LATE = 7  # days
_MOST = 2**21  # sums before they are added up again, to bound the memory
#: Why a line of a student is left out, in the order in which the reasons are checked.
RULES = (
    "lines of the log without a date were left out",
    "lines of the log that no person caused were left out",
    "lines of the log by somebody logged in as a student were left out",
    "anonymous lines of the log were left out",
    "failed requests of the log were left out",
)
_STRANGERS = "lines of the log that are not of a student in the course were left out"


class LogDays:
    """Counts of lines by student, course, day and kind.

    ``pairs`` are the students and courses whose lines count, with the course's start.
    """

    def __init__(self, pairs: pd.DataFrame, name_kind: Callable[[str], str]) -> None:
        self._pairs = pd.MultiIndex.from_frame(pairs[["student", "course"]])
        self._start = pairs["start"].min()
        self._first, self._last = np.inf, -np.inf  # of all lines, in epoch seconds
        self._name_kind = name_kind
        self._sums: list[pd.DataFrame] = []
        self._left_out = dict.fromkeys((*RULES, _STRANGERS), 0)
        self.n_lines = 0

    def add(
        self,
        student: pd.Series,
        course: pd.Series,
        kind: pd.Series,
        date: Any,
        *bad: Any,
        count: Any = None,
    ) -> None:
        """Add lines, or counts of equal lines.

        ``date`` is in epoch seconds, 0 or NaN for none. ``bad`` marks the lines that
        the other rules leave out, in order.
        """
        date = np.nan_to_num(np.asarray(date, dtype=np.float64))
        marks = [date == 0, *(np.asarray(one, dtype=bool) for one in bad)]
        count = np.ones(len(date)) if count is None else count
        count = np.asarray(count).astype(np.int64)
        self.n_lines += int(count.sum())
        dated = date[date > 0]
        self._first = min(self._first, dated.min(initial=np.inf))
        self._last = max(self._last, dated.max(initial=-np.inf))
        names = {one: self._name_kind(one) for one in kind.unique()}
        lines = pd.DataFrame({"student": student, "course": course})
        lines["date"] = date.astype(np.int64) // SECONDS_PER_DAY * SECONDS_PER_DAY
        lines["kind"], lines["count"] = kind.map(names), count
        known = pd.MultiIndex.from_frame(lines[["student", "course"]]).isin(self._pairs)
        self._leave_out(_STRANGERS, count, ~known)
        for rule, mark in zip(RULES, marks, strict=False):
            self._leave_out(rule, count, known & mark)
            known &= ~mark
        self._sums.append(lines[known])
        self._sums[-1:] = [self._add_up(-1)]
        if sum(map(len, self._sums)) > _MOST:
            self._sums = [self._add_up(0)]

    def finish(self, name: str, tally: Tally) -> pd.DataFrame:
        """Return a row per student, course, day and kind, and report the others."""
        tally.tables[name] = self.n_lines
        for rule, number in self._left_out.items():
            tally.add(rule, number)
        if np.isfinite(self._first):
            self._note_extent(tally)
        if not self._sums:
            return pd.DataFrame(columns=[*_KEYS, "count"])
        return self._add_up(0)

    def _add_up(self, begin: int) -> pd.DataFrame:
        """Add up the counts of equal keys, from the ``begin``-th part on."""
        lines = pd.concat(self._sums[begin:])
        return lines.groupby(_KEYS, sort=False, as_index=False)["count"].sum()

    def _note_extent(self, tally: Tally) -> None:
        """Say from when to when the log goes: platforms delete old lines."""
        first, last = (
            np.datetime64(int(moment), "s").astype("datetime64[D]")
            for moment in (self._first, self._last)
        )
        if self._first > self._start + _LATE * SECONDS_PER_DAY:
            tally.guess(
                f"The log begins on {first}, more than {_LATE} days after a course "
                "began: what students did before is missing. Read a longer log, or "
                "leave out these courses with courses=."
            )
        tally.notes.append(f"The log is of {first} to {last}; its days are UTC.")

    def _leave_out(self, rule: str, count: IntArray, which: BoolArray) -> None:
        self._left_out[rule] += int(count[which].sum())
