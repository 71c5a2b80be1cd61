"""How tests are dealt out to the workers of pytest-xdist: what stays together, what goes first, and how they share the cores."""

from __future__ import annotations

import os
from pathlib import Path

# OpenMP's threads wait in a loop, for a while, and so take the cores from the other worker and from one another: a fit of 400 points took 230 ms of
# a core beside other tests, and 3 ms with this. Read when the first library with threads is loaded, so said before that, for all that is started from here.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# By their length, measured: a worker that takes one of these late keeps everybody waiting. The first makes the project that most others
# copy; the second needs none, or it would wait for that.
FIRST = [
    "test_mlflow_team",
    "test_faults",
    "test_champions",
    "test_mlflow_ui_browser",
    "test_dashboard_browser",
    "test_pipeline",
    "test_entry_points",
    "test_outside",
    "test_spark",
    "test_portable",
    # the longest of what is not slow
    "test_structure",
    "test_draft",
    "test_awkward",
    "test_money",
]
# Tests of these files go one by one to whoever is free. Of any other file, one worker runs all: they share what they set up.
SPREAD = {"test_champions", "test_pipeline", "test_entry_points", "test_bad_input", "test_proof"}
# Tests of these go to one worker: each worker would start a Java of its own.
ON_SPARK = {"test_as_sql", "test_score_table", "test_spark"}


def unit(nodeid: str) -> str:
    """What goes to one worker as a whole.

    Examples
    --------
    >>> unit("tests/test_mlflow_team.py::test_a[1]"), unit("tests/app/test_entry_points.py::test_b")
    ('tests/test_mlflow_team.py', 'tests/app/test_entry_points.py::test_b')
    """
    file = nodeid.partition("::")[0]
    stem = Path(file).stem
    return nodeid if stem in SPREAD else "Spark" if stem in ON_SPARK else file


def turn(stem: str, *, slow: bool) -> tuple[bool, int]:
    """Order of a test: slow ones first, and among them those of the longest files.

    Examples
    --------
    >>> turn("test_mlflow_team", slow=True) < turn("test_target_list", slow=True) < turn("test_mlflow_team", slow=False)
    True
    """
    return not slow, FIRST.index(stem) if stem in FIRST else len(FIRST)
