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


def without_lumps(X: Floats) -> Floats:
    """Points of which no column has a lump any more.

    In a column with a lump, its customers get values of the others, drawn at random (always the same): what is left of the column
    tells nothing of who was in the lump. A column of little but lumps is a scale; there each level is spread evenly, half way to its neighbours.

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
    if not inside.any():
        return X
    smooth = X.copy()
    random = np.random.default_rng(0)
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
