"""`segments verify`: what is registered is made again and comes out the same; what was touched is named."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from segmentations import TABLE, on_a_line
from segments.errors import StoreError, TrackingError
from segments.io.registry import proof as proof_module
from segments.io.registry.files import DOCUMENT
from segments.io.registry.proof import (
    Claim,
    Proof,
    check_answers,
    check_cache,
    check_handed_on,
    check_kept,
    check_model,
    check_raw_pins,
    check_tables,
    compare_rebuilt,
    made_of,
)
from segments.io.store.files import write_table
from segments.io.store.fingerprints import labels_hash, md5, sha256
from segments.io.store.seals import seal
from small_project import CHECKOUT, SmallProject


def flip(path: Path) -> None:
    """Change one byte in the middle of a file."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def claim(folder: Path, config: str = "{}") -> Claim:
    for part in ("code", "artifacts"):
        (folder / part).mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "code/model.py").write_text("pass\n")
    document = on_a_line([1.0, 11.0]).to_json()
    (folder / DOCUMENT).write_text(document)
    manifest = {name: sha256((folder / name).read_bytes()) for name in ("MLmodel", DOCUMENT, "code/model.py")}
    tags = {"config_hash": sha256(config.encode()), "model_hash": sha256(document.encode())}
    return Claim(tags, config, {"wcss": 2.5, "silhouette": 0.5}, folder, "mlruns/here", manifest, folder / "cache")


def test_model_files_as_registered_have_no_difference(tmp_path: Path) -> None:
    proof = Proof()
    check_model(claim(tmp_path), proof)
    assert proof.holds
    assert proof.checked == ["3 model files"]


def test_a_tag_names_no_foreign_code_to_run(tmp_path: Path) -> None:
    version, proof = claim(tmp_path), Proof()
    version.tags.update(candidate_id="c", rebuilt_by="antigravity")
    assert proof_module._rebuild(version, CHECKOUT / "src", tmp_path, proof, []) is None
    assert proof.differences == ["its tag rebuilt_by names 'antigravity', which is no part of this package"]


@pytest.mark.slow
@pytest.mark.parametrize("named", [*proof_module.REBUILT_BY, None])
def test_versions_of_today_and_of_before_the_folders_are_made_again(tmp_path: Path, named: str | None) -> None:
    """The module that a version names, and the one that is meant where it names none, start and read the config."""
    version, proof = claim(tmp_path), Proof()
    version.tags.update({"candidate_id": "c"} | ({} if named is None else {"rebuilt_by": named}))
    (tmp_path / "config.json").write_text('{"source": 1}')
    assert proof_module._rebuild(version, CHECKOUT / "src", tmp_path, proof, []) is None
    [difference] = proof.differences
    assert difference.startswith("it cannot be rebuilt: ") and "source" in difference and "Traceback" not in difference


def test_what_was_begun_beforehand_is_not_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(version: Claim, *_: Any) -> tuple[Proof, None]:
        made.append(version.tags["candidate_id"])
        return Proof(["the code"], differences=["made again"]), None

    monkeypatch.setattr(proof_module, "_made_again", make)
    monkeypatch.setattr(proof_module, "checkout", lambda: tmp_path)
    version = claim(tmp_path)
    version.tags.update(candidate_id="c")
    with proof_module.rebuilding(version) as begun:
        found = proof_module.prove(version, begun)
        assert made == ["c"] and found.differences == ["made again"] and "the code" in found.checked
        proof_module.prove(replace(version, tags={**version.tags, "candidate_id": "d"}), begun)
    assert made == ["c", "d"], "another claim is proved by itself"


def test_what_is_not_needed_any_more_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running, processes = threading.Event(), list[subprocess.Popen[str]]()

    def make(_: Claim, folder: Path, started: list[subprocess.Popen[str]]) -> tuple[Proof, None]:
        started.append(subprocess.Popen(["tail", "-f", "/dev/null"], text=True))
        processes.extend(started)
        running.set()
        started[0].wait()
        return Proof(), None

    monkeypatch.setattr(proof_module, "_made_again", make)
    with pytest.raises(TrackingError), proof_module.rebuilding(claim(tmp_path)) as begun:
        assert running.wait(60)
        raise TrackingError("the server has gone", where="")
    assert processes[0].returncode == -signal.SIGKILL and not begun.folder.exists()


