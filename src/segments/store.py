"""The room that touches files. Comes in: tables, pictures, plain data. Goes out: files that are either whole or not there.

Every write goes to a temporary name, is flushed to disk and then renamed, so that a killed process never leaves half a file.
Paths are relative to the folder a stage runs in (the project, or DVC's temporary copy of it); :func:`checkout` is the real one.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segments.errors import ConfigError, StoreError, first_line

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd
    import pyarrow as pa

ARTIFACTS = Path("artifacts")


def find_project(start: Path | None = None) -> Path:
    """Folder of the project: the nearest one upwards that holds ``conf/config.yaml`` and ``dvc.yaml``.

    Raises
    ------
    StoreError
        If there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "conf" / "config.yaml").is_file() and (folder / "dvc.yaml").is_file():
            return folder
    raise StoreError(
        "this is not a segments project",
        where=str(start),
        fix="change into the folder that holds conf/config.yaml and dvc.yaml",
    )


def checkout() -> Path:
    """The real checkout, also when DVC runs a stage in a temporary copy under ``.dvc/tmp/exps``.

    What must outlive such a copy (the MLflow record, finished candidates) is kept here.
    """
    project = find_project()
    parts = project.parts
    for i in range(len(parts) - 2):
        if parts[i : i + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:i])
    return project


def artifact(stage: str, name: str = "") -> Path:
    """Path of a stage's artifact: ``artifacts/<stage>/<name>``."""
    return ARTIFACTS / stage / name


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically.

    Raises
    ------
    StoreError
        If the disk is full or read-only, or the folder may not be written.
    """
    _atomically(path, lambda temporary: temporary.write_bytes(content))


def write_json(path: Path, content: Any) -> None:
    """Write plain data as JSON, keys in the order given, atomically; infinities and NaN are refused."""
    write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def write_text(path: Path, content: str) -> None:
    """Write a text file atomically."""
    write_bytes(path, content.encode())


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as parquet, atomically; equal tables give equal bytes."""
    _atomically(path, lambda temporary: table.to_parquet(temporary, index=False, compression="zstd"))


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV (UTF-8, comma, text in quotes), atomically; equal tables give equal bytes."""
    import csv

    text = table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    write_bytes(path, text.encode())


def write_relation(path: Path, relation: duckdb.DuckDBPyRelation) -> None:
    """Stream a DuckDB relation into a parquet file, atomically; an ordered relation gives equal bytes on any number of threads."""
    import duckdb

    def write(temporary: Path) -> None:
        try:
            relation.write_parquet(str(temporary), compression="zstd")
        except duckdb.IOException as error:
            raise OSError(first_line(error)) from error

    _atomically(path, write)


def write_arrays(path: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    """Write named numeric arrays as npz, atomically."""
    import numpy as np

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    _atomically(path, write)


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a parquet table that an earlier stage made.

    Raises
    ------
    StoreError
        If it is missing or damaged; names the stage that makes it.
    """
    import pandas as pd

    return _read(path, lambda: pd.read_parquet(path, columns=columns))


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV that an earlier stage made; same errors as :func:`read_table`."""
    import pandas as pd

    return _read(path, lambda: pd.read_csv(path))


def scan_table(path: Path) -> duckdb.DuckDBPyRelation:
    """Open a parquet table that an earlier stage made without reading it: DuckDB streams it, so it may exceed memory.

    Raises
    ------
    StoreError
        If it is missing or damaged; names the stage that makes it.
    """
    import duckdb

    # What does not fit in memory spills beside other temporary files, not into the project.
    spill = str(Path(tempfile.gettempdir()) / f"segments-duckdb-{os.getpid()}")

    def scan() -> duckdb.DuckDBPyRelation:
        try:
            return duckdb.connect(config={"temp_directory": spill}).read_parquet(str(path))
        except duckdb.Error as error:
            raise ValueError(str(error)) from error

    return _read(path, scan)  # type: ignore[no-any-return]


def read_json(path: Path) -> Any:
    """Read a JSON file that an earlier stage made; same errors as :func:`read_table`."""
    return _read(path, lambda: json.loads(path.read_text()))


def read_text(path: Path) -> str:
    """Read a text file that an earlier stage made; same errors as :func:`read_table`."""
    return _read(path, path.read_text)  # type: ignore[no-any-return]


def read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read named arrays written by :func:`write_arrays`; same errors as :func:`read_table`. Never unpickles."""
    import zlib
    from zipfile import BadZipFile

    import numpy as np

    def read() -> dict[str, np.ndarray[Any, Any]]:
        try:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (BadZipFile, zlib.error) as error:
            raise ValueError(str(error)) from error

    return _read(path, read)  # type: ignore[no-any-return]


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def git_commit() -> str:
    """Say which commit the code stands on, marked ``-dirty`` when the code differs from it.

    The code alone: config and data have hashes of their own, and ``dvc repro`` itself rewrites ``dvc.lock`` on its way.
    """
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = ["git", "status", "--porcelain", "--untracked-files=no", "--", "src"]
        dirty = subprocess.run(changed, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("-dirty" if dirty else "")


def person() -> str:
    """Who decides: the name git knows, or the user's."""
    try:
        asked = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        asked = ""
    return asked or getpass.getuser()


def now() -> str:
    """The time of a decision: ISO, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def hashes(folder: Path, pattern: str = "*") -> dict[str, str]:
    """SHA-256 of every file under a folder, by its path in it; compiled leftovers do not count."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes())
        for path in sorted(folder.rglob(pattern))
        if path.is_file() and "__pycache__" not in path.parts
    }


