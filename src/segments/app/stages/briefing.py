"""Stage `briefing`: what earlier stages found in, one HTML report for a manager and its pictures out."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import pandas as pd

from segments.action.report import Briefing, compared_features, render
from segments.clustering.plane import plane
from segments.config.root import Config
from segments.evidence.selection import useful_in_words
from segments.features.meanings import called, label
from segments.identity.profiles import OUTLOOK
from segments.io.plots import profiles as draw
from segments.io.plots.style import PALETTE, drawn
from segments.io.records.notes import swept
from segments.io.store import catalog
from segments.io.store.documents import BriefingList, NoPrediction
from segments.model.segmentation import segment_title


def run(config: Config) -> None:
    """Draw the segments and write the report; when nothing was chosen, leave none."""
    catalog.check_source(catalog.SWEEP, config.source.name)
    choice = catalog.read(catalog.CHOICE)
    if choice.chosen is None:
        catalog.keep_only("briefing", [])
        catalog.write(catalog.BRIEFING, BriefingList([]))
        return
    table = {
        "profiles": catalog.read(catalog.PROFILES),
        "descriptors": catalog.read(catalog.DESCRIPTORS),
        "tests": catalog.read(catalog.TESTS),
        "make_up": catalog.read(catalog.MAKE_UP),
        "reasons": catalog.read(catalog.REASONS),
    }
    members = catalog.read(catalog.SEGMENT_MEMBERS)
    features = catalog.read(catalog.FEATURES)
    space = catalog.read(catalog.FITS).spaces[choice.chosen.cell]
    in_plane = plane(features, space, partial(label, labels=config.source.labels))
    rfm = {
        key: catalog.read(known)
        for key, known in (("rfm", catalog.RFM_SEGMENTS), ("cross_table", catalog.RFM_CROSS_TABLE))
        if catalog.exists(known)
    }
    named = catalog.read(catalog.SEGMENTS)
    colours = [PALETTE[colour % len(PALETTE)] for colour in named.colours]
    names = list(map(segment_title, named.ids, named.names))
    figures = _drawn(config, table, names, named.ids, colours)
    figures["certainty"] = draw.certainty(in_plane, members, names, colours)
    ahead = catalog.read(catalog.PREDICTION_PICTURES)
    pictures = drawn(figures) | {name: one for name, one in ahead.items() if name.startswith("calibration_")}
    shown = {name.removesuffix(".png"): one for name, one in pictures.items() if name.endswith(".png")}
    page = render(
        Briefing(
            title=config.briefing.title,
            description=config.source.description or config.source.name,
            as_of=config.source.as_of,
            labels=config.source.labels,
            customers=int(table["profiles"]["size"].sum()),
            choice=choice.to_plain(),
            swept=swept(catalog.read(catalog.CANDIDATES)),
            colours=colours,
            rules=catalog.read(catalog.PLAIN_RULES).to_plain(),
            pictures=shown,
            segment_ids=named.ids,
            firmness=catalog.read(catalog.FIRMNESS).firmness or "",
            lifetime_years=config.briefing.lifetime_years,
            overlays=catalog.read(catalog.OVERLAYS),
            **table,
            **rfm,
            **_followed(),
            **_later_findings(choice.chosen.candidate_id, table["profiles"]),
        )
    )
    catalog.write(catalog.REPORT, page)
    catalog.write(catalog.BRIEFING_PICTURES, pictures)
    catalog.write(catalog.BRIEFING, BriefingList(sorted(shown)))


def _later_findings(candidate_id: str, profiles: pd.DataFrame) -> dict[str, Any]:
    """What to do, what to expect and how far to believe it, where those stages have something to say."""
    plan = catalog.read(catalog.PLAYBOOKS)
    books = [plan.playbooks[one.playbook] for one in plan.assignments]
    found: dict[str, Any] = {"playbooks": [asdict(book) | {"name": book.title, "key": book.name} for book in books]}
    found["unfit"] = plan.why_unused
    ahead = catalog.read(catalog.PREDICTION)
    if isinstance(ahead, NoPrediction):
        found["why_no_forecast"] = ahead.reason
    else:
        found["value"] = profiles[[name for name in OUTLOOK if name in profiles]].to_dict("records")
        said = ("plain", "recommendation", "segments_help")
        found["forecast"] = {"horizon_days": ahead.settings.horizon_days} | {key: getattr(ahead, key) for key in said}
        if ahead.skill["value"].shown:
            found["forecast"]["tenths"] = catalog.read(catalog.VALUE_CALIBRATION).to_dict("records")
    evaluated = catalog.read(catalog.CANDIDATE_EVIDENCE).set_index("candidate_id")
    row = evaluated.loc[candidate_id]
    judged = catalog.read(catalog.JUDGED_CANDIDATES).set_index("candidate_id")
    found["useful"] = useful_in_words(judged.loc[candidate_id])
    if row["evaluated"]:
        found["evidence"] = {"grade": row["grade"], "reason": row["reason"]}
    return found


def _followed() -> dict[str, Any]:
    """How the segments did, where there is a log."""
    tables = {"performance": catalog.PERFORMANCE, "movers": catalog.MOVERS, "targets": catalog.TARGET_LIGHTS}
    found: dict[str, Any] = {key: catalog.read(table) for key, table in tables.items()}
    return found | {"last_period": catalog.read(catalog.PERFORMANCE_FACTS).last or ""}


def _drawn(
    config: Config, table: dict[str, Any], names: list[str], ids: list[str], colours: list[str]
) -> dict[str, Any]:
    numbers = table["descriptors"][table["descriptors"]["kind"] == "number"]
    shown = compared_features(table["tests"], config.briefing.features)
    wide = partial(numbers.pivot, index="feature", columns="cluster")
    words = partial(label, labels=config.source.labels)
    ranks = wide(values="rank").loc[shown].rename(index=words)
    figures = {}
    if shown:
        index = wide(values="index").loc[shown].rename(index=words).dropna()
        figures = {"heat_map": draw.heat_map(index, names, colours), "snake": draw.snake(ranks, names, colours)}
    if len(ranks) > 2:
        figures |= {f"radar_{c}": draw.radar(ranks.iloc[:8, [c]], [names[c]], [colours[c]]) for c in range(len(names))}
        figures["radar"] = draw.radar(ranks.iloc[:8], names, colours)
    if "revenue" in table["profiles"]:
        figures["bubble"] = draw.bubble(table["profiles"], ids, colours, config.source.currency)
    make_up = table["make_up"].assign(
        descriptor=table["make_up"]["descriptor"].map(partial(called, labels=config.source.labels))
    )
    if len(make_up):
        figures["make_up"] = draw.draw_make_up(make_up, names, colours)
    return figures
