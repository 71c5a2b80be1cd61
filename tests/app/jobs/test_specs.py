"""The command that makes a candidate again: read back by Hydra, it asks for the same candidate."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from segments.app.jobs.specs import capped, cell_command, grid
from segments.app.load import load
from segments.clustering.candidate import Spec, TableHash, candidate_ids
from segments.config.root import Config
from segments.config.sweep import Feature, FeatureSet
from small_project import CHECKOUT

SHORT = "segments fit source=mall feature_set=income_spending scaler=quantile algorithm=kmeans sweep.seed=0"
DATA = TableHash("f" * 64, 200)
MANY = TableHash("f" * 64, 60_000)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the committed conf/."""
    shutil.copytree(CHECKOUT / "conf", tmp_path / "conf")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(config: Config) -> Spec:
    """What `segments fit` makes of a config."""
    sweep = config.sweep
    parts = (config.source.name, config.feature_set, config.scaler, config.algorithm, config.k)
    return Spec(*parts, sweep.seed, sweep.scoring)


def spec() -> Spec:
    return asked(load(["source=mall", "feature_set=income_spending", "scaler=quantile", "k=3"]))


def columns(**changed: Feature) -> FeatureSet:
    return FeatureSet("income_spending", changed)


def test_what_conf_says_stands_there_by_name(folder: Path) -> None:
    assert cell_command(spec(), 200) == SHORT


@pytest.mark.parametrize(
    "other",
    [
        lambda one: one,
        lambda one: replace(one, seed=7, algorithm=replace(one.algorithm, starts=9, tol=1e-7)),
        lambda one: replace(one, scaler=replace(one.scaler, n_quantiles=50)),
        lambda one: replace(one, scaler=replace(one.scaler, name="robust", kind="standard")),
        lambda one: replace(one, feature_set=columns(annual_income=Feature("log1p", 2.5))),
        lambda one: replace(one, feature_set=columns(age=Feature(), spending_score=Feature())),
        lambda one: replace(one, scoring=replace(one.scoring, exact_up_to=100, sample=50)),
    ],
)
@pytest.mark.parametrize("data", [DATA, MANY])
def test_the_command_asks_for_the_same_candidate(folder: Path, other: Callable[[Spec], Spec], data: TableHash) -> None:
    wanted = other(spec())
    words = shlex.split(f"{cell_command(wanted, data.n_customers)} k={wanted.k}")
    assert words[:2] == ["segments", "fit"]
    assert candidate_ids([asked(load(words[2:]))], data) == candidate_ids([wanted], data)


@pytest.mark.slow
def test_it_also_holds_when_an_edit_of_conf_is_taken_back(folder: Path) -> None:
    path = folder / "conf/algorithm/kmeans.yaml"
    committed = path.read_text()
    path.write_text(committed.replace("starts: 4", "starts: 2"))
    wanted = spec()
    words = shlex.split(cell_command(wanted, 200))
    path.write_text(committed)
    assert asked(load([*words[2:], "k=3"])) == wanted


def test_conf_that_somebody_is_just_editing_stops_no_sweep(folder: Path) -> None:
    wanted = spec()
    (folder / "conf/algorithm/kmeans.yaml").write_text("starts: [")
    assert cell_command(wanted, 200).startswith("segments fit source=mall")


def test_a_setting_that_conf_no_longer_says_as_it_was_is_named(folder: Path) -> None:
    wanted = spec()
    path = folder / "conf/settings/sweep.yaml"
    path.write_text(path.read_text().replace("exact_up_to: 50000", "exact_up_to: 100"))
    words = shlex.split(f"{cell_command(wanted, MANY.n_customers)} k=3")
    assert candidate_ids([asked(load(words[2:]))], MANY) == candidate_ids([wanted], MANY)


def test_the_grid_ends_where_there_are_no_more_different_customers() -> None:
    config = load(["source=mall", "sweep.feature_sets=[age_income]", "sweep.scalers=[none,robust]", "sweep.k_max=9"])
    people = pd.DataFrame({"age": [20.0, 30, 40, 50, 60, 60], "annual_income": [1.0, 1, 1, 1, 1, 1]})
    cells = grid(config, people)
    assert [[spec.k for spec in cell] for cell in cells] == [[2, 3, 4]] * 2
    assert capped(config, cells) == ["age_income ends at k=4: it has only 5 different customers"]
    many = pd.DataFrame({"age": range(40), "annual_income": range(40)}, dtype="float64")
    assert capped(config, grid(config, many)) == []
    assert [spec.k for spec in grid(config, people[:2])[0]] == list(range(2, 10)), "too few for any: refused as a whole"
