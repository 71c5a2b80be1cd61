"""Feature rows -> the clustered space, and back from plain numbers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import yeojohnson
from sklearn import preprocessing

from segments.clustering.space import Space, fit_space, nearest, to_space
from segments.config.sweep import SCALERS, Feature, FeatureSet, Scaler
from segments.errors import SweepError

SKEWED = FeatureSet("s", {"x": Feature("log1p"), "y": Feature("sqrt", 2.0), "z": Feature()})


def rows(seed: int = 0, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"x": rng.lognormal(3, 2, n), "y": rng.poisson(2, n).astype(float), "z": rng.normal(-5, 3, n)})


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("seed", range(3))
def test_a_space_survives_json_to_the_last_bit(scaler: str, seed: int) -> None:
    """What is written and read back sends old and new customers to exactly the same place."""
    space, X = fit_space(rows(seed), SKEWED, Scaler(scaler))
    again = Space.from_plain(json.loads(json.dumps(space.to_plain())))
    assert np.array_equal(to_space(again, rows(seed)), X)
    assert np.array_equal(to_space(again, rows(seed + 99)), to_space(space, rows(seed + 99)))


@pytest.mark.parametrize(
    ("scaler", "reference"),
    [
        ("standard", preprocessing.StandardScaler()),
        ("minmax", preprocessing.MinMaxScaler()),
        ("robust", preprocessing.RobustScaler()),
        ("power", preprocessing.PowerTransformer()),
        ("quantile", preprocessing.QuantileTransformer(n_quantiles=60)),
    ],
)
def test_scalers_are_scikit_learns(scaler: str, reference) -> None:
    space, X = fit_space(rows(), SKEWED, Scaler(scaler))
    frame = rows()
    by_hand = np.column_stack([np.log1p(frame["x"]), np.sqrt(frame["y"]), frame["z"]])
    # the power scaler's parameter is kept to four decimals
    tolerance = 1e-3 if scaler == "power" else 1e-12
    np.testing.assert_allclose(X, reference.fit_transform(by_hand) * [1, 2, 1], atol=tolerance)
    if scaler == "power":
        np.testing.assert_allclose(space.fitted["lambdas_"], reference.lambdas_, atol=6e-5)


@pytest.mark.parametrize("scaler", ["standard", "minmax", "robust"])
@pytest.mark.parametrize("seed", range(3))
def test_scaled_numbers_are_scikit_learns_to_the_last_bit(scaler: str, seed: int) -> None:
    reference = {"standard": preprocessing.StandardScaler, "minmax": preprocessing.MinMaxScaler, "robust": preprocessing.RobustScaler}[scaler]().fit(rows(seed))  # fmt: skip
    space, _ = fit_space(rows(seed), FeatureSet("plain", {name: Feature() for name in rows()}), Scaler(scaler))
    other = rows(seed + 10) * 3.7  # beyond what it was fitted on, too
    assert np.array_equal(to_space(space, other), reference.transform(other))


def test_the_power_scaler_takes_any_parameter_and_sign() -> None:
    """Yeo and Johnson's two borders, 0 and 2, where a power becomes a logarithm."""
    space, _ = fit_space(rows(), SKEWED, Scaler("power"))
    values = pd.DataFrame({"x": [0.0, 3.0], "y": [4.0, 0.0], "z": [-2.5, 2.5]})
    unit = {"inner_mean_": [0.0] * 3, "inner_scale_": [1.0] * 3}
    for parameter in (0.0, 2.0, -1.3, 0.7):
        made = to_space(replace(space, fitted=space.fitted | unit | {"lambdas_": [parameter] * 3}), values)
        transformed = [np.log1p(values["x"]), np.sqrt(values["y"]), values["z"]]
        expected = np.column_stack([yeojohnson(column, parameter) for column in transformed]) * [1, 2, 1]
        np.testing.assert_allclose(made, expected, rtol=1e-14)


@given(st.integers(0, 1000), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_a_row_goes_where_it_goes_whoever_stands_beside_it(seed: int, cut: int) -> None:
    """Chunks of a table give the same places and the same nearest centres as the whole."""
    space, X = fit_space(rows(seed), SKEWED, Scaler("power"))
    assert np.array_equal(np.vstack([to_space(space, rows(seed)[:cut]), to_space(space, rows(seed)[cut:])]), X)
    centres = X[:4]
    labels, distances = nearest(X, centres)
    parts = [nearest(X[:cut], centres), nearest(X[cut:], centres)]
    assert np.array_equal(np.concatenate([p[0] for p in parts]), labels)
    assert np.array_equal(np.concatenate([p[1] for p in parts]), distances)


def test_ties_go_to_the_lower_number() -> None:
    assert nearest(np.array([[0.0]]), np.array([[1.0], [-1.0]]))[0].tolist() == [0]


def test_a_missing_column_is_named() -> None:
    space, _ = fit_space(rows(), SKEWED, Scaler("none"))
    with pytest.raises(SweepError, match="no column z"):
        to_space(space, rows().drop(columns="z"))


def test_a_new_customer_outside_the_transforms_domain_is_named() -> None:
    space, _ = fit_space(rows(), SKEWED, Scaler("none"))
    with pytest.raises(SweepError, match="'y' is -4, where sqrt is not defined"):
        to_space(space, rows().assign(y=-4.0))
