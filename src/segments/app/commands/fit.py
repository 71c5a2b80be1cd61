"""Command `fit`: ONE candidate (feature set, scaler, k from the config), the same as the sweep would make, tracked."""

from __future__ import annotations

from segments.app.jobs.candidates import make_cell
from segments.clustering.candidate import Spec, check_plan, workers_of
from segments.config.root import Config
from segments.io.store import catalog
from segments.io.tracking.candidates import track_candidates
from segments.io.tracking.connection import connect


def run(config: Config) -> str:
    """Make and track the candidate; returns one line for a person."""
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    features = catalog.read(catalog.FEATURES)
    sweep = config.sweep
    spec = Spec(
        config.source.name, config.feature_set, config.scaler, config.algorithm, config.k, sweep.seed, sweep.scoring
    )
    check_plan(features, [[spec]])
    with connect(config.tracking, config.source.name) as tracker:
        [facts] = make_cell(features, [spec], workers_of(sweep.workers))
        track_candidates(tracker, [facts])
    scores = facts["scores"]
    return f"{facts['candidate_id']}  {facts['name']}: WCSS {scores['wcss']:.6g}, silhouette {scores['silhouette']:.4f}, smallest segment {scores['smallest_share']:.1%}"
