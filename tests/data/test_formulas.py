"""Text that a spreadsheet would run: marked in every CSV, and exactly as it was on the way back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.action.uplift import read_results
from segments.config.source import Reader
from segments.data.formulas import RISKY, neutralise, neutralise_batch, restore
from segments.data.reading.files import read_cells
from segments.io.store.files import growing_table, read_csv, write_csv

ATTACKS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "=cmd|' /C calc'!A0", '=HYPERLINK("x")']
ATTACKS += [" =1", "\u00a0+1", "\ufeff=1", "\u200b@x", "\u3000＝1", "\x00=1", '"=1', "\u2060 \u00ad-1", "﹦1"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_or_header_is_a_formula(attack: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"customer_id": [attack], "segment": [attack], attack: ["x"], "change": [-1.5]})
    write_csv(tmp_path / "out.csv", table)
    [header, row] = csv.reader(io.StringIO((tmp_path / "out.csv").read_bytes().decode(), newline=""))
    assert all(cell.startswith("'") for cell in [header[2], *row[:2]])
    assert row[-1] == "-1.5"  # a number is no formula
    back = pd.read_csv(tmp_path / "out.csv", dtype={"customer_id": "str"})
    assert restore(back["customer_id"]).tolist() == [attack]
    assert read_csv(tmp_path / "out.csv")["segment"].tolist() == [attack]
    write_csv(tmp_path / "out.csv", table, raw=True)
    [_, row] = csv.reader(io.StringIO((tmp_path / "out.csv").read_bytes().decode(), newline=""))
    assert row[0] == attack


@given(st.lists(st.one_of(st.text("=+-@;,\t\r\n\"' a＝\u200b\ufeff", max_size=9), st.none()), min_size=1, max_size=6))
def test_a_piece_of_a_large_file_is_written_as_a_table_is(cells: list[str | None]) -> None:
    table = pd.DataFrame({"=id": pd.Series(cells, dtype="object"), "n": -1})
    made = neutralise_batch(pa.RecordBatch.from_pydict({"=id": pa.array(cells, pa.string()), "n": [-1] * len(cells)}))
    expected = neutralise(table)
    assert made.schema.names == list(expected)
    assert made.column(0).to_pylist() == [cell if isinstance(cell, str) else None for cell in expected["'=id"]]
    assert made.column(1).to_pylist() == [-1] * len(cells)


@pytest.mark.parametrize(("raw", "mark"), [(False, "'"), (True, "")])
def test_a_file_written_piece_by_piece_has_no_formula_unless_it_is_asked_for(
    tmp_path: Path, raw: bool, mark: str
) -> None:
    batch = pa.record_batch({"+id": ["7", "=1"], "change": [-1, 2]})
    for name in ("out.csv", "out.parquet"):
        with growing_table(tmp_path / name, raw=raw) as write:
            write(batch)
    found = pd.read_csv(tmp_path / "out.csv", dtype="str")
    assert found.to_dict("list") == {f"{mark}+id": ["7", f"{mark}=1"], "change": ["-1", "2"]}
    assert pd.read_parquet(tmp_path / "out.parquet").equals(batch.to_pandas())


@pytest.mark.slow
@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"])), min_size=1))
def test_the_way_back_is_exact(cells: list[str]) -> None:
    made = neutralise(pd.DataFrame({"a": pd.Series(cells, dtype="object")}))["a"]
    assert not made.str.startswith(RISKY[:-1]).any()
    assert restore(made).tolist() == cells


HOSTILE = [
    "a,b",
    'say "x"',
    "two\nlines",
    "x;=1+1;y",
    "x\t@SUM(A1)",
    'x\n"=1+1',
    ";;'=1",
    "\r\n-2",
    "x;",
    '";"=1',
    "=a;=b",
    "plain",
]


def cells_of(text: str, separator: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def formulas_of(text: str, separator: str) -> list[str]:
    """Cells that are formulas, also after white space a spreadsheet may drop."""
    cells = [cell for row in cells_of(text, separator) for cell in row]
    return [cell for cell in cells if cell.lstrip("\t\r\n").startswith(tuple("=+-@＝＋－＠"))]


@pytest.mark.slow
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@given(cells=st.lists(st.text("=+-@;,\t\r\n\"' a＝", max_size=9), min_size=1, max_size=6))
def test_no_cell_is_a_formula_whatever_the_spreadsheet_separates_by(separator: str, cells: list[str]) -> None:
    """Where semicolons separate, the quotes of a second column do not hold them together."""
    table = neutralise(pd.DataFrame({"customer_id": ["1"] * len(cells), "segment": pd.Series(cells, dtype="object")}))
    assert restore(table["segment"]).tolist() == cells
    text = table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")  # as write_csv has it
    assert formulas_of(text, separator) == []


def test_hostile_ids_come_back_from_a_file(tmp_path: Path) -> None:
    """Listed, written, quoted, filled in and read again as results: the same customers."""
    path = tmp_path / "list.csv"
    table = pd.DataFrame({"customer_id": HOSTILE, "segment": HOSTILE, "spend": 1.0})
    write_csv(path, table)
    text = path.read_bytes().decode()
    assert len(cells_of(text, ",")) == len(HOSTILE) + 1
    assert [formulas_of(text, separator) for separator in ",;\t"] == [[], [], []]
    read = read_results(read_cells(path, Reader()), set(HOSTILE), "list.csv")
    assert read["customer_id"].tolist() == HOSTILE


def test_missing_stays_missing_and_numbers_stay_numbers() -> None:
    table = pd.DataFrame({"income": pd.Series(["=x", None], dtype="string"), "n": [-1, 2], "x": [-0.5, np.nan]})
    made = neutralise(table)
    assert made["income"].isna().tolist() == [False, True]
    assert made["n"].dtype == "int64"
    assert made["x"].dtype == "float64"
