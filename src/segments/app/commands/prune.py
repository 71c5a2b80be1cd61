"""Command `prune`: old sweeps go, with their runs in MLflow and what was finished for them alone; what is in use, was ever registered, or lies in artifacts/ stays."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from segments.app.commands import clean
from segments.config.root import Config
from segments.errors import ConfigError
from segments.io.store import catalog
from segments.io.store.cache import sweep_records, version_folders
from segments.io.store.files import clear, read_json
from segments.io.tracking.connection import connect
from segments.io.tracking.runs import CANDIDATE, SWEEP


def run(config: Config, keep: str, yes: str = "") -> str:
    """Say which sweeps would go, or let them go.

    Parameters
    ----------
    config : Config
        Where MLflow's record is.
    keep : str
        How many sweeps of each source stay, the newest.
    yes : {"", "true"}
        Whether to do it.

    Raises
    ------
    ConfigError
        If `keep` is no number, or `yes` something else.
    TrackingError
        If MLflow's record cannot be written.
    """
    if not keep.isascii() or not keep.isdigit() or not 1 <= int(keep) <= 100_000:
        raise ConfigError(
            f"keep is '{keep}'", where="segments prune", fix="write how many sweeps stay, such as keep=12"
        )
    if yes not in ("", "true"):
        raise ConfigError(
            f"yes is '{yes}'", where="segments prune", fix="write yes=true, or leave it out to see only what would go"
        )
    stay, go = parted(int(keep))
    if not go:
        return f"nothing to let go: {len(stay)} sweeps, none older than the newest {keep} that no version needs"
    listed = "\n".join(
        f"  {one['sweep_id']} of {one['source']}, {sum(map(len, one['cells']))} candidates" for one, _ in go
    )
    if not yes:
        return f"{len(go)} of {len(go) + len(stay)} sweeps would go:\n{listed}\n`segments prune keep={keep} yes=true` lets them go"
    needed = {i for one in stay for cell in one["cells"] for i in cell}
    needed |= {folder.name.partition("-")[0] for folder in version_folders()}
    runs = 0
    for one, folder in go:
        # First the runs: killed in between, the folder still says which they are.
        runs += _let_go(config, one, needed)
        clear(folder)
    return f"let go {len(go)} sweeps and {runs} runs of MLflow:\n{listed}\n{clean.run(config, 'true')}"


def parted(keep: int) -> tuple[list[dict[str, Any]], list[tuple[dict[str, Any], Path]]]:
    """Sweeps that stay, and those that go with their folders, oldest first."""
    sweeps = [(read_json(folder / "sweep.json"), folder) for folder in sweep_records()]
    versions = {folder.name.partition("-")[0] for folder in version_folders()}
    current = catalog.read(catalog.SWEEP).sweep_id if catalog.exists(catalog.SWEEP) else None
    by_source: dict[str, list[str]] = defaultdict(list)
    for one, _ in sweeps:
        by_source[one["source"]].append(one["sweep_id"])
    newest = {i for ids in by_source.values() for i in ids[-keep:]} | {current}

    def stays(one: dict[str, Any]) -> bool:
        return one["sweep_id"] in newest or any(versions & set(cell) for cell in one["cells"])

    return [one for one, _ in sweeps if stays(one)], [(one, folder) for one, folder in sweeps if not stays(one)]


def _let_go(config: Config, sweep: dict[str, Any], needed: set[str]) -> int:
    """Delete the runs of a sweep, as MLflow's page does: `mlflow gc` frees their space, and until then they can be brought back."""
    own = {i for cell in sweep["cells"] for i in cell} - needed
    deleted = 0
    with connect(config.tracking, sweep["source"]) as tracker:
        token = None
        found: list[Any] = []
        while True:
            page = tracker.client.search_runs([tracker.experiment_id], max_results=1000, page_token=token)
            found += page
            if not (token := page.token):
                break
        for one in found:
            candidate = one.data.tags.get(CANDIDATE)
            is_own = candidate in own if candidate else one.data.tags.get(SWEEP) == sweep["sweep_id"]
            if is_own:
                tracker.client.delete_run(one.info.run_id)
                deleted += 1
    return deleted
