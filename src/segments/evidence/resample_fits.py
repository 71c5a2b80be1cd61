"""Points -> a k-means solution, searched with a small, fixed effort. Comes in: points, k, how often to try. Goes out: labels, centres, WCSS.

Evidence needs the same search many thousand times: on resamples, halves and null data. The effort must be equal everywhere, or a
difference in effort would pass for a difference in structure; and it must be cheap. So the loops are our own: scikit-learn spends up to
a millisecond on what surrounds a fit, which takes a fiftieth of that on a hundred customers. The candidates themselves come from the
thorough search in :mod:`segments.clustering.kmeans`, which runs the same loops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from segments.clustering.kmeans_kernel import Fit  # brings numba

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

# A fit ends with the pass that gains less than this share of the WCSS.
_MAX_PASSES, _TOL = 100, 1e-4
# Two fits found the same solution when their WCSS agree to this relative difference, which is what _TOL leaves open.
_SAME = 1e-3
# Found this often, a solution counts as the best there is; two in a row are too easily the same poor one.
_HITS = 5


def starts_for(size: int, starts: int, most: int) -> int:
    """Starts allowed for a problem of this size: `starts`, or as many as keep below `most` in all, and at least one.

    Examples
    --------
    >>> [starts_for(size, starts=10, most=5000) for size in (126, 1000, 100_000)]
    [10, 5, 1]
    """
    return max(1, min(starts, most // size))


def refit(X: Floats, k: int, starts: int, random: np.random.Generator) -> Fit:
    """Fit k-means from k-means++ starts until the lowest WCSS was found five times, or the starts are used up.

    A fit moves one point at a time to where it lowers the WCSS most, its old and new centre following at once, until a pass over all points
    gains next to nothing. That is the exchange at the heart of Hartigan & Wong's algorithm, which R's ``kmeans`` and so fpc run:
    it passes by many solutions at which the batch algorithm stops.

    Known centres are no start: a search that begins at the answer finds it again, and every clustering looks stable.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points in the clustered space.
    k : int
        Number of clusters.
    starts : int
        k-means++ starts at most.
    random : numpy.random.Generator
        Of the starts.

    Returns
    -------
    Fit
        The best of them, the same on any number of threads.

    References
    ----------
    Hartigan & Wong (1979), Algorithm AS 136, J. R. Stat. Soc. C 28, 100-108. Telgarsky & Vattani (2010), Hartigan's method: k-means
    clustering without Voronoi, AISTATS.

    Examples
    --------
    >>> found = refit(np.array([[0.0], [1.0], [10.0], [11.0]]), 2, 3, np.random.default_rng(0))
    >>> found.wcss, sorted(found.centres.ravel().tolist())
    (1.0, [0.5, 10.5])
    """
    from segments.clustering.kmeans_kernel import started
    from segments.clustering.silhouette_kernel import compiling_is_said

    columns, weights = np.ascontiguousarray(X.T, dtype=np.float64), np.ones(len(X))
    fits: list[Fit] = []
    with compiling_is_said("the loop over single points"):
        for _ in range(starts):
            fits.append(started(columns, weights, k, random, _MAX_PASSES, _TOL))
            best = min(fits, key=lambda fit: fit.wcss)
            if sum(fit.wcss <= best.wcss * (1 + _SAME) for fit in fits) == _HITS:
                break
    return best


def compile_fits() -> None:
    """Compile the loops once, so that no stage has to wait for it."""
    from segments.clustering.kmeans_kernel import assign

    refit(np.arange(3.0)[:, None], 2, 1, np.random.default_rng(0))
    assign(np.zeros((1, 3)), np.zeros((2, 1)), np.zeros(3, dtype=np.int32))
