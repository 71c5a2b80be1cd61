"""Command `promote`: a person puts a registered version in use."""

from __future__ import annotations

from segments.app.jobs.versions import proof_of
from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.errors import SegmentsError
from segments.io.registry import versions
from segments.io.store.cache import remember
from segments.io.store.decisions import reason_of
from segments.io.store.fingerprints import now, person
from segments.io.tracking.connection import connect


def run(config: Config, version: str, because: str) -> str:
    """Put a version in use against the rule; what cannot be proved is refused all the same.

    Raises
    ------
    SegmentsError
        If there is no such version, it cannot be made again, or no reason is given.
    """
    because = reason_of(because, "promote")
    with connect(config.tracking, config.source.name) as tracker:
        found = versions.wanted(tracker, config.registry.model, version)
        proof = proof_of(tracker, found, config)
        if not proof.holds:
            raise SegmentsError(
                f"{found.name} version {found.number} cannot be proved: {'; '.join(proof.differences)}",
                where=tracker.uri,
                fix=f"see `segments verify {found.number}`; what cannot be proved is not promoted",
            )
        current = versions.find(tracker, found.name, IN_USE)
        by, at = person(), now()
        tags = {"verdict": because, "promoted_at": at, "promoted_by": by, "rolled_back": "", "proof": "holds"}
        versions.promote(tracker, found, current, tags)
        event = {"at": at, "by": by, "because": because, "what": "promoted", "proof": "holds"}
        remember(event | {key: found.tags.get(key, "") for key in ("candidate_id", "model_hash")})
    before = f", before: version {current.number}" if current else ""
    return f"{found.name} version {found.number} is in use{before}"
