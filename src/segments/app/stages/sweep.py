"""Stage `sweep`: features in, every candidate of the grid out, each tracked as soon as it is finished."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

import pandas as pd

from segments.app.jobs.candidates import curves, make_cells
from segments.app.jobs.metrics import scores_by_k, sweep_metrics
from segments.app.jobs.pool import progress
from segments.app.jobs.specs import capped, grid
from segments.clustering.candidate import (
    candidate_ids,
    candidates_table,
    check_plan,
    hash_table,
    sweep_id,
)
from segments.clustering.silhouette import cores_to_use
from segments.clustering.space import Space
from segments.config.root import Config
from segments.io.store import catalog
from segments.io.store.cache import arrays_of, kept_ids, space_of, sweep_record
from segments.io.store.documents import Fits, Sweep
from segments.io.store.files import write_json
from segments.io.store.fingerprints import Start, origin
from segments.io.store.seals import seal
from segments.io.tracking.candidates import track_candidates, track_curves
from segments.io.tracking.connection import connect


def run(config: Config) -> str:
    """Compute what is missing of the grid, track it, and write the tables; returns where the time went."""
    started, tracked_seconds, before = Start(), 0.0, kept_ids()
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    features = catalog.read(catalog.FEATURES)
    cells = grid(config, features)
    dropped = check_plan(features, cells)
    data = hash_table(features)
    every = iter(candidate_ids((spec for cell in cells for spec in cell), data))
    ids = [[next(every) for _ in cell] for cell in cells]
    identity = sweep_id(i for cell in ids for i in cell)
    sweep = Sweep(identity, config.source.name, ids)
    known: dict[str, dict[str, Any]] = {}
    with (
        make_cells(features, cells, cores_to_use(config.sweep.workers), data) as made,  # while MLflow is imported
        connect(config.tracking, config.source.name) as tracker,
    ):
        for finished in progress(made, len(cells), _progress_line):
            tracking = Start()
            track_candidates(tracker, finished, identity)
            tracked_seconds += tracking.seconds
            known |= {fact["candidate_id"]: fact for fact in finished}
        _write(features, known, sweep)
        timing = {"started_ms": started.ms, "seconds": started.seconds, "origin": origin()}
        if not (path := sweep_record(identity) / "sweep.json").is_file():
            write_json(path, asdict(sweep) | timing)
            seal(path.parent)
        track_curves(tracker, curves(ids, known), identity)
    new = [fact for candidate_id, fact in known.items() if candidate_id not in before]
    fits, pictures = (sum(fact[key] for fact in new) for key in ("seconds", "drawing_seconds"))
    said = f"{len(known)} candidates, {len(new)} new: {started.seconds:.1f} s (fits and scores {fits:.1f} s and pictures {pictures:.1f} s, side by side; tracking {tracked_seconds:.1f} s meanwhile)"
    notes = [f"\n  {note}" for note in dropped] + [f"\n{note}" for note in _alone(identity)]
    return "".join(["; ".join([said, *capped(config, cells)]), *notes])


def _alone(sweep_id: str) -> list[str]:
    """What a person reads whose sweep is no part of `dvc repro`: the stages after it have not seen it."""
    if "DVC_STAGE" in os.environ:  # DVC goes on by itself
        return []
    before = catalog.read(catalog.RECEIPT).sweep_id if catalog.exists(catalog.RECEIPT) else None
    if before == sweep_id:
        return []
    still = f"; what is chosen is still of sweep {before}" if before else ""
    return [
        f"Nothing is chosen from sweep {sweep_id} yet{still}. To choose from it, write these settings into conf/ and run `dvc repro` (or one "
        "experiment: `dvc exp run -S 'conf/config.yaml:KEY=VALUE'`). To go back to the sweep of conf/: `dvc repro` as it is; what is finished is kept."
    ]


def _write(features: pd.DataFrame, known: dict[str, dict[str, Any]], sweep: Sweep) -> None:
    """The candidates table, and beside it labels, centres and spaces."""
    order = [i for cell in sweep.cells for i in cell]
    arrays = {i: arrays_of(i) for i in order}
    labels = {"customer_id": features["customer_id"].to_numpy()} | {
        i: arrays[i]["labels"].astype("int16") for i in order
    }
    fits = Fits(
        {known[cell[0]]["cell"]: Space.from_plain(space_of(cell[0])) for cell in sweep.cells},
        {i: arrays[i]["centres"].tolist() for i in order},
    )
    candidates = candidates_table(known[i] for i in order)
    catalog.write(catalog.CANDIDATES, candidates)
    catalog.write(catalog.LABELS, pd.DataFrame(labels))
    catalog.write(catalog.FITS, fits)
    catalog.write(catalog.SWEEP, sweep)
    catalog.write(catalog.SCORES_BY_K, scores_by_k(candidates))
    catalog.write(catalog.SWEEP_METRICS, sweep_metrics(candidates))


def _progress_line(facts: list[dict[str, Any]]) -> str:
    best = max(facts, key=lambda fact: fact["scores"]["silhouette"])
    return f"{facts[0]['cell']}: {len(facts)} candidates, best silhouette {best['scores']['silhouette']:.3f} at k={best['params']['k']}"
