"""Entry point `rebuild`: raw data and a stored config in, labels and scores of one candidate out. `segments verify` starts it in a folder of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from segments.app.jobs.of_record import of_everybody
from segments.app.jobs.specs import grid
from segments.app.load import checked
from segments.app.stages import data, features
from segments.clustering.candidate import candidate_ids, hash_table, sweep_cell
from segments.clustering.silhouette import cores_to_use
from segments.clustering.space import nearest, to_space
from segments.config.root import Config
from segments.errors import SegmentsError
from segments.io.store import catalog
from segments.io.store.files import write_json
from segments.io.store.fingerprints import file_sha256, labels_hash


def run(config: Config, candidate_id: str) -> None:
    """Make clean tables, features and the one candidate anew; its labels' hash and scores go to ``rebuilt.json``."""
    data.run(config)
    features.run(config)
    table = catalog.read(catalog.FEATURES)
    known = hash_table(table)
    for cell in grid(config, table):
        ids = candidate_ids(cell, known)
        if candidate_id in ids:
            break
    else:
        raise SegmentsError(
            f"the config, the data and the code of then make no candidate {candidate_id}", fix="see what changed"
        )
    # Estimated scores depend on the labelings that share the pass.
    wanted = [cell[ids.index(candidate_id)]] if cell[0].scoring.is_exact(len(table)) else cell
    every = sweep_cell(table, wanted, cores_to_use(config.sweep.workers), known)
    made = {c.candidate_id: c for c in every}[candidate_id]
    labels = made.labels
    fit = of_everybody(config, candidate_id, made.space, made.centres, made.spec.algorithm)
    if fit is not None:
        catalog.write(catalog.FIT_OF_RECORD, fit)
        labels, _ = nearest(to_space(made.space, table), np.array(fit.centres))
    found = {
        "candidate_id": candidate_id,
        "data_hash": file_sha256(catalog.path_of(catalog.FEATURES)),
        "labels_hash": labels_hash(labels),
        "of_record": None if fit is None else file_sha256(catalog.path_of(catalog.FIT_OF_RECORD)),
        "n_customers": made.n_customers,
        "scores": made.scores,
    }
    write_json(Path("rebuilt.json"), found)


def main() -> None:
    """Make the candidate that the command line names, of the config in this folder."""
    try:
        run(checked(Config, json.loads(Path("config.json").read_text())), sys.argv[1])
    except SegmentsError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
