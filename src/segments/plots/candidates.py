"""Pictures of candidates. Comes in: points in a plane, clusters, silhouettes, scores. Goes out: Figures; the colour of a cluster is the same in all."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from segments.plots import INK, MUTED, PALE, PALETTE, Backdrop

# Beyond these, points are thinned for the eye; every number in the picture still comes from all customers.
MOST_POINTS = 3000
SIDE = 5.2  # inches; MLflow's picture grid has square tiles, and shows them at half this size
MOST_BARS = 200  # per cluster, in a picture 280 pixels high


def colour(cluster: int) -> str:
    """Colour of a cluster: the palette, then over again.

    Examples
    --------
    >>> colour(0) == colour(len(PALETTE))
    True
    """
    return PALETTE[cluster % len(PALETTE)]


class Clusters:
    """Draws customers in a plane, coloured by cluster, with numbered centres: one Figure for all candidates of a cell.

    The candidates of a cell differ in colours and centres only; keeping axes and ticks halves the time of a picture.

    Parameters
    ----------
    points : ndarray of shape (n_customers, 2)
        Where the customers lie.
    axes : tuple of str
        What the axes are.
    log : tuple of bool
        Which axes are logarithmic.
    """

    def __init__(self, points: NDArray[np.float64], axes: tuple[str, str], log: tuple[bool, bool]) -> None:
        self.figure, self.axis = _figure()
        self.step = max(1, -(-len(points) // MOST_POINTS))
        self.points = points[:: self.step]
        for is_log, set_scale in zip(log, (self.axis.set_xscale, self.axis.set_yscale), strict=True):
            if is_log:
                set_scale("symlog", linthresh=1)
        for own_axis in (self.axis.xaxis, self.axis.yaxis):
            own_axis.set_major_formatter("{x:g}")  # "10" rather than a formula, which costs a parse per tick
        for low, high, set_limits, is_log in zip(
            self.points.min(axis=0), self.points.max(axis=0), (self.axis.set_xlim, self.axis.set_ylim), log, strict=True
        ):
            room = 0.05 * (high - low) or 1.0
            set_limits(low - (min(0.2, room) if is_log else room), high * 1.2 if is_log else high + room)
        self.axis.set_xlabel(axes[0], fontsize=10, parse_math=False)
        self.axis.set_ylabel(axes[1], fontsize=10, parse_math=False)
        self.backdrop = Backdrop(self.figure)
        self.drawn: list[Any] = []

    def draw(self, labels: NDArray[np.int32], centres: NDArray[np.float64], title: str) -> Figure:
        """The Figure with one candidate on it; the next call draws over it.

        Parameters
        ----------
        labels : ndarray of shape (n_customers,)
            Cluster of each customer.
        centres : ndarray of shape (k, 2)
            Where the centres lie.
        title : str
            Name of the candidate.
        """
        for artist in self.drawn:
            artist.remove()
        own = labels[:: self.step]
        self.drawn = []
        for cluster in range(len(centres)):
            # a line of markers is stamped from one bitmap; a scatter draws every point anew
            mine = self.points[own == cluster]
            self.drawn += self.axis.plot(
                mine[:, 0], mine[:, 1], "o", color=colour(cluster), markersize=4, markeredgewidth=0, alpha=0.6, zorder=1
            )
        self.drawn += self.axis.plot(
            centres[:, 0], centres[:, 1], "o", color="white", markeredgecolor=INK, markersize=16, zorder=3
        )
        self.drawn += [
            _number(self.axis, cluster, x, y, zorder=4, transform=self.axis.transData)
            for cluster, (x, y) in enumerate(centres)
        ]
        self.axis.set_title(title, fontsize=12, color=INK, parse_math=False, y=1.0)
        return self.figure

    def pngs(self, labels: NDArray[np.int32], centres: NDArray[np.float64], title: str) -> tuple[bytes, bytes]:
        """As :meth:`draw`, as PNG in full and half size."""
        self.draw(labels, centres, title)
        return self.backdrop.pngs([*self.drawn, self.axis.title])


class Silhouettes:
    """Draws the silhouette of every customer, cluster by cluster, sorted, with the mean: one Figure for all candidates of a cell."""

    def __init__(self) -> None:
        self.figure, self.axis = _figure()
        self.axis.set_xlabel("silhouette", fontsize=10)
        self.axis.set_ylabel("cluster", fontsize=10)
        self.axis.set_yticks([])
        self.backdrop = Backdrop(self.figure)
        self.drawn: list[Any] = []

    def draw(self, values: NDArray[np.float64], labels: NDArray[np.int32], title: str) -> Figure:
        """The Figure with one candidate on it; the next call draws over it.

        Parameters
        ----------
        values : ndarray of shape (n_customers,)
            Silhouettes, -1 to 1.
        labels : ndarray of shape (n_customers,)
            Cluster of each customer.
        title : str
            Name of the candidate.
        """
        for artist in self.drawn:
            artist.remove()
        self.drawn = []
        gap = len(values) / 60
        lower, ticks, outlines = 0.0, [], []
        for cluster in range(int(labels.max()) + 1):
            own = np.sort(values[labels == cluster])
            size = len(own)
            if size > MOST_BARS:
                own = own[np.linspace(0, size - 1, MOST_BARS).astype(int)]
            y = np.linspace(lower, lower + size, len(own)) if size > 1 else np.array([lower, lower + 1])
            outlines.append(
                np.column_stack(
                    [
                        np.concatenate([own if size > 1 else own.repeat(2), np.zeros(len(y))]),
                        np.concatenate([y, y[::-1]]),
                    ]
                )
            )
            ticks.append(lower + size / 2)
            lower += size + gap
        bars = PolyCollection(outlines, facecolors=[colour(cluster) for cluster in range(len(ticks))], linewidths=0)
        self.drawn.append(self.axis.add_collection(bars, autolim=False))
        mean = float(values.mean())
        self.drawn.append(self.axis.axvline(mean, color=INK, linestyle="--", linewidth=1))
        self.drawn.append(
            self.axis.annotate(
                f"mean {mean:.3f}",
                (1, 1),
                xycoords="axes fraction",
                xytext=(-3, -3),
                textcoords="offset points",
                fontsize=10,
                ha="right",
                va="top",
                color=INK,
            )
        )
        for cluster, at in enumerate(ticks):
            self.drawn.append(
                _number(self.axis, cluster, -0.03, at, transform=self.axis.get_yaxis_transform(), clip_on=False)
            )
        self.axis.set_ylim(-gap, lower + 3 * gap)
        self.axis.set_xlim(min(-0.5, float(values.min())), 1)
        self.axis.set_title(title, fontsize=12, color=INK, parse_math=False, y=1.0)
        return self.figure

    def pngs(self, values: NDArray[np.float64], labels: NDArray[np.int32], title: str) -> tuple[bytes, bytes]:
        """As :meth:`draw`, as PNG in full and half size."""
        self.draw(values, labels, title)
        return self.backdrop.pngs([*self.drawn, self.axis.title], state=self.axis.get_xlim())


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
    figure, axis = _figure(width=8.0)
    other = axis.twinx()
    axis.plot(scores["k"], scores["wcss"], "o-", color=PALETTE[0], markersize=4)
    other.plot(scores["k"], scores["silhouette"], "s--", color=PALETTE[5], markersize=4)
    axis.set_ylabel("WCSS (solid)", color=PALETTE[0], fontsize=10)
    other.set_ylabel("silhouette (dashed)", color=PALETTE[5], fontsize=10)
    other.tick_params(labelsize=9)
    if knee is not None:
        axis.axvline(knee, color=MUTED, linestyle=":")
        axis.annotate(
            f"elbow k={knee}",
            (knee, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -10),
            textcoords="offset points",
            fontsize=10,
            color=MUTED,
        )
    axis.set_xticks(scores["k"])
    axis.set_xlabel("k", fontsize=10)
    axis.set_title(title if knee is not None else f"{title} · no knee", fontsize=12, color=INK, parse_math=False)
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
    figure = Figure(figsize=(3.2 * columns, 7.0))
    axes = figure.subplots(
        2,
        columns,
        squeeze=False,
        gridspec_kw={"left": 0.005, "right": 0.995, "bottom": 0.01, "top": 0.9, "wspace": 0.02, "hspace": 0.02},
    )
    for j, (caption, upper, lower) in enumerate(tiles):
        for axis, png in ((axes[0, j], upper), (axes[1, j], lower)):
            axis.imshow(imread(io.BytesIO(png)), interpolation="lanczos")
            axis.set_axis_off()
        axes[0, j].set_title(caption, fontsize=12, color=INK)
    figure.suptitle(title, fontsize=11, color=INK)
    return figure


def _number(axis: Any, number: int, x: float, y: float, **options: Any) -> Any:
    """A number as a marker: stamped from an outline that is laid out once, where a text is laid out in every picture."""
    return axis.plot(
        [x],
        [y],
        marker=_outline(number),
        markersize=8 * max(1.0, len(str(number)) * 0.8),
        color=INK,
        markeredgewidth=0,
        scalex=False,
        scaley=False,
        **options,
    )[0]


@functools.cache
def _outline(number: int) -> Path:
    """Outline of a number, centred on the origin."""
    text = TextPath((0, 0), str(number), size=10)
    box = text.get_extents()
    return Path(text.vertices - [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2], text.codes)


def _figure(width: float = SIDE) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, SIDE))
    left, right = 0.75, 0.1 if width == SIDE else 0.75  # inches
    axis = figure.add_axes((left / width, 0.1, 1 - (left + right) / width, 0.82))
    axis.tick_params(labelsize=9)
    axis.grid(color=PALE, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    # Fixed places: finding them anew from the ticks costs a third of the picture.
    axis.xaxis.set_label_coords(0.5, -0.07)
    axis.yaxis.set_label_coords(-0.5 / (width - left - right), 0.5)
    return figure, axis
