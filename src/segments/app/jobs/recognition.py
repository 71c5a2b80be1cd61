"""Whose segments a candidate's clusters are. Comes in: clusters, the registry's champion. Goes out: ids, names and colours: one numbering everywhere."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.identity import matching
from segments.identity.matching import EarlierVersion, Identity
from segments.identity.names import renamed, reworded
from segments.io.registry import versions
from segments.io.store.cache import version_file
from segments.io.store.files import read_table
from segments.io.tracking.connection import connect, surely_no_version
from segments.model.segmentation import Segmentation


def recognised(
    config: Config, candidate_id: str, features: pd.DataFrame, clusters: np.ndarray[Any, Any], names: list[str]
) -> Identity:
    """Who the clusters of a candidate are to those who know the champion, under the names that people gave.

    Parameters
    ----------
    config : Config
        Where the registry is, when two segments are related, and what people named.
    candidate_id : str
        Whose clusters; one that was registered before keeps what it was then.
    features : DataFrame of shape (n_customers, ...)
        The feature table, with ``customer_id``.
    clusters : ndarray of shape (n_customers,)
        Cluster of each customer.
    names : list of str
        Name of each cluster, by the rules.
    """
    found = _to_those_who_know_the_champion(config, candidate_id, features, clusters, names)
    return renamed(found, config.decisions.names.get(config.source.name, {}))


def _to_those_who_know_the_champion(
    config: Config, candidate_id: str, features: pd.DataFrame, clusters: np.ndarray[Any, Any], names: list[str]
) -> Identity:
    if surely_no_version(config.tracking):
        return matching.first(names)
    with connect(config.tracking, config.source.name) as tracker:
        champion = versions.find(tracker, config.registry.model, IN_USE)
        if champion is None or champion.tags.get("source") != config.source.name:
            return matching.first(names)
        others = [v for v in versions.versions_of(tracker, champion.name) if v.tags.get("source") == config.source.name]
        # Who the clusters of a candidate are was settled when it was first registered, whether or not it is in use.
        again = [v for v in [*others, champion] if v.tags["candidate_id"] == candidate_id]
        files = versions.files_of(tracker, again[-1] if again else champion)
    model = Segmentation.from_json(files["artifacts/segmentation.json"].decode())
    stored = json.loads(files["artifacts/identity.json"])
    before = Identity.from_plain(stored["identity"])
    if again:
        return reworded(before, names)
    kept = version_file(champion.tags["model_hash"], champion.tags["candidate_id"], "members.parquet")
    # Who was in which segment stays on the machine that registered the champion.
    nobody = pd.DataFrame({"customer_id": pd.Series(dtype="str"), "cluster": pd.Series(dtype="int64")})
    members = nobody if kept is None else read_table(kept)
    # A number that a version in waiting gave out is taken, too.
    number = max(before.next_number, *(int(v.tags.get("next_number", 1)) for v in others))
    earlier = EarlierVersion(model, members, pd.DataFrame(stored["centroids"]), number, before.colours)
    return matching.identify(earlier, features, clusters, names, config.identity)
