"""The options of an evaluation, and the intervals that follow from them."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from edml.metrics import METRIC_TITLES, bootstrap_metrics, percentile_interval
from edml.schema import BoolArray, FloatArray, IntArray, check_confidence


@dataclass(frozen=True, kw_only=True)
class Options:
    """The checked options of an evaluation; `evaluate` documents them."""

    threshold: float = 0.5
    by: Any = None
    k: int | Sequence[int] = (5, 10, 15)
    min_count: int = 30
    confidence: float = 0.95
    n_resamples: int = 1000
    random_state: int | np.random.RandomState | None = 0

    def __post_init__(self) -> None:
        check_scalar(self.min_count, "min_count", Integral, min_val=1)
        check_scalar(self.n_resamples, "n_resamples", Integral, min_val=0)
        check_confidence(self.confidence)
        for k in self.ks:
            check_scalar(k, "k", Integral, min_val=1)

    @property
    def ks(self) -> list[int]:
        """Each k once, in the order given."""
        ks: Any = [self.k] if isinstance(self.k, Integral) else self.k
        return list(dict.fromkeys(ks))

    @property
    def columns(self) -> list[Hashable]:
        """The columns of ``by``; a string or a number is a single name."""
        if self.by is None:
            return []
        if isinstance(self.by, str) or not isinstance(self.by, Iterable):
            return [self.by]
        return list(dict.fromkeys(self.by))

    def estimate_intervals(
        self,
        y_true: BoolArray,
        y_prob: FloatArray,
        clusters: IntArray,
        metrics: Sequence[str] = tuple(METRIC_TITLES),
    ) -> dict[str, tuple[float, float]]:
        """Bootstrap the interval of each metric; NaN without resamples."""
        return self.intervals_of(self.draw(y_true, y_prob, clusters, metrics))

    def draw(
        self,
        y_true: BoolArray,
        y_prob: FloatArray,
        clusters: IntArray,
        metrics: Sequence[str] = tuple(METRIC_TITLES),
    ) -> pd.DataFrame:
        """Return the metrics of each resample; no row without resamples."""
        if not self.n_resamples:
            return pd.DataFrame(columns=list(metrics), dtype=np.float64)
        return bootstrap_metrics(
            y_true,
            y_prob,
            clusters,
            threshold=self.threshold,
            metrics=metrics,
            n_resamples=self.n_resamples,
            random_state=self.random_state,
        )

    def intervals_of(self, draws: pd.DataFrame) -> dict[str, tuple[float, float]]:
        """Return the interval of each metric of the draws."""
        return {
            name: percentile_interval(draws[name], self.confidence) for name in draws
        }
