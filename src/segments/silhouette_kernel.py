"""The loops behind :mod:`segments.silhouette`, :mod:`segments.cluster_scores` and :mod:`segments.search`, compiled by numba on first use.

Comes in: checked arrays. Goes out: silhouettes, centre distances and costs of moves, written into arrays of the caller.

Importing this module imports numba (about a second), so its callers import it inside their functions. Compiling takes seconds
too; numba keeps the machine code on disk, so that only the first process ever pays it, and that one says so in the log.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
from numba.core import event
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

_log = logging.getLogger(__name__)

# Query points that go through the inner loop side by side: eight AVX-512 registers of float64. Measured best of 16, 32, 64, 128.
LANES = 64
# Up to this many features the inner loop is compiled for their exact number; beyond, they come in chunks of at most as many.
CHUNK = 8

# LLVM halves the vectors of AVX-512 processors by default, to spare the clock of mixed programs. This loop is nothing but vector
# arithmetic and runs 1.5 times as fast on whole ones. Must be set before numba compiles anything in this process; a user's own
# NUMBA_CPU_FEATURES wins.
if numba.config.CPU_FEATURES is None and "+avx512f" in (_features := get_host_cpu_features()):
    numba.config.CPU_FEATURES = _features + ",-prefer-256-bit"

# contract: fused multiply-add; nsz: the sign of a zero distance does not matter. Reordering of
# sums stays forbidden, so a result does not depend on which thread or strip computed it.
_OPTIONS: dict[str, Any] = {
    "fastmath": {"contract", "nsz"},
    "error_model": "numpy",
    "nogil": True,
    "cache": True,
}


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


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    try:
        return numba.njit(**{**_OPTIONS, **options})(function)
    except RuntimeError:  # no folder can be written for the machine code: compile in every process
        return numba.njit(**{**_OPTIONS, **options, "cache": False})(function)


@intrinsic  # type: ignore[untyped-decorator]
def _bits(typing: Any, x: Any) -> Any:
    """The 64 bits of a float64 read as an integer."""
    uint64 = numba.types.uint64
    return uint64(numba.types.float64), lambda context, builder, signature, args: builder.bitcast(
        args[0], context.get_value_type(uint64)
    )


@intrinsic  # type: ignore[untyped-decorator]
def _from_bits(typing: Any, bits: Any) -> Any:
    """The float64 with these 64 bits."""
    float64 = numba.types.float64
    return float64(numba.types.uint64), lambda context, builder, signature, args: builder.bitcast(
        args[0], context.get_value_type(float64)
    )


def _scaled_root(x: Any) -> Any:
    """Square root of x times a constant that silhouettes do not see (they are ratios of distances).

    The processor's own square root takes longer than all of this loop. Halving the exponent by an integer
    shift gives 1/sqrt(x) to 3 %; every Newton step y <- y (c - x y^2), with y growing by a constant factor instead of being halved
    each time, squares the error. The three c are those of the smallest largest error (instead of the 3, 12, ... of a
    plain Newton step): 1.3e-13 of the distance after three steps. Zero gives exactly zero.
    """
    y = _from_bits(np.uint64(0x5FE6000000000000) - (_bits(x) >> np.uint64(1)))
    y = y * (2.799153334094843 - (x * y) * y)
    y = y * (9.733150195477638 - (x * y) * y)
    t = x * y
    return t * (409.8051376668663 - t * y)


_scaled_root = _compiled(_scaled_root, cache=False, inline="always")


def _aligned(n: int) -> Any:
    # A 64-byte register that straddles two lines of the cache loads and stores at half the speed.
    room = np.empty(n + 8)
    start = (-room.ctypes.data) % 64 // 8
    return room[start : start + n]


_aligned = _compiled(_aligned, cache=False)


@functools.cache
def silhouette_kernel(width: int) -> Any:
    """The kernel for points of `width` features, or of several chunks of `width` features.

    Parameters
    ----------
    width : int
        1 to ``CHUNK``. A constant for the compiler, which can then keep the whole difference of two points in registers.
    """

    def kernel(points, weights, ends, cell_rows, folds, clusters, starts, sizes, cell_of, queries, columns, out):  # type: ignore[no-untyped-def]
        """Silhouettes of points[queries] under every labeling, into out[:, columns].

        points (n, chunks * width), sorted by cell; weights (n,); ends (cells,) where each cell stops;
        cell_rows (cells, t) rows of the table of sums to which a finished cell is added; folds (f, 2) rows added to other
        rows when all cells are done; clusters (cells, labelings) row of the cluster that holds the cell; starts (labelings + 1,)
        first row of each labeling's clusters; sizes (clusters,) their weights; cell_of (n,).
        """
        n_labelings, n_features = clusters.shape[1], points.shape[1]
        n_rows = starts[-1]
        if len(folds):
            n_rows = max(n_rows, folds[:, 0].max() + 1)
        sums = _aligned(n_rows * LANES).reshape(n_rows, LANES)  # of distances, from every query to every cluster
        cell_sum = _aligned(LANES)
        square = _aligned(LANES)
        square[:] = 0.0
        query = _aligned(n_features * LANES).reshape(n_features, LANES)
        nearest = np.empty(LANES)  # mean distance to the nearest other cluster
        own = np.empty(LANES, dtype=np.int32)
        for first in range(0, len(queries), LANES):
            n_queries = min(LANES, len(queries) - first)
            for lane in range(LANES):
                at = queries[first + min(lane, n_queries - 1)]  # the last block repeats its last query
                for f in range(n_features):
                    query[f, lane] = points[at, f]
            sums[:] = 0.0
            start = 0
            for cell in range(len(ends)):
                for lane in range(LANES):
                    cell_sum[lane] = 0.0
                for j in range(start, ends[cell]):
                    weight = weights[j]
                    last = n_features - width
                    if last > 0:
                        square[:] = 0.0
                        for chunk in range(0, last, width):
                            for lane in range(LANES):
                                x = square[lane]
                                for f in range(width):
                                    difference = query[chunk + f, lane] - points[j, chunk + f]
                                    x += difference * difference
                                square[lane] = x
                    for lane in range(LANES):
                        x = square[lane]
                        for f in range(width):
                            difference = query[last + f, lane] - points[j, last + f]
                            x += difference * difference
                        cell_sum[lane] += weight * _scaled_root(x)
                start = ends[cell]
                for t in range(cell_rows.shape[1]):
                    row = sums[cell_rows[cell, t]]
                    for lane in range(LANES):
                        row[lane] += cell_sum[lane]
            for fold in range(len(folds)):
                source, row = sums[folds[fold, 0]], sums[folds[fold, 1]]
                for lane in range(LANES):
                    row[lane] += source[lane]

            for labeling in range(n_labelings):
                for lane in range(LANES):
                    own[lane] = clusters[cell_of[queries[first + min(lane, n_queries - 1)]], labeling]
                    nearest[lane] = np.inf
                for cluster in range(starts[labeling], starts[labeling + 1]):
                    row, share = sums[cluster], 1.0 / sizes[cluster]
                    for lane in range(LANES):
                        mean = row[lane] * share
                        if own[lane] != cluster and mean < nearest[lane]:
                            nearest[lane] = mean
                for lane in range(n_queries):
                    silhouette = 0.0
                    others = sizes[own[lane]] - 1.0
                    if others > 0.0:
                        a, b = sums[own[lane], lane] / others, nearest[lane]
                        if max(a, b) > 0.0:
                            silhouette = (b - a) / max(a, b)
                    out[labeling, columns[first + lane]] = silhouette

    return _compiled(kernel)


@functools.cache
def cluster_kernel() -> Any:
    """The kernel that sums up the clusters of one labeling."""

    def kernel(points, labels, weights, sizes, centres, spreads, squares, margins):  # type: ignore[no-untyped-def]
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

    return _compiled(kernel)


@functools.cache
def swap_kernel() -> Any:
    """The kernel that says what single-centre moves of a k-means solution would cost."""

    def kernel(points, weights, centres, labels, tried, wcss):  # type: ignore[no-untyped-def]
        """WCSS with one more centre at tried[t] and without centre c, every point at its nearest of these, into wcss[t, c].

        points (n, features); weights (n,); centres (k, features); labels (n,) nearest centre of each point; tried (t, features).
        """
        (n, n_features), k = points.shape, len(centres)
        first_best, second_best = np.empty(n), np.empty(n)  # squared distances to the two nearest centres
        for i in range(n):
            a, b = np.inf, np.inf
            for c in range(k):
                square = 0.0
                for f in range(n_features):
                    difference = points[i, f] - centres[c, f]
                    square += difference * difference
                if square < a:
                    a, b = square, a
                elif square < b:
                    b = square
            first_best[i], second_best[i] = a, b
        query = np.empty((n_features, LANES))
        kept = np.empty(LANES)  # with all old centres
        more = np.empty((k, LANES))  # what it costs in addition to give up one
        for first in range(0, len(tried), LANES):
            n_queries = min(LANES, len(tried) - first)
            for lane in range(LANES):
                for f in range(n_features):
                    query[f, lane] = tried[first + min(lane, n_queries - 1), f]
            kept[:] = 0.0
            more[:] = 0.0
            for i in range(n):
                a, b, weight, row = first_best[i], second_best[i], weights[i], more[labels[i]]
                for lane in range(LANES):
                    square = 0.0
                    for f in range(n_features):
                        difference = query[f, lane] - points[i, f]
                        square += difference * difference
                    near = min(square, a)
                    kept[lane] += weight * near
                    row[lane] += weight * (min(square, b) - near)
            for lane in range(n_queries):
                for c in range(k):
                    wcss[first + lane, c] = kept[lane] + more[c, lane]

    return _compiled(kernel)
