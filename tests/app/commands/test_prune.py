"""Old sweeps go; what is new, lies in artifacts/ or became a version stays, in MLflow and on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from segments.app.commands import prune
from segments.app.load import load
from segments.config.root import Config
from segments.errors import ConfigError
from segments.io.store.cache import kept_ids, sweep_records, version_folder
from segments.io.store.cache import sweep_record as folder_of
from segments.io.store.files import write_json
from segments.io.tracking.candidates import track_candidates
from segments.io.tracking.connection import connect
from small_project import SmallProject
from small_record import fact, runs

SWEEPS = {"old": ["c2", "c3"], "mid": ["c3", "c4"], "used": ["c5"], "new": ["c6", "c4"]}


@pytest.fixture
def config(root: Path, project: Path) -> Config:
    """Four sweeps that share candidates, of the source toy, oldest first; one became a version."""
    config = load([], project)
    with connect(config.tracking, "toy") as tracker:
        for at, (sweep_id, ids) in enumerate(SWEEPS.items()):
            write_json(
                folder_of(sweep_id) / "sweep.json",
                {"sweep_id": sweep_id, "source": "toy", "cells": [ids], "started_ms": at},
            )
            track_candidates(tracker, [fact(int(one[1]), one) for one in ids], sweep_id)
            tracker.client.create_run(
                tracker.experiment_id, tags={"segments.kind": "sweep", "segments.sweep_id": sweep_id}
            )
    version_folder("a" * 64, "c5").mkdir(parents=True)
    return config


def state(config: Config) -> tuple[set[str], set[str], set[str], set[str]]:
    """Sweeps and candidates on disk, candidates and sweeps in MLflow."""
    with connect(config.tracking, "toy") as tracker:
        candidates = {run.data.tags["segments.candidate_id"] for run in runs(tracker)}
        sweeps = {run.data.tags["segments.sweep_id"] for run in runs(tracker, "sweep")}
    return {folder.name for folder in sweep_records()}, kept_ids(), candidates, sweeps


def test_the_newest_stay_and_what_a_version_was_chosen_from(config: Config) -> None:
    before = state(config)
    said = prune.run(config, "1")
    assert said.startswith("2 of 4 sweeps would go:\n  old of toy, 2 candidates\n  mid of toy, 2 candidates\n")
    assert state(config) == before
    assert "let go 2 sweeps and 4 runs" in prune.run(
        config, "1", "true"
    )  # two sweeps, c2 and c3; c4 is of the newest, too
    left = {"c4", "c5", "c6"}
    assert state(config) == ({"used", "new"}, left, left, {"used", "new"})
    assert prune.run(config, "1", "true").startswith("nothing to let go: 2 sweeps")


def test_killed_in_between_the_same_command_goes_on(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prune, "clear", killed)
        with pytest.raises(KeyboardInterrupt):
            prune.run(config, "1", "true")
    prune.run(config, "1", "true")
    assert state(config)[0] == state(config)[3] == {"used", "new"}


def test_each_source_keeps_its_own(config: Config) -> None:
    write_json(
        folder_of("other") / "sweep.json", {"sweep_id": "other", "source": "mall", "cells": [["c9"]], "started_ms": -1}
    )
    stay, go = prune.parted(2)
    assert ({one["sweep_id"] for one in stay}, [one["sweep_id"] for one, _ in go]) == (
        {"other", "used", "new"},
        ["old", "mid"],
    )


@pytest.mark.parametrize(("keep", "yes"), [("0", ""), ("all", ""), ("-1", ""), ("²", ""), ("2", "yes")])
def test_what_is_no_number_is_refused(project: Path, keep: str, yes: str) -> None:
    with pytest.raises(ConfigError, match=r"(keep|yes) is '"):
        prune.run(load([], project), keep, yes)


def test_the_last_run_s_sweep_stays(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    [folder] = (project / "record/sweeps").glob("*")
    later = folder.with_name("later")
    shutil.copytree(folder, later)
    text = (later / "sweep.json").read_text().replace(folder.name, "later")
    (later / "sweep.json").write_text(text.replace('"started_ms": 1', '"started_ms": 9'))
    (later / "manifest.json").unlink()
    assert "nothing to let go" in project.run("segments", "prune", "keep=1")
