"""A raw transaction log to a clean one. Comes in: lines and products as relations. Goes out: clean lines, a report.

DuckDB streams logs larger than memory; the expressions are its own SQL, because row order, ``TRY_CAST`` and regular
expressions have no Narwhals spelling that all engines share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb

from segments.config.source import Source, Transactions
from segments.data.cleaning.money import money_parts
from segments.data.cleaning.netting import net_returns
from segments.data.cleaning.parts import CANCELS, LinePart, LogCells, left_out, log_cells, repeats, when, which, who
from segments.data.cleaning.products import with_products
from segments.data.days import far_days, lines_by_day
from segments.data.reading.cells import refuse_pattern
from segments.data.rows import (
    ROW_NUMBER,
    RawLog,
    Reason,
    Report,
    counted,
    in_order,
    judged_rows,
    quoted_list,
    repeated_rows,
)
from segments.data.times import time_formats
from segments.errors import DataError

SAMPLE_LINES = 1_000
TRANSACTION_COLUMNS = {
    "customer_id": "VARCHAR",
    "order_id": "VARCHAR",
    "purchased_at": "TIMESTAMP",
    "amount": "DOUBLE",
    "discount": "DOUBLE",
    "coupon": "DOUBLE",
    "product_id": "VARCHAR",
    "store_id": "VARCHAR",
    "department": "VARCHAR",
    "private_label": "BOOLEAN",
    "sent_back_at": "TIMESTAMP",
}


def clean_transactions(raw: RawLog, source: Source) -> tuple[duckdb.DuckDBPyRelation, Report]:
    """Clean a transaction log on DuckDB and count every line that is left out.

    Parameters
    ----------
    raw : RawLog
        The lines, and the products where the source has them.
    source : Source
        What the columns mean (``source.transactions``), the as-of date, and ``source.policy`` for bad lines.

    Returns
    -------
    table : DuckDBPyRelation
        In the order of the file: ``customer_id``, ``order_id`` (text; the purchase date where the source has none),
        ``purchased_at`` (naive timestamp; an offset written in text is left out, the type "with time zone" is read as
        UTC), ``amount``, ``discount`` and ``coupon`` (money, >= 0), ``product_id``, ``store_id``, ``department``
        (text), ``private_label`` (boolean); columns the source does not describe are absent.
    report : dict
        ``rows_raw``, ``rows_clean``, ``reasons`` and ``notes``.

    Raises
    ------
    DataError
        If a needed column is missing, no time can be read, the policy says stop, more lines are bad than it allows, or
        none is left.

    Notes
    -----
    Null and range rules are checked on every line in SQL; names and types by pandera on the first lines only, because
    pandera on all lines of a large log would take longer than cleaning it.
    """
    numbered = raw.lines.project(f"row_number() OVER () AS {ROW_NUMBER}, *")
    cells = log_cells(raw, source)
    spec, policy, notes = cells.spec, source.policy, cells.notes
    parts = [
        left_out(cells),
        repeats(cells, repeated_rows(raw, numbered)),
        who(cells),
        which(cells),
        when(cells),
        *money_parts(cells),
        _choices(source),
    ]
    parsed = {ROW_NUMBER: ROW_NUMBER}
    for part in parts:
        parsed |= part.columns
    judged = in_order(reason for part in parts for reason in part.reasons)
    lines = judged_rows(raw.connection, numbered, parsed, judged, "judged_lines")
    _keep_rejected(lines, judged)
    columns = [name for name in TRANSACTION_COLUMNS if name in parsed]

    keeping = [0, *(number for number, (reason, _) in enumerate(judged, start=1) if reason.action == "keep")]
    count = _Count(lines, _questions(parts, columns, spec), keeping)
    if not count.rows:
        raise DataError("the transaction log has a header but no lines", where=spec.where, fix="check the file")
    if not count.of_all("is_timed"):
        _refuse_times(lines, spec)
    said = [sentence for part in parts for sentence, _ in part.said]
    notes += [f"{rows} {sentence}" for number, sentence in enumerate(said) if (rows := count.of_kept(f"said_{number}"))]
    notes += _unreadable(cells, lines, parts, count)
    counts = [count.verdict(number) for number in range(1, len(judged) + 1)]
    report = counted([reason for reason, _ in judged], counts, count.rows, policy, notes, spec.where)

    kept = lines.filter(f"verdict IN ({', '.join(map(str, keeping))})")
    if spec.order is not None and (pays := count.of_kept("pays")) and count.of_kept("is_number"):
        notes.append(
            f"{pays} lines of orders that are called like cancellations (C and a number) have an amount above zero: they count as purchases"
        )
    notes += far_days(lines_by_day(kept, "purchased_at"), date.fromisoformat(str(source.as_of)))
    if broken := count.of_kept("is_broken"):
        raise DataError(
            f"{broken} cleaned lines break their schema ({'; '.join(_rules(columns))})",
            where=spec.where,
            fix="report this as a defect",
        )
    if policy.returns == "net" and (returns := count.of_kept("is_return")):
        kept, back_whole = net_returns(raw, kept, spec)
        notes.append(
            f"{returns} returns: their money is taken off what the customers paid; "
            f"{back_whole} purchase lines were sent back as a whole, and are no purchases from then on"
        )
        columns.append("sent_back_at")
    if spec.products is not None and raw.products is not None:
        kept, added = with_products(raw, kept, spec.products, notes)
        columns = [name for name in TRANSACTION_COLUMNS if name in (*columns, *added)]
    _check_types(kept.project(", ".join(columns)), spec.where)
    return kept.order(ROW_NUMBER).project(", ".join(columns)), report


def _choices(source: Source) -> LinePart:
    """What is no fault of a line, and yet may leave it out."""
    policy, after = source.policy, date.fromisoformat(str(source.as_of)) + timedelta(days=1)
    returns = "keep" if policy.returns == "net" else policy.returns
    return LinePart(
        reasons=[
            (
                Reason("after the as-of date", policy.after_as_of, "after_as_of", fault=False),
                f"purchased_at >= TIMESTAMP '{after}'",
            ),
            (Reason("return (amount below zero)", returns, "returns", fault=False), "amount < 0"),
            (Reason("zero amount", policy.zero_amounts, "zero_amounts", fault=False), "amount = 0"),
        ]
    )


def _keep_rejected(lines: duckdb.DuckDBPyRelation, judged: Sequence[tuple[Reason, str]]) -> None:
    """Keep the view that :func:`rejected_lines` reads."""
    faults = " ".join(
        f"WHEN {number} THEN '{reason.text}'"
        for number, (reason, _) in enumerate(judged, start=1)
        if reason.fault and reason.action != "keep"
    )
    verdicts = lines.project(f"{ROW_NUMBER} AS row, customer_id AS id, CASE verdict {faults} END AS reason")
    verdicts.filter("reason IS NOT NULL").create_view("rejected_lines")


def _questions(parts: Iterable[LinePart], columns: Sequence[str], spec: Transactions) -> dict[str, str]:
    """What is counted of the lines, in one pass for all: by a name, SQL over the parsed columns."""
    said = [condition for part in parts for _, condition in part.said]
    asked = {f"said_{number}": condition for number, condition in enumerate(said)}
    asked |= {f"{key}_unread": _is_unread(text, value) for part in parts for key, (text, value, _) in part.read.items()}
    asked |= {"is_timed": "purchased_at IS NOT NULL", "is_return": "amount < 0"}
    asked["is_broken"] = " OR ".join(f"({rule})" for rule in _rules(columns))
    if spec.order is not None:
        asked["pays"] = f"regexp_full_match(order_id, '{CANCELS}') AND amount > 0"
        asked["is_number"] = "regexp_full_match(order_id, '\\d+')"
    return asked


class _Count:
    """How many lines there are under each verdict, and of how many of them each thing asked holds."""

    def __init__(self, lines: duckdb.DuckDBPyRelation, asked: dict[str, str], keeping: Sequence[int]):
        conditions = ", ".join(f"{condition} AS {key}" for key, condition in asked.items())
        counts = ", ".join(f"count(*) FILTER (WHERE {key})" for key in asked)
        of_lines = lines.project(f"verdict, {conditions}").aggregate(f"verdict, count(*), {counts}", "verdict")
        self._found = {
            verdict: {"rows": rows, **dict(zip(asked, more, strict=True))}
            for verdict, rows, *more in of_lines.fetchall()
        }
        self._keeping = keeping
        self.rows = self.of_all("rows")

    def verdict(self, number: int) -> int:
        return int(self._found.get(number, {"rows": 0})["rows"])

    def of_all(self, key: str) -> int:
        return sum(found[key] for found in self._found.values())

    def of_kept(self, key: str) -> int:
        return sum(self._found[number][key] for number in self._keeping if number in self._found)


def rejected_lines(raw: RawLog) -> Iterator[tuple[int, str | None, str]]:
    """Number (from 1), customer id and reason of every line that :func:`clean_transactions` left out as bad, in order.

    Choices of the policy (returns, zero amounts, lines after the as-of date) are not bad lines.
    """
    cursor = raw.connection.cursor()
    cursor.execute("SELECT row, id, reason FROM rejected_lines ORDER BY row")
    while rows := cursor.fetchmany(10_000):
        yield from rows


def transactions_schema(columns: Sequence[str]) -> Any:
    """Build the pandera schema of clean transactions that have these columns."""
    import pandera.pandas as pa

    optional = {"product_id", "store_id", "department", "sent_back_at"}
    dtypes = {"VARCHAR": "str", "DOUBLE": "float64", "BOOLEAN": "bool", "TIMESTAMP": "datetime64[us]"}
    checks = {"discount": [pa.Check.ge(0)], "coupon": [pa.Check.ge(0)]}
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                dtypes[TRANSACTION_COLUMNS[name]],
                checks.get(name),
                nullable=name in optional,
                coerce=TRANSACTION_COLUMNS[name] == "VARCHAR",
            )
            for name in columns
        },
        strict=True,
        ordered=True,
    )


def _check_types(table: duckdb.DuckDBPyRelation, where: str) -> None:
    import pandera.errors

    try:
        transactions_schema(table.columns).validate(table.limit(SAMPLE_LINES).df())
    except (pandera.errors.SchemaError, pandera.errors.SchemaErrors) as error:
        raise DataError(f"the cleaned lines break their schema: {str(error).splitlines()[0]}", where=where) from error


def _rules(columns: Sequence[str]) -> list[str]:
    """What breaks the schema's null and range rules, as conditions on a line."""
    rules = [
        "customer_id IS NULL",
        "order_id IS NULL",
        "purchased_at IS NULL",
        "amount IS NULL OR NOT isfinite(amount)",
    ]
    return rules + [
        f"{name} IS NULL OR NOT ({name} >= 0 AND isfinite({name}))"
        for name in ("discount", "coupon")
        if name in columns
    ]


