"""Points -> the best k-means solution that can be found. Comes in: points (and how often each stands there). Goes out: labels, centres, how sure.

Where to look is found by the compiled fits of :mod:`segments.clustering.kmeans_kernel`, of which hundreds cost what scikit-learn takes for a few; the last
fit, from the best centres found, is scikit-learn's and stands for all.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segments.clustering.space import nearest
from segments.config.sweep import Algorithm

if TYPE_CHECKING:
    from segments.clustering.kmeans_kernel import Fit  # brings numba

# Two fits found the same solution when their WCSS agree to this relative difference: a few points at a border, more or less.
_SAME = 1e-5
# Share of the mixtures of which one centre is moved as well, and mixtures of ends tried after each chain.
_MOVED, _CROSSINGS = 0.5, 6
# The second sample is this many times as large as the first.
_WIDER = 4
# Rows whose distances to all centres are held at a time.
_ROWS = 100_000


@dataclass(frozen=True)
class Solution:
    """The best solution found.

    Parameters
    ----------
    labels : ndarray of shape (n_points,)
        Cluster of each point: its nearest centre; 0 is the largest cluster.
    centres : ndarray of shape (k, n_features)
        Cluster centres.
    n_iter : int
        Iterations of the last fit.
    n_init : int
        Fits made in all.
    hits : int
        Chains and crossings that ended at the best solution.
    hit_rate : float
        Share of all chains and crossings that ended there.
    """

    labels: NDArray[np.integer[Any]]
    centres: NDArray[np.float64]
    n_iter: int
    n_init: int
    hits: int
    hit_rate: float


def best_kmeans(
    X: NDArray[np.float64], k: int, algorithm: Algorithm, seed: int, weights: NDArray[np.float64] | None = None
) -> Solution:
    """Search by chains of fits and crossings of their ends until several agree on the best solution, or the budget is spent.

    A fit starts from greedy k-means++ centres and exchanges single points between clusters (Hartigan & Wong 1979). A chain makes a few such
    fits and crosses them (as in Gribel & Vidal 2019): of two, the centres are paired and one of each pair is chosen by lot; half of the time, one
    centre is moved to a badly served point (random swap, Fraenti 2018); and the fit is run from there, to take the place of the worst.
    The chain ends when `patience` of these in a row brought nothing. The ends of all chains are crossed in the same way.

    Large tables are searched on a sample of ``algorithm.sample_rows`` points. What is best there need not be on all points; so the best few
    begin one more chain on a sample four times as large, and the last fit is on all.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points in the clustered space.
    k : int
        Number of clusters.
    algorithm : Algorithm
        How hard to try.
    seed : int
        Of every random choice.
    weights : ndarray of shape (n_points,), optional
        How many customers each point stands for; 1 by default.

    Returns
    -------
    Solution
        The same on any number of threads.

    References
    ----------
    Hartigan & Wong (1979), Algorithm AS 136, J. R. Stat. Soc. C 28, 100-108.
    Fraenti (2018), Efficiency of random swap clustering, J. Big Data 5:13.
    Gribel & Vidal (2019), HG-means: a scalable hybrid genetic algorithm for minimum sum-of-squares clustering, Pattern Recognition 88.

    Examples
    --------
    >>> found = best_kmeans(np.array([[0.0], [1.0], [10.0], [11.0]]), 2, Algorithm(), seed=0)
    >>> found.labels.tolist(), found.centres.ravel().tolist()
    ([0, 0, 1, 1], [0.5, 10.5])
    """
    # Here and not at the top: a process that only hands cells to others needs none of it, and it takes more than a second.
    import sklearn

    from segments.clustering.silhouette_kernel import compiling_is_said

    random = np.random.default_rng([seed, k])
    middle = X.mean(axis=0)
    points = X - middle  # scikit-learn does so in place, and undoes it to the last digit but one

    def search_over(size: int) -> _Search:
        rows = slice(None) if len(X) <= 2 * size else np.sort(random.choice(len(X), size, replace=False))
        some = points[rows]
        return _Search(some, np.ones(len(some)) if weights is None else weights[rows], k, algorithm, random)

    with compiling_is_said("the loops over single points"):
        search = search_over(algorithm.sample_rows)
        found = search.found()
        best = found.best
        # Nothing is known of how often the polished solution would be found: the sample's figures stand for it.
        hits, made = _hits(search.ends, best.wcss), search.made
        if len(search.points) < len(X):
            wide = search_over(_WIDER * algorithm.sample_rows)
            known = [wide.settled(fit.centres) for fit in found.fits]
            best = wide.chain([*known, *(wide.start() for _ in range(2 - len(known)))])
            made += wide.made
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        last = lean_kmeans()(
            k, init=best.centres, n_init=1, max_iter=algorithm.max_iter, tol=algorithm.tol, copy_x=False
        )
        last.fit(points, sample_weight=weights)
    # Every point belongs to its nearest centre: what the deployed model will say too, by the same function. The centre is the mean of its points,
    # summed in their order: scikit-learn's is the same but for a last digit that hangs on the processor.
    centres = _means(X, last.labels_, weights, last.cluster_centers_ + middle)
    _, centres = canonical_order(_assigned(X, centres), centres, weights)
    return Solution(_assigned(X, centres), centres, int(last.n_iter_), made, hits, hits / len(search.ends))


@functools.cache
def lean_kmeans() -> Any:
    """scikit-learn's ``KMeans``, without the second table that it makes to learn the variance which its tolerance is relative to."""
    from sklearn.cluster import KMeans

    class LeanKMeans(KMeans):  # type: ignore[misc]
        tol: float

        def _check_params_vs_input(self, X: NDArray[np.float64]) -> None:
            relative, self.tol = self.tol, 0.0  # for which it asks for no variance
            super()._check_params_vs_input(X)
            self.tol, self._tol = relative, relative * float(np.mean([column.var() for column in X.T]))

    return LeanKMeans


