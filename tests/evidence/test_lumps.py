"""Categories among the columns: what is no cluster, and what of them a null keeps."""

from __future__ import annotations

import numpy as np
import pytest

from segments.evidence.lumps import categories_of, without_lumps
from segments.evidence.null_models import null_model
from segments.evidence.valleys import valley


def one_hot(levels: np.ndarray, unit: float = 1.5) -> np.ndarray:
    return np.eye(levels.max() + 1)[levels] * unit


def clouds(labels: np.ndarray, X: np.ndarray) -> np.ndarray:
    return np.array([X[labels == c].mean(axis=0) for c in range(labels.max() + 1)])


def test_categories_are_found_among_flags_and_numbers_and_beside_each_other() -> None:
    random = np.random.default_rng(0)
    a, b, flag = random.integers(3, size=60), random.integers(4, size=60), random.integers(2, size=60)
    X = np.column_stack([random.normal(size=60), flag * 1.5, one_hot(a), one_hot(b), flag])
    assert categories_of(X) == [slice(2, 5), slice(5, 9)]
    X[7, 2:5] = 0.0  # a customer of no level: these are three flags
    assert categories_of(X) == [slice(5, 9)]


@pytest.mark.parametrize("name", ["copula", "unimodal"])
def test_a_null_gives_each_customer_one_level_in_the_shares_of_the_data_and_keeps_what_goes_with_it(name: str) -> None:
    random = np.random.default_rng(1)
    levels = np.repeat([0, 1, 2], [100, 250, 150])
    X = np.column_stack([random.normal(size=500) + levels, one_hot(levels)])
    drawn = null_model(X, name)(np.random.default_rng(2))
    assert (drawn[:, 1:] > 0).sum(axis=0).tolist() == [100, 250, 150]
    assert ((drawn[:, 1:] > 0).sum(axis=1) == 1).all() and set(np.unique(drawn[:, 1:])) == {0.0, 1.5}
    assert drawn[drawn[:, 3] > 0, 0].mean() - drawn[drawn[:, 1] > 0, 0].mean() > 1


@pytest.mark.parametrize("levels", [3, 5])
def test_the_levels_of_one_category_are_no_clusters(levels: int) -> None:
    """They lie apart in any data; k-means finds them wherever the other columns say little."""
    random = np.random.default_rng(3)
    answer = random.integers(levels, size=3000)
    X = np.column_stack([one_hot(answer), random.normal(size=3000)])
    assert valley(X, answer.astype(np.int32), clouds(answer, X)).p > 0.5


def test_customers_who_answer_everything_otherwise_are_clusters() -> None:
    random = np.random.default_rng(4)
    kind = random.integers(3, size=900)
    answers = [np.where(random.random(900) < 0.9, kind, random.integers(3, size=900)) for _ in range(8)]
    X = np.hstack([one_hot(answer) for answer in answers])
    assert valley(X, kind.astype(np.int32), clouds(kind, X)).p < 0.001


def test_the_levels_of_a_scale_are_spread_half_way_to_their_neighbours() -> None:
    column = np.repeat([0.0, 1.0, 4.0], 40)
    smooth = without_lumps(column[:, None])[:, 0]
    for level, low, high in ((0, 0, 0.5), (1, 0.5, 2.5), (4, 2.5, 4)):
        own = smooth[column == level]
        assert low <= own.min() < low + (high - low) / 8 and high - (high - low) / 8 < own.max() <= high
