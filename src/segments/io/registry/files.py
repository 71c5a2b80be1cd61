"""The files of registered models in MLflow. Comes in: what makes a model, or its address. Goes out: where it lies, or what it holds.

Whatever is read of a registered model comes through :func:`registered_files`: every byte of its folder is compared with what was registered
before one is used. The registry's database is trusted: a version's tags hold the hash of the list of its files (and of the segmentation),
the list lies in the run's artifacts, the files in the model's folder. Nothing in that folder is ever executed here: this package answers.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from segments.config.registry import TrackingConfig
from segments.errors import TrackingError, first_line
from segments.io.store.files import checkout
from segments.io.store.fingerprints import hashes, sha256
from segments.io.tracking.connection import Tracker, reader, tracking_uri, unusable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

MANIFEST = "manifest.json"
DOCUMENT = "artifacts/segmentation.json"
MANIFEST_TAG, MODEL_TAG = "segments.manifest_hash", "segments.model_hash"
META = "registered_model_meta"  # MLflow writes it beside a model that somebody loads by its name


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
    files : mapping of str to bytes
        Every file of it by its path, compared with what was registered.
    """

    name: str
    version: str
    uri: str
    source: str
    files: Mapping[str, bytes]

    @property
    def document(self) -> str:
        """The segmentation as JSON."""
        return self.files[DOCUMENT].decode()

    @property
    def reference(self) -> str:
        """The training figures as JSON; empty for a version registered without."""
        return self.files.get("artifacts/reference.json", b"").decode()


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
        If the address is none, there is no record or no such model, or its files are gone or not those that were registered.
    """
    client, address, version = _version(config, uri)
    source = ""
    with _readable(address, uri):
        if version.run_id:
            source = client.get_experiment(client.get_run(version.run_id).info.experiment_id).name
    files = registered_files(client, address, version)
    return RegisteredModel(
        version.name, str(version.version), f"models:/{version.name}/{version.version}", source, files
    )


def version_at(config: TrackingConfig, uri: str) -> str:
    """Number of the version an address names at this moment; arguments and errors as :func:`read_model`, whose files are not looked at."""
    return str(_version(config, uri)[2].version)


def _version(config: TrackingConfig, uri: str) -> tuple[MlflowClient, str, ModelVersion]:
    match = re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/(\d+))", uri)
    if match is None:
        raise TrackingError(
            f"'{uri}' is not the address of a registered model",
            where="model",
            fix="write models:/NAME@ALIAS or models:/NAME/VERSION, such as models:/customer-segments@champion",
        )
    client, address = reader(config), tracking_uri(config)
    name, alias, number = match.groups()
    with _readable(address, uri):
        version = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
    return client, address, version


@contextmanager
def _readable(address: str, uri: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        raise unusable(address, error) from error
    except (MlflowException, OSError) as error:
        raise TrackingError(
            f"{uri} cannot be read: {first_line(error)}",
            where=address,
            fix="run `dvc repro` (or `segments registry`) to register a model, or name one that MLflow's page lists; "
            "`segments summary` says whether anything was chosen",
        ) from error


def registered_files(client: MlflowClient, address: str, version: ModelVersion) -> dict[str, bytes]:
    """Every file of a registered model, by its path, after all of them were compared with what was registered.

    Parameters
    ----------
    client : MlflowClient
        Of the record.
    address : str
        The record's.
    version : ModelVersion
        As MLflow gives it, with its tags.

    Raises
    ------
    TrackingError
        If a file was changed, added or removed, or is a link: names it; or if nobody knows what was registered.
    """
    said = f"{version.name} version {version.version}"
    if DOCUMENT not in (manifest := manifest_of(client, version)):
        raise TrackingError(
            f"{said} holds no segmentation", where=address, fix="name a model that `segments registry` made"
        )
    with tempfile.TemporaryDirectory() as folder:
        place = folder_of(client, address, version, Path(folder))
        files, differences = compare(place, manifest)
    if differences:
        more = f", and {len(differences) - 1} more files" if len(differences) > 1 else ""
        raise TrackingError(
            f"{said} is not what was registered: {differences[0]}{more}",
            where=place_of(client, version),
            fix="put the folder back as it was from a copy, or put another version in use (`segments rollback`, `segments promote`); "
            "`segments registry` registers the last run's model anew",
        )
    return files


def compare(folder: Path, expected: Mapping[str, str]) -> tuple[dict[str, bytes], list[str]]:
    """Read every file of a folder once; returns their bytes by path, and in what the folder is not the one that is expected.

    What Python and MLflow leave beside a model that somebody loads through MLflow is no difference, and not read: compiled code of a
    module that is expected, and MLflow's note on the model's name.

    Parameters
    ----------
    folder : Path
        Where the files lie.
    expected : mapping of str to str
        SHA-256 of each file by its path.
    """
    found, differences = {}, []
    for path in sorted(folder.rglob("*")):
        name, mode = path.relative_to(folder).as_posix(), path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            differences.append(f"{name} is {'a link' if stat.S_ISLNK(mode) else 'no file'}")
        elif name in expected:
            content = path.read_bytes()
            if sha256(content) != expected[name]:
                differences.append(f"{name} was changed")
            found[name] = content
        elif name != META and not _compiled(name, expected):
            differences.append(f"{name} was added")
    missing = [f"{name} is missing" for name in sorted(expected) if not os.path.lexists(folder / name)]
    return found, [*missing, *differences]


def _compiled(name: str, expected: Mapping[str, str]) -> bool:
    """Whether a file is what Python compiled of an expected module."""
    match = re.fullmatch(r"(.*/|)__pycache__/(\w+)\.[\w.<>-]+\.(py[co]|nb[ic])", name)
    return match is not None and f"{match[1]}{match[2]}.py" in expected


def manifest_of(client: MlflowClient, version: ModelVersion) -> dict[str, str]:
    """SHA-256 of every file of the version's model, as it was registered.

    Raises
    ------
    TrackingError
        If the list is not there, or not the one whose hash the version's tags hold.
    """
    from mlflow.exceptions import MlflowException

    said = f"{version.name} version {version.version}"
    run_id, listed = str(version.run_id), manifest_path(str(version.source))
    where = f"run {run_id}, {listed}"
    if MANIFEST_TAG not in version.tags:
        raise TrackingError(
            f"{said} cannot be compared with what was registered: it was registered before that was kept",
            where=where,
            fix="run `segments registry`, which registers the last run's model anew, or put a newer version in use",
        )
    with tempfile.TemporaryDirectory() as folder:
        try:
            text = Path(client.download_artifacts(run_id, listed, folder)).read_bytes()
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"the list of the files of {said} is missing",
                where=where,
                fix="bring it back from a copy; `segments registry` registers the last run's model anew",
            ) from error
    if sha256(text) != version.tags[MANIFEST_TAG]:
        raise TrackingError(
            f"the list of the files of {said} was changed",
            where=where,
            fix="do not use this version; `segments registry` registers the last run's model anew",
        )
    found: dict[str, str] = json.loads(text)
    # The list is as old as the registration: a model that was changed before it stands there as it is. This hash is older.
    return found | ({DOCUMENT: version.tags[MODEL_TAG]} if DOCUMENT in found and MODEL_TAG in version.tags else {})


def folder_of(client: MlflowClient, address: str, version: ModelVersion, target: Path) -> Path:
    """The files of a version's model: where they lie, or a copy of them under `target` when a server keeps them.

    Raises
    ------
    TrackingError
        If MLflow lost them.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    said = f"{version.name} version {version.version}"
    try:
        place = client.get_model_version_download_uri(version.name, version.version)
        if (here := _local(place)) is not None:
            if not here.is_dir():
                raise OSError("the folder is gone")
            return here
        mlflow.set_tracking_uri(address)
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=place, dst_path=str(target)))
    except (MlflowException, OSError) as error:
        raise TrackingError(
            f"the files of {said} cannot be read: {first_line(error)}",
            where=str(version.source),
            fix="run `segments track` if they were lost; it registers what is on disk",
        ) from error


