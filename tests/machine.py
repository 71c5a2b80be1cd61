"""What the tests need of the machine beyond Python: which tests need it, and what is said of those that are left out.

A machine without Chromium, PostgreSQL or Spark still ends green, and says so in one line; where CI=true, a missing one is a failure.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

# By Debian's package, which `make system` installs: what it is for, and the fixture that only tests use which need it.
NEEDED = {
    "chromium": ("pages in a browser", "browser"),
    "postgresql": ("a database", "postgres"),
    "spark": ("Spark", "spark"),  # PySpark of `make spark`, and Java
}


def chromium() -> str | None:
    """The browser's program, if there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def missing() -> set[str]:
    """What of it this machine does not have."""
    found = {
        "chromium": chromium(),
        "postgresql": list(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        "spark": (shutil.which("java") or os.environ.get("JAVA_HOME")) and importlib.util.find_spec("pyspark"),
    }
    return {package for package in NEEDED if not found[package]}


def lacking(fixtures: Collection[str], absent: Collection[str]) -> list[str]:
    """What a test with these fixtures needs and the machine does not have."""
    return [package for package in sorted(absent) if NEEDED[package][1] in fixtures]


def is_failure(variables: Mapping[str, str]) -> bool:
    """Whether a test that lacks something fails instead of being left out."""
    return variables.get("CI") == "true"


def left_out(counts: Mapping[str, int]) -> str:
    """The line at the end: how many tests lack what, and what to run."""
    parts = [f"{counts[package]} tests of {NEEDED[package][0]} (no {package})" for package in sorted(counts)]
    return f"Left out: {', '.join(parts)}. {advice(counts)} installs what they need." if parts else ""


def advice(lacks: Collection[str]) -> str:
    """What to run for it."""
    return "`make system spark`" if "spark" in lacks else "`make system`"


def count(lacks: Collection[Collection[str]]) -> dict[str, int]:
    """How many tests lack each."""
    return dict(Counter(package for one in lacks for package in one))
