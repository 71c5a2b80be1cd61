"""Every file of a project -> what becomes of what it holds of a customer. Comes in: the project, and whom to look for. Goes out: findings, and the project without him.

Raw files lose his rows and are pinned anew; so do tables that were made, wherever they lie; copies of DVC and half-written files go as a whole. What people
wrote and git keeps is not touched: a finding says where he stands in it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import yaml

from segments.config.source import Reader, Source, paths_of
from segments.errors import StoreError, first_line
from segments.io.erasure.traces import Sought, Trace, take_out, trace_in
from segments.io.store.files import ARTIFACTS, RECORD, read_json, write_json
from segments.io.store.fingerprints import file_sha256
from segments.io.store.raw_files import CACHE, DATA, PINS, pin_again, pin_of, read_pins
from segments.io.store.seals import SEAL, listed

_NOT_OURS = {".git", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
_COPIES = (
    ".dvc/cache/",
    ".dvc/tmp/",
    f"{RECORD}/.partial/",
)  # what stands here stands elsewhere too, or was never finished
_HALF = re.compile(r"\.[0-9a-f]{16}\.partial(\.\w+)?")  # what a killed run of ours left
Does = Literal["rows", "file", "left"]


@dataclass(frozen=True)
class Finding:
    """A file that names him, and what becomes of it.

    Parameters
    ----------
    path : Path
        From the project.
    trace : Trace
        What it holds.
    does : {"rows", "file", "left"}
        His rows are taken out, the file is removed, or it stays as it is.
    why : str
        Why it stays.
    """

    path: Path
    trace: Trace
    does: Does
    why: str = ""


@dataclass
class Looked:
    """How much was looked at, and what was found.

    Parameters
    ----------
    files, mib : dict of str to number
        Files and MiB by the folder below the project.
    findings : list of Finding
        By path.
    """

    files: dict[str, int] = field(default_factory=dict)
    mib: dict[str, float] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Sources:
    """Whose files are whose: an id is somebody else in another source, unless it can be taken for nothing else.

    Parameters
    ----------
    own : Source
        The customer's.
    others : dict of str to list of str
        Raw paths of the others that have files here.
    copies : dict of str to str
        Which file of the project each entry of DVC's cache is a copy of, as far as its pins and lock say.
    project : Path
        Where.
    """

    own: Source
    others: Mapping[str, list[str]]
    copies: Mapping[str, str] = field(default_factory=dict)
    project: Path = Path()

    def reader_of(self, path: str) -> Reader | None:
        """How a raw file of the customer's source is read."""
        parts = [*self.own.tables.values(), self.own.customers, self.own.transactions]
        for part in parts:
            if part is not None and any(fnmatch(path, one) for one in paths_of(part.path)):
                return part.read
        return None

    def raises_doubt(self, path: str) -> str:
        """Why a row with a short number as id may be somebody else; "" where it is him, "other" where it is not."""
        if not self.others:
            return ""
        path = self.copies.get(path, path)
        own = [*self.own.raw_paths, *self.own.fetch.files]
        if self.own.campaigns is not None:
            own += [self.own.campaigns.mailings, self.own.campaigns.redemptions]
        if path.startswith(f"{DATA}/"):
            if any(fnmatch(path, one) for one in own):
                return ""
            theirs = any(fnmatch(path, one) for paths in self.others.values() for one in paths)
            return "other" if theirs else "no source names it, and its ids may be others'"
        made = _source_of(path, self.project)
        if made is None:
            return f"it may be of another source ({', '.join(sorted(self.others))}), where this id is somebody else"
        return "" if made == self.own.name else "other"


