"""Silhouettes of many labelings of the same points, in one pass over their distances.

Comes in: points and one row of cluster numbers per labeling. Goes out: one silhouette per point and labeling, exact; or, for
many points, the mean silhouette of each labeling estimated from some of them, with its standard error.

The idea
--------
A silhouette needs the sums of the distances from its point to every cluster. All labelings share the distances, so they are computed
once. Points with the same labels under *every* labeling form a cell (k-means at k = 2...15 cuts 30,000 customers into some
hundred cells, not into 2·3·...·15), and every cluster of every labeling is a union of cells. So: sort the points by cell, let
64 query points meet all points in that order, add up the distances within a cell, and add a finished cell to the sum of its
cluster under each labeling. Of a sample of queries, nothing is kept but the sums of those 64: memory is what comes in and what goes out.

What it costs, for n points, q queries (q = n when exact), c cells and L labelings::

    q · (n · distance + c · L · addition)

With c near n the additions outweigh the distances: labelings of different feature sets cut the points into cells of one. So the
labelings are grouped such that each group has few cells; a cell is added to one group cell per group only, and group cells to
clusters once at the end.

Each pair once
--------------
When all points are queries, the distance of two serves both. As 64 queries meet a later point, their distances also add up to the sum of
that point over the 64; and where these lie in one cell, that is all it needs to know of them. So every cell gives as many
points as fill whole blocks of 64 to pieces, and pieces come first, in front of all points left over. A piece meets only what comes
after it, and leaves one number to each of these points: a row of ``seen``. What is left over meets nobody but its like, both ways,
as a block of it would leave a number for every cell it touches. With a share p of the points in pieces,
p²/2 + p(1 - p) + (1 - p)² of the n² pairs are visited: 0.76 of them at 2,469 skewed customers with k = 2...15 (p = 0.29),
0.59 at 30,000 (0.59), 0.53 at 100,000 (0.77). A visit that serves both costs a fifth more.

The tables this takes (``seen``, and ``held``: the sums of a piece until all pieces are through) are kept below ``_TABLES`` bytes. There are
as many pieces as they hold, the largest ones; so at a million customers few pairs are visited once.

Measured on one core of a Xeon with AVX-512, 4 and 8 features: 0.51 and 0.83 ns a pair with Newton steps alone, 0.43 and 0.62 with
the processor's guess of 1/sqrt, 0.53 and 0.76 where the visit serves both. The processor's exact root: 1.0.

Not done: distances in single precision. 0.30 and 0.47 ns a pair, three quarters of the time, for an error of 1e-7 and a second kernel; only
estimates could bear it.

The result does not depend on the number of threads, bit by bit: a row of ``seen`` is written by one thread, and each query's sums are added
up in the order of the cells.
"""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.errors import SweepError

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

# Pairs of points in one call of compiled code, which does not hear Ctrl-C: some tenths of a second.
_PAIRS = 500_000_000
# Bytes for the sums that let two points meet only once.
_TABLES = 2**28
# Points of which intermediate results are held where a whole column of them would be felt.
_AT_A_TIME = 100_000
# No piece has more than about one in so many points: threads get equal shares.
_SHARES = 64


def silhouette_samples_many(
    X: Floats, labelings: Integers, weights: NDArray[Any] | None = None, threads: int = 0
) -> Floats:
    """Silhouette of every sample under each of several labelings of the same points, exactly.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Scaled features, no missing values.
    labelings : ndarray of shape (n_labelings, n_samples)
        Row l numbers the clusters of labeling l from 0; numbers that no sample bears do not count.
    weights : ndarray of shape (n_samples,), optional
        How many equal samples each row stands for, whole numbers from 1.
    threads : int
        Threads to use; 0 for one per core this process may run on.

    Returns
    -------
    ndarray of shape (n_labelings, n_samples)
        Unitless, -1 (misplaced) to 1 (well separated); 0 for a cluster of one. Accurate to 1e-12.

    Raises
    ------
    SweepError
        If an array is empty, holds NaN or infinity, the lengths differ, a labeling has fewer than two clusters, or a weight is
        not a count.

    References
    ----------
    Rousseeuw (1987), J. Comput. Appl. Math. 20, 53-65.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> silhouette_samples_many(X, np.array([[0, 0, 1, 1]], dtype=np.int32)).round(3).tolist()
    [[0.905, 0.895, 0.895, 0.905]]
    """
    points = _Cells(*checked(X, labelings, weights), once=True)
    out = np.empty((len(labelings), len(X)))
    points.silhouettes(np.arange(len(X)), points.order, out, threads)
    return out


