"""Stage `features`: clean tables in, one row per customer out, with the RFM scores' cut-points and the basket mix beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from segments.app.load import check_source
from segments.config.root import Config
from segments.features.purchases import basket_mix
from segments.features.table import Features, as_of, build_features
from segments.io.store.files import artifact, read_table, scan_table, write_json, write_table


def run(config: Config, open_log: Callable[[Path], Any] = scan_table) -> None:
    """Build every feature once, write the table, its report and the cut-points."""
    features = features_as_of(config, config.source.as_of, open_log)
    write_table(artifact("features", "customers.parquet"), features.table)
    write_json(artifact("features", "rfm_cuts.json"), features.rfm_cuts)
    write_json(artifact("features", "report.json"), features.report)
    transactions, mix = _transactions(config, open_log), artifact("features", "basket_mix.parquet")
    if transactions is None or config.source.as_of is None:
        mix.unlink(missing_ok=True)  # left over from another source
    else:
        write_table(mix, basket_mix(transactions, date.fromisoformat(config.source.as_of)))


def features_as_of(config: Config, day: str | None, open_log: Callable[[Path], Any] = scan_table) -> Features:
    """Read the clean tables of the source and build the features as they were at the end of a day; later lines change nothing.

    Raises
    ------
    ConfigError
        If the source has no transactions to look back in, or the day is later than its as-of date.
    """
    check_source(artifact("data", "report.json"), config.source.name)
    customers = None
    if config.source.customers is not None:
        customers = read_table(artifact("data", "customers.parquet"))
    return build_features(customers, _transactions(config, open_log), as_of(config.source, day), config.features)


def _transactions(config: Config, open_log: Callable[[Path], Any]) -> Any:
    """The clean purchase lines, or ``None`` where the source has none."""
    if config.source.transactions is None:
        return None
    return open_log(artifact("data", "transactions.parquet"))
