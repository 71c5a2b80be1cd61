"""Picture of the sensitivity. Comes in: agreements per change. Goes out: a Figure."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from segments.io.plots.style import INK, MUTED, PALE, PALETTE

ROW_HEIGHT = 0.3  # inches per change


def agreement(table: pd.DataFrame, title: str) -> Figure:
    """Agreement of the chosen segments with what each change makes of them, one dot per change.

    Parameters
    ----------
    table : DataFrame
        ``change``, ``detail``, ``ari`` and ``customers``; changes of one kind stand together and share a colour.
    title : str
        Name of the candidate.

    Returns
    -------
    Figure
        Dots to the right are changes that did not matter.
    """
    kinds = list(dict.fromkeys(table["change"]))
    height = 1.4 + ROW_HEIGHT * len(table)
    figure = Figure(figsize=(8.0, height))
    axis = figure.add_axes((0.42, 0.75 / height, 0.52, 1 - 1.4 / height))
    for y, row in enumerate(table.itertuples()):
        colour = PALETTE[kinds.index(row.change) % len(PALETTE)]
        axis.plot([min(0.0, row.ari), row.ari], [y, y], color=PALE, linewidth=2, zorder=1)
        axis.plot([row.ari], [y], "o", color=colour, markersize=7, zorder=2)
        axis.annotate(
            f"{row.ari:z.2f}",
            (row.ari, y),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    axis.set_yticks(
        range(len(table)),
        [f"{row.change}: {row.detail}" for row in table.itertuples()],
        fontsize=9,
        parse_math=False,
    )
    axis.invert_yaxis()
    axis.set_xlim(min(0.0, float(table["ari"].min())) - 0.02, 1.12)
    axis.set_xlabel("adjusted Rand index: 1 the same segments, 0 chance", fontsize=10, color=MUTED)
    axis.grid(axis="x", color=PALE, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    figure.suptitle(f"What changes {title}", fontsize=12, color=INK, parse_math=False)
    return figure
