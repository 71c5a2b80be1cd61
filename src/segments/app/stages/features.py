"""Stage `features`: clean tables in, one row per customer out, with the RFM scores' cut-points and the basket mix beside it."""

from __future__ import annotations

from datetime import date
from typing import Any

from segments.app.stages import check_source
from segments.config import Config
from segments.features.purchases import basket_mix
from segments.features.table import Features, as_of, build_features
from segments.io import store
from segments.io.store import catalog


def run(config: Config) -> None:
    """Build every feature once, write the table, its report and the cut-points."""
    features = features_as_of(config, config.source.as_of)
    store.write_table(store.artifact("features", "customers.parquet"), features.table)
    store.write_json(store.artifact("features", "rfm_cuts.json"), features.rfm_cuts)
    catalog.write(catalog.FEATURES_REPORT, features.report)
    transactions, mix = _transactions(config), store.artifact("features", "basket_mix.parquet")
    if transactions is None or config.source.as_of is None:
        mix.unlink(missing_ok=True)  # left over from another source
    else:
        store.write_table(mix, basket_mix(transactions, date.fromisoformat(config.source.as_of)))


def features_as_of(config: Config, day: str | None) -> Features:
    """Read the clean tables of the source and build the features as they were at the end of a day; later lines change nothing.

    Raises
    ------
    ConfigError
        If the source has no transactions to look back in, or the day is later than its as-of date.
    """
    check_source(store.artifact("data", "report.json"), config.source.name)
    customers = None
    if config.source.customers is not None:
        customers = store.read_table(store.artifact("data", "customers.parquet"))
    return build_features(customers, _transactions(config), as_of(config.source, day), config.features)


def _transactions(config: Config) -> Any:
    """The clean purchase lines, open for the engine of the config; ``None`` where the source has none."""
    if config.source.transactions is None:
        return None
    open_log = store.scan_table if config.features.engine == "duckdb" else store.read_table
    return open_log(store.artifact("data", "transactions.parquet"))
