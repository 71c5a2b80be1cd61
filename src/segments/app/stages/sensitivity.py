"""Stage `sensitivity`: the chosen candidate in, its agreement with what a change makes of it out."""

from __future__ import annotations

from datetime import date

import pandas as pd

from segments.app.jobs.inputs import features_as_of
from segments.app.jobs.metrics import sensitivity_metrics
from segments.app.jobs.specs import chosen
from segments.config.root import Config
from segments.errors import DataError
from segments.evidence.sensitivity import firmness, months_before, sensitivity, sensitivity_in_words
from segments.io.plots.sensitivity import agreement
from segments.io.plots.style import png
from segments.io.store import catalog
from segments.io.store.documents import Firmness


def run(config: Config) -> str:
    """Try the changes and write agreements, notes and picture; when nothing was chosen, write that there is nothing."""
    spec = chosen(config)
    if spec is None:
        catalog.drop(catalog.SENSITIVITY)
        catalog.drop(catalog.SENSITIVITY_PICTURES)
        catalog.write(catalog.FIRMNESS, Firmness(None, None, [], ["nothing was chosen"]))
        catalog.write(catalog.SENSITIVITY_METRICS, sensitivity_metrics(None))
        return "nothing was chosen, so there is nothing to change"
    features = catalog.read(catalog.FEATURES)
    labels = catalog.read(catalog.CHOSEN_LABELS)["cluster"].to_numpy()
    earlier: tuple[str, pd.DataFrame] | str = "the source has no transactions"
    if config.source.transactions is not None and config.source.as_of is not None:
        day = months_before(date.fromisoformat(config.source.as_of), config.sensitivity.months_earlier).isoformat()
        try:
            earlier = (day, features_as_of(config, day).table)
        except DataError as error:  # a log that is younger
            earlier = error.what
    table, notes = sensitivity(features, labels, spec, config.grid_scalers.values(), config.sensitivity, earlier)
    catalog.write(catalog.SENSITIVITY, table)
    catalog.write(catalog.SENSITIVITY_METRICS, sensitivity_metrics(table))
    catalog.write(catalog.FIRMNESS, Firmness(spec.name, firmness(table), sensitivity_in_words(table), notes))
    catalog.write(catalog.SENSITIVITY_PICTURES, {"sensitivity": png(agreement(table, spec.name))})
    return "\n".join([firmness(table), *sensitivity_in_words(table), *notes])
