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

A distance of 4 features takes 1.5 ns on one core of a Xeon with AVX-512, of 8 features 2; the square root is 1 of these.

The result does not depend on the number of threads or on the processor, bit by bit: each query's sums are added up in the order of
the cells.
"""

from __future__ import annotations

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
# Points of which intermediate results are held where a whole column of them would be felt.
_AT_A_TIME = 100_000


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
    points = _Cells(*checked_labelings(X, labelings, weights))
    return points.silhouettes(points.rank(), threads)


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
        The samples that were measured; in their order, when all were.
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
    X, labelings, counts = checked_labelings(X, labelings, weights)
    n = len(X)
    points = _Cells(X, labelings, counts)
    strata = n_queries // 2
    if n_queries >= n:
        rows, drawn = np.arange(n), points.rank()
    else:
        # Boundaries as whole numbers: strata differ in size by at most one.
        edges = np.arange(strata + 1) * n // strata
        size = np.diff(edges)
        random = np.random.default_rng(seed)
        first = random.integers(size)
        second = random.integers(size - 1)
        second += second >= first  # two different ones
        drawn = points.by_centrality()[(edges[:-1, None] + np.stack([first, second], axis=1)).ravel()]
        rows = points.order[drawn]
    samples = points.silhouettes(drawn, threads)

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


def cores_to_use(wanted: int) -> int:
    """Threads or processes to use: as many as wanted, or one per core this process may run on.

    Raises
    ------
    SweepError
        If less than none are wanted.

    Examples
    --------
    >>> cores_to_use(3)
    3
    """
    if wanted < 0:
        raise SweepError(f"threads is {wanted}", where="threads", fix="0 for one per core, or a number from 1")
    return wanted or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def checked_labelings(
    X: Floats, labelings: Integers, weights: NDArray[Any] | None
) -> tuple[Floats, Integers, Floats | None]:
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


def _sorting(values: NDArray[np.int64]) -> NDArray[np.intp]:
    """Positions in the order of the values; equal values stay in their order."""
    # numpy sorts 16 bits by counting, ten times as fast
    return np.argsort(values.astype(np.uint16) if values.max() < 2**16 else values, kind="stable")


class _Cells:
    """Points sorted by cell, and the way from cells to clusters, as the kernel wants them."""

    def __init__(self, X: Floats, labelings: Integers, weights: Floats | None) -> None:
        n, n_features = X.shape
        joint = _joined(list(labelings))
        self.order = _sorting(joint)
        self.cell_of = joint[self.order].astype(np.int32)
        del joint
        self.ends = np.flatnonzero(np.append(np.diff(self.cell_of), 1)) + 1
        self.starts = np.concatenate([[0], np.cumsum(labelings.max(axis=1).astype(np.int64) + 1)])
        cell_labels = labelings[:, self.order[self.ends - 1]]  # any one point of a cell has its labels
        self.clusters = np.ascontiguousarray(cell_labels.T + self.starts[:-1], dtype=np.int32)

        self.weights = np.ones(n) if weights is None else weights[self.order]
        cell_weights = np.bincount(self.cell_of, self.weights)
        self.sizes = np.concatenate([np.bincount(labels, cell_weights) for labels in cell_labels])
        spare = 0 if n_features > 4 and n_features % 4 == 1 else -n_features % 4  # as many columns as the kernel wants
        self.points = np.zeros((n, n_features + spare))
        # A power of two changes no digit and keeps squares from overflowing.
        exponent = -int(np.frexp(max(X.max(), -X.min()))[1])
        for j in range(n_features):  # column by column: all at once would be a second copy of the table
            np.ldexp(X[self.order, j], exponent, out=self.points[:, j])

    def rank(self) -> NDArray[np.intp]:
        """Position of every row of X."""
        rank = np.empty_like(self.order)
        rank[self.order] = np.arange(len(rank))
        return rank

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

    def silhouettes(self, queries: NDArray[np.intp], threads: int) -> Floats:
        """Silhouettes of these positions, of shape (n_labelings, n_queries)."""
        from segments.clustering.silhouette_kernel import LANES, compiling_is_said, silhouette_kernel

        threads, out = cores_to_use(threads), np.empty((len(self.starts) - 1, len(queries)))
        interrupted = threading.Event()

        def strip(begin: int, end: int) -> None:
            if not interrupted.is_set():
                silhouette_kernel(
                    self.points, self.weights, self.ends, self.cell_of, self.clusters, self.starts, self.sizes, queries,
                    begin, end, out,
                )  # fmt: skip

        with compiling_is_said("the silhouette loop"):
            strip(0, 0)  # before there are threads
        # Several strips per thread: one that is held up leaves its share to the others.
        blocks = min(_PAIRS // (len(self.points) * LANES), -(-len(queries) // (4 * threads * LANES)))
        begins = range(0, len(queries), max(1, blocks) * LANES)
        ends = [*begins[1:], len(queries)]
        if threads == 1 or len(begins) == 1:
            for begin, end in zip(begins, ends, strict=True):
                strip(begin, end)
            return out
        pool = ThreadPoolExecutor(threads)
        try:
            list(pool.map(strip, begins, ends))
        finally:  # after Ctrl-C, what has not yet begun never is
            interrupted.set()
            pool.shutdown(cancel_futures=True)
        return out
