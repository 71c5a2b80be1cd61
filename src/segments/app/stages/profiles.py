"""Stage `profiles`: the chosen clusters, all features and what is predicted in; named segments, what they are like and rules for who is in them out."""

from __future__ import annotations

import pandas as pd

from segments.app.jobs.inputs import chosen_centres
from segments.app.jobs.metrics import profiles_metrics, segment_sizes
from segments.clustering.space import to_space
from segments.config.features import RFM_SCORES
from segments.config.root import Config
from segments.errors import ConfigError, DataError
from segments.identity.descriptors import descriptor_tests, segment_descriptors
from segments.identity.profiles import OUTLOOK, make_up, overall_profile, segment_profiles
from segments.identity.rfm import cross_table, rfm_segments, rfm_table
from segments.identity.rules import plain_rules, reasons
from segments.io.store import catalog
from segments.io.store.documents import NoPrediction, SegmentList
from segments.model.segmentation import Segmentation, fit_limits


def run(config: Config) -> None:
    """Describe and explain the chosen segments; when nothing was chosen, write only that."""
    chosen = catalog.read(catalog.CHOICE).chosen
    if chosen is None:
        catalog.write(catalog.SEGMENTS, SegmentList([], [], []))
        catalog.write(catalog.PROFILES_METRICS, profiles_metrics(None))
        catalog.keep_only("profiles", [catalog.SEGMENTS, catalog.PROFILES_METRICS])
    else:
        _describe(config, *chosen)


def _describe(config: Config, candidate_id: str, feature_set: str, cell: str) -> None:
    if feature_set not in config.grid_feature_sets:
        raise ConfigError(
            f"the chosen feature set '{feature_set}' is not in sweep.feature_sets",
            where="sweep.feature_sets",
            fix="give `segments profiles` the same overrides as `segments sweep`",
        )
    features = catalog.read(catalog.FEATURES)
    members = catalog.read(catalog.NAMED_LABELS)
    segments = catalog.read(catalog.IDENTITY).known.segments
    clusters = members["cluster"].to_numpy()
    names = [segment.name for segment in segments]
    known = _with_basket_mix(features)
    space, centres = catalog.read(catalog.FITS).spaces[cell], chosen_centres(candidate_id)
    columns, X = space.columns, to_space(space, features)
    limits = fit_limits(space, centres, features, config.confidence)
    axes = [axis.column for axis in space.axes]
    model = Segmentation(candidate_id, space, centres, segments, limits)
    profiles = segment_profiles(features, clusters, names)
    tables = [
        (catalog.PROFILES, _with_outlook(profiles, candidate_id)),
        (catalog.SEGMENT_SIZES, segment_sizes(profiles)),
        (catalog.MAKE_UP, make_up(features, clusters, names)),
        (catalog.SEGMENT_MEMBERS, _with_confidence(members, features, model)),
        (catalog.DESCRIPTORS, segment_descriptors(known, clusters, names, columns)),
        (catalog.TESTS, descriptor_tests(known, clusters, columns)),
        (catalog.REASONS, members[["customer_id"]].join(reasons(X, clusters, centres, axes, names, space.sides))),
    ]
    if config.rfm_map.segments and set(RFM_SCORES) <= set(features.columns):
        rfm = rfm_segments(features, config.rfm_map)
        tables += [
            (catalog.RFM_MEMBERS, members[["customer_id"]].assign(rfm_segment=rfm)),
            (catalog.RFM_SEGMENTS, rfm_table(features, config.rfm_map)),
            (catalog.RFM_CROSS_TABLE, cross_table(rfm, clusters, names, list(config.rfm_map.segments))),
        ]
    rules = plain_rules(features, clusters, columns, config.profiles.tree_depth)
    named = SegmentList(names, [segment.colour for segment in segments], [segment.segment_id for segment in segments])
    for table, content in tables:
        catalog.write(table, content)
    catalog.write(catalog.OVERALL, catalog.OVERALL.of(overall_profile(features)))
    catalog.write(catalog.PLAIN_RULES, rules)
    catalog.write(catalog.SEGMENTS, named)
    catalog.write(catalog.PROFILES_METRICS, profiles_metrics(profiles))
    documents = (catalog.OVERALL, catalog.PLAIN_RULES, catalog.SEGMENTS, catalog.PROFILES_METRICS)
    # what is left over from an earlier choice or another source goes
    catalog.keep_only("profiles", [*(table for table, _ in tables), *documents])


def _with_outlook(profiles: pd.DataFrame, candidate_id: str) -> pd.DataFrame:
    """The profiles and, where there is a prediction, what is predicted of each segment."""
    ahead = catalog.read(catalog.PREDICTION)
    if isinstance(ahead, NoPrediction):
        return profiles
    if ahead.candidate_id != candidate_id:
        raise DataError(
            "what was predicted is of other segments than the chosen ones",
            where=str(catalog.path_of(catalog.PREDICTION)),
            fix="run `segments prediction`, or `dvc repro`",
        )
    predicted = catalog.read(catalog.SEGMENT_FORECAST)
    known = [name for name in OUTLOOK if name in predicted]
    return profiles.merge(predicted[["cluster", *known]], on="cluster", validate="one_to_one")


def _with_confidence(members: pd.DataFrame, features: pd.DataFrame, model: Segmentation) -> pd.DataFrame:
    """Who is in which segment, and how far to believe it: the model's margin and confidence, and the share of bootstraps that agree."""
    said = model.predict(features)[["margin", "confidence", "boundary", "out_of_range"]].reset_index(drop=True)
    agreement = catalog.read(catalog.AGREEMENT)
    if model.candidate_id in agreement:  # else it has no evidence: a person chose it
        said["agreement"] = agreement[model.candidate_id].to_numpy()
    return pd.concat([members.reset_index(drop=True), said], axis=1)


def _with_basket_mix(features: pd.DataFrame) -> pd.DataFrame:
    """The features and, where there is a log, what customers put into their baskets."""
    if not catalog.exists(catalog.BASKET_MIX):
        return features
    return features.merge(catalog.read(catalog.BASKET_MIX), on="customer_id", how="left", validate="one_to_one")
