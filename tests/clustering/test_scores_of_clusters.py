"""Scores from sums per cluster, against scikit-learn and the definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

from segments.clustering.scores import CLUSTER_SCORES, cluster_scores_many
from segments.errors import SweepError


def by_definition(X: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    members = {c: X[labels == c] for c in set(labels.tolist())}
    centres = {c: points.mean(axis=0) for c, points in members.items()}
    far = {c: np.sqrt(((X - centre) ** 2).sum(axis=1)) for c, centre in centres.items()}
    spread = {c: far[c][labels == c].mean() for c in centres}
    simplified = []
    for i, own in enumerate(labels.tolist()):
        a, b = far[own][i], min(far[c][i] for c in centres if c != own)
        simplified.append((b - a) / max(a, b) if max(a, b) > 0 and len(members[own]) > 1 else 0.0)
    wcss = sum(float((far[c][labels == c] ** 2).sum()) for c in centres)
    between = sum(len(members[c]) * float(((centres[c] - X.mean(axis=0)) ** 2).sum()) for c in centres)
    worst = [
        max((spread[c] + spread[e]) / np.linalg.norm(centres[c] - centres[e]) for e in centres if e != c)
        for c in centres
    ]
    return {
        "wcss": wcss,
        "davies_bouldin": float(np.mean(worst)),
        "calinski_harabasz": between * (len(X) - len(centres)) / (wcss * (len(centres) - 1)),
        "silhouette_simplified": float(np.mean(simplified)),
    }


def test_four_points_by_hand() -> None:
    """Centres 0.5 and 10.5; of the point at 0: a = 0.5, b = 10.5, of the one at 1: b = 9.5; spreads 0.5, centres 10 apart."""
    scores = cluster_scores_many(np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([[0, 0, 1, 1]]))
    assert scores["wcss"][0] == pytest.approx(4 * 0.25)
    assert scores["davies_bouldin"][0] == pytest.approx((0.5 + 0.5) / 10)
    assert scores["calinski_harabasz"][0] == pytest.approx(4 * 25 / (1 / 2))
    assert scores["silhouette_simplified"][0] == pytest.approx((10 / 10.5 + 9 / 9.5) / 2)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(4, 200), st.sampled_from([1, 3, 30]), st.sampled_from([0.0, 1e8]))
@settings(max_examples=60, deadline=None)
def test_agrees_with_scikit_learn_and_the_definitions(seed: int, n: int, d: int, offset: float) -> None:
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) + offset
    near = X - offset  # the same points: what digits the offset has left them
    labelings = []
    for k in (2, 3, n - 1):
        labels = random.integers(0, k, n)
        labels[:3] = [0, k - 1, 0]
        labelings.append(labels * 2)
    scores = cluster_scores_many(X, np.array(labelings))
    for i, labels in enumerate(labelings):
        for name, value in by_definition(near, labels).items():
            assert scores[name][i] == pytest.approx(value, rel=1e-9, abs=1e-9), name
        if np.bincount(labels)[::2].min() > 1:  # scikit-learn puts a cluster of one some 1e-8 away from its centre
            assert scores["davies_bouldin"][i] == pytest.approx(davies_bouldin_score(near, labels), rel=1e-9)
            assert scores["calinski_harabasz"][i] == pytest.approx(calinski_harabasz_score(near, labels), rel=1e-9)


def test_agrees_on_the_mall_customers(shared_data: Path) -> None:
    """Published: income and spending, k = 5."""
    table = pd.read_csv(shared_data / "mall" / "Mall_Customers.csv")
    X = table.iloc[:, -2:].to_numpy(float)
    labels = KMeans(5, n_init=20, random_state=0).fit(X).labels_
    scores = cluster_scores_many(X, labels[None])
    assert scores["wcss"][0] == pytest.approx(44448.4554, rel=1e-6)
    assert scores["davies_bouldin"][0] == pytest.approx(0.572563, abs=1e-5)
    assert scores["calinski_harabasz"][0] == pytest.approx(calinski_harabasz_score(X, labels), rel=1e-9)


def test_a_weight_stands_for_equal_rows_on_any_number_of_threads() -> None:
    random = np.random.default_rng(0)
    X, weights = random.normal(size=(60, 3)), random.integers(1, 5, 60)
    labelings = np.array([np.arange(60) % k for k in (2, 3, 40)])
    folded = cluster_scores_many(X, labelings, weights, threads=1)
    unfolded = cluster_scores_many(np.repeat(X, weights, axis=0), np.repeat(labelings, weights, axis=1))
    again = cluster_scores_many(X, labelings, weights, threads=2)
    for name in CLUSTER_SCORES:
        np.testing.assert_allclose(folded[name], unfolded[name], rtol=1e-11)
        assert np.array_equal(folded[name], again[name])


def test_clusters_without_spread_score_as_in_scikit_learn() -> None:
    X = np.array([[0.0], [0.0], [1.0], [1.0]])
    scores = cluster_scores_many(X, np.array([[0, 0, 1, 1]]))
    assert {name: float(values[0]) for name, values in scores.items()} == {
        "wcss": 0.0,
        "davies_bouldin": 0.0,
        "calinski_harabasz": 1.0,
        "silhouette_simplified": 1.0,
    }


def test_bad_arguments_are_named() -> None:
    with pytest.raises(SweepError, match="X holds NaN"):
        cluster_scores_many(np.array([[np.nan], [1.0]]), np.array([[0, 1]]))
    with pytest.raises(SweepError, match="labeling 0 puts"):
        cluster_scores_many(np.zeros((2, 1)), np.array([[0, 0]]))