def code_hash(package: Path = Path(__file__).parent) -> str:
    """SHA-256 of this package's code, or of another copy of it."""
    return sha256(json.dumps(hashes(package, "*.py")).encode())


def labels_hash(labels: np.ndarray[Any, Any]) -> str:
    """SHA-256 of the clusters of all customers, in the order of the feature table."""
    return sha256(labels.astype("<i4").tobytes())


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(path: Path) -> str:
    """MD5 of a file's bytes, as DVC records it (a check against accidents, not against attackers)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _read(path: Path, read: Callable[[], Any]) -> Any:
    stage = path.parent.name if path.parent.parent.name == ARTIFACTS.name else ""
    fix = f"run `segments {stage}`, or `dvc repro`" if stage else "run `dvc repro`"
    if not path.is_file():
        raise StoreError(f"{path} does not exist yet", fix=fix)
    try:
        return read()
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise StoreError(f"{path} is damaged: {first_line(error)}", fix=f"delete it and {fix}") from error


def _atomically(path: Path, write: Callable[[Path], object]) -> None:
    with _whole(path) as temporary:
        write(temporary)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary name that takes the place of `path` when the block ends without an error and has not removed it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a killed process leaves half-written must not lie in a folder that is an output of DVC.
        folder = ARTIFACTS / ".partial" if path.parts[0] == ARTIFACTS.name else path.parent
        folder.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=folder)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            if temporary.exists():
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                temporary.chmod(0o644)
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {first_line(error)}",
            where=str(path.parent.absolute()),
            fix="check free space and permissions; nothing made earlier is lost",
        ) from error


@contextmanager
def growing_table(path: Path) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """Write a table batch by batch, as CSV or parquet by its suffix: it is there, whole, when the block ends without an error.

    Parameters
    ----------
    path : Path
        Where to; an earlier file is replaced, unless nothing is written.

    Yields
    ------
    callable
        Takes the next :class:`pyarrow.RecordBatch`; all have the columns of the first.

    Raises
    ------
    StoreError
        If the disk is full or read-only, or the folder may not be written.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise StoreError(
            f"tables named '{path.suffix or path.name}' cannot be written", where=str(path), fix="use .csv or .parquet"
        )
    writer: Any = None
    with _whole(path) as temporary:

        def write(batch: pa.RecordBatch) -> None:
            nonlocal writer
            if writer is None and path.suffix.lower() == ".csv":
                writer = pa.csv.CSVWriter(temporary, batch.schema)
            elif writer is None:
                repeating = [field.name for field in batch.schema if pa.types.is_string(field.type)]
                writer = pa.parquet.ParquetWriter(temporary, batch.schema, compression="zstd", use_dictionary=repeating)
            writer.write_batch(batch)

        try:
            yield write
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            temporary.unlink()


