"""The fit of record between the stages: what the stage `selection` makes of an engine's answers, what later stages take, what people read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import small_results
from segments.app.jobs import of_record
from segments.app.jobs.inputs import chosen_centres
from segments.app.jobs.metrics import selection_metrics
from segments.app.stages import selection
from segments.clustering.space import Space
from segments.config.engine import Engine
from segments.config.evidence import SelectionConfig
from segments.config.root import Config
from segments.config.source import Source, Transactions
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler, SweepConfig
from segments.evidence.selection import Chosen, choose
from segments.features.table import RFM_COLUMNS, rfm_scores, rfm_scores_sql
from segments.io.records.notes import everybody_in_words
from segments.io.store import catalog
from segments.io.store.documents import EngineLog, Fits, KeptTable
from segments.io.store.files import read_json
from segments.model.of_record import FitOfRecord, fit_of_record
from segments.model.segmentation import number_segments

EVERYBODY = np.array([0.0, 1, 2, 3, 20, 21, 22, 9])
SAMPLE = pd.DataFrame({"customer_id": list("abcd"), "x": [0.0, 1, 9, 20]})
START = [[10 / 3], [20.0]]
KEPT = KeptTable("features", "engine/shop/features", 8, 8, {"customer_id": "string", "x": "double"}, "0" * 64)


class FakeEngine:
    """Everybody in two parts, without Spark."""

    asked: Sequence[str]

    def kept(self, table: KeptTable, stage: str) -> Any:
        assert (table, stage) == (KEPT, "features")
        return SimpleNamespace(selectExpr=lambda *_: SimpleNamespace(columns=["customer_id", "x"]))

    def complete(self, frame: Any, asked: Sequence[str], columns: Sequence[str]) -> Any:
        assert list(columns) == ["x"]
        FakeEngine.asked = asked
        return frame

    def texts_by_parts(self, frame: Any, work: Callable[[Any], str]) -> list[str]:
        parts = (EVERYBODY[:3], EVERYBODY[3:])
        return [work([pa.record_batch({"x": pa.array([*part, None])})]) for part in parts]


@pytest.fixture
def config(root: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A project whose engine has twice as many customers as are here."""

    @contextmanager
    def opened(_: Source) -> Iterator[FakeEngine]:
        yield FakeEngine()

    monkeypatch.setattr(of_record, "log_engine", opened)
    space = Space(["x"], ["identity"], [1.0], "none", {})
    catalog.write(catalog.FITS, Fits({"x · none": space}, {"c0": START, "c1": START}))
    catalog.write(catalog.FEATURES, SAMPLE)
    catalog.write(catalog.ENGINE_LOG, EngineLog(KEPT, "7f"))
    catalog.write(catalog.ENGINE_FEATURES, KEPT)
    catalog.write(catalog.RFM_CUTS, {})
    source = Source(
        "shop",
        as_of="2024-12-31",
        transactions=Transactions("table:lines", "who", "when", amount="paid"),
        engine=Engine(),
    )
    features = FeatureSet("x", {"x": Feature()})
    return Config(source, features, Scaler("none"), Algorithm(tol=0.0), SweepConfig(["x"], ["none"]))


def chosen_labels(config: Config) -> list[int]:
    every = pd.DataFrame({"customer_id": list("abcd"), "cluster": [0, 0, 1, 1]})  # c was elsewhere
    choice: Any = SimpleNamespace(chosen=Chosen("c0", "x", "x · none"))
    return selection._of_record(config, choice, every)["cluster"].tolist()


def test_the_chosen_centres_are_those_of_everybody(config: Config) -> None:
    assert chosen_labels(config) == [0, 0, 0, 1]
    fit = catalog.read(catalog.FIT_OF_RECORD)
    assert chosen_centres("c0").tolist() == fit.centres == [[3.0], [21.0]] != START
    assert chosen_centres("c1").tolist() == START, "of another candidate, its own"
    assert (fit.customers, fit.of_sample, fit.without) == (8, 4, {"x is missing": 2})


def test_figures_of_everybody_are_given_where_a_sample_is_here(config: Config) -> None:
    chosen_labels(config)
    fit, table = catalog.read(catalog.FIT_OF_RECORD), small_results.candidates()
    assert fit.silhouette is not None
    choice = choose(table, SelectionConfig(metric="silhouette"))
    catalog.write(catalog.SELECTION_METRICS, selection_metrics(choice, table, fit))
    metrics = read_json(catalog.path_of(catalog.SELECTION_METRICS))
    assert {name: value for name, value in metrics.items() if name.startswith("everybody_")} == {
        "everybody_customers": 8,
        "everybody_wcss": 52.0,
        "everybody_davies_bouldin": fit.davies_bouldin,
        "everybody_calinski_harabasz": fit.calinski_harabasz,
        "everybody_smallest_share": 0.375,
        "everybody_largest_share": 0.625,
        "everybody_silhouette_low": fit.silhouette[1],
        "everybody_silhouette_high": fit.silhouette[2],
    }
    assert catalog.read(catalog.SELECTION_METRICS) == selection_metrics(choice, table, fit)
    catalog.write(catalog.SELECTION_METRICS, selection_metrics(choice, table))
    assert catalog.read(catalog.SELECTION_METRICS) == selection_metrics(choice, table)
    assert not any(name.startswith("everybody_") for name in read_json(catalog.path_of(catalog.SELECTION_METRICS)))


