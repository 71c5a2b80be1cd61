"""MLflow as a projection of files: every run once, whatever happened before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segments.config.registry import TrackingConfig
from segments.errors import TrackingError
from segments.io.tracking.candidates import track_candidates, track_curves
from segments.io.tracking.connection import Tracker, connect
from segments.io.tracking.sweeps import track_sweep
from small_record import PNG, fact, runs

LOCAL = TrackingConfig()


def test_a_candidate_as_a_person_sees_it(root: Path) -> None:
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact()], "s1")
        [run] = runs(tracker)
        assert run.info.run_name == "xy · none · k=3"
        assert run.info.status == "FINISHED"
        assert run.info.end_time - run.info.start_time == 1500
        assert run.data.params == {
            "source": "toy",
            "feature_set": "xy",
            "scaler": "none",
            "algorithm": "kmeans",
            "k": "3",
            "seed": "0",
            "n_customers": "9",
            "n_init": "12",
        }
        assert run.data.tags["segments.candidate_id"] == "c3"
        assert run.data.tags["segments.sweep_id"] == "s1"
        assert run.data.tags["segments.complete"] == "true"
        [point] = tracker.client.get_metric_history(run.info.run_id, "silhouette")
        assert (point.value, point.step) == (0.5, 3)
        images = [item.path for item in tracker.client.list_artifacts(run.info.run_id, "images")]
        assert sorted(path.split("/")[1].split("+")[0] for path in images) == ["clusters"] * 2 + ["silhouette"] * 2


def test_twice_is_once(root: Path) -> None:
    for _ in range(2):
        with connect(LOCAL, "toy") as tracker:
            track_candidates(tracker, [fact(), fact(4, "c4")])
    assert len(runs(tracker)) == 2


def test_a_later_sweep_takes_its_candidates_over(root: Path) -> None:
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact()], "s1")
        track_candidates(tracker, [fact()], "s2")
        assert [run.data.tags["segments.sweep_id"] for run in runs(tracker)] == ["s2"]


def test_half_a_run_of_a_killed_process_is_replaced(root: Path) -> None:
    with connect(LOCAL, "toy") as tracker:
        half = tracker.client.create_run(
            tracker.experiment_id,
            tags={"segments.kind": "candidate", "segments.candidate_id": "c3", "segments.cell": "xy · none"},
        )
        track_candidates(tracker, [fact()])
        [run] = runs(tracker)
        assert run.info.run_id != half.info.run_id
        assert run.data.tags["segments.complete"] == "true"


def test_a_commit_does_not_wait_for_the_disk(root: Path) -> None:
    """What power took from the record is on disk, and `segments track` brings it back."""
    from sqlalchemy import create_engine

    with connect(LOCAL, "toy"), create_engine(f"sqlite:///{root / 'mlflow.db'}").connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL: with WAL, still never damaged
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_numbers_that_are_none_are_left_out(root: Path) -> None:
    odd = fact()
    odd["scores"]["davies_bouldin"] = float("nan")
    odd["scores"]["calinski_harabasz"] = float("inf")
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [odd])
        assert {"davies_bouldin", "calinski_harabasz"}.isdisjoint(runs(tracker)[0].data.metrics)


def test_a_curve_holds_every_score_over_k(root: Path) -> None:
    with connect(LOCAL, "toy") as tracker:
        cell = [fact(k, f"c{k}") for k in (2, 3, 4)]
        for _ in range(2):
            track_curves(tracker, {"xy · none": (cell, lambda: PNG)}, "s1")
        [curve] = runs(tracker, "curve")
        assert curve.info.run_name == "xy · none"
        points = tracker.client.get_metric_history(curve.info.run_id, "wcss")
        assert [(p.step, p.value) for p in sorted(points, key=lambda p: p.step)] == [(2, 5.0), (3, 10 / 3), (4, 2.5)]


def test_a_sweep_has_config_note_dataset_and_marks_its_finalists(root: Path) -> None:
    files = root / "files"
    files.mkdir()
    (files / "config.json").write_text("{}")
    data = {"name": "toy", "digest": "abc", "path": "x.parquet", "schema": "{}", "profile": "{}"}
    record = {
        "sweep_id": "s1",
        "candidate_ids": ["c3", "c4"],
        "finalists": ["c4"],
        "params": {"k_min": 2},
        "data": data,
        "started_ms": 1,
        "seconds": 2.0,
    }
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact(), fact(4, "c4")], "s1")
        for finalists in (["c3"], ["c4"]):
            run_id = track_sweep(tracker, record | {"finalists": finalists}, files, "**c4 won**")
        [sweep] = runs(tracker, "sweep")
        assert sweep.info.run_id == run_id
        assert sweep.data.tags["mlflow.note.content"].startswith("**c4 won**")
        assert sweep.inputs.dataset_inputs[0].dataset.digest == "abc"
        assert [item.path for item in tracker.client.list_artifacts(run_id)] == ["config.json"]
        tags = {r.data.tags["segments.candidate_id"]: r.data.tags for r in runs(tracker)}
        assert {identity: tag.get("segments.finalist") for identity, tag in tags.items()} == {"c3": None, "c4": "true"}
        assert {identity: tag.get("segments.place") for identity, tag in tags.items()} == {"c3": None, "c4": "01"}
        experiment = tracker.client.get_experiment(tracker.experiment_id)
        assert "Customer segmentations of **toy**" in experiment.tags["mlflow.note.content"]
        assert any(tag.startswith("mlflow.sharedViewState.") for tag in experiment.tags)


@pytest.mark.parametrize(
    ("uri", "code", "times", "tries"),
    [
        ("http://team", "BAD_REQUEST", 1, 2),  # two recorded the same data set in one instant
        ("http://team", "RESOURCE_DOES_NOT_EXIST", 2, 3),  # the run was removed meanwhile
        ("http://team", "BAD_REQUEST", 9, 5),
        ("http://team", "INTERNAL_ERROR", 1, 1),
        ("sqlite:///mlflow.db", "BAD_REQUEST", 1, 1),  # under our lock nobody else writes
    ],
)
def test_what_another_machine_did_meanwhile_is_met_by_beginning_again(
    uri: str, code: str, times: int, tries: int
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode

    from segments.io.tracking.runs import repeated

    begun = []

    @repeated
    def write(tracker: Tracker) -> str:
        begun.append(tracker)
        if len(begun) <= times:
            raise MlflowException("refused", error_code=ErrorCode.Value(code))
        return "written"

    tracker: Any = Tracker(None, "1", "toy", uri)  # type: ignore[arg-type]
    if times < tries:
        assert write(tracker) == "written"
    else:
        with pytest.raises(MlflowException):
            write(tracker)
    assert len(begun) == tries


def test_a_server_that_is_not_there_is_one_clear_error() -> None:
    with (
        pytest.raises(TrackingError, match="does not answer") as error,
        connect(TrackingConfig(uri="http://127.0.0.1:9", timeout_seconds=1), "toy"),
    ):
        pass
    assert "segments track" in error.value.fix


@pytest.mark.parametrize("uri", ["file:./mlruns", "mlruns", "ftp://x"])
def test_what_is_no_server_is_refused(root: Path, uri: str) -> None:
    with pytest.raises(TrackingError, match="is not the address"), connect(TrackingConfig(uri=uri), "toy"):
        pass


def test_a_moved_project_finds_its_artifacts_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow stores absolute addresses; after a move they are mended by the next connection."""
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact()])
    moved = root.parent / f"{root.name}-moved"
    root.rename(moved)
    monkeypatch.chdir(moved)
    with connect(LOCAL, "toy") as tracker:
        [run] = runs(tracker)
        assert len(tracker.client.list_artifacts(run.info.run_id, "images")) == 4
        assert str(moved) in tracker.client.get_experiment(tracker.experiment_id).artifact_location
    moved.rename(root)
