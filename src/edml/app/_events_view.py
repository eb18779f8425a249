"""A table of events, and which of them are asked for."""

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
)

_COURSE_NAME, _FILE_NUMBER = "course_name", "legajo"


@dataclass(frozen=True)
class Events:
    """A table of events, with what the choices are made from.

    Attributes
    ----------
    X : DataFrame
        The events.
    names : mapping of str to str
        Actual column names by canonical name.
    fingerprint : str
        Tells the table from others.
    histories : ndarray of shape (n_rows,)
        The history of each row: a student in a course.
    partitions : ndarray of shape (n_rows,)
        The partition of each row.
    of_histories : DataFrame of shape (n_histories, 2)
        ``course`` and ``student`` of each, as people know them.
    in_periods : DataFrame of shape (n_pairs, 2)
        ``history`` and ``period``, for each period that a history has a row in.
    periods : list of str
        In the order of the calendar.
    """

    X: pd.DataFrame
    names: Mapping[str, str]
    fingerprint: str
    histories: IntArray
    partitions: IntArray
    of_histories: pd.DataFrame
    in_periods: pd.DataFrame
    periods: list[str]


class Choice(NamedTuple):
    """Whose risk is asked for.

    Attributes
    ----------
    period, course : str or None
        One of those that there are; None is all.
    students : tuple of str
        As `list_students` names them; none is all.
    """

    period: str | None = None
    course: str | None = None
    students: tuple[str, ...] = ()


def read_choices(X: pd.DataFrame, names: Mapping[str, str], fingerprint: str) -> Events:
    """Read what the choices are made from.

    Parameters
    ----------
    X : DataFrame
        The events.
    names : mapping of str to str
        Actual column names by canonical name.
    fingerprint : str
        Of the events.

    Returns
    -------
    events : Events

    Raises
    ------
    TableError
        If there is no row, or a key, partition or period cannot be read.
    """
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
    """List the courses of a period, by name.

    Parameters
    ----------
    events : Events
        The table.
    period : str or None
        None is all.

    Returns
    -------
    courses : list of str
        In alphabetical order; a course without a name goes by its id.
    """
    chosen = _chosen_histories(events, Choice(period))
    return sorted(events.of_histories["course"][chosen].unique(), key=str.casefold)


def list_students(events: Events, period: str | None, course: str | None) -> list[str]:
    """List the students of a period and course, by file number.

    Parameters
    ----------
    events : Events
        The table.
    period, course : str or None
        None is all.

    Returns
    -------
    students : list of str
        A student without a file number goes by the id.
    """
    chosen = _chosen_histories(events, Choice(period, course))
    return sorted(events.of_histories["student"][chosen].unique())


def partition_range(events: Events, choice: Choice) -> tuple[int, int]:
    """Give the first and the last partition of those who are asked for.

    Parameters
    ----------
    events : Events
        The table.
    choice : Choice
        Who.

    Returns
    -------
    first, last : int
    """
    rows = events.partitions[_chosen_rows(events, choice)]
    return int(rows.min()), int(rows.max())


def choose_events(events: Events, choice: Choice) -> pd.DataFrame:
    """Give the events of those who are asked for, all that is known of them.

    A history is never cut: one that has a row in a period is in it as a whole.

    Parameters
    ----------
    events : Events
        The table.
    choice : Choice
        Who.

    Returns
    -------
    X : DataFrame
        Some rows of it.

    Raises
    ------
    TableError
        If there is no such course, period or student.
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
    """Give the text of the first column that has a value in each row.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Any.
    *columns : str
        Names, the best known first; those that are absent are passed over.

    Returns
    -------
    labels : Series of str of shape (n_rows,)
    """
    found = pd.Series([None] * len(table), index=table.index, dtype=object)
    for name in columns:
        if name in table.columns:
            found = found.where(found.notna(), table[name].astype(object))
    return found.map(_text).astype("str")


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a CSV's 123 beside an absent one
    return str(value)
