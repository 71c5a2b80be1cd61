"""Every file a stage hands on is in the catalog, and is what the catalog says."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segments.app.cli import COMMANDS, STAGES
from segments.app.commands.catalog import _dataclasses, run
from segments.config.prediction import PredictionConfig
from segments.errors import ConfigError, StoreError
from segments.io.store import catalog
from segments.io.store.documents import NoPrediction, PredictionFacts, Receipt, Recommended, Skill, Step
from segments.io.store.files import write_bytes, write_json, write_table
from segments.io.store.kinds import Artifact, Document, Pictures, Table
from small_project import CHECKOUT, SmallProject

DOCUMENTS = [one for one in catalog.CATALOG if isinstance(one, Document)]
TABLES = [one for one in catalog.CATALOG if isinstance(one, Table)]


def named(artifact: Artifact[Any]) -> str:
    return artifact.path.as_posix()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- the catalog and the files of a real project -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_every_file_a_stage_writes_is_one_entry(reproduced: SmallProject, stage: str) -> None:
    for path in sorted((reproduced / f"artifacts/{stage}").iterdir()):
        assert len([one for one in catalog.CATALOG if one.stage == stage and one.covers(path.name)]) == 1, path


@pytest.mark.slow
def test_what_is_always_there_is_there(reproduced: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reproduced.root)
    assert [named(one) for one in catalog.CATALOG if not one.absent and not catalog.exists(one)] == []
    # mall has no purchases and no engine, and nobody asked for a migration: all other absences would be of a run that chose nothing
    missing = {one.absent for one in catalog.CATALOG if one.absent and not catalog.exists(one)}
    assert missing == {
        catalog.NO_LOG,
        catalog.NO_ENGINE,
        catalog.FIT_OF_RECORD.absent,
        catalog.NO_PREDICTION,
        catalog.RFM_MEMBERS.absent,
        catalog.MIGRATION.absent,
    }


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES, ids=named)
def test_every_column_has_a_meaning(reproduced: SmallProject, monkeypatch: pytest.MonkeyPatch, table: Table) -> None:
    monkeypatch.chdir(reproduced.root)
    if catalog.exists(table):
        found = catalog.read(table)
        assert [name for name in found if (column := table.column(name)) is None or not column.meaning] == []
        seen = {column for name in found if (column := table.column(name))}
        assert [column.name for column in table.columns if column.always and column not in seen] == []


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_a_document_reads_back_as_it_was_written(
    reproduced: SmallProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, document: Document[Any]
) -> None:
    monkeypatch.chdir(reproduced.root)
    if catalog.exists(document):
        content, plain = catalog.read(document), json.loads(catalog.path_of(document).read_text())
        monkeypatch.chdir(tmp_path)
        catalog.write(document, content)
        assert json.loads(catalog.path_of(document).read_text()) == plain
        assert catalog.read(document) == content


# --- the catalog by itself -----------------------------------------------------------------------------------------------------


def test_the_page_in_docs_is_the_catalog() -> None:
    assert (CHECKOUT / "docs/catalog.md").read_text() == run() + "\n", "run `segments catalog > docs/catalog.md`"


def test_entries_are_files_of_stages_or_commands_once_each() -> None:
    places = [named(one) for one in catalog.CATALOG]
    assert len(set(places)) == len(places)
    assert {one.stage for one in catalog.CATALOG} - {"migration"} == set(STAGES)
    assert "migration" in COMMANDS


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_key_of_a_document_has_a_meaning(document: Document[Any]) -> None:
    page = run(f"{document.stage}/{document.file}")
    for part in _dataclasses(document.type_of()):
        for field in dataclasses.fields(part):
            alias = {"before": "from", "start": "from", "end": "to"}.get(field.name, field.name)
            assert re.search(rf"^- (`\w+`, )*`({field.name}|{alias})`[^:]*(\(.*\))?: .", page, re.MULTILINE), field.name


def test_a_part_of_the_catalog() -> None:
    assert run("labels.parquet").count("###") == 2  # the sweep's and the chosen ones
    assert run("artifacts/sweep/labels.parquet") == run(what="sweep/labels.parquet")
    assert "`radar_<cluster>`" in run("briefing/radar_3.png") == run("briefing/radar_3.svg")
    with pytest.raises(ConfigError, match="no stage or file 'swep'") as error:
        run("swep")
    assert "sweep" in error.value.fix


def test_names_go_before_families() -> None:
    assert catalog.FEATURES.column("trend") in catalog.FEATURE_COLUMNS
    assert catalog.FEATURES.column("shoe size").name == "<column>"  # type: ignore[union-attr]
    assert catalog.PROFILES.column("gap_days_mean_mean").name == "<feature>_mean"  # type: ignore[union-attr]
    assert catalog.BASKET_MIX.column("spend_on_other").name == "spend_on_other"  # type: ignore[union-attr]
    assert catalog.PROFILES.column("shoe size") is catalog.PROFILES.column("age_means") is None


# --- what is not as it should be -------------------------------------------------------------------------------------------------

LABELS = pd.DataFrame({"customer_id": ["1", "2"], "cluster": np.array([0, 1], dtype="int16")})


def test_a_table_reads_back_as_it_was_written(here: Path) -> None:
    catalog.write(catalog.CHOSEN_LABELS, LABELS)
    pd.testing.assert_frame_equal(catalog.read(catalog.CHOSEN_LABELS), LABELS)
    assert catalog.read_columns(catalog.CHOSEN_LABELS, "cluster")["cluster"].tolist() == [0, 1]
    catalog.drop(catalog.CHOSEN_LABELS)
    assert not catalog.exists(catalog.CHOSEN_LABELS)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        (LABELS.drop(columns="cluster"), "column cluster is missing"),
        (LABELS.astype({"cluster": "str"}), "column cluster is no whole number"),
        (LABELS.astype({"customer_id": "int64"}), "column customer_id is no text"),
        (
            LABELS.assign(cluster=LABELS["cluster"].astype("Int64").mask([True, False])),
            "column cluster has missing values",
        ),
    ],
)
def test_a_misshapen_table_is_one_clear_error(here: Path, table: pd.DataFrame, what: str) -> None:
    write_table(catalog.path_of(catalog.CHOSEN_LABELS), table)
    with pytest.raises(StoreError) as error:
        catalog.read(catalog.CHOSEN_LABELS)
    assert error.value.what == f"artifacts/selection/labels.parquet is damaged: {what}"
    assert error.value.fix == "delete it and run `segments selection`, or `dvc repro`"
    with pytest.raises(ValueError, match=what):  # and no stage writes one
        catalog.write(catalog.CHOSEN_LABELS, table)


def test_no_stage_writes_a_column_without_a_meaning(here: Path) -> None:
    with pytest.raises(ValueError, match="does not know column shoe size of"):
        catalog.write(catalog.CHOSEN_LABELS, LABELS.assign(**{"shoe size": 43}))
    assert not catalog.exists(catalog.CHOSEN_LABELS)


@pytest.mark.parametrize(
    "content", [{"sweep_id": "a", "source": "mall"}, {"sweep_id": "a", "source": 1, "cells": []}, []]
)
def test_a_misshapen_document_is_one_clear_error(here: Path, content: Any) -> None:
    write_json(catalog.path_of(catalog.SWEEP), content)
    with pytest.raises(StoreError, match=r"^artifacts/sweep/sweep.json is damaged: \w+") as error:
        catalog.read(catalog.SWEEP)
    assert error.value.fix == "delete it and run `segments sweep`, or `dvc repro`"


@pytest.mark.parametrize("artifact", [catalog.CANDIDATES, catalog.CHOICE, catalog.SUMMARY], ids=named)
def test_what_is_missing_names_the_stage_that_makes_it(here: Path, artifact: Artifact[Any]) -> None:
    with pytest.raises(StoreError, match="does not exist yet") as error:
        catalog.read(artifact)
    assert f"`segments {artifact.stage}`" in error.value.fix


@pytest.mark.parametrize("artifact", [one for one in catalog.CATALOG if not isinstance(one, Pictures)], ids=named)
def test_what_is_damaged_is_named(here: Path, artifact: Artifact[Any]) -> None:
    write_bytes(catalog.path_of(artifact), b"\xff\xfe{")
    with pytest.raises(StoreError, match=re.escape(f"{named(artifact)} is damaged: ")):
        catalog.read(artifact)


# --- what no small project makes -------------------------------------------------------------------------------------------------


def test_a_prediction_or_the_reason_why_there_is_none(here: Path) -> None:
    step = Step("churn", "brier", "recency · global", "linear · global", 0.01, 0.0, 0.02, True)
    made = PredictionFacts(
        True,
        {"first": "2017-01-01"},
        PredictionConfig(["recency", "linear"]),
        {"train": 3},
        {"train": 1},
        {"2017-10-03": 0.8},
        [step],
        [],
        {"churn": Recommended("linear", "global")},
        {"churn": Skill(False, 0.07, "linear · global", 0.0, 0.0, -0.1, 0.1, "No risk is shown.")},
        ["use it"],
        [],
        [],
        {"slope": None},
        "c1",
        "p1",
    )
    for content in (made, NoPrediction(False, "no purchases")):
        catalog.write(catalog.PREDICTION, content)
        assert catalog.read(catalog.PREDICTION) == content
    catalog.write(catalog.PREDICTION, made)
    [plain] = json.loads(catalog.path_of(catalog.PREDICTION).read_text())["steps"]
    assert list(plain) == ["outcome", "metric", "from", "to", "difference", "low", "high", "taken"]


def test_keys_lie_in_the_order_of_the_fields(here: Path) -> None:
    catalog.write(catalog.RECEIPT, Receipt(None, None, None, None, "s1", None))
    written = json.loads(catalog.path_of(catalog.RECEIPT).read_text())
    assert list(written) == ["name", "version", "alias", "verdict", "sweep_id", "candidate_id"]


def test_pictures_of_earlier_data_go(here: Path) -> None:
    write_bytes(Path("artifacts/briefing/other.png"), b"not ours")
    catalog.write(catalog.BRIEFING_PICTURES, {"radar_0.png": b"a", "radar_0.svg": b"a", "radar_1.png": b"b"})
    catalog.write(catalog.BRIEFING_PICTURES, {"radar_0.png": b"c"})
    assert catalog.read(catalog.BRIEFING_PICTURES) == {"radar_0.png": b"c"}
    assert Path("artifacts/briefing/other.png").exists()
