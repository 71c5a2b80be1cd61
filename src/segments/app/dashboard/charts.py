"""Charts of the dashboard. Comes in: small tables. Goes out: Altair charts in the colours of the pictures, each with a description for a screen reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import altair as alt
import pandas as pd

from segments.io.plots.style import MUTED, PALE, PALETTE
from segments.model.segmentation import Segment, segment_title

HEIGHT = 340
ROOM = 90  # of the height of a chart, for its axis and title
LINE = 18  # of the height, for one name in a legend
LEVEL_LINE = 60  # letters that fit beside one another under a chart of half a page
ONE_WORD_A_LINE = alt.Axis(labelAngle=0, labelOverlap=False, labelExpr="split(datum.label, ' ')", grid=True)
NAMES_IN_LINES = alt.Axis(labelLimit=0, labelOverlap=False, labelExpr="split(datum.label, '\\n')")
# Dashes tell lines apart where colours repeat or are not seen.
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [14, 4])
# A line or bar that is seen on a light and on a dark ground; black, the seventh colour of the pictures, is not. Texts are left to Streamlit, which
# is why its pages draw charts with theme=None: its own theme writes them paler than 4.5 : 1.
EITHER_GROUND = "#808080"
NAME_LINE = 24  # letters of a name beside an axis, so that a narrow screen keeps room for the bars
LIGHTS = {"amber": "#E69F00", "red": "#D55E00"}


def _named(names: Sequence[str]) -> alt.Axis:
    """An axis on which every name is read: level while they are few, slanting beyond."""
    level = sum(map(len, names)) <= LEVEL_LINE
    return alt.Axis(labelAngle=0 if level else -40, labelLimit=0 if level else 200, labelOverlap=False)


def _room(names: Sequence[str]) -> int:
    """Height that the names of :func:`_named` take when they slant, so that the bars keep theirs."""
    axis = _named(names).to_dict()
    return round(0.65 * min(axis["labelLimit"], 6 * max(map(len, names), default=0))) if axis["labelAngle"] else 0


def _in_lines(name: str) -> str:
    return "\n".join(wrap(name, NAME_LINE, break_on_hyphens=False))


def altair_colour(segment: Segment) -> str:
    """A segment's colour: the one it has in every picture, but for black."""
    colour = PALETTE[segment.colour % len(PALETTE)]
    return EITHER_GROUND if colour == "#000000" else colour


def of_segments(segments: Sequence[Segment]) -> alt.Scale:
    """Titles of segments to their colours; what else stands in a table is grey."""
    return alt.Scale(domain=[one.title for one in segments], range=[altair_colour(one) for one in segments])


def _titled(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(segment=list(map(segment_title, table["segment_id"], table["segment"])))


def shares(table: pd.DataFrame, segments: Sequence[Segment]) -> alt.Chart:
    """Bars side by side for each segment: its share of customers and, where it is known, of revenue.

    Parameters
    ----------
    table : DataFrame
        From :func:`segments.app.dashboard.figures.segments_overview`.
    segments : sequence of Segment
        Give the colours.
    """
    names = {"share": "customers", "revenue_share": "revenue"}
    known = [name for name in names if name in table]
    labels = [names[name] for name in known]
    long = (
        _titled(table)
        .melt(id_vars="segment", value_vars=known, var_name="of", value_name="value")
        .assign(of=lambda t: t["of"].map(names), called=lambda t: t["segment"].map(_in_lines))
    )
    return (
        alt.Chart(long)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("value:Q", title=f"share of {' and '.join(labels)}", axis=alt.Axis(format="%")),
            y=alt.Y("called:N", title=None, sort=None, axis=NAMES_IN_LINES),
            yOffset=alt.YOffset("of:N", sort=labels),
            color=alt.Color("segment:N", scale=of_segments(segments), legend=None),
            opacity=alt.Opacity(
                "of:O",
                sort=labels,
                scale=alt.Scale(domain=labels, range=[1.0, 0.5][: len(labels)]),
                title=None,
                legend=alt.Legend(orient="bottom") if len(labels) > 1 else None,
            ),
            tooltip=["segment", "of", alt.Tooltip("value:Q", format=".1%")],
        )
        .properties(
            height=ROOM + 22 * len(labels) * (len(table) + 1),
            description=f"Share of {' and of '.join(labels)} of each segment, as bars",
        )
    )