# --- finished candidates: a shelf outside DVC's outputs, shared by every door and by DVC's temporary copies ---------


def shelf() -> Path:
    """Folder of finished candidates, one folder each, named by ``candidate_id``."""
    return checkout() / ARTIFACTS / "candidates"


def shelve(
    candidate_id: str,
    facts: dict[str, Any],
    space: dict[str, Any],
    arrays: dict[str, np.ndarray[Any, Any]],
    pictures: dict[str, bytes],
    maker: int = 0,
) -> None:
    """Put a finished candidate on the shelf, whole or not at all; one that is already there stays.

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
    folder = shelf() / candidate_id
    if folder.is_dir():
        return
    import numpy as np

    try:
        shelf().mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{candidate_id}.{maker}.", dir=shelf()))
        try:
            for name, plain in (("candidate", facts), ("space", space)):
                (temporary / f"{name}.json").write_text(json.dumps(plain, ensure_ascii=False, allow_nan=False))
            with (temporary / "arrays.npz").open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
            for key, png in pictures.items():
                (temporary / f"{key}.png").write_bytes(png)
            for path in temporary.iterdir():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            temporary.chmod(0o755)
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
    """Remove what the workers of an interrupted process had half-made on the shelf."""
    for folder in shelf().glob(f".*.{maker}.*"):
        clear(folder)


def unshelve(candidate_id: str) -> dict[str, Any] | None:
    """Facts of a finished candidate, or ``None`` when it is not on the shelf (or damaged: it is then removed)."""
    folder = shelf() / candidate_id
    if not folder.is_dir():
        return None
    try:
        facts: dict[str, Any] = read_json(folder / "candidate.json")
        space_of(candidate_id)
        arrays_of(candidate_id)
        return facts
    except StoreError:
        clear(folder)
        return None


def shelved() -> set[str]:
    """Ids of all candidates on the shelf, damaged ones among them."""
    return {folder.name for folder in shelf().glob("[!.]*")}


def arrays_of(candidate_id: str) -> dict[str, np.ndarray[Any, Any]]:
    """Labels, centres and silhouettes of a finished candidate."""
    return read_arrays(shelf() / candidate_id / "arrays.npz")


def space_of(candidate_id: str) -> dict[str, Any]:
    """The fitted space of a finished candidate, as plain data."""
    space: dict[str, Any] = read_json(shelf() / candidate_id / "space.json")
    return space


def pictures(candidate_id: str) -> dict[str, Path]:
    """PNGs of a finished candidate by key."""
    return {path.stem: path for path in sorted((shelf() / candidate_id).glob("*.png"))}


def elbow(candidate_ids: Iterable[str]) -> Path:
    """Elbow picture of a finished cell, kept beside the candidates."""
    return checkout() / ARTIFACTS / "elbows" / f"{sha256(' '.join(sorted(candidate_ids)).encode())[:16]}.png"


def finished_candidates() -> list[dict[str, Any]]:
    """Facts of every candidate on the shelf, oldest first."""
    facts = [known for name in shelved() if (known := unshelve(name)) is not None]
    return sorted(facts, key=lambda fact: (fact["started_ms"], fact["candidate_id"]))


def shelve_evidence(evidence_id: str, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    """Keep the finished evidence of a cell, beside the candidates and outside DVC's outputs: a killed run continues from it."""
    write_arrays(_evidence_path(evidence_id), arrays)


