"""Proof that a registered version can be made again. Comes in: its tags, config and files. Goes out: what was checked, and every difference.

Nothing is trusted for its name: raw data, DVC's cache entries, the model's files and the cache it can be registered from again are hashed
anew (DVC itself takes a damaged entry of its cache for good), features are rebuilt from the raw data and the candidate refitted, by the
very code that made the version: this package when it still is that code, else what git holds under the version's commit. The stored model
must then put every customer where the refit does.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import segments
from segments.errors import SegmentsError, StoreError
from segments.io.registry.files import DOCUMENT, compare
from segments.io.store import catalog, fingerprints
from segments.io.store.decisions import ERASURE_KEY
from segments.io.store.files import RECORD, checkout, read_json, read_table
from segments.io.store.raw_files import raw_place
from segments.io.store.seals import differing, listed
from segments.model.segmentation import Segmentation

# How far a score may be from the stored one.
TOLERANCE = 1e-9
# Modules that make a version again: today's, whose name a version bears in its tags, and that of versions without such a tag.
REBUILT_BY = ("segments.app.commands.rebuild", "segments.stages.rebuild")
# Tags that say what is made again, and by what.
REBUILT_FROM = ("candidate_id", "source", "raw", "code_hash", "git_commit", "rebuilt_by")
# What of a candidate is counted in another machine's time, or depends on what a server rounds, is not proved.
UNPROVED = ("seconds",)


@dataclass(frozen=True)
class Claim:
    """What a version says of itself.

    Parameters
    ----------
    tags : dict of str to str
        ``candidate_id, git_commit, code_hash, data_hash, config_hash, labels_hash, model_hash, raw``.
    config : str
        The whole config as JSON.
    scores : dict of str to float
        The candidate's scores as they are on record.
    files : Path
        Folder of the model's files, or of a copy of them.
    place : str
        Where they really lie.
    manifest : dict of str to str
        SHA-256 of each of them as registered.
    cache : Path
        Folder that the version can be registered from again.
    """

    tags: Mapping[str, str]
    config: str
    scores: Mapping[str, float]
    files: Path
    place: str
    manifest: Mapping[str, str]
    kept: Path


@dataclass
class Proof:
    """What was checked and found equal, what could not be checked, and what differs."""

    checked: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@dataclass(frozen=True)
class Rebuilding:
    """A version that is being made again in a process beside this one: what it is of, where, and what comes of it."""

    claim: Claim
    folder: Path
    outcome: Future[tuple[Proof, dict[str, Any] | None]]

    def answers(self, claim: Claim) -> bool:
        """Whether what is made is what this claim is about."""
        own, other = ({key: of.tags.get(key) for key in REBUILT_FROM} for of in (self.claim, claim))
        return own == other and self.claim.config == claim.config


@contextmanager
def rebuilding(claim: Claim) -> Iterator[Rebuilding]:
    """Make a version again while this process goes on; what is not finished at the end of the block is given up.

    Parameters
    ----------
    claim : Claim
        Of which the config and the tags ``REBUILT_FROM`` matter.
    """
    with tempfile.TemporaryDirectory(prefix="segments-proof-") as name, ThreadPoolExecutor(1) as beside:
        started: list[subprocess.Popen[str]] = []
        try:
            yield Rebuilding(claim, Path(name), beside.submit(_made_again, claim, Path(name), started))
        finally:
            beside.shutdown(wait=False, cancel_futures=True)
            for process in started:
                process.kill()


def prove(claim: Claim, begun: Rebuilding | None = None) -> Proof:
    """Make a version again, and compare.

    Parameters
    ----------
    claim : Claim
        What the version says of itself.
    begun : Rebuilding, optional
        What was begun beforehand; of another claim, it is passed over.

    Returns
    -------
    Proof
        ``differences`` names each file or figure that is not what it was.
    """
    proof = Proof()
    project = checkout()
    check_model(claim, proof)
    check_kept(claim.kept, claim.tags.get("model_hash", ""), proof)
    check_cache(project, proof)
    if proof.differences:
        return proof  # what is damaged cannot be proved by what it is made of
    ready = nullcontext(begun) if begun is not None and begun.answers(claim) else rebuilding(claim)
    with ready as remade:
        made, rebuilt = remade.outcome.result()
        proof.checked += made.checked
        proof.differences += made.differences
        if rebuilt is not None:
            compare_rebuilt(claim, rebuilt, proof)
            check_answers(claim, rebuilt, remade.folder / catalog.path_of(catalog.FEATURES), proof)
    return proof


def _made_again(
    claim: Claim, folder: Path, started: list[subprocess.Popen[str]]
) -> tuple[Proof, dict[str, Any] | None]:
    proof = Proof()
    code = _code(claim, folder, proof)
    raw = _lay_out(claim, checkout(), folder, proof)
    return proof, None if code is None or not raw else _rebuild(claim, code, folder, proof, started)


def check_model(claim: Claim, proof: Proof) -> None:
    """Hash the model's files and its config anew."""
    # The list is as old as the registration: a model that was changed before it stands there as it is. Its hash in the tags is older.
    expected = {**claim.manifest, DOCUMENT: claim.tags.get("model_hash", "")}
    _, differences = compare(claim.files, expected)
    proof.differences += [f"model file {difference} ({claim.place})" for difference in differences]
    if fingerprints.sha256(claim.config.encode()) != claim.tags.get("config_hash"):
        proof.differences.append("config.json is not the config of the version's tags")
    proof.checked.append(f"{len(expected)} model files")


