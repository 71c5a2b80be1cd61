"""Proof that a registered version can be made again. Comes in: its tags, config and files. Goes out: what was checked, and every difference.

Nothing is trusted for its name: raw data, DVC's cache entries and the model's files are hashed anew (DVC itself takes a damaged entry of
its cache for good), features are rebuilt from the raw data and the candidate refitted, by the very code that made the version: this
package when it still is that code, else what git holds under the version's commit.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import segments
from segments import store

# How far a score may be from the stored one.
TOLERANCE = 1e-9
# What of a candidate is counted in another machine's time, or depends on what a server rounds, is not proved.
UNPROVED = ("seconds",)


@dataclass(frozen=True)
class Claim:
    """What a version says of itself.

    Parameters
    ----------
    tags : dict of str to str
        ``candidate_id, git_commit, code_hash, data_hash, config_hash, labels_hash, raw``.
    config : str
        The whole config as JSON.
    scores : dict of str to float
        The candidate's scores as they are on record.
    files : Path
        Folder of the model's files.
    manifest : dict of str to str
        SHA-256 of each of them as registered.
    """

    tags: Mapping[str, str]
    config: str
    scores: Mapping[str, float]
    files: Path
    manifest: Mapping[str, str]


@dataclass
class Proof:
    """What was checked and found equal, and what was not."""

    checked: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def prove(claim: Claim) -> Proof:
    """Make a version again, and compare.

    Parameters
    ----------
    claim : Claim
        What the version says of itself.

    Returns
    -------
    Proof
        ``differences`` names each file or figure that is not what it was.
    """
    proof = Proof()
    project = store.checkout()
    check_model(claim, proof)
    check_cache(project, proof)
    if proof.differences:
        return proof  # what is damaged cannot be proved by what it is made of
    with tempfile.TemporaryDirectory(prefix="segments-proof-") as name:
        folder = Path(name)
        code = _code(claim, folder, proof)
        raw = _lay_out(claim, project, folder, proof)
        if code is None or not raw:
            return proof
        rebuilt = _rebuild(claim, code, folder, proof)
        if rebuilt is not None:
            _compare(claim, rebuilt, proof)
    return proof


def check_model(claim: Claim, proof: Proof) -> None:
    """Hash the model's files and its config anew."""
    if not claim.manifest:
        proof.differences.append("the list of the model's files is missing from its run")
    for path, digest in claim.manifest.items():
        file = claim.files / path
        if not file.is_file():
            proof.differences.append(f"model file {path} is missing ({claim.files})")
        elif store.sha256(file.read_bytes()) != digest:
            proof.differences.append(f"model file {path} was changed ({file})")
    if store.sha256(claim.config.encode()) != claim.tags.get("config_hash"):
        proof.differences.append("config.json is not the config of the version's tags")
    proof.checked.append(f"{len(claim.manifest)} model files")


def check_cache(project: Path, proof: Proof) -> None:
    """Hash every entry of DVC's cache that the project's pins and lock name, folders file by file."""
    cache = project / ".dvc" / "cache" / "files" / "md5"
    named: dict[str, str] = {}
    for document in (project / "data.dvc", project / "dvc.lock"):
        if document.is_file():
            _outs(yaml.safe_load(document.read_text()), named)
    checked = 0
    for digest, path in list(named.items()):
        entry = cache / digest[:2] / digest[2:]
        if not entry.is_file():
            continue
        checked += 1
        if store.md5(entry) != digest.removesuffix(".dir"):
            proof.differences.append(f"DVC's cache entry of {path} was changed ({entry.relative_to(project)})")
        elif digest.endswith(".dir"):
            for inner in json.loads(entry.read_text()):
                part = cache / inner["md5"][:2] / inner["md5"][2:]
                if part.is_file():
                    checked += 1
                    if store.md5(part) != inner["md5"]:
                        proof.differences.append(
                            f"DVC's cache entry of {path}/{inner['relpath']} was changed ({part.relative_to(project)})"
                        )
    proof.checked.append(f"{checked} entries of DVC's cache")


