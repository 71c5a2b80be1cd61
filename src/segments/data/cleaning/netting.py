"""Returns that are netted. Comes in: clean lines. Goes out: the same, and when a purchase was sent back as a whole."""

from __future__ import annotations

import duckdb

from segments.config.source import Transactions
from segments.data.cleaning.money import MONEY_DIGITS
from segments.data.cleaning.parts import CANCELS
from segments.data.rows import ROW_NUMBER, RawLog

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


def net_returns(raw: RawLog, lines: duckdb.DuckDBPyRelation, spec: Transactions) -> tuple[duckdb.DuckDBPyRelation, int]:
    """Add to each purchase line when it was sent back as a whole (``sent_back_at``), and count those that were.

    Parameters
    ----------
    raw : RawLog
        Whose connection holds the lines.
    lines : DuckDBPyRelation
        Kept lines, with what their money is made of.
    spec : Transactions
        What they know: without products or units, returns are matched by money.
    """

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
    back_whole = int(connection.table("sent_back").aggregate("count(*)").fetchall()[0][0])
    known = connection.table("sent_back").project("row AS sent_row, sent_back_at")
    return lines.join(known, condition=f"{ROW_NUMBER} = sent_row", how="left"), back_whole
