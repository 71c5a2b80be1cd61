"""Stage `sensitivity`: the chosen candidate in, its agreement with what a change makes of it out."""

from __future__ import annotations

from datetime import date

from segments.app.jobs.inputs import features_as_of
from segments.app.jobs.specs import chosen
from segments.config.root import Config
from segments.evidence.sensitivity import firmness, in_words, months_before, sensitivity
from segments.io.plots.sensitivity import agreement
from segments.io.plots.style import png
from segments.io.store.files import artifact, read_table, write_bytes, write_json, write_table


def run(config: Config) -> str:
    """Try the changes and write agreements, notes and picture; when nothing was chosen, write that there is nothing."""
    table_path, picture_path = (artifact("sensitivity", name) for name in ("sensitivity.parquet", "sensitivity.png"))
    notes_path = artifact("sensitivity", "sensitivity.json")
    spec = chosen(config)
    if spec is None:
        for path in (table_path, picture_path):
            path.unlink(missing_ok=True)
        write_json(notes_path, {"candidate": None, "firmness": None, "in_words": [], "notes": ["nothing was chosen"]})
        return "nothing was chosen, so there is nothing to change"
    features = read_table(artifact("features", "customers.parquet"))
    labels = read_table(artifact("selection", "labels.parquet"))["cluster"].to_numpy()
    earlier = None
    if config.source.transactions is not None and config.source.as_of is not None:
        day = months_before(date.fromisoformat(config.source.as_of), config.sensitivity.months_earlier).isoformat()
        earlier = (day, features_as_of(config, day).table)
    table, notes = sensitivity(features, labels, spec, config.grid_scalers.values(), config.sensitivity, earlier)
    write_table(table_path, table)
    said = {"candidate": spec.name, "firmness": firmness(table), "in_words": in_words(table), "notes": notes}
    write_json(notes_path, said)
    write_bytes(picture_path, png(agreement(table, spec.name)))
    return "\n".join([firmness(table), *in_words(table), *notes])
