"""Models of churn and value: what they learn, what segments do to them, and what happens when there is too little to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, TweedieRegressor
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from segments.config.prediction import PredictionConfig, PredictionModel
from segments.forecast import models
from segments.forecast.models import (
    FEATURE,
    GLOBAL,
    PER_SEGMENT,
    Snapshot,
    fit,
    most_seen,
    platt_line,
    signed_log,
    too_few,
    variants,
)

CONFIG = PredictionConfig(models=["linear"], min_customers=50, min_events=10)
MODELS = {
    "recency": PredictionModel("recency", "recency"),
    "last_period": PredictionModel("last_period", "last_period"),
    "linear": PredictionModel("linear", "linear"),
    "boosting": PredictionModel("boosting", "boosting", iterations=30),
    "mbg_nbd": PredictionModel("mbg_nbd", "btyd"),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in the stage; and threads that wait for one another are slow on a busy machine."""
    with threadpool_limits(limits=1):
        yield


def snapshot(seed: int = 0, n: int = 600, opposite: bool = False) -> Snapshot:
    """Two segments; with `opposite`, recency means the opposite in the second one."""
    random = np.random.default_rng(seed)
    segment = (np.arange(n) % 2).astype(np.int32)
    recency = random.uniform(0, 60, n)
    pull = np.where(opposite & (segment == 1), 60 - recency, recency)
    churned = (random.random(n) < 1 / (1 + np.exp(-(pull - 40) / 8))).astype(float)
    spend = np.where(churned == 1, 0.0, random.gamma(2.0, (70 - pull) / 2))
    inputs = {"recency_days": recency, "recent_days": (60 - recency) // 10, "recent_spend": random.gamma(2, 20, n)}
    x = random.poisson(5, n).astype(float)
    btyd = pd.DataFrame(
        {"frequency": x, "recency": np.where(x > 0, 20 - recency / 7, 0), "T": 20.0, "monetary_value": 10.0 + x}
    )
    ids = np.array([str(i) for i in range(n)], dtype=object)
    return Snapshot(date(2024, 1, 1), ids, pd.DataFrame(inputs), segment, btyd, spend, churned)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("outcome", ["churn", "value"])
def test_every_model_answers_one_sound_number_per_customer(name: str, outcome: str) -> None:
    train, later = snapshot(), snapshot(1)
    for variant in variants(MODELS[name]):
        predictor, _ = fit(MODELS[name], variant, outcome, train, CONFIG)
        made = predictor(later)
        assert made.shape == (600,) and np.isfinite(made).all() and (made >= 0).all()
        assert (made <= (1 if outcome == "churn" else most_seen(train, later))).all()
        assert made.tolist() == predictor(later).tolist()


@pytest.mark.slow
def test_what_variants_and_outcomes_share_is_learned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    train, later, known = snapshot(), snapshot(1), dict[Any, Any]()
    alone = fit(MODELS["linear"], PER_SEGMENT, "churn", train, CONFIG)[0](later)
    bought = fit(MODELS["mbg_nbd"], GLOBAL, "value", train, CONFIG)[0](later)
    fit(MODELS["linear"], GLOBAL, "churn", train, CONFIG, known)
    fit(MODELS["mbg_nbd"], GLOBAL, "churn", train, CONFIG, known)
    groups, learn = [], models._learn
    monkeypatch.setattr(
        models, "_learn", lambda *own, **more: groups.append(len(own[2].segment)) or learn(*own, **more)
    )
    monkeypatch.setattr(models, "fit_purchases", None)
    assert fit(MODELS["linear"], PER_SEGMENT, "churn", train, CONFIG, known)[0](later).tolist() == alone.tolist()
    assert fit(MODELS["mbg_nbd"], GLOBAL, "value", train, CONFIG, known)[0](later).tolist() == bought.tolist()
    assert groups == [300, 300], "each segment, and not everybody once more"


@pytest.mark.parametrize("name", ["recency", "linear", "boosting"])
def test_what_is_there_is_learned(name: str) -> None:
    train, later = snapshot(), snapshot(1)
    risk = fit(MODELS[name], GLOBAL, "churn", train, CONFIG)[0](later)
    assert roc_auc_score(later.churned, risk) > 0.85
    assert risk.mean() == pytest.approx(later.churned.mean(), abs=0.04), "calibrated on the whole"
    value = fit(MODELS[name], GLOBAL, "value", train, CONFIG)[0](later)
    assert value.sum() == pytest.approx(later.spend.sum(), rel=0.1), "a mean: totals can be added up"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "boosting"])
