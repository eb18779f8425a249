"""The curves of an Evaluation, each a table of bounded length."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve
from sklearn.utils import check_random_state

from edml.inspection._options import Options
from edml.inspection._units import EvaluationUnits
from edml.metrics import calibration_bins, percentile_interval
from edml.schema import BoolArray, FloatArray, IntArray, Occupancy

_MAX_POINTS = 1000  # of a curve: finer than a screen, and small in a model's record
_N_THRESHOLDS = 99  # each of two ways, and the model's own


def make_curves(units: EvaluationUnits, options: Options) -> dict[str, pd.DataFrame]:
    """Compute the curves roc, precision_recall, calibration and thresholds."""
    y_true, y_prob = units.y_true, units.y_prob
    calibration = calibration_bins(y_true, y_prob)
    calibration["low"], calibration["high"] = share_intervals(
        y_true, assign_bins(y_prob, calibration["n"]), units.clusters, options
    )
    return {
        "roc": _roc(y_true, y_prob),
        "precision_recall": _precision_recall(y_true, y_prob),
        "calibration": calibration.astype({"n": np.int64}),
        "thresholds": threshold_curve(
            *(y_true, y_prob, _spread_thresholds(y_prob, options.threshold)),
            None if units.course is None else units.course.occupancy,
        ),
    }


def _roc(y_true: BoolArray, y_prob: FloatArray) -> pd.DataFrame:
    if y_true.all() or not y_true.any():
        empty = np.empty(0)
        return pd.DataFrame({"fpr": empty, "tpr": empty, "threshold": empty})
    fpr, tpr, threshold = roc_curve(y_true, y_prob)
    return _thin(pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold}))


def _precision_recall(y_true: BoolArray, y_prob: FloatArray) -> pd.DataFrame:
    if not y_true.any():
        empty = np.empty(0)
        return pd.DataFrame({"precision": empty, "recall": empty, "threshold": empty})
    precision, recall, threshold = precision_recall_curve(
        y_true, y_prob, drop_intermediate=True
    )
    # The last point flags nobody.
    threshold = np.append(threshold, np.inf)
    return _thin(
        pd.DataFrame({"precision": precision, "recall": recall, "threshold": threshold})
    )


def _thin(curve: pd.DataFrame) -> pd.DataFrame:
    """Thin a long curve to evenly spaced points, including both ends."""
    if len(curve) <= _MAX_POINTS:
        return curve
    kept = np.linspace(0, len(curve) - 1, _MAX_POINTS).round().astype(np.int64)
    return curve.iloc[kept].reset_index(drop=True)


# -- calibration --------------------------------------------------------------


def assign_bins(y_prob: FloatArray, sizes: pd.Series) -> IntArray:
    """Return the bin of each unit; a bin is a run of the sorted probabilities."""
    bins = np.empty(len(y_prob), dtype=np.int64)
    bins[np.argsort(y_prob, kind="stable")] = np.repeat(np.arange(len(sizes)), sizes)
    return bins


def share_intervals(
    y_true: BoolArray,
    bins: IntArray,
    clusters: IntArray,
    options: Options,
) -> tuple[FloatArray, FloatArray]:
    """Bootstrap the share that fails in each bin; clusters are resampled whole.

    Return the lower and upper ends of the intervals, each of shape (n_bins,).
    """
    n_clusters, n_bins = int(clusters.max()) + 1, int(bins.max()) + 1
    cell = clusters * n_bins + bins
    size = n_clusters * n_bins
    counts = np.bincount(cell, minlength=size).reshape(n_clusters, n_bins)
    failing = np.bincount(cell, y_true, minlength=size).reshape(n_clusters, n_bins)
    sums = np.hstack([failing, counts.astype(np.float64)])
    random = check_random_state(options.random_state)
    shares = np.full((options.n_resamples, n_bins), np.nan)
    for share in shares:
        drawn = random.randint(n_clusters, size=n_clusters)
        total = np.bincount(drawn, minlength=n_clusters) @ sums
        held = total[n_bins:] > 0
        share[held] = total[:n_bins][held] / total[n_bins:][held]
    ends = [percentile_interval(column, options.confidence) for column in shares.T]
    low, high = np.transpose(ends)
    return low, high


# -- thresholds ---------------------------------------------------------------


def _spread_thresholds(y_prob: FloatArray, threshold: float) -> FloatArray:
    """Spread thresholds over the scores, most of them small, and over their range."""
    ranked = np.sort(y_prob)
    shares = np.linspace(0, 1, _N_THRESHOLDS)
    quantiles = np.quantile(ranked, shares, method="nearest")
    spread = np.linspace(ranked[0], ranked[-1], _N_THRESHOLDS)
    return np.unique(np.concatenate([quantiles, spread, [threshold]]))


def threshold_curve(
    y_true: BoolArray,
    y_prob: FloatArray,
    thresholds: FloatArray,
    occupancy: Occupancy | None,
) -> pd.DataFrame:
    """Compute each threshold's metrics; the load per course needs the occupancy."""
    order = np.argsort(y_prob, kind="stable")
    below = np.searchsorted(y_prob[order], thresholds, side="left")
    flagged = len(order) - below
    caught = _sum_from(y_true[order].astype(np.int64), below)
    n_failing = int(y_true.sum())
    load = np.full(len(thresholds), np.nan)
    if occupancy is not None:
        load = _sum_from(occupancy.days[order], below) / occupancy.n_groups
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "precision": _divide(caught, flagged),
            "recall": _divide(caught, np.full(len(thresholds), n_failing)),
            "f1": _divide(2 * caught, (flagged + n_failing) * (n_failing > 0)),
            "flagged_per_course": load,
        }
    )


def _sum_from(values: IntArray | FloatArray, starts: IntArray) -> FloatArray:
    """Sum the values from each start to the end."""
    total: FloatArray = np.append(np.cumsum(values[::-1])[::-1], 0)[starts]
    return total


def _divide(part: FloatArray, whole: IntArray) -> FloatArray:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
