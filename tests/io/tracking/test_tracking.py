"""MLflow as a projection of files: every run once, whatever happened before."""

from __future__ import annotations

import re
import sqlite3
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import ValidationError

from segments.config.evidence import EVIDENCE
from segments.config.registry import TrackingConfig
from segments.errors import TrackingError
from segments.io.store.files import write_json
from segments.io.tracking.candidates import track_candidates, track_curves, track_evidence
from segments.io.tracking.connection import Tracker, connect
from segments.io.tracking.runs import COMPLETE, log_run
from segments.io.tracking.sweeps import track_sweep
from small_record import PNG, fact, runs, sweep_record, traced

LOCAL = TrackingConfig()


def test_a_project_may_lie_in_a_folder_of_any_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLAlchemy takes % and ? in an address for signs of its own: the record would be made elsewhere, or not at all."""
    odd = root / "100%41 sure?" / "project"
    odd.mkdir(parents=True)
    for name in ("conf", "dvc.yaml", "mlflow.db"):
        (root / name).rename(odd / name)
    monkeypatch.chdir(odd)
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact()], "s1")
        assert len(runs(tracker)) == 1
    assert [path.name for path in root.iterdir() if path.suffix == ".db"] == []
    with sqlite3.connect(odd / "mlflow.db") as record:
        assert record.execute("SELECT count(*) FROM runs").fetchone() == (1,)


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


def test_a_candidate_says_who_made_it_of_what_and_how_to_make_it_again(root: Path) -> None:
    """In MLflow's own tags and inputs; doing it twice, as somebody else, changes nothing."""
    import mlflow

    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [traced(), traced(4, "c4", f"{'b' * 40}-dirty")], "s1")
        before = {run.info.run_id: (run.data.tags, run.inputs) for run in runs(tracker)}
        track_candidates(tracker, [traced(commit="c" * 40), traced(4, "c4")], "s1")
        assert before.keys() == {run.info.run_id for run in runs(tracker)}
        by_id = {run.data.tags["segments.candidate_id"]: run for run in runs(tracker)}
        tags = by_id["c3"].data.tags
        assert tags == before[by_id["c3"].info.run_id][0]
        assert {key.removeprefix("mlflow."): tags[key] for key in tags if key.startswith(("mlflow.s", "mlflow.u"))} == {
            "source.name": "segments fit",
            "source.type": "LOCAL",
            "source.git.commit": "a" * 40,
            "source.git.dirty": "false",
            "user": "Ada",
        }
        assert tags["mlflow.note.content"] == (
            "Made again by `segments fit k=3`, on feature table `abc` of toy, with code and `conf/` of commit `aaaaaaaaaaaa`."
        )
        assert by_id["c4"].data.tags["mlflow.source.git.dirty"] == "true"
        assert "(the code was changed since)" in by_id["c4"].data.tags["mlflow.note.content"]
        for run in by_id.values():
            [used] = run.inputs.dataset_inputs
            assert (used.dataset.name, used.dataset.digest, used.tags[0].value) == ("toy", "abc", "training")
            assert mlflow.data.get_source(used).uri == "x.parquet"  # type: ignore[attr-defined]


def test_what_was_kept_before_that_says_nothing_made_up(root: Path) -> None:
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact()])
        [run] = runs(tracker)
    assert {"mlflow.user", "mlflow.source.git.commit", "mlflow.note.content"}.isdisjoint(run.data.tags)
    assert run.inputs.dataset_inputs == []


