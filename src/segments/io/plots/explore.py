"""Pictures of the customers and their features. Comes in: an Exploration. Goes out: matplotlib Figures.

Skewed amounts and counts are drawn on a log1p axis (marked "log"), so that the many small customers are not one bar.
Names and levels are shown as they are: ``parse_math`` is off wherever a "$" could begin a formula. Customers are pixels in an SVG,
too ("rasterized"): as outlines, thousands of them would be megabytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from segments.features.explore import MISSING, OTHER, Exploration
from segments.io.plots.style import INK, MUTED, PALE, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

BLUE, ORANGE = PALETTE[0], PALETTE[1]


def exploratory_pictures(seen: Exploration) -> dict[str, Figure]:
    """Every picture that these columns allow, by name: no count plots without categories, no pairs with one column.

    Examples
    --------
    >>> import pandas as pd
    >>> from segments.config.features import ExploreConfig
    >>> from segments.features.explore import explore
    >>> people = pd.DataFrame({"customer_id": ["1", "2"], "age": [20.0, 40.0]})
    >>> list(exploratory_pictures(explore(people, ExploreConfig())))
    ['histograms', 'box_plots']
    """
    drawn = {"histograms": histograms(seen), "box_plots": box_plots(seen)} if seen.histograms else {}
    if len(seen.sample.columns) > 1:
        drawn["pair_plot"] = pair_plot(seen)
    if len(seen.spearman.columns) > 1:
        drawn["correlation_heat_map"] = correlation_heat_map(seen)
    if seen.categories:
        drawn["count_plots"] = count_plots(seen)
    return drawn


def histograms(seen: Exploration) -> Figure:
    """One histogram per numeric column, with its median."""
    figure, panels = _grid(
        list(seen.histograms),
        width=3.2,
        heights=[2.3] * len(seen.histograms),
        title=f"How {seen.n_customers:,} customers are distributed · dashed: median",
    )
    medians = dict(zip(seen.columns["column"], seen.columns["median"], strict=True))
    for name, axes in panels.items():
        shape, log = seen.histograms[name], name in seen.log_columns
        # Hairlines between the bars, drawn as their edges, would hide the narrow ones on a log axis.
        axes.stairs(shape.counts, shape.edges, fill=True, color=BLUE)
        axes.axvline(medians[name], color=INK, linestyle="--", linewidth=1)
        _plain_axes(axes)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        _scale(axes.xaxis, shape.edges[0], shape.edges[-1], log)
        axes.set_title(_label(seen, name), fontsize=9, parse_math=False)
    return figure


def box_plots(seen: Exploration) -> Figure:
    """One box per numeric column: quartiles, whiskers to 1.5 interquartile ranges, and every customer beyond."""
    figure, panels = _grid(
        list(seen.boxes),
        width=3.2,
        heights=[1.25] * len(seen.boxes),
        title=f"Spread and outliers · {seen.n_customers:,} customers · box: middle half",
    )
    for name, axes in panels.items():
        box, log = seen.boxes[name], name in seen.log_columns
        stats = {
            "whislo": box.low,
            "q1": box.q1,
            "med": box.median,
            "q3": box.q3,
            "whishi": box.high,
            "fliers": box.fliers,
        }
        axes.bxp(
            [stats],
            orientation="horizontal",
            widths=0.5,
            patch_artist=True,
            boxprops={"facecolor": BLUE, "alpha": 0.85, "edgecolor": INK},
            medianprops={"color": "white", "linewidth": 2},
            flierprops={"marker": "|", "markersize": 7, "markeredgecolor": ORANGE, "alpha": 0.6, "rasterized": True},
        )
        _plain_axes(axes)
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
        low, high = min([box.low, *box.fliers[:1]]), max([box.high, *box.fliers[-1:]])
        _scale(axes.xaxis, low, high, log)
        axes.set_title(_label(seen, name), fontsize=9, parse_math=False)
    return figure


def correlation_heat_map(seen: Exploration) -> Figure:
    """Spearman correlation of each pair of columns, as colour and as number."""
    names = list(seen.spearman.columns)
    correlations = seen.spearman.to_numpy()
    n = len(names) - 1
    below = np.tril(np.ones((n, n), dtype=bool))
    values = np.ma.masked_array(correlations[1:, :-1], ~below)
    # Placed by hand, in inches: constrained layout moves square axes with a colour bar a little on every drawing.
    body, label = max(2.6, 0.46 * n), 0.25 + 0.075 * max(len(name) for name in names)
    width, height = max(label + body + 1.0, 4.8), 0.75 * label + body + 0.6  # the title is no shorter
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((label / width, 0.75 * label / height, body / width, body / height))
    beside = figure.add_axes(
        ((label + body + 0.15) / width, (0.75 * label + 0.2 * body) / height, 0.13 / width, 0.6 * body / height)
    )
    image = axes.imshow(values, cmap="PuOr_r", vmin=-1, vmax=1)
    for i, j in zip(*np.nonzero(below), strict=True):
        r = float(correlations[i + 1, j])
        text = f"{r:.2f}".replace("0.", ".").replace("-.00", ".00") if np.isfinite(r) else ""
        axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color="white" if abs(r) > 0.6 else INK)
    axes.set_xticks(range(n), names[:-1], rotation=45, ha="right", rotation_mode="anchor", fontsize=8, parse_math=False)
    axes.set_yticks(range(n), names[1:], fontsize=8, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, cax=beside, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, color=MUTED)
    bar.set_label("opposite     ←  Spearman  →     alike", fontsize=8, color=MUTED)
    figure.suptitle(f"Which columns move together · {seen.n_customers:,} customers", fontsize=11)
    return figure


def pair_plot(seen: Exploration) -> Figure:
    """Each pair of columns as points, each column's histogram on the diagonal, rank correlations above it."""
    names = list(seen.sample.columns)
    correlations = seen.spearman.loc[names, names].to_numpy()
    n = len(names)
    side = max(5.6, 1.75 * n)
    figure = Figure(figsize=(side, side))
    figure.subplots_adjust(
        left=0.6 / side + 0.03, right=0.985, bottom=0.6 / side + 0.02, top=1 - 0.55 / side, wspace=0.08, hspace=0.08
    )
    grid = figure.subplots(n, n, squeeze=False)
    limits = {name: (seen.histograms[name].edges[0], seen.histograms[name].edges[-1]) for name in names}
    size, alpha = (12, 0.6) if len(seen.sample) <= 400 else (5, 0.3)
    for i, below in enumerate(names):
        for j, across in enumerate(names):
            axes = grid[i, j]
            if j > i:
                _correlation_text(axes, correlations[i, j])
                continue
            _plain_axes(axes)
            if i == j:
                shape = seen.histograms[across]
                axes.stairs(shape.counts, shape.edges, fill=True, color=MUTED)
                axes.set_yticks([])
                axes.spines["left"].set_visible(False)
            else:
                points = axes.scatter(seen.sample[across], seen.sample[below], s=size, alpha=alpha, color=BLUE)
                points.set(linewidths=0, rasterized=True)
                _scale(axes.yaxis, *limits[below], below in seen.log_columns, ticks=4)
            _scale(axes.xaxis, *limits[across], across in seen.log_columns, ticks=4)
            axes.tick_params(labelbottom=i == n - 1, labelleft=j == 0 and i > 0)
            if i == n - 1:
                axes.set_xlabel(_label(seen, across), fontsize=8, parse_math=False)
            if j == 0:
                axes.set_ylabel(_label(seen, below), fontsize=8, parse_math=False)
    figure.align_labels()
    shown = (
        f"{len(seen.sample):,} of {seen.n_customers:,}"
        if len(seen.sample) < seen.n_customers
        else f"{seen.n_customers:,}"
    )
    figure.suptitle(f"Pairs of columns · {shown} customers\nnumbers: Spearman correlation", fontsize=11)
    return figure


