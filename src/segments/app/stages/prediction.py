"""Stage `prediction`: the purchase log and the named segments in; compared models, and a forecast per customer and segment out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.app.jobs.inputs import purchase_log
from segments.app.jobs.metrics import calibrations, prediction_metrics
from segments.app.jobs.specs import chosen
from segments.clustering.candidate import Spec
from segments.config.root import Config
from segments.errors import ForecastError
from segments.features.table import build_features
from segments.forecast.forecast import Prediction, predict
from segments.io.records.prediction import write_prediction_record
from segments.io.store import catalog
from segments.io.store.documents import NoPrediction
from segments.io.store.files import read_json
from segments.io.store.fingerprints import Start
from segments.io.tracking.connection import connect
from segments.io.tracking.results import track_predictions


def run(config: Config) -> str:
    """Compare, recommend and look ahead; where that does not apply, say so and write nothing else."""
    started = Start()
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    choice = catalog.read(catalog.CHOICE)
    spec = None if config.source.transactions is None else chosen(config)
    if spec is None:
        lacking = "transactions" if config.source.transactions is None else "chosen segments"
        return _nothing(f"prediction does not apply: source '{config.source.name}' has no {lacking}")
    members = catalog.read(catalog.NAMED_LABELS)
    try:
        made = _predict(config, spec, members["cluster"].to_numpy().astype("int32"))
    except ForecastError as error:
        return _nothing(f"nothing is foreseen: {error.what}")
    named = members.drop_duplicates("cluster").set_index("cluster")
    for table in (made.customers, made.segments):
        at = table.columns.get_loc("cluster")
        for column in ("segment", "segment_id"):
            table.insert(at + 1, column, table["cluster"].map(named[column]).astype("str"))
    catalog.write(catalog.CUSTOMER_FORECAST, made.customers)
    catalog.write(catalog.SEGMENT_FORECAST, made.segments)
    catalog.write(catalog.MODEL_COMPARISON, made.comparison)
    catalog.write(catalog.CALIBRATION, made.calibration)
    folder = write_prediction_record(made, config.source.name, str(choice.candidate_id), started)
    facts = catalog.read(catalog.PREDICTION)
    catalog.write(catalog.PREDICTION_METRICS, prediction_metrics(facts, made.comparison))
    catalog.write(catalog.CHURN_CALIBRATION, calibrations(facts, made.calibration, "churn"))
    catalog.write(catalog.VALUE_CALIBRATION, calibrations(facts, made.calibration, "value"))
    with connect(config.tracking, config.source.name) as tracker:
        track_predictions(tracker, read_json(folder / "record.json"), folder)
    return "\n".join(made.facts["recommendation"] + made.facts["segments_help"])


def _nothing(reason: str) -> str:
    """Say why nothing is foreseen, and leave nothing of before that says otherwise."""
    catalog.keep_only("prediction", [catalog.PREDICTION, catalog.PREDICTION_METRICS])
    nothing = NoPrediction(False, reason)
    catalog.write(catalog.PREDICTION, nothing)
    catalog.write(catalog.PREDICTION_METRICS, prediction_metrics(nothing, None))
    return reason


def _predict(config: Config, spec: Spec, labels: NDArray[np.int32]) -> Prediction:
    """The clean tables opened, and the one call."""
    source = config.source
    people = None if source.customers is None else catalog.read(catalog.CLEAN_CUSTOMERS)

    def build(lines: Any, day: date) -> pd.DataFrame:
        return build_features(people, lines, replace(source, as_of=str(day)), config.features).table

    features = catalog.read(catalog.FEATURES)
    lines = purchase_log(config)
    today = date.fromisoformat(str(source.as_of))
    models, window = config.grid_prediction_models, config.features.window_days
    return predict(features, labels, lines, build, spec, models, today, config.prediction, window, source.currency)
