"""Files as somebody makes them who wants a reader to fail: each kind once, small on disk, whatever it is in memory. `make fuzz` reads and damages them."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import os
import socket
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 40
TEXT = "id,age,spent\n" + "".join(f"c{i},{20 + i % 50},{i * 1.5}\n" for i in range(ROWS))
IDS, NUMBERS = pa.array([f"c{i}" for i in range(ROWS)]), pa.array([float(i) for i in range(ROWS)])
DAYS = [datetime(2020, 1, 1) + timedelta(i) for i in range(ROWS)]
# Headers that mean something to YAML, to Hydra, to a template, to a terminal, or to this program.
HEADERS = (
    *("a: b", "- c", "{d}", "e #f", "&g", "*h", "!i", "%j", "@k", "`l", "null", "~", "yes", "1", "1.5", "2020-01-01", "'"),
    *("\\", "a\tb", "? x", ": ", "|", ">", "${oc.env:HOME}", "{{ x }}", "_target_", "hydra", "customer_id", "segments row"),
    *("\x1b[31mage", "id\u202e", "🧍", "", " "),
)  # fmt: skip
ENCODINGS = (
    "utf-8-sig",
    "utf-16",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "utf-32-be",
    "utf-7",
    "cp037",
    "shift_jis",
    "gb18030",
)
DATES = (
    "0000-00-00",
    "9999-12-31",
    "1582-10-10",
    "2020-02-30",
    "10000-01-01",
    "-0001-01-01",
    "2020-W01-1",
    "2020-01-01T25:00",
)
INSTANTS = (
    "2020-01-01T00:00:00+99:99",
    "2020-01-01T00:00:00-00:00",
    "2020-01-01 00:00:00 Europe/Berlin",
    "9999-12-31",
    "0001-01-01",
)


def odd_files() -> Iterator[tuple[str, bytes]]:
    """Name and content of every kind."""
    yield from _texts()
    yield from _parquets()
    yield from _workbooks()


def odd_paths(folder: Path) -> Iterator[Path]:
    """What is no plain file, or cannot be named."""
    for name, target in {
        "loop.csv": "loop.csv",
        "gone.csv": "nowhere",
        "null.csv": "/dev/null",
        "zero.csv": "/dev/zero",
    }.items():
        (folder / name).symlink_to(target)
        yield folder / name
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "fifo.csv")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "socket.csv"))
    yield from (
        folder / name for name in ("folder.csv", "fifo.csv", "socket.csv", "n" * 300 + ".csv", "*", "[.csv", "")
    )


def _texts() -> Iterator[tuple[str, bytes]]:
    for encoding in ENCODINGS:
        yield f"{encoding}.csv", TEXT.encode(encoding)
    yield "utf-32-be-mark.csv", codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.csv", TEXT)
    yield from {
        "one.csv": b"a",
        "nul.csv": b"\0",
        "mark.csv": codecs.BOM_UTF16,
        "marks.csv": codecs.BOM_UTF8 * 2 + TEXT.encode(),
        "half_a_sign.csv": TEXT.encode("utf-16") + b"x",
        "header.csv": b"id,age\n",
        "headers.csv": "\n".join(",".join(f'"{x}{i}"' for x in HEADERS) for i in ("", *range(9))).encode(),
        "twice.csv": b"id,Age,age, AGE \n1,2,3,4\n4,5,6,7\n",
        "nameless.csv": b",,,\n1,2,3,4\n4,5,6,7\n",
        "wide.csv": "\n".join(",".join(f"{x}{i}" for i in range(100)) for x in ("c", 1, 2, 3)).encode(),
        "long.csv": b"id,age\n" + b"a" * 1_000_000 + b",3\nb,4\n",
        "fields.csv": b"a," * 100_000,
        "quote.csv": b'id,age\n"' + b"a" * 1_000_000,
        "long_headers.csv": (",".join("h" * 5000 + str(i) for i in range(3)) + "\n1,2,3\n4,5,6\n").encode(),
        "line_ends.csv": b"id,age\r\na,1\nb,2\rc,3\r\n\nd,4\n",
        "nuls.csv": b"id,a\0ge\na,1\0\nb\0,2\nc,3\n",
        "ragged.csv": b"id,age\na\nb,1,2,3,4\n,,\nc,2\n",
        "blanks.csv": b"\n\n  \n\nid,age\n\na,1\n\n\nb,2\n\n",
        "commas.csv": b",\n" * 100,
        "gzip.csv": gzip.compress(TEXT.encode()),
        "zip.csv": packed.getvalue(),
        "zip.xlsx": packed.getvalue(),
        "list.csv": json.dumps([{"a": 1}, {"a": 2}]).encode(),
        "lines.csv": b'{"a":1,"b":{"c":2}}\n{"a":2,"b":[1]}\n',
        "deep.json": b"[" * 100_000,
        "pickle.csv": b"\x80\x04\x95\x0b\x00",
        "large.csv": ("id,n,e\n" + "\n".join(f"{i},{'9' * 400},1e{20 * i}" for i in range(ROWS))).encode(),
        "dates.csv": ("id,day\n" + "\n".join(f"{i},{x}" for i, x in enumerate(DATES * 5))).encode(),
        "instants.csv": (
            "id,when,amount\n" + "\n".join(f"{i % 7},{x},3.5" for i, x in enumerate(INSTANTS * 8))
        ).encode(),
        "epochs.csv": (
            "id,when,amount\n" + "\n".join(f"{i % 7},{10**x},3" for i, x in enumerate([18, 19, 9] * 9))
        ).encode(),
        "infinite.csv": b"id,a\n1,inf\n2,-inf\n3,nan\n4,Infinity\n5,1e999\n",
        "a b'c\"d;e[1]*?.csv": TEXT.encode(),
        "new\nline.csv": TEXT.encode(),
        "${oc.env:HOME}.csv": TEXT.encode(),
        ".csv": TEXT.encode(),
    }.items()


def _parquets() -> Iterator[tuple[str, bytes]]:
    columns: dict[str, Any] = {
        "struct": pa.array([{"a": i} for i in range(ROWS)]),
        "list": pa.array([[i] for i in range(ROWS)]),
        "map": pa.array([[("k", i)] for i in range(ROWS)], pa.map_(pa.string(), pa.int64())),
        "decimal": pa.array([Decimal("1.10") * i for i in range(ROWS)], pa.decimal128(38, 10)),
        "decimal256": pa.array([Decimal(i) for i in range(ROWS)], pa.decimal256(76, 0)),
        "dictionary": pa.array([str(i % 3) for i in range(ROWS)]).dictionary_encode(),
        "zone": pa.array(DAYS, pa.timestamp("us", "America/New_York")),
        "no_zone": pa.array(DAYS, pa.timestamp("us", "Mars/Phobos")),
        "nanoseconds": pa.array([i * 10**9 + 1 for i in range(ROWS)], pa.timestamp("ns")),
        "far": pa.array([2**62 + i for i in range(ROWS)], pa.timestamp("us")),
        "day": pa.array(range(ROWS), pa.date32()),
        "time": pa.array(range(ROWS), pa.time32("s")),
        "duration": pa.array(range(ROWS), pa.duration("s")),
        "binary": pa.array([b"\xff\x00%d" % i for i in range(ROWS)]),
        "fixed": pa.array([b"%04d" % i for i in range(ROWS)], pa.binary(4)),
        "nulls": pa.nulls(ROWS),
        "unsigned": pa.array([2**64 - 1 - i for i in range(ROWS)], pa.uint64()),
        "half": NUMBERS.cast(pa.float16()),
        "flag": pa.array([i % 2 == 0 for i in range(ROWS)]),
        "infinite": pa.array([float("inf"), float("nan")] * (ROWS // 2)),
        "nul\0": pa.array([f"c\0{i}" for i in range(ROWS)]),
        "": IDS,
    }
    for number, (name, column) in enumerate(columns.items()):
        yield f"column{number}.parquet", _parquet(pa.table({"id": IDS, name: column, "a": NUMBERS}))
    yield "every.parquet", _parquet(pa.table(columns))
    yield "no_rows.parquet", _parquet(pa.table({"id": pa.array([], pa.string())}))
    yield "no_columns.parquet", _parquet(pa.table({}))
    yield "twice.parquet", _parquet(pa.Table.from_arrays([IDS, NUMBERS, NUMBERS], names=["id", "a", "a"]))
    yield "case.parquet", _parquet(pa.table({"id": IDS, "A": NUMBERS, "a": NUMBERS}))
    yield "ends.parquet", b"PAR1\0\0\0\0PAR1"
    yield "start.parquet", b"PAR1"


def _parquet(table: pa.Table) -> bytes:
    with io.BytesIO() as memory:
        pq.write_table(table, memory)
        return memory.getvalue()


def _workbooks() -> Iterator[tuple[str, bytes]]:
    def rows(*columns: Callable[[int], Any]) -> Callable[[Any], None]:
        def fill(book: Any) -> None:
            book.active.append(["id", *(f"column {number}" for number, _ in enumerate(columns))])
            for i in range(ROWS):
                book.active.append([f"c{i}", *(column(i) for column in columns)])

        return fill

    def and_far(row: int, column: int) -> Callable[[Any], None]:
        def fill(book: Any) -> None:
            rows(lambda i: i)(book)
            book.active.cell(row, column, "x")

        return fill

    def merged(book: Any) -> None:
        rows(lambda i: i)(book)
        book.active.merge_cells("A1:B1")
        book.active.merge_cells("A5:A9")

    yield from {
        "days.xlsx": _book(rows(DAYS.__getitem__, lambda i: i)),
        "times.xlsx": _book(rows(lambda i: time(1, 2, i), lambda i: timedelta(days=i))),
        "formulas.xlsx": _book(rows(lambda i: i, lambda i: f"=B{i + 2}*2")),
        "errors.xlsx": _book(rows(lambda i: "#DIV/0!", lambda i: i)),
        "flags.xlsx": _book(rows(lambda i: i % 2 == 0, lambda i: 10**18 + i, lambda i: 1e308)),
        "merged.xlsx": _book(merged),
        "no_cells.xlsx": _book(lambda book: None),
        "chart.xlsx": _book(lambda book: book.create_chartsheet("c", 0)),
        "far.xlsx": _book(and_far(1 << 20, 1 << 14)),
        "far_row.xlsx": _book(and_far(1 << 16, 1)),
        "far_column.xlsx": _book(and_far(1, 100)),
    }.items()
    good = _book(rows(DAYS.__getitem__))
    bomb = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]><l>&c;</l>'
    for number, part in enumerate(zipfile.ZipFile(io.BytesIO(good)).namelist()):
        yield f"lost{number}.xlsx", _with(good, part, lambda content: None)
        yield f"cut{number}.xlsx", _with(good, part, lambda content: content[: len(content) // 2])
        yield f"empty{number}.xlsx", _with(good, part, lambda content: b"")
        yield f"bomb{number}.xlsx", _with(good, part, lambda content: bomb)
    sheet = "xl/worksheets/sheet1.xml"
    for number, (old, new) in enumerate(
        [
            (b'r="A2"', b'r="XFD99999999999"'),
            (b'r="A2"', b"r = 'zzzzzz9'"),
            (b'<row r="2"', b'<row r="4294967295"'),
            (b'ref="A1:B41"', b'ref="A1:XFD1048576"'),
            (b"<v>3</v>", b"<v>999999</v>"),
        ]
    ):
        yield f"reference{number}.xlsx", _with(good, sheet, lambda content, old=old, new=new: content.replace(old, new))


def _book(fill: Callable[[Any], Any]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    fill(book)
    with io.BytesIO() as memory:
        book.save(memory)
        return memory.getvalue()


def _with(book: bytes, part: str, change: Callable[[bytes], bytes | None]) -> bytes:
    """A workbook of which one part is another."""
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = change(old.read(name)) if name == part else old.read(name)
            if content is not None:
                new.writestr(name, content)
    return memory.getvalue()
