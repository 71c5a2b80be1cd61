"""Every way to ask for candidates: `dvc repro`, `segments fit`, `fit -m`, `dvc exp run` in a temporary folder and queued (in place: see where a grid grows).

Whichever entry point it came through, an alternative has one id and stands in MLflow once. docs/sweeps.md has these commands.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

import pytest

from small_project import SmallProject, expected_grid, ran, write_shop

pytestmark = pytest.mark.slow
GRID = expected_grid(["income_spending", "age_income"], ["quantile", "none"], range(2, 5))


def said(printed: str) -> list[str]:
    """Candidate ids that `segments fit` printed."""
    return re.findall(r"^([0-9a-f]{16})  ", printed, re.MULTILINE)


# --- segments fit ------------------------------------------------------------------------------------------------------


def test_fit_makes_the_candidate_of_the_grid(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    kept = project.kept()
    table = project.table("sweep/candidates.parquet").set_index(["feature_set", "scaler", "k"])
    printed = project.run("segments", "fit", "feature_set=age_income", "scaler=quantile", "k=3")
    assert said(printed) == [table.loc[("age_income", "quantile", 3), "candidate_id"]]
    [run] = [run for run in project.runs() if run.info.run_name == "income_spending · none · k=4"]
    [command] = re.findall(r"^Made again by `(.+?)`", run.data.tags["mlflow.note.content"])
    assert "algorithm.starts=2" in command, "conf/ of this project is edited"
    assert said(project.run(*shlex.split(command))) == [run.data.tags["segments.candidate_id"]]
    assert project.kept() == kept
    assert project.tracked() == GRID


def test_multirun_makes_the_candidates_of_the_grid(small_project: Callable[[], SmallProject]) -> None:
    """A candidate that was there stays; new ones are made once, however often they are asked for."""
    project = small_project()
    kept = project.kept()
    ids = set(project.candidate_ids())
    words = ["segments", "fit", "-m", "feature_set=age_income,age_spending", "scaler=quantile,minmax", "k=3,2,3"]
    made = said(project.run(*words))
    assert len(set(made)) == len(made) == 8
    assert len(set(made) & ids) == 2
    assert project.kept().items() >= kept.items()
    grown = sorted({*GRID, *expected_grid(["age_income", "age_spending"], ["quantile", "minmax"], range(2, 4))})
    assert project.tracked() == grown
    [again] = said(project.run("segments", "fit", "feature_set=age_spending", "scaler=minmax", "k=3"))
    assert again in made
    assert project.tracked() == grown
    assert project.changes() == "", "a multirun left something lying about"


# --- dvc exp run ---------------------------------------------------------------------------------------------------------


def test_experiments_aside_reach_the_record_of_the_checkout(small_project: Callable[[], SmallProject]) -> None:
    """Two in a queue, at once: another grid, and another source. One in a temporary folder, of which one stage runs."""
    project = small_project()
    champion, shown = project.champion(), project.experiment_tags()
    own = json.loads((project / "artifacts/sweep/sweep.json").read_text())["sweep_id"]
    recorded = project.digests([project / f"record/sweeps/{own}"])
    temporary = project.run("dvc", "exp", "run", "--temp", "-S", "conf/config.yaml:registry.tolerance=1.5")
    assert ran(temporary) == ["registry"]
    assert (project.digests([project / f"record/sweeps/{own}"]), project.experiment_tags()) == (recorded, shown)
    write_shop(project.root)
    project.run("segments", "fetch", "source=shop")
    project.commit()
    before = project.hashes(["sweep", "selection", "registry"])
    finalists = marked(project)
    fewer = ["-S", "conf/config.yaml:sweep.scalers=[quantile]"]
    shop = ["defaults.1.source=shop", "prediction.horizon_days=30", "prediction.models=[recency,last_period]"]
    words = [word for change in shop for word in ("-S", f"conf/config.yaml:{change}")]
    queued = project.run("dvc", "exp", "run", "--queue", *fewer, "-S", "conf/config.yaml:sweep.k_max=5")
    queued += project.run("dvc", "exp", "run", "--queue", "--name", "shop", *words)
    assert queued.count("Queued experiment") == 2
    project.run("dvc", "exp", "run", "--run-all", "--jobs", "2")  # what `dvc queue start --jobs 2` does, but waits
    assert project.tracked() == sorted(
        {*GRID, *expected_grid(["income_spending", "age_income"], ["quantile"], range(2, 6))}
    )
    of_shop = expected_grid(["rfm"], ["quantile", "none"], range(2, 5))
    assert project.tracked("shop") == of_shop
    sweeps = project.runs("sweep")
    assert sorted(run.data.tags.get("segments.aside", "false") for run in sweeps) == ["false", "true"]
    assert {run.data.tags["mlflow.source.git.commit"] for run in sweeps} <= commits(project)
    [sweep] = project.runs("sweep", "shop")
    assert sweep.data.tags["segments.aside"] == "true"
    assert "ran aside" in sweep.data.tags["mlflow.note.content"]
    # What MLflow shows of the folder's own sweep stays: the views, the description, and which candidates are finalists.
    assert project.experiment_tags() == shown
    assert {name: place for name, place in marked(project).items() if name in finalists} == finalists
    assert all(
        own in shown[f"mlflow.sharedViewState.{view}"] for view in ("candidates", "table", "curves", "finalists")
    )
    assert len(project.kept()) == 12 + 2 + 6
    printed = project.run("segments", "experiments")
    assert max(map(len, printed.splitlines())) <= 120
    lines = {line.split()[0]: line.split()[1:] for line in printed.splitlines()}
    assert [lines["sweep.k_max"][0], *sorted(lines["sweep.k_max"][1:])] == ["4", "4", "5"], "the commit comes first"
    assert sorted(lines["candidates"], key=int) == ["6", "8", "12"]
    # The checkout itself stays as it was, and so does the model in use.
    assert project.hashes(["sweep", "selection", "registry"]) == before
    assert project.changes() == ""
    assert project.champion() == champion, "an experiment aside may not replace the model in use"

    project.run("dvc", "exp", "apply", "shop")
    assert "registered beside the one in use" in project.run("segments", "summary")
    number = json.loads((project / "artifacts/registry/receipt.json").read_text())["version"]
    project.run("segments", "promote", str(number), "--because", "it was tried aside and is better")
    assert project.champion() != champion, "taken over on purpose"
    assert project.tracked("shop") == of_shop


def marked(project: SmallProject) -> dict[str, str]:
    """Places of the finalists, by the names of their runs."""
    tags = {run.info.run_name: run.data.tags for run in project.runs()}
    return {name: tag["segments.place"] for name, tag in tags.items() if "segments.place" in tag}


def commits(project: SmallProject) -> set[str]:
    """All that a person finds in the folder's own git."""
    return set(project.run("git", "rev-list", "--all").split())
