"""On how many days each snapshot stands: what a capacity is counted by."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edml.schema._columns import COURSE, PARTITION, STUDENT
from edml.schema._moments import factorize_keys, history_codes
from edml.schema._readers import read_partitions
from edml.schema._types import FloatArray, IntArray


@dataclass(frozen=True)
class Occupancy:
    """How long each snapshot stands, to count the students flagged on a day.

    Attributes
    ----------
    days : ndarray of shape (n_units,)
        Partitions until the history's next snapshot; 1 for its last, after which the
        student has left, or the course is over.
    n_groups : int
        Pairs of a course and one of its partitions.
    """

    days: FloatArray
    n_groups: int


def read_occupancy(
    X: pd.DataFrame, rows: IntArray, names: Mapping[str, str]
) -> Occupancy:
    """Tell how long each snapshot stands, and on how many days courses ran.

    Parameters
    ----------
    X : DataFrame
        An event table.
    rows : ndarray of shape (n_units,)
        The snapshots: the first row of each.
    names : mapping of str to str
        The actual names of the canonical columns.

    Returns
    -------
    occupancy : Occupancy
        So a table with a row for each week counts as one with a row for each day. Where
        the snapshots are of a part of a course's histories, they stand for all.
    """
    history = history_codes(X[names[STUDENT]], X[names[COURSE]])
    course = factorize_keys(X[names[COURSE]])
    found = count_occupancy(
        history[rows], course[rows], read_partitions(X[names[PARTITION]].iloc[rows])
    )
    share = _count_histories(history[rows], course[rows]) / _count_histories(
        history, course
    ).reindex(pd.unique(course[rows]))
    return Occupancy(found.days / share.loc[course[rows]].to_numpy(), found.n_groups)


def _count_histories(history: IntArray, course: IntArray) -> pd.Series:
    return pd.Series(history).groupby(course).nunique()


def count_occupancy(
    history: IntArray, course: IntArray, partition: IntArray
) -> Occupancy:
    """Count the days of snapshots whose keys are read already.

    Parameters
    ----------
    history, course, partition : ndarray of shape (n_units,)
        Of each snapshot.

    Returns
    -------
    occupancy : Occupancy
    """
    order = np.lexsort((partition, history))
    ends = np.append(np.diff(history[order]) != 0, True)
    days = np.empty(len(partition))
    days[order] = np.where(ends, 1, np.append(np.diff(partition[order]), 1))
    spans = pd.Series(partition).groupby(course).agg(["min", "max"])
    return Occupancy(days, int((spans["max"] - spans["min"] + 1).sum()))