def check_kept(folder: Path, model_hash: str, proof: Proof) -> None:
    """Hash anew what a version can be registered from again.

    Parameters
    ----------
    folder : Path
        The version's, under ``record/versions``.
    model_hash : str
        SHA-256 of the segmentation as it was made.
    proof : Proof
        Takes what was found. A cache of before these hashes were kept is checked for its segmentation only, and says so.
    """
    shown = RECORD / "versions" / folder.name
    if not folder.is_dir():
        proof.unchecked.append(f"{shown}: not on this machine")
        return
    try:
        sealed = listed(folder)
    except StoreError as error:
        proof.differences.append(error.what)
        return
    expected = {**sealed, "segmentation.json": model_hash}
    proof.differences += [
        f"the stored file {shown / path} {became}" for path, became in differing(folder, expected).items()
    ]
    if not sealed:
        proof.unchecked.append(f"the other files of {shown}: stored before their hashes were kept")
    proof.checked.append(f"{len(expected)} stored files")


def made_of(project: Path) -> dict[str, dict[str, str]]:
    """MD5 of every file that the stages before the registry have made, by folder as ``dvc.yaml`` names it and path in it."""
    try:
        stages = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]
        outs = [out for name, stage in stages.items() if name != "registry" for out in stage["outs"]]
        folders = [out if isinstance(out, str) else next(iter(out)) for out in outs]
    except (OSError, yaml.YAMLError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            "dvc.yaml is damaged: it must list the stages and what they make",
            where=str(project / "dvc.yaml"),
            fix="restore it with `git checkout dvc.yaml`",
        ) from error
    return {
        folder: {
            path.relative_to(project / folder).as_posix(): fingerprints.md5(path)
            for path in sorted((project / folder).rglob("*"))
            if path.is_file()
        }
        for folder in folders
    }


def check_tables(project: Path, kept: Path, proof: Proof) -> None:
    """Hash anew what stages left under ``artifacts/``, as far as the version was made of it.

    A folder that ``dvc.lock`` has in another state belongs to another run and proves nothing of this version.

    Parameters
    ----------
    project : Path
        Folder with ``dvc.lock`` and ``artifacts/``.
    cache : Path
        The version's folder, which lists what it was made of.
    proof : Proof
        Takes what was found.
    """
    try:
        listed = read_json(kept / "model.json").get("made_of", {})
    except StoreError:
        listed = {}
    if not listed:
        proof.unchecked.append("what stages left under artifacts/: the version's folder does not list it")
        return
    locked = _outs(project / "dvc.lock")
    moved = [folder for folder, files in listed.items() if locked.get(folder) != _listing_md5(files)]
    present = {f"{folder}/{path}": md5 for folder in listed.keys() - set(moved) for path, md5 in listed[folder].items()}
    for path, digest in sorted(present.items()):
        if not (project / path).is_file():
            proof.differences.append(f"{path} is missing, dvc.lock has it")
        elif (found := fingerprints.md5(project / path)) != digest:
            proof.differences.append(f"{path} was changed: md5 {found}, made as {digest}")
    proof.checked.append(f"{len(present)} files that stages left")
    if moved:
        proof.unchecked.append(f"{', '.join(moved)}: dvc.lock has them of another run")


