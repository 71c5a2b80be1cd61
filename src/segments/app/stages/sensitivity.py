"""Stage `sensitivity`: the chosen candidate in, its agreement with what a change makes of it out."""

from __future__ import annotations

from datetime import date

from segments.app.jobs.inputs import features_as_of
from segments.app.jobs.specs import chosen
from segments.config import Config
from segments.evidence.sensitivity import firmness, in_words, months_before, sensitivity
from segments.io import store
from segments.io.plots import png
from segments.io.plots.sensitivity import agreement


def run(config: Config) -> str:
    """Try the changes and write agreements, notes and picture; when nothing was chosen, write that there is nothing."""
    table_path, picture_path = (
        store.artifact("sensitivity", name) for name in ("sensitivity.parquet", "sensitivity.png")
    )
    notes_path = store.artifact("sensitivity", "sensitivity.json")
    spec = chosen(config)
    if spec is None:
        for path in (table_path, picture_path):
            path.unlink(missing_ok=True)
        store.write_json(
            notes_path, {"candidate": None, "firmness": None, "in_words": [], "notes": ["nothing was chosen"]}
        )
        return "nothing was chosen, so there is nothing to change"
    features = store.read_table(store.artifact("features", "customers.parquet"))
    labels = store.read_table(store.artifact("selection", "labels.parquet"))["cluster"].to_numpy()
    earlier = None
    if config.source.transactions is not None and config.source.as_of is not None:
        day = months_before(date.fromisoformat(config.source.as_of), config.sensitivity.months_earlier).isoformat()
        earlier = (day, features_as_of(config, day).table)
    table, notes = sensitivity(features, labels, spec, config.grid_scalers.values(), config.sensitivity, earlier)
    store.write_table(table_path, table)
    said = {"candidate": spec.name, "firmness": firmness(table), "in_words": in_words(table), "notes": notes}
    store.write_json(notes_path, said)
    store.write_bytes(picture_path, png(agreement(table, spec.name)))
    return "\n".join([firmness(table), *in_words(table), *notes])
