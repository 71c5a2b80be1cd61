"""Command `select`: a person chooses a candidate, or gives the choice back to the rule; ``conf/decisions.yaml`` remembers it."""

from __future__ import annotations

from dataclasses import asdict, replace

from segments.config.decisions import Decision
from segments.config.root import Config
from segments.errors import ConfigError
from segments.evidence.selection import name_of
from segments.io.store import catalog
from segments.io.store.decisions import reason_of, write_decisions
from segments.io.store.fingerprints import now, person


def run(config: Config, candidate: str, because: str = "") -> str:
    """Record the decision; `dvc repro` carries it out.

    Raises
    ------
    ConfigError
        If the last sweep has no such candidate, or no reason is given.
    """
    source, decisions = config.source.name, config.decisions
    if candidate == "rule":
        write_decisions(replace(decisions, selected={k: v for k, v in decisions.selected.items() if k != source}))
        return f"{source}: the rule chooses again; `dvc repro` carries it out"
    because = reason_of(because, "select")
    table = catalog.read(catalog.CANDIDATES)
    found = table[table["candidate_id"].str.startswith(candidate)]
    if len(found) != 1:
        raise ConfigError(
            f"{len(found) or 'no'} candidates of the last sweep have an id that begins with '{candidate}'",
            where="segments select",
            fix="copy the id from `segments.candidate_id` in MLflow, or from artifacts/sweep/candidates.parquet",
        )
    row = found.iloc[0]
    decision = Decision(row["candidate_id"], name_of(row), because, person(), now())
    write_decisions(replace(decisions, selected={**decisions.selected, source: decision}))
    said = asdict(decision)
    return f"{source}: {said['name']} ({said['candidate_id']}) chosen by {said['by']}; `dvc repro` carries it out"
