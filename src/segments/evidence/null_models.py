"""Points -> random points that look like them but hold no clusters. Comes in: points and the name of a null model. Goes out: draws.

What each model keeps of the data, and so which question a comparison with it answers:

gaussian
    Mean and covariance. "Is this more clustered than one normal cloud?" Skew alone says yes.
permutation
    Every column exactly as it is, no dependence. "Do the columns belong together at all?" Correlation alone says yes.
uniform
    The box along the principal axes. "Is this more clustered than an even spread?" (the null of the gap statistic). Any peak in the
    middle may say yes or no.
copula
    Every column exactly as it is, and their rank correlations (a Gaussian copula). "Is there more than the columns and their
    correlations show?" Skew says no, as it should; but clusters that already show in one column are part of this null.
unimodal
    As copula, with each column replaced by the nearest distribution with one peak. "Is there more than skewed, correlated columns
    of one peak each?" Skew says no, correlation says no, two peaks in a column say yes: the default.

None of them knows of dependence that is no correlation: a funnel, whose noise grows along it, is far from all five. So a grade asks
for a gap between the clusters besides (:mod:`segments.evidence.valleys`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segments.clustering.exact import Floats, eigen, principal_axes, product
from segments.evidence.lumps import categories_of, lumps_of

Draw = Callable[[np.random.Generator], Floats]

# Modes tried for a column: this many of its quantiles. The nearest unimodal distribution changes little between neighbours.
_MODES = 25
# Modes whose largest differences to the sample agree to this are equally near: the middle one is taken, not the one that the sixteenth digit favours.
_TIE = 1e-9
# Quantiles kept of a column's nearest unimodal distribution, to draw from.
_FINE = 20_000


def null_model(X: Floats, name: str) -> Draw:
    """Fit a null model to points.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Points in the clustered space.
    name : {"gaussian", "permutation", "uniform", "copula", "unimodal"}
        See the head of this module.

    Returns
    -------
    callable
        Takes a random generator, gives an array of shape (n, d).

    References
    ----------
    Tibshirani, Walther & Hastie (2001), J. R. Stat. Soc. B 63, 411-423: the uniform box. Hartigan & Hartigan (1985), Ann. Stat. 13,
    70-84: the nearest unimodal distribution.

    Examples
    --------
    >>> X = np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 9.0]])
    >>> drawn = null_model(X, "permutation")(np.random.default_rng(0))
    >>> np.sort(drawn, axis=0).tolist() == X.tolist()
    True
    """
    return {
        "gaussian": _gaussian,
        "permutation": _permutation,
        "uniform": _uniform,
        "copula": _copula,
        "unimodal": _unimodal,
    }[name](X)


def unimodal_quantiles(values: Floats, shares: Floats) -> Floats:
    """Quantiles of the distribution with one peak that is nearest to a sample.

    Left of its mode the distribution function is the greatest convex one below the sample's, right of it the least concave one above;
    the mode is the one for which the largest difference to the sample is smallest, and of several as near the middle one. A value that many share
    (:mod:`segments.evidence.lumps`) keeps its share: a lump is no peak to be levelled.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The sample.
    shares : ndarray of shape (m,)
        From 0 to 1.

    Returns
    -------
    ndarray of shape (m,)
        Within the range of `values`.

    References
    ----------
    Hartigan & Hartigan (1985), The dip test of unimodality, Ann. Stat. 13, 70-84.

    Examples
    --------
    >>> two_peaks = np.array([0.0, 0.1, 0.2, 9.0, 9.1, 9.2])
    >>> unimodal_quantiles(two_peaks, np.array([0.25, 0.5, 0.75])).round(2).tolist()
    [0.15, 0.2, 4.7]
    """
    inside = lumps_of(values)
    if not inside.any():
        return _one_peak(values, shares)
    # lumps stay as they are, and what lies beside them gets its one peak
    fine = np.round(_FINE * (~inside).mean()).astype(int)
    beside = _one_peak(values[~inside], (np.arange(fine) + 0.5) / fine) if fine else values[:0]
    lumps = np.quantile(values[inside], (np.arange(_FINE - fine) + 0.5) / (_FINE - fine), method="inverted_cdf")
    every = np.sort(np.concatenate([beside, lumps]))
    return np.asarray(every[(shares * len(every)).astype(int).clip(max=len(every) - 1)])


def _one_peak(values: Floats, shares: Floats) -> Floats:
    points, counts = np.unique(values, return_counts=True)
    if len(points) == 1:
        return np.full(len(shares), points[0])
    above = np.cumsum(counts) / len(values)
    below = np.append(0.0, above[:-1])
    tried = []
    for mode in np.unique(np.searchsorted(above, np.linspace(0, 1, _MODES)).clip(max=len(points) - 1)):
        left = _hull(points[: mode + 1], below[: mode + 1], rising=True)
        right = _hull(points[mode:], above[mode:], rising=False)
        off = max(np.abs(below[: mode + 1] - left).max(), np.abs(above[mode:] - right).max())
        tried.append((off, mode, left, right))
    least = min(off for off, *_ in tried)
    near = [one for one in tried if one[0] <= least + _TIE]
    _, mode, left, right = near[(len(near) - 1) // 2]
    drawn = np.interp(shares, np.concatenate([left, right]), np.concatenate([points[: mode + 1], points[mode:]]))
    if len(points) > len(values) / 2:
        return np.asarray(drawn)
    # Values that recur (counts, shares of few baskets) recur in the null too, or their very grid would pass for clusters. Each side of the mode
    # takes the value whose share the hull has spread out.
    down = np.searchsorted(points, drawn, side="right") - 1
    up = np.searchsorted(points, drawn, side="left")
    return np.asarray(points[np.where(drawn < points[mode], down, up)])


def _hull(points: Floats, heights: Floats, rising: bool) -> Floats:
    """Heights of the greatest convex curve below (slopes rise) or the least concave one above (slopes fall)."""
    if len(points) < 3:
        return heights
    from scipy.optimize import isotonic_regression

    widths = np.diff(points)
    slopes = isotonic_regression(np.diff(heights) / widths, weights=widths, increasing=rising).x
    hull = heights[0] + np.append(0.0, np.cumsum(slopes * widths))
    hull[-1] = heights[-1]
    return np.maximum.accumulate(hull)


def _gaussian(X: Floats) -> Draw:
    mean = X.mean(axis=0)
    root = _root(X - mean)
    return lambda random: mean + product(random.normal(size=X.shape), root)


def _permutation(X: Floats) -> Draw:
    return lambda random: random.permuted(X, axis=0)


def _uniform(X: Floats) -> Draw:
    mean = X.mean(axis=0)
    axes = principal_axes(X)[1]
    turned = product(X - mean, axes)
    low, high = turned.min(axis=0), turned.max(axis=0)
    back = np.ascontiguousarray(axes.T)
    return lambda random: mean + product(random.uniform(low, high, size=X.shape), back)


def _copula(X: Floats) -> Draw:
    columns = np.sort(X, axis=0)
    return _correlated(X, lambda random: columns)


def _unimodal(X: Floats) -> Draw:
    fine = (np.arange(_FINE) + 0.5) / _FINE
    quantiles = np.column_stack([unimodal_quantiles(column, fine) for column in X.T])

    def columns(random: np.random.Generator) -> Floats:
        return np.take_along_axis(quantiles, np.sort(random.integers(_FINE, size=X.shape), axis=0), axis=0)

    return _correlated(X, columns)


def _correlated(X: Floats, columns: Callable[[np.random.Generator], Floats]) -> Draw:
    """Sorted columns in the order of correlated normal numbers whose correlation is that of the data's normal scores."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores = ndtri((rankdata(X, axis=0) - 0.5) / len(X))
    scores -= scores.mean(axis=0)
    spread = np.sqrt((scores**2).mean(axis=0))
    scores /= np.where(spread > 0, spread, 1.0)
    root = _root(scores)
    categories = [(own, (X[:, own] > 0).sum(axis=0), X[:, own].max()) for own in categories_of(X)]

    def draw(random: np.random.Generator) -> Floats:
        normal = product(random.normal(size=X.shape), root)
        drawn = np.take_along_axis(columns(random), np.argsort(np.argsort(normal, axis=0), axis=0), axis=0)
        for own, customers, most in categories:
            drawn[:, own] = _one_level(normal[:, own], customers) * most
        return drawn

    return draw


def _one_level(normal: Floats, customers: NDArray[np.int64]) -> Floats:
    """One level of a category for each row, as many of each as `customers` says: each level takes, of those left, whom its numbers are highest for."""
    levels, left = np.zeros_like(normal), np.arange(len(normal))
    for level in np.argsort(customers, kind="stable"):
        highest = np.argsort(-normal[left, level], kind="stable")[: customers[level]]
        levels[left[highest], level] = 1.0
        left = np.delete(left, highest)
    return levels


def _root(centred: Floats) -> Floats:
    """Symmetric square root of the covariance of points around 0; a singular one is no trouble."""
    values, vectors = eigen(product(np.ascontiguousarray(centred.T), centred) / len(centred))
    return product(vectors * np.sqrt(values.clip(min=0.0)), np.ascontiguousarray(vectors.T))
