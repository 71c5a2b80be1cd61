"""Points -> a k-means solution, searched with a small, fixed effort. Comes in: points, k, how often to try. Goes out: labels, centres, WCSS.

Evidence needs the same search many thousand times: on resamples, halves and null data. The effort must be equal everywhere, or a
difference in effort would pass for a difference in structure; and it must be cheap. The candidates themselves come from the
thorough search in :mod:`segments.search`.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

_MAX_ITER, _TOL = 100, 1e-4
# Two fits found the same solution when their WCSS agree to this relative difference, which is what _TOL leaves open.
_SAME = 1e-3
# Found this often, a solution counts as the best there is; two in a row are too easily the same poor one.
_HITS = 5


@dataclass(frozen=True)
class Refit:
    """The best of a few fits.

    Parameters
    ----------
    labels : ndarray of shape (n_points,)
        Cluster of each point.
    centres : ndarray of shape (k, n_features)
        Cluster centres.
    wcss : float
        Within-cluster sum of squares.
    """

    labels: NDArray[np.int32]
    centres: Floats
    wcss: float


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Many small fits in a row: on one thread, without checking the same points anew each time."""
    with (
        threadpool_limits(limits=1),
        sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
        warnings.catch_warnings(),
    ):
        # A resample may hold fewer different points than k: some clusters then stay empty, and count as not recovered.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def starts_for(size: int, starts: int, most: int) -> int:
    """Starts allowed for a problem of this size: `starts`, or as many as keep below `most` in all, and at least one.

    Examples
    --------
    >>> [starts_for(size, starts=10, most=5000) for size in (126, 1000, 100_000)]
    [10, 5, 1]
    """
    return max(1, min(starts, most // size))


def refit(X: Floats, k: int, starts: int, random: np.random.Generator) -> Refit:
    """Fit k-means from k-means++ starts until the lowest WCSS was found five times, or the starts are used up.

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
    Refit
        The same on any number of threads.

    Examples
    --------
    >>> found = refit(np.array([[0.0], [1.0], [10.0], [11.0]]), 2, 3, np.random.default_rng(0))
    >>> found.wcss, sorted(found.centres.ravel().tolist())
    (1.0, [0.5, 10.5])
    """
    models: list[KMeans] = []
    for _ in range(starts):
        seed = int(random.integers(2**32 - 1))
        # copy_x: scikit-learn centres the points in place otherwise, and puts them back up to rounding
        model = KMeans(k, n_init=1, max_iter=_MAX_ITER, tol=_TOL, random_state=seed, copy_x=True)
        models.append(model.fit(X))
        best = min(models, key=lambda fitted: fitted.inertia_)
        if sum(fitted.inertia_ <= best.inertia_ * (1 + _SAME) for fitted in models) == _HITS:
            break
    return Refit(best.labels_, best.cluster_centers_, float(best.inertia_))
