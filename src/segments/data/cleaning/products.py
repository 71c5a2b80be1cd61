"""Lines and their products. Comes in: clean lines, a raw table of products. Goes out: lines with a department and the kind of their brand."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from segments.config.source import Products
from segments.data.reading.cells import literal, text_sql
from segments.data.reading.ids import one_spelling, refuse_rounded
from segments.data.rows import ROW_NUMBER, RawLog, require


def with_products(
    raw: RawLog, lines: duckdb.DuckDBPyRelation, spec: Products, notes: list[str]
) -> tuple[duckdb.DuckDBPyRelation, list[str]]:
    """Add each line's department and whether it is a private label.

    Parameters
    ----------
    raw : RawLog
        With its products.
    lines : DuckDBPyRelation
        Clean lines.
    spec : Products
        What the columns of the products mean.
    notes : list of str
        What a person should know is added here.

    Returns
    -------
    lines : DuckDBPyRelation
        With ``department`` (text) and ``private_label`` (boolean), where the products have them.
    added : list of str
        Which of the two.

    Raises
    ------
    DataError
        If a column is missing, or the ids were rounded.
    """
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
    if repeated := _rows(known.filter("n > 1")):
        notes.append(f"{repeated} products are listed more than once in {spec.where}: the first row of each is used")
    keyed = lines.project(f"*, {known_id('product_id')} AS product_key")
    joined = keyed.join(known, condition="product_key = known_id", how="left")
    if unknown := _rows(joined.filter("known_id IS NULL")):
        notes.append(f"{unknown} lines name a product that is not in {spec.where}: no department, not a private label")
    names = [name for name in (ROW_NUMBER, *lines.columns) if name != ROW_NUMBER.strip('"') and name not in added]
    extra = [f"coalesce({name}, false) AS {name}" if name == "private_label" else name for name in added]
    return joined.project(", ".join([*names, *extra])), added


def _rows(relation: duckdb.DuckDBPyRelation) -> int:
    return int(relation.aggregate("count(*)").fetchall()[0][0])
