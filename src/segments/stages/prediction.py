"""Stage `prediction`: the purchase log and the chosen segmentation in; compared models, and a forecast per customer and segment out."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd

from segments import store, tracking
from segments.config import Config
from segments.errors import ConfigError
from segments.features import build_features
from segments.forecasting import write_record
from segments.prediction import Prediction, predict
from segments.stages import check_source
from segments.sweep import Spec

TABLES = ("customers", "segments", "comparison", "calibration")
PICTURES = ("calibration_churn", "calibration_value", "comparison_churn", "comparison_value")


def run(config: Config) -> str:
    """Compare, recommend and look ahead; where that does not apply, say so and write nothing else."""
    started = time.time()
    check_source(store.artifact("features", "report.json"), config.source.name)
    choice = store.read_json(store.artifact("selection", "choice.json"))
    if config.source.transactions is None or choice["candidate_id"] is None:
        lacking = "transactions" if config.source.transactions is None else "chosen segments"
        for name in [f"{table}.parquet" for table in TABLES] + [f"{picture}.png" for picture in PICTURES]:
            store.artifact("prediction", name).unlink(missing_ok=True)
        reason = f"prediction does not apply: source '{config.source.name}' has no {lacking}"
        store.write_json(store.artifact("prediction", "prediction.json"), {"applies": False, "reason": reason})
        return reason
    made = _predict(config, choice)
    names = store.read_json(store.artifact("profiles", "segments.json"))["names"]
    made.segments.insert(1, "segment", [names[cluster] for cluster in made.segments["cluster"]])
    for name in TABLES:
        store.write_table(store.artifact("prediction", f"{name}.parquet"), getattr(made, name))
    folder = write_record(made, config.source.name, choice["candidate_id"], started)
    with tracking.connect(config.tracking, config.source.name) as tracker:
        tracking.track_predictions(tracker, store.read_json(folder / "record.json"), folder)
    return "\n".join([*made.facts["recommendation"], *made.facts["segments_help"]])


def _predict(config: Config, choice: dict[str, Any]) -> Prediction:
    """The chosen spec looked up by name, the clean tables opened, and the one call."""
    candidates = store.read_table(store.artifact("sweep", "candidates.parquet")).set_index("candidate_id")
    chosen = candidates.loc[choice["candidate_id"]]
    for key, grid in (("feature_set", config.grid_feature_sets), ("scaler", config.grid_scalers)):
        if chosen[key] not in grid:
            raise ConfigError(
                f"the chosen {key} '{chosen[key]}' is not in sweep.{key}s",
                where=f"sweep.{key}s",
                fix="give `segments prediction` the same overrides as `segments sweep`",
            )
    feature_set, scaler = config.grid_feature_sets[chosen["feature_set"]], config.grid_scalers[chosen["scaler"]]
    source, sizes = config.source, (int(chosen["k"]), int(chosen["seed"]))
    spec = Spec(source.name, feature_set, scaler, config.algorithm, *sizes, config.sweep.scoring)
    people = None if source.customers is None else store.read_table(store.artifact("data", "customers.parquet"))
    open_log = store.scan_table if config.features.engine == "duckdb" else store.read_table

    def build(lines: Any, day: date) -> pd.DataFrame:
        return build_features(people, lines, replace(source, as_of=str(day)), config.features).table

    features = store.read_table(store.artifact("features", "customers.parquet"))
    labels = store.read_table(store.artifact("selection", "labels.parquet"))["cluster"].to_numpy().astype("int32")
    lines = open_log(store.artifact("data", "transactions.parquet"))
    today = date.fromisoformat(str(source.as_of))
    return predict(features, labels, lines, build, spec, config.grid_prediction_models, today, config.prediction)
