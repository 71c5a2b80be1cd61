"""Page What if: a made-up customer's segment at once, and a file of customers scored."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from segments.action.templates import percent, plain
from segments.app.dashboard import charts, figures, reading
from segments.app.dashboard.reading import Champion, found
from segments.app.dashboard.segment import warn
from segments.app.jobs.score_file import score_file
from segments.config.root import Config
from segments.config.source import Source
from segments.data.formulas import neutralise
from segments.errors import DataError, SegmentsError
from segments.features.meanings import money_text
from segments.io.store import catalog
from segments.io.store.files import read_csv
from segments.io.tracking.connection import connect
from segments.io.tracking.results import track_batch
from segments.model.drift import medians
from segments.model.segmentation import Segmentation

SHOWN = 200  # rows of an answer on the page; the file holds all


@dataclass(frozen=True)
class Answer:
    """A scored file as the page keeps it: the bytes to download, and what was done."""

    name: str
    model: str
    scored: int
    counts: str
    rejected: dict[str, int]
    notes: list[str]
    content: bytes
    side: bytes
    head: pd.DataFrame
    shares: pd.DataFrame
    sentence: str


def show(config: Config) -> None:
    """Draw the page."""
    st.title("What if")
    inuse = found(reading.champion, config)
    if inuse is None:
        return
    one, file = st.tabs(["One customer", "A file"])
    with one:
        _sliders(inuse, config.source)
    with file:
        _file(config, inuse)


def _sliders(inuse: Champion, source: Source) -> None:
    model, labels = inuse.model, source.labels
    ranges = figures.ranges(model).set_index("feature")
    starts = _starts(inuse)
    left, right = st.columns(2, gap="large")
    with left:
        given = st.text_input("Customer's id", key="given", placeholder="to start from somebody").strip()
        known = found(reading.features_of, [given]) if given else None
        if known is not None and len(known):
            # who is asked for comes first, and so is where the sliders begin
            starts = {f"customer {given}": _begin(known.iloc[0], starts, model)} | starts
        elif known is not None:
            st.warning(f"There is no customer '{plain(given)}' among {reading.number_of_customers():,}.")
        start = st.selectbox("Start from", list(starts), help="Sets every slider; then move them as you like")
        values: dict[str, float | str] = {}
        places = st.columns(2)
        half = -(-len(model.space.columns) // 2)  # down one column, then the other: the order of the tabulator key
        for number, feature in enumerate(model.space.columns):
            begin, levels = starts[start][feature], model.space.levels(feature)
            if levels is not None:
                at = levels.index(str(begin))
                title = figures.words(feature, labels).capitalize()
                values[feature] = places[number // half].selectbox(title, levels, at, key=f"{start}|{feature}")
                continue
            low, high = ranges.loc[feature, ["low", "high"]]
            if not low < high:
                values[feature] = low
                places[number // half].caption(f"{figures.words(feature, labels)} was {low:g} for everybody.")
                continue
            values[feature] = places[number // half].slider(
                figures.words(feature, labels).capitalize(),
                low,
                high,
                min(max(float(begin), low), high),
                ranges.loc[feature, "step"],
                format="%.4g",
                # a new start makes new sliders, which begin where it says
                key=f"{start}|{feature}",
            )
    customer = pd.DataFrame([values])
    answer = model.predict(customer).iloc[0]
    segment = model.segments[int(answer["cluster"])]
    with right.container(border=True):
        st.caption("Segment")
        st.subheader(plain(segment.title))
        with st.container(horizontal=True):
            st.metric("Confidence", f"{answer['confidence']:.0%}", border=True)
            margin = "–" if answer["margin"] == float("inf") else f"{answer['margin']:.3f}"
            st.metric("Margin", margin, border=True, help="How much farther the next centre is, in the clustered space")
        own = reading.customers(inuse.version, [given]) if known is not None and len(known) else None
        _outlook(inuse, segment.segment_id, None if own is None or own.empty else own.iloc[0], source.currency)
        warn(answer)
        st.altair_chart(
            charts.nearness(figures.distances(model, customer), model.segments), width="stretch", theme=None
        )


def _begin(
    row: pd.Series[Any], starts: Mapping[str, Mapping[str, float | str]], model: Segmentation
) -> dict[str, float | str]:
    """A customer's values; what is not known of them, or is of no known level, is as in the first of the starts."""
    others = next(iter(starts.values()))
    levels = {name: model.space.levels(name) for name in model.space.columns}
    return {
        name: others[name]
        if pd.isna(row[name]) or str(row[name]) not in (levels[name] or [str(row[name])])
        else row[name]
        for name in model.space.columns
    }


def _outlook(inuse: Champion, segment_id: str, own: pd.Series[Any] | None, currency: str) -> None:
    """Risk and value in the segment of the answer; of a given customer, against what was foreseen for them as they are."""
    table = found(reading.outlook, inuse.version)
    if table is None:
        return
    table = table.set_index("segment_id")
    known = [name for name in figures.FORESEEN if f"{name}_mean" in table]
    if segment_id not in table.index or not known:
        return
    written: dict[str, Callable[[float], str]] = {
        "churn_risk": percent,
        "expected_value": partial(money_text, currency=currency),
    }
    with st.container(horizontal=True):
        for name in known:
            value = table.loc[segment_id, f"{name}_mean"]
            today = "" if own is None or pd.isna(own.get(name)) else f"today {written[name](own[name])}"
            st.metric(
                f"{figures.words(name).capitalize()} there",
                written[name](value),
                today or None,
                delta_color="off",
                delta_arrow="off",
                border=True,
            )
    who = "" if own is None else f" Today: what is foreseen for the customer, of {plain(own['segment'])}, as they are."
    st.caption(f"There: the mean of the segment's customers within the horizon.{who}")


