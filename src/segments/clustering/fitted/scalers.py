"""The scalers, as plain numbers. Comes in: columns, a scaler's name. Goes out: scikit-learn's scalers from their fitted numbers, and the power transform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.clustering.exact import expm1, log, log1p

# The fitted attributes of scikit-learn's scalers that are kept; all of them plain numbers.
FITTED: dict[str, tuple[str, ...]] = {
    "none": (),
    "standard": ("mean_", "scale_", "var_", "n_features_in_"),
    "minmax": ("min_", "scale_", "data_min_", "data_max_", "n_features_in_"),
    "robust": ("center_", "scale_", "n_features_in_"),
    "quantile": ("quantiles_", "references_", "n_quantiles_", "n_features_in_"),
}


def estimator_of(name: str, **options: int) -> Any:
    """scikit-learn's scaler of a name in ``FITTED`` (none has none); `options` are ``n_quantiles`` of quantile."""
    # Here and not at the top: a process that only hands cells to others needs none of it, and it takes more than a second.
    from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

    if name == "quantile":
        # subsample=None: landmarks from all customers, so that no random choice enters
        # uniform: a normal output would push the many customers who share the lowest value (no coupon, say) far away
        return QuantileTransformer(n_quantiles=options["n_quantiles"], output_distribution="uniform", subsample=None)
    return {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}[name]()


def apply_scaler(method: str, Z: NDArray[np.float64], fitted: Mapping[str, Any], prefix: str) -> NDArray[np.float64]:
    """Scale columns by a scaler's fitted numbers: what scikit-learn's transform() gives, to the last bit.

    Written out, since of a single row scikit-learn's checks take fifty times as long as the two operations.

    Parameters
    ----------
    method : str
        A name in ``FITTED``, not none.
    Z : ndarray of shape (n, n_columns)
    fitted : mapping
        The fitted numbers by name.
    prefix : str
        Before each of these names.

    Returns
    -------
    ndarray of shape (n, n_columns)

    Examples
    --------
    >>> apply_scaler("standard", np.array([[3.0]]), {"mean_": [1.0], "scale_": [4.0]}, "").tolist()
    [[0.5]]
    """
    if method == "quantile":
        from sklearn import config_context

        estimator = estimator_of(method, n_quantiles=int(fitted["n_quantiles_"]))
        for name in FITTED[method]:
            setattr(estimator, name, _numbers(fitted[name]))
        with config_context(assume_finite=True):  # whoever asked says what overflowed
            return np.asarray(estimator.transform(Z), dtype=np.float64)
    middle = {"minmax": "min_", "robust": "center_", "standard": "mean_"}[method]
    scale, at = (np.array(fitted[prefix + name], dtype=np.float64) for name in ("scale_", middle))
    scaled: NDArray[np.float64] = Z * scale + at if method == "minmax" else (Z - at) / scale
    return scaled


def yeo_johnson(X: NDArray[np.float64], lambdas: Sequence[float]) -> NDArray[np.float64]:
    """The power transform, each column with its own parameter; scikit-learn's has another last digit per processor.

    References
    ----------
    Yeo & Johnson (2000), A new family of power transformations, Biometrika 87, 954-959.

    Examples
    --------
    >>> yeo_johnson(np.array([[3.0, 3.0], [-1.0, 0.0]]), [1.0, 2.0]).round(12).tolist()
    [[3.0, 7.5], [-1.0, 0.0]]
    """
    # all columns in one go: of a single row, most of the time goes into the calls
    at = np.array(lambdas)
    if (X >= 0).all():  # as nearly always: the other side of zero costs as much again
        return _power(log1p(X), at)
    return np.where(X >= 0, _power(log1p(X.clip(min=0.0)), at), -_power(log1p(-X.clip(max=0.0)), 2.0 - at))


def _power(logs: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(at == 0, logs, expm1(at * logs) / np.where(at == 0, 1.0, at))


def straightening(column: NDArray[np.float64]) -> float:
    """The parameter with which a column comes nearest to a normal distribution (by maximum likelihood, as in scikit-learn), to four decimals."""
    from scipy.optimize import minimize_scalar

    slope = float((np.sign(column) * log1p(np.abs(column))).sum())

    def loss(at: float) -> float:
        variance = float(yeo_johnson(column[:, None], [float(at)]).var())
        if not np.finfo(np.float64).tiny < variance < np.inf:
            return np.inf
        return float(len(column) / 2 * log(np.array([variance]))[0]) - (at - 1) * slope

    return round(float(minimize_scalar(loss, bracket=(-2.0, 2.0)).x), 4)


def plain_numbers(value: Any) -> Any:
    """An array or NumPy's number as Python's own, ready for JSON; anything else as it is."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _numbers(value: Any) -> Any:
    return np.array(value, dtype=np.float64) if isinstance(value, list) else value
