"""Pictures of candidates. Comes in: points in a plane, clusters, silhouettes, scores. Goes out: Figures; the colour of a cluster is the same in all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segments.plots import INK, MUTED, PALETTE, PALE

# Beyond these, points are thinned for the eye; every number in the picture still comes from all customers.
MOST_POINTS = 3000


def colour(cluster: int) -> str:
    """Colour of a cluster: the palette, then over again.

    Examples
    --------
    >>> colour(0) == colour(len(PALETTE))
    True
    """
    return PALETTE[cluster % len(PALETTE)]


def clusters(
    points: NDArray[np.float64],
    centres: NDArray[np.float64],
    labels: NDArray[np.int32],
    axes: tuple[str, str],
    log: tuple[bool, bool],
    title: str,
) -> Figure:
    """Customers in a plane, coloured by cluster, with numbered centres.

    Parameters
    ----------
    points : ndarray of shape (n_customers, 2)
        Where the customers lie.
    centres : ndarray of shape (k, 2)
        Where the centres lie.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    axes : tuple of str
        What the axes are.
    log : tuple of bool
        Which axes are logarithmic.
    title : str
        Name of the candidate.
    """
    figure = Figure(figsize=(4.8, 3.6))
    axis = figure.add_axes((0.13, 0.13, 0.84, 0.78))
    step = max(1, -(-len(points) // MOST_POINTS))
    shown, own = points[::step], labels[::step]
    for cluster in range(len(centres)):
        mine = shown[own == cluster]
        # a line of markers is stamped from one bitmap; a scatter draws every point anew
        axis.plot(
            mine[:, 0], mine[:, 1], "o", color=colour(cluster), markersize=3, markeredgewidth=0, alpha=0.6, zorder=1
        )
    for cluster, (x, y) in enumerate(centres):
        axis.plot(x, y, "o", color="white", markeredgecolor=INK, markersize=13, zorder=3)
        axis.annotate(str(cluster), (x, y), ha="center", va="center", fontsize=8, color=INK, zorder=4)
    for is_log, set_scale in zip(log, (axis.set_xscale, axis.set_yscale), strict=True):
        if is_log:
            set_scale("symlog", linthresh=1)
    axis.set_xlabel(axes[0], fontsize=8)
    axis.set_ylabel(axes[1], fontsize=8)
    _finish(axis, title)
    return figure


def silhouettes(values: NDArray[np.float64], labels: NDArray[np.int32], title: str) -> Figure:
    """Silhouette of every customer, cluster by cluster, sorted, with the mean.

    Parameters
    ----------
    values : ndarray of shape (n_customers,)
        Silhouettes, -1 to 1.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    title : str
        Name of the candidate.
    """
    figure = Figure(figsize=(4.8, 3.6))
    axis = figure.add_axes((0.13, 0.13, 0.84, 0.78))
    gap = max(1, len(values) // 60)
    lower, ticks = 0, []
    for cluster in range(int(labels.max()) + 1):
        own = np.sort(values[labels == cluster])
        axis.fill_betweenx(np.arange(lower, lower + len(own)), 0, own, color=colour(cluster), linewidth=0)
        ticks.append(lower + len(own) / 2)
        lower += len(own) + gap
    mean = float(values.mean())
    axis.axvline(mean, color=INK, linestyle="--", linewidth=1)
    axis.annotate(
        f"mean {mean:.3f}", (mean, lower), xytext=(3, -2), textcoords="offset points", fontsize=8, va="top", color=INK
    )
    axis.set_yticks(ticks, [str(cluster) for cluster in range(len(ticks))])
    axis.set_xlim(min(-0.1, float(values.min())), 1)
    axis.set_xlabel("silhouette", fontsize=8)
    axis.set_ylabel("cluster", fontsize=8)
    _finish(axis, title)
    return figure


def elbow(scores: pd.DataFrame, knee: int | None, title: str) -> Figure:
    """WCSS and silhouette of one cell over k.

    Parameters
    ----------
    scores : DataFrame
        One row per k with ``k``, ``wcss``, ``silhouette``; sorted by k.
    knee : int or None
        k at the elbow.
    title : str
        Name of the cell.
    """
    figure = Figure(figsize=(6.4, 3.6))
    axis = figure.add_axes((0.12, 0.13, 0.76, 0.78))
    other = axis.twinx()
    axis.plot(scores["k"], scores["wcss"], "o-", color=PALETTE[0], markersize=4)
    other.plot(scores["k"], scores["silhouette"], "s--", color=PALETTE[5], markersize=4)
    axis.set_ylabel("WCSS (solid)", color=PALETTE[0], fontsize=8)
    other.set_ylabel("silhouette (dashed)", color=PALETTE[5], fontsize=8)
    other.tick_params(labelsize=7)
    if knee is not None:
        axis.axvline(knee, color=MUTED, linestyle=":")
        axis.annotate(
            f"elbow k={knee}",
            (knee, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -10),
            textcoords="offset points",
            fontsize=8,
            color=MUTED,
        )
    axis.set_xticks(scores["k"])
    axis.set_xlabel("k", fontsize=8)
    _finish(axis, title if knee is not None else f"{title} · no knee")
    return figure


def board(tiles: list[tuple[str, bytes, bytes]], title: str) -> Figure:
    """Picture board of the finalists: clusters above, silhouettes below, best first.

    Parameters
    ----------
    tiles : list of (caption, clusters PNG, silhouettes PNG)
        One per finalist.
    title : str
        Heading.
    """
    import io

    from matplotlib.image import imread

    columns = len(tiles)
    figure = Figure(figsize=(3.2 * columns, 5.4))
    axes = figure.subplots(
        2,
        columns,
        squeeze=False,
        gridspec_kw={"left": 0.005, "right": 0.995, "bottom": 0.01, "top": 0.86, "wspace": 0.02, "hspace": 0.02},
    )
    for j, (caption, upper, lower) in enumerate(tiles):
        for axis, png in ((axes[0, j], upper), (axes[1, j], lower)):
            axis.imshow(imread(io.BytesIO(png)), interpolation="lanczos")
            axis.set_axis_off()
        axes[0, j].set_title(caption, fontsize=9, color=INK)
    figure.suptitle(title, fontsize=11, color=INK)
    return figure


def _finish(axis: Any, title: str) -> None:
    axis.set_title(title, fontsize=9, color=INK)
    axis.tick_params(labelsize=7)
    axis.grid(color=PALE, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
