"""A raw transaction log to a clean one. Comes in: lines and products as relations. Goes out: clean lines, a report.

DuckDB streams logs larger than memory; the expressions are its own SQL, because row order, ``TRY_CAST`` and regular
expressions have no Narwhals spelling that all engines share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import duckdb

from segments.config.source import Policy, Products, Reader, Source, Transactions
from segments.data.reading.cells import instants, literal, number_in, refuse_pattern, text_sql, time_sql
from segments.data.reading.ids import customer_ids, one_spelling, refuse_rounded
from segments.data.rows import (
    ROW_NUMBER,
    RawLog,
    Reason,
    Report,
    counted,
    find_header,
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
    "sent_back_at": "TIMESTAMP",
}
MONEY_DIGITS = 4  # quantity x price is rounded to these: floats make 0.30000000000000004 of 3 x 0.1
FAR_DAYS, FAR_TIMES, FEWEST_DAYS = 31, 5, 10  # when a day lies far from the rest; of fewer days nothing is said
CANCELS = r"[Cc]\d+"  # an order called so cancels the one of this number
# An order is cancelled when its cancellation brings back as much as it cost, whatever its lines are called.
CANCELLED_ORDERS = """
WITH cancels AS (
    SELECT customer_id, bare_order, sum(paid) AS paid, max(purchased_at) AS last_time
    FROM sized_lines WHERE paid < 0 AND order_id <> bare_order GROUP BY ALL
), orders AS (SELECT customer_id, order_id, sum(paid) AS paid FROM sized_lines WHERE paid >= 0 GROUP BY ALL)
SELECT row, last_time AS sent_back_at FROM sized_lines AS line
JOIN cancels ON line.customer_id = cancels.customer_id AND line.order_id = cancels.bare_order
JOIN orders ON line.customer_id = orders.customer_id AND line.order_id = orders.order_id
WHERE line.paid >= 0 AND orders.paid + cancels.paid <= 0
"""
LINES_OF_RETURNS = """
WITH cancelled AS (
    SELECT line.row, line.customer_id, line.order_id FROM sized_lines AS line
    JOIN cancelled_lines ON line.row = cancelled_lines.row
), open_lines AS (
    SELECT * FROM sized_lines AS line WHERE NOT EXISTS (SELECT 1 FROM cancelled WHERE cancelled.row = line.row)
    AND NOT (paid < 0 AND order_id IS DISTINCT FROM bare_order AND EXISTS (
        SELECT 1 FROM cancelled WHERE cancelled.customer_id = line.customer_id AND cancelled.order_id = line.bare_order
    ))
)
SELECT line.customer_id, line.product, row, purchased_at, bare_order, size, paid < 0 AS is_return, otherwise
FROM open_lines AS line
JOIN (SELECT DISTINCT customer_id, product FROM open_lines WHERE paid < 0) AS of_return
ON line.customer_id = of_return.customer_id AND line.product IS NOT DISTINCT FROM of_return.product
"""


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
    money = {key: number(key) for key in spec.money}
    rate = _rate(raw.lines, number("discount_rate"), spec) if spec.discount_rate is not None else ""
    parsed = {
        ROW_NUMBER: ROW_NUMBER,
        "is_repeat": repeated_rows(raw, numbered),
        "customer_id": customer,
        "order_id": cell("order") if "order" in headers else f"strftime({time}, '%Y-%m-%d')",
        "time_text": cell("time"),
        "purchased_at": time,
    }
    for key in spec.money:
        parsed |= {f"{key}_text": cell(key), f"{key}_read": money[key]}
    reductions = {"coupon": [f"coupon {position}" for position in range(len(spec.coupons))]}
    reductions["discount"] = [f"discount {position}" for position in range(len(spec.discounts))]
    sums = {name: [f"abs(coalesce({number(part)}, 0))" for part in parts] for name, parts in reductions.items()}
    amount = _amount(money, rate, sums["discount"])
    if spec.refunded is not None:
        back = f"abs(coalesce({number('refunded')}, 0))"
        amount = f"CASE WHEN ({amount}) > 0 THEN {_rounded(f'(({amount}) - {back})')} ELSE {amount} END"
        parsed["is_paid_back"] = f"{back} > 0"
        parsed["refunded_bad"] = (
            f"{cell('refunded')} IS NOT NULL AND NOT coalesce(isfinite({number('refunded')}), false)"
        )
    refunds = [condition for _, condition in _marked(raw.lines, types, spec, "refunds", notes)]
    parsed["is_refund"] = " OR ".join(refunds) or "false"
    parsed["amount"] = (
        f"CASE WHEN ({parsed['is_refund']}) AND ({amount}) > 0 THEN -({amount}) ELSE {amount} END"
        if refunds
        else amount
    )
    reductions["discount"] += [key for key in ("discount_rate", "list_price") if key in headers and key not in money]
    sums["discount"] += _price_cuts(spec, number, money, rate)
    blank = {}
    for name in ("discount", "coupon"):
        if sums[name]:
            parsed[name] = " + ".join(sums[name])
            unreadable = [
                f"({cell(part)} IS NOT NULL AND NOT coalesce(isfinite({rate if part == 'discount_rate' else number(part)}), false))"
                for part in reductions[name]
            ]
            parsed[f"{name}_bad"] = " OR ".join(unreadable) or "false"
            blank[name] = " OR ".join(f"({cell(part)} IS NULL)" for part in reductions[name]) or "false"
            parsed[f"{name}_blank"] = blank[name]
    if "product" in headers:
        parsed["product_id"] = cell("product")
    if "store" in headers:
        parsed["store_id"] = cell("store")
    excluded = [
        (Reason(f"excluded ({what})", "drop", "exclude", fault=False), condition)
        for what, condition in _marked(raw.lines, types, spec, "exclude", notes)
    ]
    parsed |= {f"excluded_{number}": condition for number, (_, condition) in enumerate(excluded)}

    after = date.fromisoformat(source.as_of) + timedelta(days=1)
    bad_reduction = " OR ".join(f"{name}_bad" for name in blank) or "false"
    repeats = policy.duplicate_rows or ("drop" if spec.line else "keep")
    judged: list[tuple[Reason, str]] = [
        *((reason, f"excluded_{number}") for number, (reason, _) in enumerate(excluded)),
        (Reason("duplicate row", repeats, "duplicate_rows"), "is_repeat"),
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
        *_faults_of_money(spec, policy),
        (Reason("unreadable discount or coupon", policy.bad_value, "bad_value"), bad_reduction),
        *(
            [(Reason("unreadable refunded amount", policy.bad_value, "bad_value"), "refunded_bad")]
            if spec.refunded is not None
            else []
        ),
        (
            Reason("after the as-of date", policy.after_as_of, "after_as_of", fault=False),
            f"purchased_at >= TIMESTAMP '{after}'",
        ),
        (
            Reason(
                "return (amount below zero)",
                "keep" if policy.returns == "net" else policy.returns,
                "returns",
                fault=False,
            ),
            "amount < 0",
        ),
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

    looked_at = _read_parts(spec)
    asked = {f"{name}_blank": f"{name}_blank" for name in blank} | {"is_return": "amount < 0", "is_refund": "is_refund"}
    columns = [name for name in TRANSACTION_COLUMNS if name in parsed]
    rules = _rules(columns)
    asked |= {"is_timed": "purchased_at IS NOT NULL", "is_broken": " OR ".join(f"({rule})" for rule in rules)}
    if spec.order is not None:
        cancels = f"regexp_full_match(order_id, '{CANCELS}')"
        asked |= {"pays": f"{cancels} AND amount > 0", "is_number": "regexp_full_match(order_id, '\\d+')"}
    if spec.refunded is not None:
        asked["is_paid_back"] = "is_paid_back"
    asked |= {f"{key}_unread": _is_unread(text, value) for key, text, value, _ in looked_at}
    by_verdict = _counted_by_verdict(lines, asked)
    found = {verdict: count for verdict, (count, *_) in by_verdict.items()}
    rows_raw = sum(found.values())
    if not rows_raw:
        raise DataError("the transaction log has a header but no lines", where=spec.where, fix="check the file")
    told = dict(zip(asked, map(sum, zip(*(more for _, *more in by_verdict.values()), strict=True)), strict=True))
    if not told["is_timed"]:
        _refuse_times(lines, spec)
    counts = [found.get(number, 0) for number in range(1, len(judged) + 1)]
    keeping = [0, *(number for number, (reason, _) in enumerate(judged, start=1) if reason.action == "keep")]
    kept = lines.filter(f"verdict IN ({', '.join(map(str, keeping))})")
    of_kept = [by_verdict[number] for number in keeping if number in by_verdict]
    told_of_kept = {key: sum(counts[at] for counts in of_kept) for at, key in enumerate(asked, start=1)}
    for name in blank:
        if blanks := told_of_kept[f"{name}_blank"]:
            notes.append(f"{blanks} lines lack a {name} value: it counts as 0")
    if spec.refunds:
        notes.append(f"{told_of_kept['is_refund']} lines are of money paid back (refunds): it counts as below zero")
    if spec.refunded is not None:
        notes.append(
            f"{told['is_paid_back']} lines say that money was paid back ('{headers['refunded']}'): it is taken off what was paid"
        )
    notes += _unreadable(lines, headers, [part for part in looked_at if told[f"{part[0]}_unread"]], spec)
    report = counted([reason for reason, _ in judged], counts, rows_raw, policy, notes, spec.where)

    if spec.order is not None and (pays := told_of_kept["pays"]) and told_of_kept["is_number"]:
        notes.append(
            f"{pays} lines of orders that are called like cancellations (C and a number) have an amount above zero: they count as purchases"
        )
    notes += _gaps(_days(kept.project("CAST(purchased_at AS DATE) AS day")), date.fromisoformat(source.as_of))
    if broken := told_of_kept["is_broken"]:
        raise DataError(
            f"{broken} cleaned lines break their schema ({'; '.join(rules)})",
            where=spec.where,
            fix="report this as a defect",
        )
    if policy.returns == "net" and (returns := told_of_kept["is_return"]):
        kept, back_whole = _net(raw, kept, spec)
        notes.append(
            f"{returns} returns: their money is taken off what the customers paid; "
            f"{back_whole} purchase lines were sent back as a whole, and are no purchases from then on"
        )
        columns.append("sent_back_at")
    if spec.products is not None and raw.products is not None:
        kept, added = _with_products(raw, kept, spec.products, notes)
        columns = [name for name in TRANSACTION_COLUMNS if name in (*columns, *added)]
    _check_types(kept.project(", ".join(columns)), spec.where)
    return kept.order(ROW_NUMBER).project(", ".join(columns)), report


def rejected_lines(raw: RawLog) -> Iterator[tuple[int, str | None, str]]:
    """Number (from 1), customer id and reason of every line that :func:`clean_transactions` left out as bad, in order.

    Choices of the policy (returns, zero amounts, lines after the as-of date) are not bad lines.
    """
    cursor = raw.connection.cursor()
    cursor.execute("SELECT row, id, reason FROM rejected_lines ORDER BY row")
    while rows := cursor.fetchmany(10_000):
        yield from rows


def purchase_days(
    lines: duckdb.DuckDBPyRelation, header: str, time_format: str | None, reader: Reader
) -> list[tuple[date, int]]:
    """The days that a column of a raw log names, and the lines of each, in order."""
    kind = dict(zip(lines.columns, (str(kind) for kind in lines.types), strict=True))[header]
    time = time_sql(header, kind, text_sql(header, kind, reader), time_format)
    return _days(lines.project(f"CAST({time} AS DATE) AS day"))


def _days(lines: duckdb.DuckDBPyRelation) -> list[tuple[date, int]]:
    found = lines.filter("day IS NOT NULL AND isfinite(day)").aggregate("day, count(*)", "day").order("day")
    return found.fetchall()


def main_days(days: Sequence[tuple[date, int]]) -> tuple[date, date]:
    """First and last day of a log without the few lines that lie far from all others: misread or mistyped dates.

    Far is more than a month, and more than five times the longest gap between the days nearer to the middle; few is one line, or a
    hundredth of them.

    Parameters
    ----------
    days : sequence of (date, int)
        Days and their lines, in order; at least one.

    Examples
    --------
    >>> days = [(date(2024, 1, day), 5) for day in range(1, 31)]
    >>> first, last = main_days([(date(1970, 1, 1), 1), *days, (date(2204, 1, 1), 1)])
    >>> str(first), str(last)
    ('2024-01-01', '2024-01-30')
    """
    whole = sum(lines for _, lines in days)
    few, before = max(1, whole // 100), 0
    gaps = []
    for at, ((day, lines), (following, _)) in enumerate(pairwise(days), start=1):
        before += lines
        gaps.append((at, (following - day).days, before <= few, whole - before <= few))
    longest = max((gap for _, gap, starts, ends in gaps if not starts and not ends), default=None)
    if longest is None or len(days) < FEWEST_DAYS:
        return days[0][0], days[-1][0]
    far = max(FAR_DAYS, FAR_TIMES * longest)
    first = max((at for at, gap, starts, _ in gaps if starts and gap > far), default=0)
    last = min((at for at, gap, _, ends in gaps if ends and gap > far), default=len(days))
    return days[first][0], days[last - 1][0]


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


def _log_headers(headers: list[str], spec: Transactions) -> dict[str, str]:
    wanted: dict[str, Sequence[str]] = {"customer": [spec.customer], "time": [spec.time]}
    named = spec.money | {
        key: getattr(spec, key) for key in ("order", "product", "store", "list_price", "discount_rate", "refunded")
    }
    named |= {"quantity": spec.quantity, "line": spec.line}
    named |= {f"{key} {name}": name for key in ("exclude", "refunds") for name in getattr(spec, key)}
    wanted |= {key: [name] for key, name in named.items() if name is not None}
    for key, names in (("discount", spec.discounts), ("coupon", spec.coupons)):
        wanted |= {f"{key} {position}": [name] for position, name in enumerate(names)}
    if spec.products is not None and spec.product is None:
        raise DataError(
            "the source describes products, but not which column of the log holds the product id",
            where="source.transactions.product",
            fix="name it",
        )
    return require(headers, wanted, spec.where)


def _amount(money: dict[str, str], rate: str, discounts: list[str]) -> str:
    """SQL of what was paid for a line."""
    if "amount" in money:
        return money["amount"]
    quantity, price = money.values()
    # Some logs write a return with a negative quantity, some with a negative price, some with both.
    sign = f"CASE WHEN {quantity} < 0 AND {price} < 0 THEN -1 ELSE 1 END"
    if "price" in money:
        return _rounded(f"{sign} * ({quantity}) * ({price})")
    paid = f"abs(({quantity}) * ({price}))" + (f" * (1 - coalesce({rate}, 0))" if rate else "")
    paid = " - ".join([paid, *discounts])
    return _rounded(f"CASE WHEN {quantity} < 0 OR {price} < 0 THEN -1 ELSE 1 END * ({paid})")


def _rounded(money: str) -> str:
    # Twice: a product that ends in a 5 is a hair below it as a float, as 1.335 x 19.99 is.
    return f"round(round({money}, {2 * MONEY_DIGITS}), {MONEY_DIGITS})"


def _price_cuts(spec: Transactions, number: Callable[[str], str], money: dict[str, str], rate: str) -> list[str]:
    """SQL of the discounts of a line that stand in it as a rate or as another price."""
    cuts = []
    if spec.list_price is not None and spec.price is not None:
        cuts.append(f"greatest(coalesce({number('list_price')} - {money['price']}, 0), 0) * abs({money['quantity']})")
    elif spec.list_price is not None and spec.amount is not None:
        cuts.append(f"greatest(coalesce(abs({number('list_price')}) - abs({money['amount']}), 0), 0)")
    elif rate and "list_price" in money:
        cuts.append(f"abs({money['quantity']} * {money['list_price']}) * coalesce({rate}, 0)")
    elif rate:  # of all that is off, nothing is left to tell how much that was
        paid = money.get("amount") or f"{money['quantity']} * {money['price']}"
        cuts.append(f"CASE WHEN {rate} < 1 THEN abs({paid}) * {rate} / (1 - {rate}) ELSE 0 END")
    return [_rounded(f"coalesce({cut}, 0)") for cut in cuts]


def _rate(lines: duckdb.DuckDBPyRelation, written: str, spec: Transactions) -> str:
    """SQL of a discount rate as a share, NULL where it is none; asks where the column does not tell in what it is written."""
    unit = spec.discount_unit
    if unit is None:
        found = lines.project(f"abs({written}) AS rate").filter("rate > 0 AND isfinite(rate)")
        above, below, largest = found.aggregate(
            "count_if(rate > 1), count_if(rate < 1), coalesce(max(rate), 0)"
        ).fetchall()[0]
        if largest > 0 and ((not above and not below) or (above and below)):
            raise DataError(
                f"whether column '{spec.discount_rate}' holds shares or percent cannot be told: "
                + (
                    "its rates are all 0 or 1"
                    if not above
                    else f"it has {below} rates below 1, and {above} above, up to {largest:g}"
                ),
                where=spec.where,
                fix="write source.transactions.discount_unit: share (a fifth is 0.2) or percent (a fifth is 20)",
            )
        unit = "percent" if above else "share"
    rate = f"(abs({written}) / {100 if unit == 'percent' else 1})"
    return f"(CASE WHEN {rate} <= 1 THEN {rate} END)"


def _faults_of_money(spec: Transactions, policy: Policy) -> list[tuple[Reason, str]]:
    """What may be wrong with each cell the money is made of."""
    return [
        (Reason(f"{fault} {key.replace('_', ' ')}", policy.bad_value, "bad_value"), condition.format(key))
        for key in spec.money
        for fault, condition in (
            ("missing", "{}_text IS NULL"),
            ("unreadable", "{}_read IS NULL"),
            ("infinite", "NOT isfinite({}_read)"),
        )
    ]


def _marked(
    lines: duckdb.DuckDBPyRelation, types: dict[str, str], spec: Transactions, key: str, notes: list[str]
) -> list[tuple[str, str]]:
    """The lines that the source's `exclude` or `refunds` names by a value, in words and in SQL; notes values that no line has."""
    found = []
    for name, values in getattr(spec, key).items():
        header = find_header(list(types), [name])
        assert header is not None, "required before"
        text = text_sql(header, types[header], spec.read)
        cell = f"lower({text})"
        words = {value.strip(): value.strip().lower() for value in values}
        as_written, small = (", ".join(map(literal, some)) for some in (words, dict.fromkeys(words.values())))
        # as it is written, too: not every capital has the same small letter everywhere (İptal)
        condition = f"coalesce({cell} IN ({small}) OR {text} IN ({as_written}), false)"
        seen = lines.filter(condition).project(f"{cell} AS small, {text} AS as_written").distinct().fetchall()
        known = {one for row in seen for one in row}
        if unknown := list(dict.fromkeys(low for word, low in words.items() if not {word, low} & known)):
            notes.append(f"{key}: no line has {quoted_list(unknown)} in column '{header}'")
        found.append((f"{header}: {', '.join(values)}", condition))
    return found


