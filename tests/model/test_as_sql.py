"""A model as SQL: what engines answer of it is what the model answers, whatever is in the rows and in the names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import engines
import odd_rows
from engines import compare
from postgresql import Postgres
from segmentations import on_a_line, segmentation
from segments.clustering.space import Space
from segments.config.source import Reader
from segments.config.sweep import Feature, Scaler
from segments.errors import ConfigError, DataError
from segments.model.as_sql import DIALECTS, as_sql
from segments.model.segmentation import Limits, Segmentation, number_segments
from spark_server import SMALL

MISSING = Reader().missing
HOSTILE = [
    'a"b', "it's", "back\\slash\\", "x\"; DROP TABLE canary; --", "y'; DROP TABLE canary; --", "z`; DROP TABLE canary; --",
    "two\nlines\r\n-- and\tmore", "\\'; DROP TABLE canary; --", "/* open", "*/ close", "$$ x $1 :name %s ? {}", "Ünïcode’s „quotes“ 🎈",
    "\\", "'", '"', "`", "E'\\''", " blanks ", "ends in \\'", "select",
]  # fmt: skip


def model_of(kind: str) -> Segmentation:
    if kind.startswith("everything"):
        return odd_rows.of_everything(indicators=kind.endswith("scaled"))
    return odd_rows.of_numbers(*kind.split("-"))


SEGMENTS = ["".join(HOSTILE[i::4]) for i in range(4)]


def hostile_model() -> Segmentation:
    """Hostile names are the columns', the levels' and, several in one, the segments'."""
    columns = [*HOSTILE, "level"]
    levels = {"levels": [name.strip() for name in HOSTILE], "unit": 1.0}
    space = Space(columns, ["identity"] * len(columns), [1.0] * len(columns), "none", {}, {"level": levels})
    # the first centre is everybody's at 0, the others lie along one column each
    centres = np.vstack([np.zeros(len(space.axes)), np.eye(len(space.axes))[: len(SEGMENTS) - 1]])
    limits = Limits(np.full(len(centres), 9.0), np.zeros(len(columns)), np.full(len(columns), 99.0), 0.1)
    return Segmentation("c0", space, centres, number_segments(SEGMENTS), limits)


def hostile_rows() -> pa.Table:
    """A row per level, every fourth in the first segment; in one more a level that nobody had."""
    n = len(HOSTILE)
    cells = {name: [float(i % 4 == j + 1) for i in range(n)] for j, name in enumerate(HOSTILE)}
    return pa.table({"customer_id": [str(i) for i in range(n)], **cells, "level": [*HOSTILE[: n - 1], "x' OR 'x"]})


def check_hostile(ask: engines.Ask, dialect: str, quote: str) -> None:
    model = hostile_model()
    rows = hostile_rows()
    name = f"t'\\{quote}; DROP TABLE canary; --\n${{x}}" if dialect != "spark" else "t'\\`; DROP TABLE canary; --\n"
    sql = as_sql(model, dialect, name, missing=MISSING, title=f"evil\n; DROP TABLE canary; --{name}")
    found = ask(sql, rows, f"{quote}{name.replace(quote, 2 * quote)}{quote}")
    compared = compare(model, rows, found)
    assert compared.scored == len(rows) - 1
    assert set(found["segment"].dropna()) == set(SEGMENTS)
    assert found["reason"].dropna().tolist() == ["level is a level the model has never seen"]


# --- DuckDB ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*odd_rows.KINDS, "everything", "everything-scaled"])
def test_duckdb_answers_as_the_model(kind: str) -> None:
    model = Segmentation.from_json(model_of(kind).to_json())
    rows = odd_rows.rows(model, 1500)
    compared = compare(model, rows, engines.duckdb_answers(as_sql(model, "duckdb", missing=MISSING), rows, "customers"))
    assert compared.scored > 1200 and compared.on_border >= 8


def test_on_duckdb_no_name_breaks_out() -> None:
    def ask(sql: str, table: pa.Table, name: str) -> pd.DataFrame:
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE canary AS SELECT 1 AS alive")
            connection.register("given", table)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
            assert len(connection.extract_statements(sql)) == 1
            found = connection.execute(sql).fetch_df()
            assert connection.execute("SELECT alive FROM canary").fetchall() == [(1,)]
            return found

    check_hostile(ask, "duckdb", '"')