@dataclass(frozen=True)
class Estimate:
    """Mean silhouettes estimated from some of the samples, each measured against all.

    Parameters
    ----------
    mean : ndarray of shape (n_labelings,)
        Unbiased estimate of the mean silhouette over all samples.
    standard_error : ndarray of shape (n_labelings,)
        Of `mean`; 0 when every sample was measured.
    low, high : ndarray of shape (n_labelings,)
        Ends of the 95 % confidence interval (Student's t).
    rows : ndarray of shape (n_queries,)
        The samples that were measured.
    samples : ndarray of shape (n_labelings, n_queries)
        Their silhouettes.
    """

    mean: Floats
    standard_error: Floats
    low: Floats
    high: Floats
    rows: NDArray[np.intp]
    samples: Floats


def silhouette_estimate(
    X: Floats,
    labelings: Integers,
    n_queries: int,
    seed: int,
    weights: NDArray[Any] | None = None,
    threads: int = 0,
) -> Estimate:
    """Estimate the mean silhouette of many labelings: some samples, each measured against all.

    The samples are sorted by cell (the labels under every labeling), within a cell by the distance to its mean, and cut into
    strata of equal size from each of which two are drawn. So every cell is represented as its size demands, cells
    smaller than a stratum are merged with their neighbours, and the two of a stratum tell its variance.

    Parameters
    ----------
    X, labelings, weights, threads
        As in :func:`silhouette_samples_many`.
    n_queries : int
        Samples to measure, at least 4; an odd number counts as the even one below. From n_samples on, all are measured.
    seed : int
        Of the draw.

    Returns
    -------
    Estimate
        Unbiased for every labeling.

    Raises
    ------
    SweepError
        As :func:`silhouette_samples_many`, and if `n_queries` is below 4.

    References
    ----------
    Cochran (1977), Sampling Techniques, ch. 5: stratified means, their variance and its degrees of freedom.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> labels = (X[:, 0] > 0).astype(np.int32)
    >>> found = silhouette_estimate(X, labels[None], n_queries=200, seed=0)
    >>> bool(found.low[0] < silhouette_samples_many(X, labels[None]).mean() < found.high[0])
    True
    """
    if n_queries < 4:
        raise SweepError(f"n_queries is {n_queries}", where="n_queries", fix="measure at least 4 samples")
    X, labelings, counts = checked(X, labelings, weights)
    n = len(X)
    points = _Cells(X, labelings, counts, once=n_queries >= n)
    strata = n_queries // 2
    if n_queries >= n:
        drawn = np.arange(n)
    else:
        # Boundaries as whole numbers: strata differ in size by at most one.
        edges = np.arange(strata + 1) * n // strata
        size = np.diff(edges)
        random = np.random.default_rng(seed)
        first = random.integers(size)
        second = random.integers(size - 1)
        second += second >= first  # two different ones
        drawn = points.by_centrality()[(edges[:-1, None] + np.stack([first, second], axis=1)).ravel()]
    samples = np.empty((len(labelings), len(drawn)))
    points.silhouettes(drawn, np.arange(len(drawn)), samples, threads)
    rows = points.order[drawn]

    # A row of weight w adds w times its silhouette to the total.
    share = samples * (1 / n if counts is None else counts[rows] / counts.sum())
    if len(drawn) == n:
        mean = share.sum(axis=1)
        return Estimate(mean, np.zeros_like(mean), mean.copy(), mean.copy(), rows, samples)
    pairs = share.reshape(len(labelings), strata, 2)
    mean = (size * pairs.mean(axis=2)).sum(axis=1)
    # Variance of a stratum's total from its two draws, without those that cannot vary any more.
    variances = size * (size - 2) * (pairs[:, :, 0] - pairs[:, :, 1]) ** 2 / 4
    variance = variances.sum(axis=1)
    squares = (variances**2).sum(axis=1)
    freedom = np.divide(variance**2, squares, out=np.full_like(mean, float(strata)), where=squares > 0)
    from scipy.special import stdtrit  # costs a quarter of a second, and only estimates need it

    error = np.sqrt(variance)
    half = error * stdtrit(freedom, 0.975)
    return Estimate(mean, error, mean - half, mean + half, rows, samples)


