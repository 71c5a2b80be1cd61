"""Command `export`: the registered segmentation and its playbooks in, a target list with a control group out."""

from __future__ import annotations

from pathlib import Path

import segments.action.target_list as room
from segments.config.root import Config
from segments.errors import ConfigError
from segments.io.registry.champion import plans_of, segmentation_of, version_in_use
from segments.io.store import cache, catalog
from segments.io.store.files import artifact, read_json, read_table, write_csv, write_json, write_table
from segments.io.store.seals import seal, unchanged


def run(
    config: Config,
    file: str = "",
    campaign: str = "always-on",
    segment: str = "",
    columns: str = "",
    overwrite: str = "false",
    raw: bool = False,
) -> str:
    """Write the list, and the campaign's receipt before it; returns what the list can show."""
    if overwrite not in ("true", "false"):
        raise ConfigError(f"overwrite={overwrite}", where="segments export", fix="write overwrite=true or leave it out")
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    folder = cache.campaign(campaign)
    out = Path(file) if file else artifact("export", f"{campaign}.csv")
    wanted = [name.strip() for name in columns.strip("[]").split(",") if name.strip()]
    if out.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"'{out.name}' is neither CSV nor parquet", where="OUT", fix="name it .csv or .parquet")
    if out.exists() and overwrite != "true":
        raise ConfigError(f"{out} is there already", where="OUT", fix="choose another name, or add overwrite=true")
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
    known = folder / "receipt.json"
    earlier = read_json(unchanged(folder) / known.name) if known.is_file() else None
    listed = room.enlist(read_table(folder / "customers.parquet") if earlier else None, rows)
    found = room.arms(listed, config.export.base_rate)
    receipt = room.commit(earlier, campaign, config.export, found, model.candidate_id)
    described = rows.merge(features.drop(columns=[c for c in features if c in rows and c != "customer_id"]))
    if catalog.exists(catalog.CUSTOMER_FORECAST):
        own = [name for name in room.PREDICTED if name not in described]
        described = described.merge(
            catalog.read_columns(catalog.CUSTOMER_FORECAST, "customer_id", *own), on="customer_id", how="left"
        )
    wanted = wanted or list(room.LIST_COLUMNS)
    asked = room.pick_columns(room.hold_out(described, wanted), wanted)
    write_table(folder / "customers.parquet", listed)
    write_json(known, receipt)
    seal(folder)
    if out.suffix == ".csv":
        write_csv(out, asked, raw=raw)
    else:
        write_table(out, asked)
    said = [f"{out}: {len(asked):,} customers, campaign '{campaign}', columns {', '.join(asked.columns)}"]
    said += [f"  {arm.words()}" for arm in room.arms(rows, config.export.base_rate)]
    said.append("  (in 80 of 100 such campaigns; response rate without the campaign from export.base_rate)")
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
