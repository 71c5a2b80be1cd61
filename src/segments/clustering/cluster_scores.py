"""Scores of a labeling that need its clusters' sums only, not the distances between customers.

Comes in: points, labelings, optionally how many rows each point stands for. Goes out: WCSS, Davies-Bouldin, Calinski-Harabasz and
the simplified silhouette of every labeling, in time n_samples · n_clusters.

The centre of a cluster is the mean of its points, whatever made the labels; so a labeling can be scored in another space
than the one it was found in.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.clustering.silhouette import Floats, Integers, checked_labelings, threads_of

CLUSTER_SCORES = ("wcss", "davies_bouldin", "calinski_harabasz", "silhouette_simplified")


def cluster_scores_many(
    X: Floats, labelings: Integers, weights: NDArray[Any] | None = None, threads: int = 0
) -> dict[str, Floats]:
    """Scores of each of several labelings of the same points, from sums per cluster.

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
    dict of str to ndarray of shape (n_labelings,)
        ``wcss`` in squared units of `X`; ``davies_bouldin`` (small is good) and ``calinski_harabasz`` (large is good) as in
        scikit-learn; ``silhouette_simplified``, -1 to 1: the silhouette with distances to centres for mean distances to
        points, 0 for a cluster of one.

    Raises
    ------
    SweepError
        As :func:`segments.clustering.silhouette.silhouette_samples_many`.

    References
    ----------
    Davies & Bouldin (1979), IEEE PAMI 1, 224-227. Calinski & Harabasz (1974), Commun. Stat. 3, 1-27.
    Vendramin, Campello & Hruschka (2010), Stat. Anal. Data Min. 3, 209-235.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> {name: round(float(values[0]), 4) for name, values in cluster_scores_many(X, np.array([[0, 0, 1, 1]])).items()}
    {'wcss': 1.0, 'davies_bouldin': 0.1, 'calinski_harabasz': 200.0, 'silhouette_simplified': 0.9499}
    """
    X, labelings, counts = checked_labelings(X, labelings, weights)
    counts = np.ones(len(X)) if counts is None else counts
    from segments.clustering.silhouette_kernel import cluster_kernel, compiling_is_said

    def scores(labels: Integers) -> tuple[float, ...]:
        return _scores(X, np.require(labels, np.int32, ["C", "W"]), counts, cluster_kernel)

    if not cluster_kernel.signatures:
        with compiling_is_said("the cluster sums"):
            scores(labelings[0])  # before there are threads
    with ThreadPoolExecutor(threads_of(threads)) as pool:
        found = list(pool.map(scores, labelings))
    return {name: np.array(values) for name, values in zip(CLUSTER_SCORES, zip(*found, strict=True), strict=True)}


def _scores(X: Floats, labels: NDArray[np.int32], weights: Floats, kernel: Any) -> tuple[float, ...]:
    k = int(labels.max()) + 1
    sizes, spreads, squares, margins = (np.zeros(k) for _ in range(4))
    centres = np.zeros((k, X.shape[1]))  # seen from the first point
    kernel(X, labels, weights, sizes, centres, spreads, squares, margins)

    wcss, total = squares.sum(), sizes.sum()
    between = (sizes[:, None] * (centres - (sizes[:, None] * centres).sum(axis=0) / total) ** 2).sum()
    # No spread within the clusters: 1, by scikit-learn's convention.
    calinski_harabasz = between * (total - k) / (wcss * (k - 1)) if wcss > 0 else 1.0

    spreads /= sizes
    apart = np.sqrt(((centres[:, None] - centres) ** 2).sum(axis=2))
    davies_bouldin = 0.0
    if not (np.allclose(spreads, 0) or np.allclose(apart, 0)):
        apart[apart == 0] = np.inf
        davies_bouldin = ((spreads[:, None] + spreads) / apart).max(axis=1).mean()
    return float(wcss), float(davies_bouldin), float(calinski_harabasz), float(margins.sum() / total)
