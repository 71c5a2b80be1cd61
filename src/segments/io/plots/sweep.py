"""Pictures of candidates. Comes in: points in a plane, clusters, silhouettes, scores. Goes out: Figures; the colour of a cluster is the same in all.

Clusters have letters; where it is known which segments they are, these have their ids, names and colours instead.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags
from matplotlib.path import Path
from numpy.typing import NDArray

from segments.clustering.plane import letter, plane
from segments.clustering.space import Space
from segments.io.plots.style import INK, MUTED, PALE, PALETTE, Backdrop

if TYPE_CHECKING:  # the sweep draws, and has no segments yet
    from segments.model.segmentation import Segment

SIDE = 5.2  # inches; MLflow's picture grid has square tiles, and shows them at half this size
_TYPE = 10  # size at which outlines of text are made
MOST_BARS = 200  # per cluster, in a picture 280 pixels high


def cluster_colour(cluster: int) -> str:
    """Colour of a cluster: the palette, then over again.

    Examples
    --------
    >>> cluster_colour(0) == cluster_colour(len(PALETTE))
    True
    """
    return PALETTE[cluster % len(PALETTE)]


class Clusters:
    """Draws customers in a plane, coloured by cluster, with lettered centres: one Figure for all candidates of a cell.

    The candidates of a cell differ in colours and centres only; keeping axes and ticks halves the time of a picture.

    Parameters
    ----------
    points : ndarray of shape (n_drawn, 2)
        Where they lie: :meth:`segments.clustering.plane.Plane.shown` says which of many to draw.
    axes : tuple of str
        What the axes are.
    log : tuple of bool
        Which axes are logarithmic.
    """

    def __init__(self, points: NDArray[np.float64], axes: tuple[str, str], log: tuple[bool, bool]) -> None:
        self.figure, self.axis = _figure()
        self.points = points
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
        self.customers: list[Any] = []
        self.middles = _line(
            self.axis, marker="o", color="white", markeredgecolor=INK, markeredgewidth=1, markersize=16, zorder=3
        )
        self.letters: list[Any] = []
        self.title = _title(self.axis)
        self.drawn: list[Any] = []

    def draw(
        self,
        labels: NDArray[np.integer[Any]],
        centres: NDArray[np.float64],
        title: str,
        segments: Sequence[Segment] = (),
    ) -> Figure:
        """The Figure with one candidate on it; the next call draws over it.

        Parameters
        ----------
        labels : ndarray of shape (n_drawn,)
            Cluster of each.
        centres : ndarray of shape (k, 2)
            Where the centres lie.
        title : str
            Name of the candidate.
        segments : sequence of Segment
            Which segment each cluster is, where that is known; nothing is drawn over such a Figure.
        """
        k = len(centres)
        for cluster in range(len(self.customers), k):
            # a line of markers is stamped from one bitmap; a scatter draws every point anew
            style = {"marker": "o", "color": cluster_colour(cluster), "markersize": 4, "alpha": 0.6, "zorder": 1}
            self.customers.append(_line(self.axis, **style))
            self.letters.append(_said(self.axis, letter(cluster), zorder=4))
        for artist in (*self.customers[k:], *self.letters[k:]):
            artist.set_visible(False)
        self.drawn = [*self.customers[:k], self.middles, *self.letters[:k], self.title]
        for artist in self.drawn:
            artist.set_visible(True)
        for cluster in range(k):
            self.customers[cluster].set_data(self.points[labels == cluster].T)
            self.letters[cluster].set_data(centres[cluster : cluster + 1].T)
        self.middles.set_data(centres.T)
        _say(self.title, title, 12)
        for segment, said, line in zip(segments, self.letters, self.customers, strict=False):
            _say(said, segment.segment_id)
            line.set(color=cluster_colour(segment.colour), label=segment.title)
        if segments:
            legend = self.axis.legend(handles=self.customers[:k], fontsize=8, markerscale=1.5, framealpha=0.9)
            for text in legend.get_texts():
                text.set_parse_math(False)
        return self.figure

    def pngs(self, labels: NDArray[np.integer[Any]], centres: NDArray[np.float64], title: str) -> tuple[bytes, bytes]:
        """As :meth:`draw`, as PNG in full and half size."""
        self.draw(labels, centres, title)
        return self.backdrop.pngs(self.drawn)


class Silhouettes:
    """Draws the silhouette of every customer, cluster by cluster, sorted, with the mean: one Figure for all candidates of a cell."""

    def __init__(self) -> None:
        self.figure, self.axis = _figure()
        self.axis.set_xlabel("silhouette", fontsize=10)
        self.axis.set_yticks([])
        self.backdrop = Backdrop(self.figure)
        self.bars = self.axis.add_collection(PolyCollection([], linewidths=0), autolim=False)
        self.mean = _line(
            self.axis, linestyle="--", linewidth=1, color=INK, transform=self.axis.get_xaxis_transform(), zorder=2
        )
        self.letters: list[Any] = []
        self.said, self.title = _said(self.axis, transform=self.axis.transAxes), _title(self.axis)
        self.said.set_data([0.9], [0.97])
        self.drawn: list[Any] = []

    def draw(
        self,
        values: NDArray[np.float64],
        labels: NDArray[np.integer[Any]],
        title: str,
        segments: Sequence[Segment] = (),
    ) -> Figure:
        """The Figure with one candidate on it; the next call draws over it.

        Parameters
        ----------
        values : ndarray of shape (n_customers,)
            Silhouettes, -1 to 1.
        labels : ndarray of shape (n_customers,)
            Cluster of each customer.
        title : str
            Name of the candidate.
        segments : sequence of Segment
            As for :meth:`Clusters.draw`.
        """
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
        k = len(ticks)
        for cluster in range(len(self.letters), k):
            self.letters.append(_said(self.axis, letter(cluster), transform=self.axis.get_yaxis_transform()))
        for artist in self.letters[k:]:
            artist.set_visible(False)
        self.drawn = [self.bars, self.mean, self.said, *self.letters[:k], self.title]
        for artist in self.drawn:
            artist.set_visible(True)
        self.bars.set_verts(outlines)
        self.bars.set_facecolor([cluster_colour(cluster) for cluster in range(k)])
        mean = float(values.mean())
        self.mean.set_data([mean, mean], [0, 1])
        for said, at in zip(self.letters[:k], ticks, strict=True):
            said.set_data([-0.03], [at])
        self.axis.set_ylim(-gap, lower + 3 * gap)
        # few different ones: for each, the axis is drawn anew
        self.axis.set_xlim(min(-0.5, np.floor(4 * float(values.min())) / 4), 1)
        _say(self.said, f"mean {mean:.3f}")
        _say(self.title, title, 12)
        self.axis.set_ylabel("segment" if segments else "cluster", fontsize=10)
        if segments:
            self.bars.set_facecolor([cluster_colour(segment.colour) for segment in segments])
        for segment, said, at in zip(segments, self.letters, ticks, strict=False):
            _say(said, segment.segment_id)
            name = textwrap.fill(segment.name, 18, break_on_hyphens=False)
            across = self.axis.get_yaxis_transform()
            self.axis.text(0.02, at, name, transform=across, va="center", fontsize=8, color=INK, parse_math=False)
        return self.figure

    def pngs(self, values: NDArray[np.float64], labels: NDArray[np.integer[Any]], title: str) -> tuple[bytes, bytes]:
        """As :meth:`draw`, as PNG in full and half size."""
        self.draw(values, labels, title)
        return self.backdrop.pngs(self.drawn, state=self.axis.get_xlim())


def draw_clusters(
    features: pd.DataFrame,
    space: Space,
    labels: NDArray[np.integer[Any]],
    title: str,
    segments: Sequence[Segment] = (),
) -> Figure:
    """Customers in a plane, coloured by cluster, or by the segment that it is; arguments as for :meth:`Clusters.draw`."""
    points = plane(features, space)
    shown = points.shown()
    picture = Clusters(points.points[shown], points.labels, points.log)
    return picture.draw(labels[shown], points.centres(labels), title, segments)


def draw_elbow(scores: pd.DataFrame, knee: int | None, title: str) -> Figure:
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
        axes[0, j].set_title(caption, fontsize=10, color=INK)
    figure.suptitle(title, fontsize=11, color=INK)
    return figure


def _line(axis: Any, **style: Any) -> Any:
    """A line, or markers, whose places come later; the axes take no notice of them."""
    return axis.plot([], [], **{"linestyle": "", "markeredgewidth": 0, **style}, scalex=False, scaley=False)[0]


def _said(axis: Any, text: str = "", **style: Any) -> Any:
    """A text as a marker: stamped from an outline, where a text of matplotlib's is laid out anew in every picture."""
    line = _line(axis, color=INK, clip_on=False, **style)
    if text:
        _say(line, text)
    return line


