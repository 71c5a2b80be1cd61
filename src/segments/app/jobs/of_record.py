"""The fit of record of a source on an engine: the chosen centres, polished over everybody there.

Comes in: a config, a candidate. Goes out: its centres and scores over all customers; ``None`` where all of them are here, as then the candidate is that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.clustering.space import Space, to_space
from segments.config.root import Config
from segments.config.sweep import Algorithm
from segments.features.derived import derive
from segments.features.table import rfm_scores_sql
from segments.io.engines.kept import LogEngine, log_engine
from segments.io.store import catalog
from segments.model.of_record import FitOfRecord, Pass, Sums, fit_of_record


def of_everybody(
    config: Config, candidate_id: str, space: Space, centres: NDArray[np.float64], algorithm: Algorithm
) -> FitOfRecord | None:
    """Polish a candidate over all customers on the engine of the source.

    Raises
    ------
    DataError
        If the engine cannot be reached, fails, or its table is not the one that the stage `features` speaks of.
    SweepError
        If nobody there has a place in the space of the candidate.
    """
    if config.source.engine is None or catalog.read(catalog.ENGINE_LOG).sample_until is None:
        return None
    points = to_space(space, catalog.read(catalog.FEATURES))
    with log_engine(config.source) as engine:
        frame = _everybody(engine, config, space)

        def ask(one: Pass) -> Sums:
            texts = engine.texts_by_parts(frame, lambda batches: one.over(batches).to_json())
            return sum(map(Sums.from_json, texts), one.over([]))

        return fit_of_record(
            candidate_id, space, centres, points, ask, algorithm, config.sweep.scoring, config.sweep.seed
        )


def _everybody(engine: LogEngine, config: Config, space: Space) -> Any:
    """The columns of the space, of all customers who have every value that the stage `features` asks for."""
    source = config.source
    frame = engine.kept(catalog.read(catalog.ENGINE_FEATURES), "features")
    frame = frame.selectExpr("*", *rfm_scores_sql(catalog.read(catalog.RFM_CUTS)))
    used = {*space.columns, *config.used_columns}
    if source.customers is not None and used - set(frame.columns):
        people = derive(catalog.read(catalog.CLEAN_CUSTOMERS), source.customers, source.as_of, [])
        frame = engine.joined(frame, people[["customer_id", *(name for name in people if name in used)]])
    asked = [name for name in config.used_columns if name in frame.columns]
    return engine.complete(frame, asked, space.columns)
