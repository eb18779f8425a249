"""bootstrap_metrics: how much the metrics would vary with other students."""

from collections.abc import Iterator, Sequence
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state, check_scalar

from edml.metrics._calibration_error import N_BINS, assign_bins
from edml.metrics._figures import (
    METRIC_TITLES,
    RANKED_METRICS,
    metrics_of_sums,
    row_terms,
)
from edml.metrics._ranking import Ranking
from edml.schema import (
    BoolArray,
    FloatArray,
    IntArray,
    check_confidence,
    check_lengths,
    check_threshold,
    read_keys,
    read_predictions,
)

BATCH = 1_000_000  # counts held in memory at once


def bootstrap_metrics(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    clusters: ArrayLike,
    *,
    threshold: float = 0.5,
    metrics: Sequence[str] | None = None,
    n_resamples: int = 1000,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Compute metrics repeatedly, each time on a new resample of the students.

    The snapshots of a student are correlated, so students are drawn instead of
    snapshots: as many as there are, with replacement, each with all its snapshots as
    often as it is drawn [1]_. The spread of the metrics then estimates the variation
    over other students of the same population [2]_.

    The draws depend only on the set of clusters, ``n_resamples`` and an integer
    ``random_state``. Two calls for two models on the same students are therefore
    paired: the differences between their tables are draws of the difference between the
    models.

    Parameters
    ----------
    y_true : array-like of shape (n_snapshots,)
        1 or True where the student fails, 0 or False otherwise.
    y_prob : array-like of shape (n_snapshots,)
        Probabilities of failing, fractions in [0, 1].
    clusters : array-like of shape (n_snapshots,)
        The student of each snapshot: strings or numbers, none missing.
    threshold : float, default=0.5
        The probability at and above which a student is flagged.
    metrics : sequence of str, default=None
        Names of metrics of `snapshot_metrics`; all of them by default.
    n_resamples : int, default=1000
        Number of draws, at least 1.
    random_state : int, RandomState instance or None, default=0
        Controls the draws. Only an int gives the same resamples on every call.

    Returns
    -------
    draws : DataFrame of shape (n_resamples, n_metrics)
        One row per resample, one column per metric. NaN where the figure is
        undefined in the resample, as in `snapshot_metrics`. The bins of
        "calibration_error" are those of the given snapshots in every resample.

    Raises
    ------
    ValueError
        If the arrays are invalid or differ in length, the threshold is NaN, or a metric
        is unknown.

    See Also
    --------
    percentile_interval : Compute the interval of one column.

    Notes
    -----
    The draws of "calibration_error" are biased upwards, because drawing students adds
    noise to each bin; its percentiles may exclude the error of the given snapshots.
    Differences between two models are affected less.

    References
    ----------
    .. [1] Davison, A. C. and Hinkley, D. V. (1997). Bootstrap Methods and their
       Application, section 3.8. Cambridge University Press.
       https://doi.org/10.1017/CBO9780511802843
    .. [2] Field, C. A. and Welsh, A. H. (2007). Bootstrapping clustered data.
       Journal of the Royal Statistical Society: Series B, 69(3), 369-390.
       https://doi.org/10.1111/j.1467-9868.2007.00593.x

    Examples
    --------
    >>> from edml.metrics import bootstrap_metrics, percentile_interval
    >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> students = list("aabbccdd")
    >>> one = bootstrap_metrics(y, [0.1, 0.2] * 4, students, metrics=["brier"])
    >>> other = bootstrap_metrics(y, [0.3, 0.3] * 4, students, metrics=["brier"])
    >>> one.shape
    (1000, 1)
    >>> low, high = percentile_interval(other["brier"] - one["brier"])
    >>> low < 0 < high
    True
    """
    fails, probability = read_predictions(y_true, y_prob)
    students = read_keys(clusters, "clusters")
    check_lengths(y_true=fails, clusters=students)
    names = _check_metrics(metrics)
    check_scalar(n_resamples, "n_resamples", Integral, min_val=1)
    threshold = check_threshold(threshold)
    random = check_random_state(random_state)

    ranking = Ranking(fails, probability)
    # In ranking order, sums do not depend on the order of the rows.
    order = ranking.order
    fails, probability, students = fails[order], probability[order], students[order]
    sums = _student_sums(fails, probability, threshold, students)
    found = []
    for counts in draw_counts(len(sums["rows"]), n_resamples, random):
        drawn = {name: counts @ values for name, values in sums.items()}
        figures = metrics_of_sums(drawn)
        if not set(names).isdisjoint(RANKED_METRICS):
            areas = np.array([ranking.measure(row[students]) for row in counts])
            figures |= dict(zip(RANKED_METRICS, areas.T, strict=True))
        found.append(pd.DataFrame({name: figures[name] for name in names}))
    return pd.concat(found, ignore_index=True)


def percentile_interval(
    draws: ArrayLike, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the central interval of the draws.

    Parameters
    ----------
    draws : array-like of shape (n_resamples,)
        A column of `bootstrap_metrics`, or the difference of two; draws that are
        NaN or infinite are left out.
    confidence : float, default=0.95
        The share of the draws within the interval, a fraction in (0, 1).

    Returns
    -------
    low, high : float
        The percentiles; NaN where fewer than half of the draws are finite.

    Raises
    ------
    ValueError
        If ``draws`` is not a single column, or ``confidence`` is not within (0, 1).

    Examples
    --------
    >>> from edml.metrics import percentile_interval
    >>> percentile_interval(range(101), confidence=0.5)
    (25.0, 75.0)
    """
    check_confidence(confidence)
    values = np.asarray(draws, dtype=np.float64)
    if values.ndim != 1:
        message = (
            "draws needs one column, an array of shape (n_resamples,); found the shape "
            f"{values.shape}. Pass the columns one by one."
        )
        raise ValueError(message)
    finite = values[np.isfinite(values)]
    if 2 * len(finite) < len(values) or not len(finite):
        return np.nan, np.nan
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _check_metrics(metrics: Sequence[str] | None) -> list[str]:
    if metrics is None:
        return list(METRIC_TITLES)
    names = list(dict.fromkeys([metrics] if isinstance(metrics, str) else metrics))
    unknown = [name for name in names if name not in METRIC_TITLES]
    if unknown or not names:
        message = (
            f"metrics needs some of {list(METRIC_TITLES)}; found {unknown or 'none'}. "
            "Pass None for all of them."
        )
        raise ValueError(message)
    return names


def _student_sums(
    fails: BoolArray, probability: FloatArray, threshold: float, students: IntArray
) -> dict[str, FloatArray]:
    """Sum the terms of the rows by student."""
    terms = row_terms(fails, probability, threshold)
    sums = {
        name: np.bincount(students, term).astype(np.float64, copy=False)
        for name, term in terms.items()
    }
    cell = students * N_BINS + assign_bins(probability)
    size = len(sums["rows"]) * N_BINS
    residual = np.bincount(cell, probability - fails, minlength=size)
    sums["residual"] = residual.reshape(-1, N_BINS).astype(np.float64, copy=False)
    return sums


def draw_counts(
    n_students: int, n_resamples: int, random: np.random.RandomState
) -> Iterator[IntArray]:
    """Draw how often each student is in each resample, in batches of resamples."""
    step = max(1, BATCH // n_students)
    for start in range(0, n_resamples, step):
        counts = [
            np.bincount(
                random.randint(n_students, size=n_students), minlength=n_students
            )
            for _ in range(min(step, n_resamples - start))
        ]
        yield np.array(counts)
