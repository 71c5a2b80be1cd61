"""Exact silhouettes of many labelings of the same points, in one pass over their distances.

Comes in: points and one row of cluster numbers per labeling. Goes out: one silhouette per point and labeling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_chunked

from segments.errors import SweepError


def silhouette_samples_many(X: NDArray[np.float64], labelings: NDArray[np.int32]) -> NDArray[np.float64]:
    """Silhouette of every sample under each of several labelings of the same points.

    The distances are computed once for all labelings, a block of rows at a time, and summed to the clusters of each
    labeling by a matrix product of its own: one product for all would be a little faster, but the last digit of a
    silhouette would depend on the labelings beside it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Scaled features, no missing values.
    labelings : ndarray of shape (n_labelings, n_samples)
        Row l numbers the clusters of labeling l from 0.

    Returns
    -------
    ndarray of shape (n_labelings, n_samples)
        Unitless, -1 (misplaced) to 1 (well separated); 0 for a cluster of one.

    Raises
    ------
    SweepError
        If an array is empty, holds NaN or infinity, the lengths differ, or a labeling has fewer than two clusters.

    References
    ----------
    Rousseeuw (1987), J. Comput. Appl. Math. 20, 53-65.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> silhouette_samples_many(X, np.array([[0, 0, 1, 1]], dtype=np.int32)).round(3).tolist()
    [[0.905, 0.895, 0.895, 0.905]]
    """
    X, labelings = _checked(X, labelings)
    n = len(X)
    members = []
    for labels in labelings:
        member = np.zeros((n, labels.max() + 1))
        member[np.arange(n), labels] = 1.0
        members.append(member)

    def silhouettes(distances: NDArray[np.float64], start: int) -> NDArray[np.float64]:
        rows = np.arange(len(distances))
        block = np.empty((len(labelings), len(distances)))
        for i, (labels, member) in enumerate(zip(labelings, members, strict=True)):
            own = labels[start : start + len(distances)]
            sums, size = distances @ member, member.sum(axis=0)
            own_size = size[own]
            a = sums[rows, own] / np.maximum(own_size - 1, 1)
            means = np.divide(sums, size, out=np.full((len(distances), len(size)), np.inf), where=size > 0)
            means[rows, own] = np.inf
            b = means.min(axis=1)
            largest = np.maximum(a, b)
            s = np.divide(b - a, largest, out=np.zeros_like(a), where=largest > 0)
            block[i] = np.where(own_size > 1, s, 0.0)
        return block.T

    return np.concatenate(list(pairwise_distances_chunked(X, reduce_func=silhouettes, working_memory=128))).T


def _checked(X: NDArray[np.float64], labelings: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    X, labelings = np.asarray(X, dtype=np.float64), np.asarray(labelings)
    if X.ndim != 2 or 0 in X.shape:
        raise SweepError(f"X has shape {X.shape}; it must be a table with at least one row and one column", where="X")
    if not np.isfinite(X).all():
        raise SweepError("X holds NaN or infinity", where="X", fix="mend or drop these rows first")
    if labelings.ndim != 2 or labelings.shape[1] != len(X) or len(labelings) == 0:
        raise SweepError(
            f"labelings has shape {labelings.shape}; it must have one row per labeling and {len(X)} columns, one per row of X",
            where="labelings",
        )
    if not np.issubdtype(labelings.dtype, np.integer) or labelings.min() < 0:
        raise SweepError("cluster numbers must be integers from 0", where="labelings")
    for i, labels in enumerate(labelings):
        if np.all(labels == labels[0]):
            raise SweepError(
                f"labeling {i} puts every point into one cluster; a silhouette needs two", where="labelings"
            )
    return X, labelings.astype(np.int32)
