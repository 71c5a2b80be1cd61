"""Two axes a person can look at."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segments.config import Feature, FeatureSet, Scaler
from segments.projection import plane
from segments.space import fit_space


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
    assert seen.labels[0] == f"principal axis 1 ({values[0] / values.sum():.0%})"


def test_one_feature_is_drawn_against_itself() -> None:
    space, _ = fit_space(table(), FeatureSet("b", {"b": Feature()}), Scaler("none"))
    assert plane(table(), space).points.shape == (200, 2)
