"""Feature rows -> the space that is clustered, and who is nearest to whom there.

Comes in: a feature table and a feature set. Goes out: an array, and the plain numbers that made it.

A fitted :class:`Space` holds only numbers and names, so that it can be written as JSON and rebuilt without unpickling anything.
The order is: put in what is missing, cap, transform each column, scale, then weight. Levels become 0/1 columns, which no scaler touches unless
asked: a category of any number of levels is weighted to count as much as one number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.exact import log1p
from segments.clustering.fitted.columns import as_levels, rounded, usable_columns
from segments.clustering.fitted.scalers import (
    FITTED,
    apply_scaler,
    estimator_of,
    plain_numbers,
    straightening,
    yeo_johnson,
)
from segments.config.sweep import FeatureSet, Scaler
from segments.errors import SweepError


class Axis(NamedTuple):
    """One dimension of a space: the column it comes of, and what it is: a number, a level as 0/1, or who lacks a value as 0/1."""

    column: str
    kind: Literal["number", "level", "lacking"] = "number"
    level: str = ""


@dataclass(frozen=True)
class Space:
    """A fitted way from feature rows to the clustered space.

    Parameters
    ----------
    columns : list of str
        Feature columns, in order.
    transforms : list of str
        One per column: identity, log1p, signed_log1p or sqrt.
    weights : list of float
        One per column, applied last.
    scaler : str
        Name of the scaler.
    fitted : dict
        The scaler's fitted numbers, as plain lists.
    inputs : dict of str to dict
        Of a column that is more than a plain number: ``levels`` in their order, and whether they are ``ordered``; ``unit`` by which its 0/1
        columns are multiplied, and whether the scaler had them before (``scaled``); ``fill`` for a missing value (of a category the
        number of the level); ``limits``, lowest and highest; and ``indicator``, the unit of the 0/1 column that tells who had none.
    """

    columns: list[str]
    transforms: list[str]
    weights: list[float]
    scaler: str
    fitted: dict[str, Any]
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """The space as plain data, ready for JSON (floats survive the round trip exactly)."""
        plain = asdict(self)
        return plain if self.inputs else {key: value for key, value in plain.items() if key != "inputs"}

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Space:
        """The space that :meth:`to_plain` described."""
        said = {key: plain[key] for key in ("columns", "transforms", "weights", "scaler", "fitted")}
        return Space(**said, inputs=plain.get("inputs", {}))

    def levels(self, column: str) -> list[str] | None:
        """The levels of a column, or ``None`` where it holds numbers."""
        return self.inputs.get(column, {}).get("levels")

    def fills(self, column: str) -> bool:
        """Whether something stands in where the column has no value."""
        return "fill" in self.inputs.get(column, {})

    @property
    def sides(self) -> list[tuple[str, str]]:
        """What lying low and lying high on each axis means."""
        found = []
        for axis in self.axes:
            levels = self.levels(axis.column) or []
            other = levels[0] if len(levels) == 2 else f"not {axis.level}"
            found.append(
                {"level": (other, axis.level), "lacking": ("known", "unknown")}.get(axis.kind, ("low", "high"))
            )
        return found

    @cached_property
    def axes(self) -> list[Axis]:
        """What each dimension of the space is."""
        found = []
        for name in self.columns:
            said = self.inputs.get(name, {})
            found += [Axis(name, "level", level) for level in one_hot(said)] or [Axis(name)]
            found += [Axis(name, "lacking")] if "indicator" in said else []
        return found


def fit_space(features: pd.DataFrame, feature_set: FeatureSet, scaler: Scaler) -> tuple[Space, NDArray[np.float64]]:
    """Fit transforms and scaler on a feature table; a column that is the same for every customer is left out.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        Holds every column of the feature set.
    feature_set : FeatureSet
        Columns, with transforms, weights and what they do about missing and extreme values.
    scaler : Scaler
        How the columns are brought to a common scale.

    Returns
    -------
    Space
        The fitted numbers.
    ndarray of shape (n_customers, n_axes)
        The customers in that space, float64.

    Raises
    ------
    SweepError
        If a column is unknown, missing values with nothing to stand in, infinite, or outside a transform's domain, or all are constant.

    Notes
    -----
    The 0/1 columns of a category are multiplied by c = sqrt(V / sum p (1 - p)), p the shares of its levels and V the variance of a scaled number
    (the median of those of the set; 1 for the standard scaler, and where there are no numbers). So the squared distance of two customers drawn
    at random is 2 V in the category as it is in a number: equal influence, whatever the number of levels.

    References
    ----------
    Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, section 14.3.3: a weight of one over the mean dissimilarity of
    an attribute gives all attributes equal influence.

    Examples
    --------
    >>> from segments.config.sweep import Feature
    >>> table = pd.DataFrame({"x": [0.0, 2.0], "y": [5.0, 7.0]})
    >>> space, X = fit_space(table, FeatureSet("xy", {"x": Feature(), "y": Feature()}), Scaler("minmax"))
    >>> X.tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    >>> table = pd.DataFrame({"contract": ["month", "month", "year", "year"]})
    >>> fit_space(table, FeatureSet("c", {"contract": Feature()}), Scaler("standard"))[1].tolist()
    [[0.0], [0.0], [2.0], [2.0]]
    """
    feature_set, learnt, _ = usable_columns(features, feature_set)
    columns = list(feature_set.columns)
    transforms: list[str] = [feature.transform for feature in feature_set.columns.values()]
    weights = [float(feature.weight) for feature in feature_set.columns.values()]
    space = Space(columns, transforms, weights, scaler.method, {}, learnt)
    values = read_columns(space, features)
    for said in learnt.values():
        if scaler.indicators and one_hot(said):
            said["scaled"] = True
    Z = _unscaled(space, values)
    mask = _for_scaler(space)
    inner, fitted = Z[:, mask], {}
    method, prefix = scaler.method, ""
    if inner.shape[1]:
        if method == "power":
            fitted["lambdas_"] = [straightening(column) for column in inner.T]
            inner = yeo_johnson(inner, fitted["lambdas_"])
            method, prefix = "standard", "inner_"
        if method != "none":
            estimator = estimator_of(method, n_quantiles=min(scaler.n_quantiles, len(values)))
            estimator.fit(inner)
            fitted |= {prefix + name: plain_numbers(getattr(estimator, name)) for name in FITTED[method]}
    space = _evened_out(replace(space, fitted=fitted), values)
    X = place(space, values)
    if not np.isfinite(X).all():
        bad = list(dict.fromkeys(axis.column for j, axis in enumerate(space.axes) if not np.isfinite(X[:, j]).all()))
        raise SweepError(
            f"scaling makes {', '.join(bad)} infinite",
            where=f"feature_set {feature_set.name}, scaler {scaler.name}",
            fix="choose another scaler or transform for this column",
        )
    return space, X


def to_space(space: Space, features: pd.DataFrame) -> NDArray[np.float64]:
    """Bring feature rows into a fitted space.

    Parameters
    ----------
    space : Space
        Made by :func:`fit_space`.
    features : DataFrame of shape (n_customers, ...)
        Holds every column of the space.

    Returns
    -------
    ndarray of shape (n_customers, n_axes)
        The customers in that space, float64, C order.

    Raises
    ------
    SweepError
        If a column is missing, holds a level the fit has not seen, or is outside a transform's domain.
    """
    return place(space, read_columns(space, features))


def read_columns(space: Space, features: pd.DataFrame) -> NDArray[np.float64]:
    """The columns of a space as numbers, in their order: a level as its number among the column's levels, NaN where there is no value.

    Raises
    ------
    SweepError
        If a column is missing, or holds a level the fit has not seen.

    Examples
    --------
    >>> space = Space(["plan"], ["identity"], [1.0], "none", {}, {"plan": {"levels": ["a", "b", "c"], "unit": 1.0}})
    >>> read_columns(space, pd.DataFrame({"plan": ["c", None]})).tolist()
    [[2.0], [nan]]
    """
    absent = [column for column in space.columns if column not in features.columns]
    if absent:
        raise SweepError(
            f"the feature table has no column {', '.join(absent)}",
            fix=f"give it these columns: {', '.join(space.columns)}",
        )
    if not any(space.levels(name) for name in space.columns):
        return np.asarray(features[space.columns].to_numpy(dtype=np.float64))
    found = np.empty((len(features), len(space.columns)))
    for j, name in enumerate(space.columns):
        levels = space.levels(name)
        if levels is None:
            found[:, j] = features[name].to_numpy(dtype=np.float64, na_value=np.nan)
            continue
        texts = as_levels(features[name])
        found[:, j] = pd.Index(levels).get_indexer(texts)
        found[texts.isna().to_numpy(), j] = np.nan
        if (unseen := found[:, j] < 0).any():
            raise SweepError(
                f"{name} is {unseen_level(str(texts[unseen].iloc[0]), levels)} (in {int(unseen.sum())} of {len(texts)} rows)",
                fix="mend the value, or make a new model with customers who have it",
            )
    return found


def unseen_level(level: str, levels: Sequence[str]) -> str:
    """What is said of a level that no customer of the fit had."""
    return f"'{level[:60]}', which the model has never seen (it knows {', '.join(levels[:6])}{' …' if len(levels) > 6 else ''})"


def place(space: Space, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring rows that :func:`read_columns` read into the space.

    Parameters
    ----------
    space : Space
        Made by :func:`fit_space`.
    values : ndarray of shape (n, n_columns)
        In original units, levels as their numbers.

    Returns
    -------
    ndarray of shape (n, n_axes)
        float64, C order.

    Raises
    ------
    SweepError
        If a value is outside a transform's domain.
    """
    Z = _unscaled(space, values)
    mask = _for_scaler(space)
    Z[:, mask] = _scale(space, Z[:, mask])
    return np.ascontiguousarray(Z * np.array(_factors(space)))