def test_a_tie_goes_to_the_lower_number() -> None:
    rows = pa.table({"customer_id": ["0", "1"], "x": [5.0, 5.000001]})
    model = on_a_line([0.0, 10.0])
    found = engines.duckdb_answers(as_sql(model, "duckdb"), rows, "customers")
    assert found["cluster"].tolist() == [0, 1] and found["margin"][0] == 0.0 and found["confidence"][0] == 0.0


def test_an_id_that_is_missing_is_said_so_first() -> None:
    rows = pa.table({"Who": [None, " na ", "", "7"], "x": [1.0, np.inf, 1.0, 1.0]})
    with duckdb.connect() as connection:
        connection.register("people", rows)
        found = connection.execute(as_sql(on_a_line([0.0, 10.0]), "duckdb", "people", "Who", MISSING)).fetch_df()
    assert found["reason"].tolist()[:3] == ["missing id"] * 3 and found["reason"].isna()[3]
    assert found["Who"].tolist()[3] == "7"


def test_whole_numbers_and_numerics_are_numbers_too() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE customers AS SELECT 7 AS customer_id, CAST(8.5 AS DECIMAL(9, 2)) AS x")
        found = connection.execute(as_sql(on_a_line([0.0, 10.0]), "duckdb")).fetch_df()
    assert found[["customer_id", "cluster", "distance"]].to_numpy().tolist() == [[7, 1, 1.5]]


def test_of_a_shared_value_every_engine_takes_the_middle_of_its_step() -> None:
    """The logarithm of 3 has another last digit here and there; a rank must not fall off the step for it."""
    model = odd_rows.fitted({"orders": Feature("log1p")}, Scaler("quantile", n_quantiles=600), k=2)
    rows = pa.table({"customer_id": [str(i) for i in range(15)], "orders": np.arange(15.0)})
    compare(model, rows, engines.duckdb_answers(as_sql(model, "duckdb"), rows, "customers"))


@pytest.mark.parametrize("scaler", ["none", "power"])
def test_what_is_tiny_keeps_its_digits(scaler: str) -> None:
    """Of LN(1 + x) and EXP(x) - 1 as they stand, half the digits would be gone."""
    fitted = {
        "lambdas_": [-0.5],
        "inner_mean_": [0.0],
        "inner_scale_": [1.0],
        "inner_var_": [1.0],
        "inner_n_features_in_": 1,
    }
    space = Space(
        ["x"], ["identity" if scaler == "power" else "log1p"], [1.0], scaler, fitted if scaler == "power" else {}
    )
    model = segmentation("c0", space, np.array([[0.0], [1.0]]), ["zero", "one"])
    tiny = [1e-3, 1e-9, 3e-12, 1e-20, 1e-150]
    rows = pa.table({"customer_id": [str(i) for i in range(len(tiny))], "x": tiny})
    found = engines.duckdb_answers(as_sql(model, "duckdb"), rows, "customers")
    assert found["distance"].to_numpy() == pytest.approx(
        model.predict(pd.DataFrame({"x": tiny}))["distance"], rel=1e-14, abs=0
    )


# --- PostgreSQL --------------------------------------------------------------------------------------------------------


@pytest.mark.server
@pytest.mark.parametrize(
    "kind", ["none-identity", "power-identity", "quantile-log1p", "minmax-signed_log1p", "robust-sqrt", "everything"]
)
def test_postgresql_answers_as_the_model(kind: str, postgres: Postgres) -> None:
    """It refuses whatever overflows, or is too small: no row may make it so."""
    model = model_of(kind)
    rows = odd_rows.rows(model, 1500, seed=1)
    sql = as_sql(model, "postgres", missing=MISSING)
    assert compare(model, rows, engines.postgres_answers(postgres)(sql, rows, "customers")).scored > 1200


@pytest.mark.server
def test_on_postgresql_no_name_breaks_out(postgres: Postgres) -> None:
    with engines.postgres_connection(postgres) as connection:
        connection.execute("CREATE TABLE canary AS SELECT 1 AS alive")
        try:
            check_hostile(engines.postgres_answers(postgres), "postgres", '"')
            assert connection.execute("SELECT alive FROM canary").fetchall() == [(1,)]
        finally:
            connection.execute("DROP TABLE canary")


# --- Spark -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["power-identity", "quantile-log1p", "everything"])
def test_spark_answers_as_the_model(kind: str, spark: Any) -> None:
    model = model_of(kind)
    rows = odd_rows.rows(model, 1700, seed=2)
    sql = as_sql(model, "spark", missing=MISSING)
    compiled = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
    if kind == "everything":  # as Spark does by itself: it writes Java of the SQL, which the other tests here spare
        for name, value in compiled.items():
            spark.conf.set(name, value)
    try:
        assert compare(model, rows, engines.spark_answers(spark)(sql, rows, "customers")).scored > 1200
    finally:
        for name in compiled:
            spark.conf.set(name, SMALL[name])


