"""Predictions against what happened. Comes in: outcomes, predictions, groups of customers. Goes out: scores, each with its bootstrap replicates.

Every score takes a matrix of weights, one row per replicate: a resample of the customers is how often each was drawn, so that all
replicates of a score are a few matrix operations, and all models are measured on the same resamples (their differences are paired).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest, norm
from sklearn.linear_model import LogisticRegression

from segments.clustering.exact import log

Floats = NDArray[np.float64]
Score = Callable[[Floats, Floats, Floats], Floats]

CALIBRATION_BINS = 10
LEAST = 0.01  # of the mean: what a smaller forecast of money is scored as
BLOCK = 5_000_000  # weights held at once
Z = float(norm.ppf(0.975))


def bootstrap(
    actual: Floats,
    predictions: Mapping[str, Floats],
    scores: Mapping[str, Score],
    groups: Mapping[str, NDArray[np.bool_]],
    replicates: int,
    seed: int,
) -> dict[tuple[str, str, str], Floats]:
    """Score every prediction in every group, on the customers as they are and on resamples of them.

    Parameters
    ----------
    actual : ndarray of shape (n_customers,)
        What happened.
    predictions : mapping of str to ndarray of shape (n_customers,)
        By name.
    scores : mapping of str to callable
        ``CHURN_SCORES`` or ``VALUE_SCORES``.
    groups : mapping of str to ndarray of bool
        Which customers belong to each.
    replicates, seed : int
        Number of resamples, and what they are drawn from.

    Returns
    -------
    dict of (prediction, group, score) to ndarray of shape (1 + replicates,)
        The score itself first; NaN where it is not defined (no customer of one kind).

    Examples
    --------
    >>> y, p = np.array([0.0, 1.0]), {"m": np.array([0.2, 0.6])}
    >>> bootstrap(y, p, {"brier": brier}, {"all": np.array([True, True])}, 0, 0)["m", "all", "brier"].round(3).tolist()
    [0.1]
    """
    random, n = np.random.default_rng(seed), len(actual)
    found: dict[tuple[str, str, str], list[Floats]] = {}
    size = max(1, BLOCK // n)
    for start in range(0, 1 + replicates, size):
        count = min(size, 1 + replicates - start)
        weights = random.multinomial(n, np.full(n, 1 / n), size=count).astype(np.float64)
        if start == 0:
            weights[0] = 1.0
        for group, mask in groups.items():
            own, y = weights[:, mask], actual[mask]
            for name, prediction in predictions.items():
                for score, measure in scores.items():
                    with np.errstate(divide="ignore", invalid="ignore"):
                        found.setdefault((name, group, score), []).append(measure(y, prediction[mask], own))
    return {key: np.concatenate(parts) for key, parts in found.items()}


def interval(replicates: Floats) -> tuple[float, float]:
    """The middle 95 % of bootstrap replicates; NaN when more than one in twenty is not defined.

    Examples
    --------
    >>> interval(np.arange(201.0))
    (5.0, 195.0)
    """
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < max(2, 0.95 * len(replicates)):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)


# --- churn: 1 happened, 0 did not; the prediction is a probability -----------------------------------------------------


def roc_auc(y: Floats, p: Floats, weights: Floats) -> Floats:
    """Chance that one who left was ranked above one who stayed, ties counting half."""
    left, stayed = _sums(p, weights, y, 1 - y)
    below = np.cumsum(stayed, axis=1) - stayed / 2
    return _ratio((left * below).sum(axis=1), left.sum(axis=1) * stayed.sum(axis=1))


def average_precision(y: Floats, p: Floats, weights: Floats) -> Floats:
    """Mean share of leavers among those ranked at least as high as each leaver; equal predictions are one step."""
    left, everyone = _sums(-p, weights, y, np.ones_like(y))
    precision = np.cumsum(left, axis=1) / np.maximum(np.cumsum(everyone, axis=1), 1e-300)
    return _ratio((left * precision).sum(axis=1), left.sum(axis=1))


def brier(y: Floats, p: Floats, weights: Floats) -> Floats:
    """Mean squared difference of probability and outcome."""
    return _ratio(_total(weights, (p - y) ** 2), weights.sum(axis=1))


def calibration_error(y: Floats, p: Floats, weights: Floats) -> Floats:
    """Expected calibration error: mean distance of predicted and observed share over ten groups of equally many, by rising prediction."""
    bins, off = _bin(p), p - y
    distances = [np.abs(_total(weights, np.where(bins == own, off, 0.0))) for own in range(CALIBRATION_BINS)]
    return _ratio(np.sum(distances, axis=0), weights.sum(axis=1))


# --- value: money; the prediction is money ------------------------------------------------------------------------------


def absolute_error(y: Floats, p: Floats, weights: Floats) -> Floats:
    """Mean absolute difference, in money."""
    return _ratio(_total(weights, np.abs(p - y)), weights.sum(axis=1))


def poisson_deviance(y: Floats, p: Floats, weights: Floats) -> Floats:
    """How far forecasts of a mean are from what came, in money: least, on average, for the true mean; absolute error is least for the median.

    In money like what it measures, so that another currency changes no order of models. A forecast of nothing for somebody who then buys would be
    infinitely wrong; what is less than a hundredth of the customers' mean is scored as that hundredth.

    References
    ----------
    Gneiting (2011), Making and evaluating point forecasts, Journal of the American Statistical Association 106:746.
    """
    least = LEAST * float(y.mean()) if len(y) else 0.0
    ahead = np.maximum(p, least)
    bought = y > 0
    ratio = np.where(bought, y, 1.0) / np.where(bought & (ahead > 0), ahead, 1.0)
    return _ratio(_total(weights, 2 * (np.where(bought, y * log(ratio), 0.0) - (y - ahead))), weights.sum(axis=1))


def spearman(y: Floats, p: Floats, weights: Floats) -> Floats:
    """Rank correlation of predicted and actual, ties sharing their mean rank."""
    total = weights.sum(axis=1, keepdims=True)
    a, b = (_ranks(values, weights) - (total + 1) / 2 for values in (y, p))
    both = (weights * a * b).sum(axis=1)
    return _ratio(both, np.sqrt((weights * a**2).sum(axis=1) * (weights * b**2).sum(axis=1)))


def decile_lift(y: Floats, p: Floats, weights: Floats) -> Floats:
    """Mean money of the tenth that was ranked highest, over everybody's mean; who ties at its edge counts in part."""
    money, people = _sums(-p, weights, y, np.ones_like(y))
    total = people.sum(axis=1, keepdims=True)
    before = np.cumsum(people, axis=1) - people
    share = np.clip((total / 10 - before) / np.maximum(people, 1e-300), 0, 1)
    return _ratio((money * share).sum(axis=1) * 10, money.sum(axis=1))


