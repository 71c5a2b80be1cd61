"""Stage `playbook`: the segments' profiles, with what is predicted of them, and conf/playbook/ in, a playbook per segment with its evidence out."""

from __future__ import annotations

from segments.action.overlay import overlay_table
from segments.action.playbook import (
    assign_playbooks,
    plan_of,
    playbook_page,
    playbook_table,
    why_unused,
    with_outlook,
    worded,
)
from segments.config.root import Config
from segments.io.store import catalog
from segments.io.store.documents import PredictionFacts


def run(config: Config) -> str:
    """Match playbooks to the segments; when nothing was chosen, say that nothing is assigned."""
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    features = catalog.read(catalog.FEATURES)
    source = config.source
    books = [worded(book, features.columns, source.currency) for book in config.playbooks.values()]
    if not catalog.read(catalog.SEGMENTS).names:
        catalog.keep_only("playbook", [catalog.PLAYBOOKS])
        catalog.write(catalog.PLAYBOOKS, plan_of([], books, source.name))
        return ""
    members = catalog.read(catalog.SEGMENT_MEMBERS)
    labels = members["cluster"].to_numpy()
    profiles = catalog.read(catalog.PROFILES)
    assignments = assign_playbooks(features, labels, profiles, books, config.profiles, config.playbook, source.labels)
    prediction = catalog.read(catalog.PREDICTION)
    if isinstance(prediction, PredictionFacts):
        assignments = with_outlook(assignments, profiles, prediction.settings.horizon_days)
    catalog.write(catalog.PLAYBOOK_TABLE, playbook_table(assignments, books))
    catalog.write(catalog.PLAYBOOK_PAGE, playbook_page(assignments, books, source.currency, prediction.not_shown))
    why = why_unused(features, labels, profiles, books, config.profiles, assignments, source.labels)
    catalog.write(catalog.PLAYBOOKS, plan_of(assignments, books, source.name, why))
    overlays, notes = overlay_table(features, members, config.overlay.traits, source.labels)
    catalog.write(catalog.OVERLAYS, overlays)
    return "\n".join(notes)
