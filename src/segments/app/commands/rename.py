"""Command `rename`: a person names a segment; ``conf/decisions.yaml`` remembers it, and the name follows the segment's identity."""

from __future__ import annotations

from dataclasses import replace

from segments.config.decisions import GivenName
from segments.config.root import Config
from segments.errors import ConfigError
from segments.identity.names import RESERVED, alike
from segments.io.store import catalog
from segments.io.store.decisions import reason_of, write_decisions
from segments.io.store.fingerprints import now, person


def run(config: Config, segment: str, name: str, because: str) -> str:
    """Record the name; `dvc repro` carries it out.

    Raises
    ------
    ConfigError
        If there is no such segment, the name is none, is taken or means something else, or no reason is given.
    """
    because = reason_of(because, "rename")
    found = catalog.read(catalog.IDENTITY).known
    segments = {one.segment_id: one for one in found.segments}
    known = ", ".join(f"{one.segment_id} '{one.name}'" for one in found.segments)
    if segment not in segments:
        raise ConfigError(f"there is no segment '{segment}'", where="segments rename", fix=f"there are: {known}")
    name = " ".join(name.split())
    if not name or len(name) > 80 or not name.isprintable():
        raise ConfigError(
            "a name is one line of 1 to 80 characters", where="segments rename", fix="write a shorter name"
        )
    names = config.decisions.names.get(config.source.name, {})
    taken = [(one.name, one.segment_id) for one in found.segments] + [(one.name, i) for i, one in names.items()]
    if RESERVED.fullmatch(name):
        raise ConfigError(
            f"the name '{name}' means something else",
            where="segments rename",
            fix="choose another name than an id or 'all'",
        )
    if by := next((i for known, i in taken if i != segment and alike(known, name)), None):
        raise ConfigError(f"the name '{name}' is taken by {by}", where="segments rename", fix="choose another name")
    given = {**names, segment: GivenName(name, because, person(), now())}
    write_decisions(replace(config.decisions, names={**config.decisions.names, config.source.name: given}))
    return f"{segment} '{segments[segment].name}' is called '{name}' from now on; `dvc repro` carries it out"
