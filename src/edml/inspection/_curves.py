"""The curves of an Evaluation, each a table of bounded length."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve
from sklearn.utils import check_random_state

from edml.inspection._units import EvaluationUnits
from edml.metrics import calibration_bins, percentile_interval
from edml.schema import FloatArray, IntArray

MAX_POINTS = 1000  # of a curve: finer than a screen, and small in a model's record
N_THRESHOLDS = 99  # each of two ways, and the model's own


def make_curves(
    units: EvaluationUnits,
    threshold: float,
    confidence: float,
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
) -> dict[str, pd.DataFrame]:
    """Compute the curves roc, precision_recall, calibration and thresholds."""
    return {
        "roc": _roc(units),
        "precision_recall": _precision_recall(units),
        "calibration": _calibration(units, confidence, n_resamples, random_state),
        "thresholds": _thresholds(units, threshold),
    }


def _roc(units: EvaluationUnits) -> pd.DataFrame:
    if units.y_true.all() or not units.y_true.any():
        empty = np.empty(0)
        return pd.DataFrame({"fpr": empty, "tpr": empty, "threshold": empty})
    fpr, tpr, threshold = roc_curve(units.y_true, units.y_prob)
    return _thin(pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold}))


def _precision_recall(units: EvaluationUnits) -> pd.DataFrame:
    if not units.y_true.any():
        empty = np.empty(0)
        return pd.DataFrame({"precision": empty, "recall": empty, "threshold": empty})
    precision, recall, threshold = precision_recall_curve(
        units.y_true, units.y_prob, drop_intermediate=True
    )
    # The last point is that of flagging nobody.
    threshold = np.append(threshold, np.inf)
    return _thin(
        pd.DataFrame({"precision": precision, "recall": recall, "threshold": threshold})
    )


def _thin(curve: pd.DataFrame) -> pd.DataFrame:
    """Keep evenly spread points of a long curve, both ends among them."""
    if len(curve) <= MAX_POINTS:
        return curve
    kept = np.linspace(0, len(curve) - 1, MAX_POINTS).round().astype(np.int64)
    return curve.iloc[kept].reset_index(drop=True)


def _calibration(
    units: EvaluationUnits,
    confidence: float,
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
) -> pd.DataFrame:
    curve = calibration_bins(units.y_true, units.y_prob)
    order = np.argsort(units.y_prob, kind="stable")
    bins = np.empty(len(order), dtype=np.int64)  # by rank, hence each is a run
    bins[order] = np.repeat(np.arange(len(curve)), curve["n"])
    draws = _draw_shares(units, bins, len(curve), n_resamples, random_state)
    limits = [percentile_interval(column, confidence) for column in draws.T]
    curve["low"] = np.array([low for low, _ in limits], dtype=np.float64)
    curve["high"] = np.array([high for _, high in limits], dtype=np.float64)
    return curve.astype({"n": np.int64})


def _draw_shares(
    units: EvaluationUnits,
    bins: IntArray,
    n_bins: int,
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
) -> FloatArray:
    """Give the share of failing units per bin, with students drawn anew each time."""
    n_clusters = int(units.clusters.max()) + 1
    cell = units.clusters * n_bins + bins
    size = n_clusters * n_bins
    counts = np.bincount(cell, minlength=size).reshape(n_clusters, n_bins)
    failing = np.bincount(cell, units.y_true, minlength=size)
    sums = np.hstack([failing.reshape(n_clusters, n_bins), counts.astype(np.float64)])
    random = check_random_state(random_state)
    shares = np.full((n_resamples, n_bins), np.nan)
    for share in shares:
        drawn = random.randint(n_clusters, size=n_clusters)
        total = np.bincount(drawn, minlength=n_clusters) @ sums
        held = total[n_bins:] > 0
        share[held] = total[:n_bins][held] / total[n_bins:][held]
    return shares


def _thresholds(units: EvaluationUnits, threshold: float) -> pd.DataFrame:
    """Tell what each of some thresholds would flag; the model's own is one of them."""
    order = np.argsort(units.y_prob, kind="stable")
    ranked = units.y_prob[order]
    # Evenly among the scores, of which most are small, and evenly up to the highest.
    shares = np.linspace(0, 1, N_THRESHOLDS)
    quantiles = np.quantile(ranked, shares, method="nearest")
    spread = np.linspace(ranked[0], ranked[-1], N_THRESHOLDS)
    chosen = np.unique(np.concatenate([quantiles, spread, [threshold]]))
    below = np.searchsorted(ranked, chosen, side="left")
    flagged = len(ranked) - below
    failing = np.append(np.cumsum(units.y_true[order][::-1])[::-1], 0)
    n_failing, caught = failing[0], failing[below]
    load = np.full(len(chosen), np.nan)
    if units.course is not None:
        occupancy = units.course.occupancy
        days = np.append(np.cumsum(occupancy.days[order][::-1])[::-1], 0)
        load = days[below] / occupancy.n_groups
    return pd.DataFrame(
        {
            "threshold": chosen,
            "precision": _divide(caught, flagged),
            "recall": _divide(caught, np.full(len(chosen), n_failing)),
            "f1": _divide(2 * caught, (flagged + n_failing) * (n_failing > 0)),
            "flagged_per_course": load,
        }
    )


def _divide(part: IntArray, whole: IntArray) -> FloatArray:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
