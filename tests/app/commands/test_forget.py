"""A customer is erased: no file of the project names him, he does not come back, and what else was there still verifies or is said not to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segments.app.commands import forget
from segments.app.load import load
from segments.errors import ConfigError, StoreError
from segments.io.erasure.folders import cache_entry
from segments.io.store.decisions import erasure_key
from segments.io.store.raw_files import pin_again, pin_of, read_pins
from small_project import RAW, SmallProject

HIM = "Zq-Unusual-4711"
WAS = "42"  # whose place he takes in a project that was made without him


def plant(project: SmallProject) -> None:
    """Let him be customer 42 wherever ids stand: in raw files, tables, DVC's cache, an artifact of MLflow, a list, a temporary experiment."""
    project.run("segments", "export", "campaign=spring")
    raw = (project / RAW).read_text()
    old = pin_of(project / RAW)
    project.put_raw(raw.replace(f"\n{WAS},", f"\n{HIM},").encode())
    new = pin_of(project / RAW)
    cache = project / ".dvc/cache/files/md5"
    entry = cache / new.md5[:2] / new.md5[2:]
    entry.parent.mkdir(exist_ok=True)
    shutil.copyfile(project / RAW, entry)
    (cache / old.md5[:2] / old.md5[2:]).unlink()
    changed: dict[Path, None] = {}
    for path in [*project.root.rglob("*.parquet"), *cache.rglob("*")]:
        if (
            path.is_file()
            and path.read_bytes()[:4] == b"PAR1"
            and "customer_id" in (table := pq.read_table(path)).column_names
        ):
            ids = [HIM if one == WAS else one for one in table["customer_id"].to_pylist()]
            place = table.column_names.index("customer_id")
            path.chmod(0o644)
            pq.write_table(table.set_column(place, table.field(place), pa.array(ids, table.field(place).type)), path)
            changed[path] = None
    assert len(changed) > 15
    for folder in {path.parent for path in changed if (path.parent / "manifest.json").is_file()}:
        seal(folder)
    exported = project / "artifacts/export/spring.csv"
    exported.write_text(exported.read_text().replace(f'\n"{WAS}",', f'\n"{HIM}",'))
    for place in (".dvc/tmp/exps/abc/artifacts/data", "lists", "record/.partial", "mlruns/more"):
        (project / place).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(exported, project / place / "half.csv")
    (project / "mlruns/more/page.html").write_text(f"<td>{HIM}</td>")


def seal(folder: Path) -> None:
    from segments.io.store.seals import seal as written

    written(folder)


def naming(root: Path, text: str = HIM) -> list[str]:
    """Every file of a project, whatever it is, that names him: by its bytes, or by the values of its columns."""
    found = []
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        if content[:4] == b"PAR1":
            content += repr(pq.read_table(path).to_pydict()).encode() + repr(pq.read_metadata(path).metadata).encode()
        if text.encode() in content or text in path.name:
            found.append(path.relative_to(root).as_posix())
    return found


def receipt_of(project: SmallProject) -> dict[str, object]:
    (path,) = (project / "record/erased").glob("*.json")
    found: dict[str, object] = json.loads(path.read_text())
    return found


