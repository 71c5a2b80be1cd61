"""Command `clean`: remove finished work that nothing refers to any more, after saying how much it is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from segments.config.root import Config
from segments.errors import ConfigError
from segments.evidence.grades import evidence_id
from segments.io.store import catalog
from segments.io.store.cache import (
    candidates_folder,
    elbow_file,
    evidence_path,
    kept_ids,
    sweep_records,
    version_folders,
)
from segments.io.store.files import clear, kept, read_json
from segments.io.tracking.connection import reader
from segments.io.tracking.runs import CANDIDATE, SWEEP

MIB = 1 << 20


def run(config: Config, yes: str = "") -> str:
    """Say what could go, or remove it.

    Parameters
    ----------
    config : Config
        Where MLflow's record is, and the evidence that is wanted.
    yes : {"", "true"}
        Whether to remove it.

    Raises
    ------
    ConfigError
        If `yes` is something else.
    TrackingError
        If MLflow's record cannot be read: then nobody knows what it refers to.
    """
    if yes not in ("", "true"):
        raise ConfigError(
            f"yes is '{yes}'", where="segments clean", fix="write yes=true, or leave it out to see only what would go"
        )
    cells, candidates = referred_to(config)
    found = {
        "candidates": [candidates_folder() / name for name in sorted(kept_ids() - candidates)],
        "elbows": _others(elbow_file([]).parent, [elbow_file(cell) for cell in cells]),
        "cells' evidence": _unused_evidence(config, cells),
        "half-written files": sorted(kept(".partial").glob("*")) + sorted(candidates_folder().glob(".*")),
    }
    paths = [path for some in found.values() for path in some]
    size = sum(_size(path) for path in paths)
    said = ", ".join(f"{len(some)} {what}" for what, some in found.items() if some)
    if not paths:
        return "nothing to remove: all finished work is referred to by a run of MLflow, a version or artifacts/"
    if yes:
        for path in paths:
            path.unlink() if path.is_file() else clear(path)
        return f"removed {said}: {size / MIB:.1f} MiB"
    return f"{said}: {size / MIB:.1f} MiB that no run of MLflow, no version and nothing in artifacts/ refers to; `segments clean yes=true` removes it"


def referred_to(config: Config) -> tuple[list[list[str]], set[str]]:
    """Cells of the sweeps, and ids of all candidates, that a run in MLflow, a version, or what stages handed on refers to."""
    client = reader(config.tracking)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    candidates, sweeps = set[str](), set[str]()
    token = None
    while True:
        page = client.search_runs(experiments, max_results=1000, page_token=token)
        for one in page:
            candidates.add(one.data.tags.get(CANDIDATE, ""))
            sweeps.add(one.data.tags.get(SWEEP, ""))
        token = page.token
        if not token:
            break
    records = [read_json(folder / "sweep.json") for folder in sweep_records() if folder.name in sweeps]
    cells = [cell for record in records for cell in record["cells"]]
    if catalog.exists(catalog.SWEEP):
        cells += catalog.read(catalog.SWEEP).cells
    candidates |= {i for cell in cells for i in cell} | {folder.name.partition("-")[0] for folder in version_folders()}
    return cells, candidates


def _unused_evidence(config: Config, cells: Iterable[list[str]]) -> list[Path]:
    """Evidence of other cells, or asked for in other ways than now."""
    if config.evidence.scope != "all":  # who is evaluated then hangs on the scores; nothing is lost by keeping it
        return []
    wanted = [evidence_path(evidence_id(cell, [True] * len(cell), config.evidence)) for cell in cells]
    return _others(evidence_path("").parent, wanted)


def _others(folder: Path, wanted: Iterable[Path]) -> list[Path]:
    return sorted(set(folder.glob("[!.]*")) - set(wanted))


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
