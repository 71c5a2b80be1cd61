"""Command `migration`: two dates or two registered versions in, who moved between them and why out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.app.jobs.inputs import features_as_of
from segments.app.jobs.recognition import recognised
from segments.app.jobs.specs import chosen
from segments.clustering.candidate import Candidate, Spec, sweep_cell
from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.errors import ConfigError
from segments.evidence.stability import contingency
from segments.features.table import as_of
from segments.identity.matching import EarlierVersion, Identity, compare_versions, identify
from segments.identity.migration import Migration, MigrationFacts, migrate
from segments.identity.names import sentences
from segments.identity.overlap import centroids
from segments.identity.profiles import segment_names
from segments.io.plots.identity import alluvial
from segments.io.plots.style import drawn
from segments.io.registry import versions
from segments.io.store import catalog
from segments.io.tracking.connection import connect
from segments.model.segmentation import Segment, Segmentation, fit_limits


def run(config: Config, start: str, end: str = "") -> str:
    """Fit at both dates, or take two registered versions, compare, and write transitions, counts, picture and who moved; returns the summary."""
    if end and _is_version(start) != _is_version(end):
        raise ConfigError(
            f"of from={start} and to={end} one is a day, the other a version",
            where="segments migration",
            fix="give two days, written as YYYY-MM-DD, or two registered versions",
        )
    if _is_version(start):
        return _between_versions(config, start, end or IN_USE)
    spec = chosen(config)
    if spec is None:
        raise ConfigError(
            "nothing was chosen, so there is nothing to compare",
            where="artifacts/selection",
            fix="see section selection",
        )
    start, end = (str(as_of(config.source, day or config.source.as_of).as_of) for day in (start, end))
    if start >= end:
        raise ConfigError(
            f"from={start} is not before to={end}",
            where="segments migration",
            fix="give two days, the earlier one first",
        )
    old_features, new_features = (features_as_of(config, day).table for day in (start, end))
    # The later date first: its segments are those that the champion's people know, and the earlier ones are named after them.
    later, clusters, names = fitted(config, spec, new_features)
    known = recognised(config, later.candidate_id, new_features, clusters, names)
    new = model_of(config, later, new_features, known.segments)
    members = pd.DataFrame({"customer_id": new_features["customer_id"], "cluster": clusters})
    means = centroids(new_features, clusters)
    version = EarlierVersion(new, members, means, known.next_number, known.colours)
    earlier, clusters, names = fitted(config, spec, old_features)
    before = identify(version, old_features, clusters, names, config.identity)
    old = model_of(config, earlier, old_features, before.segments)
    # Its rows are the later segments, its columns the earlier ones: the customers in common either way.
    common = np.array(before.table, dtype=np.int64).T
    identity = compare_versions(before.segments, known.segments, common, config.identity)
    return write_migration(migrate(old, new, old_features, new_features), identity, (start, end))


def _is_version(end: str) -> bool:
    """Whether it names a registered version, by number or alias; eight digits are a day."""
    return end[0].isalpha() or (end.isdigit() and len(end) < len("20170630"))


def _between_versions(config: Config, start: str, end: str) -> str:
    """Two registered versions on the customers of today: whoever moved did so because the model changed."""
    features = catalog.read(catalog.FEATURES)
    with connect(config.tracking, config.source.name) as tracker:
        old, new = (versions.wanted(tracker, config.registry.model, which) for which in (start, end))
        before, after = (Segmentation.from_json(versions.document_of(tracker, version)) for version in (old, new))
    was, now = (model.predict(features)["cluster"].to_numpy() for model in (before, after))
    # What each version says of its own predecessor may be about a third one.
    table = contingency(was, now, len(before.segments), len(after.segments))
    identity = compare_versions(before.segments, after.segments, table, config.identity)
    ends = (f"version {old.number}", f"version {new.number}")
    return write_migration(migrate(before, after, features, features), identity, ends)


def fitted(config: Config, spec: Spec, features: pd.DataFrame) -> tuple[Candidate, NDArray[np.int32], list[str]]:
    """The spec's candidate on a feature table, the cluster of each customer, and what the rules call each cluster."""
    [candidate] = sweep_cell(features, [spec])
    labels = candidate.labels.astype(np.int32)
    return (
        candidate,
        labels,
        segment_names(features, labels, list(spec.feature_set.columns), config.profiles, config.source.labels),
    )


def model_of(config: Config, candidate: Candidate, features: pd.DataFrame, segments: list[Segment]) -> Segmentation:
    """A candidate that assigns customers."""
    limits = fit_limits(candidate.space, candidate.centres, features, config.confidence)
    return Segmentation(candidate.candidate_id, candidate.space, candidate.centres, segments, limits)


def write_migration(migration: Migration, identity: Identity, ends: tuple[str, str]) -> str:
    """Write what a migration found between two dates or versions; customers go to one local file and nowhere else."""
    facts = MigrationFacts(ends[0], ends[1], identity, sentences(identity), **migration.to_plain())
    catalog.write(catalog.TRANSITIONS, migration.transitions)
    catalog.write(catalog.MIGRATION, facts)
    catalog.write(catalog.MIGRATION_PICTURES, drawn({"migration": alluvial(migration, ends)}))
    catalog.write(catalog.MOVED_CUSTOMERS, migration.customers)
    return "\n".join(
        [
            f"{ends[0]} -> {ends[1]}",
            *sentences(identity),
            *facts.in_words,
            f"More in {catalog.path_of(catalog.MIGRATION).parent}/",
        ]
    )