def test_each_touched_model_file_is_named(tmp_path: Path) -> None:
    message, proof = claim(tmp_path), Proof()
    flip(tmp_path / "code/model.py")
    (tmp_path / "MLmodel").unlink()
    check_model(message, proof)
    # Where a person finds it, not the copy that was looked at.
    assert proof.differences == [
        "model file MLmodel is missing (mlruns/here)",
        "model file code/model.py was changed (mlruns/here)",
    ]


def test_a_model_that_was_registered_after_it_was_changed_is_named(tmp_path: Path) -> None:
    """The list of its files was made of the changed one: only the tags know better."""
    message, proof = claim(tmp_path), Proof()
    (tmp_path / DOCUMENT).write_text(on_a_line([1.0, 2.5]).to_json())
    listed = {**message.manifest, DOCUMENT: sha256((tmp_path / DOCUMENT).read_bytes())}
    check_model(replace(message, manifest=listed), proof)
    assert proof.differences == [f"model file {DOCUMENT} was changed (mlruns/here)"]


def test_the_stored_model_must_answer_as_the_refit_does(tmp_path: Path) -> None:
    message, rebuilt = claim(tmp_path), {"labels_hash": labels_hash(np.array([0, 0, 0, 1, 1, 1]))}
    write_table(tmp_path / "customers.parquet", TABLE)
    proof = Proof()
    check_answers(message, rebuilt, tmp_path / "customers.parquet", proof)
    assert (proof.checked, proof.differences) == (["6 answers of the stored model, equal to them"], [])

    (tmp_path / DOCUMENT).write_text(on_a_line([1.0, 2.5]).to_json())  # its third customer is another's now
    check_answers(message, rebuilt, tmp_path / "customers.parquet", proof)
    (tmp_path / DOCUMENT).write_text("{}")
    check_answers(message, rebuilt, tmp_path / "customers.parquet", proof)
    other, unasked = proof.differences
    assert other == "the stored model puts customers into other clusters than the refit does"
    assert unasked.startswith("the stored model cannot be asked: ")


@pytest.mark.parametrize(
    ("scores", "checked", "differences"),
    [
        ({"wcss": 2.5, "silhouette": 0.5, "seconds": 9.0}, "2 scores", []),
        ({"wcss": 2.5}, "1 scores", ["the score silhouette is 0.5, on record it is missing"]),
        ({"wcss": 2.5, "silhouette": 0.6}, "2 scores", ["the score silhouette is 0.5, on record 0.6"]),
    ],
)
def test_a_score_that_is_not_on_record_is_a_difference_and_not_counted(
    tmp_path: Path, scores: dict[str, float], checked: str, differences: list[str]
) -> None:
    message, proof = replace(claim(tmp_path), scores=scores, tags={"data_hash": "d", "labels_hash": "l"}), Proof()
    rebuilt = {"wcss": 2.5, "silhouette": 0.5, "seconds": 1.0}
    compare_rebuilt(message, {"data_hash": "d", "labels_hash": "l", "n_customers": 6, "scores": rebuilt}, proof)
    assert (proof.checked[-1], proof.differences) == (checked, differences)


@pytest.mark.parametrize(
    ("then", "now", "differences"),
    [
        ("r", "r", 0),
        (None, None, 0),
        ("r", "s", 1),
        ("r", None, 1),
        (None, "r", 1),
    ],
)
def test_a_fit_of_record_that_comes_out_otherwise_is_a_difference(
    tmp_path: Path, then: str | None, now: str | None, differences: int
) -> None:
    tags = {"data_hash": "d", "labels_hash": "l"} | ({} if then is None else {"of_record": then})
    rebuilt = {"data_hash": "d", "labels_hash": "l", "n_customers": 6, "scores": {}, "of_record": now}
    compare_rebuilt(replace(claim(tmp_path), scores={}, tags=tags), rebuilt, proof := Proof())
    assert len(proof.differences) == differences
    assert ("the fit of record over all customers" in proof.checked) == (then == now == "r")


def test_another_config_than_the_tags_say_is_a_difference(tmp_path: Path) -> None:
    message, proof = claim(tmp_path), Proof()
    check_model(replace(message, config='{"k": 9}'), proof)
    assert proof.differences == ["config.json is not the config of the version's tags"]


def cached(project: Path, content: bytes, suffix: str = "") -> str:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest() + suffix
    entry = project / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_bytes(content)
    return digest


