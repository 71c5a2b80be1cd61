"""Pictures of migration and sensitivity: what is in them is what came in."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Patch, Polygon, Rectangle

from segmentations import EARLIER, LATER, model, table
from segments.identity.migration import migrate
from segments.io.plots.identity import alluvial
from segments.io.plots.sensitivity import agreement
from segments.io.plots.style import PALE, PALETTE, png
from segments.model.segmentation import Segment

SPLIT = model(
    0.0, 10.0, 16.0, segments=[Segment("S1", "low", 4), Segment("S2", "$middle$", 1), Segment("S9", "far off", 2)]
)
MIGRATION = migrate(EARLIER, SPLIT, table(a=1, b=1, c=11, d=14, e=20, g=3), table(a=2, b=9, c=11, d=14, e=20, f=1))


def test_bands_are_as_high_as_their_customers_and_bars_as_their_segments() -> None:
    figure = alluvial(MIGRATION, ("2024-01-01", "2024-06-30"))
    axis = figure.axes[0]
    bands = [patch for patch in axis.patches if isinstance(patch, Polygon)]
    bars = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    flows = MIGRATION.transitions["customers"]
    heights = sorted(float(band.get_xy()[-2, 1] - band.get_xy()[0, 1]) for band in bands)
    assert heights == pytest.approx(sorted(flows))
    left = [bar.get_height() for bar in bars if bar.get_x() == 0]
    assert sum(left) == sum(bar.get_height() for bar in bars if bar.get_x() > 0) == flows.sum()
    colours = [to_hex(bar.get_facecolor()).upper() for bar in bars]
    assert colours.count(PALE) == 2, "the new and the gone"
    assert PALETTE[4] in colours, "the colour a segment has in the new version"


def test_every_segment_is_named_on_its_sides() -> None:
    figure = alluvial(MIGRATION, ("v1", "v2"))
    texts = [text.get_text().replace("\n", " ") for text in figure.axes[0].texts]
    assert "S3 high 1" in texts
    assert any(text.startswith("S9 far off") for text in texts)
    assert sum(text.startswith("S2 ") for text in texts) == 2
    assert {"new 1", "gone 1"} <= set(texts)
    assert png(figure) == png(alluvial(MIGRATION, ("v1", "v2"))), "a $ in a name is no formula"


def is_first(patch: Patch) -> bool:
    return isinstance(patch, Rectangle) and to_hex(patch.get_facecolor()).upper() == PALETTE[0]


def test_two_segments_of_one_colour_are_told_apart() -> None:
    """More segments were known than the palette has colours: S9 has S1's."""
    late = model(0.0, 10.0, segments=[Segment("S9", "late", 0), Segment("S2", "middle", 1)])
    axis = alluvial(migrate(EARLIER, late, table(a=1, b=11), table(a=1, b=11)), ("v1", "v9")).axes[0]
    hatched = {(bar.get_x() == 0, bool(bar.get_hatch())) for bar in axis.patches if is_first(bar)}
    assert hatched == {(True, False), (False, True)}
    plain = migrate(EARLIER, LATER, table(a=1, b=11, c=20), table(a=1, b=11))
    assert not any(patch.get_hatch() for patch in alluvial(plain, ("v1", "v2")).axes[0].patches)


def test_one_dot_per_change() -> None:
    rows = [("seed", "1", 1.0, 9), ("scaler", "$robust", 0.25, 9), ("scaler", "power", -0.02, 9)]
    figure = agreement(pd.DataFrame(rows, columns=["change", "detail", "ari", "customers"]), "rfm · k=4")
    axis = figure.axes[0]
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == [1.0, 0.25, -0.02]
    assert [to_hex(dot.get_color()).upper() for dot in dots] == [PALETTE[0], PALETTE[1], PALETTE[1]]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["seed: 1", "scaler: $robust", "scaler: power"]
    assert axis.get_xlim()[0] < -0.02
    assert png(figure)
