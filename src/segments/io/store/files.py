"""Files that are either whole or not there. Comes in: tables, arrays, plain data. Goes out: paths, and what was read from them.

Every write goes to a temporary name, is flushed to disk and then renamed, so that a killed process never leaves half a file.
Paths are relative to the folder a stage runs in (the project, or DVC's temporary copy of it); :func:`checkout` is the real one.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from segments.errors import StoreError, first_line

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd
    import pyarrow as pa

Made = TypeVar("Made")
ARTIFACTS = Path("artifacts")
RECORD = Path("record")
# How tables are written. In a file sorted by a customer's id, who asks for one of them reads one group of rows of many.
PARQUET: dict[str, Any] = {"compression": "zstd", "row_group_size": 2**16}
# Where caches and records lay before they had a folder of their own.
_ONCE_IN_ARTIFACTS = (
    "candidates",
    "elbows",
    "evaluated",
    "sweeps",
    "versions",
    "predictions",
    "campaigns",
    "uplift",
    "monitoring",
)


def stamp_of(*paths: Path) -> tuple[int, ...]:
    """Times and sizes of files that may not be there: another one when one of them was written."""
    found: list[int] = []
    for path in paths:
        with contextlib.suppress(OSError):
            state = path.stat()
            found += [state.st_mtime_ns, state.st_size]
    return tuple(found)


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


def checkout(project: Path | None = None) -> Path:
    """The real checkout of a project (of this one by default), also when DVC runs a stage in a temporary copy under ``.dvc/tmp/exps``.

    What must outlive such a copy (the MLflow record, finished candidates) is kept here.
    """
    project = project or find_project()
    parts = project.parts
    for i in range(len(parts) - 2):
        if parts[i : i + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:i])
    return project


def artifact(stage: str, name: str = "") -> Path:
    """Path of a stage's artifact: ``artifacts/<stage>/<name>``."""
    return ARTIFACTS / stage / name


def kept(name: str = "") -> Path:
    """Path of what outlives a run, and DVC's temporary copies: ``record/<name>`` of the real checkout.

    The folder explains itself: it is made with a README.
    """
    folder = checkout() / RECORD
    if not (folder / "README.md").is_file():
        with contextlib.suppress(OSError):  # whoever only reads may find a disk that cannot be written
            folder.mkdir(exist_ok=True)
            for earlier in _ONCE_IN_ARTIFACTS:
                if (old := checkout() / ARTIFACTS / earlier).is_dir() and not (folder / earlier).exists():
                    old.rename(folder / earlier)
            (folder / "README.md").write_text(files("segments.io.store").joinpath("record.md").read_text())
    return folder / name


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
    _atomically(path, lambda temporary: table.to_parquet(temporary, index=False, **PARQUET))


def write_csv(path: Path, table: pd.DataFrame, *, raw: bool = False) -> None:
    """Write a table as :func:`csv_text` has it, atomically."""
    write_text(path, csv_text(table, raw=raw))


def csv_text(table: pd.DataFrame, *, raw: bool = False) -> str:
    """A table as CSV (comma, text in quotes); equal tables give equal text.

    Parameters
    ----------
    table : DataFrame
        Any table.
    raw : bool
        Whether text stays as it is, although a spreadsheet may take it for a formula.
    """
    import csv

    from segments.data.formulas import neutralise

    safe = table if raw else neutralise(table)
    text: str = safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    return text


