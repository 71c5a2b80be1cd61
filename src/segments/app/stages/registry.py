"""Stage `registry`: everything made so far in, a registered model and the sweep's record out, with a receipt."""

from __future__ import annotations

from typing import Any

from segments.app.jobs.versions import keep_version, put_in_use, register
from segments.config.root import Config
from segments.io.records import notes
from segments.io.records.sweep import write_record
from segments.io.store.cache import ledger
from segments.io.store.files import (
    artifact,
    check_source,
    read_json,
    read_table,
    write_json,
    write_text,
)
from segments.io.tracking.connection import connect, lock_of
from segments.io.tracking.sweeps import track_sweep


def run(config: Config) -> str | None:
    """Write the sweep's record, track it, and register the chosen segmentation if there is one; returns what became of it."""
    check_source(artifact("sweep", "sweep.json"), config.source.name)
    choice = read_json(artifact("selection", "choice.json"))
    sweep = read_json(artifact("sweep", "sweep.json"))
    candidates = read_table(artifact("selection", "candidates.parquet"))
    features = read_table(artifact("features", "customers.parquet"))
    profiles = read_table(artifact("profiles", "profiles.parquet")) if choice["candidate_id"] else None
    folder = ledger(sweep["sweep_id"])
    write_record(config, folder, sweep, choice, candidates, features, profiles)
    receipt: dict[str, Any] = dict.fromkeys(("name", "version", "alias", "verdict"))
    receipt |= {"sweep_id": sweep["sweep_id"], "candidate_id": choice["candidate_id"]}
    if profiles is None:  # left over from an earlier choice
        artifact("registry", "segmentation.json").unlink(missing_ok=True)
    with connect(config.tracking, config.source.name) as tracker:
        track_sweep(tracker, read_json(folder / "record.json"), folder / "files", (folder / "note.md").read_text())
        if profiles is not None:
            with lock_of(tracker):  # experiments at once may come to the same model
                kept = keep_version(config, choice, features, profiles)
            version = register(tracker, kept)
            receipt |= {"name": version.name, "version": version.number}
            receipt |= put_in_use(tracker, config, version, features, chosen=choice["overruled"])
    write_json(artifact("registry", "receipt.json"), receipt)
    firmness = read_json(artifact("sensitivity", "sensitivity.json"))["firmness"]
    write_text(
        artifact("registry", "summary.txt"),
        notes.summary(config.source.name, choice, candidates, profiles, receipt, firmness) + "\n",
    )
    return None if profiles is None else str(receipt["verdict"])