def check_raw_pins(project: Path, raw: Mapping[str, str], proof: Proof) -> None:
    """Hash anew the pinned raw files that the version was not made of, such as what campaigns are measured with; those not here are left out.

    Parameters
    ----------
    project : Path
        Folder with ``data.dvc``.
    raw : mapping of str to str
        The files the version was made of, which :func:`prove` has hashed.
    proof : Proof
        Takes what was found.
    """
    others = {path: md5 for path, md5 in _outs(project / "data.dvc").items() if path not in raw}
    here = {path: fingerprints.md5(project / path) for path in others if (project / path).is_file()}
    for path, found in here.items():
        if found != others[path]:
            proof.differences.append(f"the raw file {path} is changed: md5 {found}, pinned {others[path]}")
    if here:
        proof.checked.append(f"{len(here)} other raw files")


def check_handed_on(project: Path, proof: Proof) -> None:
    """Hash anew the model that `segments export` and `segments uplift` read: it must be that of a kept version, whichever was made last."""
    document, kept_folders = (
        project / catalog.path_of(catalog.SEGMENTATION),
        project / RECORD / "versions",
    )
    if not document.is_file() or not kept_folders.is_dir():
        return
    if not any(kept_folders.glob(f"*-{fingerprints.file_sha256(document)[:12]}")):
        proof.differences.append(f"{document.relative_to(project)} was changed: it is the model of no stored version")
    proof.checked.append("the model that exports read")


def _listing_md5(files: Mapping[str, str]) -> str:
    """What DVC calls a folder: the MD5 of the list of its files."""
    entries = [{"md5": digest, "relpath": path} for path, digest in sorted(files.items())]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def check_cache(project: Path, proof: Proof) -> None:
    """Hash every entry of DVC's cache that the project's pins and lock name, folders file by file."""
    cache = project / ".dvc" / "cache" / "files" / "md5"
    checked = 0
    for path, digest in (_outs(project / "data.dvc") | _outs(project / "dvc.lock")).items():
        entry = cache / digest[:2] / digest[2:]
        if not entry.is_file():
            continue
        checked += 1
        if fingerprints.md5(entry) != digest.removesuffix(".dir"):
            proof.differences.append(f"DVC's cache entry of {path} was changed ({entry.relative_to(project)})")
        elif digest.endswith(".dir"):
            for inner in json.loads(entry.read_text()):
                part = cache / inner["md5"][:2] / inner["md5"][2:]
                if part.is_file():
                    checked += 1
                    if fingerprints.md5(part) != inner["md5"]:
                        proof.differences.append(
                            f"DVC's cache entry of {path}/{inner['relpath']} was changed ({part.relative_to(project)})"
                        )
    proof.checked.append(f"{checked} entries of DVC's cache")


def _outs(file: Path) -> dict[str, str]:
    """MD5 of all outs of a DVC document, by path; none when there is no such file."""
    document = (yaml.safe_load(file.read_text()) if file.is_file() else None) or {}
    parts = [document, *document.get("stages", {}).values()]
    return {out["path"]: out["md5"] for part in parts for out in part.get("outs", []) if "md5" in out}


