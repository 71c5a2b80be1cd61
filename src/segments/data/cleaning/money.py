"""What was paid for a line and what was off it. Comes in: where its cells stand. Goes out: the parts of a line that are money."""

from __future__ import annotations

from segments.data.cleaning.parts import LinePart, LogCells, marked_lines
from segments.data.rows import Reason
from segments.errors import DataError

MONEY_DIGITS = 4  # quantity x price is rounded to these: floats make 0.30000000000000004 of 3 x 0.1


def money_parts(cells: LogCells) -> list[LinePart]:
    """What was paid for a line (``amount``), what was off it (``discount``, ``coupon``), and what was paid back.

    Raises
    ------
    DataError
        If a column does not tell how its numbers are written.
    """
    rate = _rate(cells) if cells.spec.discount_rate is not None else ""
    paid = {key: cells.number(key) for key in cells.spec.money}
    amount = _amount(paid, rate, _sums(cells, "discount"))
    refunded, amount = _refunded(cells, amount)
    refunds, amount = _refunds(cells, amount)
    return [_paid(cells, amount), refunds, _reductions(cells, paid, rate), refunded]


def _paid(cells: LogCells, amount: str) -> LinePart:
    """What was paid, and what may be wrong with each cell that it is made of."""
    keys, action = list(cells.spec.money), cells.source.policy.bad_value
    columns = {"amount": amount}
    for key in keys:
        columns |= {f"{key}_text": cells.text(key), f"{key}_read": cells.number(key)}
    reasons = [
        (Reason(f"{fault} {key.replace('_', ' ')}", action, "bad_value"), condition.format(key))
        for key in keys
        for fault, condition in (
            ("missing", "{}_text IS NULL"),
            ("unreadable", "{}_read IS NULL"),
            ("infinite", "NOT isfinite({}_read)"),
        )
    ]
    return LinePart(columns, reasons, read={key: (f"{key}_text", f"{key}_read", "read.decimal") for key in keys})


def _amount(paid: dict[str, str], rate: str, discounts: list[str]) -> str:
    """SQL of what was paid for a line."""
    if "amount" in paid:
        return paid["amount"]
    quantity, price = paid.values()
    # Some logs write a return with a negative quantity, some with a negative price, some with both.
    sign = f"CASE WHEN {quantity} < 0 AND {price} < 0 THEN -1 ELSE 1 END"
    if "price" in paid:
        return _rounded(f"{sign} * ({quantity}) * ({price})")
    cost = f"abs(({quantity}) * ({price}))" + (f" * (1 - coalesce({rate}, 0))" if rate else "")
    cost = " - ".join([cost, *discounts])
    return _rounded(f"CASE WHEN {quantity} < 0 OR {price} < 0 THEN -1 ELSE 1 END * ({cost})")


def _rounded(money: str) -> str:
    # Twice: a product that ends in a 5 is a hair below it as a float, as 1.335 x 19.99 is.
    return f"round(round({money}, {2 * MONEY_DIGITS}), {MONEY_DIGITS})"


def _refunds(cells: LogCells, amount: str) -> tuple[LinePart, str]:
    """Lines that are money paid back, whatever their sign (``refunds``), and the amount with theirs below zero."""
    marked = [condition for _, condition in marked_lines(cells, "refunds")]
    if not marked:
        return LinePart(), amount
    said = "lines are of money paid back (refunds): it counts as below zero"
    is_refund = " OR ".join(marked)
    part = LinePart({"is_refund": is_refund}, said=[(said, "is_refund")])
    return part, f"CASE WHEN ({is_refund}) AND ({amount}) > 0 THEN -({amount}) ELSE {amount} END"


def _refunded(cells: LogCells, amount: str) -> tuple[LinePart, str]:
    """What was paid back of a line, in a column of its own (``refunded``), and the amount without it."""
    if cells.spec.refunded is None:
        return LinePart(), amount
    back = f"abs(coalesce({cells.number('refunded')}, 0))"
    said = f"lines say that money was paid back ('{cells.headers['refunded']}'): it is taken off what was paid"
    bad = Reason("unreadable refunded amount", cells.source.policy.bad_value, "bad_value")
    part = LinePart(
        {"is_paid_back": f"{back} > 0", "refunded_bad": cells.unread("refunded")},
        [(bad, "refunded_bad")],
        [(said, "is_paid_back")],
    )
    return part, f"CASE WHEN ({amount}) > 0 THEN {_rounded(f'(({amount}) - {back})')} ELSE {amount} END"


