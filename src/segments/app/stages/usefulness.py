"""Stage `usefulness`: candidates and the purchase log in; how much of the time after each segmentation explains out, made of the time before alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import narwhals as nw
import pandas as pd

from segments.app.jobs.evidence import record_measured
from segments.app.jobs.inputs import purchase_log
from segments.app.jobs.metrics import usefulness_metrics
from segments.app.jobs.pool import side_by_side
from segments.app.jobs.specs import spec_of
from segments.clustering.candidate import Spec
from segments.clustering.silhouette import cores_to_use
from segments.config.root import Config
from segments.errors import DataError, ForecastError, SweepError
from segments.evidence.sensitivity import Partition, labels_of
from segments.evidence.usefulness import outcomes_of, usefulness
from segments.features.purchases import basket_mix, transaction_features
from segments.features.table import build_features
from segments.forecast.timeline import with_horizon
from segments.io.store import catalog
from segments.io.store.documents import UsefulnessRun


def run(config: Config) -> str:
    """Make every candidate again as of one horizon earlier and measure it on what came after; without a log, say so."""
    catalog.check_source(catalog.SWEEP, config.source.name)
    candidates = catalog.read(catalog.CANDIDATES)
    rows, without = candidates[["candidate_id"]], pd.DataFrame()
    try:
        rows, without, made = _measure(config, candidates)
    except (ForecastError, DataError) as error:
        made = UsefulnessRun(config.source.name, None, None, 0, [], [error.what])
    catalog.write(catalog.USEFULNESS, rows)
    catalog.write(catalog.USEFULNESS_RUN, made)
    catalog.write(catalog.USEFULNESS_METRICS, usefulness_metrics(rows, made))
    if without.empty:
        catalog.drop(catalog.USEFULNESS_WITHOUT)
    else:
        catalog.write(catalog.USEFULNESS_WITHOUT, without)
    record_measured(config)
    if made.as_of is None:
        return f"how useful segments are is not known: {made.notes[0]}"
    best = candidates.loc[rows["usefulness"].idxmax()] if rows["usefulness"].notna().any() else None
    most = "" if best is None else f"; most useful: {best['feature_set']} · {best['scaler']} · k={best['k']}"
    said = f"{', '.join(made.outcomes)} from {made.as_of} to {made.until}, by segments of {made.customers:,} customers as of {made.as_of}{most}"
    return "\n".join([said, *made.notes])


def _measure(config: Config, candidates: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, UsefulnessRun]:
    """The table, what the errors of differences are computed from, and the facts."""
    from segments.forecast.earlier_days import blind  # brings its models, which no helper process needs

    source, lines = config.source, purchase_log(config)
    if lines is None or source.as_of is None:
        raise ForecastError(f"source '{source.name}' has no transactions")
    today = date.fromisoformat(source.as_of)
    first = nw.from_native(lines).lazy().select(nw.col("purchased_at").min()).collect().item().date()
    horizon, notes = with_horizon(config.prediction, first, today)
    before = today - timedelta(days=horizon.horizon_days)
    if before <= first:
        raise ForecastError(f"a horizon of {horizon.horizon_days} days leaves nothing of a log that begins on {first}")
    people = None if source.customers is None else catalog.read(catalog.CLEAN_CUSTOMERS)

    def build(log: Any, day: date) -> pd.DataFrame:
        as_of = replace(source, as_of=str(day))
        return build_features(people, log, as_of, config.features, config.used_columns).table

    known = blind(build, lines, before)
    outcomes, more = outcomes_of(known["customer_id"], *_ahead(config, lines, before, today), config.usefulness)
    notes += more
    if not outcomes:
        raise ForecastError("; ".join(more))
    if people is not None and (said := _undated(config, candidates, set(people.columns))):
        notes.append(said)
    cells = [
        (list(rows["candidate_id"]), [spec_of(config, row) for _, row in rows.iterrows()])
        for _, rows in candidates.groupby(["feature_set", "scaler"], sort=False)
    ]
    labelings: dict[str, Partition] = {}
    tasks = ((known, ids, specs) for ids, specs in cells)
    for made, lacking in side_by_side(_made_again, tasks, min(cores_to_use(config.sweep.workers), len(cells))):
        labelings |= made
        notes += lacking
    if not labelings:
        raise ForecastError(notes[-1])
    in_order = {i: labelings[i] for i in candidates["candidate_id"] if i in labelings}
    found = usefulness(in_order, outcomes, config.usefulness)
    rows = candidates[["candidate_id"]].join(found.table, on="candidate_id")
    names = [one.name for one in outcomes]
    return rows, found.without, UsefulnessRun(source.name, str(before), str(today), len(known), names, sorted(notes))


def _ahead(config: Config, lines: Any, before: date, until: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was bought after a day: features of that time alone, and the basket mix."""
    after = datetime.combine(before + timedelta(days=1), time())
    rest = nw.to_native(nw.from_native(lines).filter(nw.col("purchased_at") >= after))
    settings = replace(config.features, window_days=None)
    try:
        sums = transaction_features(rest, until, settings)
        mix = basket_mix(rest, until, settings)
    except DataError:
        raise ForecastError(f"nobody bought anything after {before}") from None
    return nw.from_native(sums).lazy().collect("pandas").to_native(), mix


def _made_again(known: pd.DataFrame, ids: list[str], specs: list[Spec]) -> tuple[dict[str, Partition], list[str]]:
    """Partition of the candidates of a cell; what cannot be made of so few customers is noted."""
    try:
        return dict(zip(ids, labels_of(known, specs), strict=True)), []
    except SweepError as error:
        return {}, [f"{specs[0].cell} cannot be made of the {len(known):,} customers of then: {error.what}"]


def _undated(config: Config, candidates: pd.DataFrame, columns: set[str]) -> str:
    """A caution about what the customers table says: nobody knows when it was written down."""
    sets = [
        name
        for name in dict.fromkeys(candidates["feature_set"])
        if columns & set(config.grid_feature_sets[name].columns)
    ]
    return (
        f"{', '.join(sets)}: the customers table does not say when it was written, so what is explained may partly be known from later"
        if sets
        else ""
    )
