"""Points -> the best k-means solution that can be found. Comes in: points (and how often each stands there). Goes out: labels, centres, how sure.

The fits themselves are scikit-learn's; here is which fits are made, and when it is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from segments.config import Algorithm
from segments.space import nearest

# Two fits found the same solution when their WCSS agree to this relative difference.
_SAME = 1e-6
# Points tried in the place of each centre before a round of moves, and fits in that round: of the moves that cost least at
# once, and of random ones, which alone leave a solution that all cheap moves lead back to.
_TRIED, _CHEAP, _RANDOM = 64, 2, 2
# The second sample is this many times as large as the first.
_WIDER = 10
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
        Iterations of the best fit.
    n_init : int
        Fits made in all.
    hits : int
        Search chains that ended at the best solution.
    hit_rate : float
        Share of all chains that ended there.
    """

    labels: NDArray[np.int32]
    centres: NDArray[np.float64]
    n_iter: int
    n_init: int
    hits: int
    hit_rate: float


def best_kmeans(
    X: NDArray[np.float64], k: int, algorithm: Algorithm, seed: int, weights: NDArray[np.float64] | None = None
) -> Solution:
    """Search by chains until several agree on the best solution, or the budget is spent.

    A chain starts from the best of a few k-means++ fits. In every round, single centres are moved to badly served points and
    the fit is run from there (random swap, Fraenti 2018); which moves are worth a fit is read from what they
    would cost before any fit (as in Lattanzi & Sohler 2019), for all centres and many points at once. The chain ends when
    `patience` rounds in a row brought nothing. Large tables are searched on a sample of ``algorithm.sample_rows`` points. What
    is best there need not be on all points; so a round of moves follows on a sample ten times as large, and a last fit on all.

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
    Fraenti (2018), Efficiency of random swap clustering, J. Big Data 5:13.
    Lattanzi & Sohler (2019), A better k-means++ algorithm via local search, ICML.

    Examples
    --------
    >>> found = best_kmeans(np.array([[0.0], [1.0], [10.0], [11.0]]), 2, Algorithm(), seed=0)
    >>> found.labels.tolist(), found.centres.ravel().tolist()
    ([0, 0, 1, 1], [0.5, 10.5])
    """
    random = np.random.default_rng([seed, k])
    weights = np.ones(len(X)) if weights is None else weights
    middle = X.mean(axis=0)
    points = X - middle  # scikit-learn does so in place, and undoes it to the last digit but one
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):

        def chains_over(size: int) -> _Chains:
            if len(X) <= 2 * size:
                return _Chains(points, weights, k, algorithm, random)
            rows = np.sort(random.choice(len(X), size, replace=False))
            return _Chains(points[rows], weights[rows], k, algorithm, random)

        chains = chains_over(algorithm.sample_rows)
        best = chains.search()
        # Nothing is known of how often the polished solution would be found: the sample's figures stand for it.
        wcss = float(best.inertia_)
        if len(chains.points) < len(X):
            wide = chains_over(_WIDER * algorithm.sample_rows)
            best = wide.fits([best.cluster_centers_])
            best = wide.moved(best) or best
            if len(wide.points) < len(X):
                best = _Chains(points, weights, k, algorithm, random).fits([best.cluster_centers_])
    # Every point belongs to its nearest centre: what the deployed model will say too, by the same function.
    centres = best.cluster_centers_ + middle
    _, centres = canonical_order(_assigned(X, centres), centres, weights)
    hits = _hits(chains.ends, wcss)
    return Solution(_assigned(X, centres), centres, int(best.n_iter_), chains.made, hits, hits / len(chains.ends))


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


class _Chains:
    """Search chains over the same points."""

    def __init__(
        self,
        points: NDArray[np.float64],
        weights: NDArray[np.float64],
        k: int,
        algorithm: Algorithm,
        random: np.random.Generator,
    ) -> None:
        self.points, self.weights, self.k, self.algorithm, self.random = points, weights, k, algorithm, random
        self.made = 0  # fits
        self.ends: list[float] = []  # WCSS each chain ended with

    def search(self) -> KMeans:
        """The best fit of all chains."""
        algorithm = self.algorithm
        budget = min(algorithm.max_fits, algorithm.max_rows // len(self.points))
        best = self.chain()
        # One more chain where there is room for one of the usual length: half a chain finds little.
        while self.made * (1 + 1 / len(self.ends)) <= budget and _hits(self.ends, best.inertia_) < algorithm.hits:
            best = min(best, self.chain(), key=lambda model: model.inertia_)
        return best

    def chain(self) -> KMeans:
        """The end of one more chain."""
        best = self.fits("k-means++", self.algorithm.starts)
        failures = 0
        while failures < self.algorithm.patience and self.made < self.algorithm.max_fits:
            if (better := self.moved(best)) is None:
                failures += 1
            else:
                best, failures = better, 0
        self.ends.append(float(best.inertia_))
        return best

    def moved(self, model: KMeans) -> KMeans | None:
        """The best fit after one of several single-centre moves, if it is better."""
        from segments import silhouette_kernel as compiled

        centres, labels, random = model.cluster_centers_, model.labels_, self.random
        far = np.cumsum(self.weights * ((self.points - centres[labels]) ** 2).sum(axis=1))
        if far[-1] == 0:
            return None  # every point sits on a centre: nothing left to gain
        # Points badly served are drawn more often; those served perfectly, never.
        tried = self.points[np.searchsorted(far, random.random(_TRIED) * far[-1], side="right").clip(max=len(far) - 1)]
        wcss = np.empty((_TRIED, self.k))
        kernel = compiled.swap_kernel()
        with compiled.compiling_is_said("the loop over single-centre moves"):
            kernel(self.points, self.weights, centres, labels, tried, wcss)
        moves: list[tuple[int, int]] = []
        apart = set()
        own = nearest(tried, centres)[0]
        for at in np.argsort(wcss, axis=None, kind="stable"):
            into, gone = divmod(int(at), self.k)
            if (own[into], gone) not in apart:  # two moves between the same clusters end at the same fit
                apart.add((own[into], gone))
                moves.append((into, gone))
            if len(moves) == _CHEAP:
                break
        moves += [(into, int(random.integers(self.k))) for into in range(_RANDOM)]
        starts = []
        for into, gone in moves:
            start = centres.copy()
            start[gone] = tried[into]
            starts.append(start)
        found = self.fits(starts)
        return found if found.inertia_ < model.inertia_ * (1 - _SAME) else None

    def fits(self, init: str | Sequence[NDArray[np.float64]], n: int = 1) -> KMeans:
        """The best of n fits from random starts, or of one from each of these."""
        seed = int(self.random.integers(2**32 - 1))
        if not isinstance(init, str):
            # One call for all: most of a short fit is what scikit-learn does before it.
            starts, n = iter(init), len(init)
        self.made += n
        model = KMeans(
            self.k,
            init=init if isinstance(init, str) else lambda *_, random_state: next(starts),
            n_init=n,
            max_iter=self.algorithm.max_iter,
            tol=self.algorithm.tol,
            random_state=seed,
            copy_x=False,
        )
        return model.fit(self.points, sample_weight=self.weights)


def _assigned(X: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int32]:
    """Nearest centre of every row."""
    return np.concatenate([nearest(X[at : at + _ROWS], centres)[0] for at in range(0, len(X), _ROWS)])


def _hits(values: Sequence[float], best: float) -> int:
    return sum(value <= best * (1 + _SAME) for value in values)
