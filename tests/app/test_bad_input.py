"""Bad input as a user meets it: one clear error (what, where, what to do), exit code 2, no traceback, nothing made is lost."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from small_project import CHECKOUT, LIMIT, RAW, STAGES, SmallProject

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def damaged(reproduced: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A copy to damage."""
    return reproduced.copy(tmp_path_factory.mktemp("damaged") / "project")


@pytest.fixture
def project(reproduced: SmallProject, damaged: SmallProject) -> Iterator[SmallProject]:
    """The same one for each, mended in between."""
    yield damaged
    damaged.restore(reproduced)


@pytest.fixture(scope="module")
def mall(shared_data: Path) -> bytes:
    return (shared_data / "mall" / "Mall_Customers.csv").read_bytes().replace(b"\r\n", b"\n")


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """A change of a file, from a change of its lines (the header is line 0)."""
    return lambda raw: b"\n".join(change(raw.splitlines())) + b"\n"


def cells(change: Callable[[int, list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """A change of a file, from a change of the cells of each customer (numbered from 1)."""
    return lines(lambda rows: [rows[0]] + [b",".join(change(i, row.split(b","))) for i, row in enumerate(rows[1:], 1)])


# --- raw files ----------------------------------------------------------------------------------------------------

REFUSED = {
    "a web page": (lambda raw: b"<!DOCTYPE html>\n<html><body>404</body></html>\n", "is a web page (HTML), not data"),
    "nothing": (lambda raw: b"", "is empty"),
    "a header alone": (lines(lambda rows: rows[:1]), "has a header but no rows"),
    "a line too long": (lines(lambda rows: [*rows[:7], rows[7] + b",9", *rows[8:]]), "line 8 of"),
    "an open quote": (lines(lambda rows: [*rows[:7], b'7,"Female,35,18,6', *rows[8:]]), "cannot be read"),
    "bytes": (lambda raw: bytes(range(256)) * 20, "is a binary file, not text"),
    "a missing column": (cells(lambda i, row: row[:4]), "line 2 of"),
    "a column with another name": (lambda raw: raw.replace(b"Age", b"Years"), "missing column: 'Age'; the file has:"),
    "a repeated column": (lambda raw: raw.replace(b"Gender", b"Age"), "column 'Age' appears twice"),
    "an empty column": (cells(lambda i, row: [*row[:2], b"", *row[3:]]), "column 'Age' holds no number"),
    "two rows of one customer": (lambda raw: raw.replace(b"\n3,", b"\n2,"), "duplicate customer id"),
    "too many infinite values": (
        cells(lambda i, row: [*row[:3], b"inf" if i <= 20 else row[3], row[4]]),
        "20 of 200 rows (10.0%) are bad, more than the 5.0% allowed: 20 infinite annual_income",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_raw_file_is_refused(project: SmallProject, mall: bytes, case: str) -> None:
    change, what = REFUSED[case]
    project.put_raw(change(mall))
    said = project.refuses("data")
    assert what in said
    assert RAW in said


READ = {
    "a byte order mark": (lambda raw: b"\xef\xbb\xbf" + raw, 200, ""),
    "semicolons": (lambda raw: raw.replace(b",", b";"), 200, ""),
    "latin-1": (lambda raw: raw.replace(b"Male", "Männlich".encode("latin-1")), 200, "is not UTF-8; read as"),
    "an extra column": (cells(lambda i, row: [*row, b"x"]), 200, "columns not used: 'Note'"),
    "? and blanks in numbers": (
        cells(lambda i, row: [*row[:3], {3: b"?", 5: b" "}.get(i, row[3]), row[4]]),
        200,
        "column 'annual_income' is missing for 2 of 200 rows, which are kept",
    ),
    "an infinite value": (
        cells(lambda i, row: [*row[:3], b"inf" if i == 3 else row[3], row[4]]),
        199,
        "infinite annual_income",
    ),
    "an age that nobody has": (  # the grid is of income and spending, and one set has the age
        cells(lambda i, row: [*row[:2], {3: b"x", 5: b"900"}.get(i, row[2]), *row[3:]]),
        198,
        "age out of range",
    ),
}


def test_a_bad_value_drops_nobody_where_no_feature_set_uses_it(project: SmallProject, mall: bytes) -> None:
    change, _, _ = READ["an age that nobody has"]
    project.put_raw(change(mall))
    project.run("segments", "data", "sweep.feature_sets=[income_spending]")
    report = json.loads((project / "artifacts/data/report.json").read_text())["tables"]["customers"]
    assert report["rows_clean"] == 200 and not report["reasons"]
    assert (
        "age out of range in 1 of 200 rows, which are kept without it: no feature set of the grid uses it"
        in report["notes"]
    )


@pytest.mark.parametrize("case", READ)
def test_a_raw_file_is_read_and_what_was_done_is_reported(project: SmallProject, mall: bytes, case: str) -> None:
    change, rows, message = READ[case]
    raw = change(mall)
    project.put_raw(raw.replace(b"(1-100)", b"(1-100),Note", 1) if case == "an extra column" else raw)
    project.run("segments", "data")
    report = json.loads((project / "artifacts/data/report.json").read_text())["tables"]["customers"]
    assert (report["rows_raw"], report["rows_clean"]) == (200, rows)
    assert message in json.dumps(report)


def test_a_wrong_separator_names_the_right_one(project: SmallProject, mall: bytes) -> None:
    project.put_raw(mall.replace(b",", b";"))
    project.edit("conf/source/mall.yaml", {"  id: CustomerID": '  id: CustomerID\n  read: {separator: ","}'})
    assert "set read.separator to ';'" in project.refuses("data")


def test_a_truncated_xlsx(project: SmallProject, shared_data: Path) -> None:
    path = RAW.replace(".csv", ".xlsx")
    project.edit("conf/source/mall.yaml", {f"path: {RAW}": f"path: {path}"})
    project.put_raw((shared_data / "dirty" / "truncated.xlsx").read_bytes(), path)
    assert "is not a complete Excel file" in project.refuses("data")


def test_the_dirty_copy_is_counted_by_reason(project: SmallProject, shared_data: Path) -> None:
    """812 rows in circulation: 12 exact duplicates, 100 with a `?`."""
    project.put_raw((shared_data / "dirty" / "mall_812rows_dups_questionmarks.csv").read_bytes())
    project.run("segments", "data")
    report = json.loads((project / "artifacts/data/report.json").read_text())["tables"]["customers"]
    assert (report["rows_raw"], report["rows_clean"]) == (812, 800)
    assert [(one["reason"], one["rows"]) for one in report["reasons"]] == [("duplicate row", 12)]
    assert {
        name: int(count)
        for name, count in re.findall(r"column '(\w+)' is missing for (\d+) of 812 rows", str(report["notes"]))
    } == {"age": 10, "annual_income": 30, "spending_score": 60}
    said = project.refuses("features")
    assert "100 of 800 customers lack a value that a feature set uses" in said
    assert "'annual_income': 30" in said and "policy.max_bad_share" in said
    # doing what it says
    project.run("segments", "features", "+source.policy.max_bad_share=0.2")
    assert len(project.table("features/customers.parquet")) == 700


def test_missing_unpinned_and_changed_raw_files(project: SmallProject) -> None:
    with (project / RAW).open("a") as file:
        file.write("201,Male,30,40,50\n")
    assert "is not the expected one" in project.refuses("data")
    assert "accept=true" in project.refuses("fetch", "source=mall")
    (project / RAW).unlink()
    said = project.refuses("data")
    assert f"the raw file {RAW} is missing" in said
    assert "run `segments fetch source=mall`" in said
    # a clone without any data
    assert "run `segments fetch source=completejourney`" in project.refuses("data", "source=completejourney")
    assert "does not exist" in project.refuses("fetch", "source=mall", "from=/nowhere.csv")
    (project / "data.dvc").write_text("outs: [")
    assert "data.dvc is damaged" in project.refuses("fetch", "source=mall")


# --- too little to cluster ----------------------------------------------------------------------------------------


def test_a_constant_column_is_left_out_and_said(project: SmallProject, mall: bytes) -> None:
    project.put_raw(cells(lambda i, row: [*row[:2], b"30", *row[3:]])(mall))
    for stage in ("data", "features"):
        project.run("segments", stage)
    said = project.run("segments", "sweep")
    assert "'age' is 30 for every customer, so it tells nobody apart: feature set age_income leaves it out" in said


@pytest.mark.parametrize("customers", [1, 4])
def test_too_few_customers(project: SmallProject, mall: bytes, customers: int) -> None:
    project.put_raw(lines(lambda rows: rows[: 1 + customers])(mall))
    for stage in ("data", "features", "explore"):
        project.run("segments", stage)
    if customers == 1:
        assert "needs more than 4 different customers, and there are 1" in project.refuses("sweep")
    else:
        said = project.run("segments", "sweep")
        assert "income_spending ends at k=3: it has only 4 different customers" in said


# --- configs ------------------------------------------------------------------------------------------------------

OVERRIDES = {
    ("sweep", "sweep.kmax=3"): "did you mean 'sweep.k_max'?",
    ("sweep", "+typo=1"): "'typo' is not a known key",
    ("sweep", "sweep.scalers=[standrad]"): "did you mean 'standard'?",
    ("sweep", "sweep.feature_sets=[income_spendin]"): "did you mean 'income_spending'?",
    ("sweep", "sweep.k_min=8", "sweep.k_max=3"): "the range of k is reversed",
    ("sweep", "sweep.k_min=1"): "choose a value of at least 2",
    ("sweep", "sweep=5"): "where: sweep",
    ("fit", "k=1"): "choose a value of at least 2",
    ("fit", "k=two"): "'two'",
    ("fit", "k=2,3"): "-m runs every value in turn",
    ("fit", "scaler=robst"): "did you mean 'robust'?",
    ("fit", "feature_set=nope"): "conf/feature_set/ has:",
    ("data", "source=malll"): "did you mean 'mall'?",
    ("data", "source.policy.bad_value=ignore"): "write +source.policy.bad_value=VALUE",
    ("data", "+source.policy.bad_value=ignore"): "allowed: drop, stop",
    ("sweep", "sweep.scalers=[a"): "where: sweep.scalers=[a",
    ("swep",): "Did you mean 'sweep'?",
    ("frobnicate",): "`segments --help` says more",
    ("sweep", "mall"): "write KEY=VALUE",
    ("data", "--source", "mall"): "no such option '--source'",
    ("fetch", "accept=yes"): "write accept=true",
    ("describe",): "segments describe FILE",
    ("describe", "nowhere.csv"): "nowhere.csv does not exist",
}


@pytest.mark.parametrize("words", OVERRIDES, ids=" ".join)
def test_words_on_the_command_line(reproduced: SmallProject, words: tuple[str, ...]) -> None:
    assert OVERRIDES[words] in reproduced.refuses(*words)


def test_one_bad_value_of_many_does_not_stop_the_others(project: SmallProject) -> None:
    for ks, why in {
        "k=1,3": "segments fit: 1 is out of range\n  where: k, in the run feature_set=income_spending k=1\n",  # cannot be composed
        "k=4,500,3": "segments fit: k = 500 needs more than 500 different customers",  # cannot be made
    }.items():
        process = project.start("fit", "-m", "feature_set=income_spending", ks, warm=True)
        out, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 2
        assert why in err
        assert "Traceback" not in err
        assert "k=3: WCSS" in out
    assert "k=4: WCSS" in out


FILES = {
    "a misspelt key": ("config.yaml", ("k_max:", "kmax:"), "did you mean 'k_max'?"),
    "a misspelt section": ("config.yaml", ("\nexplore:", "\nexplored:"), "did you mean 'explore'?"),
    "a broken section": ("config.yaml", ("sweep:", "sweep: {"), "conf/config.yaml, line"),
    "a misspelt key of a source": ("source/mall.yaml", ("id_required", "id_requird"), "did you mean 'id_required'?"),
    "a misspelt key of a column": ("source/mall.yaml", ("unit: years", "units: years"), "did you mean 'unit'?"),
    "a wrong type": ("source/mall.yaml", ("maximum: 120", "maximum: old"), "source.customers.columns.age.maximum"),
    "a tab": ("source/mall.yaml", ("  path", "\tpath"), "conf/source/mall.yaml, line"),
    "a source under another name": ("source/mall.yaml", ("name: mall", "name: shop"), "write name: mall"),
    "a misspelt key of a scaler": ("scaler/none.yaml", ("name: none", "name: none\nn_quantile: 5"), "'n_quantiles'?"),
    "an unknown scaler": ("scaler/none.yaml", ("name: none", "name: nothing"), "conf/scaler/none.yaml: name"),
    "two scalers of one name": ("scaler/none.yaml", ("name: none", "name: quantile"), "calls itself 'quantile'"),
    "code to run": (
        "scaler/none.yaml",
        ("name: none", "name: none\n_target_: os.system"),
        "'_target_' is not a known key",
    ),
    "a misspelt key of an algorithm": ("algorithm/kmeans.yaml", ("starts:", "start:"), "did you mean 'starts'?"),
    "a key twice": (
        "algorithm/kmeans.yaml",
        ("name: kmeans", "name: kmeans\nname: kmeans"),
        "conf/algorithm/kmeans.yaml, line",
    ),
    "a misspelt key of a feature set": (
        "feature_set/age_income.yaml",
        ("age: {}", "age: {wieght: 2}"),
        "did you mean 'weight'?",
    ),
    "an unknown transform": (
        "feature_set/age_income.yaml",
        ("age: {}", "age: {transform: log}"),
        "did you mean 'log1p'?",
    ),
    "a list for a mapping": (
        "feature_set/age_income.yaml",
        ("  age: {}\n  annual_income: {}", "  [age]"),
        "age_income.yaml: columns",
    ),
    "an open bracket": ("feature_set/age_income.yaml", ("age: {}", "age: {"), "conf/feature_set/age_income.yaml, line"),
    "a copy that kept its name": (
        "feature_set/age_income.yaml",
        ("name: age_income", "name: rfm"),
        "write name: age_income",
    ),
    "an unknown feature": ("feature_set/age_income.yaml", ("age: {}", "aeg: {}"), "unknown feature aeg"),
    "bytes": ("feature_set/age_income.yaml", ("name", "n\udcffme"), "age_income.yaml is not valid YAML"),
    "a misspelt group of a recipe": ("experiment/mall.yaml", ("/source:", "/sorce:"), "did you mean 'source'?"),
}


@pytest.mark.parametrize("case", FILES)
def test_faults_in_conf(reproduced: SmallProject, tmp_path: Path, case: str) -> None:
    path, (old, new), hint = FILES[case]
    project = SmallProject(tmp_path)
    for name in ("conf", "artifacts/features"):
        shutil.copytree(reproduced / name, tmp_path / name, symlinks=True)
    for name in ("dvc.yaml", "src"):
        (tmp_path / name).symlink_to(reproduced / name)
    text = (project / f"conf/{path}").read_text()
    assert old in text
    (project / f"conf/{path}").write_bytes(text.replace(old, new, 1).encode(errors="surrogateescape"))
    recipe = ["experiment=mall"] if "recipe" in case else []
    said = project.refuses("sweep", *recipe)
    assert hint in said


# --- the wrong order, the wrong source, damaged artifacts ---------------------------------------------------------


def test_a_stage_before_its_input_says_what_to_run(project: SmallProject) -> None:
    for stage, makes_input in {
        "features": "data",
        "explore": "features",
        "sweep": "features",
        "evidence": "sweep",
        "usefulness": "sweep",
        "sensitivity": "evidence",
        "selection": "sensitivity",
        "identity": "selection",
        "profiles": "selection",
        "prediction": "selection",
        "playbook": "profiles",
        "performance": "selection",
        "briefing": "sweep",
        "registry": "sweep",
        "fit": "features",
    }.items():
        kept = (project / f"artifacts/{makes_input}").rename(project / "artifacts/away")
        said = project.refuses(stage)
        assert f"run `segments {makes_input}`, or `dvc repro`" in said
        kept.rename(project / f"artifacts/{makes_input}")
    shutil.rmtree(project / "artifacts/registry")
    assert "run `segments registry`" in project.refuses("summary")


def test_outside_a_project(tmp_path: Path) -> None:
    (tmp_path / "src").symlink_to(CHECKOUT / "src")
    assert "this is not a segments project" in SmallProject(tmp_path).refuses("data")


@pytest.mark.parametrize(
    "stage", ["features", "explore", "sweep", "fit", "evidence", "profiles", "playbook", "briefing", "registry"]
)
def test_what_was_made_of_another_source_is_refused(reproduced: SmallProject, stage: str) -> None:
    said = reproduced.refuses(stage, "source=completejourney")
    assert "source=completejourney" in said or "not in sweep.feature_sets" in said


def test_damaged_artifacts(project: SmallProject) -> None:
    for path, stage in {
        "data/customers.parquet": "features",
        "features/customers.parquet": "sweep",
        "sweep/labels.parquet": "selection",
        "selection/choice.json": "profiles",
    }.items():
        file = project / f"artifacts/{path}"
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        said = project.refuses(stage)
        assert f"artifacts/{path} is damaged" in said
        assert f"run `segments {path.split('/')[0]}`" in said
        file.write_bytes(whole)


def test_nothing_passes_the_gates(project: SmallProject) -> None:
    """No error: it says so, names what came closest, and registers nothing."""
    for stage in STAGES[STAGES.index("selection") :]:
        project.run("segments", stage, "selection.min_silhouette=0.99")
    said = project.run("segments", "summary")
    assert "None of 12 candidates passes" in said
    assert "Nothing is registered" in said
    assert json.loads((project / "artifacts/registry/receipt.json").read_text())["candidate_id"] is None
    # every folder that DVC expects is there
    assert all(any((project / f"artifacts/{stage}").iterdir()) for stage in STAGES)


# --- places that cannot be written or reached ---------------------------------------------------------------------


# `prediction` has nothing to say of this source but one line, which is shorter than the limit.
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "prediction"])
def test_a_full_disk(project: SmallProject, stage: str) -> None:
    """No file may grow beyond 100 bytes, as on a disk that is full; even root cannot write more."""
    said = project.refuses(
        stage,
        "sweep.seed=1",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert "cannot write" in said or "cannot be written" in said or "cannot be used" in said
    assert "check free space" in said or "what is finished is on disk" in said


@pytest.mark.parametrize(
    "stage", ["data", "features", "explore", "evidence", "selection", "identity", "profiles", "playbook", "briefing"]
)
def test_a_file_in_place_of_a_folder(project: SmallProject, stage: str) -> None:
    """As a read-only folder, which root may write all the same."""
    shutil.rmtree(project / f"artifacts/{stage}")
    (project / f"artifacts/{stage}").touch()
    assert f"cannot write artifacts/{stage}/" in project.refuses(stage)


def test_the_record_cannot_be_reached(project: SmallProject) -> None:
    fit = ("fit", "feature_set=income_spending")
    assert "the tracking server does not answer" in project.refuses(*fit, "tracking.uri=http://127.0.0.1:9")
    assert "is not the address of a tracking server" in project.refuses(*fit, "tracking.uri=file:./mlruns")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "timed out" in project.refuses(*fit, f"tracking.uri={uri}", "tracking.timeout_seconds=1")


def of_another_schema(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of another MLflow'")


def without_its_middle(database: Path) -> None:
    content = bytearray(database.read_bytes())
    for page in range(3, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = bytes(200)
    database.write_bytes(content)


DAMAGED = {
    "is text": (lambda database: database.write_text("this is not a database"), "file is not a database"),
    "was cut off": (lambda database: os.truncate(database, 100_000), "database disk image is malformed"),
    "lost its middle": (without_its_middle, "database disk image is malformed"),
    "is of another schema": (of_another_schema, "out-of-date database schema"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_the_record_is_damaged(project: SmallProject, case: str) -> None:
    with closing(sqlite3.connect(project / "mlflow.db")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # all of it in one file
    damage, what = DAMAGED[case]
    damage(project / "mlflow.db")
    features = str(project / "artifacts/features/customers.parquet")
    for command in (["fit", "feature_set=income_spending"], ["score", features, "-o", "scored.csv"], ["clean"]):
        said = project.refuses(*command)
        assert what in said
        assert "move a damaged record away" in said and "run `segments track`" in said
