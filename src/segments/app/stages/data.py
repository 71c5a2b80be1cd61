"""Stage `data`: raw files in, clean tables and a report of every row left out."""

from __future__ import annotations

from segments.config.root import Config
from segments.data import files
from segments.data.clean import Report, clean_customers, clean_transactions, compare_ids
from segments.io.store import raw_files
from segments.io.store.files import artifact, write_json, write_relation, write_table


def run(config: Config) -> None:
    """Check the raw files against their pins, clean them, write the clean tables and the report."""
    source = config.source
    raw_files.check_pins(source)
    tables: dict[str, Report] = {}
    customers = None
    if source.customers is not None:
        customers, tables["customers"] = clean_customers(files.read_customers(source), source)
    if source.transactions is not None:
        with files.open_log(source) as log:
            lines, tables["transactions"] = clean_transactions(log, source)
            if customers is not None:
                tables["transactions"]["notes"] += compare_ids(customers, lines)
            write_relation(artifact("data", "transactions.parquet"), lines)
    if customers is not None:
        write_table(artifact("data", "customers.parquet"), customers)
    write_json(artifact("data", "report.json"), {"source": source.name, "tables": tables})
    for table in {"customers", "transactions"} - tables.keys():  # left over from another source
        artifact("data", f"{table}.parquet").unlink(missing_ok=True)
