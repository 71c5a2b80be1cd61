"""Stage `data`: raw files in, clean tables and a report of every row left out."""

from __future__ import annotations

from segments.config.root import Config
from segments.data.clean import joined_ids
from segments.data.customers import clean_customers
from segments.data.reading import files
from segments.data.reading.query import asked
from segments.data.rows import Report
from segments.data.transactions import clean_transactions
from segments.io.store import catalog, raw_files


def run(config: Config) -> None:
    """Check the raw files against their pins, clean them, write the clean tables and the report."""
    source = config.source
    raw_files.check_pins(source)
    tables: dict[str, Report] = {}
    customers = None
    with asked(source, config.queries) as raw:
        if source.customers is not None:
            with files.open_customers(raw.files) as table:
                customers, tables["customers"] = clean_customers(table, source)
        if source.transactions is not None:
            with files.open_log(raw.files) as log:
                lines, tables["transactions"] = clean_transactions(log, source)
                if customers is not None:
                    lines, told = joined_ids(customers, lines, log.connection, source.id_type)
                    tables["transactions"]["notes"] += told
                catalog.stream(catalog.CLEAN_TRANSACTIONS, lines)
        for name, notes in raw.notes.items():
            tables[name]["notes"] += notes
    if customers is not None:
        catalog.write(catalog.CLEAN_CUSTOMERS, customers)
    else:  # left over from another source
        catalog.drop(catalog.CLEAN_CUSTOMERS)
    if source.transactions is None:
        catalog.drop(catalog.CLEAN_TRANSACTIONS)
    report = catalog.CLEANING_REPORT.of({"source": source.name, "tables": tables})
    catalog.write(catalog.CLEANING_REPORT, report)
