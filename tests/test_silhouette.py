"""Silhouettes of many labelings in one pass, against Rousseeuw's definition and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

from segments.errors import SweepError
from segments.silhouette import silhouette_samples_many


def test_four_points_by_hand() -> None:
    """For the point at 0: a = 1, b = (10 + 11) / 2 = 10.5, s = 9.5 / 10.5; for the one at 1: b = 9.5, s = 8.5 / 9.5."""
    X = np.array([[0.0], [1.0], [10.0], [11.0]])
    s = silhouette_samples_many(X, np.array([[0, 0, 1, 1]]))
    assert s[0] == pytest.approx([9.5 / 10.5, 8.5 / 9.5, 8.5 / 9.5, 9.5 / 10.5])


def test_a_cluster_of_one_has_silhouette_zero() -> None:
    X = np.array([[0.0], [1.0], [10.0]])
    assert silhouette_samples_many(X, np.array([[0, 0, 1]]))[0, 2] == 0.0


def test_equal_points_have_silhouette_zero() -> None:
    assert silhouette_samples_many(np.ones((4, 2)), np.array([[0, 0, 1, 1]])).tolist() == [[0.0] * 4]


@given(st.integers(0, 10_000), st.integers(3, 60), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_agrees_with_scikit_learn_on_every_labeling(seed: int, n: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).round(1)
    labelings = []
    for k in (2, 3, 7):
        labels = rng.integers(0, k, n)
        labels[:2] = [0, k - 1]
        labelings.append(labels)
    ours = silhouette_samples_many(X, np.array(labelings))
    for row, labels in zip(ours, labelings, strict=True):
        if len(set(labels)) < n:
            np.testing.assert_allclose(row, silhouette_samples(X, labels), atol=1e-9)


def test_numbers_that_no_point_bears_change_nothing() -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    labels = np.arange(20) % 3
    np.testing.assert_allclose(
        silhouette_samples_many(X, labels[None] * 4), silhouette_samples_many(X, labels[None]), atol=1e-12
    )


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than one block holds give what one block would."""
    X = np.random.default_rng(0).normal(size=(5000, 2))
    labels = (X[:, 0] > 0).astype(int)
    np.testing.assert_allclose(silhouette_samples_many(X, labels[None])[0], silhouette_samples(X, labels), atol=1e-9)


@pytest.mark.parametrize(
    ("X", "labelings", "names"),
    [
        (np.array([[np.nan], [1.0]]), np.array([[0, 1]]), "X holds NaN"),
        (np.zeros((0, 2)), np.zeros((1, 0), dtype=int), "X has shape"),
        (np.zeros((3, 2)), np.array([[0, 1]]), "labelings has shape"),
        (np.zeros((2, 2)), np.array([[0, 0]]), "labeling 0 puts every point into one cluster"),
        (np.zeros((2, 2)), np.array([[0.5, 1.0]]), "integers"),
        (np.zeros((2, 2)), np.array([[-1, 1]]), "integers from 0"),
    ],
)
def test_bad_arguments_are_named(X: np.ndarray, labelings: np.ndarray, names: str) -> None:
    with pytest.raises(SweepError, match=names):
        silhouette_samples_many(X, labelings)


def test_to_the_last_digit_whatever_labelings_are_beside_it() -> None:
    """A candidate that is made again alone, after a kill, must be the one that was made with its neighbours."""
    random = np.random.default_rng(0)
    X = random.normal(size=(203, 3))
    labelings = np.array([np.arange(len(X)) % k for k in range(2, 9)], dtype=np.int32)
    together = silhouette_samples_many(X, labelings)
    for i in range(len(labelings)):
        assert (silhouette_samples_many(X, labelings[i : i + 1])[0] == together[i]).all()
        assert (silhouette_samples_many(X, labelings[i:])[0] == together[i]).all()
