"""Stage `evidence`: candidates in; how stable each is, whether clusters exist at all, and a grade in words out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segments.app.jobs.evidence import Cell, evaluate_cells, record_measured
from segments.app.jobs.metrics import evidence_metrics
from segments.app.jobs.pool import progress
from segments.clustering.silhouette import cores_to_use
from segments.clustering.space import to_space
from segments.config.root import Config
from segments.evidence.existence import peaks_of
from segments.evidence.grades import CellEvidence, cell_table, chosen_for, not_evaluated, scores_table
from segments.evidence.selection import cheap_gates_of
from segments.io.plots.evidence import evidence_overview
from segments.io.plots.style import drawn
from segments.io.store import catalog
from segments.io.store.documents import EvidenceRun
from segments.io.store.fingerprints import Start


def run(config: Config) -> str:
    """Evaluate every candidate in scope and write the tables; returns where the time went."""
    started, wanted = Start(), config.evidence
    catalog.check_source(catalog.SWEEP, config.source.name)
    cells, left_out = _cells(config)
    found = dict[str, tuple[Cell, CellEvidence]]()
    for cell, evidence in progress(
        evaluate_cells(cells, wanted, cores_to_use(config.sweep.workers)), len(cells), lambda _: "cells evaluated"
    ):
        found[cell.name] = (cell, evidence)
    in_order = [found[cell.name] for cell in cells]  # they finish in any order
    peaks = peaks_of([evidence.existence for _, evidence in in_order])
    silhouettes = catalog.read(catalog.CANDIDATES).set_index("candidate_id")["silhouette"]
    tables = [
        cell_table(cell.candidate_ids, evidence, wanted, peaks, silhouettes[cell.candidate_ids].tolist())
        for cell, evidence in in_order
    ]
    rows = pd.concat([*(table for table, _ in tables), pd.DataFrame([not_evaluated(i) for i in left_out])])
    agreement = {"customer_id": catalog.read(catalog.FEATURES)["customer_id"]} | {
        i: stable.agreement.astype(np.float32)
        for cell, evidence in in_order
        for i, stable in zip(cell.candidate_ids, evidence.stability, strict=True)
        if stable is not None
    }
    sweep = catalog.read(catalog.SWEEP)
    order = catalog.read_columns(catalog.CANDIDATES, "candidate_id")
    rows = order.merge(rows, on="candidate_id", validate="one_to_one")
    scores = pd.concat([scores_table(cell.candidate_ids, evidence) for cell, evidence in in_order])
    catalog.write(catalog.CANDIDATE_EVIDENCE, rows)
    catalog.write(catalog.CLUSTER_STABILITY, pd.concat([clusters for _, clusters in tables]))
    catalog.write(catalog.AGREEMENT, pd.DataFrame(agreement))
    catalog.write(catalog.NULL_SCORES, scores)
    catalog.write(catalog.GAP_STATISTICS, {cell.name: evidence.gap for cell, evidence in in_order})
    catalog.write(catalog.EVIDENCE_RUN, EvidenceRun(sweep.sweep_id, sweep.source, wanted.seed, wanted))
    swept = catalog.read(catalog.CANDIDATES).merge(rows, on="candidate_id")
    catalog.write(catalog.EVIDENCE_PICTURES, drawn({"evidence": evidence_overview(swept)}))
    catalog.write(catalog.EVIDENCE_METRICS, evidence_metrics(rows))
    record_measured(config)
    grades = ", ".join(
        f"{count} {grade}" for grade, count in rows.loc[rows["evaluated"], "grade"].value_counts().items()
    )
    return f"{int(rows['evaluated'].sum())} of {len(rows)} candidates evaluated against the {wanted.null_model} null: {grades}; {started.seconds:.1f} s"


def _cells(config: Config) -> tuple[list[Cell], list[str]]:
    """The cells with a candidate in scope, and the candidates of the others."""
    features = catalog.read(catalog.FEATURES)
    candidates = catalog.read(catalog.CANDIDATES)
    labels = catalog.read(catalog.LABELS)
    fits = catalog.read(catalog.FITS)
    eligible = np.logical_and.reduce(list(cheap_gates_of(candidates, config.selection).values()))
    chosen = chosen_for(candidates, config.evidence, eligible)
    cells, left_out = [], list[str]()
    for (feature_set, scaler), rows in candidates.assign(chosen=chosen).groupby(["feature_set", "scaler"], sort=False):
        rows = rows.sort_values("k")
        ids, name = rows["candidate_id"].tolist(), f"{feature_set} · {scaler}"
        if not rows["chosen"].any():
            left_out += ids
            continue
        X = to_space(fits.spaces[name], features)
        labelings = [labels[i].to_numpy(dtype=np.int32) for i in ids]
        centres = [np.array(fits.centres[i]) for i in ids]
        cells.append(Cell(name, X, ids, labelings, centres, rows["chosen"].tolist()))
    return cells, left_out
