"""Metrics: what Prometheus asks for."""

from typing import Any

from edml._optional import import_optional

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one process, in a registry of their own.

    Two apps in one process count apart.
    """

    def __init__(self) -> None:
        client = import_optional("prometheus_client", extra="serve", purpose="Serving")
        self._client = client
        self._registry = client.CollectorRegistry()
        place = {"registry": self._registry}
        self._requests = client.Counter(
            "edml_requests", "Requests answered.", ("route", "status"), **place
        )
        self._seconds = client.Histogram(
            "edml_request_seconds",
            "Time from a request's arrival in the app to its answer.",
            ("route",),
            buckets=_SECONDS,
            **place,
        )
        self._students = client.Counter(
            "edml_predictions", "Students scored, once per course.", **place
        )
        self._rows = client.Counter("edml_events", "Events read.", **place)
        self._version = client.Gauge(
            "edml_champion_version", "Version that is served; 0 is none.", **place
        )
        self._swaps = client.Counter(
            "edml_champion_changes", "Champions taken.", **place
        )
        self._healthy = client.Gauge(
            "edml_registry_healthy",
            "Whether the last look at the registry found what is served.",
            **place,
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Parameters
        ----------
        route : str
            One of ours, so that a path made up by a client counts for nothing.
        status : int
            Of the answer.
        seconds : float
            It took.
        """
        self._requests.labels(route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def predicted(self, n_rows: int, n_students: int) -> None:
        """Count what was scored.

        Parameters
        ----------
        n_rows : int
            Events.
        n_students : int
            Entries of the answer.
        """
        self._rows.inc(n_rows)
        self._students.inc(n_students)

    def changed(self, champion: Any) -> None:
        """Note a new champion.

        Parameters
        ----------
        champion : Champion
            It.
        """
        self._version.set(champion.version)
        self._swaps.inc()

    def expose(self, *, healthy: bool) -> bytes:
        """Give the figures.

        Parameters
        ----------
        healthy : bool
            How the last look at the registry went.

        Returns
        -------
        text : bytes
            In Prometheus' own format, `CONTENT_TYPE`.
        """
        self._healthy.set(healthy)
        text: bytes = self._client.generate_latest(self._registry)
        return text
