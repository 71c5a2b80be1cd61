"""Stage `profiles`: the chosen clusters, all features and what is predicted in; named segments, what they are like and rules for who is in them out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from segments.clustering.space import Space, to_space
from segments.config.features import RFM_SCORES
from segments.config.root import Config
from segments.errors import ConfigError, DataError
from segments.identity.descriptors import descriptor_tests, segment_descriptors
from segments.identity.matching import Identity
from segments.identity.profiles import OUTLOOK, make_up, overall_profile, segment_profiles
from segments.identity.rfm import cross_table, rfm_segments, rfm_table
from segments.identity.rules import plain_rules, reasons
from segments.io.store.files import artifact, read_json, read_table, write_json, write_table
from segments.model.segmentation import Segmentation, fit_limits


def run(config: Config) -> None:
    """Describe and explain the chosen segments; when nothing was chosen, write only that."""
    choice = read_json(artifact("selection", "choice.json"))
    made: dict[str, Any] = {"segments.json": {"names": [], "colours": [], "ids": []}}
    if choice["candidate_id"] is not None:
        made = _describe(config, choice)
    for name, content in made.items():
        write = write_table if name.endswith(".parquet") else write_json
        write(artifact("profiles", name), content)
    for stale in artifact("profiles").iterdir():
        if stale.name not in made:  # left over from an earlier choice or another source
            stale.unlink()


def _describe(config: Config, choice: dict[str, Any]) -> dict[str, Any]:
    if choice["feature_set"] not in config.grid_feature_sets:
        raise ConfigError(
            f"the chosen feature set '{choice['feature_set']}' is not in sweep.feature_sets",
            where="sweep.feature_sets",
            fix="give `segments profiles` the same overrides as `segments sweep`",
        )
    features = read_table(artifact("features", "customers.parquet"))
    members = read_table(artifact("identity", "segments.parquet"))
    segments = Identity.from_plain(read_json(artifact("identity", "identity.json"))["identity"]).segments
    columns = list(config.grid_feature_sets[choice["feature_set"]].columns)
    clusters = members["cluster"].to_numpy()
    names = [segment.name for segment in segments]
    known = _with_basket_mix(features)
    space, centres = _fitted(choice)
    X = to_space(space, features)
    limits = fit_limits(space, centres, features, config.confidence)
    model = Segmentation(choice["candidate_id"], space, centres, segments, limits)
    made = {
        "profiles.parquet": _with_outlook(segment_profiles(features, clusters, names), choice["candidate_id"]),
        "make_up.parquet": make_up(features, clusters, names),
        "overall.json": overall_profile(features),
        "segments.json": {
            "names": names,
            "colours": [segment.colour for segment in segments],
            "ids": [segment.segment_id for segment in segments],
        },
        "segments.parquet": _with_confidence(members, features, model),
        "descriptors.parquet": segment_descriptors(known, clusters, names, columns),
        "tests.parquet": descriptor_tests(known, clusters, columns),
        "rules.json": plain_rules(features, clusters, columns, config.profiles.tree_depth).to_plain(),
        "reasons.parquet": members[["customer_id"]].join(reasons(X, clusters, centres, columns, names)),
    }
    if config.rfm_map.segments and set(RFM_SCORES) <= set(features.columns):
        rfm = rfm_segments(features, config.rfm_map)
        made["rfm.parquet"] = members[["customer_id"]].assign(rfm_segment=rfm)
        made["rfm_segments.parquet"] = rfm_table(features, config.rfm_map)
        made["rfm_cross_table.parquet"] = cross_table(rfm, clusters, names, list(config.rfm_map.segments))
    return made


def _with_outlook(profiles: pd.DataFrame, candidate_id: str) -> pd.DataFrame:
    """The profiles and, where there is a prediction, what is predicted of each segment."""
    ahead = read_json(artifact("prediction", "prediction.json"))
    if not ahead["applies"]:
        return profiles
    if ahead["candidate_id"] != candidate_id:
        raise DataError(
            "what was predicted is of other segments than the chosen ones",
            where=str(artifact("prediction", "prediction.json")),
            fix="run `segments prediction`, or `dvc repro`",
        )
    predicted = read_table(artifact("prediction", "segments.parquet"))
    return profiles.merge(predicted[["cluster", *OUTLOOK]], on="cluster", validate="one_to_one")


def _with_confidence(members: pd.DataFrame, features: pd.DataFrame, model: Segmentation) -> pd.DataFrame:
    """Who is in which segment, and how far to believe it: the model's margin and confidence, and the share of bootstraps that agree."""
    said = model.predict(features)[["margin", "confidence", "boundary", "out_of_range"]].reset_index(drop=True)
    agreement = read_table(artifact("evidence", "agreement.parquet"))
    if model.candidate_id in agreement:  # else it has no evidence: a person chose it
        said["agreement"] = agreement[model.candidate_id].to_numpy()
    return pd.concat([members.reset_index(drop=True), said], axis=1)


def _with_basket_mix(features: pd.DataFrame) -> pd.DataFrame:
    """The features and, where there is a log, what customers put into their baskets."""
    path = artifact("features", "basket_mix.parquet")
    if not path.is_file():
        return features
    return features.merge(read_table(path), on="customer_id", how="left", validate="one_to_one")


def _fitted(choice: dict[str, Any]) -> tuple[Space, np.ndarray[Any, np.dtype[np.float64]]]:
    fits = read_json(artifact("sweep", "fits.json"))
    return Space.from_plain(fits["spaces"][choice["cell"]]), np.array(fits["centres"][choice["candidate_id"]])
