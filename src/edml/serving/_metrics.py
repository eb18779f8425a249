"""Metrics: the metrics of one process for Prometheus."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import pandas as pd
import prometheus_client as client

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Bounds of probabilities, from which Prometheus computes quantiles.
_SCORES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10, 30)


class Metrics:
    """Counters in a separate registry, so that apps in one process differ."""

    def __init__(self) -> None:
        self._registry = client.CollectorRegistry()
        counter = partial(client.Counter, registry=self._registry)
        gauge = partial(client.Gauge, registry=self._registry)
        histogram = partial(client.Histogram, registry=self._registry)
        self._requests = counter(
            "edml_requests", "Requests answered.", ("route", "status")
        )
        self._seconds = histogram(
            "edml_request_seconds",
            "Time from a request's arrival in the app to its answer.",
            ("route",),
            buckets=_SECONDS,
        )
        self._students = counter(
            "edml_predictions", "Students scored, once per course."
        )
        self._rows = counter("edml_events", "Events read.")
        self._scores = histogram(
            "edml_score",
            "Probabilities of failing, once per student and course.",
            buckets=_SCORES,
        )
        self._flagged = counter("edml_flagged", "Students flagged, once per course.")
        self._nulls = counter(
            "edml_null_cells", "Empty cells of the events read, by column.", ("column",)
        )
        self._version = gauge(
            "edml_champion_version", "Version that is served; 0 for none."
        )
        self._changes = counter("edml_champion_changes", "Champions loaded.")
        self._unrecorded = counter(
            "edml_ledger_lost",
            "Students, once per course, whose answers the ledger could not take.",
        )
        self._healthy = gauge(
            "edml_registry_healthy",
            "Whether the last look at the registry found what is served.",
        )
        self._pulled = gauge(
            "edml_registry_pulled_timestamp_seconds",
            "When the registry was last pulled from an object store; 0 for never.",
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def predicted(
        self,
        X: pd.DataFrame,
        columns: Iterable[str],
        predictions: Iterable[Mapping[str, Any]],
    ) -> None:
        """Count events, their empty cells, and the scores of students."""
        self._rows.inc(len(X))
        for one in predictions:
            self._students.inc()
            self._flagged.inc(bool(one["flagged"]))
            self._scores.observe(one["probability"])
        for name in columns:
            if name in X.columns:
                self._nulls.labels(name).inc(int(X[name].isna().sum()))

    def not_recorded(self, n_students: int) -> None:
        self._unrecorded.inc(n_students)

    def changed(self, champion: Any) -> None:
        self._version.set(champion.version)
        self._changes.inc()

    def expose(self, *, healthy: bool, pulled_at: float = 0.0) -> bytes:
        """Return the metrics in Prometheus' text format."""
        self._healthy.set(healthy)
        self._pulled.set(pulled_at)
        text: bytes = client.generate_latest(self._registry)
        return text
