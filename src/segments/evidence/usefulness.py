"""Segments and what their customers did next -> how much of it the segments tell. Comes in: labels, outcomes. Goes out: explained shares, with errors.

The segments know nothing of the time the outcomes are of. Each customer is predicted by the mean of their segment among *other* customers (ten folds), and the
share of the loss that this saves over the mean of everybody is what the segments explain: 0 for segments dealt out at random, 1 for those that tell all.
It is a share of the same outcomes of the same customers, whatever the segments were made of, so it compares feature sets, scalers and algorithms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.exact import log, significant
from segments.config.evidence import UsefulnessConfig
from segments.evidence.sensitivity import Partition

Floats = NDArray[np.float64]
# Customers fall into so many groups; leaving one out at a time gives the errors (the delete-a-group jackknife).
GROUPS = 100


class Outcome(NamedTuple):
    """What customers did in the time after.

    Parameters
    ----------
    name : str
        One of ``AHEAD``.
    rows : ndarray of int, shape (n_known,)
        Customers of whom it is known: a share of spend, of those who spent.
    values : ndarray of shape (n_known, n_parts)
        One column, or one for each department.
    loss : {"squares", "poisson", "bernoulli"}
        What is counted of a wrong mean: squared differences of money and shares, deviance of counts and of yes or no.
    """

    name: str
    rows: NDArray[np.intp]
    values: Floats
    loss: str


class Usefulness(NamedTuple):
    """How useful each segmentation is.

    Parameters
    ----------
    table : DataFrame
        One row per segmentation, in the order given: ``useful_<outcome>`` and ``useful_<outcome>_error`` each, ``usefulness`` (their weighted mean)
        and ``usefulness_error``. An error is a standard error, over the customers.
    without : DataFrame of shape (n_groups, n_segmentations)
        The usefulness of each without one group of the customers: two columns, compared by :func:`error_of`, tell the error of their difference.
    """

    table: pd.DataFrame
    without: pd.DataFrame


def outcomes_of(
    customers: pd.Series[str], ahead: pd.DataFrame, mix: pd.DataFrame, config: UsefulnessConfig
) -> tuple[list[Outcome], list[str]]:
    """What known customers did in the time after.

    Parameters
    ----------
    customers : Series of shape (n_customers,)
        Ids, in the order of the labels.
    ahead : DataFrame
        Features of that time alone, one row per customer who bought in it: ``monetary``, ``frequency`` and, where the log tells, ``discount_share``.
    mix : DataFrame
        The basket mix of that time (``spend_on_<department>``); only ids where the log tells no departments.
    config : UsefulnessConfig
        Which outcomes; money and visits are capped at its ``cap``.

    Returns
    -------
    list of Outcome
        Those that are known and differ between customers.
    list of str
        Why others are missing.

    Examples
    --------
    >>> ahead = pd.DataFrame({"customer_id": ["a"], "monetary": [9.0], "frequency": [2.0]})
    >>> found, notes = outcomes_of(pd.Series(["a", "b"]), ahead, ahead[["customer_id"]], UsefulnessConfig(cap=1))
    >>> {one.name: one.values.ravel().tolist() for one in found}
    {'spend': [9.0, 0.0], 'visits': [2.0, 0.0], 'churn': [0.0, 1.0]}
    >>> notes
    ['discount_share: the log tells none', 'category_mix: the log tells none']
    """
    came = customers.isin(ahead["customer_id"]).to_numpy()
    everybody, buyers = np.arange(len(customers)), np.flatnonzero(came)
    per_customer = ahead.set_index("customer_id").reindex(customers)
    parts = mix.set_index("customer_id").reindex(customers)

    def capped(name: str) -> Floats:
        values = per_customer[name].fillna(0.0).clip(lower=0.0).to_numpy(dtype=np.float64)
        return np.asarray(np.minimum(values, np.quantile(values, config.cap, method="inverted_cdf")))

    known: dict[str, tuple[NDArray[np.intp], Any, str]] = {
        "spend": (everybody, capped("monetary"), "squares"),
        "visits": (everybody, capped("frequency"), "poisson"),
        "churn": (everybody, ~came, "bernoulli"),
    }
    if "discount_share" in per_customer:
        known["discount_share"] = (buyers, per_customer["discount_share"].to_numpy()[buyers], "squares")
    if parts.shape[1]:
        known["category_mix"] = (buyers, parts.to_numpy()[buyers], "squares")
    found, notes = [], []
    for name in config.outcomes:
        if name not in known:
            notes.append(f"{name}: the log tells none")
            continue
        rows, values, loss = known[name]
        table = np.asarray(values, dtype=np.float64).reshape(len(rows), -1)
        if len(rows) < 2 or not (table != table[0]).any():
            notes.append(f"{name}: the same of all {len(rows)} customers")
            continue
        found.append(Outcome(name, rows, table, loss))
    return found, notes


def usefulness(labelings: Mapping[str, Partition], outcomes: Sequence[Outcome], config: UsefulnessConfig) -> Usefulness:
    """How much of each outcome each segmentation explains, measured on customers its means do not know.

    Parameters
    ----------
    labelings : mapping of str to ndarray of shape (n_customers,)
        Segment of each customer, by the segmentation's name.
    outcomes : sequence of Outcome
        From :func:`outcomes_of`.
    config : UsefulnessConfig
        Folds, seed, and how much each outcome counts.

    Returns
    -------
    Usefulness
        ``usefulness`` is the mean over the outcomes that count; missing where none of them is known.

    References
    ----------
    Kott (2001), The delete-a-group jackknife, Journal of Official Statistics 17.

    Examples
    --------
    >>> spend = Outcome("spend", np.arange(8), np.array([[1.0], [1], [1], [1], [9], [9], [9], [9]]), "squares")
    >>> halves, other = np.repeat([0, 1], 4), np.tile([0, 1], 4)
    >>> found = usefulness({"halves": halves, "other": other}, [spend], UsefulnessConfig(folds=4))
    >>> found.table["usefulness"].round(1).tolist()
    [0.9, -0.4]
    """
    n = max((len(labels) for labels in labelings.values()), default=0)
    groups = np.random.default_rng(config.seed).permutation(n) % GROUPS
    n_groups = min(GROUPS, n)
    weights = config.weight_of([one.name for one in outcomes])
    total = sum(weights.values())
    columns: dict[str, list[float]] = {}
    without: dict[str, Floats] = {}
    for name, labels in labelings.items():
        mean = mean_without = None
        for one in outcomes:
            value, rest = _explained(labels[one.rows], one, groups[one.rows], n_groups, config.folds)
            columns.setdefault(f"useful_{one.name}", []).append(value)
            columns.setdefault(f"useful_{one.name}_error", []).append(error_of(rest))
            if total:
                share = weights[one.name] / total
                mean = share * value + (0.0 if mean is None else mean)
                mean_without = share * rest + (0.0 if mean_without is None else mean_without)
        columns.setdefault("usefulness", []).append(np.nan if mean is None else mean)
        without[name] = np.full(n_groups, np.nan) if mean_without is None else mean_without
        columns.setdefault("usefulness_error", []).append(error_of(without[name]))
    table = pd.DataFrame({key: significant(values) for key, values in columns.items()}, index=list(labelings))
    return Usefulness(table, pd.DataFrame({name: significant(values) for name, values in without.items()}))


def error_of(without: Floats) -> float:
    """The standard error of a figure, of its values without one group of the customers each; of a difference, of the differences.

    Examples
    --------
    >>> error_of(np.array([1.0, 3.0]))
    1.0
    """
    n = len(without)
    return float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())) if n > 1 else float("nan")


def _explained(
    labels: Partition, outcome: Outcome, groups: NDArray[np.intp], n_groups: int, folds: int
) -> tuple[float, Floats]:
    """The explained share, and the same without each group."""
    fold = groups % folds
    lost, before = (
        np.bincount(groups, _losses(own, outcome, fold, folds), minlength=n_groups)
        for own in (labels, np.zeros_like(labels))
    )
    return float(1 - lost.sum() / before.sum()), 1 - (lost.sum() - lost) / (before.sum() - before)


def _losses(labels: Partition, outcome: Outcome, fold: NDArray[np.intp], folds: int) -> Floats:
    """What each customer's mean is wrong by: the mean of the segment over the customers of the other folds, and of one more who is as everybody."""
    k = int(labels.max()) + 1
    cells, y = fold * k + labels.astype(np.intp), outcome.values

    def others(weights: Floats | None) -> Floats:
        own = np.bincount(cells, weights, minlength=folds * k).reshape(folds, k)
        return np.asarray(own.sum(axis=0) - own, dtype=np.float64)

    counts = others(None)
    loss = np.zeros(len(y))
    for values in y.T:
        sums = others(values)
        everybody = (sums.sum(axis=1) / counts.sum(axis=1))[:, None]
        mean = ((sums + everybody) / (counts + 1))[fold, labels]
        if outcome.loss == "squares":
            loss += (values - mean) ** 2
        elif outcome.loss == "poisson":
            loss += 2 * (values * log(np.where(values > 0, values, 1.0) / mean) - (values - mean))
        else:
            loss -= 2 * log(np.where(values > 0, mean, 1 - mean))
    return loss
