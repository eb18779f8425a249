"""Metrics: the metrics of one process for Prometheus."""

from typing import Any

import prometheus_client as client

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10, 30)


class Metrics:
    """Counters in a separate registry, so that apps in one process differ."""

    def __init__(self) -> None:
        registry = self._registry = client.CollectorRegistry()
        self._requests = client.Counter(
            "edml_requests",
            "Requests answered.",
            ("route", "status"),
            registry=registry,
        )
        self._seconds = client.Histogram(
            "edml_request_seconds",
            "Time from a request's arrival in the app to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._students = client.Counter(
            "edml_predictions", "Students scored, once per course.", registry=registry
        )
        self._rows = client.Counter("edml_events", "Events read.", registry=registry)
        self._version = client.Gauge(
            "edml_champion_version",
            "Version that is served; 0 for none.",
            registry=registry,
        )
        self._changes = client.Counter(
            "edml_champion_changes", "Champions loaded.", registry=registry
        )
        self._healthy = client.Gauge(
            "edml_registry_healthy",
            "Whether the last look at the registry found what is served.",
            registry=registry,
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def predicted(self, n_rows: int, n_students: int) -> None:
        self._rows.inc(n_rows)
        self._students.inc(n_students)

    def changed(self, champion: Any) -> None:
        self._version.set(champion.version)
        self._changes.inc()

    def expose(self, *, healthy: bool) -> bytes:
        """Return the metrics in Prometheus' text format."""
        self._healthy.set(healthy)
        text: bytes = client.generate_latest(self._registry)
        return text
