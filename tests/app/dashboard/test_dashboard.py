"""The dashboard's pages by Streamlit's AppTest: what they show, what they say when something is missing, and at every size.

The registry is stood in for; tests/test_dashboard_browser.py has a real one, and looks at the pages in a browser.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from segments.action.performance import performance, targets_met
from segments.app.dashboard import charts, figures, reading
from segments.app.load import load
from segments.app.servers import dashboard
from segments.clustering.space import fit_space, nearest
from segments.config.identity import ConfidenceConfig
from segments.config.performance import PerformanceConfig, Target
from segments.config.prediction import PredictionConfig
from segments.config.profiles import ProfilesConfig
from segments.config.sweep import FeatureSet, Scaler
from segments.errors import ConfigError, DataError, StoreError, TrackingError
from segments.evidence.selection import Choice
from segments.identity import matching
from segments.identity.matching import SegmentIdentity
from segments.identity.profiles import make_up, overall_profile, segment_names, segment_profiles
from segments.identity.rules import plain_rules, reasons
from segments.io.registry import files, versions
from segments.io.store import catalog
from segments.io.store.cache import version_folder
from segments.io.store.documents import PredictionFacts, Skill
from segments.io.store.files import artifact, read_table, write_json, write_table
from segments.io.store.seals import seal
from segments.model.drift import reference_of
from segments.model.segmentation import Segmentation, fit_limits, number_segments
from small_project import CHECKOUT

streamlit = pytest.importorskip("streamlit")
PAGES = ("overview", "performance", "compare", "segment", "what_if", "monitor")
COLUMNS = ("recency_days", "frequency", "monetary")


def script(page: str) -> None:
    """What a page's script is, for AppTest: it takes the source of this function."""
    from importlib import import_module

    from segments.app.load import load

    import_module(f"segments.app.dashboard.{page}").show(load(["source=mall"]))


def opened(page: str) -> Any:
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_function(script, args=(page,), default_timeout=60).run()
    assert not app.exception, app.exception[0].message
    return app


