"""A table of events, and the user's choice among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    PARTITION,
    PERIOD,
    STUDENT,
    IntArray,
    first_rows,
    history_codes,
    read_partitions,
    read_periods,
    spell_key,
)

_COURSE_NAME, _FILE_NUMBER = "course_name", "legajo"


@dataclass(frozen=True)
class Events:
    """A table of events, and its possible choices."""

    X: pd.DataFrame
    names: Mapping[str, str]
    fingerprint: str
    histories: IntArray  # number of each row's history, a student in a course
    partitions: IntArray  # of each row
    of_histories: pd.DataFrame  # readable course and student of each history
    in_periods: pd.DataFrame  # history and period, for each period with a row
    periods: list[str]  # in calendar order


class Choice(NamedTuple):
    """The requested students and courses; None and () mean all."""

    period: str | None = None
    course: str | None = None
    students: tuple[str, ...] = ()


def read_choices(X: pd.DataFrame, names: Mapping[str, str], fingerprint: str) -> Events:
    """Read the possible choices of a table; raise a TableError for a bad key."""
    if not len(X):
        message = "Expected the events of at least one student; found no row."
        raise TableError(message)
    histories = history_codes(X[names[STUDENT]], X[names[COURSE]])
    first, place = first_rows(histories)
    one_each = X.iloc[first].reset_index(drop=True)
    of_histories = pd.DataFrame(
        {
            "course": label_column(one_each, names[_COURSE_NAME], names[COURSE]),
            "student": label_column(one_each, names[_FILE_NUMBER], names[STUDENT]),
        }
    )
    if names[PERIOD] in X.columns:
        codes, periods, _ = read_periods(X[names[PERIOD]])
    else:
        codes, periods = np.full(len(X), -1), []
    pairs = np.unique(np.column_stack([place, codes])[codes >= 0], axis=0)
    in_periods = pd.DataFrame(pairs, columns=["history", "period"])
    return Events(
        X,
        names,
        fingerprint,
        place,
        read_partitions(X[names[PARTITION]]),
        of_histories,
        in_periods.assign(period=np.array(periods, dtype=object)[pairs[:, 1]]),
        periods,
    )


def list_courses(events: Events, period: str | None) -> list[str]:
    """List the courses of a period by name, or else by id."""
    chosen = _chosen_histories(events, Choice(period))
    return sorted(events.of_histories["course"][chosen].unique(), key=str.casefold)


def list_students(events: Events, period: str | None, course: str | None) -> list[str]:
    """List the students of a period and course by file number, or else by id."""
    chosen = _chosen_histories(events, Choice(period, course))
    return sorted(events.of_histories["student"][chosen].unique())


def partition_range(events: Events, choice: Choice) -> tuple[int, int]:
    """Return the first and the last partition of the chosen students."""
    rows = events.partitions[_chosen_rows(events, choice)]
    return int(rows.min()), int(rows.max())


def choose_events(events: Events, choice: Choice) -> pd.DataFrame:
    """Return the events of the chosen students.

    A history is never cut: one with a row in a period belongs to it entirely.
    """
    rows = _chosen_rows(events, choice)
    if not rows.any():
        message = (
            "Expected events of the course, period and students chosen; found none in "
            "this table. Choose others."
        )
        raise TableError(message)
    return events.X[rows]


def _chosen_rows(events: Events, choice: Choice) -> np.ndarray:
    return _chosen_histories(events, choice)[events.histories]


def _chosen_histories(events: Events, choice: Choice) -> np.ndarray:
    known = events.of_histories
    chosen = np.ones(len(known), dtype=np.bool_)
    if choice.period is not None:
        inside = events.in_periods["period"] == choice.period
        chosen[:] = False
        chosen[events.in_periods["history"][inside]] = True
    if choice.course is not None:
        chosen &= (known["course"] == choice.course).to_numpy()
    if choice.students:
        chosen &= known["student"].isin(choice.students).to_numpy()
    return chosen


def label_column(table: pd.DataFrame, *columns: str) -> pd.Series:
    """Return each row's first non-null value as text, in the order of the columns."""
    found = pd.Series([None] * len(table), index=table.index, dtype=object)
    for name in columns:
        if name in table.columns:
            found = found.where(found.notna(), table[name].astype(object))
    return found.map(spell_key).astype("str")
