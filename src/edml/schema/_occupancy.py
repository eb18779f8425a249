"""The number of days that each snapshot is valid, to count students by capacity."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edml.schema._columns import COURSE, PARTITION, STUDENT
from edml.schema._keys import factorize_keys, history_codes
from edml.schema._readers import read_partitions
from edml.schema._types import FloatArray, IntArray


@dataclass(frozen=True)
class Occupancy:
    """How long each snapshot lasts, to count the students flagged on a day.

    ``days`` are the partitions until the history's next snapshot, 1 for its last, after
    which the student has left or the course is over; ``n_groups`` is the number of
    pairs of a course and one of its partitions.
    """

    days: FloatArray
    n_groups: int


def read_occupancy(
    X: pd.DataFrame, rows: IntArray, columns: Mapping[str, str]
) -> Occupancy:
    """Count the days of the snapshots that begin at ``rows``.

    A table with weekly rows therefore counts like one with daily rows. If the snapshots
    cover only some of a course's histories, they represent all of them.
    """
    history = history_codes(X[columns[STUDENT]], X[columns[COURSE]])
    course = factorize_keys(X[columns[COURSE]])
    partition = read_partitions(X[columns[PARTITION]].iloc[rows])
    found = count_occupancy(history[rows], course[rows], partition)
    covered = _count_histories(history[rows], course[rows])
    share = covered / _count_histories(history, course).reindex(covered.index)
    return Occupancy(found.days / share.loc[course[rows]].to_numpy(), found.n_groups)


def _count_histories(history: IntArray, course: IntArray) -> pd.Series:
    return pd.Series(history).groupby(course).nunique()


def count_occupancy(
    history: IntArray, course: IntArray, partition: IntArray
) -> Occupancy:
    """Count the days of snapshots from keys that are already read."""
    order = np.lexsort((partition, history))
    ends = np.append(np.diff(history[order]) != 0, True)
    days = np.empty(len(partition))
    days[order] = np.where(ends, 1, np.append(np.diff(partition[order]), 1))
    spans = pd.Series(partition).groupby(course).agg(["min", "max"])
    return Occupancy(days, int((spans["max"] - spans["min"] + 1).sum()))
