"""The quick search of the evidence: true k-means solutions, as good as scikit-learn's, and the same whenever it is asked."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from segments.evidence.resample_fits import refit, starts_for


def blobs(k: int, n: int, apart: float) -> np.ndarray:
    random = np.random.default_rng(0)
    angles = 2 * np.pi * np.arange(k) / k
    return np.repeat(apart * np.column_stack([np.cos(angles), np.sin(angles)]), n, axis=0) + random.normal(
        size=(n * k, 2)
    )


def wcss_of(X: np.ndarray, labels: np.ndarray) -> float:
    return sum(float(((X[labels == c] - X[labels == c].mean(axis=0)) ** 2).sum()) for c in np.unique(labels))


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(2, 3))
@settings(max_examples=25, deadline=None)
def test_of_all_ways_to_cut_seven_points_the_best_is_found(seed: int, k: int) -> None:
    """By one of a few searches: one that met another solution five times ends there."""
    X = np.random.default_rng(seed).normal(size=(7, 2))
    best = min(wcss_of(X, np.array(labels)) for labels in product(range(k), repeat=7))
    found = min(refit(X, k, 60, np.random.default_rng([seed, i])).wcss for i in range(20))
    assert found == pytest.approx(best, rel=1e-3)


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_a_fit_is_a_solution(seed: int, k: int, d: int) -> None:
    """Centres are means, WCSS is theirs, and the batch algorithm, started there, finds nothing to gain."""
    X = np.random.default_rng(seed).normal(size=(80, d)) + 100.0
    found = refit(X, k, 1, np.random.default_rng(seed))
    assert len(np.unique(found.labels)) == k
    np.testing.assert_allclose(
        found.centres, [X[found.labels == c].mean(axis=0) for c in range(k)], rtol=1e-9, atol=1e-9
    )
    assert found.wcss == pytest.approx(wcss_of(X, found.labels), rel=1e-9)
    polished = KMeans(k, init=found.centres, n_init=1, tol=0).fit(X)
    assert polished.inertia_ == pytest.approx(found.wcss, rel=5e-3)


def test_as_good_as_scikit_learn_from_as_many_starts() -> None:
    """Ten single starts each: moving points one by one must not end higher on average than moving them all at once."""
    X = blobs(12, 12, 6.0)
    own = [refit(X, 12, 1, np.random.default_rng(i)).wcss for i in range(40)]
    theirs = [KMeans(12, n_init=1, random_state=i).fit(X).inertia_ for i in range(40)]
    assert np.mean(own) <= np.mean(theirs)


def test_more_starts_never_make_a_fit_worse() -> None:
    X = blobs(5, 10, 3.0)
    one = [refit(X, 5, 1, np.random.default_rng(i)).wcss for i in range(30)]
    ten = [refit(X, 5, 10, np.random.default_rng(i)).wcss for i in range(30)]
    assert (np.array(ten) <= np.array(one)).all()
    assert np.mean(ten) < np.mean(one)


def test_fewer_different_points_than_clusters() -> None:
    X = np.repeat([[0.0, 1.0], [5.0, 5.0]], 6, axis=0)
    found = refit(X, 4, 3, np.random.default_rng(0))
    assert found.wcss == 0.0
    assert found.labels.min() >= 0
    assert found.labels.max() < 4
    assert len(set(found.labels[:6])) == len(set(found.labels[6:])) == 1
    assert refit(np.ones((5, 2)), 3, 2, np.random.default_rng(0)).wcss == 0.0


def test_equal_numbers_equal_fits_whatever_the_memory_looks_like() -> None:
    X = blobs(4, 20, 4.0)
    one = refit(X, 4, 3, np.random.default_rng(7))
    other = refit(np.asfortranarray(X), 4, 3, np.random.default_rng(7))
    assert np.array_equal(one.labels, other.labels)
    assert np.array_equal(one.centres, other.centres)


def test_starts_are_bounded_but_there_is_always_one() -> None:
    assert [starts_for(size, starts=3, most=100) for size in (10, 50, 1000)] == [3, 2, 1]