def _outs(document: Any, named: dict[str, str]) -> None:
    """Collect the hashes of all outs of a DVC document."""
    stages = (document or {}).get("stages")
    for part in [document, *(stages.values() if isinstance(stages, dict) else [])]:
        for out in (part or {}).get("outs", []):
            if "md5" in out:
                named[out["md5"]] = out["path"]


def _code(claim: Claim, folder: Path, proof: Proof) -> Path | None:
    """Folder that holds the package as it was when the version was made."""
    here = Path(segments.__file__).parent
    if store.code_hash() == claim.tags.get("code_hash"):
        proof.checked.append("the code, in place")
        return here.parent
    commit = claim.tags.get("git_commit", "unknown")
    if commit == "unknown" or commit.endswith("-dirty"):
        proof.differences.append(f"the code has changed since, and was not committed then (git commit: {commit})")
        return None
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit, "src"], cwd=store.checkout(), capture_output=True, check=False
    )
    if packed.returncode:
        proof.differences.append(f"git does not have commit {commit}")
        return None
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder / "code", filter="data")
    if store.code_hash(folder / "code/src/segments") != claim.tags.get("code_hash"):
        proof.differences.append(f"the code of commit {commit} is not the code the version was made with")
        return None
    proof.checked.append(f"the code of commit {commit[:12]}")
    return folder / "code" / "src"


def _lay_out(claim: Claim, project: Path, folder: Path, proof: Proof) -> bool:
    """A project of its own around the raw files the version was made of: from the working tree, or from DVC's cache when that moved on."""
    wanted: dict[str, str] = json.loads(claim.tags.get("raw", "{}"))
    pins: dict[str, str] = {}
    if (project / "data.dvc").is_file():
        outs = yaml.safe_load((project / "data.dvc").read_text())["outs"]
        pins = {out["path"]: out["md5"] for out in outs}
    whole = True
    for path, digest in wanted.items():
        file, entry = project / path, project / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
        found = store.md5(file) if file.is_file() else None
        if found != digest and pins.get(path) == digest:
            was = "missing" if found is None else f"changed: md5 {found}, pinned {digest}"
            proof.differences.append(f"the raw file {path} is {was}")
            whole = False
            continue
        origin = file if found == digest else entry
        if not origin.is_file():
            proof.differences.append(f"the raw file {path} of then (md5 {digest}) is neither here nor in DVC's cache")
            whole = False
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(origin.resolve())
    (folder / "conf").mkdir()
    (folder / "conf/config.yaml").touch()
    (folder / "dvc.yaml").touch()
    (folder / "config.json").write_text(claim.config)
    sizes = {path: (folder / path).stat().st_size for path in wanted if (folder / path).exists()}
    outs = [{"md5": wanted[path], "size": size, "hash": "md5", "path": path} for path, size in sizes.items()]
    (folder / "data.dvc").write_text(yaml.safe_dump({"outs": outs}))
    proof.checked.append(f"{len(wanted)} raw files")
    return whole


def _rebuild(claim: Claim, code: Path, folder: Path, proof: Proof) -> dict[str, Any] | None:
    """Features and the one fit, in a process of its own with that code."""
    environment = {**os.environ, "PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "segments.stages.rebuild", claim.tags["candidate_id"]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        proof.differences.append(f"it cannot be rebuilt: {last}")
        return None
    found: dict[str, Any] = json.loads((folder / "rebuilt.json").read_text())
    return found


def _compare(claim: Claim, rebuilt: Mapping[str, Any], proof: Proof) -> None:
    if rebuilt["data_hash"] != claim.tags.get("data_hash"):
        proof.differences.append("the rebuilt feature table differs from the one of then")
    else:
        proof.checked.append("the feature table, rebuilt from the raw data")
    if rebuilt["labels_hash"] != claim.tags.get("labels_hash"):
        proof.differences.append("the refitted labels differ from the stored ones")
    else:
        proof.checked.append(f"{rebuilt['n_customers']:,} labels, refitted")
    for name, value in rebuilt["scores"].items():
        stored = claim.scores.get(name)
        if name in UNPROVED or stored is None:
            continue
        if not abs(value - stored) <= TOLERANCE * max(1.0, abs(stored)):
            proof.differences.append(f"the score {name} is {value!r}, on record {stored!r}")
    proof.checked.append(f"{len(rebuilt['scores'])} scores")
