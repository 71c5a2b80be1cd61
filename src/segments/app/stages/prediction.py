"""Stage `prediction`: the purchase log and the named segments in; compared models, and a forecast per customer and segment out."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.app.jobs.specs import chosen
from segments.clustering.candidate import Spec
from segments.config import Config
from segments.features.table import build_features
from segments.forecast.forecast import Prediction, predict
from segments.io import store, tracking
from segments.io.records.prediction import write_record
from segments.io.store.files import check_source

TABLES = ("customers", "segments", "comparison", "calibration")
PICTURES = ("calibration_churn", "calibration_value", "comparison_churn", "comparison_value")


def run(config: Config) -> str:
    """Compare, recommend and look ahead; where that does not apply, say so and write nothing else."""
    started = time.time()
    check_source(store.artifact("features", "report.json"), config.source.name)
    choice = store.read_json(store.artifact("selection", "choice.json"))
    spec = None if config.source.transactions is None else chosen(config)
    if spec is None:
        lacking = "transactions" if config.source.transactions is None else "chosen segments"
        for name in [f"{table}.parquet" for table in TABLES] + [f"{picture}.png" for picture in PICTURES]:
            store.artifact("prediction", name).unlink(missing_ok=True)
        reason = f"prediction does not apply: source '{config.source.name}' has no {lacking}"
        store.write_json(store.artifact("prediction", "prediction.json"), {"applies": False, "reason": reason})
        return reason
    members = store.read_table(store.artifact("identity", "segments.parquet"))
    made = _predict(config, spec, members["cluster"].to_numpy().astype("int32"))
    named = members.drop_duplicates("cluster").set_index("cluster")
    for table in (made.customers, made.segments):
        at = table.columns.get_loc("cluster")
        for column in ("segment", "segment_id"):
            table.insert(at + 1, column, table["cluster"].map(named[column]).astype("str"))
    for name in TABLES:
        store.write_table(store.artifact("prediction", f"{name}.parquet"), getattr(made, name))
    folder = write_record(made, config.source.name, choice["candidate_id"], started)
    with tracking.connect(config.tracking, config.source.name) as tracker:
        tracking.track_predictions(tracker, store.read_json(folder / "record.json"), folder)
    return "\n".join(made.facts["recommendation"] + made.facts["segments_help"])


def _predict(config: Config, spec: Spec, labels: NDArray[np.int32]) -> Prediction:
    """The clean tables opened, and the one call."""
    source = config.source
    people = None if source.customers is None else store.read_table(store.artifact("data", "customers.parquet"))
    open_log = store.scan_table if config.features.engine == "duckdb" else store.read_table

    def build(lines: Any, day: date) -> pd.DataFrame:
        return build_features(people, lines, replace(source, as_of=str(day)), config.features).table

    features = store.read_table(store.artifact("features", "customers.parquet"))
    lines = open_log(store.artifact("data", "transactions.parquet"))
    today = date.fromisoformat(str(source.as_of))
    return predict(features, labels, lines, build, spec, config.grid_prediction_models, today, config.prediction)
