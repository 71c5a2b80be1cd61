"""MLflow's record of what is on disk. Comes in: finished candidates, sweeps and models. Goes out: runs, each exactly once.

The record is a projection of files: everything is complete on disk before it is tracked, runs are found again by tags, and the
tag ``segments.complete`` is written last, so doing it twice changes nothing and ``segments track`` can rebuild all of it.

On a server, people on other machines write beside us, where no lock of ours reaches. So a writer looks again after it wrote: of
two that recorded the same, at least the later one sees both runs, and everybody keeps the same one.
The only room that imports mlflow, and only inside functions: the import costs seconds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
import shutil
import sqlite3
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from segments.config import EVIDENCE, TrackingConfig
from segments.errors import TrackingError
from segments.store import ARTIFACTS, checkout, pictures, read_json, read_text
from segments.views import Record, colours, links, menu, picture, view_states

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KIND, COMPLETE, CANDIDATE, CURVE, CELL, SWEEP, FINALIST, CHAMPION, UPLIFT, CAUSAL = (
    f"segments.{tag}"
    for tag in (
        "kind",
        "complete",
        "candidate_id",
        "curve_id",
        "cell",
        "sweep_id",
        "finalist",
        "champion",
        "uplift_id",
        "causal",
    )
)
PLACE = "segments.place"  # "01" for the first finalist: MLflow sorts tags as text
SAID, GRADE, CARD = "segments.evidence", "segments.grade", "segments.evidence_card"
PREDICTION, MEMBER = "segments.prediction_id", "segments.prediction_run"
NOTE = "mlflow.note.content"
BATCH, RECORD, DECISION = "segments.batch_id", "segments.record", "segments.decision"
_METRIC = re.compile(r"[^\w./ -]")  # what MLflow does not allow in the name of a metric
COLOUR = "mlflow.runColor"
SMALL = ".small"

P = ParamSpec("P")
R = TypeVar("R")


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


def repeated(write: Callable[Concatenate[Tracker, P], R]) -> Callable[Concatenate[Tracker, P], R]:
    """Let a writer begin again when a run it met was removed by another machine, which recorded the same; doing it twice is doing it once."""

    @wraps(write)
    def wrapped(tracker: Tracker, /, *args: P.args, **kwargs: P.kwargs) -> R:
        from mlflow.exceptions import MlflowException

        for _ in range(2):
            try:
                return write(tracker, *args, **kwargs)
            except MlflowException as error:
                if tracker.local or error.error_code not in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                    raise
        return write(tracker, *args, **kwargs)

    return wrapped


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
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _local_lock(config):
            if config.uri is None:
                _prepare_local(checkout() / "mlflow.db")
            client = MlflowClient(uri, registry_uri=uri)
            experiment_id = _experiment(client, source, local=config.uri is None)
        yield Tracker(client, experiment_id, source, uri)
    except MlflowException as error:
        raise TrackingError(
            f"MLflow refused: {_first_line(error)}",
            where=uri,
            fix="what is finished is on disk; mend the record and run `segments track`",
        ) from error
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise TrackingError(
            f"the MLflow record cannot be written: {_first_line(error)}",
            where=uri,
            fix="what is finished is on disk; mend the record and run `segments track`",
        ) from error


def reader(config: TrackingConfig) -> MlflowClient:
    """MLflow's client for looking only: unlike :func:`connect` it makes nothing, not even an empty record.

    Raises
    ------
    TrackingError
        If there is no record yet, or the server does not answer.
    """
    settings(config)
    address = tracking_uri(config)
    if config.uri is not None:
        preflight(address, config.timeout_seconds)
    elif not (checkout() / "mlflow.db").is_file():  # MLflow would make an empty one
        raise TrackingError(
            "there is no MLflow record yet",
            where=address,
            fix="run `dvc repro`; or `segments track`, which makes it from artifacts/",
        )
    from mlflow import MlflowClient

    return MlflowClient(address, registry_uri=address)


def pages_of(config: TrackingConfig, source: str, candidate_ids: Sequence[str]) -> dict[str, str]:
    """Address of each candidate's run within MLflow's page, by candidate; those without a complete run are left out.

    Raises
    ------
    TrackingError
        As :func:`reader`.
    """
    client, found = reader(config), dict[str, str]()
    experiment = client.get_experiment_by_name(source)
    if experiment is None:
        return found
    for identity in candidate_ids:
        condition = f"tags.`{KIND}` = 'candidate' and tags.`{CANDIDATE}` = '{identity}' and tags.`{COMPLETE}` = 'true'"
        for run in client.search_runs([experiment.experiment_id], condition, max_results=1):
            found[identity] = f"/#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}"
    return found


def tracking_uri(config: TrackingConfig) -> str:
    """Address of the record: the configured server, or the database in the real checkout."""
    return config.uri or f"sqlite:///{checkout() / 'mlflow.db'}"


def preflight(uri: str, timeout_seconds: int) -> None:
    """Ask a tracking server whether it is there, before hours of work depend on it.

    Raises
    ------
    TrackingError
        If it does not answer in time.
    """
    try:
        if not uri.startswith(("http://", "https://")):
            raise TrackingError(
                f"'{uri}' is not the address of a tracking server",
                where="tracking.uri",
                fix="write http://HOST:PORT, or null for the local record",
            )
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=timeout_seconds):  # noqa: S310 - scheme checked above
            pass
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise TrackingError(
            f"the tracking server does not answer: {reason}",
            where=f"tracking.uri={uri}",
            fix="start the server, or use tracking.uri=null and later `segments track`; nothing on disk is lost",
        ) from error


@repeated
def track_candidates(tracker: Tracker, facts: Sequence[Mapping[str, Any]], sweep_id: str | None = None) -> None:
    """Record finished candidates of one cell, each once.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    facts : sequence of mapping
        What the shelf knows of each candidate; all of one feature set and scaler.
    sweep_id : str, optional
        The newest sweep they belong to.
    """
    with lock_of(tracker):
        cell = facts[0]["cell"]
        member = {SWEEP: sweep_id, _member(sweep_id): "true"} if sweep_id else {}
        conditions = {KIND: "candidate", CELL: cell}
        known = _recorded(
            tracker,
            conditions,
            CANDIDATE,
            {fact["candidate_id"]: partial(_log_candidate, tracker, fact, conditions | member) for fact in facts},
        )
        for fact in facts:
            tag(tracker, known[fact["candidate_id"]], member)


@repeated
def track_evidence(tracker: Tracker, rows: Sequence[Mapping[str, Any]], sweep_id: str) -> None:
    """Add what the evidence says of candidates to their runs: scores at step = k, the grade as a tag; each evidence once.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    rows : sequence of mapping
        Per evaluated candidate ``candidate_id``, ``k``, ``grade``, ``null``, ``reason`` and the scores of ``EVIDENCE``.
    sweep_id : str
        The sweep they belong to.
    """
    from mlflow.entities import Metric, RunTag

    with lock_of(tracker):
        known = runs_of(tracker, {KIND: "candidate", _member(sweep_id): "true"}, CANDIDATE)
        now = int(time.time() * 1000)
        for row in rows:
            run = known.get(row["candidate_id"])
            plain = {key: row[key] for key in (*EVIDENCE, "grade", "null", "reason")}
            digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
            if run is None or run.data.tags.get(SAID) == digest:
                continue
            tags = {SAID: digest, GRADE: row["grade"], "segments.null": row["null"], "segments.why": row["reason"]}
            tracker.client.log_batch(
                run.info.run_id,
                metrics=[
                    Metric(key, float(row[key]), now, row["k"]) for key in EVIDENCE if math.isfinite(float(row[key]))
                ],
                tags=[RunTag(key, str(value)) for key, value in tags.items()],
            )


@repeated
def track_curves(
    tracker: Tracker, curves: Mapping[str, tuple[Sequence[Mapping[str, Any]], Callable[[], bytes]]], sweep_id: str
) -> None:
    """Record one curve run per cell of a sweep: every score over k, and the elbow picture.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    curves : mapping of str to (sequence of mapping, callable)
        Facts of a cell's candidates, sorted by k, and what draws its elbow as PNG, by the cell's name.
    sweep_id : str
        The sweep they belong to.
    """
    with lock_of(tracker):
        chosen = colours([_cell(facts) for facts, _ in curves.values()])
        conditions = {KIND: "curve", SWEEP: sweep_id}
        wanted = {
            f"{sweep_id} {name}": partial(
                _log_curve, tracker, name, facts, picture, {**conditions, COLOUR: chosen[_cell(facts)]}
            )
            for name, (facts, picture) in curves.items()
        }
        _recorded(tracker, conditions, CURVE, wanted)


@repeated
def track_sweep(tracker: Tracker, record: Mapping[str, Any], folder: Path, note: str) -> str:
    """Record a sweep: its run with config, table, pictures, data and note; its candidates tagged; the views of the experiment set.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    record : mapping
        ``sweep_id, candidate_ids, finalists, params, data, started_ms, seconds`` as the registry stage writes them.
    folder : Path
        Its files become the run's artifacts.
    note : str
        Markdown that says what won and why.

    Returns
    -------
    str
        Run id of the sweep.
    """
    with lock_of(tracker):
        identity = record["sweep_id"]
        conditions = {KIND: "sweep", SWEEP: identity}
        run = _recorded(tracker, conditions, SWEEP, {identity: partial(_log_sweep, tracker, record, conditions)})[
            identity
        ]
        tracker.client.log_artifacts(run.info.run_id, str(folder))
        for shown, text in (
            ("finalists.png", "the finalists"),
            ("evidence/evidence.png", "the evidence for every candidate"),
            ("selection/front.png", "fit, stability and simplicity"),
            ("sensitivity/sensitivity.png", "what stays when something else changes"),
        ):
            if (folder / shown).is_file():
                note += f"\n{picture(run.info.run_id, shown, text)}\n"
        tag(tracker, run, {NOTE: note})
        places = {finalist: f"{place:02}" for place, finalist in enumerate(record["finalists"], start=1)}
        members = runs_of(tracker, {KIND: "candidate", _member(identity): "true"}, CANDIDATE)
        for candidate_id, candidate in members.items():
            tag(tracker, candidate, {SWEEP: identity})  # the views that are set below list these
            mark(tracker, candidate, FINALIST, "true" if candidate_id in places else None)
            mark(tracker, candidate, PLACE, places.get(candidate_id))
            if (path := folder.parent / "cards" / f"{candidate_id}.png").is_file():
                card = path.read_bytes()
                digest = hashlib.sha256(card).hexdigest()[:16]
                if candidate.data.tags.get(CARD) != digest:
                    _log_images(tracker, candidate, {"evidence": card}, int(time.time() * 1000))
                    tag(tracker, candidate, {CARD: digest})
        describe_experiment(tracker, Record(tracker.source, tracker.experiment_id, run.info.run_id), identity)
        return str(run.info.run_id)


@repeated
def track_batch(tracker: Tracker, record: Mapping[str, Any]) -> None:
    """Record a scored batch, once; a record whose figures have changed since (other limits) takes the place of the old one.

    Parameters
    ----------
    tracker : Tracker
        The open record of the experiment ``monitoring``.
    record : mapping
        As ``segments score`` wrote it: counts and figures, no customers.
    """
    with lock_of(tracker):
        identity, content = record["batch_id"], json.dumps(record, ensure_ascii=False, sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()
        known = runs_of(tracker, {KIND: "batch", BATCH: identity}, BATCH).get(identity)
        if known is not None:
            if known.data.tags.get(RECORD) == digest:
                return
            tracker.client.delete_run(known.info.run_id)
        model = record["model"]
        counts = {"rows": record["rows"], "scored": record["scored"], "rejected": record["rejected"]}
        values = {figure["name"]: figure["value"] for figure in record["figures"] if figure["value"] is not None}
        _log(
            tracker,
            name=f"batch {identity}",
            tags={
                KIND: "batch",
                BATCH: identity,
                RECORD: digest,
                DECISION: record["decision"],
                NOTE: record["sentence"],
            },
            params={"model": model["name"], "version": model["version"], "source": record["source"]},
            metrics=[(_METRIC.sub("_", name), value, 0) for name, value in {**counts, **values}.items()],
            images={},
            started_ms=record["started_ms"],
            seconds=record["seconds"],
            files={"batch.json": content},
        )


@repeated
def track_uplift(tracker: Tracker, folder: Path) -> None:
    """Record a campaign's results: figures per segment, pictures, note and table; the same results once.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    folder : Path
        What the command `uplift` made: ``record.json``, ``note.md`` and ``files/``.
    """
    record, note = read_json(folder / "record.json"), read_text(folder / "note.md")
    with lock_of(tracker):
        identity = record["uplift_id"]
        images = {path.stem: path.read_bytes() for path in sorted((folder / "files").glob("*.png"))}
        log = partial(
            _log,
            tracker,
            name=record["name"],
            tags={KIND: "uplift", UPLIFT: identity, CAUSAL: str(record["causal"]).lower(), NOTE: note},
            params=record["params"],
            metrics=record["metrics"],
            images=images,
            started_ms=record["started_ms"],
            seconds=0.0,
        )
        run = _recorded(tracker, {KIND: "uplift", UPLIFT: identity}, UPLIFT, {identity: log})[identity]
        tracker.client.log_artifacts(run.info.run_id, str(folder / "files"))


@repeated
def track_predictions(tracker: Tracker, record: Mapping[str, Any], folder: Path) -> None:
    """Record a prediction: one run per model and variant, and its tables and pictures under the candidate whose segments it used.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    record : mapping
        ``prediction_id, candidate_id, runs, started_ms, seconds`` as the prediction stage writes them.
    folder : Path
        ``runs/<number>/`` holds the pictures of each run, ``files/`` what the candidate's run gets.
    """
    with lock_of(tracker):
        identity = {PREDICTION: record["prediction_id"], CANDIDATE: record["candidate_id"]}
        wanted = {
            run["name"]: partial(
                _log,
                tracker,
                name=run["name"],
                tags={KIND: "prediction", MEMBER: run["name"], **identity},
                params=run["params"],
                metrics=[(key, value, 0) for key, value in run["metrics"].items()],
                images={path.stem: path.read_bytes() for path in sorted((folder / "runs" / str(number)).glob("*.png"))},
                started_ms=record["started_ms"],
                seconds=record["seconds"] / len(record["runs"]),
            )
            for number, run in enumerate(record["runs"])
        }
        _recorded(tracker, {KIND: "prediction", PREDICTION: record["prediction_id"]}, MEMBER, wanted)
        candidate = runs_of(tracker, {KIND: "candidate", CANDIDATE: record["candidate_id"]}, CANDIDATE)
        for run in candidate.values():
            tracker.client.log_artifacts(run.info.run_id, str(folder / "files"), "prediction")


def scores_of(tracker: Tracker, run_id: str) -> dict[str, float]:
    """The scores of a candidate's run."""
    return dict(tracker.client.get_run(run_id).data.metrics)


