"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from segments.errors import StoreError
from segments.io.store.cache import (
    arrays_of,
    candidate_pictures,
    candidates_folder,
    keep_candidate,
    kept_candidate,
    seal,
    space_of,
    version_file,
    version_folder,
)
from segments.io.store.files import (
    artifact,
    checkout,
    find_project,
    growing_table,
    read_arrays,
    read_json,
    read_table,
    scan_table,
    write_bytes,
    write_csv,
    write_json,
    write_relation,
    write_table,
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_equal_tables_give_equal_bytes(root: Path) -> None:
    table = pd.DataFrame({"a": [1.5, 2.5], "b": pd.Series(["x", None], dtype="string")})
    write_table(Path("one.parquet"), table)
    write_table(Path("two.parquet"), table.copy())
    assert Path("one.parquet").read_bytes() == Path("two.parquet").read_bytes()
    pd.testing.assert_frame_equal(read_table(Path("one.parquet")), table)


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(Path("a.json"), {"v": 1})
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StoreError, match="No space left"):
        write_json(Path("a.json"), {"v": 2})
    assert read_json(Path("a.json")) == {"v": 1}
    assert sorted(p.name for p in root.iterdir()) == ["a.json", "conf", "dvc.yaml"]


def test_what_is_not_made_yet_names_the_stage_that_makes_it(root: Path) -> None:
    with pytest.raises(StoreError) as error:
        read_table(artifact("features", "customers.parquet"))
    assert "does not exist yet" in error.value.what
    assert "segments features" in error.value.fix


def test_a_damaged_file_is_named(root: Path) -> None:
    write_bytes(artifact("sweep", "candidates.parquet"), b"PAR1 nonsense")
    with pytest.raises(StoreError, match="is damaged"):
        read_table(artifact("sweep", "candidates.parquet"))


def test_not_a_number_never_reaches_json(root: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(Path("a.json"), {"v": float("nan")})
    assert not Path("a.json").exists()


def test_the_checkout_behind_dvcs_temporary_copy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = root / ".dvc" / "tmp" / "exps" / "tmpabc"
    (copy / "conf").mkdir(parents=True)
    (copy / "conf" / "config.yaml").write_text("")
    (copy / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(copy)
    assert find_project() == copy
    assert checkout() == root
    assert candidates_folder() == root / "record" / "candidates"


def test_a_candidate_is_kept_once_and_read_back(root: Path) -> None:
    arrays = {"labels": np.array([0, 1], dtype=np.int32)}
    keep_candidate("c1", {"v": 1}, {"s": 2}, arrays, {"clusters": b"png"})
    keep_candidate("c1", {"v": 9}, {"s": 9}, arrays, {})
    assert kept_candidate("c1") == {"v": 1}
    assert space_of("c1") == {"s": 2}
    assert arrays_of("c1")["labels"].tolist() == [0, 1]
    assert candidate_pictures("c1")["clusters"].read_bytes() == b"png"
    assert [path.name for path in candidates_folder().iterdir()] == ["c1"]


def test_a_damaged_candidate_is_taken_off_in_the_cache(root: Path) -> None:
    keep_candidate("c1", {"v": 1}, {}, {}, {})
    (candidates_folder() / "c1" / "candidate.json").write_text("{")
    assert kept_candidate("c1") is None
    assert not (candidates_folder() / "c1").exists()


def test_arrays_are_never_unpickled(root: Path) -> None:
    np.savez("evil.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(StoreError, match="damaged"):
        read_arrays(Path("evil.npz"))


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o027, 0o640, 0o750), (0o022, 0o644, 0o755)]
)
def test_who_may_read_what_holds_customers_the_umask_says(
    root: Path, umask: int, file: int, folder: int, request: pytest.FixtureRequest
) -> None:
    before = os.umask(umask)
    request.addfinalizer(lambda: os.umask(before))
    table = pd.DataFrame({"customer_id": ["1"]})
    write_table(root / "lists/a.parquet", table)
    write_csv(root / "lists/a.csv", table)
    with growing_table(root / "lists/b.csv") as write:
        write(pa.RecordBatch.from_pandas(table))
    write_relation(root / "lists/c.parquet", scan_table(root / "lists/a.parquet"))
    keep_candidate("c1", {}, {}, {"labels": np.zeros(1)}, {"p": b""})
    made = [*(root / "lists").iterdir(), *(candidates_folder() / "c1").iterdir()]
    assert {path.name: path.stat().st_mode & 0o777 for path in made} == {path.name: file for path in made}
    assert [path.stat().st_mode & 0o777 for path in (root / "lists", candidates_folder() / "c1")] == [folder] * 2
    (root / "lists/a.csv").chmod(0o600)
    write_csv(root / "lists/a.csv", table)
    assert (root / "lists/a.csv").stat().st_mode & 0o777 == 0o600, "who closed it did not open it again"


def test_what_is_kept_of_a_version_is_compared_before_it_is_used(root: Path) -> None:
    assert version_file("h", "c", "members.parquet") is None, "another machine's"
    path = version_folder("h", "c") / "members.parquet"
    write_bytes(path, b"a")
    with pytest.raises(StoreError, match=r"record/versions/c-h/members.parquet cannot be compared"):
        version_file("h", "c", path.name)
    seal(path.parent)
    assert version_file("h", "c", path.name) == path
    for spoil in (lambda: path.write_bytes(b"b"), path.unlink, lambda: path.symlink_to(root / "a")):
        (root / "a").write_bytes(b"a")
        spoil()
        with pytest.raises(StoreError, match=r"members\.parquet is not the file that was kept"):
            version_file("h", "c", path.name)
