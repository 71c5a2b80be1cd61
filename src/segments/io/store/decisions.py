"""``conf/decisions.yaml``: what people decided against the rules. Comes in: decisions. Goes out: the file, in git like the rest of conf/."""

from __future__ import annotations

from dataclasses import asdict

import yaml

from segments.config.decisions import Decisions
from segments.errors import ConfigError
from segments.io.store.files import find_project, write_text

DECISIONS = "decisions.yaml"


def write_decisions(decisions: Decisions) -> None:
    """Put people's decisions into ``conf/decisions.yaml``, under the comment it begins with."""
    path = find_project() / "conf" / DECISIONS
    lines = path.read_text().splitlines() if path.is_file() else []
    comment = "".join(f"{line}\n" for line in lines if line.startswith("#"))
    write_text(path, comment + yaml.safe_dump(asdict(decisions), sort_keys=False, allow_unicode=True))


def reason_of(because: str, command: str) -> str:
    """A person's reason for a decision, without blanks around it.

    Raises
    ------
    ConfigError
        If it says nothing.
    """
    if not because.strip():
        raise ConfigError(
            "--because is missing or blank", where=f"segments {command}", fix='write --because "the reason"'
        )
    return because.strip()
