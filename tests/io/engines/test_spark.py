"""A log on Spark and on DuckDB: the same rows, reasons and features, however it is parted; in this process, and at a server."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import odd_log
from segments.app.commands import check
from segments.app.jobs.of_record import of_everybody
from segments.app.stages import data, features
from segments.clustering.kmeans import best_kmeans
from segments.clustering.space import Space, fit_space, to_space
from segments.config.engine import Engine
from segments.config.root import Config
from segments.config.source import Policy, Products, Source, Transactions
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler, SweepConfig
from segments.data.cleaning.transactions import clean_transactions
from segments.data.reading import files
from segments.data.rows import Report
from segments.errors import DataError
from segments.io.engines.kept import log_engine, room
from segments.io.engines.spark import lacks, spark_session
from segments.io.engines.spark_rows import SparkRows, SparkTables
from segments.io.records.notes import sample_in_words
from segments.io.store import catalog, raw_files
from segments.io.store.documents import KeptTable
from segments.model.of_record import fit_of_record
from spark_server import connect_server

pytestmark = [pytest.mark.server, pytest.mark.slow]
LOCAL = Engine(connect="local[2]")
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
    refunds={"Item": ["MUG"]},
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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with nothing in it."""
    for name in ("conf", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "conf/config.yaml").write_text("")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def nasty(rows: int, parts: int, seed: int) -> pd.DataFrame:
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
    log = log.astype(object)
    return log.where(log.notna(), None)


def by_duckdb(source: Source) -> tuple[pd.DataFrame, Report]:
    with files.open_log(source) as log:
        lines, report = clean_transactions(log, source)
        return lines.df(), report


def by_spark(source: Source, folder: Path) -> tuple[pd.DataFrame, Report, KeptTable]:
    """Clean lines in the order of the log, their report, and the pointer to them."""
    with log_engine(source) as engine, room() as raw:
        lines, report = clean_transactions(engine.raw_log(raw), source)
        pointer, _ = engine.keep("transactions", lines.spark())
        got = engine.fetch_log(pointer, None, folder)
        return got.project(", ".join(lines.columns)).df(), report, pointer


def shop(parts: int, engine: Engine | None, customers: int = 150) -> Config:
    """A shop of whole purchases in `parts` files, a config of it, and its customers' ages in a CSV."""
    random, n = np.random.default_rng(1), 6 * customers
    who = random.integers(1, customers + 1, n)
    log = pd.DataFrame(
        {
            "customer": who,
            "order": np.arange(n),
            "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 180 * 24, n), unit="h"),
            "amount": (random.gamma(2, 10, n) * (1 + who % 3)).round(2) - 5,
        }
    ).astype({"time": "datetime64[us]"})
    shutil.rmtree("data/parts", ignore_errors=True)
    Path("data/parts").mkdir()
    for number, part in enumerate(np.array_split(np.arange(n), parts)):
        log.iloc[part].to_parquet(f"data/parts/log-{number:02}.parquet", index=False)
    transactions = Transactions(
        "data/parts/log-*.parquet", customer="customer", time="time", order="order", amount="amount"
    )
    source = Source("shop", as_of="2024-06-30", transactions=transactions, engine=engine)
    raw_files.fetch(source, accept=True)
    columns = {"recency_days": Feature()}
    return Config(
        source=source,
        feature_set=FeatureSet("rfm", columns),
        scaler=Scaler("standard"),
        algorithm=Algorithm("kmeans"),
        sweep=SweepConfig(feature_sets=["rfm"], scalers=["standard"]),
    )


def made() -> dict[str, bytes]:
    """What the two stages hand on, without what an engine says of itself."""
    return {str(path): path.read_bytes() for path in Path("artifacts").rglob("*.*") if path.name != "engine.json"}


def run_both(config: Config) -> dict[str, bytes]:
    data.run(config)
    features.run(config)
    return made()


def as_table(source: Source, name: str) -> Source:
    """A source whose lines are a table of the engine's catalog."""
    assert source.transactions is not None
    return replace(source, transactions=replace(source.transactions, path=f"table:{name}"))


def fit(features: pd.DataFrame) -> tuple[Space, NDArray[np.float64], Algorithm]:
    """A candidate of three clusters, with a score among its columns: it is not in the engine's table."""
    columns = {"monetary": Feature("log1p"), "frequency": Feature(), "r_score": Feature()}
    space, points = fit_space(features, FeatureSet("few", columns), Scaler("standard"))
    return space, best_kmeans(points, 3, Algorithm(max_fits=20), 0).centres, Algorithm(max_iter=4)


# --- tests ---------------------------------------------------------------------------------------------------------


def test_a_nasty_log_gives_the_same_lines_and_reasons_on_spark(spark: Any, folder: Path) -> None:
    log = nasty(400, 3, 0)
    expected, report = by_duckdb(NASTY)
    got, got_report, _ = by_spark(NASTY, folder)
    pd.testing.assert_frame_equal(got, expected, check_exact=True)
    assert got_report == report and expected["sent_back_at"].notna().any()
    check_by_hand(log, expected, report)


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_nasty_log_comes_to_what_a_person_says_of_it(folder: Path, seed: int) -> None:
    check_by_hand(nasty(400, 2, seed), *by_duckdb(NASTY))


