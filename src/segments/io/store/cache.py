"""Where finished work lies that outlives a run: outside DVC's outputs, shared by every entry point and by DVC's temporary copies (``record/README.md`` says what may be deleted).

Comes in: ids, and what was made under them. Goes out: folders and files under ``record/`` of the real checkout, and what lies there.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import TypedDict  # pydantic takes typing's own from Python 3.12 on

from segments.errors import ConfigError, StoreError, first_line
from segments.io.store.files import (
    artifact,
    checkout,
    clear,
    kept,
    read_arrays,
    read_json,
    write_arrays,
    write_json,
)
from segments.io.store.fingerprints import sha256
from segments.io.store.seals import SEAL, differing, listed, seal, unchanged

if TYPE_CHECKING:
    import numpy as np


class VersionEvent(TypedDict):
    """What happened to a registered version; other keys are kept as they are."""

    at: str
    what: str
    candidate_id: str
    model_hash: str
    by: str
    because: str


class DriftFigure(TypedDict):
    """A drift figure of a batch, as far as others than its maker read it."""

    name: str
    says: str
    value: float | None
    training: float | None
    low: float | None
    high: float | None
    status: Literal["green", "amber", "red", "-"]


class BatchSegment(TypedDict):
    """How many customers of a batch a cluster took, and in training."""

    cluster: int
    customers: int
    training: int


class BatchRecord(TypedDict):
    """A scored batch, as far as others than its maker read it."""

    batch_id: str
    scored_at: str
    started_ms: int
    seconds: float
    input: str
    source: str
    model: dict[str, str]
    rows: int
    scored: int
    rejected: int
    reasons: dict[str, int]
    segments: list[BatchSegment]
    figures: list[DriftFigure]
    decision: Literal["keep", "refit"]
    sentence: str


LONG_AGO = 24 * 3600  # seconds after which nobody is still making half of something


def candidates_folder() -> Path:
    """Folder of finished candidates, one folder each, named by ``candidate_id``."""
    return kept("candidates")


def keep_candidate(
    candidate_id: str,
    facts: dict[str, Any],
    space: dict[str, Any],
    arrays: dict[str, np.ndarray[Any, Any]],
    pictures: dict[str, bytes],
    maker: int = 0,
) -> None:
    """Put a finished candidate in the cache, whole or not at all; one that is already there stays.

    Parameters
    ----------
    candidate_id : str
        Name of its folder.
    facts : dict
        Parameters and scores, as plain data.
    space : dict
        The fitted way into the clustered space, as plain data.
    arrays : dict of str to ndarray
        Labels, centres, silhouettes.
    pictures : dict of str to bytes
        PNGs by key.
    maker : int
        Process on whose behalf it is made: should that be interrupted, :func:`clear_unfinished` knows whose halves to remove.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    folder = candidates_folder() / candidate_id
    if folder.is_dir():
        return
    import numpy as np

    try:
        candidates_folder().mkdir(parents=True, exist_ok=True)
        temporary = candidates_folder() / f".{candidate_id}.{maker}.{secrets.token_hex(4)}"
        temporary.mkdir()
        try:
            for name, plain in (("candidate", facts), ("space", space)):
                (temporary / f"{name}.json").write_text(json.dumps(plain, ensure_ascii=False, allow_nan=False))
            with (temporary / "arrays.npz").open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
            for key, png in pictures.items():
                (temporary / f"{key}.png").write_bytes(png)
            seal(temporary)
            for path in temporary.iterdir():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process finished the same candidate first: equal by construction
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"cannot write {folder}: {first_line(error)}",
            fix="check free space and permissions; candidates finished earlier are kept, and the next run continues",
        ) from error


def clear_unfinished(maker: int) -> None:
    """Remove what the workers of an interrupted process had half-made in the cache, and what killed ones left there more than a day ago."""
    for folder in candidates_folder().glob(f".*.{maker}.*"):
        clear(folder)
    for left in [*candidates_folder().glob(".*"), *kept(".partial").glob("*"), *kept("versions").glob(".*")]:
        with suppress(OSError):  # somebody else may be clearing up, too
            if time.time() - left.stat().st_mtime > LONG_AGO:
                clear(left) if left.is_dir() else left.unlink()


