"""Edge `intake`: every kind of raw file opens as the same cells, every broken one with one clear sentence."""

from __future__ import annotations

import base64
import codecs
import os
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import odd_files
from segments.config.source import Column, Customers, Products, Reader, Source, Transactions
from segments.data.cleaning.customers import clean_customers
from segments.data.cleaning.transactions import clean_transactions
from segments.data.drafting.draft import describe_file
from segments.data.reading import files
from segments.data.reading.dialect import header_of
from segments.data.reading.encoding import western_page
from segments.data.reading.kinds import first_bytes, guarded
from segments.errors import DataError

TEXT = "id,name,spend\r\n1,Zoë,10.5\r\n2,José,?\r\n"
CELLS = {"id": ["1", "2"], "name": ["Zoë", "José"], "spend": ["10.5", "?"]}


def cells(path: Path, **reader) -> dict[str, list]:
    return files.read_cells(path, Reader(**reader)).cells.to_dict("list")


def write(folder: Path, content: bytes | str, name: str = "raw.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def log_rows(path: Path, **reader) -> list[tuple]:
    source = Source(
        "s",
        as_of="2024-01-31",
        transactions=Transactions(path.name, customer="id", time="t", amount="a", read=Reader(**reader)),
    )
    with files.open_log(source, path.parent) as log:
        return log.lines.fetchall()


def read_customers(source: Source, project: Path):
    with files.open_customers(source, project) as raw:
        return clean_customers(raw, source)


def notes(path: Path, **reader) -> list[str]:
    source = Source("s", customers=Customers(path.name, read=Reader(**reader)))
    with files.open_customers(source, path.parent) as raw:
        return raw.notes


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("latin-1"),
        TEXT.encode("cp1252"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.replace("\r\n", "\n").encode(),
        TEXT.replace("\r\n", "\n\n").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace(",", "|").encode("latin-1"),
    ],
)
def test_encodings_and_separators_are_found_out(tmp_path, content):
    path = write(tmp_path, content)
    assert cells(path) == CELLS
    assert log_rows(path) == [("1", "Zoë", "10.5"), ("2", "José", "?")]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("顧客番号,店舗,金額\n007,東京店,500\n", "shift_jis"),
        ("会员编号,城市,金额\n007,北京,500\n", "gb18030"),
        ("會員編號,門市,金額\n007,台北,500\n", "big5"),
        ("고객번호,매장,금액\n007,서울,500\n", "euc_kr"),
        ("Kunde,Straße,Größe\nMüller,Löß,500\n", "cp1252"),
    ],
)
def test_a_code_page_is_recognised_by_everyday_letters(tmp_path, text, encoding):
    path = write(tmp_path, text.encode(encoding))
    header, row = text.split()
    assert list(cells(path).items()) == [
        (name, [cell]) for name, cell in zip(header.split(","), row.split(","), strict=True)
    ]


def test_a_guessed_encoding_is_noted_and_a_given_one_is_not(tmp_path):
    path = write(tmp_path, TEXT.encode("latin-1"))
    assert "is a guess" in notes(path)[0]
    assert notes(path, encoding="latin-1") == []


def test_given_encoding_wins_over_detection(tmp_path):
    path = write(tmp_path, "id,name\n1,Łódź\n".encode("cp1250"))
    assert cells(path, encoding="cp1250")["name"] == ["Łódź"]
    assert cells(write(tmp_path, codecs.BOM_UTF8 + b"id\n1\n"), encoding="utf-8") == {"id": ["1"]}


@pytest.mark.parametrize(
    ("page", "texts"),
    {
        "cp1252": ["Müller, Köln", "café", "José Núñez, São Paulo, Málaga", "Œuvre, Noël, l’été", "m³ und m² Fläche, 2½ Stück", "Nº de cliente, 1ª compra, año", "¿Qué? 5°C, £5", "Þór Guðmundsson, Ísafjörður", "Størrelse, Ærø, Århus", "Simões, Müller, José", "Straße; Umsatz (€); “x” – 5 £"],
        "cp1250": ["miał Łódź, Gdańsk", "Data sprzedaży; Imię", "KWOTA; 31,20 zł", "klient; imię; wartość; miesiąc", "Příliš žluťoučký kůň", "Győr, Székesfehérvár, Hűség", "Bucureşti, preţ, judeţ", "Đorđe, Čačak, Niš"],
        "iso8859_2": ["Łódź, Gdańsk, Śląsk, żółty", "Příliš žluťoučký kůň"],
        "cp1254": ["müşteri, İstanbul, Kadıköy", "Beyoğlu, Şişli"],
        "cp1257": ["Rīga, klients, pārdošana, ļoti", "Šiauliai, pirkėjas, įmonė"],
        "cp1251": ["Иванов, Москва", "КЛИЕНТ; СУММА; ДАТА", "клиент, сумма", "Київ, місто, ціна"],
        "koi8_r": ["Иванов, Москва", "КЛИЕНТ; СУММА; ДАТА", "клиент, сумма"],
        "cp866": ["Иванов, Москва", "клиент, сумма"],
        "cp1253": ["πελάτης, ποσό", "Αθήνα, Θεσσαλονίκη"],
    }.items(),
)  # fmt: skip
def test_a_code_page_is_recognised_by_the_letters_of_its_languages(page, texts):
    assert [western_page(text.encode(page)) for text in texts] == [page] * len(texts)


