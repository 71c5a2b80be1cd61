"""Stage `identity`: the chosen clusters and the champion in; ids, names and colours of the segments out, and who is in them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.errors import ConfigError
from segments.identity import matching
from segments.identity import names as identity_names
from segments.identity.matching import EarlierVersion, Identity, SegmentIdentity
from segments.identity.overlap import centroids
from segments.identity.profiles import segment_names
from segments.io.registry import versions
from segments.io.store import catalog
from segments.io.store.cache import version_file
from segments.io.store.files import read_table
from segments.io.tracking.connection import connect
from segments.model.segmentation import Segmentation


def run(config: Config) -> None:
    """Recognise the champion's segments among the chosen clusters; when nothing was chosen, write that there are none."""
    chosen = catalog.read(catalog.CHOICE).chosen
    if chosen is None:
        catalog.drop(catalog.NAMED_LABELS)
        catalog.write(catalog.IDENTITY, SegmentIdentity(None, {}, []))
        return
    if chosen.feature_set not in config.grid_feature_sets:
        raise ConfigError(
            f"the chosen feature set '{chosen.feature_set}' is not in sweep.feature_sets",
            where="sweep.feature_sets",
            fix="give `segments identity` the same overrides as `segments sweep`",
        )
    features = catalog.read(catalog.FEATURES)
    labels = catalog.read(catalog.CHOSEN_LABELS)
    clusters = labels["cluster"].to_numpy()
    columns = list(config.grid_feature_sets[chosen.feature_set].columns)
    names = segment_names(features, clusters, columns, config.profiles)
    found = _known(config, chosen.candidate_id, features, clusters, names)
    found = identity_names.renamed(found, config.decisions.names.get(config.source.name, {}))
    means = centroids(features, clusters)
    said = SegmentIdentity(found, means.to_dict("list"), identity_names.sentences(found))
    catalog.write(catalog.IDENTITY, said)
    segments = found.segments
    catalog.write(
        catalog.NAMED_LABELS,
        labels.assign(
            segment_id=[segments[cluster].segment_id for cluster in clusters],
            segment=[segments[cluster].name for cluster in clusters],
        ),
    )


def _known(
    config: Config, candidate_id: str, features: pd.DataFrame, clusters: np.ndarray, names: list[str]
) -> Identity:
    """Who the clusters are to those who know the champion."""
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
        return identity_names.reworded(before, names)
    kept = version_file(champion.tags["model_hash"], champion.tags["candidate_id"], "members.parquet")
    # Who was in which segment stays on the machine that registered the champion.
    nobody = pd.DataFrame({"customer_id": pd.Series(dtype="str"), "cluster": pd.Series(dtype="int64")})
    members = nobody if kept is None else read_table(kept)
    # A number that a version in waiting gave out is taken, too.
    number = max(before.next_number, *(int(v.tags.get("next_number", 1)) for v in others))
    earlier = EarlierVersion(model, members, pd.DataFrame(stored["centroids"]), number, before.colours)
    return matching.identify(earlier, features, clusters, names, config.identity)
