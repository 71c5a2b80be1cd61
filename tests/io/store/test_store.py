"""Files that are whole or not there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from segments.errors import ConfigError, StoreError
from segments.io.store.cache import (
    arrays_of,
    batch_record,
    batch_records,
    campaign,
    candidate_pictures,
    candidates_folder,
    clear_unfinished,
    elbow_file,
    evidence_path,
    finished_candidates,
    forecast,
    forecasts,
    history,
    keep_candidate,
    keep_evidence,
    kept_candidate,
    kept_evidence,
    kept_ids,
    remember,
    space_of,
    sweep_record,
    sweep_records,
    uplift_folder,
    version_file,
    version_folder,
    version_folders,
)
from segments.io.store.files import (
    artifact,
    checkout,
    damaged_table,
    find_project,
    growing_table,
    kept,
    read_arrays,
    read_json,
    read_table,
    refuse_kept,
    remove,
    replace_folder,
    scan_table,
    write_bytes,
    write_csv,
    write_json,
    write_relation,
    write_table,
    write_text,
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


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[str]]:
    """What lay beside each file, by its inode, when it was flushed to disk."""
    seen: dict[int, list[str]] = {}

    def fsync(file: int) -> None:
        beside = [path.relative_to(Path.cwd()).as_posix() for path in Path.cwd().rglob("*") if path.is_file()]
        seen[os.fstat(file).st_ino] = sorted(beside)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_a_file_takes_its_place_at_once(root: Path, flushed: dict[int, list[str]]) -> None:
    """What was flushed is what lies there now, not a copy: until then the old one did, and who reads that reads on."""
    write_text(Path("a/b.txt"), "old")
    with Path("a/b.txt").open() as reading:
        write_text(Path("a/b.txt"), "new and longer")
        assert reading.read() == "old"
    assert Path("a/b.txt").read_text() == "new and longer"
    assert Path("a/b.txt").stat().st_ino in flushed
    assert len(flushed) == 2
    assert [len([name for name in names if name.startswith("a/")]) for names in flushed.values()] == [1, 2]
    assert Path("a/b.txt").stat().st_mode & 0o777 in (0o644, 0o600)


def test_a_stages_file_is_made_outside_what_dvc_keeps(root: Path, flushed: dict[int, list[str]]) -> None:
    write_text(artifact("sweep", "a.txt"), "x")
    [beside] = flushed.values()
    [partial] = [name for name in beside if "a.txt" in name]
    assert partial.startswith("record/.partial/.a.txt.")
    assert Path("artifacts/sweep/a.txt").stat().st_ino in flushed


def test_a_candidate_takes_its_place_whole(root: Path, flushed: dict[int, list[str]]) -> None:
    """Every file of it is flushed, all lie there by then, and none under its name: the folder is moved, not filled."""
    keep_candidate("c1", {"v": 1}, {"s": 2}, {"labels": np.array([0])}, {"clusters": b"png"}, maker=7)
    names = ["arrays.npz", "candidate.json", "clusters.png", "space.json"]
    assert sorted(path.name for path in (candidates_folder() / "c1").iterdir()) == sorted([*names, SEAL])
    assert {path.stat().st_ino for path in (candidates_folder() / "c1").iterdir()} <= set(flushed)
    for beside in flushed.values():
        kept = [Path(name) for name in beside if name.startswith("record/candidates/")]
        assert sorted(path.name for path in kept if path.name in names) == names
        assert all(path.parent.name.startswith(".c1.7.") for path in kept)


@pytest.mark.parametrize("step", range(4))
def test_a_candidate_that_cannot_be_flushed_is_not_there(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    calls = iter(range(10))

    def fsync(_: int) -> None:
        if next(calls) == step:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StoreError, match=r"cannot write .*c1.*: .*No space left"):
        keep_candidate("c1", {"v": 1}, {"s": 2}, {"labels": np.array([0])}, {"clusters": b"png"})
    assert list(candidates_folder().iterdir()) == []


def one_byte_other(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] = 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["candidate.json", "space.json", "arrays.npz"])
@pytest.mark.parametrize("harm", [lambda path: path.unlink(), one_byte_other])
def test_a_candidate_any_part_of_which_is_damaged_is_made_again(root: Path, name: str, harm: Any) -> None:
    arrays = {"labels": np.arange(50)}
    keep_candidate("c1", {"v": 1}, {"columns": ["x", "y"]}, arrays, {})
    keep_candidate("c2", {"v": 2}, {"columns": ["x", "y"]}, arrays, {})
    harm(candidates_folder() / "c1" / name)
    assert kept_candidate("c1") is None
    assert kept_candidate("c2") == {"v": 2}
    assert kept_ids() == {"c2"}
    keep_candidate("c1", {"v": 1}, {}, arrays, {})
    assert kept_candidate("c1") == {"v": 1}


def test_a_folder_takes_the_place_of_another(root: Path) -> None:
    for name in ("new", "old"):
        write_text(root / name / f"{name}.txt", name)
    inode = (root / "new").stat().st_ino
    replace_folder(root / "new", root / "old")
    assert [path.name for path in (root / "old").iterdir()] == ["new.txt"]
    assert (root / "old").stat().st_ino == inode
    assert not (root / "new").exists()
    with pytest.raises(StoreError, match="cannot write"):
        replace_folder(root / "not there", root / "other")


# --- where things lie ----------------------------------------------------------------------------------------------------


def test_what_an_interrupted_process_had_half_made_goes_and_nothing_else(root: Path) -> None:
    keep_candidate("c1", {"v": 1}, {}, {}, {})
    for name in (".c2.7.abc", ".c3.7.def", ".c2.77.abc", ".c7.8.abc"):
        (candidates_folder() / name).mkdir()
    clear_unfinished(7)
    assert sorted(path.name for path in candidates_folder().iterdir()) == [".c2.77.abc", ".c7.8.abc", "c1"]
    assert kept_ids() == {"c1"}


def test_what_a_killed_process_left_goes_after_a_day(root: Path) -> None:
    left = [candidates_folder() / ".c2.7.abc", kept(".partial") / ".a.txt", kept("versions") / ".v"]
    making = candidates_folder() / ".c3.8.abc"
    for path in (*left[::2], making, left[1].parent):
        path.mkdir(parents=True, exist_ok=True)
    left[1].touch()
    yesterday = time.time() - 25 * 3600
    for path in left:
        os.utime(path, (yesterday, yesterday))
    clear_unfinished(0)
    assert [path.exists() for path in (*left, making)] == [False, False, False, True]


def test_finished_candidates_are_listed_oldest_first_without_the_damaged(root: Path) -> None:
    for name, at in (("c1", 5), ("c3", 2), ("c2", 2), ("c4", 1)):
        keep_candidate(name, {"candidate_id": name, "started_ms": at}, {}, {"labels": np.array([0])}, {})
    (candidates_folder() / "c4" / "space.json").unlink()
    assert [fact["candidate_id"] for fact in finished_candidates()] == ["c2", "c3", "c1"]


def test_what_was_just_said_is_not_said_twice(root: Path) -> None:
    once, twice = (EVENT | {"at": at} for at in ("1", "2"))
    other = once | {"at": "3", "what": "rolled back"}
    for event in (once, twice, other, other, once):
        remember(event)
    assert [event["at"] for event in history()] == ["1", "3", "1"]
    assert history()[-1] == once


def test_evidence_is_kept_and_made_again_when_damaged(root: Path) -> None:
    assert kept_evidence("e1") is None
    keep_evidence("e1", {"ks": np.array([2, 3])})
    found = kept_evidence("e1")
    assert found is not None
    assert found["ks"].tolist() == [2, 3]
    evidence_path("e1").write_bytes(b"PK nonsense")
    assert kept_evidence("e1") is None


BATCH: dict[str, Any] = {
    "batch_id": "b",
    "scored_at": "2026-11-29T04:00:00+00:00",
    "started_ms": 1,
    "seconds": 0.5,
    "input": "customers.csv",
    "source": "mall",
    "model": {"name": "customer-segments", "version": "1"},
    "rows": 3,
    "scored": 3,
    "rejected": 0,
    "reasons": {},
    "segments": [{"cluster": 0, "customers": 3, "training": 200}],
    "figures": [],
    "decision": "keep",
    "sentence": "Keep.",
}
EVENT = {"at": "2026", "what": "promoted", "candidate_id": "c", "model_hash": "m", "by": "me", "because": "so"}


@pytest.mark.parametrize(
    "damaged",
    [[], {}, None, 1, [BATCH], BATCH | {"figures": {}}, BATCH | {"segments": [1]}, BATCH | {"decision": "perhaps"}],
)
def test_a_batch_record_of_another_shape_is_named(root: Path, damaged: Any) -> None:
    write_json(batch_record("b"), damaged)
    with pytest.raises(StoreError, match=r"monitoring/b\.json is damaged") as caught:
        batch_records()
    assert "delete it" in caught.value.fix


@pytest.mark.parametrize("damaged", [{}, None, "promoted", [1], [{}], [EVENT | {"at": 5}], [[EVENT]]])
def test_a_history_of_another_shape_is_named_and_kept(root: Path, damaged: Any) -> None:
    path = kept("versions") / "history.json"
    write_json(path, damaged)
    for use in (history, lambda: remember(dict(EVENT))):
        with pytest.raises(StoreError, match=r"history\.json is damaged"):
            use()
    assert read_json(path) == damaged


def test_records_are_listed_oldest_first(root: Path) -> None:
    for name, at in (("b", 2), ("a", 2), ("c", 1)):
        write_json(sweep_record(name) / "sweep.json", {"started_ms": at})
        write_json(forecast(name) / "record.json", {"started_ms": at})
        write_json(batch_record(name), BATCH | {"started_ms": at, "batch_id": name})
    assert [folder.name for folder in sweep_records()] == ["c", "a", "b"]
    assert [folder.name for folder in forecasts()] == ["c", "a", "b"]
    assert [record["batch_id"] for record in batch_records()] == ["c", "a", "b"]
    write_json(artifact("prediction", "prediction.json"), {"prediction_id": "c"})
    assert [folder.name for folder in forecasts()] == ["a", "b", "c"], "the present one comes last"


def test_names_of_what_is_kept(root: Path) -> None:
    for folder in ("c1-0123456789ab", "c1-ffff", "c2-ffff"):
        (root / "record" / "versions" / folder).mkdir(parents=True)
    assert version_folder("0123456789abcdef", "c1").name == "c1-0123456789ab"
    assert [folder.name for folder in version_folders("c1")] == ["c1-0123456789ab", "c1-ffff"]
    assert len(version_folders()) == 3
    assert elbow_file(["b", "a"]) == elbow_file(["a", "b"]) != elbow_file(["a"])
    assert len(elbow_file(["a"]).stem) == 16
    assert uplift_folder("u1") == root / "record" / "uplift" / "u1"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a", True),
        ("_x", True),
        ("é-1.b", True),
        ("a" * 60, True),
        ("a" * 61, False),
        ("", False),
        (".a", False),
        ("-a", False),
        ("a/b", False),
        ("a b", False),
    ],
)
def test_what_can_name_a_campaign(root: Path, name: str, fits: bool) -> None:
    with nullcontext() if fits else pytest.raises(ConfigError, match="cannot name a campaign"):
        assert campaign(name) == root / "record" / "campaigns" / name


@pytest.mark.parametrize(
    ("path", "kept_there"),
    [
        *((".git/hooks/x.csv", True), (".dvc/x.csv", True), ("conf/x.csv", True), ("link/x.csv", True)),
        *(("../.git/x.csv", True), ("out.csv", False), ("data/conf/x.csv", False), ("../beside/conf/x.csv", False)),
        ("data/.git/x.csv", True),
        (".dvc/tmp/exps/a/out.csv", False),  # an experiment of DVC's is a project of its own
    ],
)
def test_nobody_is_led_to_write_where_git_dvc_or_the_settings_lie(tmp_path: Path, path: str, kept_there: bool) -> None:
    for project in (tmp_path / "mine", tmp_path / "mine/.dvc/tmp/exps/a"):
        project.mkdir(parents=True)
        (project / "dvc.yaml").touch()
    (tmp_path / "mine/link").symlink_to("conf")
    with pytest.raises(StoreError, match="git, DVC or conf/ keep") if kept_there else nullcontext():
        refuse_kept(tmp_path / "mine" / path)


def test_the_folder_of_what_is_kept_explains_itself_once(root: Path) -> None:
    (root / "artifacts" / "sweeps" / "s1").mkdir(parents=True)
    (root / "artifacts" / "versions" / "old").mkdir(parents=True)
    (root / "record" / "versions" / "new").mkdir(parents=True)
    assert kept("sweeps") == root / "record" / "sweeps"
    assert (root / "record" / "sweeps" / "s1").is_dir(), "what lay in artifacts once is moved"
    assert (root / "artifacts" / "versions" / "old").is_dir(), "but never over what is there"
    assert [path.name for path in (root / "record" / "versions").iterdir()] == ["new"]
    assert (root / "record" / "README.md").read_text().startswith("# What outlives a run")
    (root / "artifacts" / "uplift").mkdir()
    kept()
    assert (root / "artifacts" / "uplift").is_dir(), "it is done once"


def test_a_project_is_found_upwards_or_not_at_all(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a" / "b").mkdir(parents=True)
    assert find_project(root / "a" / "b") == find_project(root) == root
    for name in ("conf/config.yaml", "dvc.yaml"):
        content = (root / name).read_text()
        (root / name).unlink()
        with pytest.raises(StoreError, match="this is not a segments project"):
            find_project(root)
        (root / name).write_text(content)
    odd = root / ".dvc" / "tmp" / "other" / "exps"
    (odd / "conf").mkdir(parents=True)
    (odd / "conf" / "config.yaml").write_text("")
    (odd / "dvc.yaml").write_text("")
    monkeypatch.chdir(odd)
    assert checkout() == odd, "only .dvc/tmp/exps is a copy"


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])
def test_a_growing_table_is_there_when_it_is_whole(root: Path, suffix: str) -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1, 2], "b": ["x", "y"]})
    path = Path(f"t{suffix}")
    with growing_table(path) as write:
        write(batch)
        assert not path.exists()
        write(batch)
    read = pd.read_parquet if suffix == ".parquet" else pd.read_csv
    assert read(path).to_numpy().tolist() == [[1, "x"], [2, "y"]] * 2
    before = path.read_bytes()
    with growing_table(path):
        pass
    assert path.read_bytes() == before, "nothing written, nothing replaced"
    with pytest.raises(ZeroDivisionError), growing_table(path) as write:
        write(batch)
        _ = 1 / 0
    assert path.read_bytes() == before
    assert sorted(found.name for found in root.iterdir()) == sorted(["conf", "dvc.yaml", path.name])


def test_a_table_of_another_kind_cannot_grow(root: Path) -> None:
    with pytest.raises(StoreError, match=r"tables named '\.xlsx' cannot be written"), growing_table(Path("a.xlsx")):
        pass


def test_what_is_missing_or_damaged_says_what_makes_it(root: Path) -> None:
    for path, fix in [
        (artifact("sweep", "a.json"), "run `segments sweep`, or `dvc repro`"),
        (Path("a.json"), "run `dvc repro`"),
    ]:
        with pytest.raises(StoreError, match="does not exist yet") as missing:
            read_json(path)
        assert missing.value.fix == fix
        write_text(path, "{")
        with pytest.raises(StoreError, match="is damaged") as damaged:
            read_json(path)
        assert damaged.value.fix == f"delete it and {fix}"


def test_plain_data_are_written_for_people(root: Path) -> None:
    write_json(Path("a.json"), {"b": "Zoë", "a": [1]})
    assert Path("a.json").read_text() == '{\n  "b": "Zoë",\n  "a": [\n    1\n  ]\n}\n'
    write_csv(Path("a.csv"), pd.DataFrame({"id": ["1"], "n": [2]}))
    assert Path("a.csv").read_text() == '"id","n"\n"1",2\n'
    remove(Path("a.csv"))
    remove(Path("a.csv"))
    assert not Path("a.csv").exists()


def test_a_relation_is_written_whole_and_read_without_being_loaded(root: Path) -> None:
    import duckdb

    write_relation(Path("a.parquet"), duckdb.sql("select 1 as a union all select 2 order by a"))
    assert scan_table(Path("a.parquet")).fetchall() == [(1,), (2,)]
    write_relation(Path("a.parquet"), duckdb.sql("select 1 as a union all select 3 order by a"))
    assert scan_table(Path("a.parquet")).fetchall() == [(1,), (3,)], "a file that took its place is read anew"
    write_text(Path("b.parquet"), "PAR1")
    with pytest.raises(StoreError, match="is damaged"):
        scan_table(Path("b.parquet"))


def test_a_large_table_is_written_in_groups_so_that_a_row_is_found_without_reading_all(root: Path) -> None:
    import duckdb
    import pyarrow.parquet as pq

    write_table(Path("a.parquet"), pd.DataFrame({"a": range(70_000)}))
    write_relation(Path("b.parquet"), duckdb.sql("select range as a from range(70000)"))
    assert [pq.ParquetFile(f"{name}.parquet").num_row_groups for name in "ab"] == [2, 2]


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
