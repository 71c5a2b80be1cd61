"""A raw transaction log to a clean one. Comes in: lines and products as relations. Goes out: clean lines, a report.

DuckDB streams logs larger than memory; the expressions are its own SQL, because row order, ``TRY_CAST`` and regular
expressions have no Narwhals spelling that all engines share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import duckdb

from segments.config.source import Products, Reader, Source, Transactions
from segments.data.reading.cells import instants, literal, number_in, refuse_pattern, text_sql, time_sql
from segments.data.reading.ids import customer_ids, one_spelling, refuse_rounded
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
    require,
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
    spec, policy = source.transactions, source.policy
    assert spec is not None and source.as_of is not None
    notes = list(raw.notes)
    types = dict(zip(raw.lines.columns, (str(kind) for kind in raw.lines.types), strict=True))
    headers = _log_headers(list(types), spec)
    used = set(headers.values())
    extra = [header for header in types if header not in used]
    if extra:
        notes.append(f"columns not used: {quoted_list(extra)}")

    def cell(key: str) -> str:
        return text_sql(headers[key], types[headers[key]], spec.read)

    @cache
    def number(key: str) -> str:
        return number_in(raw, headers[key], spec.read, spec.where)

    numbered = raw.lines.project(f"row_number() OVER () AS {ROW_NUMBER}, *")
    for key in ("order", "product", "store"):
        if key in headers:
            refuse_rounded(raw.lines, headers[key], cell(key), spec.where)
    customer = customer_ids(raw.lines, headers["customer"], cell("customer"), source.id_type, spec.where, notes)
    kind = types[headers["time"]]
    notes += instants(raw.lines, headers["time"], kind, cell("time"), spec.time_format, source.time_zone, spec.where)
    time = time_sql(headers["time"], kind, cell("time"), spec.time_format, source.time_zone)
    parsed = {
        ROW_NUMBER: ROW_NUMBER,
        "is_repeat": repeated_rows(raw, numbered),
        "customer_id": customer,
        "order_id": cell("order") if "order" in headers else f"strftime({time}, '%Y-%m-%d')",
        "time_text": cell("time"),
        "purchased_at": time,
        "amount_text": cell("amount"),
        "amount": number("amount"),
    }
    money = {"discount": spec.discounts, "coupon": spec.coupons}
    for name, listed in money.items():
        if listed:
            parts = [f"{name} {position}" for position in range(len(listed))]
            parsed[name] = " + ".join(f"abs(coalesce({number(part)}, 0))" for part in parts)
            parsed[f"{name}_bad"] = " OR ".join(
                f"({cell(part)} IS NOT NULL AND NOT coalesce(isfinite({number(part)}), false))" for part in parts
            )
            parsed[f"{name}_blank"] = " OR ".join(f"({cell(part)} IS NULL)" for part in parts)
    if "product" in headers:
        parsed["product_id"] = cell("product")
    if "store" in headers:
        parsed["store_id"] = cell("store")

    after = date.fromisoformat(source.as_of) + timedelta(days=1)
    bad_money = " OR ".join(f"{name}_bad" for name, listed in money.items() if listed) or "false"
    judged: list[tuple[Reason, str]] = [
        (Reason("duplicate row", policy.duplicate_rows, "duplicate_rows"), "is_repeat"),
        (Reason("missing customer id", policy.missing_id, "missing_id"), "customer_id IS NULL"),
        (
            Reason("missing order id", policy.missing_id, "missing_id"),
            "order_id IS NULL" if "order" in headers else "false",
        ),
        (Reason("missing time", policy.bad_value, "bad_value"), "time_text IS NULL"),
        (
            Reason("unreadable time", policy.bad_value, "bad_value"),
            "purchased_at IS NULL OR NOT isfinite(purchased_at)",
        ),
        (Reason("missing amount", policy.bad_value, "bad_value"), "amount_text IS NULL"),
        (Reason("unreadable amount", policy.bad_value, "bad_value"), "amount IS NULL"),
        (Reason("infinite amount", policy.bad_value, "bad_value"), "NOT isfinite(amount)"),
        (Reason("unreadable discount or coupon", policy.bad_value, "bad_value"), bad_money),
        (
            Reason("after the as-of date", policy.after_as_of, "after_as_of", fault=False),
            f"purchased_at >= TIMESTAMP '{after}'",
        ),
        (Reason("return (amount below zero)", policy.returns, "returns", fault=False), "amount < 0"),
        (Reason("zero amount", policy.zero_amounts, "zero_amounts", fault=False), "amount = 0"),
    ]
    judged = in_order(judged)
    lines = judged_rows(raw.connection, numbered, parsed, judged, "judged_lines")
    faults = " ".join(
        f"WHEN {number} THEN '{reason.text}'"
        for number, (reason, _) in enumerate(judged, start=1)
        if reason.fault and reason.action != "keep"
    )
    lines.project(f"{ROW_NUMBER} AS row, customer_id AS id, CASE verdict {faults} END AS reason").filter(
        "reason IS NOT NULL"
    ).create_view("rejected_lines")

    found = dict(lines.aggregate("verdict, count(*)", "verdict").fetchall())
    rows_raw = sum(found.values())
    if not rows_raw:
        raise DataError("the transaction log has a header but no lines", where=spec.where, fix="check the file")
    _some_time(lines, spec)
    counts = [found.get(number, 0) for number in range(1, len(judged) + 1)]
    keeping = [0, *(number for number, (reason, _) in enumerate(judged, start=1) if reason.action == "keep")]
    kept = lines.filter(f"verdict IN ({', '.join(map(str, keeping))})")
    for name, listed in money.items():
        blanks = _one(kept.filter(f"{name}_blank").aggregate("count(*)")) if listed else 0
        if blanks:
            notes.append(f"{blanks} lines lack a {name} value: it counts as 0")
    notes += _unreadable(lines, headers, spec)
    report = counted([reason for reason, _ in judged], counts, rows_raw, policy, notes, spec.where)

    columns = [name for name in parsed if name in TRANSACTION_COLUMNS]
    _check_lines(kept, columns, spec.where)
    if spec.products is not None and raw.products is not None:
        kept, added = _with_products(raw, kept, spec.products, notes)
        columns += added
    table = kept.order(ROW_NUMBER).project(", ".join(columns))
    _check_types(table, spec.where)
    return table, report


def rejected_lines(raw: RawLog) -> Iterator[tuple[int, str | None, str]]:
    """Number (from 1), customer id and reason of every line that :func:`clean_transactions` left out as bad, in order.

    Choices of the policy (returns, zero amounts, lines after the as-of date) are not bad lines.
    """
    cursor = raw.connection.cursor()
    cursor.execute("SELECT row, id, reason FROM rejected_lines ORDER BY row")
    while rows := cursor.fetchmany(10_000):
        yield from rows


def last_purchase(lines: duckdb.DuckDBPyRelation, header: str, time_format: str | None, reader: Reader) -> date | None:
    """Return the day of the last readable time in a column of a raw log, or ``None``."""
    kind = dict(zip(lines.columns, (str(kind) for kind in lines.types), strict=True))[header]
    time = time_sql(header, kind, text_sql(header, kind, reader), time_format)
    row = lines.project(f"CAST({time} AS DATE) AS day").filter("isfinite(day)").aggregate("max(day)").fetchall()[0]
    return row[0]  # type: ignore[no-any-return]


def transactions_schema(columns: Sequence[str]) -> Any:
    """Build the pandera schema of clean transactions that have these columns."""
    import pandera.pandas as pa

    optional = {"product_id", "store_id", "department"}
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


def _check_lines(lines: duckdb.DuckDBPyRelation, columns: Sequence[str], where: str) -> None:
    """Check the schema's null and range rules, on every line."""
    rules = [
        "customer_id IS NULL",
        "order_id IS NULL",
        "purchased_at IS NULL",
        "amount IS NULL OR NOT isfinite(amount)",
    ]
    rules += [
        f"{name} IS NULL OR NOT ({name} >= 0 AND isfinite({name}))"
        for name in ("discount", "coupon")
        if name in columns
    ]
    broken = lines.filter(" OR ".join(f"({rule})" for rule in rules))
    if count := _one(broken.aggregate("count(*)")):
        raise DataError(
            f"{count} cleaned lines break their schema ({'; '.join(rules)})", where=where, fix="report this as a defect"
        )


