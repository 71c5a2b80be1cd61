"""Stage `selection`: candidates in, the chosen one, the runner-up, the reason and a cluster per customer out."""

from __future__ import annotations

from segments import store
from segments.config import Config
from segments.selection import choose


def run(config: Config) -> None:
    """Choose by the rule; when nothing passes, write that and no labels."""
    candidates = store.read_table(store.artifact("sweep", "candidates.parquet"))
    choice = choose(candidates, config.selection)
    store.write_json(store.artifact("selection", "choice.json"), choice.to_plain())
    labels = store.artifact("selection", "labels.parquet")
    if choice.candidate_id is None:
        labels.unlink(missing_ok=True)
        return
    table = store.read_table(store.artifact("sweep", "labels.parquet"), columns=["customer_id", choice.candidate_id])
    store.write_table(labels, table.rename(columns={choice.candidate_id: "cluster"}))