def message(app: Any) -> str:
    """All the text of a page."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(app, kind))


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project in which nothing has run."""
    for name in ("conf", "dvc.yaml", "data.dvc"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    monkeypatch.chdir(tmp_path)
    streamlit.cache_resource.clear()
    yield tmp_path
    streamlit.cache_resource.clear()


def registered(model: Segmentation, reference: dict[str, Any]) -> files.RegisteredModel:
    held = {files.DOCUMENT: model.to_json().encode(), "artifacts/reference.json": json.dumps(reference).encode()}
    return files.RegisteredModel("customer-segments", "1", "models:/m/1", "mall", held)


def write(k: int, n: int, monkeypatch: pytest.MonkeyPatch) -> Segmentation:
    """Artifacts of k segments of n customers, and a registry that holds them as version 1."""
    random = np.random.default_rng(0)
    cluster = np.arange(n) % k
    table = {
        name: 10.0 * (cluster + 1) * (j + 1) + random.normal(0, 1, n).clip(-3, 3) for j, name in enumerate(COLUMNS)
    }
    features = pd.DataFrame({"customer_id": [f"c{i:07d}" for i in range(n)], **table})
    features["home"] = np.where(cluster % 2, "own", "rent")
    names = FeatureSet(name="rfm", columns={name: {} for name in COLUMNS})
    space, X = fit_space(features, names, Scaler(name="standard"))
    centres = np.array([X[cluster == c].mean(axis=0) for c in range(k)])
    clusters, _ = nearest(X, centres)
    words = segment_names(features, clusters, list(COLUMNS), ProfilesConfig())
    segments = number_segments(words)
    model = Segmentation("c0", space, centres, segments, fit_limits(space, centres, features, ConfidenceConfig()))
    members = features[["customer_id"]].assign(
        cluster=clusters, segment_id=[f"S{c + 1}" for c in clusters], segment=[words[c] for c in clusters]
    )
    choice = Choice("c0", None, "rfm", "rfm · standard", ["c0"], "The best.", "c0 won.", [], 1, 1, {}, [], [], {})
    scores = {"silhouette": [0.5, 0.4], "silhouette_reference": [0.3, 0.2], "wcss": [9.0, 5.0], "smallest_share": 0.1}
    candidates = pd.DataFrame(
        {"candidate_id": ["c0", "c1"], "feature_set": "rfm", "scaler": "standard", "k": [k, k + 1], **scores}
    )
    for stage, name, content in (
        ("features", "customers.parquet", features),
        ("sweep", "sweep.json", {"sweep_id": "s0", "source": "mall", "cells": [["c0", "c1"]]}),
        ("sweep", "candidates.parquet", candidates),
        ("selection", "choice.json", choice.to_plain()),
        ("identity", "segments.parquet", members),
        ("profiles", "profiles.parquet", segment_profiles(features, clusters, words)),
        ("profiles", "overall.json", overall_profile(features)),
        ("profiles", "make_up.parquet", make_up(features, clusters, words)),
        ("profiles", "rules.json", plain_rules(features.head(20_000), clusters[:20_000], COLUMNS, 3).to_plain()),
        ("profiles", "reasons.parquet", members[["customer_id"]].join(reasons(X, clusters, centres, COLUMNS, words))),
    ):
        path = artifact(stage, name)
        write_table(path, content) if isinstance(content, pd.DataFrame) else write_json(path, content)
    tags = {"candidate_id": "c0", "model_hash": "h", "verdict": "the first", "promoted_at": "2024-05-06T07:08:09+00:00"}
    version = versions.Version("customer-segments", "1", "r", tags | {"source": "mall"}, ["champion"], "", 0)
    stored = registered(model, reference_of(features, model))
    monkeypatch.setattr(versions, "registered", lambda config, name: [version])
    monkeypatch.setattr(files, "read_model", lambda config, uri: stored)
    monkeypatch.setattr(
        "segments.app.dashboard.reading.pages_of", lambda config, source, ids: {"c0": "#/experiments/1/runs/r"}
    )
    return model


@pytest.fixture
def house(empty: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Segmentation]:
    return lambda k=3, n=300: write(k, n, monkeypatch)


# --- nothing there -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_project_says_what_to_run(page: str, empty: Path) -> None:
    said = message(opened(page))
    assert "run `" in said
    assert not (empty / "mlflow.db").exists(), "looking must not make a record"


def test_an_empty_registry_says_what_to_run(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "registered", lambda config, name: [])
    assert "no model is registered yet: run `dvc repro`" in message(opened("overview"))


@pytest.mark.slow
def test_without_prediction_and_evidence_the_rest_is_shown(house: Callable[..., Segmentation]) -> None:
    house()
    said = message(opened("overview"))
    assert "Not known yet: churn risk and expected value: run `segments prediction`, or `dvc repro`." in said
    assert "how stable its segments are" in said
    assert "which candidate was chosen, and why" in said
    assert "how stable each candidate is" in message(opened("compare"))
    assert "2024-05-06" in [one.value for one in opened("overview").metric]
    app = opened("segment")
    assert "Not known yet: what to do with each segment: run `segments playbook`, or `dvc repro`." in message(app)
    assert "no batch has been scored yet" in message(opened("monitor"))


@pytest.mark.slow
def test_who_moved_since_the_version_before_is_asked_for_by_its_number(
    house: Callable[..., Segmentation], monkeypatch: pytest.MonkeyPatch
) -> None:
    house()
    assert "run `segments migration from=DATE`" in message(opened("monitor"))
    streamlit.cache_resource.clear()
    [version] = versions.registered(load(["source=mall"]).tracking, "customer-segments")
    numbered = [replace(version, number=number, aliases=[]) for number in ("2", "9", "11")]
    numbered.insert(2, replace(version, number="10"))
    monkeypatch.setattr(versions, "registered", lambda config, name: numbered)
    assert "run `segments migration from=9`" in message(opened("monitor"))


@pytest.mark.slow
def test_a_challenger_on_disk_is_not_taken_for_the_champion(house: Callable[..., Segmentation]) -> None:
    house()
    choice = json.loads(artifact("selection", "choice.json").read_text())
    write_json(artifact("selection", "choice.json"), choice | {"candidate_id": "other", "reason": "other won."})
    app = opened("overview")
    assert "waits as challenger" in message(app)
    assert "other won." not in message(app)
    said = message(opened("compare"))
    assert "other won." in said
    assert "In use is another: customer-segments v1, candidate `c0`. Why: the first" in said


def test_the_evidence_of_a_version_is_found_though_the_last_sweep_lacks_it(house: Callable[..., Segmentation]) -> None:
    house()
    path = artifact("sweep", "candidates.parquet")
    table = read_table(path)
    for sweep, evaluated in (
        ("s1", {"grade": "natural", "reason": "Natural: it is."}),
        ("s2", {"grade": "", "reason": ""}),
    ):
        folder = artifact("sweeps", sweep)
        (folder / "files").mkdir(parents=True)
        write_json(folder / "sweep.json", {"started_ms": int(sweep[1])})
        table.assign(**evaluated).to_csv(folder / "files" / "candidates.csv", index=False)
    write_table(path, table.assign(candidate_id=["c7", "c8"], grade="reproducible", reason="Not this one."))
    app = opened("overview")
    assert "natural" in [one.value for one in app.metric if one.label == "Evidence"]
    assert "Natural: it is." in message(app) and "Not this one." not in message(app)
    assert "how stable its segments are" not in message(app)


def test_the_overview_says_once_why_and_how_firm(house: Callable[..., Segmentation]) -> None:
    house()
    path = artifact("sweep", "candidates.parquet")
    write_table(path, read_table(path).assign(grade="natural", reason="Natural: it is."))
    choice = json.loads(artifact("selection", "choice.json").read_text())
    write_json(artifact("selection", "choice.json"), choice | {"reason": "c0 won. Natural: it is."})
    write_json(
        artifact("selection", "firmness.json"),
        {"candidate": "c0", "firmness": "Not firm: a seed matters.", "in_words": [], "notes": []},
    )
    said = message(opened("overview"))
    assert said.count("Natural: it is.") == 1
    assert "Not firm: a seed matters." in said


def test_the_overview_begins_with_trust_size_worth_and_what_to_do(house: Callable[..., Segmentation]) -> None:
    model = house(2)
    said = {"candidate": "c0", "in_words": [], "notes": [], "firmness": "Not firm: a seed matters (agreement 0.20)."}
    write_json(artifact("selection", "firmness.json"), said)
    books = pd.DataFrame(
        {"cluster": [0, 1], "title": ["Loyalty", "Win-back"], "offer": ["points", "$5 or $10"], "goal": "x"}
    )
    write_table(artifact("playbook", "playbook.parquet"), books)
    app = opened("overview")
    assert [one.value for one in app.warning] == ["Not firm: a seed matters."]
    shown = app.table[0].value
    assert shown.index.tolist() == [f"S{i + 1} · {one.name}" for i, one in enumerate(model.segments)]
    assert shown["customers"].tolist() == ["150 (50 %)"] * 2
    assert shown["what to do"].tolist() == ["Loyalty: points", "Win-back: \\$5 or \\$10"]


# --- every size ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 12])
@pytest.mark.parametrize("page", PAGES)
def test_few_and_many_segments_are_shown(page: str, k: int, house: Callable[..., Segmentation]) -> None:
    model = house(k)
    app = opened(page)
    if page == "overview":
        shown = app.table[0].value
        assert [one.split(" · ")[0] for one in shown.index] == [f"S{i + 1}" for i in range(k)]
        assert sum(int(one.split()[0]) for one in shown["customers"]) == 300
    if page == "what_if":
        assert [one.label for one in app.slider] == [figures.words(name).capitalize() for name in model.space.columns]


@pytest.mark.slow
def test_a_hundred_thousand_customers_send_a_page_of_them(house: Callable[..., Segmentation]) -> None:
    house(4, 100_000)
    app = opened("segment")
    assert max(len(one.value) for one in app.dataframe) <= 200
    app.text_input(key="search").set_value("c00000").run()
    assert "25 customers; 50 a page." in message(app)


@pytest.mark.slow
def test_no_page_reads_a_table_of_all_customers(
    house: Callable[..., Segmentation], monkeypatch: pytest.MonkeyPatch
) -> None:
    house()
    features = read_table(artifact("features", "customers.parquet"))
    write_table(artifact("prediction", "customers.parquet"), features[["customer_id"]].assign(churn_risk=0.25))
    read: list[Path] = []
    monkeypatch.setattr(reading, "read_table", lambda path: read.append(path) or read_table(path))
    for page in ("overview", "segment", "what_if"):
        app = opened(page)
        for key in ("customer", "given"):
            if key in [one.key for one in app.text_input]:
                app.text_input(key=key).set_value("c0000004").run()
                assert not app.exception
    assert artifact("profiles", "profiles.parquet") in read
    assert [path for path in read if path.is_file() and len(read_table(path)) == len(features)] == []


@pytest.mark.slow
def test_members_are_counted_searched_and_paged_in_the_order_of_their_ids(house: Callable[..., Segmentation]) -> None:
    house(2, 300)
    [version] = versions.registered(None, "")  # type: ignore[arg-type]
    members = read_table(artifact("identity", "segments.parquet"))
    members.loc[[0, 2], "customer_id"] = ["A.1", "ab1"]
    write_table(artifact("identity", "segments.parquet"), members)
    first = members.loc[0, "segment_id"]
    risk = members[["customer_id"]].assign(churn_risk=np.arange(300) / 300, expected_value=2.0)
    risk.loc[2, "churn_risk"] = np.nan
    write_table(artifact("prediction", "customers.parquet"), risk.iloc[::-1])
    own = members[members["segment_id"] == first]
    pages = [reading.member_page(version, first, "", page) for page in (1, 2, 3)]
    assert {count for count, _ in pages} == {len(own)} == {150}
    known = pd.concat([shown for _, shown in pages], ignore_index=True)
    expected = own.merge(risk, on="customer_id", how="left").reset_index(drop=True)
    pd.testing.assert_frame_equal(known, expected, check_dtype=False)
    pd.testing.assert_frame_equal(reading.all_members(version, first, "", 10**6), expected, check_dtype=False)
    # as it is written, and whatever its case
    for text, wanted in ((".1", ["A.1"]), (" a.1 ", ["A.1"]), ("AB", ["ab1"]), ("%", []), ("'", [])):
        count, shown = reading.member_page(version, first, text, 1)
        assert (count, shown["customer_id"].tolist()) == (len(wanted), wanted)
    outlook = reading.outlook(version).set_index("segment_id").loc[first]
    assert outlook["customers"] == 150 and outlook["expected_value_sum"] == 300
    assert outlook["churn_risk_mean"] == pytest.approx(expected["churn_risk"].mean())
    assert reading.customers(version, ["nobody"]).empty


def test_an_id_that_earlier_code_kept_as_a_number_is_found(empty: Path) -> None:
    write_table(artifact("features", "customers.parquet"), pd.DataFrame({"customer_id": [7, 77], "age": [30.0, 40.0]}))
    assert reading.features_of(["77"])["age"].tolist() == [40.0]
    assert reading.number_of_customers() == 2


def test_a_damaged_table_of_customers_is_named_as_one(empty: Path) -> None:
    path = artifact("features", "customers.parquet")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(StoreError, match="segments features"):
        reading.features_of(["7"])


def test_what_if_begins_at_a_given_customer_with_risk_and_value(house: Callable[..., Segmentation]) -> None:
    model = house(2)
    features = read_table(artifact("features", "customers.parquet"))
    members = read_table(artifact("identity", "segments.parquet"))
    forecast = features[["customer_id"]].assign(churn_risk=0.25, expected_value=np.arange(300.0))
    write_table(artifact("prediction", "customers.parquet"), forecast)
    app = opened("what_if")
    app.text_input(key="given").set_value("c0000004").run()
    assert app.selectbox[0].value == "customer c0000004"
    row = features.iloc[4]
    assert [one.value for one in app.slider] == pytest.approx([row[name] for name in model.space.columns])
    segment = members.loc[4, "segment_id"]
    mean = forecast.loc[members["segment_id"] == segment, "expected_value"].mean()
    shown = {one.label: (one.value, one.delta) for one in app.metric}
    assert shown["Churn risk there"] == ("25 %", "today 25 %")
    assert shown["Expected value there"] == (f"{mean:,.0f}", "today 4")
    app.text_input(key="given").set_value("nobody").run()
    assert "There is no customer 'nobody' among 300" in message(app)
    assert app.selectbox[0].value == "the median of all customers"


# --- what the pages answer -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_customer_is_looked_up(house: Callable[..., Segmentation]) -> None:
    model = house()
    app = opened("segment")
    app.text_input(key="customer").set_value("c0000004").run()
    row = read_table(artifact("features", "customers.parquet")).iloc[[4]]
    confidence = model.predict(row)["confidence"].iloc[0]
    assert f"{confidence:.0%}" in [one.value for one in app.metric if one.label == "Confidence"]
    assert "Here rather than in" in message(app)
    app.text_input(key="customer").set_value("nobody").run()
    assert "There is no customer 'nobody' among 300" in message(app)


def test_sliders_answer_as_the_model_does(house: Callable[..., Segmentation]) -> None:
    model = house()
    app = opened("what_if")
    values = {}
    for name, slider in zip(model.space.columns, list(app.slider), strict=True):
        slider.set_value(slider.max)
        values[name] = slider.max
    app.run()
    answer = model.predict(pd.DataFrame([values])).iloc[0]
    assert f"{answer['segment_id']} · {answer['segment']}" in [one.value for one in app.subheader]
    assert [one.value for one in app.metric] == [f"{answer['confidence']:.0%}", f"{answer['margin']:.3f}"]


def test_sliders_begin_at_the_median_of_all(
    house: Callable[..., Segmentation], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = house()
    features = read_table(artifact("features", "customers.parquet"))
    # ties below the middle: deciles there are equal, and a list without the equal ones has another middle
    features["frequency"] = features["frequency"].clip(lower=features["frequency"].quantile(0.45))
    stored = registered(model, reference_of(features, model))
    monkeypatch.setattr(files, "read_model", lambda config, uri: stored)
    app = opened("what_if")
    assert app.selectbox[0].value == "the median of all customers"
    assert [one.value for one in app.slider] == pytest.approx([features[name].median() for name in model.space.columns])


def test_without_the_choice_a_segment_has_its_members_and_no_blank_tabs(house: Callable[..., Segmentation]) -> None:
    model = house()
    assert [tab.label for tab in opened("segment").tabs] == ["Profile", "Rules", "Demographics", "Playbook", "Members"]
    members = read_table(artifact("identity", "segments.parquet"))
    folder = version_folder("h", model.candidate_id)
    write_table(folder / "members.parquet", members)
    seal(folder)
    choice = json.loads(artifact("selection", "choice.json").read_text())
    write_json(artifact("selection", "choice.json"), choice | {"candidate_id": "other"})
    app = opened("segment")
    assert "The last run chose another candidate" in message(app)
    assert [tab.label for tab in app.tabs] == ["Members"]
    artifact("selection", "choice.json").unlink()
    app = opened("segment")
    assert "Not known yet: which candidate was chosen, and why" in message(app)
    assert "chose another" not in message(app)
    assert [tab.label for tab in app.tabs] == ["Members"]


def test_what_people_write_is_text_on_a_page() -> None:
    """A picture in it would be fetched from another machine."""
    assert figures.readable("![x](http://e/p.png) <img src=x>") == "!&#91;x](http://e/p.png) &lt;img src=x&gt;"


@pytest.mark.slow
def test_a_feature_without_an_index_is_in_the_table_and_not_in_the_chart(house: Callable[..., Segmentation]) -> None:
    house()
    assert "has no index" not in message(opened("segment"))
    features = read_table(artifact("features", "customers.parquet"))
    features["trend"] = np.linspace(-1, 1.01, len(features))
    members = read_table(artifact("identity", "segments.parquet"))
    clusters, words = members["cluster"].to_numpy(), members.groupby("cluster")["segment"].first().tolist()
    write_table(artifact("profiles", "profiles.parquet"), segment_profiles(features, clusters, words))
    write_json(artifact("profiles", "overall.json"), overall_profile(features))
    app = opened("segment")
    assert "has no index" in message(app)
    table = app.dataframe[0].value.set_index("feature")
    assert table["index"].isna().to_dict() == {
        "recency days": False,
        "frequency": False,
        "monetary": False,
        "trend": True,
    }


def test_a_link_to_a_run_opens_the_training_pages(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = SimpleNamespace(info=SimpleNamespace(run_id="r1"))
    experiment = SimpleNamespace(experiment_id="7")
    client = SimpleNamespace(
        get_experiment_by_name=lambda name: experiment, search_runs=lambda ids, condition, max_results: [run]
    )
    monkeypatch.setattr("segments.io.tracking.candidates.reader", lambda config: client)
    page = "/#/experiments/7/runs/r1?workflowType=machine_learning"
    assert reading.pages(load(["source=mall"]), ["c0"]) == {"c0": f"http://127.0.0.1:5000{page}"}
    server = load(["source=mall", "tracking=server", "tracking.uri=http://mlflow.example:8080/"])
    assert reading.pages(server, ["c0"]) == {"c0": f"http://mlflow.example:8080{page}"}


@pytest.mark.slow
def test_compare_says_what_it_shows_without_a_tick(house: Callable[..., Segmentation]) -> None:
    house()
    path = artifact("sweep", "candidates.parquet")
    table = pd.concat([read_table(path)] * 2, ignore_index=True).assign(candidate_id=["c0", "c1", "c2", "c3"])
    write_table(path, table.assign(k=[2, 3, 4, 5]))
    choice = json.loads(artifact("selection", "choice.json").read_text())
    write_json(artifact("selection", "choice.json"), choice | {"finalists": ["c3", "c1", "c0"]})
    app = opened("compare")
    assert "without a tick, the first finalists are shown, 2 at most." in message(app)
    assert [one.value for one in app.subheader][1:] == ["rfm · standard · k=5", "rfm · standard · k=3"]
    artifact("selection", "choice.json").unlink()
    app = opened("compare")
    assert "without a tick, those of the best silhouette are shown, 2 at most." in message(app)
    assert [one.value for one in app.subheader] == ["rfm · standard · k=2", "rfm · standard · k=4"]


@pytest.mark.parametrize(
    ("more", "at"), [([], "registry on this machine."), (["tracking=server"], "registry at http://127.0.0.1:5000.")]
)
def test_the_sidebar_says_where_the_record_is(more: list[str], at: str, house: Callable[..., Segmentation]) -> None:
    from streamlit.testing.v1 import AppTest

    def script(more: list[str]) -> None:
        from segments.app.dashboard import app

        app.page(["source=mall", *more])

    house()
    app = AppTest.from_function(script, args=(more,), default_timeout=60).run()
    assert at in app.sidebar.caption[1].value


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_heads_are_words_and_what_is_not_known_is_a_dash(page: str, house: Callable[..., Segmentation]) -> None:
    from segments.app.jobs.score_file import score_file

    model = house()
    features = read_table(artifact("features", "customers.parquet"))
    forecast = features[["customer_id"]].assign(churn_risk=0.25, expected_value=1234.5)
    write_table(artifact("prediction", "customers.parquet"), forecast)
    named = {"name": "customer-segments", "version": "1"}
    artifact("features", "batch.csv").write_text(features.to_csv(index=False))
    text = reading.champion(load(["source=mall"])).text
    score_file(load(["source=mall"]), artifact("features", "batch.csv"), Path("out.csv"), model, named, text)
    app = opened(page)
    for one in app.dataframe:
        heads = json.loads(one.proto.columns)
        shown = [str(heads.get(name, {}).get("label") or name) for name in one.value]
        assert not [head for head in shown if "_" in head]
        assert one.proto.placeholder == "–"
    if page == "segment":
        app.text_input(key="customer").set_value("c0000004").run()
        assert [one.value for one in app.metric if one.label == "Expected value"] == ["1,234"]
    if page == "monitor":
        assert " UTC · version 1" in app.selectbox[0].options[0]


@pytest.mark.slow
def test_what_cannot_be_foreseen_is_no_figure_of_anybody(house: Callable[..., Segmentation]) -> None:
    house()
    features = read_table(artifact("features", "customers.parquet"))
    write_table(artifact("prediction", "customers.parquet"), features[["customer_id"]].assign(expected_value=1234.5))
    said = "The risk of leaving is not shown: no model is better."
    skill = {"churn": Skill(False, 0.07, "m", 0, 0, -1, 1, said), "value": Skill(True, 9, "m", 0.5, 1, 0.5, 2, "")}
    lists: dict[str, Any] = {key: [] for key in ("steps", "notes", "recommendation", "segments_help")}
    known: dict[str, Any] = {key: {} for key in ("timeline", "customers", "left", "segment_agreement", "calibration")}
    facts = PredictionFacts(
        True,
        settings=PredictionConfig(["recency"]),
        recommended={},
        skill=skill,
        plain=[said],
        candidate_id="",
        prediction_id="",
        **lists,
        **known,
    )
    catalog.write(catalog.PREDICTION, facts)
    overview, segment = opened("overview"), opened("segment")
    segment.text_input(key="customer").set_value("c0000004").run()
    for app in (overview, segment):
        assert message(app).count(said) == 1
        assert not [one for one in app.dataframe if "churn_risk" in one.value]
    assert "leaving" not in overview.table[0].value and "expected to spend" in overview.table[0].value
    assert [one.label for one in segment.metric if one.label in ("Churn risk", "Expected value")] == ["Expected value"]


def test_scores_in_a_reason_are_words(house: Callable[..., Segmentation]) -> None:
    house()
    choice = json.loads(artifact("selection", "choice.json").read_text())
    reason = "It has the highest z_silhouette. By z_wcss it would have been another."
    write_json(artifact("selection", "choice.json"), choice | {"reason": reason})
    for page in ("overview", "compare"):
        assert "the highest silhouette z-score. By WCSS z-score it" in message(opened(page))


def test_an_expected_value_is_shown_in_the_currency() -> None:
    table = pd.DataFrame({"segment": ["x"], "expected_value": [964708.3]})
    shown = figures.with_money(table, "$")
    assert "$964,708<" in shown.to_html()  # type: ignore[union-attr]
    assert figures.with_money(table[["segment"]], "$").equals(table[["segment"]])  # type: ignore[union-attr]
    # Streamlit offers each table as CSV
    assert figures.with_money(pd.DataFrame({"id": ["=1"], "n": [-1]}), "").to_numpy().tolist() == [["'=1", -1]]  # type: ignore[union-attr]


# --- charts ----------------------------------------------------------------------------------------------------------------


def test_revenue_is_in_the_chart_only_where_it_is_known() -> None:
    segments = number_segments(["often", "rare"])
    table = figures.segments_overview(segments, {"S1": 3, "S2": 1}, {}, None)
    drawn = charts.shares(table, segments).to_dict()
    assert "revenue" not in json.dumps(drawn)
    assert drawn["encoding"]["opacity"]["legend"] is None
    known = charts.shares(table.assign(revenue_share=[0.9, 0.1]), segments).to_dict()
    assert known["encoding"]["opacity"]["scale"]["domain"] == ["customers", "revenue"]


def test_a_segment_has_its_id_and_its_colour_in_every_chart() -> None:
    segments = number_segments(["often", "rare"])
    table = figures.segments_overview(segments, {"S1": 3, "S2": 1}, {}, None)
    sizes = figures.trend([("training", {one.title: 2 for one in segments})])
    for chart in (
        charts.shares(table, segments),
        charts.nearness(table.assign(distance=[1.0, 2.0]), segments),
        charts.over_time(sizes, segments),
    ):
        drawn = chart.to_dict()
        named = {row["segment"] for rows in drawn["datasets"].values() for row in rows}
        assert drawn["encoding"]["color"]["scale"]["domain"] == ["S1 · often", "S2 · rare"] == sorted(named)


def test_axes_say_what_they_measure_and_names_are_whole() -> None:
    segments = number_segments(["often", "rare"])
    drawn = charts.over_time(figures.trend([("training", {"S1 · often": 3, "S2 · rare": 1})]), segments).to_dict()
    assert drawn["encoding"]["y"]["title"] == "share of customers"
    assert drawn["encoding"]["x"]["title"] is None
    assert drawn["encoding"]["color"]["legend"] == {"columns": 1, "labelLimit": 0, "orient": "bottom"}


def test_the_chosen_one_is_marked_on_the_curves() -> None:
    table = pd.DataFrame(
        {"candidate_id": ["a", "b"], "feature_set": "x", "scaler": "none", "k": [2, 3], "silhouette": 0.5}
    )
    drawn = charts.lines(figures.curve_table(table, "silhouette", [], "b"), "silhouette").to_dict()
    marked = [layer for layer in drawn["layer"] if {"filter": "datum.chosen"} in layer.get("transform", [])]
    assert [layer["mark"]["type"] for layer in marked] == ["point"]
    assert "chosen" not in json.dumps(
        charts.lines(figures.curve_table(table, "silhouette", []), "s").to_dict()["layer"]
    )


def test_a_feature_is_drawn_in_training_and_batch() -> None:
    distribution = {"feature": "age", "bins": ["≤ 30", "> 30"], "training": [0.5, 0.5], "batch": [0.2, 0.8]}
    drawn = charts.spread(figures.spread_table(distribution), "age in years").to_dict()
    assert drawn["encoding"]["x"]["sort"] == ["≤ 30", "> 30"] and drawn["encoding"]["x"]["title"] == "age in years"
    assert drawn["encoding"]["color"]["scale"]["domain"] == ["training", "this batch"]


def test_a_light_has_a_shape_a_word_and_a_colour() -> None:
    one = {"name": "far", "says": "", "value": 0.3, "training": 0.1, "low": None, "high": None}
    lit = [one | {"status": status} for status in ("green", "amber", "red", "-")]
    shown = figures.lights(lit, {"far": (0.1, 0.2)})
    assert shown.data["light"].tolist() == ["■ red", "▲ amber", "● green", "○ not known"]
    grounds = [
        found.split("background-color: ")[1][:7] for found in map(figures._coloured, shown.data["light"]) if found
    ]
    assert len(set(grounds)) == 3
    assert "0.300" in shown.to_html() and "–" in shown.to_html()


def test_limits_are_told_apart_by_their_dashes_too() -> None:
    batches = pd.DataFrame({"batch": ["may"], "value": 0.3, "low": np.nan, "high": np.nan, "status": "red"})
    features = pd.DataFrame({"feature": ["age"], "psi": [0.3], "status": ["red"]})
    limits = {"amber": 0.1, "red": 0.25}
    for chart in (charts.batch_history(batches, "PSI", limits), charts.against_limits(features, **limits)):
        rule = chart.to_dict()["layer"][-1]["encoding"]
        assert rule["strokeDash"]["scale"] == {
            "domain": ["amber from here", "red from here"],
            "range": [[6, 3], [1, 0]],
        }
        assert rule["color"]["legend"] == {"orient": "bottom"}


@pytest.mark.parametrize("batches", [1, 30])
def test_every_batch_is_named_and_the_bars_keep_their_height(batches: int) -> None:
    names = [f"week_{i}.csv 0123" for i in range(batches)]
    table = pd.DataFrame({"batch": names, "value": 0.1, "low": np.nan, "high": np.nan, "status": "green"})
    drawn = charts.batch_history(table, "PSI", {}).to_dict()
    axis = drawn["layer"][0]["encoding"]["x"]["axis"]
    assert axis["labelOverlap"] is False
    assert (axis["labelAngle"] == 0) == (drawn["height"] == charts.HEIGHT) == (batches == 1)


def test_a_scored_batch_shows_its_lights(house: Callable[..., Segmentation], tmp_path: Path) -> None:
    from segments.app.jobs.score_file import score_file

    model = house()
    inuse = reading.champion(load(["source=mall"]))
    features = read_table(artifact("features", "customers.parquet"))
    features.assign(monetary=features["monetary"] * 3).to_csv(tmp_path / "odd.csv", index=False)
    named = {"name": "customer-segments", "version": "1"}
    score_file(load(["source=mall"]), tmp_path / "odd.csv", tmp_path / "out.csv", model, named, inuse.text)
    app = opened("monitor")
    assert "Refit:" in app.error[0].value
    assert app.dataframe[0].value["light"].iloc[0] == "■ red"
    assert "One feature: training and batch" in message(app)
    assert app.selectbox[1].value == "monetary", "what differs most comes first"
    [record] = reading.batches()
    [distribution] = [one for one in record["distributions"] if one["feature"] == "monetary"]
    assert (
        sum(distribution["training"]) == pytest.approx(1) and distribution["batch"][-1] > distribution["training"][-1]
    )
    assert app.selectbox[0].options[0].startswith("odd.csv")


@pytest.mark.slow
def test_a_batch_without_a_good_row_is_shown_among_the_others(
    house: Callable[..., Segmentation], tmp_path: Path
) -> None:
    from segments.app.jobs.score_file import score_file

    model = house()
    inuse = reading.champion(load(["source=mall"]))
    features = read_table(artifact("features", "customers.parquet"))
    for name, table in (("good", features), ("bad", features.assign(monetary="?"))):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        named = {"name": "customer-segments", "version": "1"}
        score_file(load(["source=mall"]), tmp_path / f"{name}.csv", tmp_path / "out.csv", model, named, inuse.text)
    app = opened("monitor")
    assert app.selectbox[0].options[0].startswith("bad.csv")
    assert "no row could be scored" in message(app) and "300 monetary is missing" in message(app)
    assert "bad.csv" in message(opened("overview"))
    app.selectbox[0].set_value(1).run()
    assert not app.exception and "Keep" in app.success[0].value


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("book.csv", b"PK\x03\x04", "save it as CSV or parquet"),
        ("other.csv", b"customer_id,colour\n1,red\n", "no columns recency_days, frequency, monetary; it has"),
        ("bad.csv", b"customer_id,recency_days,frequency,monetary\n1,?,2,3\n", "1 recency_days is missing"),
    ],
)
def test_what_is_wrong_with_an_upload_is_said_without_our_own_paths(
    house: Callable[..., Segmentation], name: str, content: bytes, says: str
) -> None:
    from segments.app.dashboard.what_if import _score

    house()
    config = load(["source=mall"])
    with pytest.raises(DataError) as caught:
        _score(config, reading.champion(config), name, content, False)
    said = str(caught.value)
    assert says in said and tempfile.gettempdir() not in said and ".xlsx" not in said


def test_a_file_changed_on_disk_is_read_anew(house: Callable[..., Segmentation]) -> None:
    house()
    before = reading.table(catalog.PROFILES)
    assert reading.table(catalog.PROFILES) is before
    write_table(artifact("profiles", "profiles.parquet"), before.head(1))
    assert len(reading.table(catalog.PROFILES)) == 1
    assert reading.choice() is reading.choice()
    write_json(artifact("selection", "choice.json"), reading.choice().to_plain() | {"reason": "c0 won again."})
    assert reading.choice().reason == "c0 won again."


def test_a_missing_file_names_what_it_tells_and_what_makes_it(empty: Path) -> None:
    with pytest.raises(StoreError) as caught:
        reading.table(catalog.CLUSTER_STABILITY)
    assert reading.sentence(caught.value) == (
        "Not known yet: how stable each candidate is: run `segments evidence`, or `dvc repro`."
    )
    with pytest.raises(TrackingError):
        reading.registered_versions(load(["source=mall"]))


# --- the entry point --------------------------------------------------------------------------------------------------------------


def test_each_month_its_movers_targets_and_campaigns_are_shown(
    house: Callable[..., Segmentation], monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = house(2).segments
    lines = pd.DataFrame(
        {
            "customer_id": ["a", "b", "a", "b"],
            "order_id": ["1", "2", "3", "4"],
            "purchased_at": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-02-02", "2024-02-05"]),
            "amount": [10.0, 30.0, 20.0, 30.0],
        }
    )

    def members(day: date) -> pd.DataFrame:
        return pd.DataFrame({"customer_id": ["a", "b"], "cluster": [int(day.month == 2), 1]})

    relation = duckdb.from_df(lines, connection=duckdb.connect())
    last, settings = date(2024, 2, 29), PerformanceConfig(worth_periods=1)
    made = performance(relation, members, members(last), segments, last, settings, "mall")
    catalog.write(catalog.PERFORMANCE, made.table)
    catalog.write(catalog.MOVERS, made.movers)
    catalog.write(catalog.PERFORMANCE_FACTS, made.facts)
    wanted = [Target("revenue", at_least=60), Target("visits", at_most=2), Target("visits", at_most=2, segment="S9")]
    catalog.write(catalog.TARGET_LIGHTS, targets_met(wanted, made.table, segments, made.facts.last))
    names = [segment.name for segment in segments]
    catalog.write(catalog.IDENTITY, SegmentIdentity(matching.first(names), {}, []))
    gained = {"segment": "all", "outcome": "responded", "difference": 0.05, "low": 0.01, "high": 0.09, "treatment": 0.1}
    record = {"source": "mall", "params": {"campaign": "may"}, "causal": True}
    monkeypatch.setattr(reading, "campaigns", lambda: [(record, pd.DataFrame([gained]))])
    chosen = pd.Series({"useful_spend": 0.001, "useful_spend_error": 0.01})
    monkeypatch.setattr(reading, "chosen_candidate", lambda: chosen)
    app = opened("performance")
    assert "Targets: 1 of 3 missed" in message(app)
    assert "these segments explain 0 % of later spend (-2 to 2)" in " ".join(one.value for one in app.warning)
    lights, money, people, every, campaigns = (one.value for one in app.dataframe)
    [moves] = (one.value for one in app.table)
    assert lights["light"].tolist() == ["■ missed", "● met", "○ no data"]
    assert lights["was"].tolist() == ["50", "2", "–"]
    revenue = money.set_index("segment")["revenue"].to_dict()
    assert revenue == {f"S1 · {names[0]}": "0 ▼100 %", f"S2 · {names[1]}": "50 ▲67 %", "all customers": "50 ▲25 %"}
    assert people.set_index("segment").loc[f"S2 · {names[1]}", "members"] == "2 ▲100 %"
    assert every["period"].tolist() == ["2024-02", "2024-01"]
    assert every.columns[1:3].tolist() == [f"S1 · {names[0]}", f"S2 · {names[1]}"]
    assert moves.index[0] == "▲\u00a0rose"
    assert moves.iloc[0, :3].tolist() == [f"S1 · {names[0]}", f"S2 · {names[1]}", "1"]
    assert campaigns["gain"].tolist() == ["▲ +5.0 points (+1.0 to +9.0)"]


def test_the_server_stays_on_this_machine_and_asks_nobody() -> None:
    words = dashboard.dashboard_command(load(["source=mall"]), 8501, ["source=mall"])
    for option in ("server.address=127.0.0.1", "browser.gatherUsageStats=false", "server.enableXsrfProtection=true"):
        assert f"--{option}" in words
    assert words[-2:] == ["--", "source=mall"]


def test_without_streamlit_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="make install"):
        dashboard.run_dashboard(load(["source=mall"]))
