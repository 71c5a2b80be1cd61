"""Stage `registry`: everything made so far in, a registered model and the sweep's record out, with a receipt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from segments import report, store, tracking
from segments.config import Config
from segments.errors import StoreError
from segments.model import Segmentation
from segments.monitoring import reference_of
from segments.record import config_hash, data_hash, write_record
from segments.space import Space
from segments.stages import check_source


def run(config: Config) -> None:
    """Write the sweep's record, track it, and register the chosen segmentation if there is one."""
    check_source(store.artifact("sweep", "sweep.json"), config.source.name)
    choice = store.read_json(store.artifact("selection", "choice.json"))
    sweep = store.read_json(store.artifact("sweep", "sweep.json"))
    candidates = store.read_table(store.artifact("sweep", "candidates.parquet"))
    features = store.read_table(store.artifact("features", "customers.parquet"))
    profiles = store.read_table(store.artifact("profiles", "profiles.parquet")) if choice["candidate_id"] else None
    folder = store.ledger(sweep["sweep_id"])
    write_record(config, folder, sweep, choice, candidates, features, profiles)
    receipt: dict[str, Any] = {
        "sweep_id": sweep["sweep_id"],
        "candidate_id": choice["candidate_id"],
        "name": None,
        "version": None,
        "alias": None,
        "run_id": None,
    }
    if profiles is not None:
        segmentation = champion(choice["candidate_id"], choice["cell"], features)
        store.write_text(store.artifact("registry", "segmentation.json"), segmentation.to_json())
        reference = store.artifact("registry", "reference.json")
        store.write_json(reference, reference_of(features, segmentation))
        tags = {
            "candidate_id": choice["candidate_id"],
            "model_hash": store.sha256(segmentation.to_json().encode()),
            "reference_hash": store.sha256(reference.read_bytes()),
            "data_hash": data_hash(),
            "config_hash": config_hash(config),
            "git_commit": store.git_commit(),
        }
        store.write_json(
            store.artifact("registry", "model.json"),
            {
                "name": config.registry.model,
                "alias": config.registry.alias,
                "candidate_id": choice["candidate_id"],
                "tags": tags,
            },
        )
        store.write_text(
            store.artifact("registry", "description.md"),
            report.model_description(choice, profiles, segmentation.space.columns),
        )
    else:
        for name in (
            "segmentation.json",
            "reference.json",
            "model.json",
            "description.md",
        ):  # left over from an earlier choice
            store.artifact("registry", name).unlink(missing_ok=True)
    with tracking.connect(config.tracking, config.source.name) as tracker:
        tracking.track_sweep(
            tracker, store.read_json(folder / "record.json"), folder / "files", (folder / "note.md").read_text()
        )
        if profiles is not None:
            receipt |= register(tracker, features)
    store.write_json(store.artifact("registry", "receipt.json"), receipt)
    store.write_text(
        store.artifact("registry", "summary.txt"),
        report.summary(config.source.name, choice, candidates, profiles, receipt) + "\n",
    )


def champion(candidate_id: str, cell: str, features: pd.DataFrame) -> Segmentation:
    """The chosen candidate as a deployable model, checked: it must give every customer the stored cluster."""
    fits = store.read_json(store.artifact("sweep", "fits.json"))
    names = store.read_json(store.artifact("profiles", "segments.json"))["names"]
    segmentation = Segmentation(
        candidate_id, Space.from_plain(fits["spaces"][cell]), np.array(fits["centres"][candidate_id]), names
    )
    stored = store.read_table(store.artifact("selection", "labels.parquet"))["cluster"].to_numpy()
    different = int(
        (Segmentation.from_json(segmentation.to_json()).predict(features)["cluster"].to_numpy() != stored).sum()
    )
    if different:
        raise StoreError(
            f"the model disagrees with the stored labels for {different} customers, so it is not registered",
            where=str(store.artifact("selection")),
            fix="run `dvc repro -f sweep`",
        )
    return segmentation


def register(tracker: tracking.Tracker, features: pd.DataFrame) -> dict[str, Any]:
    """Register what ``artifacts/registry`` holds; an experiment in DVC's temporary folder does not take over the alias."""
    segmentation = store.artifact("registry", "segmentation.json").read_text()
    example = features[Segmentation.from_json(segmentation).space.columns].head(5).astype("float64")
    description = store.artifact("registry", "description.md").read_text()
    return tracking.register(
        tracker,
        store.read_json(store.artifact("registry", "model.json")),
        segmentation,
        example,
        description,
        note=description,
        reference=store.artifact("registry", "reference.json").read_text(),
        in_use=store.find_project() == store.checkout(),
    )
