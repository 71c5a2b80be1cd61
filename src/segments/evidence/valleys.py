"""A clustering -> whether there is a valley between its clusters. Comes in: points, labels, centres. Goes out: a p, and the pair it is about.

Asked beside the lumps (:mod:`segments.evidence.lumps`): a value that many share lies apart from the others in any data.

A null model knows only the dependence it was given: points in the shape of a funnel or a banana lie far from any of them and are
still one cloud. What true clusters have and one cloud lacks is a gap: fewer points half way between two centres than at either, and farther from one another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np

from segments.clustering.exact import principal_axes, product, significant
from segments.evidence.lumps import without_lumps
from segments.evidence.resample_fits import Floats, Integers

# Where a pair's p is above this, half way lie rather more than at an end: it has no gap, and the costly look at a bend is spared.
UNDECIDED = 0.5
# A bend: half way at least a handful of points (of fewer, the neighbours are chance), and across the border of the two more than this share of the
# neighbours that are across the middle of the thicker (docs/decisions.md).
_HANDFUL, _NECK = 10, 0.4
_NEIGHBOURS = 10
# Who is as far as the tenth is a neighbour too, whatever the sixteenth digit says.
_AS_FAR = 1 + 1e-9


@dataclass(frozen=True)
class Valley:
    """The least convincing gap between two clusters of a clustering.

    Parameters
    ----------
    p : float
        Of "the points of the two are one cloud", the largest over all pairs: small where every pair has a gap.
    pair : tuple of int
        The two clusters it is about, the lower number first.
    """

    p: float
    pair: tuple[int, int]


def valley(X: Floats, labels: Integers, centres: Floats) -> Valley:
    """Test whether fewer points lie half way between two clusters than at either centre, for every two clusters.

    The points of two clusters are laid on the line through their centres, scaled so that these lie at 0 and 1, and counted in three
    intervals of equal width: around the one centre, half way, around the other (from -1/6 to 1/6, 1/3 to 2/3, 5/6 to 7/6). A
    density with one peak (quasi-concave) never falls and rises again, so half way it holds at least as much as at the poorer of
    the two ends, wherever its peak is. To say that it holds less than both is therefore to say that there is more than one peak,
    and each of the two comparisons is a one-sided binomial test of the one count given the sum. Both have to be
    convinced: the larger p is a valid one for the pair, and the largest of the pairs' for the clustering, and the more cautious the more pairs there are.
    So each test takes the mid-p, which is as strict on average as it says: the exact p would ask a cluster of 1.5 % for more customers than it has.

    A bent cloud (an arc, a ring, a wave) has its ends across the line and its middle along it, so that fewer points fall half way
    though they lie no farther apart. So where no pair lacks a gap for sure, and half way there are more than a handful, near neighbours are
    counted: those across the border of the two, and those across the middle of each, when it is cut in halves across its longest axis. Two clusters have a neck
    between them, a chain is everywhere as thick: where across the border there are more than two fifths of those across the thicker of the two, they are a bend and no clusters.
    Neighbours, not distances: in eight columns all are as far, and who is next to whom still tells.

    Where it ends: the line and the intervals come from the same points; k-means that cuts one cloud puts its centres where they
    make no gap (measured, not proved: see the tests). The two cells of a pair are a part of the cloud, and a part of an even spread
    in two dimensions can have a waist though the whole has not. And clusters of few or widely strewn points show no gap. So a gap
    is asked for besides evidence against a null model, not instead of it.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points in the clustered space.
    labels : ndarray of shape (n_points,)
        Cluster of each point, from 0.
    centres : ndarray of shape (k, n_features)
        Cluster centres, k at least 2.

    Returns
    -------
    Valley
        The worst pair's p; of equal ones the first. Two centres in one place, and the two halves of a bend, have no gap: p is 1.

    References
    ----------
    Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24, 295-300: the intersection-union test.
    Shi & Malik (2000), Normalized cuts and image segmentation, IEEE Trans. Pattern Anal. Mach. Intell. 22, 888-905: a cut judged by what it cuts through.
    Lancaster (1961), Significance tests in discrete distributions, J. Am. Stat. Assoc. 56, 223-234: the mid-p.

    Examples
    --------
    >>> X = np.repeat([0.0, 0.5, 1.0], [9, 1, 9])[:, None]
    >>> found = valley(X, np.repeat([0, 1], [10, 9]).astype(np.int32), np.array([[0.0], [1.0]]))
    >>> round(found.p, 4), found.pair
    (0.0059, (0, 1))
    """
    smooth = without_lumps(X)
    if smooth is not X:
        centres = np.array(
            [smooth[labels == c].mean(axis=0) if (labels == c).any() else own for c, own in enumerate(centres)]
        )
    tried = [_pair(smooth, labels, centres, a, b) for a, b in combinations(range(len(centres)), 2)]
    worst = max(tried, key=lambda one: one.p)
    if worst.p > UNDECIDED:
        return worst
    thickness = cache(lambda c: neighbours_across(*_halves(smooth[labels == c])))  # each cluster is in k - 1 pairs

    def bent(a: int, b: int) -> bool:
        if _counts(smooth, labels, centres, a, b)[1] < _HANDFUL:
            return False
        return neighbours_across(smooth[labels == a], smooth[labels == b]) > _NECK * max(thickness(a), thickness(b))

    return next((replace(one, p=1.0) for one in tried if bent(*one.pair)), worst)


def _counts(X: Floats, labels: Integers, centres: Floats, a: int, b: int) -> list[int]:
    """How many points of two clusters lie, along the line of their centres, at the one end, half way, at the other."""
    points, line = X[(labels == a) | (labels == b)], centres[b] - centres[a]
    places = product(points - centres[a], line) / float((line * line).sum())
    return [int((np.abs(places - at) <= 1 / 6).sum()) for at in (0.0, 0.5, 1.0)]


def _pair(X: Floats, labels: Integers, centres: Floats, a: int, b: int) -> Valley:
    if (centres[a] == centres[b]).all():
        return Valley(1.0, (a, b))
    one, middle, other = _counts(X, labels, centres, a, b)
    return Valley(max(_mid_p(middle, middle + end) for end in (one, other)), (a, b))


def _halves(points: Floats) -> tuple[Floats, Floats]:
    """The points on either side of the middle of their longest axis; who is the middle is on neither, so that a mirrored column changes nothing."""
    # beside a column of next to nothing the square of a ratio has no number, and needs none
    with np.errstate(over="ignore"):
        axis = principal_axes(points)[1][:, 0]
    along = significant(product(points - points.mean(axis=0), axis))
    middle = np.median(along)
    return points[along < middle], points[along > middle]


def neighbours_across(one: Floats, other: Floats) -> int:
    """How many neighbours the points have in the other group: those no farther than the tenth nearest of both groups.

    Parameters
    ----------
    one, other : ndarray of shape (n, d), (m, d)
        Two groups of points.

    Returns
    -------
    int
        Counted from either side.

    References
    ----------
    Schilling (1986), Multivariate two-sample tests based on nearest neighbors, J. Am. Stat. Assoc. 81, 799-806.

    Examples
    --------
    >>> line = np.arange(100.0)[:, None]
    >>> neighbours_across(line[:50], line[50:]), neighbours_across(line[:50], line[50:] + 3), neighbours_across(line[:50], line[50:] + 9)
    (30, 20, 2)
    """
    from scipy.spatial import KDTree

    if not (len(one) and len(other)):
        return 0
    points = np.concatenate([one, other])
    reach = KDTree(points).query(points, [min(_NEIGHBOURS, len(points) - 1) + 1])[0][:, 0] * _AS_FAR
    return sum(
        int(KDTree(there).query_ball_point(here, own, return_length=True).sum())
        for here, there, own in ((one, other, reach[: len(one)]), (other, one, reach[len(one) :]))
    )


def _mid_p(few: int, of: int) -> float:
    """Probability of fewer heads than `few` in so many throws of a coin, and half that of as few."""
    from scipy.special import bdtr

    return float(bdtr(few, of, 0.5) + (bdtr(few - 1, of, 0.5) if few else 0.0)) / 2