def mend_moved(root: Path) -> int:
    """After the project was moved or copied: point the local record's absolute artifact addresses at where they lie now.

    MLflow stores them absolute and shows empty lists, without an error, when they are stale.

    Parameters
    ----------
    root : Path
        The checkout.

    Returns
    -------
    int
        Addresses changed.
    """
    database = root / "mlflow.db"
    if not database.is_file():
        return 0
    columns = {
        "experiments": ["artifact_location"],
        "runs": ["artifact_uri"],
        "logged_models": ["artifact_location"],
        "model_versions": ["source", "storage_location"],
    }
    here = (root / "mlruns").as_uri()
    changed = 0
    connection = sqlite3.connect(database, timeout=30)
    try:
        with connection:
            for table, names in columns.items():
                known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
                for column in names:
                    if column not in known:
                        continue
                    for (address,) in connection.execute(
                        f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE 'file:%/mlruns/%'"
                    ).fetchall():
                        moved = here + address[address.rindex("/mlruns/") + len("/mlruns") :]
                        if moved == address:
                            continue
                        # gone from there, or a copy of it here
                        if not _path(address).exists() or _path(moved).exists():
                            changed += connection.execute(
                                f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (moved, address)
                            ).rowcount
    finally:
        connection.close()
    return changed


# --- inside -------------------------------------------------------------------------------------------------------


