"""Columns in which many customers share one value: no coupon ever, the top of a scale, what a form fills in. Comes in: points. Goes out: those without the lumps.

A lump is no cluster: whoever has none of a thing lies apart from those who have some only because a transform digs the gap, and a flag parts
customers as an answer does, not as a shape of the data. So a gap between clusters is asked for beside the lumps (:func:`without_lumps`), and data without
clusters have the same lumps as the data (:mod:`segments.evidence.null_models`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A value is a lump when at least this share of the customers has it, and no fewer than so many: two of ten are no crowd.
LUMP, CROWD = 0.05, 20
# A column of which less than this share lies beside its lumps is a scale of a few levels.
_BESIDE = 0.25
# Share of the customers whose level still shows when a category is spread out: of 0.9, the two parts of one cloud have a waist between them
# (p 0.03 of 8,000 customers), of 0.6, customers who answer four questions otherwise are one cloud.
_SHOWN_SHARE = 0.75


def lumps_of(values: Floats) -> NDArray[np.bool_]:
    """Whether each value of a column is part of a lump.

    Parameters
    ----------
    values : ndarray of shape (n,)
        A column.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> lumps_of(np.repeat([0.0, 1, 2], [20, 19, 1])).sum()
    np.int64(20)
    """
    points, own, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(points) == 1:
        return np.zeros(len(values), dtype=np.bool_)
    return np.asarray((counts >= max(LUMP * len(values), CROWD))[own])


def categories_of(X: Floats) -> list[slice]:
    """The columns of each category of three levels or more: 0 or one value, of which every customer has exactly one.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Points in the clustered space, the columns of a category side by side.

    Returns
    -------
    list of slice

    Examples
    --------
    >>> categories_of(np.array([[7.0, 1.5, 0, 0], [8, 0, 1.5, 0], [9, 0, 0, 1.5]]))
    [slice(1, 4, None)]
    """
    top = X.max(axis=0)
    answers = ((X == 0) | (top == X)).all(axis=0) & (top > 0)
    found, start = [], 0
    while start < X.shape[1]:
        stop, each = start, np.zeros(len(X), dtype=np.int64)
        while stop < X.shape[1] and answers[stop] and top[stop] == top[start] and each.max(initial=0) <= 1:
            each += X[:, stop] > 0
            stop += 1
            if stop - start > 2 and (each == 1).all():
                found.append(slice(start, stop))
                break
        start = found[-1].stop if found and found[-1].start == start else start + 1
    return found


def without_lumps(X: Floats) -> Floats:
    """Points of which no column has a lump any more.

    In a column with a lump, its customers get values of the others, drawn at random (always the same): what is left of the column
    tells nothing of who was in the lump. A column of little but lumps is a scale; there each level is spread evenly, half way to its neighbours.
    The levels of a category have no neighbours, and one category is no cloud with gaps: they are spread over all that lies between them, so that only what several columns say together is a gap.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Points in the clustered space.

    Returns
    -------
    ndarray of shape (n, d)
        `X` itself where there is no lump.

    Examples
    --------
    >>> column = np.append(np.zeros(20), np.linspace(7, 9, 20))[:, None]
    >>> without_lumps(column).min()
    np.float64(7.0)
    """
    inside = np.column_stack([lumps_of(column) for column in X.T])
    categories = categories_of(X)
    if not inside.any() and not categories:
        return X
    smooth = X.copy()
    random = np.random.default_rng(0)
    for own in categories:
        inside[:, own] = False
        smooth[:, own] = _between(X[:, own], random)
    for column, own, out in zip(X.T, inside.T, smooth.T, strict=True):
        if not own.any():
            continue
        beside = np.sort(column[~own])
        if len(beside) >= _BESIDE * len(column):
            out[own] = random.choice(beside, own.sum())
        else:
            levels = np.unique(column)
            ends = np.concatenate([levels[:1], (levels[1:] + levels[:-1]) / 2, levels[-1:]])
            level = np.searchsorted(levels, column)
            out[:] = random.uniform(ends[level], ends[level + 1])
    return smooth


def _between(levels: Floats, random: np.random.Generator) -> Floats:
    """Points anywhere between the levels of a category: of most customers, nearest to their own."""
    drawn = random.dirichlet(np.ones(levels.shape[1]), len(levels)) * levels.max()
    shown = np.flatnonzero(random.random(len(levels)) < _SHOWN_SHARE)
    own, nearest = levels[shown].argmax(axis=1), drawn[shown].argmax(axis=1)
    drawn[shown, own], drawn[shown, nearest] = drawn[shown, nearest], drawn[shown, own]
    return np.asarray(drawn)
