"""What a sample says of everybody: intervals that cover as often as they say, shares, segments with few customers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segments.clustering.silhouette import silhouette_samples_many
from segments.clustering.space import nearest
from segments.config.sweep import ScoringConfig
from segments.model import sampled
from segments.model.sampled import few_in_sample, pulls, shares_far_off, silhouette_of_everybody

MIDDLES = np.array([[0.0, 0.0], [3.0, 1.0], [1.0, 4.0]])


def people(n: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    random = np.random.default_rng(0)
    points = MIDDLES[random.choice(3, n, p=[0.5, 0.3, 0.2])] + random.normal(size=(n, 2))
    return points, nearest(points, MIDDLES)[0].astype(np.int32)


def mean_silhouette(points: NDArray[np.float64], labels: NDArray[np.int32]) -> float:
    return float(silhouette_samples_many(points, labels[None], threads=1).mean())


@pytest.mark.slow
def test_the_interval_covers_the_silhouette_of_everybody_as_often_as_it_says() -> None:
    random, (points, labels) = np.random.default_rng(1), people(3000)
    of_all, found = mean_silhouette(points, labels), []
    for _ in range(300):
        drawn = random.choice(len(points), 200, replace=False)
        interval = silhouette_of_everybody(points[drawn], labels[drawn], len(points), ScoringConfig(), 0)
        assert interval is not None and interval[0] - interval[1] == pytest.approx(interval[2] - interval[0])
        found.append(interval)
    middles, lows, highs = np.array(found).T
    assert 0.92 <= ((lows <= of_all) & (of_all <= highs)).mean() <= 0.98
    assert (highs - lows).mean() / 2 / 1.96 == pytest.approx(middles.std(), rel=0.1)


def test_a_customers_pull_is_what_the_silhouette_loses_without_them() -> None:
    points, labels = people(120)
    of_all = mean_silhouette(points, labels)
    without = [mean_silhouette(np.delete(points, i, axis=0), np.delete(labels, i)) for i in range(len(points))]
    found = pulls(points, labels)
    assert found.mean() == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(found, (len(points) - 1) * (of_all - np.array(without)), atol=0.06)
    assert found.std() > 1.4 * silhouette_samples_many(points, labels[None]).std(), "more than the silhouettes' own"


def test_pulls_of_single_and_equal_customers_are_numbers() -> None:
    assert pulls(np.zeros((4, 1)), np.array([0, 0, 1, 1])).tolist() == [0.0] * 4
    alone = pulls(np.array([[0.0], [0.0], [5.0], [6.0]]), np.array([2, 2, 0, 1]))
    assert np.isfinite(alone).all() and alone.mean() == pytest.approx(0, abs=1e-15)
    # who is where does not hang on the order of the rows, or how many distances are held
    points, labels = people(600)
    order = np.random.default_rng(2).permutation(600)
    np.testing.assert_allclose(pulls(points[order], labels[order]), pulls(points, labels)[order], atol=1e-12)


def test_of_many_some_tell_the_deviation_and_an_estimate_is_wider(monkeypatch: pytest.MonkeyPatch) -> None:
    points, labels = people(2000)

    def half(everybody: int, scoring: ScoringConfig) -> float:
        interval = silhouette_of_everybody(points, labels, everybody, scoring, 0)
        assert interval is not None
        return (interval[2] - interval[1]) / 2

    exact, estimated = ScoringConfig(), ScoringConfig(exact_up_to=0, sample=200)
    whole = half(8000, exact)
    assert half(2_000_000, exact) == pytest.approx(whole / np.sqrt(0.75), rel=1e-3)
    assert half(8000, estimated) > 1.2 * whole and half(2000, estimated) > 0 == half(2000, exact)
    monkeypatch.setattr(sampled, "_AT_MOST", 500)
    assert half(8000, exact) != whole
    assert half(8000, exact) == pytest.approx(whole, rel=0.1)


def test_one_cluster_has_no_silhouette_and_ends_stay_within_what_can_be() -> None:
    points = np.array([[0.0], [0.1], [9.0], [5.0], [9.1]])
    assert silhouette_of_everybody(points, np.full(5, 3), 10, ScoringConfig(), 0) is None
    interval = silhouette_of_everybody(points, np.array([3, 3, 5, 3, 5]), 10**6, ScoringConfig(), 0)
    assert interval is not None and interval[1] < interval[0] < interval[2] == 1.0


def test_a_fair_sample_is_within_chance_and_another_is_named() -> None:
    random = np.random.default_rng(0)
    everybody = [7000, 2500, 500]

    def drawn() -> list[Any]:
        return random.multivariate_hypergeometric(everybody, 1000).tolist()  # type: ignore[no-any-return]

    assert not any(shares_far_off(everybody, drawn()) for _ in range(500))
    assert shares_far_off(everybody, [700, 190, 110]) == [1, 2]
    assert shares_far_off([5], [5]) == shares_far_off([5], []) == []


def test_few_are_fewer_than_thirty_of_more() -> None:
    assert few_in_sample([900, 900, 29, 29], [30, 29, 29, 28]) == [1, 3]
