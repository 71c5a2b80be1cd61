"""Features as of a day, and the purchase log they are made of: what several stages and commands look back with.

Comes in: the config and the clean tables under ``artifacts/``. Goes out: tables, or one sentence about what to run first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from segments.config.root import Config
from segments.features.table import Features, Summed, as_of, build_features
from segments.io.store import catalog

Open: TypeAlias = Callable[[Any], Any]  # a table of the catalog -> its rows, on an engine


def features_as_of(
    config: Config, day: str | None, open_log: Open = catalog.scan, summed: Summed | None = None
) -> Features:
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
    return build_features(
        customers,
        purchase_log(config, open_log),
        as_of(config.source, day),
        config.features,
        config.used_columns,
        summed,
    )


def purchase_log(config: Config, open_log: Open = catalog.scan) -> Any:
    """The clean purchase lines, streamed by DuckDB unless they are opened otherwise; ``None`` where the source has none."""
    return None if config.source.transactions is None else open_log(catalog.CLEAN_TRANSACTIONS)


def sample_in_words() -> str:
    """Whose figures and lists these are, where an engine has more customers than are here; "" where everybody is."""
    if not catalog.exists(catalog.ENGINE_LOG) or catalog.read(catalog.ENGINE_LOG).sample_until is None:
        return ""
    here = catalog.read(catalog.FEATURES_REPORT).customers
    return f"these are the {here:,} customers of the sample, of {catalog.read(catalog.ENGINE_FEATURES).rows:,} on the engine"
