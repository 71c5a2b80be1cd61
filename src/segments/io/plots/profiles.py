"""Pictures of segments. Comes in: what profiles and descriptors found, names and one colour per segment. Goes out: Figures; a segment has its colour in all of them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from segments.clustering.plane import Plane
from segments.io.plots.style import INK, MUTED, PALE
from segments.model.segmentation import segment_title

FEW_KNOWN = 30  # customers
FIRM = 0.9  # share of resamples that put a customer into the same segment; with fewer, the customer wavers
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)
LARGEST_INDEX = 400  # where the heat map's colour is full; the number in the cell says what it is


def heat_map(index: pd.DataFrame, names: Sequence[str], colours: Sequence[str]) -> Figure:
    """Indices of every segment: 100 is the average customer; brown is more, violet less.

    Parameters
    ----------
    index : DataFrame of shape (n_features, k)
        Indices; a missing one is left white.
    names, colours : sequence of str
        Of each segment.
    """
    n, k = index.shape
    cell = max(0.55, min(1.35, 7.0 / k))
    slanted = cell < 1.1  # too narrow for names in lines
    longest = 0.068 * max(len(name) for name in names)
    label = 0.35 + 0.085 * max(len(str(name)) for name in index.index)
    lines = max(len(textwrap.wrap(name, int(11 * cell), break_on_hyphens=False)) for name in names)
    head = 0.55 * longest + 0.5 if slanted else 0.5 + 0.14 * lines
    width, height = label + cell * k + (0.85 * longest if slanted else 0.3), head + 0.34 * n + 0.45
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((label / width, 0.3 / height, cell * k / width, 0.34 * n / height))
    values = index.to_numpy(dtype=np.float64)
    shades = np.log2(np.clip(values, 1e4 / LARGEST_INDEX, LARGEST_INDEX) / 100)
    full = math.log2(LARGEST_INDEX / 100)
    image = axes.imshow(np.ma.masked_invalid(shades), cmap="PuOr_r", norm=TwoSlopeNorm(0, -full, full), aspect="auto")
    for i, j in np.ndindex(n, k):
        if np.isfinite(values[i, j]):
            dark = np.dot(image.to_rgba(shades[i, j])[:3], LUMINANCE) < 0.5
            axes.text(
                j, i, f"{values[i, j]:,.0f}", ha="center", va="center", fontsize=9, color="white" if dark else INK
            )
    axes.set_yticks(range(n), [str(name) for name in index.index], fontsize=9, parse_math=False)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for j, (name, colour) in enumerate(zip(names, colours, strict=True)):
        axes.add_patch(_bar(j, colour))
        text = name if slanted else "\n".join(textwrap.wrap(name, int(11 * cell), break_on_hyphens=False))
        turn: dict[str, Any] = (
            {"rotation": 35, "ha": "left", "rotation_mode": "anchor"} if slanted else {"ha": "center"}
        )
        axes.text(j - 0.3 * slanted, -0.95, text, va="bottom", fontsize=8, color=INK, parse_math=False, **turn)
    figure.text(label / width, 0.08 / height, "100 = average of all customers", fontsize=8, color=MUTED)
    return figure


def snake(ranks: pd.DataFrame, names: Sequence[str], colours: Sequence[str]) -> Figure:
    """Where the typical customer of each segment stands among all customers, feature by feature.

    Parameters
    ----------
    ranks : DataFrame of shape (n_features, k)
        Mean ranks, 0 to 1.
    names, colours : sequence of str
        Of each segment.
    """
    n = len(ranks)
    label = 0.35 + 0.085 * max(len(str(name)) for name in ranks.index)
    width, body, foot = label + 6.2, 0.36 * n + 0.2, 0.5
    height = foot + body + 0.1 + _legend_height(names, width)
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((label / width, foot / height, 6.0 / width, body / height))
    axes.axvline(50, color=MUTED, linewidth=1, linestyle="--")
    for j, (name, colour) in enumerate(zip(names, colours, strict=True)):
        axes.plot(100 * ranks.iloc[:, j], range(n), "o-", color=colour, markersize=5, linewidth=1.8, label=name)
    axes.set_yticks(range(n), [str(name) for name in ranks.index], fontsize=9, parse_math=False)
    axes.set_ylim(n - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("mean rank among all customers, % (dashed: like everybody)", fontsize=9, color=INK)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    _plain(axes)
    _legend(figure, names, colours)
    return figure


def radar(ranks: pd.DataFrame, names: Sequence[str], colours: Sequence[str]) -> Figure:
    """One radar per segment: mean rank among all customers on every feature, the dashed ring is everybody.

    Side by side, not over one another: more than three overlaid radars hide each other.

    Parameters
    ----------
    ranks : DataFrame of shape (n_features, k)
        Mean ranks, 0 to 1; three features at least.
    names, colours : sequence of str
        Of each segment.
    """
    k = len(names)
    across = min(4, k)
    down = math.ceil(k / across)
    title = 0.45 if k > 1 else 0.0  # one alone stands beside its name
    high = 2.7 + title
    figure = Figure(figsize=(3.9 * across, high * down))
    angles = np.linspace(0, 2 * np.pi, len(ranks), endpoint=False)
    for j, (name, colour) in enumerate(zip(names, colours, strict=True)):
        row, column = divmod(j, across)
        box = ((column + 0.25) / across, 1 - (row + (title + 2.3) / high) / down, 0.5 / across, 1.95 / high / down)
        axes: Any = figure.add_axes(box, projection="polar")
        axes.set_theta_zero_location("N")
        axes.set_theta_direction(-1)
        ring = np.append(angles, angles[0])
        own = 100 * ranks.iloc[:, j].to_numpy(dtype=np.float64)
        axes.plot(ring, np.full(len(ring), 50.0), color=MUTED, linestyle="--", linewidth=0.9)
        axes.plot(ring, np.append(own, own[0]), color=colour, linewidth=1.8)
        axes.fill(ring, np.append(own, own[0]), color=colour, alpha=0.22, linewidth=0)
        axes.set_ylim(0, 100)
        axes.set_yticks([25, 50, 75, 100], ["", "", "", ""])
        axes.set_xticks(angles, [""] * len(angles))
        for angle, feature in zip(angles, ranks.index, strict=True):
            side = "center" if abs(math.sin(angle)) < 0.2 else "left" if math.sin(angle) > 0 else "right"
            text = "\n".join(textwrap.wrap(str(feature), 13))
            axes.text(angle, 110, text, ha=side, va="center", fontsize=7, color=INK, parse_math=False)
        axes.grid(color=PALE, linewidth=0.6)
        axes.spines["polar"].set_color(PALE)
        if title:
            place = ((column + 0.5) / across, 1 - (row + 0.04) / down)
            text = "\n".join(textwrap.wrap(name, 40, break_on_hyphens=False))
            figure.text(*place, text, ha="center", va="top", fontsize=9, color=INK, fontweight="bold", parse_math=False)
    return figure


def bubble(profiles: pd.DataFrame, ids: Sequence[str], colours: Sequence[str], currency: str) -> Figure:
    """Size against value: customers across, revenue per customer up, revenue in all as area.

    Parameters
    ----------
    profiles : DataFrame of shape (k, ...)
        ``segment, size, revenue, revenue_share``.
    ids, colours : sequence of str
        Of each segment.
    currency : str
        Unit of the revenue.
    """
    names = list(map(segment_title, ids, profiles["segment"]))
    height = 4.65 + _legend_height(names, 8.0)
    figure = Figure(figsize=(8.0, height))
    axes = figure.add_axes((0.1, 0.55 / height, 0.86, 4.0 / height))
    value = profiles["revenue"] / profiles["size"]
    share = profiles["revenue_share"].clip(lower=0.0)
    axes.scatter(
        profiles["size"], value, s=7000 * share + 60, c=list(colours), alpha=0.75, edgecolors="white", linewidths=1
    )
    for identity, x, y, part, colour in zip(ids, profiles["size"], value, share, colours, strict=True):
        axes.annotate(
            f"{identity}: {part:.0%}",
            (x, y),
            xytext=(0, math.sqrt(7000 * part + 60) / 2 + 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=9,
            color=INK,
            bbox={
                "boxstyle": "round,pad=0.15",
                "facecolor": "white",
                "edgecolor": colour,
                "linewidth": 0.8,
                "alpha": 0.85,
            },
        )
    axes.set_xlim(0, 1.15 * profiles["size"].max())
    axes.set_ylim(0, 1.35 * max(value.max(), 1e-9))
    axes.set_xlabel("customers", fontsize=9)
    axes.set_ylabel(f"revenue per customer{f' ({currency})' if currency else ''}", fontsize=9, parse_math=False)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    _plain(axes)
    _legend(figure, names, colours)
    return figure


def draw_make_up(rows: pd.DataFrame, names: Sequence[str], colours: Sequence[str]) -> Figure:
    """Who is in each segment: a dot per segment for each level of each category; the grey tick is all customers.

    Dots are hollow where so few of the segment's customers are known that a share says little.

    Parameters
    ----------
    rows : DataFrame
        As :func:`segments.identity.profiles.make_up` makes it; at least one category.
    names, colours : sequence of str
        Of each segment.
    """
    shown = rows[rows["value"].ne("unknown") | rows["share"].notna()]
    levels = {name: list(dict.fromkeys(part["value"])) for name, part in shown.groupby("descriptor", sort=False)}
    across = min(3, len(levels))
    names_of = list(levels)
    deep = [max(len(levels[name]) for name in names_of[i : i + across]) for i in range(0, len(levels), across)]
    width = 4.0 * across if across > 1 else 6.5
    heights = [0.26 * depth + 0.75 for depth in deep]
    legend = _legend_height(names, width) + 0.05
    height = sum(heights) + legend
    figure = Figure(figsize=(width, height))
    top = height - legend
    for number, name in enumerate(names_of):
        row, column = divmod(number, across)
        depth = len(levels[name])
        base = top - sum(heights[: row + 1]) + heights[row] - 0.35 - 0.26 * depth
        box = ((column + 0.32) / across, base / height, 0.62 / across, 0.26 * depth / height)
        axes = figure.add_axes(box)
        part = shown[shown["descriptor"] == name].set_index(["value", "cluster"])
        for i, level in enumerate(levels[name]):
            overall = float(part.loc[level, "overall_share"].iloc[0])
            axes.plot(
                [100 * overall] * 2, [i - 0.4, i + 0.4], color=MUTED, linewidth=3, alpha=0.6, solid_capstyle="butt"
            )
            for cluster, colour in enumerate(colours):
                share = float(part.loc[(level, cluster), "share"])
                inside = colour if part.loc[(level, cluster), "known"] >= FEW_KNOWN else "white"
                axes.plot(100 * share, i, "o", color=colour, markerfacecolor=inside, markersize=6, alpha=0.85)
        axes.set_yticks(
            range(depth), [textwrap.shorten(level, 22) for level in levels[name]], fontsize=8, parse_math=False
        )
        axes.set_ylim(depth - 0.5, -0.5)
        axes.set_xlim(0, 1.06 * axes.dataLim.x1)
        axes.xaxis.set_major_formatter("{x:.0f} %")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(axis="y", color=PALE, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_title(str(name), fontsize=9, color=INK, parse_math=False)
        _plain(axes)
    _legend(figure, names, colours)
    return figure


def certainty(plane: Plane, members: pd.DataFrame, names: Sequence[str], colours: Sequence[str]) -> Figure:
    """Who belongs clearly: customers in the plane, the paler the less certain; beside it the shares per segment.

    Parameters
    ----------
    plane : Plane
        Where customers are.
    members : DataFrame of shape (n_customers, ...)
        ``cluster``, ``confidence`` (0 to 1), ``boundary`` and ``out_of_range`` of each, in the same order; and ``agreement``, the
        share of resamples that agree, of a candidate that has evidence.
    names, colours : sequence of str
        Of each segment.
    """
    tall = max(4.0, 0.5 * len(names))  # three bars a segment, and a figure beside each
    height = 1.05 + tall + _legend_height(names, 10.0)
    figure = Figure(figsize=(10.0, height))
    axes = figure.add_axes((0.07, 0.55 / height, 0.5, tall / height))
    _draw_members(axes, plane, members, colours)
    bars = figure.add_axes((0.66, 0.55 / height, 0.3, (tall - 0.15) / height))
    _draw_doubtful_shares(bars, members, colours)
    _legend(figure, names, colours)
    return figure


def _draw_members(axes: Axes, plane: Plane, members: pd.DataFrame, colours: Sequence[str]) -> None:
    """Customers in the plane: the paler the less certain, hollow near another segment, a cross far outside."""
    drawn = plane.shown()
    part, points = members.iloc[drawn], plane.points[drawn]
    solid = to_rgba_array(list(colours))[part["cluster"].to_numpy()]
    solid[:, 3] = 0.15 + 0.85 * part["confidence"].clip(0, 1).to_numpy()
    outside, border = part["out_of_range"].to_numpy(dtype=bool), part["boundary"].to_numpy(dtype=bool)
    inside = ~outside & ~border
    axes.scatter(points[inside, 0], points[inside, 1], s=12, c=solid[inside], linewidths=0)
    axes.scatter(
        points[border & ~outside, 0],
        points[border & ~outside, 1],
        s=14,
        facecolors="none",
        edgecolors=INK,
        linewidths=0.6,
    )
    axes.scatter(points[outside, 0], points[outside, 1], s=26, c=solid[outside, :3], marker="x", linewidths=1)
    for set_scale, label, set_label, log in (
        (axes.set_xscale, plane.labels[0], axes.set_xlabel, plane.log[0]),
        (axes.set_yscale, plane.labels[1], axes.set_ylabel, plane.log[1]),
    ):
        if log:
            set_scale("symlog", linthresh=1.0)
        set_label(label, fontsize=9, parse_math=False)
    _plain(axes)
    if len(drawn) < len(members):
        axes.set_title(f"{len(drawn):,} of {len(members):,} customers drawn", fontsize=8, color=MUTED)


def _draw_doubtful_shares(bars: Axes, members: pd.DataFrame, colours: Sequence[str]) -> None:
    """Per segment the shares of its customers who may not belong to it, a bar a reason."""
    kinds = [
        ("boundary", "", "near another segment (hollow bar)", "o"),
        ("out_of_range", "xxx", "far outside its segment (hatched bar)", "x"),
    ]
    if "agreement" in members:
        members = members.assign(wavers=members["agreement"] < FIRM)
        kinds.append(("wavers", "...", f"elsewhere in over {1 - FIRM:.0%} of resamples (dotted bar)", ""))
    shares = (
        members.groupby("cluster")[[what for what, *_ in kinds]].mean().reindex(range(len(colours)), fill_value=0.0)
    )
    thick = 0.66 / len(kinds)
    for cluster, colour in enumerate(colours):
        for place, (what, hatch, _, _) in enumerate(kinds):
            value, at = 100 * float(shares.loc[cluster, what]), cluster + (place - (len(kinds) - 1) / 2) * thick
            face = "none" if not hatch else PALE
            bars.barh(at, value, thick, facecolor=face, edgecolor=colour, hatch=hatch, linewidth=1.2)
            bars.annotate(
                f"{value:.1f} %", (value, at), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8
            )
    bars.set_yticks([])
    bars.set_ylim(len(colours) - 0.4, -0.6)
    bars.set_xlim(0, 1.3 * max(1.0, 100 * float(shares.to_numpy().max())))
    bars.xaxis.set_major_formatter("{x:.0f} %")
    bars.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    bars.set_xlabel("of the segment's customers", fontsize=9)
    _plain(bars)
    handles = [
        Line2D([], [], color=INK, marker=marker, markerfacecolor="none", linestyle="", markersize=5)
        for *_, marker in kinds
    ]
    bars.legend(
        handles,
        [label for _, _, label, _ in kinds],
        loc="lower left",
        bbox_to_anchor=(-0.03, 1.0),
        fontsize=8,
        frameon=False,
    )


def _bar(column: int, colour: str) -> Any:
    return Rectangle((column - 0.48, -0.82), 0.96, 0.18, color=colour, clip_on=False, linewidth=0)


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(labelsize=8, color=MUTED, labelcolor=INK)


def _columns(names: Sequence[str], width: float) -> int:
    needed = 0.075 * max(len(name) for name in names) + 0.45
    return max(1, min(len(names), 4, int(width / needed)))


def _legend_height(names: Sequence[str], width: float) -> float:
    return 0.215 * math.ceil(len(names) / _columns(names, width)) + 0.2


def _legend(figure: Figure, names: Sequence[str], colours: Sequence[str]) -> None:
    handles = [Line2D([], [], color=colour, marker="o", linestyle="", markersize=7) for colour in colours]
    width = figure.get_size_inches()[0]
    legend = figure.legend(
        handles,
        list(names),
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=_columns(names, width),
        fontsize=8.5,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
