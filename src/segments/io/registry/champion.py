"""What people act on. Comes in: the registry, a server's or the local one. Goes out: the version in use, its segmentation, its playbook.

While no version of the source is in use, what the last run made stands in.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from segments.action.playbook import plans
from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.io.registry import files
from segments.io.registry.versions import Version, registered
from segments.io.store import catalog
from segments.io.store.cache import version_file
from segments.io.store.files import read_json
from segments.io.tracking.connection import NoRecordError
from segments.model.segmentation import Segmentation

# The playbook, in the run of the candidate that a version was made from.
PLAYBOOK = "playbook/playbook.json"


def version_in_use(config: Config) -> Version | None:
    """The version that bears the alias, if it is of this source; whatever the last run chose.

    Raises
    ------
    TrackingError
        If the record cannot be read.
    """
    try:
        known = registered(config.tracking, config.registry.model)
    except NoRecordError:
        return None
    mine = (version for version in known if version.tags.get("source") == config.source.name)
    return next((version for version in mine if IN_USE in version.aliases), None)


def segmentation_of(config: Config, version: Version | None) -> Segmentation:
    """The segmentation of a version.

    Raises
    ------
    StoreError
        If there is no version, and the last run made none.
    TrackingError
        If the record cannot be read.
    """
    if version is None:
        return Segmentation.from_json(catalog.read(catalog.SEGMENTATION))
    uri = f"models:/{version.name}/{version.number}"
    return Segmentation.from_json(files.read_model(config.tracking, uri).document)


def plans_of(config: Config, version: Version | None) -> pd.DataFrame:
    """What is done with each cluster of a version, as :func:`segments.action.playbook.plans` makes it.

    Who registered the version holds its playbook in a cache; a colleague's is brought from its run.

    Raises
    ------
    StoreError
        If there is no version, and the last run made no playbook.
    TrackingError
        If the version's playbook is not on record.
    """
    if version is None:
        return plans(read_json(catalog.path_of(catalog.PLAYBOOKS)))
    tags = version.tags
    kept = version_file(tags.get("model_hash", ""), tags.get("candidate_id", ""), Path(PLAYBOOK).name)
    if kept is not None:
        return plans(read_json(kept))
    return plans(json.loads(files.read_recorded(config.tracking, version.run_id, PLAYBOOK)))
