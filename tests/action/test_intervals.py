"""Intervals: published examples, the reference library, coverage."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from segments.action.intervals import (
    Difference,
    combine,
    difference_of_means,
    difference_of_proportions,
    wilson,
    without_habit,
)


@pytest.mark.slow
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(case: tuple[int, int]) -> None:
    made = stats.binomtest(*case).proportion_ci(method="wilson")
    assert wilson(*case) == pytest.approx((made.low, made.high), abs=1e-12)


def test_nobody_has_no_rate() -> None:
    assert all(math.isnan(limit) for limit in wilson(0, 0))


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0000),
        ((10, 10, 0, 10), 0.6075, 1.0000),
    ],
)
def test_newcombes_own_examples(cells: tuple[int, int, int, int], low: float, high: float) -> None:
    """Newcombe (1998), table II, method 10."""
    made = difference_of_proportions(*cells)
    assert (made.low, made.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.slow
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=3).filter(lambda x: np.std(x) > 1e-3),
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=3).filter(lambda x: np.std(x) > 1e-3),
)
def test_of_a_handful_welch_by_definition(treated: list[float], control: list[float]) -> None:
    """Welch (1947): the two variances apart, Student's t with Satterthwaite's degrees of freedom."""
    made = difference_of_means(np.array(treated), np.array(control))
    v1, v2 = np.var(treated, ddof=1) / len(treated), np.var(control, ddof=1) / len(control)
    freedom = (v1 + v2) ** 2 / (v1**2 / (len(treated) - 1) + v2**2 / (len(control) - 1))
    middle, half = np.mean(treated) - np.mean(control), stats.t.ppf(0.975, freedom) * np.sqrt(v1 + v2)
    assert (made.estimate, made.low, made.high) == pytest.approx(
        (middle, middle - half, middle + half), rel=1e-12, abs=1e-11
    )


def welch_t(treated: Any, control: Any, axis: int = -1) -> Any:
    apart = treated.mean(axis=axis) - control.mean(axis=axis)
    return apart / np.sqrt(
        treated.var(axis=axis, ddof=1) / treated.shape[axis] + control.var(axis=axis, ddof=1) / control.shape[axis]
    )


@pytest.mark.parametrize("sizes", [(9, 4), (4, 9), (60, 12)])
def test_the_limits_are_where_scipys_permutation_test_changes_its_mind(sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(sum(sizes))
    treated, control = (random.lognormal(3, 1, size) for size in sizes)
    made = difference_of_means(treated, control)
    for limit, side, outward in ((made.low, "greater", -1), (made.high, "less", 1)):
        for step, refuted in ((0.15, True), (-0.15, False)):
            moved = treated - (limit + outward * step * abs(made.high - made.low))
            found = stats.permutation_test(
                (moved, control), welch_t, alternative=side, vectorized=True, n_resamples=4_999, rng=1
            )
            assert (found.pvalue <= 0.025) == refuted, (limit, side, step, found.pvalue)


def test_of_many_the_limits_are_those_of_welch() -> None:
    random = np.random.default_rng(0)
    treated, control = random.normal(1.0, 1.0, 900), random.normal(0.0, 2.0, 300)
    made, known = difference_of_means(treated, control), stats.ttest_ind(treated, control, equal_var=False)
    limits, width = known.confidence_interval(), 4 * np.sqrt(1 / 900 + 4 / 300)
    assert (made.low, made.high) == pytest.approx((limits.low, limits.high), abs=0.06 * width)
    large = difference_of_means(np.tile(treated, 12), np.tile(control, 34))  # 10,200 controls
    exact = stats.ttest_ind(np.tile(treated, 12), np.tile(control, 34), equal_var=False).confidence_interval()
    assert (large.low, large.high) == (exact.low, exact.high)


def test_the_order_of_the_customers_moves_no_limit() -> None:
    random = np.random.default_rng(0)
    treated, control = random.exponential(1, 40), random.exponential(1, 9)
    assert difference_of_means(treated[::-1], control[::-1]) == pytest.approx(difference_of_means(treated, control))


@pytest.mark.slow
def test_much_of_nothing_and_a_long_tail_show_no_gain_that_is_none() -> None:
    """One in 40 campaigns that did nothing may show a gain. Welch's interval has one in five do so."""
    gains, welch = 0, 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        spend = random.lognormal(3, 1.5, 330) * (random.random(330) < 0.3)
        made = difference_of_means(spend[:300], spend[300:])
        gains += made.low > 0
        welch += stats.ttest_ind(spend[:300], spend[300:], equal_var=False).confidence_interval().low > 0
    assert gains <= 4
    assert welch > 7


def test_habit_is_taken_off_by_least_squares() -> None:
    random = np.random.default_rng(0)
    before = random.exponential(10, 50)
    during = 3 * before + random.normal(0, 1, 50)
    slope, _ = np.polyfit(before, during, 1)
    assert without_habit(during, before) == pytest.approx(during - slope * (before - before.mean()))
    assert without_habit(during, np.full(50, 7.0)).tolist() == during.tolist()


def test_one_group_may_be_all_alike() -> None:
    """Half as wide as 4.3027, Student's 97.5 % point of two degrees of freedom, times the one standard error there is, sqrt(1 / 3)."""
    made = difference_of_means(np.array([1.0, 2.0, 3.0]), np.array([5.1, 5.1, 5.1]))
    assert (made.low, made.high) == pytest.approx((-3.1 - 4.3027 / 3**0.5, -3.1 + 4.3027 / 3**0.5), abs=1e-4)


def test_too_few_or_all_alike_have_no_limits() -> None:
    for treated, control in [([1.0], [1.0, 2.0]), ([0.1, 0.1, 0.1], [2.0, 2.0])]:
        made = difference_of_means(np.array(treated), np.array(control))
        assert math.isfinite(made.estimate)
        assert math.isnan(made.low)
    assert math.isnan(difference_of_means(np.array([]), np.array([1.0])).estimate)
    assert math.isnan(difference_of_proportions(0, 0, 1, 2).estimate)


def test_strata_without_limits_are_left_out() -> None:
    one = Difference(1.0, 0.5, 2.0)
    assert combine([one, Difference(9.0, math.nan, math.nan)], [10, 90]) == one
    assert math.isnan(combine([], []).estimate)


def test_even_limits_combine_as_standard_errors_do() -> None:
    made = combine([Difference(0.0, -3.0, 3.0), Difference(10.0, 6.0, 14.0)], [300, 100])
    assert made.estimate == 2.5
    assert made.high - 2.5 == pytest.approx(math.hypot(0.75 * 3, 0.25 * 4))
