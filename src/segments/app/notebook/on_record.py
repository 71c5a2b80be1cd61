"""A sweep in memory -> runs of MLflow, on request. Comes in: a result, an experiment's name. Goes out: a run per candidate, each once.

Runs hold settings, scores, evidence and pictures, no customer; they look as those of a project's sweep do (:mod:`segments.io.tracking.runs`).
"""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from segments.app.notebook.pictures import clusters_of, silhouettes_of
from segments.clustering.candidate import PARAMS, SCORES, sweep_id
from segments.config.evidence import EVIDENCE
from segments.config.registry import TrackingConfig
from segments.io.plots.style import png
from segments.io.tracking.connection import Tracker, in_our_words, settings
from segments.io.tracking.runs import CANDIDATE, CELL, GRADE, KIND, SWEEP, log_run, recorded

if TYPE_CHECKING:
    from mlflow.entities import Run

    from segments.app.notebook.in_memory import SweepResult


def record_result(result: SweepResult, experiment: str, tracking_uri: str | None = None) -> str:
    """Record every candidate; arguments, result and errors as ``log_to_mlflow`` of the result."""
    settings(TrackingConfig())
    import mlflow
    from mlflow import MlflowClient

    uri = tracking_uri or mlflow.get_tracking_uri()
    try:
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
        number = found.experiment_id if found is not None else client.create_experiment(experiment)
        tracker = Tracker(client, str(number), experiment, uri)
        rows = result.table.to_dict("records")
        identity = sweep_id(result.candidates)
        wanted = {row["candidate_id"]: partial(_logged, tracker, result, row, identity) for row in rows}
        runs = recorded(tracker, {KIND: "candidate", SWEEP: identity}, CANDIDATE, wanted)
    except Exception as error:
        worded = in_our_words(error, uri)
        if worded is None:
            raise
        raise worded from error
    chosen = result.choice.candidate_id
    return "" if chosen is None else str(runs[chosen].info.run_id)


def _logged(tracker: Tracker, result: SweepResult, row: dict[Any, Any], sweep: str) -> Run:
    """One candidate's run."""
    found = result.candidates[row["candidate_id"]]
    series = pd.Series(row)
    pictures = {
        "clusters": png(clusters_of(series, result.given.features, found.space, found.labels)),
        "silhouette": png(silhouettes_of(series, found.silhouettes, found.labels[found.rows])),
    }
    chosen = {"segments.why": result.choice.reason} if row["candidate_id"] == result.choice.candidate_id else {}
    return log_run(
        tracker,
        name=found.spec.name,
        tags={
            KIND: "candidate",
            SWEEP: sweep,
            CANDIDATE: row["candidate_id"],
            CELL: found.spec.cell,
            GRADE: row["grade"],
        }
        | chosen,
        params={name: row[name] for name in PARAMS},
        metrics=[
            (name, row[name], row["k"]) for name in (*SCORES, *EVIDENCE) if name in row and math.isfinite(row[name])
        ],
        images=pictures,
        started_ms=int(1000 * (time.time() - found.seconds)),
        seconds=found.seconds,
        made_by="segments.sweep",
    )