def _starts(inuse: Champion) -> dict[str, dict[str, float | str]]:
    """Where the sliders may begin: the middle of all, and the median customer of each segment where profiles are known."""
    model = inuse.model
    centre = zip(model.space.columns, ((model.limits.low + model.limits.high) / 2).tolist(), strict=True)
    middle: dict[str, float | str] = {name: (model.space.levels(name) or [value])[0] for name, value in centre}
    if inuse.reference is not None:
        middle = medians(inuse.reference)
    starts = {"the median of all customers" if inuse.reference else "the middle of every range": middle}
    if catalog.exists(catalog.PROFILES) and found(reading.is_described, inuse):
        profiles = reading.table(catalog.PROFILES).set_index("cluster")
        made_up = reading.table(catalog.MAKE_UP)
        made_up = made_up[made_up["share"].notna()].sort_values("customers", kind="stable")
        most = {
            (row.cluster, row.descriptor): row.value for row in made_up.itertuples()
        }  # the last, the largest, stays
        for cluster, segment in enumerate(model.segments):
            own = profiles.loc[cluster]
            starts[f"the median of {segment.title}"] = {
                name: own.get(f"{name}_median", most.get((cluster, name), middle[name])) for name in model.space.columns
            }
    return starts


def _file(config: Config, inuse: Champion) -> None:
    st.markdown(
        f"CSV or parquet with `customer_id` and {', '.join(f'`{name}`' for name in inuse.model.space.columns)}; other columns and "
        "their order do not matter. "
        + ("A log of purchases as the source describes it will do, too." if config.source.transactions else "")
    )
    uploaded = st.file_uploader("File to score", type=["csv", "parquet"])
    keep = st.checkbox(
        "Keep a record for the page Monitor",
        help="Writes counts and drift figures, no customers, to record/monitoring/ and MLflow's experiment `monitoring`",
    )
    if (
        st.button("Score and record" if keep else "Score", type="primary", disabled=uploaded is None)
        and uploaded is not None
    ):
        try:
            with st.spinner("Scoring …"):
                st.session_state["answer"] = _score(config, inuse, uploaded.name, uploaded.getbuffer(), keep)
        except SegmentsError as error:
            st.session_state.pop("answer", None)
            st.error(f"{error.what}.\n\n{error.fix}" if error.fix else error.what)
    if "answer" in st.session_state:
        _answered(st.session_state["answer"], inuse)


def _score(config: Config, inuse: Champion, name: str, content: Any, keep: bool) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        # Path.name: what a browser calls a file must not lead out of the folder
        path = Path(folder) / "in" / (Path(name).name or "upload.csv")
        path.parent.mkdir()
        path.write_bytes(content)
        output = Path(folder) / "scored.csv"
        model = {"name": inuse.version.name, "version": inuse.version.number}
        batch = score_file(config, path, output, inuse.model, model, inuse.text if keep else "", shown=path.name)
        if batch.record is not None:
            with connect(config.tracking, "monitoring") as tracker:
                track_batch(tracker, batch.record)
        if not batch.scored:
            kept = "The counts are kept for the page Monitor. " if batch.record is not None else ""
            raise DataError(f"no row of {path.name} can be scored: {batch.message()}", fix=f"{kept}Mend the file")
        answers = read_csv(output)
        return Answer(
            name,
            f"{inuse.version.name} version {inuse.version.number}",
            batch.scored,
            batch.counts,
            batch.rejected,
            batch.notes,
            output.read_bytes(),
            batch.side.read_bytes() if batch.rejected else b"",
            answers.head(SHOWN),
            _shares(answers, inuse),
            batch.record["sentence"] if batch.record is not None else "",
        )


def _shares(answers: pd.DataFrame, inuse: Champion) -> pd.DataFrame:
    return figures.segments_overview(inuse.model.segments, answers["segment_id"].value_counts().to_dict(), {}, None)


def _answered(answer: Answer, inuse: Champion) -> None:
    st.success(f"{answer.scored:,} {answer.counts} of {plain(answer.name)} scored by {answer.model}.")
    if answer.sentence:
        st.markdown(f"Recorded. **{plain(answer.sentence)}**")
    for note in answer.notes:
        st.caption(note)
    if answer.rejected:
        reasons = "\n".join(f"- {rows:,} × {reason}" for reason, rows in answer.rejected.items())
        rows = sum(answer.rejected.values())
        st.warning(f"{rows:,} row{'s' * (rows != 1)} could not be scored:\n\n{reasons}")
    with st.container(horizontal=True):
        st.download_button("Download the answers", answer.content, "scored.csv", "text/csv", on_click="ignore")
        if answer.side:
            st.download_button("Download the rejected rows", answer.side, "rejected.csv", "text/csv", on_click="ignore")
    st.altair_chart(charts.shares(answer.shares, inuse.model.segments), width="stretch", theme=None)
    st.caption(f"The first {len(answer.head):,} of {answer.scored:,}:")
    st.dataframe(
        neutralise(answer.head),
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_config={name: figures.words(name) for name in answer.head},
        alt="Answers, one row per customer",
    )
