"""Do clusters exist, and how many? Comes in: the points of a cell. Goes out: how far the data are from null data at every k, and the gap statistic.

The data and every null data set are searched at every k with the same effort, and what is compared are the WCSS as a share of the total and
the mean silhouette. A candidate's z tells by how many standard deviations of the null it is better. Its p is adjusted for the
search over k: it counts the null data sets whose best z at ANY k reaches it (Westfall & Young's single-step maxT). ``p_adjusted`` is the
larger of the two scores' adjusted p: both must be convinced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segments.clustering.exact import log, significant
from segments.clustering.silhouette import silhouette_estimate
from segments.config.evidence import EvidenceConfig
from segments.evidence.null_models import Draw, null_model
from segments.evidence.resample_fits import Floats, refit, starts_for

# The data are searched this often, and the mean is compared: one unlucky search of the data would else pass for a lack of structure.
_SEARCHES = 20
# Customers whose silhouette is measured, in the data and in null data alike.
_QUERIES = 3000


@dataclass(frozen=True)
class Existence:
    """Scores of the data beside those of data without clusters, for every k of a cell.

    Parameters
    ----------
    wcss, silhouette : ndarray of shape (n_k,)
        Of the data: natural logarithm of WCSS as a share of the total sum of squares; mean silhouette.
    null_wcss, null_silhouette : ndarray of shape (nulls, n_k)
        The same of each null data set.
    """

    wcss: Floats
    silhouette: Floats
    null_wcss: Floats
    null_silhouette: Floats

    def verdict(self) -> dict[str, Floats]:
        """Columns ``z_wcss, p_wcss, z_silhouette, p_silhouette, p_adjusted``, each of shape (n_k,)."""
        z_wcss, p_wcss, adjusted_wcss = calibrated(-self.wcss, -self.null_wcss)
        z_silhouette, p_silhouette, adjusted_silhouette = calibrated(self.silhouette, self.null_silhouette)
        return {
            "z_wcss": z_wcss,
            "p_wcss": p_wcss,
            "z_silhouette": z_silhouette,
            "p_silhouette": p_silhouette,
            "p_adjusted": np.maximum(adjusted_wcss, adjusted_silhouette),
        }


@dataclass(frozen=True)
class Gap:
    """The gap statistic of a cell.

    Parameters
    ----------
    k : list of int
        1, then the cell's.
    gap, error : list of float
        Mean log WCSS of uniform data minus that of the data; its standard error, with the simulation's.
    first_se, global_se_max : int
        The k either rule says; 1 means: no clusters.
    """

    k: list[int]
    gap: list[float]
    error: list[float]
    first_se: int
    global_se_max: int


def existence(X: Floats, ks: Sequence[int], config: EvidenceConfig) -> Existence:
    """Search data and null data for k clusters each, with the same effort, and score what is found.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points in the clustered space.
    ks : sequence of int
        Numbers of clusters; the p are adjusted for all of them.
    config : EvidenceConfig
        The null model, how many data sets of it, effort and seed.

    Returns
    -------
    Existence
        Scores of the data (mean of several searches) and of each null data set.
    """
    draw = null_model(X, config.null_model)
    data = [_scores(X, ks, config, np.random.default_rng([config.seed, 5, i])) for i in range(_SEARCHES)]
    null = []
    for i in range(config.nulls):
        random = np.random.default_rng([config.seed, 6, i])
        null.append(_scores(draw(random), ks, config, random))
    own, other = np.mean(data, axis=0), np.array(null)
    return Existence(own[0], own[1], other[:, 0], other[:, 1])


def calibrated(own: Floats, null: Floats) -> tuple[Floats, Floats, Floats]:
    """Scores beside their null distribution: z, p, and p adjusted for all columns.

    Parameters
    ----------
    own : ndarray of shape (n_k,)
        Scores of the data; more is better.
    null : ndarray of shape (nulls, n_k)
        Scores of null data sets.

    Returns
    -------
    z, p, p_adjusted : ndarray of shape (n_k,)
        The p are ranks: with 99 null data sets, 0.01 is the smallest there is.

    References
    ----------
    Westfall & Young (1993), Resampling-Based Multiple Testing: the single-step maxT. Phipson & Smyth (2010), Stat. Appl. Genet.
    Mol. Biol. 9: why the data count as one of the draws.

    Examples
    --------
    >>> z, p, adjusted = calibrated(np.array([2.0, 0.0]), np.array([[1.0, 0], [0, 3], [-1, -3]]))
    >>> z.tolist(), p.tolist(), adjusted.tolist()
    ([2.0, 0.0], [0.25, 0.75], [0.25, 0.75])
    """
    mean, spread = null.mean(axis=0), null.std(axis=0, ddof=1)
    spread = np.where(spread > 0, spread, np.inf)  # a score that never varies tells nothing
    z, others = (own - mean) / spread, (null - mean) / spread
    count = len(null) + 1
    p = (1 + (others >= z).sum(axis=0)) / count
    adjusted = (1 + (others.max(axis=1)[:, None] >= z).sum(axis=0)) / count
    return z, p, adjusted


def gap_statistic(X: Floats, ks: Sequence[int], config: EvidenceConfig) -> Gap:
    """The gap statistic and what its two usual rules say.

    The reference is always the uniform box along the principal axes, whatever the null of :func:`existence`: that is what the rules
    were made for.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points in the clustered space.
    ks : sequence of int
        Numbers of clusters, rising; 1 is added in front.
    config : EvidenceConfig
        Number of reference data sets, effort and seed.

    Returns
    -------
    Gap
        With R's names: ``Tibs2001SEmax`` and ``globalSEmax`` of ``cluster::maxSE``.

    References
    ----------
    Tibshirani, Walther & Hastie (2001), J. R. Stat. Soc. B 63, 411-423.
    """
    draw: Draw = null_model(X, "uniform")
    own = np.mean(
        [_log_wcss(X, ks, config, np.random.default_rng([config.seed, 7, i])) for i in range(_SEARCHES)], axis=0
    )
    references = []
    for i in range(config.references):
        random = np.random.default_rng([config.seed, 8, i])
        references.append(_log_wcss(draw(random), ks, config, random))
    table = np.array(references)
    gap = table.mean(axis=0) - own
    error = table.std(axis=0) * np.sqrt(1 + 1 / len(table))
    gap, error = significant(gap), significant(error)
    k = [1, *ks]
    return Gap(k, gap.tolist(), error.tolist(), k[first_se(gap, error)], k[global_se_max(gap, error)])


def first_se(gap: Floats, error: Floats) -> int:
    """Position of the first gap that the next one, less its error, does not exceed; the last when each does.

    Examples
    --------
    >>> first_se(np.array([0.1, 0.5, 0.55, 0.4]), np.array([0.1, 0.1, 0.1, 0.1]))
    1
    """
    enough = gap[:-1] >= gap[1:] - error[1:]
    return int(enough.argmax()) if enough.any() else len(gap) - 1


def global_se_max(gap: Floats, error: Floats) -> int:
    """Position of the first gap within one error of the largest.

    Examples
    --------
    >>> global_se_max(np.array([0.5, 0.1, 0.9, 0.95]), np.array([0.1, 0.1, 0.1, 0.1]))
    2
    """
    best = int(gap.argmax())
    return int((gap >= gap[best] - error[best]).argmax())


def _scores(X: Floats, ks: Sequence[int], config: EvidenceConfig, random: np.random.Generator) -> Floats:
    """Log of the WCSS's share of the total, and mean silhouette, of every k; shape (2, n_k)."""
    starts = starts_for(len(X), config.starts, config.null_max_rows)
    fits = [refit(X, k, starts, random) for k in ks]
    labelings = np.array([fit.labels for fit in fits])
    silhouettes = silhouette_estimate(X, labelings, _QUERIES, int(random.integers(2**32)), threads=1).mean
    return np.array([log(np.array([_positive(fit.wcss) / _total(X) for fit in fits])), silhouettes])


def _log_wcss(X: Floats, ks: Sequence[int], config: EvidenceConfig, random: np.random.Generator) -> Floats:
    starts = starts_for(len(X), config.starts, config.null_max_rows)
    return log(np.array([_total(X), *(_positive(refit(X, k, starts, random).wcss) for k in ks)]))


def _total(X: Floats) -> float:
    return _positive(float(((X - X.mean(axis=0)) ** 2).sum()))


def _positive(value: float) -> float:
    """Kept off zero: points that all sit on their centres have no logarithm."""
    return max(value, float(np.finfo(np.float64).tiny))
