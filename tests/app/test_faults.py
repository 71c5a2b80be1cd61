"""Killed, interrupted, started twice, robbed of its database: a rerun completes the plan, nothing is lost and nothing is doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from small_project import LIMIT, SmallProject, make

pytestmark = pytest.mark.slow

FIT = ("fit", "feature_set=income_spending", "scaler=quantile")
SWEEP = ("sweep", "sweep.workers=2")  # two processes beside the main one
ALONE = ("sweep",)  # the same in one process, which starts sooner


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> SmallProject:
    """Features are made, no candidate yet, and no record. For reading only."""
    project = make(tmp_path_factory.mktemp("ready") / "project", shared_data / "mall" / "Mall_Customers.csv")
    for stage in ("data", "features"):
        project.run("segments", stage)
    return project


@pytest.fixture(scope="module")
def swept(ready: SmallProject, fresh_record: Path, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """After a sweep that nothing disturbed. For reading only."""
    project = ready.copy(tmp_path_factory.mktemp("swept") / "project")
    shutil.copyfile(fresh_record, project / "mlflow.db")
    project.run("segments", *ALONE)
    return project


@pytest.fixture
def project(ready: SmallProject, tmp_path: Path) -> SmallProject:
    return ready.copy(tmp_path / "project")


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    """Until the condition holds; that the process ends first is a fault of the test."""
    give_up = time.monotonic() + LIMIT
    while not condition():
        assert process.poll() is None, f"ended too early: {process.communicate()}"
        assert time.monotonic() < give_up
        time.sleep(0.005)


def alive(session: int) -> list[str]:
    """Command lines of the processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of_session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(of_session) == session and state != "Z":
                found.append((stat.parent / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def until_all_ended(process: subprocess.Popen[str]) -> None:
    """A process has closed its streams a moment before it is gone."""
    give_up = time.monotonic() + LIMIT
    while alive(process.pid):
        assert time.monotonic() < give_up, alive(process.pid)
        time.sleep(0.05)


def check_complete(project: SmallProject, undisturbed: SmallProject) -> None:
    """Every candidate once, on disk and in MLflow, and the tables of a sweep that nothing disturbed, byte for byte."""
    assert project.hashes(["sweep"]) == undisturbed.hashes(["sweep"])
    assert len(project.candidate_ids()) == 12
    assert sorted(project.candidate_ids()) == sorted(project.kept()) == project.tracked_ids()
    assert len({run.data.tags["segments.curve_id"] for run in project.runs("curve")}) == len(project.runs("curve")) == 4


# --- killed -------------------------------------------------------------------------------------------------------


def test_killed_again_and_again_a_rerun_completes_the_plan(project: SmallProject, swept: SmallProject) -> None:
    moments: list[tuple[tuple[str, ...], Callable[[int, int], None], Callable[[], Any]]] = [
        # MLflow makes its tables
        (ALONE, os.killpg, lambda: any(path.stat().st_size for path in project.root.glob("mlflow.db.new"))),
        (SWEEP, os.killpg, lambda: any((project / "record/candidates").glob(".*"))),
        # Alone, as when memory runs out: nobody is left to clear up what the processes shared.
        (SWEEP, os.kill, lambda: len(project.kept()) >= 7),
        # all is computed; the tables are written, the curves tracked
        (ALONE, os.killpg, (project / "artifacts/sweep").exists),
    ]
    for words, kill, moment in moments:
        process = project.start(*words)
        wait_for(moment, process)
        kill(process.pid, signal.SIGKILL)
        _, err = process.communicate(timeout=LIMIT)  # ends when the last of its helpers has closed it
        assert "Warning" not in err, "its helpers end without a word"
        until_all_ended(process)
    finished = project.kept()
    # what a kill between two writes leaves behind
    leftover = project / "record/candidates/.0123456789abcdef.left"
    leftover.mkdir(exist_ok=True)
    (leftover / "candidate.json").write_text("{")
    (project / "artifacts/sweep").mkdir(exist_ok=True)
    (project / "artifacts/sweep/candidates.parquet").write_bytes(b"PAR1")
    made = {i: (project / f"record/candidates/{i}/candidate.json").stat().st_mtime_ns for i in finished}
    project.run("segments", *ALONE)
    check_complete(project, swept)
    assert made == {i: (project / f"record/candidates/{i}/candidate.json").stat().st_mtime_ns for i in finished}, (
        "a finished candidate was computed again"
    )


def test_half_written_runs_and_damaged_candidates_are_replaced(swept: SmallProject, tmp_path: Path) -> None:
    project = swept.copy(tmp_path / "project")
    client = project.client()
    half, other, *_ = project.runs()
    client.delete_tag(half.info.run_id, "segments.complete")
    client.create_run(
        half.info.experiment_id, tags={**half.data.tags, "segments.complete": "false"}
    )  # a second try, killed too
    curve = project.runs("curve")[0]
    client.delete_tag(curve.info.run_id, "segments.complete")
    one, two, three, four, *_ = (project / f"record/candidates/{i}" for i in sorted(project.kept()))
    (one / "candidate.json").write_text('{"candidate_id": ')
    (two / "arrays.npz").write_bytes((two / "arrays.npz").read_bytes()[:500])
    (three / "space.json").unlink()
    (four / "arrays.npz").write_bytes(b"garbage")
    project.run("segments", *ALONE)
    check_complete(project, swept)
    kept = {run.info.run_id for run in project.runs()}
    assert half.info.run_id not in kept
    assert other.info.run_id in kept


# --- interrupted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "to_group", "code", "word", "words"),
    [
        (signal.SIGINT, True, 130, "interrupted", SWEEP),
        (signal.SIGTERM, False, 143, "terminated", SWEEP),
        (signal.SIGHUP, True, 129, "terminated", ALONE),
    ],
    ids=["ctrl-c", "terminate", "closed terminal"],
)
def test_interrupted_it_stops_cleanly_and_keeps_what_is_finished(
    project: SmallProject, number: signal.Signals, to_group: bool, code: int, word: str, words: tuple[str, ...]
) -> None:
    process = project.start(*words, "sweep.scalers=[none,standard,minmax,robust,power,quantile]", "sweep.k_max=8")
    wait_for(lambda: len(project.kept()) >= 2, process)
    (os.killpg if to_group else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "Warning" not in err
    assert f"{word}; what is finished is kept" in err
    until_all_ended(process)
    assert len(project.kept()) >= 2
    assert not list((project / "record/candidates").glob(".*")), "a half-made candidate was left"


# --- two at once --------------------------------------------------------------------------------------------------


def test_several_at_once_on_a_fresh_store(project: SmallProject, swept: SmallProject) -> None:
    """The same fit twice and another one, all first: all succeed, nothing is doubled, and a sweep goes on from there."""
    at_once = [project.start(*FIT, k, warm=True) for k in ("k=3", "k=3", "k=4")]
    said = [process.communicate(timeout=LIMIT) for process in at_once]
    assert [process.returncode for process in at_once] == [0, 0, 0], said
    assert len(project.kept()) == 2
    assert project.tracked_ids() == sorted(project.kept())
    assert said[0][0] == said[1][0]
    project.run("segments", *ALONE)
    check_complete(project, swept)


# --- the record is lost -------------------------------------------------------------------------------------------


def test_the_database_is_deleted_in_mid_sweep(project: SmallProject, swept: SmallProject) -> None:
    process = project.start(*ALONE, warm=True)
    wait_for(lambda: len(project.kept()) >= 4, process)
    for path in project.root.glob("mlflow.db*"):
        path.unlink()
    _, err = process.communicate(timeout=LIMIT)
    assert "Traceback" not in err
    assert process.returncode in (0, 2), err
    # it may have had the file open: what it wrote there is gone with the file
    project.run("segments", *ALONE)
    check_complete(project, swept)


def test_the_record_is_rebuilt_from_what_is_on_disk(swept: SmallProject, tmp_path: Path) -> None:
    project = swept.copy(tmp_path / "project")
    before = project.tracked_ids()
    for path in project.root.glob("mlflow.db*"):
        path.unlink()
    shutil.rmtree(project / "mlruns")
    shutil.rmtree(project / f"record/candidates/{before[0]}")  # and a candidate that only the table knows
    for _ in range(2):  # the second time adds nothing
        project.run("segments", "track")
        assert project.tracked_ids() == before
        assert len(project.runs("curve")) == 4


# --- imports ------------------------------------------------------------------------------------------------------

HEAVY = {"mlflow", "sklearn", "pandas", "numpy", "matplotlib", "duckdb", "dvc"}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["sweep", "--help"],
        ["swep"],
        ["sweep", "mall"],
        ["summary"],
        ["sweep", "sweep.kmax=3"],
        ["fit", "scaler=robst"],
        ["registry", "source=malll"],
        ["data", "--timings=1"],
    ],
    ids=" ".join,
)
def test_help_and_commands_that_fail_early_import_nothing_heavy(ready: SmallProject, words: list[str]) -> None:
    code = "import sys; from segments.app.cli import main; main(sys.argv[1:]); print('imported', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ready.root, capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.rpartition("imported ")[2].split())
    assert not imported & HEAVY
    if not any("=" in word for word in words):
        assert not imported & {"hydra", "omegaconf", "pydantic"}
