"""What a sample says of everybody: a silhouette with the error of the draw, shares, and segments of which it holds too few.

Comes in: the sample's points and clusters, how many everybody are. Goes out: figures with intervals, numbers of clusters. The sample is drawn without
replacement, and every customer has the same chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segments.clustering.scores import score
from segments.config.sweep import ScoringConfig

Floats = NDArray[np.float64]
FAR_OFF = 4.0  # standard errors beyond which a share of the sample is not where it should be
TOO_FEW = 30  # customers below which figures of a segment say little
_Z = 1.959964  # of 95 %
_DIGITS = 10
_AT_MOST = 3000  # customers whose pull is measured: their deviation is known to some 2 %
_ROWS = 256  # of whom distances to all of these are held


def silhouette_of_everybody(
    points: Floats, labels: NDArray[np.integer], everybody: int, scoring: ScoringConfig, seed: int
) -> tuple[float, float, float] | None:
    """The sample's mean silhouette, and the 95 % interval in which that of everybody lies, each in the cluster of the nearest centre.

    Parameters
    ----------
    points : ndarray of shape (n_sample, n_axes)
        The sample, in the clustered space.
    labels : ndarray of shape (n_sample,)
        Clusters: of a customer's place only, so that they do not change with who else was drawn.
    everybody : int
        Customers that the sample is of.
    scoring : ScoringConfig
        Whether all silhouettes of the sample are measured.
    seed : int
        Of those who are, where not.

    Returns
    -------
    tuple of float or None
        Silhouette and both ends; ``None`` where the sample lies in one cluster.

    Notes
    -----
    The interval is normal, its variance that of :func:`pulls` over n, times 1 - n / N as the sample is drawn without replacement; beside it stands the error
    of an estimated silhouette. The deviation of the silhouettes themselves would be too small: the same draw decides whom a customer is compared with.

    References
    ----------
    Deville (1999), Variance estimation for complex statistics and estimators, Survey Methodology 25, 193-203. Cochran (1977), Sampling Techniques, 3rd
    ed., section 2.6: the finite population correction.

    Examples
    --------
    >>> points, labels = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1])
    >>> [round(value, 4) for value in silhouette_of_everybody(points, labels, 8, ScoringConfig(), 0)]
    [0.8997, 0.8917, 0.9078]
    >>> silhouette_of_everybody(points, labels, 4, ScoringConfig(), 0)
    (0.8997493734, 0.8997493734, 0.8997493734)
    """
    lived, labels = np.unique(labels, return_inverse=True)
    if len(lived) < 2:
        return None
    scores, n = score(points, labels[None].astype(np.int32), scoring, seed, threads=0).scores[0], len(points)
    drawn = np.arange(n)
    if n > _AT_MOST:
        drawn = np.sort(np.random.default_rng(seed).choice(n, _AT_MOST, replace=False))
    found = pulls(points[drawn], labels[drawn])
    variance = float((found**2).sum()) / (len(drawn) - 1) / n * (1 - n / everybody)
    half = _Z * math.sqrt(variance + scores["silhouette_error"] ** 2)
    middle = scores["silhouette"]
    return middle, round(max(middle - half, -1.0), _DIGITS), round(min(middle + half, 1.0), _DIGITS)


def pulls(points: Floats, labels: NDArray[np.integer]) -> Floats:
    """How each customer pulls at the mean silhouette: by the own one, and by being near to or far from others (the influence function).

    Parameters
    ----------
    points : ndarray of shape (n, n_axes)
        In the clustered space.
    labels : ndarray of shape (n,)
        Clusters.

    Returns
    -------
    ndarray of shape (n,)
        Of mean 0; their variance over n is that of the mean silhouette.

    Examples
    --------
    >>> pulls(np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1])).round(4).tolist()
    [0.0101, -0.0101, -0.0101, 0.0101]
    """
    order = np.argsort(labels, kind="stable")
    points, labels = points[order], labels[order]
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    ends = np.append(starts[1:], len(labels))
    sizes, cluster = ends - starts, np.repeat(np.arange(len(starts)), ends - starts)
    own, near = np.zeros(len(points)), np.zeros(len(points))
    for at in range(0, len(points), _ROWS):
        some, home = points[at : at + _ROWS], cluster[at : at + _ROWS]
        rows = np.arange(len(some))
        squared = np.zeros((len(some), len(points)))
        for column, everybody in zip(some.T, points.T, strict=True):
            squared += (column[:, None] - everybody) ** 2
        away = np.sqrt(squared)
        means = np.add.reduceat(away, starts, axis=1)
        alone = sizes[home] == 1
        means[rows, home] /= np.maximum(sizes[home] - 1, 1)
        others = means / sizes
        others[rows, home] = np.inf
        a, b, other = means[rows, home], others.min(axis=1), others.argmin(axis=1)
        # What the silhouette (b - a) / max(a, b) gains by a and by b, for each customer they are the mean distance to.
        near_home = a < b
        with np.errstate(divide="ignore", invalid="ignore"):
            silhouettes = (b - a) / np.maximum(a, b)
            by_a, by_b = np.where(near_home, -1 / b, -b / a**2), np.where(near_home, a / b**2, 1 / a)
        for value in (silhouettes, by_a, by_b):
            value[alone | ((a == 0) & (b == 0))] = 0.0
        by_a /= np.maximum(sizes[home] - 1, 1)
        by_b /= sizes[other]
        gains = np.zeros(means.shape)
        gains[rows, home], gains[rows, other] = by_a, by_b
        level = np.zeros(means.shape)
        level[rows, home], level[rows, other] = by_a * a, by_b * b
        for c, (start, end) in enumerate(zip(starts, ends, strict=True)):
            near[start:end] += (gains[:, c, None] * away[:, start:end]).sum(axis=0) - level[:, c].sum()
        own[at : at + _ROWS] = silhouettes
        near[at : at + _ROWS] += by_a * a  # nobody is compared with oneself
    found = np.empty(len(points))
    found[order] = own - own.mean() + near
    return found


def shares_far_off(sizes: Sequence[int], sample_sizes: Sequence[int]) -> list[int]:
    """Clusters whose share in the sample is not where it should be: more than :data:`FAR_OFF` standard errors from that of everybody.

    Notes
    -----
    The sample is drawn without replacement: the variance of a share p is p (1 - p) / n, times (N - n) / (N - 1).

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd ed., section 3.2.

    Examples
    --------
    >>> shares_far_off([9000, 1000], [905, 95]), shares_far_off([9000, 1000], [950, 50])
    ([], [0, 1])
    """
    everybody, some = sum(sizes), sum(sample_sizes)
    if not 0 < some < everybody:
        return []
    left = (everybody - some) / (everybody - 1) / some
    shares = [(size / everybody, sampled / some) for size, sampled in zip(sizes, sample_sizes, strict=True)]
    return [c for c, (p, s) in enumerate(shares) if abs(s - p) > FAR_OFF * math.sqrt(p * (1 - p) * left) + 1 / some]


def few_in_sample(sizes: Sequence[int], sample_sizes: Sequence[int]) -> list[int]:
    """Clusters of which fewer than :data:`TOO_FEW` customers are in the sample, though there are more.

    Examples
    --------
    >>> few_in_sample([9000, 1000, 20], [905, 29, 20])
    [1]
    """
    return [c for c, (size, some) in enumerate(zip(sizes, sample_sizes, strict=True)) if some < min(TOO_FEW, size)]
