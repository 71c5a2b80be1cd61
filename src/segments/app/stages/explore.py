"""Stage `explore`: features in, pictures of them out, with their numbers and what deserves a second look."""

from __future__ import annotations

from contextlib import suppress

import pandas as pd
from pandas.api.types import is_numeric_dtype

from segments.clustering.fitted.columns import check_columns
from segments.clustering.space import category_share, fit_space
from segments.config.root import Config
from segments.config.sweep import Scaler
from segments.errors import SweepError
from segments.features.explore import FeatureWarning, explore, summary_of, warn_of_categories, warn_of_left_out
from segments.io.plots.explore import exploratory_pictures
from segments.io.plots.style import drawn
from segments.io.store import catalog


def run(config: Config) -> None:
    """Summarise the feature table, draw it, and write down what is skewed, constant, missing or said twice."""
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    features = catalog.read(catalog.FEATURES)
    seen = explore(features, config.explore, config.source.labels)
    catalog.write(catalog.EXPLORE_PICTURES, drawn(exploratory_pictures(seen)))
    catalog.write(catalog.EXPLORE_SUMMARY, summary_of(seen))
    catalog.write(catalog.FEATURE_WARNINGS, [*seen.warnings, *_of_feature_sets(config, features)])


def _of_feature_sets(config: Config, features: pd.DataFrame) -> list[FeatureWarning]:
    """What is to be said of the feature sets: what they leave out, and where categories make most of the distances."""
    found: list[FeatureWarning] = []
    for feature_set in config.grid_feature_sets.values():
        with suppress(SweepError):  # the sweep says it
            found += [warn_of_left_out(*one) for one in check_columns(features, feature_set).items()]
            if all(is_numeric_dtype(features[name]) and not one.levels for name, one in feature_set.columns.items()):
                continue  # no categories
            space, X = fit_space(features, feature_set, Scaler("standard"))
            categories = list(dict.fromkeys(axis.column for axis in space.axes if axis.kind == "level"))
            found += warn_of_categories(feature_set.name, categories, category_share(space, X), config.explore)
    return found