def threads_of(wanted: int) -> int:
    """Threads to use: as many as wanted, or one per core this process may run on."""
    if wanted < 0:
        raise SweepError(f"threads is {wanted}", where="threads", fix="0 for one per core, or a number from 1")
    return wanted or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def checked(X: Floats, labelings: Integers, weights: NDArray[Any] | None) -> tuple[Floats, Integers, Floats | None]:
    """The same arrays, fit for compiled code: right shapes and types, cluster numbers without gaps.

    Raises
    ------
    SweepError
        Names the argument that is wrong.
    """
    X, labelings = np.asarray(X), np.asarray(labelings)
    if X.ndim != 2 or 0 in X.shape:
        raise SweepError(f"X has shape {X.shape}; it must be a table with at least one row and one column", where="X")
    if X.dtype.kind not in "fiub":
        raise SweepError(f"X holds {X.dtype}; it must hold numbers", where="X")
    X = np.require(X, np.float64, ["C", "W"])  # compiled code takes a read-only array for another type
    if not np.isfinite(X).all():
        raise SweepError("X holds NaN or infinity", where="X", fix="mend or drop these rows first")
    if labelings.ndim != 2 or labelings.shape[1] != len(X) or len(labelings) == 0:
        raise SweepError(
            f"labelings has shape {labelings.shape}; it must have one row per labeling and {len(X)} columns, one per row of X",
            where="labelings",
        )
    if labelings.dtype.kind not in "iu" or labelings.min() < 0:
        raise SweepError("cluster numbers must be integers from 0", where="labelings")
    for i, labels in enumerate(labelings):
        if labels.min() == labels.max():
            raise SweepError(
                f"labeling {i} puts every point into one cluster; a silhouette needs two", where="labelings"
            )
    if (
        labelings.dtype == np.uint64  # would turn int64 into float64 where the two meet
        or labelings.max() >= len(X)
        or not all(np.bincount(row).all() for row in labelings)
    ):
        labelings = np.array([_ranks(labels) for labels in labelings], dtype=np.int32)
    if weights is None:
        return X, labelings, None
    weights = np.asarray(weights)
    if weights.shape != (len(X),):
        raise SweepError(
            f"weights has shape {weights.shape}; it must have one number per row of X, {len(X)}", where="weights"
        )
    if weights.dtype.kind not in "fiu" or not np.all(
        (weights >= 1) & (weights == np.floor(weights)) & (weights < 2**53)
    ):
        raise SweepError("a weight says how many rows one stands for: whole numbers from 1", where="weights")
    return X, labelings, np.require(weights, np.float64, ["C", "W"])


