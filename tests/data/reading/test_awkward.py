"""Files as people have them: each is read to the cent, by itself or with the key that is documented, or one error asks for that key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from segments.config.source import Column, Customers, Policy, Reader, Source, Transactions
from segments.data.cleaning.customers import clean_customers
from segments.data.cleaning.transactions import clean_transactions
from segments.data.drafting.draft import describe_file
from segments.data.reading import files
from segments.data.reading.cells import number_sql, read_number
from segments.errors import DataError

Totals = dict[str, float]


def log(path: str | list[str], folder: Path, **keys: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The clean lines of a log, and their report; keys of the reader begin with read_."""
    read = Reader(**{key[5:]: value for key, value in keys.items() if key.startswith("read_")})
    whole = {key: keys[key] for key in ("id_type", "time_zone") if key in keys}
    parts = {"customer": "who", "time": "when", "amount": "paid"}
    parts |= {key: value for key, value in keys.items() if key in ("customer", "time", "amount", "time_format")}
    spec = Transactions(path, **parts, read=read)
    source = Source("shop", as_of="2030-01-01", transactions=spec, policy=Policy(max_bad_share=0.5), **whole)
    with files.open_log(source, folder) as raw:
        lines, report = clean_transactions(raw, source)
        return lines.df(), report


def totals(lines: pd.DataFrame) -> Totals:
    return {str(who): round(paid, 2) for who, paid in lines.groupby("customer_id")["amount"].sum().items()}


