"""Stage `sensitivity`: the candidates that could be chosen in; how much of each stays when one thing is changed, and whether it is firm, out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from segments.app.jobs.evidence import measured_candidates, record_measured
from segments.app.jobs.inputs import features_as_of
from segments.app.jobs.metrics import sensitivity_metrics
from segments.app.jobs.pool import side_by_side
from segments.app.jobs.specs import spec_of
from segments.clustering.candidate import Spec
from segments.clustering.silhouette import cores_to_use
from segments.config.evidence import SensitivityConfig
from segments.config.root import Config
from segments.config.sweep import Scaler
from segments.errors import DataError
from segments.evidence.selection import to_try
from segments.evidence.sensitivity import Partition, hold, months_before, sensitivity
from segments.io.store import catalog
from segments.io.store.documents import SensitivityRun


def run(config: Config) -> str:
    """Try the changes on every candidate that passes the gates, and on the one that a person chose."""
    catalog.check_source(catalog.SWEEP, config.source.name)
    table, wanted = measured_candidates(), config.sensitivity
    ids = to_try(table, config.selection, wanted.finalists)
    decision = config.decisions.selected.get(config.source.name)
    if (
        decision is not None
        and decision.candidate_id not in ids
        and (table["candidate_id"] == decision.candidate_id).any()
    ):
        ids.append(decision.candidate_id)
    features, labels, earlier = catalog.read(catalog.FEATURES), catalog.read(catalog.LABELS), _earlier(config)
    found: dict[str, tuple[pd.DataFrame, list[str]]] = {}
    tasks = []
    for _, row in table[table["candidate_id"].isin(ids)].iterrows():
        like = table[
            (table["feature_set"] == row["feature_set"]) & (table["k"] == row["k"]) & (table["seed"] == row["seed"])
        ]
        known = {scaler: labels[i].to_numpy() for i, scaler in zip(like["candidate_id"], like["scaler"], strict=True)}
        identity = row["candidate_id"]
        spec, scalers = spec_of(config, row), list(config.grid_scalers.values())
        tasks.append((identity, features, labels[identity].to_numpy(), spec, scalers, wanted, earlier, known))
    for identity, changes, notes in side_by_side(
        _try, tasks, min(cores_to_use(config.sweep.workers), max(len(tasks), 1))
    ):
        found[identity] = changes, notes
    rows = [(i, *hold(found[i][0], wanted)) for i in ids]
    held = pd.DataFrame(rows, columns=["candidate_id", "agreement_min", "hangs_on", "firm"])
    nothing = pd.DataFrame(columns=["change", "detail", "ari", "customers"])
    every = [found[i][0].assign(candidate_id=i) for i in ids] or [nothing.assign(candidate_id="")]
    changes = pd.concat(every, ignore_index=True)[["candidate_id", "change", "detail", "ari", "customers"]]
    catalog.write(catalog.SENSITIVITY, changes.astype({"ari": "float64", "customers": "int64"}))
    catalog.write(catalog.HOLDS, held.astype({"agreement_min": "float64", "firm": "bool"}))
    catalog.write(catalog.SENSITIVITY_RUN, SensitivityRun(wanted.firm, {i: found[i][1] for i in ids}))
    catalog.write(catalog.SENSITIVITY_METRICS, sensitivity_metrics(held))
    record_measured(config)
    if not ids:
        return "no candidate passes the gates, so there is nothing to change"
    best = held.loc[held["agreement_min"].idxmax()] if held["agreement_min"].notna().any() else None
    most = "" if best is None else f"; the highest lowest agreement is {best['agreement_min']:.2f}"
    return f"{int(held['firm'].sum())} of {len(held)} candidates that pass the gates are firm (agreement of {wanted.firm:g} under every single change){most}"


def _earlier(config: Config) -> tuple[str, pd.DataFrame] | str:
    """The feature table of an earlier day, or why there is none."""
    if config.source.transactions is None or config.source.as_of is None:
        return "the source has no transactions"
    day = months_before(date.fromisoformat(config.source.as_of), config.sensitivity.months_earlier).isoformat()
    try:
        return day, features_as_of(config, day).table
    except DataError as error:  # a log that is younger
        return error.what


def _try(
    identity: str,
    features: pd.DataFrame,
    labels: Partition,
    spec: Spec,
    scalers: list[Scaler],
    config: SensitivityConfig,
    earlier: tuple[str, pd.DataFrame] | str,
    known: Mapping[str, Partition],
) -> tuple[str, pd.DataFrame, list[str]]:
    return identity, *sensitivity(features, labels, spec, scalers, config, earlier, known)
