"""Would the same clusters come back with other customers? Comes in: points and a clustering of them. Goes out: how much of it returns.

Two experiments, both with fpc's conventions (Hennig's R package), both searched anew each time:

bootstrap
    Draw as many customers as there are, with replacement; cluster those drawn (one drawn twice counts once); compare with the
    full clustering among those drawn: per cluster by its best Jaccard match, overall by the adjusted Rand index, per customer by
    whether the nearest bootstrap centre belongs to the same cluster.
prediction strength
    Cut the customers in halves, cluster each, and let each half's centres classify the other: in the worst cluster, which share
    of the pairs that belong together stays together?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.clustering.exact import significant
from segments.config.evidence import EvidenceConfig
from segments.evidence.resample_fits import Floats, Integers, refit, starts_for

# Hennig's readings of a Jaccard value: at least the one, the cluster has come back; at most the other, it has dissolved.
RECOVERED, DISSOLVED = 0.75, 0.5

# Bootstraps between two looks at whether it is still worth going on.
_LOOK = 10
# A candidate is hopeless when the mean Jaccard of a cluster lies this many standard errors under the limit.
_ERRORS = 3.0


@dataclass(frozen=True)
class Stability:
    """How much of a clustering returns in bootstraps and halves.

    Parameters
    ----------
    jaccard : ndarray of shape (k,)
        Mean over the bootstraps of each cluster's best match, 0 to 1.
    jaccard_error : ndarray of shape (k,)
        Its standard error.
    recovered, dissolved : ndarray of shape (k,)
        Share of the bootstraps in which it came back (Jaccard at least 0.75), or dissolved (at most 0.5).
    ari : float
        Mean adjusted Rand index between bootstrap and full clustering, among those drawn.
    prediction_strength : float
        Mean over the splits; NaN for a candidate that was stopped.
    agreement : ndarray of shape (n_points,)
        Share of the bootstraps in which the point fell into its own cluster.
    bootstraps : int
        Bootstraps drawn.
    stopped : bool
        Whether the rest (bootstraps, then splits) was given up because a cluster hardly ever returns.
    """

    jaccard: Floats
    jaccard_error: Floats
    recovered: Floats
    dissolved: Floats
    ari: float
    prediction_strength: float
    agreement: Floats
    bootstraps: int
    stopped: bool


def bootstrap_draws(rows: NDArray[np.intp], config: EvidenceConfig) -> list[NDArray[np.intp]]:
    """The points of each bootstrap: as many as there are, drawn with replacement; one drawn twice counts once.

    Examples
    --------
    >>> [len(drawn) for drawn in bootstrap_draws(np.arange(1000), EvidenceConfig(bootstraps=3))]
    [647, 631, 649]
    """
    return [
        np.unique(np.random.default_rng([config.seed, 1, b]).choice(rows, len(rows))) for b in range(config.bootstraps)
    ]


def stability(
    X: Floats,
    labels: Integers,
    centres: Floats,
    config: EvidenceConfig,
    rows: NDArray[np.intp] | None = None,
    draws: Sequence[NDArray[np.intp]] | None = None,
) -> Stability:
    """Judge one clustering by bootstraps and split halves.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points in the clustered space.
    labels : ndarray of shape (n_points,)
        Cluster of each point, from 0.
    centres : ndarray of shape (k, n_features)
        Cluster centres.
    config : EvidenceConfig
        Numbers of resamples, effort of the searches, when to stop, and the seed.
    rows : ndarray of shape (m,), optional
        Points to draw from, where there are very many; all by default. Agreement is measured on all points.
    draws : sequence of ndarray, optional
        What :func:`bootstrap_draws` says of these rows, where it is known: the same for every k.

    Returns
    -------
    Stability
        The same on any number of threads, and for each k whichever other k are judged.

    References
    ----------
    Hennig (2007), Comput. Stat. Data Anal. 52, 258-271. Hubert & Arabie (1985), J. Classif. 2, 193-218.
    Tibshirani & Walther (2005), J. Comput. Graph. Stat. 14, 511-528.

    Examples
    --------
    >>> X = np.concatenate([np.random.default_rng(0).normal(size=(50, 2)) + [x, 0] for x in (0, 9)])
    >>> found = stability(X, np.repeat([0, 1], 50), np.array([[0.0, 0], [9, 0]]), EvidenceConfig())
    >>> found.jaccard.round(2).tolist(), round(found.ari, 2), round(found.prediction_strength, 2), found.bootstraps
    ([1.0, 1.0], 1.0, 1.0, 100)
    """
    from segments.clustering.kmeans_kernel import closest  # brings numba

    rows = np.arange(len(X)) if rows is None else rows
    k, columns, nearest_to = len(centres), np.ascontiguousarray(X.T), np.empty(len(X), dtype=np.int32)
    jaccards, rands = [], []
    agreed = np.zeros(len(X))
    stopped = False
    # the same draws for every k, and another stream of starts for each
    for b, drawn in enumerate(bootstrap_draws(rows, config) if draws is None else draws):
        random = np.random.default_rng([config.seed, 2, b, k])
        starts = starts_for(len(drawn) * k, config.starts, config.max_distances)
        fit = refit(X[drawn], k, starts, random)
        table = contingency(labels[drawn], fit.labels, k, k)
        match = jaccard(table)
        jaccards.append(match.max(axis=1))
        rands.append(adjusted_rand(table))
        closest(columns, fit.centres, nearest_to)
        agreed += _partners(table)[nearest_to] == labels
        if stopped := _hopeless(np.array(jaccards), len(rows), config):
            break
    strength = np.nan if stopped else prediction_strength(X[rows], k, config)
    values = np.array(jaccards)
    return Stability(
        values.mean(axis=0),
        values.std(axis=0, ddof=1) / np.sqrt(len(values)),
        (values >= RECOVERED).mean(axis=0),
        (values <= DISSOLVED).mean(axis=0),
        float(np.mean(rands)),
        float(strength),
        agreed / len(values),
        len(values),
        stopped,
    )


def prediction_strength(X: Floats, k: int, config: EvidenceConfig) -> float:
    """Prediction strength of k clusters, as fpc's ``prediction.strength`` counts it.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points in the clustered space.
    k : int
        Number of clusters.
    config : EvidenceConfig
        Number of splits, effort, seed.

    Returns
    -------
    float
        0 to 1. Per split the smaller share of each half, averaged over both; then the mean over the splits.

    References
    ----------
    Tibshirani & Walther (2005), Cluster validation by prediction strength, J. Comput. Graph. Stat. 14, 511-528.
    """
    from segments.clustering.kmeans_kernel import closest  # brings numba

    half = len(X) // 2
    strengths = []
    for split in range(config.splits):
        order = np.random.default_rng([config.seed, 3, split]).permutation(len(X))
        random = np.random.default_rng([config.seed, 4, split, k])
        halves = X[order[:half]], X[order[half:]]
        fits = [refit(own, k, starts_for(len(own) * k, config.starts, config.max_distances), random) for own in halves]
        for own, fit, other in zip(halves, fits, reversed(fits), strict=True):
            theirs = np.empty(len(own), dtype=np.int32)
            closest(np.ascontiguousarray(own.T), other.centres, theirs)
            strengths.append(_kept_together(contingency(fit.labels, theirs, k, k)))
    return float(np.mean(strengths))


def contingency(one: Integers, other: Integers, n_one: int, n_other: int) -> NDArray[np.int64]:
    """Count the rows of each pair of clusters.

    Parameters
    ----------
    one, other : ndarray of shape (n,)
        Two clusterings of the same rows.
    n_one, n_other : int
        Clusters of each; those without rows count too.

    Returns
    -------
    ndarray of shape (n_one, n_other)

    Examples
    --------
    >>> contingency(np.array([0, 0, 1]), np.array([1, 1, 0]), 2, 2).tolist()
    [[0, 2], [1, 0]]
    """
    pairs = np.asarray(one, dtype=np.int64) * n_other + other
    return np.bincount(pairs, minlength=n_one * n_other).reshape(n_one, n_other).astype(np.int64)


def jaccard(table: NDArray[np.int64]) -> Floats:
    """Jaccard similarity of each row's cluster with each column's: common members over all members; 0 of two empty ones.

    Examples
    --------
    >>> jaccard(np.array([[3, 1], [0, 4]])).tolist()
    [[0.75, 0.125], [0.0, 0.8]]
    """
    union = table.sum(axis=1, keepdims=True) + table.sum(axis=0) - table
    return np.asarray(np.divide(table, union, out=np.zeros(table.shape), where=union > 0))


def adjusted_rand(table: NDArray[np.int64]) -> float:
    """Adjusted Rand index of a contingency table (Hubert & Arabie 1985); equal to scikit-learn's, which takes a millisecond.

    Examples
    --------
    >>> adjusted_rand(np.array([[0, 2], [3, 0]]))
    1.0
    """

    def pairs(counts: Any) -> float:
        return float((counts * (counts - 1)).sum() / 2)

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    total = pairs(table.sum(keepdims=True))
    by_chance = rows * columns / total if total else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == by_chance else (both - by_chance) / (most - by_chance)


def _partners(table: NDArray[np.int64]) -> NDArray[np.intp]:
    """For each bootstrap cluster the full one it stands for: one to one, with most members in common."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table, maximize=True)
    partner = np.empty(len(table), dtype=np.intp)
    partner[columns] = rows
    return partner


def _kept_together(table: NDArray[np.int64]) -> float:
    """Share of the pairs of a cluster (row) that the other half's centres keep together, in the worst cluster; 1 for a cluster of one."""
    sizes = table.sum(axis=1)
    pairs = sizes * (sizes - 1)
    kept = (table * (table - 1)).sum(axis=1)
    return float(np.divide(kept, pairs, out=np.ones(len(table)), where=pairs > 0).min())


def _hopeless(jaccards: Floats, n_points: int, config: EvidenceConfig) -> bool:
    """Whether some cluster's mean Jaccard is under the limit for good: as good as surely in between, or after all bootstraps.

    A candidate that could win has clusters of 0.75 and more: for such a one to be given up, a mean would have to be three errors and
    0.15 off.
    """
    last = len(jaccards) == config.bootstraps
    if n_points < config.stop_from or (len(jaccards) % _LOOK and not last):
        return False
    error = jaccards.std(axis=0, ddof=1) / np.sqrt(len(jaccards))
    # ten digits, as of all that is compared with a limit: the order in which a processor sums decides nothing
    highest = significant(jaccards.mean(axis=0) + (0.0 if last else _ERRORS) * error)
    return bool((highest < config.grades.constructive_jaccard).any())