def over_time(table: pd.DataFrame, segments: Sequence[Segment], what: str | None = None) -> alt.Chart:
    """Stacked bars: the segments' shares in each version or batch (`what`; left out where the names under the bars say it)."""
    order = table.sort_values("order")["when"].drop_duplicates().tolist()
    scale = of_segments(segments)
    if others := [name for name in table["segment"].drop_duplicates() if name not in scale.domain]:
        scale = alt.Scale(domain=[*scale.domain, *others], range=[*scale.range, *[PALE] * len(others)])
    places = {name: place for place, name in enumerate(scale.domain)}
    return (
        alt.Chart(table.assign(place=table["segment"].map(places)))
        .mark_bar(size=28)
        .encode(
            x=alt.X("when:N", sort=order, title=what, axis=_named(order)),
            y=alt.Y("share:Q", title="share of customers", axis=alt.Axis(format="%")),
            # one below the other, and whole: two beside one another do not fit half a page
            color=alt.Color(
                "segment:N", scale=scale, title=None, legend=alt.Legend(orient="bottom", columns=1, labelLimit=0)
            ),
            order=alt.Order("place:Q"),
            tooltip=[
                "when",
                "segment",
                alt.Tooltip("customers:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .properties(
            height=HEIGHT + LINE * len(scale.domain) + _room(order),
            description=f"Share of each segment in each {what or 'group'}, as stacked bars",
        )
    )


def by_period(table: pd.DataFrame, measure: str, title: str, segments: Sequence[Segment]) -> alt.LayerChart:
    """A measure of each segment, by its title, over the periods: colour and dash are the segment's."""
    scale, names = of_segments(segments), [one.title for one in segments]
    shown = table[table["segment"].isin(names)]
    axis = alt.Axis(format="%") if measure.endswith("_share") else alt.Axis()
    base = alt.Chart(shown[["period", "segment", measure]]).encode(
        x=alt.X("period:N", title=None, axis=_named(shown["period"].drop_duplicates().tolist())),
        y=alt.Y(f"{measure}:Q", title=title, axis=axis),
        color=alt.Color(
            "segment:N", scale=scale, title=None, legend=alt.Legend(orient="bottom", columns=1, labelLimit=0)
        ),
        tooltip=["period", "segment", alt.Tooltip(f"{measure}:Q", format=",.4g")],
    )
    dash = alt.StrokeDash(
        "segment:N",
        scale=alt.Scale(domain=names, range=[DASHES[i % len(DASHES)] for i in range(len(names))]),
        legend=None,
    )
    drawn = [base.mark_line(strokeWidth=2).encode(strokeDash=dash), base.mark_circle(size=45)]
    return alt.layer(*drawn).properties(
        height=HEIGHT + LINE * len(names),
        description=f"{title} of each segment over the periods, one line a segment",
    )


def lines(table: pd.DataFrame, title: str) -> alt.LayerChart:
    """A score over k: colour is the feature set, the dash the scaler; a diamond marks the elbow of a WCSS curve, a ring what was chosen."""
    sets, scalers = (table[name].drop_duplicates().tolist() for name in ("feature_set", "scaler"))
    base = alt.Chart(table).encode(
        x=alt.X(
            "k:Q", title="number of segments k", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(zero=False)
        ),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)),
        color=alt.Color(
            "feature_set:N",
            title="feature set",
            scale=alt.Scale(domain=sets, range=[PALETTE[i % len(PALETTE)] for i in range(len(sets))]),
        ),
        tooltip=["feature_set", "scaler", "k", alt.Tooltip("value:Q", format=".4g")],
    )
    dash = alt.StrokeDash(
        "scaler:N",
        title="scaler",
        scale=alt.Scale(domain=scalers, range=[DASHES[i % len(DASHES)] for i in range(len(scalers))]),
        legend=alt.Legend(symbolSize=1200, symbolStrokeWidth=2),  # long enough to show a whole pattern
    )
    drawn = base.mark_line(strokeWidth=1.8).encode(strokeDash=dash)
    layers = [drawn, base.mark_circle(size=18)]
    if table["elbow"].any():
        diamond = base.mark_point(
            shape="diamond", size=110, filled=True, opacity=1, stroke=EITHER_GROUND, strokeWidth=1
        )
        layers.append(diamond.transform_filter("datum.elbow"))
    if table["chosen"].any():
        ring = base.mark_point(shape="circle", size=260, opacity=1, strokeWidth=3)
        layers.append(ring.encode(color=alt.value(EITHER_GROUND)).transform_filter("datum.chosen"))
    return alt.layer(*layers).properties(
        height=400, description=f"{title} over the number of segments, one line per feature set and scaler"
    )


