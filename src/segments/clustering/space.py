"""Feature rows -> the space that is clustered, and who is nearest to whom there.

Comes in: a feature table and a feature set. Goes out: an array, and the plain numbers that made it.

A fitted :class:`Space` holds only numbers and names, so that it can be written as JSON and rebuilt without unpickling anything.
The order is: transform each column, scale, then weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.exact import expm1, log, log1p
from segments.config.sweep import FeatureSet, Scaler
from segments.errors import SweepError

# The fitted attributes scikit-learn's transform() reads, per scaler; all of them plain numbers.
_FITTED: dict[str, tuple[str, ...]] = {
    "none": (),
    "standard": ("mean_", "scale_", "var_", "n_features_in_"),
    "minmax": ("min_", "scale_", "data_min_", "data_max_", "n_features_in_"),
    "robust": ("center_", "scale_", "n_features_in_"),
    "quantile": ("quantiles_", "references_", "n_quantiles_", "n_features_in_"),
}


@dataclass(frozen=True)
class Space:
    """A fitted way from feature rows to the clustered space.

    Parameters
    ----------
    columns : list of str
        Feature columns, in order.
    transforms : list of str
        One per column: identity, log1p or sqrt.
    weights : list of float
        One per column, applied last.
    scaler : str
        Name of the scaler.
    fitted : dict
        The scaler's fitted numbers, as plain lists.
    """

    columns: list[str]
    transforms: list[str]
    weights: list[float]
    scaler: str
    fitted: dict[str, Any]

    def to_plain(self) -> dict[str, Any]:
        """The space as plain data, ready for JSON (floats survive the round trip exactly)."""
        return asdict(self)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Space:
        """The space that :meth:`to_plain` described."""
        return Space(**{key: plain[key] for key in ("columns", "transforms", "weights", "scaler", "fitted")})


def fit_space(features: pd.DataFrame, feature_set: FeatureSet, scaler: Scaler) -> tuple[Space, NDArray[np.float64]]:
    """Fit transforms and scaler on a feature table.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        Holds every column of the feature set.
    feature_set : FeatureSet
        Columns, transforms and weights.
    scaler : Scaler
        How the columns are brought to a common scale.

    Returns
    -------
    Space
        The fitted numbers.
    ndarray of shape (n_customers, n_columns)
        The customers in that space, float64.

    Raises
    ------
    SweepError
        If a column is unknown, missing values, infinite, constant, or outside a transform's domain.

    Examples
    --------
    >>> from segments.config.sweep import Feature
    >>> table = pd.DataFrame({"x": [0.0, 2.0], "y": [5.0, 7.0]})
    >>> space, X = fit_space(table, FeatureSet("xy", {"x": Feature(), "y": Feature()}), Scaler("minmax"))
    >>> X.tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    columns = list(feature_set.columns)
    check_columns(features, feature_set)
    transforms: list[str] = [feature.transform for feature in feature_set.columns.values()]
    weights = [float(feature.weight) for feature in feature_set.columns.values()]
    raw = features[columns].to_numpy(dtype=np.float64)
    transformed = _transform(raw, columns, transforms)
    fitted: dict[str, Any] = {}
    method, prefix = scaler.method, ""
    if method == "power":
        fitted["lambdas_"] = [_straightening(column) for column in transformed.T]
        transformed = _yeo_johnson(transformed, fitted["lambdas_"])
        method, prefix = "standard", "inner_"
    if method != "none":
        estimator = _estimator(method, n_quantiles=min(scaler.n_quantiles, len(raw)))
        estimator.fit(transformed)
        fitted |= {prefix + name: _plain(getattr(estimator, name)) for name in _FITTED[method]}
    space = Space(columns, transforms, weights, scaler.method, fitted)
    X = to_space(space, features)
    if not np.isfinite(X).all():
        bad = [column for j, column in enumerate(columns) if not np.isfinite(X[:, j]).all()]
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
    ndarray of shape (n_customers, n_columns)
        The customers in that space, float64, C order.

    Raises
    ------
    SweepError
        If a column is missing or outside a transform's domain.
    """
    absent = [column for column in space.columns if column not in features.columns]
    if absent:
        raise SweepError(
            f"the feature table has no column {', '.join(absent)}",
            fix=f"give it these columns: {', '.join(space.columns)}",
        )
    raw = features[space.columns].to_numpy(dtype=np.float64)
    X = _transform(raw, space.columns, space.transforms)
    method, prefix = space.scaler, ""
    if method == "power":
        X = _yeo_johnson(X, space.fitted["lambdas_"])
        method, prefix = "standard", "inner_"
    if method != "none":
        X = _rebuild(method, space.fitted, prefix).transform(X)
    return np.ascontiguousarray(X * np.array(space.weights))


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


def check_columns(features: pd.DataFrame, feature_set: FeatureSet) -> None:
    """Refuse a feature set that the feature table cannot serve.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    feature_set : FeatureSet
        The columns asked for.

    Raises
    ------
    SweepError
        Names the column, what is wrong with it, and what to do.
    """
    where = f"feature_set {feature_set.name}"
    numeric = [column for column in features.columns if pd.api.types.is_numeric_dtype(features[column])]
    unknown = [column for column in feature_set.columns if column not in numeric]
    if unknown:
        raise SweepError(
            f"unknown feature {', '.join(unknown)}", where=where, fix=f"this source has: {', '.join(numeric)}"
        )
    for column, feature in feature_set.columns.items():
        values = features[column].to_numpy(dtype=np.float64)
        missing = int(np.isnan(values).sum())
        if missing == len(values):
            raise SweepError(
                f"'{column}' has no value for any customer", where=where, fix="take it out of the feature set"
            )
        if missing:
            raise SweepError(
                f"'{column}' has no value for {missing} of {len(values)} customers",
                where=where,
                fix="take it out of the feature set, or drop these customers in the source's policy",
            )
        if np.isinf(values).any():
            raise SweepError(
                f"'{column}' is infinite for {int(np.isinf(values).sum())} customers",
                where=where,
                fix="mend the raw data",
            )
        if len(values) > 1 and np.all(values == values[0]):
            raise SweepError(
                f"'{column}' is {values[0]:g} for every customer, so it tells nobody apart",
                where=where,
                fix="take it out of the feature set",
            )
        lowest = {"log1p": -1.0, "sqrt": 0.0}.get(feature.transform, -np.inf)
        if (values < lowest).any() or (feature.transform == "log1p" and (values <= -1).any()):
            raise SweepError(
                f"'{column}' goes down to {values.min():g}, where {feature.transform} is not defined",
                where=where,
                fix="use another transform for this column",
            )


def _transform(raw: NDArray[np.float64], columns: list[str], transforms: list[str]) -> NDArray[np.float64]:
    functions: dict[str, Callable[..., Any]] = {"identity": np.positive, "log1p": log1p, "sqrt": np.sqrt}
    with np.errstate(invalid="ignore", divide="ignore"):
        out = np.column_stack([functions[name](raw[:, j]) for j, name in enumerate(transforms)])
    bad = ~np.isfinite(out) & np.isfinite(raw)
    if bad.any():
        j = int(np.flatnonzero(bad.any(axis=0))[0])
        raise SweepError(
            f"'{columns[j]}' is {raw[bad[:, j], j][0]:g}, where {transforms[j]} is not defined",
            fix="mend the value, or refit with another transform",
        )
    return out


def _estimator(name: str, **options: int) -> Any:
    # Here and not at the top: a process that only hands cells to others needs none of it, and it takes more than a second.
    from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

    if name == "quantile":
        # subsample=None: landmarks from all customers, so that no random choice enters
        # uniform: a normal output would push the many customers who share the lowest value (no coupon, say) far away
        return QuantileTransformer(n_quantiles=options["n_quantiles"], output_distribution="uniform", subsample=None)
    return {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}[name]()


def _rebuild(method: str, fitted: Mapping[str, Any], prefix: str) -> Any:
    estimator = _estimator(method, n_quantiles=int(fitted.get("n_quantiles_", 2)))
    for name in _FITTED[method]:
        setattr(estimator, name, _numbers(fitted[prefix + name]))
    return estimator


def _yeo_johnson(X: NDArray[np.float64], lambdas: Sequence[float]) -> NDArray[np.float64]:
    """Yeo & Johnson (2000), Biometrika 87, 954-959, each column with its own parameter; scikit-learn's has another last digit per processor."""
    return np.column_stack(
        [
            np.where(
                column >= 0, _power(log1p(column.clip(min=0.0)), at), -_power(log1p(-column.clip(max=0.0)), 2.0 - at)
            )
            for column, at in zip(X.T, lambdas, strict=True)
        ]
    )


def _power(logs: NDArray[np.float64], at: float) -> NDArray[np.float64]:
    return expm1(at * logs) / at if at else logs


def _straightening(column: NDArray[np.float64]) -> float:
    """The parameter with which a column comes nearest to a normal distribution (by maximum likelihood, as in scikit-learn), to four decimals."""
    from scipy.optimize import minimize_scalar

    slope = float((np.sign(column) * log1p(np.abs(column))).sum())

    def loss(at: float) -> float:
        variance = float(_yeo_johnson(column[:, None], [float(at)]).var())
        if not np.finfo(np.float64).tiny < variance < np.inf:
            return np.inf
        return float(len(column) / 2 * log(np.array([variance]))[0]) - (at - 1) * slope

    return round(float(minimize_scalar(loss, bracket=(-2.0, 2.0)).x), 4)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _numbers(value: Any) -> Any:
    return np.array(value, dtype=np.float64) if isinstance(value, list) else value
