"""The open record of one source. Comes in: section ``tracking``. Goes out: MLflow's client and the source's experiment, or why not."""

from __future__ import annotations

import logging
import os
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from filelock import FileLock

from segments.config.registry import TrackingConfig
from segments.errors import TrackingError, first_line
from segments.io.store.files import checkout, find_project, kept, stamp_of
from segments.io.tracking.moved import mend_moved

if TYPE_CHECKING:
    from mlflow import MlflowClient


MEND = "check free space and permissions; what is finished is on disk: move a damaged record away and run `segments track`, which makes it again"


WRITES = ("BEGIN IMMEDIATE", "ROLLBACK")  # whether a record can be written


class NoRecordError(TrackingError):
    """Nothing has been recorded here yet."""


@dataclass(frozen=True)
class Tracker:
    """An open record of one source: MLflow's client and the source's experiment."""

    client: MlflowClient
    experiment_id: str
    source: str
    uri: str

    @property
    def local(self) -> bool:
        """Whether our lock reaches every writer of the record."""
        return self.uri.startswith("sqlite:")

    @property
    def aside(self) -> bool:
        """Whether this process is an experiment in DVC's temporary folder: it is recorded, and changes nothing that others are shown."""
        return find_project() != checkout()


@contextmanager
def connect(config: TrackingConfig, source: str) -> Iterator[Tracker]:
    """Open the record of a source, made first if need be; one writer of a local store at a time.

    Parameters
    ----------
    config : TrackingConfig
        Where the record lives.
    source : str
        Name of the source, and of its experiment.

    Raises
    ------
    TrackingError
        If the server does not answer, or the store cannot be opened.
    """
    settings(config)
    uri = tracking_uri(config)
    if config.uri is not None:
        preflight(uri, config.timeout_seconds)
    from mlflow import MlflowClient
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not event.contains(Engine, "connect", _without_waiting):
        event.listen(Engine, "connect", _without_waiting)
    try:
        with _local_lock(config):
            if config.uri is None:
                _prepare_local(checkout() / "mlflow.db")
            client = MlflowClient(uri, registry_uri=uri)
            experiment_id = _experiment(client, source, local=config.uri is None)
        yield Tracker(client, experiment_id, source, uri)
    except Exception as error:
        worded = in_our_words(error, uri)
        if worded is None and isinstance(error, OSError):
            worded = unusable(uri, error)
        if worded is None:
            raise
        raise worded from error