def _log_headers(headers: list[str], spec: Transactions) -> dict[str, str]:
    wanted: dict[str, Sequence[str]] = {"customer": [spec.customer], "time": [spec.time], "amount": [spec.amount]}
    for key, name in (("order", spec.order), ("product", spec.product), ("store", spec.store)):
        if name is not None:
            wanted[key] = [name]
    for key, names in (("discount", spec.discounts), ("coupon", spec.coupons)):
        wanted |= {f"{key} {position}": [name] for position, name in enumerate(names)}
    if spec.products is not None and spec.product is None:
        raise DataError(
            "the source describes products, but not which column of the log holds the product id",
            where="source.transactions.product",
            fix="name it",
        )
    return require(headers, wanted, spec.where)


def _unreadable(lines: duckdb.DuckDBPyRelation, headers: dict[str, str], spec: Transactions) -> list[str]:
    """Show two of the cells that cannot be read; several of one shape are an error."""
    notes = []
    for key, text, value, fix in (
        (
            "time",
            "time_text",
            "purchased_at",
            "see whether source.transactions.time_format says how all of them are written",
        ),
        ("amount", "amount_text", "amount", "see whether source.transactions.read.decimal is that of all of them"),
    ):
        bad = lines.filter(f"NOT is_repeat AND {text} IS NOT NULL AND {value} IS NULL")
        if shown := refuse_pattern(bad, text, headers[key], spec.where, fix):
            notes.append(f"unreadable {key}, for example: {shown}")
    return notes


