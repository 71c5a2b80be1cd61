"""What a segmentation led to: scored batches, campaigns, predictions. Comes in: their records on disk. Goes out: a run each."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from segments.action.templates import plain
from segments.io.store.files import read_json, read_text
from segments.io.tracking.connection import Tracker, lock_of
from segments.io.tracking.runs import (
    BATCH,
    CANDIDATE,
    CAUSAL,
    DECISION,
    KIND,
    MEMBER,
    NOTE,
    PREDICTION,
    RECORD,
    UPLIFT,
    log_run,
    recorded,
    repeated,
    runs_of,
)

_METRIC = re.compile(r"[^\w./ -]")  # what MLflow does not allow in the name of a metric


@repeated
def track_batch(tracker: Tracker, record: Mapping[str, Any]) -> None:
    """Record a scored batch, once; a record whose figures have changed since (other limits) takes the place of the old one.

    Parameters
    ----------
    tracker : Tracker
        The open record of the experiment ``monitoring``.
    record : mapping
        As ``segments score`` wrote it: counts and figures, no customers.
    """
    with lock_of(tracker):
        identity, content = record["batch_id"], json.dumps(record, ensure_ascii=False, sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()
        known = runs_of(tracker, {KIND: "batch", BATCH: identity}, BATCH).get(identity)
        if known is not None:
            if known.data.tags.get(RECORD) == digest:
                return
            tracker.client.delete_run(known.info.run_id)
        model = record["model"]
        counts = {"rows": record["rows"], "scored": record["scored"], "rejected": record["rejected"]}
        values = {figure["name"]: figure["value"] for figure in record["figures"] if figure["value"] is not None}
        log_run(
            tracker,
            name=f"batch {identity}",
            tags={
                KIND: "batch",
                BATCH: identity,
                RECORD: digest,
                DECISION: record["decision"],
                NOTE: plain(record["sentence"]),
            },
            params={"model": model["name"], "version": model["version"], "source": record["source"]},
            metrics=[(_METRIC.sub("_", name), value, 0) for name, value in {**counts, **values}.items()],
            images={},
            started_ms=record["started_ms"],
            seconds=record["seconds"],
            made_by="segments score",
            origin=record.get("origin"),
            files={"batch.json": content},
        )


@repeated
def track_uplift(tracker: Tracker, folder: Path) -> None:
    """Record a campaign's results: figures per segment, pictures, note and table; the same results once.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    folder : Path
        What the command `uplift` made: ``record.json``, ``note.md`` and ``files/``.
    """
    record, note = read_json(folder / "record.json"), read_text(folder / "note.md")
    with lock_of(tracker):
        identity = record["uplift_id"]
        made_of = {CANDIDATE: record["candidate_id"]} if record.get("candidate_id") else {}  # older records do not say
        images = {path.stem: path.read_bytes() for path in sorted((folder / "files").glob("*.png"))}
        log = partial(
            log_run,
            tracker,
            name=record["name"],
            tags={KIND: "uplift", UPLIFT: identity, CAUSAL: str(record["causal"]).lower(), NOTE: note, **made_of},
            params=record["params"],
            metrics=record["metrics"],
            images=images,
            started_ms=record["started_ms"],
            seconds=0.0,
            made_by="segments uplift",
            origin=record.get("origin"),
        )
        run = recorded(tracker, {KIND: "uplift", UPLIFT: identity}, UPLIFT, {identity: log})[identity]
        tracker.client.log_artifacts(run.info.run_id, str(folder / "files"))


@repeated
def track_predictions(tracker: Tracker, record: Mapping[str, Any], folder: Path) -> None:
    """Record a prediction: one run per model and variant, and its tables and pictures under the candidate whose segments it used.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    record : mapping
        ``prediction_id, candidate_id, runs, recommended, note, started_ms, seconds`` as the prediction stage writes them.
    folder : Path
        ``runs/<number>/`` holds the pictures of each run, ``files/`` what the candidate's run gets.
    """
    from mlflow.entities import Metric

    with lock_of(tracker):
        identity = {PREDICTION: record["prediction_id"], CANDIDATE: record["candidate_id"]}
        note = {NOTE: plain(record["note"])} if "note" in record else {}  # older records do not say
        wanted = {
            run["name"]: partial(
                log_run,
                tracker,
                name=run["name"],
                tags={KIND: "prediction", MEMBER: run["name"], **note, **identity},
                params=run["params"],
                metrics=[(key, value, 0) for key, value in run["metrics"].items()],
                images={path.stem: path.read_bytes() for path in sorted((folder / "runs" / str(number)).glob("*.png"))},
                started_ms=record["started_ms"],
                seconds=record["seconds"] / len(record["runs"]),
                made_by="segments prediction",
                origin=record.get("origin"),
            )
            for number, run in enumerate(record["runs"])
        }
        recorded(tracker, {KIND: "prediction", PREDICTION: record["prediction_id"]}, MEMBER, wanted)
        candidate = runs_of(tracker, {KIND: "candidate", CANDIDATE: record["candidate_id"]}, CANDIDATE)
        for run in candidate.values():
            if tracker.aside and not record["recommended"].keys().isdisjoint(run.data.metrics):
                continue  # an experiment aside changes nothing that stands there
            tracker.client.log_artifacts(run.info.run_id, str(folder / "files"), "prediction")
            scores = {key: value for key, value in record["recommended"].items() if run.data.metrics.get(key) != value}
            now = int(time.time() * 1000)  # of values logged at one instant, MLflow shows the largest
            tracker.client.log_batch(run.info.run_id, [Metric(key, value, now, 0) for key, value in scores.items()])