def count_plots(seen: Exploration) -> Figure:
    """Bars of customers per level of each category, what is missing in grey."""
    heights = [0.21 * len(counts) + 0.5 for counts in seen.categories.values()]
    figure, panels = _grid(
        list(seen.categories),
        width=4.2,
        heights=heights,
        title=f"Customers per category · {seen.n_customers:,} customers",
        columns=3,
    )
    in_row = {
        axes: max(len(seen.categories[other]) for other, beside in panels.items() if _row(beside) == _row(axes))
        for axes in panels.values()
    }
    for name, axes in panels.items():
        levels = list(seen.categories[name].items())
        colours = [PALE if level == MISSING else MUTED if level == OTHER else BLUE for level, _ in levels]
        axes.barh(range(len(levels)), [count for _, count in levels], color=colours, height=0.75)
        axes.set_yticks(range(len(levels)), [_shorten(level) for level, _ in levels], fontsize=8, parse_math=False)
        # Panels of a row share one height: a category of two levels would otherwise get giant bars.
        axes.set_ylim(in_row[axes] - 0.4, -0.6)
        for i, (_, count) in enumerate(levels):
            axes.annotate(
                f"{count:,} · {_percent(count / seen.n_customers)}",
                (count, i),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color=INK,
            )
        _plain_axes(axes)
        axes.tick_params(left=False)
        axes.spines["bottom"].set_visible(False)
        axes.set_xticks([])
        axes.set_xlim(0, 1.3 * max(count for _, count in levels))
        axes.set_title(_label(seen, name), fontsize=9, parse_math=False)
    return figure


