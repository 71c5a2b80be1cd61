"""`segments verify`: what is registered is made again and comes out the same; what was touched is named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from segments.proof import Claim, Proof, check_cache, check_model
from segments.store import sha256
from small_project import SmallProject


def flip(path: Path) -> None:
    """Change one byte in the middle of a file."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def claim(folder: Path, config: str = "{}") -> Claim:
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "code/model.py").write_text("pass\n")
    manifest = {name: sha256((folder / name).read_bytes()) for name in ("MLmodel", "code/model.py")}
    return Claim({"config_hash": sha256(config.encode())}, config, {}, folder, manifest)


def test_model_files_as_registered_have_no_difference(tmp_path: Path) -> None:
    proof = Proof()
    check_model(claim(tmp_path), proof)
    assert proof.holds
    assert proof.checked == ["2 model files"]


def test_each_touched_model_file_is_named(tmp_path: Path) -> None:
    told, proof = claim(tmp_path), Proof()
    flip(tmp_path / "code/model.py")
    (tmp_path / "MLmodel").unlink()
    check_model(told, proof)
    assert [difference.split(" (")[0] for difference in proof.differences] == [
        "model file MLmodel is missing",
        "model file code/model.py was changed",
    ]


def test_another_config_than_the_tags_say_is_a_difference(tmp_path: Path) -> None:
    told, proof = claim(tmp_path), Proof()
    check_model(Claim(told.tags, '{"k": 9}', {}, told.files, told.manifest), proof)
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
    ):
        assert checked in said
    version = reproduced.client().get_model_version_by_alias("customer-segments", "champion")
    assert version.tags["segments.proof"] == "holds"


@pytest.mark.slow
def test_one_changed_byte_is_found_and_named(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    listing = lock["stages"]["features"]["outs"][0]["md5"]
    cache = project / ".dvc/cache/files/md5"
    entries = json.loads((cache / listing[:2] / listing[2:]).read_text())
    table = next(entry["md5"] for entry in entries if entry["relpath"] == "customers.parquet")
    model = next((project / "mlruns").rglob("segmentation.json"))
    for path, named in (
        (project / "data/mall/Mall_Customers.csv", "the raw file data/mall/Mall_Customers.csv is changed"),
        (cache / table[:2] / table[2:], "cache entry of artifacts/features/customers.parquet was changed"),
        (model, "model file artifacts/segmentation.json was changed"),
    ):
        whole = path.read_bytes()
        flip(path)
        assert named in project.run("segments", "verify", fails=True)
        path.write_bytes(whole)
    assert "holds" in project.run("segments", "verify")


@pytest.mark.slow
def test_later_changes_of_code_and_config_do_not_matter_git_has_the_old_code(
    small_project: Callable[[], SmallProject],
) -> None:
    project = small_project()
    with (project / "src/segments/search.py").open("a") as file:
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
