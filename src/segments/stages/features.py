"""Stage `features`: clean tables in, one row per customer out, with the RFM scores' cut-points and the basket mix beside it."""

from __future__ import annotations

from datetime import date

from segments import store
from segments.config import Config
from segments.features import basket_mix, build_features
from segments.stages import check_source


def run(config: Config) -> None:
    """Read the clean tables of the source, build every feature once, write the table, its report and the cut-points."""
    check_source(store.artifact("data", "report.json"), config.source.name)
    customers = transactions = None
    if config.source.customers is not None:
        customers = store.read_table(store.artifact("data", "customers.parquet"))
    if config.source.transactions is not None:
        open_log = store.scan_table if config.features.engine == "duckdb" else store.read_table
        transactions = open_log(store.artifact("data", "transactions.parquet"))
    features = build_features(customers, transactions, config.source, config.features)
    store.write_table(store.artifact("features", "customers.parquet"), features.table)
    store.write_json(store.artifact("features", "rfm_cuts.json"), features.rfm_cuts)
    store.write_json(store.artifact("features", "report.json"), features.report)
    mix = store.artifact("features", "basket_mix.parquet")
    if transactions is None or config.source.as_of is None:
        mix.unlink(missing_ok=True)  # left over from another source
    else:
        store.write_table(mix, basket_mix(transactions, date.fromisoformat(config.source.as_of)))
