"""Stage `selection`: candidates and evidence in; the chosen one, the runner-up, the reason and a cluster per customer out."""

from __future__ import annotations

from segments.app.jobs.metrics import front_points, selection_metrics
from segments.config.root import Config
from segments.evidence.selection import choose, largest_revenue_shares
from segments.io.plots.selection import front
from segments.io.plots.style import png
from segments.io.store import catalog


def run(config: Config) -> None:
    """Choose by the rule, or as a person decided; when nothing passes, write that and no labels."""
    evidence = catalog.read(catalog.CANDIDATE_EVIDENCE)
    table = catalog.read(catalog.CANDIDATES).merge(evidence, on="candidate_id", how="left", validate="one_to_one")
    features, labels = catalog.read(catalog.FEATURES), catalog.read(catalog.LABELS)
    if "monetary" in features:
        table["revenue_share"] = largest_revenue_shares(labels[table["candidate_id"].tolist()], features["monetary"])
    choice = choose(table, config.selection, config.decisions.selected.get(config.source.name))
    catalog.write(catalog.JUDGED_CANDIDATES, table)
    catalog.write(catalog.CHOICE, choice)
    catalog.write(catalog.SELECTION_METRICS, selection_metrics(choice, table))
    shown = (table, config.selection.metric, choice.front, choice.misses, choice.candidate_id)
    picture = png(front(*shown))
    catalog.write(catalog.FRONT_POINTS, front_points(*shown))
    catalog.write(catalog.SELECTION_PICTURES, {"front": picture})
    if choice.candidate_id is None:
        catalog.drop(catalog.CHOSEN_LABELS)
        return
    every = labels[["customer_id", choice.candidate_id]]
    catalog.write(catalog.CHOSEN_LABELS, every.rename(columns={choice.candidate_id: "cluster"}))
