"""Stage `features`: clean tables in, one row per customer out, with the RFM scores' cut-points and the basket mix beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from segments.app.jobs.inputs import Open, features_as_of, purchase_log
from segments.config.root import Config
from segments.features.purchases import basket_mix
from segments.features.table import FIFTHS, RFM_COLUMNS, RfmCuts, Summed, check_complete, sum_up
from segments.io.engines.kept import log_engine
from segments.io.store import catalog
from segments.io.store.documents import KeptTable


def run(config: Config, open_log: Open = catalog.scan) -> str:
    """Build every feature once, write the table, its report and the cut-points; returns who was left out, and what the log does not tell."""
    summed = None
    if config.source.engine is not None:
        summed, kept = summed_by_engine(config)
        catalog.write(catalog.ENGINE_FEATURES, kept)
    else:
        catalog.drop(catalog.ENGINE_FEATURES)
    features = features_as_of(config, config.source.as_of, open_log, summed)
    check_complete(features.report, config.source)
    catalog.write(catalog.FEATURES, features.table)
    catalog.write(catalog.RFM_CUTS, features.rfm_cuts)
    catalog.write(catalog.FEATURES_REPORT, features.report)
    transactions = purchase_log(config, open_log)
    if transactions is None or config.source.as_of is None:
        catalog.drop(catalog.BASKET_MIX)  # left over from another source
    else:
        catalog.write(
            catalog.BASKET_MIX, basket_mix(transactions, date.fromisoformat(config.source.as_of), config.features)
        )
    return "\n".join(features.report.notes)


def summed_by_engine(config: Config) -> tuple[Summed, KeptTable]:
    """Sum up the log of everybody where it lies, and have the engine keep that; the customers of the sample come here."""
    log = catalog.read(catalog.ENGINE_LOG)
    found: list[KeptTable] = []
    with log_engine(config.source) as engine:

        def keep(features: Any) -> tuple[Any, RfmCuts | None]:
            kept, everybody = engine.keep("features", features)
            found.append(kept)
            cuts = None if log.sample_until is None else engine.quantiles(everybody, RFM_COLUMNS, FIFTHS)
            return engine.sampled(everybody, log.sample_until), cuts

        summed = sum_up(engine.kept(log.kept, "data"), config.source, config.features, keep)
    [everybody] = found
    if log.sample_until is not None:
        said = f"{everybody.rows:,} customers are on the engine; here are the {len(summed.table):,} of the sample, and every later figure is theirs"
        summed = replace(summed, notes=[*summed.notes, said])
    return summed, everybody