def _joined(columns: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Number of each point's tuple of labels, in lexicographic order, without gaps."""
    joint = columns[0].astype(np.int64)
    for column in columns[1:]:
        joint = _ranks(joint * (int(column.max()) + 1) + column)
    return joint


def _ranks(values: Integers) -> NDArray[np.int64]:
    """The same numbers without gaps, in the same order."""
    if values.max() < 16 * len(values) + 64:  # counting is faster than sorting
        values = values.astype(np.int64, copy=False)
        return (np.cumsum(np.bincount(values) > 0) - 1)[values]
    return np.unique(values, return_inverse=True)[1]


def _grouped(labels: Integers) -> tuple[list[list[int]], list[NDArray[np.int64]]]:
    """Neighbouring labelings in groups that cut the points into few cells each; and the group cell of every cell.

    Parameters
    ----------
    labels : ndarray of shape (n_labelings, n_cells)
        Labels of every cell.
    """
    # A cell costs one addition per group, a group cell one per labeling of its group. With k-means at k = 2...15 a sixth of the
    # cells makes three or four groups, and a third of the additions.
    # The table of sums has a row of 512 bytes for every group cell: a limit keeps it in the cache.
    few = min(labels.shape[1] / 6, 2000)
    groups, group_cells = [[0]], [labels[0].astype(np.int64)]
    for i, row in enumerate(labels[1:], start=1):
        joint = _joined([group_cells[-1], row])
        if joint.max() < few:
            groups[-1].append(i)
            group_cells[-1] = joint
        else:
            groups.append([i])
            group_cells.append(row.astype(np.int64))
    return groups, group_cells


def _sorting(values: NDArray[np.int64]) -> NDArray[np.intp]:
    """Positions in the order of the values; equal values stay in their order."""
    # numpy sorts 16 bits by counting, ten times as fast
    return np.argsort(values.astype(np.uint16) if values.max() < 2**16 else values, kind="stable")


def _cut_into_pieces(cells: NDArray[np.int64], n_clusters: int, lanes: int) -> tuple[NDArray[np.int64], int]:
    """Number of every point's piece or, for those left over, behind all pieces, of its cell; and how many pieces there are.

    A piece is made of points of one cell, as many as fill whole blocks of queries.

    Parameters
    ----------
    cells : ndarray of shape (n_samples,)
        Cell of every point.
    n_clusters : int
        Of all labelings.
    lanes : int
        Queries in a block.
    """
    n, sizes = len(cells), np.bincount(cells)
    whole = sizes // lanes * lanes
    longest = -(-n // _SHARES) // lanes * lanes + lanes
    pieces = -(-whole // longest)
    of_cell = np.repeat(np.arange(len(sizes)), pieces)
    length = np.full(len(of_cell), longest)
    length[np.cumsum(pieces)[pieces > 0] - 1] = (whole - (pieces - 1) * longest)[pieces > 0]
    # Rows of `seen` and blocks of `held`, the largest pieces first: these save most.
    kept = np.argsort(-length, kind="stable")
    kept = kept[np.cumsum(n + length[kept] * n_clusters) * 8 <= _TABLES]
    pieces = np.bincount(of_cell[kept], minlength=len(sizes))
    whole = np.bincount(of_cell[kept], length[kept], minlength=len(sizes)).astype(np.int64)

    rank = np.empty(n, dtype=np.int64)  # of a point within its cell
    rank[_sorting(cells)] = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    piece = (np.cumsum(pieces) - pieces)[cells] + rank // longest
    return _ranks(np.where(rank < whole[cells], piece, len(kept) + cells)), len(kept)


class _Cells:
    """Points sorted by cell, and the way from cells to clusters, as the kernel wants them.

    With `once`, for silhouettes of all points, pieces come first: to the kernel, each is a cell.
    """

    def __init__(self, X: Floats, labelings: Integers, weights: Floats | None, once: bool) -> None:
        from segments.clustering.silhouette_kernel import CHUNK, LANES

        n, n_features = X.shape
        self.starts = np.concatenate([[0], np.cumsum(labelings.max(axis=1).astype(np.int64) + 1)])
        joint, self.n_pieces = _joined(list(labelings)), 0
        if once:
            joint, self.n_pieces = _cut_into_pieces(joint, int(self.starts[-1]), LANES)
        self.order = _sorting(joint)
        self.cell_of = joint[self.order].astype(np.int32)
        del joint
        self.ends = np.flatnonzero(np.append(np.diff(self.cell_of), 1)) + 1
        cell_labels = labelings[:, self.order[self.ends - 1]]  # any one point of a cell has its labels
        self.clusters = np.ascontiguousarray(cell_labels.T + self.starts[:-1], dtype=np.int32)

        # Finished cells go straight to their clusters, or by way of group cells where that takes fewer additions.
        self.cell_rows, self.folds = self.clusters, np.empty((0, 2), dtype=np.int32)
        groups, group_cells = _grouped(cell_labels)
        sizes = np.array([cells.max() + 1 for cells in group_cells])
        additions = len(self.ends) * len(groups) + sum(sizes * [len(group) for group in groups])
        if additions < self.clusters.size:
            # Rows of the table of sums: the clusters, then the cells of the first group, of the second, ...
            first = self.starts[-1] + np.concatenate([[0], np.cumsum(sizes)[:-1]])
            self.cell_rows = np.ascontiguousarray((np.array(group_cells) + first[:, None]).T, dtype=np.int32)
            folds = []
            for group, rows in zip(groups, self.cell_rows.T, strict=True):
                sources, at = np.unique(rows, return_index=True)
                folds += [np.stack([sources, self.clusters[at, labeling]], axis=1) for labeling in group]
            self.folds = np.ascontiguousarray(np.concatenate(folds), dtype=np.int32)

        self.weights = np.ones(n) if weights is None else weights[self.order]
        cell_weights = np.bincount(self.cell_of, self.weights)
        self.sizes = np.concatenate([np.bincount(labels, cell_weights) for labels in cell_labels])
        # A power of two changes no digit and keeps squares from overflowing; columns of zeros fill the last chunk.
        chunks = -(-n_features // CHUNK)
        self.width = -(-n_features // chunks)
        self.points = np.zeros((n, chunks * self.width))
        exponent = -int(np.frexp(max(X.max(), -X.min()))[1])
        for j in range(n_features):  # column by column: all at once would be a second copy of the table
            np.ldexp(X[self.order, j], exponent, out=self.points[:, j])

    def by_centrality(self) -> NDArray[np.intp]:
        """Positions sorted by cell, within a cell by distance to its mean."""
        counts = np.diff(self.ends, prepend=0)
        square = np.zeros(len(self.points))
        for column in self.points.T:
            means = np.add.reduceat(column, self.ends - counts) / counts
            for at in range(0, len(square), _AT_A_TIME):
                rows = slice(at, at + _AT_A_TIME)
                square[rows] += (column[rows] - means[self.cell_of[rows]]) ** 2
        # Cell by cell: to sort by two keys at once takes two more tables of positions.
        found = np.empty(len(square), dtype=np.intp)
        for start, end in zip(self.ends - counts, self.ends, strict=True):
            np.add(np.argsort(square[start:end], kind="stable"), start, out=found[start:end])
        return found

    def silhouettes(self, queries: NDArray[np.intp], columns: NDArray[np.intp], out: Floats, threads: int) -> None:
        """Write the silhouettes of these positions (all of them, in their order, if there are pieces) into these columns of `out`."""
        from segments.clustering import silhouette_kernel as compiled

        kernel, lanes, threads = compiled.silhouette_kernel, compiled.LANES, threads_of(threads)
        edges = np.concatenate([[0], self.ends[: self.n_pieces]])
        seen = np.zeros((self.n_pieces, len(self.points)))
        held = np.empty((edges[-1] // lanes, self.starts[-1], lanes))
        interrupted = threading.Event()

        def meet(here: slice, piece: int) -> None:
            kernel(  # type: ignore[no-untyped-call]
                (0,) * self.width, self.points, self.weights, self.ends, self.cell_rows, self.folds, self.clusters, self.starts,
                self.sizes, self.cell_of, seen, held, piece, queries[here], columns[here], out,
            )  # fmt: skip

        def strip(share: tuple[int, int, int]) -> None:
            start, stop, piece = share
            most = max(1, _PAIRS // (len(self.points) * lanes)) * lanes
            for at in range(start, stop, most):
                if interrupted.is_set():
                    return
                meet(slice(at, min(at + most, stop)), piece)

        with compiled.compiling_is_said(f"the silhouette loop for {self.width} features"):
            meet(slice(0, 0), -1)  # before there are threads
        # Several strips per thread: one that is held up leaves its share to the others.
        length = -(-len(queries) // (4 * threads * lanes)) * lanes
        strips = [(start, min(start + length, len(queries)), -1) for start in range(0, len(queries), length)]
        pieces = [(int(start), int(stop), i) for i, (start, stop) in enumerate(itertools.pairwise(edges))]
        if threads == 1 or len(strips) == 1:
            for share in pieces + strips:
                strip(share)
            return
        pool = ThreadPoolExecutor(threads)
        try:
            for step in (pieces, strips):
                list(pool.map(strip, step))
        finally:  # after Ctrl-C, what has not yet begun never is
            interrupted.set()
            pool.shutdown(cancel_futures=True)