def parallels(table: pd.DataFrame, axes: Sequence[str], chosen: str | None, picked: Sequence[str]) -> alt.LayerChart:
    """Candidates as lines across parallel axes; the chosen one and those picked stand out."""
    table = table.assign(
        shown=["chosen" if one == chosen else "picked" if one in picked else "others" for one in table["candidate_id"]]
    )
    base = alt.Chart(table).encode(
        x=alt.X("axis:N", sort=list(axes), title=None, axis=ONE_WORD_A_LINE),
        y=alt.Y("place:Q", title="lowest → highest of all candidates", axis=alt.Axis(labels=False, ticks=False)),
        detail="candidate_id:N",
        color=alt.Color(
            "shown:N",
            title=None,
            legend=alt.Legend(orient="bottom", symbolOpacity=1, symbolStrokeWidth=3),
            scale=alt.Scale(domain=["chosen", "picked", "others"], range=["#D55E00", "#0072B2", MUTED]),
        ),
        tooltip=["name:N", "axis:N", alt.Tooltip("value:Q", format=".4g")],
    )
    few = base.mark_line(strokeWidth=3).transform_filter("datum.shown != 'others'")
    many = base.mark_line(strokeWidth=0.7, opacity=0.35).transform_filter("datum.shown == 'others'")
    return alt.layer(many, few).properties(height=380, description="Scores of the candidates on parallel axes")


def indices(table: pd.DataFrame, fill: str) -> alt.LayerChart:
    """Bars of a segment's indices from 100, the mean of all customers."""
    base = alt.Chart(table).encode(
        y=alt.Y("feature:N", sort=None, title=None, axis=alt.Axis(labelLimit=220, labelOverlap=False)),
        tooltip=["feature", *[alt.Tooltip(f"{name}:Q", format=".4g") for name in ("mean", "overall_mean", "index")]],
    )
    bars = base.mark_bar(color=fill).encode(
        x=alt.X("index:Q", title="index: 100 = mean of all customers"), x2=alt.datum(100)
    )
    rule = alt.Chart(pd.DataFrame({"index": [100]})).mark_rule(color=EITHER_GROUND).encode(x="index:Q")
    return alt.layer(bars, rule).properties(
        height=ROOM + 26 * len(table), description="Index of each feature of the segment, 100 is the mean of all"
    )


def demographics(table: pd.DataFrame, fill: str) -> alt.LayerChart:
    """Bars of a segment's make-up, with a tick at the share among all customers."""
    base = alt.Chart(table).encode(
        y=alt.Y("value:N", sort=None, title=None, axis=alt.Axis(labelLimit=200, labelOverlap=False))
    )
    tooltip = ["value", alt.Tooltip("share:Q", format=".1%"), alt.Tooltip("overall_share:Q", format=".1%")]
    bars = base.mark_bar(color=fill).encode(
        x=alt.X("share:Q", title="share (tick: of all customers)", axis=alt.Axis(format="%")), tooltip=tooltip
    )
    ticks = base.mark_tick(color=EITHER_GROUND, thickness=2, size=14).encode(x="overall_share:Q", tooltip=tooltip)
    return alt.layer(bars, ticks).properties(
        height=ROOM + 26 * len(table), description="Make-up of the segment against all customers"
    )


