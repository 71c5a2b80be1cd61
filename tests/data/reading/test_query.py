"""Several raw tables made one by SQL: what is handed in, what comes out, and what a query cannot do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from segments.app.load import checked, load
from segments.config.source import RawFile, Reader, Source
from segments.data.reading.query import QueryLimits, asked
from segments.data.reading.query_process import Refused, answer
from segments.errors import ConfigError, DataError
from small_project import CHECKOUT

LOG = "conf/query/shop.sql"
SHOP = checked(
    Source,
    {
        "name": "shop",
        "as_of": "2024-12-31",
        "tables": {"orders": {"path": "orders.csv"}, "items": {"path": "items.csv"}},
        "transactions": {"query": LOG, "customer": "who", "time": "day", "amount": "paid"},
    },
)


@pytest.fixture(autouse=True)
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files, an id with a leading zero, a missing price."""
    monkeypatch.chdir(tmp_path)
    Path("orders.csv").write_text("id,who,day\n01,007,2024-01-01\n02,7,2024-01-02\n")
    Path("items.csv").write_text("id,price,n\n01,19.99,3\n01,?,1\n02,0.10,2\n")


def answered(sql: str, source: Source = SHOP, limits: QueryLimits | None = None) -> pd.DataFrame:
    with asked(source, {LOG: sql}, limits=limits) as raw:
        assert raw.files.transactions is not None
        return pd.read_parquet(str(raw.files.transactions.path))


@pytest.mark.slow
def test_cells_are_text_as_written_no_value_is_null_and_sums_are_exact() -> None:
    sql = "SELECT who, day, sum(price::DECIMAL(10, 2) * n::INT) AS paid FROM orders JOIN items USING (id) GROUP BY ALL ORDER BY who;"
    table = answered(sql)
    assert [(who, day, str(paid)) for who, day, paid in table.itertuples(index=False)] == [
        ("007", "2024-01-01", "59.97"),
        ("7", "2024-01-02", "0.20"),
    ]


@pytest.mark.slow
def test_the_webshop_agrees_with_pandas() -> None:
    """The three files of docs/webshop through the two queries of conf/query."""
    config = load(["source=webshop"], project=CHECKOUT)
    shop = CHECKOUT / "docs/webshop"
    tables = {name: replace(table, path=Path(table.path).name) for name, table in config.source.tables.items()}
    with asked(replace(config.source, tables=tables), config.queries, shop) as raw:
        assert raw.files.transactions is not None and raw.files.customers is not None
        log, people = (pd.read_parquet(str(part.path)) for part in (raw.files.transactions, raw.files.customers))
    orders, items, customers = (
        pd.read_csv(shop / f"{name}.csv", dtype=str) for name in ("orders", "items", "customers")
    )
    joined = orders.merge(items, on="order_id").merge(customers, on="customer_id").query("order_status != 'canceled'")
    joined["cents"] = (
        ((joined["price"].astype(float) + joined["freight_value"].astype(float).fillna(0)) * 100).round().astype(int)
    )
    found = (log["amount"].astype(float) * 100).round().astype(int).groupby(log["customer"]).sum()
    pd.testing.assert_series_equal(found, joined.groupby("customer_unique_id")["cents"].sum(), check_names=False)
    last = (
        orders.merge(customers, on="customer_id")
        .sort_values("order_purchase_timestamp")
        .groupby("customer_unique_id")
        .last()
    )
    assert dict(zip(people["customer"], people["state"], strict=True)) == dict(last["customer_state"])


@pytest.mark.slow
def test_two_sheets_are_appended() -> None:
    with pd.ExcelWriter("two.xlsx") as book:
        for sheet in ("May", "June"):
            pd.DataFrame({"who": [f"of {sheet}"], "day": ["2024-05-01"], "paid": ["1.50"]}).to_excel(
                book, sheet_name=sheet, index=False
            )
    tables = {sheet.lower(): RawFile("two.xlsx", Reader(sheet=sheet)) for sheet in ("May", "June")}
    table = answered("SELECT * FROM may UNION ALL SELECT * FROM june", replace(SHOP, tables=tables))
    assert list(table["who"]) == ["of May", "of June"]


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = str(tmp_path / "tables.duckdb")
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")
    return path


