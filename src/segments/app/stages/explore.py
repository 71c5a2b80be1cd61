"""Stage `explore`: features in, pictures of them out, with their numbers and what deserves a second look."""

from __future__ import annotations

from segments.config.root import Config
from segments.features.explore import explore, summary_of
from segments.io.plots.explore import exploratory_pictures
from segments.io.plots.style import png
from segments.io.store import catalog


def run(config: Config) -> None:
    """Summarise the feature table, draw it, and write down what is skewed, constant, missing or said twice."""
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    features = catalog.read(catalog.FEATURES)
    seen = explore(features, config.explore, config.source.units)
    catalog.write(catalog.EXPLORE_PICTURES, {name: png(figure) for name, figure in exploratory_pictures(seen).items()})
    catalog.write(catalog.EXPLORE_SUMMARY, summary_of(seen))
    catalog.write(catalog.FEATURE_WARNINGS, seen.warnings)
