"""Command `describe --check`: whether a source and its raw files agree, with counts; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from segments.app.stages.data import cleaned
from segments.config.root import Config
from segments.data.rows import Report
from segments.errors import ConfigError


def run(config: Config, file: Path | None = None) -> Iterator[str]:
    """Clean the tables of a source and say what came of it, line by line; `file` stands in for the one raw file of the source.

    Raises
    ------
    ConfigError
        If a file is given for a source that reads several.
    DataError
        If source and files do not agree.
    """
    source = config.source
    if file is not None:
        parts = [name for name in ("customers", "transactions") if getattr(source, name) is not None]
        if len(source.raw_paths) != 1 or source.tables:
            raise ConfigError(
                f"the source {source.name} reads several files",
                where=f"conf/source/{source.name}.yaml",
                fix=f"leave {file.name} out: segments describe --check {source.name}",
            )
        part = replace(getattr(source, parts[0]), path=str(file.absolute()))
        config = replace(config, source=replace(source, **{parts[0]: part}))
    with cleaned(config) as found:
        for name, report in found.reports.items():
            yield from _report_lines(name, report)
        if found.lines is not None:
            customers, orders, first, last, money = found.lines.aggregate(
                "count(DISTINCT customer_id), count(DISTINCT (customer_id, order_id)), min(purchased_at), max(purchased_at), sum(amount)"
            ).fetchall()[0]
            yield f"  {customers:,} customers, {orders:,} orders, {money:,.2f} in all, from {first} to {last}"
        if found.customers is not None:
            numbers = found.customers.select_dtypes("number")
            for column, values in numbers.items():
                yield f"  {column}: {values.min():g} to {values.max():g}, mean {values.mean():g}, missing {int(values.isna().sum()):,}"
    yield f"conf/source/{source.name}.yaml agrees with its files."


def _report_lines(name: str, report: Report) -> Iterator[str]:
    yield f"{name}: {report['rows_clean']:,} of {report['rows_raw']:,} rows are clean"
    for one in report["reasons"]:
        yield f"  {one['rows']:,} {one['reason']} ({one['action']})"
    for note in report["notes"]:
        yield f"  note: {note}"