def test_every_entry_of_the_cache_is_hashed_also_inside_folders(tmp_path: Path) -> None:
    inner = cached(tmp_path, b"a table")
    listing = cached(tmp_path, json.dumps([{"md5": inner, "relpath": "customers.parquet"}]).encode(), ".dir")
    raw = cached(tmp_path, b"raw")
    (tmp_path / "data.dvc").write_text(yaml.safe_dump({"outs": [{"md5": raw, "path": "data/raw.csv"}]}))
    lock = {"stages": {"features": {"outs": [{"md5": listing, "path": "artifacts/features"}]}}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    proof = Proof()
    check_cache(tmp_path, proof)
    assert (proof.checked, proof.differences) == (["3 entries of DVC's cache"], [])

    flip(tmp_path / f".dvc/cache/files/md5/{inner[:2]}/{inner[2:]}")
    flip(tmp_path / f".dvc/cache/files/md5/{raw[:2]}/{raw[2:]}")
    proof = Proof()
    check_cache(tmp_path, proof)
    assert [difference.split(" (")[0] for difference in proof.differences] == [
        "DVC's cache entry of data/raw.csv was changed",
        "DVC's cache entry of artifacts/features/customers.parquet was changed",
    ]


# --- the cache, and what stages left ----------------------------------------------------------------------------------


def kept(folder: Path) -> str:
    """A version's cache without its hashes; returns the hash of its segmentation."""
    folder.mkdir(parents=True)
    for name in ("segmentation.json", "config.json", "members.parquet"):
        (folder / name).write_text(f'{{"of": "{name}"}}')
    return sha256((folder / "segmentation.json").read_bytes())


@pytest.mark.parametrize("name", ["segmentation.json", "config.json", "members.parquet"])
def test_each_touched_file_of_the_kept_is_named(tmp_path: Path, name: str) -> None:
    model_hash = kept(tmp_path / "v")
    seal(tmp_path / "v")
    proof = Proof()
    check_kept(tmp_path / "v", model_hash, proof)
    assert (proof.checked, proof.unchecked, proof.differences) == (["3 stored files"], [], [])

    flip(tmp_path / "v" / name)
    check_kept(tmp_path / "v", model_hash, proof)
    (tmp_path / "v" / name).unlink()
    check_kept(tmp_path / "v", model_hash, proof)
    assert proof.differences == [f"the stored file record/versions/v/{name} {was}" for was in ("was changed", "is missing")]  # fmt: skip


def test_a_kept_of_before_its_hashes_were_kept_says_what_was_not_checked(tmp_path: Path) -> None:
    model_hash, proof = kept(tmp_path / "v"), Proof()
    check_kept(tmp_path / "v", model_hash, proof)
    check_kept(tmp_path / "elsewhere", model_hash, proof)
    assert (proof.checked, proof.differences) == (["1 stored files"], [])
    assert proof.unchecked == [
        "the other files of record/versions/v: stored before their hashes were kept",
        "record/versions/elsewhere: not on this machine",
    ]
    flip(tmp_path / "v/segmentation.json")
    check_kept(tmp_path / "v", model_hash, proof)
    assert proof.differences == ["the stored file record/versions/v/segmentation.json was changed"]


def a_run(project: Path) -> None:
    """Two stages' folders, ``dvc.lock`` beside them, and a cache that lists them."""
    stages = ("features", "profiles")
    for stage in stages:
        (project / "artifacts" / stage).mkdir(parents=True, exist_ok=True)
        (project / f"artifacts/{stage}/segments.parquet").write_text(f"a table of {stage}")
    outs = {stage: {"outs": [{f"artifacts/{stage}": {"persist": True}}]} for stage in stages}
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {**outs, "registry": {"outs": ["artifacts/x"]}}}))
    (project / "cache").mkdir()
    (project / "cache/model.json").write_text(json.dumps({"made_of": made_of(project)}))
    lock(project, stages)


def lock(project: Path, stages: Sequence[str]) -> None:
    """``dvc.lock`` as DVC would write it now."""
    locked = {}
    for stage in stages:
        entry = {"md5": md5(project / f"artifacts/{stage}/segments.parquet"), "relpath": "segments.parquet"}
        listing = hashlib.md5(json.dumps([entry]).encode(), usedforsecurity=False).hexdigest() + ".dir"
        locked[stage] = {"outs": [{"path": f"artifacts/{stage}", "md5": listing}]}
    (project / "dvc.lock").write_text(yaml.safe_dump({"stages": locked}))


def tables(project: Path) -> Proof:
    proof = Proof()
    check_tables(project, project / "cache", proof)
    return proof


