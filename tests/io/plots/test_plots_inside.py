"""No word of a picture is cut off by its edge or hides another, however few columns, scalers or candidates there are."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from segments.config.features import ExploreConfig
from segments.features.explore import explore
from segments.io.plots.evidence import evidence_overview
from segments.io.plots.explore import correlation_heat_map, pair_plot
from segments.io.plots.selection import front


def cut_off(figure: Figure) -> list[str]:
    FigureCanvasAgg(figure).draw()
    # Ticks beyond an axis are there too, and not drawn: words only.
    words = [word for word in figure.findobj(Text) if word.get_visible() and re.search(r"[^\W\d]{2}", word.get_text())]
    edge = figure.bbox.padded(1.0)
    boxes = [(word.get_text(), word.get_window_extent()) for word in words]
    return [said for said, box in boxes if not (edge.contains(box.x0, box.y0) and edge.contains(box.x1, box.y1))]


def test_titles_of_two_columns_are_as_wide_as_their_picture() -> None:
    rows = np.random.default_rng(0).normal(size=(2500, 2))
    seen = explore(pd.DataFrame(rows, columns=["a", "b"]).assign(customer_id="x"), ExploreConfig())
    assert cut_off(pair_plot(seen)) == cut_off(correlation_heat_map(seen)) == []


def test_the_overview_of_few_cells_has_room_for_both_lines_under_its_axis() -> None:
    table = pd.DataFrame({"feature_set": "x", "scaler": "none", "k": [2, 3], "silhouette_reference": [0.1, 0.2], "excess": [1.0, 2.0],
        "grade": "natural", "null": "unimodal"})  # fmt: skip
    assert cut_off(evidence_overview(table)) == []


def test_the_name_of_the_chosen_does_not_lie_on_the_title() -> None:
    table = pd.DataFrame({"candidate_id": ["a", "b"], "feature_set": "telco", "scaler": "robust", "k": 3, "excess": [0.07, 0.01],
        "jaccard_min": [0.99, 0.3], "null": "unimodal"})  # fmt: skip
    figure = front(table, "excess", ["a"], [], "a")
    assert cut_off(figure) == []
    axes = figure.axes[0]
    name = next(text for text in axes.texts if text.get_text().startswith("chosen"))
    assert name.get_window_extent().y1 < axes.bbox.y1
