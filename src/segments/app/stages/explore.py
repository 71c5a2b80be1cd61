"""Stage `explore`: features in, pictures of them out, with their numbers and what deserves a second look."""

from __future__ import annotations

from segments.config.root import Config
from segments.features.explore import explore, summary_of
from segments.io.plots.explore import pictures
from segments.io.plots.style import png
from segments.io.store import catalog
from segments.io.store.files import artifact, check_source, read_table, write_bytes


def run(config: Config) -> None:
    """Summarise the feature table, draw it, and write down what is skewed, constant, missing or said twice."""
    check_source(artifact("features", "report.json"), config.source.name)
    features = read_table(artifact("features", "customers.parquet"))
    seen = explore(features, config.explore, config.source.units)
    drawn = {f"{name}.png": png(figure) for name, figure in pictures(seen).items()}
    for name, picture in drawn.items():
        write_bytes(artifact("explore", name), picture)
    for stale in artifact("explore").glob("*.png"):
        if stale.name not in drawn:  # left over from data with other columns
            stale.unlink()
    catalog.write(catalog.EXPLORE_SUMMARY, summary_of(seen))
    catalog.write(catalog.FEATURE_WARNINGS, seen.warnings)
