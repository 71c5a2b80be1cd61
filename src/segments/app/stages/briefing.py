"""Stage `briefing`: what earlier stages found in, one HTML report for a manager and its pictures out."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from segments.action.report import Briefing, compared_features, label, render
from segments.clustering.plane import plane
from segments.clustering.space import Space
from segments.config.root import Config
from segments.identity.profiles import OUTLOOK
from segments.io.plots import profiles as draw
from segments.io.plots.style import PALETTE, png
from segments.io.records.notes import swept
from segments.io.store.files import artifact, check_source, clear, read_json, read_table, write_bytes, write_json


def run(config: Config) -> None:
    """Draw the segments and write the report; when nothing was chosen, leave none."""
    check_source(artifact("sweep", "sweep.json"), config.source.name)
    choice = read_json(artifact("selection", "choice.json"))
    if choice["candidate_id"] is None:
        clear(artifact("briefing"))
        write_json(artifact("briefing", "briefing.json"), {"pictures": []})
        return
    table = {
        name: read_table(artifact("profiles", f"{name}.parquet"))
        for name in ("profiles", "descriptors", "tests", "make_up", "reasons")
    }
    members = read_table(artifact("profiles", "segments.parquet"))
    features = read_table(artifact("features", "customers.parquet"))
    fitted = read_json(artifact("sweep", "fits.json"))["spaces"][choice["cell"]]
    in_plane = plane(features, Space.from_plain(fitted))
    rfm = {
        key: read_table(path)
        for key, name in (("rfm", "rfm_segments"), ("cross_table", "rfm_cross_table"))
        if (path := artifact("profiles", f"{name}.parquet")).is_file()
    }
    named = read_json(artifact("profiles", "segments.json"))
    colours = [PALETTE[colour % len(PALETTE)] for colour in named["colours"]]
    figures = _drawn(config, table, named["names"], colours)
    figures["certainty"] = draw.certainty(in_plane, members, named["names"], colours)
    pictures = {key: png(figure) for key, figure in figures.items()}
    forecast = artifact("prediction", "calibration_churn.png")
    if forecast.is_file():
        pictures["calibration"] = forecast.read_bytes()
    page = render(
        Briefing(
            title=config.briefing.title,
            description=config.source.description or config.source.name,
            as_of=config.source.as_of,
            units=config.source.units,
            customers=int(table["profiles"]["size"].sum()),
            choice=choice,
            swept=swept(read_table(artifact("sweep", "candidates.parquet"))),
            colours=colours,
            rules=read_json(artifact("profiles", "rules.json")),
            pictures=pictures,
            **table,
            **rfm,
            **_later_findings(choice, table["profiles"]),
        )
    )
    made = {"report.html": page.encode()} | {f"{key}.png": picture for key, picture in pictures.items()}
    for name, content in made.items():
        write_bytes(artifact("briefing", name), content)
    write_json(artifact("briefing", "briefing.json"), {"pictures": sorted(pictures)})
    for stale in artifact("briefing").glob("*.png"):
        if stale.name not in made:  # left over from other segments
            stale.unlink()


def _later_findings(choice: dict[str, Any], profiles: pd.DataFrame) -> dict[str, Any]:
    """What to do, what to expect and how far to believe it, where those stages have something to say."""
    plan = read_json(artifact("playbook", "playbook.json"))
    books = plan["playbooks"]
    found: dict[str, Any] = {
        "playbooks": [books[one["playbook"]] | {"name": books[one["playbook"]]["title"]} for one in plan["assignments"]]
    }
    ahead = read_json(artifact("prediction", "prediction.json"))
    if set(OUTLOOK) <= set(profiles.columns):
        found["value"] = profiles[list(OUTLOOK)].to_dict("records")
        said = ("plain", "recommendation", "segments_help")
        found["forecast"] = {"horizon_days": ahead["settings"]["horizon_days"]} | {key: ahead[key] for key in said}
    else:
        found["why_no_forecast"] = ahead.get("reason", "")
    weighed = read_table(artifact("evidence", "evidence.parquet")).set_index("candidate_id")
    row = weighed.loc[choice["candidate_id"]]
    if row["evaluated"]:
        found["evidence"] = {"grade": row["grade"], "reason": row["reason"]}
    return found


def _drawn(config: Config, table: dict[str, Any], names: list[str], colours: list[str]) -> dict[str, Any]:
    numbers = table["descriptors"][table["descriptors"]["kind"] == "number"]
    shown = compared_features(table["tests"], config.briefing.features)
    wide = partial(numbers.pivot, index="feature", columns="cluster")
    words = partial(label, units=config.source.units)
    ranks = wide(values="rank").loc[shown].rename(index=words)
    figures = {
        "heat_map": draw.heat_map(wide(values="index").loc[shown].rename(index=words).dropna(), names, colours),
        "snake": draw.snake(ranks, names, colours),
    }
    if len(ranks) > 2:
        figures |= {f"radar_{c}": draw.radar(ranks.iloc[:8, [c]], [names[c]], [colours[c]]) for c in range(len(names))}
        figures["radar"] = draw.radar(ranks.iloc[:8], names, colours)
    if "revenue" in table["profiles"]:
        figures["bubble"] = draw.bubble(table["profiles"], colours, config.source.currency)
    if len(table["make_up"]):
        figures["make_up"] = draw.make_up(table["make_up"], names, colours)
    return figures
