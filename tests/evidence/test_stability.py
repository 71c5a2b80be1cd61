"""Stability: fpc's conventions by hand, scikit-learn's index, R's figures on Mall, and searches that start afresh."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from segments.clustering.kmeans import best_kmeans
from segments.config.evidence import EvidenceConfig, GradesConfig
from segments.config.sweep import Algorithm
from segments.evidence import stability as module
from segments.evidence.resample_fits import refit
from segments.evidence.stability import (
    _hopeless,
    _kept_together,
    _partners,
    adjusted_rand,
    contingency,
    jaccard,
    prediction_strength,
    stability,
)

CONFIG = EvidenceConfig(bootstraps=20, splits=10)


def blobs(k: int, n: int = 40, apart: float = 12.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    centres = apart * np.column_stack([np.cos(2 * np.pi * np.arange(k) / k), np.sin(2 * np.pi * np.arange(k) / k)])
    return np.repeat(centres, n, axis=0) + random.normal(size=(n * k, 2)), np.repeat(np.arange(k), n), centres


def test_jaccard_by_hand() -> None:
    """{a b c d} against {a b c} and {d e}: 3 of 4, 1 of 5; an empty cluster matches nothing."""
    table = contingency(np.array([0, 0, 0, 0, 1]), np.array([0, 0, 0, 1, 1]), 3, 3)
    assert jaccard(table)[0].tolist() == [0.75, 0.2, 0.0]
    assert jaccard(table)[2].tolist() == [0.0, 0.0, 0.0]


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_adjusted_rand_is_scikit_learns(seed: int, k: int) -> None:
    one, other = np.random.default_rng(seed).integers(k, size=(2, 30))
    assert adjusted_rand(contingency(one, other, k, k)) == pytest.approx(adjusted_rand_score(one, other), abs=1e-12)


def test_clear_clusters_return_always() -> None:
    found = stability(*blobs(3), CONFIG)
    assert found.jaccard.tolist() == found.recovered.tolist() == [1.0, 1.0, 1.0]
    assert found.dissolved.tolist() == [0.0, 0.0, 0.0]
    assert (found.ari, found.prediction_strength, found.bootstraps, found.stopped) == (1.0, 1.0, 20, False)
    assert (found.agreement == 1.0).all()


def test_the_numbers_of_the_clusters_do_not_matter() -> None:
    X, labels, centres = blobs(3, apart=1.5)  # they overlap: some change sides
    swap = np.array([2, 0, 1])
    one, other = stability(X, labels, centres, CONFIG), stability(X, swap[labels], centres[np.argsort(swap)], CONFIG)
    assert one.jaccard.tolist() == other.jaccard[swap].tolist()
    assert np.array_equal(one.agreement, other.agreement)
    assert one.agreement.min() < 1


def test_a_search_is_not_led_back_to_the_clustering_it_judges() -> None:
    """Four blobs cut into three by force: which two are joined is left to chance, so the joined pair cannot always return."""
    X, four, _ = blobs(4)
    labels = np.array([0, 0, 1, 2])[four]
    centres = np.array([X[labels == c].mean(axis=0) for c in range(3)])
    found = stability(X, labels, centres, CONFIG)
    assert found.jaccard.min() < 0.8
    assert found.agreement.min() < 0.9


def test_a_hopeless_candidate_is_given_up_and_a_good_one_never() -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    fit = best_kmeans(X, 9, Algorithm(max_rows=10_000), 0)
    config = dataclasses.replace(CONFIG, bootstraps=60, stop_from=100, grades=GradesConfig(constructive_jaccard=0.75))
    found = stability(X, fit.labels, fit.centres, config)
    assert found.stopped
    assert found.bootstraps % 10 == 0
    assert np.isnan(found.prediction_strength)
    small = stability(X, fit.labels, fit.centres, dataclasses.replace(config, stop_from=301, splits=2))
    assert (small.stopped, small.bootstraps) == (False, 60), "a small table is not worth the saving"
    assert not stability(*blobs(3), dataclasses.replace(CONFIG, stop_from=0)).stopped


def test_a_sample_of_rows_still_tells_of_everybody() -> None:
    X, labels, centres = blobs(3)
    found = stability(X, labels, centres, CONFIG, rows=np.arange(0, 120, 2))
    assert len(found.agreement) == 120
    assert (found.agreement == 1.0).all()


def test_prediction_strength_falls_when_k_is_too_large() -> None:
    X, _, _ = blobs(3)
    assert prediction_strength(X, 3, CONFIG) == 1.0
    assert prediction_strength(X, 4, CONFIG) < 0.8


# --- R's fpc 2.2-10 on Mall ------------------------------------------------------------------------------------------------

THREE = ["Age", "Annual Income (k$)", "Spending Score (1-100)"]
FPC = [
    (THREE[1:], 3, [0.995, 0.998, 1.0], 0.976),
    (THREE[1:], 5, [0.980, 0.984, 0.986, 0.988, 1.0], 0.855),
    (THREE[1:], 6, [0.515, 0.806, 0.846, 0.959, 0.985, 0.990], 0.605),
    (THREE, 4, [0.974, 0.977, 0.984, 1.0], 0.836),
    (THREE, 6, [0.932, 0.950, 0.954, 0.975, 0.983, 0.997], 0.651),
]


def mall(shared_data: Path, columns: list[str]) -> np.ndarray:
    X = pd.read_csv(shared_data / "mall" / "Mall_Customers.csv")[columns].to_numpy(dtype=np.float64)
    return (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "k", "jaccards", "strength"), FPC)
def test_fpc_on_mall(shared_data: Path, columns: list[str], k: int, jaccards: list[float], strength: float) -> None:
    """Enough resamples that only fpc's figures vary: with its 100 and 50, a Jaccard by up to 0.035, a prediction strength by 0.02.

    One figure is not met. At k=6 the smallest cluster, ten customers, has 0.515 in fpc's one run of 100 bootstraps (and so its neighbour
    0.806); following fpc's recipe to the letter (random customers as starts, 20 runs of Hartigan's exchange) 20 times gives
    0.583, standard deviation 0.031, and 0.836, 0.016: what is found here too. fpc's own run was an unlucky one.
    """
    X = mall(shared_data, columns)
    fit = best_kmeans(X, k, Algorithm(max_rows=200_000), 0)
    found = stability(X, fit.labels, fit.centres, EvidenceConfig(bootstraps=1000, splits=3000))
    own = np.sort(found.jaccard)
    if (len(columns), k) == (2, 6):
        assert own[:2] == pytest.approx([0.583, 0.836], abs=0.03)
        own, jaccards = own[2:], jaccards[2:]
    assert own == pytest.approx(jaccards, abs=0.03)
    assert found.prediction_strength == pytest.approx(strength, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_changes_little(shared_data: Path, seed: int) -> None:
    """With 100 bootstraps and 50 splits a cluster that returns always does so whatever the seed."""
    X = mall(shared_data, THREE[1:])
    fit = best_kmeans(X, 5, Algorithm(max_rows=200_000), 0)
    found = stability(X, fit.labels, fit.centres, EvidenceConfig(seed=seed))
    assert np.sort(found.jaccard) == pytest.approx([0.980, 0.984, 0.986, 0.988, 1.0], abs=0.03)
    assert found.prediction_strength == pytest.approx(0.855, abs=0.04)


# --- limits met exactly ----------------------------------------------------------------------------------------------------

# Ten bootstraps of two clusters: the first returns always, the second with 0.59 on average, three errors of 0.03 each way.
HALF = GradesConfig(constructive_jaccard=0.5)
WAVERING = np.column_stack([np.ones(10), np.tile([0.5, 0.68], 5)])


@pytest.mark.parametrize(
    ("jaccards", "changes", "points", "given_up"),
    [
        (WAVERING, {}, 1000, False),  # it could still be 0.68
        (WAVERING, {"bootstraps": 10}, 1000, True),  # after the last, the mean alone counts
        (WAVERING + 0.02, {"bootstraps": 10}, 1000, False),  # and no error is taken off it
        (WAVERING - 0.083, {}, 1000, True),  # 0.507 and three errors are 0.597, of a spread that is estimated
        (WAVERING - 0.09, {}, 1000, True),  # 0.50 and three errors are 0.59
        (WAVERING[:9] - 0.4, {}, 1000, False),  # only every tenth is looked at
        (WAVERING[:9] - 0.4, {"bootstraps": 9}, 1000, True),  # or the last
        (WAVERING - 0.4, {}, 999, False),
        (WAVERING - 0.4, {}, 1000, True),
        (np.full((10, 2), 0.5), {"grades": HALF}, 1000, False),  # exactly what constructive asks
        (np.full((10, 2), 0.5), {"grades": HALF, "bootstraps": 10}, 1000, False),
        (np.full((10, 2), 0.4999), {"grades": HALF}, 1000, True),
        (
            np.full((10, 2), 0.5 - 1e-13),
            {"grades": HALF},
            1000,
            False,
        ),  # what the last digits of a processor make of it
    ],
)
def test_what_is_given_up(jaccards: np.ndarray, changes: dict[str, Any], points: int, given_up: bool) -> None:
    assert _hopeless(jaccards, points, EvidenceConfig(stop_from=1000, **changes)) is given_up


def test_who_is_given_up_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([False, False, True])
    monkeypatch.setattr(module, "_hopeless", lambda *_: next(looks))
    found = stability(*blobs(3), CONFIG)
    assert (found.bootstraps, found.stopped) == (3, True)
    assert np.isnan(found.prediction_strength)


def test_exactly_three_quarters_is_back_and_exactly_half_dissolved(monkeypatch: pytest.MonkeyPatch) -> None:
    of_each = iter([[0.75, 0.5, 0.74], [0.75, 0.5, 0.51]])
    monkeypatch.setattr(module, "jaccard", lambda _: np.diag(next(of_each)))
    found = stability(*blobs(3), dataclasses.replace(CONFIG, bootstraps=2, splits=1))
    assert found.recovered.tolist() == [1.0, 0.0, 0.0]
    assert found.dissolved.tolist() == [0.0, 1.0, 0.0]
    assert found.jaccard.tolist() == [0.75, 0.5, 0.625]


def test_effort_is_bounded_by_starts_times_rows_times_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halves of 60 with 3 clusters: 180 distances a start; of a bootstrap those drawn, about two thirds of 120."""
    asked: list[tuple[int, int]] = []

    def spied(X: np.ndarray, k: int, starts: int, random: np.random.Generator) -> Any:
        asked.append((len(X), starts))
        return refit(X, k, starts, random)

    monkeypatch.setattr(module, "refit", spied)
    config = dataclasses.replace(CONFIG, bootstraps=3, splits=2, starts=50, max_distances=2000)
    stability(*blobs(3), config)
    assert asked == [(rows, 2000 // (3 * rows)) for rows, _ in asked]
    assert [rows for rows, _ in asked[3:]] == [60] * 4
    assert all(60 < rows < 90 for rows, _ in asked[:3])


def test_pairs_kept_together_by_hand() -> None:
    """Of 4 customers 3 stay together: 3 of 6 pairs; of 2, both apart: none; one alone loses nobody."""
    assert _kept_together(np.array([[3, 1], [0, 2]])) == 0.5
    assert _kept_together(np.array([[3, 1], [1, 1]])) == 0.0
    assert _kept_together(np.array([[4, 0], [0, 1]])) == 1.0
    assert _kept_together(np.array([[0, 0], [5, 0]])) == 1.0


def test_who_stands_for_whom() -> None:
    """The second bootstrap cluster has most of both, but each stands for one: 5 + 6 are more than 9 + 1."""
    assert _partners(np.array([[5, 9], [1, 6]])).tolist() == [0, 1]
    assert _partners(np.array([[1, 9], [6, 6]])).tolist() == [1, 0]


def test_two_of_one_cluster_each_agree_by_definition() -> None:
    assert adjusted_rand(np.array([[7]])) == 1.0
    assert adjusted_rand(np.array([[1]])) == 1.0
    assert adjusted_rand(np.array([[1, 1], [1, 1]])) == pytest.approx(-0.5)
