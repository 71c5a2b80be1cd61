"""Columns of a parquet file that are neither text nor plain numbers: each is read right, or its draft says a word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import TypeAdapter

from segments.config.source import Source
from segments.data.cleaning.customers import clean_customers
from segments.data.drafting.draft import describe_file
from segments.data.reading import files

ROWS = 60
NIGHT = datetime(2024, 1, 1, 23, 30, tzinfo=UTC)


def drafted(path: Path) -> tuple[str, Source]:
    text = describe_file(path).text
    source: Source = TypeAdapter(Source).validate_python(yaml.safe_load(text))
    return text, source


def people(folder: Path, **columns: pa.Array) -> tuple[str, Source]:
    ids, ages = pa.array([f"C{row:03}" for row in range(ROWS)]), pa.array([20 + row % 40 for row in range(ROWS)])
    pq.write_table(pa.table({"id": ids, "age": ages, **columns}), folder / "people.parquet")
    text, source = drafted(folder / "people.parquet")
    assert source.customers is not None
    return text, replace(source, customers=replace(source.customers, path="people.parquet"))


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (pa.array([Decimal(row + 1) * Decimal("1.25") for row in range(ROWS)], pa.decimal128(38, 10)), 1.25),
        (pa.array([200 + row * 7 % 60 for row in range(ROWS)], pa.uint64()), 200.0),
        (pa.array([row % 2 == 0 for row in range(ROWS)]), "true"),
        (pa.array([["b", "a"][row % 2] for row in range(ROWS)]).dictionary_encode(), "b"),
        (pa.array([NIGHT.date() + timedelta(row) for row in range(ROWS)], pa.date32()), "2024-01-01"),
    ],
)
def test_it_is_read_as_what_it_is(tmp_path: Path, values: pa.Array, first: object) -> None:
    _, source = people(tmp_path, value=values)
    with files.open_customers(source, tmp_path) as raw:
        table, report = clean_customers(raw, source)
    assert table["value"].iloc[0] == first and table["value"].notna().all() and not report["reasons"]


# as many of each as there are since 1970; and more than a float tells apart
@pytest.mark.parametrize(
    ("unit", "days", "said"), [("s", 20_000, "s"), ("us", 20, "µs"), ("ns", 20, "ns"), ("ns", 300, "ns")]
)
def test_lengths_of_time_have_their_unit_and_are_neither_times_nor_money(
    tmp_path: Path, unit: str, days: int, said: str
) -> None:
    lengths = pa.array([timedelta(days=days, minutes=row) for row in range(ROWS)], pa.duration(unit))
    text, source = people(tmp_path, time_on_site=lengths)
    assert source.customers is not None and source.customers.columns["time_on_site"].unit == said
    assert source.customers.columns["time_on_site"].kind == "number"
    assert "from 1970" not in text
    log = {
        "customer": pa.array([f"C{row % 9}" for row in range(ROWS)]),
        "day": pa.array([NIGHT.date() + timedelta(row) for row in range(ROWS)]),
        "total": lengths,
    }
    pq.write_table(pa.table(log), tmp_path / "log.parquet")
    text = describe_file(tmp_path / "log.parquet").text
    assert "QUESTION" in text and "amount:" not in text
    more = {"visit_time": lengths, "paid": pa.array([1.5] * ROWS)}
    pq.write_table(pa.table(log | more), tmp_path / "log.parquet")
    _, source = drafted(tmp_path / "log.parquet")
    assert (
        source.transactions is not None and source.transactions.amount == "paid" and source.transactions.time == "day"
    )


def test_whole_numbers_that_no_float_tells_apart_are_no_amounts(tmp_path: Path) -> None:
    long = pa.array([2**62 + row % 20 for row in range(ROWS)])
    text, source = people(tmp_path, campaign=long)
    assert source.customers is not None and "campaign" not in source.customers.columns
    assert 'Of groups, write {kind: category, raw: "campaign"}' in text


def test_instants_of_customers_are_asked_about_as_those_of_a_log(tmp_path: Path) -> None:
    text, source = people(tmp_path, joined=pa.array([NIGHT] * 30 + [NIGHT + timedelta(9)] * 30))
    assert "QUESTION: time_zone" in text
    with files.open_customers(source, tmp_path) as raw:
        table, report = clean_customers(raw, source)
    assert table["joined"].iloc[0] == "2024-01-01"
    assert any("'joined' are instants, cut into days in UTC" in note for note in report["notes"])
    told = replace(source, time_zone="Europe/Berlin")
    with files.open_customers(told, tmp_path) as raw:
        table, report = clean_customers(raw, told)
    assert table["joined"].iloc[0] == "2024-01-02" and not any("instants" in note for note in report["notes"])


def test_cells_of_several_things_are_said(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    columns = "'C' || row AS id, 20 + row % 40 AS age, {'city': 'a', 'zip': row % 3} AS home, [row % 3] AS tags, to_months(row::INT % 3) AS stay, 'x'::BLOB AS photo"
    duckdb.sql(f"COPY (SELECT {columns} FROM range(60) AS t(row)) TO '{path}' (FORMAT parquet)")
    text, _ = drafted(path)
    for header, what in {
        "home": "several fields",
        "tags": "lists",
        "stay": "lengths of time",
        "photo": "bytes",
    }.items():
        assert f"# Note: {header}: {what}" in text
    assert "# Note: id" not in text and "# Note: age" not in text
