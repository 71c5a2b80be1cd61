"""The loop behind :mod:`segments.refits`, compiled by numba on first use: one k-means fit that moves single points.

Comes in: points and the random numbers of a start. Goes out: labels and centres, written into arrays of the caller, and the WCSS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segments.silhouette_kernel import _compiled  # the same options for every loop of this project

# Clusters whose distances are computed side by side; places left over hold a cluster too far away to be chosen.
_LANES, _FAR = 8, 1e100
# A move must gain more than the sums are exact to, or two clusters could hand a point to and fro.
_ROUNDING = 1e-12


def _start(points: Any, draws: Any, labels: Any, centres: Any) -> None:
    """Centres of a greedy k-means++ start into centres[:, :k], and each point's nearest into labels."""
    (n_features, n), (k, n_tries) = points.shape, draws.shape
    least = np.ones(n)  # squared distance to the nearest centre so far
    tried, kept = np.empty(n), np.empty(n)
    for c in range(k):
        total = 0.0
        for i in range(n):
            total += least[i]
        lowest, chosen = np.inf, 0
        for draw in draws[c, : 1 if c == 0 else n_tries]:
            at, reached = 0, least[0]
            while reached <= draw * total and at < n - 1:
                at += 1
                reached += least[at]
            tried[:] = 0.0
            for f in range(n_features):
                x = points[f, at]
                for i in range(n):
                    difference = points[f, i] - x
                    tried[i] += difference * difference
            cost = 0.0
            for i in range(n):
                cost += tried[i] if c == 0 else min(tried[i], least[i])
            if cost < lowest:
                lowest, chosen = cost, at
                kept[:] = tried
        for i in range(n):
            if c == 0 or kept[i] < least[i]:
                least[i] = kept[i]
                labels[i] = c
        for f in range(n_features):
            centres[f, c] = points[f, chosen]


# Named here and not inside a function: numba keeps no machine code on disk of what refers to another function's variables.
_start = _compiled(_start)


def fit(points: Any, draws: Any, max_passes: int, tolerance: float, labels: Any, centres: Any) -> Any:
    """One k-means fit: a greedy k-means++ start, then Hartigan's exchange of single points; returns its WCSS.

    points (features, n); draws (k, tries) uniform numbers that pick the start; labels (n,) and centres (k, features) are filled.
    """
    (n_features, n), k = points.shape, len(draws)
    width = -(-k // _LANES) * _LANES
    middles = np.full((n_features, width), _FAR)
    _start(points, draws, labels, middles)
    sizes, sums = np.zeros(k), np.zeros((n_features, k))
    for i in range(n):
        sizes[labels[i]] += 1.0
        for f in range(n_features):
            sums[f, labels[i]] += points[f, i]
    # How many times its squared distance a point costs its own cluster, and would cost another.
    leaving, joining = np.zeros(width), np.ones(width)
    for c in range(k):
        leaving[c] = sizes[c] / (sizes[c] - 1.0) if sizes[c] > 1.0 else 0.0
        joining[c] = sizes[c] / (sizes[c] + 1.0)
        for f in range(n_features):
            if sizes[c] > 0.0:
                middles[f, c] = sums[f, c] / sizes[c]
    square = np.empty(width)
    wcss = 0.0
    for made in range(max_passes + 1):
        wcss = 0.0
        for i in range(n):
            for f in range(n_features):
                difference = points[f, i] - middles[f, labels[i]]
                wcss += difference * difference
        if made == max_passes:
            break
        gained = 0.0
        for i in range(n):
            for block in range(0, width, _LANES):
                for lane in range(_LANES):
                    square[block + lane] = 0.0
                for f in range(n_features):
                    x = points[f, i]
                    for lane in range(_LANES):
                        difference = x - middles[f, block + lane]
                        square[block + lane] += difference * difference
            a: Any = np.int64(labels[i])  # as wide as a cluster's number in a loop
            now = square[a] * leaving[a] * (1.0 - _ROUNDING)
            cheaper = 0
            for block in range(0, width, _LANES):
                for lane in range(_LANES):
                    square[block + lane] *= joining[block + lane]
                    cheaper += square[block + lane] < now
            if cheaper < 2:  # its own cluster looks cheaper always: joining costs less than leaving
                continue
            best, b = np.inf, a
            for c in range(k):
                if c != a and square[c] < best:
                    best, b = square[c], c
            if best >= now:
                continue
            gained += now - best
            labels[i] = b
            sizes[a] -= 1.0
            sizes[b] += 1.0
            for f in range(n_features):
                middles[f, a] += (middles[f, a] - points[f, i]) / sizes[a]
                middles[f, b] += (points[f, i] - middles[f, b]) / sizes[b]
            for c in (a, b):
                leaving[c] = sizes[c] / (sizes[c] - 1.0) if sizes[c] > 1.0 else 0.0
                joining[c] = sizes[c] / (sizes[c] + 1.0)
        if gained <= tolerance * wcss:
            wcss -= gained
            break
    for c in range(k):
        for f in range(n_features):
            centres[c, f] = middles[f, c]
    return wcss


fit = _compiled(fit)
