"""What the feed of events looks like: dates, names, values and volume."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from edml._sklearn import num_samples
from edml.monitoring._cells import MIN_STUDENTS
from edml.monitoring._weeks import MAX_WEEKS, name_courses
from edml.schema import (
    ACTIVITY_PREFIX,
    COLUMNS,
    COURSE,
    EARLIEST,
    LATEST,
    PARTITION,
    SECONDS_PER_DAY,
    STUDENT,
    FloatArray,
    IntArray,
    date_unit,
    known_partitions,
    rank_keys,
    read_partitions,
)

EXAM = "nombre_examen"
GRADING_DAYS = "grading_days"
#: Columns that should hold something where another one does.
WANTED = {
    "ass_due_at": "ass_name",
    "ass_unlock_at": "ass_name",
    "s_submitted_at": "score",
    "s_graded_at": "score",
    "score": "ass_name_sub",
    "nota_parcial": EXAM,
}
DATES = ("ass_due_at", "ass_unlock_at", "s_submitted_at", "s_graded_at")
VALUES = ("score", "nota_parcial", "points_possible")
_EVENTS = (EXAM, "ass_name", "ass_name_sub")


class Feed:
    """An event table, read leniently: what cannot be read is missing here."""

    def __init__(self, X: pd.DataFrame, names: Mapping[str, str], step: int) -> None:
        self.n_rows = num_samples(X)
        self._X = X
        self._names = names
        self.step = step
        self.students = rank_keys(X[names[STUDENT]])
        self.runs = rank_keys(X[names[COURSE]])
        self.days = read_partitions(X[names[PARTITION]])
        self.week: IntArray = self.days // step + 1
        self.labels, self.course_of_run = name_courses(X, names, self.runs)
        self.last_day = np.zeros(len(self.course_of_run), dtype=np.int64)
        np.maximum.at(self.last_day, self.runs, self.days)

    def has(self, name: str) -> bool:
        """Return whether the table has a canonical column."""
        return self._names.get(name, name) in self._X.columns

    def column(self, name: str) -> pd.Series:
        """Return a canonical column."""
        return self._X[self._names.get(name, name)]

    def is_constant(self, name: str) -> bool:
        """Return whether a column holds one value, besides nulls."""
        known = self.column(name).dropna()
        return not len(known) or bool((known == known.iloc[0]).all())

    @property
    def extra(self) -> list[str]:
        """The columns that count activity."""
        return [
            name
            for name in self._X.columns
            if isinstance(name, str) and name.startswith(ACTIVITY_PREFIX)
        ]

    def numbers(self, name: str) -> FloatArray:
        """Return a column of numbers or dates in seconds; NaN elsewhere."""
        column = self.column(name)
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            since = column - pd.Timestamp(0, tz=column.dt.tz)
            values = (since / pd.Timedelta(seconds=1)).to_numpy(dtype=np.float64)
            return np.where(values == 0, np.nan, values)
        if not pd.api.types.is_numeric_dtype(column.dtype):
            column = column.astype(object)
        found = pd.to_numeric(column, errors="coerce")
        values = found.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(values == 0, np.nan, values) if name in DATES else values

    def is_given(self, name: str) -> Any:
        """Return the rows that hold something; a date of 0 is missing."""
        if name in DATES:
            return ~np.isnan(self.numbers(name))
        return self.column(name).notna().to_numpy()

    @cached_property
    def known(self) -> IntArray:
        """The partition from which each row's score is known."""
        if not (self.has("s_graded_at") and self.has("s_submitted_at")):
            return self.days
        submitted, graded = self._dates("s_submitted_at"), self._dates("s_graded_at")
        return known_partitions(self.days, submitted, graded, 7 / self.step)

    def _dates(self, name: str) -> FloatArray:
        values = self.numbers(name)
        return np.where((values >= EARLIEST) & (values < LATEST), values, np.nan)

    def missing(self, name: str) -> dict[int, tuple[float, int]]:
        """Return the share of each week's rows without what they should hold.

        As known at the end of the week: a score counts in the week in which it is
        known. Beside it is the number of students with such rows, at least ten.
        """
        wanted = WANTED[name]
        if not (self.has(name) and self.has(wanted)):
            return {}
        since = self.known if wanted == "score" else self.days
        week = since // self.step + 1
        end = week * self.step - 1
        kept = np.flatnonzero(
            self.is_given(wanted)
            & (self.last_day[self.runs] >= end)
            & (week <= MAX_WEEKS)
        )
        given = self.is_given(name)[kept]
        if name == "score":
            given &= (self.known <= end)[kept]
        table = pd.DataFrame(
            {"week": week[kept], "student": self.students[kept], "missing": ~given}
        ).groupby("week")
        sizes = table["student"].nunique()
        share = table["missing"].mean()
        return {
            int(one): (float(share[one]), int(sizes[one]))
            for one in sizes.index[sizes >= MIN_STUDENTS]
        }

    def unit(self, name: str, rows: Any = None) -> str | None:
        """Return the unit of a column of dates, by their size."""
        if not self.has(name):
            return None
        values = self.numbers(name)
        found = date_unit(values if rows is None else values[rows])
        return None if found is None else found.words

    def typical(self, name: str, rows: Any = None) -> tuple[float, int]:
        """Return the mean over students of a student's mean, and their number."""
        if name == GRADING_DAYS:
            if not (self.has("s_graded_at") and self.has("s_submitted_at")):
                return np.nan, 0
            late = self.numbers("s_graded_at") - self.numbers("s_submitted_at")
            values = np.where(
                self.is_given("s_graded_at"), late / SECONDS_PER_DAY, np.nan
            )
        elif self.has(name):
            values = self.numbers(name)
        else:
            return np.nan, 0
        known = np.isfinite(values)
        if rows is not None:
            known &= rows
        count = np.bincount(self.students[known])
        seen = count > 0
        if seen.sum() < MIN_STUDENTS:
            return np.nan, int(seen.sum())
        mean = np.bincount(self.students[known], values[known])[seen] / count[seen]
        return float(mean.mean()), int(seen.sum())

    def volume(self) -> pd.DataFrame:
        """Count events and active students by course and complete week."""
        kept = ((self.week * self.step - 1) <= self.last_day[self.runs]) & (
            self.week <= MAX_WEEKS
        )
        is_event = np.zeros(self.n_rows, dtype=np.int64)
        for name in _EVENTS:
            if self.has(name):
                is_event |= self.is_given(name)
        table = pd.DataFrame(
            {
                "course": self.course_of_run[self.runs][kept],
                "week": self.week[kept],
                "student": self.students[kept],
                "n_events": is_event[kept],
                "n_rows": 1,
            }
        )
        by = table.groupby(["course", "week"])
        sums = by[["n_events", "n_rows"]].sum()
        sums["n_students"] = by["student"].nunique()
        return sums.reset_index()


