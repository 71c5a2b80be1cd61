"""A second line of headers, units or a translation, is no customer and no purchase; the first customer is none of headers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from segments.data.drafting.draft import describe_file

ROWS = range(60)
PEOPLE = [
    f"C{row:03};{20 + row % 50};{(row * 37 % 90 + 10) * 1000};{'ABC'[row % 3]};2020-01-{row % 28 + 1:02}"
    for row in ROWS
]
SALES = [f"K{row % 15};{row % 28 + 1:02}.01.2024;B{row};{row * 7 + 1},50" for row in ROWS]


def drafted(path: Path, *lines: str) -> tuple[str, dict]:
    path.write_text("\n".join(lines) + "\n")
    text = describe_file(path).text
    return text, yaml.safe_load(text)


@pytest.mark.parametrize(
    "second", ["-;years;USD;name;date", "Kundennr;Alter;Umsatz;Stadt;Seit", ";(y);(k$);;", "text;int;float;text;date"]
)
@pytest.mark.parametrize("above", [[], ["Customers of the shop", ""]])
def test_a_second_header_of_a_customers_table_is_passed_over(tmp_path: Path, second: str, above: list[str]) -> None:
    text, found = drafted(tmp_path / "people.csv", *above, "id;age;income;city;since", second, *PEOPLE)
    people = found["customers"]
    assert people["read"]["skip"] == len(above) + 2 and people["read"]["names"] == [
        "id",
        "age",
        "income",
        "city",
        "since",
    ]
    assert people["id"] == "id" and "missing" not in people["read"] and "QUESTION" not in text
    assert "(60 rows)" in text and "second one (units" in text


def test_a_second_header_of_a_log_is_passed_over(tmp_path: Path) -> None:
    _, found = drafted(tmp_path / "sales.csv", "Kunde;Datum;Beleg;Betrag", "Nr.;Tag;Nr.;EUR", *SALES)
    assert found["transactions"]["amount"] == "Betrag" and found["transactions"]["time"] == "Datum"
    assert found["transactions"]["read"]["skip"] == 2


def test_of_several_files_and_of_workbooks_it_is_asked(tmp_path: Path) -> None:
    header, second = "id;age;income;city;since", "-;years;USD;name;date"
    drafted(tmp_path / "part 1.csv", header, second, *PEOPLE[:30])
    (tmp_path / "part 2.csv").write_text("\n".join([header, *PEOPLE[30:]]) + "\n")
    assert "QUESTION: is the first row of data a second header" in describe_file(tmp_path / "part *.csv").text
    cells = [line.split(";") for line in [second, *PEOPLE]]
    pd.DataFrame(cells, columns=header.split(";")).to_excel(tmp_path / "people.xlsx", index=False)
    text = describe_file(tmp_path / "people.xlsx").text
    assert 'read: {skip: 2, names: ["id", "age", "income", "city", "since"]}' in text


def test_one_column_of_numbers_alone_does_not_decide(tmp_path: Path) -> None:
    rows = [f"{name};{row}" for row, name in enumerate(("Ann", "Bob", "Cid", "Dan", "Eve"), start=3)]
    text, found = drafted(tmp_path / "people.csv", "name;visits", "Zoe;many", *rows)
    assert "skip" not in found["customers"].get("read", {}) and "QUESTION: is the first row of data" in text


@pytest.mark.parametrize(
    "first",
    [
        "C900;unknown;n/a;D;not available",  # nothing is known
        "C900;secret;secret;D;secret",  # an id like the others
        "x;unknown;refused;D;not available",  # nothing but words for it
        "x;secret;12.50;D;secret",  # an income
        "x;secret;secret;A;secret",  # of a city that has others
        "x;secret;secret;D;03/01/2020",
    ],
)
def test_somebody_of_whom_little_is_known_is_no_header(tmp_path: Path, first: str) -> None:
    text, found = drafted(tmp_path / "people.csv", "id;age;income;city;since", first, *PEOPLE)
    assert "second" not in text and "skip" not in found["customers"]["read"]
    assert "(61 rows)" in text


def test_the_first_row_of_a_long_file_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segments.data.drafting.draft.SAMPLE_ROWS", 20)
    _, found = drafted(tmp_path / "people.csv", "id;age;income;city;since", "-;years;USD;name;date", *PEOPLE)
    assert found["customers"]["read"]["skip"] == 2
