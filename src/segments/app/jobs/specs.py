"""Which candidates a config asks for, which one was chosen, and what asks for one. Comes in: the config, the choice. Goes out: specs, a command."""

from __future__ import annotations

import shlex
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from segments.clustering.candidate import Spec, plan
from segments.config.columns import Entry
from segments.config.root import Config
from segments.config.sweep import Algorithm, Feature, Scaler, ScoringConfig
from segments.errors import ConfigError
from segments.io.store import catalog
from segments.io.store.files import checkout

LARGE_TABLE = 100_000  # of more customers no grid is too large, and to count the different ones takes long


def grid(config: Config, features: pd.DataFrame) -> list[list[Spec]]:
    """The cells that the config asks for, without a k that so few different customers cannot be parted into.

    Where there are too few for any, the cell stays whole, to be refused.
    """
    wanted = config.sweep
    cells = plan(
        config.source.name,
        config.grid_feature_sets.values(),
        config.grid_scalers.values(),
        config.algorithm,
        range(wanted.k_min, wanted.k_max + 1),
        wanted.seed,
        wanted.scoring,
    )
    if len(features) > LARGE_TABLE:
        return cells
    distinct = {
        name: len(features[[column for column in one.columns if column in features]].drop_duplicates())
        for name, one in config.grid_feature_sets.items()
    }
    return [[spec for spec in cell if spec.k < distinct[cell[0].feature_set.name]] or cell for cell in cells]


def capped(config: Config, cells: list[list[Spec]]) -> list[str]:
    """What is to be said where the grid is smaller than the config asks for."""
    largest = {cell[0].feature_set.name: cell[-1].k for cell in cells}
    return [
        f"{name} ends at k={k}: it has only {k + 1} different customers"
        for name, k in largest.items()
        if k < config.sweep.k_max
    ]


def chosen(config: Config) -> Spec | None:
    """What makes the chosen candidate the one it is: what later stages fit anew on other customers or days.

    Raises
    ------
    ConfigError
        If its feature set or scaler is no longer in the grid.
    """
    candidate_id = catalog.read(catalog.CHOICE).candidate_id
    if candidate_id is None:
        return None
    candidates = catalog.read(catalog.CANDIDATES)
    return spec_of(config, candidates.set_index("candidate_id").loc[candidate_id])


def spec_of(config: Config, row: pd.Series[Any]) -> Spec:
    """What makes a candidate the one it is, by its row in the table of candidates.

    Raises
    ------
    ConfigError
        If its feature set or scaler is no longer in the grid.
    """
    for group, grid in (("feature_set", config.grid_feature_sets), ("scaler", config.grid_scalers)):
        if row[group] not in grid:
            raise ConfigError(
                f"the {group} '{row[group]}' of what was swept is not in sweep.{group}s",
                where=f"sweep.{group}s",
                fix="give this command the same overrides as `segments sweep`",
            )
    return Spec(
        config.source.name,
        config.grid_feature_sets[row["feature_set"]],
        config.grid_scalers[row["scaler"]],
        config.algorithm,
        int(row["k"]),
        int(row["seed"]),
        config.sweep.scoring,
    )


def cell_command(spec: Spec, n_customers: int) -> str:
    """Write the command that makes the candidates of a cell again from the same feature table; all but ``k=…``, its last word.

    The members of the groups stand there by name, and a setting where ``conf/`` of the checkout says otherwise. One that is not the
    usual one stands there too: it may come from an edit of ``conf/`` that is taken back.

    Parameters
    ----------
    spec : Spec
        One of the cell.
    n_customers : int
        Customers clustered: while silhouettes are exact, the limits of that play no part.
    """
    conf, groups = checkout() / "conf", ("feature_set", "scaler", "algorithm")
    words = [f"source={spec.source}", *(f"{group}={getattr(spec, group).name}" for group in groups)]
    said = {group: _yaml(conf / group / f"{getattr(spec, group).name}.yaml") for group in groups}
    own, known = spec.feature_set.columns, said["feature_set"].get("columns", {})
    of_source = (_yaml(conf / "source" / f"{spec.source}.yaml").get("customers") or {}).get("columns") or {}
    entry = {one.name for one in fields(Entry)}
    words += [f"~feature_set.columns.{name}" for name in known if name not in own]
    meant = {name: {key: value for key, value in (of_source.get(name) or {}).items() if key in entry} for name in own}
    usual = _flat({"columns": {name: asdict(Feature()) | meant.get(name, {}) for name in known}})
    words += _different("feature_set", asdict(spec.feature_set), _flat(said["feature_set"]), usual, known_by_file=True)
    words += _different("scaler", asdict(spec.scaler), _flat(said["scaler"]), asdict(Scaler("none")))
    words += _different("algorithm", asdict(spec.algorithm), _flat(said["algorithm"]), asdict(Algorithm()))
    if not spec.scoring.is_exact(n_customers):
        settings, config = _yaml(conf / "settings/sweep.yaml"), _yaml(conf / "config.yaml").get("sweep", {})
        scoring = settings.get("scoring", {}) | config.get("scoring", {})
        words += _different("sweep.scoring", asdict(spec.scoring), scoring, asdict(ScoringConfig()))
    return shlex.join(["segments", "fit", *words, f"sweep.seed={spec.seed}"])


def _different(
    prefix: str, wanted: dict[str, Any], said: dict[str, Any], usual: dict[str, Any], *, known_by_file: bool = False
) -> list[str]:
    """Overrides for what a file does not say, nor the code where the file is silent; and, but for what only files know, for what is unusual."""
    return [
        f"{'' if key in said else '++'}{prefix}.{key}={'null' if value is None else value}"
        for key, value in _flat(wanted).items()
        if key != "name" and (value != said.get(key, usual.get(key)) or (not known_by_file and value != usual[key]))
    ]


def _flat(plain: dict[str, Any]) -> dict[str, Any]:
    """Values by their dotted path."""
    flat: dict[str, Any] = {}
    for key, value in plain.items():
        flat |= (
            {f"{key}.{inner}": one for inner, one in _flat(value).items()} if isinstance(value, dict) else {key: value}
        )
    return flat


def _yaml(path: Path) -> dict[str, Any]:
    """What a file of ``conf/`` says; nothing when somebody is just editing it, and then every setting is named."""
    try:
        plain = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}
