"""Scores with weights: equal to scikit-learn's and SciPy's on the data themselves and on every resample."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    mean_absolute_error,
    mean_poisson_deviance,
    roc_auc_score,
)

from segments.action.intervals import wilson
from segments.forecast.holdout import (
    CHURN_SCORES,
    VALUE_SCORES,
    average_precision,
    bootstrap,
    brier,
    calibration_bins,
    calibration_error,
    calibration_line,
    decile_lift,
    interval,
    poisson_deviance,
    roc_auc,
    spearman,
    total_ratio,
)

ONES = np.ones((1, 4))


def sample(seed: int, n: int = 200, ties: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    p = random.random(n).round(1 if ties else 9)
    y = (random.random(n) < p).astype(float)
    return y, p, random.multinomial(n, np.full(n, 1 / n), size=5).astype(float)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_equal_to_the_libraries_on_every_resample(seed: int, ties: bool) -> None:
    y, p, weights = sample(seed, ties=ties)
    money = y * 10 + p.round(2)
    mae, deviance = VALUE_SCORES["mae"](money, p, weights), poisson_deviance(money, p + 0.5, weights)
    auc, precision, squares, ranks = (
        f(a, p, weights) for f, a in ((roc_auc, y), (average_precision, y), (brier, y), (spearman, money))
    )
    for i, w in enumerate(weights):
        assert auc[i] == pytest.approx(roc_auc_score(y, p, sample_weight=w), abs=1e-12)
        assert precision[i] == pytest.approx(average_precision_score(y, p, sample_weight=w), abs=1e-12)
        assert squares[i] == pytest.approx(brier_score_loss(y, p, sample_weight=w), abs=1e-12)
        assert deviance[i] == pytest.approx(mean_poisson_deviance(money, p + 0.5, sample_weight=w), abs=1e-12)
        assert mae[i] == pytest.approx(mean_absolute_error(money, p, sample_weight=w), abs=1e-12)
        drawn = np.repeat(np.arange(len(y)), w.astype(int))
        assert ranks[i] == pytest.approx(spearmanr(money[drawn], p[drawn]).statistic, abs=1e-12)


def test_lift_by_hand() -> None:
    y, p = np.arange(20.0), np.arange(20.0)
    assert decile_lift(y, p, np.ones((1, 20)))[0] == pytest.approx(18.5 / 9.5)
    assert decile_lift(y, np.zeros(20), np.ones((1, 20)))[0] == pytest.approx(1.0), "who ties, counts in part"
    assert total_ratio(y, 2 * y, np.ones((1, 20)))[0] == 2.0


def test_of_means_the_true_one_scores_best_and_a_median_does_not() -> None:
    y = np.array([0.0, 0.0, 0.0, 40.0])
    scores = {ahead: poisson_deviance(y, np.full(4, ahead), ONES)[0] for ahead in (10.0, 0.0, 20.0)}
    assert min(scores, key=lambda ahead: scores[ahead]) == 10.0
    assert VALUE_SCORES["mae"](y, np.zeros(4), ONES)[0] == VALUE_SCORES["mae"](y, np.full(4, 10.0), ONES)[0] - 5
    # nothing is scored as a hundredth of the mean, 0.1: 2 (40 log(40 / 0.1) - 40 + 0.1) of the buyer, 2 x 0.1 of the others
    assert scores[0.0] == pytest.approx((2 * (40 * np.log(400) - 39.9) + 3 * 0.2) / 4)
    assert poisson_deviance(np.zeros(4), np.zeros(4), ONES)[0] == 0.0, "nobody buys, as foreseen"


def test_calibration_error_by_hand() -> None:
    y, p = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.1, 0.6, 0.6])
    assert calibration_error(y, p, ONES)[0] == pytest.approx((0.1 + 0.4) / 2)


def test_one_kind_of_outcome_has_no_ranking() -> None:
    y, p = np.zeros(4), np.array([0.1, 0.2, 0.3, 0.4])
    assert np.isnan(roc_auc(y, p, ONES)).all()
    assert np.isnan(average_precision(y, p, ONES)).all()
    assert np.isnan(decile_lift(y, p, ONES)).all()
    assert np.isnan(spearman(y, p, ONES)).all()
    found = bootstrap(y, {"m": p}, CHURN_SCORES, {"all": y == 0}, 50, 0)
    assert np.isnan(interval(found["m", "all", "roc_auc"][1:])).all()
    assert not np.isnan(interval(found["m", "all", "brier"][1:])).any()


def test_an_interval_that_is_often_undefined_is_not_shown() -> None:
    assert np.isnan(interval(np.r_[np.full(10, np.nan), np.ones(90)])).all()
    assert interval(np.r_[np.full(4, np.nan), np.ones(96)]) == (1.0, 1.0)


def test_all_models_meet_the_same_resamples() -> None:
    y, p, _ = sample(3)
    found = bootstrap(y, {"a": p, "b": p + 0.1}, {"brier": brier}, {"all": y >= 0, "left": y == 1}, 40, 7)
    again = bootstrap(y, {"b": p + 0.1}, {"brier": brier}, {"all": y >= 0}, 40, 7)
    assert found["b", "all", "brier"].tolist() == again["b", "all", "brier"].tolist()
    gap = found["b", "all", "brier"] - found["a", "all", "brier"]
    assert gap.std() < found["a", "all", "brier"].std()
    assert found["a", "all", "brier"][0] == pytest.approx(brier_score_loss(y, p))


def test_blocks_of_resamples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    y, p, _ = sample(4)
    whole = bootstrap(y, {"a": p}, {"brier": brier}, {"all": y >= 0}, 40, 7)
    monkeypatch.setattr("segments.forecast.holdout.BLOCK", 1500)
    parts = bootstrap(y, {"a": p}, {"brier": brier}, {"all": y >= 0}, 40, 7)
    assert whole["a", "all", "brier"] == pytest.approx(parts["a", "all", "brier"], rel=1e-12)


def test_the_interval_covers() -> None:
    """Of 200 samples with a known mean, about 95 % have it inside."""
    random, inside = np.random.default_rng(0), 0
    for seed in range(200):
        y = random.exponential(1.0, 150)
        low, high = interval(
            bootstrap(y, {"a": y}, {"mean": lambda y, p, w: w @ y / w.sum(axis=1)}, {"all": y >= 0}, 300, seed)[
                "a", "all", "mean"
            ][1:]
        )
        inside += low <= 1.0 <= high
    assert 180 <= inside <= 198


def test_bins_of_equal_predictions_are_not_torn() -> None:
    p = np.r_[np.zeros(50), np.linspace(0.1, 1, 50)]
    bins = calibration_bins((p > 0.5).astype(float), p, shares=True)
    assert bins["customers"].iloc[0] == 50
    assert bins["customers"].sum() == 100
    assert (bins["low"] <= bins["observed"]).all() and (bins["observed"] <= bins["high"]).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 300))
def test_bins_of_shares_have_the_intervals_of_every_other_share(seed: int, n: int) -> None:
    y, p, _ = sample(seed, n=n)
    bins = calibration_bins(y, p, shares=True)
    left = (bins["customers"] * bins["observed"]).round().astype(int)
    limits = [wilson(*counts) for counts in zip(left, bins["customers"], strict=True)]
    np.testing.assert_allclose(bins[["low", "high"]], limits, rtol=0, atol=1e-12)


def test_the_line_of_right_probabilities_is_the_diagonal() -> None:
    random = np.random.default_rng(0)
    p = random.beta(1, 6, 40_000)
    y = (random.random(40_000) < p).astype(float)
    slope, intercept = calibration_line(y, p) or (0.0, 0.0)
    assert (slope, intercept) == pytest.approx((1.0, 0.0), abs=0.05)
    shrunk, _ = calibration_line(y, 1 / (1 + ((1 - p) / p) ** 2)) or (0.0, 0.0)
    assert shrunk == pytest.approx(0.5, abs=0.03)
    assert calibration_line(np.zeros(5), np.linspace(0, 1, 5)) is None
    assert calibration_line(np.array([0.0, 1.0]), np.array([0.3, 0.3])) is None


def test_money_bins_have_normal_intervals() -> None:
    bins = calibration_bins(np.array([1.0, 3.0] * 10), np.zeros(20), shares=False)
    assert bins[["customers", "observed"]].to_numpy().tolist() == [[20, 2.0]]
    assert bins["high"][0] == pytest.approx(2 + 1.96 * pd.Series([1.0, 3.0] * 10).std() / np.sqrt(20), abs=1e-3)
