"""Features: worked by hand, the same on every engine, blind to row order and to what comes after the as-of date."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narwhals._spark_like.dataframe import SparkLikeLazyFrame
from narwhals._spark_like.expr import SparkLikeExpr
from narwhals._spark_like.expr_dt import SparkLikeExprDateTimeNamespace

import by_hand
from segments.app.load import checked
from segments.app.stages.features import run
from segments.config.features import FeaturesConfig
from segments.config.root import Config
from segments.config.source import Column, Customers, Source, Transactions
from segments.errors import ConfigError, DataError, StoreError
from segments.features import purchases
from segments.features import table as room
from segments.features.purchases import basket_mix, transaction_features
from segments.features.table import RFM_COLUMNS, RFM_SCORES, build_features, rfm_cut_points, rfm_scores
from segments.io.store import catalog
from segments.io.store.files import artifact, read_json, read_table, write_bytes, write_table

CONFIG = FeaturesConfig()
AS_OF = date(
    2024, 1, 10
)  # a Wednesday; the log below begins on Monday the 1st, so the halves are the 1st-5th and 6th-10th
LOG = Transactions("log.csv", customer="c", time="t", amount="a")
SOURCE = Source("mine", as_of=str(AS_OF), customers=Customers("people.csv"), transactions=LOG)
LINES = pd.DataFrame(
    [
        # customer, order, time, amount, discount, coupon, product, store, department, private label
        ("2", "a", "2024-01-01 09:00", 10.0, 0.0, 0.0, "p1", "s1", "bread", True),
        ("2", "a", "2024-01-01 09:00", 5.0, 5.0, 0.0, "p2", "s1", "milk", False),
        ("2", "b", "2024-01-06 17:00", 15.0, 0.0, 1.0, "p1", "s2", "bread", True),
        ("2", "c", "2024-01-07 12:00", 10.0, 0.0, 0.0, "p3", "s1", None, False),
        ("10", "d", "2024-01-10 23:59", 7.0, 0.0, 0.0, "p1", "s1", "bread", False),  # once, on the as-of date
        ("9", "e", "2024-01-02 08:00", 20.0, 0.0, 0.0, "p1", "s1", "bread", False),
        ("9", "f", "2024-01-04 08:00", -20.0, 0.0, 0.0, "p1", "s1", "bread", False),  # brought it back
        ("5", "g", "2024-01-03 00:30", 0.0, 2.0, 0.0, "p1", "s1", "bread", False),  # got it for nothing
        ("2", "h", "2024-01-11 00:00", 99.0, 9.0, 9.0, "p9", "s9", "fish", True),  # the day after
        ("77", "i", "2024-01-12 10:00", 99.0, 9.0, 9.0, "p9", "s9", "fish", True),
    ],
    columns=[
        *("customer_id", "order_id", "purchased_at", "amount", "discount", "coupon"),
        *("product_id", "store_id", "department", "private_label"),
    ],
).astype({"purchased_at": "datetime64[us]"})
BY_HAND = pd.DataFrame(
    {
        "recency_days": {"2": 3, "5": 7, "9": 6, "10": 0},
        "frequency": {"2": 3, "5": 1, "9": 2, "10": 1},
        "purchase_days": {"2": 3, "5": 1, "9": 2, "10": 1},
        "monetary": {"2": 40, "5": 0, "9": 0, "10": 7},
        "tenure_days": {"2": 9, "5": 7, "9": 8, "10": 0},
        "basket_value": {"2": 40 / 3, "5": 0, "9": 0, "10": 7},
        "gap_days_mean": {"2": 3, "5": 7, "9": 2, "10": 0},  # 5 and 10: one purchase day, so tenure
        "gap_days_std": {
            "2": 2,
            "5": 7,
            "9": 2,
            "10": 0,
        },  # 2: gaps of 5 and 1 day; the others: no two gaps, so the mean
        "departments": {"2": 2, "5": 1, "9": 1, "10": 1},
        "products": {"2": 3, "5": 1, "9": 1, "10": 1},
        "stores": {"2": 2, "5": 1, "9": 1, "10": 1},
        "weekend_share": {"2": 25 / 40, "5": 0, "9": 0, "10": 0},
        "morning_share": {"2": 15 / 40, "5": 0, "9": 1, "10": 0},
        "evening_share": {"2": 15 / 40, "5": 0, "9": 0, "10": 1},
        "private_label_share": {"2": 25 / 40, "5": 0, "9": 0, "10": 0},
        "discount_share": {"2": 5 / 45, "5": 1, "9": 0, "10": 0},
        "coupon_share": {"2": 1 / 41, "5": 0, "9": 0, "10": 0},
        "trend": {"2": (25 - 15) / 40, "5": 0, "9": -1, "10": 1},
    },
    dtype="float64",
)


def on_pandas(lines: pd.DataFrame, as_of: date = AS_OF, config: FeaturesConfig = CONFIG) -> pd.DataFrame:
    return tidy(transaction_features(lines, as_of, config))


def on_duckdb(
    lines: pd.DataFrame, as_of: date = AS_OF, config: FeaturesConfig = CONFIG, threads: int = 2
) -> pd.DataFrame:
    with duckdb.connect(config={"threads": threads}) as connection:
        summed = transaction_features(connection.from_df(lines), as_of, config)
        return tidy(nw.from_native(summed).collect("pandas").to_native())


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("customer_id").sort_index(key=lambda ids: ids.map(int)).rename_axis(index=None, columns=None)


def assert_equal(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, check_exact=True, check_index_type=False)


@pytest.fixture(scope="module")
def cdnow(shared_data: Path) -> pd.DataFrame:
    raw = pd.read_csv(shared_data / "cdnow" / "CDNOW_sample.txt", sep=r"\s+", header=None, dtype={2: str})
    bought = pd.to_datetime(raw[2], format="%Y%m%d")
    columns = {
        "customer_id": raw[1].astype(str),
        "order_id": bought.dt.strftime("%Y-%m-%d"),
        "purchased_at": bought,
        "amount": raw[4],
    }
    return pd.DataFrame(columns)


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [on_pandas, on_duckdb])
def test_four_customers_worked_by_hand(engine: Any) -> None:
    got = engine(LINES)
    assert list(got.columns) == list(BY_HAND.columns)
    pd.testing.assert_frame_equal(got, BY_HAND, check_exact=False, rtol=1e-15, check_index_type=False)


@pytest.mark.parametrize("engine", [on_pandas, on_duckdb])
def test_a_window_makes_the_features_of_two_dates_comparable(engine: Any) -> None:
    """Of five days, the 6th to the 10th: as if the log had begun then."""
    window = FeaturesConfig(window_days=5)
    got = engine(LINES, config=window)
    begun = LINES[LINES["purchased_at"] >= pd.Timestamp("2024-01-06")]
    assert_equal(got, engine(begun))
    assert got.loc["2", ["recency_days", "frequency", "monetary", "tenure_days"]].tolist() == [3, 2, 25, 4]
    assert list(got.index) == ["2", "10"], "who bought before has no row"


@pytest.mark.parametrize("engine", [on_pandas, on_duckdb])
def test_what_was_sent_back_is_no_purchase_from_then_on(engine: Any) -> None:
    """Customer 9 bought for 20 on the 2nd and brought it back on the 4th; customer 2 returned 4 of 15 bought on the 6th."""
    lines = LINES.assign(sent_back_at=pd.Series(pd.NaT, index=LINES.index, dtype="datetime64[us]"))
    lines.loc[lines["order_id"] == "e", "sent_back_at"] = pd.Timestamp("2024-01-04 08:00")
    lines.loc[len(lines)] = lines.loc[2].to_dict() | {
        "order_id": "r",
        "purchased_at": pd.Timestamp("2024-01-09"),
        "amount": -4.0,
    }
    got = engine(lines)
    assert list(got.index) == ["2", "5", "10"]
    assert got.loc["2", ["recency_days", "frequency", "monetary"]].tolist() == [3, 3, 36]
    same = [name for name in BY_HAND.columns if name not in ("monetary", "basket_value")]
    pd.testing.assert_frame_equal(got[same], BY_HAND.loc[["2", "5", "10"], same], rtol=1e-15, check_index_type=False)
    assert engine(lines, date(2024, 1, 3)).loc["9", "monetary"] == 20, "the day before it was still bought"
    assert purchases.customers_without_purchase(lines, AS_OF, CONFIG) == 1


def test_repeat_purchases_and_times_of_cdnow_are_the_published_ones(cdnow: pd.DataFrame, shared_data: Path) -> None:
    published = pd.read_csv(shared_data / "cdnow" / "cdnow_customers_summary.csv", index_col="ID")
    got = on_duckdb(cdnow, date(1997, 9, 30))
    got.index = got.index.astype(int)
    assert len(got) == len(published) == 2357
    assert (got["purchase_days"] - 1 == published["frequency"]).all()
    np.testing.assert_allclose((got["tenure_days"] - got["recency_days"]) / 7, published["recency"], atol=0.005)
    np.testing.assert_allclose(got["tenure_days"] / 7, published["T"], atol=0.005)


def test_every_weekday_and_leap_day_is_numbered_as_the_calendar_does() -> None:
    days = pd.DataFrame(
        {"at": pd.to_datetime(["1900-02-28", "1900-03-01", "2000-02-29", "2023-12-31", "2024-12-31", "2100-03-01"])}
    )
    for native in (days, duckdb.from_df(days)):
        numbered = nw.from_native(native).lazy().select(purchases.day_number("at")).collect("pandas").to_native()
        assert numbered.iloc[:, 0].tolist() == [day.toordinal() for day in days["at"]]


def test_edges_of_morning_and_evening_follow_the_config() -> None:
    late = FeaturesConfig(morning_until=9, evening_from=19)
    assert on_pandas(LINES, config=late).loc["2", ["morning_share", "evening_share"]].tolist() == [0, 0]


def test_the_middle_day_of_an_odd_window_is_in_neither_half() -> None:
    days = pd.to_datetime(["2024-01-01 10:00", "2024-01-02 10:00", "2024-01-03 10:00"])
    lines = pd.DataFrame(
        {"customer_id": "1", "order_id": ["a", "b", "c"], "purchased_at": days, "amount": [1.0, 100.0, 3.0]}
    )
    assert on_pandas(lines, date(2024, 1, 3)).loc["1", "trend"] == (3 - 1) / (3 + 1)


def test_what_the_source_lacks_is_absent() -> None:
    bare = LINES[["customer_id", "order_id", "purchased_at", "amount"]]
    for engine in (on_pandas, on_duckdb):
        absent = {"departments", "products", "stores", "private_label_share", "discount_share", "coupon_share"}
        assert set(BY_HAND.columns) - set(engine(bare).columns) == absent


def test_a_log_of_dates_tells_no_time_of_day(cdnow: pd.DataFrame) -> None:
    made = build_features(None, cdnow, Source("cdnow", as_of="1998-06-30", transactions=LOG), CONFIG)
    assert not {"morning_share", "evening_share"} & set(made.table.columns)
    assert made.report.notes == ["no line tells the time of day: there is no morning_share and no evening_share"]


def test_an_earlier_day_is_the_log_cut_off_after_it() -> None:
    day = "2024-01-04"
    cut = LINES[LINES["purchased_at"] < "2024-01-05"]
    then = room.as_of(SOURCE, day)
    assert (then.as_of, room.as_of(SOURCE, SOURCE.as_of)) == (day, SOURCE)
    looked_back = build_features(None, LINES, then, CONFIG)
    pd.testing.assert_frame_equal(looked_back.table, build_features(None, cut, then, CONFIG).table)
    assert looked_back.table["customer_id"].tolist() == ["2", "5", "9"]
    assert looked_back.table["recency_days"].tolist() == [3.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("source", "day", "what"),
    [
        (SOURCE, "2024-01-11", "2024-01-11 is later than the last day that is known, 2024-01-10"),
        (SOURCE, "last week", "'last week' is not a date"),
        (SOURCE, "", "'' is not a date"),
        (Source("people", customers=Customers("people.csv")), "2024-01-04", "has no transactions"),
    ],
)
def test_a_day_that_cannot_be_looked_back_to_is_refused(source: Source, day: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        room.as_of(source, day)


# --- equivalence and properties -----------------------------------------------------------------------------------

MONEY = st.integers(-10_000, 1_000_000).map(lambda cents: cents / 100)
LOGS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "40"]),
        st.sampled_from("abcdefgh"),
        st.datetimes(pd.Timestamp("2023-11-01").to_pydatetime(), pd.Timestamp("2024-02-01").to_pydatetime()),
        MONEY | st.floats(-50, 50),
        MONEY.map(abs),
        st.sampled_from(["bread", "milk", None]),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
).map(
    lambda rows: pd.DataFrame(
        rows, columns=["customer_id", "order_id", "purchased_at", "amount", "discount", "department", "private_label"]
    ).astype({"purchased_at": "datetime64[us]", "department": "str"})
)


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(LOGS)
def test_engines_and_thread_counts_agree_to_the_last_bit_and_nothing_is_missing(lines: pd.DataFrame) -> None:
    as_of = date(2024, 2, 1)
    expected = on_pandas(lines, as_of)
    assert_equal(on_duckdb(lines, as_of, threads=1), expected)
    assert_equal(on_duckdb(lines, as_of, threads=4), expected)
    assert np.isfinite(expected.to_numpy()).all()
    shares = expected.filter(regex="_share$").to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    assert expected["trend"].between(-1, 1).all()


def test_engines_agree_on_money_that_lies_halfway_between_two_units() -> None:
    amounts = [0.00005, 0.00015, 0.00025, -0.00005, -0.00015, 1.00005]
    at = pd.Timestamp("2024-01-05 10:00")
    lines = pd.DataFrame(
        {"customer_id": [str(i) for i in range(6)], "order_id": "a", "purchased_at": at, "amount": amounts}
    )
    assert_equal(on_duckdb(lines), on_pandas(lines))
    np.testing.assert_allclose(on_pandas(lines)["monetary"], amounts, atol=0.00005001)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(LOGS, st.randoms(use_true_random=False))
def test_row_order_is_irrelevant(lines: pd.DataFrame, random: Any) -> None:
    order = list(range(len(lines)))
    random.shuffle(order)
    as_of = date(2024, 2, 1)
    assert_equal(on_pandas(lines.iloc[order].reset_index(drop=True), as_of), on_pandas(lines, as_of))


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(LOGS, st.dates(date(2023, 11, 1), date(2024, 2, 1)))
def test_lines_after_the_as_of_date_change_nothing(lines: pd.DataFrame, as_of: date) -> None:
    known = lines[lines["purchased_at"].dt.date <= as_of].reset_index(drop=True)
    for engine in (on_pandas, on_duckdb):
        if known.empty:
            with pytest.raises(DataError, match=f"no purchase lies on or before the as-of date {as_of}"):
                engine(lines, as_of)
        else:
            assert_equal(engine(lines, as_of), engine(known, as_of))


def test_real_log_is_equal_on_both_engines(cdnow: pd.DataFrame) -> None:
    as_of = date(1998, 6, 30)
    assert_equal(on_duckdb(cdnow, as_of), on_pandas(cdnow, as_of))


def test_pyspark_has_every_expression_that_is_used() -> None:
    tree = ast.parse(inspect.getsource(purchases))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    of_frames = {"filter", "unique"}  # used on frames, and PySpark lacks the expressions of that name
    for spark, kind, names in (
        (SparkLikeExpr, nw.Expr, used - of_frames),
        (SparkLikeExprDateTimeNamespace, type(nw.col("x").dt), used),
        (SparkLikeLazyFrame, nw.LazyFrame, used & of_frames),
    ):
        for name in sorted(names & {name for name in dir(kind) if not name.startswith("_")}):
            assert "not_implemented" not in repr(getattr(spark, name, "not_implemented")), name
    assert {"shift", "over", "n_unique", "ordinal_day", "floor", "sqrt"} <= used  # the walk does see the expressions


# --- the table ----------------------------------------------------------------------------------------------------

PEOPLE = pd.DataFrame(
    {"customer_id": ["2", "3", "10"], "age": [30.0, 40.0, np.nan], "gender": ["f", "m", None]}
).astype({"gender": "str"})


def test_buyers_are_joined_with_what_the_customers_table_knows() -> None:
    made = build_features(PEOPLE, LINES, SOURCE, CONFIG)
    assert made.table["customer_id"].tolist() == ["2", "5", "9", "10"]  # as numbers, not as text
    assert made.table.columns.tolist() == ["customer_id", *BY_HAND.columns, "age", *RFM_SCORES, "gender"]
    assert made.table["age"].tolist()[0] == 30 and made.table["age"].isna().tolist() == [False, True, True, True]
    assert (made.table.drop(columns=["customer_id", "gender"]).dtypes == "float64").all()
    assert made.report.customers == 4
    assert made.report.customers_without_transactions == 1
    assert made.report.notes == [
        "1 of 3 customers bought nothing up to the as-of date: they have no row",
        "2 of 4 buyers are not in the customers table: its columns are missing there",
    ]
    kinds = {column.column: (column.kind, column.missing) for column in made.report.columns}
    assert kinds["age"] == ("number", 3) and kinds["gender"] == ("category", 3) and kinds["m_score"] == ("score", 0)


def test_ids_that_are_not_all_integers_are_sorted_as_text() -> None:
    people = pd.DataFrame({"customer_id": ["b", "10", "9"], "age": [1.0, 2.0, 3.0]})
    made = build_features(people, None, Source("mine", customers=Customers("people.csv")), CONFIG)
    assert made.table["customer_id"].tolist() == ["10", "9", "b"]
    assert made.rfm_cuts == {} and made.table.columns.tolist() == ["customer_id", "age"]


@pytest.mark.parametrize(
    ("customers", "transactions", "as_of", "message"),
    [
        (None, None, "2024-01-10", "neither customers nor transactions"),
        (PEOPLE.head(0), None, "2024-01-10", "no customers left"),
        (PEOPLE[["customer_id"]], None, "2024-01-10", "nothing is known of the customers but their ids"),
        (
            PEOPLE.rename(columns={"age": "monetary", "gender": "r_score"}),
            LINES,
            "2024-01-10",
            "share the name monetary, r_score",
        ),
        (None, LINES.head(0), "2024-01-10", "no purchase lies on or before the as-of date 2024-01-10"),
        (None, LINES, "1999-12-31", "no purchase lies on or before the as-of date 1999-12-31"),
        (None, LINES.drop(columns=["amount", "order_id"]), "2024-01-10", "the transactions lack order_id, amount"),
        (
            None,
            LINES.assign(amount=[np.nan, np.inf, -np.inf, 1e13, *LINES["amount"][4:]]),
            "2024-01-10",
            "4 transaction lines have no amount",
        ),
    ],
)
def test_bad_tables_are_refused_in_words(customers: Any, transactions: Any, as_of: str, message: str) -> None:
    source = Source("mine", as_of=as_of, customers=Customers("people.csv"), transactions=LOG)
    logs = [transactions] if transactions is None else [transactions, duckdb.from_df(transactions)]
    for log in logs:
        with pytest.raises(DataError, match=message) as refused:
            build_features(customers, log, source, CONFIG)
        assert refused.value.where and refused.value.fix


def test_an_evening_before_the_morning_ends_is_refused() -> None:
    with pytest.raises(ConfigError, match="the evening begins at 10, before the morning ends at 12"):
        checked(FeaturesConfig, {"evening_from": 10})


# --- scores -------------------------------------------------------------------------------------------------------


def test_scores_of_ten_customers_by_hand() -> None:
    values = [float(v) for v in range(1, 11)]
    people = pd.DataFrame(dict.fromkeys(RFM_COLUMNS, values))
    cuts = rfm_cut_points(people)
    assert cuts["monetary"] == [2, 4, 6, 8]
    scores = rfm_scores(people, cuts)
    assert scores["m_score"].tolist() == scores["f_score"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert scores["r_score"].tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]


def test_on_cdnow_all_who_bought_once_score_the_same(cdnow: pd.DataFrame) -> None:
    made = build_features(None, cdnow, Source("cdnow", as_of="1997-09-30", transactions=LOG), CONFIG)
    once = made.table["frequency"] == 1
    assert once.mean() > 0.5
    assert set(made.table.loc[once, "f_score"]) == {1.0}
    assert made.table.loc[~once, "f_score"].min() > 1
    assert made.rfm_cuts["frequency"][:2] == [1, 1]
    assert set(made.table["f_score"]) == {1, 3, 4, 5}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 12).map(float), min_size=1, max_size=50),
    st.lists(st.integers(-5, 20).map(float), min_size=1, max_size=20),
)
def test_scores_are_monotone_and_tie_safe_for_old_and_new_customers(old: list[float], new: list[float]) -> None:
    cuts = rfm_cut_points(pd.DataFrame(dict.fromkeys(RFM_COLUMNS, old)))
    everyone = pd.DataFrame(dict.fromkeys(RFM_COLUMNS, old + new))
    scores = rfm_scores(everyone, cuts).assign(value=everyone["monetary"])
    assert scores[list(RFM_SCORES)].isin([1, 2, 3, 4, 5]).all(axis=None)
    assert (scores.groupby("value")[list(RFM_SCORES)].nunique() == 1).all(axis=None)
    ordered = scores.sort_values("value")
    assert ordered["m_score"].is_monotonic_increasing and ordered["f_score"].is_monotonic_increasing
    assert ordered["r_score"].is_monotonic_decreasing
    pd.testing.assert_frame_equal(rfm_scores(everyone.iloc[::-1], cuts).sort_index(), rfm_scores(everyone, cuts))
    assert scores.loc[scores["value"] == min(old), "r_score"].eq(5).all()
    assert scores.loc[scores["value"] == min(old), "m_score"].eq(1).all()


@pytest.mark.parametrize(
    "cuts", [{}, {"recency_days": [1.0, 2.0]}, {name: [4.0, 3.0, 2.0, 1.0] for name in RFM_COLUMNS}]
)
def test_damaged_cut_points_are_refused(cuts: dict[str, list[float]]) -> None:
    with pytest.raises(DataError, match="the cut-points of recency_days are not four ascending numbers"):
        rfm_scores(pd.DataFrame(1.0, index=[0], columns=list(RFM_COLUMNS)), cuts)


# --- the stage ----------------------------------------------------------------------------------------------------


def configured(source: Source) -> Config:
    from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler, SweepConfig

    return Config(
        source=source,
        feature_set=FeatureSet("one", {"monetary": Feature()}),
        scaler=Scaler("none"),
        algorithm=Algorithm(),
        sweep=SweepConfig(["one"], ["none"]),
    )


@pytest.mark.slow
@pytest.mark.parametrize("customers", [Customers("people.csv"), None])
def test_the_stage_writes_the_same_bytes_again_and_on_the_other_engine(
    customers: Customers | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(artifact("data", "customers.parquet"), PEOPLE)
    write_table(artifact("data", "transactions.parquet"), LINES)
    by_hand.clean_tables_of("mine")
    source = Source("mine", as_of=str(AS_OF), customers=customers, transactions=LOG)
    written = []
    for open_log in (catalog.scan, catalog.scan, catalog.read):
        run(configured(source), open_log)
        files = sorted(artifact("features").iterdir())
        written.append({file.name: file.read_bytes() for file in files})
    assert list(written[0]) == ["basket_mix.parquet", "customers.parquet", "report.json", "rfm_cuts.json"]
    assert written[0] == written[1] == written[2]
    table = read_table(artifact("features", "customers.parquet"))
    cuts = read_json(artifact("features", "rfm_cuts.json"))
    pd.testing.assert_frame_equal(rfm_scores(table, cuts), table[list(RFM_SCORES)])


def test_the_stage_says_who_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every later share is of those who are left: that must be said where people look, not in a report alone."""
    from segments.config.sweep import Feature, FeatureSet

    monkeypatch.chdir(tmp_path)
    people = pd.DataFrame({"customer_id": ["a", "b", "c"], "age": [30.0, np.nan, 50.0]})
    write_table(artifact("data", "customers.parquet"), people)
    by_hand.clean_tables_of("mine")
    config = configured(Source("mine", customers=Customers("people.csv", columns={"age": Column(missing="drop")})))
    said = run(dataclasses.replace(config, grid_feature_sets={"one": FeatureSet("one", {"age": Feature()})}))
    assert said == "1 of 3 customers are left out: they have no 'age', which feature set one uses"


