"""What the model server counts. Comes in: every request that was answered. Goes out: Prometheus's text."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0)  # seconds


class Metrics:
    """Counters of one server, kept apart from those of any other in the process.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.note("/invocations", 200, 3, 0.0007)
    >>> said = metrics.text("customer-segments", "4").decode()
    >>> 'segments_requests_total{path="/invocations",status="200"} 1.0' in said, "segments_rows_total 3.0" in said
    (True, True)
    >>> 'segments_model_info{name="customer-segments",version="4"} 1.0' in said
    True
    """

    KIND = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("segments_requests", "Requests answered.", ["path", "status"], registry=self._registry)
        self._rows = Counter("segments_rows", "Customers scored.", registry=self._registry)
        self._seconds = Histogram(
            "segments_answer_seconds",
            "From the request's headers to its answer, the time its body takes to come included.",
            ["path"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._model = Gauge(
            "segments_model_info", "The version that answers.", ["name", "version"], registry=self._registry
        )

        self._own: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def note(self, path: str, status: int, rows: int, seconds: float) -> None:
        """Count one answer."""
        if (own := self._own.get((path, status))) is None:  # a look-up by labels takes longer than the counting
            own = self._own[path, status] = (self._requests.labels(path, str(status)), self._seconds.labels(path))
        own[0].inc()
        own[1].observe(seconds)
        if rows:
            self._rows.inc(rows)

    def text(self, name: str, version: str) -> bytes:
        """All of it, with the model that answers at this moment."""
        self._model.clear()
        self._model.labels(name, version).set(1)
        return generate_latest(self._registry)
