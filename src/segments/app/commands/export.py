"""Command `export`: the registered segmentation and its playbooks in, a target list with a control group out."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

import segments.action.target_list as room
from segments.action.overlay import pick_overlay
from segments.action.uplift import spend_between
from segments.config.root import Config
from segments.errors import ConfigError
from segments.io.records.notes import sample_in_words
from segments.io.registry.champion import plans_of, segmentation_of, version_in_use
from segments.io.store import cache, catalog
from segments.io.store.files import artifact, read_json, read_table, refuse_kept, write_csv, write_json, write_table
from segments.io.store.seals import seal, unchanged

SPEND = ("spend_before", "spend_lately", "spend_earlier")


def run(
    config: Config,
    file: str = "",
    campaign: str = "always-on",
    segment: str = "",
    overlay: str = "",
    columns: str = "",
    overwrite: str = "false",
    raw: bool = False,
) -> str:
    """Write the list, and the campaign's receipt before it; returns what the list can show."""
    out = _to_write(config, file, campaign, overwrite)
    folder = cache.campaign(campaign)
    wanted = [name.strip() for name in columns.strip("[]").split(",") if name.strip()] or list(room.LIST_COLUMNS)
    features, chosen = catalog.read(catalog.FEATURES), catalog.read(catalog.CHOICE).candidate_id
    version = version_in_use(config)
    if version is None and chosen is None:
        raise ConfigError(
            "nothing was chosen, and no version is in use: there are no segments to list",
            where="artifacts/selection/choice.json",
            fix='see `segments summary`; loosen a gate of section selection, or choose by hand: segments select CANDIDATE_ID --because "…"',
        )
    model = segmentation_of(config, version)
    members = room.memberships(model, features)
    table = room.target_list(members, plans_of(config, version), campaign, config.export)
    rows = room.pick_segment(table, segment) if segment else table
    rows = pick_overlay(rows, features, config.overlay.traits, overlay) if overlay else rows
    if config.source.transactions is not None:
        rows = _with_spend(config, rows)
    known = folder / "receipt.json"
    earlier = read_json(unchanged(folder) / known.name) if known.is_file() else None
    listed = room.enlist(read_table(folder / "customers.parquet") if earlier else None, rows)
    receipt = room.commit(
        earlier, campaign, config.export, room.arms(listed, config.export.base_rate), model.candidate_id
    )
    asked = room.pick_columns(room.hold_out(_described(rows, features, wanted), wanted), wanted)
    write_table(folder / "customers.parquet", listed)
    write_json(known, receipt)
    seal(folder)
    if out.suffix == ".csv":
        write_csv(out, asked, raw=raw)
    else:
        write_table(out, asked)
    said = [f"{out}: {len(asked):,} customers, campaign '{campaign}', columns {', '.join(asked.columns)}"]
    said += _shown(config, rows)
    if chosen != model.candidate_id:
        said.append(
            f"  These are the segments in use, candidate {model.candidate_id}; the last run chose {chosen or 'none'}. "
            "`segments promote` puts another version in use."
        )
    if held := len(rows) - len(asked):
        said.append(
            f"  {held:,} customers of the control group are not in the file: without the column group or action they could not be told "
            "from the treated. `segments uplift` needs their results too; columns=[customer_id,group] lists them."
        )
    return "\n".join(said)


def _to_write(config: Config, file: str, campaign: str, overwrite: str) -> Path:
    """Where the list goes, when it may go there and is of this source."""
    if overwrite not in ("true", "false"):
        raise ConfigError(f"overwrite={overwrite}", where="segments export", fix="write overwrite=true or leave it out")
    refuse_kept(Path(file))
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    out = Path(file) if file else artifact("export", f"{campaign}.csv")
    if out.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"'{out.name}' is neither CSV nor parquet", where="OUT", fix="name it .csv or .parquet")
    if out.exists() and overwrite != "true":
        raise ConfigError(f"{out} is there already", where="OUT", fix="choose another name, or add overwrite=true")
    return out


def _described(rows: pd.DataFrame, features: pd.DataFrame, wanted: list[str]) -> pd.DataFrame:
    """The list with all that its columns may be asked for: features, and what was foreseen."""
    rows_only = rows.drop(columns=[name for name in SPEND if name in rows])
    described = rows_only.merge(features.drop(columns=[c for c in features if c in rows and c != "customer_id"]))
    if catalog.exists(catalog.CUSTOMER_FORECAST):
        foreseen = catalog.read(catalog.CUSTOMER_FORECAST)
        own = [name for name in room.PREDICTED if name in foreseen and name not in described]
        described = described.merge(foreseen[["customer_id", *own]], on="customer_id", how="left")
        room.check_foreseen(wanted, described, catalog.read(catalog.PREDICTION).not_shown)
    return described


def _shown(config: Config, rows: pd.DataFrame) -> list[str]:
    """What a campaign to these customers can show, and of whom they are a part."""
    said = []
    if sampled := sample_in_words():
        said.append(f"  {sampled}: `segments score INPUT -o OUT connect=…` gives everybody there a segment")
    arms = room.arms(rows, config.export.base_rate)
    said += [f"  {arm.words(config.source.currency)}" for arm in arms]
    said.append("  (in 80 of 100 such campaigns; response rate without the campaign from export.base_rate)")
    if any(arm.detectable_spend is not None for arm in arms):
        said.append(
            f"  (spend per customer in {room.TYPICAL_DAYS} days, compared among customers who spent alike before)"
        )
    return said


def _with_spend(config: Config, rows: pd.DataFrame) -> pd.DataFrame:
    """What each customer spent before the list was made: what a campaign's result is compared beyond, and how well it can be."""
    lines = catalog.scan(catalog.CLEAN_TRANSACTIONS)
    assert config.source.as_of is not None
    end = datetime.fromisoformat(config.source.as_of) + timedelta(days=1)
    lately, habit = end - timedelta(days=room.TYPICAL_DAYS), timedelta(days=room.HABIT_DAYS)
    for name, start, until in zip(SPEND, (end - habit, lately, lately - habit), (end, end, lately), strict=True):
        rows = rows.assign(
            **{name: rows["customer_id"].map(spend_between(lines, start, until)).fillna(0.0).astype("float64")}
        )
    return rows
