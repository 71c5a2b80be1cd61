"""MLflow's record of what is on disk. Comes in: finished candidates, sweeps and models. Goes out: runs, each exactly once.

The record is a projection of files: everything is complete on disk before it is tracked, runs are found again by tags, and the
tag ``segments.complete`` is written last, so doing it twice changes nothing and ``segments track`` can rebuild all of it.

:mod:`~segments.io.tracking.connection` opens the record, :mod:`~segments.io.tracking.runs` holds each run exactly once, and
:mod:`~segments.io.tracking.candidates`, :mod:`~segments.io.tracking.sweeps` and :mod:`~segments.io.tracking.results` say what is recorded.
The only room that imports mlflow, and only inside functions: the import costs seconds.
"""

from segments.io.tracking.candidates import pages_of, scores_of, track_candidates, track_curves, track_evidence
from segments.io.tracking.connection import (
    NoRecordError,
    Tracker,
    connect,
    lock_of,
    preflight,
    reader,
    settings,
    tracking_uri,
)
from segments.io.tracking.moved import mend_moved
from segments.io.tracking.results import track_batch, track_predictions, track_uplift
from segments.io.tracking.runs import CANDIDATE, CHAMPION, KIND, NOTE, SWEEP, mark, repeated, runs_of, tag
from segments.io.tracking.sweeps import describe_experiment, track_sweep

__all__ = [
    "CANDIDATE",
    "CHAMPION",
    "KIND",
    "NOTE",
    "SWEEP",
    "NoRecordError",
    "Tracker",
    "connect",
    "describe_experiment",
    "lock_of",
    "mark",
    "mend_moved",
    "pages_of",
    "preflight",
    "reader",
    "repeated",
    "runs_of",
    "scores_of",
    "settings",
    "tag",
    "track_batch",
    "track_candidates",
    "track_curves",
    "track_evidence",
    "track_predictions",
    "track_sweep",
    "track_uplift",
    "tracking_uri",
]
