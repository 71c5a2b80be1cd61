"""Every column of a customers table has the right role, or a question beside it."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from segments.data.drafting.cells import Sample
from segments.data.drafting.columns import ColumnDraft, columns_of, customers_lines
from segments.data.drafting.draft import describe
from segments.data.drafting.roles import guess_roles, identity_of
from segments.data.drafting.scales import order_of

ROWS = 60


def sample(**columns: list[object]) -> Sample:
    """Each list again and again, up to sixty rows; None is an empty cell."""
    table = {name: [values[row % len(values)] for row in range(ROWS)] for name, values in columns.items()}
    return Sample(pd.DataFrame(table).astype("string"), ["", "?"])


def only(header: str, values: list[object]) -> ColumnDraft:
    (one,) = columns_of(sample(**{header: values}), None)
    return one


@pytest.mark.parametrize(
    ("header", "values", "meaning", "said"),
    [
        ("Partner", ["Yes", "No", "Yes"], 'kind: ordinal, levels: ["No", "Yes"]', "Yes of 67%"),
        ("is_trial", ["TRUE", "FALSE"], 'kind: ordinal, levels: ["FALSE", "TRUE"]', "0/1"),
        ("Complain", [0, 0, 0, 1], 'kind: ordinal, levels: ["0", "1"]', 'an indicator: "1" of 25%'),
        ("Gender", ["Male", "Female"], "kind: category", "2 values"),
        ("Genre", ["Male", "male", "Female"], "kind: category", "CHECK: some differ in capitals only"),
        ("Score", ["High", "Low", "Average"], 'kind: ordinal, levels: ["Low", "Average", "High"]', "CHECK the order"),
        ("Zufriedenheit", ["hoch", "gering", "mittel"], 'kind: ordinal, levels: ["gering", "mittel", "hoch"]', "CHECK"),
        ("Degree", ["primary", "unknown", "tertiary", "secondary"], "kind: category", 'an order, but for "unknown"'),
        ("Education", [0, 1, 2], "kind: category", "CHECK: 0, 1, 2: codes of groups?"),
        ("Profession", list(range(20)), "kind: category", "CHECK: 20 different, 0 to 19: codes of groups? Remove"),
        ("Sales Channel", [7 * row for row in range(ROWS)], "", "holds 60 codes of groups"),
        ("Region_Code", [row / 2 for row in range(20)], "kind: number, minimum: 0", "seen: 0 to 9.5"),
        ("Spend per category", list(range(20)), "kind: number, minimum: 0", "seen: 0 to 19"),
        ("City Population", list(range(20)), "kind: number, minimum: 0", "seen: 0 to 19"),
        (
            "Spend",
            ["$12.50", "€7", "8"],
            "kind: number, minimum: 0",
            "QUESTION: Spend has money of several currencies, $, €:",
        ),
        ("Kidhome", [0, 1, 2], "kind: number, minimum: 0", "CHECK: 0, 1, 2: counts?"),
        ("pdays", [-1, -1, 30, 7, *range(40, 60)], "kind: number", "CHECK: -1 stands 6 times"),
        ("wait", [999, 999, 30, 7, *range(40, 60)], "kind: number, minimum: 0", "CHECK: 999 stands 6 times"),
        ("Income", [*range(1000, 1050), None], "kind: number, minimum: 0", "missing in 1 of 60 rows: missing: median"),
        (
            "Joined",
            ["31-12-2023", "01-02-2024"],
            'kind: date, time_format: "%d-%m-%Y"',
            "from 2023-12-31 to 2024-02-01",
        ),
        ("Joined", ["01-02-2024", "03-02-2024"], "", "in both orders, so only you know"),
        ("Z_CostContact", [3], "", "is always 3"),
        ("user_id", list(range(20)), "", "20 different ids"),
        ("age", [*[118] * 4, *range(20, 48), 25, 31], "kind: number, minimum: 0", "CHECK: 118 stands 8 times"),
        (
            "became_member_on",
            [20170212 + row for row in range(17)],
            'kind: date, time_format: "%Y%m%d"',
            "from 2017-02-12 to 2017-02-28",
        ),
        ("closed", ["9999-12-31", "2024-02-01"], "kind: date", "CHECK: 9999-12-31 (30x)"),
        ("last_login", ["1900-01-01", "2024-02-01"], "kind: date", "CHECK: 1900-01-01 (30x)"),
        ("ends", ["2090-03-04", "2024-02-01"], "kind: date", "CHECK: 30 lie in the future"),
        (
            "event_time",
            [1672531200000000 + row * 10**12 for row in range(20)],
            'kind: date, time_format: "epoch_us"',
            "from 2023-01-01",
        ),
        (
            "Kunde seit",
            [1549320000 + row * 10**7 for row in range(15)],
            "kind: number, minimum: 0",
            "CHECK: a time, counted from 1970? Then write kind: date, time_format: epoch_s",
        ),
        ("turnover", [4 * 10**9 + row for row in range(15)], "kind: number, minimum: 0", "seen: 4e+09 to 4e+09"),
        ("categories", ["[a]", "[a, b]", "[b]"], "kind: category", "CHECK: lists of several"),
        ("PLZ", [f"{10000 + row}" for row in range(30)], "", "says where somebody can be reached"),
        ("remark", [f"word {row}" for row in range(55)], "", "55 different texts"),
        ("S.No.", list(range(1, ROWS + 1)), "", "counts the rows"),
        ("Check #", [1000 + 3 * row for row in range(20)], "", "20 different ids"),
        ("Visits", list(range(1, 21)), "kind: number, minimum: 0", "seen: 1 to 20"),
        ("Branch No", [101 + row for row in range(20)], "", "20 different ids"),
        ("Número de visitas", [101 + row for row in range(20)], "kind: number, minimum: 0", "seen: 101 to 120"),
        ("Sector", [f"0{410 + row}" for row in range(20)], "", "amounts have no zeros before them"),
        ("CP", [28001 + row for row in range(20)], "", "says where somebody can be reached"),
        ("Email Open Rate", [row / 64 for row in range(20)], "kind: number, minimum: 0", "seen: 0 to"),
        ("wait", [-999, *range(40, 99)], "kind: number", "CHECK: -999 stands 1 time:"),
        (
            "Letzter Besuch",
            [45000 + 7 * row for row in range(20)],
            "kind: number, minimum: 0",
            "CHECK: days as a spreadsheet",
        ),
        ("Last Balance", [45000.5, 800, 70000], "kind: number, minimum: 0", "seen: 800 to 70000"),
        (
            "DOB",
            [-86400 * 1000 * row for row in range(20)],
            "kind: number",
            "CHECK: a time, counted from 1970? Then write kind: date, time_format: epoch_s",
        ),
        (
            "Budget",
            [*(f"{row}.5k" for row in range(20)), "1.2M"],
            "",
            'holds numbers with "k", "M" behind them: a query',
        ),
        (
            "Kinds",
            ["wine", *[str(row % 5) for row in range(19)]],
            "kind: category",
            'CHECK: numbers, but for "wine": in read.missing',
        ),
        ("Loyal", ["yes", "Yes", "NO", "no"], "kind: category", "CHECK: some differ in capitals only"),
        (
            "Newsletter",
            ["Yes", None],
            "",
            'if that says something, write {kind: category, raw: "Newsletter", missing: "none"}',
        ),
    ],
)
def test_what_a_column_seems_to_be(header: str, values: list[object], meaning: str, said: str) -> None:
    one = only(header, values)
    assert one.meaning == meaning and said in one.remark


def test_what_counts_the_rows_in_any_order_is_no_figure() -> None:
    few, many = ([str(7 * row % rows) for row in range(rows)] for rows in (40, 120))
    assert all(column.decides for column in columns_of(Sample(pd.DataFrame({"Age": few}, dtype="string")), None))
    (one,) = columns_of(Sample(pd.DataFrame({"Document": many}, dtype="string")), None)
    assert "counts the rows" in one.remark


@pytest.mark.parametrize("header", ["n_orders", "Nr Käufe", "numero_figli", "kids_no", "phone_minutes", "zip_visits"])
def test_how_many_is_a_figure_however_it_is_called(header: str) -> None:
    assert only(header, list(range(3, 23))).decides


@pytest.mark.parametrize("header", ["branch_no", "agent_nr", "policy number", "zip", "n_card"])
def test_a_number_of_something_is_no_figure(header: str) -> None:
    assert not only(header, [10_200 + 37 * row for row in range(20)]).decides


def test_a_year_of_birth_is_an_age_and_asks_for_the_day_of_the_table() -> None:
    columns = columns_of(sample(Year_Birth=[1950, 1961, 1972], Since=["2023-12-31", "2024-02-01"]), None)
    assert [(one.key, one.meaning) for one in columns] == [("age", "kind: birth_year"), ("since", "kind: date")]
    assert 'as_of: "2024-02-01" # CHECK' in customers_lines("data/x.csv", None, columns, [])[0]
    born = columns_of(sample(born=["1950-12-31", "1961-02-01"]), None)
    assert customers_lines("data/x.csv", None, born, [])[0].startswith(f'as_of: "{date.today()}" # CHECK')
    both = columns_of(sample(Age=[50, 60, 70], Year_Birth=[1950, 1961, 1972]), None)
    assert [one.key for one in both] == ["age", "year_birth"]


@pytest.mark.parametrize("header", ["Geburtsdatum", "date_of_birth", "DOB", "birthday", "Date de naissance"])
def test_a_date_of_birth_is_an_age_and_no_recency(header: str) -> None:
    one = only(header, ["1950-12-31", "1961-02-01"])
    assert (one.meaning, one.label) == ("kind: date", "age in days")
    assert "a date of birth: becomes the age in days" in one.remark


@pytest.mark.parametrize(
    ("header", "values", "decides"),
    [
        ("day", [*range(1, 32)], False),  # bank marketing
        ("day", [*range(1, 20), 45], True),
        ("order_hour_of_day", [*range(24)], False),
        ("arrival_date_week_number", [*range(1, 54)], False),
        ("visits_per_week", [*range(1, 54)], True),
        ("Monat", [*range(1, 13)], False),
        ("days", [*range(1, 32)], True),
    ],
)
def test_a_number_that_begins_again_does_not_decide_without_a_word(
    header: str, values: list[object], decides: bool
) -> None:
    one = only(header, values)
    assert one.meaning and one.decides == decides
    assert decides or "its last value stands beside its first" in one.line


@pytest.mark.parametrize("header", ["Churn", "Attrition_Flag", "Response", "Segmentation", "y", "is_canceled"])
def test_an_outcome_describes_and_does_not_decide(header: str) -> None:
    one = only(header, ["a", "b", "c"])
    assert one.meaning and not one.decides and "not in the feature set: an outcome" in one.line


def test_what_too_many_lack_is_kept_out_of_the_feature_set() -> None:
    """10 % lack one and 5 % the other: without the first, no more are left out than the policy allows."""
    columns = columns_of(sample(many=[None, *range(9)], few=[None, *range(19)], all=list(range(20))), None)
    assert {one.key: one.decides for one in columns} == {"many": False, "few": True, "all": True}


@pytest.mark.parametrize(
    ("levels", "order"),
    [
        ("$60K - $80K|Less than $40K|$120K +|$40K - $60K", "Less than $40K|$40K - $60K|$60K - $80K|$120K +"),
        ("250K+|Under 15K|100-124K|15-24K", "Under 15K|15-24K|100-124K|250K+"),
        ("55+|18-24|25-34", "18-24|25-34|55+"),
        ("1,000-2,000|> 5,000|2,000-5,000", "1,000-2,000|2,000-5,000|> 5,000"),
        ("PhD|Basic|Master|Graduation", "Basic|Graduation|Master|PhD"),
        ("Two year|Month-to-month|One year", "Month-to-month|One year|Two year"),
        ("Quarterly|Every 3 Months|Weekly", ""),  # two words of one rank
        ("low|high|blue", ""),
        ("A1|A2|A3", ""),
    ],
)
def test_words_with_an_order_are_put_into_it(levels: str, order: str) -> None:
    assert "|".join(order_of(levels.split("|"))) == order


def test_lines_of_customers_who_come_again_are_no_customers_table() -> None:
    orders = sample(order_id=list(range(ROWS)), user_id=list(range(20)), order_dow=list(range(7)))
    draft = describe(orders, "data/orders.csv", roles=guess_roles(orders), rows=ROWS)
    assert '# QUESTION: "user_id" stands in several lines' in draft.text
    assert '  id: "user_id"' in draft.text and draft.features == []
    assert draft.left_out["order_dow"].startswith("a day of the week")


def test_births_of_two_digits_that_lie_ahead_do_not_decide() -> None:
    (one,) = columns_of(sample(DOB=["03/04/68", "15/06/85"]), None)  # 2068
    assert one.meaning and not one.decides and "30 lie in the future" in one.kept_out


@pytest.mark.parametrize(
    ("columns", "lacking"),
    [
        ({"Customer": ["Ann", "Bob", "Eve", "Joe"], "Date": [45000 + row for row in range(50)], "Total": [1.5, 2]}, "of times"),
        ({"Member": ["a", "b", "c", "d"], "Date": ["2024-01-31", "2024-02-01"], "item": ["milk", "tea"]}, "of what was paid"),
        ({"Kundennr": ["a1", "b2", "c3", "d4"], "Jahr": [2023, 2024], "Anzahl": [1, 2], "Einzelpreis": [1.5, 2]}, "of times"),
    ],
)  # fmt: skip
def test_customers_who_come_again_are_asked_about_whatever_else_is_lacking(
    columns: dict[str, list[object]], lacking: str
) -> None:
    lines = sample(**columns)
    draft = describe(lines, "data/x.csv", roles=guess_roles(lines), rows=ROWS)
    assert "stands in several lines, so a line is no customer" in draft.text
    assert f"No column {lacking} was found" in draft.text


def test_a_day_in_three_columns_is_made_by_a_query() -> None:
    columns = {"Kunde": ["Ann", "Bob", "Eve", "Joe"], "Jahr": [2023, 2024], "Monat": [1, 12, 7], "Betrag": [1.5, 2]}
    for days, said in (([1, 9, 31], 'make_date("Jahr"::INT, "Monat"::INT, "Tag"::INT) AS day, 1 AS'), ([90], "(1 AS")):
        lines = sample(**columns, Tag=days)
        assert said in describe(lines, "data/x.csv", roles=guess_roles(lines), rows=ROWS).text


def test_rows_that_stand_there_twice_make_no_log() -> None:
    people = sample(
        customer_id=[f"C{row}" for row in range(ROWS - 1)],
        last_purchase=[str(day.date()) for day in pd.date_range("2024-01-01", periods=ROWS - 1)],
        total_spend=[row + 0.5 for row in range(ROWS - 1)],
    )
    assert people.cells.duplicated().sum() == 1 and not guess_roles(people).is_log
    people.cells.loc[0, "total_spend"] = "7.25"  # whether somebody bought again, or was written again, nobody knows
    roles = guess_roles(people)
    assert roles.is_log and "CHECK: nearly everybody stands in one line" in roles.doubts["customer"]


def test_who_looks_after_a_customer_is_no_customer() -> None:
    table = sample(**{"Type of Client": list(range(5)), "Kunde": list(range(ROWS))})
    assert guess_roles(table).customer == "Kunde"
    table = sample(
        **{
            "Account Manager ID": [f"a{row}" for row in range(20)],
            "IDКлиента": list(range(ROWS)),
            "CustomerEmail": [f"a{row}@b.org" for row in range(ROWS)],
        }
    )
    assert guess_roles(table).customer == "IDКлиента"


def test_no_amount_and_no_day_tells_customers_apart() -> None:
    table = sample(
        customer_value_total=[row + 0.5 for row in range(ROWS)],
        member_since_day=[f"2024-01-{row % 28 + 1:02}" for row in range(ROWS)],
        postal_code=[f"{10000 + row}" for row in range(ROWS)],
        master_id=[f"m{row}" for row in range(ROWS)],
    )
    assert identity_of(table, guess_roles(table)) == "master_id"


def test_one_purchase_each_is_a_log_and_the_last_order_of_each_is_none() -> None:
    bought = {"Customer ID": [f"C{row}" for row in range(ROWS)], "Total Amount": [row + 0.5 for row in range(ROWS)]}
    days = [str(day.date()) for day in pd.date_range("2024-01-01", periods=ROWS)]
    numbers = [f"t{row}" for row in range(ROWS)]
    assert guess_roles(sample(**{"Transaction ID": numbers, "Date": days}, **bought)).is_log
    assert not guess_roles(sample(last_order_id=numbers, last_order_date=days, **bought)).is_log