def _is_unread(text: str, value: str) -> str:
    return f"NOT is_repeat AND {text} IS NOT NULL AND {value} IS NULL"


def _unreadable(cells: LogCells, lines: duckdb.DuckDBPyRelation, parts: Iterable[LinePart], count: _Count) -> list[str]:
    """Show two of the cells that cannot be read; several of one shape are an error."""
    notes = []
    for key, (text, value, said) in ((key, read) for part in parts for key, read in part.read.items()):
        if not count.of_all(f"{key}_unread"):
            continue
        bad = lines.filter(_is_unread(text, value))
        fix = f"see whether source.transactions.{said} says how all of them are written"
        if shown := refuse_pattern(bad, text, cells.headers[key], cells.spec.where, fix):
            notes.append(f"unreadable {key.replace('_', ' ')}, for example: {shown}")
    return notes


def _refuse_times(lines: duckdb.DuckDBPyRelation, spec: Transactions) -> None:
    """A log without one readable time: the format is wrong, not the lines."""
    texts = (
        lines.filter("time_text IS NOT NULL")
        .project("time_text")
        .limit(SAMPLE_LINES)
        .df()["time_text"]
        .astype("string")
    )
    shown = quoted_list(texts.head(3)) or "no values at all"
    fits = " or ".join(f"'{one}'" for one in time_formats(texts)[:2] if one) or "'%d/%m/%Y %H:%M', for example"
    raise DataError(
        f"no time in column '{spec.time}' can be read; it has {shown}",
        where=spec.where,
        fix=f"write in source.transactions.time_format how times look: {fits}",
    )
