"""The unit of monitoring: a student in a course at the end of a week of the course."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from edml._sklearn import num_samples
from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    IntArray,
    combine_codes,
    is_event_table,
    rank_keys,
    read_partitions,
    step_parameter,
)

COURSE_NAME = "course_name"
MAX_WEEKS = 40
ALL = "all"  # the course of tables without courses


@dataclass(frozen=True, eq=False)
class Weeks:
    """One row for each student, course and week; arrays of shape (n_units,).

    ``rows`` are positions in the table, ``week`` counts from 1, ``students`` and
    ``runs`` (the ids of courses) are codes, and ``labels[courses]`` are the names of
    the courses, which several runs share. A week of 0 stands for a table without days.
    """

    rows: IntArray
    week: IntArray
    students: IntArray
    runs: IntArray
    courses: IntArray
    labels: list[str]

    def take(self, kept: Any) -> "Weeks":
        """Return some of the units."""
        names = ("rows", "week", "students", "runs", "courses")
        return replace(self, **{name: getattr(self, name)[kept] for name in names})

    @property
    def design_effect(self) -> float:
        """The number of units for each student: at most so dependent are the units."""
        return len(self.rows) / max(1, len(np.unique(self.students)))


def days_of_week(model: Any) -> int:
    """Return how many partitions a week has, at least one."""
    return max(1, round(7 / float(step_parameter(model, "partition_days", 1.0))))


def read_weeks(
    X: Any, names: Mapping[str, str], step: int, rows: IntArray | None = None
) -> Weeks:
    """Return the last row of each student, course and complete week.

    Of ``rows`` only, if given. A week is complete when its course has reached its last
    day. Students without a row in a week have left, or have not come yet.
    """
    if rows is None:
        rows = np.arange(num_samples(X))
    if not is_event_table(X, names):
        return _without_days(X, names, rows)
    keys = X.iloc[rows]
    students, runs = rank_keys(keys[names[STUDENT]]), rank_keys(keys[names[COURSE]])
    days = read_partitions(keys[names[PARTITION]])
    labels, course_of_run = name_courses(keys, names, runs)
    week = days // step + 1
    last_day = np.zeros(len(course_of_run), dtype=np.int64)
    np.maximum.at(last_day, runs, days)
    kept = np.flatnonzero((week * step - 1 <= last_day[runs]) & (week <= MAX_WEEKS))
    courses = course_of_run[runs]
    # a student who takes a course twice at a time counts once
    unit = combine_codes(combine_codes(students, courses), week)[kept]
    order = kept[np.lexsort((days[kept], runs[kept], unit))]
    unit = combine_codes(combine_codes(students, courses), week)[order]
    is_last = (
        np.append(unit[1:] != unit[:-1], True) if len(unit) else np.array([], bool)
    )
    found = order[is_last]
    return Weeks(
        rows[found], week[found], students[found], runs[found], courses[found], labels
    )


def _without_days(X: Any, names: Mapping[str, str], rows: IntArray) -> Weeks:
    """Return the last row of each student, or every row."""
    students = rows
    if isinstance(X, pd.DataFrame) and names[STUDENT] in X.columns:
        students = rank_keys(X[names[STUDENT]].iloc[rows])
        last = np.flatnonzero(~pd.Series(students).duplicated(keep="last").to_numpy())
        rows, students = rows[last], students[last]
    none = np.zeros(len(rows), dtype=np.int64)
    return Weeks(rows, none, students, none, none, [ALL])


def name_courses(
    keys: pd.DataFrame, names: Mapping[str, str], runs: IntArray
) -> tuple[list[str], IntArray]:
    """Return the names of the courses, and the place of each run's name in them."""
    given = names[COURSE_NAME] if names[COURSE_NAME] in keys.columns else names[COURSE]
    texts = keys[given].fillna(keys[names[COURSE]].astype(object))
    pairs = pd.DataFrame({"run": runs, "name": texts.astype(str).str.strip()})
    # a run whose rows have several names: the first in the alphabet, in any order
    of_run = pairs.drop_duplicates().groupby("run")["name"].min()
    labels = sorted(of_run.unique().tolist())
    return labels, np.searchsorted(labels, of_run.to_numpy(dtype=object)).astype(
        np.int64
    )


def one_per_student(units: Weeks) -> IntArray:
    """Return the place of each student's first course in the alphabet, in a week."""
    order = np.lexsort((units.courses, units.students))
    students = units.students[order]
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = students[1:] != students[:-1]
    return order[is_first]
