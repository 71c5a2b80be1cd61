"""Customers at a cutoff -> churn risk and expected value. Comes in: a snapshot with a known outcome, and what to fit. Goes out: a function of any later snapshot.

Three ways to use segments: one *global* model, the *segment as a feature* of it, one model *per segment*. Baselines and BTYD models
know no segments.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, TweedieRegressor
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler

from segments.clustering.exact import log1p, significant
from segments.config.prediction import PredictionConfig, PredictionModel
from segments.forecast.btyd import (
    DAYS_PER_WEEK,
    expected_money,
    expected_purchases,
    fit_money,
    fit_purchases,
    silent,
)

Floats = NDArray[np.float64]
Predictor = Callable[["Snapshot"], Floats]
Learned = dict[Hashable, Any]  # what was learned of one snapshot

OUTCOMES = ("churn", "value")
CONSTANT = "constant"  # a model of nothing: the same of everybody
GLOBAL, FEATURE, PER_SEGMENT = "global", "segment as feature", "per segment"
FOLDS = 5  # of the calibration
# What is learned is searched for to a much finer tolerance than it is kept with, so that it is the same on every processor: no search and no sum
# of floats ends at the same last digits on all of them.
KEPT_DIGITS = 6
TIGHT: dict[str, Any] = {"solver": "newton-cholesky", "tol": 1e-10, "max_iter": 1000}


@dataclass(frozen=True)
class Snapshot:
    """What was known of every customer at a cutoff, and, when it is known by now, what they did next.

    Parameters
    ----------
    cutoff : date
        The last day that is known.
    customer_id : ndarray of shape (n,)
        Everybody who bought something by then.
    inputs : DataFrame of shape (n, ...)
        Columns the models may use, float64.
    segment : ndarray of shape (n,)
        Cluster by the chosen segmentation, refitted on that day.
    btyd : DataFrame of shape (n, ...)
        From :func:`segments.forecast.btyd.btyd_table`.
    spend : ndarray of shape (n,), optional
        Money spent in the horizon after the cutoff.
    churned : ndarray of shape (n,), optional
        1.0 where nothing was bought in it.
    """

    cutoff: date
    customer_id: NDArray[np.object_]
    inputs: pd.DataFrame
    segment: NDArray[np.int32]
    btyd: pd.DataFrame
    spend: Floats | None = None
    churned: Floats | None = None

    def outcome(self, name: str) -> Floats:
        """What happened: ``churn`` (0 or 1) or ``value`` (money)."""
        found = self.churned if name == "churn" else self.spend
        assert found is not None, "the time after this cutoff is not known yet"
        return found

    def only(self, rows: NDArray[np.bool_]) -> Snapshot:
        """Some of the customers."""
        return replace(
            self,
            customer_id=self.customer_id[rows],
            inputs=self.inputs[rows],
            segment=self.segment[rows],
            btyd=self.btyd[rows],
            spend=None if self.spend is None else self.spend[rows],
            churned=None if self.churned is None else self.churned[rows],
        )


def variants(model: PredictionModel) -> tuple[str, ...]:
    """The ways a model can use segments.

    Examples
    --------
    >>> variants(PredictionModel("recency", kind="recency"))
    ('global',)
    """
    return (GLOBAL, FEATURE, PER_SEGMENT) if model.kind in ("linear", "boosting") else (GLOBAL,)


def fit(
    model: PredictionModel,
    variant: str,
    outcome: str,
    train: Snapshot,
    config: PredictionConfig,
    known: Learned | None = None,
) -> tuple[Predictor, list[str]]:
    """Fit one model for one outcome.

    Parameters
    ----------
    model : PredictionModel
        A member of ``conf/prediction_model/``.
    variant : str
        One of :func:`variants`.
    outcome : {"churn", "value"}
        What is predicted.
    train : Snapshot
        Its outcome is known.
    config : PredictionConfig
        Horizon, seed, and the smallest group a model is fitted on.
    known : dict, optional
        What was learned of this snapshot already, which other variants and the other outcome need too; more is put there.

    Returns
    -------
    callable
        From a snapshot to one prediction per customer: a risk to six decimals, money to six digits and at most :func:`most_seen`.
    list of str
        What fell back to something simpler, and why, in words.

    Raises
    ------
    DataError
        If a BTYD model cannot be fitted on these customers.
    """
    exact, notes = _fitted(model, variant, outcome, train, config, {} if known is None else known)

    def rounded(snapshot: Snapshot) -> Floats:
        made = exact(snapshot)
        if outcome == "churn":
            return made.round(KEPT_DIGITS)
        return np.minimum(significant(made, KEPT_DIGITS), most_seen(train, snapshot))

    return rounded, notes


def most_seen(train: Snapshot, now: Snapshot) -> float:
    """The most that anybody spent in the horizon after the one snapshot, or before the other: no data support a forecast above it.

    Parameters
    ----------
    train : Snapshot
        What was learned from.
    now : Snapshot
        What is foreseen.
    """
    return max(float(train.outcome("value").max()), float(now.inputs["recent_spend"].max()))


def _fitted(
    model: PredictionModel, variant: str, outcome: str, train: Snapshot, config: PredictionConfig, known: Learned
) -> tuple[Predictor, list[str]]:
    whole = too_few(train, outcome, config)
    if whole and model.kind != "btyd":
        return constant(train.outcome(outcome), outcome), [f"{whole}: everybody gets the same prediction"]
    if model.kind in ("linear", "boosting"):
        marked = variant == FEATURE
        everybody = _once(
            known, (model, outcome, marked), lambda: _learn(model, outcome, train, config, with_segments=marked)
        )
        if variant != PER_SEGMENT:
            return everybody, []
        return _per_segment(model, outcome, train, config, everybody)
    if model.kind == "btyd":
        return _btyd(model, outcome, train, config, known)
    return {"recency": _recency, "last_period": _last_period}[model.kind](model, outcome, train, config)


def _once(known: Learned, key: Hashable, learn: Callable[[], Any]) -> Any:
    if key not in known:
        known[key] = learn()
    return known[key]


def too_few(train: Snapshot, outcome: str, config: PredictionConfig) -> str:
    """Why these customers are too few to learn an outcome from, or nothing."""
    happened = train.outcome(outcome) > 0
    events = int(happened.sum()) if outcome == "value" else int(min(happened.sum(), (~happened).sum()))
    if len(happened) < config.min_customers:
        return f"{len(happened)} customers"
    if events < config.min_events:
        kind = (
            "buyers"
            if outcome == "value"
            else "customers who left"
            if happened.sum() == events
            else "customers who stayed"
        )
        return f"{events} {kind} among {len(happened)} customers"
    return ""


# --- what is fitted -----------------------------------------------------------------------------------------------------


def constant(actual: Floats, outcome: str) -> Predictor:
    """What happened on average, said of everybody: a forecast must be better than that.

    Parameters
    ----------
    actual : ndarray of shape (n,)
        What happened.
    outcome : {"churn", "value"}
        What it is.

    Returns
    -------
    callable
        From a snapshot to one prediction per customer, all the same.
    """
    # A share of none or of all is taken for nearly so: (n + 1) / (N + 2), Laplace's rule of succession.
    level = (
        (actual.sum() + 1) / (len(actual) + 2) if outcome == "churn" else float(actual.mean()) if len(actual) else 0.0
    )
    return lambda snapshot: np.full(len(snapshot.inputs), float(level))


def _learn(
    model: PredictionModel, outcome: str, train: Snapshot, config: PredictionConfig, *, with_segments: bool
) -> Predictor:
    k = int(train.segment.max()) + 1 if with_segments else 0
    y = train.outcome(outcome)
    unit = (
        1.0 if outcome == "churn" else float(y.mean())
    )  # money in units of its mean: penalties mean the same in any currency
    X = _matrix(train, k)
    learned = (_linear if model.kind == "linear" else _boosting)(model, outcome, X, y / unit, config.seed)
    # Nothing was learned beyond these figures: on the logarithmic scale of money a line goes on there to any height.
    lowest, highest = X.min(axis=0), X.max(axis=0)
    return lambda snapshot: learned(np.clip(_matrix(snapshot, k), lowest, highest)) * unit


def _matrix(snapshot: Snapshot, k: int) -> Floats:
    one_hot = snapshot.segment[:, None] == np.arange(k)
    return np.hstack([snapshot.inputs.to_numpy(dtype=np.float64), one_hot])


def _linear(model: PredictionModel, outcome: str, X: Floats, y: Floats, seed: int) -> Callable[[Floats], Floats]:
    scaler = StandardScaler().fit(signed_log(X))
    if outcome == "churn":
        line = _kept(LogisticRegression(C=1 / model.penalty, **TIGHT).fit(scaler.transform(signed_log(X)), y))
        return lambda X: line.predict_proba(scaler.transform(signed_log(X)))[:, 1]
    # compound Poisson-gamma: a lump at nothing, a long tail of money, and a mean that is never negative
    money = TweedieRegressor(power=1.5, link="log", alpha=model.penalty / len(y), **TIGHT)
    line = _kept(money.fit(scaler.transform(signed_log(X)), y))
    return lambda X: line.predict(scaler.transform(signed_log(X)))


def _kept(line: Any) -> Any:
    """A fitted line with the digits that are kept."""
    line.coef_, line.intercept_ = np.round(line.coef_, KEPT_DIGITS), np.round(line.intercept_, KEPT_DIGITS)
    return line


def _boosting(model: PredictionModel, outcome: str, X: Floats, y: Floats, seed: int) -> Callable[[Floats], Floats]:
    settings = {
        "max_iter": model.iterations,
        "learning_rate": model.learning_rate,
        "max_leaf_nodes": model.leaves,
        "early_stopping": False,
        "random_state": seed,
    }
    if outcome == "value":
        trees: Callable[[Floats], Floats] = HistGradientBoostingRegressor(loss="poisson", **settings).fit(X, y).predict
        return trees
    classifier = HistGradientBoostingClassifier(**settings)
    # Leavers are few: one curve from all out-of-fold predictions is steadier than one per fold.
    line = platt_line(cross_val_predict(classifier, X, y, cv=FOLDS, method="decision_function"), y)
    classifier.fit(X, y)
    return lambda X: line.predict_proba(classifier.decision_function(X)[:, None])[:, 1]


def platt_line(scores: Floats, happened: Floats) -> LogisticRegression:
    """Line from scores to chances, by Platt's scaling; scikit-learn has it too, but ends its search where the last digits are any.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Larger means more likely; of customers the scoring model had not seen.
    happened : ndarray of shape (n,)
        1.0 or 0.0.

    Returns
    -------
    LogisticRegression
        Of one input, the score.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines: the targets are a little inside 0 and 1.

    Examples
    --------
    >>> line = platt_line(np.array([-2.0, -1.0, 0.5, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    >>> line.predict_proba(np.array([[-2.0], [1.0]]))[:, 1].round(2).tolist()
    [0.19, 0.77]
    """
    events = happened.sum()
    target = np.where(happened > 0, (events + 1) / (events + 2), 1 / (len(happened) - events + 2))
    line = LogisticRegression(C=np.inf, **TIGHT)
    both, kind = np.concatenate([scores, scores])[:, None], np.repeat([1, 0], len(scores))
    return _kept(line.fit(both, kind, sample_weight=np.concatenate([target, 1 - target])))


def signed_log(X: Floats) -> Floats:
    """``log1p`` that keeps the sign, for columns with long tails on either side."""
    logs: Floats = np.sign(X) * log1p(np.abs(X))
    return logs


def _per_segment(
    model: PredictionModel, outcome: str, train: Snapshot, config: PredictionConfig, everybody: Predictor
) -> tuple[Predictor, list[str]]:
    own: dict[int, Predictor] = {}
    notes = []
    for segment in sorted(set(train.segment.tolist())):
        members = train.only(train.segment == segment)
        if why := too_few(members, outcome, config):
            notes.append(f"segment {segment} uses the global model, it has only {why}")
        else:
            own[segment] = _learn(model, outcome, members, config, with_segments=False)

    def predict(snapshot: Snapshot) -> Floats:
        made = everybody(snapshot)
        for segment, predictor in own.items():
            rows = snapshot.segment == segment
            if rows.any():
                made[rows] = predictor(snapshot.only(rows))
        return made

    return predict, notes


def _recency(
    model: PredictionModel, outcome: str, train: Snapshot, config: PredictionConfig
) -> tuple[Predictor, list[str]]:
    def alone(snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, inputs=snapshot.inputs[["recency_days"]])

    line = _learn(replace(model, kind="linear"), outcome, alone(train), config, with_segments=False)
    return lambda snapshot: line(alone(snapshot)), []


def _last_period(
    model: PredictionModel, outcome: str, train: Snapshot, config: PredictionConfig
) -> tuple[Predictor, list[str]]:
    if outcome == "value":
        return lambda snapshot: snapshot.inputs["recent_spend"].to_numpy(dtype=np.float64), []
    bought, churned = train.inputs["recent_days"].to_numpy() > 0, train.outcome("churn")
    rates = [(churned[rows].sum() + 1) / (rows.sum() + 2) for rows in (~bought, bought)]
    return lambda snapshot: np.where(snapshot.inputs["recent_days"].to_numpy() > 0, rates[1], rates[0]), []


def _btyd(
    model: PredictionModel, outcome: str, train: Snapshot, config: PredictionConfig, known: Learned
) -> tuple[Predictor, list[str]]:
    # These models learn from the purchases up to the cutoff alone: the outcome after it is not looked at.
    weeks = config.horizon_days / DAYS_PER_WEEK
    purchases = _once(known, (model, "purchases"), lambda: fit_purchases(train.btyd, model.purchases))
    notes = [f"the data do not pin down {', '.join(purchases.at_bound)} of {model.name}"] if purchases.at_bound else []
    if outcome == "churn":
        return lambda snapshot: silent(purchases, snapshot.btyd, weeks), notes
    money = fit_money(train.btyd)
    return (
        lambda snapshot: expected_purchases(purchases, snapshot.btyd, weeks) * expected_money(money, snapshot.btyd),
        notes,
    )
