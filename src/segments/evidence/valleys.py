"""A clustering -> whether there is a valley between its clusters. Comes in: points, labels, centres. Goes out: a p, and the pair it is about.

Asked beside the lumps (:mod:`segments.evidence.lumps`): a value that many share lies apart from the others in any data.

A null model knows only the dependence it was told of: points in the shape of a funnel or a banana lie far from any of them and are
still one cloud. What true clusters have and one cloud lacks is a gap: fewer points half way between two centres than at either, and farther from one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from segments.clustering.exact import product, significant
from segments.evidence.lumps import without_lumps
from segments.evidence.resample_fits import Floats, Integers

# Where a pair's p is above this, half way lie rather more than at an end: it has no gap, and the costly look at a bend is spared.
UNDECIDED = 0.5
# A bend: half way more than a handful of points, at least this share of those of the poorer end. Compared with those of their end, a point with a point, their nearest
# neighbours are farther in less than this share (one half: as near), and they themselves farther off the line in more than that (docs/decisions.md).
_HANDFUL, _BRIDGE, _AS_NEAR, _AS_FAR_OFF = 5, 0.2, 2 / 3, 0.5
# Or, of not too few, this share in the middle half of that third (one half: evenly along it).
_MANY, _THROUGH = 20, 0.4
_NEIGHBOURS = 10


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
    though they lie no farther apart. So where no pair lacks a gap for sure, the points half way are looked at: where they are more than
    a handful, their tenth neighbour is not farther, as a rule, than that of points at the end of their own side, and they lie farther off the line
    than those do (an arc) or run through its middle (a wave), the two are a bend and no clusters. Two evenly filled balls have points as near to one another at their
    borders, but on the line and on either side of its middle.

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
    return next((replace(one, p=1.0) for one in tried if _bent(smooth, labels, centres, *one.pair)), worst)


def _places(
    X: Floats, labels: Integers, centres: Floats, a: int, b: int
) -> tuple[Floats, Floats, list[NDArray[np.bool_]]]:
    """The points of two clusters, their places on the line of the centres, and which lie at the one end, half way, at the other."""
    points, line = X[(labels == a) | (labels == b)], centres[b] - centres[a]
    places = product(points - centres[a], line) / float((line * line).sum())
    return points, places, [np.abs(places - at) <= 1 / 6 for at in (0.0, 0.5, 1.0)]


def _pair(X: Floats, labels: Integers, centres: Floats, a: int, b: int) -> Valley:
    if (centres[a] == centres[b]).all():
        return Valley(1.0, (a, b))
    one, middle, other = (int(within.sum()) for within in _places(X, labels, centres, a, b)[2])
    return Valley(max(_mid_p(middle, middle + end) for end in (one, other)), (a, b))


def _bent(X: Floats, labels: Integers, centres: Floats, a: int, b: int) -> bool:
    from scipy.spatial import KDTree

    points, places, (one, middle, other) = _places(X, labels, centres, a, b)
    if middle.sum() < max(_HANDFUL, _BRIDGE * min(one.sum(), other.sum())):
        return False
    neighbours = min(_NEIGHBOURS, len(points) - 1)
    reach = KDTree(points).query(points, [neighbours + 1])[0][:, 0]
    line = centres[b] - centres[a]
    off = np.sqrt(((points - centres[a] - np.multiply.outer(places, line)) ** 2).sum(axis=1))
    sides = [(middle & (places <= 0.5), one), (middle & (places > 0.5), other)]
    if _larger(significant(reach), sides) >= _AS_NEAR:
        return False
    through = middle.sum() >= _MANY and (np.abs(places - 0.5) <= 1 / 12).sum() >= _THROUGH * middle.sum()
    return bool(through or _larger(significant(off), sides) > _AS_FAR_OFF)


def _larger(values: Floats, sides: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> float:
    """The share of comparisons, a point half way with one at the end of its side, in which the former has the larger value."""
    from scipy.stats import rankdata

    larger = compared = 0.0
    for middle, end in sides:
        here, there = values[middle], values[end]
        # Mann and Whitney's U, a tie as half
        larger += float(rankdata(np.concatenate([here, there]))[: len(here)].sum()) - len(here) * (len(here) + 1) / 2
        compared += len(here) * len(there)
    return larger / compared if compared else 0.0


def _mid_p(few: int, of: int) -> float:
    """Probability of fewer heads than `few` in so many throws of a coin, and half that of as few."""
    from scipy.special import bdtr

    return float(bdtr(few, of, 0.5) + (bdtr(few - 1, of, 0.5) if few else 0.0)) / 2
