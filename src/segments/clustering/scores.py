"""Labelings of one space -> their scores, all from one pass over the distances.

Comes in: points and labelings. Goes out: silhouettes, exact or estimated, and the scores of ``SILHOUETTES`` and ``CLUSTER_SCORES``.

The latter need their clusters' sums only, not the distances between customers: time n_samples · n_clusters. The centre of a cluster is the mean of its
points, whatever made the labels; so a labeling can be scored in another space than the one it was found in.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.exact import significant
from segments.clustering.silhouette import (
    Estimate,
    Floats,
    Integers,
    checked_labelings,
    cores_to_use,
    silhouette_estimate,
)
from segments.clustering.space import fold
from segments.config.features import RFM_SCORES
from segments.config.sweep import ScoringConfig

SILHOUETTES = (
    "silhouette",
    "silhouette_error",
    "silhouette_low",
    "silhouette_high",
    "silhouette_exact",
    "silhouette_reference",
)

CLUSTER_SCORES = ("wcss", "davies_bouldin", "calinski_harabasz", "silhouette_simplified")

# The order in which distances are summed follows from the labelings that share the pass, and shows in the sixteenth digit: kept are
# ten, so that a candidate has the same scores whichever labelings were beside it.
_DIGITS = 10


@dataclass(frozen=True)
class CellScores:
    """Scores of several labelings of the same points.

    Parameters
    ----------
    scores : list of dict of str to float
        One per labeling.
    rows : ndarray of shape (n_measured,)
        Points whose silhouette is given: all of them, or of very many a sample.
    silhouettes : ndarray of shape (n_labelings, n_measured)
        In the clustered space.
    """

    scores: list[dict[str, float]]
    rows: NDArray[np.intp]
    silhouettes: NDArray[np.float64]


def score(
    X: NDArray[np.float64], labelings: NDArray[np.integer[Any]], scoring: ScoringConfig, seed: int, threads: int = 1
) -> CellScores:
    """Score labelings in the space they were found in.

    Parameters
    ----------
    X : ndarray of shape (n_customers, n_columns)
        The clustered space.
    labelings : ndarray of shape (n_labelings, n_customers)
        Cluster of each customer under each labeling.
    scoring : ScoringConfig
        Up to how many customers silhouettes are exact, and how many are measured beyond.
    seed : int
        Of the sample.
    threads : int
        For the pass over the distances.

    Returns
    -------
    Scored
        ``silhouette`` with standard error and 95 % interval (0 and itself when exact), ``silhouette_exact`` (1 or 0), and the
        cluster scores.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> scored = score(X, np.array([[0, 0, 1, 1]], dtype=np.int32), ScoringConfig(), seed=0)
    >>> scored.scores[0]["silhouette"], scored.scores[0]["silhouette_exact"]
    (0.8997493734, 1.0)
    """
    sums = cluster_scores_many(X, labelings, threads=threads)
    own = _silhouettes(X, labelings, scoring, seed, threads)
    exact = np.full(len(labelings), float(not own.standard_error.any()))
    found = (own.mean, own.standard_error, own.low, own.high, exact)
    columns = {name: values.round(_DIGITS) for name, values in zip(SILHOUETTES[:-1], found, strict=True)}
    columns |= {name: significant(values, _DIGITS) for name, values in sums.items()}
    scores = [{name: float(values[i]) for name, values in columns.items()} for i in range(len(labelings))]
    return CellScores(scores, own.rows, own.samples)


def score_reference(
    reference: NDArray[np.float64],
    labelings: NDArray[np.integer[Any]],
    scoring: ScoringConfig,
    seed: int,
    threads: int = 1,
) -> NDArray[np.float64]:
    """Score labelings in one common space, on equal ground with those of any other feature set.

    Parameters
    ----------
    reference : ndarray of shape (n_customers, n_reference_columns)
        The common space, as :func:`reference_space` makes it.
    labelings, scoring, seed, threads
        As in :func:`score`.

    Returns
    -------
    ndarray of shape (n_labelings,)
        Their ``silhouette_reference``.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> score_reference(X, np.array([[0, 0, 1, 1]], dtype=np.int32), ScoringConfig(), seed=0).tolist()
    [0.8997493734]
    """
    return np.asarray(_silhouettes(reference, labelings, scoring, seed, threads).mean.round(_DIGITS))


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
    with ThreadPoolExecutor(cores_to_use(threads)) as pool:
        found = list(pool.map(scores, labelings))
    return {name: np.array(values) for name, values in zip(CLUSTER_SCORES, zip(*found, strict=True), strict=True)}


def reference_space(features: pd.DataFrame) -> NDArray[np.float64]:
    """Bring all features to one common space, in which labelings of any feature set can be compared.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.

    Returns
    -------
    ndarray of shape (n_customers, n_reference_columns)
        Every numeric feature, standard-scaled, except RFM scores (made of other features) and columns that are constant or
        missing for somebody. Of a table without numbers, every category instead: a 0/1 column for each level, such that each category has
        the variance of one number.

    Examples
    --------
    >>> reference_space(pd.DataFrame({"customer_id": ["a", "b"], "x": [0.0, 2.0], "y": [3.0, 3.0]})).tolist()
    [[-1.0], [1.0]]
    >>> reference_space(pd.DataFrame({"customer_id": ["a", "b"], "plan": ["month", "year"]})).round(3).tolist()
    [[1.414, 0.0], [0.0, 1.414]]
    """
    if not any(
        pd.api.types.is_numeric_dtype(features[name]) for name in features.columns.drop("customer_id", errors="ignore")
    ):
        return _levels_space(features)
    columns: dict[str, tuple[float, float]] = {}
    for name in features.columns:
        if name in ("customer_id", *RFM_SCORES) or not pd.api.types.is_numeric_dtype(features[name]):
            continue
        values = features[name].to_numpy(dtype=np.float64)
        if np.isfinite(values).all() and (spread := values.std()) > 0:
            columns[name] = (values.mean(), spread)
    found = np.zeros((len(features), max(len(columns), 1)))
    for column, (name, (mean, spread)) in zip(found.T, columns.items(), strict=False):
        np.divide(features[name].to_numpy(dtype=np.float64) - mean, spread, out=column)
    return found


def _levels_space(features: pd.DataFrame) -> NDArray[np.float64]:
    spaces = []
    for name in features.columns.drop("customer_id", errors="ignore"):
        numbers, levels = pd.factorize(features[name], sort=True)
        shares = np.bincount(numbers[numbers >= 0], minlength=len(levels)) / len(features)
        if (numbers >= 0).all() and (spread := float((shares * (1 - shares)).sum())) > 0:
            spaces.append((numbers[:, None] == np.arange(len(levels))) / math.sqrt(spread))
    return np.hstack(spaces) if spaces else np.zeros((len(features), 1))


def compile_scores() -> None:
    """Compile the loops once, so that no sweep has to wait for it."""
    score(np.arange(4.0)[:, None], np.array([[0, 0, 1, 1]], dtype=np.int32), ScoringConfig(), seed=0)


def _silhouettes(
    X: NDArray[np.float64], labelings: NDArray[np.integer[Any]], scoring: ScoringConfig, seed: int, threads: int
) -> Estimate:
    """Silhouettes of all customers, or of a sample of very many; equal customers are measured once."""
    if (folded := fold(X)) is not None:
        rows, own, weights = folded
        first = np.empty(len(rows), dtype=np.intp)
        first[own] = np.arange(len(X))  # any one of the equal rows
        # Equal in this space, they may have been clustered in another, where they differ.
        if all(np.array_equal(labels[first][own], labels) for labels in labelings):
            drawn = len(rows) if scoring.is_exact(len(rows)) else scoring.sample
            found = silhouette_estimate(rows, labelings[:, first], max(drawn, 4), seed, weights, threads)
            if drawn < len(rows):
                return replace(found, rows=first[found.rows])
            kept = np.arange(len(X))
            if not scoring.is_exact(len(X)):  # a number per customer and labeling would outgrow the customers
                kept = np.sort(np.random.default_rng(seed).choice(len(X), scoring.sample, replace=False))
            return replace(found, rows=kept, samples=found.samples[:, own[kept]])
    drawn = len(X) if scoring.is_exact(len(X)) else scoring.sample
    return silhouette_estimate(X, labelings, max(drawn, 4), seed, threads=threads)


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
