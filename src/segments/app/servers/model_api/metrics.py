"""What the model server counts. Comes in: every request that was answered, by any of its processes. Goes out: Prometheus's text.

The numbers lie in memory that all processes of a server have in common, since whoever asks for them is answered by one.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0, np.inf)  # seconds
_STATUSES = 600  # one place for each of HTTP
_SECONDS = _STATUSES + len(BUCKETS)  # of all answers, behind the number of them by bucket
_ROWS = _SECONDS + 1


class Metrics:
    """Counters of one server, kept apart from those of any other in the process.

    Parameters
    ----------
    paths : sequence of str
        What is counted apart.
    processes : int
        How many will count, each in a row of its own: begun as copies of the process that made this.

    Examples
    --------
    >>> metrics = Metrics(["/invocations"])
    >>> metrics.note("/invocations", 200, 3, 0.0007)
    >>> said = metrics.text("customer-segments", "4").decode()
    >>> 'segments_requests_total{path="/invocations",status="200"} 1.0' in said, "segments_rows_total 3.0" in said
    (True, True)
    >>> 'segments_model_info{name="customer-segments",version="4"} 1.0' in said
    True
    """

    KIND = CONTENT_TYPE_LATEST

    def __init__(self, paths: Sequence[str], processes: int = 1) -> None:
        shape = (processes, len(paths), _ROWS + 1)
        memory = mmap.mmap(-1, int(np.prod(shape)) * 8)  # anonymous: a copy of the process writes to the same
        self._all = np.frombuffer(memory, dtype=np.float64).reshape(shape)
        self._paths = {path: row for row, path in enumerate(paths)}
        self.process = 0

    def note(self, path: str, status: int, rows: int, seconds: float) -> None:
        """Count one answer."""
        own = self._all[self.process, self._paths[path]]
        own[status] += 1
        own[_STATUSES + bisect_left(BUCKETS, seconds)] += 1
        own[_SECONDS] += seconds
        own[_ROWS] += rows

    def text(self, name: str, version: str) -> bytes:
        """All of it, with the model that answers at this moment."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Counted(self._all.sum(axis=0), list(self._paths), name, version))
        return generate_latest(registry)


class _Counted(Collector):
    """The sums, in Prometheus's words."""

    def __init__(self, counts: np.ndarray, paths: list[str], name: str, version: str) -> None:
        self._counts, self._paths, self._model = counts, paths, [name, version]

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("segments_requests", "Requests answered.", labels=["path", "status"])
        seconds = HistogramMetricFamily(
            "segments_answer_seconds",
            "From the request's headers to its answer, the time its body takes to come included.",
            labels=["path"],
        )
        for path, counts in zip(self._paths, self._counts, strict=True):
            for status in np.flatnonzero(counts[:_STATUSES]):
                requests.add_metric([path, str(status)], counts[status])
            below = np.cumsum(counts[_STATUSES:_SECONDS])
            if below[-1]:
                limits = [*map(str, BUCKETS[:-1]), "+Inf"]
                seconds.add_metric([path], list(zip(limits, below.tolist(), strict=True)), counts[_SECONDS])
        yield requests
        yield CounterMetricFamily("segments_rows", "Customers scored.", value=self._counts[:, _ROWS].sum())
        yield seconds
        info = GaugeMetricFamily("segments_model_info", "The version that answers.", labels=["name", "version"])
        info.add_metric(self._model, 1)
        yield info
