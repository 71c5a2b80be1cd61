"""Room `describe`: a draft loads as it stands, and reads the file it was drafted from."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pydantic import TypeAdapter

from online_retail import online_retail
from segments.config.source import Policy, Source
from segments.data.cleaning.customers import clean_customers
from segments.data.cleaning.transactions import clean_transactions
from segments.data.drafting import draft
from segments.data.drafting.cells import Sample
from segments.data.drafting.draft import describe_file
from segments.data.drafting.log import as_of_line
from segments.data.drafting.roles import guess_roles
from segments.data.reading import files
from segments.errors import DataError
from segments.io.store.raw_files import raw_place


def read_customers(source: Source, project: Path):
    with files.open_customers(source, project) as raw:
        return clean_customers(raw, source)


def drafted(path: Path) -> tuple[str, Source]:
    text = describe_file(path).text
    return text, TypeAdapter(Source).validate_python(yaml.safe_load(text))


def fetched(source: Source, path: Path, project: Path) -> Path:
    """The file where its draft says it will lie, as `segments fetch` puts it."""
    place = project / source.raw_paths[0]
    place.parent.mkdir(parents=True)
    shutil.copyfile(path, place)
    return project


def text_frame(**columns: list[str]) -> Sample:
    return Sample(pd.DataFrame(columns, dtype="string"))


@pytest.mark.slow
def test_mall_draft_reads_the_mall_file(shared_data, tmp_path):
    text, source = drafted(shared_data / "mall/Mall_Customers.csv")
    assert source.customers is not None and source.customers.id == "CustomerID"
    kinds = {name: column.kind for name, column in source.customers.columns.items()}
    assert kinds == {
        "gender": "category",
        "age": "number",
        "annual_income_k": "number",
        "spending_score_1_100": "number",
    }
    assert source.customers.read.separator == "," and source.customers.read.encoding == "utf-8"
    assert "seen: 18 to 70" in text and "seen: 15 to 137" in text
    assert "segments fetch source=mall_customers from=" in text
    place = fetched(source, shared_data / "mall/Mall_Customers.csv", tmp_path)
    table, report = read_customers(source, place)
    assert len(table) == 200 and report["notes"] == []


@pytest.mark.parametrize(
    "header",
    [
        "null",
        "yes",
        "TRUE",
        "~",
        "1e5",
        "a\x7fb",
        "x\x00y",
        "\u2028",
        "\x85n",
        "é" * 4000,
        '"',
        "#",
        "\ufeffid",
        "- a: b",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_whatever_a_column_is_called_its_draft_loads_and_reads_it(tmp_path, header, encoding):
    path = tmp_path / "odd.csv"
    text = pd.DataFrame({"id": range(30), header: [number // 3 for number in range(30)]}).to_csv(index=False)
    path.write_bytes(text.encode(encoding))
    if "\0" in header and encoding == "utf-8":
        with pytest.raises(DataError, match="binary file"):
            drafted(path)
        return
    text, source = drafted(path)
    assert source.customers is not None
    assert len(source.customers.columns) == 1
    assert max(map(len, source.customers.columns)) <= 62
    table, _ = read_customers(source, fetched(source, path, tmp_path))
    assert table.iloc[:, 1].tolist() == [float(i // 3) for i in range(30)]


@pytest.mark.parametrize(
    ("stem", "name"), [("Umsätze Größe 2024", "umsatze_grosse_2024"), ("Café-Ventes", "cafe_ventes"), ("订单", "mine")]
)
def test_the_name_of_a_source_can_be_written_on_a_command_line(tmp_path, stem, name):
    (tmp_path / f"{stem}.csv").write_text("id,x\n1,2.5\n2,3.5\n")
    _, source = drafted(tmp_path / f"{stem}.csv")
    assert source.name == name and source.raw_paths[0] == f"data/{name}/{stem}.csv"


def test_what_was_guessed_of_a_file_stands_in_its_draft(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes("Report\n\nid,ciudad\n1,Málaga\n2,Cádiz\n".encode("cp1252"))
    text, _ = drafted(path)
    assert "# Note: people.csv is not UTF-8; read as cp1252, which is a guess" in text
    assert "# Note: 2 lines above the header of people.csv are left out" in text


def test_sentinels_seen_are_listed(shared_data):
    text, _ = drafted(shared_data / "dirty/mall_812rows_dups_questionmarks.csv")
    assert "# read as no value: ? (100x)" in text


def test_unknown_words_between_numbers_become_sentinels(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(
        "id;spend\n" + "".join(f"{number};{number},5\n" for number in range(40)) + "40;unbekannt\n", encoding="latin-1"
    )
    _, source = drafted(path)
    assert source.customers is not None and "unbekannt" in source.customers.read.missing
    assert source.customers.read.decimal == "," and source.customers.read.separator == ";"
    table, report = read_customers(source, fetched(source, path, tmp_path))
    assert report["reasons"] == [] and table["spend"].isna().tolist() == [False] * 40 + [True]


def test_units_and_words_for_nothing_are_read_as_drafted(tmp_path):
    path = tmp_path / "members.csv"
    rows = 60
    nothing = ["(blank)" if row % 7 == 0 else "" for row in range(rows)]
    pd.DataFrame(
        {
            "member": [f"m{row}" for row in range(rows)],
            "term": [nothing[row] or f"{row % 24 + 1} month{'s' * (row % 24 > 0)}" for row in range(rows)],
            "weight": [f"{50 + row}.25kg" for row in range(rows)],
            "kids": [nothing[row] or str(row % 3) for row in range(rows)],
            "seen": ["0000-00-00" if row % 5 == 0 else nothing[row] or f"2024-01-{row % 28 + 1:02}" for row in range(rows)],
            "paid": [f"{row}.5 EUR" for row in range(rows)],
        }
    ).to_csv(path, index=False)  # fmt: skip
    text, source = drafted(path)
    columns = source.customers.columns
    assert [columns[name].unit for name in ("term", "weight", "paid")] == ["months", "kg", "EUR"]
    assert (columns["seen"].kind == "date" and '"0000-00-00", "(blank)"' in text) or '"(blank)", "0000-00-00"' in text
    table, report = read_customers(source, fetched(source, path, tmp_path))
    assert not report["reasons"] and len(table) == rows
    first = table.set_index("customer_id").loc[["m0", "m1", "m24"]]
    assert first["term"].tolist()[1:] == [2, 1] and first["weight"].tolist() == [50.25, 51.25, 74.25]
    assert table["kids"].isna().sum() == table["term"].isna().sum() == 9 and table["seen"].isna().sum() == 19
    # what few lack one by one is too much together, and the draft knows
    assert {"term", "kids", "seen"} <= set(describe_file(path).left_out)


def test_another_unit_than_the_source_says_is_refused(tmp_path):
    path = tmp_path / "members.csv"
    path.write_text("member,term\n" + "".join(f"m{row},{2 * row} months\n" for row in range(40)))
    _, source = drafted(path)
    project = fetched(source, path, tmp_path)
    (project / source.customers.path).write_text("member,term\nm0,12 months\nm1,2 years\nm2,3 years\n")
    with pytest.raises(DataError, match="2 cells of column 'term' cannot be read and look alike, such as '2 years'"):
        read_customers(source, project)


def test_ids_of_floats_tell_no_decimal_mark_and_texts_of_a_workbook_do(tmp_path):
    path = tmp_path / "members.csv"
    path.write_text("member;score\n" + "".join(f"{row}.0;12,{row:03}\n" for row in range(101, 160)))
    assert '# decimal: write "." or ","' in drafted(path)[0]
    path = tmp_path / "members.xlsx"
    pd.DataFrame({"a": ["1,5 €", "2,25 €"] * 30, "b": ["1.500 €", "2.250 €"] * 30}).to_excel(path, index=False)
    text, source = drafted(path)
    assert "# decimal: write" not in text
    assert read_customers(source, fetched(source, path, tmp_path))[0]["b"].tolist()[:2] == [1500, 2250]


def test_log_draft_reads_the_log(tmp_path):
    rows = 60
    pd.DataFrame(
        {
            "Invoice No": [f"i{row // 2}" for row in range(rows)],
            "StockCode": [f"s{row % 7}" for row in range(rows)],
            "InvoiceDate": pd.date_range("2011-01-20", periods=rows).strftime("%d/%m/%Y %H:%M"),
            "Customer ID": [row % 9 for row in range(rows)],
            "Total Amount": [row + 0.5 for row in range(rows)],
            "line discount": [1.5] * rows,
            "coupon_value": [0] * rows,
        }
    ).to_csv(tmp_path / "Online Retail.csv", index=False)
    _, source = drafted(tmp_path / "Online Retail.csv")
    spec = source.transactions
    assert spec is not None and source.name == "online_retail" and source.as_of == "2011-03-20"
    assert (spec.customer, spec.time, spec.amount) == ("Customer ID", "InvoiceDate", "Total Amount")
    assert (spec.order, spec.product, spec.store, spec.time_format) == (
        "Invoice No",
        "StockCode",
        None,
        "%d/%m/%Y %H:%M",
    )
    assert (spec.discounts, spec.coupons) == (["line discount"], ["coupon_value"])
    with files.open_log(source, fetched(source, tmp_path / "Online Retail.csv", tmp_path)) as log:
        _, report = clean_transactions(log, source)
    assert report["rows_clean"] == rows and report["reasons"] == []


@pytest.mark.slow
def test_a_draft_of_the_usual_log_reads_it_as_pandas_does(tmp_path):
    """Quantity x price, cancellations netted, ids no missing values; what only a person knows stands beside it."""
    raw = online_retail(3_000)
    raw.to_csv(tmp_path / "retail.csv", index=False)
    text, source = drafted(tmp_path / "retail.csv")
    spec = source.transactions
    assert source.feature_sets == ["rfm_net"]
    assert spec is not None and spec.money == {"quantity": "Quantity", "price": "UnitPrice"}
    assert (spec.customer, spec.order, spec.product) == ("CustomerID", "InvoiceNo", "StockCode")
    assert not [word for word in spec.read.missing if word.startswith("C")]
    assert 'exclude: {"StockCode": ["POST", "D", "M", "BANK CHARGES", "B"]}' in text
    assert "Quantity is below zero on" in text and "name no customer (CustomerID)" in text
    with files.open_log(source, fetched(source, tmp_path / "retail.csv", tmp_path)) as log:
        lines, _ = clean_transactions(log, source)
        paid = lines.aggregate("sum(amount)").fetchall()[0][0]
    known = raw[raw["CustomerID"] != ""]
    assert paid == pytest.approx((known["Quantity"] * known["UnitPrice"]).sum(), abs=0.005)


@pytest.mark.parametrize(
    ("stray", "as_of", "said"),
    [("2204-01-01", "2024-03-09", "CHECK: 1 line lies after it"), ("2024-03-15", "2024-03-15", "the last purchase")],
)
def test_a_day_far_beyond_the_rest_is_no_as_of_date(tmp_path, stray, as_of, said):
    days = [*(str(day.date()) for day in pd.date_range("2024-01-01", periods=69)), stray]
    frame = pd.DataFrame(
        {"customer": [row % 9 for row in range(70)], "date": days, "total": [row + 0.5 for row in range(70)]}
    )
    frame.to_csv(tmp_path / "log.csv", index=False)
    text, source = drafted(tmp_path / "log.csv")
    assert source.as_of == as_of and said in text.splitlines()[5]
    believed = replace(source, as_of=stray)
    with files.open_log(believed, fetched(source, tmp_path / "log.csv", tmp_path)) as log:
        notes = clean_transactions(log, believed)[1]["notes"]
    far = (
        []
        if stray == as_of
        else ["1 lines lie far after all others", "the as-of date 2204-01-01 lies 65,675 days after"]
    )
    assert len(notes) == len(far) and all(map(str.startswith, notes, far))


def test_nothing_of_the_future_is_an_as_of_date():
    days = [(date(2024, 1, day), 5) for day in range(1, 31)]
    assert as_of_line(days, date(2024, 1, 10)).startswith(
        'as_of: "2024-01-10" # CHECK: 100 lines lie after it, up to 2024-01-30'
    )


def test_swapped_day_and_month_are_pointed_out():
    log = text_frame(customer=["1", "1"], date=["01/02/2024", "03/02/2024"], amount=["1", "2"])
    roles = guess_roles(log)
    assert (roles.time_format, roles.other_time_format) == ("%d/%m/%Y", "%m/%d/%Y")


@pytest.mark.parametrize(
    ("columns", "is_log"),
    [
        ({"customer_id": ["1", "1"], "date": ["2024-01-01", "2024-01-02"], "amount": ["1", "2"]}, True),
        ({"customer_id": ["1", "2"], "date": ["2024-01-01", "2024-01-02"], "amount": ["1", "2"]}, False),
        ({"customer_id": ["1", "1"], "date": ["20240101", "20240102"], "value": ["1", "2"]}, True),
        ({"customer_id": ["1", "1"], "amount": ["1", "2"]}, False),
    ],
)
def test_a_log_has_repeated_customers_times_and_money(columns, is_log):
    assert guess_roles(text_frame(**columns)).is_log is is_log


def test_a_large_log_is_sampled_over_its_whole_length(tmp_path, monkeypatch):
    monkeypatch.setattr(draft, "SAMPLE_ROWS", 10)
    pd.DataFrame(
        {"user": [row % 5 for row in range(95)], "time": pd.date_range("2024-01-01", periods=95), "paid": 1.5}
    ).to_parquet(tmp_path / "log.parquet")
    text, source = drafted(tmp_path / "log.parquet")
    assert "Looked at 10 of 95 rows" in text
    assert source.as_of == "2024-04-04"


def test_awkward_columns_are_left_out_with_a_reason(tmp_path):
    rows = 60
    path = tmp_path / "odd: name #1.csv"
    pd.DataFrame(
        {
            'No "id" {x}: y': range(0, 2 * rows, 2),
            "Été %": range(0, 2 * rows, 2),
            "été_%": range(0, 2 * rows, 2),
            "2020": range(0, 2 * rows, 2),
            "email": [f"person{row}@example.org" for row in range(rows)],
            "born": pd.date_range("2000-01-01", periods=rows),
            "empty": [None] * rows,
        }
    ).to_csv(path, index=False)
    text, source = drafted(path)
    assert source.customers is not None and source.customers.id is None
    assert set(source.customers.columns) == {"no_id_x_y", "été", "été_2", "c_2020", "born"}
    for word in (
        "email says where somebody can be reached",
        'as_of: "20',
        "empty has no values",
        "no column with one value per row",
    ):
        assert word in text


def test_a_code_that_repeats_is_no_customer_id(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("zip_code,member\n" + "".join(f"{1000 + row % 3},m{row}\n" for row in range(30)))
    _, source = drafted(path)
    assert source.customers is not None and source.customers.id == "member"
    path.write_text("zip_code,age\n" + "".join(f"{1000 + row % 3},{row}\n" for row in range(30)))
    _, source = drafted(path)
    assert source.customers is not None and source.customers.id is None


def test_one_column_of_free_text_still_gives_a_valid_draft(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("words\n" + "".join(f"word number {row}\n" for row in range(80)))
    _, source = drafted(path)
    assert source.customers is not None and source.customers.columns == {}


def test_xlsx_and_broken_files(tmp_path, shared_data):
    pd.DataFrame({"id": [1, 2], "age": [30, 40]}).to_excel(tmp_path / "people.xlsx", index=False)
    _, source = drafted(tmp_path / "people.xlsx")
    assert source.customers is not None and list(source.customers.columns) == ["age"] and source.policy == Policy()
    with pytest.raises(DataError, match="is not a complete Excel file"):
        describe_file(shared_data / "dirty/truncated.xlsx")


@pytest.mark.parametrize(
    "name", ["a b.csv", "~x.csv", ".hidden.csv", "new\nline.csv", "back\\slash.csv", "..csv", "$(rm).csv"]
)
def test_a_draft_stays_in_its_folders_whatever_the_file_is_called(tmp_path, monkeypatch, name):
    """In the project or beside it: the name goes into conf/source/, the raw file under data/."""
    (tmp_path / "project/data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    for path in (tmp_path / name, Path("data") / ".." / ".." / name):
        (tmp_path / name).write_text("id,age\n1,20\n2,30\n")
        text, source = drafted(path)
        assert re.fullmatch(r"\w+", source.name)
        assert raw_place(source.raw_paths[0], source.name).parent == Path("data", source.name)
        assert text.count("\nname: ") == 1
