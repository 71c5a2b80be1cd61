"""The loops behind :mod:`segments.clustering.kmeans` and :mod:`segments.evidence.resample_fits`, compiled by numba on first use: k-means fits that move single points.

Comes in: weighted points, and random numbers for a start, or centres. Goes out: where a fit ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.clustering.silhouette_kernel import compiled  # the same options for every loop of this project

# Points whose distances are computed side by side.
_LANES = 64
# A move must gain more than the sums are exact to, or two clusters could hand a point to and fro.
_ROUNDING = 1e-12
# A fit is given up when this many passes as good as its last would not bring it to the target.
_HOPE = 2.0


@compiled
def total(values: Any) -> Any:
    """Sum in eight strands, each of which need not wait for the others."""
    a = b = c = d = e = f = g = h = 0.0
    for i in range(len(values) // 8):
        j = 8 * i
        a += values[j]
        b += values[j + 1]
        c += values[j + 2]
        d += values[j + 3]
        e += values[j + 4]
        f += values[j + 5]
        g += values[j + 6]
        h += values[j + 7]
    for j in range(len(values) // 8 * 8, len(values)):
        a += values[j]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@compiled
def squares_to(centre: Any, points: Any, out: Any) -> None:
    """Squared distance of every point to one centre. points (features, n); centre (features,); out (n,) is filled."""
    odd = len(points) % 2
    for i in range(len(out)):
        difference = points[0, i] - centre[0] if odd else 0.0
        out[i] = difference * difference
    for f in range(odd, len(points), 2):  # two at a time: half as often through all points, and in the same order
        x, y = centre[f], centre[f + 1]
        for i in range(len(out)):
            one, other = points[f, i] - x, points[f + 1, i] - y
            out[i] = (out[i] + one * one) + other * other


@compiled
def wcss_of(points: Any, weights: Any, labels: Any, centres: Any) -> float:
    """Within-cluster sum of squares."""
    wcss = 0.0
    for i in range(len(weights)):
        square = 0.0
        for f in range(len(points)):
            difference = points[f, i] - centres[labels[i], f]
            square += difference * difference
        wcss += weights[i] * square
    return wcss


@compiled
def start(points: Any, weights: Any, draws: Any, labels: Any) -> None:
    """Each point's nearest centre of a greedy k-means++ start into labels.

    points (features, n); weights (n,); draws (k, tries) uniform numbers that pick the centres; labels (n,) is filled.
    """
    n, (k, n_tries) = points.shape[1], draws.shape
    least = np.full(n, np.inf)  # squared distance to the nearest centre so far
    owed = weights.copy()  # what each point costs so far; before the first centre, all are as far away
    tried, kept, cost = np.empty(n), np.empty(n), np.empty(n)
    for c in range(k):
        in_all, sums, lowest = total(owed), np.cumsum(owed), np.inf
        for draw in draws[c, : 1 if c == 0 else n_tries]:
            at = min(np.searchsorted(sums, draw * in_all, side="right"), n - 1)
            squares_to(points[:, at], points, tried)
            for i in range(n):
                cost[i] = weights[i] * (tried[i] if tried[i] < least[i] else least[i])
            reached = total(cost)
            if reached < lowest:
                lowest = reached
                tried, kept = kept, tried
        for i in range(n):
            if kept[i] < least[i]:
                least[i] = kept[i]
                owed[i] = weights[i] * kept[i]
                labels[i] = c


@compiled
def assign(points: Any, centres: Any, labels: Any) -> None:
    """Each point's nearest centre into labels. points (features, n); centres (k, features); labels (n,)."""
    n = points.shape[1]
    least, square = np.full(n, np.inf), np.empty(n)
    for c in range(len(centres)):
        squares_to(centres[c], points, square)
        for i in range(n):
            if square[i] < least[i]:
                least[i] = square[i]
                labels[i] = c


@compiled
def closest(points: Any, centres: Any, labels: Any) -> None:
    """The labels of :func:`segments.clustering.space.nearest`: distances that differ in their squares alone are a tie."""
    n = points.shape[1]
    least, square = np.full(n, np.inf), np.empty(n)
    for c in range(len(centres)):
        squares_to(centres[c], points, square)
        for i in range(n):
            distance = np.sqrt(square[i])
            if distance < least[i]:
                least[i] = distance
                labels[i] = c