@pytest.mark.slow
def test_nothing_names_him_any_more_and_he_does_not_come_back(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    plant(project)
    named = naming(project.root)
    assert {path.split("/")[0] for path in named} == {".dvc", "artifacts", "data", "lists", "mlruns", "record"}
    before = project.digests([project.root])

    said = project.run("segments", "forget", HIM)
    assert "Nothing was changed" in said and project.digests([project.root]) == before
    assert all(f"  {path}: " in said for path in named)

    raw = (project / RAW).read_bytes()
    said = project.run("segments", "forget", HIM, "yes=true")
    assert naming(project.root) == []
    assert HIM not in said
    receipt = receipt_of(project)
    assert receipt["ended_at"] and not receipt["left"]
    assert sorted(one["file"] for one in receipt["changed"]) == named  # type: ignore[attr-defined]
    rows = {one["file"]: one["rows"] for one in receipt["changed"]}  # type: ignore[attr-defined]
    assert rows[RAW] == rows["artifacts/features/customers.parquet"] == rows["lists/half.csv"] == 1
    assert HIM not in json.dumps(receipt)

    # Only his rows are gone, and files that know each other still agree.
    assert (project / RAW).read_bytes() == b"".join(
        line for line in raw.splitlines(keepends=True) if HIM.encode() not in line
    )
    assert read_pins(project.root)[RAW] == pin_of(project / RAW)
    assert len(project.table("features/customers.parquet")) == 199
    gone = {path: digest for path, digest in before.items() if not (project / path).is_file()}
    assert all(path.startswith((".dvc/", "record/.partial/")) or path == "mlruns/more/page.html" for path in gone)
    assert "records" not in project.run("segments", "track")  # reads every sealed folder of the record
    assert "is neither here nor in DVC's cache" in project.run("segments", "verify", fails=True)
    assert "cannot be made again" in str(receipt["no_longer_verifies"])
    assert project.would_run()[0] == "data"

    # The file as it was comes again, from wherever it came: he is left out, and counted; and can be erased from it without being named.
    project.put_raw(raw)
    project.run("segments", "data")
    report = json.loads((project / "artifacts/data/report.json").read_text())["tables"]["customers"]
    assert report["reasons"][0] == {"reason": "erased", "rows": 1, "action": "drop"}
    assert (report["rows_raw"], report["rows_clean"]) == (200, 199)
    assert naming(project / "artifacts") == []
    project.run("segments", "forget", "yes=true")
    assert naming(project.root) == []
    (project / "record/erased.key").unlink()
    assert "the key to know them by is not here" in project.refuses("data")


@pytest.mark.slow
def test_killed_at_any_file_the_same_command_goes_on(
    small_project: Callable[[], SmallProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = small_project()
    plant(project)
    monkeypatch.chdir(project.root)
    named, done = naming(project.root), []

    class KilledError(Exception):
        pass

    def stumbling(finding: object, *others: object) -> tuple[str, str | None]:
        if len(done) in (3, 10) and (not done or done[-1] != "killed"):
            done.append("killed")
            raise KilledError
        done.append("file")
        return erase(finding, *others)  # type: ignore[arg-type]

    erase = forget.erase
    monkeypatch.setattr(forget, "erase", stumbling)
    for _ in range(2):
        with pytest.raises(KilledError):
            forget.run(load(project=project.root), [HIM], yes="true")
        assert naming(project.root)
    said, code = forget.run(load(project=project.root), [HIM], yes="true")
    assert code == 0 and any("Receipt" in line for line in said)
    assert naming(project.root) == []
    receipt = receipt_of(project)
    assert receipt["ended_at"]
    assert sorted(one["file"] for one in receipt["changed"]) == named  # type: ignore[attr-defined]
    assert list(load(project=project.root).decisions.erased["mall"]) != []


@pytest.mark.slow
def test_a_file_that_people_wrote_is_left_and_said(small_project: Callable[[], SmallProject], tmp_path: Path) -> None:
    project = small_project()
    (project / "docs.md").write_text(f"He is {HIM}\n")
    project.run("git", "add", "docs.md")
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Old")
    for row in (["CustomerID", "Age"], [HIM, 20], ["8", 30]):
        sheet.append(row)
    book.save(project / "data/mall/old.xlsx")
    pin_again("data/mall/old.xlsx", pin_of(project / "data/mall/old.xlsx"), project.root)
    copy = project / cache_entry(pin_of(project / "data/mall/old.xlsx").md5)
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(project / "data/mall/old.xlsx", copy)
    listed = tmp_path / "who.csv"
    listed.write_text(f"customer_id,why\n{HIM},asked\n")
    process = project.start("forget", f"from={listed}", "yes=true", warm=True)
    out, err = process.communicate()
    assert (process.returncode, err) == (3, "")
    assert "docs.md: people wrote it and git keeps it" in out
    assert "data/mall/old.xlsx: rows of such a file cannot be taken out here (1 in sheet 'Old')" in out
    assert naming(project.root) == ["docs.md"]
    assert not copy.exists()
    left: Any = receipt_of(project)["left"]
    assert [one["file"] for one in left] == ["docs.md", "data/mall/old.xlsx"] and "sheet 'Old'" in left[1]["why"]


def test_the_key_is_the_owner_s_and_git_does_not_see_it(root: Path, project: Path) -> None:
    with pytest.raises(StoreError, match="the key to know them by is not here"):
        erasure_key()
    key = erasure_key(make=True)
    assert erasure_key(make=True) == erasure_key() == key and len(key) == 32
    file = root / "record/erased.key"
    assert file.stat().st_mode & 0o077 == 0
    assert "/record/" in (project / ".gitignore").read_text().splitlines()
    file.write_text("abc")
    with pytest.raises(StoreError, match="is no key"):
        erasure_key()


def test_what_cannot_be_meant_is_refused(root: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(["source=mall"], project)
    for ids, more, said in (
        (["a", " "], {}, "an id is empty"),
        (["a"], {"yes": "no"}, "yes is 'no'"),
    ):
        with pytest.raises(ConfigError, match=said):
            forget.run(config, ids, **more)
    assert forget.run(config, [])[0] == "nobody of the source mall was erased so far; `segments forget ID` erases"
    two = root / "two.csv"
    two.write_text("x,y\n1,2\n")
    with pytest.raises(ConfigError, match="holds ids is not known"):
        forget.run(config, [], str(two))
    (root / "data").mkdir()
    (root / "data/locked.csv").write_text("customer_id\n7\n")
    monkeypatch.setattr(Path, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(StoreError, match=r"cannot be read: .*Permission denied"):
        forget.run(config, ["7"])


def test_the_same_number_in_another_source_is_somebody_else(root: Path, project: Path) -> None:
    """Short ids only: `Zq-4711` is nobody else anywhere."""
    from segments.io.erasure.folders import look, sources_here
    from segments.io.erasure.traces import Sought

    (root / "conf/source").mkdir()
    (root / "conf/source/mall.yaml").write_text(
        "name: mall\ncustomers: {path: data/mall/Mall_Customers.csv, id: CustomerID}\n"
    )
    (root / "conf/source/shop.yaml").write_text("name: shop\ntransactions:\n  path: data/shop/*.csv\n")
    for path in (
        "data/mall/Mall_Customers.csv",
        "data/shop/log.csv",
        "data/shop/old.csv",
        "lists/a.csv",
        "artifacts/x/b.csv",
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("CustomerID,customer_id\n7,7\n8,8\n")
    (root / "artifacts/data").mkdir()
    (root / "artifacts/data/report.json").write_text('{"source": "shop"}')
    source = load(["source=mall"], project).source
    headers = ("CustomerID", "customer_id")
    found = {
        one.path.as_posix(): one.does for one in look(Sought(("7",), "auto", headers), sources_here(source)).findings
    }
    assert found == {"data/mall/Mall_Customers.csv": "rows", "lists/a.csv": "left"}
    (root / "data/shop/log.csv").unlink()
    (root / "data/shop/old.csv").unlink()
    found = {
        one.path.as_posix(): one.does for one in look(Sought(("7",), "auto", headers), sources_here(source)).findings
    }
    assert found == {"data/mall/Mall_Customers.csv": "rows", "lists/a.csv": "rows", "artifacts/x/b.csv": "rows"}
    (root / "data.dvc").write_text(f"outs: [{{md5: {'a' * 32}, size: 1, hash: md5, path: data/shop/log.csv}}]\n")
    assert sources_here(source).others == {"shop": ["data/shop/*.csv"]}  # who is not here now may come back
    table = pd.read_csv(root / "lists/a.csv")
    assert list(table["customer_id"]) == [7, 8]  # looking changes nothing
