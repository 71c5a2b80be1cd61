"""Door `rebuild`: raw data and a stored config in, labels and scores of one candidate out. `segments verify` starts it in a folder of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from segments.app.load import checked
from segments.app.stages import data, features
from segments.app.stages.sweep import grid
from segments.clustering.candidate import candidate_ids, sweep_cell, workers_of
from segments.config.root import Config
from segments.errors import SegmentsError
from segments.io.records.sweep import data_hash
from segments.io.store.files import artifact, read_table, write_json
from segments.io.store.fingerprints import labels_hash


def run(config: Config, candidate_id: str) -> None:
    """Make clean tables, features and the one candidate anew; its labels' hash and scores go to ``rebuilt.json``."""
    data.run(config)
    features.run(config)
    table = read_table(artifact("features", "customers.parquet"))
    for cell in grid(config):
        ids = candidate_ids(cell, table)
        if candidate_id in ids:
            break
    else:
        raise SegmentsError(
            f"the config, the data and the code of then make no candidate {candidate_id}", fix="see what changed"
        )
    # Estimated scores depend on the labelings that share the pass.
    wanted = [cell[ids.index(candidate_id)]] if cell[0].scoring.is_exact(len(table)) else cell
    made = {c.candidate_id: c for c in sweep_cell(table, wanted, workers_of(config.sweep.workers))}[candidate_id]
    found = {
        "candidate_id": candidate_id,
        "data_hash": data_hash(),
        "labels_hash": labels_hash(made.labels),
        "n_customers": made.n_customers,
        "scores": made.scores,
    }
    write_json(Path("rebuilt.json"), found)


if __name__ == "__main__":
    try:
        run(checked(Config, json.loads(Path("config.json").read_text())), sys.argv[1])
    except SegmentsError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        sys.exit(2)