def nearness(table: pd.DataFrame, segments: Sequence[Segment]) -> alt.Chart:
    """Bars of one customer's distance to every centre, nearest on top."""
    return (
        alt.Chart(_titled(table).assign(called=lambda t: t["segment"].map(_in_lines)))
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("distance:Q", title="distance to the centre"),
            # a narrow place: long names on one line would leave none to the bars
            y=alt.Y("called:N", sort=None, title=None, axis=NAMES_IN_LINES),
            color=alt.Color("segment:N", scale=of_segments(segments), legend=None),
            tooltip=["segment", alt.Tooltip("distance:Q", format=".3f")],
        )
        .properties(
            height=ROOM + 46 * len(table), description="Distance of this customer to the centre of each segment"
        )
    )


def against_limits(table: pd.DataFrame, amber: float, red: float) -> alt.LayerChart:
    """Bars of stability indices, with a line where amber and where red begins."""
    bars = (
        alt.Chart(table)
        .mark_bar(color=PALETTE[0])
        .encode(
            y=alt.Y("feature:N", sort=None, title=None, axis=alt.Axis(labelLimit=220, labelOverlap=False)),
            x=alt.X("psi:Q", title="PSI against training"),
            tooltip=["feature", alt.Tooltip("psi:Q", format=".3f"), "status"],
        )
    )
    return alt.layer(bars, _limits({"amber": amber, "red": red}, alt.X("limit:Q"))).properties(
        height=ROOM + 60 + 34 * len(table), description="Stability index of segments and features, with its limits"
    )


def spread(table: pd.DataFrame, feature: str) -> alt.Chart:
    """Bars side by side for each bin of a feature: the share of the training customers, and of the batch."""
    bins, sides = table["bin"].drop_duplicates().tolist(), table["of"].drop_duplicates().tolist()
    return (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("bin:N", sort=bins, title=feature, axis=_named(bins)),
            xOffset=alt.XOffset("of:N", sort=sides),
            y=alt.Y("share:Q", title="share of customers", axis=alt.Axis(format="%")),
            color=alt.Color(
                "of:N",
                title=None,
                scale=alt.Scale(domain=sides, range=[EITHER_GROUND, PALETTE[0]]),
                legend=alt.Legend(orient="bottom"),
            ),
            tooltip=["bin", "of", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(
            height=HEIGHT + _room(bins),
            description=f"{feature}: share of the training customers and of the batch in each bin, as bars",
        )
    )


def batch_history(table: pd.DataFrame, title: str, limits: Mapping[str, float]) -> alt.LayerChart:
    """One figure over the batches, with its limits."""
    order = table["batch"].tolist()
    base = alt.Chart(table).encode(
        x=alt.X("batch:N", sort=order, title="batch", axis=_named(order)),
        tooltip=["batch", alt.Tooltip("value:Q", format=".3f"), "status"],
    )
    y = alt.Y("value:Q", title=None)
    drawn = [base.mark_line(color=PALETTE[0]).encode(y=y), base.mark_circle(color=PALETTE[0], size=60).encode(y=y)]
    if table["low"].notna().any():
        drawn.insert(0, base.mark_errorbar(color=MUTED).encode(y=alt.Y("low:Q", title=None), y2="high:Q"))
    if limits:
        drawn.append(_limits(limits, alt.Y("limit:Q")))
    return alt.layer(*drawn).properties(height=HEIGHT + _room(order), description=f"{title} over the scored batches")


def _limits(limits: Mapping[str, float], place: alt.X | alt.Y) -> alt.Chart:
    """Lines where amber and red begin, told apart by their dashes, not by colour alone."""
    names = [f"{light} from here" for light in LIGHTS]
    ends = pd.DataFrame({"limit": [limits[light] for light in LIGHTS], "light": names})
    return (
        alt.Chart(ends)
        .mark_rule(strokeWidth=2)
        .encode(
            place,
            color=alt.Color(
                "light:N",
                title=None,
                legend=alt.Legend(orient="bottom"),
                scale=alt.Scale(domain=names, range=[*LIGHTS.values()]),
            ),
            strokeDash=alt.StrokeDash("light:N", legend=None, scale=alt.Scale(domain=names, range=[[6, 3], [1, 0]])),
        )
    )