@pytest.mark.parametrize("content", [None, b"this is no parquet"])
@pytest.mark.parametrize("open_log", [catalog.scan, catalog.read])
def test_a_missing_or_damaged_log_names_the_stage_that_makes_it(
    content: bytes | None, open_log: Callable[[Any], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    by_hand.clean_tables_of("mine")
    if content is not None:
        write_bytes(artifact("data", "transactions.parquet"), content)
    with pytest.raises(StoreError, match="damaged" if content else "does not exist yet") as refused:
        run(configured(Source("mine", as_of="2024-01-10", transactions=LOG)), open_log)
    assert "segments data" in refused.value.fix
    assert not artifact("features").exists()


# --- the basket mix -------------------------------------------------------------------------------------------------------


def mixed() -> pd.DataFrame:
    departments = ["A", "A", "B", None, "A", "B", "A"]
    return pd.DataFrame(
        {
            "customer_id": ["10", "10", "10", "10", "9", "9", "2"],
            "order_id": list("abcdefg"),
            "purchased_at": pd.to_datetime(["2024-01-01"] * 6 + ["2024-02-03"]),
            "amount": [1.0, 2, 5, 2, -3, 4, 8],
            "department": pd.Series(departments, dtype="string"),
        }
    )


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_the_basket_mix_by_hand(engine: str) -> None:
    """Spend is what was paid for, returns aside; a line without a department is other; a later line does not count."""
    lines = mixed()
    mix = basket_mix(duckdb.from_df(lines) if engine == "duckdb" else lines, date(2024, 1, 31), CONFIG)
    assert mix.columns.tolist() == ["customer_id", "spend_on_b", "spend_on_a", "spend_on_other"]
    assert mix["customer_id"].tolist() == ["9", "10"]
    assert mix.iloc[0, 1:].tolist() == [1.0, 0.0, 0.0]
    assert mix.iloc[1, 1:].tolist() == pytest.approx([0.5, 0.3, 0.2])


def test_a_customer_who_paid_nothing_has_a_mix_of_nothing() -> None:
    lines = mixed().assign(amount=[1.0, 2, 5, 2, -3, -4, 8])
    assert basket_mix(lines, date(2024, 1, 31), CONFIG).iloc[0, 1:].tolist() == [0.0, 0.0, 0.0]


def test_without_departments_there_is_no_mix() -> None:
    assert basket_mix(mixed().drop(columns="department"), date(2024, 1, 31), CONFIG).columns.tolist() == ["customer_id"]


def test_many_departments_of_like_names_become_ten_columns_and_the_rest() -> None:
    names = ["Fish & Co", "fish co", "FISH-CO", "???", "Other", *[f"d{i:02}" for i in range(9)]]
    lines = pd.DataFrame(
        {
            "customer_id": "1",
            "order_id": names,
            "purchased_at": pd.Timestamp("2024-01-01"),
            "amount": [float(100 - i) for i in range(len(names))],
            "department": pd.Series(names, dtype="string"),
        }
    )
    mix = basket_mix(lines, date(2024, 1, 1), CONFIG)
    columns = mix.columns.tolist()[1:]
    assert columns[:5] == [
        "spend_on_fish_co",
        "spend_on_fish_co_no_2",
        "spend_on_fish_co_no_3",
        "spend_on_unnamed",
        "spend_on_other_no_2",
    ]
    assert len(columns) == len(set(columns)) == 11
    assert columns[-1] == "spend_on_other"
    assert mix.iloc[0, 1:].sum() == pytest.approx(1.0)
