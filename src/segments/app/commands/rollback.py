"""Command `rollback`: the champion before this one is in use again."""

from __future__ import annotations

from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.errors import SegmentsError
from segments.io.registry import versions
from segments.io.store.cache import remember
from segments.io.store.decisions import reason_of
from segments.io.store.fingerprints import now, person
from segments.io.tracking.connection import connect


def run(config: Config, because: str = "rolled back") -> str:
    """Put the version in use that the champion replaced.

    Raises
    ------
    SegmentsError
        If there is no champion, none before it, or the reason is blank.
    """
    because = reason_of(because, "rollback")
    with connect(config.tracking, config.source.name) as tracker:
        name = config.registry.model
        current = versions.wanted(tracker, name, IN_USE)
        before = versions.find(tracker, name, current.tags.get("replaces") or "none")
        if before is None:
            others = [v.number for v in versions.versions_of(tracker, name) if v.number != current.number]
            make = (
                "it is the only one: choose another by `segments select CANDIDATE_ID --because WHY`, then `dvc repro`"
            )
            use = f"put one of the others in use by `segments promote VERSION --because WHY`: {', '.join(others)}"
            raise SegmentsError(
                f"version {current.number} of {name} replaced no other",
                where=tracker.uri,
                fix=use if others else make,
            )
        by, at = person(), now()
        tags = {"promoted_at": at, "promoted_by": by, "rolled_back": ""}
        versions.promote(tracker, before, current, tags, back=True)
        versions.set_tags(tracker, current, {"rolled_back": f"{at} by {by}: {because}"})
        event = {"at": at, "by": by, "because": because, "what": "rolled back to"}
        remember(event | {key: before.tags.get(key, "") for key in ("candidate_id", "model_hash")})
    return f"{name} version {before.number} is in use again; version {current.number} is kept and was rolled back: {because}"