def _path(address: str) -> Path:
    return Path(unquote(urlsplit(address).path))


def settings(config: TrackingConfig) -> None:
    """Tell MLflow how to behave; before it is imported."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(config.timeout_seconds)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = str(config.retries)
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # its import sets the levels of its loggers anew
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _preflight_local(database: Path) -> None:
    """Ask SQLite whether it can write here: MLflow would retry for minutes, and then say so with a traceback."""
    try:
        connection = sqlite3.connect(database, timeout=30, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise TrackingError(
            f"MLflow's record cannot be opened: {_first_line(error)}",
            where=str(database),
            fix="check free space and permissions; if the file is damaged, move it away and run `segments track`: what is on disk is tracked again",
        ) from error


def _local_lock(config: TrackingConfig) -> FileLock:
    folder = checkout() / ARTIFACTS
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / ("mlflow.lock" if config.uri is None else "server.lock"))


def lock_of(tracker: Tracker) -> FileLock:
    """The lock under which this machine's processes write a record, one at a time."""
    return FileLock(checkout() / ARTIFACTS / ("mlflow.lock" if tracker.local else "server.lock"))


def _prepare_local(database: Path) -> None:
    """Have a whole record: MLflow makes its tables one by one, without a lock, and never mends a record that was killed meanwhile."""
    from mlflow import MlflowClient

    if not database.is_file() or not database.stat().st_size:
        making = database.with_name("mlflow.db.new")
        for left in making.parent.glob(f"{making.name}*"):
            left.unlink()
        _preflight_local(making)
        MlflowClient(f"sqlite:///{making}").search_experiments(max_results=1)
        making.replace(database)
    _preflight_local(database)
    connection = sqlite3.connect(database, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    mend_moved(database.parent)


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


def runs_of(tracker: Tracker, tags: Mapping[str, str], key: str) -> dict[str, Run]:
    """Complete runs with these tags, by the tag that identifies them; what is not wanted beside them is removed.

    Of doubles, which two machines may have written at once, the oldest stays: everybody who looks chooses the same. Halves that
    a killed process left go at once from a local record, where our lock says that nobody is writing them; from a server as soon as
    there is a whole one: somebody on another machine who was still writing finds that instead.
    """
    found: dict[str, list[Run]] = {}
    condition = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in tags.items())
    token = None
    while True:
        page = tracker.client.search_runs([tracker.experiment_id], condition, max_results=1000, page_token=token)
        for run in page:
            found.setdefault(str(run.data.tags.get(key)), []).append(run)
        token = page.token
        if not token:
            break
    kept: dict[str, Run] = {}
    for identity, runs in found.items():
        whole = [run for run in runs if run.data.tags.get(COMPLETE) == "true"]
        if whole:
            kept[identity] = min(whole, key=lambda run: (run.info.start_time, run.info.run_id))
        if whole or tracker.local:
            for run in runs:
                if run is not kept.get(identity):
                    memberships = {key: value for key, value in run.data.tags.items() if key.startswith(_member(""))}
                    if run in whole and memberships:
                        tag(tracker, kept[identity], memberships)
                    tracker.client.delete_run(run.info.run_id)
    return kept


