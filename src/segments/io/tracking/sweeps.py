"""The run of a sweep, and how to read the experiment it stands in. Comes in: the sweep's record and files. Goes out: its run, the views."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segments.action.templates import fill
from segments.io.tracking.connection import Tracker, lock_of
from segments.io.tracking.runs import (
    CANDIDATE,
    CARD,
    FINALIST,
    KIND,
    NOTE,
    PLACE,
    SWEEP,
    log_images,
    log_run,
    mark,
    member_of,
    recorded,
    repeated,
    runs_of,
    tag,
)
from segments.io.tracking.ui_views import Record, links, menu, picture, view_states

if TYPE_CHECKING:
    from mlflow.entities import Run


# Folders of a sweep that stand under the run of the chosen candidate too: what people read and act on.
OF_THE_CHOSEN = ("briefing", "playbook", "profiles")


@repeated
def track_sweep(tracker: Tracker, record: Mapping[str, Any], folder: Path, note: str) -> str:
    """Record a sweep: its run with config, table, pictures, data and note; its candidates tagged; the views of the experiment set.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    record : mapping
        ``sweep_id, candidate_ids, candidate_id, finalists, params, data, started_ms, seconds`` as the registry stage writes them.
    folder : Path
        Its files become the run's artifacts.
    note : str
        Markdown that says what won and why.

    Returns
    -------
    str
        Run id of the sweep.
    """
    with lock_of(tracker):
        identity = record["sweep_id"]
        conditions = {KIND: "sweep", SWEEP: identity}
        run = recorded(tracker, conditions, SWEEP, {identity: partial(_log_sweep, tracker, record, conditions)})[
            identity
        ]
        tracker.client.log_artifacts(run.info.run_id, str(folder))
        for shown, text in (
            ("finalists.png", "the finalists"),
            ("evidence/evidence.png", "the evidence for every candidate"),
            ("selection/front.png", "fit, stability and simplicity"),
            ("sensitivity/sensitivity.png", "what stays when something else changes"),
        ):
            if (folder / shown).is_file():
                note += f"\n{picture(run.info.run_id, shown, text)}\n"
        tag(tracker, run, {NOTE: note})
        places = {finalist: f"{place:02}" for place, finalist in enumerate(record["finalists"], start=1)}
        members = runs_of(tracker, {KIND: "candidate", member_of(identity): "true"}, CANDIDATE)
        for candidate_id, candidate in members.items():
            tag(tracker, candidate, {SWEEP: identity})  # the views that are set below list these
            mark(tracker, candidate, FINALIST, "true" if candidate_id in places else None)
            mark(tracker, candidate, PLACE, places.get(candidate_id))
            if (path := folder.parent / "cards" / f"{candidate_id}.png").is_file():
                card = path.read_bytes()
                digest = hashlib.sha256(card).hexdigest()[:16]
                if candidate.data.tags.get(CARD) != digest:
                    log_images(tracker, candidate, {"evidence": card}, int(time.time() * 1000))
                    tag(tracker, candidate, {CARD: digest})
        if chosen := members.get(str(record.get("candidate_id"))):
            for name in (path.name for path in map(folder.joinpath, OF_THE_CHOSEN) if path.is_dir()):
                tracker.client.log_artifacts(chosen.info.run_id, str(folder / name), name)
        describe_experiment(tracker, Record(tracker.source, tracker.experiment_id, run.info.run_id), identity)
        return str(run.info.run_id)


def describe_experiment(tracker: Tracker, record: Record, sweep_id: str) -> None:
    """How to read the experiment: links first (only the first line shows until it is unfolded), and the views they open."""
    guide = fill(__package__, "experiment.md.j2", menu=menu(record), source=tracker.source, links=links("", record))
    for key, value in {NOTE: guide.removesuffix("\n"), **view_states(sweep_id)}.items():
        tracker.client.set_experiment_tag(tracker.experiment_id, key, value)


def _log_sweep(tracker: Tracker, record: Mapping[str, Any], tags: Mapping[str, str]) -> Run:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = record["data"]
    dataset = DatasetInput(
        Dataset(
            name=data["name"],
            digest=data["digest"],
            source_type="local",
            source=data["path"],
            schema=data["schema"],
            profile=data["profile"],
        ),
        [InputTag("mlflow.data.context", "training")],
    )
    return log_run(
        tracker,
        name=f"sweep {record['sweep_id']}",
        tags=dict(tags),
        params=record["params"],
        metrics=[("candidates", len(record["candidate_ids"]), 0)],
        images={},
        started_ms=record["started_ms"],
        seconds=record["seconds"],
        dataset=dataset,
    )
