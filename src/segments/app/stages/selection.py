"""Stage `selection`: candidates and evidence in; the chosen one, the runner-up, the reason and a cluster per customer out."""

from __future__ import annotations

from segments.clustering.candidate import Spec
from segments.config.root import Config
from segments.errors import ConfigError
from segments.evidence.selection import choose
from segments.io.plots.selection import front
from segments.io.plots.style import png
from segments.io.store.files import artifact, read_json, read_table, write_bytes, write_json, write_table


def run(config: Config) -> None:
    """Choose by the rule, or as a person decided; when nothing passes, write that and no labels."""
    evidence = read_table(artifact("evidence", "evidence.parquet"))
    table = read_table(artifact("sweep", "candidates.parquet")).merge(
        evidence, on="candidate_id", how="left", validate="one_to_one"
    )
    choice = choose(table, config.selection, config.decisions.selected.get(config.source.name))
    write_table(artifact("selection", "candidates.parquet"), table)
    write_json(artifact("selection", "choice.json"), choice.to_plain())
    write_bytes(
        artifact("selection", "front.png"),
        png(front(table, config.selection.metric, choice.front, choice.misses, choice.candidate_id)),
    )
    labels = artifact("selection", "labels.parquet")
    if choice.candidate_id is None:
        labels.unlink(missing_ok=True)
        return
    every = read_table(artifact("sweep", "labels.parquet"), columns=["customer_id", choice.candidate_id])
    write_table(labels, every.rename(columns={choice.candidate_id: "cluster"}))


def chosen(config: Config) -> Spec | None:
    """What makes the chosen candidate the one it is: what later stages fit anew on other customers or days.

    Raises
    ------
    ConfigError
        If its feature set or scaler is no longer in the grid.
    """
    candidate_id = read_json(artifact("selection", "choice.json"))["candidate_id"]
    if candidate_id is None:
        return None
    candidates = read_table(artifact("sweep", "candidates.parquet"))
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