def test_what_a_later_stage_does_not_know_of_a_candidate_is_not_written(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Firmness is known of a few candidates only; the runs of all others need not be touched for it."""
    said = {"k": 3, "grade": "natural", "null": "unimodal", "reason": "x", "usefulness": float("nan")}
    rows = [{"candidate_id": i, **said, **dict.fromkeys(EVIDENCE, 1.0)} for i in ("c3", "c4")]
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact(), fact(4, "c4")], "s1")
        track_evidence(tracker, rows, "s1")
        written, log_batch = [], tracker.client.log_batch
        monkeypatch.setattr(
            tracker.client, "log_batch", lambda run_id, **what: (written.append(run_id), log_batch(run_id, **what))
        )
        track_evidence(tracker, [rows[0] | {"agreement_min": 0.7}, rows[1] | {"agreement_min": float("nan")}], "s1")
        by_id = {run.data.tags["segments.candidate_id"]: run for run in runs(tracker)}
    assert written == [by_id["c3"].info.run_id]
    assert by_id["c3"].data.metrics["agreement_min"] == 0.7
    assert {"agreement_min", "usefulness"}.isdisjoint(by_id["c4"].data.metrics)


def aside(root: Path) -> Path:
    """A folder as DVC makes one for `dvc exp run --temp` and `--queue`."""
    folder = root / ".dvc/tmp/exps/tmp1"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf/config.yaml").write_text("")
    (folder / "dvc.yaml").write_text("stages: {}\n")
    return folder


@pytest.mark.slow
def test_an_experiment_aside_is_recorded_and_moves_no_view(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = root / "s1/files"
    files.mkdir(parents=True)
    row = {"candidate_id": "c3", "k": 3, "grade": "natural", "null": "unimodal", "reason": "x"} | dict.fromkeys(
        EVIDENCE, 1.0
    )
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact(), fact(4, "c4")], "s1")
        track_evidence(tracker, [row], "s1")
        track_sweep(tracker, sweep_record("s1", ["c4", "c3"]), files, "own\n")
        shown = tracker.client.get_experiment(tracker.experiment_id).tags
        [before] = [run.data for run in runs(tracker) if run.data.tags["segments.candidate_id"] == "c3"]
    monkeypatch.chdir(aside(root))
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact(), fact(5, "c5")], "s2")
        track_evidence(tracker, [row | dict.fromkeys(EVIDENCE, 2.0)], "s2")
        track_sweep(tracker, sweep_record("s2", ["c3", "c5"], aside=True), files, "aside\n")
    monkeypatch.chdir(root)
    with connect(LOCAL, "toy") as tracker:
        assert tracker.client.get_experiment(tracker.experiment_id).tags == shown
        by_id = {run.data.tags["segments.candidate_id"]: run.data for run in runs(tracker)}
        assert by_id["c3"].tags == {**before.tags, "segments.sweep_id.s2": "true"}
        assert by_id["c3"].metrics == before.metrics
        assert by_id["c5"].tags["segments.sweep_id"] == "s2"
        assert by_id["c5"].tags["segments.finalist"] == "true"
        own, other = sorted(runs(tracker, "sweep"), key=lambda run: run.data.tags["segments.sweep_id"])
        assert "segments.aside" not in own.data.tags
        assert other.data.tags["segments.aside"] == "true"
        assert "ran aside" in other.data.tags["mlflow.note.content"]
        [listed] = re.findall(r"searchFilter=([^&)]+)", other.data.tags["mlflow.note.content"])
        found = tracker.client.search_runs([tracker.experiment_id], unquote(listed))
        assert {run.data.tags["segments.candidate_id"] for run in found} == {"c3", "c5"}

        track_sweep(tracker, sweep_record("s2", ["c3", "c5"], aside=False), files, "taken over\n")  # `dvc exp apply`
        assert tracker.client.get_experiment(tracker.experiment_id).tags != shown
        [taken] = [run for run in runs(tracker, "sweep") if run.data.tags["segments.sweep_id"] == "s2"]
        assert "segments.aside" not in taken.data.tags


def test_a_source_without_views_gets_them_from_its_first_sweep_aside(root: Path) -> None:
    """Nothing is moved, and without them `segments ui` would not name the source."""
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact()], "s2")
        track_sweep(tracker, sweep_record("s2", ["c3"], aside=True), root / "none", "aside")
        assert tracker.client.get_experiment(tracker.experiment_id).tags["segments.shown_sweep"] == "s2"


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
    record = sweep_record("s1", ["c3", "c4"])
    for stage in ("selection", "performance"):
        (files / stage).mkdir()
        figures = {"everybody_wcss": 52.0, "everybody_silhouette_low": None, "k": 3}
        write_json(files / stage / "metrics.json", figures)
    with connect(LOCAL, "toy") as tracker:
        track_candidates(tracker, [fact(), fact(4, "c4")], "s1")
        for finalists in (["c3"], ["c4"]):
            ranking = [*finalists, *({"c3", "c4"} - set(finalists))]
            choice = {"finalists": finalists, "ranking": ranking, "misses": {"c3": ["k"]}, "candidate_id": "c4"}
            run_id = track_sweep(tracker, record | choice, files, "**c4 won**")
        [sweep] = runs(tracker, "sweep")
        assert sweep.info.run_id == run_id
        assert sweep.data.tags["mlflow.note.content"].startswith("**c4 won**")
        assert sweep.inputs.dataset_inputs[0].dataset.digest == "abc"
        assert "config.json" in [item.path for item in tracker.client.list_artifacts(run_id)]
        own = {"candidates": 2.0, "everybody_wcss": 52.0, "performance_everybody_wcss": 52.0, "performance_k": 3.0}
        assert sweep.data.metrics == own
        assert len(tracker.client.get_metric_history(run_id, "everybody_wcss")) == 1, "said once"
        of_runs = {r.data.tags["segments.candidate_id"]: r.data.metrics.get("everybody_wcss") for r in runs(tracker)}
        assert of_runs == {"c3": None, "c4": 52.0}, "the chosen one's run has the model"
        tags = {r.data.tags["segments.candidate_id"]: r.data.tags for r in runs(tracker)}
        assert {identity: tag.get("segments.finalist") for identity, tag in tags.items()} == {"c3": None, "c4": "true"}
        assert {identity: tag.get("segments.place") for identity, tag in tags.items()} == {"c3": None, "c4": "01"}
        verdicts = {i: (tag["segments.rank"], tag["segments.gates"]) for i, tag in tags.items()}
        assert verdicts == {"c3": ("2", "fails k"), "c4": ("1", "passes all")}
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


@pytest.mark.parametrize(
    "uri", ["file:./mlruns", "mlruns", "ftp://x", "", "http://", "http://[", "http://host?token=secret"]
)
def test_what_is_no_server_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError, match="is not the address"):
        TrackingConfig(uri=uri)


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


@pytest.mark.parametrize("fails", ["log_artifacts", "log_inputs", "log_text", "set_terminated", "log_batch", None])
def test_a_run_is_called_complete_by_the_last_call_alone(fails: str | None) -> None:
    """Whatever fails, nothing that was said until then bears the tag."""
    calls: list[tuple[str, bool]] = []

    class Client:
        def __getattr__(self, name: str) -> Any:
            def call(*args: Any, **words: Any) -> Any:
                if name == fails:
                    raise OSError(name)
                tags = words.get("tags", [])
                calls.append(
                    (name, COMPLETE in [getattr(tag, "key", tag) for tag in tags] or COMPLETE in map(str, args))
                )
                return SimpleNamespace(info=SimpleNamespace(run_id="r1", artifact_uri="mlflow-artifacts:/1"))

            return call

    tracker: Any = SimpleNamespace(client=Client(), experiment_id="0")
    with nullcontext() if fails is None else pytest.raises(OSError, match=fails):
        log_run(
            tracker,
            name="xy · none · k=3",
            tags={"a": "b"},
            params={"k": 3},
            metrics=[("silhouette", 0.5, 3)],
            images={"clusters": PNG},
            started_ms=0,
            seconds=1.0,
            made_by="segments fit",
            data=dict.fromkeys(("name", "digest", "path", "schema", "profile"), "x"),
            files={"a.txt": "a"},
        )
    assert [name for name, bears in calls if bears] == ([] if fails else ["log_batch"])
    assert fails or calls[-1] == ("log_batch", True)