def kept_candidate(candidate_id: str) -> dict[str, Any] | None:
    """Facts of a finished candidate, or ``None`` when it is not in the cache (or one of its files was changed: it is then removed)."""
    folder = candidates_folder() / candidate_id
    if not folder.is_dir():
        return None
    try:
        facts: dict[str, Any] = read_json(_whole(candidate_id) / "candidate.json")
        return facts
    except StoreError:
        clear(folder)
        return None


def kept_ids() -> set[str]:
    """Ids of all candidates in the cache, damaged ones among them."""
    return {folder.name for folder in candidates_folder().glob("[!.]*")}


def arrays_of(candidate_id: str) -> dict[str, np.ndarray[Any, Any]]:
    """Labels, centres and silhouettes of a finished candidate."""
    return read_arrays(_whole(candidate_id) / "arrays.npz")


def space_of(candidate_id: str) -> dict[str, Any]:
    """The fitted space of a finished candidate, as plain data."""
    space: dict[str, Any] = read_json(_whole(candidate_id) / "space.json")
    return space


def candidate_pictures(candidate_id: str) -> dict[str, Path]:
    """PNGs of a finished candidate by key; none when it is not in the cache."""
    folder = candidates_folder() / candidate_id
    return {path.stem: path for path in sorted(_whole(candidate_id).glob("*.png"))} if folder.is_dir() else {}


def _whole(candidate_id: str) -> Path:
    """Folder of a finished candidate whose files are as they were made; one without a seal is not finished, as it costs little to make again."""
    folder = candidates_folder() / candidate_id
    if folder.is_dir() and not (folder / SEAL).is_file():
        raise StoreError(f"{folder / SEAL} is missing", fix=f"delete {folder}: it is made again when it is wanted")
    return unchanged(folder)


def elbow_file(candidate_ids: Iterable[str]) -> Path:
    """Elbow picture of a finished cell, kept beside the candidates."""
    return kept("elbows") / f"{sha256(' '.join(sorted(candidate_ids)).encode())[:16]}.png"


def finished_candidates() -> list[dict[str, Any]]:
    """Facts of every candidate in the cache, oldest first."""
    facts = [known for name in kept_ids() if (known := kept_candidate(name)) is not None]
    return sorted(facts, key=lambda fact: (fact["started_ms"], fact["candidate_id"]))


