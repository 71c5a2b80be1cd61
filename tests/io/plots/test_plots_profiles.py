"""Pictures of segments: the colours given, the numbers given, from 2 to 12 segments, whatever the names."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

from segments.clustering.plane import DRAWN, Plane
from segments.io.plots import profiles as draw
from segments.io.plots.style import PALETTE, png

MANY = [2, 5, 12]


def look(k: int) -> tuple[pd.DataFrame, list[str], list[str]]:
    rng = np.random.default_rng(k)
    features = ["orders", "money spent ($)", "days since last purchase", "spent on store brands"]
    names = [f"high-spending, frequent, recent customers ({i})" for i in range(k)]
    return pd.DataFrame(rng.uniform(size=(4, k)), index=features), names, list(PALETTE[:k])[::-1]


def profiles(k: int) -> pd.DataFrame:
    _, names, _ = look(k)
    rng = np.random.default_rng(k)
    revenue = rng.uniform(1, 9, k)
    return pd.DataFrame(
        {
            "segment": names,
            "size": rng.integers(5, 500, k),
            "revenue": revenue,
            "revenue_share": revenue / revenue.sum(),
        }
    )


def composition(k: int) -> pd.DataFrame:
    _, names, _ = look(k)
    rows = [
        (c, names[c], what, level, 10, 0.5, 0.4, 5 if c == 0 else 50)
        for what in ("age", "$region$")
        for c in range(k)
        for level in ("20-29", "30+")
    ]
    columns = ["cluster", "segment", "descriptor", "value", "customers", "share", "overall_share", "known"]
    unknown = pd.DataFrame([(0, names[0], "age", "unknown", 3, np.nan, np.nan, 5)], columns=columns)
    return pd.concat([pd.DataFrame(rows, columns=columns), unknown], ignore_index=True)


def every(k: int) -> dict[str, Figure]:
    table, names, colours = look(k)
    return {
        "heat_map": draw.heat_map(400 * table, names, colours),
        "snake": draw.snake(table, names, colours),
        "radar": draw.radar(table, names, colours),
        "bubble": draw.bubble(profiles(k), [f"S{c + 1}" for c in range(k)], colours, "$"),
        "make_up": draw.draw_make_up(composition(k), names, colours),
        "certainty": draw.certainty(*members(k), names, colours),
    }


def members(k: int, n: int = 300) -> tuple[Plane, pd.DataFrame]:
    """The first customer is out of range, the next two near another segment."""
    rng = np.random.default_rng(k)
    of = {"cluster": np.arange(n) % k, "confidence": rng.uniform(size=n)}
    flags = {"boundary": np.isin(np.arange(n), (1, 2)), "out_of_range": np.arange(n) == 0}
    return Plane(rng.uniform(0, 9, (n, 2)), ("$x$", "axis 2"), (True, False)), pd.DataFrame(of | flags)


def texts(figure: Figure) -> list[str]:
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return [artist.get_text().replace("\n", " ") for artist in found if artist.get_text()]


@pytest.mark.slow
@pytest.mark.parametrize("k", MANY)
def test_each_is_drawn_with_every_name(k: int) -> None:
    _, names, _ = look(k)
    for key, figure in every(k).items():
        said = " | ".join(texts(figure)).replace("- ", "-")
        assert all(name in said for name in names), key


@pytest.mark.slow
def test_equal_segments_give_equal_bytes() -> None:
    first, second = every(5), every(5)
    for key, figure in first.items():
        assert png(figure) == png(second[key]), key


@pytest.mark.slow
@pytest.mark.parametrize("k", MANY)
def test_nothing_said_lies_outside_the_picture(k: int) -> None:
    """Names are long, segments many: no text may be cut at an edge."""
    for key, figure in every(k).items():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        width, height = canvas.get_width_height()
        for text in figure.findobj(lambda artist: hasattr(artist, "get_text")):
            if re.search("[a-z]", text.get_text()):  # ticks have more numbers than are drawn
                box = text.get_window_extent()
                inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
                assert inside, f"{key}, k={k}: {text.get_text()!r} at {box}"


@pytest.mark.parametrize("k", MANY)
def test_a_segment_has_the_colour_it_was_given(k: int) -> None:
    table, names, colours = look(k)
    wanted = [colour.lower() for colour in colours]
    lines = draw.snake(table, names, colours).axes[0].get_lines()
    assert [to_hex(line.get_color()) for line in lines if line.get_marker() == "o"] == wanted
    bubbles = draw.bubble(profiles(k), [f"S{c + 1}" for c in range(k)], colours, "").axes[0].collections[0]
    assert [to_hex(colour) for colour in bubbles.get_facecolor()] == wanted
    bars = draw.heat_map(100 * table, names, colours).axes[0].patches
    assert [to_hex(bar.get_facecolor()) for bar in bars] == wanted
    radars = draw.radar(table, names, colours).axes
    assert [to_hex(axes.get_lines()[1].get_color()) for axes in radars] == wanted
    dots = [
        line
        for line in draw.draw_make_up(composition(k), names, colours).axes[0].get_lines()
        if line.get_marker() == "o"
    ]
    assert [to_hex(dot.get_color()) for dot in dots[:k]] == wanted


def test_the_heat_map_says_the_indices_and_leaves_out_what_has_none() -> None:
    index = pd.DataFrame([[204.4, 23.0], [np.nan, 5000.0]], index=["orders", "trend"])
    said = texts(draw.heat_map(index, ["often", "seldom"], PALETTE[:2]))
    assert {"204", "23", "5,000"} <= set(said)
    assert "nan" not in said


def test_figures_stand_out_from_their_cells() -> None:
    """Whatever the shade, the better of the two inks is taken: WCAG's contrast never falls below 3.8."""
    index = pd.DataFrame({"a": [25.0, 33, 44, 50, 70, 100, 140, 200, 242, 300, 400, 900]})
    axes = draw.heat_map(index, ["a"], PALETTE[:1]).axes[0]
    [image] = axes.get_images()
    light = [_lightness(image.to_rgba(value)) for value in image.get_array()[:, 0]]
    written = [text for text in axes.texts if text.get_text().replace(",", "").isdigit()]
    assert len(written) == len(light)
    for text, ground in zip(written, light, strict=True):
        ink = _lightness(to_rgba(text.get_color()))
        assert (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05) >= 3.8, text.get_text()


