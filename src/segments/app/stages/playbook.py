"""Stage `playbook`: the segments' profiles, with what is predicted of them, and conf/playbook/ in, a playbook per segment with its evidence out."""

from __future__ import annotations

from segments.action.playbook import assign_playbooks, plan_of, playbook_page, playbook_table, with_outlook
from segments.app.stages import check_source
from segments.config import Config
from segments.identity.profiles import OUTLOOK
from segments.io import store
from segments.io.store import catalog


def run(config: Config) -> None:
    """Match playbooks to the segments; when nothing was chosen, say that nothing is assigned."""
    check_source(store.artifact("features", "report.json"), config.source.name)
    table, page = store.artifact("playbook", "playbook.parquet"), store.artifact("playbook", "playbook.md")
    books = list(config.playbooks.values())
    if not store.read_json(store.artifact("profiles", "segments.json"))["names"]:
        for path in (table, page):
            path.unlink(missing_ok=True)
        catalog.write(catalog.PLAN, plan_of([], books, config.source.name))
        return
    features = store.read_table(store.artifact("features", "customers.parquet"))
    labels = store.read_table(store.artifact("profiles", "segments.parquet"))["cluster"].to_numpy()
    profiles = store.read_table(store.artifact("profiles", "profiles.parquet"))
    assignments = assign_playbooks(features, labels, profiles, books, config.profiles, config.playbook)
    if set(OUTLOOK) <= set(profiles.columns):
        prediction = store.read_json(store.artifact("prediction", "prediction.json"))
        assignments = with_outlook(assignments, profiles, prediction["settings"]["horizon_days"])
    store.write_table(table, playbook_table(assignments, books))
    store.write_text(page, playbook_page(assignments, books))
    catalog.write(catalog.PLAN, plan_of(assignments, books, config.source.name))
