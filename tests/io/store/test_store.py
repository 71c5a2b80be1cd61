"""Files that are whole or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segments.errors import StoreError
from segments.io.store.cache import (
    arrays_of,
    candidate_pictures,
    candidates_folder,
    keep_candidate,
    kept_candidate,
    space_of,
)
from segments.io.store.files import (
    artifact,
    checkout,
    damaged_table,
    find_project,
    read_arrays,
    read_json,
    read_table,
    write_bytes,
    write_json,
    write_table,
)
from segments.io.store.fingerprints import sha256
from segments.io.store.seals import SEAL, seal, unchanged


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


@pytest.mark.parametrize("name", ["candidate.json", "space.json", "arrays.npz", "clusters.png", "manifest.json"])
@pytest.mark.parametrize("how", ["a digit", "a file"])
def test_a_candidate_of_which_anything_was_changed_is_made_again(root: Path, name: str, how: str) -> None:
    keep_candidate("c1", {"v": 11}, {"s": 11}, {"x": np.array([11.0])}, {"clusters": b"png 11"})
    path = candidates_folder() / "c1" / name
    assert kept_candidate("c1") == {"v": 11}
    if how == "a digit":
        changed = path.read_bytes().replace(b"1", b"7", 1)
        assert changed != path.read_bytes()
        path.write_bytes(changed)
    else:
        path.unlink()
    for read in (space_of, arrays_of, candidate_pictures):
        with pytest.raises(StoreError, match="c1"):
            read("c1")
    assert kept_candidate("c1") is None
    assert not (candidates_folder() / "c1").exists()


def test_a_sealed_folder_is_what_it_was_or_an_error_that_names_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "files").mkdir(parents=True)
    assert unchanged(folder) == folder, "one of before folders were sealed"
    for name in ("a.json", "files/b.csv"):
        (folder / name).write_text("1")
    seal(folder)
    seal(folder)
    assert json.loads((folder / SEAL).read_text()) == dict.fromkeys(["a.json", "files/b.csv"], sha256(b"1"))
    assert unchanged(folder) == folder
    (folder / "files/b.csv").write_text("2")
    with pytest.raises(StoreError, match=r"files/b\.csv was changed since it was made"):
        unchanged(folder)
    (folder / "files/b.csv").unlink()
    with pytest.raises(StoreError, match=r"files/b\.csv is missing"):
        unchanged(folder)
    for damaged in ("[]", "{", '{"a.json": 1}'):
        (folder / SEAL).write_text(damaged)
        with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
            unchanged(folder)


@pytest.mark.parametrize("cut", [lambda raw: raw[: len(raw) // 2], lambda raw: raw[:60] + bytes(40) + raw[100:]])
def test_a_streamed_table_with_a_damaged_page_is_named_where_it_is_met(
    root: Path, cut: Callable[[bytes], bytes]
) -> None:
    write_table(artifact("data", "a.parquet"), pd.DataFrame({"x": np.arange(5000.0) % 7}))
    path = artifact("data", "b.parquet")
    write_table(path, pd.DataFrame({"x": np.arange(5000.0) % 7}))
    assert damaged_table() is None
    path.write_bytes(cut(path.read_bytes()))
    found = damaged_table()
    assert found is not None
    assert str(found).startswith("artifacts/data/b.parquet is damaged")
    assert found.fix == "delete it and run `segments data`, or `dvc repro`"


def test_arrays_are_never_unpickled(root: Path) -> None:
    np.savez("evil.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(StoreError, match="damaged"):
        read_arrays(Path("evil.npz"))
