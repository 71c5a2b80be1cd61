"""Labelings of one space -> their scores, all from one pass over the distances.

Comes in: points and labelings. Goes out: silhouettes, exact or estimated, and the scores of ``SILHOUETTES`` and
:data:`segments.clustering.cluster_scores.CLUSTER_SCORES`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.cluster_scores import cluster_scores_many
from segments.clustering.exact import significant
from segments.clustering.silhouette import Estimate, silhouette_estimate
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
        Points whose silhouette is told: all of them, or of very many a sample.
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
        missing for somebody.

    Examples
    --------
    >>> reference_space(pd.DataFrame({"customer_id": ["a", "b"], "x": [0.0, 2.0], "y": [3.0, 3.0]})).tolist()
    [[-1.0], [1.0]]
    """
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
