"""A version from its making to its use: written down, registered, proved, put in use if the rule says so.

Comes in: the config, the choice, features. Goes out: a kept folder, a version in MLflow, a verdict.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segments.app.jobs.inputs import chosen_centres
from segments.config.identity import ConfidenceConfig
from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.errors import StoreError, TrackingError
from segments.evidence.selection import Choice, Chosen
from segments.io.records import notes
from segments.io.records.sweep import config_hash, config_text
from segments.io.registry import versions
from segments.io.registry.files import folder_of, manifest_of, place_of
from segments.io.registry.proof import REBUILT_BY, Claim, Proof, Rebuilding, check_kept, made_of, prove, rebuilding
from segments.io.store import catalog, raw_files
from segments.io.store.cache import kept_candidate, remember, version_folder
from segments.io.store.files import (
    checkout,
    clear,
    find_project,
    read_json,
    read_table,
    read_text,
    replace_folder,
    write_bytes,
    write_json,
    write_table,
    write_text,
)
from segments.io.store.fingerprints import code_hash, file_sha256, git_commit, labels_hash, now, sha256
from segments.io.store.seals import seal
from segments.io.tracking.candidates import scores_of
from segments.io.tracking.connection import Tracker, lock_of
from segments.model.drift import medians, reference_of
from segments.model.promotion import Verdict, admit, judge
from segments.model.segmentation import Segmentation, fit_limits


def keep_version(
    config: Config, choice: Choice, chosen: Chosen, features: pd.DataFrame, profiles: pd.DataFrame
) -> Path:
    """Write down all that a version is made from, where it outlives the next run; returns the folder."""
    candidate_id = chosen.candidate_id
    segmentation, clusters = deployable(candidate_id, chosen.cell, features, config.confidence)
    document = segmentation.to_json()
    tags = _tags(config, candidate_id, document, clusters)
    kept = version_folder(tags["model_hash"], candidate_id)
    folder = kept.with_name(f".{kept.name}")  # takes the place of the cache when it is whole
    clear(folder)
    model = {
        "name": config.registry.model,
        "candidate_id": candidate_id,
        "tags": tags,
        "made_of": made_of(find_project()),
    }
    write_text(folder / "segmentation.json", document)
    write_text(folder / "config.json", config_text(config))
    data = {
        "source": config.source.name,
        "customers": len(features),
        "hash": tags["data_hash"],
        "raw": sorted(config.source.raw_paths),
        "as_of": config.source.as_of,
        "everybody": notes.everybody_in_words(brief=True),
    }
    write_text(folder / "description.md", _model_card(choice, candidate_id, profiles, segmentation.space.columns, data))
    reference = reference_of(features, segmentation)
    write_json(folder / "reference.json", reference)
    write_bytes(folder / "identity.json", catalog.path_of(catalog.IDENTITY).read_bytes())
    members = catalog.read(catalog.NAMED_LABELS)
    write_table(folder / "members.parquet", members)
    write_bytes(folder / "playbook.json", catalog.path_of(catalog.PLAYBOOKS).read_bytes())
    kinds = features[segmentation.space.columns].dtypes
    typical = pd.DataFrame([medians(reference)], columns=list(kinds.index)).astype(kinds)  # nobody's row
    write_table(folder / "example.parquet", typical)
    write_json(folder / "model.json", model)
    seal(folder)
    replace_folder(folder, kept)
    catalog.write(catalog.SEGMENTATION, document)
    return kept


def _tags(config: Config, candidate_id: str, document: str, clusters: np.ndarray[Any, Any]) -> dict[str, str]:
    """What a version is made from, each part by its hash: what `segments verify` compares."""
    of_record = catalog.FIT_OF_RECORD if catalog.exists(catalog.FIT_OF_RECORD) else None
    pins = raw_files.read_pins()
    return {
        "source": config.source.name,
        "candidate_id": candidate_id,
        "model_hash": sha256(document.encode()),
        "data_hash": file_sha256(catalog.path_of(catalog.FEATURES)),
        "labels_hash": labels_hash(clusters),
        "config_hash": config_hash(config),
        "code_hash": code_hash(),
        "git_commit": git_commit(),
        "rebuilt_by": REBUILT_BY[0],
        **({} if of_record is None else {"of_record": file_sha256(catalog.path_of(of_record))}),
        "next_number": str(catalog.read(catalog.IDENTITY).known.next_number),
        "raw": json.dumps({path: pins[path].md5 for path in raw_files.every_path(config.source, pins) if path in pins}),
    }


def _model_card(
    choice: Choice, candidate_id: str, profiles: pd.DataFrame, columns: list[str], data: dict[str, Any]
) -> str:
    candidates = catalog.read(catalog.JUDGED_CANDIDATES)
    return notes.model_card(
        choice.to_plain(),
        candidates[candidates["candidate_id"] == candidate_id].iloc[0].to_dict(),
        profiles,
        columns,
        data,
        catalog.read(catalog.FIRMNESS).firmness,
        (kept_candidate(candidate_id) or {}).get("command"),
    )


def deployable(
    candidate_id: str, cell: str, features: pd.DataFrame, config: ConfidenceConfig
) -> tuple[Segmentation, np.ndarray[Any, Any]]:
    """The chosen candidate as a deployable model, checked: it must give every customer the stored cluster."""
    space, centres = catalog.read(catalog.FITS).spaces[cell], chosen_centres(candidate_id)
    segments = catalog.read(catalog.IDENTITY).known.segments
    agreement = catalog.read(catalog.SEGMENT_MEMBERS).get("agreement")
    limits = fit_limits(space, centres, features, config, None if agreement is None else agreement.to_numpy("float64"))
    segmentation = Segmentation(candidate_id, space, centres, segments, limits)
    stored = catalog.read(catalog.CHOSEN_LABELS)["cluster"].to_numpy()
    different = int(
        (Segmentation.from_json(segmentation.to_json()).predict(features)["cluster"].to_numpy() != stored).sum()
    )
    if different:
        raise StoreError(
            f"the model disagrees with the stored labels for {different} customers, so it is not registered",
            where=str(catalog.path_of(catalog.CHOSEN_LABELS).parent),
            fix="run `dvc repro -f sweep`",
        )
    return segmentation, stored


@contextmanager
def made_again(tracker: Tracker, folder: Path) -> Iterator[Rebuilding | None]:
    """Begin to make a kept version again, by which it will be proved; ``None`` where :func:`put_in_use` will not ask for a proof."""
    model = read_json(folder / "model.json")
    tags, current = model["tags"], versions.find(tracker, model["name"], IN_USE)
    in_use = current is not None and all(current.tags.get(key) == tags[key] for key in ("model_hash", "candidate_id"))
    if in_use or find_project() != checkout():
        yield None
        return
    with rebuilding(Claim(tags, read_text(folder / "config.json"), {}, folder, str(folder), {}, folder)) as begun:
        yield begun


def register(tracker: Tracker, folder: Path) -> versions.Version:
    """Register what a version's folder holds.

    Raises
    ------
    StoreError
        If a file of it is not the one that was kept.
    """
    with lock_of(tracker):
        model, proof = read_json(folder / "model.json"), Proof()
        check_kept(folder, model["tags"]["model_hash"], proof)
        if proof.differences:
            raise StoreError(
                f"version {folder.name} is not registered: {'; '.join(proof.differences)}",
                where=str(folder),
                fix="bring the file back from a copy; or delete the folder: `segments registry` makes the version of the last run again, any other is then left out",
            )
        files = {
            name: read_text(folder / f"{name}.json") for name in ("segmentation", "config", "identity", "reference")
        }
        example, description = read_table(folder / "example.parquet"), read_text(folder / "description.md")
    return versions.add(tracker, model, files, example, description)


def put_in_use(
    tracker: Tracker,
    config: Config,
    version: versions.Version,
    features: pd.DataFrame,
    *,
    chosen: dict[str, Any] | None,
    begun: Rebuilding | None = None,
) -> dict[str, Any]:
    """Let a version be champion if the rule says so; an experiment in DVC's temporary folder never asks."""
    if find_project() != checkout():
        return {"alias": None, "verdict": "registered beside the one in use: an experiment does not take its place"}
    current = versions.find(tracker, version.name, IN_USE)
    if current is not None and current.number == version.number:
        return {"alias": IN_USE, "verdict": version.tags.get("verdict", "in use")}
    versions.challenge(tracker, version)
    proof = proof_of(tracker, version, config, begun)
    proved = "holds" if proof.holds else "; ".join(proof.differences)[:4000]
    versions.set_tags(tracker, version, {"proof": proved})
    verdict = admit(proof.differences, version.tags, current.tags if current else None, config.registry, chosen=chosen)
    if verdict is None:
        assert current is not None
        verdict = _compared(tracker, config, current, version, features)
    event = {"at": now(), "by": verdict.by, "because": verdict.reason, "what": "challenged", "proof": proved}
    if verdict.promote:
        tags = {"verdict": verdict.reason, "promoted_at": event["at"], "promoted_by": verdict.by}
        try:
            versions.promote(tracker, version, current, tags)
        except versions.OvertakenError:  # a colleague was faster: the rule asks again, about the one in use now
            return put_in_use(tracker, config, version, features, chosen=chosen, begun=begun)
        event["what"] = "promoted"
    else:
        versions.set_tags(tracker, version, {"verdict": verdict.reason})
    remember(event | {key: version.tags[key] for key in ("candidate_id", "model_hash")})
    return {"alias": IN_USE if verdict.promote else versions.CHALLENGER, "verdict": verdict.reason}


