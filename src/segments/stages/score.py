"""Command `score`: a file of customers or of their purchases in, a segment per customer out, and a record of how the batch differs from the training data."""

from __future__ import annotations

from pathlib import Path

from segments import model_files, tracking
from segments.batches import score_file
from segments.config import Config
from segments.model import Segmentation


def run(config: Config, input: str, output: str, model: str = "", record: str = "true") -> tuple[str, int]:
    """Score a file with a registered model (the champion by default); returns what to say, and the exit code: 3 when rows were rejected."""
    found = model_files.read_model(config.tracking, model or f"models:/{config.registry.model}@{config.registry.alias}")
    batch = score_file(
        config,
        Path(input),
        Path(output),
        Segmentation.from_json(found.document),
        {"name": found.name, "version": found.version},
        found.reference if record == "true" else "",
    )
    lines = [f"{batch.scored:,} customers scored by {found.name} version {found.version} -> {output}", *batch.notes]
    rejected = sum(batch.rejected.values())
    if rejected:
        reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in batch.rejected.items())
        lines.append(f"{rejected:,} rows rejected ({reasons}) -> {batch.side}")
    if batch.record is not None:
        with tracking.connect(config.tracking, "monitoring") as tracker:
            tracking.track_batch(tracker, batch.record)
        lines.append(f"{batch.record['sentence']} (batch {batch.record['batch_id']})")
    elif record == "true":
        lines.append(
            "no drift figures: this version was registered without; `segments registry` registers one with them"
        )
    return "\n".join(lines), 3 if rejected else 0