def place_of(client: MlflowClient, version: ModelVersion) -> str:
    """Where the files of a version's model really lie: a path in the project, or the address on a server."""
    place = str(client.get_model_version_download_uri(version.name, version.version))
    if (path := _local(place)) is None:
        return place
    return str(path.relative_to(checkout()) if path.is_relative_to(checkout()) else path)


def _local(place: str) -> Path | None:
    path = Path(unquote(place.removeprefix("file://")) if place.startswith("file://") else place)
    return path if path.is_absolute() else None


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
        A few feature rows: signature and input example come from them. The signature leaves open what kind of number a column holds:
        of doubles, MLflow refuses whole numbers.
    """
    from importlib.metadata import version

    import mlflow
    from mlflow.models import infer_signature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    import segments
    from segments.model.segmentation import Segmentation

    package = Path(segments.__file__).parent
    mlflow.set_tracking_uri(tracker.uri)
    mlflow.set_registry_uri(tracker.uri)
    with warnings.catch_warnings():
        # A cluster number is never missing.
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer column")
        signature = infer_signature(example, Segmentation.from_json(files["segmentation"]).predict(example))
    number: Any = AnyType  # its annotations say too little
    columns = [(column.name, number() if column.type.name == "double" else column.type) for column in signature.inputs]
    signature.inputs = Schema([ColSpec(kind, name) for name, kind in columns])
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
        # Where they lie, or a copy of what a server keeps: a copy of the package takes longer than to hash it
        logged = _local(str(tracker.client.get_logged_model(str(info.model_id)).artifact_location))
        if logged is None:
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