def sources_here(own: Source, project: Path = Path()) -> Sources:
    """The customer's source, and the others whose raw files lie here, or did: their pins say so."""
    others, pins = {}, read_pins(project)
    for path in sorted((project / "conf/source").glob("*.yaml")):
        text = path.read_text()
        name = re.search(r"^name: *[\"']?([\w.-]+)", text, re.MULTILINE)
        paths = sorted(set(re.findall(rf"\b{DATA}/[^\s,\]}}\"':]+", text)))
        here = any(any(project.glob(one)) or any(fnmatch(pin, one) for pin in pins) for one in paths)
        if name and name[1] != own.name and here:
            others[name[1]] = paths
    return Sources(own, others, _copies(project), project)


def cache_entry(md5: str) -> Path:
    """Where DVC keeps a file of this MD5, from the project; of a folder the suffix stays."""
    return CACHE / md5[:2] / md5[2:]


def _copies(project: Path) -> dict[str, str]:
    """The file that each entry of DVC's cache is a copy of, by the entry's path."""
    found: dict[str, str] = {}
    for name in (PINS, "dvc.lock"):
        document = (yaml.safe_load((project / name).read_text()) if (project / name).is_file() else None) or {}
        for part in (document, *document.get("stages", {}).values()):
            for out in part.get("outs", []):
                entry = cache_entry(out.get("md5", ""))
                found[entry.as_posix()] = out["path"]
                if entry.suffix == ".dir" and (project / entry).is_file():
                    inner = json.loads((project / entry).read_text())
                    found |= {cache_entry(one["md5"]).as_posix(): f"{out['path']}/{one['relpath']}" for one in inner}
    return found


def look(wanted: Sought, sources: Sources, project: Path = Path()) -> Looked:
    """Look into every file of a project; nothing is changed.

    Raises
    ------
    StoreError
        If one cannot be read.
    """
    looked, written = Looked(), _kept_by_git(project)
    pins = read_pins(project)
    for path in _files(project):
        shown, folder = path.as_posix(), path.parts[0] if len(path.parts) > 1 else "."
        try:
            trace = trace_in(project / path, wanted, sources.reader_of(shown))
            size = (project / path).stat().st_size
        except OSError as error:
            raise StoreError(
                f"{shown} cannot be read: {first_line(error)}",
                where=shown,
                fix="check its permissions, and run this again",
            ) from error
        looked.files[folder] = looked.files.get(folder, 0) + 1
        looked.mib[folder] = looked.mib.get(folder, 0.0) + size / 2**20
        if _HALF.fullmatch(path.name):
            looked.findings.append(Finding(path, Trace("other", 1), "file"))
        elif wanted.in_bytes(shown.encode()):
            looked.findings.append(Finding(path, trace or Trace("other", 1), "left", "its name names the customer"))
        elif trace is not None:
            doubt = "" if len(wanted.telling) == len(wanted.ids) else sources.raises_doubt(shown)
            if doubt != "other":
                looked.findings.append(_becomes(path, trace, doubt, is_raw=shown in pins, is_written=shown in written))
    return looked


def _becomes(path: Path, trace: Trace, doubt: str, *, is_raw: bool, is_written: bool) -> Finding:
    shown = path.as_posix()
    if doubt:
        return Finding(path, trace, "left", doubt)
    if shown.startswith(_COPIES):
        return Finding(path, trace, "file")
    if is_written:
        return Finding(
            path,
            trace,
            "left",
            "people wrote it and git keeps it: edit it, commit, and see docs/operations.md about git's history",
        )
    if trace.kind == "database":
        return Finding(path, trace, "left", "rows of a database are not ours to take out")
    if trace.kind == "table":
        return Finding(path, trace, "rows")
    if is_raw or path.parts[0] == DATA:
        return Finding(
            path,
            trace,
            "left",
            f"rows of such a file cannot be taken out here ({trace.where or trace.rows}): do so with the program that made it, "
            "run `segments fetch accept=true`, then this again: copies of it go",
        )
    if path.parts[0] in (ARTIFACTS.name, RECORD.name, "mlruns"):
        return Finding(path, trace, "file")
    return Finding(path, trace, "left", "it was not made by this project: look at it")