def _recorded(
    tracker: Tracker, tags: Mapping[str, str], key: str, wanted: Mapping[str, Callable[[], Run]]
) -> dict[str, Run]:
    """The runs with these tags, those that are wanted and missing made first; looks again until none is missing."""
    known = runs_of(tracker, tags, key)
    while missing := [identity for identity in wanted if identity not in known]:
        for identity in missing:
            known[identity] = wanted[identity]()
        if not tracker.local:
            known = runs_of(tracker, tags, key)
    return known


def _member(sweep_id: str) -> str:
    """The tag of a sweep's candidates: each may belong to several, of which ``segments.sweep_id`` names the newest."""
    return f"{SWEEP}.{sweep_id}"


def _log_candidate(tracker: Tracker, fact: Mapping[str, Any], tags: Mapping[str, str]) -> Run:
    return _log(
        tracker,
        name=fact["name"],
        tags={CANDIDATE: fact["candidate_id"], **tags},
        params={**fact["params"], "n_init": int(fact["scores"]["n_init"])},
        metrics=[
            (key, value, fact["params"]["k"])
            for key, value in {**fact["scores"], "seconds": fact["seconds"]}.items()
            if key != "n_init"
        ],
        images={key: path.read_bytes() for key, path in pictures(fact["candidate_id"]).items()},
        started_ms=fact["started_ms"],
        seconds=fact["seconds"],
    )