def _some_time(lines: duckdb.DuckDBPyRelation, spec: Transactions) -> None:
    """Refuse a log without one readable time: the format is wrong, not the lines."""
    if _one(lines.aggregate("count(purchased_at)")):
        return
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


def _with_products(
    raw: RawLog, lines: duckdb.DuckDBPyRelation, spec: Products, notes: list[str]
) -> tuple[duckdb.DuckDBPyRelation, list[str]]:
    """Add each line's department and whether it is a private label."""
    assert raw.products is not None
    types = dict(zip(raw.products.columns, (str(kind) for kind in raw.products.types), strict=True))
    wanted: dict[str, Sequence[str]] = {"id": [spec.id]}
    if spec.department is not None:
        wanted["department"] = [spec.department]
    if spec.brand is not None and spec.private_label is not None:
        wanted["brand"] = [spec.brand]
    headers = require(list(types), wanted, spec.where)
    cells = {key: text_sql(header, types[header], spec.read) for key, header in headers.items()}
    refuse_rounded(raw.products, headers["id"], cells["id"], spec.where)
    known_id = one_spelling(raw.products, cells["id"])
    expressions = {"known_id": known_id(cells["id"]), ROW_NUMBER: "row_number() OVER ()"}
    added = []
    if "department" in cells:
        expressions["department"] = cells["department"]
        added.append("department")
    if "brand" in cells:
        expressions["private_label"] = f"coalesce({cells['brand']} = {literal(spec.private_label or '')}, false)"
        added.append("private_label")
    products = raw.products.project(", ".join(f"{expression} AS {name}" for name, expression in expressions.items()))
    firsts = ", ".join(f"first({name} ORDER BY {ROW_NUMBER}) AS {name}" for name in added)
    products.filter("known_id IS NOT NULL").aggregate(
        f"known_id, count(*) AS n{', ' * bool(firsts)}{firsts}", "known_id"
    ).create("known_products")
    known = raw.connection.table("known_products")
    if repeated := _one(known.filter("n > 1").aggregate("count(*)")):
        notes.append(f"{repeated} products are listed more than once in {spec.where}: the first row of each is used")
    joined = lines.join(known, condition=f"{known_id('product_id')} = known_id", how="left")
    if unknown := _one(joined.filter("known_id IS NULL").aggregate("count(*)")):
        notes.append(f"{unknown} lines name a product that is not in {spec.where}: no department, not a private label")
    names = [name for name in (ROW_NUMBER, *lines.columns) if name != ROW_NUMBER.strip('"') and name not in added]
    extra = [f"coalesce({name}, false) AS {name}" if name == "private_label" else name for name in added]
    return joined.project(", ".join([*names, *extra])), added


def _one(relation: duckdb.DuckDBPyRelation) -> int:
    return int(relation.fetchall()[0][0])
