"""Registered versions in MLflow: champion, challenger, previous. Comes in: a model and what proves it. Goes out: versions and aliases.

A version is registered once per model and candidate. It waits as ``challenger`` until somebody or the rule puts it in use; the
version before stays within reach of ``segments rollback``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segments.action.templates import fill
from segments.config.registry import IN_USE, TrackingConfig
from segments.errors import TrackingError
from segments.io.registry import files
from segments.io.store.fingerprints import sha256
from segments.io.tracking.connection import Tracker, lock_of, reader, tracking_uri, unusable
from segments.io.tracking.runs import CANDIDATE, CHAMPION, KIND, NOTE, SWEEP, mark, repeated, runs_of, tag
from segments.io.tracking.sweeps import describe_experiment
from segments.io.tracking.ui_views import Record

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

IN_USE_SINCE = "### Put in use"  # how the end of a model card begins
ON_CARD = ("promoted_by", "verdict", "rolled_back")  # the tags that stand there
CHALLENGER, PREVIOUS = "challenger", "previous"


class OvertakenError(TrackingError):
    """Another version was put in use between a comparison and what follows from it."""


@dataclass(frozen=True)
class Version:
    """A registered version.

    Parameters
    ----------
    name, number : str
        Registered model, and which version of it.
    run_id : str
        The candidate's run it came from.
    tags : dict of str to str
        Without the prefix ``segments.``.
    aliases : list of str
        ``champion``, ``challenger``, ``previous``.
    source : str
        Where MLflow keeps the model's files.
    created_ms : int
        When it was registered, in ms since 1970.
    """

    name: str
    number: str
    run_id: str
    tags: dict[str, str]
    aliases: list[str]
    source: str
    created_ms: int


def versions_of(tracker: Tracker, name: str) -> list[Version]:
    """Every version of a registered model, oldest first; none when there is no such model."""
    from mlflow.exceptions import MlflowException

    try:
        aliases = tracker.client.get_registered_model(name).aliases
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # a damaged record is not an empty one
            raise
        return []
    found = tracker.client.search_model_versions(f"name = '{name}'", max_results=1000)
    return sorted(
        (_version(v, [alias for alias, number in aliases.items() if str(number) == str(v.version)]) for v in found),
        key=lambda version: int(version.number),
    )


def registered(config: TrackingConfig, name: str) -> list[Version]:
    """Every version of a registered model, oldest first, without writing anything.

    Raises
    ------
    TrackingError
        If there is no record yet, it cannot be read, or the server does not answer.
    """
    client, address = reader(config), tracking_uri(config)
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return versions_of(Tracker(client, "", "", address), name)
    except (MlflowException, SQLAlchemyError) as error:
        raise unusable(address, error) from error


def find(tracker: Tracker, name: str, which: str) -> Version | None:
    """The version with this number or alias, or ``None``."""
    return next((v for v in versions_of(tracker, name) if which == v.number or which in v.aliases), None)


def wanted(tracker: Tracker, name: str, which: str) -> Version:
    """The version with this number or alias.

    Raises
    ------
    TrackingError
        If there is none; says which there are.
    """
    if found := find(tracker, name, which.removeprefix("v")):
        return found
    have = [f"{v.number}{''.join(f' ({alias})' for alias in v.aliases)}" for v in versions_of(tracker, name)]
    raise TrackingError(
        f"{name} has no version '{which}'" if have else f"no version of {name} is registered yet",
        where=tracker.uri,
        fix=f"there are: {', '.join(have)}" if have else "run `dvc repro`",
    )


def document_of(tracker: Tracker, version: Version) -> str:
    """The segmentation of a version, as JSON."""
    return files_of(tracker, version)[files.DOCUMENT].decode()


def files_of(tracker: Tracker, version: Version) -> dict[str, bytes]:
    """Every file of a version's model by its path, as :func:`segments.io.registry.files.registered_files` compares and reads them."""
    entity = tracker.client.get_model_version(version.name, version.number)
    return files.registered_files(tracker.client, tracker.uri, entity)


