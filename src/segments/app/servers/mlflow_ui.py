"""The MLflow UI for a person. Comes in: where the record lives. Goes out: a server on this machine, and links into it.

The server is MLflow's own, with its own protections (allowed hosts, CORS) left as they are; what is switched off is what
this project has no use for: telemetry, and the job runners of the GenAI pages (seven more Python processes).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from segments.app.servers import child
from segments.config.registry import IN_USE, RegistryConfig
from segments.config.root import Config
from segments.errors import TrackingError
from segments.io.tracking.connection import look_local, unusable
from segments.io.tracking.mlflow_internals import TAG
from segments.io.tracking.ui_views import SHOWN_SWEEP, Record, links


def run_mlflow_ui(config: Config, tracking_uri: str, say: Callable[[str], object] = child.say) -> int:
    """Start MLflow's UI, say which links open which view, and stay until Ctrl-C, SIGTERM or SIGHUP.

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
        If there is no record yet, it cannot be read, or the remote server does not answer.
    SegmentsError
        If the server started here does not start or answer, or stops by itself.
    """
    if is_remote(tracking_uri):
        url = tracking_uri.rstrip("/")
        if not child.answers(f"{url}/health", config.tracking.timeout_seconds):
            fix = "start it, or correct tracking.uri (null is the local record)"
            raise TrackingError("the MLflow server does not answer", where=url, fix=fix)
        say(describe_record(url, records(config, tracking_uri)))
        return 0
    database = _database(tracking_uri)
    if database is not None:
        look_local(database)
    words = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", tracking_uri, "--workers", "1"]
    return child.run_child(
        lambda port: [*words, "--host", child.HOST, "--port", str(port)],
        name="MLflow's server",
        start="segments ui",
        setting="tracking.port",
        port=config.tracking.port,
        health="/health",
        announce=lambda url: describe_record(url, records(config, tracking_uri)),
        mend="`segments track` rebuilds a damaged or outdated mlflow.db from artifacts/",
        folder=database.parent if database else None,  # MLflow puts what is logged through the server under ./mlruns
        say=say,
    )


def describe_record(base_url: str, found: list[Record]) -> str:
    """Say what to open, view by view for each source; and what to run when there is nothing yet.

    Examples
    --------
    >>> print(describe_record("http://127.0.0.1:5000", []))
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
    os.environ |= child.QUIET
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
            newest, sweep = ["attributes.start_time DESC"], "tags.`segments.kind` = 'sweep'"
            if shown := experiment.tags.get(SHOWN_SWEEP):  # a later one may have run aside
                sweep += f" and tags.`segments.sweep_id` = '{shown}'"
            sweeps = client.search_runs([id_], sweep, order_by=newest, max_results=1)
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
        raise unusable(tracking_uri, error) from error
    return found


def is_remote(tracking_uri: str) -> bool:
    """Whether the record lives behind a server rather than in a database this process can open.

    Examples
    --------
    >>> is_remote("http://mlflow.example:5000"), is_remote("sqlite:////home/me/project/mlflow.db")
    (True, False)
    """
    return urlsplit(tracking_uri).scheme in ("http", "https")


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


def _database(tracking_uri: str) -> Path | None:
    """File of a SQLite store: ``sqlite:///relative`` or ``sqlite:////absolute``."""
    prefix = "sqlite:///"
    return Path(unquote(tracking_uri.removeprefix(prefix))).absolute() if tracking_uri.startswith(prefix) else None
