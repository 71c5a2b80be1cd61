"""The files of registered models in MLflow. Comes in: what makes a model, or its address. Goes out: where it lies, or what it holds."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segments.config.registry import TrackingConfig
from segments.errors import TrackingError
from segments.io.store.fingerprints import hashes
from segments.io.tracking.connection import Tracker, reader, settings, tracking_uri

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class RegisteredModel:
    """A version of the registry, read as plain text: nothing of it is executed.

    Parameters
    ----------
    name, version : str
        Its place in the registry.
    uri : str
        ``models:/<name>/<version>``: an alias may move, this does not.
    source : str
        The source it was fitted on; empty when its run is gone.
    document : str
        The segmentation as JSON.
    reference : str
        The training figures as JSON; empty for a version registered without.
    """

    name: str
    version: str
    uri: str
    source: str
    document: str
    reference: str


def read_model(config: TrackingConfig, uri: str) -> RegisteredModel:
    """Read a registered segmentation without executing anything.

    Parameters
    ----------
    config : TrackingConfig
        Where the record lives.
    uri : str
        ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

    Raises
    ------
    TrackingError
        If the address is none, there is no record or no such model, or its files are gone.
    """
    match = re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/(\d+))", uri)
    if match is None:
        raise TrackingError(
            f"'{uri}' is not the address of a registered model",
            where="model",
            fix="write models:/NAME@ALIAS or models:/NAME/VERSION, such as models:/customer-segments@champion",
        )
    client, address = reader(config), tracking_uri(config)
    import mlflow
    from mlflow.exceptions import MlflowException

    name, alias, number = match.groups()
    mlflow.set_tracking_uri(address)
    try:
        version = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
        source = ""
        if version.run_id:
            source = client.get_experiment(client.get_run(version.run_id).info.experiment_id).name
        texts = {}
        with tempfile.TemporaryDirectory() as folder:
            root = client.get_model_version_download_uri(name, version.version)
            path = Path(mlflow.artifacts.download_artifacts(f"{root}/artifacts", dst_path=folder))
            for key in ("segmentation", "reference"):
                file = path / f"{key}.json"
                texts[key] = file.read_text() if file.is_file() else ""
    except (MlflowException, OSError) as error:
        raise TrackingError(
            f"{uri} cannot be read: {error}",
            where=address,
            fix="run `dvc repro` (or `segments registry`) to register a model, or name one that MLflow's page lists",
        ) from error
    if not texts["segmentation"]:
        raise TrackingError(
            f"{uri} holds no segmentation", where=address, fix="name a model that `segments registry` made"
        )
    place = f"models:/{name}/{version.version}"
    return RegisteredModel(name, str(version.version), place, source, texts["segmentation"], texts["reference"])


def read_recorded(config: TrackingConfig, run_id: str, path: str) -> str:
    """A text file that a run holds.

    Raises
    ------
    TrackingError
        If there is no record, or the run does not hold it.
    """
    client = reader(config)
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as folder:
        try:
            return Path(client.download_artifacts(run_id, path, folder)).read_text()
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"{path} is not on record",
                where=f"{tracking_uri(config)}, run {run_id}",
                fix="run `segments track` on the machine that registered the version",
            ) from error


def load_model(config: TrackingConfig, uri: str) -> Any:
    """The pyfunc model of a registry address, such as ``models:/customer-segments@champion``."""
    settings(config)
    import mlflow

    import segments.model
    from segments.model.segmentation import Segmentation

    # Where the code of a version registered before the folders came looks for its class.
    vars(segments.model)["Segmentation"] = Segmentation
    mlflow.set_tracking_uri(tracking_uri(config))
    return mlflow.pyfunc.load_model(uri)


def log_model(tracker: Tracker, run_id: str, files: Mapping[str, str], example: Any) -> tuple[str, str]:
    """Log the pyfunc model in the candidate's run; its address, and the hashes of its files as JSON.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    run_id : str
        The candidate's run.
    files : mapping of str to str
        Text files that make the model, by name without suffix.
    example : DataFrame
        A few feature rows, float64: signature and input example come from them.
    """
    from importlib.metadata import version

    import mlflow
    from mlflow.models import infer_signature

    import segments
    from segments.model.segmentation import Segmentation

    package = Path(segments.__file__).parent
    mlflow.set_tracking_uri(tracker.uri)
    mlflow.set_registry_uri(tracker.uri)
    with warnings.catch_warnings():
        # A cluster number is never missing.
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer column")
        signature = infer_signature(example, Segmentation.from_json(files["segmentation"]).predict(example))
    before = tracker.client.get_run(run_id).info
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.json" for name in files}
        for name, path in paths.items():
            path.write_text(files[name])
        with mlflow.start_run(run_id=run_id, log_system_metrics=False), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*Any type hint is inferred")  # the signature says what goes in
            info = mlflow.pyfunc.log_model(
                name="segmentation",
                python_model=str(package / "model" / "mlflow_model.py"),  # code, not a pickle
                artifacts={name: str(path) for name, path in paths.items()},
                code_paths=[str(package)],
                pip_requirements=[
                    f"{name}=={version(name)}" for name in ("mlflow", "numpy", "pandas", "scikit-learn", "pydantic")
                ],
                signature=signature,
                input_example=example,
            )
        logged = Path(mlflow.artifacts.download_artifacts(artifact_uri=info.model_uri, dst_path=f"{folder}/logged"))
        found = {name: digest for name, digest in hashes(logged).items() if name != "registered_model_meta"}
        manifest = json.dumps(found, indent=1) + "\n"
        (Path(folder) / MANIFEST).write_text(manifest)
        where = manifest_path(str(info.model_uri)).removesuffix(f"/{MANIFEST}")
        tracker.client.log_artifact(run_id, str(Path(folder) / MANIFEST), where)
    tracker.client.set_terminated(run_id, "FINISHED", end_time=before.end_time)
    return str(info.model_uri), manifest


def manifest_path(source: str) -> str:
    """Where the hashes of a model's files lie in its run: one list per model, since a run may hold several, of several names for its segments."""
    return f"registered/{source.rsplit('/', 1)[-1]}/{MANIFEST}"
