"""Runs of a record, each exactly once. Comes in: what a run holds, and the tags it is found again by. Goes out: the run.

``segments.complete`` is written last: what does not bear it is a half that a killed process left.

On a server, people on other machines write beside us, where no lock of ours reaches. So a writer looks again after it wrote: of
two that recorded the same, at least the later one sees both runs, and everybody keeps the same one.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from segments.io.tracking.connection import Tracker
from segments.io.tracking.mlflow_internals import LOGGED_IMAGES, image_files

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Run

KIND, COMPLETE, CANDIDATE, CURVE, CELL, SWEEP, FINALIST, CHAMPION, UPLIFT, CAUSAL = (
    f"segments.{tag}"
    for tag in (
        "kind",
        "complete",
        "candidate_id",
        "curve_id",
        "cell",
        "sweep_id",
        "finalist",
        "champion",
        "uplift_id",
        "causal",
    )
)
PLACE = "segments.place"  # "01" for the first finalist: MLflow sorts tags as text
RANK = "segments.rank"  # "001" for what is chosen, then the other finalists, then who fails the fewest gates
GATES = "segments.gates"  # those it fails, or that it passes all
SAID, GRADE, CARD = "segments.evidence", "segments.grade", "segments.evidence_card"
ASIDE = "segments.aside"  # of a sweep in DVC's temporary folder
PREDICTION, MEMBER = "segments.prediction_id", "segments.prediction_run"
NOTE = "mlflow.note.content"
BATCH, RECORD, DECISION = "segments.batch_id", "segments.record", "segments.decision"
SMALL = ".small"
# What MLflow answers when somebody else removed a run, or made the same row.
MEANWHILE = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST")

P = ParamSpec("P")
R = TypeVar("R")


def repeated(write: Callable[Concatenate[Tracker, P], R]) -> Callable[Concatenate[Tracker, P], R]:
    """Let a writer begin again when another machine recorded the same meanwhile; doing it twice is doing it once.

    Then a run it met is gone, or the database refused what MLflow, which looks before it inserts, had not seen there an instant ago.
    """

    @wraps(write)
    def wrapped(tracker: Tracker, /, *args: P.args, **kwargs: P.kwargs) -> R:
        from mlflow.exceptions import MlflowException

        for _ in range(4):
            try:
                return write(tracker, *args, **kwargs)
            except MlflowException as error:
                if tracker.local or error.error_code not in MEANWHILE:
                    raise
        return write(tracker, *args, **kwargs)

    return wrapped


def runs_of(tracker: Tracker, tags: Mapping[str, str], key: str) -> dict[str, Run]:
    """Complete runs with these tags, by the tag that identifies them; what is not wanted beside them is removed.

    Of doubles, which two machines may have written at once, the oldest stays: everybody who looks chooses the same. Halves that
    a killed process left go at once from a local record, where our lock says that nobody is writing them; from a server as soon as
    there is a whole one: somebody on another machine who was still writing finds that instead.
    """
    found: dict[str, list[Run]] = {}
    condition = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in tags.items())
    token = None
    while True:
        page = tracker.client.search_runs([tracker.experiment_id], condition, max_results=1000, page_token=token)
        for run in page:
            found.setdefault(str(run.data.tags.get(key)), []).append(run)
        token = page.token
        if not token:
            break
    kept: dict[str, Run] = {}
    for identity, runs in found.items():
        whole = [run for run in runs if run.data.tags.get(COMPLETE) == "true"]
        if whole:
            kept[identity] = min(whole, key=lambda run: (run.info.start_time, run.info.run_id))
        if whole or tracker.local:
            for run in runs:
                if run is not kept.get(identity):
                    memberships = {key: value for key, value in run.data.tags.items() if key.startswith(member_of(""))}
                    if run in whole and memberships:
                        tag(tracker, kept[identity], memberships)
                    tracker.client.delete_run(run.info.run_id)
    return kept


def recorded(
    tracker: Tracker, tags: Mapping[str, str], key: str, wanted: Mapping[str, Callable[[], Run]]
) -> dict[str, Run]:
    """The runs with these tags, those that are wanted and missing made first; looks again until none is missing."""
    known = runs_of(tracker, tags, key)
    while missing := [identity for identity in wanted if identity not in known]:
        for identity in missing:
            known[identity] = wanted[identity]()
        if not tracker.local:
            known = runs_of(tracker, tags, key)
    return known


def member_of(sweep_id: str) -> str:
    """The tag of a sweep's candidates: each may belong to several, of which ``segments.sweep_id`` names the newest."""
    return f"{SWEEP}.{sweep_id}"


