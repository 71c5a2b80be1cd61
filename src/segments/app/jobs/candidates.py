"""Specs -> finished candidates: computed, drawn and put in the cache, side by side. Comes in: features and cells. Goes out: facts of each.

Every entry point (a sweep, one fit, a rebuilt record) makes candidates here, so the same alternative is made in the same way, once.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segments.app.jobs.pool import side_by_side
from segments.app.jobs.specs import cell_command
from segments.clustering.candidate import (
    Candidate,
    Spec,
    TableHash,
    candidate_ids,
    candidates_table,
    hash_table,
    sweep_cell,
)
from segments.clustering.plane import plane
from segments.evidence.selection import elbow
from segments.io.store import cache
from segments.io.store.files import write_bytes
from segments.io.store.fingerprints import origin
from segments.io.tracking.inputs import dataset_of

# matplotlib is imported where something is drawn: a sweep that finds everything finished draws nothing.
if TYPE_CHECKING:
    from segments.io.plots.sweep import Silhouettes


@contextmanager
def make_cells(
    features: pd.DataFrame, cells: Sequence[Sequence[Spec]], workers: int, data: TableHash | None = None
) -> Iterator[Iterator[list[dict[str, Any]]]]:
    """Make cells side by side, each process on one thread, from here on; gives each cell's facts as it is finished, and stops at the end.

    `data` is the table's hash, where that is known; no cell makes it again.
    """
    data = data or hash_table(features)
    ids = candidate_ids((spec for cell in cells for spec in cell), data)
    kept = cache.kept_ids()
    known: list[Sequence[Spec]] = []
    missing: list[Sequence[Spec]] = []
    at = 0
    for cell in cells:
        # Cells without a gap need no other process; starting them costs seconds.
        whole = kept.issuperset(ids[at : at + len(cell)])
        (known if whole else missing).append(cell)
        at += len(cell)
    made: Generator[list[dict[str, Any]]] = (facts for facts in list[list[dict[str, Any]]]())
    if missing:
        tasks = ((features, cell, 1, os.getpid(), data) for cell in missing)
        made = side_by_side(make_cell, tasks, min(workers, len(missing)))
    try:
        with closing(made):  # else its processes would be stopped by the interpreter's end, and complain
            yield chain((make_cell(features, cell, data=data) for cell in known), made)
    finally:
        cache.clear_unfinished(os.getpid())


def make_cell(
    features: pd.DataFrame, specs: Sequence[Spec], threads: int = 1, maker: int = 0, data: TableHash | None = None
) -> list[dict[str, Any]]:
    """Compute, draw and keep the candidates of a cell that are not in the cache yet; facts of all of them, in order."""
    data = data or hash_table(features)
    ids = candidate_ids(specs, data)
    facts = {i: known for i in ids if (known := cache.kept_candidate(i)) is not None}
    started_ms = int(time.time() * 1000)
    if missing := [spec for spec, i in zip(specs, ids, strict=True) if i not in facts]:
        # A sample is drawn with all labelings of the cell in view: to get the same one, all of them are made again.
        wanted = missing if specs[0].scoring.is_exact(len(features)) else specs
        made = sweep_cell(features, wanted, threads, data)
        made_of = {"data": dataset_of(specs[0].source, features, data), "origin": origin()}
        command = cell_command(specs[0], len(features))
        with ThreadPoolExecutor(1) as keeping:  # a disk takes as long to keep a candidate as it takes to draw one
            pending = []
            for candidate, pictures, seconds in _drawn(features, made):
                fact = candidate.to_plain() | {"started_ms": started_ms, "drawing_seconds": seconds, **made_of}
                fact["command"] = f"{command} k={candidate.spec.k}"
                arrays: dict[str, np.ndarray[Any, Any]] = {
                    "labels": candidate.labels,
                    "centres": candidate.centres,
                    "rows": candidate.rows,
                    "silhouettes": candidate.silhouettes,
                }
                space = candidate.space.to_plain()
                pending.append(
                    keeping.submit(cache.keep_candidate, candidate.candidate_id, fact, space, arrays, pictures, maker)
                )
                facts[candidate.candidate_id] = fact
            # Not left to the end of the block: Python 3.11 forgets a thread whose join is interrupted, and it would die in mid-writing.
            for one in pending:
                one.result()  # an error of the disk is this cell's
        if len(specs) > 1:  # here, where matplotlib is loaded and the other cells are drawn meanwhile
            write_bytes(cache.elbow_file(ids), _elbow([facts[i] for i in ids]))
    return [facts[i] for i in ids]


def curves(
    cells: Sequence[Sequence[str]], known: dict[str, dict[str, Any]]
) -> dict[str, tuple[list[dict[str, Any]], Callable[[], bytes]]]:
    """Facts over k of each cell of candidates, by the cell's name, and what draws its elbow; cells with unfinished candidates are left out."""
    found: dict[str, tuple[list[dict[str, Any]], Callable[[], bytes]]] = {}
    for ids in cells:
        if all(i in known for i in ids):
            facts = sorted((known[i] for i in ids), key=lambda fact: fact["params"]["k"])
            found[str(facts[0]["cell"])] = (facts, partial(_kept_elbow, facts))
    return found


def _drawn(
    features: pd.DataFrame, candidates: Sequence[Candidate]
) -> Iterator[tuple[Candidate, dict[str, bytes], float]]:
    """Candidates of a cell, one by one, with their pictures in full and half size, and the seconds these took."""
    from segments.io.plots.sweep import Clusters

    points = plane(features, candidates[0].space)
    shown = points.shown()
    scatter, bars = Clusters(points.points[shown], points.labels, points.log), _silhouettes()
    for candidate in candidates:
        before = time.perf_counter()
        labels, name = candidate.labels, candidate.spec.name
        drawn = {
            "clusters": scatter.pngs(labels[shown], points.centres(labels), name),
            "silhouette": bars.pngs(candidate.silhouettes, labels[candidate.rows], name),
        }
        pictures = {key: full for key, (full, _) in drawn.items()}
        pictures |= {f"{key}.small": half for key, (_, half) in drawn.items()}
        yield candidate, pictures, time.perf_counter() - before


@functools.cache
def _silhouettes() -> Silhouettes:
    """One Figure for all cells that this process draws."""
    from segments.io.plots.sweep import Silhouettes

    return Silhouettes()


def _kept_elbow(facts: list[dict[str, Any]]) -> bytes:
    path = cache.elbow_file(fact["candidate_id"] for fact in facts)
    return path.read_bytes() if path.is_file() else _elbow(facts)


def _elbow(facts: list[dict[str, Any]]) -> bytes:
    from segments.io.plots import sweep as plots_sweep
    from segments.io.plots.style import png

    table = candidates_table(sorted(facts, key=lambda fact: int(fact["params"]["k"])))
    return png(plots_sweep.draw_elbow(table, elbow(table["k"].tolist(), table["wcss"].tolist()), str(facts[0]["cell"])))
