"""Pictures of forecasts measured on later time. Comes in: calibration groups, the comparison. Goes out: Figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from segments.io.plots.style import INK, MUTED, PALE, PALETTE

PANEL_SIDE = 5.2  # inches; square, as MLflow's picture grid wants it
SCORE_WORDS = {"churn": "share that left", "value": "money spent"}
EMPTY = 0.02  # of the axis: room beside the points


def calibration(groups: pd.DataFrame, outcome: str, title: str, note: str) -> Figure:
    """Predicted against observed in groups of customers by rising prediction; on the diagonal, predictions are right.

    Parameters
    ----------
    groups : DataFrame
        ``predicted, observed, low, high`` per group, of one model and outcome.
    outcome : {"churn", "value"}
        What the axes are.
    title, note : str
        Heading, and a line below it (the calibration in numbers).

    Examples
    --------
    >>> table = pd.DataFrame({"predicted": [0.1, 0.5], "observed": [0.2, 0.4], "low": [0.1, 0.3], "high": [0.3, 0.5]})
    >>> len(calibration(table, "churn", "linear", "").axes)
    1
    """
    figure = Figure(figsize=(PANEL_SIDE, PANEL_SIDE))
    axis = figure.add_axes((0.15, 0.12, 0.81, 0.74))
    top = float(max(groups["predicted"].max(), groups["high"].max())) or 1.0
    axis.plot([0, top], [0, top], color=MUTED, linestyle="--", linewidth=1)
    axis.vlines(groups["predicted"], groups["low"], groups["high"], color=PALETTE[0], linewidth=1.5)
    axis.plot(groups["predicted"], groups["observed"], "o", color=PALETTE[0], markersize=6)
    axis.set_xlim(-EMPTY * top, top * (1 + EMPTY))
    axis.set_ylim(min(-EMPTY * top, float(groups["low"].min())), top * (1 + EMPTY))
    axis.set_xlabel(f"predicted {SCORE_WORDS[outcome]}", fontsize=10)
    axis.set_ylabel(f"observed {SCORE_WORDS[outcome]} (95 %)", fontsize=10)
    _tidy(axis)
    axis.grid(color=PALE, linewidth=0.5)
    figure.text(0.15, 0.93, title, fontsize=12, color=INK, parse_math=False)
    figure.text(0.15, 0.885, note, fontsize=9, color=MUTED, parse_math=False)
    return figure


def comparison(scores: pd.DataFrame, title: str, label: str, recommended: tuple[str, str] | None = None) -> Figure:
    """One line per model and variant: its score with its interval, over all customers.

    Parameters
    ----------
    scores : DataFrame
        ``model, variant, value, low, high``, one row each, in reading order.
    title : str
        Heading.
    label : str
        What the axis is, and which direction is better.
    recommended : (str, str), optional
        Model and variant that are recommended: marked by shape, colour and a word.

    Examples
    --------
    >>> table = pd.DataFrame({"model": ["linear"], "variant": ["global"], "value": [0.1], "low": [0.05], "high": [0.2]})
    >>> len(comparison(table, "churn", "Brier score, smaller is better").axes)
    1
    """
    figure = Figure(figsize=(8.0, 1.4 + 0.34 * len(scores)))
    axis = figure.add_axes((0.4, 0.16, 0.56, 0.72))  # room for the longest name, marked
    y = np.arange(len(scores))
    axis.hlines(y, scores["low"], scores["high"], color=PALETTE[0], linewidth=2)
    axis.plot(scores["value"], y, "o", color=PALETTE[0], markersize=6)
    own = [(row.model, row.variant) == recommended for row in scores.itertuples()]
    ticks = [f"{row.model} · {row.variant}" for row in scores.itertuples()]
    axis.set_yticks(y, [f"recommended: {one}" if marked else one for one, marked in zip(ticks, own, strict=True)])
    for at in np.flatnonzero(own):
        axis.hlines(y[at], scores["low"].iloc[at], scores["high"].iloc[at], color=PALETTE[5], linewidth=3)
        axis.plot(scores["value"].iloc[at], y[at], "D", color=PALETTE[5], markersize=9)
        axis.get_yticklabels()[at].set_fontweight("bold")
    axis.invert_yaxis()
    axis.set_xlabel(label, fontsize=10)
    _tidy(axis)
    axis.grid(axis="x", color=PALE, linewidth=0.5)
    figure.text(0.02, 0.93, title, fontsize=12, color=INK, parse_math=False)
    return figure


def _tidy(axis: object) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axis, Axes)
    axis.tick_params(labelsize=9)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
