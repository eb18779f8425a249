"""precision_at_k: the share of failing students among the k most at risk."""

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml.schema import (
    check_lengths,
    combine_codes,
    read_days,
    read_keys,
    read_predictions,
)


def precision_at_k(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    courses: ArrayLike,
    partitions: ArrayLike,
    k: int,
) -> float:
    """Compute the share of failing students among the k most at risk of each course.

    A tutor who has time for ``k`` students of a course on a day takes those with the
    highest probabilities. The share of them that fails is averaged over all courses and
    partitions, each counted once. If tied probabilities straddle the limit, it is the
    mean over all ways to break the tie.

    Parameters
    ----------
    y_true : array-like of shape (n_snapshots,)
        1 or True where the student fails, 0 or False otherwise.
    y_prob : array-like of shape (n_snapshots,)
        Probabilities of failing, fractions in [0, 1].
    courses : array-like of shape (n_snapshots,)
        The course of each snapshot.
    partitions : array-like of shape (n_snapshots,)
        The partition of each snapshot; a missing one is 0.
    k : int
        How many students of a course and partition are taken, at least 1; all of
        them if there are fewer.

    Returns
    -------
    precision : float
        A fraction in [0, 1].

    Raises
    ------
    ValueError
        If the arrays are invalid or differ in length, or ``k`` is below 1.

    Notes
    -----
    If fewer than ``k`` students fail in a course, passing students fill the remaining
    places, and even a perfect model stays below 1.

    Examples
    --------
    >>> from edml.metrics import precision_at_k
    >>> fails, risk = [1, 0, 0, 1, 0], [0.9, 0.7, 0.1, 0.2, 0.8]
    >>> precision_at_k(fails, risk, list("xxxyy"), [0] * 5, k=1)
    0.5
    """
    fails, probability = read_predictions(y_true, y_prob)
    course, day = read_keys(courses, "courses"), read_days(partitions)
    check_lengths(y_true=fails, courses=course, partitions=day)
    check_scalar(k, "k", Integral, min_val=1)

    group, _ = pd.factorize(combine_codes(course, day))
    order = np.lexsort((-probability, group))
    group, probability, fails = group[order], probability[order], fails[order]
    size = np.bincount(group)
    rank = np.arange(len(group)) - (np.cumsum(size) - size)[group]
    tied = (np.diff(probability, prepend=-1.0) == 0) & (rank > 0)
    first = np.flatnonzero(~tied)  # of each run of equal probabilities
    length = np.diff(first, append=len(group))
    taken = np.clip(k - rank[first], 0, length)
    failing = np.add.reduceat(fails.astype(np.float64), first)
    found = np.bincount(group[first], failing * taken / length)
    return float(np.mean(found / np.minimum(size, k)))