HOSTILE = [
    "SELECT * FROM read_csv('orders.csv')",
    "SELECT * FROM 'orders.csv'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM parquet_scan('https://example.org/x.parquet')",
    "SELECT * FROM read_blob('orders.csv'), orders",
    "SELECT * FROM duckdb_secrets()",
    "SELECT getenv('HOME')",
    "SELECT * FROM people",  # a variable of Python
    "INSTALL httpfs",
    "LOAD httpfs",
    "ATTACH 'other.db'",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "PRAGMA database_list",
    "CALL duckdb_settings()",
    "COPY orders TO 'out.csv'",
    "EXPORT DATABASE 'out'",
    "CREATE TABLE mine AS SELECT 1",
    "INSERT INTO orders VALUES (2)",
    "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone",
    "SELECT 1; COPY orders TO 'out.csv'",
    "SELECT 1; SELECT 2",
    "",
    "-- nothing",
    "SELEC 1",
    "SELECT * FROM query('SELECT now()')",
    "SELECT id, random() AS r FROM orders",
    "SELECT current_date AS today FROM orders",
    "SELECT * FROM orders WHERE now () > '2024-01-01'",
    "SELECT * FROM orders USING SAMPLE 1",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_a_query_reads_its_tables_and_does_nothing_else(sql: str, database: str, tmp_path: Path) -> None:
    people = pd.DataFrame({"id": [1]})
    before = sorted(tmp_path.iterdir())
    with pytest.raises((Refused, duckdb.Error)):
        answer(sql, database, str(tmp_path / "answer.parquet"), str(tmp_path / "spill"), 64)
    assert sorted(tmp_path.iterdir()) == before and len(people) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM orders -- random()",
        "SELECT 'now()' AS random, id FROM orders",
        'FROM orders SELECT id AS "now"',
        "WITH a AS (FROM orders) SELECT * FROM a;",
    ],
)
def test_words_in_texts_names_and_comments_are_no_calls(sql: str, database: str, tmp_path: Path) -> None:
    answer(sql, database, str(tmp_path / "answer.parquet"), str(tmp_path / "spill"), 64)
    assert len(pd.read_parquet(tmp_path / "answer.parquet")) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "what", "fix"),
    [
        ("SELECT * FROM 'orders.csv'", "the query is refused: .*orders.csv", "its tables are: orders, items"),
        ("SELECT * FROM read_csv('x')", "the query is refused: Cannot access file", "the source's tables and nothing else"),
        ("INSTALL httpfs", "the query is refused: it is not one SELECT but LOAD", "write one SELECT"),
        ("SELECT * FROM orders WHERE id = 'nobody'", "the query answers no row", "its joins and conditions"),
        ("SELECT uuid() AS who", "'uuid' gives another answer each time", "write one SELECT"),
        ("SELECT unnest(range(1000000000)) AS who", "takes more than 64 MiB of memory", "a join without a condition"),
        ("SELECT count(*) AS who FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3", "did not end within 1 s", "a join without a condition"),
    ],
)  # fmt: skip
def test_what_a_query_may_not_do_is_one_error_that_names_its_file(sql: str, what: str, fix: str) -> None:
    seconds = 1 if "range * b.range" in sql else 600
    with pytest.raises(DataError, match=what) as caught:
        answered(sql, limits=QueryLimits(seconds, mib=64))
    assert caught.value.where == LOG
    assert fix in caught.value.fix


@pytest.mark.slow
def test_decimal_marks_that_differ_are_asked_about() -> None:
    Path("items.csv").write_text("id;price;n\n01;19,99;3\n")
    orders = Path("orders.csv").read_text().splitlines()
    points = ["tip,", *["0.5,"] * (len(orders) - 1)]
    Path("orders.csv").write_text("\n".join(map("".join, zip(points, orders, strict=True))) + "\n")
    sql = "SELECT who, day, price AS paid FROM orders JOIN items USING (id)"
    with pytest.raises(DataError, match=r"items.csv has decimal commas, orders.csv has none") as caught:
        answered(sql)
    assert caught.value.where == "conf/source/shop.yaml: transactions.read.decimal"
    assert SHOP.transactions is not None
    said = replace(SHOP, transactions=replace(SHOP.transactions, read=Reader(decimal=",")))
    with asked(said, {LOG: sql}) as raw:
        assert raw.files.transactions is not None and raw.files.transactions.read.decimal == ","


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ({"query": LOG, "path": "data/x.csv"}, "a file or the answer of a query"),
        ({"query": "conf/query/../../x.sql"}, "a file or the answer of a query"),
        ({"query": "/etc/x.sql"}, "a file or the answer of a query"),
        ({"query": "data/x.sql"}, "a file or the answer of a query"),
        ({"path": "data/x.csv"}, "but no query reads them"),
    ],
)
def test_where_a_query_may_lie(part: dict[str, str], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        checked(Source, {"name": "s", "tables": {"a": {"path": "data/a.csv"}}, "customers": part}, "source")


def test_a_query_needs_tables_and_raw_files_are_those_of_the_tables() -> None:
    with pytest.raises(ConfigError, match="a query, but no tables to read"):
        checked(Source, {"name": "s", "customers": {"query": LOG}}, "source")
    assert SHOP.raw_paths == ["orders.csv", "items.csv"]
