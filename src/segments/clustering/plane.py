"""A candidate -> two axes a person can look at. Comes in: features and the clustered space. Goes out: points and centres in a plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.exact import expm1, log1p, principal_axes, product
from segments.clustering.space import Space, to_space

# Customers drawn of many, and squares along each axis in which they compete for it.
DRAWN, _SQUARES = 3000, 64
# Features that name a principal axis, and the part of the largest weight that they have at least.
NAMED, MOST = 2, 0.5


def letter(cluster: int) -> str:
    """What people call a cluster that is no segment yet: a letter, since its number means nothing in the next fit.

    Examples
    --------
    >>> letter(0), letter(25), letter(26)
    ('A', 'Z', 'AA')
    """
    return (letter(cluster // 26 - 1) if cluster > 25 else "") + chr(ord("A") + cluster % 26)


@dataclass(frozen=True)
class Plane:
    """Customers in two dimensions.

    Parameters
    ----------
    points : ndarray of shape (n_customers, 2)
        Original units when two features were clustered, else the two principal axes of the clustered space.
    labels : tuple of str
        What the axes are.
    log : tuple of bool
        Whether an axis reads best on a logarithmic scale.
    """

    points: NDArray[np.float64]
    labels: tuple[str, str]
    log: tuple[bool, bool]

    def centres(self, clusters: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Centre of each cluster in the plane: the mean of its customers (geometric on a logarithmic axis).

        Examples
        --------
        >>> plane = Plane(np.array([[0.0, 0.0], [2.0, 4.0]]), ("x", "y"), (False, False))
        >>> plane.centres(np.array([0, 0], dtype=np.int32)).tolist()
        [[1.0, 2.0]]
        """
        values = self._seen()
        counts = np.bincount(clusters)
        means = np.column_stack([np.bincount(clusters, weights=values[:, j]) / counts for j in (0, 1)])
        return np.column_stack([expm1(means[:, j]) if self.log[j] else means[:, j] for j in (0, 1)])

    def shown(self) -> NDArray[np.intp]:
        """Customers to draw: all, or of many more than an eye tells apart some thousands.

        Every square of the plane gives one customer, then a second, and so on: crowds are thinned, and whoever stands alone stays.

        Returns
        -------
        ndarray of shape (n_shown,)
            Rows, ascending; the same whenever they are asked for.

        Examples
        --------
        >>> crowd = np.zeros((4000, 2))
        >>> crowd[17] = 1.0
        >>> shown = Plane(crowd, ("x", "y"), (False, False)).shown()
        >>> len(shown), 17 in shown
        (3000, True)
        """
        if len(self.points) <= DRAWN:
            return np.arange(len(self.points))
        values = self._seen()
        low, high = values.min(axis=0), values.max(axis=0)
        steps = (values - low) / np.where(high > low, high - low, 1.0) * _SQUARES
        column, row = steps.astype(np.intp).clip(max=_SQUARES - 1).T
        square = column * _SQUARES + row
        order = np.argsort(square, kind="stable")
        counts = np.bincount(square)
        turn = np.empty(len(square), dtype=np.intp)  # whose turn it is in its square
        turn[order] = np.arange(len(square)) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.sort(np.argsort(turn, kind="stable")[:DRAWN])

    def _seen(self) -> NDArray[np.float64]:
        """The points as they lie on the paper."""
        return np.column_stack([log1p(self.points[:, j]) if self.log[j] else self.points[:, j] for j in (0, 1)])


def plane(
    features: pd.DataFrame, space: Space, called: Callable[[str], str] = lambda column: column.replace("_", " ")
) -> Plane:
    """Two axes for the customers of a clustered space.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    space : Space
        The fitted space of the candidates to draw.
    called : callable
        A column in words.

    Returns
    -------
    Plane
        Real axes for one or two features, else the principal plane, each axis with its share of the variance.
    """
    if len(space.columns) <= 2 and not any(space.levels(name) or space.fills(name) for name in space.columns):
        names = space.columns if len(space.columns) == 2 else [space.columns[0], space.columns[0]]
        transforms = dict(zip(space.columns, space.transforms, strict=True))
        points = features[names].to_numpy(dtype=np.float64)
        return Plane(
            points,
            (called(names[0]), called(names[1])),
            (transforms[names[0]] == "log1p", transforms[names[1]] == "log1p"),
        )
    X = to_space(space, features)
    variances, axes = principal_axes(X)
    shares = variances[:2] / variances.sum()
    parts = [
        f"{called(axis.column)}: {axis.level}" if axis.kind == "level" else called(axis.column) for axis in space.axes
    ]
    first, second = (f"{axis_in_words(axes[:, j], parts)} ({shares[j]:.0%})" for j in (0, 1))
    return Plane(product(X - X.mean(axis=0), axes[:, :2]), (first, second), (False, False))


def axis_in_words(weights: NDArray[np.float64], parts: Sequence[str]) -> str:
    """A principal axis in words: the features that make most of it, and which way they point.

    Parameters
    ----------
    weights : ndarray of shape (n_features,)
        Of the features on the axis.
    parts : sequence of str
        What they are.

    Examples
    --------
    >>> axis_in_words(np.array([0.7, -0.6, 0.1]), ["stores", "days between visits", "age"])
    'more stores, less days between visits →'
    """
    large = np.abs(weights) >= MOST * np.abs(weights).max()
    order = sorted(np.flatnonzero(large).tolist(), key=lambda at: (-round(abs(float(weights[at])), 6), at))[:NAMED]
    told = [f"{'more' if weights[at] > 0 else 'less'} {parts[at]}" for at in order]
    return f"{', '.join(told)} →"
