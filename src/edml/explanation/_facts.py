"""history_facts: facts of a history that are not features, up to each row."""

from collections.abc import Mapping
from gettext import NullTranslations
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._translation import translator
from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    FloatArray,
    IntArray,
    Names,
    check_work,
    history_codes,
    known_partitions,
    read_epochs,
    read_names,
    read_numbers,
    read_partitions,
    read_work,
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
    table = read_work(X, check_work(X, names))
    at = check_positions(rows, len(X))
    counts_by_fact = _count_facts(table, at, partition_days)
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


# -- histories as moments -----------------------------------------------------


class _Clock(NamedTuple):
    """Numbers for moments, ``history * width + rank``, that sort by history and time.

    A partition is represented by its rank, because it may be immense.
    """

    history: IntArray
    partition: IntArray
    present: IntArray

    @property
    def width(self) -> int:
        return len(self.present) + 1  # the last is "never"

    def moments(self, rows: IntArray, partition: IntArray | None = None) -> IntArray:
        """Return moments of rows, or of other partitions in the rows' histories."""
        when = self.partition[rows] if partition is None else partition
        rank = np.searchsorted(self.present, when)  # between two, take the later one
        return self.history[rows] * self.width + rank

    def since(self, events: IntArray, at: IntArray) -> FloatArray:
        """Return the partitions since the last of some events, NaN without one."""
        moments, now = np.unique(self.moments(events)), self.moments(at)
        place = np.searchsorted(moments, now, side="right") - 1
        if not len(moments):
            return np.full(len(at), np.nan)
        last = moments[place]
        found = (place >= 0) & (last // self.width == self.history[at])
        when = self.present[np.where(found, last % self.width, 0)]
        return np.where(found, self.partition[at] - when, np.nan)

    def holding(self, start: IntArray, stop: IntArray, at: IntArray) -> IntArray:
        """Count the spells, from ``start`` until before ``stop``, that hold at rows."""
        now = self.moments(at)
        begun = np.searchsorted(np.sort(start), now, side="right")
        ended = np.searchsorted(np.sort(np.maximum(start, stop)), now, side="right")
        return begun - ended

    def never(self, rows: IntArray) -> IntArray:
        """Return the moment after the last one of each row's history."""
        return self.history[rows] * self.width + self.width - 1


def _count_facts(
    table: Mapping[str, pd.Series], at: IntArray, partition_days: float
) -> dict[str, Any]:
    """Return each fact as a number per row, -1 where it does not hold."""
    partition = read_partitions(table[PARTITION])
    history = history_codes(table[STUDENT], table[COURSE])
    clock = _Clock(history, partition, np.unique(partition))
    exams = read_names(table["nombre_examen"])
    creations = read_names(table["ass_name"])
    sent = read_names(table["ass_name_sub"])
    grade = read_numbers(table["nota_parcial"])[exams.rows]
    score = read_numbers(table["score"])[sent.rows]
    submitted = read_epochs(table["s_submitted_at"])[sent.rows]
    graded = read_epochs(table["s_graded_at"])[sent.rows]

    sat = exams.rows[~np.isnan(grade)]
    # named, without a time and scored at most 0: nothing was handed in
    handed_in = sent.rows[~np.isnan(submitted) | (score > 0)]
    known = known_partitions(partition[sent.rows], submitted, graded, partition_days)
    moments = clock.moments(sent.rows, known)
    waits = np.isnan(score) & ~np.isnan(submitted)
    moments[waits] = clock.never(sent.rows)[waits]

    day = partition[at] * partition_days
    every = np.concatenate([exams.rows, creations.rows, sent.rows])
    assigned = np.concatenate([creations.rows, sent.rows])
    set_one = ~np.isnan(clock.since(assigned, at))
    no_exam = np.isnan(clock.since(sat, at)) & (day >= _NOTEWORTHY)
    silent = _silence(clock.since(every, at) * partition_days)
    unsent = _silence(clock.since(handed_in, at) * partition_days)
    graded_exams = clock.never(exams.rows)
    has_grade = ~np.isnan(grade)
    graded_exams[has_grade] = clock.moments(exams.rows)[has_grade]
    return {
        "no_event": np.where((silent == 0) & (day < _NOTEWORTHY), -1, silent),
        "no_submission": np.where((unsent == 0) & ~set_one, -1, unsent),
        "no_exam": np.where(no_exam, 0, -1),
        "absent": _open_items(clock, exams, graded_exams, at),
        "pending": _open_items(clock, sent, moments, at),
    }


def _silence(days: FloatArray) -> IntArray:
    """Return whole days of silence: -1 if short, 0 if there was no event yet."""
    whole = np.where(days >= _NOTEWORTHY, np.floor(days), -1.0)
    return np.where(np.isnan(days), 0.0, whole).astype(np.int64)


def _open_items(
    clock: _Clock, names: Names, closed: IntArray, at: IntArray
) -> IntArray:
    """Count the names that have appeared with no part closed; -1 if there are none."""
    n_names = max(len(names.labels), 1)
    item, _ = pd.factorize(clock.history[names.rows] * n_names + names.codes)
    n_items = int(item.max(initial=-1)) + 1
    start = np.full(n_items, np.iinfo(np.int64).max)
    stop = start.copy()
    np.minimum.at(start, item, clock.moments(names.rows))
    np.minimum.at(stop, item, closed)
    count = clock.holding(start, stop, at)
    return np.where(count > 0, count, -1)
