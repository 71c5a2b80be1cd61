"""``conf/decisions.yaml``: what people decided against the rules. Comes in: decisions. Goes out: the file, in git like the rest of conf/."""

from __future__ import annotations

import os
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from segments.config.decisions import Decisions
from segments.config.source import Source
from segments.errors import ConfigError, StoreError
from segments.io.store.files import find_project, kept, read_text, write_text

if TYPE_CHECKING:
    from segments.data.erased import Erased

DECISIONS = "decisions.yaml"
ERASURE_KEY = "erased.key"  # under record/, and in no commit


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


def erased_of(decisions: Decisions, source: Source) -> Erased | None:
    """Customers of a source who were erased; ``None`` where nobody was.

    Raises
    ------
    StoreError
        If there are some, and the key that their hashes were made with is not here.
    """
    if not (hashes := decisions.erased.get(source.name)):
        return None
    from segments.data.erased import Erased  # reads tables: what composes a config needs none of that

    return Erased(source.name, source.id_type, erasure_key(), frozenset(hashes))


def erasure_key(*, make: bool = False) -> bytes:
    """The key of the hashes of erased customers: 32 random bytes that only the owner can read.

    Parameters
    ----------
    make : bool
        Whether to make one where there is none.

    Raises
    ------
    StoreError
        If there is none, or the file holds something else.
    """
    path = kept(ERASURE_KEY)
    if make and not path.is_file():
        path.touch(mode=0o600)  # closed before anything stands in it; it stays so
        write_text(path, secrets.token_hex(32) + "\n")
    shown = Path(os.path.relpath(path))
    if not path.is_file():
        raise StoreError(
            "customers were erased, and the key to know them by is not here",
            where=str(shown),
            fix=f"bring {shown} back from a copy of the project that erased them: without it they would return unseen",
        )
    try:
        key = bytes.fromhex(read_text(path))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise StoreError(
            f"{shown} is no key: it must hold 64 hexadecimal digits", where=str(shown), fix="bring it back from a copy"
        )
    return key