def category_share(space: Space, X: NDArray[np.float64]) -> float:
    """Share of the squared distances among customers that the 0/1 columns of categories make.

    Examples
    --------
    >>> space = Space(["x", "plan"], ["identity"] * 2, [1.0, 1.0], "none", {}, {"plan": {"levels": ["a", "b"], "unit": 1.0}})
    >>> category_share(space, np.array([[0.0, 0.0], [1.0, 3.0]]))
    0.9
    """
    spread = X.var(axis=0)
    own = np.array([axis.kind == "level" for axis in space.axes])
    return round(float(spread[own].sum() / spread.sum()), 9) if spread.sum() > 0 else 0.0


def one_hot(said: Mapping[str, Any]) -> list[str]:
    """The levels that have a 0/1 column of their own: of two, the second tells both apart; of more with an order, none.

    Examples
    --------
    >>> one_hot({"levels": ["No", "Yes"]}), one_hot({"levels": ["a", "b", "c"]}), one_hot({})
    (['Yes'], ['a', 'b', 'c'], [])
    """
    levels: list[str] = said.get("levels", [])
    return levels[1:] if len(levels) == 2 else [] if said.get("ordered") else levels


def _for_scaler(space: Space) -> NDArray[np.bool_]:
    """Which axes the scaler has."""
    scaled = {name for name, said in space.inputs.items() if said.get("scaled")}
    return np.array([axis.kind == "number" or (axis.kind == "level" and axis.column in scaled) for axis in space.axes])


