"""Stage `evidence`: candidates in; how stable each is, whether clusters exist at all, and a grade in words out."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TypeVar

import numpy as np
import pandas as pd

from segments.app.jobs.evidence import Cell, record_evidence, weigh_cells
from segments.app.jobs.pool import progress
from segments.clustering.candidate import workers_of
from segments.clustering.space import Space, to_space
from segments.config.root import Config
from segments.evidence.grades import CellEvidence, cell_table, chosen_for, not_evaluated, scores_table
from segments.evidence.selection import cheap_gates_of
from segments.io.plots.evidence import overview
from segments.io.plots.style import png
from segments.io.store.files import artifact, check_source, read_json, read_table, write_bytes, write_json, write_table
from segments.io.tracking.connection import connect

Item = TypeVar("Item")


def run(config: Config) -> str:
    """Weigh every candidate in scope and write the tables; returns where the time went."""
    started, wanted = time.time(), config.evidence
    check_source(artifact("sweep", "sweep.json"), config.source.name)
    cells, left_out = _cells(config)
    found = dict[str, tuple[Cell, CellEvidence]]()
    for cell, evidence in progress(
        weigh_cells(cells, wanted, workers_of(config.sweep.workers)), len(cells), lambda _: "cells weighed"
    ):
        found[cell.name] = (cell, evidence)
    in_order = [found[cell.name] for cell in cells]  # they finish in any order
    tables = [cell_table(cell.candidate_ids, evidence, wanted) for cell, evidence in in_order]
    rows = pd.concat([*(table for table, _ in tables), pd.DataFrame([not_evaluated(i) for i in left_out])])
    agreement = {"customer_id": read_table(artifact("features", "customers.parquet"))["customer_id"]} | {
        i: stable.agreement.astype(np.float32)
        for cell, evidence in in_order
        for i, stable in zip(cell.candidate_ids, evidence.stability, strict=True)
        if stable is not None
    }
    sweep = read_json(artifact("sweep", "sweep.json"))
    facts = {"sweep_id": sweep["sweep_id"], "source": sweep["source"], "seed": wanted.seed, "settings": asdict(wanted)}
    order = read_table(artifact("sweep", "candidates.parquet"), columns=["candidate_id"])
    rows = order.merge(rows, on="candidate_id", validate="one_to_one")
    scores = pd.concat([scores_table(cell.candidate_ids, evidence) for cell, evidence in in_order])
    write_table(artifact("evidence", "evidence.parquet"), rows)
    write_table(artifact("evidence", "clusters.parquet"), pd.concat([clusters for _, clusters in tables]))
    write_table(artifact("evidence", "agreement.parquet"), pd.DataFrame(agreement))
    write_table(artifact("evidence", "nulls.parquet"), scores)
    write_json(artifact("evidence", "gaps.json"), {c.name: asdict(evidence.gap) for c, evidence in in_order})
    write_json(artifact("evidence", "evidence.json"), facts)
    swept = read_table(artifact("sweep", "candidates.parquet")).merge(rows, on="candidate_id")
    write_bytes(artifact("evidence", "evidence.png"), png(overview(swept)))
    with connect(config.tracking, config.source.name) as tracker:
        record_evidence(tracker)
    grades = ", ".join(
        f"{count} {grade}" for grade, count in rows.loc[rows["evaluated"], "grade"].value_counts().items()
    )
    return f"{int(rows['evaluated'].sum())} of {len(rows)} candidates weighed against the {wanted.null_model} null: {grades}; {time.time() - started:.1f} s"


def _cells(config: Config) -> tuple[list[Cell], list[str]]:
    """The cells with a candidate in scope, and the candidates of the others."""
    features = read_table(artifact("features", "customers.parquet"))
    candidates = read_table(artifact("sweep", "candidates.parquet"))
    labels = read_table(artifact("sweep", "labels.parquet"))
    fits = read_json(artifact("sweep", "fits.json"))
    eligible = np.logical_and.reduce(list(cheap_gates_of(candidates, config.selection).values()))
    chosen = chosen_for(candidates, config.evidence, eligible)
    cells, left_out = [], list[str]()
    for (feature_set, scaler), rows in candidates.assign(chosen=chosen).groupby(["feature_set", "scaler"], sort=False):
        rows = rows.sort_values("k")
        ids, name = rows["candidate_id"].tolist(), f"{feature_set} · {scaler}"
        if not rows["chosen"].any():
            left_out += ids
            continue
        X = to_space(Space.from_plain(fits["spaces"][name]), features)
        labelings = [labels[i].to_numpy(dtype=np.int32) for i in ids]
        centres = [np.array(fits["centres"][i]) for i in ids]
        cells.append(Cell(name, X, ids, labelings, centres, rows["chosen"].tolist()))
    return cells, left_out