def check_by_hand(log: pd.DataFrame, lines: pd.DataFrame, report: Report) -> None:
    expected, reasons = odd_log.cleaned(log)
    pd.testing.assert_frame_equal(lines[expected.columns], expected, check_exact=True)
    assert {one["reason"]: one["rows"] for one in report["reasons"]} == {
        name: rows for name, rows in reasons.items() if name
    }
    assert len(reasons) > 8


def test_what_is_kept_stays_so_when_it_is_asked(spark: Any) -> None:
    tables = SparkTables(spark)
    SparkRows(tables, spark.range(9)).create("kept")
    kept, three = tables.table("kept"), SparkRows(tables, spark.range(3).toDF("other"))
    assert kept.aggregate("count(*) AS n").fetchall() == [(9,)] and kept.join(three, "id = other").distinct().columns
    assert kept.order("id").fetchall() == [(n,) for n in range(9)]
    assert kept.frame.storageLevel.useDisk
    tables.close()
    assert not kept.frame.storageLevel.useDisk


def test_a_source_is_checked_where_it_lies(spark: Any, folder: Path) -> None:
    said = list(check.run(shop(2, None)))
    assert list(check.run(shop(2, LOCAL))) == said and said[-1] == "conf/source/shop.yaml agrees with its files."
    assert not (folder / "artifacts").exists() and not (folder / "record").exists()


def test_a_client_without_java_goes_the_whole_way_at_a_server_that_may_go_away(
    spark: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody is here first, and every byte as by DuckDB; the server is killed; then a sample of the same log, as a table of its catalog."""
    everybody = run_both(shop(3, None))
    whole, log = catalog.read(catalog.FEATURES), catalog.read(catalog.CLEAN_TRANSACTIONS)
    cuts, candidate = catalog.read(catalog.RFM_CUTS), fit(whole)
    original = SparkRows.arrow
    with connect_server(folder) as server:

        def killed(rows: SparkRows) -> Any:
            server.kill()
            return original(rows)

        config = shop(3, Engine(connect=server.address))
        monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
        monkeypatch.delenv("JAVA_HOME", raising=False)
        assert lacks(LOCAL) == ["Java"] and config.source.engine is not None and lacks(config.source.engine) == []
        assert run_both(config) == everybody
        assert sample_in_words() == "" and of_everybody(config, "c0", *candidate) is None, "everybody is here"
        pointers = catalog.read(catalog.ENGINE_LOG), catalog.read(catalog.ENGINE_FEATURES)
        assert pointers[0].sample_until is None and pointers[0].kept.customers == pointers[1].rows == len(whole)
        with monkeypatch.context() as patched:
            patched.setattr(SparkRows, "arrow", killed)
            with pytest.raises(DataError, match=r"the Spark Connect server at sc://127.0.0.1:\d+ went away"):
                data.run(config)
        assert made() == everybody, "nothing made earlier is lost"
        with pytest.raises(DataError, match=r"no Spark Connect server answers at sc://127\.0\.0\.1"):
            data.run(config)
        monkeypatch.undo()
        monkeypatch.chdir(folder)
        server.start()

        config = shop(7, Engine(connect=server.address, sample=100))
        with spark_session(config.source.engine, "test") as session:  # type: ignore[arg-type]
            session.sql(f"CREATE TABLE shop_lines USING parquet LOCATION '{folder / 'data/parts'}'")
        config = replace(config, source=as_table(config.source, "shop_lines"))
        run_both(config)
        part, lines = catalog.read(catalog.FEATURES), catalog.read(catalog.CLEAN_TRANSACTIONS)
        again = catalog.read(catalog.ENGINE_LOG), catalog.read(catalog.ENGINE_FEATURES)
        assert again[1].digest == pointers[1].digest and again[0].kept.rows == pointers[0].kept.rows
        assert again[0].kept.digest == pointers[0].kept.digest
        assert again[0].sample_until is not None and lines["customer_id"].nunique() == 100
        mine = whole["customer_id"].isin(lines["customer_id"])
        pd.testing.assert_frame_equal(part, whole[mine].reset_index(drop=True))
        expected = log[log["customer_id"].isin(part["customer_id"])]
        pd.testing.assert_frame_equal(*(one.sort_values("order_id", ignore_index=True) for one in (lines, expected)))
        assert catalog.read(catalog.RFM_CUTS) == cuts, "cut-points are those of all customers"
        assert sample_in_words() == f"these are the {len(part)} customers of the sample, of {len(whole)} on the engine"
        said = f"{len(whole)} customers are on the engine; here are the {len(part)} of the sample"
        assert any(note.startswith(said) for note in catalog.read(catalog.FEATURES_REPORT).notes)

        # the centres of the sample, polished over everybody: as one machine does that has everybody
        space, centres, algorithm = fit(part)
        got = of_everybody(config, "c0", space, centres, algorithm)
        points = to_space(space, part)
        asked = algorithm, config.sweep.scoring, config.sweep.seed
        own = fit_of_record("c0", space, centres, points, lambda one: one.over_points(to_space(space, whole)), *asked)
        assert got == own and got.customers == len(whole) and got.of_sample == 100

        Path("record/engine/shop/features").rename("record/engine/shop/gone")
        with pytest.raises(DataError, match="the engine no longer has engine/shop/features"):
            of_everybody(config, "c0", space, centres, algorithm)
