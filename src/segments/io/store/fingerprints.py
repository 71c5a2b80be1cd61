"""What a result can be traced by. Comes in: bytes, files, labels, the checkout. Goes out: hashes, the commit, who and when."""

from __future__ import annotations

import functools
import getpass
import hashlib
import json
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(path: Path) -> str:
    """MD5 of a file's bytes, as DVC records it (a check against accidents, not against attackers)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def hashes(folder: Path, *patterns: str) -> dict[str, str]:
    """SHA-256 of every file under a folder, or of those of some patterns, by its path in it; compiled leftovers do not count."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes())
        for path in sorted({path for pattern in patterns or ("*",) for path in folder.rglob(pattern)})
        if path.is_file() and "__pycache__" not in path.parts
    }


def labels_hash(labels: np.ndarray[Any, Any]) -> str:
    """SHA-256 of the clusters of all customers, in the order of the feature table."""
    return sha256(labels.astype("<i4").tobytes())


def code_hash(package: Path = Path(__file__).parents[2]) -> str:
    """SHA-256 of this package's code and templates, or of another copy of it."""
    return sha256(json.dumps(hashes(package, "*.py", "*.j2")).encode())


def git_commit() -> str:
    """Say which commit the code stands on, marked ``-dirty`` when the code differs from it.

    The code alone: config and data have hashes of their own, and ``dvc repro`` itself rewrites ``dvc.lock`` on its way.
    """
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = ["git", "status", "--porcelain", "--untracked-files=no", "--", "src"]
        dirty = subprocess.run(changed, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("-dirty" if dirty else "")


def person() -> str:
    """Who decides: the name git knows, or the user's."""
    try:
        asked = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        asked = ""
    return asked or getpass.getuser()


def origin() -> dict[str, str]:
    """Who makes something, and with the code of which commit; asked of git once a process."""
    return dict(_origin(Path.cwd()))


@functools.cache
def _origin(folder: Path) -> dict[str, str]:
    return {"git_commit": git_commit(), "user": person()}


@dataclass(frozen=True)
class Start:
    """When work began: by the calendar, to be shown; by a clock that nobody sets, to be counted from.

    Parameters
    ----------
    ms : int
        Since 1970.
    ticks : float
        Of the clock that only goes on.
    """

    ms: int = field(default_factory=lambda: int(time.time() * 1000))
    ticks: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long ago that was."""
        return time.perf_counter() - self.ticks


def now() -> str:
    """The time of a decision: ISO, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