def _lightness(colour: tuple[float, float, float, float]) -> float:
    """WCAG's relative luminance."""
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))


def test_certain_customers_are_solid_the_others_marked_and_counted() -> None:
    _, _, colours = look(2)
    plane, table = members(2, n=10)
    clear, border, outside = draw.certainty(plane, table, ["a", "b"], colours).axes[0].collections
    opacity = clear.get_facecolor()[:, 3]
    assert (opacity.argsort() == table["confidence"][3:].to_numpy().argsort()).all()
    assert [len(drawn.get_offsets()) for drawn in (clear, border, outside)] == [7, 2, 1]
    np.testing.assert_array_equal(border.get_offsets(), plane.points[[1, 2]])
    # of the five in each segment
    said = texts(draw.certainty(plane, table, ["a", "b"], colours))
    assert [text for text in said if re.fullmatch(r"[\d.]+ %", text) and "." in text] == ["20.0 %"] * 3 + ["0.0 %"]


def test_the_share_of_resamples_that_agree_is_shown_where_it_is_known() -> None:
    _, _, colours = look(2)
    plane, table = members(2, n=10)
    known = table.assign(agreement=[1.0, 0.9, 0.89, 0.2, 0.5, *[1.0] * 5])
    said = texts(draw.certainty(plane, known, ["a", "b"], colours))
    # of the five in each segment near another one, out of range, and elsewhere in more than a tenth of the resamples
    shares = [text for text in said if re.fullmatch(r"[\d.]+ %", text) and "." in text]
    assert shares == ["20.0 %", "20.0 %", "40.0 %", "20.0 %", "0.0 %", "20.0 %"]
    assert "elsewhere in over 10% of resamples (dotted bar)" in said
    assert not any("resamples" in text for text in texts(draw.certainty(plane, table, ["a", "b"], colours)))


def test_many_customers_are_thinned_and_it_says_so() -> None:
    _, names, colours = look(2)
    figure = draw.certainty(*members(2, n=9000), names, colours)
    assert sum(len(drawn.get_offsets()) for drawn in figure.axes[0].collections) == DRAWN
    assert "3,000 of 9,000 customers drawn" in texts(figure)


def test_few_known_customers_are_hollow_dots() -> None:
    _, names, colours = look(3)
    dots = [
        line
        for line in draw.draw_make_up(composition(3), names, colours).axes[0].get_lines()
        if line.get_marker() == "o"
    ]
    assert [to_hex(dot.get_markerfacecolor()) == "#ffffff" for dot in dots[:3]] == [True, False, False]


def test_unknown_is_no_level() -> None:
    _, names, colours = look(2)
    assert "unknown" not in texts(draw.draw_make_up(composition(2), names, colours))


def test_a_negative_revenue_is_drawn() -> None:
    table = profiles(2).assign(revenue=[-5.0, 10.0], revenue_share=[-1.0, 2.0])
    assert png(draw.bubble(table, ["S2", "S1"], PALETTE[:2], "€"))


def test_drawing_changes_nothing() -> None:
    table, names, colours = look(3)
    before = table.copy()
    draw.heat_map(table, names, colours), draw.snake(table, names, colours), draw.radar(table, names, colours)
    pd.testing.assert_frame_equal(table, before)
