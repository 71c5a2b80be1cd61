"""Stage `registry`: everything made so far in, a registered model and the sweep's record out, with a receipt."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segments import report, store, tracking
from segments.config import Config
from segments.errors import StoreError
from segments.model import Segmentation
from segments.plots import candidates as draw
from segments.plots import png
from segments.space import Space


def run(config: Config) -> None:
    """Write the sweep's record, track it, and register the chosen segmentation if there is one."""
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
        tags = {
            "candidate_id": choice["candidate_id"],
            "model_hash": _sha(segmentation.to_json()),
            "data_hash": _data_hash(),
            "config_hash": _sha(json.dumps(asdict(config), sort_keys=True)),
            "git_commit": _git_commit(),
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
        for name in ("segmentation.json", "model.json", "description.md"):  # left over from an earlier choice
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
        in_use=store.find_project() == store.checkout(),
    )


def write_record(
    config: Config,
    folder: Path,
    sweep: dict[str, Any],
    choice: dict[str, Any],
    candidates: pd.DataFrame,
    features: pd.DataFrame,
    profiles: pd.DataFrame | None,
) -> None:
    """All of the sweep's MLflow run as files, so that the run can be rebuilt from them."""
    files = folder / "files"
    store.clear(files)
    store.write_json(files / "config.json", asdict(config))
    store.write_text(files / "candidates.csv", candidates.to_csv(index=False))
    store.write_json(files / "choice.json", choice)
    for path in sorted(store.artifact("explore").glob("*.png")) + sorted(store.artifact("explore").glob("*.json")):
        store.write_bytes(files / "explore" / path.name, path.read_bytes())
    if profiles is not None:
        store.write_text(files / "profiles.csv", profiles.to_csv(index=False))
    by_id = candidates.set_index("candidate_id")
    tiles = []
    for candidate_id in choice["finalists"]:
        row, pictures = by_id.loc[candidate_id], store.pictures(candidate_id)
        if len(pictures) == 2:
            tiles.append(
                (
                    f"silhouette {row['silhouette']:.3f}, smallest {row['smallest_share']:.0%}",
                    pictures["clusters"].read_bytes(),
                    pictures["silhouette"].read_bytes(),
                )
            )
    if tiles:
        store.write_bytes(
            files / "finalists.png",
            png(
                draw.board(
                    tiles, "Finalists, best first" if choice["candidate_id"] else "Nothing passed; these came closest"
                )
            ),
        )
    store.write_text(folder / "note.md", report.sweep_note(choice, candidates, profiles))
    grid = config.sweep
    params = {
        "source": config.source.name,
        "feature_sets": ",".join(grid.feature_sets),
        "scalers": ",".join(grid.scalers),
        "k_min": grid.k_min,
        "k_max": grid.k_max,
        "seed": grid.seed,
        "algorithm": config.algorithm.name,
        "config_hash": _sha(json.dumps(asdict(config), sort_keys=True)),
    }
    columns = [
        {"name": name, "type": "double" if pd.api.types.is_numeric_dtype(dtype) else "string"}
        for name, dtype in features.dtypes.items()
    ]
    data = {
        "name": config.source.name,
        "digest": _data_hash()[:32],
        "path": str(store.artifact("features", "customers.parquet")),
        "schema": json.dumps({"mlflow_colspec": columns}),
        "profile": json.dumps({"num_rows": len(features)}),
    }
    ledger = folder / "sweep.json"
    if not ledger.is_file():  # DVC brought the sweep back from its cache: when it ran is not known here
        store.write_json(ledger, sweep | {"started_ms": 0, "seconds": 0.0})
    timing = store.read_json(ledger)
    record = {
        "sweep_id": sweep["sweep_id"],
        "candidate_ids": candidates["candidate_id"].tolist(),
        "finalists": choice["finalists"],
        "params": params,
        "data": data,
        "started_ms": timing["started_ms"],
        "seconds": timing["seconds"],
    }
    store.write_json(folder / "record.json", record)


def _data_hash() -> str:
    return _sha(store.artifact("features", "customers.parquet").read_bytes())


def _sha(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _git_commit() -> str:
    """The commit the working tree stands on, marked when the tree differs from it."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        dirty = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("-dirty" if dirty else "")
