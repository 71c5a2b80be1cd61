"""A log on Spark and on DuckDB: the same rows, reasons and features, however it is parted. One session for all of the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segments.config.engine import Engine
from segments.config.source import Policy, Products, Source, Transactions
from segments.data.reading import files
from segments.data.rows import Report
from segments.data.transactions import clean_transactions
from segments.io.engines.kept import log_engine

pytestmark = [pytest.mark.server, pytest.mark.slow]
LOG = Transactions(
    "data/log-*.parquet",
    customer="Who",
    time="When",
    order="Order",
    product="Item",
    quantity="Units",
    price="Price",
    discounts=["Off"],
    exclude={"Item": ["postage"]},
    products=Products("data/products.csv", id="Item", department="Department", brand="Brand", private_label="Own"),
)
NASTY = Source(
    "nasty",
    as_of="2024-12-31",
    id_type="integer",
    transactions=LOG,
    policy=Policy(max_bad_share=1),
    engine=Engine(connect="local[2]"),
)


@pytest.fixture(scope="module")
def spark() -> Iterator[None]:
    """Only tests that need PySpark and Java ask for it; the session lives as long as the process."""
    yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with nothing in it."""
    for name in ("conf", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "conf/config.yaml").write_text("")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def nasty(rows: int, parts: int, seed: int) -> None:
    """A log with everything that may be wrong with a cell, in `parts` files."""
    random = np.random.default_rng(seed)

    def some(*cells: str | None) -> list[str | None]:
        weights = np.array([8.0, 6, 4] + [1] * (len(cells) - 3))
        return [cells[one] for one in random.choice(len(cells), rows, p=weights / weights.sum())]

    days = [
        str(day) for day in pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 380 * 24, rows), unit="h")
    ]
    odd = random.random(rows)
    times = [
        None if at < 0.02 else "soon" if at < 0.022 else f"{day[:10]}T{day[11:]}" if at < 0.2 else day
        for day, at in zip(days, odd, strict=True)
    ]
    log = pd.DataFrame(
        {
            "Who": some("7", "12", "88", "007", "12.0", "A-4", " 12 ", "8\u200b8", "", None, "?", "Ünal"),
            "When": times,
            "Order": some("100", "101", "102", "C100", "C101", "c102", None, "103", "x9"),
            "Item": some("tea", "pot", "cup", " tea", "POSTAGE", None, "mug", "1", "01"),
            "Units": some("1", "2", "3", "-1", "-2", "-3", "(2)", "0", "1e2", "∞", "", "two"),
            "Price": some(
                "1.335", "19.99", "2.5", "$ 3.00", "(4.50)", "5.25-", "1,234.50", "7.", ".5", None, "-1", "n/a"
            ),
            "Off": some("0", "0.10", "", "-0.25", None, "x"),
        }
    ).astype("str")
    log = pd.concat([log, log.iloc[: rows // 10]], ignore_index=True)  # and written twice
    for number, part in enumerate(np.array_split(np.arange(len(log)), parts)):
        log.iloc[part].to_parquet(f"data/log-{number:02}.parquet", index=False)
    Path("data/products.csv").write_text(
        "Item,Department,Brand\ntea,Food,Own\npot,Kitchen,Best\ntea,Drinks,Best\ncup,Kitchen,Own\n1,,Own\nmug,Kitchen,\n"
    )


def by_duckdb(source: Source) -> tuple[pd.DataFrame, Report]:
    with files.open_log(source) as log:
        lines, report = clean_transactions(log, source)
        return lines.df(), report


def by_spark(source: Source, folder: Path) -> tuple[pd.DataFrame, Report, Any]:
    """Clean lines in the order of the log, their report, and the pointer to them."""
    with log_engine(source) as engine:
        lines, report = clean_transactions(engine.raw_log(folder / f"room{len(list(folder.iterdir()))}"), source)
        pointer = engine.keep("transactions", lines.spark())
        got = engine.fetch_rows(engine.kept(pointer, "data"), folder / "lines.parquet")
        return got.project(", ".join(lines.columns)).df(), report, pointer


def test_a_nasty_log_gives_the_same_lines_and_reasons_on_spark(spark: None, folder: Path) -> None:
    digests = {}
    for parts in (1, 3):
        nasty(400, parts, 0)
        expected, report = by_duckdb(NASTY)
        got, got_report, pointer = by_spark(NASTY, folder)
        pd.testing.assert_frame_equal(got, expected, check_exact=True)
        assert got_report == report
        assert len({item["reason"] for item in report["reasons"]}) > 8 and expected["sent_back_at"].notna().any()
        digests[parts] = pointer.digest
    assert digests[1] == digests[3]