def test_where_everybody_is_here_nothing_is_polished(config: Config) -> None:
    chosen_labels(config)
    catalog.write(catalog.ENGINE_LOG, EngineLog(KEPT, None))
    assert chosen_labels(config) == [0, 0, 1, 1] and not catalog.exists(catalog.FIT_OF_RECORD)
    assert chosen_centres("c0").tolist() == START and everybody_in_words() == ""


def test_people_read_what_is_of_all_and_what_of_the_sample(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen_labels(config)
    known: Any = SimpleNamespace(known=SimpleNamespace(segments=number_segments(["rare", "often"])))
    read = catalog.read
    monkeypatch.setattr(catalog, "read", lambda one: known if one is catalog.IDENTITY else read(one))
    said = everybody_in_words()
    assert said.startswith("the centres are those of all 8 customers, polished in 2 passes over them")
    assert (
        "WCSS 52, " in said
        and "shares S1 rare 62.5%, S2 often 37.5%; of the sample: silhouette around these centres 0." in said
    )
    assert "in no segment: 2 customers (x is missing); the sample's shares are those of all, within chance. S1" in said
    few = "S1 rare has 3 of its 5 customers in the sample"
    rest = ": too few to tell more than the share. Take a larger sample (engine.sample)"
    assert said.endswith(f"{few}; S2 often has 1 of its 3 customers in the sample{rest}")
    brief = everybody_in_words(brief=True)
    assert "shares S1" not in brief and "in no segment: 2 customers; the sample's" in brief and len(brief) < 600
    assert brief.endswith(f"{few}{rest}")
    off = FitOfRecord("c0", 1000, 100, {}, 3, START, [900, 100], 1.0, 1.0, 1.0, 0, [60, 40], [0, 1], [])
    catalog.write(catalog.FIT_OF_RECORD, off)
    said = everybody_in_words()
    assert "The sample is not like the rest: S1 rare is 60.0% of the sample and 90.0% of all" in said
    assert said.endswith("10.0% of all. Take a larger sample (engine.sample)") and "; of the sample: every" in said
    sampled = replace(off, silhouette=(0.5, 0.45, 0.55), sample_sizes=[90, 10], far_off=[], few=[1])
    catalog.write(catalog.FIT_OF_RECORD, sampled)
    said = everybody_in_words()
    assert (
        "; of the sample: silhouette around these centres 0.5000 (95 % interval for that of all: 0.4500 to 0.5500) and every other"
        in said
    )
    assert said.endswith(f"within chance. S2 often has 10 of its 100 customers in the sample{rest}")
    catalog.write(catalog.FIT_OF_RECORD, replace(sampled, few=[]))
    assert everybody_in_words().endswith("the sample's shares are those of all, within chance")


def test_scores_in_sql_are_those_of_the_feature_table() -> None:
    import duckdb

    random = np.random.default_rng(0)
    table = pd.DataFrame({name: random.integers(0, 9, 300) / 2 for name in RFM_COLUMNS})
    cuts = {name: [0.5, 1.0, 1.0, 3.5] for name in RFM_COLUMNS}
    with duckdb.connect() as connection:
        connection.register("people", table)
        found = connection.sql(f"SELECT {', '.join(rfm_scores_sql(cuts))} FROM people").df()
    pd.testing.assert_frame_equal(found, rfm_scores(table, cuts))
    assert rfm_scores_sql({}) == []


def test_the_fit_is_the_one_of_the_model(config: Config) -> None:
    """The job adds nothing to the noun: as on one machine that has everybody."""
    space = catalog.read(catalog.FITS).spaces["x · none"]
    centres = np.array(START)
    got = of_record.of_everybody(config, "c0", space, centres, config.algorithm)
    points = SAMPLE[["x"]].to_numpy()
    asked = config.algorithm, config.sweep.scoring, config.sweep.seed
    own = fit_of_record("c0", space, centres, points, lambda one: one.over_points(EVERYBODY[:, None]), *asked)
    assert got is not None and got.centres == own.centres and got.wcss == own.wcss and got.sizes == own.sizes
