"""Stage `prediction`: the purchase log and the named segments in; compared models, and a forecast per customer and segment out."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.app.load import check_source
from segments.app.stages.selection import chosen
from segments.clustering.candidate import Spec
from segments.config.root import Config
from segments.features.table import build_features
from segments.forecast.forecast import Prediction, predict
from segments.io.records.prediction import write_record
from segments.io.store.files import artifact, read_json, read_table, scan_table, write_json, write_table
from segments.io.tracking.connection import connect
from segments.io.tracking.results import track_predictions

TABLES = ("customers", "segments", "comparison", "calibration")
PICTURES = ("calibration_churn", "calibration_value", "comparison_churn", "comparison_value")


def run(config: Config) -> str:
    """Compare, recommend and look ahead; where that does not apply, say so and write nothing else."""
    started = time.time()
    check_source(artifact("features", "report.json"), config.source.name)
    choice = read_json(artifact("selection", "choice.json"))
    spec = None if config.source.transactions is None else chosen(config)
    if spec is None:
        lacking = "transactions" if config.source.transactions is None else "chosen segments"
        for name in [f"{table}.parquet" for table in TABLES] + [f"{picture}.png" for picture in PICTURES]:
            artifact("prediction", name).unlink(missing_ok=True)
        reason = f"prediction does not apply: source '{config.source.name}' has no {lacking}"
        write_json(artifact("prediction", "prediction.json"), {"applies": False, "reason": reason})
        return reason
    members = read_table(artifact("identity", "segments.parquet"))
    made = _predict(config, spec, members["cluster"].to_numpy().astype("int32"))
    named = members.drop_duplicates("cluster").set_index("cluster")
    for table in (made.customers, made.segments):
        at = table.columns.get_loc("cluster")
        for column in ("segment", "segment_id"):
            table.insert(at + 1, column, table["cluster"].map(named[column]).astype("str"))
    for name in TABLES:
        write_table(artifact("prediction", f"{name}.parquet"), getattr(made, name))
    folder = write_record(made, config.source.name, choice["candidate_id"], started)
    with connect(config.tracking, config.source.name) as tracker:
        track_predictions(tracker, read_json(folder / "record.json"), folder)
    return "\n".join(made.facts["recommendation"] + made.facts["segments_help"])


def _predict(config: Config, spec: Spec, labels: NDArray[np.int32]) -> Prediction:
    """The clean tables opened, and the one call."""
    source = config.source
    people = None if source.customers is None else read_table(artifact("data", "customers.parquet"))

    def build(lines: Any, day: date) -> pd.DataFrame:
        return build_features(people, lines, replace(source, as_of=str(day)), config.features).table

    features = read_table(artifact("features", "customers.parquet"))
    lines = scan_table(artifact("data", "transactions.parquet"))
    today = date.fromisoformat(str(source.as_of))
    return predict(features, labels, lines, build, spec, config.grid_prediction_models, today, config.prediction)