def write_relation(path: Path, relation: duckdb.DuckDBPyRelation) -> None:
    """Stream a DuckDB relation into a parquet file, atomically; an ordered relation gives equal bytes on any number of threads."""
    import duckdb

    def write(temporary: Path) -> None:
        try:
            relation.write_parquet(str(temporary), **PARQUET)
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

    return read_made(path, lambda: pd.read_parquet(path, columns=columns))


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV that :func:`write_csv` made, its text as it was; same errors as :func:`read_table`."""
    import pandas as pd

    from segments.data.formulas import restore

    def read() -> pd.DataFrame:
        table = pd.read_csv(path)
        return table.assign(**{name: restore(table[name]) for name in table.select_dtypes("str")})

    return read_made(path, read)


def scan_table(path: Path) -> duckdb.DuckDBPyRelation:
    """Open a parquet table that an earlier stage made without reading it: DuckDB streams it, so it may exceed memory.

    Raises
    ------
    StoreError
        If it is missing or damaged; names the stage that makes it.
    """
    return scan_tables(path)[0]


def scan_tables(*paths: Path) -> list[duckdb.DuckDBPyRelation]:
    """The same for several, which can be joined: they are of one connection."""
    import duckdb

    # What does not fit in memory spills beside other temporary files, not into the project.
    spill = str(Path(tempfile.gettempdir()) / f"segments-duckdb-{os.getpid()}")

    connection = duckdb.connect(config={"temp_directory": spill})

    def scan(path: Path) -> duckdb.DuckDBPyRelation:
        try:
            return connection.read_parquet(str(path))
        except duckdb.Error as error:
            raise ValueError(str(error)) from error

    return [read_made(path, lambda path=path: scan(path)) for path in paths]  # type: ignore[misc]


def damaged_table() -> StoreError | None:
    """The first table of the stages that cannot be read to its end; ``None`` when all can.

    A table that is streamed shows its damage wherever it is read, as an error of DuckDB; this finds out which it was.
    """
    import duckdb

    from segments.data.reading.files import read_through

    def read(path: Path) -> None:
        try:
            read_through(path)
        except duckdb.Error as error:
            raise ValueError(str(error)) from error

    for path in sorted(ARTIFACTS.glob("*/*.parquet")):
        try:
            read_made(path, lambda path=path: read(path))  # type: ignore[misc]
        except StoreError as error:
            return error
    return None


def read_json(path: Path) -> Any:
    """Read a JSON file that an earlier stage made; same errors as :func:`read_table`."""
    return read_made(path, lambda: json.loads(path.read_text()))


def read_text(path: Path) -> str:
    """Read a text file that an earlier stage made; same errors as :func:`read_table`."""
    return read_made(path, path.read_text)


def read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read named arrays written by :func:`write_arrays`; same errors as :func:`read_table`. Never unpickles."""
    import zlib
    from zipfile import BadZipFile

    import numpy as np

    def read() -> dict[str, np.ndarray[Any, Any]]:
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (BadZipFile, zlib.error) as error:
            raise ValueError(str(error)) from error

    return read_made(path, read)


def read_made(path: Path, read: Callable[[], Made]) -> Made:
    """What `read` gives; what it finds wrong (a ValueError) is an error that names the file and the stage to run.

    Raises
    ------
    StoreError
        If the file is missing, damaged, or not what it should be.
    """
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


def refuse_kept(path: Path) -> None:
    """Refuse what a person wants written where git, DVC or the project's settings lie, links followed.

    Raises
    ------
    StoreError
        Names the place.
    """
    real = Path(os.path.realpath(path))
    project = next((above for above in real.parents if (above / "dvc.yaml").is_file()), None)
    inside = (
        real.relative_to(project).parts if project else real.parts
    )  # a temporary experiment is a project below .dvc
    if {".git", ".dvc"} & set(inside) or (project and inside[0] == "conf"):
        raise StoreError(f"{path} lies within what git, DVC or conf/ keep", where=str(real), fix="name another place")


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary name that takes the place of `path` when the block ends without an error and has not removed it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a killed process leaves half-written must not lie in a folder that is an output of DVC.
        folder = RECORD / ".partial" if path.parts[0] == ARTIFACTS.name else path.parent
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{path.name}.{secrets.token_hex(4)}{path.suffix}"
        # Who may read what holds customers, the umask says; a file that its owner has closed to others stays closed.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield temporary
            if temporary.exists():
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                if path.exists():
                    temporary.chmod(temporary.stat().st_mode & (path.stat().st_mode | stat.S_IRWXU))
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
def growing_table(path: Path, *, raw: bool = False) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """Write a table batch by batch, as CSV or parquet by its suffix: it is there, whole, when the block ends without an error.

    Parameters
    ----------
    path : Path
        Where to; an earlier file is replaced, unless nothing is written.
    raw : bool
        As in :func:`csv_text`.

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

    from segments.data.formulas import neutralise_batch

    as_csv = path.suffix.lower() == ".csv"
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise StoreError(
            f"tables named '{path.suffix or path.name}' cannot be written", where=str(path), fix="use .csv or .parquet"
        )
    writer: Any = None
    with _whole(path) as temporary:

        def write(batch: pa.RecordBatch) -> None:
            nonlocal writer
            if as_csv and not raw:
                batch = neutralise_batch(batch)
            if writer is None and as_csv:
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
    """Remove a made file, if it is there.

    Raises
    ------
    StoreError
        If it may not be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {first_line(error)}", fix="check free space and permissions, then run this again"
        ) from error


def clear(folder: Path) -> None:
    """Remove a folder of made files, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
