"""Page Performance: each segment month by month, who moved, which targets are met, what campaigns brought."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from segments.action.performance import IN_POINTS, MISSED, PerformanceFacts
from segments.action.templates import money_text, percent, plain
from segments.action.uplift import ALL
from segments.app.dashboard import charts, figures, reading
from segments.app.dashboard.reading import found
from segments.config.root import Config
from segments.data.formulas import neutralise
from segments.io.store import catalog
from segments.model.segmentation import Segment

MEASURE_WORDS = {
    "revenue": "revenue",
    "active_customers": "active customers",
    "visits": "visits",
    "basket": "basket",
    "discount_share": "discount share",
    "coupon_share": "coupon share",
    "churned": "churned",
    "won_back": "won back",
    "members": "members",
}
GOODS = ("revenue", "visits", "basket", "discount_share", "coupon_share")
CUSTOMERS = ("members", "active_customers", "churned", "won_back")
VIEWS = {"then": "the members of then", "today": "today's members"}
CAMPAIGNS_SHOWN = 12


def show(config: Config) -> None:
    """Draw the page."""
    st.title("Performance")
    facts = found(reading.stored_document, catalog.PERFORMANCE_FACTS)
    if facts is None:
        return
    if facts.reason:
        st.info(f"Performance does not apply: {facts.reason}.", icon=":material/info:")
    else:
        table = reading.table(catalog.PERFORMANCE)
        segments = reading.stored_document(catalog.IDENTITY).known.segments
        _targets(config)
        _periods(config, facts, table, segments)
        _movers(config, facts)
    _campaigns(config)


def _targets(config: Config) -> None:
    lights = reading.table(catalog.TARGET_LIGHTS)
    if lights.empty:
        st.caption("No targets yet: write some into conf/targets.yaml, then run `segments performance`.")
        return
    missed = int((lights["light"] == MISSED).sum())
    st.subheader(f"Targets: {missed} of {len(lights)} missed" if missed else f"Targets: none of {len(lights)} missed")
    st.dataframe(
        figures.target_table(lights, partial(written, currency=config.source.currency), MEASURE_WORDS),
        hide_index=True,
        width="stretch",
        column_config={"why": st.column_config.TextColumn("why there are no data", width="large")},
        alt="Targets of the segments, each with a light",
    )


def _periods(config: Config, facts: PerformanceFacts, table: pd.DataFrame, segments: list[Segment]) -> None:
    known = [name for name in MEASURE_WORDS if name in table]
    left, middle, right = st.columns(3)
    view = left.selectbox("Counted by", list(VIEWS), format_func=VIEWS.__getitem__)
    name = middle.selectbox("Drawn", known, format_func=MEASURE_WORDS.__getitem__)
    own = table[table["membership"] == view]
    periods = own["period"].drop_duplicates().tolist()[::-1]
    start = periods.index(facts.last) if facts.last in periods else 0
    period = right.selectbox(facts.period.capitalize(), periods, index=start)
    now = own[own["period"] == period]
    for part in (GOODS, CUSTOMERS):  # two narrow tables are read without scrolling, one wide one is not
        st.dataframe(
            figures.period_table(
                now,
                [one for one in part if one in now],
                partial(written, currency=config.source.currency),
                MEASURE_WORDS,
            ),
            hide_index=True,
            width="stretch",
            alt=f"Each segment in {period}, with the change against the {facts.period} before and a year before: {', '.join(part)}",
        )
    st.altair_chart(
        charts.by_period(own[own["whole"] & (own["segment_id"] != ALL)], name, MEASURE_WORDS[name], segments),
        width="stretch",
    )
    said = [
        f"Churned: no purchase for {facts.inactive_days} days, counted where they bought last. Won back: bought after a longer silence.",
        "▲ and ▼: against the period before, then (in brackets) against the year before; nothing where that is not known or not whole.",
        *facts.notes,
    ]
    st.caption(plain(" ".join(f"{one[0].upper()}{one[1:].removesuffix('.')}." for one in said)))
    with st.expander(f"Every {facts.period}: {MEASURE_WORDS[name]}"):
        wide = own.pivot(index="period", columns="segment", values=name).iloc[::-1]
        order = [one.name for one in segments if one.name in wide]
        wide = wide[[*order, *(one for one in wide.columns if one not in order)]].reset_index()
        st.dataframe(
            neutralise(wide).style.format(partial(_cell, name=name, currency=config.source.currency)),
            hide_index=True,
            width="stretch",
            alt=f"{MEASURE_WORDS[name]} of each segment in every {facts.period}",
        )


def _movers(config: Config, facts: PerformanceFacts) -> None:
    moves = reading.table(catalog.MOVERS)
    if moves.empty:
        return
    currency, stay = config.source.currency, moves[moves["from_id"] != "none"]
    up, down = stay[stay["worth"] > 0], stay[stay["worth"] < 0]
    st.subheader(f"Who moved in {facts.last}")
    st.markdown(
        f"**{int(up['customers'].sum()):,} rose**, worth {money_text(up['worth'].sum(), currency)} in {facts.worth_periods} "
        f"{facts.period}s if they spend as their new segment does; **{int(down['customers'].sum()):,} fell**, worth "
        f"{money_text(down['worth'].sum(), currency)}; {int(moves['customers'].sum() - stay['customers'].sum()):,} came new.".replace(
            "$", "\\$"
        )
    )
    shown = pd.DataFrame(
        {
            "": ["▲ rose" if worth > 0 else "▼ fell" if worth < 0 else "●" for worth in moves["worth"]],
            "from": moves["from_segment"],
            "to": moves["to_segment"],
            "customers": moves["customers"],
            f"spent in {facts.worth_periods} {facts.period}s": [money_text(one, currency) for one in moves["revenue"]],
            "worth": moves["worth"],
        }
    )
    shown.loc[moves["from_id"] == "none", ""] = "+ new"
    st.dataframe(
        neutralise(shown).style.format({"worth": partial(money_text, currency=currency)}),
        hide_index=True,
        width="stretch",
        height=_height(len(shown)),
        alt="Moves between segments, most customers first",
    )


def _campaigns(config: Config) -> None:
    st.subheader("Campaigns")
    folders = reading.campaigns()
    rows: list[dict[str, Any]] = []
    for record, table in folders[:CAMPAIGNS_SHOWN]:
        if record["source"] == config.source.name:
            rows += figures.campaign_rows(record, table)
    if not rows:
        st.caption(
            "No results yet: `segments export` makes a list with a control group, `segments uplift RESULTS campaign=NAME` reads what it brought."
        )
        return
    st.dataframe(
        neutralise(pd.DataFrame(rows)),
        hide_index=True,
        width="stretch",
        height=_height(len(rows)),
        alt="Campaigns: what they brought in each segment, with intervals",
    )
    st.caption(
        "Gain: treated less control, with its 95 % interval. Where no control group was drawn by chance, there is a figure, not a gain."
    )


def _height(rows: int) -> int:
    """Of a table: whole while it is short."""
    return min(36 * rows + 40, 600)


def written(name: str, value: float, currency: str) -> str:
    """A measure for a person.

    Examples
    --------
    >>> written("revenue", 1234.5, "$"), written("basket", 9.5, "$"), written("coupon_share", 0.05, "$"), written("visits", 1234.0, "$")
    ('$1,234', '$9.50', '5 %', '1,234')
    """
    if pd.isna(value):
        return "–"
    if name == "basket":
        return f"{value:,.2f} {currency}" if currency.isalpha() else f"{currency}{value:,.2f}"
    if name == "revenue":
        return money_text(value, currency)
    return percent(value) if name in IN_POINTS else f"{value:,.0f}"


def _cell(value: Any, name: str, currency: str) -> str:
    return value if isinstance(value, str) else written(name, value, currency)
