"""Command `fetch`: the raw files of a source put under data/ and pinned."""

from __future__ import annotations

from pathlib import Path

from segments.config.root import Config
from segments.errors import ConfigError
from segments.io.store.raw_files import fetch


def run(config: Config, origin: str = "", accept: str = "false") -> str:
    """Fetch and pin; returns one sentence for each file."""
    if accept not in ("true", "false"):
        raise ConfigError(f"accept={accept}", where="segments fetch", fix="write accept=true or leave it out")
    given = Path(origin) if origin else None
    return "\n".join(fetch(config.source, given, accept=accept == "true", queries=config.queries))
