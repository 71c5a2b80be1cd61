"""Stage `selection`: candidates and all that was measured of them in; the chosen one, the runner-up, the reason and a cluster per customer out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from segments.app.jobs.evidence import measured_candidates
from segments.app.jobs.metrics import front_points, selection_metrics
from segments.app.jobs.of_record import of_everybody
from segments.clustering.space import nearest, to_space
from segments.config.root import Config
from segments.evidence.selection import Choice, choose, name_of
from segments.evidence.sensitivity import firmness, sensitivity_in_words
from segments.io.plots.selection import front
from segments.io.plots.sensitivity import agreement
from segments.io.plots.style import drawn
from segments.io.store import catalog
from segments.io.store.documents import Firmness


def run(config: Config) -> str:
    """Choose by the rule, or as a person decided; when nothing passes, write that and no labels; returns the reason."""
    held = catalog.read(catalog.HOLDS)
    table = measured_candidates().merge(held, on="candidate_id", how="left", validate="one_to_one")
    table["firm"] = table["firm"].fillna(False).astype(bool)
    table["hangs_on"] = table["hangs_on"].fillna("")
    without = catalog.read(catalog.USEFULNESS_WITHOUT) if catalog.exists(catalog.USEFULNESS_WITHOUT) else pd.DataFrame()
    choice = choose(table, config.selection, config.decisions.selected.get(config.source.name), without)
    if choice.candidate_id is None:
        instead = f"loosen a gate of section selection, or choose by hand: segments select {choice.finalists[0]} --because WHY"
        choice = replace(choice, reason=f"{choice.reason} Nothing is registered: {instead}")
    catalog.write(catalog.JUDGED_CANDIDATES, table)
    catalog.write(catalog.CHOICE, choice)
    shown = (table, config.selection.metric, choice.front, choice.misses, choice.candidate_id)
    catalog.write(catalog.FRONT_POINTS, front_points(*shown))
    figures = {"front": front(*shown)}
    if choice.candidate_id is None:
        catalog.drop(catalog.CHOSEN_LABELS)
        catalog.drop(catalog.FIT_OF_RECORD)
        catalog.write(catalog.FIRMNESS, Firmness(None, None, [], ["nothing was chosen"]))
    else:
        changes = catalog.read(catalog.SENSITIVITY)
        own = changes[changes["candidate_id"] == choice.candidate_id]
        name = name_of(table.set_index("candidate_id").loc[choice.candidate_id])
        notes = catalog.read(catalog.SENSITIVITY_RUN).notes.get(choice.candidate_id, [])
        said = Firmness(name, firmness(own, config.sensitivity), sensitivity_in_words(own), notes)
        catalog.write(catalog.FIRMNESS, said)
        if len(own):
            figures["sensitivity"] = agreement(own, name)
        every = catalog.read(catalog.LABELS)[["customer_id", choice.candidate_id]]
        every = every.rename(columns={choice.candidate_id: "cluster"})
        catalog.write(catalog.CHOSEN_LABELS, _of_record(config, choice, every))
    fit = catalog.read(catalog.FIT_OF_RECORD) if catalog.exists(catalog.FIT_OF_RECORD) else None
    catalog.write(catalog.SELECTION_METRICS, selection_metrics(choice, table, fit))
    catalog.write(catalog.SELECTION_PICTURES, drawn(figures))
    return choice.reason


def _of_record(config: Config, choice: Choice, every: pd.DataFrame) -> pd.DataFrame:
    """Polish the chosen centres over everybody on an engine, if not all are here; returns who is in which cluster then."""
    assert choice.chosen is not None
    fit = None
    if config.source.engine is not None:
        fits = catalog.read(catalog.FITS)
        space, centres = fits.spaces[choice.chosen.cell], np.array(fits.centres[choice.chosen.candidate_id])
        fit = of_everybody(config, choice.chosen.candidate_id, space, centres, config.algorithm)
    if fit is None:
        catalog.drop(catalog.FIT_OF_RECORD)
        return every
    catalog.write(catalog.FIT_OF_RECORD, fit)
    labels, _ = nearest(to_space(space, catalog.read(catalog.FEATURES)), np.array(fit.centres))
    return every.assign(cluster=labels.astype(every["cluster"].dtype))