def test_segments_are_used_where_they_tell_something(name: str) -> None:
    """A linear model cannot turn a slope round by adding a column; one per segment can."""
    train, later = snapshot(opposite=True), snapshot(1, opposite=True)
    scores = {
        variant: roc_auc_score(later.churned, fit(MODELS[name], variant, "churn", train, CONFIG)[0](later))
        for variant in variants(MODELS[name])
    }
    assert scores[PER_SEGMENT] > scores[GLOBAL] + 0.2
    assert (scores[FEATURE] > scores[GLOBAL] + 0.2) == (name == "boosting")


def test_a_segment_of_one_kind_uses_the_global_model_and_says_so() -> None:
    train = snapshot()
    train.churned[train.segment == 1] = 0.0
    predictor, notes = fit(MODELS["linear"], PER_SEGMENT, "churn", train, CONFIG)
    assert notes == ["segment 1 uses the global model, it has only 0 customers who left among 300 customers"]
    whole = fit(MODELS["linear"], GLOBAL, "churn", train, CONFIG)[0](train)
    made = predictor(train)
    assert made[train.segment == 1].tolist() == whole[train.segment == 1].tolist()
    assert made[train.segment == 0].tolist() != whole[train.segment == 0].tolist()


def test_a_segment_unknown_when_learning_uses_the_global_model() -> None:
    train = snapshot()
    later = snapshot(1)
    later.segment[:] = 7
    made = fit(MODELS["linear"], PER_SEGMENT, "churn", train, CONFIG)[0](later)
    assert made.tolist() == fit(MODELS["linear"], GLOBAL, "churn", train, CONFIG)[0](later).tolist()
    assert len(fit(MODELS["linear"], FEATURE, "churn", train, CONFIG)[0](later)) == 600


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "mbg_nbd"])
def test_no_forecast_of_money_is_above_what_anybody_spent(name: str) -> None:
    """Each figure is one that was learned, both together never were: on a logarithmic scale they multiply; so do orders and money of each."""
    train = snapshot()
    one = np.arange(600) % 2 == 0
    size = np.linspace(0, 20, 600)
    inputs = train.inputs.assign(recent_days=np.where(one, size, 0.0), recent_spend=np.where(one, 0.0, size))
    train = replace(train, inputs=inputs, spend=(1 + size) ** 2)
    far = replace(train, inputs=inputs.assign(recent_days=20.0, recent_spend=20.0))
    far.btyd["frequency"], far.btyd["recency"], far.btyd["monetary_value"] = 40.0, 20.0, 500.0
    assert fit(MODELS[name], GLOBAL, "value", train, CONFIG)[0](far).max() == most_seen(train, far) == 441.0


def test_nobody_left_gives_a_small_risk_for_all() -> None:
    train = snapshot()
    train.churned[:] = 0.0
    for name in ("recency", "linear", "boosting", "last_period"):
        predictor, notes = fit(MODELS[name], GLOBAL, "churn", train, CONFIG)
        assert np.unique(predictor(train)).tolist() == [round(1 / 602, 6)]
        assert notes == ["0 customers who left among 600 customers: everybody gets the same prediction"]


@pytest.mark.parametrize(
    ("customers", "left", "why"),
    [(600, 100, ""), (40, 20, "40 customers"), (600, 9, "9 customers who left"), (600, 595, "5 customers who stayed")],
)
def test_when_it_is_too_few(customers: int, left: int, why: str) -> None:
    train = snapshot(n=customers)
    train.churned[:] = 0.0
    train.churned[:left] = 1.0
    assert too_few(train, "churn", CONFIG).startswith(why)
    assert bool(too_few(train, "churn", CONFIG)) == bool(why)


