"""The edge that puts raw files in place and pins them. Comes in: a source. Goes out: its raw files, and ``data.dvc``.

``data.dvc`` lists the MD5 and size of every raw file; it is committed, the files are not. The pipeline depends on
``data.dvc`` itself, and the data stage compares the files with it (:func:`check_pins`), because DVC alone would accept
a changed raw file without a word: on ``dvc repro``, and on ``dvc commit`` of any other file, it rewrites the hashes in
the ``.dvc`` file. For the same reason files are put into DVC's cache here, in its documented layout
``files/md5/<2>/<30>``, not by ``dvc commit``, which also fails when any other file of ``data.dvc`` is absent.
"""

from __future__ import annotations

import http.client
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from segments.config.checks import parts_of
from segments.config.source import Source
from segments.errors import ConfigError, DataError, StoreError
from segments.io.store import fingerprints
from segments.io.store.database import Database
from segments.io.store.files import write_text

PINS = "data.dvc"
DATA = "data"
CACHE = Path(".dvc/cache/files/md5")  # where links of `dvc config cache.type symlink` lead
MOST_BYTES = 1 << 30
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Pin:
    """What a raw file must be: its MD5 and its size in bytes."""

    md5: str
    size: int

    def __str__(self) -> str:
        return f"md5 {self.md5}, {self.size:,} bytes"


def pin_of(path: Path) -> Pin:
    """Return the pin a file would get."""
    try:
        return Pin(fingerprints.md5(path), path.stat().st_size)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", where=str(path), fix="check its permissions"
        ) from error


def read_pins(project: Path = Path()) -> dict[str, Pin]:
    """Read the pins in ``data.dvc``, by path; none when there is no such file.

    Raises
    ------
    DataError
        If ``data.dvc`` is damaged.
    """
    return {out["path"]: Pin(out["md5"], out["size"]) for out in _read_outs(project)["outs"]}


def raw_place(path: str, source: str, project: Path = Path()) -> Path:
    """Where a raw file lies that a source's config names: under the project's ``data/``, links followed.

    Every path of a config passes here before it is read or written; what a person types (``from=``, files to score) does not.

    Parameters
    ----------
    path : str
        As the config writes it.
    source : str
        Name of the source whose config that is.
    project : Path
        Folder that holds ``data/``.

    Raises
    ------
    ConfigError
        If it leads anywhere else.
    """
    parts = PurePosixPath(path).parts
    plain = path.isprintable() and "\\" not in path and not any(part.startswith((".", "~")) for part in parts)
    if not plain or len(parts) < 2 or parts[0] != DATA:
        raise ConfigError(
            f"'{path}' is not a path under {DATA}/",
            where=f"conf/source/{source}.yaml",
            fix=f"write {DATA}/NAME, a path inside the project; `segments fetch source={source} from=PATH` brings a file there",
        )
    home, full = Path(os.path.realpath(project)), project / path
    real = Path(os.path.realpath(full))
    if not real.is_relative_to(home / DATA) and not real.is_relative_to(home / CACHE):
        raise ConfigError(
            f"{path} is a link that leaves {DATA}/ of the project",
            where=f"conf/source/{source}.yaml",
            fix=f"remove the link and run `segments fetch source={source} from=PATH`, which copies the file",
        )
    return full


def every_path(source: Source, pins: Iterable[str], project: Path = Path(), origin: Path | None = None) -> list[str]:
    """The raw files of a source: a path with ``*`` is all that it fits among those there, pinned, or in a folder to copy from.

    Raises
    ------
    ConfigError
        If a path leads out of ``data/``.
    DataError
        If a pattern fits nothing.
    """
    found: list[str] = []
    for path in source.raw_paths:
        if "*" not in path:
            found.append(path)
            continue
        home = raw_place(path, source.name, project).parent
        known = {str(PurePosixPath(path).with_name(one.name)) for one in home.glob(PurePosixPath(path).name)}
        known |= {pin for pin in pins if PurePosixPath(pin).parent == PurePosixPath(path).parent and fnmatch(pin, path)}
        if origin is not None and origin.is_dir():
            known |= {str(PurePosixPath(path).with_name(one.name)) for one in origin.glob(PurePosixPath(path).name)}
        if not known:
            raise DataError(
                f"no raw file is called like {path}",
                where=f"conf/source/{source.name}.yaml",
                fix=f"run `segments fetch source={source.name} from=FOLDER`, or mend the path",
            )
        found += sorted(known)
    return list(dict.fromkeys(found))


