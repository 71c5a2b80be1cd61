"""The loops behind :mod:`segments.clustering.silhouette` and :mod:`segments.clustering.scores`, compiled by numba on first use.

Comes in: checked arrays. Goes out: silhouettes and centre distances, written into arrays of the caller.

Importing this module imports numba (about a second), so its callers import it inside their functions. Compiling takes seconds
too; numba keeps the machine code on disk, so that only the first process ever pays it, and that one says so in the log.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
from numba.core import event

_log = logging.getLogger(__name__)

# Query points that go through the inner loop side by side. So many that the compiler makes vectors of them: up to 32, it writes them
# out one by one.
LANES = 64

# No `fastmath`: sums are added up in the order written here, and a product and a sum are rounded one after the other. So every processor
# and every number of threads computes the same bits; with "contract" those that fuse the two would differ from those that do not.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "cache": True}


@contextlib.contextmanager
def compiling_is_said(what: str) -> Iterator[None]:
    """Log one sentence when numba starts to compile inside this block, and one when it is done."""
    listener = _Compiling(what)
    with event.install_listener("numba:compile", listener):
        yield
    if listener.started:
        _log.warning(
            "%s compiled in %.0f s; the next process finds it on disk", what, time.monotonic() - listener.started
        )


class _Compiling(event.Listener):  # type: ignore[misc]
    def __init__(self, what: str) -> None:
        self.what, self.started = what, 0.0

    def on_start(self, event: Any) -> None:
        if not self.started:
            self.started = time.monotonic()
            _log.warning("compiling %s for this processor, once", self.what)

    def on_end(self, event: Any) -> None:
        pass


def compiled(function: Callable[..., Any]) -> Any:
    """The same function as machine code, made when it is first called."""
    try:
        return numba.njit(**_OPTIONS)(function)
    except RuntimeError:  # no folder can be written for the machine code: compile in every process
        return numba.njit(**{**_OPTIONS, "cache": False})(function)


@compiled
def silhouette_kernel(
    points: Any, weights: Any, ends: Any, cell_of: Any, clusters: Any, starts: Any, sizes: Any, queries: Any,
    begin: int, end: int, out: Any,
) -> None:  # fmt: skip
    """Silhouettes of points[queries[begin:end]] under every labeling, into out[:, begin:end].

    points (n, features), sorted by cell, with columns of zeros up to a multiple of 4 features, or to one more: a sum of four stays in the processor's
    registers;
    weights (n,); ends (cells,) where each cell stops; cell_of (n,); clusters (cells, labelings) number of the cluster that holds the cell, those of
    all labelings counted through; starts (labelings + 1,) first of these numbers of each labeling; sizes (clusters,) their weights; out (labelings, queries).
    """
    n_features, n_labelings = points.shape[1], len(starts) - 1
    odd = n_features % 4
    query, square, cell_sum = np.empty((n_features, LANES)), np.zeros(LANES), np.empty(LANES)
    sums = np.empty((len(sizes), LANES))  # of distances, from every query to every cluster
    for first in range(begin, end, LANES):
        n_queries = min(LANES, end - first)
        for lane in range(LANES):
            at = queries[first + min(lane, n_queries - 1)]  # the last block repeats its last query
            for f in range(n_features):
                query[f, lane] = points[at, f]
        sums[:] = 0.0
        start = 0
        for cell in range(len(ends)):
            cell_sum[:] = 0.0
            for j in range(start, ends[cell]):
                if odd:
                    a = points[j, 0]
                    for lane in range(LANES):
                        one = query[0, lane] - a
                        square[lane] = one * one
                elif n_features > 4:
                    square[:] = 0.0
                for f in range(odd, n_features - 4, 4):
                    a, b, c, d = points[j, f], points[j, f + 1], points[j, f + 2], points[j, f + 3]
                    for lane in range(LANES):
                        one, two = query[f, lane] - a, query[f + 1, lane] - b
                        three, four = query[f + 2, lane] - c, query[f + 3, lane] - d
                        square[lane] = (((square[lane] + one * one) + two * two) + three * three) + four * four
                f = n_features - 4
                a, b, c, d = points[j, f], points[j, f + 1], points[j, f + 2], points[j, f + 3]
                weight = weights[j]
                for lane in range(LANES):
                    one, two = query[f, lane] - a, query[f + 1, lane] - b
                    three, four = query[f + 2, lane] - c, query[f + 3, lane] - d
                    cell_sum[lane] += weight * math.sqrt(
                        (((square[lane] + one * one) + two * two) + three * three) + four * four
                    )
            start = ends[cell]
            for labeling in range(n_labelings):
                row = sums[clusters[cell, labeling]]
                for lane in range(LANES):
                    row[lane] += cell_sum[lane]

        for lane in range(n_queries):
            cell = cell_of[queries[first + lane]]
            for labeling in range(n_labelings):
                own, silhouette, b = clusters[cell, labeling], 0.0, np.inf
                for cluster in range(starts[labeling], starts[labeling + 1]):
                    if cluster != own:
                        b = min(b, sums[cluster, lane] / sizes[cluster])
                if sizes[own] > 1.0:
                    a = sums[own, lane] / (sizes[own] - 1.0)
                    if max(a, b) > 0.0:
                        silhouette = (b - a) / max(a, b)
                out[labeling, first + lane] = silhouette


@compiled
def cluster_kernel(
    points: Any, labels: Any, weights: Any, sizes: Any, centres: Any, spreads: Any, squares: Any, margins: Any
) -> None:
    """Add up, per cluster: weights, means (seen from the first point), distances and squared distances to the mean, and
    simplified silhouettes.

    Seen from the first point, coordinates keep their digits in data far from the origin.
    """
    n, n_features = points.shape
    for i in range(n):
        sizes[labels[i]] += weights[i]
        for f in range(n_features):
            centres[labels[i], f] += weights[i] * (points[i, f] - points[0, f])
    for cluster in range(len(sizes)):
        for f in range(n_features):
            centres[cluster, f] /= sizes[cluster]
    for i in range(n):
        own, other = 0.0, np.inf
        for cluster in range(len(sizes)):
            square = 0.0
            for f in range(n_features):
                difference = (points[i, f] - points[0, f]) - centres[cluster, f]
                square += difference * difference
            if cluster == labels[i]:
                own = square
            elif square < other:
                other = square
        a, b = np.sqrt(own), np.sqrt(other)
        spreads[labels[i]] += weights[i] * a
        squares[labels[i]] += weights[i] * own
        if sizes[labels[i]] > 1.0 and max(a, b) > 0.0:
            margins[labels[i]] += weights[i] * (b - a) / max(a, b)
