"""Stage `data`: raw files in, clean tables and a report of every row left out."""

from __future__ import annotations

from segments.app.jobs.cleaning import cleaned
from segments.config.root import Config
from segments.io.store import catalog, raw_files


def run(config: Config) -> None:
    """Check the raw files against their pins, clean them, write the clean tables and the report."""
    source = config.source
    raw_files.check_pins(source)
    with cleaned(config) as found:
        if found.lines is not None:
            catalog.stream(catalog.CLEAN_TRANSACTIONS, found.lines)
    if found.customers is not None:
        catalog.write(catalog.CLEAN_CUSTOMERS, found.customers)
    else:  # left over from another source
        catalog.drop(catalog.CLEAN_CUSTOMERS)
    if source.transactions is None:
        catalog.drop(catalog.CLEAN_TRANSACTIONS)
    report = catalog.CLEANING_REPORT.of({"source": source.name, "tables": found.reports})
    catalog.write(catalog.CLEANING_REPORT, report)