def describe_feed(
    X: pd.DataFrame, names: Mapping[str, str], step: int
) -> dict[str, Any]:
    """Return the facts about a feed that later ones are compared with, as JSON."""
    feed = Feed(X, names, step)
    missing: dict[str, dict[str, float]] = {}
    units, values = {}, {}
    for name in WANTED:
        missing[name] = {
            str(week): round(share, 4)
            for week, (share, _) in feed.missing(name).items()
        }
    for name in DATES:
        if (unit := feed.unit(name)) is not None:
            units[name] = unit
    for name in (*VALUES, GRADING_DAYS):
        mean, n_students = feed.typical(name)
        if n_students >= MIN_STUDENTS:
            values[name] = float(f"{mean:.4g}")
    volume = feed.volume()
    volume = volume[volume["n_students"] >= MIN_STUDENTS]
    events: dict[str, dict[str, float]] = {}
    for row in volume.itertuples():
        each = events.setdefault(feed.labels[row.course], {})
        each[str(row.week)] = round(row.n_events / row.n_students, 4)
    columns = [name for name in (*COLUMNS, *feed.extra) if feed.has(name)]
    return {
        "columns": columns,
        "varying": [one for one in columns if not feed.is_constant(one)],
        "missing": missing,
        "units": units,
        "values": values,
        "exams": known_exams(feed),
        "events": events,
    }


def known_exams(feed: Feed) -> list[str]:
    """Return the names of exams that at least ten students sat."""
    if not feed.has(EXAM):
        return []
    given = feed.is_given(EXAM)
    table = pd.DataFrame(
        {
            "name": feed.column(EXAM)[given].astype(str).str.strip().to_numpy(),
            "student": feed.students[given],
        }
    ).drop_duplicates()
    sizes = table["name"].value_counts()
    return sorted(sizes.index[sizes >= MIN_STUDENTS].tolist())