def total_ratio(y: Floats, p: Floats, weights: Floats) -> Floats:
    """Predicted total over actual total: 1 is right on the whole."""
    return _ratio(_total(weights, p), _total(weights, y))


CHURN_SCORES: dict[str, Score] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "brier": brier,
    "calibration_error": calibration_error,
}
VALUE_SCORES: dict[str, Score] = {
    "poisson_deviance": poisson_deviance,
    "mae": absolute_error,
    "spearman": spearman,
    "decile_lift": decile_lift,
    "total_ratio": total_ratio,
}


# --- calibration ---------------------------------------------------------------------------------------------------------


def calibration_bins(actual: Floats, predicted: Floats, *, shares: bool) -> pd.DataFrame:
    """Predicted against observed in ten groups of equally many, by rising prediction.

    Parameters
    ----------
    actual, predicted : ndarray of shape (n_customers,)
        Outcome and prediction.
    shares : bool
        Whether outcomes are 0 or 1: the interval is then Wilson's, otherwise the mean's normal one.

    Returns
    -------
    DataFrame
        ``customers, predicted, observed, low, high`` (95 %) per group that is not empty.

    Examples
    --------
    >>> calibration_bins(np.array([0.0, 0.0]), np.array([0.1, 0.3]), shares=True)[["predicted", "observed", "high"]].round(3).values.tolist()
    [[0.1, 0.0, 0.793], [0.3, 0.0, 0.793]]
    """
    bins = pd.DataFrame({"predicted": predicted, "actual": actual}).groupby(_bin(predicted))
    n, observed = bins.size().to_numpy(), bins["actual"].mean().to_numpy()
    if shares:
        counts = zip(bins["actual"].sum().astype(int), n, strict=True)
        limits = [binomtest(left, customers).proportion_ci(method="wilson") for left, customers in counts]
        low, high = np.array(limits).T
    else:
        half = Z * np.nan_to_num(bins["actual"].std(ddof=1).to_numpy()) / np.sqrt(n)
        low, high = observed - half, observed + half
    return pd.DataFrame(
        {
            "customers": n,
            "predicted": bins["predicted"].mean().to_numpy(),
            "observed": observed,
            "low": low,
            "high": high,
        }
    )


def calibration_line(churned: Floats, risk: Floats) -> tuple[float, float] | None:
    """Cox's calibration slope and intercept: logit(observed) = intercept + slope x logit(predicted); 1 and 0 are right.

    Parameters
    ----------
    churned, risk : ndarray of shape (n_customers,)
        Outcome (0 or 1) and probability.

    Returns
    -------
    (float, float) or None
        Slope and intercept; ``None`` when one kind of outcome or of prediction is missing.

    References
    ----------
    Cox (1958), Two further applications of a model for binary regression, Biometrika 45:562.
    """
    inside = np.clip(risk, 1e-9, 1 - 1e-9)
    logit = log(inside / (1 - inside))
    if len(np.unique(churned)) < 2 or np.ptp(logit) < 1e-9:
        return None
    line = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=1000).fit(logit[:, None], churned)
    return round(float(line.coef_[0, 0]), 6), round(float(line.intercept_[0]), 6)


# --- inside -------------------------------------------------------------------------------------------------------------


def _sums(by: Floats, weights: Floats, *values: Floats) -> list[Floats]:
    """Weighted sums of each value over customers of equal `by`, ascending: one column per different one."""
    order = np.argsort(by, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(by[order]) > 0])
    return [np.add.reduceat(weights[:, order] * value[order], starts, axis=1) for value in values]


def _total(weights: Floats, values: Floats) -> Floats:
    """Weighted sum of each resample; no matrix product, whose last digit is the processor's."""
    return np.asarray((weights * values).sum(axis=1))


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Mean rank of each customer in each resample."""
    [people] = _sums(values, weights, np.ones(len(values)))
    middle = np.cumsum(people, axis=1) - people + (people + 1) / 2
    return middle[:, np.unique(values, return_inverse=True)[1]]


def _bin(p: Floats) -> NDArray[np.int64]:
    """Which tenth a prediction is in; equal predictions share one."""
    ranks = np.searchsorted(np.sort(p), p, side="left")
    return (ranks * CALIBRATION_BINS // len(p)).astype(np.int64)


def _ratio(upper: Floats, lower: Floats) -> Floats:
    return np.where(lower > 0, upper / np.where(lower > 0, lower, 1.0), np.nan)
