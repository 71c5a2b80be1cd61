"""Cells of candidates -> finished evidence, made side by side and kept in the cache. Comes in: cells. Goes out: evidence of each.

A cell that is finished is never made again: a killed run continues from those.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from segments.app.jobs.pool import side_by_side
from segments.config.evidence import EvidenceConfig
from segments.config.root import Config
from segments.evidence.grades import CellEvidence, evaluate_cell, evidence_id
from segments.evidence.resample_fits import Floats, Integers
from segments.evidence.selection import largest_revenue_shares
from segments.io.store import catalog
from segments.io.store.cache import keep_evidence, kept_evidence
from segments.io.tracking.candidates import track_evidence
from segments.io.tracking.connection import Tracker, connect

# Stages that measure, and after which `sensitivity` comes: it depends on both.
BEFORE_THE_LAST = ("evidence", "usefulness")


@dataclass(frozen=True)
class Cell:
    """Candidates that share a clustered space, k rising.

    Parameters
    ----------
    name : str
        Feature set and scaler.
    X : ndarray of shape (n_customers, n_columns)
        The clustered space.
    candidate_ids : list of str
        Of the candidates.
    labelings : list of ndarray of shape (n_customers,)
        Their clusters.
    centres : list of ndarray of shape (k, n_columns)
        Their centres.
    evaluate : list of bool
        Whose stability is wanted.
    """

    name: str
    X: Floats
    candidate_ids: list[str]
    labelings: list[Integers]
    centres: list[Floats]
    evaluate: list[bool]


def evaluate_cells(cells: Sequence[Cell], config: EvidenceConfig, workers: int) -> Iterator[tuple[Cell, CellEvidence]]:
    """Evaluate cells side by side, each process on one thread; yields each as it is finished."""
    # those of most columns, which take longest, first: the last to end leave no core idle for long
    order = sorted(range(len(cells)), key=lambda number: -cells[number].X.shape[1])
    tasks = ((number, cells[number], config) for number in order)
    for number, evidence in side_by_side(_evaluate, tasks, min(workers, len(cells))):
        yield cells[number], evidence


def evaluate(cell: Cell, config: EvidenceConfig) -> CellEvidence:
    """Evidence of a cell: from the cache, or made and put there."""
    identity = evidence_id(cell.candidate_ids, cell.evaluate, config)
    if (arrays := kept_evidence(identity)) is not None:
        return CellEvidence.from_arrays(arrays)
    found = evaluate_cell(cell.X, cell.labelings, cell.centres, config, cell.evaluate)
    keep_evidence(identity, found.to_arrays())
    return found


def _evaluate(number: int, cell: Cell, config: EvidenceConfig) -> tuple[int, CellEvidence]:
    return number, evaluate(cell, config)


def measured_candidates() -> pd.DataFrame:
    """The sweep's table of candidates with all that was measured of each beside it, but for firmness: evidence, share of revenue, usefulness."""
    evidence, useful = catalog.read(catalog.CANDIDATE_EVIDENCE), catalog.read(catalog.USEFULNESS)
    table = catalog.read(catalog.CANDIDATES).merge(evidence, on="candidate_id", how="left", validate="one_to_one")
    features, labels = catalog.read(catalog.FEATURES), catalog.read(catalog.LABELS)
    if "monetary" in features:
        table["revenue_share"] = largest_revenue_shares(labels[table["candidate_id"].tolist()], features["monetary"])
    return table.merge(useful, on="candidate_id", how="left", validate="one_to_one")


def record_measured(config: Config) -> None:
    """Put what was measured so far on the candidates' runs; among the stages of `dvc repro`, the last that measures does so for all."""
    if os.environ.get("DVC_STAGE") in BEFORE_THE_LAST:  # to open MLflow's record takes two seconds, to write it as long
        return
    with connect(config.tracking, config.source.name) as tracker:
        record_evidence(tracker)


def record_evidence(tracker: Tracker) -> None:
    """Put what was measured on the runs of the candidates it is about, as far as it is there, if it is of this source."""
    made = catalog.read(catalog.EVIDENCE_RUN) if catalog.exists(catalog.EVIDENCE_RUN) else None
    if made is None or made.source != tracker.source:
        return
    rows = catalog.read(catalog.CANDIDATES).merge(catalog.read(catalog.CANDIDATE_EVIDENCE), on="candidate_id")
    for table in (catalog.USEFULNESS, catalog.HOLDS):
        if catalog.exists(table):
            rows = rows.merge(catalog.read(table), on="candidate_id", how="left")
    track_evidence(tracker, rows[rows["evaluated"]].to_dict("records"), made.sweep_id)
