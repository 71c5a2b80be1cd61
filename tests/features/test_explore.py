"""Exploration: numbers that agree with hand and reference, warnings at their limits, no surprises on odd tables."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import stdev

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import by_hand
from segments.app.load import checked
from segments.app.stages.explore import run
from segments.config.features import ExploreConfig
from segments.config.root import Config
from segments.config.source import Column, Customers, Source
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler, SweepConfig
from segments.errors import ConfigError, DataError, StoreError
from segments.features.explore import MISSING, OTHER, Exploration, explore, summary_of
from segments.io.store import catalog
from segments.io.store.files import artifact, read_json, write_table

CONFIG = ExploreConfig()


def people(**columns: object) -> pd.DataFrame:
    n = max(len(list(values)) for values in columns.values())  # type: ignore[call-overload]
    return pd.DataFrame({"customer_id": [str(i) for i in range(n)], **columns})


def kinds(seen: Exploration) -> list[tuple[str, ...]]:
    return [(warning.kind, *warning.columns) for warning in seen.warnings]


@pytest.fixture(scope="module")
def mall(shared_data: Path) -> pd.DataFrame:
    raw = pd.read_csv(shared_data / "mall" / "Mall_Customers.csv", dtype={"CustomerID": str})
    return raw.set_axis(["customer_id", "gender", "age", "annual_income", "spending_score"], axis="columns")


# --- numbers ------------------------------------------------------------------------------------------------------


def test_mall_agrees_with_the_reference(mall: pd.DataFrame) -> None:
    seen = explore(mall, CONFIG)
    means = seen.columns.set_index("column")["mean"]
    assert means.to_dict() == pytest.approx({"age": 38.85, "annual_income": 60.56, "spending_score": 50.20})
    assert seen.pearson.at["age", "spending_score"] == pytest.approx(-0.3272, abs=5e-5)
    assert seen.categories == {"gender": {"Female": 112, "Male": 88}}
    assert seen.warnings == []


def test_summary_of_ten_values_by_hand() -> None:
    seen = explore(people(x=[1, 2, 2, 2, 3, 4, 5, 6, 15, 108.0], y=[1, 2, 3, 4, 5, 6, 7, 8, 9, np.nan]), CONFIG)
    columns = seen.columns.set_index("column")
    x = columns.loc["x"]
    # quartiles 2 and 5.75 (linear): outliers lie beyond 5.75 + 3 * 3.75 = 17, whiskers end before 5.75 + 1.5 * 3.75
    summary = ["n", "missing", "mean", "min", "q1", "median", "q3", "max"]
    assert x[summary].tolist() == [10, 0, 14.8, 1, 2, 3.5, 5.75, 108]
    assert (x["outlier_share"], x["top_share"], x["log_scale"]) == (0.1, 0.3, True)
    assert x["std"] == pytest.approx(stdev([1, 2, 2, 2, 3, 4, 5, 6, 15, 108]))
    assert columns.loc["y", ["n", "missing"]].tolist() == [9, 1]
    box = seen.boxes["x"]
    assert (box.low, box.q1, box.median, box.q3, box.high, box.fliers) == (1, 2, 3.5, 5.75, 6, [15, 108])
    ranks = np.corrcoef([1, 3, 3, 3, 5, 6, 7, 8, 9], range(9))[0, 1]
    assert seen.spearman.at["x", "y"] == pytest.approx(ranks)


@pytest.mark.parametrize("largest", [10.1, 33.3, 77.7, 1234.5, 99999.9])
def test_the_largest_value_is_in_the_last_bin_on_a_log_axis_too(largest: float) -> None:
    seen = explore(people(x=[*np.linspace(0.1, 1, 50), largest]), CONFIG)
    assert seen.log_columns == ["x"]
    assert sum(seen.histograms["x"].counts) == 51
    assert seen.histograms["x"].edges[-1] == largest


def test_scores_are_passed_over() -> None:
    seen = explore(people(monetary=[1.0, 2], r_score=[1.0, 5], f_score=[1.0, 5], m_score=[1.0, 5]), CONFIG)
    assert seen.columns["column"].tolist() == ["monetary"]


def test_levels_stand_in_their_own_order_and_rare_ones_are_gathered() -> None:
    income = ["250K+", "Under 15K", "15-24K", "15-24K", "100-124K", None]
    name = ["b", "a", "b", "c", "c", "b"]
    seen = explore(people(x=[1.0, 2, 3, 4, 5, 6], income=income, name=name), CONFIG)
    assert list(seen.categories["income"].items()) == [
        ("Under 15K", 1),
        ("15-24K", 2),
        ("100-124K", 1),
        ("250K+", 1),
        (MISSING, 1),
    ]
    assert list(seen.categories["name"].items()) == [("b", 3), ("c", 2), ("a", 1)]
    many = explore(people(x=np.arange(60.0), town=[f"town {chr(65 + i % 30)}" for i in range(60)]), CONFIG)
    assert len(many.categories["town"]) == 13 and many.categories["town"][OTHER] == 60 - 12 * 2


def test_pair_plot_takes_columns_that_differ_and_the_same_customers_each_time() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=300)
    table = people(a=a, twice_a=2 * a, constant=np.ones(300), b=rng.normal(size=300), c=rng.normal(size=300))
    config = ExploreConfig(pair_columns=2, sample=50)
    seen = explore(table, config)
    assert list(seen.sample.columns) == ["a", "b"]
    assert len(seen.sample) == 50 and seen.sample.index.is_monotonic_increasing and seen.sample.index.is_unique
    pd.testing.assert_frame_equal(seen.sample, explore(table, config).sample)
    assert seen.n_customers == 300 and seen.columns["n"].tolist() == [300] * 5


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3000).map(float) | st.floats(-1e6, 1e6), min_size=1, max_size=80))
def test_histogram_counts_every_customer_once_and_the_box_is_ordered(values: list[float]) -> None:
    seen = explore(people(x=values), CONFIG)
    shape, box = seen.histograms["x"], seen.boxes["x"]
    assert sum(shape.counts) == len(values)
    assert (np.diff(shape.edges) > 0).all() and len(shape.edges) == len(shape.counts) + 1
    assert box.low <= box.q1 <= box.median <= box.q3 <= box.high
    assert box.fliers == sorted(box.fliers) and len(box.fliers) <= CONFIG.sample


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=30, max_size=60).filter(lambda values: len(set(values)) > 3))
def test_bins_of_whole_numbers_hold_whole_numbers(values: list[int]) -> None:
    edges = np.array(explore(people(x=np.array(values, dtype="float64")), CONFIG).histograms["x"].edges)
    assert (np.floor(edges[1:]) > np.floor(edges[:-1])).all()  # no bin without a whole number in it
    assert not np.isin(edges, values).any()  # and none that begins in the middle of one


# --- warnings -----------------------------------------------------------------------------------------------------


def test_each_kind_of_warning_is_raised_and_machine_readable() -> None:
    n = 100
    rng = np.random.default_rng(0)
    even = rng.permutation(n).astype("float64")
    seen = explore(
        people(
            even=even,
            also_even=even**3,
            skewed=np.where(even < 90, even % 7, even**4),
            seldom=(even < 2).astype("float64"),
            same=np.full(n, 3.0),
            holes=np.where(even < 30, np.nan, even % 13),
            empty=np.full(n, np.nan),
            country=["x"] * n,
            town=["a"] * 97 + ["b", "c", "d"],
        ),
        CONFIG,
    )
    assert kinds(seen) == [
        ("skew", "skewed"),
        ("outliers", "skewed"),
        ("near_constant", "seldom"),
        ("skew", "seldom"),
        ("constant", "same"),
        ("missing", "holes"),
        ("missing", "empty"),
        ("constant", "country"),
        ("near_constant", "town"),
        ("correlated", "even", "also_even"),
    ]
    for warning in seen.warnings:
        assert abs(warning.value) > warning.limit
        assert all(column in warning.sentence for column in warning.columns)
    json.dumps(catalog.FEATURE_WARNINGS.plain(seen.warnings), allow_nan=False)
    assert seen.warnings[5].value == 0.3


def test_limits_come_from_the_config() -> None:
    table = people(a=[1.0, 2, 3, 4, 5, 6], b=[1.0, 2, 3, 4, 6, 5], c=[1, 1, 1, 2.0, np.nan, 1])
    strict = ExploreConfig(skew=0.5, near_constant_share=0.5, correlation=0.5, outlier_share=0)
    loose = ExploreConfig(skew=100, near_constant_share=1, correlation=1, outlier_share=1, missing_share=0.5)
    assert {("correlated", "a", "b"), ("near_constant", "c"), ("skew", "c"), ("missing", "c")} <= set(
        kinds(explore(table, strict))
    )
    assert kinds(explore(table, loose)) == []


def test_a_limit_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"1\.5 is out of range"):
        checked(ExploreConfig, {"missing_share": 1.5})


# --- odd tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (people(x=[1.0]).head(0), "empty"),
        (people(x=[1.0, np.inf], y=[1.0, 2.0]), "infinite values in x"),
    ],
)
def test_bad_tables_are_refused_in_words(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message) as refused:
        explore(table, CONFIG)
    assert refused.value.fix


@pytest.mark.parametrize(
    "table",
    [
        people(gender=["f", "m"]),
        people(x=[1.0]),
        people(x=[1.0, 1.0], y=[np.nan, np.nan]),
        people(x=[1.0, 2.0], y=[2.0, np.nan]),
    ],
)
def test_one_customer_or_nothing_but_gaps_still_gives_plain_data(table: pd.DataFrame) -> None:
    plain = catalog.EXPLORE_SUMMARY.plain(summary_of(explore(table, CONFIG)))
    json.dumps(plain, allow_nan=False)
    assert plain["n_customers"] == len(table)


# --- the stage ----------------------------------------------------------------------------------------------------


def configured() -> Config:
    columns = {"age": Column(unit="years"), "gender": Column(kind="category")}
    return Config(
        source=Source("mine", customers=Customers("people.csv", columns=columns)),
        feature_set=FeatureSet("one", {"age": Feature()}),
        scaler=Scaler("none"),
        algorithm=Algorithm(),
        sweep=SweepConfig(["one"], ["none"]),
    )


@pytest.mark.slow
def test_the_stage_writes_the_same_bytes_again(
    mall: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(artifact("features", "customers.parquet"), mall)
    by_hand.features_of(configured().source.name)
    written = []
    for _ in range(2):
        run(configured())
        written.append({file.name: file.read_bytes() for file in sorted(artifact("explore").iterdir())})
    pictures = ["box_plots", "correlation_heat_map", "count_plots", "histograms", "pair_plot"]
    files = [f"{name}.{suffix}" for name in pictures for suffix in ("png", "svg")]
    assert list(written[0]) == [*files, "summary.json", "warnings.json"]
    assert written[0] == written[1]
    assert read_json(artifact("explore", "summary.json"))["units"] == {"age": "years"}
    assert read_json(artifact("explore", "warnings.json")) == []


def test_without_features_the_stage_names_the_one_that_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError) as refused:
        run(configured())
    assert "segments features" in refused.value.fix
