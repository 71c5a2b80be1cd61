"""Stage `selection`: candidates and evidence in; the chosen one, the runner-up, the reason and a cluster per customer out."""

from __future__ import annotations

from segments.config import Config
from segments.evidence.selection import choose
from segments.io import store
from segments.io.plots import png
from segments.io.plots.selection import front


def run(config: Config) -> None:
    """Choose by the rule, or as a person decided; when nothing passes, write that and no labels."""
    evidence = store.read_table(store.artifact("evidence", "evidence.parquet"))
    table = store.read_table(store.artifact("sweep", "candidates.parquet")).merge(
        evidence, on="candidate_id", how="left", validate="one_to_one"
    )
    choice = choose(table, config.selection, config.decisions.selected.get(config.source.name))
    store.write_table(store.artifact("selection", "candidates.parquet"), table)
    store.write_json(store.artifact("selection", "choice.json"), choice.to_plain())
    store.write_bytes(
        store.artifact("selection", "front.png"),
        png(front(table, config.selection.metric, choice.front, choice.misses, choice.candidate_id)),
    )
    labels = store.artifact("selection", "labels.parquet")
    if choice.candidate_id is None:
        labels.unlink(missing_ok=True)
        return
    every = store.read_table(store.artifact("sweep", "labels.parquet"), columns=["customer_id", choice.candidate_id])
    store.write_table(labels, every.rename(columns={choice.candidate_id: "cluster"}))
