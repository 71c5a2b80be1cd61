"""Stage `features`: clean tables in, one row per customer out, with the RFM scores' cut-points and the basket mix beside it."""

from __future__ import annotations

from datetime import date

from segments.app.jobs.inputs import features_as_of, purchase_log
from segments.config.root import Config
from segments.features.purchases import basket_mix
from segments.io.store import catalog
from segments.io.store.files import artifact, write_json, write_table


def run(config: Config) -> None:
    """Build every feature once, write the table, its report and the cut-points."""
    features = features_as_of(config, config.source.as_of)
    write_table(artifact("features", "customers.parquet"), features.table)
    write_json(artifact("features", "rfm_cuts.json"), features.rfm_cuts)
    catalog.write(catalog.FEATURES_REPORT, features.report)
    transactions, mix = purchase_log(config), artifact("features", "basket_mix.parquet")
    if transactions is None or config.source.as_of is None:
        mix.unlink(missing_ok=True)  # left over from another source
    else:
        write_table(mix, basket_mix(transactions, date.fromisoformat(config.source.as_of)))