def log_run(
    tracker: Tracker,
    *,
    name: str,
    tags: dict[str, str],
    params: Mapping[str, Any],
    metrics: Sequence[tuple[str, float, int]],
    images: Mapping[str, bytes],
    started_ms: int,
    seconds: float,
    made_by: str,
    origin: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> Run:
    """One run in few calls, ``segments.complete`` last.

    `made_by` is the command it comes from, `origin` what :func:`~segments.io.store.fingerprints.origin` said when that ran and `data` what
    it read; what was made before these were kept has none.
    """
    from mlflow.entities import Metric, Param, RunTag

    ended_ms = started_ms + int(seconds * 1000)
    if images:
        tags = {**tags, LOGGED_IMAGES: "True"}
    tags |= _standard(made_by, origin or {})
    run = tracker.client.create_run(tracker.experiment_id, start_time=started_ms, tags=tags, run_name=name)
    run_id = run.info.run_id
    if images:
        log_images(tracker, run, images, ended_ms)
    if data:
        tracker.client.log_inputs(run_id, [_input(data)])
    for path, text in (files or {}).items():
        tracker.client.log_text(run_id, text, path)
    # Before the batch: a run that is set terminated shows the duration of the fit, not of the recording.
    tracker.client.set_terminated(run_id, "FINISHED", end_time=ended_ms)
    tracker.client.log_batch(
        run_id,
        metrics=[Metric(key, float(value), ended_ms, at) for key, value, at in metrics if math.isfinite(value)],
        params=[Param(key, str(value)) for key, value in params.items()],
        tags=[RunTag(COMPLETE, "true")],
    )
    return run


def _standard(made_by: str, origin: Mapping[str, str]) -> dict[str, str]:
    """MLflow's own tags: what its page shows under "Source" and "Created by", and what other tools look for."""
    from mlflow.utils import mlflow_tags

    commit, _, changed = origin.get("git_commit", "unknown").partition("-")
    tags = {mlflow_tags.MLFLOW_SOURCE_NAME: made_by, mlflow_tags.MLFLOW_SOURCE_TYPE: "LOCAL"}
    if commit != "unknown":
        tags |= {mlflow_tags.MLFLOW_GIT_COMMIT: commit, mlflow_tags.MLFLOW_GIT_DIRTY: str(bool(changed)).lower()}
    if "user" in origin:
        tags[mlflow_tags.MLFLOW_USER] = origin["user"]
    return tags


def _input(data: Mapping[str, str]) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=data["name"],
        digest=data["digest"],
        source_type="local",
        source=json.dumps({"uri": data["path"]}),
        schema=data["schema"],
        profile=data["profile"],
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def log_images(tracker: Tracker, run: Run, images: Mapping[str, bytes], timestamp_ms: int) -> None:
    """Pictures in the layout of ``MlflowClient.log_image``, which would spend 20 ms on a small copy of each.

    The page wants two files per picture, the small one for its grid. All pictures lie at step 0: the grid shows one step of all runs.
    """
    local = urlsplit(run.info.artifact_uri).scheme == "file"
    folder = Path(unquote(urlsplit(run.info.artifact_uri).path)) / "images" if local else Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for key in [key for key in images if not key.endswith(SMALL)]:
            whole, small = image_files(key, timestamp_ms, str(uuid.uuid4()))
            (folder / whole).write_bytes(images[key])
            (folder / small).write_bytes(images.get(key + SMALL, images[key]))
        if not local:
            tracker.client.log_artifacts(run.info.run_id, str(folder), "images")
    finally:
        if not local:
            shutil.rmtree(folder, ignore_errors=True)


def tag(tracker: Tracker, run: Run, tags: Mapping[str, str]) -> None:
    """Set the tags that differ, in one call."""
    from mlflow.entities import RunTag

    different = [RunTag(key, value) for key, value in tags.items() if run.data.tags.get(key) != value]
    if different:
        tracker.client.log_batch(run.info.run_id, tags=different)


def mark(tracker: Tracker, run: Run, key: str, value: str | None) -> None:
    """Set a tag, or take it away."""
    if value is not None:
        tag(tracker, run, {key: value})
    elif key in run.data.tags:
        tracker.client.delete_tag(run.info.run_id, key)
