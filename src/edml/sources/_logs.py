"""Add up the lines of a platform's log: counts by student, course, day and kind."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from edml.schema import SECONDS_PER_DAY, BoolArray, IntArray, distinct_codes
from edml.sources._tally import Tally

_KINDS, _DAYS = 2**10, 2**16  # what a code has room for
_LATE = 7  # days
_MOST = 2**20  # codes before they are added up again, to bound the memory
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
        self._students = pd.Index(pairs["student"].unique())
        self._courses = pd.Index(pairs["course"].unique())
        self._pairs = np.unique(self._find(pairs["student"], pairs["course"]))
        self._start = pairs["start"].min()
        self._first, self._last = np.inf, -np.inf  # of all lines, in epoch seconds
        self._name_kind = name_kind
        self._kinds: dict[str, int] = {}
        self._codes: list[IntArray] = []
        self._counts: list[IntArray] = []
        self.n_lines = 0
        self._left_out = dict.fromkeys((*RULES, _STRANGERS), 0)

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
        pair = self._find(student, course)
        place = np.searchsorted(self._pairs, pair)
        known = (pair >= 0) & (np.append(self._pairs, -1)[place] == pair)
        self._leave_out(_STRANGERS, count, ~known)
        for rule, mark in zip(RULES, marks, strict=False):
            self._leave_out(rule, count, known & mark)
            known &= ~mark
        kept = np.flatnonzero(known)
        day = date[kept].astype(np.int64) // SECONDS_PER_DAY
        code = (place[kept] * _DAYS + day) * _KINDS + self._code_kinds(kind.iloc[kept])
        self._codes.append(code)
        self._counts.append(count[kept])
        self._condense()
        if sum(map(len, self._codes)) > _MOST * 2:
            self._condense(all_parts=True)

    def finish(self, name: str, tally: Tally) -> pd.DataFrame:
        """Return a row per student, course, day and kind, and report the others."""
        self._condense(all_parts=True)
        tally.tables[name] = self.n_lines
        for rule, number in self._left_out.items():
            tally.add(rule, number)
        if np.isfinite(self._first):
            self._tell_extent(tally)
        code, count = self._codes[0], self._counts[0]
        code, kind = np.divmod(code, _KINDS)
        place, day = np.divmod(code, _DAYS)
        student, course = np.divmod(self._pairs[place], len(self._courses))
        return pd.DataFrame(
            {
                "student": self._students.take(student),
                "course": self._courses.take(course),
                "date": day * SECONDS_PER_DAY,
                "kind": pd.Series([*self._kinds], dtype="str").array.take(kind),
                "count": count,
            }
        )

    def _tell_extent(self, tally: Tally) -> None:
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

    def _find(self, student: pd.Series, course: pd.Series) -> IntArray:
        who = self._students.get_indexer(pd.Index(student))
        where = self._courses.get_indexer(pd.Index(course))
        code = who.astype(np.int64) * len(self._courses) + where
        return np.where((who < 0) | (where < 0), -1, code)

    def _leave_out(self, rule: str, count: IntArray, which: BoolArray) -> None:
        self._left_out[rule] += int(count[which].sum())

    def _code_kinds(self, kind: pd.Series) -> IntArray:
        codes, labels = pd.factorize(kind)
        known = []
        for label in labels:
            name = self._name_kind(label)
            if len(self._kinds) >= _KINDS - 1 and name not in self._kinds:
                name = "other"
            known.append(self._kinds.setdefault(name, len(self._kinds)))
        return np.array([*known, 0], dtype=np.int64)[codes]

    def _condense(self, *, all_parts: bool = False) -> None:
        """Add up equal codes of the last block, or of all."""
        parts = slice(None) if all_parts else slice(-1, None)
        codes = [np.zeros(0, dtype=np.int64), *self._codes[parts]]
        counts = [np.zeros(0, dtype=np.int64), *self._counts[parts]]
        distinct, place = distinct_codes(np.concatenate(codes))
        total = np.bincount(place, np.concatenate(counts), minlength=len(distinct))
        self._codes[parts] = [distinct]
        self._counts[parts] = [total.astype(np.int64)]
