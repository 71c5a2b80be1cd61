"""What a log can say of money: units and prices, discounts, returns, lines left out; figures by hand, and by pandas on a log of the usual layout."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from online_retail import NOT_GOODS, online_retail
from segments.app.load import checked
from segments.config.features import FeaturesConfig
from segments.config.source import Policy, Source, Transactions
from segments.data.cleaning.transactions import clean_transactions
from segments.data.reading import files
from segments.data.rows import RawLog
from segments.errors import ConfigError, DataError
from segments.features.table import build_features

SHOP = {"path": "log.csv", "customer": "who", "time": "when", "order": "no", "product": "item"}
UNITS = SHOP | {"quantity": "n", "price": "each"}
LINE = {"who": "1", "when": "2024-01-02", "no": "7", "item": "a"}


def source_of(spec: dict, **policy) -> Source:
    return Source(
        "shop",
        as_of="2024-12-31",
        transactions=checked(Transactions, spec),
        policy=replace(Policy(max_bad_share=1), **policy),
    )


def clean(rows: list[dict], spec: dict = UNITS, **policy):
    connection = duckdb.connect(":memory:")
    connection.register("raw", pd.DataFrame([LINE | row for row in rows], dtype="string"))
    table, report = clean_transactions(RawLog(connection, connection.table("raw")), source_of(spec, **policy))
    return table.df(), report


def counts(report: dict) -> dict[str, int]:
    return {item["reason"]: item["rows"] for item in report["reasons"]}


# --- quantity x price ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "each", "amount"),
    [
        ("3", "0.1", 0.3),  # 0.30000000000000004 as floats
        ("74215", "1.04", 77183.6),
        ("1.335", "19.99", 26.6867),  # 26.68665: to the ten-thousandth
        ("-2", "5", -10.0),
        ("2", "-5", -10.0),
        ("-2", "-5", -10.0),  # a return may be written twice, and stays one
    ],
)
def test_money_is_quantity_times_price(n, each, amount):
    assert clean([{"n": "1", "each": "1"}, {"n": n, "each": each}])[0]["amount"].tolist() == [1.0, amount]


def test_each_cell_that_money_is_made_of_is_judged():
    cells = [("1", "2"), ("", "2"), ("x", "2"), ("inf", "2"), ("1", "?"), ("1", "y"), ("1", "0"), ("0", "5")]
    table, report = clean([{"n": n, "each": each} for n, each in cells])
    assert len(table) == 1
    assert counts(report) == {
        "missing quantity": 1,
        "unreadable quantity": 1,
        "infinite quantity": 1,
        "missing price": 1,
        "unreadable price": 1,
        "zero amount": 2,
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "says nowhere what was paid"),
        ({"price": "each"}, "says nowhere what was paid"),
        ({"quantity": "n"}, "says nowhere what was paid"),
        ({"amount": "paid", "price": "each"}, "named twice"),
        ({"amount": "paid", "list_price": "l", "discount_rate": "r"}, "discount is named twice"),
        ({"amount": "paid", "exclude": {"item": []}}, "list is empty"),
        ({"amount": "paid", "exclude": {"item": [22]}}, "22 is not a text"),
    ],
)
def test_what_a_source_may_not_say_of_money(keys, said):
    with pytest.raises(ConfigError, match=said):
        checked(Transactions, SHOP | keys)


# --- discounts ----------------------------------------------------------------------------------------------------

PAID = SHOP | {"amount": "paid"}


@pytest.mark.parametrize(
    ("spec", "row", "amount", "discount"),
    [
        (PAID | {"discounts": ["off", "more"]}, {"paid": "8", "off": "-2", "more": "0.5"}, 8, 2.5),
        (PAID | {"discount_rate": "rate"}, {"paid": "8", "rate": "0.2"}, 8, 2),  # 10 less a fifth
        (PAID | {"discount_rate": "rate"}, {"paid": "8", "rate": "20"}, 8, 2),
        (PAID | {"discount_rate": "rate", "discount_unit": "percent"}, {"paid": "99", "rate": "1"}, 99, 1),
        (PAID | {"discount_rate": "rate", "discount_unit": "share"}, {"paid": "9", "rate": "1"}, 9, 0),  # of how much?
        (PAID | {"list_price": "list"}, {"paid": "8", "list": "10"}, 8, 2),
        (PAID | {"list_price": "list"}, {"paid": "8", "list": "7"}, 8, 0),
        (UNITS | {"list_price": "list"}, {"n": "4", "each": "2", "list": "2.5"}, 8, 2),
        (UNITS | {"discount_rate": "rate"}, {"n": "4", "each": "2", "rate": "0.2"}, 8, 2),
        (SHOP | {"quantity": "n", "list_price": "list"}, {"n": "4", "list": "2"}, 8, None),
        (
            SHOP | {"quantity": "n", "list_price": "list", "discount_rate": "rate"},
            {"n": "4", "list": "2.5", "rate": "0.2"},
            8,
            2,
        ),
        (
            SHOP | {"quantity": "n", "list_price": "list", "discounts": ["off"]},
            {"n": "4", "list": "2.5", "off": "2"},
            8,
            2,
        ),
    ],
)
def test_discounts_as_money_as_a_rate_or_as_another_price(spec, row, amount, discount):
    line = clean([row], spec)[0].iloc[0]
    assert (line["amount"], line.get("discount")) == (amount, discount)


@pytest.mark.parametrize("rates", [["0", "1"], ["0.5", "20"]])
def test_a_rate_is_asked_about_where_the_column_does_not_tell_its_unit(rates):
    rows = [{"paid": "10", "rate": rate} for rate in rates]
    with pytest.raises(DataError, match="shares or percent is not clear") as asked:
        clean(rows, PAID | {"discount_rate": "rate"})
    assert "discount_unit" in asked.value.fix
    assert len(clean(rows, PAID | {"discount_rate": "rate", "discount_unit": "percent"})[0]) == 2


def test_a_rate_beyond_all_is_a_bad_line_and_none_at_all_is_none():
    rows = [{"paid": "10", "rate": rate} for rate in ("20", "120", "?")]
    table, report = clean(rows, PAID | {"discount_rate": "rate"})
    assert table["discount"].tolist() == [2.5, 0]
    assert counts(report) == {"unreadable discount or coupon": 1}
    assert "1 lines lack a discount value: it counts as 0" in report["notes"]


# --- lines left out, lines that are equal -------------------------------------------------------------------------


def test_excluded_lines_are_counted_and_are_no_faults():
    rows = [{"n": "1", "each": "5", "item": item} for item in ("a", "POST", " m ", "POSTER")]
    rows.append({"n": "x", "each": "5", "item": "post"})
    table, report = clean(rows, UNITS | {"exclude": {"Item": ["POST", "M", "gone"]}}, max_bad_share=0)
    assert table["product_id"].tolist() == ["a", "POSTER"]
    assert report["reasons"] == [{"reason": "excluded (item: POST, M, gone)", "rows": 3, "action": "drop"}]
    assert "exclude: no line has 'gone' in column 'item'" in report["notes"]


@pytest.mark.parametrize(
    ("line", "said", "left", "action"),
    [(None, None, 2, "keep"), (None, "drop", 1, "drop"), ("pos", None, 1, "drop"), ("pos", "keep", 2, "keep")],
)
def test_equal_lines_are_two_items_unless_a_line_number_says_otherwise(line, said, left, action):
    row = {"n": "1", "each": "5", "pos": "1"}
    table, report = clean([row, row], UNITS | {"line": line}, duplicate_rows=said)
    assert len(table) == left
    assert report["reasons"] == [{"reason": "duplicate row", "rows": 1, "action": action}]


# --- returns ------------------------------------------------------------------------------------------------------

AT = ["2024-01-02", "2024-01-05", "2024-02-01", "2024-03-01", "2024-04-01"]


def bought(rows: list[tuple], spec: dict = UNITS, as_of: str = "2024-12-31", **policy) -> pd.DataFrame:
    """Features of lines given as order, item, units, price; one a date of AT."""
    keys = ("no", "item", "n", "each")
    cells = [dict(zip(keys, map(str, row), strict=True)) | {"when": day} for row, day in zip(rows, AT, strict=False)]
    lines, _ = clean(cells, spec, **policy)
    table = build_features(None, lines, replace(source_of(spec), as_of=as_of), FeaturesConfig()).table
    return table.set_index("customer_id")[["recency_days", "frequency", "monetary"]]


OTHER = ("9", "z", 1, 1)  # a purchase of 1 on the first day, so that there is somebody


@pytest.mark.parametrize(
    ("rows", "days", "orders", "money"),
    [
        ([OTHER, ("7", "a", 3, 10), ("C8", "a", -3, 10)], 364, 1, 1),  # wholly sent back: no purchase
        ([OTHER, ("7", "a", 3, 10), ("C8", "a", -1, 10)], 361, 2, 21),  # a part: netted
        ([OTHER, ("7", "a", 3, 10), ("C8", "a", -1, 10), ("C10", "a", -2, 10)], 364, 1, 1),
        ([OTHER, ("7", "a", 3, 10), ("C8", "b", -3, 10)], 361, 2, 1),  # bought before the log began: money alone
        (
            [OTHER, ("7", "a", 3, 10), ("C7", "refund", -1, 30)],
            364,
            1,
            1,
        ),  # the order is cancelled, whatever its lines are called
        ([OTHER, ("7", "a", 3, 10), ("C7", "refund", -1, 29.99)], 361, 2, 1.01),
        ([OTHER, ("7", "a", 3, 10), ("8", "a", 3, 10), ("C7", "a", -3, 10)], 334, 2, 31),  # 7, not the later 8
        ([("C1", "a", -3, 10), OTHER, ("7", "a", 3, 10)], 334, 2, 1),  # nothing comes back before it was bought
    ],
)
def test_returns_are_netted_and_what_came_back_whole_is_no_purchase(rows, days, orders, money):
    assert bought(rows).loc["1"].tolist() == pytest.approx([days, orders, money], abs=1e-9)


def test_returns_without_orders_and_products_go_by_money():
    spec = {"path": "log.csv", "customer": "who", "time": "when", "quantity": "n", "price": "each"}
    rows = [("", "", 1, 1), ("", "", 1, 30), ("", "", 1, 8), ("", "", 1, -30)]
    assert bought(rows, spec | {"amount": None}).loc["1"].tolist() == [334, 2, 9]


def test_a_word_is_found_whatever_language_its_capitals_are_of():
    rows = [{"n": "1", "each": each, "what": what, "no": each, "item": each, "when": "2024-01-02"} for each, what in (("5", "Satış"), ("2", "İade"), ("3", "İPTAL"))]  # fmt: skip
    table, report = clean(rows, UNITS | {"refunds": {"what": ["İade"]}, "exclude": {"what": ["İPTAL"]}})
    assert table["amount"].tolist() == [5, -2]
    assert not [note for note in report["notes"] if "no line has" in note]


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec", [UNITS, SHOP | {"amount": "each"}, SHOP | {"amount": "each", "order": None, "product": None}]
)
def test_lines_that_say_they_are_refunds_are_netted_whatever_their_sign(spec):
    # 5 and 30 and 12.50 bought, 12.50 and 4 and 1 paid back: 30 to the cent; on 2024-03-01 the 12.50 is wholly back
    cells = [
        ("5", "sale"),
        ("30", "Sale"),
        ("12.50", ""),
        ("12.50", "REFUND "),
        ("-4", "refund"),
        ("1", "refund"),
        ("0", "refund"),
    ]
    items = ["z", "a", "b", "b", "c", "d", "e"]
    days = ["2024-01-02", "2024-01-05", "2024-02-01", "2024-03-01", "2024-03-02", "2024-03-02", "2024-03-02"]
    rows = [
        {"n": "1", "each": each, "what": what, "no": item, "item": item, "when": day}
        for (each, what), item, day in zip(cells, items, days, strict=True)
    ]
    table, report = clean(rows, spec | {"refunds": {"What": ["Refund", "gone"]}})
    assert table["amount"].tolist() == [5, 30, 12.5, -12.5, -4, -1]
    assert table["sent_back_at"].notna().tolist() == [False, False, True, False, False, False]
    assert counts(report) == {"return (amount below zero)": 3, "zero amount": 1}
    assert "3 lines are of money paid back (refunds): it counts as below zero" in report["notes"]
    assert "refunds: no line has 'gone' in column 'what'" in report["notes"]
    found = build_features(None, table, source_of(spec), FeaturesConfig()).table
    assert found[["frequency", "monetary"]].to_numpy().tolist() == [[2, 30.0]]
    kept, report = clean(rows, spec | {"refunds": {"What": ["Refund"]}}, returns="drop")
    assert kept["amount"].tolist() == [5, 30, 12.5] and counts(report)["return (amount below zero)"] == 3


@pytest.mark.parametrize("spec", [UNITS, SHOP | {"amount": "each"}])
def test_what_was_paid_back_of_a_line_is_taken_off(spec):
    """Of 10 nothing, of 0.30 a cent, of 20 all; of 5 more than the line cost, as one for the whole order; a return stays one.

    Of whom all was paid back nothing is left, and it counts as a zero amount.
    """
    cells = [("10", ""), ("0.3", "-0.10"), ("20", "20"), ("5", "7.50"), ("-4", "4"), ("8", "two")]
    rows = [{"n": "1", "each": each, "back": back, "item": str(at)} for at, (each, back) in enumerate(cells)]
    table, report = clean(rows, spec | {"refunded": "Back"}, returns="net")
    assert table["amount"].tolist() == [10, 0.2, -2.5, -4]
    assert counts(report) == {"unreadable refunded amount": 1, "return (amount below zero)": 2, "zero amount": 1}
    assert "3 lines say that money was paid back ('back'): it is taken off what was paid" in report["notes"]


@pytest.mark.slow
def test_drop_and_keep_do_what_they_did():
    rows = [OTHER, ("7", "a", 3, 10), ("C8", "a", -3, 10)]
    assert bought(rows, returns="drop").loc["1"].tolist() == [361, 2, 31]
    assert bought(rows, returns="keep").loc["1"].tolist() == [334, 3, 1]


@pytest.mark.slow
def test_an_earlier_day_does_not_know_what_came_back_later():
    rows = [OTHER, ("7", "a", 3, 10), ("C8", "a", -3, 10)]
    assert bought(rows, as_of="2024-01-31").loc["1"].tolist() == [26, 2, 31]
    assert bought(rows, as_of="2024-02-01").loc["1"].tolist() == [30, 1, 1]


def test_orders_called_like_cancellations_that_pay_are_reported():
    notes = clean([{"n": "1", "each": "5"}, {"n": "1", "each": "5", "no": "C7"}])[1]["notes"]
    assert any(note.startswith("1 lines of orders that are called like cancellations") for note in notes)


# --- the usual layout ---------------------------------------------------------------------------------------------

RETAIL = {
    "path": "data.csv",
    "customer": "CustomerID",
    "time": "InvoiceDate",
    "time_format": "%m/%d/%Y %H:%M",
    "order": "InvoiceNo",
    "product": "StockCode",
    "quantity": "Quantity",
    "price": "UnitPrice",
    "exclude": {"StockCode": [*NOT_GOODS, "B"]},
}


def by_pandas(raw: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """R, F and M as the definition says, slowly: no code of the project."""
    raw = raw[(raw["CustomerID"] != "") & ~raw["StockCode"].isin([*NOT_GOODS, "B"])]
    raw = raw.assign(
        at=pd.to_datetime(raw["InvoiceDate"], format="%m/%d/%Y %H:%M"),
        n=raw["Quantity"].astype(int),
        amount=(raw["Quantity"].astype(int) * raw["UnitPrice"].astype(float)).round(4),
    )
    raw = raw[raw["amount"] != 0].reset_index(drop=True)
    order = raw["InvoiceNo"].str.removeprefix("C")
    left = raw["n"].astype("float")
    for _, group in raw.groupby(["CustomerID", "StockCode"]):
        if (group["n"] > 0).all():
            continue
        group = group.assign(back=group["n"] < 0).sort_values(["at", "back"], kind="stable")
        for position, (row, line) in enumerate(group.iterrows()):
            owed = -line["n"]
            before = group.index[:position][(group["n"] > 0).to_numpy()[:position]]
            same_order = [one for one in before if order[one] == order[row]]
            equal = [one for one in (*before, *same_order) if left[one] == owed]  # the last is the best
            for one in [*equal[-1:], *reversed(same_order), *reversed(before)]:
                taken = max(min(owed, left[one]), 0)
                left[one] -= taken
                owed -= taken
    kept = raw[(raw["n"] > 0) & (left > 0)]
    by = kept.groupby("CustomerID")
    days = (pd.Timestamp(as_of) - by["at"].max().dt.normalize()).dt.days
    money = raw.groupby("CustomerID")["amount"].sum()
    return pd.DataFrame(
        {
            "recency_days": days.astype(float),
            "frequency": by["InvoiceNo"].nunique().astype(float),
            "monetary": money.reindex(days.index),
        }
    )


@pytest.mark.slow
def test_a_log_of_units_prices_and_cancellations_is_as_pandas_says_for_every_customer(tmp_path: Path) -> None:
    raw = online_retail(6_000)
    raw.to_csv(tmp_path / "data.csv", index=False)
    source = Source(
        "retail", as_of="2011-12-31", transactions=checked(Transactions, RETAIL), policy=Policy(max_bad_share=0.3)
    )
    with files.open_log(source, tmp_path) as log:
        lines, report = clean_transactions(log, source)
        features = build_features(None, lines, source, FeaturesConfig())
    got = features.table.set_index("customer_id")[["recency_days", "frequency", "monetary"]]
    expected = by_pandas(raw, date(2011, 12, 31)).rename_axis("customer_id")
    assert len(expected) > 25 and counts(report)["missing customer id"] > 1000
    pd.testing.assert_frame_equal(got, expected.loc[got.index], check_exact=False, atol=1e-6, rtol=0)
    assert set(got.index) == set(expected.index), "who sent everything back is no customer"
    assert "12346" not in got.index and (raw["CustomerID"] == "12346").sum() == 2
    assert any("have no purchase that they kept" in note for note in features.report.notes)