@repeated
def add(
    tracker: Tracker,
    model: Mapping[str, Any],
    texts: Mapping[str, str],
    example: Any,
    description: str,
) -> Version:
    """Register a segmentation; the same model of the same candidate is registered once.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    model : mapping
        ``name, candidate_id, tags`` of the version.
    texts : mapping of str to str
        Text files that make the model, by name without suffix; ``segmentation`` is the one that is served.
    example : DataFrame
        A few feature rows, float64: signature and input example come from them.
    description : str
        Markdown for the registry page and the candidate's run.

    Raises
    ------
    TrackingError
        If the candidate has no run.
    """
    from mlflow.exceptions import MlflowException

    with lock_of(tracker):
        client, name = tracker.client, model["name"]
        conditions = {KIND: "candidate", CANDIDATE: model["candidate_id"]}
        run = runs_of(tracker, conditions, CANDIDATE).get(model["candidate_id"])
        if run is None:
            raise TrackingError(
                f"candidate {model['candidate_id']} has no run in MLflow", where=tracker.uri, fix="run `segments track`"
            )
        try:
            client.get_registered_model(name)
        except MlflowException:
            about = f"Customer segmentations; the alias `{IN_USE}` is the one in use."
            try:
                client.create_registered_model(name, description=about)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # somebody else made it just now
                    raise
        tags = {key: str(value) for key, value in model["tags"].items()}
        damaged = {v.number for v in _same(tracker, name, tags) if not _intact(tracker, v)}
        version, fresh = _registered(tracker, name, tags, damaged), False
        if version is None:
            source, manifest = files.log_model(tracker, run.info.run_id, texts, example)
            proofs = {**tags, "manifest_hash": sha256(manifest.encode())}
            created = client.create_model_version(
                name,
                source=source,
                run_id=run.info.run_id,
                tags={f"segments.{key}": value for key, value in proofs.items()},
                model_id=source.rsplit("/", 1)[-1],  # a server refuses a source it cannot check
            )
            # Another machine may have registered the same meanwhile: the server numbered the two, and the first stays.
            version = _registered(tracker, name, tags, damaged) or _version(created, [])
            fresh = True
        # Its tags stay as they were registered: they prove its files, also when another config comes to the same model.
        if fresh or not tracker.aside:
            description = _card(description, version)
            client.update_model_version(name, version.number, description=description)
            tag(tracker, run, {NOTE: description})
        found = find(tracker, name, version.number)
        assert found is not None
        return found


@repeated
def set_tags(tracker: Tracker, version: Version, tags: Mapping[str, str]) -> None:
    """Write the tags of a version that differ."""
    for key, value in tags.items():
        if version.tags.get(key) != value:
            tracker.client.set_model_version_tag(version.name, version.number, f"segments.{key}", value)
    if not tags.keys().isdisjoint(ON_CARD):
        _say_who(tracker, version.name, version.number)


@repeated
def challenge(tracker: Tracker, version: Version) -> None:
    """Give a version the alias ``challenger``."""
    tracker.client.set_registered_model_alias(version.name, CHALLENGER, version.number)


@repeated
def promote(
    tracker: Tracker,
    version: Version,
    expected: Version | None,
    tags: Mapping[str, str],
    *,
    back: bool = False,
) -> None:
    """Put a version in use, if the one it was compared with is still the one in use.

    Parameters
    ----------
    tracker : Tracker
        The open record.
    version : Version
        The new champion.
    expected : Version or None
        The champion it was judged against.
    tags : mapping of str to str
        Why, by whom, when: kept on the version.
    back : bool
        Whether this undoes a promotion: then the version's own predecessor stays what it was.

    Raises
    ------
    OvertakenError
        If another version was put in use meanwhile.
    """
    client, name = tracker.client, version.name
    with lock_of(tracker):
        current = find(tracker, name, IN_USE)
        overtaken = (current and current.number) != (expected and expected.number)
        if overtaken and (current is None or current.number != version.number):
            raise OvertakenError(
                f"meanwhile version {current.number if current else 'none'} of {name} was put in use",
                where=f"{tracker.uri}, alias {IN_USE}",
                fix="run the same command again: it compares with the new champion",
            )
        if current is not None and current.number == version.number:
            version = current  # another machine may have put it in use since it was looked up
        replaced = version.tags.get("replaces", "")
        if not back and current is not None and current.number != version.number:
            replaced = current.number
        set_tags(tracker, version, {**tags, "replaces": replaced})
        client.set_registered_model_alias(name, IN_USE, version.number)
        if replaced and find(tracker, name, replaced):
            client.set_registered_model_alias(name, PREVIOUS, replaced)
        elif current and PREVIOUS in {alias for v in versions_of(tracker, name) for alias in v.aliases}:
            client.delete_registered_model_alias(name, PREVIOUS)
        challenger = find(tracker, name, CHALLENGER)
        if challenger is not None and challenger.number == version.number:
            client.delete_registered_model_alias(name, CHALLENGER)
        _show(tracker, name)


