"""Room `data`: every raw row is either clean or counted, once, under a reason a person can read."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaError, SchemaErrors
from pydantic import TypeAdapter

from segments.app.stages import data as data_stage
from segments.config.root import Config
from segments.config.source import Column, Customers, Policy, Products, Reader, Source, Transactions
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler, SweepConfig
from segments.data.cleaning import transactions
from segments.data.cleaning.customers import clean_customers, customers_schema
from segments.data.cleaning.joined_ids import joined_ids
from segments.data.cleaning.transactions import clean_transactions
from segments.data.reading import files
from segments.data.rows import RawLog, RawTable, find_header, normal_header
from segments.errors import DataError
from segments.io.store import raw_files
from segments.io.store.files import artifact, read_json, write_relation
from segments.io.store.fingerprints import md5

SHOP = Source(
    "shop",
    customers=Customers(
        "shop.csv", id="id", columns={"age": Column(minimum=0, maximum=120), "city": Column(kind="category")}
    ),
)
ANY = Policy(max_bad_share=1)


def load_source(path: Path) -> Source:
    return TypeAdapter(Source).validate_python(yaml.safe_load(path.read_text()))


def customers(
    rows: dict[str, list], policy: Policy = ANY, source: Source = SHOP, decimal: str = ".", used: set[str] | None = None
):
    connection = duckdb.connect(":memory:")
    connection.register("raw", pd.DataFrame(rows, dtype="string"))
    return clean_customers(RawTable(connection, connection.table("raw"), decimal), replace(source, policy=policy), used)


def counts(report: dict) -> dict[str, int]:
    return {item["reason"]: item["rows"] for item in report["reasons"]}


def test_a_number_whose_square_no_float_holds_is_left_out_and_counted():
    table, report = customers(
        {"id": ["1", "2", "3", "4"], "age": ["30", "-1e300", "1e100", "9e99"], "city": ["a"] * 4},
        source=replace(
            SHOP, customers=Customers("shop.csv", id="id", columns={"age": Column(), "city": Column(kind="category")})
        ),
    )
    assert table["customer_id"].tolist() == ["1", "4"]
    assert counts(report) == {"age beyond 1e+100": 2}


def mall_table(project: Path, folder: Path, name: str, policy: Policy | None = None):
    source = load_source(project / "conf/source/mall.yaml")
    assert source.customers is not None
    source = replace(source, customers=replace(source.customers, path=name), policy=policy or source.policy)
    with files.open_customers(source, folder) as raw:
        return clean_customers(raw, source)


# --- customers ----------------------------------------------------------------------------------------------------


def test_mall_has_the_published_figures(project, shared_data):
    table, report = mall_table(project, shared_data / "mall", "Mall_Customers.csv")
    assert list(table.columns) == ["customer_id", "gender", "age", "annual_income", "spending_score"]
    assert table["gender"].value_counts().to_dict() == {"Female": 112, "Male": 88}
    assert table[["age", "annual_income", "spending_score"]].mean().round(2).tolist() == [38.85, 60.56, 50.20]
    assert round(table["age"].corr(table["spending_score"]), 4) == -0.3272
    assert report == {"rows_raw": 200, "rows_clean": 200, "reasons": [], "notes": []}


@pytest.mark.parametrize("variant", ["genre_underscored", "genre_zero_padded_ids", "no_space_before_unit"])
def test_variants_load_as_the_same_table(project, shared_data, variant):
    original, _ = mall_table(project, shared_data / "mall", "Mall_Customers.csv")
    table, _ = mall_table(project, shared_data / "mall/variants", f"{variant}.csv")
    pd.testing.assert_frame_equal(table.drop(columns="customer_id"), original.drop(columns="customer_id"))
    assert table["customer_id"].map(int).tolist() == list(range(1, 201))


def test_file_without_ids_gets_row_numbers_and_says_so(project, shared_data):
    original, _ = mall_table(project, shared_data / "mall", "Mall_Customers.csv")
    table, report = mall_table(project, shared_data / "mall/variants", "without_id.csv")
    assert table["gender"].isna().all()
    pd.testing.assert_frame_equal(table.drop(columns="gender"), original.drop(columns="gender"))
    assert any("no id column" in note for note in report["notes"])
    assert any("'gender' is not in the file" in note for note in report["notes"])


def test_dirty_file_stops_with_counts_and_loads_when_more_is_allowed(project, shared_data):
    name = "mall_812rows_dups_questionmarks.csv"
    with pytest.raises(DataError, match=r"12 of 812 rows \(1.5%\).*12 duplicate row"):
        mall_table(project, shared_data / "dirty", name, Policy(max_bad_share=0.01))
    table, report = mall_table(project, shared_data / "dirty", name)
    assert counts(report) == {"duplicate row": 12}
    assert len(table) == report["rows_clean"] == 800 and table["customer_id"].is_unique
    lacking = {"age": 10, "annual_income": 30, "spending_score": 60}
    assert table[list(lacking)].isna().sum().to_dict() == lacking
    assert "column 'spending_score' is missing for 60 of 812 rows, which are kept" in report["notes"]


@pytest.mark.parametrize(("allowed", "stops"), [(0.5, False), (0.49, True), (0, True), (1, False)])
def test_the_stage_stops_only_above_the_allowed_share(allowed, stops):
    rows = {"id": ["1", "2"], "age": ["x", "5"], "city": ["a", "b"]}
    if stops:
        with pytest.raises(DataError, match=r"1 of 2 rows \(50.0%\) are bad.*1 unreadable age"):
            customers(rows, Policy(max_bad_share=allowed))
    else:
        assert customers(rows, Policy(max_bad_share=allowed))[1]["rows_clean"] == 1


def test_first_reason_wins_in_the_documented_order():
    rows = {
        "id": ["1", "1", None, "3", "4", "5", "6", "7", "7", "8"],
        "age": ["20", "20", "x", "?", "abc", "inf", "121", "30", "31", "40"],
        "city": ["a"] * 10,
    }
    table, report = customers(rows, Policy(duplicate_ids="drop", max_bad_share=1))
    assert counts(report) == {
        "duplicate row": 1,
        "missing customer id": 1,
        "unreadable age": 1,
        "infinite age": 1,
        "age out of range": 1,
        "duplicate customer id": 2,
    }
    assert table["customer_id"].tolist() == ["1", "3", "8"]
    assert [item["action"] for item in report["reasons"]] == ["drop"] * 6


WIDE_COLUMNS = {
    "age": Column(maximum=120),
    "size": Column(kind="ordinal", levels=["S", "M"]),
    "joined": Column(kind="date", time_format="%Y-%m-%d"),
    "town": Column(kind="category"),
}
WIDE = Source("wide", customers=Customers("wide.csv", columns=WIDE_COLUMNS), as_of="2024-12-31")
WIDE_ROWS = {
    "age": ["20", "x", "121", "inf", "1e200", "50", None, "60"],
    "size": ["S", "M", "S", "M", "XL", "M", "S", "M"],
    "joined": ["2024-01-02", "2024-01-03", "soon", "2024-01-04", None, "2024-01-05", "2024-01-06", "2024-01-07"],
    "town": list("aabbaabb"),
}
WRONG = {
    "age": {"unreadable age": 1, "infinite age": 1, "age beyond 1e+100": 1, "age out of range": 1},
    "size": {"size is none of its levels": 1},
    "joined": {"unreadable joined": 1},
}


@pytest.mark.parametrize("used", [{*used} for n in range(4) for used in combinations(WRONG, n)], ids=sorted)
def test_a_bad_value_drops_nobody_where_no_feature_set_uses_its_column(used: set[str]) -> None:
    table, report = customers(WIDE_ROWS, source=WIDE, used=used)
    bad = {"age": {1, 2, 3, 4}, "size": {4}, "joined": {2}}
    gone = set().union(*(bad[name] for name in used))
    kept = [row for row in range(8) if row not in gone]
    assert table["customer_id"].tolist() == [str(row + 1) for row in kept]
    for name in WRONG:  # nobody keeps a value that is no good
        lacking = [row in bad[name] or WIDE_ROWS[name][row] is None for row in kept]
        assert table[name].isna().tolist() == lacking
    assert set(counts(report)) <= {reason for name in used for reason in WRONG[name]}
    assert sum(counts(report).values()) == len(gone)
    said = {
        f"{reason} in {n} of 8 rows, which are kept without it: no feature set of the grid uses it"
        for name in WRONG
        if name not in used
        for reason, n in WRONG[name].items()
    }
    assert {note for note in report["notes"] if "kept without it" in note} == said


def test_who_wants_to_stop_at_a_bad_value_stops_at_any() -> None:
    with pytest.raises(DataError, match="the policy stops at: unreadable age"):
        customers(WIDE_ROWS, Policy(bad_value="stop"), WIDE, used=set())


@pytest.mark.parametrize(("policy", "left"), [("first", ["1", "2"]), ("drop", ["2"])])
def test_duplicate_ids_follow_the_policy(policy, left):
    rows = {"id": ["1", "1", "2"], "age": ["20", "30", "40"], "city": ["a", "b", "c"]}
    table, _ = customers(rows, Policy(duplicate_ids=policy, max_bad_share=1))
    assert table["customer_id"].tolist() == left
    assert policy != "first" or table["age"].tolist() == [20, 40]


def test_a_bad_copy_never_pushes_out_a_good_customer():
    table, report = customers(
        {"id": ["1", "1"], "age": ["x", "30"], "city": ["a", "b"]}, Policy(duplicate_ids="stop", max_bad_share=1)
    )
    assert table["age"].tolist() == [30]
    assert counts(report) == {"unreadable age": 1}


def test_default_policy_stops_at_conflicting_ids():
    with pytest.raises(DataError, match="duplicate customer id") as stopped:
        customers({"id": ["1", "1"], "age": ["20", "30"], "city": ["a", "b"]})
    assert "source.policy.duplicate_ids" in str(stopped.value)
    assert "2 lines are of 1 customers; 'id' with 'age', 'city' tells lines apart" in str(stopped.value)
    assert "of a log write transactions:" in str(stopped.value)


def test_what_is_done_to_ids_without_asking_is_counted():
    ids = [" 1", "2\u00a0", "3", "e\u0301", "4\u200b", "5 6", "\t7 "]
    table, report = customers({"id": ids, "age": ["30"] * 7, "city": ["a"] * 7})
    assert sorted(table["customer_id"]) == ["1", "2", "3", "4", "5 6", "7", "é"]
    assert report["notes"] == [
        "1 ids of 'id' held signs that nobody sees: they are taken out",
        "3 ids of 'id' had blanks around them: they are taken off",
        "1 ids of 'id' had letters in two parts: they are composed (NFC)",
    ]


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("duplicate_rows", {"id": ["1", "1"], "age": ["2", "2"], "city": ["a", "a"]}),
        ("missing_id", {"id": ["1", ""], "age": ["2", "2"], "city": ["a", "b"]}),
        ("bad_value", {"id": ["1", "2"], "age": ["2", "x"], "city": ["a", "b"]}),
    ],
)
def test_policy_stop_stops_and_names_its_key(key, rows):
    with pytest.raises(DataError, match=rf"source\.policy\.{key}"):
        customers(rows, Policy(**{key: "stop"}, max_bad_share=1))


def test_kept_duplicates_of_numbered_rows_are_all_customers():
    source = replace(SHOP, customers=replace(SHOP.customers, id=None))
    table, report = customers({"age": ["20", "20"], "city": ["a", "a"]}, source=source)
    assert table["customer_id"].tolist() == ["1", "2"]
    assert report["rows_clean"] == 2


def test_kept_reason_is_counted_but_hides_no_other():
    rows = {"id": ["1", "1", "2", "2"], "age": ["x", "x", "5", "5"], "city": ["a"] * 4}
    _, report = customers(rows, Policy(duplicate_rows="keep", duplicate_ids="first", max_bad_share=1))
    assert counts(report) == {"unreadable age": 2, "duplicate customer id": 1}


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (["0002", "1", "+10"], ["1", "0002", "+10"]),
        (["3.0", "20,00", "100"], ["3.0", "20,00", "100"]),
        (["1.000", "02", "3"], ["02", "1.000", "3"]),
        (["a1", "01", "2"], ["01", "2", "a1"]),
        (["99999999999999999999", "5", "0"], ["0", "5", "99999999999999999999"]),
    ],
)
def test_ids_stay_as_written_and_are_sorted(raw, clean):
    table, _ = customers({"id": raw, "age": ["1", "2", "3"], "city": ["a", "b", "c"]})
    assert table["customer_id"].tolist() == clean


def test_missing_categories_stay_missing_and_numbers_are_float64():
    table, report = customers({"id": ["1", "2"], "age": [" 20 ", "3e1"], "city": ["?", " Rome "]})
    assert str(table["age"].dtype) == "float64" and table["age"].tolist() == [20, 30]
    assert table["city"].isna().tolist() == [True, False] and table["city"][1] == "Rome"
    assert report["notes"] == ["column 'city' is missing for 1 of 2 rows, which are kept"]


def test_decimal_commas_are_read_and_underscored_digits_are_not():
    assert customers({"id": ["1"], "age": ["20,5"], "city": ["a"]}, decimal=",")[0]["age"].tolist() == [20.5]
    table, report = customers({"id": ["1", "2"], "age": ["1_0", "10"], "city": ["a", "b"]})
    assert table["age"].tolist() == [10] and counts(report) == {"unreadable age": 1}


def test_one_customer_is_a_clean_table():
    assert len(customers({"id": ["1"], "age": ["20"], "city": ["a"]})[0]) == 1


def test_extra_columns_are_left_out_and_named():
    table, report = customers({"id": ["1"], "age": ["20"], "city": ["a"], "shoe size": ["43"]})
    assert list(table.columns) == ["customer_id", "age", "city"]
    assert report["notes"] == ["columns not used: 'shoe size'"]


def test_missing_columns_are_named_with_what_was_found_and_what_is_near():
    with pytest.raises(DataError) as error:
        customers({"id": ["1"], "agee": ["20"], "town": ["a"]})
    assert "missing columns: 'age', 'city'; the file has: 'id', 'agee', 'town'" in error.value.what
    assert "'age' may be 'agee'" in error.value.fix


def test_all_missing_number_column_is_an_error():
    with pytest.raises(DataError, match="column 'age' holds no number; it has no values at all"):
        customers({"id": ["1", "2"], "age": ["?", ""], "city": ["a", "b"]})


def test_no_row_left_is_an_error_with_counts():
    with pytest.raises(DataError, match="no row is left of 2: 1 infinite age; 1 age out of range"):
        customers({"id": ["1", "2"], "age": ["inf", "-5"], "city": ["a", "b"]})


def test_no_rows_is_an_error():
    with pytest.raises(DataError, match="no rows"):
        customers({"id": [], "age": [], "city": []})


def test_units_matter_but_case_blanks_and_punctuation_do_not():
    assert normal_header("Annual_Income (k$)") == normal_header("annual income(K$)")
    assert find_header(["Income (EUR)"], ["Income (USD)"]) is None
    assert find_header(["AGE", "age"], ["age"]) == "age"
    with pytest.raises(DataError, match="2 columns may be 'Age'"):
        find_header(["AGE", "age"], ["Age"])


def test_schema_refuses_what_cleaning_would_never_make():
    schema = customers_schema(SHOP.customers)
    good, _ = customers({"id": ["1"], "age": ["20"], "city": ["a"]})
    schema.validate(good)
    for bad in (good.assign(age=121.0), good.assign(extra=1), pd.concat([good, good])):
        with pytest.raises((SchemaError, SchemaErrors)):
            schema.validate(bad)


CELL = st.sampled_from(["1", "2", "03", "x", "?", "", "inf", "-4", "130", "7.5"])
ROWS = st.lists(st.tuples(CELL, CELL, st.sampled_from(["a", "b", "?"])), min_size=1, max_size=12)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(rows=ROWS, order=st.randoms(use_true_random=False), keep=st.sampled_from(["keep", "drop"]))
def test_row_order_is_irrelevant_and_counts_add_up(rows, order, keep):
    policy = Policy(duplicate_rows=keep, duplicate_ids="drop", max_bad_share=1)

    def clean(rows):
        try:
            return customers(dict(zip(["id", "age", "city"], map(list, zip(*rows, strict=True)), strict=True)), policy)
        except DataError as error:
            return error.what.split(";")[0].split(" it has")[0]

    shuffled = order.sample(rows, len(rows))
    first, second = clean(rows), clean(shuffled)
    if isinstance(first, str):
        assert isinstance(second, str)
        return
    pd.testing.assert_frame_equal(first[0], second[0])
    assert first[1]["reasons"] == second[1]["reasons"]
    dropped = sum(item["rows"] for item in first[1]["reasons"] if item["action"] == "drop")
    assert first[1]["rows_raw"] == len(rows) == first[1]["rows_clean"] + dropped
    assert len(first[0]) == first[1]["rows_clean"]


# --- transactions -------------------------------------------------------------------------------------------------

LOG = Transactions(
    "log.csv",
    customer="who",
    time="when",
    amount="paid",
    order="basket",
    product="item",
    store="shop",
    discounts=["off"],
    coupons=["coupon"],
)
LOGGED = Source("shop", as_of="2024-01-31", transactions=LOG, policy=ANY)
LINE = {
    "who": "01",
    "when": "2024-01-02 10:30:00",
    "paid": "5.5",
    "basket": "b1",
    "item": "9",
    "shop": "s",
    "off": "-0.5",
    "coupon": "0",
}


def lines(rows: list[dict], source: Source = LOGGED, products: dict | None = None, decimal: str = "."):
    connection = duckdb.connect(":memory:")
    frame = pd.DataFrame(rows, dtype="string")
    connection.register("raw", frame)
    listed = None
    if products is not None:
        connection.register("raw_products", pd.DataFrame(products, dtype="string"))
        listed = connection.table("raw_products")
    relation, report = clean_transactions(RawLog(connection, connection.table("raw"), decimal, products=listed), source)
    return relation.df(), report


def test_a_line_by_hand():
    table, report = lines([LINE, {**LINE, "who": "2.0", "off": "?", "coupon": "1"}])
    assert table.to_dict("records") == [
        {
            "customer_id": "01",
            "order_id": "b1",
            "purchased_at": pd.Timestamp("2024-01-02 10:30"),
            "amount": 5.5,
            "discount": 0.5,
            "coupon": 0.0,
            "product_id": "9",
            "store_id": "s",
        },
        {
            "customer_id": "2.0",
            "order_id": "b1",
            "purchased_at": pd.Timestamp("2024-01-02 10:30"),
            "amount": 5.5,
            "discount": 0.0,
            "coupon": 1.0,
            "product_id": "9",
            "store_id": "s",
        },
    ]
    assert report == {
        "rows_raw": 2,
        "rows_clean": 2,
        "reasons": [],
        "notes": ["1 lines lack a discount value: it counts as 0"],
    }


def test_a_clean_line_that_breaks_the_schema_is_never_handed_on(monkeypatch):
    """No log is known that comes so far: the rules are given one that a good line breaks."""
    assert len(transactions._rules(["discount", "coupon"])) == 6
    monkeypatch.setattr(transactions, "_rules", lambda columns: ["amount > 5"])
    with pytest.raises(DataError, match=r"1 cleaned lines break their schema \(amount > 5\)"):
        lines([LINE, {**LINE, "paid": "5"}])


def test_every_bad_line_is_counted_under_its_first_reason():
    bad = [
        LINE,
        LINE,
        {**LINE, "who": "?", "paid": "x"},
        {**LINE, "basket": ""},
        {**LINE, "when": "?", "paid": "-1"},
        {**LINE, "when": "02/01/2024"},
        {**LINE, "when": "infinity"},
        {**LINE, "paid": ""},
        {**LINE, "paid": "five"},
        {**LINE, "paid": "-inf"},
        {**LINE, "off": "x"},
        {**LINE, "coupon": "inf"},
        {**LINE, "when": "2024-02-01"},
        {**LINE, "paid": "-3"},
        {**LINE, "paid": "0"},
        {**LINE, "when": "2024-01-31 23:59:59"},
    ]
    dropping = replace(LOGGED, policy=replace(ANY, duplicate_rows="drop", returns="drop"))
    table, report = lines(bad, dropping)
    assert counts(report) == {
        "duplicate row": 1,
        "missing customer id": 1,
        "missing order id": 1,
        "missing time": 1,
        "unreadable time": 2,
        "missing amount": 1,
        "unreadable amount": 1,
        "infinite amount": 1,
        "unreadable discount or coupon": 2,
        "after the as-of date": 1,
        "return (amount below zero)": 1,
        "zero amount": 1,
    }
    assert report["rows_raw"] == 16 and report["rows_clean"] == len(table) == 2


def test_returns_and_zero_amounts_are_kept_when_the_policy_says_so():
    kept = replace(LOGGED, policy=Policy(returns="keep", zero_amounts="keep"))
    table, report = lines([LINE, {**LINE, "paid": "-3"}, {**LINE, "paid": "0"}], kept)
    assert table["amount"].tolist() == [5.5, -3, 0]
    assert [(item["rows"], item["action"]) for item in report["reasons"]] == [(1, "keep"), (1, "keep")]


def test_choices_do_not_count_as_bad_rows():
    strict = replace(LOGGED, policy=Policy(max_bad_share=0))
    _, report = lines([LINE, {**LINE, "paid": "-3"}, {**LINE, "paid": "0"}, {**LINE, "when": "2025-01-01"}], strict)
    assert report["rows_clean"] == 2, "a return is netted, not left out"
    with pytest.raises(DataError, match=r"1 of 2 rows \(50.0%\)"):
        lines([LINE, {**LINE, "paid": "x"}], strict)


def test_policy_stop_for_lines_after_the_as_of_date():
    with pytest.raises(DataError, match="after the as-of date"):
        lines([LINE, {**LINE, "when": "2025-01-01"}], replace(LOGGED, policy=Policy(after_as_of="stop")))


def test_without_orders_the_purchase_day_is_the_order():
    source = replace(LOGGED, transactions=replace(LOG, order=None))
    assert lines([LINE], source)[0]["order_id"].tolist() == ["2024-01-02"]


def test_only_described_columns_are_there():
    bare = replace(LOGGED, transactions=Transactions("log.csv", customer="who", time="when", amount="paid"))
    assert list(lines([LINE], bare)[0].columns) == ["customer_id", "order_id", "purchased_at", "amount"]


def test_time_format_reads_day_before_month_and_its_absence_is_explained():
    rows = [{**LINE, "when": "03/01/2024 8:05"}]
    with pytest.raises(DataError, match="no time in column 'when' can be read; it has '03/01/2024 8:05'") as error:
        lines(rows)
    assert "time_format" in error.value.fix
    table, _ = lines(rows, replace(LOGGED, transactions=replace(LOG, time_format="%d/%m/%Y %H:%M")))
    assert table["purchased_at"].tolist() == [pd.Timestamp("2024-01-03 08:05")]


def test_products_tell_department_and_private_label():
    source = replace(
        LOGGED,
        transactions=replace(
            LOG, products=Products("p.csv", id="sku", department="dep", brand="brand", private_label="Own")
        ),
    )
    products = {"sku": ["009", "009", "8"], "dep": ["FOOD", "OTHER", "?"], "brand": ["Own", "Else", "Own"]}
    table, report = lines([LINE, {**LINE, "item": "8"}, {**LINE, "item": "7"}], source, products)
    assert table["department"].tolist()[0] == "FOOD" and table["department"].isna().tolist() == [False, True, True]
    assert table["private_label"].tolist() == [True, True, False]
    assert any("1 products are listed more than once" in note for note in report["notes"])
    assert any("1 lines name a product that is not in" in note for note in report["notes"])


def test_headers_that_look_like_sql_are_harmless():
    odd = {'pa"id); DROP TABLE raw; --': "5", "o'clock": "2024-01-02", "who am i": "1"}
    spec = Transactions(
        "log.csv",
        customer="Who_am_I",
        time="o'clock",
        amount='pa"id); DROP TABLE raw; --',
        read=Reader(missing=["'", "?"]),
    )
    table, _ = lines([odd], replace(LOGGED, transactions=spec))
    assert table["amount"].tolist() == [5]


def test_missing_log_columns_are_named():
    with pytest.raises(DataError, match="missing column: 'paid'; the file has: ") as error:
        lines([{**{key: value for key, value in LINE.items() if key != "paid"}, "pald": "1"}])
    assert "'paid' may be 'pald'" in error.value.fix


def test_empty_log_and_no_line_left_are_errors():
    with pytest.raises(DataError, match="no row is left of 1"):
        lines([{**LINE, "paid": "0"}])
    connection = duckdb.connect(":memory:")
    connection.register("raw", pd.DataFrame({key: pd.Series([], dtype="string") for key in LINE}))
    with pytest.raises(DataError, match="no lines"):
        clean_transactions(RawLog(connection, connection.table("raw")), LOGGED)


def test_lines_stay_in_file_order():
    rows = [{**LINE, "who": str(100 - number), "when": f"2024-01-{number % 28 + 1:02}"} for number in range(50)]
    assert lines(rows)[0]["customer_id"].tolist() == [str(100 - number) for number in range(50)]


@pytest.mark.parametrize(
    ("table", "log", "id_type", "joined"),
    [
        (["a", "c"], ["a", "b"], "auto", ["a", "b"]),
        (["0001", "GUEST"], ["1", "GUEST", "2"], "auto", ["0001", "GUEST", "2"]),  # one word must not part the others
        (["7"], ["7.0", "007"], "integer", ["7", "7"]),
        (["0001", "1"], ["1", "0001"], "text", ["1", "0001"]),
    ],
)
def test_a_log_gets_the_ids_of_the_customers_table(table, log, id_type, joined):
    connection = duckdb.connect(":memory:")
    lines = connection.sql(f"SELECT unnest({log}) AS customer_id, 1 AS amount")
    found, _ = joined_ids(pd.DataFrame({"customer_id": table}), lines, connection, id_type)
    assert [row[0] for row in found.fetchall()] == joined


def test_tables_that_share_no_customer_are_an_error():
    connection = duckdb.connect(":memory:")
    log = connection.sql("SELECT 'a' AS customer_id UNION ALL SELECT 'b'")
    assert joined_ids(pd.DataFrame({"customer_id": ["a", "c", "d"]}), log, connection, "auto")[1] == [
        "1 of 2 customers of the log are not in the customers table",
        "2 of 3 customers of the customers table have no purchase left in the log",
    ]
    with pytest.raises(
        DataError, match="no customer of the log is in the customers table: the log has 'a', 'b', the table 'c'"
    ):
        joined_ids(pd.DataFrame({"customer_id": ["c"]}), log, connection, "auto")


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "who": st.sampled_from(["1", "02", "?", ""]),
                "when": st.sampled_from(["2024-01-02", "2024-03-01", "x", "2024-01-05 10:00"]),
                "paid": st.sampled_from(["1", "-1", "0", "inf", "y", "2.5"]),
                "off": st.sampled_from(["0", "-1", "?", "z"]),
            }
        ),
        min_size=1,
        max_size=10,
    ),
    order=st.randoms(use_true_random=False),
)
def test_line_order_is_irrelevant_and_line_counts_add_up(rows, order):
    source = replace(
        LOGGED, transactions=Transactions("log.csv", customer="who", time="when", amount="paid", discounts=["off"])
    )

    def clean(rows):
        try:
            return lines(rows, source)
        except DataError as error:
            return error.what.split(":")[0].split(";")[0]

    first, second = clean(rows), clean(order.sample(rows, len(rows)))
    if isinstance(first, str):
        assert first == second
        return
    keys = list(first[0].columns)
    pd.testing.assert_frame_equal(
        first[0].sort_values(keys, ignore_index=True), second[0].sort_values(keys, ignore_index=True)
    )
    assert first[1]["reasons"] == second[1]["reasons"]
    dropped = sum(item["rows"] for item in first[1]["reasons"] if item["action"] != "keep")
    assert first[1]["rows_raw"] == len(rows) == len(first[0]) + dropped


# --- the stage ----------------------------------------------------------------------------------------------------


def stage(source: Source) -> dict:
    grid = {"f": FeatureSet("f", columns={"age": Feature()})}
    sweep = SweepConfig(["f"], ["none"])
    data_stage.run(Config(source, grid["f"], Scaler("none"), Algorithm("kmeans"), sweep, grid_feature_sets=grid))
    return read_json(artifact("data", "report.json"))


@pytest.mark.slow
def test_stage_writes_tables_and_report_and_removes_another_sources_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/shop.csv").write_text("id,age,city\n1,20,a\n3,x,b\n")
    Path("data/log.csv").write_text("who,when,paid\n1,2024-01-02,5\n2,2024-01-02,0\n")
    people = replace(SHOP, customers=replace(SHOP.customers, path="data/shop.csv"), policy=ANY)
    log = Transactions("data/log.csv", customer="who", time="when", amount="paid")
    both = replace(people, as_of="2024-01-31", transactions=log)
    with pytest.raises(DataError, match="is not pinned"):
        stage(both)
    raw_files.fetch(both)
    report = stage(both)
    assert report["source"] == "shop" and list(report["tables"]) == ["customers", "transactions"]
    assert report["tables"]["customers"]["reasons"] == [{"reason": "unreadable age", "rows": 1, "action": "drop"}]
    assert report["tables"]["transactions"]["rows_clean"] == 1
    folder = artifact("data")
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(first) == ["customers.parquet", "report.json", "transactions.parquet"]
    stage(both)
    assert first == {path.name: path.read_bytes() for path in folder.iterdir()}
    Path("data/shop.csv").write_text("id,age,city\n")
    raw_files.fetch(both, accept=True)
    with pytest.raises(DataError, match="no rows"):
        stage(both)
    assert first == {path.name: path.read_bytes() for path in folder.iterdir()}, "an error loses nothing already made"
    Path("data/shop.csv").write_text("id,age,city\n1,20,a\n")
    raw_files.fetch(people, accept=True)
    stage(people)
    assert sorted(path.name for path in folder.iterdir()) == ["customers.parquet", "report.json"]


@pytest.mark.slow
def test_bundled_log_is_clean_and_byte_identical_on_any_number_of_threads(project, tmp_path):
    source = load_source(project / "conf/source/completejourney.yaml")
    raw_files.fetch(source, project=tmp_path)
    hashes = set()
    for threads in (1, 3):
        with files.open_log(source, tmp_path) as log:
            log.connection.execute(f"SET threads = {threads}")
            table, report = clean_transactions(log, source)
            write_relation(tmp_path / "clean.parquet", table)
        hashes.add(md5(tmp_path / "clean.parquet"))
    assert len(hashes) == 1
    assert counts(report) == {"zero amount": 11_226}
    raw = pd.read_parquet(tmp_path / "data/completejourney/transactions.parquet").query("sales_value > 0")
    clean = pd.read_parquet(tmp_path / "clean.parquet")
    assert len(clean) == len(raw)
    for name, expected in {
        "customer_id": raw["household_id"].astype(str),
        "purchased_at": raw["transaction_timestamp"].dt.floor("us"),
        "amount": raw["sales_value"],
    }.items():
        assert (clean[name].to_numpy() == expected.to_numpy()).all()
    assert (clean["coupon"] - (raw["coupon_disc"].abs() + raw["coupon_match_disc"].abs()).to_numpy()).abs().max() == 0
    assert clean["customer_id"].nunique() == 2_469