def _net(raw: RawLog, lines: duckdb.DuckDBPyRelation, spec: Transactions) -> tuple[duckdb.DuckDBPyRelation, int]:
    """Add to each purchase line when it was sent back as a whole (``sent_back_at``), and count those that were."""

    def whole(number: str) -> str:
        return f"CAST(round({number} * {10**MONEY_DIGITS}) AS BIGINT)"

    by_units = spec.product is not None and "quantity" in spec.money  # units of different things are no measure
    size = whole("abs(quantity_read)" if by_units else "abs(amount)")
    bare = f"CASE WHEN regexp_full_match(order_id, '{CANCELS}') THEN substr(order_id, 2) ELSE order_id END"
    # Of lines that are equal to a return, what else they say decides which came back, not their place in the file.
    others = "".join(f", {name}" for name in ("discount", "coupon", "store_id") if name in lines.columns)
    lines.project(
        f"{ROW_NUMBER} AS row, customer_id, {'product_id' if spec.product else 'NULL::VARCHAR'} AS product, order_id, "
        f"{bare if spec.order else 'NULL::VARCHAR'} AS bare_order, purchased_at, {whole('amount')} AS paid, "
        f"CASE WHEN amount < 0 THEN -{size} ELSE {size} END AS size, "
        f"concat_ws(' ', ''{others}) AS otherwise"
    ).create_view("sized_lines")
    connection = raw.connection
    connection.sql(CANCELLED_ORDERS).create("cancelled_lines")
    raw.whole_returns(connection.sql(LINES_OF_RETURNS)).create("returned_lines")
    connection.sql("SELECT * FROM cancelled_lines UNION ALL SELECT * FROM returned_lines").create("sent_back")
    back_whole = _one(connection.table("sent_back").aggregate("count(*)"))
    known = connection.table("sent_back").project("row AS sent_row, sent_back_at")
    return lines.join(known, condition=f"{ROW_NUMBER} = sent_row", how="left"), back_whole


