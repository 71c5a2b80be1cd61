"""Which columns of a log say who bought, in which order and how many: by what they are called, or by what stands in the lines."""

from __future__ import annotations

import pandas as pd
import pytest

from segments.data.drafting.cells import Sample
from segments.data.drafting.roles import guess_roles

ORDERS, LINES = 120, 360
# Three lines an order; forty people, who order again after forty days.
LOG = pd.DataFrame(
    {
        "Customer ID": [str(5000 + row // 3 % 40) for row in range(LINES)],
        "Order No": [str(90_000 + 7 * (row // 3)) for row in range(LINES)],
        "Order Date": [f"2024-{row // 3 // 28 + 1:02}-{row // 3 % 28 + 1:02}" for row in range(LINES)],
        "SKU": [f"A{row * 7 % 50:03}" for row in range(LINES)],
        "Quantity": [str(row % 5 + 1) for row in range(LINES)],
        "Unit Price": [f"{row * 13 % 90}.95" for row in range(LINES)],
    },
    dtype="string",
)


def roles(renamed: dict[str, str], **more: list[str]):
    return guess_roles(Sample(LOG.rename(columns=renamed).assign(**more)))


@pytest.mark.parametrize("called", ["Acct", "Firma", "Party Name", "Bill-to", "MSISDN", "BP"])
def test_who_bought_is_the_same_on_all_lines_of_an_order_and_comes_again(called: str) -> None:
    # one channel, city and zip for each order, too
    found = roles(
        {"Customer ID": called},
        Channel=[f"channel {row // 3 % 15}" for row in range(LINES)],
        City=[f"city {row // 3 % 20}" for row in range(LINES)],
        zip=[str(10_000 + row // 3 % 50) for row in range(LINES)],
    )
    assert found.customer == called and found.is_log
    assert "is this who bought?" in found.doubts["customer"]


def test_what_tells_the_lines_of_an_order_apart_is_not_who_bought() -> None:
    found = guess_roles(Sample(LOG.drop(columns="Customer ID").assign(shade=[str(row) for row in range(LINES)])))
    assert found.customer is None


@pytest.mark.parametrize("called", ["Session", "Reference", "Voucher No", "Name", "Journal"])
def test_an_order_parts_what_a_customer_bought_on_a_day(called: str) -> None:
    found = roles({"Order No": called})
    assert found.order == called
    assert "is this the order?" in found.doubts["order"]


@pytest.mark.parametrize(
    "more",
    [
        {"batch": [str(row // 90) for row in range(LINES)]},  # of several customers
        {"region": [str(row // 3 % 40) for row in range(LINES)]},  # of a customer on several days
        {"Total": [str(200 + row // 3) for row in range(LINES)]},  # what an order cost
        {"remark": [str(row // 3) if row % 3 else pd.NA for row in range(LINES)]},  # not in every line
    ],
)
def test_what_is_no_order_is_not_taken_for_one(more: dict[str, list[str]]) -> None:
    assert guess_roles(Sample(LOG.drop(columns="Order No").assign(**more).astype("string"))).order is None


def test_the_order_itself_goes_before_who_it_was_billed_to() -> None:
    people = [f"person {row // 3 % 40}" for row in range(LINES)]
    columns = {"RECHNUNGSEMPFÄNGER": people} | LOG.rename(columns={"Order No": "RECHNUNG"}).to_dict("list")
    assert guess_roles(Sample(pd.DataFrame(columns, dtype="string"))).order == "RECHNUNG"


@pytest.mark.parametrize("called", ["Stk", "Anz.", "Cant.", "szt.", "Nights", "Liter"])
def test_short_names_of_quantities(called: str) -> None:
    found = roles({"Quantity": called})
    assert (found.money.quantity, found.money.price) == (called, "Unit Price")
    beside = roles({}, **{called: ["1"] * LINES})
    assert beside.money.quantity == "Quantity"


@pytest.mark.parametrize(
    "called",
    ["Référence", "Réf", "Model", "Style", "Service", "Menu item", "Plan", "Código", "Codice", "Title", "Towar"],
)
def test_what_was_bought_by_other_names(called: str) -> None:
    found = roles({"SKU": called})
    assert found.product == called and found.order == "Order No"
    assert roles({}, **{called: [f"{row % 30}" for row in range(LINES)]}).product == "SKU"


@pytest.mark.parametrize(("fine", "coarse"), [("Style", "Variant"), ("Variant", "Style")])
def test_of_two_that_may_be_what_was_bought_the_one_that_tells_more_apart(fine: str, coarse: str) -> None:
    columns = {coarse: [f"size {row % 6}" for row in range(LINES)]} | LOG.rename(columns={"SKU": fine}).to_dict("list")
    assert guess_roles(Sample(pd.DataFrame(columns, dtype="string"))).product == fine


@pytest.mark.parametrize(
    "values",
    [
        [("Mr", "Mrs", "Ms", "Dr", "Prof")[row // 3 % 40 % 5] for row in range(LINES)],  # the customer's
        [f"plan {row // 3 % 7}" for row in range(LINES)],  # of a whole order
        [f"A{row}" for row in range(LINES)],  # the line's own
        [f"A{row // 3 % 40}-{row % 3}" for row in range(LINES)],  # nobody else's
        [("new", "used")[row % 2] for row in range(LINES)],
        [("Sale", "Gift", "Refund", "Fee", "Tip")[row % 5] for row in range(LINES)],  # kinds of lines
        [f"A{row % 40}" if row % 5 else pd.NA for row in range(LINES)],  # not in every line
    ],
)
@pytest.mark.parametrize("called", ["Title", "Plan", "Reference"])
def test_what_goes_by_such_a_name_and_was_not_bought(called: str, values: list[str]) -> None:
    log = LOG.drop(columns="SKU").assign(**{called: values}).astype("string")
    assert guess_roles(Sample(log)).product is None


def test_what_was_bought_of_a_log_of_one_line_an_order() -> None:
    visits = LOG.drop(columns=["SKU", "Order No"]).iloc[::3].reset_index(drop=True)
    service = pd.Series([f"service {row * 7 % 9}" for row in range(len(visits))])
    assert guess_roles(Sample(visits.assign(Service=service).astype("string"))).product == "Service"
    own = visits["Customer ID"].map(lambda who: f"service {int(who) % 9}")  # each has one of their own
    assert guess_roles(Sample(visits.assign(Service=own).astype("string"))).product is None
