"""The search for the best k-means solution."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from segments.config import Algorithm
from segments.search import best_kmeans


def blobs(n: int, k: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 10, size=(k, 3))
    return centres[rng.integers(0, k, n)] + rng.normal(size=(n, 3))


def wcss(X: np.ndarray, labels: np.ndarray) -> float:
    return float(sum(((X[labels == c] - X[labels == c].mean(axis=0)) ** 2).sum() for c in set(labels)))


def test_never_worse_than_ten_restarts() -> None:
    X = blobs(300)
    found = best_kmeans(X, 8, Algorithm(), seed=0)
    assert wcss(X, found.labels) <= KMeans(8, n_init=10, random_state=0).fit(X).inertia_ * (1 + 1e-9)


def test_a_weight_is_as_many_equal_points() -> None:
    X = blobs(120)
    weights = np.random.default_rng(1).integers(1, 5, len(X)).astype(float)
    folded = best_kmeans(X, 6, Algorithm(), seed=0, weights=weights)
    repeated = np.repeat(X, weights.astype(int), axis=0)
    whole = best_kmeans(repeated, 6, Algorithm(), seed=0)
    np.testing.assert_allclose(folded.centres, whole.centres, atol=1e-9)
    assert np.array_equal(np.repeat(folded.labels, weights.astype(int)), whole.labels)


def test_a_large_table_is_searched_on_a_sample_and_polished_on_all() -> None:
    """The price: an excess WCSS far below the thousandth that is the aim."""
    X = blobs(6000)
    sampled = best_kmeans(X, 6, Algorithm(sample_rows=1000), seed=0)
    full = best_kmeans(X, 6, Algorithm(max_rows=10**7), seed=0)
    assert wcss(X, sampled.labels) <= wcss(X, full.labels) * (1 + 1e-3)
    assert len(sampled.labels) == 6000


def test_threads_do_not_show() -> None:
    X = blobs(3000)
    with threadpool_limits(1):
        one = best_kmeans(X, 6, Algorithm(max_fits=20), seed=0)
    with threadpool_limits(2):
        two = best_kmeans(X, 6, Algorithm(max_fits=20), seed=0)
    assert np.array_equal(one.labels, two.labels)


def test_another_seed_finds_the_same_solution() -> None:
    X = blobs(400)
    assert np.array_equal(best_kmeans(X, 6, Algorithm(), seed=0).labels, best_kmeans(X, 6, Algorithm(), seed=7).labels)


def test_points_on_their_centres_end_the_search() -> None:
    X = np.repeat(np.array([[0.0], [1.0], [5.0]]), 4, axis=0)
    assert best_kmeans(X, 3, Algorithm(), seed=0).n_init < 500
    assert wcss(X, best_kmeans(X, 3, Algorithm(), seed=0).labels) == pytest.approx(0)
