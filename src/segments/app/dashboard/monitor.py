"""Page Monitor: how each scored batch differs from the training data, and whether to refit."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from segments.action.templates import plain
from segments.app.dashboard import charts, figures, reading
from segments.app.dashboard.overview import candidate_label
from segments.app.dashboard.reading import Champion, found
from segments.config.root import Config
from segments.features.meanings import Labels
from segments.io.store import catalog

LISTED = 200  # batches to choose from
DRAWN = 30  # batches in a chart over time
BOXES = {"refit": st.error, "keep": st.success}


def show(config: Config) -> None:
    """Draw the page."""
    st.title("Monitor")
    inuse = found(reading.champion, config)
    records = found(reading.batches)
    if records:
        newest = records[::-1][:LISTED]
        chosen = st.selectbox(
            "Batch",
            range(len(newest)),
            format_func=lambda i: (
                f"{candidate_label(newest[i])} · {newest[i]['scored_at'][:16].replace('T', ' ')} UTC · version {newest[i]['model']['version']}"
            ),
        )
        _batch(config, newest[chosen], None if inuse is None else inuse.model.segments)
        _history(config, records, newest[chosen])
    st.header("Migration")
    _migration(config, inuse)


def limits(config: Config) -> dict[str, tuple[float, float]]:
    """Where amber and red begin, by figure."""
    of = config.monitoring
    made = {
        "psi": of.psi,
        "far": of.far,
        "out_of_range": of.far,
        "silhouette": of.silhouette,
        "moved": of.moved,
        "rejected": of.rejected,
    }
    return {name: (one.amber, one.red) for name, one in made.items()}


def _batch(config: Config, record: dict[str, Any], segments: Any) -> None:
    worst = {figure["status"] for figure in record["figures"]}
    box = st.warning if record["decision"] == "keep" and worst & {"amber", "red"} else BOXES[record["decision"]]
    light = next((one for one in ("red", "amber", "green") if one in worst), "-")
    box(f"{figures.SHAPES[light]} **{record['sentence']}**")
    with st.container(horizontal=True):
        st.metric("Scored", f"{record['scored']:,}", border=True)
        st.metric("Rejected", f"{record['rejected']:,}", border=True)
        st.metric("Model", f"{record['model']['name']} v{record['model']['version']}", border=True)
        st.metric("Seconds", f"{record['seconds']:.2f}", border=True)
    if record["reasons"]:
        st.caption("Rejected: " + ", ".join(f"{rows:,} {reason}" for reason, rows in record["reasons"].items()))
    known = limits(config)
    st.dataframe(
        figures.lights(record["figures"], known),
        hide_index=True,
        width="stretch",
        height=figures.table_height(len(record["figures"]), 480),
        placeholder="–",
        column_config={
            "light": st.column_config.TextColumn("light", width="small"),
            "what": st.column_config.TextColumn("figure", width="large"),
            "training": "in training",
            "low": "95 % from",
            "high": "to",
            "amber": "amber from",
            "red": "red from",
        },
        alt="Figures of the batch, each with its light and limits, the worst first",
    )
    st.caption(
        "Limits of the silhouette are losses against training. A light turns only when a figure is beyond its limit and beyond chance "
        "(section `monitoring` of conf/config.yaml)."
    )
    left, right = st.columns(2)
    names = [segment.title for segment in segments or []]
    # Segments of another version may be others: then clusters have numbers only.
    own = (
        names if len(names) == len(record["segments"]) else [f"cluster {one['cluster']}" for one in record["segments"]]
    )
    parts = zip(own, record["segments"], strict=True)
    shares = [(name, one["training"], one["customers"]) for name, one in parts]
    trend = figures.trend([("training", {n: t for n, t, _ in shares}), ("this batch", {n: c for n, _, c in shares})])
    left.subheader("Segments")
    left.altair_chart(charts.over_time(trend, segments or []), width="stretch", theme=None)
    psi = pd.DataFrame(
        [
            {
                "feature": figures.words(one["name"].partition(".")[2], config.source.labels),
                "psi": one["value"],
                "status": one["status"],
            }
            for one in record["figures"]
            if one["name"].startswith("psi.") and one["value"] is not None
        ]
    )
    right.subheader("Stability of segments and features")
    if len(psi):
        right.altair_chart(charts.against_limits(psi, *known["psi"]), width="stretch", theme=None)
    _distributions(record, config.source.labels)


def _distributions(record: dict[str, Any], labels: Labels) -> None:
    """How batch and training are spread over a feature: what a figure of drift is the sum of."""
    known = {one["feature"]: one for one in record.get("distributions", [])}  # a record of old has none
    if not known:
        return
    st.subheader("One feature: training and batch")
    drift = {one["name"].partition(".")[2]: one["value"] or 0.0 for one in record["figures"]}
    names = sorted(known, key=lambda name: -drift.get(name, 0.0))  # what differs most is looked at first
    name = st.selectbox("Feature", names, format_func=lambda one: figures.words(one, labels))
    chart = charts.spread(figures.spread_table(known[name]), figures.words(name, labels))
    st.altair_chart(chart, width="stretch", theme=None)


def _history(config: Config, records: list[dict[str, Any]], record: dict[str, Any]) -> None:
    st.header("Over the batches")
    own = [one for one in records if one["model"] == record["model"]][-DRAWN:]
    named = {one["name"]: one["says"] for one in record["figures"] if one["value"] is not None}
    if not named:
        return
    name = st.selectbox("Figure", list(named), format_func=named.__getitem__)
    rows = [
        {"batch": candidate_label(one), **{key: figure[key] for key in ("value", "low", "high", "status")}}
        for one in own
        for figure in one["figures"]
        if figure["name"] == name and figure["value"] is not None
    ]
    amber, red = limits(config).get(name.partition(".")[0], (None, None))
    # A silhouette's limits are losses, so they have no place on its own axis.
    drawn = {} if name == "silhouette" or amber is None or red is None else {"amber": amber, "red": red}
    table = pd.DataFrame(rows).astype({"low": "float64", "high": "float64"})
    st.altair_chart(charts.batch_history(table, named[name], drawn), width="stretch", theme=None)


def _migration(config: Config, inuse: Champion | None) -> None:
    if not catalog.exists(catalog.MIGRATION):
        known = [] if inuse is None else [int(one.number) for one in reading.registered_versions(config)]
        earlier = [number for number in known if inuse is not None and number < int(inuse.version.number)]
        start = max(earlier) if earlier else "DATE"
        st.info(f"Who moved since another day or version is not known yet: run `segments migration from={start}`.")
        return
    story = reading.stored_document(catalog.MIGRATION)
    st.markdown(f"From **{story.start}** to **{story.end}**")
    st.markdown("\n".join(f"- {plain(one)}" for one in [*story.segments, *story.in_words]))
    if picture := catalog.read(catalog.MIGRATION_PICTURES).get("migration.png"):
        caption = f"Customers who moved between segments from {story.start} to {story.end}"
        st.image(picture, caption=caption, alt=caption)
