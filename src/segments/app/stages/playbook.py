"""Stage `playbook`: the segments' profiles, with what is predicted of them, and conf/playbook/ in, a playbook per segment with its evidence out."""

from __future__ import annotations

from segments.action.playbook import assign_playbooks, plan_of, playbook_page, playbook_table, with_outlook
from segments.config.root import Config
from segments.identity.profiles import OUTLOOK
from segments.io.store import catalog
from segments.io.store.files import artifact, check_source, read_json, read_table, write_table, write_text


def run(config: Config) -> None:
    """Match playbooks to the segments; when nothing was chosen, say that nothing is assigned."""
    check_source(artifact("features", "report.json"), config.source.name)
    table, page = artifact("playbook", "playbook.parquet"), artifact("playbook", "playbook.md")
    books = list(config.playbooks.values())
    if not read_json(artifact("profiles", "segments.json"))["names"]:
        for path in (table, page):
            path.unlink(missing_ok=True)
        catalog.write(catalog.PLAN, plan_of([], books, config.source.name))
        return
    features = read_table(artifact("features", "customers.parquet"))
    labels = read_table(artifact("profiles", "segments.parquet"))["cluster"].to_numpy()
    profiles = read_table(artifact("profiles", "profiles.parquet"))
    assignments = assign_playbooks(features, labels, profiles, books, config.profiles, config.playbook)
    if set(OUTLOOK) <= set(profiles.columns):
        prediction = read_json(artifact("prediction", "prediction.json"))
        assignments = with_outlook(assignments, profiles, prediction["settings"]["horizon_days"])
    write_table(table, playbook_table(assignments, books))
    write_text(page, playbook_page(assignments, books))
    catalog.write(catalog.PLAN, plan_of(assignments, books, config.source.name))
