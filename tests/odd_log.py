"""What the odd log of these tests comes to, by hand and pandas: a third opinion beside DuckDB's and Spark's, which share their rules.

What each cell means was written down here by a person; nothing of the package is used.
"""

from __future__ import annotations

from collections import Counter
from math import inf

import pandas as pd

# Of a customer, all spellings are one; the first in the log is what he is called.
WHO = {"007": "7", "12.0": "12", " 12 ": "12", "8\u200b8": "88", "": None, "?": None}
UNITS = {"1": 1, "2": 2, "3": 3, "-1": -1, "-2": -2, "-3": -3, "(2)": -2, "0": 0, "1e2": 100, "∞": inf}
PRICES = {
    "1.335": 1.335, "19.99": 19.99, "2.5": 2.5, "$ 3.00": 3.0, "(4.50)": -4.5, "5.25-": -5.25, "1,234.50": 1234.5, "7.": 7.0, ".5": 0.5, "-1": -1.0,
}  # fmt: skip
OFF = {"0": 0.0, "0.10": 0.1, "": 0.0, None: 0.0, "-0.25": 0.25}
PRODUCTS = {"tea": ("Food", True), "pot": ("Kitchen", False), "cup": ("Kitchen", True), "1": (None, True), "mug": ("Kitchen", False)}  # fmt: skip
AFTER, KEPT = pd.Timestamp("2025-01-01"), ("duplicate row", "return (amount below zero)", "")


def cleaned(log: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Clean lines without ``sent_back_at``, and lines by reason; `log` has None where a cell is missing."""
    seen: set[tuple[str | None, ...]] = set()
    called: dict[str, str] = {}
    lines, reasons = [], Counter[str]()
    for row in log.itertuples(index=False, name=None):
        who, when, order, item, units, price, off = row
        repeated, _ = row in seen, seen.add(row)
        customer = WHO.get(who, who) if who is not None else None
        if customer is not None:
            called.setdefault(customer, who.strip().replace("\u200b", ""))
        at = pd.to_datetime(when, errors="coerce")
        quantity, paid = UNITS.get(units), PRICES.get(price)
        amount = 0.0 if quantity is None or paid is None else round(quantity * paid, 4)
        if quantity is not None and paid is not None and quantity < 0 and paid < 0:  # brought back, and said twice
            amount = -amount
        if item == "mug":  # paid back, whatever its sign
            amount = -abs(amount)
        faults = {
            "excluded (Item: postage)": item == "POSTAGE",
            "missing customer id": customer is None,
            "missing order id": order is None,
            "missing time": when is None,
            "unreadable time": pd.isna(at),
            "missing quantity": units == "",
            "unreadable quantity": quantity is None,
            "infinite quantity": quantity == inf,
            "missing price": paid is None,
            "unreadable discount or coupon": off not in OFF,
            "after the as-of date": not pd.isna(at) and at >= AFTER,
            "zero amount": amount == 0,
            "duplicate row": repeated,
            "return (amount below zero)": amount < 0,
        }
        reason = next((name for name, holds in faults.items() if holds), "")
        reasons[reason] += 1
        if reason in KEPT:
            product = item and item.strip()
            of_product = PRODUCTS.get("1" if product == "01" else product, (None, False))
            lines.append((customer, order, at, amount, OFF[off], product, *of_product))
    names = ["customer_id", "order_id", "purchased_at", "amount", "discount", "product_id", "department", "private_label"]  # fmt: skip
    table = pd.DataFrame(lines, columns=names).astype({"purchased_at": "datetime64[us]", "private_label": "bool"})
    texts = dict.fromkeys(["customer_id", "order_id", "product_id", "department"], "str")
    return table.assign(customer_id=table["customer_id"].map(called)).astype(texts), dict(reasons)
