"""A PostgreSQL as a source: what of its tables arrives, what cannot be asked, and what no message says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from postgresql import SECRET, Postgres
from segments.app.cli import main
from segments.app.load import checked
from segments.config.source import Source
from segments.errors import ConfigError, DataError
from segments.io.store.raw_files import fetch, read_pins

pytestmark = pytest.mark.server
SQL = "conf/query/paid.sql"
TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
  "Customer No" text, order_id bigint, paid numeric(20, 4), rate numeric, at timestamp, seen timestamptz, day date, ok boolean, share double precision
);
INSERT INTO shop.orders VALUES
  ('007', 9007199254740993, 1234567890123456.7891, 0.10, '2024-05-01 10:00:00.5', '2024-05-01 10:00:00+02', '2024-05-01', true, 0.1),
  ('7', -1, 0.0100, 'NaN', NULL, '2024-01-01 00:00:00-05', 'infinity', false, 'NaN'),
  ('', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE people AS SELECT lpad(n::text, 5, '0') AS id, n AS age FROM generate_series(1, 25000) AS n;
"""


@pytest.fixture(scope="module")
def shop(postgres: Postgres) -> Postgres:
    postgres.sql("CREATE DATABASE shop")
    postgres.sql(TABLES, "shop")
    return postgres


@pytest.fixture
def reached(shop: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """The environment names the database, and nothing else does."""
    for name, value in {
        "HOST": "127.0.0.1",
        "PORT": str(shop.port),
        "DATABASE": "shop",
        "USER": "mlflow",
        "PASSWORD": SECRET,
    }.items():
        monkeypatch.setenv(f"PG{name}", value)
    monkeypatch.chdir(tmp_path)
    return shop


def source(table: str) -> Source:
    return checked(
        Source,
        {
            "name": "shop",
            "customers": {"path": "data/shop/raw.parquet"},
            "fetch": {"connect": "postgresql", "files": {"data/shop/raw.parquet": table}},
        },
    )


def test_every_value_arrives_as_it_is_and_instants_are_written(reached: Postgres) -> None:
    said = fetch(source("shop.orders"))
    table = pq.read_table("data/shop/raw.parquet")
    assert {name: str(kind) for name, kind in zip(table.column_names, table.schema.types, strict=True)} == {
        "Customer No": "string",
        "order_id": "int64",
        "paid": "decimal128(20, 4)",
        "rate": "string",
        "at": "timestamp[us]",
        "seen": "timestamp[us, tz=UTC]",
        "day": "string",
        "ok": "bool",
        "share": "double",
    }
    rows = {row.pop("Customer No"): row for row in table.to_pylist()}
    assert (rows["007"]["order_id"], rows["007"]["paid"], rows["007"]["rate"]) == (
        2**53 + 1,
        Decimal("1234567890123456.7891"),
        "0.10",
    )
    assert (rows["7"]["day"], rows["7"]["rate"], rows["7"]["paid"]) == ("infinity", "NaN", Decimal("0.01"))
    assert rows["7"]["seen"].isoformat() == "2024-01-01T05:00:00+00:00"
    assert set(rows[""].values()) == {None}
    assert "shop.orders: seen holds instants, kept in UTC" in said
    assert "shop.orders: day stays text: 'infinity' is no DATE" in said
    assert list(read_pins()) == ["data/shop/raw.parquet"]


def test_the_same_rows_are_the_same_file_and_accept_asks_again(reached: Postgres) -> None:
    wanted = source("people")
    fetch(wanted)
    assert pq.read_table("data/shop/raw.parquet").num_rows == 25000
    pin = read_pins()
    Path("data/shop/raw.parquet").unlink()
    reached.sql("UPDATE people SET age = age WHERE age < 100", "shop")  # moves the rows
    fetch(wanted)
    assert read_pins() == pin
    reached.sql("UPDATE people SET age = 0 WHERE id = '00001'", "shop")
    assert fetch(wanted) == ["data/shop/raw.parquet: already there and as pinned"]
    Path("data/shop/raw.parquet").unlink()
    with pytest.raises(DataError, match="is not the expected one"):
        fetch(wanted)
    fetch(wanted, accept=True)
    assert read_pins() != pin


def test_a_query_is_answered_by_the_server(reached: Postgres) -> None:
    sql = "SELECT id, age % 2 AS odd FROM people WHERE id LIKE '0000_'; -- 100 %"
    fetch(source(SQL), queries={SQL: sql})
    table = pq.read_table("data/shop/raw.parquet")
    assert (table.num_rows, table.slice(8).to_pylist()) == (9, [{"id": "00009", "odd": 1}])


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE people",
        "SELECT 1; DROP TABLE people",
        "DELETE FROM people RETURNING id",
        "WITH gone AS (DELETE FROM people RETURNING id) SELECT * FROM gone",
        "COPY people TO '/tmp/x'",
        "SELECT 1) TO PROGRAM 'touch /tmp/x' --",
        "SELECT nextval('numbers')",
        "SELECT id, id FROM people",
        "",
    ],
)
def test_the_database_is_only_read(sql: str, reached: Postgres) -> None:
    reached.sql("CREATE SEQUENCE IF NOT EXISTS numbers", "shop")
    with pytest.raises(DataError, match=f"does not give {SQL}"):
        fetch(source(SQL), queries={SQL: sql})
    assert reached.sql("SELECT count(*) FROM people", "shop") == "25000"
    assert not Path("data.dvc").exists() and list(Path("data/shop").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"PGPASSWORD": "a wrong secret"}, r"does not let us in: .*password authentication failed for user \$PGUSER"),
        ({"PGUSER": "some_body", "PGPASSWORD": "a wrong secret"}, "does not let us in"),
        ({"PGPORT": "1"}, "does not let us in"),
        ({"PGDATABASE": "nowhere"}, "does not let us in"),
    ],
)
def test_no_message_says_who_or_with_which_password(
    change: dict[str, str], what: str, reached: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match=what) as caught:
        fetch(source("people"))
    text = f"{caught.value} {caught.value.__cause__}"
    assert "secret" not in text and '"mlflow"' not in text and "some_body" not in text
    assert caught.value.where == "conf/source/shop.yaml: fetch"
    assert "PGPASSWORD" in caught.value.fix


