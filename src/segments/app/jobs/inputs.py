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


def sample_in_words() -> str:
    """Whose figures and lists these are, where an engine has more customers than are here; "" where everybody is."""
    if not catalog.exists(catalog.ENGINE_LOG) or catalog.read(catalog.ENGINE_LOG).sample_until is None:
        return ""
    here = catalog.read(catalog.FEATURES_REPORT).customers
    return f"these are the {here:,} customers of the sample, of {catalog.read(catalog.ENGINE_FEATURES).rows:,} on the engine"


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


def everybody_in_words(*, brief: bool = False) -> str:
    """What the fit of record says of all customers, and how the sample lies among them; "" where there is none.

    In brief it is of some 500 signs, whatever the number of segments: a model card may not outgrow a database's column.
    """
    if not catalog.exists(catalog.FIT_OF_RECORD):
        return ""
    fit = catalog.read(catalog.FIT_OF_RECORD)
    names = [f"{one.segment_id} {one.name}" for one in catalog.read(catalog.IDENTITY).known.segments]
    each_share = [f"{name} {size / fit.customers:.1%}" for name, size in zip(names, fit.sizes, strict=True)]
    shares = "" if brief else f", shares {', '.join(each_share)}"
    said = (
        f"the centres are those of all {fit.customers:,} customers, polished in {fit.passes} passes over them"
        f" in the space of the sample; of all of them: WCSS {fit.wcss:.6g}, Davies-Bouldin {fit.davies_bouldin:.4f},"
        f" Calinski-Harabasz {fit.calinski_harabasz:.6g}{shares}; of the sample: every other figure"
    )
    if fit.without:
        each = ", ".join(f"{count:,} customers ({why})" for why, count in fit.without.items())
        said += "; in no segment: " + (f"{sum(fit.without.values()):,} customers" if brief else each)
    off = [
        f"{names[c]} is {fit.sample_sizes[c] / fit.of_sample:.1%} of the sample and {fit.sizes[c] / fit.customers:.1%} of all"
        for c in fit.far_off[: 1 if brief else None]
    ]
    if off:
        return f"{said}. The sample is not like the rest: {'; '.join(off)}. Take a larger one (engine.sample)"
    return f"{said}; the sample's shares are those of all, within chance"
