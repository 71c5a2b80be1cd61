"""What several stages and commands ask of earlier ones: the grid, the chosen one, features of a day, the purchase log.

Comes in: the config and what lies under ``artifacts/``. Goes out: specs and tables, or one sentence about what to run first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segments.clustering.candidate import Spec, plan
from segments.config import Config
from segments.errors import ConfigError
from segments.features.table import Features, as_of, build_features
from segments.io import store


def grid(config: Config) -> list[list[Spec]]:
    """The cells that the config asks for."""
    wanted = config.sweep
    return plan(
        config.source.name,
        config.grid_feature_sets.values(),
        config.grid_scalers.values(),
        config.algorithm,
        range(wanted.k_min, wanted.k_max + 1),
        wanted.seed,
        wanted.scoring,
    )


def chosen(config: Config) -> Spec | None:
    """What makes the chosen candidate the one it is: what later stages fit anew on other customers or days.

    Raises
    ------
    ConfigError
        If its feature set or scaler is no longer in the grid.
    """
    candidate_id = store.read_json(store.artifact("selection", "choice.json"))["candidate_id"]
    if candidate_id is None:
        return None
    candidates = store.read_table(store.artifact("sweep", "candidates.parquet"))
    row = candidates.set_index("candidate_id").loc[candidate_id]
    for group, grid in (("feature_set", config.grid_feature_sets), ("scaler", config.grid_scalers)):
        if row[group] not in grid:
            raise ConfigError(
                f"the chosen {group} '{row[group]}' is not in sweep.{group}s",
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


def features_as_of(config: Config, day: str | None) -> Features:
    """Read the clean tables of the source and build the features as they were at the end of a day; later lines change nothing.

    Raises
    ------
    ConfigError
        If the source has no transactions to look back in, or the day is later than its as-of date.
    """
    check_source(store.artifact("data", "report.json"), config.source.name)
    customers = None
    if config.source.customers is not None:
        customers = store.read_table(store.artifact("data", "customers.parquet"))
    return build_features(customers, purchase_log(config), as_of(config.source, day), config.features)


def purchase_log(config: Config) -> Any:
    """The clean purchase lines, open for the engine of the config; ``None`` where the source has none."""
    if config.source.transactions is None:
        return None
    open_log = store.scan_table if config.features.engine == "duckdb" else store.read_table
    return open_log(store.artifact("data", "transactions.parquet"))


def check_source(path: Path, source: str) -> None:
    """Refuse what an earlier stage made for another source.

    Parameters
    ----------
    path : Path
        A JSON file of that stage with a key ``source``.
    source : str
        Name of the source that is wanted now.

    Raises
    ------
    ConfigError
        Names both sources and the commands to run.
    """
    made_for, stage = store.read_json(path)["source"], path.parent.name
    if made_for != source:
        stages = ["data", "features", "sweep"]
        commands = [f"`segments {name} source={source}`" for name in stages[: stages.index(stage) + 1]]
        raise ConfigError(
            f"what `segments {stage}` made is of source '{made_for}', not '{source}'",
            where=str(path.parent),
            fix=f"run {', then '.join(commands)}; or go on with source={made_for}",
        )
