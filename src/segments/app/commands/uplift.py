"""Command `uplift`: a campaign's results in (a file, or a past campaign of the source), what it brought per segment out, tracked."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

import segments.action.target_list as drawing
import segments.action.uplift as room
from segments.config.root import Config
from segments.config.source import Reader
from segments.data.reading import files
from segments.errors import ConfigError, StoreError
from segments.io.plots.style import INK, MUTED, drawn
from segments.io.plots.sweep import cluster_colour
from segments.io.plots.uplift import forest
from segments.io.records import uplift
from segments.io.registry.champion import segmentation_of, version_in_use
from segments.io.store import cache, catalog
from segments.io.store.files import (
    read_json,
    read_table,
    write_bytes,
    write_csv,
    write_json,
    write_text,
)
from segments.io.store.fingerprints import origin, sha256
from segments.io.store.raw_files import raw_place
from segments.io.store.seals import seal, unchanged
from segments.io.tracking.connection import connect
from segments.io.tracking.results import track_uplift


def run(config: Config, campaign: str, file: str = "") -> str:
    """Compare or describe, write ``record/uplift/<id>/``, track it; returns the note."""
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    table, verdict, note, candidate_id = _of_file(config, Path(file), campaign) if file else _of_past(config, campaign)
    _record(config, campaign, table, verdict, note, candidate_id)
    return note


def _of_file(config: Config, file: Path, campaign: str) -> tuple[pd.DataFrame, room.Effect, str, str]:
    """Results by group, checked against the receipt of `segments export` if there is one."""
    folder = cache.campaign(campaign)
    drawn = (folder / "receipt.json").is_file()
    if drawn:
        receipt = read_json(unchanged(folder) / "receipt.json")
        listed = read_table(folder / "customers.parquet")
        listed["group"] = drawing.control_groups(
            listed["customer_id"], receipt["campaign"], receipt["salt"], receipt["control_share"]
        )
        candidate_id = receipt.get("candidate_id", "")  # receipts of old do not say
    else:
        listed, candidate_id = _members(config)
    results = room.read_results(files.read_cells(file, Reader()), set(listed["customer_id"]), str(file))
    if not drawn and "group" not in results:
        raise ConfigError(
            f"there is no receipt of campaign '{campaign}', and {file.name} has no column group",
            where=str(file),
            fix="name the campaign as `segments export` did, or add a column group (treatment, control)",
        )
    verdict = room.judge_campaign(listed, results, drawn=drawn)
    whole = (
        results.drop(columns="group").merge(listed, on="customer_id")
        if drawn and "group" in results
        else results.merge(listed, on="customer_id")
    )
    table = room.compare_groups(whole, causal=verdict.causal)
    return table, verdict, uplift.comparison_note(campaign, table, verdict), candidate_id


def _of_past(config: Config, campaign: str) -> tuple[pd.DataFrame, room.Effect, str, str]:
    """A past campaign of the source: described, never an effect."""
    spec = config.source.campaigns
    if spec is None:
        raise ConfigError(
            f"the source '{config.source.name}' has no past campaigns",
            where=f"conf/source/{config.source.name}.yaml: campaigns",
            fix="give the results: segments uplift FILE campaign=NAME",
        )
    paths = (spec.mailings, spec.redemptions, spec.descriptions)
    raw = [files.read_cells(raw_place(path, config.source.name), Reader()) for path in paths]
    mailed, redeemed, start, end = room.past_campaign(raw[0], raw[1], raw[2], spec, campaign)
    lines = catalog.scan(catalog.CLEAN_TRANSACTIONS)
    first, last = lines.aggregate("min(purchased_at), max(purchased_at)").fetchall()[0]
    windows = []
    for low, high in ((start - (end - start), start), (start, end)):
        seen = max(min(high, _after(last)) - max(low, _midnight(first)), timedelta(0))
        windows.append((room.spend_between(lines, low, high), seen / timedelta(weeks=1)))
    members, candidate_id = _members(config)
    table = room.describe_campaign(members, mailed, redeemed, windows[0], windows[1])
    note = uplift.description_note(campaign, table, start, end, (windows[0][1], windows[1][1]))
    return table, room.Effect(False, ["There was no random control."]), note, candidate_id


def _members(config: Config) -> tuple[pd.DataFrame, str]:
    """Everybody in the segments in use, and the candidate that made these."""
    model = segmentation_of(config, version_in_use(config))
    features = catalog.read(catalog.FEATURES)
    return drawing.memberships(model, features), model.candidate_id


def _colours(config: Config) -> dict[str, str]:
    """Colours by segment id; a campaign's segments may be older than those in use, or nothing in use any more."""
    try:
        known = segmentation_of(config, version_in_use(config)).segments
    except StoreError:
        known = []
    return {room.ALL: INK, **{segment.segment_id: cluster_colour(segment.colour) for segment in known}}


def _record(
    config: Config, campaign: str, table: pd.DataFrame, verdict: room.Effect, note: str, candidate_id: str
) -> None:
    """Everything on disk first, whole; then tracked."""
    facts: dict[str, Any] = {
        "source": config.source.name,
        "name": f"uplift {campaign}",
        "causal": verdict.causal,
        "candidate_id": candidate_id,
        "params": {"campaign": campaign, "causal": verdict.causal, "segments": int(table["segment_id"].nunique()) - 1},
        "metrics": uplift.metrics(table, complete=verdict.complete),
    }
    identity = sha256((json.dumps(facts) + table.to_csv(index=False) + note).encode())[:12]
    folder = cache.uplift_folder(identity)
    if not (folder / "record.json").is_file():
        write_csv(folder / "files" / "uplift.csv", table)
        write_json(folder / "files" / "verdict.json", asdict(verdict))
        known, figures = _colours(config), dict[str, Figure]()
        title = f"Campaign {campaign}" + ("" if verdict.causal else ": no random control, not an effect")
        for name, (unit, rows) in uplift.pictured(table).items():
            colours = rows["segment_id"].map(known).fillna(MUTED).tolist()
            figures[name] = forest(rows, title, unit, colours, zero=verdict.causal)
        for name, picture in drawn(figures).items():
            write_bytes(folder / "files" / name, picture)
        write_text(folder / "note.md", note)
        write_json(
            folder / "record.json",
            {"uplift_id": identity, "started_ms": int(time.time() * 1000), "origin": origin(), **facts},
        )
        seal(folder)
    with connect(config.tracking, config.source.name) as tracker:
        track_uplift(tracker, folder)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _after(at: datetime) -> datetime:
    return _midnight(at) + timedelta(days=1)
