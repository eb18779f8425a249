"""Whom a course team would contact each week, and how many of those who fail."""

import numpy as np
import pandas as pd

from edml.inspection._units import EvaluationUnits
from edml.schema import PARTITION, IntArray

_WEEK = 7  # partitions
_MOST_WEEKS = 20  # in the table; a longer course is thinned to as many
_CAPACITIES = (*range(1, 11), 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200)
_COUNTS = ("n_students", "n_failing", "n_contacted", "n_found")
_SO_FAR = ("n_contacted_so_far", "n_found_so_far")
_DTYPES = {
    PARTITION: "int64",
    "per_course": "float64",
    **dict.fromkeys([*_COUNTS, *_SO_FAR], "int64"),
}


def no_contacts() -> pd.DataFrame:
    """Return the table of an evaluation without course days."""
    return pd.DataFrame(columns=list(_DTYPES)).astype(_DTYPES)


def count_contacts(units: EvaluationUnits, threshold: float) -> pd.DataFrame:
    """Count contacts at the end of each week, for each capacity and by the threshold.

    A student is in the list of a course from the first snapshot on, at the latest risk
    so far; equal risks are in random order.
    """
    course = units.course
    if course is None:
        return no_contacts()
    _, history = np.unique(course.histories, return_inverse=True)
    n_histories = int(history.max()) + 1
    lots = np.random.default_rng(0).permutation(n_histories)
    capacities = _choose_capacities(history, course.courses)
    rules = [*capacities, np.nan]  # NaN: by the threshold
    ever = np.zeros((len(rules), n_histories), dtype=np.bool_)
    weeks = _list_weeks(course.partitions)
    shown = set(weeks[np.linspace(0, len(weeks) - 1, _MOST_WEEKS).round().astype(int)])
    rows = []
    for day in weeks.tolist():
        latest = _latest(history, course.partitions, day)
        who, fails = history[latest], units.y_true[latest]
        probability = units.y_prob[latest]
        rank = _rank(course.courses[latest], probability, lots[who])
        for number, rule in enumerate(rules):
            contacted = probability >= threshold if np.isnan(rule) else rank < rule
            ever[number, who] |= contacted
            if day not in shown:
                continue
            so_far = ever[number, who]
            counts = [len(who), fails.sum(), contacted.sum(), (contacted & fails).sum()]
            rows.append([day, rule, *counts, so_far.sum(), (so_far & fails).sum()])
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


def _list_weeks(partitions: IntArray) -> IntArray:
    """Return the last day of each week in which there are students."""
    last = int(partitions.max())
    weeks = np.arange(_WEEK, last + 1, _WEEK)
    weeks = weeks[weeks >= partitions.min()]
    return weeks if len(weeks) else np.array([last])


def _choose_capacities(history: IntArray, courses: IntArray) -> list[int]:
    """Return capacities up to one that contacts everybody in the largest course."""
    _, first = np.unique(history, return_index=True)
    largest = int(np.bincount(courses[first]).max())
    return [k for k in _CAPACITIES if k < largest] + [largest]


def _latest(history: IntArray, partitions: IntArray, day: int) -> IntArray:
    """Return the position of each history's latest snapshot up to a day."""
    known = pd.Series(np.flatnonzero(partitions <= day))  # by history and partition
    return known.groupby(history[known]).last().to_numpy()


def _rank(courses: IntArray, probability: np.ndarray, lots: IntArray) -> IntArray:
    """Return the place of each student in the list of the course, from 0."""
    table = pd.DataFrame({"course": courses, "risk": -probability, "lot": lots})
    ranked = table.sort_values(["course", "risk", "lot"])
    return ranked.groupby("course").cumcount().sort_index().to_numpy()