def test_too_few_letters_are_no_other_page():
    """One that no western text has may be anything; Arabic is none of the alphabets that are known here."""
    assert western_page("Müşteri No".encode("cp1254")) is None
    assert western_page("العميل والمبلغ والتاريخ".encode("cp1256")) is None


def test_cyrillic_text_is_recognised(tmp_path):
    path = write(tmp_path, "id,город\n1,Москва\n".encode("cp1251"))
    assert cells(path)["город"] == ["Москва"] and "read as cp1251, which is a guess" in notes(path)[0]


def test_german_text_is_no_code_page_of_a_printer(tmp_path):
    lines = [f"{row};Köln;{row % 90},50;01.02.20{row % 24:02}" for row in range(200)]
    path = write(tmp_path, "\r\n".join(["Nr;Ort;Umsatz (€);Tag", *lines]).encode("cp1252"))
    assert list(cells(path))[2] == "Umsatz (€)" and cells(path)["Ort"][0] == "Köln"


def test_titles_of_a_sheet_are_above_its_header_though_all_rows_are_as_long(tmp_path):
    rows = [
        ["Report 2024", "", "", ""],
        ["printed on", "", "2024-07-01", ""],
        ["", "", "", ""],
        ["No", "Invoice", "Date", "Net"],
    ]
    body = [[str(row), f"R{row}", "2024-01-02", "1.5"] for row in range(5)]
    assert header_of([*rows, *body], Reader()).above == 3
    assert header_of(rows[3:] + body, Reader()).above == 0


@pytest.mark.parametrize(
    ("content", "decimal"),
    [
        ("id;x\n1;10,5\n2;3\n", ","),
        ('id,x\n1,"10,5"\n', ","),
        ("id;x\n1;1,234\n", "."),  # a thousand or a decimal: nobody knows
        ("id;x\n1;10,5\n2;3.5\n", "."),
        ("id;x\n1;10.5\n", "."),
    ],
)
def test_decimal_commas_are_read_only_where_certain(tmp_path, content, decimal):
    path = write(tmp_path, content)
    assert files.read_cells(path, Reader()).decimal == decimal
    assert files.read_cells(path, Reader(decimal=".")).decimal == "."


def test_quotes_hold_separators_and_line_ends(tmp_path):
    path = write(tmp_path, 'id,name\n1,"a, ""b""\nc"\n')
    assert cells(path) == {"id": ["1"], "name": ['a, "b"\nc']}
    assert log_rows(path) == [("1", 'a, "b"\nc')]


def test_parquet_and_xlsx_give_the_same_cells_as_csv(tmp_path):
    frame = pd.DataFrame(
        {
            "id": [1, 2],
            "when": pd.to_datetime(["2024-01-02", "2024-01-03 10:00"], format="ISO8601"),
            "x": [1.5, None],
            "n": [7.0, None],
            "who": ["a", None],
        }
    )
    frame.to_parquet(tmp_path / "raw.parquet")
    frame.to_excel(tmp_path / "raw.xlsx", index=False)
    for path in (tmp_path / "raw.parquet", tmp_path / "raw.xlsx"):
        table = files.read_cells(path, Reader()).cells
        assert table["id"].tolist() == ["1", "2"]
        assert table["when"].tolist() == ["2024-01-02 00:00:00", "2024-01-03 10:00:00"]
        assert table["x"][0] == "1.5" and table["n"][0] == "7" and table["who"][0] == "a"
        assert {"" if pd.isna(table[name][1]) else table[name][1] for name in ("x", "n", "who")} == {""}