HEAD = "who,when,paid\n"
ROWS = "a,2024-01-02,1.50\nb,2024-02-03,2\na,2024-03-04,3\n"
AB: Totals = {"a": 4.5, "b": 2.0}
READ: dict[str, tuple[str, dict[str, Any], Totals]] = {
    "plain": (HEAD + ROWS, {}, AB),
    "title above": ("Sales report 2024\n\n" + HEAD + ROWS, {}, AB),
    "title with other separators": ("Sales,of 2024,by K\nwho\twhen\tpaid\na, b, c\t2024-01-02\t1.50\n" + "d\t2024-02-03\t2\n" * 5, {}, {"a, b, c": 1.5, "d": 10.0}),
    "title with separators": ("Sales report,,\n,,\n" + HEAD + ROWS, {}, AB),
    "header below, said": ("who,when,paid\nx,y,z\n" + HEAD + ROWS, {"read_skip": 2}, AB),
    "no header": (ROWS, {"read_names": ["who", "when", "paid"]}, AB),
    "first line is not the header, names instead": ("x,y,z\n" + ROWS, {"read_skip": 1, "read_names": ["who", "when", "paid"]}, AB),
    "sep= for Excel": ("sep=;\n" + (HEAD + ROWS).replace(",", ";"), {}, AB),
    "blanks": ("who   when        paid\n a  2024-01-02   1.50\n b  2024-02-03     2\n a  2024-03-04     3\n", {}, AB),
    "fixed places": ("who when       paid\nA B 2024-01-02 1.50\nC   2024-02-03    2\nA B 2024-03-04    3\n", {"read_widths": [4, 10, 5]}, {"A B": 4.5, "C": 2}),
    "separator at the end": ((HEAD + ROWS).replace("\n", ",\n"), {}, AB),
    "separator at the end of rows": (HEAD + ROWS.replace("\n", ",\n"), {}, AB),
    "total at the end": (HEAD + ROWS + "Total,,6.50\n", {}, AB),
    "Summe at the end, then a remark": (HEAD + ROWS + ",Summe:,6.50\nexported by hand\n", {}, AB),
    "empty tail": (HEAD + ROWS + ",,\n" * 50, {}, AB),
    "ends of lines mixed": (HEAD + ROWS.replace("\n", "\r\n", 1), {}, AB),
    "line breaks in quotes": ('who,when,paid\n"a",2024-01-02,"1.50"\n"b\nc",2024-02-03,2\n', {}, {"a": 1.5, "b\nc": 2}),
    "backslashes before quotes": ('who,when,paid\n"say \\"a\\"",2024-01-02,1.50\n', {}, {'say "a"': 1.5}),
    "pounds and thousands": (HEAD + 'a,2024-01-02,"£1,250.50"\nb,2024-01-03,£2\n', {}, {"a": 1250.5, "b": 2}),
    "dollars in accounts": (HEAD + 'a,2024-01-02,"$84,835.00"\na,2024-01-03,($12.50)\nb,2024-01-04,$(1.00)\nb,2024-01-04,3.00-\nb,2024-01-04,$9\n', {}, {"a": 84822.5, "b": 5}),
    "1.234,56": ("who;when;paid\na;2024-01-02;1.234,56\nb;2024-01-03;1.234\n", {}, {"a": 1234.56, "b": 1234}),
    "1 234,56 €": ("who;when;paid\na;2024-01-02;1 234,56 €\nb;2024-01-03;1\u202f234,5\u00a0€\n", {}, {"a": 1234.56, "b": 1234.5}),
    "1'234.56": ("who;when;paid\na;2024-01-02;CHF 1'234.56\nb;2024-01-03;CHF 12.--\n", {}, {"a": 1234.56, "b": 12}),
    "a sign and its name": ("who;when;paid\na;2024-01-02;1.234,56 €\nb;2024-01-03;2,00 EUR\n", {}, {"a": 1234.56, "b": 2}),
    "yen, as Shift-JIS writes it": ("who;when;paid\na;2024-01-02;\\1,234\nb;2024-01-03;￥500\n", {"read_decimal": "."}, {"a": 1234, "b": 500}),
    "Turkish lira": ("who;when;paid\na;2024-01-02;1.234,56 TL\nb;2024-01-03;₺2,00\n", {}, {"a": 1234.56, "b": 2}),
    "lakhs": (HEAD + 'a,2024-01-02,"1,23,456.78"\nb,2024-01-03,Rs. 500\n', {}, {"a": 123456.78, "b": 500}),
    "a thousand, said": ("who;when;paid\na;2024-01-02;1.234\nb;2024-01-03;950\n", {"read_decimal": ","}, {"a": 1234, "b": 950}),
    "thousands known by others": (HEAD + 'a,2024-01-02,"2,500.00"\nb,2024-01-03,"1,234"\n', {}, {"a": 2500, "b": 1234}),
    "ids that only look alike, said to be texts": (HEAD + "7,2024-01-02,1\n007,2024-01-03,2\n", {"id_type": "text"}, {"7": 1, "007": 2}),
    "ids that look alike, said to be numbers": (HEAD + "7,2024-01-02,1\n007,2024-01-03,2\n7.0,2024-01-04,4\n", {"id_type": "integer"}, {"7": 7}),
    "ids of which a program made fractions, here and there": (HEAD + "7,2024-01-02,1\n7.0,2024-01-03,2\n8.0,2024-01-04,4\n", {}, {"7": 3, "8.0": 4}),
    "zeros before ids": (HEAD + "0000001,2024-01-02,1\n0000002,2024-01-03,2\n", {}, {"0000001": 1, "0000002": 2}),
    "signs nobody sees, letters in two parts": (HEAD + "e\u0301\u200b,2024-01-02,1\né,2024-01-03,2\n", {}, {"é": 3}),
    "another column called customer_id": ("who,when,paid,customer_id\na,2024-01-02,1,z\n", {}, {"a": 1}),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_a_file_is_read_to_the_cent(tmp_path: Path, case: str) -> None:
    text, keys, expected = READ[case]
    (tmp_path / "log.csv").write_bytes(text.encode())
    lines, _ = log("log.csv", tmp_path, **keys)
    assert totals(lines) == expected


TIMES: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    "two-digit years": (["1/2/24", "12/31/23"], {"time_format": "%m/%d/%y"}, ["2024-01-02", "2023-12-31"]),
    "a clock of twelve": (["1/2/2024 1:05 PM"], {"time_format": "%m/%d/%Y %I:%M %p"}, ["2024-01-02 13:05"]),
    "months in German": (["5. März 2024", "6. Dez. 2024"], {"time_format": "%d. %b %Y"}, ["2024-03-05", "2024-12-06"]),
    "months in Portuguese, Polish, Russian, Turkish": (
        ["5 fev 2024", "6 października 2024", "7 сент. 2024", "8 Ağu 2024"],
        {"time_format": "%d %b %Y"},
        ["2024-02-05", "2024-10-06", "2024-09-07", "2024-08-08"],
    ),
    "months in English": (["March 5, 2024"], {"time_format": "%B %d, %Y"}, ["2024-03-05"]),
    "seconds since 1970": (["1709596800"], {"time_format": "epoch_s"}, ["2024-03-05"]),
    "microseconds since 1970": (["1709596800000000"], {"time_format": "epoch_us"}, ["2024-03-05"]),
    "milliseconds, in Tokyo": (
        ["1709596800000"],
        {"time_format": "epoch_ms", "time_zone": "Asia/Tokyo"},
        ["2024-03-05 09:00"],
    ),
    "instants, as written": (["2024-03-05T23:30:00Z"], {}, ["2024-03-05 23:30"]),
    "instants of a shop, in Berlin": (
        [
            "2024-03-05 23:30:00 +0000",
            "2024-07-06 01:30:00 +0200",
            "2024-07-06 00:30 +01:00",
            "2024-03-05T23:30:00 Z",
            "2024-03-05 23:30:00 UTC",
        ],
        {"time_zone": "Europe/Berlin"},
        ["2024-03-06 00:30", "2024-07-06 01:30", "2024-07-06 01:30", "2024-03-06 00:30", "2024-03-06 00:30"],
    ),
    "instants, in Berlin": (
        ["2024-03-05T23:30:00Z", "2024-07-05T23:30:00+00:00"],
        {"time_zone": "Europe/Berlin"},
        ["2024-03-06 00:30", "2024-07-06 01:30"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", TIMES)
def test_times_are_those_that_were_meant(tmp_path: Path, case: str) -> None:
    cells, keys, expected = TIMES[case]
    (tmp_path / "log.csv").write_text("who;when;paid\n" + "".join(f"a;{cell};{n}\n" for n, cell in enumerate(cells, 1)))
    lines, _ = log("log.csv", tmp_path, **keys)
    assert lines["purchased_at"].tolist() == [pd.Timestamp(time) for time in expected]


@pytest.mark.parametrize(
    ("zone", "days"),
    [({}, [5, 5, 6]), ({"time_zone": "Europe/Berlin"}, [5, 6, 6]), ({"time_zone": "America/New_York"}, [5, 5, 5])],
)
def test_a_purchase_day_is_one_where_the_business_is(tmp_path: Path, zone: dict[str, str], days: list[int]) -> None:
    """Half past nine and half past ten in the evening, and half past midnight, by UTC: in Berlin 23:30, 0:30 and 2:30; in New York one evening."""
    cells = ["2024-07-05T21:30:00Z", "2024-07-05T22:30:00Z", "2024-07-06T00:30:00Z"]
    (tmp_path / "log.csv").write_text("who;when;paid\n" + "".join(f"a;{cell};5\n" for cell in cells))
    lines, _ = log("log.csv", tmp_path, **zone)
    assert lines["order_id"].tolist() == [f"2024-07-0{day}" for day in days]


ASKED: dict[str, tuple[str, str, str]] = {
    "a thousand or a decimal": ("a,2024-01-02,1.234\nb,2024-01-03,950\n", "thousands or decimals", "read.decimal"),
    "the largest purchases": (
        "a,2024-01-02,1.50\n" * 97 + 'b,2024-01-02,"2.500,00"\nc,2024-01-03,"3.750,00"\nd,2024-01-02,"9.990,00"\n',
        r"3 cells of column 'paid' cannot be read and look alike, such as '2.500,00', '9.990,00'",
        "read.decimal",
    ),
    "two currencies": ("a,2024-01-02,$5\nb,2024-01-03,€7\n", "several currencies: '\\$', '€'", "convert"),
    "one customer or two": ("7,2024-01-02,1\n007,2024-01-03,2\n", "'007' and '7': one customer or two", "id_type"),
    "day or month first": ("a,01/02/2024,1\nb,03/04/2024,2\n", "no time in column 'when'", "'%d/%m/%Y' or '%m/%d/%Y'"),
    "on which clock": (
        "a,2024-01-02T10:00:00Z,1\nb,2024-01-02 10:00:00,1\n",
        "1 times of column 'when' name no zone, others do",
        "time_zone",
    ),
    "the year 24": ("a,2/1/24,1\nb,2/13/24,1\n", "no time in column 'when' can be read", "%m/%d/%y"),
    "a quote that is not closed": ('a,2024-01-02,1\n"b,2024-01-03,2\nc,2024-01-04,3\n', "line 3 .*a quote", "quote"),
    "rounded ids": ("4.00123E+11,2024-01-02,1\n", "rounded to a few digits", "as text"),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_the_file_cannot_tell_is_asked(tmp_path: Path, case: str) -> None:
    rows, what, fix = ASKED[case]
    (tmp_path / "log.csv").write_text(HEAD + rows)
    with pytest.raises(DataError, match=what) as caught:
        log("log.csv", tmp_path, **({"time_format": "%m/%d/%Y"} if case == "the year 24" else {}))
    assert fix in caught.value.fix and "log.csv" in caught.value.where


def test_a_single_unreadable_cell_is_counted_and_shown(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEAD + ROWS + "c,2024-01-05,1O.5\nd,2024-01-06,free\n")
    lines, report = log("log.csv", tmp_path)
    assert totals(lines) == AB
    assert "unreadable amount, for example: '1O.5', 'free'" in report["notes"]


def write_sheets(path: Path, sheets: dict[str, pd.DataFrame]) -> None:
    with pd.ExcelWriter(path) as book:
        for name, table in sheets.items():
            table.to_excel(book, sheet_name=name, index=False)


YEAR = pd.DataFrame({"who": [500, 501], "when": pd.to_datetime(["2023-01-02", "2023-02-03"]), "paid": [10.125, 2]})


def test_sheets_are_read_by_name_or_all(tmp_path: Path) -> None:
    write_sheets(tmp_path / "log.xlsx", {"Year 1": YEAR, "Year 2": YEAR[["paid", "who", "when"]]})
    _, report = log("log.xlsx", tmp_path)
    assert "2 sheets; only 'Year 1' is read" in report["notes"][0]
    for sheet, factor in (("Year 2", 1), ("all", 2), (["Year 1", "Year 2"], 2)):
        assert totals(log("log.xlsx", tmp_path, read_sheet=sheet)[0]) == {
            "500": round(10.125 * factor, 2),
            "501": 2.0 * factor,
        }
    assert 'sheet: "all"' in describe_file(tmp_path / "log.xlsx").text


@pytest.mark.parametrize("path", ["day*.csv", ["day1.csv", "day2.csv"]])
def test_several_files_are_one_table(tmp_path: Path, path: str | list[str]) -> None:
    (tmp_path / "day1.csv").write_text(HEAD + "a,2024-01-02,1.50\nb,2024-02-03,2\n")
    (tmp_path / "day2.csv").write_text("paid;When;who\n3;2024-03-04;a\n")
    assert totals(log(path, tmp_path)[0]) == AB
    (tmp_path / "day2.csv").write_text("paid;who\n3;a\n")
    with pytest.raises(DataError, match=r"day2.csv lacks 'when', which .*day1.csv has"):
        log(path, tmp_path)


CUSTOMERS: dict[str, tuple[str, dict[str, list[Any]]]] = {
    "money and gaps": ('id,x\n1,"$20,731.00 "\n2,"$21,462.00 "\n3,\n,\n,\n', {"customer_id": ["1", "2", "3"], "x": [20731.0, 21462.0, None]}),
    "percent": ("id;x\n1;20%\n2;5,5%\n", {"customer_id": ["1", "2"], "x": [0.2, 0.055]}),
    "a grand total in every column": ("id,x\nK1,1\nK2,2\nGrand Total,3\n", {"customer_id": ["K1", "K2"], "x": [1.0, 2.0]}),
    "one who is called Total": ("id,x,town\nK1,1,Rome\nTotal,3,Paris\n", {"customer_id": ["K1", "Total"], "x": [1.0, 3.0]}),
    "ids in order of their numbers": ("id,x\n0010,1\n0009,2\n", {"customer_id": ["0009", "0010"], "x": [2.0, 1.0]}),
}  # fmt: skip


@pytest.mark.parametrize("case", CUSTOMERS)
def test_a_customers_table_is_read_by_the_same_grammar(tmp_path: Path, case: str) -> None:
    text, expected = CUSTOMERS[case]
    (tmp_path / "people.csv").write_text(text)
    source = Source("people", customers=Customers("people.csv", id="id", columns={"x": Column()}))
    with files.open_customers(source, tmp_path) as raw:
        table, _ = clean_customers(raw, source)
    assert table.astype(object).where(table.notna(), None).to_dict("list") == expected


DRAFTED: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "German": (
        "Kunde;Datum;Beleg;Betrag\n" + "".join(f"K{n % 9};{n % 28 + 1:02}.01.2024;B{n};1.{n:03},50\n" for n in range(60)),
        {"customer": "Kunde", "time": "Datum", "order": "Beleg", "amount": "Betrag", "time_format": "%d.%m.%Y"},
        ['decimal: ","'],
    ),
    "French": (
        "N° client;Date;Facture;Montant\n" + "".join(f"{n % 9};{n % 28 + 1:02}/01/2024;F{n};1 {n:03},50 €\n" for n in range(60)),
        {"customer": "N° client", "time": "Date", "order": "Facture", "amount": "Montant", "time_format": "%d/%m/%Y"},
        ['decimal: ","'],
    ),
    "both orders fit": (
        HEAD + "".join(f"c{n % 9},{n % 12 + 1:02}/{n % 12 + 1:02}/2024,{n}\n" for n in range(60)).replace("who", "customer"),
        {"time_format": None},
        ['# time_format: write "%d/%m/%Y" or "%m/%d/%Y"'],
    ),
    "cancelled orders": (
        "customer,order,date,amount\n" + "".join(f"c{n % 9},{'C' * (n % 20 == 0)}{1000 + n},2024-01-{n % 28 + 1:02},{n}\n" for n in range(60)),
        {"order": "order"},
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DRAFTED)
def test_a_draft_says_how_to_read_a_log(tmp_path: Path, case: str) -> None:
    text, expected, lines = DRAFTED[case]
    (tmp_path / "log.csv").write_text(text.replace("who,", "customer,"))
    drafted = describe_file(tmp_path / "log.csv").text
    spec = TypeAdapter(Source).validate_python(yaml.safe_load(drafted)).transactions
    assert spec is not None, drafted
    assert {key: getattr(spec, key) for key in expected} == expected
    assert all(line in drafted for line in lines)
    assert spec.read.missing == Reader().missing, "an order that is cancelled is an order"


def test_a_group_is_no_customer_and_a_counter_no_feature(tmp_path: Path) -> None:
    rows = "".join(f"{n},{900 + n},{'ABC'[n % 3]},2024-01-{n % 28 + 1:02},{n % 4},x\n" for n in range(60))
    (tmp_path / "rows.csv").write_text(",Recnum,customer_type,date,requests total,constant\n" + rows)
    drafted = describe_file(tmp_path / "rows.csv").text
    source = TypeAdapter(Source).validate_python(yaml.safe_load(drafted))
    assert source.transactions is None and source.customers is not None
    assert source.customers.id == "Recnum"
    assert set(source.customers.columns) == {"customer_type", "date", "requests_total"}
    assert "an id or a counter" in drafted and "is always x" in drafted


@pytest.mark.parametrize("mark", [".", ","])
@pytest.mark.parametrize("text", ["1.5", "1,5", "-£5", "($1,250.50)", "12,-", "1 234", "5 -", "20%", "1'000", "inf", "1_0", "", "٣", "R$ 5", "x5", "Rs. 1,200/-", "-1.200/-", "12.50+", "3+", "12.50-", "12.50 CR"])  # fmt: skip
def test_a_number_is_the_same_wherever_it_is_read(open_duckdb: Callable[[str], Any], text: str, mark: str) -> None:
    assert open_duckdb(number_sql("cell", "VARCHAR", f"'{text.replace(chr(39), chr(39) * 2)}'", mark)) == read_number(
        text, mark
    )


@pytest.mark.parametrize(
    "text", ["12.50 CR", "12.50DR", "CR 12.50", "12.50 S", "12.50 EUR-", "[12.50]", "<12.50>", "3+"]
)
def test_what_may_be_below_zero_is_no_number(text: str) -> None:
    assert read_number(text) is None and read_number(text.replace(".", ","), ",") is None


@pytest.fixture
def open_duckdb() -> Callable[[str], Any]:
    import duckdb

    return lambda sql: duckdb.connect().sql(f"SELECT {sql}").fetchall()[0][0]


def test_a_source_with_a_false_time_zone_or_a_second_id_is_refused() -> None:
    with pytest.raises(ValidationError, match="is not a time zone"):
        Source("shop", customers=Customers("data/x.csv"), time_zone="Mars/Olympus")
    with pytest.raises(ValidationError, match="cannot be called customer_id"):
        Customers("data/x.csv", columns={"customer_id": Column()})
