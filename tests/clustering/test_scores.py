"""Scores of labelings: exact, estimated, folded, and in the space all candidates share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_samples, silhouette_score
from sklearn.preprocessing import StandardScaler

from segments.clustering.kmeans import best_kmeans
from segments.clustering.scores import SILHOUETTES, compile_scores, reference_space, score, score_reference
from segments.config.sweep import Algorithm, ScoringConfig


def customers(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(c, 1.5, size=(n // 4, 3)) for c in ((0, 0, 0), (5, 0, 0), (0, 5, 0), (0, 0, 5))])
    labelings = np.array([np.minimum(np.arange(n) * k // n, k - 1) for k in (2, 3, 4)], dtype=np.int32)
    return X, labelings


def test_exact_scores_are_scikit_learns_in_both_spaces() -> None:
    X, labelings = customers()
    reference = np.column_stack([X, X[:, 0] ** 2])
    scored = score(X, labelings, ScoringConfig(), seed=0)
    common = score_reference(reference, labelings, ScoringConfig(), seed=0)
    for labels, scores, in_common in zip(labelings, scored.scores, common, strict=True):
        assert scores["silhouette"] == pytest.approx(silhouette_score(X, labels), abs=1e-9)
        assert in_common == pytest.approx(silhouette_score(reference, labels), abs=1e-9)
        assert (scores["silhouette_exact"], scores["silhouette_error"]) == (1.0, 0.0)
        assert scores["silhouette_low"] == scores["silhouette"] == scores["silhouette_high"]
    assert np.array_equal(scored.rows, np.arange(len(X)))
    assert scored.silhouettes.mean(axis=1) == pytest.approx([s["silhouette"] for s in scored.scores])


def test_a_score_does_not_depend_on_the_labelings_beside_it_nor_on_threads() -> None:
    """A candidate that is made again alone, after a kill, is the one that was made with its neighbours."""
    X, labelings = customers(n=2000)
    together = score(X, labelings, ScoringConfig(), seed=0).scores
    common = score_reference(X, labelings, ScoringConfig(), seed=0)
    for i in range(len(labelings)):
        assert score(X, labelings[i : i + 1], ScoringConfig(), seed=0, threads=2).scores[0] == together[i]
        assert score_reference(X, labelings[i : i + 1], ScoringConfig(), seed=0, threads=2) == common[i]


def test_beyond_the_limit_the_score_is_an_estimate_with_its_interval() -> None:
    X, labelings = customers(n=4000)
    exact = score(X, labelings, ScoringConfig(), seed=0)
    sampled = score(X, labelings, ScoringConfig(exact_up_to=100, sample=500), seed=0)
    assert len(sampled.rows) == 500
    for true, estimate in zip(exact.scores, sampled.scores, strict=True):
        assert estimate["silhouette_exact"] == 0.0
        assert 0 < estimate["silhouette_error"] < 0.05
        assert estimate["silhouette_low"] < estimate["silhouette"] < estimate["silhouette_high"]
        assert abs(estimate["silhouette"] - true["silhouette"]) < 5 * estimate["silhouette_error"]
        assert estimate["wcss"] == true["wcss"]


def test_equal_customers_are_measured_once_and_count_as_often_as_they_stand_there() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(1, 4, size=(900, 2)).astype(float)  # nine different rows
    labels = (X[:, 0] > 1).astype(np.int32) + 2 * (X[:, 1] > 2).astype(np.int32)
    scored = score(X, labels[None], ScoringConfig(exact_up_to=50, sample=50), seed=0)
    assert scored.scores[0]["silhouette"] == pytest.approx(silhouette_score(X, labels), abs=1e-9)
    assert scored.scores[0]["silhouette_exact"] == 1.0
    # Of more customers than are measured one by one, some stand for all.
    assert scored.silhouettes.shape == (1, 50)
    assert len(set(scored.rows)) == 50
    assert scored.silhouettes[0] == pytest.approx(silhouette_samples(X, labels)[scored.rows], abs=1e-9)
    every = score(X, labels[None], ScoringConfig(), seed=0)
    assert every.silhouettes[0] == pytest.approx(silhouette_samples(X, labels), abs=1e-9)


def test_rows_equal_in_one_space_may_be_apart_in_the_other() -> None:
    X, labelings = customers()
    coarse = X.round(-1)
    common = score_reference(coarse, labelings, ScoringConfig(), seed=0)
    assert common[2] == pytest.approx(silhouette_score(coarse, labelings[2]), abs=1e-9)


def test_the_reference_space_holds_every_feature_once() -> None:
    table = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "x": [1.0, 2.0, 4.0],
            "constant": 3.0,
            "holey": [1.0, None, 2.0],
            "r_score": [1.0, 2.0, 3.0],
            "region": ["n", "s", "s"],
            "spending_score": [10.0, 30.0, 20.0],
        }
    )
    expected = StandardScaler().fit_transform(table[["x", "spending_score"]])
    np.testing.assert_allclose(reference_space(table), expected)


def test_without_numbers_each_category_counts_in_the_reference_space_as_a_number_would() -> None:
    plans, towns = ["a", "a", "b", "c"], ["x", "y", "x", "y"]
    table = pd.DataFrame(
        {"customer_id": list("pqrs"), "plan": plans, "town": towns, "same": ["z"] * 4, "gaps": ["u", None, "u", "v"]}
    )
    space = reference_space(table)
    assert space.shape == (4, 3 + 2)
    # the squared distance of two customers drawn at random is 2 in each category, as in a standardised number
    for part in (space[:, :3], space[:, 3:]):
        assert ((part[:, None] - part[None]) ** 2).sum(axis=2).mean() == pytest.approx(2.0)
    numbers = reference_space(table.assign(age=[1.0, 2.0, 3.0, 5.0]))
    assert numbers.shape == (4, 1), "where there are numbers, they alone are common"


def test_every_silhouette_figure_is_there() -> None:
    X, labelings = customers()
    assert {*SILHOUETTES} - {"silhouette_reference"} <= set(score(X, labelings, ScoringConfig(), seed=0).scores[0])


@pytest.mark.slow
def test_after_compile_all_nothing_is_compiled_any_more() -> None:
    """Exact, folded and sampled, few features and many, one thread and two; and the search."""
    from segments.clustering import kmeans_kernel
    from segments.clustering.silhouette_kernel import cluster_kernel, silhouette_kernel
    from segments.evidence import resample_fits

    compile_scores()
    resample_fits.compile_fits()
    kernels = (silhouette_kernel, cluster_kernel, kmeans_kernel.start, kmeans_kernel.assign, kmeans_kernel.exchange)
    compiled = [len(kernel.signatures) for kernel in kernels]
    assert compiled == [1, 1, 1, 1, 1]
    for width in (1, 4, 8, 9, 12, 30):
        X = np.random.default_rng(0).normal(size=(600, width))
        labelings = np.array([X[:, 0] > 0, X[:, -1] > 1], dtype=np.int32)
        for points, exact_up_to in ((X, 1000), (X, 300), (np.repeat(X[:150], 4, axis=0), 1000)):
            scoring = ScoringConfig(exact_up_to=exact_up_to, sample=100)
            theirs = labelings if points is X else np.repeat(labelings[:, :150], 4, axis=1)
            score(points, theirs, scoring, 0, threads=2)
    best_kmeans(X, 5, Algorithm(), seed=0)
    assert [len(kernel.signatures) for kernel in kernels] == compiled
