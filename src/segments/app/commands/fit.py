"""Command `fit`: ONE candidate (feature set, scaler, k from the config), the same as the sweep would make, tracked; or those of many configs, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from segments.app.jobs.candidates import make_cell, make_cells
from segments.app.terminal import columns
from segments.clustering.candidate import Spec, check_plan
from segments.clustering.silhouette import cores_to_use
from segments.config.root import Config
from segments.errors import SegmentsError
from segments.io.store import catalog
from segments.io.tracking.candidates import track_candidates
from segments.io.tracking.connection import connect


def run(configs: Sequence[Config]) -> Iterator[str]:
    """Make the candidates, and track each cell as it is finished; yields one line for each candidate.

    Raises
    ------
    SegmentsError
        The first that cannot be made, once all others are.
    """
    refused: list[SegmentsError] = []
    cells: list[list[Spec]] = []
    for config in configs:
        try:
            catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
        except SegmentsError as error:
            refused.append(error)
            continue
        grid = config.sweep
        spec = Spec(
            config.source.name, config.feature_set, config.scaler, config.algorithm, config.k, grid.seed, grid.scoring
        )
        cell = next((one for one in cells if replace(one[0], k=spec.k) == spec), None)
        if cell is None:
            cells.append([spec])
        elif spec not in cell:
            cell.append(spec)
    features = catalog.read(catalog.FEATURES) if cells else None
    for cell in cells:
        cell.sort(key=lambda spec: spec.k)
        while cell:
            try:
                check_plan(features, [cell])
                break
            except SegmentsError as error:
                refused.append(error)
                cell.pop()  # the largest k asks too much, or all of them do
    if cells := [cell for cell in cells if cell]:
        workers, tracked_to = cores_to_use(configs[0].sweep.workers), configs[0].tracking
        alone = nullcontext(make_cell(features, cell, workers) for cell in cells)
        with (
            make_cells(features, cells, workers) if len(cells) > 1 else alone as made,
            connect(tracked_to, cells[0][0].source) as tracker,
        ):
            every = []
            for finished in made:
                track_candidates(tracker, finished)
                yield from (_line(facts) for facts in finished)
                every += finished
            if len(every) > 1:
                yield from _ranked(every)
    if refused:
        raise refused[0]


def _ranked(every: list[dict[str, Any]]) -> list[str]:
    """All candidates as a table, the best first by the silhouette over all features: the one score here that feature sets can be compared by."""
    every = sorted(every, key=lambda facts: -facts["scores"]["silhouette_reference"])
    heads = ["rank", "candidate", "feature set", "scaler", "k", "silhouette over all", "silhouette", "smallest segment"]
    rows = []
    for rank, facts in enumerate(every, start=1):
        params, scores = facts["params"], facts["scores"]
        figures = [f"{scores[name]:.4f}" for name in ("silhouette_reference", "silhouette")]
        names = [facts["candidate_id"], params["feature_set"], params["scaler"], str(params["k"])]
        rows.append([str(rank), *names, *figures, f"{scores['smallest_share']:.1%}"])
    said = "Ranked by the silhouette over all features. It says nothing of stability: `segments sweep` and the stages after it choose."
    return ["", *columns(heads, rows), said]


def _line(facts: dict[str, Any]) -> str:
    scores = facts["scores"]
    return f"{facts['candidate_id']}  {facts['name']}: WCSS {scores['wcss']:.6g}, silhouette {scores['silhouette']:.4f}, smallest segment {scores['smallest_share']:.1%}"
