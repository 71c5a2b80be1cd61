"""Command `track`: rebuild MLflow's whole record from what is on disk; doing it twice adds nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from segments.app.jobs.candidates import curves, make_cells
from segments.app.jobs.evidence import record_evidence
from segments.app.jobs.specs import grid
from segments.app.jobs.versions import register
from segments.app.stages import prediction as stage_prediction
from segments.app.stages import registry as stage_registry
from segments.app.stages import sweep as stage_sweep
from segments.clustering.candidate import candidate_ids, hash_table
from segments.clustering.silhouette import cores_to_use
from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.io.registry import versions
from segments.io.store import catalog
from segments.io.store.cache import (
    batch_records,
    finished_candidates,
    forecast,
    forecasts,
    history,
    kept_candidate,
    sweep_record,
    sweep_records,
    uplift_folders,
    version_folder,
    version_folders,
)
from segments.io.store.documents import NoPrediction
from segments.io.store.files import read_json
from segments.io.store.seals import unchanged
from segments.io.tracking.candidates import track_candidates, track_curves
from segments.io.tracking.connection import connect
from segments.io.tracking.results import track_batch, track_predictions, track_uplift
from segments.io.tracking.sweeps import track_sweep


def run(config: Config) -> str:
    """Track every finished candidate, sweep and the champion; returns one line per source."""
    write_what_is_lacking(config)
    make_missing(config)
    by_source: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for fact in finished_candidates():
        by_source[fact["params"]["source"]][fact["candidate_id"]] = fact
    lines = []
    for source, known in sorted(by_source.items()):
        with connect(config.tracking, source) as tracker:
            for cell in {fact["cell"]: None for fact in known.values()}:
                track_candidates(tracker, [fact for fact in known.values() if fact["cell"] == cell])
            sweeps = [
                (folder, sweep)
                for folder in sweep_records()
                if (sweep := read_json(folder / "sweep.json"))["source"] == source
            ]
            for folder, sweep in sweeps:
                for cell in sweep["cells"]:
                    if facts := [known[i] for i in cell if i in known]:
                        track_candidates(tracker, facts, sweep["sweep_id"])
                track_curves(tracker, curves(sweep["cells"], known), sweep["sweep_id"])
                if (folder / "record.json").is_file():
                    track_sweep(
                        tracker,
                        read_json(folder / "record.json"),
                        folder / "files",
                        (folder / "note.md").read_text(),
                    )
            record_evidence(tracker)
            for folder in forecasts():
                if (prediction := read_json(folder / "record.json"))["source"] == source:
                    track_predictions(tracker, prediction, folder)
            for folder in uplift_folders():
                if read_json(folder / "record.json")["source"] == source:
                    track_uplift(tracker, folder)
            lines.append(f"{source}: {len(known)} candidates, {len(sweeps)} sweeps")
    lines += replay(config, set(by_source))
    if batches := batch_records():
        with connect(config.tracking, "monitoring") as tracker:
            for batch in batches:
                track_batch(tracker, batch)
        lines.append(f"monitoring: {len(batches)} batches")
    return "\n".join(lines) or "nothing to track yet: run `dvc repro`"


def replay(config: Config, sources: set[str]) -> list[str]:
    """Register what the history names and MLflow lacks; a registry without a champion gets all that happened, in order."""
    registered: dict[str, versions.Version] = {}
    alive = None
    for event in history():
        folder = version_folder(event["model_hash"], event["candidate_id"])
        if not (folder / "model.json").is_file():
            continue
        model = read_json(unchanged(folder) / "model.json")
        if (source := model["tags"]["source"]) not in sources:
            continue
        with connect(config.tracking, source) as tracker:
            if alive is None:
                alive = versions.find(tracker, model["name"], IN_USE) is not None
            registered[event["model_hash"]] = version = register(tracker, folder)
            if alive:
                continue
            current = versions.find(tracker, version.name, IN_USE)
            tags = {"verdict": event["because"], "promoted_at": event["at"], "promoted_by": event["by"]}
            if "proof" in event:
                versions.set_tags(tracker, version, {"proof": event["proof"]})
            if event["what"] == "challenged":
                versions.challenge(tracker, version)
            elif event["what"] == "promoted":
                versions.promote(tracker, version, current, tags)
            elif current is not None:
                versions.promote(tracker, version, current, tags, back=True)
                versions.set_tags(
                    tracker, current, {"rolled_back": f"{event['at']} by {event['by']}: {event['because']}"}
                )
    return [f"{len(registered)} registered versions"] if registered else []


def write_what_is_lacking(config: Config) -> None:
    """Run again the stages whose results are here and whose record is not: in a clone that pulled them, DVC has nothing to do.

    They find what they made, so it costs the candidates' pictures and a forecast, and changes no result.
    """
    if not catalog.exists(catalog.SWEEP) or (sweep := catalog.read(catalog.SWEEP)).source != config.source.name:
        return
    features = catalog.read(catalog.FEATURES)
    data = hash_table(features)
    if [
        candidate_ids(cell, data) for cell in grid(config, features)
    ] != sweep.cells:  # what is here was made of another config
        return
    record = sweep_record(sweep.sweep_id)
    if not (record / "sweep.json").is_file():
        stage_sweep.run(config)
    if catalog.exists(catalog.PREDICTION):
        made = catalog.read(catalog.PREDICTION)
        if not isinstance(made, NoPrediction) and not (forecast(made.prediction_id) / "record.json").is_file():
            stage_prediction.run(config)
    if catalog.exists(catalog.RECEIPT):
        chosen = catalog.read(catalog.RECEIPT)
        lacks_version = chosen.name is not None and not any(version_folders(str(chosen.candidate_id)))
        if lacks_version or not (record / "record.json").is_file():
            stage_registry.run(config)


def make_missing(config: Config) -> None:
    """Make again what the last sweep's table lists and the cache lacks (DVC may have brought the table from its cache)."""
    cells = catalog.read(catalog.SWEEP).cells if catalog.exists(catalog.SWEEP) else []
    listed = [i for cell in cells for i in cell]
    if missing := {i for i in listed if kept_candidate(i) is None}:
        features = catalog.read(catalog.FEATURES)
        data = hash_table(features)
        every = [list(zip(cell, candidate_ids(cell, data), strict=True)) for cell in grid(config, features)]
        wanted = [[spec for spec, i in cell if i in missing] for cell in every]
        if wanted := [cell for cell in wanted if cell]:
            with make_cells(features, wanted, cores_to_use(config.sweep.workers), data) as made:
                list(made)
