"""A scored batch against the training data: figures by hand, few false alarms, drift where there is some."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from segmentations import segmentation
from segments.app.jobs.score_file import score_file
from segments.app.load import checked, load
from segments.clustering.candidate import Spec, sweep_cell
from segments.clustering.space import Space
from segments.config.features import FeaturesConfig
from segments.config.root import Config
from segments.config.serving import LightLimits, MonitoringConfig
from segments.config.source import Source
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler, SweepConfig
from segments.data.cleaning.transactions import clean_transactions
from segments.data.reading import files
from segments.errors import ConfigError, DataError
from segments.features.table import build_features
from segments.io.store.cache import batch_records, version_folder
from segments.io.store.files import write_table
from segments.io.store.fingerprints import sha256
from segments.io.store.raw_files import fetch
from segments.io.store.seals import seal
from segments.model.answers import Rejected, Scored
from segments.model.drift import Figure, Tally, figures, medians, reference_of, stability_index, verdict
from segments.model.segmentation import Segmentation

LINE = segmentation("c0", Space(["x"], ["identity"], [1.0], "none", {}), np.array([[0.0], [10.0]]), ["low", "high"])


def chunk(model: Segmentation, features: pd.DataFrame, rejected: int = 0) -> Scored:
    ids = features["customer_id"] if "customer_id" in features else [str(i) for i in range(len(features))]
    bad = [Rejected(i, None, "missing id", "missing id") for i in range(rejected)]
    columns = model.space.columns
    return Scored(pa.array(list(ids)), features[columns].to_numpy(dtype=float), model.predict(features), bad)


def message(
    model: Segmentation, training: pd.DataFrame, batch: pd.DataFrame, previous: dict[str, str] | None = None
) -> dict[str, Figure]:
    tally = Tally(reference_of(training, model), model, previous)
    tally.add(chunk(model, batch))
    return {one.name: one for one in figures(tally, MonitoringConfig())}


@pytest.fixture(scope="module")
def skewed() -> tuple[Segmentation, pd.DataFrame]:
    """Customers with ties (half bought once) and a model of them."""
    rng = np.random.default_rng(7)
    n = 3000
    counts, money = np.maximum(1, rng.poisson(1.2, n)).astype(float), rng.lognormal(3, 1, n)
    table = pd.DataFrame({"customer_id": [str(i) for i in range(n)], "frequency": counts, "money": money})
    wanted = FeatureSet("fm", {"frequency": Feature("log1p"), "money": Feature("log1p")})
    [made] = sweep_cell(table, [Spec("toy", wanted, Scaler("standard"), Algorithm(starts=2, max_fits=10), 3, 0)])
    return segmentation(made.candidate_id, made.space, made.centres, ["a", "b", "c"]), table


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_the_stability_index_by_hand() -> None:
    training, batch = np.array([50, 30, 20]), np.array([10, 30, 60])
    t, b = (training + 0.5) / 101.5, (batch + 0.5) / 101.5
    assert stability_index(training, batch) == pytest.approx(sum((b - t) * np.log(b / t)))
    assert stability_index(training, training * 7) == pytest.approx(0, abs=1e-3)
    assert np.isfinite(stability_index(np.array([10, 0]), np.array([0, 10])))


@given(st.lists(st.integers(0, 5), min_size=6, max_size=60))
def test_the_median_is_found_among_the_deciles_whatever_ties_there_are(values: list[int]) -> None:
    table = pd.DataFrame({"x": np.array(values, dtype=float)})
    assert medians(reference_of(table, LINE))["x"] == pytest.approx(table["x"].median())


def test_the_median_is_not_the_middle_of_deciles_that_are_there_once() -> None:
    table = pd.DataFrame({"x": [0.0] * 40 + [6.0] * 20 + list(np.linspace(7, 99, 40))})
    edges = reference_of(table, LINE)["columns"]["x"]["edges"]
    assert edges[len(edges) // 2] != 6
    assert medians(reference_of(table, LINE)) == {"x": 6.0}


def test_ties_never_straddle_an_edge() -> None:
    training = pd.DataFrame({"x": [0.0] * 60 + list(np.linspace(1, 10, 40))})
    bins = reference_of(training, LINE)["columns"]["x"]
    assert bins["edges"][0] == 0 and len(set(bins["edges"])) == len(bins["edges"])
    assert bins["counts"][0] == 60
    assert sum(bins["counts"]) == 100


def test_segments_far_and_moved_by_hand() -> None:
    training = pd.DataFrame({"x": [*np.linspace(0, 1, 100), *np.linspace(9, 10, 100)]})
    batch = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "x": [0.5, 2.0, 9.5, 9.5]})
    found = message(LINE, training, batch, {"a": "low", "b": "high", "c": "high", "z": "low"})
    assert found["far"].value == 0.25  # 2.0 is farther from 0 than 99 % of 0...1
    assert found["far"].training == 0.01  # the last one of each hundred
    assert found["moved"].value == pytest.approx(1 / 3)  # d was not known
    assert found["psi.segments"].value == pytest.approx(0.0)
    assert found["out_of_range"].value == 0


def test_out_of_range_counts_what_the_model_says() -> None:
    training = pd.DataFrame({"x": [*np.linspace(0, 1, 100), *np.linspace(9, 10, 100)]})
    limits = replace(LINE.limits, low=np.array([0.0]), high=np.array([10.0]))
    model = replace(LINE, limits=limits)
    found = message(model, training, pd.DataFrame({"customer_id": list("abcd"), "x": [0.5, 12.0, -1.0, 9.5]}))
    assert (found["out_of_range"].value, found["out_of_range"].training) == (0.5, 0.0)


def test_one_segment_has_no_silhouette() -> None:
    found = message(LINE, pd.DataFrame({"x": np.linspace(0, 10, 100)}), pd.DataFrame({"x": np.linspace(0, 1, 50)}))
    assert found["silhouette"].value is None and found["silhouette"].status == "-"
    assert found["psi.segments"].status == "red"


def test_rejected_rows_are_a_figure(skewed: tuple[Segmentation, pd.DataFrame]) -> None:
    model, table = skewed
    tally = Tally(reference_of(table, model), model)
    tally.add(chunk(model, table.head(900), rejected=100))
    found = {one.name: one for one in figures(tally, MonitoringConfig())}
    assert found["rejected"].value == 0.1 and found["rejected"].status == "red"


def test_the_smallest_batches_are_judged_without_an_error(skewed: tuple[Segmentation, pd.DataFrame]) -> None:
    model, table = skewed
    for rows in (1, 2, 3, 5):
        assert verdict(list(message(model, table, table.head(rows)).values()))[0] == "keep"
    empty = Tally(reference_of(table, model), model)
    assert verdict(figures(empty, MonitoringConfig())) == ("keep", "Keep: there is nothing to judge by.")


# --- properties -------------------------------------------------------------------------------------------------------


def test_the_same_data_show_no_drift(skewed: tuple[Segmentation, pd.DataFrame]) -> None:
    found = message(skewed[0], skewed[1], skewed[1])
    assert {one.status for one in found.values()} <= {"green", "-"}
    assert found["silhouette"].value == found["silhouette"].training
    assert [found[name].value for name in ("psi.segments", "psi.frequency", "psi.money")] == [0, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 7, 999, 3000])
def test_however_it_is_cut_a_batch_gives_the_same_figures(
    skewed: tuple[Segmentation, pd.DataFrame], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("segments.model.drift.SAMPLE", 500)
    model, table = skewed
    batch = table.head(1200) if size == 1 else table
    reference = reference_of(table, model)
    whole, cut = Tally(reference, model), Tally(reference, model)
    whole.add(chunk(model, batch))
    for start in range(0, len(batch), size):
        cut.add(chunk(model, batch.iloc[start : start + size]))
    assert figures(cut, MonitoringConfig()) == figures(whole, MonitoringConfig())


@pytest.mark.slow
def test_few_false_alarms_in_small_batches(skewed: tuple[Segmentation, pd.DataFrame]) -> None:
    """Batches drawn from the training customers: at most one in a hundred may show a light; 4 of 200 is beyond what that allows for."""
    model, table = skewed
    reference, rng = reference_of(table, model), np.random.default_rng(0)
    for rows in (5, 20, 50, 200, 1000):
        lit = bare = 0
        for _ in range(200):
            tally = Tally(reference, model)
            tally.add(chunk(model, table.iloc[rng.integers(0, len(table), rows)]))
            found = figures(tally, MonitoringConfig())
            lit += any(one.status in ("amber", "red") for one in found)
            bare += any(one.name.startswith("psi") and (one.value or 0) > 0.1 for one in found)
        assert lit <= 6, f"{lit} of 200 batches of {rows}"
        if rows == 50:
            assert bare > 100, "without the test of chance, most batches of fifty would be amber"


def test_the_index_is_chi_square_under_no_change() -> None:
    rng, shares = np.random.default_rng(1), np.full(10, 0.1)
    n, N = 500, 2000
    drawn = [stability_index(rng.multinomial(N, shares), rng.multinomial(n, shares)) for _ in range(2000)]
    scaled = np.array(drawn) / (1 / n + 1 / N)
    assert scaled.mean() == pytest.approx(9, rel=0.05)
    assert (scaled > chi2.ppf(0.95, 9)).mean() == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("rows", [200, 3000])
def test_a_shift_is_seen(skewed: tuple[Segmentation, pd.DataFrame], rows: int) -> None:
    model, table = skewed
    moved = table.assign(money=table["money"] * 4).head(rows)
    found = message(model, table, moved)
    assert found["psi.money"].status == "red" and found["psi.frequency"].status == "green"
    decision, sentence = verdict(list(found.values()))
    assert decision == "refit" and "money" in sentence


# --- bad input --------------------------------------------------------------------------------------------------------


def test_figures_of_another_model_are_refused(skewed: tuple[Segmentation, pd.DataFrame]) -> None:
    with pytest.raises(DataError, match="not those of this model"):
        Tally(reference_of(skewed[1], skewed[0]), LINE)


def test_limits_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="not in order"):
        checked(LightLimits, {"amber": 0.3, "red": 0.1})


# --- the bundled data ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_period_shows_drift_where_there_is_some(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A champion of the first half of 2017 scores its own customers again, the second half, and the whole year."""
    source = load(["source=completejourney"], project).source
    fetch(source, project=tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").touch()
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert source.transactions is not None
    log = pd.read_parquet(source.transactions.path)
    log = log[log["household_id"].astype(int) % 3 == 0]  # 800 customers tell as much as 2,400
    late = log["transaction_timestamp"] >= "2017-07-01"
    for name, lines in (("first", log[~late]), ("second", log[late]), ("year", log)):
        lines.to_parquet(f"{name}.parquet")
    half = replace(source, as_of="2017-07-01", transactions=replace(source.transactions, path="first.parquet"))
    with files.open_log(half) as opened:
        first = build_features(
            None, clean_transactions(opened, half)[0], replace(half, customers=None), FeaturesConfig()
        ).table
    wanted = FeatureSet("rfm", {name: Feature("log1p") for name in ("recency_days", "frequency", "monetary")})
    [made] = sweep_cell(first, [Spec("cj", wanted, Scaler("quantile"), Algorithm(starts=2, max_fits=10), 4, 0)])
    model = segmentation(made.candidate_id, made.space, made.centres, list("abcd"))
    reference = json.dumps(reference_of(first, model))
    kept = version_folder(sha256(model.to_json().encode()), model.candidate_id)
    write_table(kept / "members.parquet", first[["customer_id"]].join(model.predict(first)["segment"]))
    seal(kept)

    def scored(name: str, source: Source) -> tuple[str, dict[str, Any]]:
        config = Config(source, wanted, Scaler("quantile"), Algorithm(), SweepConfig(["rfm"], ["quantile"]))
        named = {"name": "halves", "version": "1"}
        record = score_file(config, Path(f"{name}.parquet"), Path("out.parquet"), model, named, reference).record
        assert record is not None
        return record["decision"], {one["name"]: one["status"] for one in record["figures"]}

    decision, same = scored("first", half)
    assert decision == "keep" and set(same.values()) == {"green"}
    assert scored("first", half) == (decision, same) and len(batch_records()) == 1
    decision, other = scored("second", source)
    assert decision == "keep"
    assert other["moved"] == "red"  # customers change; how many there are of each kind does not
    assert other["psi.segments"] == other["psi.monetary"] == "green"
    decision, year = scored("year", source)  # twice the time: other frequencies and sums
    assert decision == "refit" and year["psi.frequency"] == year["psi.monetary"] == "red"