def test_a_table_that_is_not_there_is_named(reached: Postgres) -> None:
    with pytest.raises(DataError, match=r'does not give shop.nothing: relation "shop.nothing" does not exist'):
        fetch(source("shop.nothing"))


def test_a_colleague_needs_no_database_for_what_is_there(reached: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(source("people"))
    monkeypatch.setenv("PGPORT", "1")
    assert fetch(source("people")) == ["data/shop/raw.parquet: already there and as pinned"]


@pytest.mark.parametrize(
    "given",
    [
        {"connect": "postgresql"},
        {"connect": "postgresql", "files": {"data/shop/raw.csv": "people"}},
        {"connect": "postgresql", "files": {"data/shop/raw.parquet": "people"}, "package": "x"},
        {"connect": "mysql", "files": {"data/shop/raw.parquet": "people"}},
        {"connect": "postgresql", "files": {"data/shop/raw.parquet": "postgresql://h/d"}},
        {"connect": "postgresql", "files": {"data/shop/raw.parquet": "host=h dbname=d"}},
        {"connect": "postgresql", "files": {"data/shop/raw.parquet": "a.b.c"}},
        {"files": {"data/shop/raw.parquet": "people"}},
    ],
)
def test_what_a_database_can_give_is_said_in_the_config(given: dict[str, object]) -> None:
    with pytest.raises(
        ConfigError, match=r"a database gives parquet files|not a known value|no table and no query|nothing gives"
    ):
        checked(Source, {"name": "shop", "customers": {"path": "data/shop/raw.parquet"}, "fetch": given}, "source")


def test_from_the_database_to_clean_tables_by_the_commands(reached: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["new", "mine"]) == 0
    monkeypatch.chdir("mine")
    Path("conf/source/people.yaml").write_text(
        "name: people\nfeature_sets: [people]\n"
        "customers: {path: data/people.parquet, id: id, columns: {age: {}}}\n"
        "fetch: {connect: postgresql, files: {data/people.parquet: people}}\n"
    )
    Path("conf/feature_set/people.yaml").write_text("name: people\ncolumns: {age: {}}\n")
    assert main(["fetch", "source=people"]) == 0
    assert main(["data", "source=people"]) == 0
    clean = pq.read_table("artifacts/data/customers.parquet")
    assert clean.num_rows == 25000