def _log_curve(
    tracker: Tracker,
    name: str,
    facts: Sequence[Mapping[str, Any]],
    picture: Callable[[], bytes],
    tags: Mapping[str, str],
) -> Run:
    return _log(
        tracker,
        name=name,
        tags={CURVE: f"{tags[SWEEP]} {name}", **tags},
        params={key: value for key, value in facts[0]["params"].items() if key != "k"},
        metrics=[(key, value, fact["params"]["k"]) for fact in facts for key, value in fact["scores"].items()],
        images={"elbow": picture()},
        started_ms=min(fact["started_ms"] for fact in facts),
        seconds=sum(fact["seconds"] for fact in facts),
    )


def _log_sweep(tracker: Tracker, record: Mapping[str, Any], tags: Mapping[str, str]) -> Run:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = record["data"]
    dataset = DatasetInput(
        Dataset(
            name=data["name"],
            digest=data["digest"],
            source_type="local",
            source=data["path"],
            schema=data["schema"],
            profile=data["profile"],
        ),
        [InputTag("mlflow.data.context", "training")],
    )
    return _log(
        tracker,
        name=f"sweep {record['sweep_id']}",
        tags=dict(tags),
        params=record["params"],
        metrics=[("candidates", len(record["candidate_ids"]), 0)],
        images={},
        started_ms=record["started_ms"],
        seconds=record["seconds"],
        dataset=dataset,
    )