def test_the_baselines_are_what_they_are_called() -> None:
    train, later = snapshot(), snapshot(1)
    last = fit(MODELS["last_period"], GLOBAL, "value", train, CONFIG)[0]
    np.testing.assert_allclose(last(later), later.inputs["recent_spend"], rtol=5e-6)
    risk = fit(MODELS["last_period"], GLOBAL, "churn", train, CONFIG)[0](later)
    gone = train.inputs["recent_days"].to_numpy() == 0
    assert set(risk) == {round((train.churned[rows].sum() + 1) / (rows.sum() + 2), 6) for rows in (gone, ~gone)}
    later.inputs["recent_spend"] = 0.0
    alone = fit(MODELS["recency"], GLOBAL, "churn", train, CONFIG)[0]
    assert alone(later).tolist() == alone(snapshot(1)).tolist(), "recency alone"


def test_money_in_another_currency_is_the_same_prediction() -> None:
    train, later = snapshot(), snapshot(1)
    cents = snapshot()
    cents.spend[:] *= 100
    for name in ("linear", "boosting"):
        euros = fit(MODELS[name], GLOBAL, "value", train, CONFIG)[0](later)
        assert fit(MODELS[name], GLOBAL, "value", cents, CONFIG)[0](later) == pytest.approx(euros * 100, rel=1e-6)


@pytest.mark.slow
def test_a_buy_till_you_die_model_does_not_look_at_the_outcome() -> None:
    train, blind = snapshot(n=120), snapshot(n=120)
    blind.churned[:] = 1 - blind.churned
    blind.spend[:] = 1.0
    for outcome in ("churn", "value"):
        ours, theirs = (fit(MODELS["mbg_nbd"], GLOBAL, outcome, s, CONFIG)[0](train) for s in (train, blind))
        assert ours.tolist() == theirs.tolist()


def test_signed_log() -> None:
    assert signed_log(np.array([-1.0, 0.0, np.e - 1])).tolist() == pytest.approx([-np.log(2), 0.0, 1.0])


def test_platts_line_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=400)
    happened = (random.random(400) < 1 / (1 + np.exp(1 - 2 * scores))).astype(float)

    class Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """One that has learned all it will."""

        def fit(self, X: np.ndarray, y: np.ndarray) -> Given:
            self.classes_ = np.unique(y)
            return self

        def decision_function(self, X: np.ndarray) -> np.ndarray:
            return X[:, 0]

        def predict(self, X: np.ndarray) -> np.ndarray:
            return (X[:, 0] > 0).astype(float)

    theirs = CalibratedClassifierCV(Given(), method="sigmoid", ensemble=False).fit(scores[:, None], happened)
    np.testing.assert_allclose(
        platt_line(scores, happened).predict_proba(scores[:, None]), theirs.predict_proba(scores[:, None]), atol=1e-5
    )


def test_a_line_is_the_one_that_any_search_finds() -> None:
    """Of the same objective, by another optimiser."""
    train = snapshot()
    X = StandardScaler().fit_transform(signed_log(train.inputs.to_numpy()))
    model = MODELS["linear"]
    risk = fit(model, GLOBAL, "churn", train, CONFIG)[0](train)
    other = LogisticRegression(C=1 / model.penalty, tol=1e-9, max_iter=10_000).fit(X, train.churned)
    np.testing.assert_allclose(risk, other.predict_proba(X)[:, 1], atol=1e-5)
    unit = train.spend.mean()
    value = fit(model, GLOBAL, "value", train, CONFIG)[0](train)
    tweedie = TweedieRegressor(power=1.5, link="log", alpha=model.penalty / len(X), tol=1e-9, max_iter=10_000)
    np.testing.assert_allclose(value, tweedie.fit(X, train.spend / unit).predict(X) * unit, rtol=1e-4)
