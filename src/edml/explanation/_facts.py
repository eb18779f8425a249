"""history_facts: facts of a history that are not features, up to each row."""

from collections.abc import Mapping
from gettext import NullTranslations
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._translation import translator
from edml.feature_extraction import (
    Snapshots,
    Spells,
    earliest_events,
    event_arrays,
    number_items,
)
from edml.schema import (
    BoolArray,
    FloatArray,
    IntArray,
    check_work,
    read_numbers,
    resolve_columns,
)

_NOTEWORTHY = 7  # days; a shorter silence is not reported


def history_facts(
    X: pd.DataFrame,
    rows: ArrayLike,
    *,
    columns: Mapping[str, str] | None = None,
    partition_days: float = 1.0,
    language: str = "en",
) -> list[list[str]]:
    """Return plain facts of a history, as known at each of the given rows.

    They are facts of the event table, neither features of a model nor causes; show them
    next to the reasons, under a heading that says so.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table, raw or cleaned.
    rows : array-like of int of shape (n_chosen,)
        Positions of rows in ``X``, each >= 0. A row's facts are those known about its
        student in its course at the end of its partition.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    partition_days : float, default=1.0
        Length of a partition in days, > 0.
    language : {"en", "es"}, default="en"
        The reader's language.

    Returns
    -------
    facts : list of list of str
        For each of ``rows``, the facts that hold, in this order:

        - no event (exam, assignment or submission) yet, or for 7 days or more
        - an assignment was set, and there is no submission yet, or none for 7 days
          or more; a submission has a time, or a score above 0
        - from day 7 on, no exam sat yet
        - absent from exams: named, and no part of them has a grade
        - ungraded submissions

    Raises
    ------
    TableError
        If a column is missing or cannot be read.
    ValueError
        If the language is unknown, ``rows`` are not positions in ``X``, or
        ``columns`` names an unknown column.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.explanation import history_facts
    >>> X = load_activity()
    >>> late = X.index[(X["user_uuid"] == X["user_uuid"][0]) & (X["particion"] == 40)]
    >>> facts = history_facts(X, late[:1])
    >>> len(facts)
    1
    """
    texts = translator(language)
    names = resolve_columns(columns)
    check_scalar(
        partition_days, "partition_days", Real, min_val=0, include_boundaries="neither"
    )
    read = check_work(X, names)
    at = check_positions(rows, len(X))
    counts_by_fact = _count_facts(X, read, at, partition_days)
    facts: list[list[str]] = [[] for _ in at]
    for name, counts in counts_by_fact.items():
        found, which = np.unique(counts, return_inverse=True)
        said = [_write_fact(name, count, texts) for count in found.tolist()]
        for row, place in zip(facts, which.tolist(), strict=True):
            if said[place]:
                row.append(said[place])
    return facts


def _write_fact(name: str, n: int, texts: NullTranslations) -> str:
    """Format a fact of n days or items; a negative n means that it does not hold."""
    if n < 0:
        return ""
    if n == 0:
        never = {
            "no_event": texts.gettext("no event yet"),
            "no_submission": texts.gettext("no submission yet"),
            "no_exam": texts.gettext("no exam sat yet"),
        }
        return never[name]
    some = {
        "no_event": texts.ngettext("no event in {} day", "no event in {} days", n),
        "no_submission": texts.ngettext(
            "no submission in {} day", "no submission in {} days", n
        ),
        "absent": texts.ngettext("absent from {} exam", "absent from {} exams", n),
        "pending": texts.ngettext(
            "{} submission waits for a grade", "{} submissions wait for a grade", n
        ),
    }
    return some[name].format(n)


def check_positions(rows: ArrayLike, n_rows: int) -> IntArray:
    """Return rows as positions in a table of n_rows rows, or raise a ValueError."""
    given = np.asarray(rows)
    if given.ndim == 1 and not len(given):
        return np.zeros(0, dtype=np.int64)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        message = (
            "rows are positions, a list of whole numbers; found "
            f"{given.ndim} dimension(s) of {given.dtype}. Turn a mask into positions "
            "with numpy.flatnonzero."
        )
        raise ValueError(message)
    if given.min() < 0 or given.max() >= n_rows:
        message = (
            f"rows are positions from 0 to {n_rows - 1} in a table of {n_rows} rows; "
            f"found {int(given.min())} to {int(given.max())}."
        )
        raise ValueError(message)
    return given.astype(np.int64)


# -- from events to facts -------------------------------------------------------


def _count_facts(
    X: pd.DataFrame, read: Mapping[str, str], at: IntArray, partition_days: float
) -> dict[str, IntArray]:
    """Return each fact as a number per row, -1 where it does not hold."""
    events = event_arrays(X, read, partition_days)
    snapshots = Snapshots(events.history, events.partition)
    exams, sent = events.exams, events.submissions
    graded = np.zeros(len(exams.row), dtype=np.bool_)
    if len(graded):
        graded = ~np.isnan(read_numbers(X[read["nota_parcial"]])[exams.row])
    # named, without a time and scored at most 0: nothing was handed in
    timed = ~np.isnan(sent.submitted)
    handed_in = sent.row[timed | (sent.score > 0)]
    assigned = np.concatenate([events.creations.row, sent.row])
    every = np.concatenate([exams.row, assigned])

    def days_since(rows: IntArray) -> FloatArray:
        return snapshots.since(rows, at) * partition_days

    def open_items(row: IntArray, name: IntArray, closed: IntArray) -> IntArray:
        """Count the names that have appeared with no part closed; -1 without any."""
        items = number_items(snapshots, row, name)
        first, last = (
            earliest_events(items.of_event, moment, items.never)
            for moment in (snapshots.of_row[row], closed)
        )
        spells = Spells(first, np.maximum(first, last), np.zeros(len(first)))
        count = snapshots.counts(spells)[snapshots.of_row[at]].astype(np.int64)
        return np.where(count > 0, count, -1)

    def closing(rows: IntArray, moments: IntArray, closes: BoolArray) -> IntArray:
        return np.where(closes, moments, snapshots.firsts[events.history[rows] + 1])

    day = events.partition[at] * partition_days
    silent, unsent = _silence(days_since(every)), _silence(days_since(handed_in))
    unassigned = np.isnan(days_since(assigned))
    no_exam = np.isnan(days_since(exams.row[graded])) & (day >= _NOTEWORTHY)
    sat = closing(exams.row, snapshots.of_row[exams.row], graded)
    known = snapshots.find(events.history[sent.row], sent.known)
    scored = closing(sent.row, known, ~(np.isnan(sent.score) & timed))
    return {
        "no_event": np.where((silent == 0) & (day < _NOTEWORTHY), -1, silent),
        "no_submission": np.where((unsent == 0) & unassigned, -1, unsent),
        "no_exam": np.where(no_exam, 0, -1),
        "absent": open_items(exams.row, exams.name, sat),
        "pending": open_items(sent.row, sent.name, scored),
    }


def _silence(days: FloatArray) -> IntArray:
    """Return whole days of silence: -1 if short, 0 if there was no event yet."""
    whole = np.where(days >= _NOTEWORTHY, np.floor(days), -1.0)
    return np.where(np.isnan(days), 0.0, whole).astype(np.int64)
