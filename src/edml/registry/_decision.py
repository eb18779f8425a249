"""The decision of a contest: the same rows and resamples for all models."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._words import count
from edml.inspection import Evaluation, EvaluationUnits
from edml.metrics import (
    LOSSES,
    METRIC_TITLES,
    bootstrap_metrics,
    percentile_interval,
)
from edml.registry._errors import registry_error
from edml.registry._record import DEFAULT_THRESHOLD
from edml.registry._state import check_choice
from edml.schema import BoolArray, FloatArray, IntArray, check_confidence

METHODS = ("bootstrap", "plain")
_OF_FLAGS = ("f1", "precision", "recall", "accuracy")


@dataclass(frozen=True)
class Rules:
    """How a contest is decided."""

    metric: str
    min_gain: float
    confidence: float
    method: str
    n_resamples: int
    random_state: int

    def __post_init__(self) -> None:
        """Check the rules before any model is loaded."""
        check_choice("a metric", self.metric, tuple(METRIC_TITLES))
        check_choice("a method", self.method, METHODS)
        # All models need the same draws, and only an int reproduces them.
        check_scalar(self.random_state, "random_state", Integral)
        check_scalar(self.n_resamples, "n_resamples", Integral, min_val=1)
        check_scalar(self.min_gain, "min_gain", Real, min_val=0)
        check_confidence(self.confidence)

    @property
    def sign(self) -> int:
        """1 if a higher metric is better, else -1."""
        return -1 if self.metric in LOSSES else 1


class Contestant:
    """A stored model with its predictions for the rows of a contest, computed once."""

    def __init__(self, model: Any, X: Any, y: ArrayLike, rules: Rules) -> None:
        self.threshold = float(getattr(model, "threshold_", DEFAULT_THRESHOLD))
        self.units = EvaluationUnits.from_estimator(model, X, y)
        self.evaluation = Evaluation.from_units(
            self.units,
            threshold=self.threshold,
            confidence=rules.confidence,
            n_resamples=rules.n_resamples,
            random_state=rules.random_state,
        )
        self.score = self.evaluation.metrics[rules.metric]

    def is_like(self, other: "Contestant", rules: Rules) -> bool:
        """Return whether another model has the same predictions, and so figures."""
        ours, theirs = self.units.y_prob, other.units.y_prob
        return np.array_equal(ours, theirs) and (
            rules.metric not in _OF_FLAGS
            or np.array_equal(ours >= self.threshold, theirs >= other.threshold)
        )

    def resample(self, rules: Rules) -> FloatArray:
        """Return the metric in resamples that are the same for all contestants."""
        y_true, y_prob, clusters = _in_row_order(self.units)
        draws = bootstrap_metrics(
            y_true,
            y_prob,
            clusters,
            threshold=self.threshold,
            metrics=[rules.metric],
            n_resamples=rules.n_resamples,
            random_state=rules.random_state,
        )
        found: FloatArray = draws[rules.metric].to_numpy()
        return found


def decide(
    contestants: Mapping[int, Contestant],
    champion: int | None,
    rules: Rules,
) -> dict[str, Any]:
    """Compare the best candidate with the champion; return fields of a Contest."""
    figures = {version: one.score for version, one in contestants.items()}
    unknown = [version for version, figure in figures.items() if np.isnan(figure)]
    if unknown:
        raise registry_error(
            "one_outcome",
            f"Expected rows on which {rules.metric} is defined; found that it is "
            f"undefined for version {unknown[0]}. Pass rows of students who fail and "
            "of students who pass.",
        )
    candidates = [version for version in contestants if version != champion]
    counts = next(iter(contestants.values())).evaluation.counts
    unit = "student" if counts["n_histories"] else "row"
    failing = counts["n_failing_students"]
    whom = f"{count(counts['n_students'], unit)}, {failing:,} failing"
    # the first of equals has the better validation
    challenger = max(candidates, key=lambda version: rules.sign * figures[version])
    gains: dict[int, float] = {}
    intervals: dict[int, tuple[float, float]] = {}
    if champion is None:
        wins = True
        why = (
            f"Version {challenger} is the best candidate by {rules.metric} "
            f"({figures[challenger]:.4g}, on {whom}), and there was no champion to "
            "beat."
        )
    else:
        gains = {v: rules.sign * (figures[v] - figures[champion]) for v in candidates}
        intervals = _intervals(contestants, champion, candidates, rules)
        gain, (low, high) = gains[challenger], intervals[challenger]
        if rules.method == "plain":
            bound, called, interval = gain, "that", ""
        else:
            bound, called = low, "the lower end"
            interval = (
                f", {100 * rules.confidence:g}% interval [{low:+.4g}, {high:+.4g}]"
            )
        wins = bool(bound > rules.min_gain)
        why = (
            f"Version {challenger} gains {gain:+.4g}{interval} in {rules.metric} over "
            f"the champion {champion} ({figures[challenger]:.4g}, "
            f"{figures[champion]:.4g}, on {whom}); {called} is "
            f"{'above' if wins else 'not above'} {rules.min_gain:g}."
        )
    return {
        "figures": figures,
        "gains": gains,
        "intervals": intervals,
        "challenger": challenger,
        "winner": challenger if wins else champion,
        "why": why,
    }


def _intervals(
    contestants: Mapping[int, Contestant],
    champion: int,
    candidates: list[int],
    rules: Rules,
) -> dict[int, tuple[float, float]]:
    if rules.method == "plain":
        return dict.fromkeys(candidates, (np.nan, np.nan))
    # The best of several candidates is chosen on the same rows that decide.
    # Bonferroni's correction keeps an equally good model from winning by repeated
    # entries.
    confidence = 1 - (1 - rules.confidence) / len(candidates)
    base = contestants[champion].resample(rules)
    return {
        version: percentile_interval(
            rules.sign * (contestants[version].resample(rules) - base), confidence
        )
        for version in candidates
    }


def _in_row_order(units: EvaluationUnits) -> tuple[BoolArray, FloatArray, IntArray]:
    """Return labels, predictions and clusters in the order of the table.

    The order of the units of a plain table depends on the predictions.
    """
    order = np.argsort(units.rows)
    clusters = units.clusters[order]
    if len(np.unique(clusters)) == len(clusters):
        clusters = np.arange(len(clusters))
    return units.y_true[order], units.y_prob[order], clusters
