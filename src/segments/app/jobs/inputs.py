"""Features as of a day, and the purchase log they are made of: what several stages and commands look back with.

Comes in: the config and the clean tables under ``artifacts/``. Goes out: tables, or one sentence about what to run first.
"""

from __future__ import annotations

from typing import Any

from segments.config.root import Config
from segments.features.table import Features, as_of, build_features
from segments.io.store import catalog


def features_as_of(config: Config, day: str | None) -> Features:
    """Read the clean tables of the source and build the features as they were at the end of a day; later lines change nothing.

    Raises
    ------
    ConfigError
        If the source has no transactions to look back in, or the day is later than its as-of date.
    """
    catalog.check_source(catalog.CLEANING_REPORT, config.source.name)
    customers = None
    if config.source.customers is not None:
        customers = catalog.read(catalog.CLEAN_CUSTOMERS)
    return build_features(customers, purchase_log(config), as_of(config.source, day), config.features)


def purchase_log(config: Config) -> Any:
    """The clean purchase lines, open for the engine of the config; ``None`` where the source has none."""
    if config.source.transactions is None:
        return None
    if config.features.engine == "duckdb":
        return catalog.scan(catalog.CLEAN_TRANSACTIONS)
    return catalog.read(catalog.CLEAN_TRANSACTIONS)