@compiled
def exchange(
    points: Any, weights: Any, max_passes: int, tolerance: float, target: float, labels: Any, centres: Any
) -> Any:
    """Hartigan's exchange of single points, from the clusters in labels on; returns the WCSS.

    Ends with the pass that gains no more than this share of the WCSS, or when `target` is out of reach.

    Most points are passed by without a look at any centre: as in Hamerly's algorithm, a point that was much nearer to its own centre than to any other
    when it was last measured stays, as long as the centres have not moved by more than that since.

    points (features, n); weights (n,); labels (n,) and centres (k, features) hold the solution at the end. A cluster that has no
    points at the beginning keeps its centre until one joins.
    """
    (n_features, n), k = points.shape, len(centres)
    sizes, middles = np.zeros(k), np.zeros((k, n_features))
    heaviest = 0.0
    for i in range(n):
        c: Any = np.uintp(labels[i])  # without a sign, no index can count from the end, and none is looked at for that
        sizes[c] += weights[i]
        heaviest = max(heaviest, weights[i])
        for f in range(n_features):
            middles[c, f] += weights[i] * points[f, i]
    for c in range(k):
        for f in range(n_features):
            middles[c, f] = middles[c, f] / sizes[c] if sizes[c] > 0.0 else centres[c, f]
    wcss = wcss_of(points, weights, labels, middles)
    # How far each centre has moved in all; and the furthest of every pass added up, before this pass and in it.
    moved, earlier, before, furthest = np.zeros(k), np.zeros(k), 0.0, 0.0
    # Distance of each point to its own centre and to the nearest other when last measured, less what they had moved until then.
    near, far = np.empty(n), np.full(n, -np.inf)
    stays = np.empty(k)
    at = np.empty(_LANES + 1, dtype=np.uintp)
    block, mine = np.empty((n_features, _LANES)), np.empty(_LANES)
    own, other, cheapest = np.zeros(_LANES), np.empty(_LANES), np.empty(_LANES)
    costs = np.empty((k, _LANES))  # what joining each cluster would cost, once the squared distances
    for _ in range(max_passes):
        gained = 0.0
        first = 0
        while first < n:
            least = np.inf
            for c in range(k):
                least = min(least, sizes[c])
            for c in range(k):  # a point stays whose nearest other centre is that many times as far as its own
                stays[c] = np.inf
                if least > 0.0 and sizes[c] > heaviest:
                    stays[c] = np.sqrt(sizes[c] / (sizes[c] - heaviest) * (least + heaviest) / least)
            filled = 0
            gone = before + furthest
            while first < n and filled < _LANES:
                a: Any = np.uintp(labels[first])
                at[filled] = first
                filled += not (near[first] + moved[a]) * stays[a] < far[first] - gone
                first += 1
            if filled == 0:
                break
            for lane in range(filled):
                mine[lane] = labels[at[lane]]
                for f in range(n_features):
                    block[f, lane] = points[f, at[lane]]
            other[:] = np.inf
            cheapest[:] = np.inf
            for c in range(k):
                square = costs[c]
                squares_to(middles[c], block, square)
                joining, number = sizes[c] / (sizes[c] + heaviest), float(c)
                for lane in range(_LANES):
                    distance = square[lane]
                    is_own = mine[lane] == number
                    own[lane] = distance if is_own else own[lane]
                    distance = np.inf if is_own else distance
                    other[lane] = distance if distance < other[lane] else other[lane]
                    distance = distance * joining if joining > 0.0 else 0.0
                    square[lane] = distance
                    cheapest[lane] = distance if distance < cheapest[lane] else cheapest[lane]
            for lane in range(_LANES):
                mine[lane] = np.sqrt(own[lane])
                other[lane] = np.sqrt(other[lane])
            for lane in range(filled):
                i = at[lane]
                near[i] = mine[lane] - moved[np.uintp(labels[i])]
                far[i] = other[lane] + before
            for lane in range(filled):
                i = at[lane]
                a, weight = np.uintp(labels[i]), weights[i]
                # As measured before the moves of this block, and as if all points were as heavy as the heaviest.
                if cheapest[lane] * (sizes[a] - weight) > own[lane] * sizes[a] * (1.0 + _ROUNDING):
                    continue  # as a division would say, which takes longer
                limit = own[lane] * sizes[a] / (sizes[a] - weight) if sizes[a] > weight else 0.0
                if cheapest[lane] >= limit:
                    continue
                now, best, b = 0.0, np.inf, a
                for f in range(n_features):
                    difference = block[f, lane] - middles[a, f]
                    now += difference * difference
                now *= sizes[a] / (sizes[a] - weight) * (1.0 - _ROUNDING)
                for c in range(np.uintp(k)):
                    if c != a and costs[c, lane] < limit:
                        cost = 0.0
                        for f in range(n_features):
                            difference = block[f, lane] - middles[c, f]
                            cost += difference * difference
                        cost *= sizes[c] / (sizes[c] + weight)
                        if cost < best:
                            best, b = cost, c
                if best >= now:
                    continue
                gained += weight * (now - best)
                labels[i] = b
                sizes[a] -= weight
                sizes[b] += weight
                for c in (a, b):
                    share = (-weight if c == a else weight) / sizes[c]
                    step = 0.0
                    for f in range(n_features):
                        difference = (block[f, lane] - middles[c, f]) * share
                        middles[c, f] += difference
                        step += difference * difference
                    moved[c] += np.sqrt(step)
                    furthest = max(furthest, moved[c] - earlier[c])
                far[i] = -np.inf
        before += furthest
        furthest = 0.0
        earlier[:] = moved
        wcss -= gained
        if gained <= tolerance * wcss or wcss - _HOPE * gained > target:
            break
    centres[:] = middles
    return wcss_of(points, weights, labels, centres)


@dataclass(frozen=True)
class Fit:
    """Where a fit ended.

    Parameters
    ----------
    labels : ndarray of shape (n_points,)
        Cluster of each point.
    centres : ndarray of shape (k, n_features)
        Cluster centres.
    wcss : float
        Within-cluster sum of squares.
    """

    labels: NDArray[np.int32]
    centres: NDArray[np.float64]
    wcss: float


def started(points: Any, weights: Any, k: int, random: np.random.Generator, max_passes: int, tolerance: float) -> Fit:
    """A fit from a greedy k-means++ start; arguments as of :func:`start` and :func:`exchange`."""
    labels, centres = np.empty(len(weights), dtype=np.int32), np.zeros((k, len(points)))
    start(points, weights, random.random((k, 2 + int(np.log(k)))), labels)  # as many tries as scikit-learn's
    return Fit(labels, centres, exchange(points, weights, max_passes, tolerance, np.inf, labels, centres))


def settled(points: Any, weights: Any, centres: Any, max_passes: int, tolerance: float, target: float) -> Fit:
    """A fit from these centres; arguments as of :func:`exchange`."""
    labels, centres = np.empty(len(weights), dtype=np.int32), centres.copy()
    assign(points, centres, labels)
    return Fit(labels, centres, exchange(points, weights, max_passes, tolerance, target, labels, centres))