def check_pins(source: Source, project: Path = Path()) -> None:
    """Refuse raw files that are missing, not pinned, or not the ones that were pinned.

    Parameters
    ----------
    source : Source
        Its ``raw_paths`` are checked.
    project : Path
        Folder that holds ``data.dvc``.

    Raises
    ------
    DataError
        Names the file, what was expected and found, and how to restore or accept it.
    """
    pins = read_pins(project)
    for path in every_path(source, pins, project):
        if not (place := raw_place(path, source.name, project)).is_file():
            raise DataError(
                f"the raw file {path} is missing",
                where=str(place.absolute()),
                fix=f"run `segments fetch source={source.name}`",
            )
        if path not in pins:
            raise DataError(
                f"the raw file {path} is not pinned in {PINS}",
                where=path,
                fix=f"run `segments fetch source={source.name}`: it records the file as it is now",
            )
        if (found := pin_of(place)) != pins[path]:
            raise _differs(path, pins[path], found, source.name, PINS)


def fetch(
    source: Source,
    origin: Path | None = None,
    *,
    project: Path = Path(),
    accept: bool = False,
    queries: Mapping[str, str] | None = None,
) -> list[str]:
    """Put a source's raw files in place, compare them with their pins, pin what is new, and hand them to DVC's cache.

    Parameters
    ----------
    source : Source
        ``fetch.package`` copies from an installed Python package, ``fetch.url`` downloads, ``fetch.connect`` asks a database; with none
        of them, the files must already lie where the source says, and are pinned as they are.
    origin : Path, optional
        A file, or a folder with files of the same names, to copy from instead.
    project : Path
        Folder that holds ``data.dvc``.
    accept : bool
        Take a file that differs from its pin (or from ``fetch.md5``) and rewrite the pin; a database is then asked anew.
    queries : mapping of str to str, optional
        SQL by the path of its file, for a database.

    Returns
    -------
    list of str
        One sentence for each file.

    Raises
    ------
    DataError
        If a file cannot be got, or is not the one that was pinned; files that are in place are left as they are.
    ConfigError
        If the source names a path outside ``data/``.
    """
    project = project.absolute()
    document = _read_outs(project)
    pins = read_pins(project)
    paths = list(dict.fromkeys([*source.fetch.files, *every_path(source, pins, project, origin)]))
    places = {path: raw_place(path, source.name, project) for path in paths}
    lines: list[str] = []
    changed: dict[str, Pin] = {}
    asks = source.fetch.connect is not None
    with Database(f"conf/source/{source.name}.yaml: fetch") as database:
        for path, target in places.items():
            expected, by = pins.get(path), PINS
            if expected is None and source.fetch.md5 is not None and len(paths) == 1:
                by = "fetch.md5 of the source"
            here = origin is None and target.is_file() and not (accept and asks and path in source.fetch.files)
            if here:
                got: AbstractContextManager[Path] = nullcontext(target)
            elif asks and origin is None and path in source.fetch.files:
                got = _asked(database, source.fetch.files[path], queries or {}, target, lines)
            else:
                got = _got(source, path, origin, target, only=len(paths) == 1)
            with got as file:
                found = pin_of(file)
                if expected is not None and found != expected and not accept:
                    raise _differs(path, expected, found, source.name, by, origin)
                if expected is None and by != PINS and found.md5 != source.fetch.md5 and not accept:
                    raise _differs(path, source.fetch.md5, found, source.name, by, origin)
                if not here and not (target.is_file() and pin_of(target) == found):
                    _copy(file, target)
                    lines.append(f"{path}: fetched ({found})")
            if found != expected:
                changed[path] = found
                lines.append(f"{path}: pinned in {PINS} ({found})")
            elif not lines or not lines[-1].startswith(f"{path}:"):
                lines.append(f"{path}: already there and as pinned")
    if changed:
        _write_outs(project, document, changed)
    fill_cache(project, {path: changed.get(path) or pins[path] for path in paths})
    return lines


