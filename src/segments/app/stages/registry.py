"""Stage `registry`: everything made so far in, a registered model and the sweep's record out, with a receipt."""

from __future__ import annotations

from typing import Any

from segments.app.jobs.versions import keep_version, put_in_use, register
from segments.config import Config
from segments.io import store, tracking
from segments.io.records import notes
from segments.io.records.sweep import write_record
from segments.io.store.files import check_source


def run(config: Config) -> str | None:
    """Write the sweep's record, track it, and register the chosen segmentation if there is one; returns what became of it."""
    check_source(store.artifact("sweep", "sweep.json"), config.source.name)
    choice = store.read_json(store.artifact("selection", "choice.json"))
    sweep = store.read_json(store.artifact("sweep", "sweep.json"))
    candidates = store.read_table(store.artifact("selection", "candidates.parquet"))
    features = store.read_table(store.artifact("features", "customers.parquet"))
    profiles = store.read_table(store.artifact("profiles", "profiles.parquet")) if choice["candidate_id"] else None
    folder = store.ledger(sweep["sweep_id"])
    write_record(config, folder, sweep, choice, candidates, features, profiles)
    receipt: dict[str, Any] = dict.fromkeys(("name", "version", "alias", "verdict"))
    receipt |= {"sweep_id": sweep["sweep_id"], "candidate_id": choice["candidate_id"]}
    if profiles is None:  # left over from an earlier choice
        store.artifact("registry", "segmentation.json").unlink(missing_ok=True)
    with tracking.connect(config.tracking, config.source.name) as tracker:
        tracking.track_sweep(
            tracker, store.read_json(folder / "record.json"), folder / "files", (folder / "note.md").read_text()
        )
        if profiles is not None:
            with tracking.lock_of(tracker):  # experiments at once may come to the same model
                kept = keep_version(config, choice, features, profiles)
            version = register(tracker, kept)
            receipt |= {"name": version.name, "version": version.number}
            receipt |= put_in_use(tracker, config, version, features, chosen=choice["overruled"])
    store.write_json(store.artifact("registry", "receipt.json"), receipt)
    firmness = store.read_json(store.artifact("sensitivity", "sensitivity.json"))["firmness"]
    store.write_text(
        store.artifact("registry", "summary.txt"),
        notes.summary(config.source.name, choice, candidates, profiles, receipt, firmness) + "\n",
    )
    return None if profiles is None else str(receipt["verdict"])
