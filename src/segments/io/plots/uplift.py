"""Pictures of campaigns. Comes in: figures per segment with their intervals. Goes out: Figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from segments.io.plots.style import INK, MUTED, PALE


def forest(rows: pd.DataFrame, title: str, axis_label: str, colours: Sequence[str], *, zero: bool) -> Figure:
    """One line per segment: estimate and interval, the figures beside it.

    Parameters
    ----------
    rows : DataFrame
        ``label, estimate, low, high, text``, top to bottom; a row without limits shows only its text.
    title : str
        Heading.
    axis_label : str
        What is measured, and its unit.
    colours : sequence of str
        One per row.
    zero : bool
        Whether to mark "no difference".
    """
    height = 1.5 + 0.5 * len(rows)
    figure = Figure(figsize=(9.0, height))
    axis = figure.add_axes((0.32, 0.7 / height, 0.42, 1 - 1.4 / height))
    places = range(len(rows), 0, -1)
    for y, row, colour in zip(places, rows.itertuples(), colours, strict=True):
        axis.plot([row.low, row.high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
        axis.plot([row.estimate], [y], "s", color=colour, markersize=7)
        across = axis.get_yaxis_transform()
        axis.text(1.03, y, row.text, transform=across, va="center", fontsize=9, color=INK, parse_math=False)
    if zero:
        axis.axvline(0, color=MUTED, linewidth=1, zorder=0)
    axis.set_yticks(list(places), [_folded(label) for label in rows["label"]], fontsize=9, parse_math=False)
    axis.set_ylim(0.4, len(rows) + 0.6)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=9)
    axis.grid(axis="x", color=PALE, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.set_xlabel(axis_label, fontsize=10)
    figure.suptitle(title, fontsize=12, color=INK, x=0.02, y=1 - 0.15 / height, ha="left", va="top", parse_math=False)
    return figure


def _folded(label: str, width: int = 34) -> str:
    """A long name on two lines."""
    if len(label) <= width or " " not in label:
        return label
    middle = min((i for i, letter in enumerate(label) if letter == " "), key=lambda i: abs(i - len(label) // 2))
    return f"{label[:middle]}\n{label[middle + 1 :]}"
