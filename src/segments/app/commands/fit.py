"""Command `fit`: ONE candidate (feature set, scaler, k from the config), the same as the sweep would make, tracked."""

from __future__ import annotations

from segments.app.jobs.candidates import make_cell
from segments.clustering.candidate import Spec, check_plan, workers_of
from segments.config import Config
from segments.io import store, tracking
from segments.io.store.files import check_source


def run(config: Config) -> str:
    """Make and track the candidate; returns one line for a person."""
    check_source(store.artifact("features", "report.json"), config.source.name)
    features = store.read_table(store.artifact("features", "customers.parquet"))
    sweep = config.sweep
    spec = Spec(
        config.source.name, config.feature_set, config.scaler, config.algorithm, config.k, sweep.seed, sweep.scoring
    )
    check_plan(features, [[spec]])
    with tracking.connect(config.tracking, config.source.name) as tracker:
        [facts] = make_cell(features, [spec], workers_of(sweep.workers))
        tracking.track_candidates(tracker, [facts])
    scores = facts["scores"]
    return f"{facts['candidate_id']}  {facts['name']}: WCSS {scores['wcss']:.6g}, silhouette {scores['silhouette']:.4f}, smallest segment {scores['smallest_share']:.1%}"