def _compared(
    tracker: Tracker,
    config: Config,
    current: versions.Version,
    version: versions.Version,
    features: pd.DataFrame,
) -> Verdict:
    """Champion and challenger on the customers of today."""
    before, after = (Segmentation.from_json(versions.document_of(tracker, v)) for v in (current, version))
    return judge(features, before, after, config.registry, config.sweep.scoring, config.sweep.seed)


def kept_folder(version: versions.Version) -> Path:
    """The folder that a version can be registered from again."""
    return version_folder(version.tags.get("model_hash", ""), version.tags.get("candidate_id", ""))


def proof_of(tracker: Tracker, version: versions.Version, config: Config, begun: Rebuilding | None = None) -> Proof:
    """Make a version again and compare it with what is on record."""
    entity = tracker.client.get_model_version(version.name, version.number)
    try:
        manifest = manifest_of(tracker.client, entity)
    except TrackingError as error:
        return Proof(differences=[error.what])
    with tempfile.TemporaryDirectory() as folder:
        files = folder_of(tracker.client, tracker.uri, entity, Path(folder))
        text = (files / "artifacts/config.json").read_text() if (files / "artifacts/config.json").is_file() else ""
        claim = Claim(
            version.tags,
            text,
            scores_of(tracker, version.run_id),
            files,
            place_of(tracker.client, entity),
            manifest,
            kept_folder(version),
        )
        return prove(claim, begun)