def canonical_order(
    labels: NDArray[np.int32], centres: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Renumber clusters: largest first, ties by the centre's coordinates, so that equal partitions get equal numbers.

    Examples
    --------
    >>> labels, centres = canonical_order(np.array([1, 0, 0], dtype=np.int32), np.array([[5.0], [1.0]]))
    >>> labels.tolist(), centres.tolist()
    ([1, 0, 0], [[5.0], [1.0]])
    """
    sizes = np.bincount(labels, weights, minlength=len(centres))
    order = np.lexsort((*centres.T[::-1], -sizes))
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank[labels], centres[order]


class _Search:
    """A search over the same points: chains of fits, and crossings of where they ended."""

    def __init__(
        self,
        points: NDArray[np.float64],
        weights: NDArray[np.float64],
        k: int,
        algorithm: Algorithm,
        random: np.random.Generator,
    ) -> None:
        from segments.clustering import kmeans_kernel

        self.loops = kmeans_kernel
        self.points, self.weights, self.k, self.algorithm, self.random = points, weights, k, algorithm, random
        self.columns = np.ascontiguousarray(points.T)
        self.made = 0  # fits
        self.ends: list[float] = []  # WCSS each chain and crossing ended with

    def found(self) -> _Population:
        """The best few of all chains and crossings: until enough chains agree, or the budget is spent."""
        algorithm = self.algorithm
        budget = min(algorithm.max_fits, algorithm.max_rows // len(self.points))
        found = _Population(algorithm.starts)
        chains: list[float] = []
        made, usual = 0, 0.0  # chains, and their fits on average
        # One more where there is room for one of the usual length: half a chain finds little.
        while not chains or (_hits(chains, found.best.wcss) < algorithm.hits and self.made + usual <= budget):
            before = self.made
            end = self.chain([self.start() for _ in range(algorithm.starts)])
            found.take(end)
            # Starts that all ended at the same solution are so many hits.
            chains += [end.wcss] * (algorithm.starts if self.made == before + algorithm.starts else 1)
            for _ in range(_CROSSINGS if len(found.fits) > 1 else 0):
                crossed = self.settled(self.mixed(found), found.target)
                self.ends.append(crossed.wcss)
                found.take(crossed)
            made += 1
            usual = self.made / made
        self.ends += chains
        return found

    def chain(self, begun: Sequence[Fit]) -> Fit:
        """The best of some fits, and of what comes of them when they are crossed and moved until that brings nothing."""
        found = _Population(self.algorithm.starts)
        for fit in begun:
            found.take(fit)
        failures = 0
        # Starts that all ended at the same solution leave nothing to cross.
        while len(found.fits) > 1 and failures < self.algorithm.patience and self.made < self.algorithm.max_fits:
            centres = self.mixed(found)
            if self.random.random() < _MOVED:
                centres = self.moved(centres, found.best)
            least = found.best.wcss
            found.take(self.settled(centres, found.target))
            failures = 0 if found.best.wcss < least * (1 - _SAME) else failures + 1
        return found.best

    def mixed(self, found: _Population) -> NDArray[np.float64]:
        """A mixture of two fits: their centres paired with the nearest, one of each pair chosen by lot."""
        from scipy.optimize import linear_sum_assignment

        one, other = self.random.choice(len(found.fits), 2, replace=False)
        mine, theirs = found.fits[one].centres, found.fits[other].centres
        rows, columns = linear_sum_assignment(((mine[:, None] - theirs) ** 2).sum(axis=2))
        either: NDArray[np.float64] = np.where(self.random.random((self.k, 1)) < 0.5, mine[rows], theirs[columns])
        return either

    def moved(self, centres: NDArray[np.float64], fit: Fit) -> NDArray[np.float64]:
        """With one centre, any, in the place of a point that a fit serves badly."""
        costs = np.zeros(len(self.points))
        for column, middle in zip(self.columns, fit.centres.T, strict=True):
            costs += (column - middle[fit.labels]) ** 2
        reached = np.cumsum(costs * self.weights)
        at = np.searchsorted(reached, self.random.random() * reached[-1], side="right").clip(max=len(reached) - 1)
        centres = centres.copy()
        centres[self.random.integers(self.k)] = self.points[at]
        return centres

    def start(self) -> Fit:
        """A fit from a greedy k-means++ start."""
        self.made += 1
        return self.loops.started(self.columns, self.weights, self.k, self.random, self.algorithm.max_iter, 0.0)

    def settled(self, centres: NDArray[np.float64], target: float = np.inf) -> Fit:
        """A fit from these centres; given up when it would not come below the target."""
        self.made += 1
        return self.loops.settled(self.columns, self.weights, centres, self.algorithm.max_iter, 0.0, target)


class _Population:
    """The best few fits that differ, best first: two equal ones have nothing to give each other."""

    def __init__(self, size: int) -> None:
        self.size = max(size, 2)
        self.fits: list[Fit] = []

    @property
    def best(self) -> Fit:
        return self.fits[0]

    @property
    def target(self) -> float:
        """What a fit must come below to be of use."""
        return self.fits[-1].wcss if len(self.fits) == self.size else np.inf

    def take(self, fit: Fit) -> None:
        for at, known in enumerate(self.fits):
            if abs(fit.wcss - known.wcss) <= _SAME * known.wcss:
                self.fits[at] = min(known, fit, key=lambda one: one.wcss)
                return
        self.fits = sorted([*self.fits, fit], key=lambda one: one.wcss)[: self.size]


def _assigned(X: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int32]:
    """Nearest centre of every row."""
    return np.concatenate([nearest(X[at : at + _ROWS], centres)[0] for at in range(0, len(X), _ROWS)])


def _means(
    X: NDArray[np.float64],
    labels: NDArray[np.integer[Any]],
    weights: NDArray[np.float64] | None,
    otherwise: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean of each cluster's points; that of one without points is said otherwise."""
    k, weights = len(otherwise), np.ones(len(X)) if weights is None else weights
    sizes = np.bincount(labels, weights, minlength=k)[:, None]
    sums = np.column_stack([np.bincount(labels, weights * column, minlength=k) for column in X.T])
    return np.divide(sums, sizes, out=otherwise, where=sizes > 0)


def _hits(values: Sequence[float], best: float) -> int:
    return sum(value <= best * (1 + _SAME) for value in values)
