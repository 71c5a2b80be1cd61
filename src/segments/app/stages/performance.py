"""Stage `performance`: the purchase log and the chosen segments in; each segment's figures month by month, who moved, and lights for targets out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pyarrow as pa

from segments.action.performance import MISSED, THEN, no_performance, performance, targets_met
from segments.action.uplift import ALL
from segments.app.jobs.inputs import chosen_centres, features_as_of, purchase_log
from segments.config.root import Config
from segments.errors import DataError
from segments.features.purchases import COUNTED
from segments.io.store import catalog
from segments.io.store.documents import PerformanceMetrics, PredictionFacts
from segments.io.store.kinds import Table
from segments.model.answers import score_batches
from segments.model.segmentation import Segment, Segmentation, fit_limits


def run(config: Config) -> str:
    """Sum up, score every period's customers as of then, hold targets against it; where that does not apply, say so in one sentence."""
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    source, settings = config.source, config.performance
    chosen = catalog.read(catalog.CHOICE).chosen
    segments: list[Segment] = []
    if source.transactions is None or source.as_of is None or chosen is None:
        lacking = "no chosen segments" if source.transactions is not None else "no transactions"
        made = no_performance(settings, source.name, f"source '{source.name}' has {lacking}")
    else:
        segments = catalog.read(catalog.IDENTITY).known.segments
        model = _model(config, chosen.candidate_id, chosen.cell, segments)
        ahead = catalog.read(catalog.PREDICTION)
        if settings.inactive_days is None and isinstance(ahead, PredictionFacts):
            settings = replace(settings, inactive_days=ahead.settings.horizon_days)
        today = catalog.read_columns(catalog.NAMED_LABELS, "customer_id", "cluster")
        lines, last = purchase_log(config), date.fromisoformat(source.as_of)
        made = performance(
            lines, lambda day: scored_as_of(config, model, day), today, segments, last, settings, source.name
        )
    lights = targets_met(config.targets.get(source.name, []), made.table, segments, made.facts.last)
    catalog.write(catalog.PERFORMANCE, made.table)
    catalog.write(catalog.MOVERS, made.movers)
    catalog.write(catalog.TARGET_LIGHTS, lights)
    catalog.write(catalog.PERFORMANCE_FACTS, made.facts)
    catalog.write(catalog.PERFORMANCE_METRICS, _metrics(made.facts.last, made.table, lights))
    if made.facts.reason:
        return f"performance does not apply: {made.facts.reason}"
    without_data = [
        f"{row.metric} of {row.segment}: no data, {row.why}" for row in lights[lights["why"] != ""].itertuples()
    ]
    return "\n".join([*made.facts.notes, *without_data])


def _model(config: Config, candidate_id: str, cell: str, segments: list[Segment]) -> Segmentation:
    """The chosen segmentation, which answers as the registered model will."""
    space, centres = catalog.read(catalog.FITS).spaces[cell], chosen_centres(candidate_id)
    limits = fit_limits(space, centres, catalog.read(catalog.FEATURES), config.confidence)
    return Segmentation(candidate_id, space, centres, segments, limits)


def scored_as_of(config: Config, model: Segmentation, day: date) -> pd.DataFrame:
    """Who was in which segment at the end of a day; whom the model could not score is left out."""
    columns = model.space.columns
    # counting different products, stores and departments takes most of the time; features that the model does not ask for are not needed
    spared = [line for line, feature in COUNTED.items() if feature not in columns]

    def without(table: Table) -> object:
        lines = catalog.scan(table)
        return lines.project(", ".join(f'"{name}"' for name in lines.columns if name not in spared))

    try:
        features = features_as_of(config, str(day), without).table
    except DataError:  # nobody had bought anything yet and kept it
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), "cluster": pd.Series(dtype="int64")})
    batches = pa.Table.from_pandas(features[["customer_id", *columns]], preserve_index=False).to_batches(100_000)
    found = [
        pd.DataFrame({"customer_id": one.ids.to_pandas(), "cluster": one.answers["cluster"].to_numpy()})
        for one in score_batches(model, batches)
    ]
    return pd.concat(found, ignore_index=True)


def _metrics(last: str | None, table: pd.DataFrame, lights: pd.DataFrame) -> PerformanceMetrics:
    """What the last whole period brought, and how many targets were missed."""
    missed = int((lights["light"] == MISSED).sum())
    whole = table[(table["membership"] == THEN) & (table["segment_id"] == ALL)]
    own = whole[whole["period"] == last]
    if own.empty:
        return PerformanceMetrics(len(whole), targets_missed=missed)
    names = ("active_customers", "churned", "won_back")
    counts = {name: int(own[name].iloc[0]) for name in names}
    return PerformanceMetrics(len(whole), float(own["revenue"].iloc[0]), **counts, targets_missed=missed)
