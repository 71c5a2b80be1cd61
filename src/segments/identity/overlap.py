"""How two clusterings hang together. Comes in: clusters of the same customers, or centres. Goes out: counts, distances, and who may inherit from whom.

Customers in common prove nothing where chance alone puts them: most of any cluster comes from a segment that holds most customers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from segments.config.identity import IdentityConfig


def centroids(features: pd.DataFrame, labels: NDArray[np.int32]) -> pd.DataFrame:
    """Mean of every numeric feature per cluster, in original units.

    Examples
    --------
    >>> centroids(pd.DataFrame({"customer_id": ["a", "b"], "age": [20.0, 30.0]}), np.array([1, 0]))["age"].tolist()
    [30.0, 20.0]
    """
    return features.select_dtypes("number").groupby(labels).mean()


def centre_distances(old: pd.DataFrame, new: pd.DataFrame, features: pd.DataFrame) -> NDArray[np.float64]:
    """Distances of centres in standard deviations of the new customers, as the root mean square over the features both have.

    Parameters
    ----------
    old, new : DataFrame of shape (k, ...)
        Made by :func:`centroids`.
    features : DataFrame of shape (n_customers, ...)
        The new customers: their spread is the unit.

    Returns
    -------
    ndarray of shape (n_old, n_new)
        Infinite when there is no feature to compare.

    Examples
    --------
    >>> people = pd.DataFrame({"age": [20.0, 40.0]})
    >>> centre_distances(pd.DataFrame({"age": [20.0]}), pd.DataFrame({"age": [40.0, 20.0]}), people).tolist()
    [[2.0, 0.0]]
    """
    spread = features.select_dtypes("number").std(ddof=0)
    shared = [name for name in new.columns if name in old.columns and np.isfinite(spread[name]) and spread[name] > 0]
    if not shared:
        return np.full((len(old), len(new)), np.inf)
    a, b = (table[shared].to_numpy(dtype=np.float64) / spread[shared].to_numpy() for table in (old, new))
    distances: NDArray[np.float64] = np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).mean(axis=2))
    return distances


def may_be_continued_by(counts: NDArray[np.int64], config: IdentityConfig) -> NDArray[np.bool_]:
    """Which cluster (column) could bear the id of which old segment (row)."""
    sizes, new_sizes = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    in_either = sizes + new_sizes - counts
    related = _beyond_chance(counts, config) | _beyond_chance(counts.T, config).T
    continuable: NDArray[np.bool_] = (counts > 0) & (counts >= config.min_kept * sizes)
    continuable &= related | (counts >= config.min_overlap * in_either)
    return continuable


def _beyond_chance(counts: NDArray[np.int64], config: IdentityConfig) -> NDArray[np.bool_]:
    """Which column lies in which row, by more than the row's share of all would make of any column."""
    n, sizes, new_sizes = counts.sum(), counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    chance = sizes * new_sizes  # everything n times, so that whole numbers are compared
    beyond: NDArray[np.bool_] = n * counts - chance >= config.min_overlap * (n * new_sizes - chance)
    beyond &= counts > 0
    return beyond


def left_over(
    counts: NDArray[np.int64], successors: Mapping[int, int], config: IdentityConfig
) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Parents of the clusters that inherited nothing, and the old segments without an successor that each cluster took up."""
    n, k = counts.shape
    comes_from, goes_to = _beyond_chance(counts, config), _beyond_chance(counts.T, config).T
    parents: dict[int, int] = {}
    absorbed: dict[int, list[int]] = {c: [] for c in range(k)}
    for c in range(k):
        if c not in successors and n and comes_from[o := int(counts[:, c].argmax()), c]:
            parents[c] = o
    for o in set(range(n)) - set(successors.values()):
        if goes_to[o, c := int(counts[o].argmax())] and parents.get(c) != o:  # a part does not take up the whole
            absorbed[c].append(o)
    return parents, absorbed


def share_kept(table: NDArray[np.int64]) -> float:
    """Largest share of customers that can keep their segment."""
    pairs = linear_sum_assignment(table, maximize=True)
    return float(table[pairs].sum() / table.sum())
