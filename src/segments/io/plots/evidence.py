"""Pictures of the evidence. Comes in: the tables of the evidence stage. Goes out: a card for one candidate, and one picture of the sweep."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from segments.clustering.plane import letter
from segments.config.evidence import NULLS
from segments.evidence.grades import p_in_words
from segments.io.plots.style import INK, MUTED, PALE, PALETTE

# Best first; the colours are also told apart by the letters in the map.
GRADE_COLOURS = {
    "natural": PALETTE[2],
    "reproducible": PALETTE[4],
    "constructive": PALETTE[1],
    "not supported": PALE,
}
LETTERS = {"natural": "N", "reproducible": "R", "constructive": "C", "not supported": "–", "": ""}
NOT_EVALUATED = "#FFFFFF"


def card(
    name: str,
    facts: Mapping[str, Any],
    clusters: pd.DataFrame,
    scores: pd.DataFrame,
    gap: Mapping[str, Any],
    k: int,
    limits: Mapping[str, float],
    firmness: str | None = None,
) -> Figure:
    """The evidence for one candidate on one card.

    Parameters
    ----------
    name : str
        Of the candidate.
    facts : mapping
        Its row of ``evidence.parquet``.
    clusters : DataFrame
        Its rows of ``clusters.parquet``.
    scores : DataFrame
        Its rows of ``nulls.parquet``; draw 0 is the data.
    gap : mapping
        Its cell's entry in ``gaps.json``.
    k : int
        Its number of clusters.
    limits : mapping
        The section ``evidence.grades``.
    firmness : str, optional
        What the sensitivity found, in a sentence; of the chosen candidate.
    """
    figure = Figure(figsize=(13, 5.2))
    axes = figure.subplots(1, 3, gridspec_kw={"left": 0.05, "right": 0.98, "bottom": 0.4, "top": 0.84, "wspace": 0.22})
    for axis in axes:
        axis.tick_params(labelsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    _jaccards(axes[0], clusters, limits)
    _against_null(axes[1], facts, scores)
    _gaps(axes[2], gap, k)
    colour = GRADE_COLOURS[facts["grade"]]
    figure.text(0.05, 0.92, name, fontsize=14, color=INK, parse_math=False)
    box = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "none"}
    figure.text(0.98, 0.92, facts["grade"], fontsize=13, color=INK, ha="right", bbox=box)
    strength = facts["prediction_strength"]
    numbers = (
        f"gap between every two clusters: p = {facts['valley_p']:.2g} (worst: {facts['valley_pair']}) · "
        f"ARI {facts['ari']:.2f} · prediction strength {'not measured' if np.isnan(strength) else format(strength, '.2f')} · "
        f"{facts['bootstraps']:.0f} bootstraps{', given up' if facts['stopped'] else ''}"
    )
    words = "\n".join(line for said in (facts["reason"], firmness) if said for line in textwrap.wrap(said, 150))
    figure.text(0.05, 0.26, f"{words}\n{numbers}", fontsize=10.5, color=INK, va="top", linespacing=1.5)
    return figure


def evidence_overview(table: pd.DataFrame) -> Figure:
    """The whole sweep: excess against the reference silhouette, and the grades over k and cells.

    Parameters
    ----------
    table : DataFrame
        ``evidence.parquet`` joined with the candidates: ``feature_set, scaler, k, silhouette_reference, excess, grade,
        null``.
    """
    cells = (table["feature_set"] + " · " + table["scaler"]).to_numpy()
    names = list(dict.fromkeys(cells))
    ks = sorted(table["k"].unique())
    height = max(5.0, 1.6 + 0.27 * len(names))
    figure = Figure(figsize=(14, height))
    left, right = figure.subplots(
        1,
        2,
        gridspec_kw={
            "left": 0.065,
            "right": 0.985,
            "bottom": 0.65 / height,  # in inches, as the two lines under the axis are
            "top": 1 - 0.35 / height,
            "wspace": 0.36,
            "width_ratios": [1.1, 1],
        },
    )
    for grade, colour in GRADE_COLOURS.items():
        own = table[table["grade"] == grade]
        left.scatter(
            own["silhouette_reference"],
            own["excess"],
            s=36,
            color=colour,
            edgecolors=MUTED,
            linewidths=0.5,
            label=f"{LETTERS[grade]}  {grade} ({len(own)})",
        )
    left.axhline(0, color=MUTED, linewidth=0.8)
    # Every candidate was evaluated against the same null; those left out have none.
    null = next((NULLS[name] for name in table["null"] if name), "nothing")
    left.set_ylabel("excess: silhouette above that of data without clusters", fontsize=10)
    left.set_xlabel(f"silhouette in the reference space (all features)\nwithout clusters: {null}", fontsize=9)
    left.set_title("Comparable across feature sets and scalers", fontsize=12, color=INK)
    left.legend(fontsize=9, frameon=False)
    left.grid(color=PALE, linewidth=0.5)
    left.set_axisbelow(True)
    left.spines[["top", "right"]].set_visible(False)

    grades = list(GRADE_COLOURS)
    grid = np.full((len(names), len(ks)), len(grades))
    for cell, k, grade in zip(cells, table["k"], table["grade"], strict=True):
        at = (names.index(cell), ks.index(k))
        grid[at] = grades.index(grade) if grade else len(grades)
        right.text(at[1], at[0], LETTERS[grade], ha="center", va="center", fontsize=8, color=INK)
    colours = ListedColormap([*GRADE_COLOURS.values(), NOT_EVALUATED])
    right.imshow(grid, cmap=colours, vmin=-0.5, vmax=len(grades) + 0.5, aspect="auto")
    right.set_xticks(range(len(ks)), [str(k) for k in ks], fontsize=9)
    right.set_yticks(range(len(names)), names, fontsize=9, parse_math=False)
    right.set_xticks(np.arange(len(ks) + 1) - 0.5, minor=True)
    right.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    right.grid(which="minor", color="white", linewidth=1.5)
    right.tick_params(which="both", length=0)
    right.spines[:].set_visible(False)
    right.set_xlabel("k", fontsize=10)
    right.set_title("Grades", fontsize=12, color=INK)
    return figure


def _jaccards(axis: Any, clusters: pd.DataFrame, limits: Mapping[str, float]) -> None:
    bars = axis.bar(clusters["cluster"], clusters["jaccard"], color=PALETTE[0], width=0.7)
    axis.bar_label(bars, fmt="%.2f", label_type="center", fontsize=8, color="white")
    for height, word in (
        (limits["natural_jaccard"], "natural"),
        (limits["reproducible_jaccard"], "reproducible"),
        (limits["constructive_jaccard"], "constructive"),
    ):
        axis.axhline(height, color=MUTED, linestyle="--", linewidth=0.8)
        axis.annotate(
            word,
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(0, 1),
            textcoords="offset points",
            fontsize=8,
            color=INK,
            ha="right",
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5},
        )
    axis.set_ylim(0, 1.02)
    axis.set_xticks(clusters["cluster"], [letter(cluster) for cluster in clusters["cluster"]])
    axis.set_xlabel("cluster", fontsize=10)
    axis.set_title("Does each cluster return? (mean Jaccard)", fontsize=11, color=INK)


def _against_null(axis: Any, facts: Mapping[str, Any], scores: pd.DataFrame) -> None:
    null, data = scores.loc[scores["draw"] > 0, "silhouette"], scores.loc[scores["draw"] == 0, "silhouette"].item()
    axis.hist(null, bins=20, color=PALE, edgecolor=MUTED, linewidth=0.5, label=f"{facts['null']} null ({len(null)})")
    axis.axvline(data, color=PALETTE[5], linewidth=2, label="the data")
    axis.set_xlabel(f"mean silhouette; null:\n{NULLS[facts['null']]}", fontsize=9)
    axis.set_title(
        f"Do clusters exist? z = {facts['z_silhouette']:.1f} (WCSS {facts['z_wcss']:.1f}), {p_in_words(facts['p_adjusted'], facts['nulls'])}",
        fontsize=11,
        color=INK,
    )
    axis.set_ylim(0, axis.get_ylim()[1] * 1.25)  # room for the legend
    axis.legend(fontsize=8, framealpha=0.9, edgecolor="none", ncols=2, loc="upper center")


def _gaps(axis: Any, gap: Mapping[str, Any], k: int) -> None:
    axis.errorbar(gap["k"], gap["gap"], yerr=gap["error"], color=PALETTE[0], marker="o", markersize=4, linewidth=1)
    axis.axvline(k, color=PALETTE[5], linewidth=1, linestyle=":")
    axis.set_xticks(gap["k"])
    axis.set_xlabel(f"k; {_of_rules(gap, k)}", fontsize=9)
    axis.set_title(
        f"Gap statistic: first-SE says {gap['first_se']}, globalSEmax {gap['global_se_max']}", fontsize=11, color=INK
    )


def _of_rules(gap: Mapping[str, Any], k: int) -> str:
    """What the two rules mean for a candidate of k clusters, in a clause."""
    rules = {gap["first_se"], gap["global_se_max"]}
    if k in rules:
        return "both rules agree with it" if len(rules) == 1 else "one of the rules agrees with it"
    if min(rules) > k:
        return "both rules ask for more: against an even box, mere skew pays for finer cuts"
    if max(rules) < k:
        return "both rules ask for fewer" if max(rules) > 1 else "both rules see no clusters at all"
    return "neither rule says this k"
