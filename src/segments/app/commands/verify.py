"""Command `verify`: a registered version is made again from its tags, and must come out the same."""

from __future__ import annotations

import json

from segments.app.jobs.versions import kept_folder, proof_of
from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.errors import SegmentsError
from segments.io.registry import versions
from segments.io.registry.proof import check_handed_on, check_raw_pins, check_tables
from segments.io.store.files import checkout
from segments.io.tracking.connection import connect


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
        check_tables(checkout(), kept_folder(found), proof)
        check_handed_on(checkout(), proof)
        check_raw_pins(checkout(), json.loads(found.tags.get("raw", "{}")), proof)
        said = f"{found.name} version {found.number}"
        if not proof.holds:
            raise SegmentsError(
                f"{said} is not what its tags say:",
                listed=proof.differences,
                where=tracker.uri,
                fix="restore what was changed (git, `dvc checkout`, `segments fetch`, a copy of it), or register again with `dvc repro`",
            )
    unchecked = f"; not checked: {'; '.join(proof.unchecked)}" if proof.unchecked else ""
    return f"{said} holds: {', '.join(proof.checked)}{unchecked}"
