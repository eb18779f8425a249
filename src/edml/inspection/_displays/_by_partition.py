"""One metric on the snapshots of each partition, with its interval."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edml.metrics import bootstrap_metrics, percentile_interval, snapshot_metrics
from edml.schema import BoolArray, FloatArray, IntArray


class Measure(NamedTuple):
    """What is measured, and how often students are drawn anew."""

    metric: str
    threshold: float
    min_failing: int
    n_resamples: int
    random_state: int | None


def judge_partitions(
    fails: BoolArray,
    risk: FloatArray,
    students: NDArray[np.generic] | None,
    partitions: IntArray,
    *,
    days: IntArray,
    how: Measure,
) -> dict[str, FloatArray]:
    """Measure the predictions of some partitions.

    Parameters
    ----------
    fails, risk, students, partitions : ndarray of shape (n_snapshots,)
        Labels, probabilities, students (None for no intervals) and course days.
    days : ndarray of shape (n_days,)
        The partitions that are measured.
    how : Measure
        The metric.

    Returns
    -------
    judged : dict of str to ndarray of shape (n_days,)
        With the keys value, low, high, n_snapshots and n_failing; the first three
        are NaN where failing or passing snapshots are fewer than
        ``how.min_failing``.
    """
    keys = ("value", "low", "high", "n_snapshots", "n_failing")
    judged = {key: np.full(len(days), np.nan) for key in keys}
    for place, day in enumerate(days):
        at = partitions == day
        n, n_failing = int(at.sum()), int(fails[at].sum())
        judged["n_snapshots"][place], judged["n_failing"][place] = n, n_failing
        if min(n_failing, n - n_failing) < max(how.min_failing, 1):
            continue
        figures = snapshot_metrics(fails[at], risk[at], how.threshold)
        judged["value"][place] = figures[how.metric]
        if students is None:
            continue
        draws = bootstrap_metrics(
            *(fails[at], risk[at], students[at]),
            threshold=how.threshold,
            metrics=[how.metric],
            n_resamples=how.n_resamples,
            random_state=how.random_state,
        )
        ends = percentile_interval(draws[how.metric])
        judged["low"][place], judged["high"][place] = ends
    return judged
