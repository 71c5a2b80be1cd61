"""Stage `identity`: the chosen clusters and the champion in; ids, names and colours of the segments out, and who is in them."""

from __future__ import annotations

from segments.app.jobs.recognition import recognised
from segments.config.root import Config
from segments.errors import ConfigError
from segments.identity.matching import SegmentIdentity
from segments.identity.names import sentences
from segments.identity.overlap import centroids
from segments.identity.profiles import segment_names
from segments.io.store import catalog


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
    names = segment_names(features, clusters, columns, config.profiles, config.source.labels)
    found = recognised(config, chosen.candidate_id, features, clusters, names)
    means = centroids(features, clusters)
    said = SegmentIdentity(found, means.to_dict("list"), sentences(found))
    catalog.write(catalog.IDENTITY, said)
    segments = found.segments
    catalog.write(
        catalog.NAMED_LABELS,
        labels.assign(
            segment_id=[segments[cluster].segment_id for cluster in clusters],
            segment=[segments[cluster].name for cluster in clusters],
        ),
    )
