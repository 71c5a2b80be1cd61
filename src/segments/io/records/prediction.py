"""What the prediction's MLflow runs are made from, as files, so that the runs can be rebuilt from them.

Comes in: a finished prediction. Goes out: pictures and facts in ``artifacts/prediction``, and a folder per prediction with ``record.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from segments.forecast.comparison import DECIDES, EVERYBODY, OUTCOME_WORDS, rows_of
from segments.forecast.forecast import Prediction
from segments.io.plots import prediction as draw
from segments.io.plots.style import drawn, png
from segments.io.store import catalog
from segments.io.store.cache import forecast
from segments.io.store.files import read_json, write_bytes, write_csv, write_json
from segments.io.store.fingerprints import Start, origin, sha256
from segments.io.store.seals import seal


def write_prediction_record(made: Prediction, source: str, candidate_id: str, started: Start) -> Path:
    """Write all that MLflow gets of a prediction; never a customer's row.

    Parameters
    ----------
    made : Prediction
        What was compared and recommended.
    source, candidate_id : str
        Whose segments.
    started : Start
        When the stage began.

    Returns
    -------
    Path
        The prediction's folder; named by a hash of its results, so that the same prediction is the same runs.
    """
    runs = [{**run, "params": {"source": source, **run["params"]}} for run in made.runs]
    identity = sha256(json.dumps([candidate_id, runs], sort_keys=True).encode())[:12]
    made_for = {"candidate_id": candidate_id, "prediction_id": identity}
    folder = forecast(identity)
    files = folder / "files"
    figures = {}
    for outcome, metric in DECIDES.items():
        rows = rows_of(made.comparison, outcome=outcome, metric=metric, segment=EVERYBODY)
        best = made.facts["recommended"][outcome]
        own, axis = (best["model"], best["variant"]), f"{OUTCOME_WORDS[metric]}, smaller is better"
        figures[f"comparison_{outcome}"] = draw.comparison(rows, f"{outcome}, on later time", axis, own)
        figures[f"calibration_{outcome}"] = _calibration(made, outcome, *own)
        for number, run in enumerate(runs):
            picture = png(_calibration(made, outcome, run["params"]["model"], run["params"]["variant"]))
            write_bytes(folder / "runs" / str(number) / f"calibration_{outcome}.png", picture)
    catalog.write(catalog.PREDICTION_PICTURES, drawn(figures))
    catalog.write(catalog.PREDICTION, catalog.PREDICTION.of(made.facts | made_for))
    for path in [*catalog.PREDICTION_PICTURES.files_to_show(), *catalog.PREDICTION.files()]:
        write_bytes(files / path.name, path.read_bytes())
    for name in ("comparison", "calibration", "segments"):
        write_csv(files / f"{name}.csv", getattr(made, name))
    message = {f"{outcome}_{metric}": value for outcome in DECIDES for metric, value in _scores(made, outcome).items()}
    message |= {f"{outcome}_skill": made.facts["skill"][outcome]["share"] for outcome in DECIDES}
    facts = {
        **made_for,
        "source": source,
        "runs": runs,
        "recommended": message,
        "note": " ".join(made.facts["recommendation"] + made.facts["segments_help"]),
    }
    made_by = origin()
    timing = {"started_ms": started.ms, "seconds": started.seconds}
    if (folder / "record.json").is_file():  # made before: it began when it first did
        earlier = read_json(folder / "record.json")
        timing = {key: earlier[key] for key in timing}
        made_by = earlier.get("origin", {})
    write_json(folder / "record.json", facts | timing | {"origin": made_by})
    seal(folder)
    return folder


def _scores(made: Prediction, outcome: str) -> dict[str, float]:
    best = made.facts["recommended"][outcome]
    own = rows_of(made.comparison, outcome=outcome, model=best["model"], variant=best["variant"], segment=EVERYBODY)
    return {row.metric: float(row.value) for row in own.itertuples() if np.isfinite(row.value)}


def _calibration(made: Prediction, outcome: str, model: str, variant: str) -> Figure:
    groups = rows_of(made.calibration, outcome=outcome, model=model, variant=variant)
    metric = "calibration_error" if outcome == "churn" else "total_ratio"
    scores = rows_of(made.comparison, outcome=outcome, model=model, variant=variant, metric=metric, segment=EVERYBODY)
    row = scores.iloc[0]
    note = f"{OUTCOME_WORDS[metric]} {row['value']:.3g} ({row['low']:.3g} to {row['high']:.3g}), {row['customers']:,} customers"
    return draw.calibration(groups, outcome, f"{outcome} · {model} · {variant}", note)
