"""Stage `data`: raw files in, clean tables and a report of every row left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import pandas as pd

from segments.config.root import Config
from segments.data.clean import joined_ids
from segments.data.customers import clean_customers
from segments.data.erased import with_erased, without_erased
from segments.data.reading import files
from segments.data.reading.query import asked
from segments.data.rows import Report
from segments.data.transactions import clean_transactions
from segments.io.store import catalog, raw_files
from segments.io.store.decisions import erased_of


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


@dataclass
class Cleaned:
    """Clean tables, and by ``customers`` and ``transactions`` the report of each; what the source lacks is ``None``."""

    customers: pd.DataFrame | None = None
    lines: duckdb.DuckDBPyRelation | None = None
    reports: dict[str, Report] = field(default_factory=dict)


@contextmanager
def cleaned(config: Config) -> Iterator[Cleaned]:
    """Clean the tables of a source, without customers who were erased; the log lives as long as the ``with`` block.

    Raises
    ------
    DataError
        If a file, or what the source says of it, is not as it should be.
    StoreError
        If customers were erased, and the key to know them by is not here.
    """
    source, found = config.source, Cleaned()
    erased = erased_of(config.decisions, source)
    with asked(source, config.queries) as raw:
        if source.customers is not None:
            spec = source.customers
            names = [spec.id, *spec.id_aliases] if spec.id is not None else []
            with files.open_customers(raw.files) as opened:
                table, gone = without_erased(opened, names, spec.read, erased)
                found.customers, report = clean_customers(table, source)
                found.reports["customers"] = with_erased(report, gone)
        if source.transactions is None:
            yield _noted(found, raw.notes)
            return
        with files.open_log(raw.files) as whole:
            log, gone = without_erased(whole, [source.transactions.customer], source.transactions.read, erased)
            found.lines, report = clean_transactions(log, source)
            found.reports["transactions"] = with_erased(report, gone)
            if found.customers is not None:
                found.lines, notes = joined_ids(found.customers, found.lines, log.connection, source.id_type)
                found.reports["transactions"]["notes"] += notes
            yield _noted(found, raw.notes)


def _noted(found: Cleaned, notes: dict[str, list[str]]) -> Cleaned:
    for name, told in notes.items():
        found.reports[name]["notes"] += told
    return found
