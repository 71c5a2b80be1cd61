"""Page Overview: who is in use, since when, on which evidence; what each segment is worth; how the segments moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from segments.action.templates import code, plain
from segments.app.dashboard import charts, figures, reading
from segments.app.dashboard.reading import Champion, found
from segments.config.root import Config
from segments.data.formulas import neutralise
from segments.errors import SegmentsError
from segments.io.store import catalog
from segments.io.store.documents import NoPrediction, PredictionFacts


def show(config: Config) -> None:
    """Draw the page."""
    st.title("Overview")
    inuse = found(reading.champion, config)
    if inuse is None:
        return
    described = found(reading.is_described, inuse)
    if described is False:
        st.warning(
            "The last run chose another candidate, which waits as challenger. What is said below of revenue, evidence and risk is "
            "only shown where it belongs to the version in use: compare by `segments verify`, then `segments promote`.",
            icon=":material/warning:",
        )
    if described:
        _trust()
    _segments(config, inuse, described=bool(described))
    with st.expander("Which model this is, on which evidence, and how firm"):
        _champion(inuse, described=bool(described))
    st.header("Over time")
    _versions(config, inuse)
    _batches(inuse)


def _trust() -> None:
    """One sentence: whether the segments hold."""
    firmness = found(reading.stored_document, catalog.FIRMNESS)
    if firmness is not None and firmness.firmness:
        box = st.warning if firmness.firmness.startswith("Not firm") else st.success
        box(figures.readable(figures.without_figures(firmness.firmness)))


def _champion(inuse: Champion, *, described: bool) -> None:
    version, tags = inuse.version, inuse.version.tags
    row = _evidence(str(tags.get("candidate_id", "")))
    evaluated = row if _is_evaluated(row) else {}
    with st.container(horizontal=True):
        st.metric("Model", f"{version.name} v{version.number}", border=True)
        st.metric("Segments", len(inuse.model.segments), border=True)
        st.metric("In use since (UTC)", _day(tags.get("promoted_at", "")), border=True)
        st.metric("Evidence", str(evaluated.get("grade", "not evaluated")), border=True)
        st.metric("Proof", _proof(tags), border=True)
    named = f"**{row['feature_set']} · {row['scaler']} · k={row['k']}**, " if row else ""
    st.markdown(
        f"{named}candidate `{tags.get('candidate_id', '?')}`, code `{tags.get('git_commit', 'unknown')[:12]}`, "
        f"source **{tags.get('source', '?')}**, put in use by **{plain(tags.get('promoted_by') or 'nobody on record')}**. Why: {plain(tags.get('verdict') or 'not recorded')}"
    )
    why = reading.choice().reason if described else ""
    if evaluated and evaluated["reason"] not in why:  # else it is part of why this one was chosen
        st.markdown(figures.readable(evaluated["reason"]))
    if described:
        st.markdown(figures.readable(why))
        changed = found(reading.stored_document, catalog.FIRMNESS)
        if changed is not None and changed.firmness:
            st.markdown(figures.readable(changed.firmness))


def _evidence(candidate_id: str) -> dict[str, Any]:
    """What is known of a candidate: from the newest sweep that evaluated it, as the version in use may be of an older one than the last."""
    sweeps = found(reading.sweeps) or {}
    rows: list[dict[Any, Any]] = [
        row for table in sweeps.values() for row in table[table["candidate_id"] == candidate_id].to_dict("records")
    ]
    if sweeps and not any(map(_is_evaluated, rows)):
        st.info(
            "Not known yet: how stable its segments are: run `segments evidence`, then `segments selection`, or `dvc repro`."
        )
    return next(filter(_is_evaluated, rows), rows[0] if rows else {})


def _is_evaluated(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("grade"), str) and bool(row["grade"])


def _segments(config: Config, inuse: Champion, *, described: bool) -> None:
    model = inuse.model
    outlook = found(reading.outlook, inuse.version)
    if outlook is not None:
        sizes = dict(zip(outlook["segment_id"], outlook["customers"], strict=True))
    elif inuse.reference is not None:
        counts = inuse.reference["segments"]["counts"]
        sizes = {segment.segment_id: n for segment, n in zip(model.segments, counts, strict=True)}
    else:
        return
    revenue: dict[str, float] = {}
    profiles = found(reading.table, catalog.PROFILES) if described else None
    if profiles is not None and "revenue_share" in profiles:
        revenue = {
            model.segments[cluster].segment_id: share
            for cluster, share in zip(profiles["cluster"], profiles["revenue_share"], strict=True)
        }
    table = figures.segments_overview(model.segments, sizes, revenue, outlook)
    plan = found(reading.table, catalog.PLAYBOOK_TABLE) if described else None
    advice = (
        {}
        if plan is None
        else {
            model.segments[row.cluster].segment_id: f"{row.title}: {row.offer or row.goal}" for row in plan.itertuples()
        }
    )
    st.table(figures.manager_table(table, advice, config.source.currency))
    facts = found(reading.stored_document, catalog.PREDICTION)
    if isinstance(facts, PredictionFacts) and facts.not_shown:
        st.info(" ".join(facts.plain))
    elif facts is not None and figures.FORESEEN.keys().isdisjoint(table):
        why = facts.reason if isinstance(facts, NoPrediction) else "made for other customers: run `segments prediction`"
        st.info(f"Churn risk and expected value: {why}.")
    elif isinstance(facts, PredictionFacts):
        st.caption(" ".join(facts.plain))
    st.altair_chart(charts.shares(table, model.segments), width="stretch", theme=None)


def _versions(config: Config, inuse: Champion) -> None:
    versions = reading.registered_versions(config)
    table = pd.DataFrame(
        [
            {
                "version": int(version.number),
                "alias": ", ".join(version.aliases),
                "registered (UTC)": pd.Timestamp(version.created_ms, unit="ms").strftime("%Y-%m-%d %H:%M"),
                "in use since (UTC)": _day(version.tags.get("promoted_at", "")),
                "candidate": version.tags.get("candidate_id", ""),
                "verdict": version.tags.get("verdict", ""),
                "proof": version.tags.get("proof", ""),
            }
            for version in reversed(versions)
        ]
    )
    st.subheader("Versions")
    st.dataframe(
        neutralise(table),
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_config={"verdict": st.column_config.TextColumn(width="large")},
        alt="Registered versions, newest first",
    )
    sizes = []
    for version in versions[-12:]:
        try:
            sizes.append((f"v{version.number}", reading.sizes(version)))
        except SegmentsError:
            continue  # made on another machine: the table above lists it
    if sizes:
        chart = charts.over_time(figures.trend(sizes), inuse.model.segments, "version")
        st.altair_chart(chart, width="stretch", theme=None)


def _batches(inuse: Champion) -> None:
    st.subheader("Scored batches")
    records = found(reading.batches)
    own = [one for one in records or [] if one["model"]["version"] == inuse.version.number][-12:]
    if records and not own:
        st.info("No batch has been scored by the version in use yet: run `segments score FILE -o OUTPUT`.")
    if not own:
        return
    names = [segment.title for segment in inuse.model.segments]
    training = {names[one["cluster"]]: one["training"] for one in own[-1]["segments"]}
    sizes = [("training", training)]
    sizes += [
        (candidate_label(one), {names[two["cluster"]]: two["customers"] for two in one["segments"]}) for one in own
    ]
    st.altair_chart(charts.over_time(figures.trend(sizes), inuse.model.segments, "batch"), width="stretch", theme=None)
    st.markdown(f"Last batch, {code(own[-1]['input'])}: **{plain(own[-1]['sentence'])}** More on the page Monitor.")


def candidate_label(record: dict[str, Any]) -> str:
    """A batch for a person: its file and id.

    Examples
    --------
    >>> candidate_label({"input": "may.csv", "batch_id": "0123456789ab"})
    'may.csv 0123'
    """
    return f"{record['input']} {record['batch_id'][:4]}"


def _proof(tags: dict[str, str]) -> str:
    """Whether the version could be made again; what differed stands in the table of versions."""
    if not tags.get("proof"):
        return "not made"
    return "holds" if tags["proof"] == "holds" else "does not hold"


def _day(time: str) -> str:
    return time[:10] or "–"
