"""Stage `selection`: candidates and evidence in; the chosen one, the runner-up, the reason and a cluster per customer out."""

from __future__ import annotations

from segments.config.root import Config
from segments.evidence.selection import choose
from segments.io.plots.selection import front
from segments.io.plots.style import png
from segments.io.store.files import artifact, read_table, write_bytes, write_json, write_table


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
