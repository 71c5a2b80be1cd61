"""The MLflow UI for a person. Comes in: where the record lives. Goes out: a server on this machine, and links into it.

The server listens on 127.0.0.1 only. It is MLflow's own, with its own protections (allowed hosts, CORS) left as they
are; what is switched off is what this project has no use for: telemetry, and the job runners of the GenAI pages (seven
more Python processes).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from segments.config.registry import IN_USE, RegistryConfig
from segments.config.root import Config
from segments.errors import TrackingError, first_line
from segments.io.tracking.ui_views import TAG, Record, links

HOST = "127.0.0.1"
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
START_SECONDS = 90


@dataclass(frozen=True)
class Server:
    """A server that was started here: its address, its process, and the file that holds its own log."""

    url: str
    process: subprocess.Popen[bytes]
    log: IO[bytes]


def serve(config: Config, tracking_uri: str, say: Callable[[str], object] | None = None) -> int:
    """Start MLflow's UI, say which links open which view, and stay until Ctrl-C or SIGTERM.

    A record on a remote server (``http://...``) gets its links; nothing is started.

    Parameters
    ----------
    config : Config
        Names the registered model, the port, and how long a remote server may take to answer.
    tracking_uri : str
        Where the record lives: ``sqlite:///.../mlflow.db``, another database, or a server.
    say : callable, optional
        Takes lines of text for the person; standard output by default.

    Returns
    -------
    int
        Exit code: 0, stopped as asked.

    Raises
    ------
    TrackingError
        If there is no record yet, the server does not start or answer, or stops by itself.
    """
    say = say or _say
    if is_remote(tracking_uri):
        url = tracking_uri.rstrip("/")
        if not _answers(url, config.tracking.timeout_seconds):
            fix = "start it, or correct tracking.uri (null is the local record)"
            raise TrackingError("the MLflow server does not answer", where=url, fix=fix)
        say(describe(url, records(config, tracking_uri)))
        return 0
    _check_exists(tracking_uri)
    port = free_port(config.tracking.port)
    if port != config.tracking.port:
        say(f"Port {config.tracking.port} is taken; using {port}.")
    try:
        with _terminated_by_signal(), running(tracking_uri, port) as server:
            # Looked up while the server starts: both take seconds.
            found = records(config, tracking_uri)
            wait_until_ready(server)
            say(describe(server.url, found) + "\n\nStop with Ctrl-C.")
            code = server.process.wait()
            what = f"MLflow's server stopped by itself (exit code {code}): {_last_line(server)}"
            raise TrackingError(what, where=server.url, fix="run `segments ui` again")
    except KeyboardInterrupt:
        say("\nStopped.")
        return 0


def describe(base_url: str, found: list[Record]) -> str:
    """Say what to open, view by view for each source; and what to run when there is nothing yet.

    Examples
    --------
    >>> print(describe("http://127.0.0.1:5000", []))
    MLflow: http://127.0.0.1:5000
    <BLANKLINE>
    Nothing is recorded yet: run `dvc repro` (or `segments track`), then reload the page.
    """
    lines = [f"MLflow: {base_url}"]
    if not found:
        lines += ["", "Nothing is recorded yet: run `dvc repro` (or `segments track`), then reload the page."]
    for record in found:
        lines += ["", record.source]
        for link in links(base_url, record):
            lines += [f"  {link.label:<11}{link.shows}", f"             {link.url}"]
    if found and not any(record.champion_run_id for record in found):
        lines += ["", "No champion is registered yet: run `dvc repro` (or `segments registry`)."]
    if found:
        lines += [
            "",
            "MLflow opens an assistant beside the page the first time. Nothing here needs it: close it with the ×.",
        ]
    return "\n".join(lines)


def records(config: Config, tracking_uri: str) -> list[Record]:
    """Look up what there is to link to: the experiments made by this project, newest first.

    Parameters
    ----------
    config : Config
        Names the registered model, and how long a remote server may take to answer.
    tracking_uri : str
        Where the record lives.

    Raises
    ------
    TrackingError
        If the store cannot be read.
    """
    # MLflow's own defaults wait for minutes before they give up.
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(config.tracking.timeout_seconds)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = str(config.tracking.retries)
    os.environ |= QUIET
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        client = MlflowClient(tracking_uri, registry_uri=tracking_uri)
        experiments = client.search_experiments(order_by=["last_update_time DESC"])
        champion = _champion(client, config.registry)
        found = []
        for experiment in experiments:
            if f"{TAG}candidates" not in experiment.tags:
                continue
            id_ = experiment.experiment_id
            newest = ["attributes.start_time DESC"]
            sweeps = client.search_runs([id_], "tags.`segments.kind` = 'sweep'", order_by=newest, max_results=1)
            own = champion if champion and champion[0] == id_ else ("", None, "")
            found.append(
                Record(
                    source=experiment.name,
                    experiment_id=id_,
                    sweep_run_id=sweeps[0].info.run_id if sweeps else None,
                    champion_run_id=own[1],
                    model=config.registry.model if own[1] else "",
                    version=own[2],
                )
            )
    except (MlflowException, SQLAlchemyError) as error:
        raise TrackingError(
            f"the MLflow record cannot be read: {first_line(error)}",
            where=tracking_uri,
            fix="`segments track` rebuilds it from artifacts/",
        ) from error
    return found


def is_remote(tracking_uri: str) -> bool:
    """Whether the record lives behind a server rather than in a database this process can open.

    Examples
    --------
    >>> is_remote("http://mlflow.example:5000"), is_remote("sqlite:////home/me/project/mlflow.db")
    (True, False)
    """
    return urlsplit(tracking_uri).scheme in ("http", "https")


def free_port(wanted: int) -> int:
    """Find the wanted port of 127.0.0.1, or the next one that nobody listens on.

    Raises
    ------
    TrackingError
        If it and the fifty after it are all taken.
    """
    last = min(wanted + 50, 65535)
    for port in range(wanted, last + 1):
        with socket.socket() as probe:
            probe.settimeout(1)
            # Binding alone is not enough: another program may listen on the same port of all addresses.
            if probe.connect_ex((HOST, port)) == 0:
                continue
        with socket.socket() as probe:
            # The server does so too: a port that was just left is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise TrackingError(
        f"every port from {wanted} to {last} is taken",
        where=HOST,
        fix="choose another: `segments ui tracking.port=6000`",
    )


@contextmanager
def running(tracking_uri: str, port: int) -> Iterator[Server]:
    """Start MLflow's server on 127.0.0.1, and stop it and all its processes at the end."""
    # uvicorn runs as a child of `mlflow server`: in a group of their own, one signal reaches both, and Ctrl-C in the
    # terminal reaches neither before we decide.
    options = {"--backend-store-uri": tracking_uri, "--host": HOST, "--port": str(port), "--workers": "1"}
    command = [sys.executable, "-m", "mlflow", "server", *(part for option in options.items() for part in option)]
    with tempfile.TemporaryFile() as log:
        # MLflow puts what is logged through the server under ./mlruns.
        process = subprocess.Popen(
            command,
            cwd=_folder(tracking_uri),
            env=os.environ | QUIET,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield Server(f"http://{HOST}:{port}", process, log)
        finally:
            _stop(process)


def wait_until_ready(server: Server) -> None:
    """Wait until the server answers.

    Raises
    ------
    TrackingError
        If it stops, or has not answered after a minute and a half; the message holds the last line of its log.
    """
    deadline = time.monotonic() + START_SECONDS
    while not _answers(server.url, 2):
        if server.process.poll() is not None:
            raise TrackingError(
                f"MLflow's server did not start: {_last_line(server)}",
                where=server.url,
                fix="`segments track` rebuilds a damaged or outdated mlflow.db from artifacts/",
            )
        if time.monotonic() > deadline:
            raise TrackingError(
                f"MLflow's server has not answered for {START_SECONDS} seconds: {_last_line(server)}",
                where=server.url,
                fix="try again when the machine is less busy",
            )
        time.sleep(0.1)


def _champion(client: Any, registry: RegistryConfig) -> tuple[str, str, str] | None:
    """Experiment, run and version of the champion; None when nothing is registered or its run is gone."""
    from mlflow.exceptions import MlflowException

    try:
        version = client.get_model_version_by_alias(registry.model, IN_USE)
        if not version.run_id:
            return None
        return client.get_run(version.run_id).info.experiment_id, version.run_id, str(version.version)
    except MlflowException as error:
        # The second: the model is there, but has no such alias.
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _check_exists(tracking_uri: str) -> None:
    path = _database(tracking_uri)
    # MLflow would make an empty one, unlocked: a sweep that starts meanwhile would crash.
    if path is not None and not path.is_file():
        raise TrackingError(
            "there is no MLflow record yet",
            where=str(path),
            fix="run `dvc repro`; or `segments track`, which makes it from artifacts/",
        )


def _database(tracking_uri: str) -> Path | None:
    """File of a SQLite store: ``sqlite:///relative`` or ``sqlite:////absolute``."""
    prefix = "sqlite:///"
    return Path(unquote(tracking_uri.removeprefix(prefix))).absolute() if tracking_uri.startswith(prefix) else None


def _folder(tracking_uri: str) -> Path:
    path = _database(tracking_uri)
    return path.parent if path is not None else Path.cwd()


def _answers(url: str, timeout_seconds: float) -> bool:
    try:
        # No proxy: it would be asked for 127.0.0.1 as well.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/health", timeout=timeout_seconds) as answer:  # `url` is ours or the user's own server
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for stop in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, stop)
        except ProcessLookupError:  # the whole group has ended
            break
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


@contextmanager
def _terminated_by_signal() -> Iterator[None]:
    """Let SIGTERM end the wait in the same orderly way as Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()  # a person, or a program that waits for the links, reads it now


def _last_line(server: Server) -> str:
    server.log.seek(0)
    lines = [line for line in server.log.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it wrote no message"