def pin_again(path: str, pin: Pin, project: Path = Path()) -> None:
    """Write another pin of a raw file; the file itself is put there next (:func:`fill_cache` hands it to DVC's cache)."""
    _write_outs(project, _read_outs(project), {path: pin})


# --- where files come from ----------------------------------------------------------------------------------------


@contextmanager
def _got(source: Source, path: str, origin: Path | None, target: Path, *, only: bool) -> Iterator[Path]:
    """Find the file to copy, or download it for as long as the ``with`` block lasts."""
    if origin is not None:
        yield _from_origin(path, origin, only=only)
        return
    if source.fetch.package is not None and path in source.fetch.files:
        yield _from_package(source.fetch.package, source.fetch.files[path])
        return
    if source.fetch.url is not None and only:
        with _beside(target) as folder:
            _download(source.fetch.url, folder / target.name, source.name)
            yield folder / target.name
        return
    raise DataError(
        f"the raw file {path} is missing, and conf/source/{source.name}.yaml does not say where to get it",
        where=path,
        fix=f"put the file there, or run `segments fetch source={source.name} from=PATH`",
    )


@contextmanager
def _asked(
    database: Database, table: str, queries: Mapping[str, str], target: Path, lines: list[str]
) -> Iterator[Path]:
    """Ask a database; what it says of columns goes to the lines."""
    with _beside(target) as folder:
        lines += [f"{table}: {note}" for note in database.snapshot(table, queries, folder / target.name)]
        yield folder / target.name


def _from_origin(path: str, origin: Path, *, only: bool) -> Path:
    name = Path(path).name
    if origin.is_dir():
        found = next((candidate for candidate in (origin / name, origin / path) if candidate.is_file()), None)
        if found is None:
            raise DataError(
                f"there is no {name} in {origin}",
                where=str(origin),
                fix=f"put {name} there, or name another folder with from=PATH",
            )
        return found
    if not origin.is_file():
        raise DataError(f"{origin} does not exist", where="from", fix="check the path")
    if not only and origin.name != name:
        raise DataError(
            f"{origin} is one file, but this source has several ({name}, ...)",
            where="from",
            fix="name the folder that holds all of them",
        )
    return origin


def _from_package(package: str, inside: str) -> Path:
    # find_spec locates a top-level package without running any of its code.
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"the Python package {package} is not installed",
            where="source.fetch.package",
            fix="install the project's requirements (`make repro` does)",
        )
    root = Path(next(iter(spec.submodule_search_locations))).resolve()
    found = root / inside
    if not found.resolve().is_relative_to(root) or not found.is_file():
        raise DataError(
            f"the package {package} has no file {inside}",
            where="source.fetch.files",
            fix="install the version named in requirements.lock",
        )
    return found


def _download(url: str, target: Path, name: str) -> None:
    fix = f"download the file by other means, then run `segments fetch source={name} from=PATH`"
    if parts_of(url).scheme != "https":
        raise DataError(f"'{url}' is not an https address", where="source.fetch.url", fix="use https, or from=PATH")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, target.open("wb") as file:  # noqa: S310 - https, checked above and below
            if parts_of(answer.url).scheme != "https":
                raise DataError(f"{url} leads away from https", where=answer.url, fix=fix)
            size = 0
            while block := answer.read(1 << 20):
                size += len(block)
                if size > MOST_BYTES:
                    raise DataError(f"{url} is larger than {MOST_BYTES:,} bytes", where="source.fetch.url", fix=fix)
                file.write(block)
            declared = answer.headers.get("Content-Length")
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(f"cannot download {url}: {reason}", where="source.fetch.url", fix=fix) from error
    except OSError as error:
        raise _unwritable(target, error) from error
    if declared is not None and declared != str(size):
        raise DataError(
            f"the download of {url} broke off after {size} of {declared} bytes",
            where="source.fetch.url",
            fix="try again",
        )


