"""Files of rows to files of answers: streamed, whole or not there, with one record per file and model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segmentations import segmentation
from segments.app.cli import main
from segments.app.commands import score as stage
from segments.app.jobs.score_file import Batch, score_file
from segments.app.load import load
from segments.clustering.space import Space
from segments.config.features import FeaturesConfig
from segments.config.root import Config
from segments.config.source import Column, Customers, Derived, Policy, Reader, Source, Transactions
from segments.config.sweep import Algorithm as Kmeans
from segments.config.sweep import Feature, FeatureSet, Scaler, SweepConfig
from segments.data.reading import files, text_file
from segments.errors import ConfigError, DataError, StoreError
from segments.io.store.cache import batch_records, version_folder
from segments.io.store.files import artifact, write_json, write_table
from segments.io.store.fingerprints import sha256
from segments.io.store.seals import seal
from segments.model.drift import reference_of
from small_project import SmallProject

MODEL = segmentation(
    "c0",
    Space(["x", "y"], ["log1p", "identity"], [1.0, 1.0], "none", {}),
    np.array([[0.0, 0.0], [2.0, 2.0]]),
    ["low", "high"],
)

NAMED = {"name": "toy", "version": "1"}


def config(source: Source | None = None) -> Config:
    grid = SweepConfig(["xy"], ["none"])
    columns = FeatureSet("xy", {"x": Feature()})
    source = source or Source("toy", customers=Customers("x.csv", id="Household Id"))
    return Config(source, columns, Scaler("none"), Kmeans(), grid)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    ids = [f"{i:04d}" if i % 2 else f"Żółć, „{i}”\n" for i in range(500)]
    return pd.DataFrame({"note": "…", "y": rng.normal(1, 1, 500), "customer_id": ids, "x": rng.lognormal(0, 1, 500)})


def score(path: Path, output: Path, training: pd.DataFrame | None = None, source: Source | None = None) -> Batch:
    reference = "" if training is None else json.dumps(reference_of(training, MODEL))
    return score_file(config(source), path, output, MODEL, NAMED, reference)


def write(table: pd.DataFrame, path: Path) -> Path:
    (table.to_csv if path.suffix == ".csv" else table.to_parquet)(path, index=False)
    return path


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype={"customer_id": str})


RAW_COLUMNS = {
    "partner": Column(kind="ordinal", raw="Has Partner", levels=["No", "Yes"]),
    "plan": Column(kind="category", raw="Plan"),
    "joined": Column(kind="date", time_format="%d.%m.%Y"),
    "age": Column(kind="birth_year", raw="Year_Birth"),
    "wine": Column(raw="MntWines", minimum=0),
    "fish": Column(raw="MntFish", minimum=0),
    "churn": Column(kind="ordinal", raw="Churn", levels=["No", "Yes"]),
}
RAW_LINES = [
    "Client ID,Has Partner,Plan,joined,Year_Birth,MntWines,MntFish",
    '007,Yes,gold,31.12.2023,1974,"$1,200.50",0.5',
    "x9,No,blue,01.06.2023,1990,3,4",
    ",No,blue,01.06.2023,1990,3,4",
    "x3,No,lead,01.06.2023,1990,3,4",
    "x4,Perhaps,blue,01.06.2023,1990,3,4",
    "x5,No,blue,soon,1990,3,4",
    "x6,No,blue,01.06.2023,1990,-3,4",
    "x7,No,blue,01.06.2023,1990,3,?",
]


def test_a_customers_table_is_scored_as_its_source_names_the_columns(root: Path) -> None:
    """Dates, years, texts and money as the raw file has them, ids as written; a column that the model does not use may be absent."""
    people = Customers("p.csv", id="Client ID", columns=RAW_COLUMNS, derived={"spent": Derived(sum=["wine", "fish"])})
    source = Source("toy", as_of="2023-12-31", customers=people)
    levels = {"partner": {"levels": ["No", "Yes"], "ordered": True, "unit": 1.0}}
    levels["plan"] = {"levels": ["blue", "gold"], "ordered": False, "unit": 1.0}
    columns = ["partner", "plan", "joined", "age", "spent"]
    space = Space(columns, ["identity"] * 5, [1.0] * 5, "none", {}, levels)
    model = segmentation("c0", space, np.array([[0.0, 0, 213, 33, 7], [1, 1, 0, 49, 1201]]), ["low", "high"])
    (root / "new.csv").write_text("\n".join(RAW_LINES) + "\n")
    batch = score_file(config(source), root / "new.csv", root / "out.csv", model, NAMED, "")
    found = pd.read_csv(root / "out.csv", dtype=str)
    assert found["Client ID"].tolist() == ["007", "x9"] and found["segment"].tolist() == ["high", "low"]
    assert found["distance"].astype(float).tolist() == pytest.approx([0, 0])
    side = pd.read_csv(root / "out.rejected.csv", dtype=str, keep_default_na=False).sort_values("row")
    assert side.to_numpy().tolist() == [
        ["3", "", "missing customer id"],
        ["4", "x3", "plan is a level the model has never seen: 'lead'"],
        ["5", "x4", "partner is none of its levels"],
        ["6", "x5", "unreadable joined"],
        ["7", "x6", "wine out of range"],
        ["8", "x7", "spent is missing"],
    ]
    assert sum(batch.rejected.values()) == 6 and any("as-of date 2023-12-31" in note for note in batch.notes)

    computed = pd.DataFrame({"Client ID": ["007"], "partner": ["Yes"], "plan": ["gold"], "joined": [0.0]})
    score_file(
        config(source),
        write(computed.assign(age=49, spent=1201), root / "model.csv"),
        root / "out.csv",
        model,
        NAMED,
        "",
    )
    assert pd.read_csv(root / "out.csv")["distance"].tolist() == [0], "the model's own columns, too"


def test_numbers_are_scored_with_the_unit_of_their_column(root: Path) -> None:
    columns = {"x": Column(unit="months"), "y": Column(unit="kg")}
    (root / "new.csv").write_text("id,x,y\na,0 months,0kg\nb,2 months,2kg\nc,2 years,2kg\n")
    source = Source("toy", customers=Customers("x.csv", id="id", columns=columns))
    batch = score(root / "new.csv", root / "out.csv", source=source)
    assert pd.read_csv(root / "out.csv")["segment"].tolist() == ["low", "high"]
    assert batch.rejected == {"unreadable x": 1}


@pytest.mark.parametrize("coming", [".csv", ".parquet"])
@pytest.mark.parametrize("going", [".csv", ".parquet"])
def test_ids_order_and_answers_survive_any_file(
    root: Path, table: pd.DataFrame, coming: str, going: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROWS_AT_ONCE", 64)
    monkeypatch.setattr(text_file, "ROWS_AT_ONCE", 100)
    path, output = write(table, root / f"in{coming}"), root / f"out{going}"
    assert score(path, output).scored == 500
    found = read(output)
    assert list(found["customer_id"]) == list(table["customer_id"])
    expected = MODEL.predict(table)
    for name in expected:
        assert found[name].tolist() == expected[name].tolist()
    assert sorted(path.name for path in root.glob("[!.]*.*")) == sorted(
        {"dvc.yaml", path.name, output.name}
    )  # nothing half-written stays


def test_integer_ids_stay_integers_and_may_have_the_sources_name(root: Path, table: pd.DataFrame) -> None:
    renamed = table.assign(household_id=np.arange(500)).drop(columns="customer_id")
    score(write(renamed, root / "in.parquet"), root / "out.parquet")
    found = pd.read_parquet(root / "out.parquet")
    assert found["household_id"].dtype == np.int64 and found["household_id"].tolist() == list(range(500))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_csv_of_another_dialect(root: Path, encoding: str) -> None:
    text = "customer_id;x;y\nü1;1,5;2,25\nü2;0,5;1,0\n"
    (root / "in.csv").write_bytes(text.encode(encoding))
    score(root / "in.csv", root / "out.parquet")
    found = pd.read_parquet(root / "out.parquet")
    assert found["customer_id"].tolist() == ["ü1", "ü2"]
    assert (
        found["distance"].tolist()
        == MODEL.predict(pd.DataFrame({"x": [1.5, 0.5], "y": [2.25, 1.0]}))["distance"].tolist()
    )


def test_bad_rows_go_to_the_side_file_with_number_id_and_reason(
    root: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_file, "ROWS_AT_ONCE", 100)  # rows are numbered through the file, not through a chunk
    cells = table.astype(object)
    cells.loc[7, "x"], cells.loc[123, "y"], cells.loc[400, "customer_id"], cells.loc[499, "x"] = "abc", None, None, -1
    batch = score(write(cells, root / "in.csv"), root / "out.csv")
    assert batch.scored == 496
    assert batch.rejected == {
        "x is not a number": 1,
        "y is missing": 1,
        "missing id": 1,
        "x is below what its transform log1p takes": 1,
    }
    assert batch.side == root / "out.rejected.csv"
    side = pd.read_csv(batch.side, dtype={"id": str})
    assert side["row"].tolist() == [8, 124, 401, 500]
    assert side["reason"].tolist()[0] == "x is not a number: 'abc'"
    assert side["id"].tolist()[0] == "0007"
    score(write(table, root / "in.csv"), root / "out.csv")
    assert not batch.side.exists(), "no longer true"


@pytest.mark.parametrize(("raw", "mark"), [(False, "'"), (True, "")])
def test_no_answer_or_rejected_row_is_a_formula_unless_it_is_asked_for(root: Path, raw: bool, mark: str) -> None:
    (root / "in.csv").write_text("customer_id,x,y\n=1+1,1,2\n@bad,no,2\n")
    score_file(config(), root / "in.csv", root / "out.csv", MODEL, NAMED, "", raw=raw)
    assert read(root / "out.csv")["customer_id"].tolist() == [f"{mark}=1+1"]
    assert pd.read_csv(root / "out.rejected.csv")["id"].tolist() == [f"{mark}@bad"]


def test_one_row(root: Path, table: pd.DataFrame) -> None:
    assert score(write(table.head(1), root / "in.csv"), root / "out.csv", table).scored == 1


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_no_rows_are_an_error_and_nothing_is_written(root: Path, table: pd.DataFrame, suffix: str) -> None:
    (root / "out.csv").write_text("an earlier one")
    with pytest.raises(DataError, match="no row"):
        score(write(table.head(0), root / f"in{suffix}"), root / "out.csv")
    assert (root / "out.csv").read_text() == "an earlier one"


def test_when_no_row_is_good_the_reasons_and_a_record_are_kept(root: Path, table: pd.DataFrame) -> None:
    batch = score(write(table.assign(x=-5.0), root / "in.csv"), root / "out.csv", table)
    reason = "x is below what its transform log1p takes"
    assert batch.scored == 0 and batch.rejected == {reason: 500}
    assert len(pd.read_csv(root / "out.rejected.csv")) == 500
    assert not (root / "out.csv").exists()
    [record] = batch_records()
    assert record == batch.record
    assert (record["rows"], record["scored"], record["reasons"]) == (500, 0, {reason: 500})
    assert {one["name"] for one in record["figures"] if one["value"] is not None} == {"rejected"}
    assert "no row could be scored" in record["sentence"]


# --- rows that are not as long as the header ----------------------------------------------------------------------------


def ragged(root: Path, rows: int, odd: dict[int, str]) -> Path:
    """A CSV of this many rows, of which some (from 1) are as given."""
    lines = [odd.get(i, f"{i:04d},{i % 7}.5,2.0") for i in range(1, rows + 1)]
    (root / "in.csv").write_text("\n".join(["customer_id,x,y", *lines]) + "\n")
    return root / "in.csv"


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 64, 1 << 22])
def test_rows_not_as_long_as_the_header_are_rejected_in_their_places(
    root: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(text_file, "ROWS_AT_ONCE", at_once)
    odd = dict.fromkeys([1, 2, 3, 77, 500, *range(600, 700), 999, 1000], "1,2") | {
        400: '4,"a\nb",5,6',
        300: "",
        301: "9",
    }
    odd[888] = "0888,abc,2.0"  # numbered behind those that are put back
    batch = score(ragged(root, 1000, odd), root / "out.csv")
    found = read(root / "out.csv")
    good = [f"{i:04d}" for i in range(1, 1001) if i not in odd]
    assert found["customer_id"].tolist() == good
    expected = MODEL.predict(pd.DataFrame({"x": [int(i) % 7 + 0.5 for i in good], "y": 2.0}))
    assert found["distance"].tolist() == expected["distance"].tolist()
    assert batch.rejected == {"not as many fields as the header": len(odd) - 2, "x is not a number": 1}
    side = pd.read_csv(batch.side)
    blank = 300  # no row, as everywhere
    assert side["row"].tolist() == [row - (row > blank) for row in sorted(odd) if row != blank]
    assert side["reason"][0] == "not as many fields as the header: 2 fields, the header has 3: '1,2'"
    assert side["reason"][4] == "not as many fields as the header: 1 field, the header has 3: '9'"


def test_a_file_of_such_rows_only_is_an_all_bad_batch(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_file, "ROWS_AT_ONCE", 64)
    batch = score(ragged(root, 100, dict.fromkeys(range(1, 101), "1;2")), root / "out.csv")
    assert batch.scored == 0 and batch.rejected == {"not as many fields as the header": 100}
    assert pd.read_csv(batch.side)["row"].tolist() == list(range(1, 101))
    monkeypatch.setattr(text_file, "ODD_AT_FIRST", 50)
    with pytest.raises(DataError, match="none of the first 64 rows") as caught:
        score(root / "in.csv", root / "out.csv")
    assert "read.separator" in caught.value.fix


@pytest.mark.parametrize("last", [8, 990, 2000])
def test_a_quote_that_is_not_closed_swallows_no_rows(root: Path, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    monkeypatch.setattr(text_file, "ROWS_AT_ONCE", 1024)
    odd = {5: '"0005,1.0,2.0', last: f'{last:04d},"1.0",2.0'}
    with pytest.raises(DataError, match="a quote") as caught:
        score(ragged(root, 1000, odd), root / "out.csv")
    assert "unclosed quote" in caught.value.fix and caught.value.where.startswith(str(root / "in.csv"))
    assert not list(root.glob("*out*"))


# --- how a file is read -----------------------------------------------------------------------------------------------------

CYRILLIC = "customer_id;x;y\nИван;1,5;2,25\nАнна;0,5;1,0\n".encode("cp1251")


def test_an_encoding_that_was_assumed_is_named_and_one_that_is_given_is_taken(root: Path, table: pd.DataFrame) -> None:
    (root / "in.csv").write_bytes(CYRILLIC)
    guessed = score(root / "in.csv", root / "out.parquet", table)
    assert "read as cp1251, which is a guess" in guessed.notes[0]
    assert guessed.record is not None and guessed.record["encoding"] == "cp1251"
    given = score_file(
        config(), root / "in.csv", root / "out.parquet", MODEL, NAMED, "", {"encoding": "cp1251", "separator": ";"}
    )
    assert given.notes == ["in.csv was read as cp1251"]
    assert pd.read_parquet(root / "out.parquet")["customer_id"].tolist() == ["Иван", "Анна"]
    plain = score(write(table, root / "in.csv"), root / "out.csv", table)
    assert plain.notes == [] and plain.record is not None and plain.record["encoding"] == "utf-8"


def test_a_source_says_how_its_customers_are_read(root: Path) -> None:
    (root / "in.csv").write_bytes(CYRILLIC.replace(b"0,5", b"kein"))
    reading = Reader(encoding="cp1251", separator=";", missing=["kein"])
    batch = score(
        root / "in.csv", root / "out.parquet", source=Source("toy", customers=Customers("x.csv", read=reading))
    )
    assert pd.read_parquet(root / "out.parquet")["customer_id"].tolist() == ["Иван"]
    assert batch.rejected == {"x is missing": 1}


def test_a_source_says_how_its_log_is_read(root: Path) -> None:
    reading = Reader(encoding="cp1251", separator="|")
    spec = Transactions("-", customer="Кто", time="Когда", amount="Сумма", read=reading)
    (root / "log.csv").write_bytes("Кто|Когда|Сумма\nИван|2024-03-01|10\nАнна|2024-03-30|0\n".encode("cp1251"))
    model = segmentation(
        "c0", Space(["monetary"], ["identity"], [1.0], "none", {}), np.array([[0.0], [9.0]]), ["a", "b"]
    )
    source = Source("shop", as_of="2024-03-31", transactions=spec)
    reference = json.dumps(reference_of(pd.DataFrame({"monetary": [1.0, 2.0, 9.0]}), model))
    batch = score_file(config(source), root / "log.csv", root / "out.parquet", model, NAMED, reference)
    assert pd.read_parquet(root / "out.parquet")["customer_id"].tolist() == ["Иван"]
    assert batch.counts == "customers"
    assert "log.csv was read as cp1251" in batch.notes
    assert "1 line left out by the policy of the source: zero amount" in batch.notes
    assert batch.record is not None and batch.record["left_out"] == {"zero amount": 1}
    assert batch.record["encoding"] == "cp1251" and batch.rejected == {}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("in.csv", b"customer_id,x\n1,2\n", "the file has no column y; it has"),
        ("in.csv", b"customer_id,z\n1,2\n", "the file has no columns x, y; it has"),
        ("in.csv", b"x,y\n1,2\n", "the file has no id column"),
        ("in.csv", b"", "is empty"),
        ("in.csv", b"PK\x03\x04\x14", "save it as CSV or parquet"),
        ("in.csv", b"\xd0\xcf\x11\xe0", "save it as CSV or parquet"),
        ("in.xlsx", b"PK\x03\x04\x14", "save it as CSV or parquet"),
        ("in.doc", b"text", "use one of .csv, .tsv, .txt, .parquet, .pq"),
        ("in.csv", bytes(range(256)) * 8, "export the table as CSV or parquet"),
    ],
)
def test_an_error_names_the_file_as_the_person_does_and_what_can_be_read(
    root: Path, name: str, content: bytes, says: str
) -> None:
    (root / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        score(root / name, root / "out.csv")
    assert caught.value.where == str(root / name) and says in str(caught.value)
    with pytest.raises(DataError) as caught:
        score_file(config(), root / name, root / "out.csv", MODEL, NAMED, "", shown="mine.csv")
    assert caught.value.where == "mine.csv" and str(root) not in str(caught.value)
    assert ".xlsx" not in caught.value.fix and "segments fetch" not in caught.value.fix


@pytest.mark.parametrize("name", ["in.csv", "in.xlsx", "out.txt"])
def test_what_cannot_be_read_or_written_is_one_error(root: Path, table: pd.DataFrame, name: str) -> None:
    path = write(table, root / "in.csv")
    if name == "in.xlsx":
        table.drop(columns="note").to_excel(path := root / name, index=False)
    with pytest.raises((DataError, StoreError), match=r"Excel|cannot be written|take the input's place"):
        score(path, root / (name if name != "in.xlsx" else "out.csv"))


# --- records --------------------------------------------------------------------------------------------------------------


def test_the_same_file_scored_twice_is_one_record(root: Path, table: pd.DataFrame) -> None:
    path = write(table, root / "in.parquet")
    first = score(path, root / "out.csv", table).record
    again = score(path, root / "other.parquet", table).record
    assert first == again and batch_records() == [first]
    other = score(write(table.head(400), path), root / "out.csv", table).record
    assert len(batch_records()) == 2
    assert first is not None and other is not None and first["batch_id"] != other["batch_id"]


def test_a_record_holds_no_customer(root: Path, table: pd.DataFrame) -> None:
    record = score(write(table.assign(customer_id="SECRET"), root / "in.csv"), root / "out.csv", table).record
    text = json.dumps(record)
    assert "SECRET" not in text and str(root) not in text
    assert record is not None and record["rows"] == 500 and record["decision"] == "keep"


def test_a_clock_that_is_set_back_makes_no_negative_seconds(
    root: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    backwards = iter(range(1_700_000_000, 0, -3600))
    monkeypatch.setattr("time.time", lambda: float(next(backwards)))
    record = score(write(table, root / "in.csv"), root / "out.csv", table).record
    assert record is not None and 0 <= record["seconds"] < 3600


def test_who_moved_is_known_by_the_versions_own_list_of_members(root: Path, table: pd.DataFrame) -> None:
    was = table[["customer_id"]].join(MODEL.predict(table)["segment"])
    was["segment"] = was["segment"].where(was.index >= 50, "another")
    unknown = score(write(table.head(200), root / "in.csv"), root / "out.csv", table).record
    kept = version_folder(sha256(MODEL.to_json().encode()), MODEL.candidate_id)
    write_table(kept / "members.parquet", was.tail(490))
    seal(kept)
    # what the last run chose is another candidate: of no concern here
    write_json(artifact("selection", "choice.json"), {"candidate_id": "other"})
    known = score(write(table.head(200), root / "in.csv"), root / "out.csv", table).record
    assert unknown is not None and known is not None
    [before], [moved] = ([one for one in record["figures"] if one["name"] == "moved"] for record in (unknown, known))
    assert before["value"] is None
    assert moved["value"] == 40 / 190


# --- logs -------------------------------------------------------------------------------------------------------------------


def test_a_log_is_summed_up_and_scored(root: Path) -> None:
    source = Source(
        "shop", as_of="2024-03-31", transactions=Transactions("-", customer="Who", time="When", amount="Paid")
    )
    log = pd.DataFrame(
        {
            "Who": ["7", "7", "8", "9", *["8"] * 60],
            "When": ["2024-03-01", "2024-03-11", "2024-03-30", "soon", *["2024-03-05"] * 60],
            "Paid": ["10", "30", "5", "1", *[str(i) for i in range(1, 60)], "-3"],
        }
    )
    path = write(log, root / "log.csv")
    model = segmentation(
        "c0", Space(["recency_days", "monetary"], ["identity"] * 2, [1.0, 1.0], "none", {}), np.eye(2), ["a", "b"]
    )
    batch = score_file(config(source), path, root / "out.csv", model, NAMED, "")
    found = pd.read_csv(root / "out.csv")
    assert found["customer_id"].tolist() == [7, 8]
    expected = model.predict(pd.DataFrame({"recency_days": [20.0, 1.0], "monetary": [40.0, 2.0 + sum(range(1, 60))]}))
    assert found["distance"].tolist() == pytest.approx(expected["distance"].tolist())
    assert batch.rejected == {"unreadable time": 1}  # a return is a choice of the policy, reported but not rejected
    assert pd.read_csv(batch.side).to_dict("records") == [{"row": 4, "id": 9, "reason": "unreadable time"}]
    assert any("1 returns: their money is taken off" in note for note in batch.notes)


@pytest.mark.parametrize(
    ("begins", "window", "decision", "compared"),
    [
        ("2022-01-01", 31, "keep", "2022-12-31"),
        ("2023-01-01", 31, "refit", None),  # nothing is known of the December before
        ("2022-01-01", None, "refit", None),  # features of all that was ever bought do not compare
    ],
)
def test_december_is_compared_with_december(
    root: Path, begins: str, window: int | None, decision: str, compared: str | None
) -> None:
    """Every December each of sixty customers buys on four days, and on one of every other month; the model is of June."""
    months = pd.date_range(begins, "2023-12-01", freq="MS")
    days = [month.replace(day=3 + 5 * nth) for month in months for nth in range(4 if month.month == 12 else 1)]
    log = pd.DataFrame(
        [(f"c{who}", day.date(), 10 + who) for day in days for who in range(60)], columns=["Who", "When", "Paid"]
    )
    source = Source(
        "shop", as_of="2023-12-31", transactions=Transactions("-", customer="Who", time="When", amount="Paid")
    )
    space = Space(["frequency"], ["identity"], [1.0], "none", {})
    model = segmentation("c0", space, np.array([[1.0], [4.0]]), ["rare", "often"])
    reference = json.dumps(reference_of(pd.DataFrame({"frequency": [1.0] * 60}), model))
    chosen = replace(config(source), features=FeaturesConfig(window_days=window))
    batch = score_file(chosen, write(log, root / "log.csv"), root / "out.csv", model, NAMED, reference)
    assert batch.record is not None and batch.record["decision"] == decision
    assert batch.record["compared_with"] == compared
    assert ("compared with the customers of 2022-12-31" in batch.record["sentence"]) == (compared is not None)


def test_of_a_log_what_is_rejected_is_lines_of_lines(root: Path) -> None:
    """Two of four lines are of a customer whom the model cannot place, and one cannot be read."""
    spec = Transactions("-", customer="Who", time="When", amount="Paid")
    source = Source("shop", as_of="2024-03-31", transactions=spec, policy=Policy(max_bad_share=0.5))
    columns = {
        "Who": ["a", "a", "b", "b"],
        "When": ["2024-03-01", "2024-03-02", "2024-03-30", "soon"],
        "Paid": ["1"] * 4,
    }
    path = write(pd.DataFrame(columns), root / "log.csv")
    model = segmentation("c0", Space(["trend"], ["sqrt"], [1.0], "none", {}), np.array([[0.0], [9.0]]), ["x", "y"])
    reference = json.dumps(reference_of(pd.DataFrame({"trend": [0.1, 0.2, 0.9]}), model))
    batch = score_file(config(source), path, root / "out.csv", model, NAMED, reference)
    assert (batch.scored, sum(batch.rejected.values())) == (1, 3) and batch.record is not None
    assert (batch.record["rows"], batch.record["rejected"]) == (4, 3)
    assert [one["value"] for one in batch.record["figures"] if one["name"] == "rejected"] == [0.75]


# --- the command --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["in.csv"],
        ["-o", "out.csv"],
        ["in.csv", "-o", "out.csv", "--speed"],
        ["in.csv", "-o", "out.csv", "--more"],
    ],
)
def test_a_command_that_is_not_complete_is_one_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", *words]) == 2
    assert "segments score --help" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "what"), [("decimal", "not a known value"), ("separator", "not one character")])
def test_how_a_file_is_said_to_be_written_is_checked_first(project: Path, word: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as error:
        stage.run(load(["source=mall"], project), "in.csv", "out.csv", **{word: ";;"})
    assert error.value.where == f"read.{word}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*type hint:UserWarning")  # MLflow, about its own default
def test_the_command_scores_as_the_registered_model_does(small_project: Callable[[], SmallProject]) -> None:
    import mlflow

    project = small_project()
    features = project.table("features/customers.parquet")
    features.to_csv(project / "in.csv", index=False)

    def command(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            ["segments", "score", *words],
            cwd=project.root,
            env=project.environment(warm=True),
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    code, said = command("in.csv", "-o", "out.csv")
    assert code == 0 and "Keep: nothing differs" in said and f"{len(features)} rows scored by" in said
    mlflow.set_tracking_uri(f"sqlite:///{project / 'mlflow.db'}")
    loaded = mlflow.pyfunc.load_model("models:/customer-segments@champion")
    expected: Any = loaded.predict(features[loaded.metadata.get_input_schema().input_names()])
    found = read(project / "out.csv")
    assert found["cluster"].tolist() == expected["cluster"].tolist()
    assert found["distance"].tolist() == expected["distance"].tolist()
    assert [run.data.tags["segments.decision"] for run in project.runs("batch", "monitoring")] == ["keep"]

    bad = features.astype(object)
    bad.loc[3, loaded.metadata.get_input_schema().input_names()[0]] = "?"
    bad.to_csv(project / "bad.csv", index=False)
    code, said = command("bad.csv", "-o", "out.csv", "--model", "models:/customer-segments/1")
    assert code == 3 and "1 row rejected" in said
    (project / "other.csv").write_bytes(
        features.assign(customer_id="Жанна").to_csv(index=False, sep=";").encode("cp1251")
    )
    code, said = command("other.csv", "-o", "other.parquet", "--no-record", "read.encoding=cp1251", "read.separator=;")
    assert code == 0 and "other.csv was read as cp1251" in said
    assert set(read(project / "other.parquet")["customer_id"]) == {"Жанна"}
    features.assign(customer_id="-").to_csv(project / "none.csv", index=False)
    code, said = command("none.csv", "-o", "none.out.csv")
    assert code == 2 and "no row of none.csv can be scored" in said and "kept as batch" in said
    assert {run.data.metrics["scored"] for run in project.runs("batch", "monitoring")} == {
        0,
        len(features),
        len(features) - 1,
    }
    code, said = command("bad.csv", "-o", "out.csv", "--model", "models:/nobody@champion")
    assert code == 2 and "Traceback" not in said and "cannot be read" in said

    for path in project.root.glob("mlflow.db*"):
        path.unlink()
    assert "monitoring: 3 batches" in project.run("segments", "track")
    project.run("segments", "track")
    runs = project.runs("batch", "monitoring")
    assert len(runs) == 3
    artifacts = {item.path for item in project.client().list_artifacts(runs[0].info.run_id)}
    assert artifacts == {"batch.json"}
    assert command("in.csv", "-o", "out.csv")[0] == 0 and len(project.runs("batch", "monitoring")) == 3


@pytest.mark.slow
def test_scoring_without_a_model_says_what_to_run(
    root: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from segments.app.cli import main; import sys; sys.exit(main(['score', 'in.csv', '-o', 'out.csv', '--model', 'x']))",
        ],
        capture_output=True,
        text=True,
        cwd=project,
    )
    assert done.returncode == 2 and "models:/NAME@ALIAS" in done.stderr
