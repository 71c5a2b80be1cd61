"""The run of a sweep, and how to read the experiment it stands in. Comes in: the sweep's record and files. Goes out: its run, the views."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segments.action.templates import fill
from segments.io.store.files import read_json
from segments.io.tracking.connection import Tracker, lock_of
from segments.io.tracking.runs import (
    ASIDE,
    CANDIDATE,
    CARD,
    FINALIST,
    GATES,
    KIND,
    NOTE,
    PLACE,
    RANK,
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
from segments.io.tracking.ui_views import (
    SHOWN_SWEEP,
    Record,
    candidates_page,
    links,
    menu,
    picture_address,
    view_states,
)

if TYPE_CHECKING:
    from mlflow.entities import Run


# Folders of a sweep that stand under the run of the chosen candidate too: what people read and act on.
OF_THE_CHOSEN = ("briefing", "performance", "playbook", "profiles")
# Pictures of a sweep's folder that its note shows, with a small copy of each under ``previews/``.
PICTURES_OF_NOTE = {
    "finalists.png": "the finalists",
    "evidence/evidence.png": "the evidence for every candidate",
    "selection/front.png": "fit, stability and simplicity",
    "selection/sensitivity.png": "what stays when something else changes",
}


@repeated
def track_sweep(tracker: Tracker, record: Mapping[str, Any], folder: Path, note: str) -> str:
    """Record a sweep: its run with config, table, pictures, data and note; its candidates tagged; the views of the experiment set.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    record : mapping
        ``sweep_id, candidate_ids, candidate_id, finalists, ranking, misses, params, data, origin, aside, started_ms, seconds`` as the registry stage
        writes them. A sweep aside leaves the experiment's views where they are, and alone the candidates that other sweeps have too.
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
        here = Record(tracker.source, tracker.experiment_id, run.info.run_id)
        aside = bool(record.get("aside"))
        everybody = _figures(folder / "selection", "everybody_")
        _log_others(
            tracker, run, everybody | {f"performance_{n}": v for n, v in _figures(folder / "performance").items()}
        )
        tag(tracker, run, {NOTE: _note(here, identity, folder, note, aside=aside)})
        mark(tracker, run, ASIDE, "true" if aside else None)
        places = {finalist: f"{place:02}" for place, finalist in enumerate(record["finalists"], start=1)}
        members = runs_of(tracker, {KIND: "candidate", member_of(identity): "true"}, CANDIDATE)
        if aside:  # those that are others' too stay as they are shown there
            members = {i: run for i, run in members.items() if _sweeps(run) == {member_of(identity)}}
        ranking = list(record.get("ranking", ()))  # of an earlier record it is not known
        ranks = {one: f"{rank:0{len(str(len(ranking)))}}" for rank, one in enumerate(ranking, start=1)}
        misses = record.get("misses", {})
        for candidate_id, candidate in members.items():
            tags = {SWEEP: identity}
            if rank := ranks.get(candidate_id):
                fails = ", ".join(misses.get(candidate_id, ()))
                tags |= {RANK: rank, GATES: f"fails {fails}" if fails else "passes all"}
            tag(tracker, candidate, tags)
            mark(tracker, candidate, FINALIST, "true" if candidate_id in places else None)
            mark(tracker, candidate, PLACE, places.get(candidate_id))
            if (path := folder.parent / "cards" / f"{candidate_id}.png").is_file():
                card = path.read_bytes()
                digest = hashlib.sha256(card).hexdigest()[:16]
                if candidate.data.tags.get(CARD) != digest:
                    log_images(tracker, candidate, {"evidence": card}, int(time.time() * 1000))
                    tag(tracker, candidate, {CARD: digest})
        if chosen := members.get(str(record.get("candidate_id"))):
            _log_others(tracker, chosen, everybody)
            for name in (path.name for path in map(folder.joinpath, OF_THE_CHOSEN) if path.is_dir()):
                tracker.client.log_artifacts(chosen.info.run_id, str(folder / name), name)
        shown = tracker.client.get_experiment(tracker.experiment_id).tags
        if not aside or SHOWN_SWEEP not in shown:
            describe_experiment(tracker, here, identity)
        return str(run.info.run_id)


def describe_experiment(tracker: Tracker, record: Record, sweep_id: str) -> None:
    """How to read the experiment: links first (only the first line shows until it is unfolded), and the views they open."""
    guide = fill(
        __package__, "texts/experiment.md.j2", menu=menu(record), source=tracker.source, links=links("", record)
    )
    for key, value in {NOTE: guide.removesuffix("\n"), SHOWN_SWEEP: sweep_id, **view_states(sweep_id)}.items():
        tracker.client.set_experiment_tag(tracker.experiment_id, key, value)


def _note(record: Record, sweep_id: str, folder: Path, note: str, *, aside: bool) -> str:
    """The sweep's note with links and pictures; these as small ones: MLflow shows a picture as wide as it is, and the page with it."""
    run_id = str(record.sweep_run_id)
    shown = [
        {
            "text": text,
            "whole": picture_address(run_id, name),
            "preview": f"![{text}]({picture_address(run_id, small)})" if (folder / small).is_file() else "",
        }
        for name, text in PICTURES_OF_NOTE.items()
        if (folder / name).is_file()
        for small in [f"previews/{Path(name).name}"]
    ]
    where = {"menu": menu(record), "every": candidates_page(record.experiment_id, sweep_id)}
    return fill(__package__, "texts/sweep.md.j2", note=note, aside=aside, pictures=shown, **where)


def _figures(folder: Path, beginning: str = "") -> dict[str, float]:
    """What a stage's ``metrics.json`` tells under such names, where it is known."""
    path = folder / "metrics.json"
    figures = read_json(path) if path.is_file() else {}
    return {name: value for name, value in figures.items() if name.startswith(beginning) and value is not None}


def _log_others(tracker: Tracker, run: Run, figures: Mapping[str, float]) -> None:
    """Log figures that are others than those the run shows: of the last whole period, of everybody on an engine."""
    for name, value in figures.items():
        if run.data.metrics.get(name) != value:
            tracker.client.log_metric(run.info.run_id, name, value)


def _sweeps(run: Run) -> set[str]:
    return {key for key in run.data.tags if key.startswith(member_of(""))}


def _log_sweep(tracker: Tracker, record: Mapping[str, Any], tags: Mapping[str, str]) -> Run:
    return log_run(
        tracker,
        name=f"sweep {record['sweep_id']}",
        tags=dict(tags),
        params=record["params"],
        metrics=[("candidates", len(record["candidate_ids"]), 0)],
        images={},
        started_ms=record["started_ms"],
        seconds=record["seconds"],
        made_by="segments sweep",
        origin=record.get("origin"),
        data=record["data"],
    )
