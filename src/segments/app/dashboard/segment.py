"""Page Segments: what a segment is like, who is in it, what to do with it; and one customer looked up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from segments.action.templates import percent, plain
from segments.app.dashboard import charts, figures, reading
from segments.app.dashboard.reading import Champion, found
from segments.config.root import Config
from segments.config.source import Source
from segments.features.meanings import Labels, money_text
from segments.identity.profiles import numeric_columns
from segments.io.store import catalog
from segments.io.store.files import csv_text
from segments.model.segmentation import Segment, segment_title

ADVICE = {"goal": "Goal", "do": "Do", "avoid": "Avoid", "channel": "Channel", "offer": "Offer", "kpi": "Measure"}
NUMBERS = {  # of a profile: head and width of their columns
    "mean": ("mean", 80),
    "median": ("median", 80),
    "overall_mean": ("mean of all", 92),
    "overall_median": ("median of all", 104),
    "index": ("index", 64),
}
NUMBER_FORMATS = {"churn_risk": "percent", "expected_value": None}  # of members; the table brings the currency
MOST_EXPORTED = 1_000_000


def show(config: Config) -> None:
    """Draw the page."""
    st.title("Segments")
    inuse = found(reading.champion, config)
    if inuse is None:
        return
    kept = found(reading.members_file, inuse.version) is not None
    # None: no choice is there to compare with, which `found` has said
    if (described := found(reading.is_described, inuse)) is False:
        st.warning(
            "The last run chose another candidate: profile, rules and playbook of the version in use are not on this machine any more. "
            "Put the new one in use (`segments promote VERSION --because WHY`) or run `dvc repro` with the old choice.",
            icon=":material/warning:",
        )
    _look_up(inuse, kept, bool(described), config.source)
    ids = [segment.segment_id for segment in inuse.model.segments]
    named = {segment.segment_id: segment for segment in inuse.model.segments}
    st.header("One segment")
    chosen = st.selectbox("Segment", ids, format_func=lambda one: named[one].title, key="segment")
    segment, cluster = named[chosen], ids.index(chosen)
    st.html(_chip(segment))
    parts: dict[str, Callable[[], None]] = {
        "Profile": lambda: _profile(segment, cluster),
        "Rules": lambda: _rules(cluster, config.source.labels),
        "Demographics": lambda: _demographics(segment, cluster, config.source.labels),
        "Playbook": lambda: _playbook(cluster),
    }
    tabs = dict(parts) if described else {}
    if kept:
        tabs["Members"] = lambda: _members(inuse, segment, config.source)
    for tab, draw in zip(st.tabs(list(tabs)) if tabs else [], tabs.values(), strict=True):
        with tab:
            draw()


def _chip(segment: Segment) -> str:
    from html import escape

    return (
        f"<div style='border-left:14px solid {charts.altair_colour(segment)};padding:.2rem .8rem;font-size:1.2rem'>"
        f"<b>{escape(segment.segment_id)}</b> {escape(segment.name)}</div>"
    )


def _profile(segment: Segment, cluster: int) -> None:
    profiles, overall = (
        found(reading.table, catalog.PROFILES),
        found(reading.stored_document, catalog.OVERALL),
    )
    if profiles is None or overall is None:
        return
    row = profiles.set_index("cluster").loc[cluster]
    with st.container(horizontal=True):
        st.metric("Customers", f"{row['size']:,}", border=True)
        st.metric("Of all customers", f"{row['share']:.1%}", border=True)
        if "revenue_share" in row:
            st.metric("Of all revenue", f"{row['revenue_share']:.1%}", border=True)
    table = figures.profile(profiles, catalog.OVERALL.plain(overall), cluster)
    left, right = st.columns([4, 3])
    left.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=figures.table_height(len(table), 800),
        placeholder="–",
        column_config={"feature": st.column_config.TextColumn(width=130)}
        | {
            name: st.column_config.NumberColumn(title, format="%.4g", width=width)
            for name, (title, width) in NUMBERS.items()
        },
        alt="Features of the segment against all customers",
    )
    drawn = table.dropna(subset=["index"])
    right.altair_chart(charts.indices(drawn, charts.altair_colour(segment)), width="stretch", theme=None)
    if len(drawn) < len(table):
        right.caption("A feature with values below zero has no index: its mean is no measure of size.")


def _rules(cluster: int, labels: Labels) -> None:
    rules = found(reading.stored_document, catalog.PLAIN_RULES)
    if rules is None:
        return
    parts = figures.rules_in_words(rules.to_plain(), cluster, labels)
    st.markdown(
        "\n".join(f"- {one}" for one in parts) if parts else "No plain rule tells this segment from the others."
    )
    unseen = rules.fidelity_unseen
    after = f", and {percent(unseen)} of customers they were not made from" if unseen is not None else ""
    st.caption(
        f"The rules put {percent(rules.fidelity)} of all customers into their segment{after}. They explain; the model decides by the nearest centre."
    )


def _demographics(segment: Segment, cluster: int, labels: Labels) -> None:
    table = found(reading.table, catalog.MAKE_UP)
    if table is None:
        return
    own = table[(table["cluster"] == cluster) & table["share"].notna()]
    if own.empty:
        st.info("The source holds no demographic columns, or they are unknown for this segment.")
        return
    places = st.columns(2)
    for number, (descriptor, rows) in enumerate(own.groupby("descriptor", sort=False)):
        with places[number % 2]:
            st.subheader(figures.words(str(descriptor), labels))
            st.caption(f"Known for {rows['known'].iloc[0]:,} customers of the segment.")
            st.altair_chart(charts.demographics(rows, charts.altair_colour(segment)), width="stretch", theme=None)


def _playbook(cluster: int) -> None:
    table = found(reading.table, catalog.PLAYBOOK_TABLE)
    if table is None:
        return
    own = table[table["cluster"] == cluster].to_dict("records")
    if not own:
        st.info("No playbook fits this segment: add one to conf/playbook/ and run `segments playbook`.")
        return
    _advise(own[0])
    st.caption(f"Because {plain(own[0]['evidence'])}")
    _overlays(own[0]["segment"])


def _overlays(segment: str) -> None:
    """Who in it has a trait that cuts across segments."""
    table = found(reading.table, catalog.OVERLAYS)
    if table is None or table.empty:
        return
    st.subheader("People in it, whatever the segment")
    own = table[table["segment"] == segment]
    shown = pd.DataFrame(
        {
            "who": own["label"],
            "means": own["means"],
            "customers": [f"{row.customers:,} ({percent(row.share)})" for row in own.itertuples()],
            "offer": own["offer"],
            "list": [
                f"segments export overlay={row.overlay} segment={row.segment_id} campaign=NAME"
                for row in own.itertuples()
            ],
        }
    )
    st.table(shown.map(figures.cell_text).set_index("who"))


def _advise(book: dict[Any, Any]) -> None:
    st.subheader(plain(book["title"]))
    st.markdown("\n".join(f"- **{title}**: {plain(book[key])}" for key, title in ADVICE.items() if book[key]))


def _members(inuse: Champion, segment: Segment, source: Source) -> None:
    left, middle, right = st.columns([3, 1, 1], vertical_alignment="bottom")
    text = left.text_input("Search by id", key="search", placeholder="part of a customer's id")
    count, shown = reading.member_page(inuse.version, segment.segment_id, text, 1)
    last = max(1, -(-count // figures.ROWS_PER_PAGE))
    page = middle.number_input(f"Page (of {last:,})", 1, last, 1)
    right.download_button(
        "Export as CSV",
        lambda: csv_text(
            reading.all_members(inuse.version, segment.segment_id, text, MOST_EXPORTED).drop(columns=["cluster"])
        ).encode(),
        file_name=f"{segment.segment_id}.csv",
        mime="text/csv",
        help="All that the search found. For a campaign with a control group use `segments export`.",
        on_click="ignore",
    )
    if page > 1:
        _, shown = reading.member_page(inuse.version, segment.segment_id, text, page)
    rows = found(reading.features_of, shown["customer_id"].tolist()) if len(shown) else None
    if rows is not None:
        shown = shown.merge(
            rows[["customer_id", *[c for c in inuse.model.space.columns if c in rows]]], on="customer_id", how="left"
        )
    st.caption(f"{count:,} customers; {figures.ROWS_PER_PAGE} a page.")
    shown = shown.drop(columns=["cluster", "segment_id"])
    st.dataframe(
        figures.with_money(shown, source.currency),
        hide_index=True,
        width="stretch",
        height=420,
        placeholder="–",
        column_config={
            name: st.column_config.NumberColumn(
                figures.words(name, source.labels), format=NUMBER_FORMATS.get(name, "%.4g")
            )
            if name in numeric_columns(shown)
            else figures.words(name, source.labels)
            for name in shown
        },
        alt="Members of the segment",
    )


def _look_up(inuse: Champion, kept: bool, described: bool, source: Source) -> None:
    st.header("One customer")
    customer = st.text_input("Customer's id", key="customer", placeholder="for example 17").strip()
    if not customer:
        return
    row = found(reading.features_of, [customer])
    if row is None:
        return
    if row.empty:
        st.warning(
            f"There is no customer '{plain(customer)}' among {reading.number_of_customers():,}. "
            "Ids are written as in the source, zeros in front included."
        )
        return
    answer = inuse.model.predict(row).iloc[0]
    segment = inuse.model.segments[int(answer["cluster"])]
    with st.container(border=True):
        st.html(_chip(segment))
        with st.container(horizontal=True):
            st.metric(
                "Confidence",
                f"{answer['confidence']:.0%}",
                border=True,
                help="0 on the border of two segments, 1 at the centre of its own",
            )
            own = reading.customers(inuse.version, [customer]) if kept else None
            if own is not None and len(own):
                one = own.iloc[0]
                if "churn_risk" in one:
                    risk = f"{one['churn_risk']:.1%}" if pd.notna(one["churn_risk"]) else "–"
                    st.metric("Churn risk", risk, border=True)
                if "expected_value" in one:
                    st.metric("Expected value", money_text(one["expected_value"], source.currency), border=True)
        if own is not None and len(own) and own.iloc[0]["segment_id"] != segment.segment_id:
            st.warning(
                f"When the model was made, this customer was in {segment_title(*own.iloc[0][['segment_id', 'segment']])}."
            )
        warn(answer)
        if own is None or figures.FORESEEN.keys() - set(own):
            facts = found(reading.stored_document, catalog.PREDICTION)
            if facts is not None and facts.not_shown:
                st.caption(" ".join(facts.not_shown))
        if described:
            _reason(customer, source.labels)
            books = found(reading.table, catalog.PLAYBOOK_TABLE)
            fits = [] if books is None else books[books["cluster"] == int(answer["cluster"])].to_dict("records")
            if fits:
                _advise(fits[0])
        values = row[inuse.model.space.columns].iloc[0]
        st.dataframe(
            pd.DataFrame({figures.words(name, source.labels): [value] for name, value in values.items()}),
            hide_index=True,
            placeholder="–",
            width="stretch",
            alt="Features of this customer",
        )


def warn(answer: pd.Series) -> None:
    """Say when the model doubts its own answer."""
    if answer["boundary"]:
        st.warning("On the border of two segments: treat the answer as either.", icon=":material/call_split:")
    if answer["out_of_range"]:
        st.warning(
            "Unlike the customers the model was made from: the answer is a guess.", icon=":material/explore_off:"
        )


def _reason(customer: str, labels: Labels) -> None:
    rows = found(reading.reasons_of, customer)
    if rows is None or rows.empty:
        return
    why = rows.iloc[0]
    parts = [
        f"{why[f'{which}_side']} **{figures.words(why[f'{which}_feature'], labels)}** ({why[f'{which}_share']:.0%} of what speaks for it)"
        for which in ("first", "second")
        if pd.notna(why[f"{which}_feature"])
    ]
    if parts:
        st.markdown(f"Here rather than in *{plain(why['next_segment'])}* because of {' and '.join(parts)}.")
