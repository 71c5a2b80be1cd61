"""Null models: each keeps what it says, and the nearest unimodal distribution has one peak."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.config.evidence import NULLS
from segments.evidence.null_models import null_model, unimodal_quantiles


def points(seed: int = 0, n: int = 400) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.exp(random.multivariate_normal([0, 0, 0], [[1, 0.7, 0], [0.7, 1, 0], [0, 0, 1]], n))


def drawn(X: np.ndarray, name: str, draws: int = 50) -> list[np.ndarray]:
    draw = null_model(X, name)
    return [draw(np.random.default_rng([9, i])) for i in range(draws)]


@pytest.mark.parametrize("name", NULLS)
def test_a_draw_has_the_shape_of_the_data_and_depends_on_nothing_but_the_seed(name: str) -> None:
    X = points()
    before = X.copy()
    first, second = (null_model(X, name)(np.random.default_rng(3)) for _ in range(2))
    assert first.shape == X.shape
    assert np.array_equal(first, second)
    assert np.array_equal(X, before)
    assert not np.array_equal(first, null_model(X, name)(np.random.default_rng(4)))


@pytest.mark.parametrize("name", ["permutation", "copula"])
def test_columns_are_kept_exactly(name: str) -> None:
    X = points()
    for other in drawn(X, name, 3):
        assert np.array_equal(np.sort(other, axis=0), np.sort(X, axis=0))


@pytest.mark.parametrize(("name", "rank_correlation"), [("permutation", 0.0), ("copula", 0.68), ("unimodal", 0.68)])
def test_rank_correlation_is_kept_or_not(name: str, rank_correlation: float) -> None:
    """Spearman's of a normal copula with correlation 0.7 is 6/pi asin(0.35) = 0.683."""
    from scipy.stats import spearmanr

    X = points(n=2000)
    means = np.mean([spearmanr(other[:, :2])[0] for other in drawn(X, name, 20)])
    assert means == pytest.approx(rank_correlation, abs=0.04)


def test_gaussian_keeps_mean_and_covariance() -> None:
    X = points()
    many = np.concatenate(drawn(X, "gaussian", 200))
    np.testing.assert_allclose(many.mean(axis=0), X.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(many.T), np.cov(X.T, ddof=0), rtol=0.1, atol=0.1)


def test_uniform_fills_the_box_along_the_principal_axes() -> None:
    """A thin band along the diagonal stays thin: the box is turned with the data."""
    along, across = np.random.default_rng(0).uniform(-1, 1, size=(2, 500)) * [[10.0], [0.1]]
    X = np.column_stack([along + across, along - across])
    other = null_model(X, "uniform")(np.random.default_rng(1))
    assert np.abs(other[:, 0] - other[:, 1]).max() < 0.25
    assert np.abs(other[:, 0] + other[:, 1]).max() > 19


def test_a_constant_column_stays_constant() -> None:
    X = np.column_stack([points()[:, 0], np.full(400, 7.0)])
    for name in NULLS:
        assert null_model(X, name)(np.random.default_rng(0))[:, 1] == pytest.approx(np.full(400, 7.0)), name


@given(st.integers(0, 1000), st.sampled_from(["two peaks", "skewed", "even"]))
@settings(max_examples=25, deadline=None)
def test_the_nearest_unimodal_distribution_has_one_peak(seed: int, kind: str) -> None:
    """Steps between its quantiles first shrink (towards the peak), then grow."""
    random = np.random.default_rng(seed)
    values = {
        "two peaks": np.concatenate([random.normal(size=100), random.normal(8, 1, size=100)]),
        "skewed": np.exp(random.normal(size=200)),
        "even": random.uniform(size=200),
    }[kind]
    quantiles = unimodal_quantiles(values, np.linspace(0, 1, 401))
    assert values.min() <= quantiles.min()
    assert quantiles.max() <= values.max()
    steps = np.diff(quantiles)
    change = np.sign(np.where(np.abs(np.diff(steps)) > 1e-9 * np.ptp(values), np.diff(steps), 0.0))
    change = change[change != 0]
    # the step that holds the peak itself belongs to both sides
    assert np.count_nonzero(np.diff(change)) <= 3


def test_one_peak_is_left_as_it_is_and_two_are_not() -> None:
    random = np.random.default_rng(0)
    shares = np.linspace(0.02, 0.98, 49)
    skewed = np.exp(random.normal(size=4000))
    np.testing.assert_allclose(unimodal_quantiles(skewed, shares), np.quantile(skewed, shares), rtol=0.08)
    two = np.concatenate([random.normal(-5, 0.5, 2000), random.normal(5, 0.5, 2000)])
    between = (np.abs(unimodal_quantiles(two, np.linspace(0, 1, 1001))) < 3).mean()
    assert (np.abs(two) < 3).mean() == 0.0
    assert between > 0.2, "the gap must be filled"


def test_counts_stay_counts_with_their_frequencies() -> None:
    """A grid is no structure: values that recur are drawn as often as they occurred."""
    counts = np.repeat([0.0, 1.0, 2.0, 3.0], [400, 300, 200, 100])
    quantiles = unimodal_quantiles(counts, (np.arange(1000) + 0.5) / 1000)
    assert np.bincount(quantiles.astype(int)).tolist() == [400, 300, 200, 100]
    rising = unimodal_quantiles(-counts, (np.arange(1000) + 0.5) / 1000)
    assert np.bincount((-rising).astype(int)).tolist() == [400, 300, 200, 100]


def test_a_lump_keeps_its_share_and_the_rest_has_one_peak() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([np.zeros(300), random.normal(5, 0.3, 350), random.normal(9, 0.3, 350)])
    quantiles = unimodal_quantiles(values, (np.arange(1000) + 0.5) / 1000)
    assert (quantiles == 0).sum() == 300
    assert (np.abs(quantiles - 7) < 1).sum() > 50, "the gap between the two peaks is filled"
    assert ((quantiles > 0) & (quantiles < 3)).sum() == 0, "the one beside the lump is not"


def test_three_modes_as_near_take_the_middle_one_and_a_mirror_changes_nothing() -> None:
    """Peaks at -6, 0 and 6 of equal height: the outer two are as near as can be measured, but for the sixteenth digit."""
    shares = (np.arange(2000) + 0.5) / 2000
    half = np.linspace(-1, 1, 101) ** 3
    values = np.concatenate([half - 6, half, half + 6])
    there, back = unimodal_quantiles(values, shares), -unimodal_quantiles(-values, shares)[::-1]
    assert np.abs(there - back).mean() < 0.05 * values.std()
    assert np.abs(np.median(there)) < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_a_mirrored_column_has_the_mirrored_null(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.exp(random.normal(size=400))
    shares = (np.arange(2000) + 0.5) / 2000
    there, back = unimodal_quantiles(values, shares), -unimodal_quantiles(-values, shares)[::-1]
    assert np.abs(there - back).mean() < 0.02 * values.std()
