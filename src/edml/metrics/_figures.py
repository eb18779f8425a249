"""snapshot_metrics: metrics of predictions with one row per snapshot."""

from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from edml._translation import N_
from edml.metrics._calibration_error import assign_bins
from edml.metrics._ranking import Ranking
from edml.schema import BoolArray, FloatArray, check_threshold, read_predictions

# Both need the ranking of all rows; the others are sums over rows.
RANKED_METRICS = ("roc_auc", "average_precision")
#: The metrics of `snapshot_metrics` in its order, with their names in prose.
METRIC_TITLES = MappingProxyType(
    {
        "roc_auc": N_("ROC AUC"),
        "average_precision": N_("average precision"),
        "brier": N_("Brier score"),
        "log_loss": N_("log loss"),
        "calibration_error": N_("calibration error"),
        "f1": N_("F1"),
        "precision": N_("precision"),
        "recall": N_("recall"),
        "accuracy": N_("accuracy"),
    }
)
#: What the metrics mean, in a sentence each.
METRIC_MEANINGS = MappingProxyType(
    {
        "roc_auc": N_(
            "How often a failing student ranks above a passing one; 0.5 is chance."
        ),
        "average_precision": N_(
            "Mean precision over all thresholds; chance is the share that fails."
        ),
        "f1": N_("Harmonic mean of precision and recall at the threshold."),
        "precision": N_("Share of the flagged that fail."),
        "recall": N_("Share of the failing that are flagged."),
        "accuracy": N_("Share classified correctly; high in any case where few fail."),
        "brier": N_("Mean squared error of the probabilities; 0 is best."),
        "log_loss": N_(
            "Like the Brier score, but harder on confident errors; 0 is best."
        ),
        "calibration_error": N_(
            "How far probabilities lie from the shares that fail, on average; 0 is "
            "best."
        ),
    }
)
#: The metrics for which lower is better.
LOSSES = frozenset({"brier", "log_loss", "calibration_error"})


def snapshot_metrics(
    y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5
) -> dict[str, float]:
    """Compute metrics of predictions with one row per snapshot.

    An undefined metric is NaN, without a warning.

    Parameters
    ----------
    y_true : array-like of shape (n_snapshots,)
        1 or True where the student fails, 0 or False otherwise.
    y_prob : array-like of shape (n_snapshots,)
        Probabilities of failing, fractions in [0, 1].
    threshold : float, default=0.5
        The probability at and above which a student is flagged.

    Returns
    -------
    figures : dict of str to float
        In this order: "roc_auc" and "average_precision" (NaN unless there are both
        classes); "brier"; "log_loss" (in nats; 0 and 1 are moved inwards by
        2.2e-16); "calibration_error", the `expected_calibration_error` of 15 bins
        of equal count; "f1" (NaN where no snapshot fails, 0 where none is flagged),
        "precision" (NaN where none is flagged), "recall" (NaN where none fails)
        and "accuracy" of the flags.

    Raises
    ------
    ValueError
        If the arrays are invalid or differ in length, or the threshold is NaN.

    See Also
    --------
    bootstrap_metrics : Estimate the uncertainty of the metrics.
    make_snapshot_scorer : Score a fitted model on an event table.

    Examples
    --------
    >>> from edml.metrics import snapshot_metrics
    >>> figures = snapshot_metrics([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    >>> figures["roc_auc"], figures["recall"], round(figures["brier"], 3)
    (0.75, 0.5, 0.185)
    """
    fails, probability = read_predictions(y_true, y_prob)
    terms = row_terms(fails, probability, check_threshold(threshold))
    sums = {name: term.sum(axis=0, keepdims=True) for name, term in terms.items()}
    bins = assign_bins(probability)
    sums["residual"] = np.bincount(bins, probability - fails)[np.newaxis]
    figures = {name: float(value[0]) for name, value in metrics_of_sums(sums).items()}
    areas = Ranking(fails, probability).measure(np.ones(len(fails), dtype=np.int64))
    figures |= dict(zip(RANKED_METRICS, areas, strict=True))
    return {name: figures[name] for name in METRIC_TITLES}


def row_terms(
    fails: BoolArray, probability: FloatArray, threshold: float
) -> dict[str, FloatArray]:
    """Return the terms of each row for the metrics that are sums over rows."""
    flagged = probability >= threshold
    given = np.where(fails, probability, 1 - probability)
    tiny = np.finfo(np.float64).eps  # as in scikit-learn: certain and wrong is finite
    return {
        "rows": np.ones(len(fails)),
        "failing": fails.astype(np.float64),
        "flagged": flagged.astype(np.float64),
        "caught": (fails & flagged).astype(np.float64),
        "squared_error": (1 - given) ** 2,
        "log_loss": -np.log(np.clip(given, tiny, 1 - tiny)),
    }


def metrics_of_sums(sums: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Compute metrics from the sums of `row_terms`, for one or several samples of rows.

    "residual" holds the sums of probability minus label, of shape (n_samples, n_bins).
    """
    rows, failing = sums["rows"], sums["failing"]
    flagged, caught = sums["flagged"], sums["caught"]
    f1 = 2 * caught / np.maximum(failing + flagged, 1)
    return {
        "brier": sums["squared_error"] / rows,
        "log_loss": sums["log_loss"] / rows,
        "calibration_error": np.abs(sums["residual"]).sum(axis=-1) / rows,
        "f1": np.where(failing > 0, f1, np.nan),
        "precision": _share(caught, flagged),
        "recall": _share(caught, failing),
        "accuracy": (rows - failing - flagged + 2 * caught) / rows,
    }


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
