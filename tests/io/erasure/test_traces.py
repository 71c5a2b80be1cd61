"""What one file holds of a customer, and the file without him."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from segments.config.source import Reader
from segments.io.erasure.traces import Sought, Trace, take_out, trace_in

HIM = Sought(("Zq-4711",), "auto", ("customer_id", "Kunde"))
SHORT = Sought(("7",), "auto", ("customer_id", "Kunde"))


def after(path: Path, wanted: Sought, reader: Reader | None = None) -> bytes:
    to = path.with_name("after" + path.suffix)
    take_out(path, wanted, to, reader)
    return to.read_bytes()


@pytest.mark.parametrize(
    ("rows", "content", "without"),
    [
        (2, b'customer_id,n\n8,"a\nb"\n007,1\n7,2\n77,7\n', b'customer_id,n\n8,"a\nb"\n77,7\n'),
        (1, b"7\n\nKunde;Ort\r\n7;Ulm\r\n8;Bonn\r\n", b"7\n\nKunde;Ort\r\n8;Bonn\r\n"),  # a title is nobody's row
        (1, b"Title\n\nKunde;Ort\r\n7;Ulm\r\n8;K\xf6ln\r\n", b"Title\n\nKunde;Ort\r\n8;K\xf6ln\r\n"),
        (1, b'n,customer_id\n1,"7"\n2,"8"\n3,"70"', b'n,customer_id\n2,"8"\n3,"70"'),
        (1, "customer_id\tn\n7\té\n8\tü\n".encode("utf-16"), "customer_id\tn\n8\tü\n".encode("utf-16")),
    ],
)
def test_other_rows_of_a_text_stay_byte_by_byte(tmp_path: Path, rows: int, content: bytes, without: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    assert trace_in(path, SHORT) == Trace("table", rows)
    assert after(path, SHORT) == without
    path.write_bytes(without)
    assert trace_in(path, SHORT) is None


def test_a_parquet_loses_his_rows_and_keeps_types_order_and_metadata(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"Kunde": ["7", "8", None, "007"], "x": [1.5, np.nan, 2.0, 3.0], "n": pd.array([1, None, 3, 4], "Int64")}
    )
    path = tmp_path / "log.parquet"
    table.to_parquet(path, index=False)
    assert trace_in(path, SHORT) == Trace("table", 2)
    after(path, SHORT)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "after.parquet"), table.iloc[1:3].reset_index(drop=True))
    by_number = tmp_path / "numbers.parquet"
    table.assign(Kunde=[7, 8, 9, 70]).to_parquet(by_number)
    assert trace_in(by_number, SHORT) == Trace("table", 1)


def test_an_id_that_is_nothing_else_is_found_in_every_kind_of_file(tmp_path: Path) -> None:
    files = {
        "page.html": b"<p>Dear Zq-4711</p>",
        "note": b"seen Zq-4711 twice",
        "list.json": json.dumps({"a": [{"who": "Zq-4711"}], "b": {"Zq-4711": 1}}).encode(),
        "other.csv": b"who,n\nZq-4711,1\nb,2\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    np.savez(tmp_path / "plain.npz", ids=np.array(["Zq-4711", "b"]))
    np.savez_compressed(tmp_path / "packed.npz", ids=np.array(["Zq-4711", "b"]))
    pd.DataFrame({"text": ["about Zq-4711 and others"]}).to_parquet(tmp_path / "text.parquet")
    pd.DataFrame({"list": [["Zq-4711"]]}).to_parquet(tmp_path / "nested.parquet")
    with sqlite3.connect(tmp_path / "runs.db") as database:
        database.execute("CREATE TABLE tags (value TEXT)")
        database.execute("INSERT INTO tags VALUES ('of Zq-4711')")
    with zipfile.ZipFile(tmp_path / "code.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "Zq-4711")
    found = {path.name: trace_in(path, HIM) for path in tmp_path.iterdir()}
    assert {name for name, trace in found.items() if trace is None} == set()
    assert {name: trace.kind for name, trace in found.items() if trace} == {
        **dict.fromkeys(
            ["page.html", "note", "plain.npz", "packed.npz", "text.parquet", "nested.parquet", "code.zip"], "other"
        ),
        "list.json": "document",
        "other.csv": "table",
        "runs.db": "database",
    }
    assert found["list.json"] == Trace("document", 2)
    nobody = Sought(("Zq-4712",), "auto", HIM.headers)
    assert {path.name for path in tmp_path.iterdir() if trace_in(path, nobody)} == set()


def test_a_short_number_is_looked_for_in_columns_of_customers_only(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(
        '{"k": 7, "7": {"share": "7"}, "customers": [{"customer_id": "7"}, {"customer_id": "8"}]}'
    )
    (tmp_path / "split.json").write_text('{"columns": ["n", "customer_id"], "data": [["7", "8"], ["8", "7"]]}')
    (tmp_path / "orders.csv").write_text("order,n\n7,7\n")
    (tmp_path / "page.html").write_text("<p>7</p>")
    assert trace_in(tmp_path / "k.json", SHORT) == Trace("document", 1)
    assert trace_in(tmp_path / "split.json", SHORT) == Trace("document", 1)
    assert trace_in(tmp_path / "orders.csv", SHORT) is None
    assert trace_in(tmp_path / "page.html", SHORT) is None


def test_a_raw_file_is_read_as_its_source_says(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("7|a\n8|b\n")
    reader = Reader(separator="|", names=["Kunde", "n"])
    assert trace_in(path, SHORT, reader) == Trace("table", 1)
    assert after(path, SHORT, reader) == b"8|b\n"


def workbook(path: Path, **sheets: list[list[object]]) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Cover"  # without a table
    for name, rows in sheets.items():
        for row in [book.create_sheet(name), *rows][1:]:
            book[name].append(row)
    book.save(path)


@pytest.mark.parametrize("name", ["log.xlsx", "0a1b2c"])  # DVC's cache has no suffixes
def test_of_a_workbook_every_sheet_that_names_him_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    header: list[object] = ["Kunde", "n"]
    workbook(tmp_path / "a.xlsx", Jan=[header, [7, 1], [8, 2], ["007", 3]], Feb=[header, [8, 7]], Mar=[header, [7, 1]])
    (tmp_path / "a.xlsx").rename(path)
    assert trace_in(path, SHORT) == Trace("other", 3, "2 in sheet 'Jan', 1 in sheet 'Mar'")
    assert trace_in(path, Sought(("9",), "auto", SHORT.headers)) is None
    workbook(path.with_suffix(".xlsx"), Jan=[["Zq-4711", 1], ["b", 2]])
    path.with_suffix(".xlsx").rename(path)
    assert trace_in(path, HIM) == Trace("other", 1, "1 in sheet 'Jan'")
    workbook(path.with_suffix(".xlsx"), Jan=[[7, 1], [8, 2]], Feb=[header, [7, 1]])
    path.with_suffix(".xlsx").rename(path)
    assert trace_in(path, SHORT, Reader(names=["Kunde", "n"])) == Trace(
        "other", 2, "1 in sheet 'Jan', 1 in sheet 'Feb'"
    )


def test_what_is_packed_is_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"Kunde,n\nZq-4711,1\n007,2\n8,3\n"))
    assert trace_in(path, HIM) == trace_in(path, SHORT) == Trace("other", 1)
    assert trace_in(path, Sought(("Zq-4712", "9"), "auto", HIM.headers)) is None
    path.write_bytes(gzip.compress(b"Zq-4711\n" + bytes(1 << 20))[:-9])  # broken off
    assert trace_in(path, HIM) == Trace("other", 1)
    path.write_bytes(b"\x1f\x8bZq-4711")  # none, whatever its first bytes say
    assert trace_in(path, HIM) is None