def _sums(cells: LogCells, name: str) -> list[str]:
    """SQL of each discount or coupon of a line that stands in it as money."""
    return [f"abs(coalesce({cells.number(key)}, 0))" for key in _listed(cells, name)]


def _listed(cells: LogCells, name: str) -> list[str]:
    return [key for key in cells.headers if key.startswith(f"{name} ")]


def _reductions(cells: LogCells, paid: dict[str, str], rate: str) -> LinePart:
    """What was off a line: discounts as money, as a rate or as another price, and coupons."""
    rates = [key for key in ("discount_rate", "list_price") if key in cells.headers and key not in paid]
    keys = {"discount": [*_listed(cells, "discount"), *rates], "coupon": _listed(cells, "coupon")}
    sums = {"discount": [*_sums(cells, "discount"), *_price_cuts(cells, paid, rate)], "coupon": _sums(cells, "coupon")}
    columns, said = {}, []
    for name in (name for name in sums if sums[name]):
        columns[name] = " + ".join(sums[name])
        columns[f"{name}_bad"] = " OR ".join(_is_bad(cells, key, rate) for key in keys[name]) or "false"
        columns[f"{name}_blank"] = " OR ".join(f"({cells.text(key)} IS NULL)" for key in keys[name]) or "false"
        said.append((f"lines lack a {name} value: it counts as 0", f"{name}_blank"))
    bad = Reason("unreadable discount or coupon", cells.source.policy.bad_value, "bad_value")
    condition = " OR ".join(name for name in columns if name.endswith("_bad"))
    return LinePart(columns, [(bad, condition)] if condition else [], said)


def _is_bad(cells: LogCells, key: str, rate: str) -> str:
    if key != "discount_rate":
        return cells.unread(key)
    return f"({cells.text(key)} IS NOT NULL AND NOT coalesce(isfinite({rate}), false))"


def _price_cuts(cells: LogCells, paid: dict[str, str], rate: str) -> list[str]:
    """SQL of the discounts of a line that stand in it as a rate or as another price."""
    cuts = []
    if "list_price" in cells.headers and "price" in paid:
        cuts.append(
            f"greatest(coalesce({cells.number('list_price')} - {paid['price']}, 0), 0) * abs({paid['quantity']})"
        )
    elif "list_price" in cells.headers and "amount" in paid:
        cuts.append(f"greatest(coalesce(abs({cells.number('list_price')}) - abs({paid['amount']}), 0), 0)")
    elif rate and "list_price" in paid:
        cuts.append(f"abs({paid['quantity']} * {paid['list_price']}) * coalesce({rate}, 0)")
    elif rate:  # of all that is off, nothing is left to tell how much that was
        left = paid.get("amount") or f"{paid['quantity']} * {paid['price']}"
        cuts.append(f"CASE WHEN {rate} < 1 THEN abs({left}) * {rate} / (1 - {rate}) ELSE 0 END")
    return [_rounded(f"coalesce({cut}, 0)") for cut in cuts]


def _rate(cells: LogCells) -> str:
    """SQL of a discount rate as a share, NULL where it is none; asks where the column does not tell in what it is written."""
    spec, written, unit = cells.spec, cells.number("discount_rate"), cells.spec.discount_unit
    if unit is None:
        found = cells.raw.lines.project(f"abs({written}) AS rate").filter("rate > 0 AND isfinite(rate)")
        above, below, largest = found.aggregate(
            "count_if(rate > 1), count_if(rate < 1), coalesce(max(rate), 0)"
        ).fetchall()[0]
        if largest > 0 and ((not above and not below) or (above and below)):
            raise DataError(
                f"whether column '{spec.discount_rate}' holds shares or percent is not clear: "
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
