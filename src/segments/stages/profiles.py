"""Stage `profiles`: the chosen clusters and all features in, one named row per segment out."""

from __future__ import annotations

from segments import store
from segments.config import Config
from segments.errors import ConfigError
from segments.profiles import make_up, overall_profile, segment_names, segment_profiles


def run(config: Config) -> None:
    """Name and describe the chosen segments; when nothing was chosen, write nothing."""
    choice = store.read_json(store.artifact("selection", "choice.json"))
    made = {
        name: store.artifact("profiles", name)
        for name in ("profiles.parquet", "make_up.parquet", "overall.json", "segments.json", "segments.parquet")
    }
    if choice["candidate_id"] is None:
        for path in made.values():
            path.unlink(missing_ok=True)
        store.write_json(store.artifact("profiles", "segments.json"), {"names": []})
        return
    if choice["feature_set"] not in config.grid_feature_sets:
        raise ConfigError(
            f"the chosen feature set '{choice['feature_set']}' is not in sweep.feature_sets",
            where="sweep.feature_sets",
            fix="give `segments profiles` the same overrides as `segments sweep`",
        )
    features = store.read_table(store.artifact("features", "customers.parquet"))
    labels = store.read_table(store.artifact("selection", "labels.parquet"))
    columns = list(config.grid_feature_sets[choice["feature_set"]].columns)
    clusters = labels["cluster"].to_numpy()
    names = segment_names(features, clusters, columns, config.profiles)
    store.write_table(made["profiles.parquet"], segment_profiles(features, clusters, names))
    store.write_table(made["make_up.parquet"], make_up(features, clusters, names))
    store.write_json(made["overall.json"], overall_profile(features))
    store.write_json(made["segments.json"], {"names": names})
    store.write_table(made["segments.parquet"], labels.assign(segment=[names[cluster] for cluster in clusters]))