def _factors(space: Space) -> list[float]:
    """What each axis is multiplied by at last: the column's weight and, of a 0/1 column, its unit."""
    weights = dict(zip(space.columns, space.weights, strict=True))
    units = {"number": "", "level": "unit", "lacking": "indicator"}
    return [weights[axis.column] * space.inputs.get(axis.column, {}).get(units[axis.kind], 1.0) for axis in space.axes]


def _unscaled(space: Space, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes before the scaler: what is missing put in, capped, transformed; levels as 0/1."""
    if not space.inputs:
        return _transform(values, space.columns, space.transforms)
    parts = []
    for j, (name, transform) in enumerate(zip(space.columns, space.transforms, strict=True)):
        said, column = space.inputs.get(name, {}), values[:, j]
        lacking = np.isnan(column)
        if "fill" in said:
            column = np.where(lacking, said["fill"], column)
        if "limits" in said:
            low, high = said["limits"]
            column = column.clip(low, high)
        if shown := one_hot(said):
            numbers = [said["levels"].index(level) for level in shown]
            part = (column[:, None] == np.array(numbers, dtype=np.float64)).astype(np.float64)
            part[np.isnan(column)] = np.nan
        else:
            part = _transform(column[:, None], [name], [transform])
        parts.append(part)
        if "indicator" in said:
            parts.append(lacking[:, None].astype(np.float64))
    return np.concatenate(parts, axis=1)


def _scale(space: Space, Z: NDArray[np.float64]) -> NDArray[np.float64]:
    method, prefix = space.scaler, ""
    if not Z.shape[1]:
        return Z
    if method == "power":
        Z = yeo_johnson(Z, space.fitted["lambdas_"])
        method, prefix = "standard", "inner_"
    return Z if method == "none" else apply_scaler(method, Z, space.fitted, prefix)


def _evened_out(space: Space, values: NDArray[np.float64]) -> Space:
    """The space with the units of 0/1 columns: a category counts as much as one number, and lacking a value as far as a number's standard deviation."""
    if all(axis.kind == "number" for axis in space.axes):
        return space
    Z, mask = _unscaled(space, values), _for_scaler(space)
    Z[:, mask] = _scale(space, Z[:, mask])
    spread = pd.DataFrame({"axis": space.axes, "variance": Z.var(axis=0)})
    numbers = spread["variance"][[axis.kind == "number" for axis in space.axes]]
    variance = float(numbers.median()) if len(numbers) else 1.0
    inputs = {name: dict(said) for name, said in space.inputs.items()}
    for name, said in inputs.items():
        if one_hot(said) and not said.get("scaled"):
            own = [axis.column == name and axis.kind == "level" for axis in space.axes]
            said["unit"] = rounded(np.sqrt(variance / spread["variance"][own].sum()))
        if "indicator" in said:
            said["indicator"] = rounded(np.sqrt(variance))
    return replace(space, inputs=inputs)


def nearest(X: NDArray[np.float64], centres: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Nearest centre of every row, and the distances to all centres.

    Computed row by row from direct differences, so that a row's answer does not depend on the rows beside it.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows in the clustered space.
    centres : ndarray of shape (k, d)
        Cluster centres.

    Returns
    -------
    ndarray of shape (n,)
        Number of the nearest centre; ties go to the lower number.
    ndarray of shape (n, k)
        Euclidean distance to each centre.

    Examples
    --------
    >>> labels, distances = nearest(np.array([[1.0], [5.0]]), np.array([[0.0], [6.0]]))
    >>> labels.tolist(), distances.tolist()
    ([0, 1], [[1.0, 5.0], [5.0, 1.0]])
    """
    squared = np.zeros((len(X), len(centres)))
    for j in range(X.shape[1]):
        squared += (X[:, j : j + 1] - centres[:, j]) ** 2
    distances = np.sqrt(squared)
    return distances.argmin(axis=1).astype(np.int32), distances


def fold(X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]] | None:
    """Fold equal rows into one with a weight, when that leaves at most half of them.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows in the clustered space.

    Returns
    -------
    None, or (ndarray of shape (m, d), ndarray of shape (n,), ndarray of shape (m,))
        The different rows, the number of each row's own among them, and how many rows each stands for.

    Examples
    --------
    >>> rows, own, weights = fold(np.array([[1.0], [2.0], [1.0], [1.0]]))
    >>> rows.ravel().tolist(), own.tolist(), weights.tolist()
    ([1.0, 2.0], [0, 1, 0, 0], [3.0, 1.0])
    >>> fold(np.array([[1.0], [2.0]])) is None
    True
    """
    own = np.zeros(len(X), dtype=np.int64)
    for column in X.T:  # number the tuples column by column: far less memory than sorting whole rows
        values = np.unique(column)
        if len(values) > len(X) / 2:  # one such column is enough to know, and cheap to ask
            return None
        own *= len(values)
        own += np.searchsorted(values, column)
        # Found again by a search: the inverse that np.unique offers needs three more tables of this size.
        own = np.searchsorted(np.unique(own), own)
    if (m := int(own.max()) + 1) > len(X) / 2:
        return None
    rows = np.empty((m, X.shape[1]))
    rows[own] = X
    return rows, own, np.bincount(own).astype(np.float64)


def _transform(raw: NDArray[np.float64], columns: list[str], transforms: list[str]) -> NDArray[np.float64]:
    functions: dict[str, Callable[..., Any]] = {
        "log1p": log1p,
        "signed_log1p": lambda column: np.sign(column) * log1p(np.abs(column)),
        "sqrt": np.sqrt,
    }
    out = raw.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        for name in (
            set(transforms) & functions.keys()
        ):  # all columns of one in one go: of a single row, most of the time goes into the calls
            own = [j for j, transform in enumerate(transforms) if transform == name]
            out[:, own] = functions[name](raw[:, own])
    if not np.isfinite(out).all() and (bad := ~np.isfinite(out) & np.isfinite(raw)).any():
        j = int(np.flatnonzero(bad.any(axis=0))[0])
        raise SweepError(
            f"'{columns[j]}' is {raw[bad[:, j], j][0]:g}, where {transforms[j]} is not defined",
            fix="mend the value, or refit with another transform",
        )
    return out