def old_examples(wanted: Sought, project: Path = Path()) -> list[str]:
    """Versions whose input example, in MLflow too, holds his figures without his id: until lately it was made of the first customers, now it is nobody's row."""
    found = []
    for folder in sorted((project / RECORD / "versions").glob("*-*")):
        with suppress(OSError, ValueError, KeyError):
            rows = pq.read_metadata(folder / "example.parquet").num_rows
            first = pq.read_table(folder / "members.parquet", columns=["customer_id"])["customer_id"].slice(0, rows)
            if rows > 1 and any(wanted.key(one) in wanted.keys for one in first.to_pylist()):
                found.append(folder.name)
    return found


def erase(finding: Finding, wanted: Sought, sources: Sources, project: Path = Path()) -> tuple[str, str | None]:
    """Do what a finding says; killed at any instant, the file is as before or as after, and the next run goes on.

    Returns
    -------
    str
        SHA-256 of the file before.
    str or None
        And after; ``None``, where it is gone.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    path, shown = project / finding.path, finding.path.as_posix()
    try:
        before = file_sha256(path)
        if finding.does == "file":
            _seal_again(finding.path, None, project)
            path.unlink()
            return before, None
        home = project / RECORD / ".partial" if finding.path.parts[0] == ARTIFACTS.name else path.parent
        home.mkdir(parents=True, exist_ok=True)  # nothing half-written may lie in an output of DVC
        fresh = home / f".{secrets.token_hex(8)}.partial{path.suffix}"
        try:
            take_out(path, wanted, fresh, sources.reader_of(shown))
            fresh.chmod(path.stat().st_mode | 0o600)
            with fresh.open("rb+") as file:
                os.fsync(file.fileno())
            after = file_sha256(fresh)
            # First what the file is compared with: were that the last thing done, the next run would find the file, and do it again.
            if shown in read_pins(project):
                pin_again(shown, pin_of(fresh), project)
            _seal_again(finding.path, after, project)
            path.with_name(f".{path.name}.crc").unlink(missing_ok=True)  # Spark's, of the file as it was
            fresh.replace(path)  # of a link, the link: what it led to is a copy, and goes by itself
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot write {shown}: {first_line(error)}",
            where=shown,
            fix="check free space and permissions, and run this again: it goes on where it stopped",
        ) from error
    return before, after


def _seal_again(path: Path, digest: str | None, project: Path) -> None:
    """Let the list of hashes beside a file say what it will be."""
    for folder in path.parents:
        if folder.parts[:1] == (RECORD.name,) and path.name != SEAL:
            known, name = listed(project / folder), path.relative_to(folder).as_posix()
            if name in known:
                rest = {one: old for one, old in known.items() if one != name}
                write_json(project / folder / SEAL, rest if digest is None else {**known, name: digest})


def _files(project: Path) -> Iterator[Path]:
    """Every plain file, and links of raw files; other links lead to what is looked at where it lies, or out of the project."""
    for home, folders, names in os.walk(project):
        folders[:] = sorted(one for one in folders if one not in _NOT_OURS)
        for name in sorted(names):
            path = Path(home, name)
            own = path.relative_to(project)
            if path.is_file() and (not path.is_symlink() or own.parts[0] == DATA) and own.as_posix() != PINS:
                yield own


def _kept_by_git(project: Path) -> set[str]:
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=project, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return set()
    return set(done.stdout.split("\0"))


def _source_of(path: str, project: Path) -> str | None:
    """The source that a made file is of, where that stands beside it."""
    parts = Path(path).parts
    try:
        if parts[0] == ARTIFACTS.name:
            return str(read_json(project / ARTIFACTS / "data" / "report.json")["source"])
        if parts[:2] == (RECORD.name, "versions"):
            return str(read_json(project / RECORD / "versions" / parts[2] / "model.json")["tags"]["source"])
    except (StoreError, KeyError, TypeError, IndexError):
        pass
    return None