# --- files, pins and DVC's cache ----------------------------------------------------------------------------------


def _differs(
    path: str, expected: Pin | str | None, found: Pin, name: str, by: str, origin: Path | None = None
) -> DataError:
    message = expected if isinstance(expected, Pin) else f"md5 {expected}"
    if origin is not None:  # the file in its place is as it was
        return DataError(
            f"{origin} is not the file that is expected at {path}: expected {message} ({by}), found {found}",
            where=str(origin),
            fix=f"to take it instead, run `segments fetch source={name} from={shlex.quote(str(origin))} accept=true`",
        )
    return DataError(
        f"the raw file {path} is not the expected one: expected {message} ({by}), found {found}",
        where=path,
        fix=f"to restore it, delete it and run `segments fetch source={name}`; "
        f"to accept the new file, run `segments fetch source={name} accept=true`",
    )


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Make a temporary folder on the target's own disk, so that a rename moves a file in one step."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    with folder as name:
        yield Path(name)


def _copy(origin: Path, target: Path, mode: int = 0o666) -> None:
    """Put a copy in place as a whole or not at all."""
    with _beside(target) as folder:
        copy = folder / target.name
        try:
            shutil.copyfile(origin, copy)
            with copy.open("rb+") as file:
                os.fsync(file.fileno())
            copy.chmod(copy.stat().st_mode & mode)
            copy.replace(target)
        except OSError as error:
            raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot write {target}: {error.strerror}",
        where=str(target.parent),
        fix="check free space and permissions; nothing was replaced",
    )


def _read_outs(project: Path) -> dict[str, Any]:
    path = project / PINS
    if not path.is_file():
        return {"outs": []}
    try:
        document = yaml.safe_load(path.read_text()) or {"outs": []}
        assert all({"path", "md5", "size"} <= out.keys() for out in document["outs"])
    except (yaml.YAMLError, AssertionError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise DataError(
            f"{PINS} is damaged: it must list path, md5 and size of every raw file",
            where=str(path),
            fix=f"restore it with `git checkout {PINS}`",
        ) from error
    return document


def _write_outs(project: Path, document: dict[str, Any], changed: dict[str, Pin]) -> None:
    """Rewrite the changed pins where they stand; new ones go to the end, everything else stays."""
    outs = {out["path"]: out for out in document["outs"]}
    for path, pin in changed.items():
        outs[path] = {**outs.get(path, {}), "md5": pin.md5, "size": pin.size, "hash": "md5", "path": path}
    text = yaml.safe_dump({**document, "outs": list(outs.values())}, sort_keys=False, allow_unicode=True)
    write_text(project / PINS, text)


def fill_cache(project: Path, pins: Mapping[str, Pin]) -> None:
    """Copy files that DVC's cache lacks into it, so that `dvc push` and runs in temporary folders find them."""
    if not (project / ".dvc").is_dir():
        return
    cache = project / ".dvc" / "cache"
    if all(_cached(cache, pin).is_file() for pin in pins.values()):
        return
    cache = cache_folder(project) or cache
    for path, pin in pins.items():
        if not _cached(cache, pin).is_file():
            _copy(project / path, _cached(cache, pin), mode=0o444)  # DVC keeps its cache read-only


def _cached(cache: Path, pin: Pin) -> Path:
    return cache / "files" / "md5" / pin.md5[:2] / pin.md5[2:]


def cache_folder(project: Path) -> Path | None:
    """Where this project's cache lies: only DVC knows, when its config moves it."""
    configs = [project / ".dvc" / name for name in ("config", "config.local")]
    if not any(re.search(r"^\s*dir\s*=", config.read_text(), re.MULTILINE) for config in configs if config.is_file()):
        return None
    answer = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"], cwd=project, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise StoreError(
            f"DVC does not say where its cache is: {answer.stderr.strip()}",
            where=str(project / ".dvc" / "config"),
            fix="mend cache.dir, or remove it",
        )
    return project / answer.stdout.strip()
