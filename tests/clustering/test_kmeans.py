"""The search for the best k-means solution."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from segments.clustering.kmeans import _Population, _Search, best_kmeans, lean_kmeans
from segments.clustering.kmeans_kernel import Fit, closest, squares_to, start
from segments.clustering.space import nearest
from segments.config.sweep import Algorithm


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


def test_the_last_fit_is_scikit_learns_and_stops_where_that_does() -> None:
    X = blobs(3000) / 100 - blobs(3000).mean(axis=0) / 100
    start = X[:6]
    for tol in (0.0, 1e-4, 1e-2, 1.0):
        ours, theirs = (make(6, init=start, n_init=1, tol=tol).fit(X) for make in (lean_kmeans(), KMeans))
        assert (ours.n_iter_, ours.tol) == (theirs.n_iter_, tol)
        assert ours._tol == pytest.approx(theirs._tol, rel=1e-12)
        assert np.array_equal(ours.cluster_centers_, theirs.cluster_centers_)


@pytest.mark.slow
def test_a_large_table_needs_less_than_two_more_of_its_size() -> None:
    X = np.tile(blobs(1000), (200, 4))
    best_kmeans(X, 4, Algorithm(sample_rows=500), seed=0)  # whatever is made once
    tracemalloc.start()
    best_kmeans(X, 4, Algorithm(sample_rows=500), seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * X.nbytes


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


@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(1, 9), st.booleans())
@settings(max_examples=30, deadline=None)
def test_no_single_point_could_move_and_gain(seed: int, k: int, d: int, weighted: bool) -> None:
    """Where an exchange ends: its WCSS and centres are those of its clusters, and every other place for one point costs as much or more."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(90, d))
    weights = random.integers(1, 5, len(X)).astype(float) if weighted else np.ones(len(X))

    def cost(labels: np.ndarray) -> float:
        middles = [np.average(X[labels == c], axis=0, weights=weights[labels == c]) for c in range(k)]
        return float(weights @ ((X - np.array(middles)[labels]) ** 2).sum(axis=1))

    fit = _Search(X, weights, k, Algorithm(), random).start()
    assert fit.wcss == pytest.approx(cost(fit.labels), rel=1e-9)
    for c in range(k):
        mine = fit.labels == c
        np.testing.assert_allclose(fit.centres[c], np.average(X[mine], axis=0, weights=weights[mine]), atol=1e-9)
    for i in random.choice(len(X), 20, replace=False):
        if (fit.labels == fit.labels[i]).sum() > 1:
            for other in set(range(k)) - {fit.labels[i]}:
                labels = fit.labels.copy()
                labels[i] = other
                assert cost(labels) >= fit.wcss * (1 - 1e-9)


def test_a_poor_local_optimum_is_left_by_a_move() -> None:
    """Two centres in one far group and one for two groups: no fit from there ends elsewhere; with a centre elsewhere it does."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(at, 1, size=(40, 2)) for at in (0.0, 30.0, 60.0)])
    search = _Search(X, np.ones(len(X)), 3, Algorithm(), rng)
    stuck = search.settled(np.array([[15.0, 15.0], [59.0, 59.0], [61.0, 61.0]]))
    assert sorted(np.bincount(stuck.labels).tolist())[-1] == 80
    better = min((search.settled(search.moved(stuck.centres, stuck)) for _ in range(20)), key=lambda fit: fit.wcss)
    assert better.wcss < stuck.wcss / 10
    assert np.bincount(better.labels).tolist() == [40, 40, 40]


def test_a_fit_that_cannot_reach_its_target_is_given_up() -> None:
    X = blobs(3000, 12)
    search = _Search(X, np.ones(len(X)), 12, Algorithm(), np.random.default_rng(0))
    whole, hopeless = search.settled(X[:12]), search.settled(X[:12], target=0.0)
    assert whole.wcss < hopeless.wcss == pytest.approx(wcss(X, hopeless.labels))


def test_a_mixture_has_one_centre_of_each_pair() -> None:
    search = _Search(blobs(50), np.ones(50), 3, Algorithm(), np.random.default_rng(0))
    one = np.array([[0.0, 0, 0], [10, 0, 0], [20, 0, 0]])
    found = _Population(2)
    labels = np.zeros(50, dtype=np.int32)
    found.take(Fit(labels, one, 2.0))
    found.take(Fit(labels, one[::-1] + 1, 1.0))
    seen = set()
    for _ in range(40):
        mixed = search.mixed(found)
        of_first = [bool((one == centre).all(axis=1).any()) for centre in mixed]
        assert sorted(np.round(mixed[:, 0] - np.where(of_first, 0, 1)).tolist()) == [0.0, 10.0, 20.0]
        seen.add(sum(of_first))
    assert {1, 2} <= seen


def test_the_population_keeps_the_best_that_differ() -> None:
    found, labels = _Population(2), np.zeros(2, dtype=np.int32)
    for cost in (5.0, 4.0, 4.0 * (1 + 1e-7), 6.0, 3.0):
        found.take(Fit(labels, np.zeros((1, 1)), cost))
    assert [fit.wcss for fit in found.fits] == [3.0, 4.0]
    assert (found.best.wcss, found.target) == (3.0, 4.0)


def test_points_are_left_as_they_are() -> None:
    X = blobs(200)
    before = X.copy()
    best_kmeans(X, 4, Algorithm(), seed=0)
    assert np.array_equal(X, before)


def test_the_seed_decides_where_a_search_begins() -> None:
    """Where nothing is to be found and next to nothing is tried, every seed ends elsewhere; each one always there."""
    X = np.random.default_rng(0).uniform(size=(200, 2))
    little = Algorithm(starts=1, max_fits=1, hits=1)
    found = [wcss(X, best_kmeans(X, 9, little, seed).labels) for seed in (0, 1, 2, 1)]
    assert len(set(found)) == 3
    assert found[1] == found[3]


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_the_loops_compute_what_numpy_does_to_the_last_bit(d: int) -> None:
    random = np.random.default_rng(d)
    X, centres = random.normal(size=(300, d)), random.normal(size=(4, d))
    X[:100], centres[:2] = X[:100].round(), centres[:2].round()  # many are as near to one centre as to another
    out, labels = np.empty(300), np.empty(300, dtype=np.int32)
    squares_to(centres[0], X.T.copy(), out)
    np.testing.assert_array_equal(out, sum((column - x) ** 2 for column, x in zip(X.T, centres[0], strict=True)))
    closest(X.T.copy(), centres, labels)
    np.testing.assert_array_equal(labels, nearest(X, centres)[0])


def test_a_start_picks_the_point_at_which_what_is_owed_adds_up_to_the_draw() -> None:
    """0, 2 and 10 owe 1, 2 and 1: from a quarter on the first centre is 2. Then they owe 4, 0 and 64, or else 0, 8 and 100."""
    labels = np.empty(3, dtype=np.int32)
    for draw, partition in ((0.25, [1, 0, 0]), (0.24, [0, 1, 1])):
        start(np.array([[0.0, 2, 10]]), np.array([1.0, 2, 1]), np.array([[draw], [0.05]]), labels)
        assert labels.tolist() == partition