def test_xlsx_sheets_and_leading_blank_rows(tmp_path):
    with pd.ExcelWriter(tmp_path / "raw.xlsx") as book:
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="first", index=False)
        pd.DataFrame({"b": [2]}).to_excel(book, sheet_name="second", index=False, startrow=3, startcol=1)
    assert cells(tmp_path / "raw.xlsx") == {"a": ["1"]}
    assert cells(tmp_path / "raw.xlsx", sheet="second") == {"b": ["2"]}
    with pytest.raises(DataError, match="no sheet 'third'") as error:
        cells(tmp_path / "raw.xlsx", sheet="third")
    assert "first, second" in error.value.fix


@pytest.mark.slow
def test_a_log_is_the_same_clean_table_from_every_kind_of_file(tmp_path):
    frame = pd.DataFrame(
        {
            "id": [1, 2, 2],
            "t": pd.to_datetime(["2024-01-02 10:00", "2024-01-03", "2024-01-04"], format="ISO8601"),
            "a": [1.5, 2, -1],
            "p": [5.0, None, 6.0],
        }
    )
    frame.to_csv(tmp_path / "raw.csv", index=False)
    frame.to_csv(tmp_path / "euro.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    frame.to_excel(tmp_path / "raw.xlsx", index=False)
    frame.to_parquet(tmp_path / "raw.parquet")
    pd.DataFrame({"sku": [5, 6], "dep": ["x", "y"]}).to_csv(tmp_path / "products.csv", index=False)
    products = Products("products.csv", id="sku", department="dep")
    tables = []
    for name in ("raw.csv", "euro.csv", "raw.xlsx", "raw.parquet"):
        source = Source(
            "s",
            as_of="2024-01-31",
            transactions=Transactions(name, customer="id", time="t", amount="a", product="p", products=products),
        )
        with files.open_log(source, tmp_path) as log:
            table, report = clean_transactions(log, source)
            tables.append(table.df())
        assert report["reasons"] == [{"reason": "return (amount below zero)", "rows": 1, "action": "keep"}]
    assert tables[0]["product_id"].tolist()[0] == "5.0", "as it is written"
    for table in tables:
        table["product_id"] = table["product_id"].str.replace("[.,]0$", "", regex=True)
        assert table["department"].tolist()[0] == "x"
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


def test_times_with_a_zone_are_utc_whatever_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    pd.DataFrame({"id": [1], "t": pd.to_datetime(["2024-01-02 10:00+02:00"]), "a": [1.0]}).to_parquet(
        tmp_path / "raw.parquet"
    )
    source = Source(
        "s", as_of="2024-01-31", transactions=Transactions("raw.parquet", customer="id", time="t", amount="a")
    )
    with files.open_log(source, tmp_path) as log:
        assert clean_transactions(log, source)[0].df()["purchased_at"].tolist() == [pd.Timestamp("2024-01-02 08:00")]


def test_no_temporary_files_stay_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    log_rows(write(tmp_path, TEXT.encode("utf-16")))
    assert list((tmp_path / "tmp").iterdir()) == []


# --- bad input ----------------------------------------------------------------------------------------------------

BROKEN = {
    "empty": ("raw.csv", b"", "is empty"),
    "blank": ("raw.csv", b" \r\n \n", "is empty"),
    "only a mark": ("raw.csv", codecs.BOM_UTF8, "is empty"),
    "header only": ("raw.csv", b"id,t,a\n", "has a header but no rows|no lines"),
    "web page": ("raw.csv", b"\n<!DOCTYPE html><html><body>Sign in, please</body></html>", "is a web page"),
    "web page in utf-16": ("raw.csv", "<html>Sign in, please</html>".encode("utf-16"), "is a web page"),
    "web page as parquet": ("raw.parquet", b"<html>", "is a web page"),
    "web page as xlsx": ("raw.xlsx", b"<html>", "is a web page"),
    "excel as csv": ("raw.csv", b"PK\x03\x04\x14\x00\x06", "is an Excel or zip file"),
    "parquet as csv": ("raw.csv", b"PAR1\x15\x04", "is a parquet file"),
    "binary": ("raw.csv", bytes(range(256)) * 8, "is a binary file"),
    "binary without zeros": ("raw.csv", bytes(range(1, 256)) * 8, "is a binary file"),
    "lfs pointer": ("raw.csv", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    "text as parquet": ("raw.parquet", b"id,t\n1,2\n", "is not a parquet file"),
    "cut parquet": ("raw.parquet", b"PAR1\x15\x04\x15", "is not a complete parquet file"),
    "text as xlsx": ("raw.xlsx", b"id,t\n1,2\n", "is not an Excel file"),
    "zip as xlsx": ("raw.xlsx", b"PK\x03\x04nothing", "is not a complete Excel file"),
    "old excel or a password as xlsx": ("raw.xlsx", b"\xd0\xcf\x11\xe0", "of the old kind or with a password"),
    "cut old excel": ("raw.xls", b"\xd0\xcf\x11\xe0", "is not a complete Excel file"),
    "xlsx as old excel": ("raw.xls", b"PK\x03\x04", "is an Excel or zip file"),
    "web page as old excel": ("raw.xls", b"<html><table>", "is a web page"),
    "packed": ("raw.csv.gz", b"\x1f\x8b", "files named '.gz' cannot be read"),
    "short row": ("raw.csv", b"id,t,a\n1,2,3\n4,5\n", "line 3 of .*raw.csv has 2 fields, its header has 3"),
    "long row": ("raw.csv", b"id,t,a\n1,2,3\n4,5,6\n7,8,9,10\n", "line 4 of .*raw.csv has 4 fields, its header has 3"),
    "open quote": ("raw.csv", b'id,t,a\n1,"2,3\n4,5,6\n', "line . of .*raw.csv cannot be read"),
    "twice the same column": ("raw.csv", b"id,t,id\n1,2,3\n", "column 'id' appears twice"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("entry", ["customers", "transactions"])
def test_broken_files_get_one_clear_error(tmp_path, case, entry):
    name, content, sentence = BROKEN[case]
    write(tmp_path, content, name)
    with pytest.raises(DataError, match=sentence) as error:
        if entry == "customers":
            with files.open_customers(Source("s", customers=Customers(name)), tmp_path):
                pass
        else:
            source = Source(
                "s", as_of="2024-01-01", transactions=Transactions(name, customer="id", time="t", amount="a")
            )
            with files.open_log(source, tmp_path) as log:
                clean_transactions(log, source)
    assert error.value.where
    assert error.value.fix


# A workbook of the old kind, which nothing installed here writes: packed, in letters.
OLD_WORKBOOK = zlib.decompress(
    base64.b85decode(
        "c-rk)O=uHA6#izj`K9?a6&j(0f>mn^RS)&jt`@Y1(o#iGM9|c%McSqk+C#lqtpP8B;7JjsQUxznFaDr{f(H*mMGrzjNYq<Tf`W%M>zlW`n$`#n"
        "Xd$xSGH>3znQ!Lp&di(LeKQ};&)iQGumW9hp=9{sDYFSme!CC>)f<LX?c7Jna8Oh5`)DFPZafLT_R2Yw^Id>~d+H04z(-0)a0>ln89lj%=w=^M"
        "Li*52Qs5d{LTF&GVl0odT*vY*w|vTS7h5i}?4-7NaTxPjf6Gp56(3TXxGn_Q??dJ+uw@(S@k*}ZGna(f){WiSlc|v!t7uf~FbkT{9zCOHWjTyn"
        "2mq6Ww$ahHbUKeXP4+Cl8A;%)y{n%m9sAna1<3w=x!wB*yN@PurTwy^0#h)K@g~V3h=eL@-01y0aY8R*JMU=^o6tLvN$W1)Kx&9A-THVoHAKbs"
        "_6}M=9c1b&j*RHpfQ<AU86wLfLy&h&9mzDptVem@M98(`oiA_u1_!jGY?<QIz&tZHN*7_^tYi>5#5L?CoiacRGq$ok$GvV~J;5?gepB8&P;V)F"
        "r@75}u5G4qb}-&)o67Xfq~{j*J!;H-(zcL3*HbthpL?&(poz|~H1Xv%jaJbru3nLNtl7D+;>!n?4Zp=2pAxZrH>`s(j3v3d2vL@1Nj@F%v!qzh"
        "O0q=-wqUk=9?xie>0J!hUrN^E1urorPpQCDn5SAig?TrbcZ1@)$#YfUxtQm+crNDMW?qQB?NVZRAUmgc`U?R#aNxj!0|yQqIH+X^e%CYK!&UPe"
        "f#3AK)_<KPN+stv$$yLe7^7>PJ}UPhLwOdHRjr@(a0|OHu}Y5pzfj^Jjh@9Y2HB6{s@E@l@rd&KSv4{8_qI^A<Cm)O^B<4@1B6QBO8"
    )
)


def test_a_workbook_of_the_old_kind(tmp_path):
    (tmp_path / "old.XLS").write_bytes(OLD_WORKBOOK)
    assert cells(tmp_path / "old.XLS") == {
        "Kunde": ["007", "7", "Müller"],
        "Tag": ["2024-02-29 00:00:00", "2024-03-01 00:00:00", "2024-03-02 00:00:00"],
        "Betrag": ["1234.5", "-0.25", "3"],
    }


def test_truncated_xlsx(shared_data):
    with pytest.raises(DataError, match=r"truncated.xlsx is not a complete Excel file"):
        files.read_cells(shared_data / "dirty/truncated.xlsx", Reader())
    with pytest.raises(DataError, match=r"truncated.xlsx is not a complete Excel file"):
        log_rows(shared_data / "dirty/truncated.xlsx")


VAST = ["far", "reference0", "reference1", "reference2"]


@pytest.mark.parametrize("name", [*VAST, "lost3"])
def test_a_workbook_that_would_end_the_process_is_refused(tmp_path, name):
    """One cell far away makes a sheet of billions; without its list of sheets it has none."""
    content = dict(odd_files.odd_files())[f"{name}.xlsx"]
    sentence = (
        "a sheet of .* reaches over [0-9,]+ cells" if name in VAST else "has no sheets|is not a complete Excel file"
    )
    with pytest.raises(DataError, match=sentence):
        files.read_cells(write(tmp_path, content, "raw.xlsx"), Reader())


def test_what_a_parser_panics_at_is_one_error(tmp_path):
    class PanicException(BaseException):  # as Rust's
        pass

    def panics():
        raise PanicException("at the disco")

    with pytest.raises(DataError, match="is not a complete Excel file: at the disco"):
        guarded(tmp_path / "raw.xlsx", "Excel file", panics)
    for stops in (KeyboardInterrupt, SystemExit, MemoryError):
        with pytest.raises(stops):
            guarded(tmp_path / "raw.xlsx", "Excel file", partial(raises, stops))


def raises(kind):
    raise kind


def test_missing_file_tells_the_command(tmp_path):
    source = Source(
        "shop",
        customers=Customers("data/none.csv"),
        as_of="2024-01-01",
        transactions=Transactions("data/log.csv", customer="c", time="t", amount="a"),
    )
    with pytest.raises(DataError, match=r"raw file data/none.csv is missing") as error:
        read_customers(source, tmp_path)
    assert "segments fetch source=shop" in error.value.fix
    with pytest.raises(DataError, match=r"raw file data/log.csv is missing"), files.open_log(source, tmp_path):
        pass
    with pytest.raises(DataError, match="does not exist"):
        describe_file(tmp_path / "none.csv")


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "raw.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        cells(tmp_path / "raw.csv")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "raw.csv")
    for path in (tmp_path / "raw.csv", Path("/dev/zero")):
        with pytest.raises(DataError, match="is no plain file"):
            first_bytes(path)


def test_a_file_without_permission(tmp_path, monkeypatch):
    """Root may read everything, so the refusal is played."""
    path = write(tmp_path, TEXT)

    def refuse(self, *words, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="cannot be opened"):
        cells(path)


def test_wrong_separator_in_the_config_suggests_the_right_one(tmp_path):
    with pytest.raises(DataError, match="is not separated by ';'") as error:
        cells(write(tmp_path, TEXT), separator=";")
    assert "set read.separator to ','" in error.value.fix


def test_wrong_or_unknown_encoding_in_the_config(tmp_path):
    path = write(tmp_path, TEXT.encode("latin-1"))
    for read in (cells, log_rows):
        with pytest.raises(DataError, match="is not utf-8"):
            read(path, encoding="utf-8")
        for wrong in ("utf-9", "hex", "rot13", "base64", "zlib", "../x", "a\0b"):
            with pytest.raises(DataError, match=r"is not an encoding"):
                read(path, encoding=wrong)


def test_late_bad_bytes_are_an_error_too(tmp_path):
    content = b"id,t,a\n" + b"1,2,3\n" * 60_000 + b"4,\xff,6\n"
    path = write(tmp_path, content)
    for read in (cells, log_rows):
        with pytest.raises(DataError, match="is not utf-8"):
            read(path, encoding="utf-8")


def test_columns_without_a_header_get_a_name(tmp_path):
    assert list(cells(write(tmp_path, ",age\n0,20\n"))) == ["column 1", "age"]


def test_read_customers_feeds_the_room(tmp_path):
    write(tmp_path, TEXT.replace("?", "7").encode("latin-1"))
    source = Source("s", customers=Customers("raw.csv", id="ID", columns={"spend": Column()}))
    table, report = read_customers(source, tmp_path)
    assert table["spend"].tolist() == [10.5, 7]
    assert "raw.csv is not UTF-8; read as cp1252" in report["notes"][0]
    assert replace(source).raw_paths == ["raw.csv"]
