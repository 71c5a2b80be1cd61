"""Points -> the best k-means solution that can be found. Comes in: points (and how often each stands there). Goes out: labels, centres, how sure.

The fits themselves are scikit-learn's; here is which fits are made, and when it is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from segments.config import Algorithm
from segments.space import nearest

# Two fits found the same solution when their WCSS agree to this relative difference.
_SAME = 1e-6


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
        Share of all fits that ended there.
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

    A chain starts from the best of a few k-means++ fits and then moves one centre at a time to a badly served point
    (random swap, Fraenti 2018), until `patience` times k moves in a row bring nothing. Large tables are searched on a sample of
    ``algorithm.sample_rows`` points; the best solution is then polished on all of them.

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

    Examples
    --------
    >>> found = best_kmeans(np.array([[0.0], [1.0], [10.0], [11.0]]), 2, Algorithm(), seed=0)
    >>> found.labels.tolist(), found.centres.ravel().tolist()
    ([0, 0, 1, 1], [0.5, 10.5])
    """
    random = np.random.default_rng([seed, k])
    weights = np.ones(len(X)) if weights is None else weights
    if len(X) > 2 * algorithm.sample_rows:
        rows = np.sort(random.choice(len(X), algorithm.sample_rows, replace=False))
        best, found, ends = _search(X[rows], weights[rows], k, algorithm, random)
        best = _lloyd(X, weights, k, best.cluster_centers_, algorithm, random)
        # Nothing is known of how often the polished solution would be found: the sample's figures stand for it.
        wcss = min(ends)
    else:
        best, found, ends = _search(X, weights, k, algorithm, random)
        wcss = float(best.inertia_)
    # Every point belongs to its nearest centre: what the deployed model will say too, by the same function.
    labels, centres = canonical_order(nearest(X, best.cluster_centers_)[0], best.cluster_centers_, weights)
    labels = nearest(X, centres)[0]
    return Solution(labels, centres, int(best.n_iter_), len(found), _hits(ends, wcss), _hits(found, wcss) / len(found))


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


def _search(
    X: NDArray[np.float64],
    weights: NDArray[np.float64],
    k: int,
    algorithm: Algorithm,
    random: np.random.Generator,
) -> tuple[KMeans, list[float], list[float]]:
    """The best fit of all chains, the WCSS of every fit, and the WCSS each chain ended with."""
    budget = max(2 * algorithm.starts, min(algorithm.max_fits, algorithm.max_rows // len(X)))
    found: list[float] = []
    ends: list[float] = []
    best: KMeans | None = None

    def fit(init: str | NDArray[np.float64]) -> KMeans:
        model = _lloyd(X, weights, k, init, algorithm, random)
        found.append(float(model.inertia_))
        return model

    while len(found) < budget and (best is None or _hits(ends, best.inertia_) < algorithm.hits):
        chain = min((fit("k-means++") for _ in range(algorithm.starts)), key=lambda model: model.inertia_)
        failures = 0
        while failures < algorithm.patience * k and len(found) < budget:
            moved = chain.cluster_centers_.copy()
            far = weights * ((X - moved[chain.labels_]) ** 2).sum(axis=1)
            if not far.any():
                break  # every point sits on a centre: nothing left to gain
            moved[random.integers(k)] = X[random.choice(len(X), p=far / far.sum())]
            model = fit(moved)
            if model.inertia_ < chain.inertia_ * (1 - _SAME):
                chain, failures = model, 0
            else:
                failures += 1
        ends.append(float(chain.inertia_))
        if best is None or chain.inertia_ < best.inertia_:
            best = chain
    assert best is not None
    return best, found, ends


def _lloyd(
    X: NDArray[np.float64],
    weights: NDArray[np.float64],
    k: int,
    init: str | NDArray[np.float64],
    algorithm: Algorithm,
    random: np.random.Generator,
) -> KMeans:
    seed = int(random.integers(2**32 - 1))
    model = KMeans(
        k, init=init, n_init=1, max_iter=algorithm.max_iter, tol=algorithm.tol, random_state=seed, copy_x=False
    )
    return model.fit(X, sample_weight=weights)


def _hits(values: Sequence[float], best: float) -> int:
    return sum(value <= best * (1 + _SAME) for value in values)
