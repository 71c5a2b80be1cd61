"""Pictures of candidates show what they are given, and nothing of the candidate drawn before."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread

from segments.io.plots.style import PALETTE, png
from segments.io.plots.sweep import Clusters, Silhouettes, _outline, board, draw_elbow
from segments.model.segmentation import Segment


def cell(n: int = 300, k: int = 4, seed: int = 0):
    rng = np.random.default_rng(seed)
    points = rng.lognormal(size=(n, 2))
    labels = np.concatenate([np.arange(k), rng.integers(0, k, n - k)]).astype(np.int32)
    centres = np.array([points[labels == c].mean(axis=0) for c in range(k)])
    return points, labels, centres, rng.uniform(-0.3, 1, n)


def says(line: Any, text: str) -> bool:
    """Whether a marker is the outline of a text, of which every character has its own."""
    return np.array_equal(line.get_marker().vertices, _outline(text).vertices)


@pytest.mark.parametrize("log", [(False, False), (True, True)])
def test_a_reused_figure_gives_the_bytes_of_a_fresh_one(log: tuple[bool, bool]) -> None:
    """A resumed sweep draws fewer candidates on the Figure; their pictures must not tell."""
    points, labels, centres, values = cell()
    scatter, bars = Clusters(points, ("a", "b"), log), Silhouettes()
    other = cell(k=7)[1]
    scatter.pngs(other, np.array([points[other == c].mean(axis=0) for c in range(7)]), "k=7")
    bars.pngs(values[::-1] - 0.6, other, "k=7")  # so low that the axis is another
    assert scatter.pngs(labels, centres, "k=4") == Clusters(points, ("a", "b"), log).pngs(labels, centres, "k=4")
    assert bars.pngs(values, labels, "k=4") == Silhouettes().pngs(values, labels, "k=4")


def test_what_is_kept_as_pixels_is_what_would_be_drawn() -> None:
    """But for the colours, of which a palette has fewer."""
    points, labels, centres, values = cell()
    scatter, bars = Clusters(points, ("a", "b"), (False, False)), Silhouettes()
    for picture, arguments in ((scatter, (labels, centres, "t")), (bars, (values, labels, "t"))):
        full, half = picture.pngs(*arguments)
        whole = imread(io.BytesIO(png(picture.draw(*arguments))))[:, :, :3]
        kept = imread(io.BytesIO(full))[:, :, :3]
        assert kept.shape == whole.shape
        assert np.abs(kept - whole).mean() < 0.01
        assert np.quantile(np.abs(kept - whole), 0.995) < 0.15
        assert imread(io.BytesIO(half)).shape[0] == len(whole) // 2


def test_every_cluster_has_its_colour_and_its_lettered_centre() -> None:
    points, labels, centres, _ = cell()
    picture = Clusters(points, ("a", "b"), (False, False))
    picture.draw(labels, centres, "t")
    assert [to_hex(line.get_color()).upper() for line in picture.customers] == list(PALETTE[:4])
    assert [len(line.get_xdata()) for line in picture.customers] == np.bincount(labels).tolist()
    assert np.array_equal(np.column_stack(picture.middles.get_data()), centres)
    assert np.array_equal(np.column_stack([line.get_data() for line in picture.letters]), centres.T)
    assert all(says(line, said) for said, line in zip("ABCD", picture.letters, strict=True))
    assert says(picture.title, "t")


def test_a_cluster_that_is_a_segment_has_its_id_name_and_colour() -> None:
    points, labels, centres, values = cell(k=2)
    known = [Segment("S7", "costs $5 or $6", 3), Segment("S2", "regulars", 0)]
    picture, bars = Clusters(points, ("a", "b"), (False, False)), Silhouettes()
    legend = picture.draw(labels, centres, "t", known).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["S7 · costs $5 or $6", "S2 · regulars"]
    assert [to_hex(line.get_color()).upper() for line in picture.customers] == [PALETTE[3], PALETTE[0]]
    axis = bars.draw(values, labels, "t", known).axes[0]
    assert axis.get_ylabel() == "segment"
    assert [text.get_text() for text in axis.texts] == ["costs $5 or $6", "regulars"]
    assert [to_hex(colour).upper() for colour in bars.bars.get_facecolor()] == [PALETTE[3], PALETTE[0]]
    for drawn in (picture, bars):
        assert all(says(line, one.segment_id) for line, one in zip(drawn.letters, known, strict=True))
    assert png(picture.figure) and png(bars.figure), "a dollar begins no formula"


def test_no_customer_lies_outside_the_picture() -> None:
    points, labels, centres, _ = cell()
    points[0] = [0.0, 1e6]
    for log in ((False, False), (True, True)):
        axis = Clusters(points, ("a", "b"), log).draw(labels, centres, "t").axes[0]
        (x0, x1), (y0, y1) = axis.get_xlim(), axis.get_ylim()
        assert x0 < points[:, 0].min() <= points[:, 0].max() < x1
        assert y0 < points[:, 1].min() <= points[:, 1].max() < y1


def test_the_silhouette_picture_says_the_mean_and_gives_each_cluster_its_height() -> None:
    _, labels, _, values = cell()
    picture = Silhouettes()
    picture.draw(values, labels, "t")
    assert says(picture.said, f"mean {values.mean():.3f}")
    heights = [np.ptp(path.vertices[:, 1]) for path in picture.bars.get_paths()]
    assert heights == pytest.approx(np.bincount(labels))


def test_the_elbow_picture_draws_both_curves_and_the_knee() -> None:
    scores = pd.DataFrame({"k": [2, 3, 4], "wcss": [9.0, 4.0, 3.5], "silhouette": [0.3, 0.6, 0.5]})
    figure = draw_elbow(scores, 3, "rfm · robust")
    assert [list(axis.lines[0].get_ydata()) for axis in figure.axes] == [[9.0, 4.0, 3.5], [0.3, 0.6, 0.5]]
    assert "elbow k=3" in [text.get_text() for text in figure.axes[0].texts]
    assert "no knee" in draw_elbow(scores, None, "rfm · robust").axes[0].get_title()


def test_the_board_shows_every_finalist() -> None:
    points, labels, centres, values = cell()
    tile = (
        "one",
        png(Clusters(points, ("a", "b"), (False, False)).draw(labels, centres, "t")),
        png(Silhouettes().draw(values, labels, "t")),
    )
    figure = board([tile, tile, tile], "Finalists")
    assert len(figure.axes) == 6
    assert imread(io.BytesIO(png(figure))).shape[1] == 3 * 320
