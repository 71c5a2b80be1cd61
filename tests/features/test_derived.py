"""Days, ages and derived columns, by hand; and who is left out for a value that is not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import by_hand
from segments.app.load import checked
from segments.config.features import FeaturesConfig
from segments.config.source import Column, Customers, Derived, Policy, Source
from segments.data.cleaning.customers import clean_customers
from segments.errors import ConfigError, DataError
from segments.features.table import build_features, check_complete

SHOP = Customers(
    "shop.csv",
    id="id",
    columns={
        "joined": Column(kind="date", time_format="%d/%m/%Y"),
        "age": Column(kind="birth_year", raw="born"),
        "wine": Column(),
        "fish": Column(),
        "orders": Column(),
    },
    derived={
        "spent": Derived(sum=["wine", "fish"]),
        "per_order": Derived(ratio=["spent", "orders"]),
        "more_wine": Derived(difference=["wine", "fish"]),
        "member_days": Derived(days_since="joined"),
    },
)
CELLS = pd.DataFrame(
    {
        "id": ["1", "2", "3"],
        "joined": ["31/12/2023", "02/02/2024", "01/01/2024"],
        "born": ["1980", "2000", "1850"],
        "wine": ["10", "20", ""],
        "fish": ["5", "0.5", "1"],
        "orders": ["3", "0", "2"],
    }
)


def features(cells: pd.DataFrame = CELLS, used: dict[str, list[str]] | None = None, **changes: object):  # type: ignore[no-untyped-def]
    source = Source("shop", as_of="2024-01-31", customers=SHOP, **changes)  # type: ignore[arg-type]
    table, _ = clean_customers(by_hand.raw_table(cells), source)
    return build_features(table, None, source, FeaturesConfig(), used or {}), source


def test_days_ages_sums_ratios_and_differences() -> None:
    made, _ = features()
    table = made.table.set_index("customer_id")
    assert table["joined"].tolist() == table["member_days"].tolist() == [31, -2, 30]
    assert table["age"].tolist() == [44, 24, 174]
    np.testing.assert_equal(table["spent"].tolist(), [15, 20.5, np.nan])
    np.testing.assert_equal(table["per_order"].tolist(), [5, np.nan, np.nan])
    np.testing.assert_equal(table["more_wine"].tolist(), [5, 19.5, np.nan])
    assert made.report.notes == [
        "'joined' lies after the as-of date for 1 of 3 customers: their days are below zero",
        "'age' makes 1 of 3 customers younger than 0 or older than 120: set minimum and maximum",
        "'per_order' has no value for 1 of 3 customers, whose 'orders' is 0",
    ]


def test_nobody_is_left_out_for_a_column_that_no_feature_set_uses() -> None:
    assert len(features()[0].table) == 3
    made, source = features(used={"per_order": ["value", "more"], "wine": ["value"]})
    assert made.table["customer_id"].tolist() == ["1"]
    assert made.report.customers_without_value == {"per_order": 2}
    said = "2 of 3 customers are left out: they have no 'per_order', which feature set value, more uses"
    assert said in made.report.notes
    with pytest.raises(
        DataError, match=r"2 of 3 customers lack a value .*'per_order': 2.*more than the 5.0% allowed"
    ) as stopped:
        check_complete(made.report, source)
    assert "per_order: {missing: median}" in stopped.value.fix
    check_complete(made.report, replace(source, policy=Policy(max_bad_share=0.7)))


@pytest.mark.parametrize(
    ("customers", "says"),
    [
        ({"derived": {"x": {"sum": ["wine", "bread"]}}}, "'bread' is no number among the columns"),
        ({"derived": {"x": {"sum": ["wine"], "ratio": ["wine", "fish"]}}}, "made in one way"),
        ({"derived": {"x": {"ratio": ["wine"]}}}, "a ratio is of two columns"),
        ({"derived": {"x": {"days_since": "wine"}}}, "'wine' is no date"),
        ({"derived": {"wine": {"sum": ["fish"]}}}, "is a column and derived, too"),
        ({"columns": {"wine": {"kind": "date"}}}, "'wine' is counted to an as-of date, and there is none"),
        ({"columns": {"wine": {"kind": "ordinal"}}}, "an order of levels and kind: ordinal belong together"),
        (
            {"columns": {"wine": {"kind": "ordinal", "levels": [False, True]}}},
            "YAML reads yes and no as true and false",
        ),
        ({"columns": {"wine": {"kind": "category", "missing": "median"}}}, "'median' is no level"),
        ({"columns": {"wine": {"missing": "often"}}}, "'often' cannot stand in"),
        ({"columns": {"wine": {"indicator": True}}}, "needs something to stand in"),
        ({"columns": {"wine": {"winsorise": [0.9, 0.1]}}}, "not two rising shares"),
        ({"columns": {"wine": {"clip": [None, None]}}}, "not two rising numbers"),
        ({"columns": {"wine": {"clip": [0, 1], "winsorise": [0, 1]}}}, "two caps"),
        ({"columns": {"wine": {"format": "often"}}}, "is not a format of numbers"),
    ],
)
def test_a_column_that_makes_no_sense_is_one_error(customers: dict[str, object], says: str) -> None:
    given = {"path": "shop.csv", "columns": {"wine": {}, "fish": {}}} | customers
    with pytest.raises(ConfigError, match=says) as refused:
        checked(Source, {"name": "shop", "customers": given})
    assert refused.value.fix


def test_a_date_in_another_format_is_asked_for() -> None:
    source = Source("shop", as_of="2024-01-31", customers=Customers("s.csv", columns={"joined": Column(kind="date")}))
    with pytest.raises(DataError, match="holds no date; it has '31/12/2023'") as asked:
        clean_customers(by_hand.raw_table(CELLS[["joined"]]), source)
    assert "columns.joined.time_format" in asked.value.fix
