"""Exports of shops and payment services: lines that are no purchases, who bought, and what was paid, are never guessed without a word."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
import yaml
from pydantic import TypeAdapter

from segments.config.source import Source, Transactions
from segments.data.drafting.cells import Sample
from segments.data.drafting.draft import describe
from segments.data.drafting.roles import guess_roles

ROWS = 60
LOG = {
    "Customer ID": [f"c{number}" for number in range(20)],
    "Date": ["2024-01-05", "2024-02-07", "2024-03-09"],
    "Amount": ["12.50", "99.90", "7.25", "31.00", "45.10", "18.20", "64.00", "5.75", "81.40", "23.60", "9.90", "14.30", "3.10"],
}  # fmt: skip


def drafted(**columns: list[str]) -> tuple[str, Transactions]:
    """The draft of the log with these columns beside or in place of its own, each again and again."""
    table = {
        name: [values[row % len(values)] for row in range(ROWS)]
        for name, values in {**LOG, **columns}.items()
        if values
    }
    sample = Sample(pd.DataFrame(table).astype("string"))
    text = describe(sample, "data/log.csv", roles=guess_roles(sample), rows=ROWS, days=[(date(2024, 1, 5), ROWS)]).text
    source = TypeAdapter(Source).validate_python(yaml.safe_load(text))
    assert source.transactions is not None, text
    return text, source.transactions


@pytest.mark.parametrize(
    ("header", "values", "left_out"),
    [
        ("Status", ["Paid", "Paid", "Failed", "Refunded"], ["Failed", "Refunded"]),
        ("event_name", ["purchase", "cancelled"], ["cancelled"]),
        ("Order Status", ["Completed", "Cancelled", "partially_refunded"], ["Cancelled"]),
        ("Status", ["Paid", "Completed"], None),
        ("Customer Type", ["New", "Returning"], None),
    ],
)
def test_lines_that_say_they_are_no_purchase_are_left_out_with_a_word(
    header: str, values: list[str], left_out: list[str] | None
) -> None:
    text, log = drafted(**{header: values})
    assert {name: sorted(words) for name, words in log.exclude.items()} == ({header: left_out} if left_out else {})
    assert log.refunds == {}
    assert ("# CHECK: no purchases" in text) == (left_out is not None)


@pytest.mark.parametrize(
    ("columns", "refunds", "left_out"),
    [
        ({"event_name": ["purchase", "refund"]}, {"event_name": ["refund"]}, {}),
        ({"Belegart": ["Rechnung", "Rechnung", "Gutschrift", "Storno"]}, {"Belegart": ["Gutschrift"]}, {"Belegart": ["Storno"]}),
        # a status is of an order: of its only line that was paid back, or of a line beside the purchase's
        ({"Status": ["Paid", "Refunded"], "Order No": [f"A{i}" for i in range(ROWS)]}, {}, {"Status": ["Refunded"]}),
        ({"Status": ["Paid", "Refunded"], "Order No": [f"A{i // 2}" for i in range(ROWS)]}, {"Status": ["Refunded"]}, {}),
    ],
)  # fmt: skip
def test_money_paid_back_in_lines_of_its_own_is_taken_off(
    columns: dict[str, list[str]], refunds: dict[str, list[str]], left_out: dict[str, list[str]]
) -> None:
    text, log = drafted(**columns)
    assert (log.refunds, log.exclude) == (refunds, left_out)
    assert ("# CHECK: money paid back" in text) == ("feature_sets: [rfm_net]" in text) == bool(refunds)


def test_money_below_zero_is_a_return_and_not_left_out() -> None:
    amounts = ["10.5", "-10.5", "20.1", "-3.3", "7.7", "-7.7"]
    _, log = drafted(Amount=amounts, Type=["sale", "refund"])
    assert (log.refunds, log.exclude) == ({}, {})


@pytest.mark.slow
def test_an_id_of_nobody_is_nobody_and_an_address_is_somebody() -> None:
    _, log = drafted(**{"Customer ID": ["0", *map(str, range(11, 30))]})
    assert log.exclude == {"Customer ID": ["0"]}
    assert drafted(**{"Customer ID": [*map(str, range(20))]})[1].exclude == {}  # who counts from 0 has a customer 0
    most = [*["0"] * 40, *map(str, range(1, 21))]
    assert drafted(**{"Customer ID": most})[1].exclude == {"Customer ID": ["0"]}
    assert drafted(**{"Customer ID": ["Guest", *map(str, range(1, 20))]})[1].exclude == {"Customer ID": ["Guest"]}
    _, log = drafted(**{"Customer ID": [], "Email": [f"{name}@shop.example" for name in "abcdefghijklmn"]})
    assert (log.customer, log.exclude) == ("Email", {})
    _, log = drafted(**{"Customer ID": [], "Debitor": [f"{number:010}" for number in range(100, 130)]})
    assert log.customer == "Debitor"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"Currency": ["EUR", "EUR", "USD"]}, "# QUESTION: Currency has EUR, USD: money of several currencies"),
        ({"Amount Refunded": ["0", "0", "2.5", "0"]}, "# CHECK: Amount Refunded is above 0 on 15 lines"),
        ({"Amount": ["12.50", "", "8.75"]}, "# QUESTION: Amount is missing on 33% of the lines"),
    ],
)
def test_what_an_amount_alone_does_not_say_is_asked(columns: dict[str, list[str]], said: str) -> None:
    assert said in drafted(**columns)[0]
    assert said not in drafted()[0]


def test_the_total_of_an_order_is_the_money_and_no_part_of_it() -> None:
    money = {f"Order {part} Amount": [f"{cents}.{last}5" for last in range(9)] for part, cents in
             (("Subtotal", 20), ("Shipping", 4), ("Refund", 0), ("Total", 24), ("Total Tax", 3))}  # fmt: skip
    assert drafted(Amount=[], **money)[1].amount == "Order Total Amount"


def test_ten_digits_are_the_number_of_an_order_though_they_could_be_seconds() -> None:
    assert drafted(Beleg=[f"18{number:08}" for number in range(ROWS)])[1].order == "Beleg"
