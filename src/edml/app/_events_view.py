"""A table of events, and the user's choice among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._messages import coded
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
    of_histories: pd.DataFrame  # student, course, period and run of each history
    periods: list[str]  # in calendar order


class Choice(NamedTuple):
    """The requested period and run of a course; None means all."""

    period: str | None = None
    run: str | None = None


def read_choices(X: pd.DataFrame, names: Mapping[str, str], fingerprint: str) -> Events:
    """Read the possible choices of a table; raise a TableError for a bad key."""
    if not len(X):
        message = "Expected the events of at least one student; found no row."
        raise TableError(coded("no_rows", message))
    histories = history_codes(X[names[STUDENT]], X[names[COURSE]])
    first, place = first_rows(histories)
    one_each = X.iloc[first].reset_index(drop=True)
    codes, periods = np.full(len(X), -1), list[str]()
    if names[PERIOD] in X.columns:
        codes, periods, _ = read_periods(X[names[PERIOD]])
    # who repeats a course under the same id is in the latest period
    latest = np.full(len(first), -1)
    np.maximum.at(latest, place, codes)
    of_histories = pd.DataFrame(
        {
            "student": label_column(one_each, names[_FILE_NUMBER], names[STUDENT]),
            "course": label_column(one_each, names[_COURSE_NAME], names[COURSE]),
            "period": np.array([*periods, ""], dtype=object)[latest],
            "id": label_column(one_each, names[COURSE]),
        }
    ).set_index(_keys(one_each, names[STUDENT], names[COURSE]))
    return Events(
        X,
        names,
        fingerprint,
        place,
        read_partitions(X[names[PARTITION]]),
        of_histories.assign(run=_name_runs(of_histories)),
        periods,
    )


def _name_runs(of_histories: pd.DataFrame) -> pd.Series:
    """Name runs by course and period, and also by id where several share these."""
    course, period = of_histories["course"], of_histories["period"]
    runs = course.where(period == "", course + " (" + period + ")")
    shared = of_histories["id"].groupby(runs).transform("nunique") > 1
    return runs.mask(shared, runs + " (" + of_histories["id"] + ")")


def list_runs(events: Events, period: str | None) -> list[str]:
    """List the courses of a period, or of all, by name and period."""
    chosen = _chosen_histories(events, Choice(period))
    return sorted(events.of_histories["run"][chosen].unique(), key=str.casefold)


def find_people(events: Events, students: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return the readable student, course, period and run of each row of a list."""
    return events.of_histories.loc[_keys(students, *columns)].reset_index(drop=True)


def partition_range(events: Events, choice: Choice) -> tuple[int, int]:
    """Return the first and the last partition of the chosen students."""
    rows = events.partitions[_chosen_rows(events, choice)]
    return int(rows.min()), int(rows.max())


def choose_events(events: Events, choice: Choice) -> pd.DataFrame:
    """Return all events of the chosen students."""
    rows = _chosen_rows(events, choice)
    if not rows.any():
        message = (
            "Expected events of the course and period chosen; found none in this "
            "table. Choose others."
        )
        raise TableError(coded("none_chosen", message))
    return events.X[rows]


def _chosen_rows(events: Events, choice: Choice) -> np.ndarray:
    return _chosen_histories(events, choice)[events.histories]


def _chosen_histories(events: Events, choice: Choice) -> np.ndarray:
    chosen = np.ones(len(events.of_histories), dtype=np.bool_)
    for column, wanted in zip(("period", "run"), choice, strict=True):
        if wanted is not None:
            chosen &= (events.of_histories[column] == wanted).to_numpy()
    return chosen


def _keys(table: pd.DataFrame, *columns: str) -> pd.MultiIndex:
    # as text, because an endpoint answers with text
    return pd.MultiIndex.from_arrays([label_column(table, one) for one in columns])


def label_column(table: pd.DataFrame, *columns: str) -> pd.Series:
    """Return each row's first non-null value as text, in the order of the columns."""
    found = pd.Series([None] * len(table), index=table.index, dtype=object)
    for name in columns:
        if name in table.columns:
            found = found.where(found.notna(), table[name].astype(object))
    return found.map(spell_key).astype("str")