@pytest.fixture
def canary(spark: Any) -> Iterator[None]:
    spark.range(1).createOrReplaceTempView("canary")
    yield
    assert spark.table("canary").count() == 1
    spark.catalog.dropTempView("canary")


@pytest.mark.slow
def test_on_spark_no_name_breaks_out(spark: Any, canary: None) -> None:
    check_hostile(engines.spark_answers(spark), "spark", "`")


@pytest.mark.slow
def test_on_spark_nothing_is_put_in_for_a_variable(spark: Any) -> None:
    """Its parser replaces ${…} even between quotes, before it reads the statement."""
    spark.conf.set("spark.segments.evil", "' OR '1' = '1")
    model = segmentation(
        "c0", Space(["x"], ["identity"], [1.0], "none", {}), np.array([[0.0], [9.0]]), ["${spark.segments.evil}", "b"]
    )
    rows = pa.table({"customer_id": ["0"], "x": [1.0]})
    sql = as_sql(model, "spark", title="${spark.segments.evil}")
    assert engines.spark_answers(spark)(sql, rows, "customers")["segment"].tolist() == ["${spark.segments.evil}"]


# --- what cannot be said -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "table", "id_column", "names", "says"),
    [
        ("oracle", "t", "i", ["a", "b"], "'oracle' is not a known dialect"),
        ("spark", "t", "${x}", ["a", "b"], r"'\$\{x\}' cannot be a name in the SQL of spark"),
        ("spark", "shop.${env:HOME}", "i", ["a", "b"], "cannot be a name in the SQL of spark"),
        ("bigquery", "a`b", "i", ["a", "b"], "'a`b' cannot be a name in the SQL of bigquery"),
        ("bigquery", "a\\b", "i", ["a", "b"], "cannot be a name in the SQL of bigquery"),
        ("postgres", "a\0b", "i", ["a", "b"], "cannot be a name in the SQL of postgres"),
        ("duckdb", "a..b", "i", ["a", "b"], "'' cannot be a name"),
        ("duckdb", "t", "i", ["a\0", "b"], "holds a sign that no database keeps"),
        ("duckdb", "t", "i", ["a\ud800", "b"], "holds a sign that no database keeps"),
    ],
)
def test_what_cannot_be_quoted_is_refused(
    dialect: str, table: str, id_column: str, names: list[str], says: str
) -> None:
    model = segmentation("c0", Space(["x"], ["identity"], [1.0], "none", {}), np.array([[0.0], [9.0]]), names)
    with pytest.raises(ConfigError, match=says):
        as_sql(model, dialect, table, id_column)


def test_a_model_that_cannot_be_said_is_refused() -> None:
    space = Space(["x"], ["identity"], [1.0], "none", {})
    with pytest.raises(DataError, match="lies farther out than"):
        as_sql(segmentation("c0", space, np.array([[0.0], [1e140]]), ["a", "b"]), "duckdb")
    with pytest.raises(DataError, match="one segment"):
        as_sql(segmentation("c0", space, np.array([[0.0]]), ["a"]), "duckdb")
    for transform, scaler, says in (("cube", "none", "the transform cube"), ("identity", "rank", "the scaler rank")):
        odd = Space(["x"], [transform], [1.0], scaler, {})
        with pytest.raises(DataError, match=says):
            as_sql(segmentation("c0", odd, np.array([[0.0], [1.0]]), ["a", "b"]), "duckdb")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_nobody_ran_says_so_first_and_a_title_is_one_comment(dialect: str) -> None:
    sql = as_sql(on_a_line([0.0, 10.0]), dialect, title="a\nDROP TABLE x; --")
    first = sql.splitlines()[0]
    assert first.startswith("-- not run here") == (dialect in ("bigquery", "snowflake"))
    comments, statement = sql.split("WITH ", 1)
    assert all(line.startswith("-- ") for line in comments.splitlines())
    assert "--" not in statement and ";" not in statement


def test_a_table_may_be_called_as_a_step() -> None:
    rows = pa.table({"customer_id": ["0"], "x": [1.0]})
    found = engines.duckdb_answers(as_sql(on_a_line([0.0, 10.0]), "duckdb", "step_read"), rows, "step_read")
    assert found["cluster"].tolist() == [0]