def unshelve_evidence(evidence_id: str) -> dict[str, np.ndarray[Any, Any]] | None:
    """Evidence of a cell, or ``None`` when it is not finished (or damaged: it is then made again)."""
    path = _evidence_path(evidence_id)
    try:
        return read_arrays(path) if path.is_file() else None
    except StoreError:
        return None


def _evidence_path(evidence_id: str) -> Path:
    return checkout() / ARTIFACTS / "weighed" / f"{evidence_id}.npz"


def ledger(sweep_id: str) -> Path:
    """Folder that keeps what MLflow's run of a sweep is made from."""
    return checkout() / ARTIFACTS / "sweeps" / sweep_id


def ledgers() -> list[Path]:
    """Folders of every sweep so far, oldest first."""
    folders = [path.parent for path in ledger("").glob("*/sweep.json")]
    return sorted(folders, key=lambda folder: (read_json(folder / "sweep.json")["started_ms"], folder.name))


def version_folder(model_hash: str, candidate_id: str) -> Path:
    """Folder that keeps what a registered version is made from: its files, and who its members are."""
    return checkout() / ARTIFACTS / "versions" / f"{candidate_id}-{model_hash[:12]}"


def history() -> list[dict[str, Any]]:
    """What happened to registered versions, oldest first: ``at, what, candidate_id, model_hash, by, because``."""
    path = checkout() / ARTIFACTS / "versions" / "history.json"
    events: list[dict[str, Any]] = read_json(path) if path.is_file() else []
    return events


def in_use() -> str:
    """Candidate whose version was last put in use from here, by promotion or rollback; empty when none was."""
    return next((event["candidate_id"] for event in reversed(history()) if event["what"] != "challenged"), "")


def remember(event: dict[str, Any]) -> None:
    """Add to the history of registered versions; what has just been said is not said twice."""
    events = history()
    if not events or {**events[-1], "at": ""} != {**event, "at": ""}:
        write_json(checkout() / ARTIFACTS / "versions" / "history.json", [*events, event])


def forecast(prediction_id: str) -> Path:
    """Folder that keeps what MLflow's runs of a prediction are made from."""
    return checkout() / ARTIFACTS / "predictions" / prediction_id


def forecasts() -> list[Path]:
    """Folders of every prediction so far, oldest first; the one in ``artifacts/prediction`` comes last, whenever it was first made."""
    now = artifact("prediction", "prediction.json")
    current = read_json(now).get("prediction_id") if now.is_file() else None
    folders = [path.parent for path in forecast("").glob("*/record.json")]
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
    return checkout() / ARTIFACTS / "campaigns" / name


def uplift_folder(uplift_id: str = "") -> Path:
    """Folder that keeps what MLflow's run of a campaign's results is made from."""
    return checkout() / ARTIFACTS / "uplift" / uplift_id


def batch_record(batch_id: str) -> Path:
    """File that keeps what MLflow's run of a scored batch is made from."""
    return checkout() / ARTIFACTS / "monitoring" / f"{batch_id}.json"


def batch_records() -> list[dict[str, Any]]:
    """Records of every scored batch so far, oldest first."""
    records = [read_json(path) for path in batch_record("").parent.glob("[!.]*.json")]
    return sorted(records, key=lambda record: (record["started_ms"], record["batch_id"]))


def replace_folder(new: Path, folder: Path) -> None:
    """Put a finished folder in the place of another, or of none.

    Raises
    ------
    StoreError
        If the folder may not be written.
    """
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
        new.rename(folder)
    except OSError as error:
        raise StoreError(
            f"cannot write {folder}: {first_line(error)}", fix="check free space and permissions, then run this again"
        ) from error


def remove(path: Path) -> None:
    """Remove a made file, if it is there."""
    path.unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Remove a folder of made files, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
