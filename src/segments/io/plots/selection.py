"""The picture of a choice. Comes in: candidates with their evidence and what was chosen. Goes out: a Figure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd
from matplotlib.figure import Figure

from segments.config.evidence import NULLS
from segments.io.plots.style import INK, MUTED, PALE, PALETTE


def front(
    candidates: pd.DataFrame, metric: str, on_front: Sequence[str], failing: Collection[str], chosen: str | None
) -> Figure:
    """Fit against stability, one point per candidate, its number of segments written on those of the Pareto front.

    Parameters
    ----------
    candidates : DataFrame
        One row per candidate with `metric`, ``jaccard_min``, ``k`` and ``null``; candidates without evidence are not drawn.
    metric : str
        The fit, on the vertical axis.
    on_front : sequence of str
        Candidate ids that no other beats in fit, stability and simplicity at once.
    failing : collection of str
        Candidate ids that fail a gate: pale.
    chosen : str or None
        Candidate id of the chosen one: ringed.

    Returns
    -------
    Figure
        8 x 5.6 inches.
    """
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    axes = figure.subplots()
    known = candidates.dropna(subset=[metric, "jaccard_min"])
    fails = known["candidate_id"].isin(list(failing))
    for cell, colour, label in ((known[fails], PALE, "fails a gate"), (known[~fails], PALETTE[0], "passes")):
        axes.scatter(cell["jaccard_min"], cell[metric], s=28, color=colour, label=f"{label} ({len(cell)})", zorder=2)
    best = known.set_index("candidate_id").loc[[i for i in on_front if i in set(known["candidate_id"])]]
    axes.scatter(
        best["jaccard_min"],
        best[metric],
        s=80,
        facecolors="none",
        edgecolors=PALETTE[1],
        linewidths=1.8,
        label="Pareto front (k written beside)",
        zorder=3,
    )
    for row in best.itertuples():
        axes.annotate(
            str(row.k),
            (row.jaccard_min, getattr(row, metric)),
            (5, 5),
            textcoords="offset points",
            color=INK,
            fontsize=9,
        )
    if chosen in set(known["candidate_id"]):
        row = known.set_index("candidate_id").loc[chosen]
        axes.scatter(
            [row["jaccard_min"]], [row[metric]], s=190, facecolors="none", edgecolors=INK, linewidths=2, zorder=4
        )
        name = f"chosen: {row['feature_set']} · {row['scaler']} · k={row['k']}"
        right = row["jaccard_min"] > 0.5
        axes.annotate(
            name,
            (row["jaccard_min"], row[metric]),
            (-12 if right else 12, 14),
            textcoords="offset points",
            ha="right" if right else "left",
            color=INK,
            fontweight="bold",
        )
    axes.margins(y=0.12)  # room for the name above the best, which often is the highest
    axes.set_xlabel("stability: bootstrap Jaccard of the least stable segment")
    null = next((NULLS[name] for name in known["null"] if metric == "excess" or metric.startswith("z_")), None)
    axes.set_ylabel(f"fit: {metric}" + (f" against\n{null}" if null else ""))
    axes.set_title("Fit, stability and simplicity of every candidate with evidence", loc="left", color=INK)
    axes.grid(color=PALE, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=MUTED)
    axes.legend(frameon=False, loc="lower left")
    return figure