def _card(description: str, version: Version) -> str:
    """A model card, and who put the version in use when and why: that comes after the rest is written, and may come again."""
    return fill(
        __package__,
        "card.md.j2",
        card=description.partition(IN_USE_SINCE)[0].rstrip(),
        since=IN_USE_SINCE,
        tags=version.tags,
    )


def _say_who(tracker: Tracker, name: str, number: str) -> None:
    from mlflow.exceptions import MlflowException

    version = find(tracker, name, number)
    assert version is not None
    card = _card(tracker.client.get_model_version(name, number).description or "", version)
    tracker.client.update_model_version(name, number, description=card)
    with suppress(MlflowException):  # a run that somebody deleted needs no note
        tracker.client.set_tag(version.run_id, NOTE, card)


def _version(found: ModelVersion, aliases: Sequence[str]) -> Version:
    tags = {key.removeprefix("segments."): value for key, value in found.tags.items()}
    return Version(
        found.name,
        str(found.version),
        str(found.run_id),
        tags,
        list(aliases),
        str(found.source),
        int(found.creation_timestamp),
    )


def _same(tracker: Tracker, name: str, tags: Mapping[str, str]) -> list[Version]:
    """Versions of this model and candidate, oldest first."""
    claim = ("code_hash", "config_hash", "git_commit")
    return [
        v
        for v in versions_of(tracker, name)
        if all(v.tags.get(key) == tags.get(key) for key in ("model_hash", "candidate_id"))
        # One that could not be proved stays as it is: the same model with another claim is another version.
        and (v.tags.get("proof", "holds") == "holds" or all(v.tags.get(key) == tags.get(key) for key in claim))
    ]


def _intact(tracker: Tracker, version: Version) -> bool:
    """Whether its files are those that were registered: else nobody can use it, and the model is registered anew."""
    try:
        return bool(files_of(tracker, version))
    except TrackingError:
        return False


def _registered(tracker: Tracker, name: str, tags: Mapping[str, str], damaged: Collection[str]) -> Version | None:
    """The version of this model and candidate; doubles of it, which several machines may have made at once, are removed."""
    from mlflow.exceptions import MlflowException

    same = [version for version in _same(tracker, name, tags) if version.number not in damaged]
    for double in same[1:]:
        try:
            tracker.client.delete_model_version(name, double.number)
            tracker.client.delete_logged_model(double.source.rsplit("/", 1)[-1])
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # whoever made it was faster
                raise
    return same[0] if same else None


@repeated
def _show(tracker: Tracker, name: str) -> None:
    """Mark the champion's run, and point the experiment's links at it; again if another version was put in use meanwhile."""
    from mlflow.exceptions import MlflowException

    version = find(tracker, name, IN_USE)
    if version is None:
        return
    try:
        run = tracker.client.get_run(version.run_id)
    except MlflowException:
        return
    if run.info.experiment_id != tracker.experiment_id:
        return  # a champion of another source: its own experiment shows it
    identity = run.data.tags.get(CANDIDATE, "")
    # By its candidate: the run that was registered may have been the double of another.
    run = runs_of(tracker, {KIND: "candidate", CANDIDATE: identity}, CANDIDATE).get(identity, run)
    for candidate in [run, *runs_of(tracker, {KIND: "candidate", CHAMPION: "true"}, CANDIDATE).values()]:
        mark(tracker, candidate, CHAMPION, "true" if candidate.info.run_id == run.info.run_id else None)
    sweep_id = run.data.tags.get(SWEEP, "")
    if sweep := runs_of(tracker, {KIND: "sweep", SWEEP: sweep_id}, SWEEP).get(sweep_id):
        here = (tracker.source, tracker.experiment_id, sweep.info.run_id, run.info.run_id)
        describe_experiment(tracker, Record(*here, version.name, version.number), sweep_id)
    after = find(tracker, name, IN_USE)
    if after is not None and after.number != version.number:
        _show(tracker, name)
