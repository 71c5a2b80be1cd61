"""Page Performance: each segment month by month, who moved, which targets are met, what campaigns brought."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from segments.action.performance import MISSED, PerformanceFacts
from segments.action.templates import measure_text, plain
from segments.action.uplift import ALL
from segments.app.commands import export, uplift
from segments.app.dashboard import charts, figures, reading
from segments.app.dashboard.reading import found
from segments.config.root import Config
from segments.data.formulas import neutralise
from segments.errors import SegmentsError
from segments.features.meanings import money_text
from segments.io.store import catalog
from segments.model.segmentation import Segment, segment_title

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
MOVES_SHOWN = 20


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
        figures.target_table(lights, partial(measure_text, currency=config.source.currency), MEASURE_WORDS),
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
                partial(measure_text, currency=config.source.currency),
                MEASURE_WORDS,
            ),
            hide_index=True,
            width="stretch",
            alt=f"Each segment in {period}, with the change against the {facts.period} before and a year before: {', '.join(part)}",
        )
    own = own.assign(segment=list(map(segment_title, own["segment_id"], own["segment"])))
    st.altair_chart(
        charts.by_period(own[own["whole"] & (own["segment_id"] != ALL)], name, MEASURE_WORDS[name], segments),
        width="stretch",
        theme=None,
    )
    said = [
        f"Churned: no purchase for {facts.inactive_days} days, counted where they bought last. Won back: bought after a longer silence.",
        "▲ and ▼: against the period before, then (in brackets) against the year before; nothing where that is not known or not whole.",
        *facts.notes,
    ]
    st.caption(plain(" ".join(f"{one[0].upper()}{one[1:].removesuffix('.')}." for one in said)))
    with st.expander(f"Every {facts.period}: {MEASURE_WORDS[name]}"):
        wide = own.pivot(index="period", columns="segment", values=name).iloc[::-1]
        order = [one.title for one in segments if one.title in wide]
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
    if (chosen := reading.chosen_candidate()) is not None and (doubt := figures.worth_doubt(chosen)):
        st.warning(doubt, icon=":material/warning:")
    shown = pd.DataFrame(
        {
            "": ["▲\u00a0rose" if worth > 0 else "▼\u00a0fell" if worth < 0 else "●" for worth in moves["worth"]],
            **{
                end: [
                    figures.cell_text(segment_title(one, name))
                    for one, name in zip(moves[f"{end}_id"], moves[f"{end}_segment"], strict=True)
                ]
                for end in ("from", "to")
            },
            "customers": moves["customers"].map("{:,}".format),
            f"spent in {facts.worth_periods} {facts.period}s": [_money(one, currency) for one in moves["revenue"]],
            "worth": [_money(one, currency) for one in moves["worth"]],
        }
    )
    shown.loc[moves["from_id"] == "none", ""] = "○\u00a0new"
    st.table(shown.head(MOVES_SHOWN).set_index(""))  # a grid would cut long names off
    if len(shown) > MOVES_SHOWN:
        st.caption(f"The {MOVES_SHOWN} with most customers, of {len(shown)}; all: `{catalog.path_of(catalog.MOVERS)}`.")


def _campaigns(config: Config) -> None:
    st.subheader("Campaigns")
    _make_list(config)
    _read_results(config)
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
        height=figures.table_height(len(rows), 600),
        alt="Campaigns: what they brought in each segment, with intervals",
    )
    st.caption(
        "Gain: treated less control, with its 95 % interval. Where no control group was drawn by chance, there is a figure, not a gain."
    )


def _make_list(config: Config) -> None:
    """A target list with a control group, as `segments export` makes it."""
    with st.expander("Make a list with a control group"):
        inuse = found(reading.champion, config)
        outlook = None if inuse is None else found(reading.outlook, inuse.version)
        if inuse is None or outlook is None:
            return
        names = {"": "all segments"} | {one.segment_id: one.title for one in inuse.model.segments}
        left, middle, right = st.columns(3)
        campaign = left.text_input("Campaign", placeholder="a name, such as spring")
        segment = middle.selectbox("Customers of", list(names), format_func=names.__getitem__)
        traits = {"": "everybody"} | {name: one.label for name, one in config.overlay.traits.items()}
        overlay = right.selectbox("Who are", list(traits), format_func=traits.__getitem__)
        if not overlay:
            own = outlook if not segment else outlook[outlook["segment_id"] == segment]
            customers = int(own["customers"].sum())
            st.caption(figures.smallest_effects(customers, config.export.control_share, config.export.base_rate))
        if st.button(
            "Make the list", type="primary", disabled=not campaign, help="Keeps who is in it, in record/campaigns/"
        ):
            st.session_state.pop("list", None)
            with tempfile.TemporaryDirectory() as folder, _errors_shown():
                file = Path(folder) / "list.csv"
                said = export.run(config, str(file), campaign, segment, overlay)
                st.session_state["list"] = (campaign, said.replace(f"{file}: ", ""), file.read_bytes())
        if "list" in st.session_state:
            campaign, said, content = st.session_state["list"]
            st.code(said, language=None, wrap_lines=True)
            st.download_button("Download the list", content, f"{campaign}.csv", "text/csv", on_click="ignore")


def _read_results(config: Config) -> None:
    """What a campaign brought, as `segments uplift` reads it."""
    with st.expander("Read what a campaign brought"):
        campaign = st.text_input("Campaign of the results", placeholder="as its list was called")
        uploaded = st.file_uploader(
            "Results: customer_id, and responded or spend, of everybody on the list, controls too",
            type=["csv", "parquet", "xlsx", "xls"],
        )
        ready = uploaded is not None and bool(campaign)
        if st.button(
            "Read the results", type="primary", disabled=not ready, help="Keeps them in record/uplift/ and MLflow"
        ):
            st.session_state.pop("uplift", None)
            with tempfile.TemporaryDirectory() as folder, _errors_shown():
                assert uploaded is not None
                # Path.name: what a browser calls a file must not lead out of the folder
                file = Path(folder) / (Path(uploaded.name).name or "results.csv")
                file.write_bytes(uploaded.getbuffer())
                st.session_state["uplift"] = uplift.run(config, campaign, str(file))
        if "uplift" in st.session_state:
            # its headings below those of the page
            st.markdown(re.sub("(?m)^#", "###", st.session_state["uplift"]).replace("$", "\\$"))


@contextmanager
def _errors_shown() -> Iterator[None]:
    """What a person can mend is a sentence on the page."""
    try:
        yield
    except SegmentsError as error:
        st.error(plain(reading.sentence(error)))


def _money(amount: float, currency: str) -> str:
    return figures.cell_text(money_text(amount, currency))


def _cell(value: Any, name: str, currency: str) -> str:
    return value if isinstance(value, str) else measure_text(name, value, currency)