def _code(claim: Claim, folder: Path, proof: Proof) -> Path | None:
    """Folder that holds the package as it was when the version was made."""
    here = Path(segments.__file__).parent
    if fingerprints.code_hash() == claim.tags.get("code_hash"):
        proof.checked.append("the code, in place")
        return here.parent
    if not (checkout() / "src").is_dir():  # a project that `segments new` made: its git has no code
        proof.differences.append(
            "the installed package is not the one the version was made with: install that one, and verify again"
        )
        return None
    commit = claim.tags.get("git_commit", "unknown")
    if commit == "unknown" or commit.endswith("-dirty"):
        proof.differences.append(f"the code has changed since, and was not committed then (git commit: {commit})")
        return None
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit, "src"], cwd=checkout(), capture_output=True, check=False
    )
    if packed.returncode:
        proof.differences.append(f"git does not have commit {commit}")
        return None
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder / "code", filter="data")
    if fingerprints.code_hash(folder / "code/src/segments") != claim.tags.get("code_hash"):
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
        place = raw_place(path, claim.tags.get("source", ""), folder)
        file, entry = project / path, project / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
        found = fingerprints.md5(file) if file.is_file() else None
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
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.hardlink_to(origin.resolve())
        except OSError:  # on another disk
            shutil.copyfile(origin, place)
    (folder / "conf").mkdir()
    (folder / "conf/config.yaml").touch()
    (folder / "dvc.yaml").touch()
    (folder / "config.json").write_text(claim.config)
    if (
        key := project / RECORD / ERASURE_KEY
    ).is_file():  # who was erased by then must not be among the customers again
        (folder / RECORD).mkdir()
        shutil.copyfile(key, folder / RECORD / ERASURE_KEY)
    sizes = {path: (folder / path).stat().st_size for path in wanted if (folder / path).exists()}
    outs = [{"md5": wanted[path], "size": size, "hash": "md5", "path": path} for path, size in sizes.items()]
    (folder / "data.dvc").write_text(yaml.safe_dump({"outs": outs}))
    proof.checked.append(f"{len(wanted)} raw files")
    return whole


def _rebuild(
    claim: Claim, code: Path, folder: Path, proof: Proof, started: list[subprocess.Popen[str]]
) -> dict[str, Any] | None:
    """Features and the one fit, in a process of its own with that code, which is added to `started`."""
    module = claim.tags.get("rebuilt_by", REBUILT_BY[-1])
    if module not in REBUILT_BY:  # a tag is no place to name code to run
        proof.differences.append(f"its tag rebuilt_by names '{module}', which is no part of this package")
        return None
    environment = {**os.environ, "PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", module, claim.tags["candidate_id"]],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    started.append(process)
    said = process.communicate()[1]
    if process.returncode:
        last = (said.strip().splitlines() or ["no message"])[-1]
        proof.differences.append(f"it cannot be rebuilt: {last}")
        return None
    found: dict[str, Any] = json.loads((folder / "rebuilt.json").read_text())
    return found


def compare_rebuilt(claim: Claim, rebuilt: Mapping[str, Any], proof: Proof) -> None:
    """Compare what was rebuilt (``data_hash, labels_hash, n_customers, scores``) with what is on record."""
    if rebuilt["data_hash"] != claim.tags.get("data_hash"):
        proof.differences.append("the rebuilt feature table differs from the one of then")
    else:
        proof.checked.append("the feature table, rebuilt from the raw data")
    if rebuilt["labels_hash"] != claim.tags.get("labels_hash"):
        proof.differences.append("the refitted labels differ from the stored ones")
    else:
        proof.checked.append(f"{rebuilt['n_customers']:,} labels, refitted")
    if rebuilt.get("of_record") != claim.tags.get("of_record"):
        proof.differences.append("the fit of record, polished over all customers again, differs from the one of then")
    elif rebuilt.get("of_record"):
        proof.checked.append("the fit of record over all customers")
    compared = 0
    for name, value in rebuilt["scores"].items():
        if name in UNPROVED:
            continue
        stored = claim.scores.get(name)
        if stored is None:
            proof.differences.append(f"the score {name} is {value!r}, on record it is missing")
            continue
        compared += 1
        if not abs(value - stored) <= TOLERANCE * max(1.0, abs(stored)):
            proof.differences.append(f"the score {name} is {value!r}, on record {stored!r}")
    proof.checked.append(f"{compared} scores")


def check_answers(claim: Claim, rebuilt: Mapping[str, Any], features: Path, proof: Proof) -> None:
    """Ask the stored model itself about the rebuilt features: it must give every customer the refitted cluster."""
    try:
        model = Segmentation.from_json((claim.files / DOCUMENT).read_text())
        answers = model.predict(read_table(features))["cluster"].to_numpy()
    except SegmentsError as error:
        proof.differences.append(f"the stored model cannot be asked: {error.what}")
        return
    if fingerprints.labels_hash(answers) != rebuilt["labels_hash"]:
        proof.differences.append("the stored model puts customers into other clusters than the refit does")
    else:
        proof.checked.append(f"{len(answers):,} answers of the stored model, equal to them")
