"""Features as of a day, and the purchase log they are made of: what several stages and commands look back with.

Comes in: the config and the clean tables under ``artifacts/``. Goes out: tables, or one sentence about what to run first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

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


def chosen_centres(candidate_id: str) -> NDArray[np.float64]:
    """Centres of the chosen candidate as they are deployed: those of the fit of record where there is one, else its own.

    Returns
    -------
    ndarray of shape (k, n_axes)
        In the space of its cell.
    """
    if catalog.exists(catalog.FIT_OF_RECORD):
        fit = catalog.read(catalog.FIT_OF_RECORD)
        if fit.candidate_id == candidate_id:
            return np.array(fit.centres)
    return np.array(catalog.read(catalog.FITS).centres[candidate_id])
