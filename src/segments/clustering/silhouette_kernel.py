"""The loops behind :mod:`segments.clustering.silhouette` and :mod:`segments.clustering.cluster_scores`, compiled by numba on first use.

Comes in: checked arrays. Goes out: silhouettes and centre distances, written into arrays of the caller.

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
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, event
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
_AVX512 = "+avx512f" in (numba.config.CPU_FEATURES or "")

# contract: fused multiply-add; nsz: the sign of a zero distance does not matter. Reordering of
# sums stays forbidden (but for _plus), so a result does not depend on which thread or strip computed it.
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


@intrinsic  # type: ignore[untyped-decorator]
def _plus(typing: Any, a: Any, b: Any) -> Any:
    """Sum of two numbers that the compiler may reorder: a sum over lanes then stays in vector registers to its end."""
    float64 = numba.types.float64
    return float64(float64, float64), lambda context, builder, signature, args: builder.fadd(
        *args, flags=("reassoc", "contract", "nsz")
    )


@intrinsic  # type: ignore[untyped-decorator]
def _processor_guesses(typing: Any, squares: Any, guesses: Any) -> Any:
    """1/sqrt of LANES squares to 6e-5, by an instruction that AVX-512 has for it; a finite number for zero.

    Saves a seventh of the time at 4 features, a quarter at 8, against the guesses from bits. Both arrays must be aligned.
    """

    def eight_at_a_time(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        eight, number = ir.VectorType(ir.DoubleType(), 8), ir.IntType(64)
        instruction = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(eight, [eight, eight, ir.IntType(8)]), "llvm.x86.avx512.rsqrt14.pd.512"
        )
        source, target = (
            builder.bitcast(context.make_array(kind)(context, builder, array).data, eight.as_pointer())
            for kind, array in zip(signature.args, args, strict=True)
        )
        tiny = ir.Constant(eight, [ir.Constant(ir.DoubleType(), 1e-300)] * 8)
        for register in range(LANES // 8):
            x = builder.load(builder.gep(source, [number(register)]), align=64)
            x = builder.select(builder.fcmp_ordered(">", x, tiny), x, tiny)
            builder.store(
                builder.call(instruction, [x, x, ir.IntType(8)(255)]), builder.gep(target, [number(register)]), 64
            )
        return context.get_dummy_value()

    return numba.types.void(squares, guesses), eight_at_a_time


def _guesses(squares: Any, guesses: Any) -> None:
    """Some constant times 1/sqrt of LANES squares, roughly: :func:`_scaled_root` needs it.

    Without AVX-512, halving the exponent by an integer shift gives 1/sqrt(x) to 3 %, and a Newton step from there to 6e-4.
    """
    if _AVX512:
        _processor_guesses(squares, guesses)
    else:
        for lane in range(LANES):
            x = squares[lane]
            y = _from_bits(np.uint64(0x5FE6000000000000) - (_bits(x) >> np.uint64(1)))
            guesses[lane] = y * (2.799153334094843 - (x * y) * y)


_guesses = _compiled(_guesses, cache=False)


def _scaled_root(x: Any, y: Any) -> Any:
    """Square root of x, to 1.4e-13, times a constant that silhouettes do not see (they are ratios of distances).

    The processor's own square root takes longer than all the rest of the loop. With a guess y of 1/sqrt(x), s = x y^2 is nearly 1, and
    x y times the series of 1/sqrt(s) is the root: three terms cube the error of the guess. A Newton step y <- y (c - x y^2),
    with y growing by a constant factor instead of being halved each time, squares it. All constants are those of the
    smallest largest error. Zero gives exactly zero.
    """
    if _AVX512:
        t = x * y
        s = t * y
        return t * (1.8750000034 + s * (0.375 * s - 1.2500000034))
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


def _squared(query, lane, points, j, chunk, shape):  # type: ignore[no-untyped-def]
    """Squared distance of one query and one point in the features of one chunk."""
    x = 0.0
    for f in range(len(shape)):
        difference = query[chunk + f, lane] - points[j, chunk + f]
        x += difference * difference
    return x


_squared = _compiled(_squared, cache=False, inline="always")


def _meet(shape, query, query_weight, points, weights, ends, cell_rows, first, sums, seen, piece):  # type: ignore[no-untyped-def]
    """A block of queries meets the points of the cells from `first` on: the distances of each cell are added to the table of sums.

    piece >= 0: the queries belong to this piece, and the distances of every later point to all of them are added to seen[piece].
    """
    square, guess, cell_sum = _aligned(LANES), _aligned(LANES), _aligned(LANES)
    start = ends[first - 1] if first > 0 else 0
    for cell in range(first, len(ends)):
        for lane in range(LANES):
            cell_sum[lane] = 0.0
        for j in range(start, ends[cell]):
            weight = weights[j]
            for lane in range(LANES):
                square[lane] = _squared(query, lane, points, j, 0, shape)  # type: ignore[no-untyped-call]
            for chunk in range(len(shape), points.shape[1], len(shape)):
                for lane in range(LANES):
                    square[lane] += _squared(query, lane, points, j, chunk, shape)  # type: ignore[no-untyped-call]
            _guesses(square, guess)
            if piece < 0 or cell == piece:
                for lane in range(LANES):
                    cell_sum[lane] += weight * _scaled_root(square[lane], guess[lane])
            else:
                column = 0.0
                for lane in range(LANES):
                    root = _scaled_root(square[lane], guess[lane])
                    cell_sum[lane] += weight * root
                    column = _plus(column, query_weight[lane] * root)
                seen[piece, j] += column
        start = ends[cell]
        for t in range(cell_rows.shape[1]):
            row = sums[cell_rows[cell, t]]
            for lane in range(LANES):
                row[lane] += cell_sum[lane]


# Not inlined, it would exist twice, compiled alone and as a part of what is kept on disk, with lanes summed in different orders.
_meet = _compiled(_meet, cache=False, forceinline=True)


def silhouette_kernel(  # type: ignore[no-untyped-def]
    shape, points, weights, ends, cell_rows, folds, clusters, starts, sizes, cell_of, seen, held, piece, queries, columns, out
):  # fmt: skip
    """Silhouettes of points[queries] under every labeling, into out[:, columns].

    shape: a tuple of 1 to ``CHUNK`` zeros, one for every feature of a point or of one of its chunks. The kernel is compiled anew for
    every length of it: a constant for the compiler, which can then keep the whole difference of two points in registers.
    points (n, chunks * len(shape)), sorted by cell; weights (n,); ends (cells,) where each cell stops;
    cell_rows (cells, t) rows of the table of sums to which a finished cell is added; folds (f, 2) rows added to other
    rows when all cells are done; clusters (cells, labelings) row of the cluster that holds the cell; starts (labelings + 1,)
    first row of each labeling's clusters; sizes (clusters,) their weights; cell_of (n,).

    The first cells, as many as `seen` has rows, are pieces, made of whole blocks of LANES points. Two steps let each of their points
    meet any later point once. First, with piece >= 0 and this piece for queries, it meets the points from its own on: its sums over these
    are kept in held (blocks, clusters, LANES), the sums of every later point over the piece in seen[piece]. When all pieces are through, with
    piece -1, all points for queries, and whole blocks in every call, the sums over what came before are taken from `seen`.
    Without pieces there is the second step alone, and any queries.
    """
    n_labelings, n_features, n_pieces = clusters.shape[1], points.shape[1], len(seen)
    n_rows = n_clusters = starts[-1]
    if len(folds):
        n_rows = max(n_rows, folds[:, 0].max() + 1)
    sums = _aligned(n_rows * LANES).reshape(n_rows, LANES)  # of distances, from every query to every cluster
    query = _aligned(n_features * LANES).reshape(n_features, LANES)
    query_weight = _aligned(LANES)
    position = np.empty(LANES, dtype=np.int64)
    nearest = np.empty(LANES)  # mean distance to the nearest other cluster
    own = np.empty(LANES, dtype=np.int32)
    for first in range(0, len(queries), LANES):
        n_queries = min(LANES, len(queries) - first)
        for lane in range(LANES):
            at = queries[first + min(lane, n_queries - 1)]  # the last block repeats its last query
            position[lane] = at
            query_weight[lane] = weights[at]
            for f in range(n_features):
                query[f, lane] = points[at, f]
        block, cell = position[0] // LANES, cell_of[position[0]]
        sums[:] = 0.0
        if piece < 0 and cell < n_pieces:
            sums[:n_clusters] = held[block]
        else:
            begin = piece if piece >= 0 else n_pieces
            _meet(shape, query, query_weight, points, weights, ends, cell_rows, begin, sums, seen, piece)  # type: ignore[no-untyped-call]
            for fold in range(len(folds)):
                source, row = sums[folds[fold, 0]], sums[folds[fold, 1]]
                for lane in range(LANES):
                    row[lane] += source[lane]
        if piece >= 0:
            held[block] = sums[:n_clusters]
            continue
        for known in range(min(cell, n_pieces)):
            for labeling in range(n_labelings):
                row = sums[clusters[known, labeling]]
                for lane in range(LANES):
                    row[lane] += seen[known, position[lane]]

        for labeling in range(n_labelings):
            for lane in range(LANES):
                own[lane] = clusters[cell_of[position[lane]], labeling]
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


silhouette_kernel = _compiled(silhouette_kernel)


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