def test_each_touched_file_that_a_stage_left_is_named(tmp_path: Path) -> None:
    a_run(tmp_path)
    assert tables(tmp_path) == Proof(["2 files that stages left"])
    flip(tmp_path / "artifacts/profiles/segments.parquet")
    (tmp_path / "artifacts/features/segments.parquet").unlink()
    gone, changed = tables(tmp_path).differences
    assert gone == "artifacts/features/segments.parquet is missing, dvc.lock has it"
    assert changed.startswith("artifacts/profiles/segments.parquet was changed: md5 ")


def test_a_folder_that_another_run_made_since_proves_nothing(tmp_path: Path) -> None:
    a_run(tmp_path)
    (tmp_path / "artifacts/profiles/segments.parquet").write_text("of a later run")
    lock(tmp_path, ("features", "profiles"))
    assert tables(tmp_path) == Proof(
        ["1 files that stages left"], ["artifacts/profiles: dvc.lock has them of another run"]
    )
    (tmp_path / "cache/model.json").unlink()
    said = "what stages left under artifacts/: the version's folder does not list it"
    assert tables(tmp_path) == Proof(unchecked=[said])


@pytest.mark.parametrize("text", ["", '"text"', "[]", "stages: {data: {}}", "stages: [", "stages: 2020-13-45"])
def test_a_pipeline_that_lists_nothing_is_one_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.yaml").write_text(text)
    with pytest.raises(StoreError, match=r"dvc.yaml is damaged"):
        made_of(tmp_path)


def test_a_changed_raw_file_that_the_version_was_not_made_of_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("log", "coupons"):
        (tmp_path / f"data/{name}.csv").write_text(f"some {name}")
    digests = {f"data/{name}.csv": md5(tmp_path / f"data/{name}.csv") for name in ("log", "coupons")}
    outs = [{"path": path, "md5": digest} for path, digest in {**digests, "data/not_fetched.csv": "0" * 32}.items()]
    (tmp_path / "data.dvc").write_text(yaml.safe_dump({"outs": outs}))
    raw, proof = {"data/log.csv": digests["data/log.csv"]}, Proof()
    check_raw_pins(tmp_path, raw, proof)
    assert proof == Proof(["1 other raw files"])
    flip(tmp_path / "data/coupons.csv")
    check_raw_pins(tmp_path, raw, proof)
    [said] = proof.differences
    assert said.startswith("the raw file data/coupons.csv is changed: md5 ")


def test_the_model_that_exports_read_must_be_a_versions(tmp_path: Path) -> None:
    document, proof = tmp_path / "artifacts/registry/segmentation.json", Proof()
    document.parent.mkdir(parents=True)
    document.write_text(on_a_line([1.0, 11.0]).to_json())
    check_handed_on(tmp_path, proof)
    assert proof == Proof(), "without a cache there is nothing to compare it with"
    for content in ("another version", document.read_text()):
        (tmp_path / f"record/versions/c-{sha256(content.encode())[:12]}").mkdir(parents=True)
    check_handed_on(tmp_path, proof)
    assert proof == Proof(["the model that exports read"])
    flip(document)
    check_handed_on(tmp_path, proof)
    assert proof.differences == [
        "artifacts/registry/segmentation.json was changed: it is the model of no stored version"
    ]


# --- the command, on the small project --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_champion_is_made_again(reproduced: SmallProject) -> None:
    said = reproduced.run("segments", "verify")
    assert "customer-segments version 1 holds" in said
    for checked in (
        "model files",
        "entries of DVC's cache",
        "the code, in place",
        "1 raw files",
        "200 labels, refitted",
        "200 answers of the stored model",
        "files that stages left",
        "stored files",
    ):
        assert checked in said
    assert "not checked" not in said, "DVC's own hashes are those that the cache was made with"
    version = reproduced.client().get_model_version_by_alias("customer-segments", "champion")
    assert version.tags["segments.proof"] == "holds"