def keep_evidence(evidence_id: str, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    """Keep the finished evidence of a cell, beside the candidates and outside DVC's outputs: a killed run continues from it."""
    write_arrays(evidence_path(evidence_id), arrays)


def kept_evidence(evidence_id: str) -> dict[str, np.ndarray[Any, Any]] | None:
    """Evidence of a cell, or ``None`` when it is not finished (or damaged: it is then made again)."""
    path = evidence_path(evidence_id)
    try:
        return read_arrays(path) if path.is_file() else None
    except StoreError:
        return None


def evidence_path(evidence_id: str) -> Path:
    """File that keeps the finished evidence of a cell."""
    return kept("evaluated") / f"{evidence_id}.npz"


def sweep_record(sweep_id: str) -> Path:
    """Folder that keeps what MLflow's run of a sweep is made from."""
    return kept("sweeps") / sweep_id


def sweep_records() -> list[Path]:
    """Folders of every sweep so far, oldest first; each holds what was put there."""
    folders = [unchanged(path.parent) for path in sweep_record("").glob("*/sweep.json")]
    return sorted(folders, key=lambda folder: (read_json(folder / "sweep.json")["started_ms"], folder.name))


def version_folder(model_hash: str, candidate_id: str) -> Path:
    """Folder that keeps what a registered version is made from: its files, and who its members are."""
    return kept("versions") / f"{candidate_id}-{model_hash[:12]}"


def version_file(model_hash: str, candidate_id: str, name: str) -> Path | None:
    """A file kept of a registered version, after it was compared with its hash; ``None`` where the version was not made on this machine.

    Raises
    ------
    StoreError
        If it is not the file that was kept, or nobody knows.
    """
    folder = version_folder(model_hash, candidate_id)
    if not folder.is_dir():
        return None
    shown = kept(f"versions/{folder.name}/{name}").relative_to(checkout())
    fix = "bring it back from a copy; `segments registry` keeps the last run's version anew"
    known = listed(folder)
    if name not in known:
        raise StoreError(f"{shown} cannot be compared: {SEAL} beside it does not list it", fix=fix)
    if differing(folder, {name: known[name]}):
        raise StoreError(f"{shown} is not the file that was kept with the version", fix=fix)
    return folder / name


def version_folders(candidate_id: str = "*") -> list[Path]:
    """Folders of the versions that a candidate became; of all by default."""
    return sorted(kept("versions").glob(f"{candidate_id}-*"))


def history() -> list[dict[str, Any]]:
    """What happened to registered versions, oldest first: ``at, what, candidate_id, model_hash, by, because``.

    Raises
    ------
    StoreError
        If it is not that.
    """
    path = kept("versions") / "history.json"
    events: list[dict[str, Any]] = _shaped(path, list[VersionEvent]) if path.is_file() else []
    return events


def remember(event: dict[str, Any]) -> None:
    """Add to the history of registered versions; what has just been said is not said twice."""
    events = history()
    if not events or {**events[-1], "at": ""} != {**event, "at": ""}:
        write_json(kept("versions") / "history.json", [*events, event])


def forecast(prediction_id: str) -> Path:
    """Folder that keeps what MLflow's runs of a prediction are made from."""
    return kept("predictions") / prediction_id


def forecasts() -> list[Path]:
    """Folders of every prediction so far, oldest first; the one in ``artifacts/prediction`` comes last, whenever it was first made."""
    now = artifact("prediction", "prediction.json")
    current = read_json(now).get("prediction_id") if now.is_file() else None
    folders = [unchanged(path.parent) for path in forecast("").glob("*/record.json")]
    return sorted(
        folders,
        key=lambda folder: (folder.name == current, read_json(folder / "record.json")["started_ms"], folder.name),
    )


def campaign(name: str) -> Path:
    """Folder that keeps whom a campaign was drawn from, and how.

    Raises
    ------
    ConfigError
        If the name could not be a folder's.
    """
    if not re.fullmatch(r"\w[\w.-]{0,59}", name):
        raise ConfigError(
            f"'{name}' cannot name a campaign",
            where="campaign",
            fix="use up to 60 letters, digits, '.', '_' and '-', a letter, digit or '_' first",
        )
    return kept("campaigns") / name


def uplift_folder(uplift_id: str) -> Path:
    """Folder that keeps what MLflow's run of a campaign's results is made from."""
    return kept("uplift") / uplift_id


def uplift_folders() -> list[Path]:
    """Folders of the results of every campaign so far."""
    return [unchanged(path.parent) for path in sorted(uplift_folder("").glob("*/record.json"))]


def batch_record(batch_id: str) -> Path:
    """File that keeps what MLflow's run of a scored batch is made from."""
    return kept("monitoring") / f"{batch_id}.json"


def kept_batch(path: Path) -> dict[str, Any]:
    """Record of a scored batch.

    Raises
    ------
    StoreError
        If it is none.
    """
    record: dict[str, Any] = _shaped(path, BatchRecord)
    return record


def batch_records() -> list[dict[str, Any]]:
    """Records of every scored batch so far, oldest first; same errors as :func:`kept_batch`."""
    records = [kept_batch(path) for path in batch_record("").parent.glob("[!.]*.json")]
    return sorted(records, key=lambda record: (record["started_ms"], record["batch_id"]))


def _shaped(path: Path, shape: Any) -> Any:
    """Plain data of a JSON file of the record, once they are seen to have this shape."""
    from pydantic import TypeAdapter, ValidationError

    content = read_json(path)
    try:
        TypeAdapter(shape).validate_python(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"{path} is damaged: {f'{at}: ' if at else ''}{first['msg']}",
            fix="bring it back from a copy; or delete it: what it held is then left out",
        ) from error
    return content
