"""Two axes a person can look at."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from segments.clustering.plane import DRAWN, Plane, plane
from segments.clustering.space import fit_space
from segments.config.sweep import Feature, FeatureSet, Scaler


def table(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.lognormal(2, 1, n), "b": rng.normal(5, 1, n), "c": rng.normal(0, 9, n)})


def test_two_features_have_their_own_axes_in_their_own_units() -> None:
    space, _ = fit_space(table(), FeatureSet("ab", {"a": Feature("log1p"), "b": Feature()}), Scaler("standard"))
    seen = plane(table(), space)
    assert np.array_equal(seen.points, table()[["a", "b"]])
    assert (seen.labels, seen.log) == (("a", "b"), (True, False))


def test_a_centre_is_the_mean_of_its_customers_geometric_on_a_log_axis() -> None:
    space, _ = fit_space(table(), FeatureSet("ab", {"a": Feature("log1p"), "b": Feature()}), Scaler("none"))
    clusters = (np.arange(200) % 2).astype(np.int32)
    centres = plane(table(), space).centres(clusters)
    even = table()[clusters == 0]
    assert centres[0] == pytest.approx([np.expm1(np.log1p(even["a"]).mean()), even["b"].mean()])


def test_three_features_lie_in_their_principal_plane() -> None:
    """The plane holds the two largest variances, and says how much of the whole they are."""
    space, X = fit_space(table(), FeatureSet("abc", {c: Feature() for c in "abc"}), Scaler("standard"))
    seen = plane(table(), space)
    values = np.linalg.eigvalsh(np.cov(X.T))[::-1]
    assert seen.points.var(axis=0, ddof=1) == pytest.approx(values[:2])
    assert seen.labels[0].endswith(f" → ({values[0] / values.sum():.0%})")
    # the feature that an axis is named by rises, or falls, along it more than any other
    for axis in (0, 1):
        along = [np.corrcoef(seen.points[:, axis], table()[c])[0, 1] for c in "abc"]
        most = int(np.abs(along).argmax())
        assert seen.labels[axis].startswith(f"{'more' if along[most] > 0 else 'less'} {'abc'[most]}")


def test_axes_are_named_as_whoever_asks_calls_the_columns() -> None:
    two, _ = fit_space(table(), FeatureSet("ab", {"a": Feature("log1p"), "b": Feature()}), Scaler("standard"))
    assert plane(table(), two, str.upper).labels == ("A", "B")
    three, _ = fit_space(table(), FeatureSet("abc", {c: Feature() for c in "abc"}), Scaler("standard"))
    words = {"a": "one", "b": "two", "c": "three"}
    plain, named = plane(table(), three).labels, plane(table(), three, words.__getitem__).labels
    assert named == tuple(re.sub(r"\b[abc]\b", lambda found: words[found[0]], label) for label in plain)
    assert named != plain


def test_one_feature_is_drawn_against_itself() -> None:
    space, _ = fit_space(table(), FeatureSet("b", {"b": Feature()}), Scaler("none"))
    assert plane(table(), space).points.shape == (200, 2)


def test_of_many_customers_crowds_are_thinned_and_whoever_stands_alone_is_drawn() -> None:
    rng = np.random.default_rng(1)
    crowd, alone = rng.normal(0, 0.01, (40_000, 2)), np.column_stack([np.arange(1, 51.0), np.zeros(50)])
    points = rng.permutation(np.concatenate([crowd, alone]))
    shown = Plane(points, ("x", "y"), (False, False)).shown()
    assert len(shown) == DRAWN == len(set(shown))
    assert (points[shown, 0] >= 1).sum() == 50
    assert (points[shown, 0] < 0).mean() == pytest.approx(0.5, abs=0.05)  # the crowd itself is cut evenly


def test_few_customers_are_all_drawn() -> None:
    assert Plane(np.zeros((DRAWN, 2)), ("x", "y"), (False, False)).shown().tolist() == list(range(DRAWN))