@pytest.mark.slow
def test_each_changed_byte_is_found_and_named(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    listing = lock["stages"]["features"]["outs"][0]["md5"]
    cache = project / ".dvc/cache/files/md5"
    entries = json.loads((cache / listing[:2] / listing[2:]).read_text())
    table = next(entry["md5"] for entry in entries if entry["relpath"] == "customers.parquet")
    model = next((project / "mlruns").rglob("segmentation.json"))
    members = next((project / "record/versions").rglob("members.parquet"))
    kept = [members, members.with_name("segmentation.json")]
    left = [project / f"artifacts/{name}.parquet" for name in ("features/customers", "identity/segments", "profiles/segments")]  # fmt: skip
    left.append(project / "artifacts/registry/segmentation.json")
    touched: dict[Path, bytes] = {}
    names: list[str] = []
    raw = project / "data/mall/Mall_Customers.csv"
    for path, named in (
        *((path, f"{path.relative_to(project.root)} was changed") for path in kept + left),
        (cache / table[:2] / table[2:], "cache entry of artifacts/features/customers.parquet was changed"),
        (
            model,
            f"model file artifacts/segmentation.json was changed ({model.parents[1].relative_to(project.root)})",
        ),
    ):
        touched[path], names = path.read_bytes(), [*names, named]
        flip(path)
    said = project.run("segments", "verify", fails=True)
    assert [named for named in names if named not in said] == []
    for path, whole in touched.items():
        path.write_bytes(whole)
    whole = raw.read_bytes()
    flip(raw)
    assert f"the raw file {raw.relative_to(project.root)} is changed" in project.run("segments", "verify", fails=True)
    raw.write_bytes(whole)
    assert "holds" in project.run("segments", "verify")
    client = project.client()
    run_id = client.get_model_version_by_alias("customer-segments", "champion").run_id
    with closing(sqlite3.connect(project / "mlflow.db")) as record, record:
        for table in ("metrics", "latest_metrics"):
            record.execute(f"delete from {table} where run_uuid = ? and key = 'wcss'", [run_id])
    assert "the score wcss is" in project.run("segments", "verify", fails=True)


@pytest.mark.slow
def test_a_record_is_not_rebuilt_from_a_changed_model(
    small_project: Callable[[], SmallProject], fresh_record: Path
) -> None:
    project = small_project()
    document = next((project / "record/versions").rglob("segmentation.json"))
    plain = json.loads(document.read_text())
    plain["centres"][0] = [value + 0.5 for value in plain["centres"][0]]
    document.write_text(json.dumps(plain))
    forget(project, fresh_record)
    said = project.run("segments", "track", fails=True)
    assert f"{document.relative_to(project.root)} was changed since it was made" in said

    # With every hash of it forged, what it answers still gives it away.
    listed, facts = document.with_name("manifest.json"), document.with_name("model.json")
    listed.unlink()
    model = json.loads(facts.read_text())
    model["tags"]["model_hash"] = sha256(document.read_bytes())
    facts.write_text(json.dumps(model))
    forget(project, fresh_record)
    project.run("segments", "track")
    said = project.run("segments", "verify", fails=True)
    assert "the stored model puts customers into other clusters than the refit does" in said


def forget(project: SmallProject, fresh_record: Path) -> None:
    """Lose MLflow's record."""
    for path in project.root.glob("mlflow.db*"):
        path.unlink()
    shutil.copyfile(fresh_record, project / "mlflow.db")
    shutil.rmtree(project / "mlruns")


@pytest.mark.slow
def test_a_workspace_that_moved_on_is_no_difference(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    project.edit("conf/settings/profiles.yaml", {"tree_depth: 3": "tree_depth: 2"})
    assert project.repro("profiles")[-1] == "profiles", "the registry has not heard of it yet"
    unchecked = project.run("segments", "verify").partition("; not checked: ")[2]
    assert unchecked.strip().endswith("artifacts/profiles: dvc.lock has them of another run")
    project.repro()
    assert "not checked" not in project.run("segments", "verify")


@pytest.mark.slow
def test_later_changes_of_code_and_config_do_not_matter_git_has_the_old_code(
    small_project: Callable[[], SmallProject],
) -> None:
    project = small_project()
    with (project / "src/segments/clustering/kmeans.py").open("a") as file:
        file.write("\n# a later thought\n")
    project.edit("conf/config.yaml", {"k_max: 4": "k_max: 5"})
    project.commit()
    said = project.run("segments", "verify", "1")
    assert "the code of commit" in said
    assert "200 labels, refitted" in said


@pytest.mark.slow
def test_raw_data_that_moved_on_are_found_in_the_cache(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    raw = project / "data/mall/Mall_Customers.csv"
    raw.write_text(raw.read_text().replace("\n1,Male,19,", "\n1,Male,20,"))
    project.run("segments", "fetch", "source=mall", "accept=true")
    assert "version 1 holds" in project.run("segments", "verify")