def _log(
    tracker: Tracker,
    *,
    name: str,
    tags: dict[str, str],
    params: Mapping[str, Any],
    metrics: Sequence[tuple[str, float, int]],
    images: Mapping[str, bytes],
    started_ms: int,
    seconds: float,
    dataset: Any = None,
    files: Mapping[str, str] | None = None,
) -> Run:
    """One run in three calls, ``segments.complete`` last."""
    from mlflow.entities import Metric, Param, RunTag

    ended_ms = started_ms + int(seconds * 1000)
    if images:
        tags = {**tags, "mlflow.loggedImages": "True"}  # without it MLflow's page offers no picture grid
    run = tracker.client.create_run(tracker.experiment_id, start_time=started_ms, tags=tags, run_name=name)
    run_id = run.info.run_id
    if images:
        _log_images(tracker, run, images, ended_ms)
    if dataset is not None:
        tracker.client.log_inputs(run_id, [dataset])
    for path, text in (files or {}).items():
        tracker.client.log_text(run_id, text, path)
    # Before the batch: a run that is set terminated shows the duration of the fit, not of the recording.
    tracker.client.set_terminated(run_id, "FINISHED", end_time=ended_ms)
    tracker.client.log_batch(
        run_id,
        metrics=[Metric(key, float(value), ended_ms, at) for key, value, at in metrics if math.isfinite(value)],
        params=[Param(key, str(value)) for key, value in params.items()],
        tags=[RunTag(COMPLETE, "true")],
    )
    return run


def _log_images(tracker: Tracker, run: Run, images: Mapping[str, bytes], timestamp_ms: int) -> None:
    """Pictures in the layout of ``MlflowClient.log_image``, which would spend 20 ms on a small copy of each.

    The page wants two files per picture, the small one for its grid. All pictures lie at step 0: the grid shows one step of all runs.
    """
    local = urlsplit(run.info.artifact_uri).scheme == "file"
    folder = Path(unquote(urlsplit(run.info.artifact_uri).path)) / "images" if local else Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for key in [key for key in images if not key.endswith(SMALL)]:
            stem = f"{key}+step+0+timestamp+{timestamp_ms}+{uuid.uuid4()}"
            (folder / f"{stem}.png").write_bytes(images[key])
            (folder / f"{stem}+compressed.png").write_bytes(images.get(key + SMALL, images[key]))
        if not local:
            tracker.client.log_artifacts(run.info.run_id, str(folder), "images")
    finally:
        if not local:
            shutil.rmtree(folder, ignore_errors=True)


def _cell(facts: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    return facts[0]["params"]["feature_set"], facts[0]["params"]["scaler"]


def tag(tracker: Tracker, run: Run, tags: Mapping[str, str]) -> None:
    """Set the tags that differ, in one call."""
    from mlflow.entities import RunTag

    different = [RunTag(key, value) for key, value in tags.items() if run.data.tags.get(key) != value]
    if different:
        tracker.client.log_batch(run.info.run_id, tags=different)


def mark(tracker: Tracker, run: Run, key: str, value: str | None) -> None:
    """Set a tag, or take it away."""
    if value is not None:
        tag(tracker, run, {key: value})
    elif key in run.data.tags:
        tracker.client.delete_tag(run.info.run_id, key)


def describe_experiment(tracker: Tracker, record: Record, sweep_id: str) -> None:
    """How to read the experiment: links first (only the first line shows until it is unfolded), and the views they open."""
    listed = "\n".join(f"- {link.label}: {link.shows}" for link in links("", record))
    guide = (
        f"{menu(record)}\n\nCustomer segmentations of **{tracker.source}**. Every run of kind `candidate` is one "
        "alternative (feature set, scaler, k); `curve` runs hold the scores over k of one feature set and scaler; `sweep` "
        f"runs say what was tried, what won and why.\n\n{listed}\n\n"
        "Scores lie at step = k. WCSS and silhouette are measured in the scaled space of each candidate: compare them over "
        "k within one feature set and scaler, and with care across them."
    )
    for key, value in {NOTE: guide, **view_states(sweep_id)}.items():
        tracker.client.set_experiment_tag(tracker.experiment_id, key, value)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
