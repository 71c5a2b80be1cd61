"""Lumps: which values are some, and what is left of a column without them."""

from __future__ import annotations

import numpy as np
import pytest

from segments.evidence.lumps import lumps_of, without_lumps
from segments.evidence.valleys import valley


@pytest.mark.parametrize(
    ("n", "count", "lump"), [(100, 20, True), (100, 19, False), (1000, 50, True), (1000, 49, False)]
)
def test_a_lump_is_a_twentieth_and_no_fewer_than_twenty(n: int, count: int, lump: bool) -> None:
    column = np.append(np.zeros(count), np.linspace(1, 2, n - count))
    assert lumps_of(column).sum() == (count if lump else 0)


def test_a_column_of_one_value_has_no_lump() -> None:
    assert not lumps_of(np.zeros(50)).any()


def test_what_has_no_lump_is_left_as_it_is() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2))
    assert without_lumps(X) is X


def test_who_is_in_a_lump_gets_values_of_the_others_and_keeps_the_other_columns() -> None:
    random = np.random.default_rng(0)
    X = np.column_stack([np.append(np.zeros(60), random.uniform(5, 6, 40)), random.normal(size=100)])
    before = X.copy()
    smooth = without_lumps(X)
    assert np.array_equal(X, before)
    assert np.array_equal(smooth[:, 1], X[:, 1])
    assert np.array_equal(smooth[60:], X[60:])
    assert set(smooth[:60, 0]) <= set(X[60:, 0])
    assert len(set(smooth[:60, 0])) > 20
    assert np.array_equal(smooth, without_lumps(X)), "always the same"


def test_a_scale_is_spread_half_way_to_its_neighbours() -> None:
    """Three quarters or more in lumps: levels 0, 1, 4 are spread over 0 to 0.5, 0.5 to 2.5, 2.5 to 4."""
    levels = np.repeat([0.0, 1.0, 4.0], 40)
    smooth = without_lumps(levels[:, None])[:, 0]
    for level, low, high in ((0.0, 0.0, 0.5), (1.0, 0.5, 2.5), (4.0, 2.5, 4.0)):
        own = smooth[levels == level]
        assert low <= own.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < own.max() <= high


def test_a_quarter_beside_the_lumps_is_enough() -> None:
    column = np.append(np.zeros(75), np.linspace(8, 9, 25))[:, None]
    assert without_lumps(column).min() == 8.0
    assert without_lumps(np.append(column, [[0.0]], axis=0)).min() < 0.5


def test_users_against_non_users_are_no_clusters_and_true_ones_beside_a_lump_are() -> None:
    random = np.random.default_rng(0)
    uses = np.repeat([0, 1], 100).astype(np.int32)
    X = np.column_stack([np.where(uses, random.normal(5, 0.3, 200), 0.0), random.normal(size=200)])

    def centres(X: np.ndarray) -> np.ndarray:
        return np.array([X[uses == c].mean(axis=0) for c in (0, 1)])

    assert valley(X, uses, centres(X)).p > 0.2
    X[:, 1] += 9 * uses
    assert valley(X, uses, centres(X)).p < 1e-6
