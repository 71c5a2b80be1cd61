"""Command `verify`: a registered version is made again from its tags, and must come out the same."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.errors import SegmentsError
from segments.io.registry import versions
from segments.io.registry.proof import Claim, Proof, check_handed_on, check_pins, check_tables, prove
from segments.io.store.cache import version_folder
from segments.io.store.files import checkout
from segments.io.tracking.candidates import scores_of
from segments.io.tracking.connection import Tracker, connect


def run(config: Config, version: str = "") -> str:
    """Prove a version (the champion by default); returns what was checked.

    Raises
    ------
    SegmentsError
        Names every difference.
    """
    with connect(config.tracking, config.source.name) as tracker:
        found = versions.wanted(tracker, config.registry.model, version or IN_USE)
        proof = proof_of(tracker, found, config)
        # Here only: who promotes or registers a version does not ask what else lies in the folder today.
        check_tables(checkout(), shelf_of(found), proof)
        check_handed_on(checkout(), proof)
        check_pins(checkout(), json.loads(found.tags.get("raw", "{}")), proof)
        said = f"{found.name} version {found.number}"
        if not proof.holds:
            listed = "".join(f"\n  - {difference}" for difference in proof.differences)
            raise SegmentsError(
                f"{said} is not what its tags say:{listed}",
                where=tracker.uri,
                fix="restore what was changed (git, `dvc checkout`, `segments fetch`, a copy of it), or register again with `dvc repro`",
            )
    unchecked = f"; not checked: {'; '.join(proof.unchecked)}" if proof.unchecked else ""
    return f"{said} holds: {', '.join(proof.checked)}{unchecked}"


def shelf_of(version: versions.Version) -> Path:
    """The folder that a version can be registered from again."""
    return version_folder(version.tags.get("model_hash", ""), version.tags.get("candidate_id", ""))


def proof_of(tracker: Tracker, version: versions.Version, config: Config) -> Proof:
    """Make a version again and compare it with what is on record."""
    with tempfile.TemporaryDirectory() as folder:
        files = versions.folder_of(tracker, version, Path(folder))
        text = (files / "artifacts/config.json").read_text() if (files / "artifacts/config.json").is_file() else ""
        claim = Claim(
            version.tags,
            text,
            scores_of(tracker, version.run_id),
            files,
            versions.place_of(tracker, version),
            versions.manifest_of(tracker, version),
            shelf_of(version),
        )
        return prove(claim)