def _gaps(days: Sequence[tuple[date, int]], as_of: date) -> list[str]:
    """Say so where a few lines lie far from all others, or the as-of date does."""
    first, last = main_days(days)
    notes = [
        f"{sum(lines for day, lines in days if day in far)} lines lie far {side} all others, from {far[0]} to {far[-1]}: are these their dates?"
        for side, far in (
            ("before", [day for day, _ in days if day < first]),
            ("after", [day for day, _ in days if day > last]),
        )
        if far
    ]
    last = days[-1][0] if not notes else last
    longest = max((int((later - day).days) for (day, _), (later, _) in pairwise(days) if later <= last), default=0)
    if (as_of - last).days > max(FAR_DAYS, FAR_TIMES * longest):
        notes.append(
            f"the as-of date {as_of} lies {(as_of - last).days:,} days after {last}, the last of the log: is it the day everything is known of?"
        )
    return notes


def _counted_by_verdict(lines: duckdb.DuckDBPyRelation, asked: dict[str, str]) -> dict[int, tuple[int, ...]]:
    """In one pass: the lines of each verdict, then of how many of them each thing asked holds."""
    conditions = ", ".join(f"{condition} AS {key}" for key, condition in asked.items())
    counts = ", ".join(f"count(*) FILTER (WHERE {key})" for key in asked)
    of_lines = lines.project(f"verdict, {conditions}").aggregate(f"verdict, count(*), {counts}", "verdict")
    return {verdict: tuple(more) for verdict, *more in of_lines.fetchall()}


