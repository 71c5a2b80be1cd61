"""Do clusters exist, and how many? Comes in: the points of a cell. Goes out: how far the data are from null data at every k, and the gap statistic.

The data and every null data set are searched at every k, and what is compared are the WCSS as a share of the total and the mean silhouette. The excess is
the silhouette less its mean under the null: how much structure. A z is that in standard deviations of the null, which grows with the number of
customers: how sure. The p is adjusted for the search over k, and over the cells of a sweep: it counts the draws of which the best z at ANY k of
ANY cell reaches it (Westfall & Young's single-step maxT). ``p_adjusted`` is the larger of the two scores' adjusted p: both must be convinced.

Conservative in two ways. The data are searched several times and the mean, or the middle one, is compared, while a null data set is searched once: what luck a search has widens
the null and lifts no data. And the draws of different cells are independent, while what they measure in one table of customers is not: the best of independent
draws lies higher.
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

# The data are searched this often, and no single search is compared: one unlucky search of the data would else pass for a lack of structure.
_SEARCHES = 20
# Customers whose silhouette is measured, in the data and in null data alike.
_QUERIES = 3000


@dataclass(frozen=True)
class Existence:
    """Scores of the data beside those of data without clusters, for every k of a cell.

    Parameters
    ----------
    wcss, silhouette : ndarray of shape (n_k,)
        Of the data: natural logarithm of WCSS as a share of the total sum of squares (mean of several searches); mean silhouette (of the middle search).
    null_wcss, null_silhouette : ndarray of shape (nulls, n_k)
        The same of each null data set.
    silhouette_error : ndarray of shape (n_k,)
        Standard error of the data's mean silhouette: of customers as a sample, and of the searches.
    """

    wcss: Floats
    silhouette: Floats
    null_wcss: Floats
    null_silhouette: Floats
    silhouette_error: Floats

    def peaks(self) -> Floats:
        """The best z of every draw at any k, of WCSS and of silhouette; shape (2, nulls)."""
        return np.array([standardised(null, null).max(axis=1) for null in (-self.null_wcss, self.null_silhouette)])

    def verdict(self, peaks: Floats | None = None) -> dict[str, Floats]:
        """What is known at every k.

        Parameters
        ----------
        peaks : ndarray of shape (2, nulls), optional
            The best z of every draw in all cells of the sweep, as :func:`peaks_of` tells; by default of this cell alone.

        Returns
        -------
        dict of str to ndarray of shape (n_k,)
            ``excess, excess_error, z_wcss, p_wcss, z_silhouette, p_silhouette, p_adjusted``.
        """
        wcss, silhouette = self.peaks() if peaks is None else peaks
        z_wcss, p_wcss, adjusted_wcss = calibrated(-self.wcss, -self.null_wcss, wcss)
        z_silhouette, p_silhouette, adjusted_silhouette = calibrated(self.silhouette, self.null_silhouette, silhouette)
        of_null = self.null_silhouette.std(axis=0, ddof=1) / np.sqrt(len(self.null_silhouette))
        return {
            "excess": self.silhouette - self.null_silhouette.mean(axis=0),
            "excess_error": np.hypot(self.silhouette_error, of_null),
            "z_wcss": z_wcss,
            "p_wcss": p_wcss,
            "z_silhouette": z_silhouette,
            "p_silhouette": p_silhouette,
            "p_adjusted": np.maximum(adjusted_wcss, adjusted_silhouette),
        }


def peaks_of(cells: Sequence[Existence]) -> Floats:
    """The best z of every draw in any of several cells, of WCSS and of silhouette; shape (2, nulls)."""
    return np.asarray(np.max([cell.peaks() for cell in cells], axis=0))


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
        Scores of the data (of several searches) and of each null data set.
    """
    draw = null_model(X, config.null_model)
    data = np.array([_scores(X, ks, config, np.random.default_rng([config.seed, 5, i])) for i in range(_SEARCHES)])
    null = []
    for i in range(config.nulls):
        random = np.random.default_rng([config.seed, 6, i])
        null.append(_scores(draw(random), ks, config, random))
    own, other = data.mean(axis=0), np.array(null)
    # The middle search: one in ten that ends elsewhere would move a mean, and with it the ranking, from seed to seed.
    middle, spread = np.median(data[:, 1], axis=0), np.diff(np.quantile(data[:, 1], [0.25, 0.75], axis=0), axis=0)[0]
    return Existence(own[0], middle, other[:, 0], other[:, 1], np.hypot(own[2], spread / np.sqrt(_SEARCHES)))


def standardised(scores: Floats, null: Floats) -> Floats:
    """Scores by how many standard deviations of the null they lie above its mean; 0 where the null never varies, which tells nothing."""
    mean, spread = null.mean(axis=0), null.std(axis=0, ddof=1)
    return np.asarray((scores - mean) / np.where(spread > 0, spread, np.inf))


def calibrated(own: Floats, null: Floats, peaks: Floats) -> tuple[Floats, Floats, Floats]:
    """Scores beside their null distribution: z, p, and p adjusted for all that was searched.

    Parameters
    ----------
    own : ndarray of shape (n_k,)
        Scores of the data; more is better.
    null : ndarray of shape (nulls, n_k)
        Scores of null data sets.
    peaks : ndarray of shape (nulls,)
        The best z of every draw.

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
    >>> null = np.array([[1.0, 0], [0, 3], [-1, -3]])
    >>> z, p, adjusted = calibrated(np.array([2.0, 0.0]), null, standardised(null, null).max(axis=1))
    >>> z.tolist(), p.tolist(), adjusted.tolist()
    ([2.0, 0.0], [0.25, 0.75], [0.25, 0.75])
    """
    z, others = standardised(own, null), standardised(null, null)
    count = len(null) + 1
    p = (1 + (others >= z).sum(axis=0)) / count
    adjusted = (1 + (peaks[:, None] >= z).sum(axis=0)) / count
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
    """Log of the WCSS's share of the total, mean silhouette and its standard error, of every k; shape (3, n_k)."""
    starts = starts_for(len(X), config.starts, config.null_max_rows)
    fits = [refit(X, k, starts, random) for k in ks]
    labelings = np.array([fit.labels for fit in fits])
    found = silhouette_estimate(X, labelings, _QUERIES, int(random.integers(2**32)), threads=1)
    error = found.samples.std(axis=1, ddof=1) / np.sqrt(found.samples.shape[1])
    return np.array([log(np.array([_positive(fit.wcss) / _total(X) for fit in fits])), found.mean, error])


def _log_wcss(X: Floats, ks: Sequence[int], config: EvidenceConfig, random: np.random.Generator) -> Floats:
    starts = starts_for(len(X), config.starts, config.null_max_rows)
    return log(np.array([_total(X), *(_positive(refit(X, k, starts, random).wcss) for k in ks)]))


def _total(X: Floats) -> float:
    return _positive(float(((X - X.mean(axis=0)) ** 2).sum()))


def _positive(value: float) -> float:
    """Kept off zero: points that all sit on their centres have no logarithm."""
    return max(value, float(np.finfo(np.float64).tiny))
