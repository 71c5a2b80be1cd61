"""Exports of shops and payment services: lines that are no purchases, who bought, and what was paid, are never guessed without a word."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from segments.config.source import Source, Transactions
from segments.data.drafting.cells import Sample
from segments.data.drafting.draft import describe, describe_file
from segments.data.drafting.roles import guess_roles

ROWS = 60
PAIRS = [f"A{row // 2}" for row in range(ROWS)]
LOG = {
    "Customer ID": [f"c{number}" for number in range(20)],
    "Date": ["2024-01-05", "2024-02-07", "2024-03-09"],
    "Amount": ["12.50", "99.90", "7.25", "31.00", "45.10", "18.20", "64.00", "5.75", "81.40", "23.60", "9.90", "14.30", "3.10"],
}  # fmt: skip


def draft_of(**columns: list[str]) -> str:
    """The draft of the log with these columns beside or in place of its own, each again and again."""
    table = {
        name: [values[row % len(values)] for row in range(ROWS)]
        for name, values in {**LOG, **columns}.items()
        if values
    }
    sample = Sample(pd.DataFrame(table).astype("string"))
    return describe(sample, "data/log.csv", roles=guess_roles(sample), rows=ROWS, days=[(date(2024, 1, 5), ROWS)]).text


def drafted(**columns: list[str]) -> tuple[str, Transactions]:
    """The same, and what it says of the log."""
    text = draft_of(**columns)
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
        ("event_type", ["view", "cart", "purchase", "remove_from_cart"], ["cart", "remove_from_cart", "view"]),
        ("Type", ["Basket", "Click"], None),  # of which none is a purchase
        ("Customer Type", ["New", "Returning"], None),
        ("Returned", ["No", "No", "Yes"], ["Yes"]),
        ("is_cancelled", ["0", "1"], ["1"]),
        ("Refunded", ["", "", "true"], ["true"]),
        ("Returnable", ["Yes", "No"], None),
        ("Stato", ["Completato", "Annullato"], ["Annullato"]),
        ("Durum", ["Tamamlandı", "İptal"], ["İptal"]),
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
        ({"Transaction Type": ["Invoice", "Credit Memo"]}, {"Transaction Type": ["Credit Memo"]}, {}),
        ({"Tipo documento": ["Fattura", "Nota di credito"]}, {"Tipo documento": ["Nota di credito"]}, {}),
        ({"Nature": ["Facture", "Avoir"]}, {"Nature": ["Avoir"]}, {}),
        ({"Belegart": ["Rechnung", "Rechnung", "Gutschrift", "Storno"]}, {"Belegart": ["Gutschrift"]}, {"Belegart": ["Storno"]}),
        # a status is of an order: of its only line that was paid back, or of a line beside the purchase's
        ({"Status": ["Paid", "Refunded"], "Order No": [f"A{i}" for i in range(ROWS)]}, {}, {"Status": ["Refunded"]}),
        ({"Status": ["Paid", "Refunded"], "Order No": [f"A{i // 2}" for i in range(ROWS)]}, {"Status": ["Refunded"]}, {}),
        # of the first line of an order, for all of them
        ({"Status": ["Paid", "", "Refunded", ""], "Order No": [f"A{i // 2}" for i in range(ROWS)]}, {}, {"Status": ["Refunded"]}),
    ],
)  # fmt: skip
def test_money_paid_back_in_lines_of_its_own_is_taken_off(
    columns: dict[str, list[str]], refunds: dict[str, list[str]], left_out: dict[str, list[str]]
) -> None:
    text, log = drafted(**columns)
    assert (log.refunds, log.exclude) == (refunds, left_out)
    assert ("# CHECK: money paid back" in text) == ("feature_sets: [rfm_net]" in text) == bool(refunds)


def test_a_status_of_the_first_line_speaks_for_that_line_alone() -> None:
    said = "# CHECK: Status stands on one line of each order only"
    assert said in draft_of(**{"Status": ["Refunded", "", "Paid", ""], "Order No": PAIRS})
    assert said not in draft_of(**{"Status": ["Refunded", "Refunded", "Paid", "Paid"], "Order No": PAIRS})


def test_money_below_zero_is_a_return_and_not_left_out() -> None:
    amounts = ["10.5", "-10.5", "20.1", "-3.3", "7.7", "-7.7"]
    _, log = drafted(Amount=amounts, Type=["sale", "refund"])
    assert (log.refunds, log.exclude) == ({}, {})


@pytest.mark.slow
def test_an_id_of_nobody_is_nobody_and_an_address_is_somebody() -> None:
    _, log = drafted(**{"Customer ID": ["0", *map(str, range(11, 30))]})
    assert log.exclude == {"Customer ID": ["0"]}
    once = ["0", *map(str, range(1001, 1060))]
    assert drafted(**{"Customer ID": [*once[:30], *once[1:31]]})[1].exclude == {"Customer ID": ["0"]}
    text, log = drafted(**{"Customer ID": [*map(str, range(20))]})  # who counts from 0 has a customer 0
    assert log.exclude == {} and "# CHECK: Customer ID 0: nobody, or the first of all?" in text
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
        ({"Amount Refunded": ["0", "0", "2.5", "0"]}, "# CHECK: Amount Refunded is above 0 on 15 lines"),
        ({"Amount": ["12.50", "", "8.75"]}, "# QUESTION: Amount is missing on 33% of the lines"),
    ],
)
def test_what_an_amount_alone_does_not_say_is_asked(columns: dict[str, list[str]], said: str) -> None:
    assert said in drafted(**columns)[0]
    assert said not in drafted()[0]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"Currency": ["EUR", "EUR", "USD"]}, "Currency has EUR, USD: money of several currencies"),
        ({"Amount": ["$12.50", "9.80", "USD 3.10", "€4"]}, "Amount has money of several currencies, $, usd, €:"),
        ({"Type": ["Debit", "Debit", "Credit"]}, "Type has Debit, Credit: on which side is money paid back?"),
        ({"Amount": ["-12.5", "-3.1", "20"]}, "Amount is below zero on 67% of the lines"),
        (
            {"Order No": PAIRS, "Amount": [f"{row // 2 + 0.5}" for row in range(ROWS)], "Item": ["tea", "milk"]},
            "Amount is the same on every line of an order",
        ),
        ({"Amount": [], "Quantity": ["1", "2"], "Sales Price": ["2.5", "3", "9.75"]}, 'is "Sales Price" of one unit?'),
    ],
)
def test_money_that_may_be_another_is_left_out_until_it_is_known(columns: dict[str, list[str]], said: str) -> None:
    text = draft_of(**columns)
    assert f"# QUESTION: {said}" in text
    with pytest.raises(ValidationError, match="nowhere what was paid"):
        TypeAdapter(Source).validate_python(yaml.safe_load(text))
    answered = re.sub("^  # (amount|quantity|price): (?!until)", r"  \1: ", text, flags=re.M)
    TypeAdapter(Source).validate_python(yaml.safe_load(answered))


@pytest.mark.parametrize(
    "columns",
    [
        {"Payment Type": ["debit", "credit"]},  # cards
        {"Currency": ["EUR"]},
        {"Amount": ["€2.50", "EUR 3.20", "4"]},
        {"Order No": PAIRS, "Item": ["tea", "milk"]},
        {"Order No": PAIRS, "Customer ID": [f"c{row // 6}" for row in range(ROWS)], "Date": ["2024-01-05"], "Amount": ["2.5"]},  # twice the same
    ],
)  # fmt: skip
def test_money_that_can_only_be_this_is_not_asked_about(columns: dict[str, list[str]]) -> None:
    text, log = drafted(**columns)
    assert "QUESTION" not in text and log.amount == "Amount"


def test_who_bought_and_in_which_order_is_not_known_for_certain() -> None:
    text, _ = drafted(**{"Customer ID": ["Ann", "ann", "Bob", "Eve", "Joe"]})
    assert "# CHECK: 1 differ from another in capitals only" in text
    ten = [f"{row % 10}" for row in range(ROWS)]  # ten receipts, numbered anew each day
    text, log = drafted(**{"Customer ID": ["c1", "c2", "c3", "c4", "c5"], "Receipt No": ten})
    assert log.order == "Receipt No" and "# CHECK: 100% stand on several days" in text
    assert "several days" not in drafted(**{"Receipt No": [f"{row}" for row in range(ROWS)]})[0]


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        ({"Billing Name": ["P. Poe", "J. Doe"], "Name": [f"#{1000 + row}" for row in range(ROWS)]}, {"order": "Name"}),
        ({"id": [f"ch_{row}" for row in range(ROWS)]}, {"order": "id"}),
        ({"Order Total": [f"{row + 0.5}" for row in range(ROWS)], "Amount": []}, {"order": None, "amount": "Order Total"}),
        ({"Order Priority": ["High", "Low"]}, {"order": None}),
        ({"Paid at": [f"{1_704_500_000 + 86_400 * row}" for row in range(ROWS)], "Amount": [], "Line Total": LOG["Amount"]}, {"amount": "Line Total"}),
        ({"Order Line": [f"{row}" for row in range(ROWS)], "Quantity Ordered": ["1", "2"]}, {"order": None}),
        ({"Order Time": [f"{row % 24}:{row:02}" for row in range(ROWS)]}, {"order": None}),
        ({"Billing Document": PAIRS}, {"order": "Billing Document"}),
        ({"Customer ID": [], "CUSTOMER": ["Ann", "Bob", "Eve", "Joe", "Kim"], "Member ID": [f"m{row}" for row in range(20)]}, {"customer": "Member ID"}),
        ({"Customer ID": [], "Date": [], "Kod klienta": [f"k{row}" for row in range(20)], "Data wysyłki": ["2024-01-09", "2024-02-10"], "Data zamówienia": LOG["Date"], "Nr zamówienia": PAIRS},
         {"customer": "Kod klienta", "time": "Data zamówienia", "order": "Nr zamówienia"}),
        ({"Date": [], "Birth Date": ["1970-02-03", "1981-04-05"], "Ship Date": ["2024-01-09", "2024-02-10"], "Order Date": LOG["Date"]}, {"time": "Order Date"}),
        ({"Date": [], "Begin Date": [f"2020-01-{row + 1:02}" for row in range(20)], "Order Date": LOG["Date"]}, {"time": "Order Date"}),
        ({"Customer ID": [], "Account": [f"a{row}" for row in range(20)]}, {"customer": "Account"}),
        (
            {"customer_unique_id": [f"u{row}" for row in range(20)], "Customer ID": [f"c{row}" for row in range(ROWS)], "order_id": [f"o{row}" for row in range(ROWS)]},
            {"customer": "customer_unique_id", "order": "order_id"},
        ),
        (
            {"会员编号": [f"{row:04}" for row in range(20)], "下单时间": ["2024年1月5日", "2024年2月7日"], "金额": ["12.5", "3"], "订单编号": [f"{row}" for row in range(ROWS)], "Customer ID": [], "Date": [], "Amount": []},
            {"customer": "会员编号", "time": "下单时间", "time_format": "%Y年%m月%d日", "amount": "金额", "order": "订单编号"},
        ),
    ],
)  # fmt: skip
def test_each_column_plays_its_own_part(columns: dict[str, list[str]], parts: dict[str, str | None]) -> None:
    _, log = drafted(**columns)
    assert {key: getattr(log, key) for key in parts} == parts


def test_the_number_of_a_line_is_no_customer() -> None:
    text = draft_of(**{"Customer ID": [], "Date": [], "LINE_ID": [f"{row}" for row in range(ROWS)]})
    assert "# Note: no column tells customers apart" in text
    assert '  id: "ROW_ID"' in draft_of(**{"Customer ID": [], "Date": [], "ROW_ID": [f"{row}" for row in range(ROWS)]})


def test_a_day_in_three_columns_is_asked_about() -> None:
    days = {
        "Jahr": ["2023", "2024"],
        "Monat": [f"{row % 12 + 1}" for row in range(ROWS)],
        "Tag": [f"{row % 28 + 1}" for row in range(ROWS)],
    }
    asked = draft_of(
        **{"Customer ID": [], "Date": [], "Kundennr": [f"k{row}" for row in range(20)], "Rechnung": PAIRS, **days}
    )
    assert "No column of times was found" in asked


def test_money_in_cents_or_of_whole_orders_is_pointed_out() -> None:
    assert "# CHECK: in cents?" in draft_of(
        Amount=[], total_cents=["1250", "9990", "725", "310", "99", "1", "7", "8", "12", "5", "71", "14", "33"]
    )
    twice = {
        "Order No": PAIRS,
        "Customer ID": [f"c{row // 6}" for row in range(ROWS)],
        "Date": ["2024-01-05"],
        "Amount": [f"{row // 2}.5" for row in range(ROWS)],
    }
    assert "# CHECK: 100% of the lines are equal to another" in draft_of(**twice)


def test_a_day_that_is_rather_of_something_else_and_lines_of_nobody_are_pointed_out() -> None:
    assert "# CHECK: is this when it was bought?" in draft_of(**{"Date": [], "Last Modified": LOG["Date"]})
    asked = '# QUESTION: "Order No" is called like the number of an order, so these are orders or their lines, and no column says who bought'
    assert asked in draft_of(**{"Customer ID": [], "Order No": PAIRS, "Row ID": [f"{row}" for row in range(ROWS)]})
    assert asked in draft_of(**{"Customer ID": [], "Order No": [f"{row}" for row in range(ROWS)]})
    assert "QUESTION" not in draft_of(**{"Customer ID": [], "Orders": ["1", "2", "3"]})


def test_the_total_of_an_order_is_the_money_and_no_part_of_it() -> None:
    money = {f"Order {part} Amount": [f"{cents}.{last}5" for last in range(9)] for part, cents in
             (("Subtotal", 20), ("Shipping", 4), ("Refund", 0), ("Total", 24), ("Total Tax", 3))}  # fmt: skip
    assert drafted(Amount=[], **money)[1].amount == "Order Total Amount"


def test_ten_digits_are_the_number_of_an_order_though_they_could_be_seconds() -> None:
    assert drafted(Beleg=[f"18{number:08}" for number in range(ROWS)])[1].order == "Beleg"


def test_money_that_was_paid_back_stands_in_a_column_of_its_own() -> None:
    """It is taken off, unless returns may take off the same money, or it stands on every line of an order."""
    back = ["0", "0", "4.50", "0", "2.00"]
    text, log = drafted(**{"Refunded Amount": back, "Refund fee": ["1", "0", "2"]})
    assert (
        log.refunded == "Refunded Amount" and "is above 0 on 24 lines: it is taken off what was paid for them" in text
    )
    assert "# CHECK: Refund fee is above 0 on 40 lines: is it paid back besides" in text
    text, log = drafted(**{"Refunded Amount": back, "Amount": ["5", "-5", "7.25", "9.10"]})
    assert log.refunded is None and 'Then write refunded: "Refunded Amount"' in text
    orders = [str(1000 + row // 2) for row in range(ROWS)]
    text, log = drafted(
        **{"Order ID": orders, "Item": ["a", "b"], "Refunded Amount": [back[row // 2 % 5] for row in range(ROWS)]}
    )
    assert log.refunded is None and "the same on all of an order" in text


@pytest.mark.parametrize(
    ("header", "said"),
    [
        *(("subscriber_id", ""), ("Kundennummer", "")),
        *((name, "is this who bought? It is the only id") for name in ("wallet_id", "uid", "CID", "msisdn")),
    ],
)
def test_who_bought_is_the_id_that_comes_again(header: str, said: str) -> None:
    ids = [f"x{row}" for row in range(25)]
    text, log = drafted(**{"Customer ID": [], header: ids, "Product": ["tea", "pot", "cup"]})
    assert log.customer == header and said in text and ("CHECK: is this who" in text) == bool(said)
    assert log.product == "Product", "where a column is called so and no more, its names tell products apart"


def test_of_two_ids_that_come_again_none_is_guessed_to_be_who_bought() -> None:
    ids = [f"x{row}" for row in range(25)]
    assert "transactions:" not in draft_of(**{"Customer ID": [], "wallet_id": ids, "device_id": ids[::-1]})


def test_whole_money_beside_money_with_cents_may_be_in_cents() -> None:
    cents, whole = "in cents? As drafted", [cell.replace(".", "") for cell in LOG["Amount"]]
    assert cents in draft_of(Amount=whole, Tax=["$0.60", "$3.78", "-$1.94"])
    assert cents not in draft_of(Tax=["$0.60", "$3.78", "$1.94"])
    assert cents not in draft_of(Amount=whole, Tax=["$1", "$4", "$2"])


@pytest.mark.parametrize("sides", [("CR", "DR"), ("Cr.", "Dr."), ("", "CR"), ("C", "D"), ("H", "S")])
def test_on_which_side_money_is_paid_back_is_asked(tmp_path: Path, sides: tuple[str, str]) -> None:
    for before in (False, True):
        if before and len(sides[1]) == 1:
            continue
        amounts = [
            " ".join([sides[row % 9 == 0], f"{row}.50"][:: 1 if before else -1]).strip() for row in range(1, ROWS + 1)
        ]
        log = pd.DataFrame({"Customer ID": [f"c{row % 20}" for row in range(ROWS)], "Amount": amounts})
        log.assign(Date="2024-01-05").to_csv(tmp_path / "log.csv", index=False)
        assert 'QUESTION: "Amount" says beside its figures' in describe_file(tmp_path / "log.csv").text


@pytest.mark.parametrize("words", [("CR", "CR"), ("C", "F"), ("S", "M"), ("", "kg"), ("", "C")])
def test_what_stands_beside_figures_is_not_always_a_side(tmp_path: Path, words: tuple[str, str]) -> None:
    sizes = [f"{row} {words[row % 9 == 0]}".strip() for row in range(1, ROWS + 1)]
    people = pd.DataFrame({"Customer ID": [f"c{row}" for row in range(ROWS)], "Size": sizes})
    people.to_csv(tmp_path / "people.csv", index=False)
    assert "beside its figures" not in describe_file(tmp_path / "people.csv").text