def _say(line: Any, text: str, size: float = 10) -> None:
    """Let a marker say something else."""
    outline = _outline(text)
    line.set_marker(outline)
    # matplotlib scales an outline by the place that is furthest out
    line.set_markersize(2 * size / _TYPE * float(np.abs(outline.vertices).max(initial=0)))


def _title(axis: Any) -> Any:
    """A place for the title: above the middle of the axes."""
    line = _said(axis, transform=axis.transAxes)
    line.set_data([0.5], [1.03])
    return line


@functools.lru_cache(maxsize=64)
def _outline(text: str) -> Path:
    """Outline of a text, the middle of its capitals at the origin."""
    all_vertices, all_codes, at = [], [], 0.0
    for vertices, codes, advance in map(_glyph, text):
        all_vertices.append(vertices + np.array([at, 0.0]))
        all_codes.append(codes)
        at += advance
    return Path(np.concatenate(all_vertices) - [at / 2, 0.365 * _TYPE], np.concatenate(all_codes))


@functools.cache
def _glyph(character: str) -> tuple[NDArray[np.float64], NDArray[np.uint8], float]:
    """Outline of a character as vertices and codes, and how far the next one stands from it."""
    font: Any = get_font(findfont(FontProperties()))
    font.set_size(_TYPE, 72)
    advance = font.load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536
    return *font.get_path(), advance


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
