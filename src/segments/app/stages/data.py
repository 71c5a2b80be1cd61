"""Stage `data`: raw files in, clean tables and a report of every row left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pandas as pd

from segments.config.root import Config
from segments.data.cleaning.customers import clean_customers
from segments.data.cleaning.joined_ids import joined_ids
from segments.data.cleaning.transactions import clean_transactions
from segments.data.erased import with_erased, without_erased
from segments.data.reading import files
from segments.data.reading.query import asked
from segments.data.rows import Report, quoted
from segments.io.engines.kept import LogEngine, log_engine, room
from segments.io.store import catalog, raw_files
from segments.io.store.decisions import erased_of
from segments.io.store.documents import EngineLog


def run(config: Config) -> None:
    """Check the raw files against their pins, clean them, write the clean tables and the report."""
    source = config.source
    raw_files.check_pins(source)
    with cleaned(config) as found:
        if found.engine is not None:
            catalog.write(catalog.ENGINE_LOG, kept_by_engine(found.engine, found.lines))
        elif found.lines is not None:
            catalog.stream(catalog.CLEAN_TRANSACTIONS, found.lines)
    if source.engine is None:
        catalog.drop(catalog.ENGINE_LOG)
    if found.customers is not None:
        catalog.write(catalog.CLEAN_CUSTOMERS, found.customers)
    else:  # left over from another source
        catalog.drop(catalog.CLEAN_CUSTOMERS)
    if source.transactions is None:
        catalog.drop(catalog.CLEAN_TRANSACTIONS)
    report = catalog.CLEANING_REPORT.of({"source": source.name, "tables": found.reports})
    catalog.write(catalog.CLEANING_REPORT, report)


def kept_by_engine(engine: LogEngine, lines: Any) -> EngineLog:
    """Have the engine keep the clean log of all, and bring the lines of those in the sample here, as the log of every later stage."""
    log, _ = engine.keep("transactions", lines.spark())
    until = engine.sample_until(log)
    with room() as folder:
        rows = engine.fetch_log(log, until, folder)
        catalog.stream(catalog.CLEAN_TRANSACTIONS, rows.project(", ".join(map(quoted, lines.columns))))
    return EngineLog(log, until)


@dataclass
class Cleaned:
    """Clean tables, and by ``customers`` and ``transactions`` the report of each; what the source lacks is ``None``.

    The lines are those of the engine, where the source has one.
    """

    customers: pd.DataFrame | None = None
    lines: duckdb.DuckDBPyRelation | None = None
    engine: LogEngine | None = None
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
            with files.open_customers(raw.files) as people:
                table, gone = without_erased(people, names, spec.read, erased)
                found.customers, report = clean_customers(table, source, config.columns_in_use)
                found.reports["customers"] = with_erased(report, gone)
        if source.transactions is None:
            yield _noted(found, raw.notes)
            return
        with ExitStack() as opened:
            if source.engine is not None:
                found.engine = opened.enter_context(log_engine(source))
                whole = found.engine.raw_log(opened.enter_context(room()))
            else:
                whole = opened.enter_context(files.open_log(raw.files))
            log, gone = without_erased(whole, [source.transactions.customer], source.transactions.read, erased)
            found.lines, report = clean_transactions(log, source)
            found.reports["transactions"] = with_erased(report, gone)
            if found.customers is not None:
                found.lines, notes = joined_ids(found.customers, found.lines, log.connection, source.id_type)
                found.reports["transactions"]["notes"] += notes
            yield _noted(found, raw.notes)


def _noted(found: Cleaned, notes: dict[str, list[str]]) -> Cleaned:
    for name, lines in notes.items():
        found.reports[name]["notes"] += lines
    return found
