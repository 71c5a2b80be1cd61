"""Where the time goes: every stage of the bundled data from nothing, in a fresh copy.

Seconds depend on the machine; the shares are what to look at.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from segments.app.cli import STAGES

PROJECT = Path(__file__).resolve().parent.parent


def fresh_copy(folder: Path) -> Path:
    """A project with configs and raw data, and nothing made yet."""
    for name in ("conf", "dvc.yaml", "data.dvc"):
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, symlinks=True)
        else:
            shutil.copy2(source, folder / name)
    if not (PROJECT / "data").is_dir():
        raise SystemExit("the raw data are missing: run `segments fetch`")
    shutil.copytree(PROJECT / "data", folder / "data")
    return folder


def seconds(command: list[str], folder: Path) -> tuple[float, str]:
    """Wall time of a command, told that DVC runs it, and what it wrote to stderr and stdout."""
    started, environment = time.perf_counter(), {**os.environ, "DVC_STAGE": command[1]}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return time.perf_counter() - started, done.stderr + done.stdout


def table() -> list[str]:
    """Rows of a markdown table: each stage timed in a process of its own, as DVC runs it."""
    segments = str(Path(sys.executable).parent / "segments")
    lines = ["| stage | seconds | of which start-up | |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        project = fresh_copy(Path(folder))
        total = 0.0
        for stage in STAGES:
            took, said = seconds([segments, stage, "--timings"], project)
            start = re.search(r"([\d.]+) s to start", said)
            detail = next((line for line in said.splitlines() if "candidates," in line and " new:" in line), "")
            lines.append(f"| {stage} | {took:.1f} | {start.group(1) if start else ''} | {detail} |")
            print(lines[-1], flush=True)
            total += took
        again, _ = seconds([segments, "sweep"], project)
        helped, _ = seconds([segments, "--help"], project)
    rest = f"A sweep with every candidate already finished: {again:.1f} s. `segments --help`: {helped:.2f} s."
    print(f"all {total:.1f} s. {rest}", flush=True)
    return [*lines, f"| **all** | **{total:.1f}** | | |", "", rest]
