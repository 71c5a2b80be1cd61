"""Which candidates a config asks for, and which one was chosen. Comes in: the config, the choice. Goes out: specs."""

from __future__ import annotations

from segments.clustering.candidate import Spec, plan
from segments.config.root import Config
from segments.errors import ConfigError
from segments.io.store import catalog


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
    candidate_id = catalog.read(catalog.CHOICE).candidate_id
    if candidate_id is None:
        return None
    candidates = catalog.read(catalog.CANDIDATES)
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
