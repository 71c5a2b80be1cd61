"""Stage `features`: clean tables in, one row per customer out, with the RFM scores' cut-points and the basket mix beside it."""

from __future__ import annotations

from datetime import date

from segments.app.jobs.inputs import Open, features_as_of, purchase_log
from segments.config.root import Config
from segments.features.purchases import basket_mix
from segments.features.table import check_complete
from segments.io.store import catalog


def run(config: Config, open_log: Open = catalog.scan) -> None:
    """Build every feature once, write the table, its report and the cut-points."""
    features = features_as_of(config, config.source.as_of, open_log)
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