def in_our_words(error: Exception, uri: str = "") -> TrackingError | None:
    """What an error of MLflow, or of the database under it, says to a person; ``None`` for any other error."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, sqlite3.Error | SQLAlchemyError):
        return unusable(uri, error)
    if isinstance(error, MlflowException):
        return TrackingError(f"MLflow refused: {first_line(error)}", where=uri, fix=MEND)
    return None


def unusable(address: str, error: Exception) -> TrackingError:
    """What is said of a record that is damaged, cannot be written, or that another MLflow made."""
    said = first_line(error).removeprefix("(sqlite3.DatabaseError) ")
    return TrackingError(f"the MLflow record cannot be used: {said}", where=address, fix=MEND)


def reader(config: TrackingConfig) -> MlflowClient:
    """MLflow's client for looking only: unlike :func:`connect` it makes nothing, not even an empty record.

    Raises
    ------
    NoRecordError
        If there is no record yet.
    TrackingError
        If the server does not answer, or the record is damaged.
    """
    settings(config)
    address = tracking_uri(config)
    if config.uri is not None:
        preflight(address, config.timeout_seconds)
    else:
        look_local(checkout() / "mlflow.db")
        with suppress(sqlite3.Error):  # who may not write here reads what stands there
            mend_moved(checkout())
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return MlflowClient(address, registry_uri=address)
    except (MlflowException, SQLAlchemyError) as error:
        raise unusable(address, error) from error


def look_local(database: Path) -> None:
    """Ask SQLite whether a record stands there: MLflow would make an empty one, try for minutes, or make the tables that are gone.

    Raises
    ------
    NoRecordError
        If there is no record yet.
    TrackingError
        If it is damaged, or another MLflow made it.
    """
    if not database.is_file():
        raise NoRecordError(
            "there is no MLflow record yet",
            where=str(database),
            fix="run `dvc repro`; or `segments track`, which makes it from artifacts/",
        )
    tables = ("alembic_version", "experiments", "runs", "registered_models", "model_versions")
    _ask(database, [f"SELECT 1 FROM {table} LIMIT 1" for table in tables])  # noqa: S608 - names from the line above


def surely_no_version(config: TrackingConfig) -> bool:
    """Whether nothing was ever registered in the local record: SQLite says so at once, MLflow takes two seconds to start. Of doubt, MLflow is asked."""
    database = checkout() / "mlflow.db"
    if config.uri is not None or not database.is_file():
        return False
    try:
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            return not connection.execute("SELECT 1 FROM model_versions LIMIT 1").fetchall()
    except sqlite3.Error:
        return False


def _ask(database: Path, statements: Iterable[str]) -> None:
    """Have SQLite itself do something: MLflow would retry for minutes, and then say with a traceback that it cannot be done."""
    try:
        with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement).fetchall()
    except sqlite3.Error as error:
        raise unusable(str(database), error) from error


def tracking_uri(config: TrackingConfig) -> str:
    """Address of the record: the configured server, or the database in the real checkout."""
    return config.uri or sqlite_uri(checkout() / "mlflow.db")


def record_stamp(config: TrackingConfig) -> tuple[int, ...] | None:
    """What changes with every word that is written into the record; ``None`` for one on a server, which has no file to look at."""
    database = checkout() / "mlflow.db"
    return None if config.uri is not None else stamp_of(database, database.with_name("mlflow.db-wal"))


def sqlite_uri(database: Path) -> str:
    """Address of a database in a file, whatever its folder is called: SQLAlchemy reads ``%`` and ``?`` as signs of its own.

    Examples
    --------
    >>> sqlite_uri(Path("/100%/sure?/mlflow.db"))
    'sqlite:////100%25/sure%3F/mlflow.db'
    """
    return f"sqlite:///{quote(str(database))}"


def settings(config: TrackingConfig) -> None:
    """Tell MLflow how to behave; before it is imported."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(config.timeout_seconds)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = str(config.retries)
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    # What it has to say, tracebacks among it, comes as an error too, and is said in our words.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")  # its import sets the levels of its loggers anew
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)


def preflight(uri: str, timeout_seconds: int) -> None:
    """Ask a tracking server whether it is there, before hours of work depend on it.

    Raises
    ------
    TrackingError
        If it does not answer in time.
    """
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=timeout_seconds):  # noqa: S310 - http, as the config checks
            pass
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise TrackingError(
            f"the tracking server does not answer: {reason}",
            where=f"tracking.uri={uri}",
            fix="start the server, or use tracking.uri=null and later `segments track`; nothing on disk is lost",
        ) from error


def lock_of(tracker: Tracker) -> FileLock:
    """The lock under which this machine's processes write a record, one at a time."""
    return FileLock(kept("mlflow.lock" if tracker.local else "server.lock"))


def _local_lock(config: TrackingConfig) -> FileLock:
    return FileLock(kept("mlflow.lock" if config.uri is None else "server.lock"))


def _prepare_local(database: Path) -> None:
    """Have a whole record: MLflow makes its tables one by one, without a lock, and never mends a record that was killed meanwhile."""
    from mlflow import MlflowClient

    if not database.is_file() or not database.stat().st_size:
        making = database.with_name("mlflow.db.new")
        for left in making.parent.glob(f"{making.name}*"):
            left.unlink()
        _ask(making, WRITES)
        MlflowClient(sqlite_uri(making)).search_experiments(max_results=1)
        making.replace(database)
    _ask(database, [*WRITES, "PRAGMA journal_mode=WAL"])
    mend_moved(database.parent)


def _without_waiting(connection: object, _: object) -> None:
    """Let SQLite's commits not wait for the disk, of which MLflow makes eight a run.

    A machine that loses power may forget the last runs, never damage the record; `segments track` has them on disk.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=NORMAL")


def _experiment(client: MlflowClient, source: str, *, local: bool) -> str:
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(source)
    if experiment is None:
        location = (checkout() / "mlruns" / source).as_uri() if local else None
        try:
            return str(client.create_experiment(source, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return _experiment(client, source, local=local)  # somebody else made it just now
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)