# --- what the pictures share --------------------------------------------------------------------------------------


def _grid(
    names: list[str], *, width: float, heights: list[float], title: str, columns: int = 4
) -> tuple[Figure, dict[str, Axes]]:
    # One panel per name, `columns` to a row; a row is as high as its highest panel asks for.
    across = min(columns, len(names))
    rows = [max(heights[start : start + across]) for start in range(0, len(names), across)]
    figure = Figure(
        figsize=(max(width * across, 5.6), sum(rows) + 0.5), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.07)
    )
    panels = figure.subplots(len(rows), across, squeeze=False, height_ratios=rows).ravel()
    for empty in panels[len(names) :]:
        empty.set_visible(False)
    figure.suptitle(title, fontsize=11)
    return figure, dict(zip(names, panels, strict=False))


def _plain_axes(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(labelsize=7.5, color=MUTED, labelcolor=INK)


def _scale(axis: Axis, low: float, high: float, log: bool, ticks: int = 5) -> None:
    axes = axis.axes
    set_scale, set_limits = (axes.set_xscale, axes.set_xlim) if axis is axes.xaxis else (axes.set_yscale, axes.set_ylim)
    if log:
        set_scale("function", functions=(np.log1p, np.expm1))
        margin = 0.03 * (np.log1p(high) - np.log1p(low))
        set_limits(np.expm1(np.log1p(low) - margin), np.expm1(np.log1p(high) + margin))
        axis.set_major_locator(FixedLocator(_log_ticks(low, high, ticks)))
        axis.set_minor_locator(NullLocator())
    else:
        margin = 0.03 * (high - low) or 0.5
        set_limits(low - margin, high + margin)
        axis.set_major_locator(MaxNLocator(ticks - 1, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(_short_number))


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    fine = [0.0, *(step * 10.0**power for power in range(0, 16) for step in (1, 3))]
    inside = [tick for tick in fine if low <= tick <= high]
    tens = [tick for tick in inside if tick == 0 or str(tick)[0] == "1"]
    best = inside if len(inside) <= most else tens
    return best[:: -(-len(best) // most)] if best else [low, high]


def _short_number(value: float, _: Any = None) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:.3g}"


def _correlation_text(axes: Axes, r: float) -> None:
    axes.set_axis_off()
    if np.isfinite(r):  # two columns that no customer has both of have no correlation
        weight = abs(float(r))
        style: dict[str, Any] = {"color": INK, "fontsize": 9 + 9 * weight, "alpha": 0.45 + 0.55 * weight}
        axes.text(0.5, 0.5, f"{r:.2f}", ha="center", va="center", transform=axes.transAxes, **style)


def _label(seen: Exploration, name: str) -> str:
    notes = [note for note in (seen.units.get(name, ""), "log" if name in seen.log_columns else "") if note]
    said = seen.words.get(name, name)
    return f"{said} ({', '.join(notes)})" if notes else said


def _percent(share: float) -> str:
    return f"{share:.0%}" if share == 0 or share >= 0.005 else "<1%"


def _row(axes: Axes) -> int:
    place = axes.get_subplotspec()
    return place.rowspan.start if place else 0


def _shorten(level: str) -> str:
    return level if len(level) <= 22 else f"{level[:21]}…"
