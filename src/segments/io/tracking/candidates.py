"""The runs of candidates. Comes in: what the cache knows of them, their curves, what the evidence says. Goes out: a run each."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from segments.action.templates import fill
from segments.config.evidence import EVIDENCE, MEASURED
from segments.config.registry import TrackingConfig
from segments.io.store.cache import candidate_pictures
from segments.io.tracking.connection import Tracker, lock_of, reader
from segments.io.tracking.mlflow_internals import COLOUR
from segments.io.tracking.runs import (
    CANDIDATE,
    CELL,
    COMPLETE,
    CURVE,
    GRADE,
    KIND,
    NOTE,
    SAID,
    SWEEP,
    log_run,
    member_of,
    recorded,
    repeated,
    runs_of,
    tag,
)
from segments.io.tracking.ui_views import colours, run_page

if TYPE_CHECKING:
    from mlflow.entities import Run


@repeated
def track_candidates(tracker: Tracker, facts: Sequence[Mapping[str, Any]], sweep_id: str | None = None) -> None:
    """Record finished candidates of one cell, each once.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    facts : sequence of mapping
        What the cache knows of each candidate; all of one feature set and scaler.
    sweep_id : str, optional
        The newest sweep they belong to.
    """
    with lock_of(tracker):
        cell = facts[0]["cell"]
        member = {SWEEP: sweep_id, member_of(sweep_id): "true"} if sweep_id else {}
        # One that was there stays with the sweep of the folder.
        joined = {key: value for key, value in member.items() if key != SWEEP or not tracker.aside}
        conditions = {KIND: "candidate", CELL: cell}
        known = recorded(
            tracker,
            conditions,
            CANDIDATE,
            {fact["candidate_id"]: partial(_log_candidate, tracker, fact, conditions | member) for fact in facts},
        )
        for fact in facts:
            tag(tracker, known[fact["candidate_id"]], joined)


@repeated
def track_curves(
    tracker: Tracker, curves: Mapping[str, tuple[Sequence[Mapping[str, Any]], Callable[[], bytes]]], sweep_id: str
) -> None:
    """Record one curve run per cell of a sweep: every score over k, and the elbow picture.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    curves : mapping of str to (sequence of mapping, callable)
        Facts of a cell's candidates, sorted by k, and what draws its elbow as PNG, by the cell's name.
    sweep_id : str
        The sweep they belong to.
    """
    with lock_of(tracker):
        chosen = colours([_cell(facts) for facts, _ in curves.values()])
        conditions = {KIND: "curve", SWEEP: sweep_id}
        wanted = {
            f"{sweep_id} {name}": partial(
                _log_curve, tracker, name, facts, picture, {**conditions, COLOUR: chosen[_cell(facts)]}
            )
            for name, (facts, picture) in curves.items()
        }
        recorded(tracker, conditions, CURVE, wanted)


@repeated
def track_evidence(tracker: Tracker, rows: Sequence[Mapping[str, Any]], sweep_id: str) -> None:
    """Add what the evidence says of candidates to their runs: scores at step = k, the grade as a tag; each evidence once.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    rows : sequence of mapping
        Per evaluated candidate ``candidate_id``, ``k``, ``grade``, ``null``, ``reason``, the scores of ``EVIDENCE``, and those of ``MEASURED`` that are known.
    sweep_id : str
        The sweep they belong to.
    """
    from mlflow.entities import Metric, RunTag

    with lock_of(tracker):
        known = runs_of(tracker, {KIND: "candidate", member_of(sweep_id): "true"}, CANDIDATE)
        now = int(time.time() * 1000)
        for row in rows:
            run = known.get(row["candidate_id"])
            measured = {key: float(row[key]) for key in (*EVIDENCE, *(key for key in MEASURED if key in row))}
            scores = {key: value for key, value in measured.items() if math.isfinite(value)}
            plain = {**scores, **{key: row[key] for key in ("grade", "null", "reason")}}
            digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
            if run is None or run.data.tags.get(SAID) == digest or (tracker.aside and SAID in run.data.tags):
                continue
            tags = {SAID: digest, GRADE: row["grade"], "segments.null": row["null"], "segments.why": row["reason"]}
            tracker.client.log_batch(
                run.info.run_id,
                metrics=[
                    Metric(key, value, now, row["k"])
                    for key, value in scores.items()
                    if run.data.metrics.get(key) != value  # what an earlier stage said stands
                ],
                tags=[RunTag(key, str(value)) for key, value in tags.items()],
            )


def scores_of(tracker: Tracker, run_id: str) -> dict[str, float]:
    """The scores of a candidate's run, ``n_init`` among them, which MLflow's page shows with the parameters."""
    data = tracker.client.get_run(run_id).data
    return {**data.metrics, **{key: float(data.params[key]) for key in ("n_init",) if key in data.params}}


def pages_of(config: TrackingConfig, source: str, candidate_ids: Sequence[str]) -> dict[str, str]:
    """Address of each candidate's run below that of MLflow's page, by candidate; those without a complete run are left out.

    Raises
    ------
    TrackingError
        As :func:`reader`.
    """
    client, found = reader(config), dict[str, str]()
    experiment = client.get_experiment_by_name(source)
    if experiment is None:
        return found
    for identity in candidate_ids:
        condition = f"tags.`{KIND}` = 'candidate' and tags.`{CANDIDATE}` = '{identity}' and tags.`{COMPLETE}` = 'true'"
        for run in client.search_runs([experiment.experiment_id], condition, max_results=1):
            found[identity] = run_page("", experiment.experiment_id, run.info.run_id)
    return found


def _log_candidate(tracker: Tracker, fact: Mapping[str, Any], tags: Mapping[str, str]) -> Run:
    return log_run(
        tracker,
        name=fact["name"],
        tags={CANDIDATE: fact["candidate_id"], **_note(fact), **tags},
        params={**fact["params"], "n_init": int(fact["scores"]["n_init"])},
        metrics=[
            (key, value, fact["params"]["k"])
            for key, value in {**fact["scores"], "seconds": fact["seconds"]}.items()
            if key != "n_init"
        ],
        images={key: path.read_bytes() for key, path in candidate_pictures(fact["candidate_id"]).items()},
        started_ms=fact["started_ms"],
        seconds=fact["seconds"],
        made_by="segments fit",
        origin=fact.get("origin"),
        data=fact.get("data"),
    )


def _note(fact: Mapping[str, Any]) -> dict[str, str]:
    """How it is made again; nothing of what was kept before that was."""
    if "command" not in fact:
        return {}
    commit, _, changed = fact["origin"]["git_commit"].partition("-")
    given = {"command": fact["command"], "data": fact["data"], "commit": commit, "changed": changed}
    return {NOTE: fill(__package__, "texts/candidate.md.j2", **given).removesuffix("\n")}


def _log_curve(
    tracker: Tracker,
    name: str,
    facts: Sequence[Mapping[str, Any]],
    picture: Callable[[], bytes],
    tags: Mapping[str, str],
) -> Run:
    return log_run(
        tracker,
        name=name,
        tags={CURVE: f"{tags[SWEEP]} {name}", **tags},
        params={key: value for key, value in facts[0]["params"].items() if key != "k"},
        metrics=[(key, value, fact["params"]["k"]) for fact in facts for key, value in fact["scores"].items()],
        images={"elbow": picture()},
        started_ms=min(fact["started_ms"] for fact in facts),
        seconds=sum(fact["seconds"] for fact in facts),
        made_by="segments sweep",
        origin=facts[0].get("origin"),
        data=facts[0].get("data"),
    )


def _cell(facts: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    return facts[0]["params"]["feature_set"], facts[0]["params"]["scaler"]
