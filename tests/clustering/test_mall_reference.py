"""The published and computed figures of the classic Mall table, through the real configuration and the real modules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segments.app.load import load
from segments.clustering.candidate import Candidate, Spec, sweep_cell
from segments.clustering.space import fit_space
from segments.config.root import Config
from segments.data.cleaning.customers import clean_customers
from segments.data.reading import files
from segments.features.table import build_features

# Best WCSS found in thousands of restarts, and the silhouette in the clustered space, for k = 2 to 6.
REFERENCE = {
    ("income_spending", "none"): [
        (181363.596, 0.2969),
        (106348.373, 0.4676),
        (73679.789, 0.4932),
        (44448.4554, 0.553932),
        (37233.815, 0.5398),
    ],
    ("income_spending", "standard"): [
        (269.017, 0.2951),
        (157.704, 0.4666),
        (108.921, 0.4939),
        (65.568408, 0.554657),
        (55.0573, 0.5399),
    ],
    ("income_spending", "minmax"): [
        (13.9935, 0.3334),
        (9.0590, 0.4515),
        (6.1103, 0.4962),
        (3.583118, 0.559485),
        (3.0984, 0.5378),
    ],
    ("age_spending", "none"): [
        (75949.156, 0.4692),
        (45840.677, 0.4530),
        (28165.5836, 0.499739),
        (23810.462, 0.4460),
        (19483.118, 0.4377),
    ],
    ("age_income_spending", "standard"): [
        (389.386, 0.3355),
        (295.212, 0.3578),
        (205.225, 0.4040),
        (168.248, 0.4166),
        (133.868334, 0.427428),
    ],
}
KS = range(2, 7)
DAVIES_BOULDIN = [
    ("income_spending", "none", 5, 0.572563),
    ("income_spending", "standard", 5, 0.572236),
    ("income_spending", "minmax", 5, 0.567811),
    ("age_income_spending", "standard", 6, 0.827743),
]


@pytest.fixture(scope="module")
def config(project: Path) -> Config:
    return load(["experiment=mall"], project=project)


@pytest.fixture(scope="module")
def features(config: Config, shared_data: Path) -> pd.DataFrame:
    assert config.source.customers is not None
    here = replace(config.source.customers, path=str(shared_data / "mall" / "Mall_Customers.csv"))
    source = replace(config.source, customers=here)
    with files.open_customers(source) as raw:
        customers, _ = clean_customers(raw, source)
    return build_features(customers, None, source, config.features).table


@pytest.fixture(scope="module")
def candidates(config: Config, features: pd.DataFrame) -> dict[tuple[str, str, int], Candidate]:
    made = {}
    for feature_set, scaler in REFERENCE:
        parts = config.grid_feature_sets[feature_set], config.grid_scalers[scaler], config.algorithm
        specs = [Spec(config.source.name, *parts, k, config.sweep.seed) for k in KS]
        made |= {(feature_set, scaler, c.spec.k): c for c in sweep_cell(features, specs)}
    return made


def half_a_digit(printed: float) -> float:
    """Relative rounding error of a figure given to seven significant digits or fewer."""
    digits = len(str(printed).partition(".")[2])
    return 0.5 * 10**-digits / printed


def test_the_recipe_is_the_published_grid(config: Config) -> None:
    assert config.sweep.feature_sets == ["income_spending", "age_spending", "age_income", "age_income_spending"]
    assert config.sweep.scalers == ["none", "standard", "minmax", "robust", "power", "quantile"]
    assert (config.sweep.k_min, config.sweep.k_max) == (2, 10)


def test_the_customers_are_the_published_ones(features: pd.DataFrame) -> None:
    assert len(features) == 200
    assert features["gender"].value_counts().to_dict() == {"Female": 112, "Male": 88}
    means = features[["age", "annual_income", "spending_score"]].mean()
    assert means.tolist() == pytest.approx([38.85, 60.56, 50.20], abs=5e-3)
    assert features["age"].corr(features["spending_score"]) == pytest.approx(-0.3272, abs=5e-5)


@pytest.mark.parametrize(("feature_set", "total"), [("income_spending", 269981.28), ("age_income_spending", 308812.78)])
def test_one_cluster_holds_the_total_sum_of_squares(
    config: Config, features: pd.DataFrame, feature_set: str, total: float
) -> None:
    _, X = fit_space(features, config.grid_feature_sets[feature_set], config.grid_scalers["none"])
    assert ((X - X.mean(axis=0)) ** 2).sum() == pytest.approx(total, abs=5e-3)


@pytest.mark.parametrize("k", KS)
@pytest.mark.parametrize(("feature_set", "scaler"), REFERENCE)
def test_wcss_and_silhouette(
    candidates: dict[tuple[str, str, int], Candidate], feature_set: str, scaler: str, k: int
) -> None:
    wcss, silhouette = REFERENCE[feature_set, scaler][k - KS.start]
    scores = candidates[feature_set, scaler, k].scores
    assert scores["wcss"] <= wcss * (1 + max(1e-6, half_a_digit(wcss)))
    assert scores["wcss"] >= wcss * (1 - 1e-5 - half_a_digit(wcss)), (
        "better than thousands of restarts: not the same space"
    )
    assert scores["silhouette"] == pytest.approx(
        silhouette, abs=max(1e-5, 0.5 * 10 ** -len(str(silhouette)[2:])) + 1e-9
    )


@pytest.mark.parametrize(("feature_set", "scaler", "k", "expected"), DAVIES_BOULDIN)
def test_davies_bouldin(
    candidates: dict[tuple[str, str, int], Candidate], feature_set: str, scaler: str, k: int, expected: float
) -> None:
    assert candidates[feature_set, scaler, k].scores["davies_bouldin"] == pytest.approx(expected, abs=1e-6)


def test_the_five_well_known_segments(
    candidates: dict[tuple[str, str, int], Candidate], features: pd.DataFrame
) -> None:
    raw = candidates["income_spending", "none", 5]
    assert np.bincount(raw.labels).tolist() == [81, 39, 35, 23, 22]
    centres = [(55.296, 49.519), (86.538, 82.128), (88.200, 17.114), (26.304, 20.913), (25.727, 79.364)]
    np.testing.assert_allclose(raw.centres, centres, atol=5e-4)
    means = features.groupby(raw.labels)[["annual_income", "spending_score"]].mean()
    np.testing.assert_allclose(means, centres, atol=5e-4)


def test_standardised_data_give_the_same_five_segments(candidates: dict[tuple[str, str, int], Candidate]) -> None:
    raw, standard = (candidates["income_spending", scaler, 5].labels for scaler in ("none", "standard"))
    np.testing.assert_array_equal(raw, standard)