def _read_parts(spec: Transactions) -> list[tuple[str, str, str, str]]:
    """What is read of a line: its key, its text, its value, and what the source says of how it is written."""
    parts = [("time", "time_text", "purchased_at", "time_format")]
    return parts + [(key, f"{key}_text", f"{key}_read", "read.decimal") for key in spec.money]


def _is_unread(text: str, value: str) -> str:
    return f"NOT is_repeat AND {text} IS NOT NULL AND {value} IS NULL"


def _unreadable(
    lines: duckdb.DuckDBPyRelation,
    headers: dict[str, str],
    parts: list[tuple[str, str, str, str]],
    spec: Transactions,
) -> list[str]:
    """Show two of the cells that cannot be read; several of one shape are an error."""
    notes = []
    for key, text, value, said in parts:
        bad = lines.filter(_is_unread(text, value))
        fix = f"see whether source.transactions.{said} says how all of them are written"
        if shown := refuse_pattern(bad, text, headers[key], spec.where, fix):
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
    products = products.filter("known_id IS NOT NULL")
    firsts = products.aggregate(f"known_id AS first_id, count(*) AS n, min({ROW_NUMBER}) AS first_row", "known_id")
    firsts.create("product_firsts")
    listed = raw.connection.table("product_firsts").join(products, condition=f"first_row = {ROW_NUMBER}")
    listed.project(", ".join(["known_id", "n", *added])).create("known_products")
    known = raw.connection.table("known_products")
    if repeated := _one(known.filter("n > 1").aggregate("count(*)")):
        notes.append(f"{repeated} products are listed more than once in {spec.where}: the first row of each is used")
    keyed = lines.project(f"*, {known_id('product_id')} AS product_key")
    joined = keyed.join(known, condition="product_key = known_id", how="left")
    if unknown := _one(joined.filter("known_id IS NULL").aggregate("count(*)")):
        notes.append(f"{unknown} lines name a product that is not in {spec.where}: no department, not a private label")
    names = [name for name in (ROW_NUMBER, *lines.columns) if name != ROW_NUMBER.strip('"') and name not in added]
    extra = [f"coalesce({name}, false) AS {name}" if name == "private_label" else name for name in added]
    return joined.project(", ".join([*names, *extra])), added


def _one(relation: duckdb.DuckDBPyRelation) -> int:
    return int(relation.fetchall()[0][0])
