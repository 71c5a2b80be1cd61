"""Stage `explore`: features in, pictures of them out, with their numbers and what deserves a second look."""

from __future__ import annotations

from segments.app.stages import check_source
from segments.config import Config
from segments.features.explore import explore, summary_of
from segments.io import store
from segments.io.plots import png
from segments.io.plots.explore import pictures
from segments.io.store import catalog


def run(config: Config) -> None:
    """Summarise the feature table, draw it, and write down what is skewed, constant, missing or said twice."""
    check_source(store.artifact("features", "report.json"), config.source.name)
    features = store.read_table(store.artifact("features", "customers.parquet"))
    seen = explore(features, config.explore, config.source.units)
    drawn = {f"{name}.png": png(figure) for name, figure in pictures(seen).items()}
    for name, picture in drawn.items():
        store.write_bytes(store.artifact("explore", name), picture)
    for stale in store.artifact("explore").glob("*.png"):
        if stale.name not in drawn:  # left over from data with other columns
            stale.unlink()
    catalog.write(catalog.EXPLORE_SUMMARY, summary_of(seen))
    catalog.write(catalog.FEATURE_WARNINGS, seen.warnings)
