"""EDA pictures: drawn for any number of columns, equal bytes for equal numbers, nothing changed, no window."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from segments.config.columns import Label
from segments.config.features import ExploreConfig
from segments.features.explore import Exploration, explore
from segments.io.plots.explore import (
    box_plots,
    correlation_heat_map,
    count_plots,
    exploratory_pictures,
    histograms,
    pair_plot,
)
from segments.io.plots.style import png

EVERY = ["histograms", "box_plots", "pair_plot", "correlation_heat_map", "count_plots"]


def table(n: int, columns: int, categories: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(columns)
    numbers = {f"column_{i}": rng.lognormal(0, 1 + i % 3, n) if i % 2 else rng.normal(size=n) for i in range(columns)}
    levels = {f"category_{i}": [f"level {j % (2 + 3 * i)}" for j in range(n)] for i in range(categories)}
    return pd.DataFrame({"customer_id": [str(i) for i in range(n)], **numbers, **levels})


def look(customers: pd.DataFrame) -> Exploration:
    return explore(customers, ExploreConfig(), {"column_0": Label(unit="k$")})


def shown(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_visible() and axes.get_title()]


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "categories"), [(2, 0), (3, 1), (25, 4)])
def test_two_or_many_columns_are_drawn_each_with_its_panel(columns: int, categories: int) -> None:
    seen = look(table(60, columns, categories))
    drawn = exploratory_pictures(seen)
    assert list(drawn) == (EVERY if categories else EVERY[:-1])
    for name in ("histograms", "box_plots"):
        assert len(shown(drawn[name])) == columns
    written = (
        EVERY[:1] if columns == 25 else drawn
    )  # a hundred panels take seconds to write, and the histograms have 25
    assert all(png(drawn[name]).startswith(b"\x89PNG") for name in written)


@pytest.mark.slow
def test_equal_tables_give_equal_bytes_without_a_mark_of_the_machine() -> None:
    first, second = (exploratory_pictures(look(table(80, 2, 1))) for _ in range(2))
    for name in EVERY:
        content = png(first[name])
        assert content == png(second[name]) == png(first[name])
        assert b"Software" not in content and b"tEXt" not in content


@pytest.mark.slow
def test_other_numbers_give_another_picture() -> None:
    changed = table(80, 2).assign(column_0=lambda customers: customers["column_0"] * np.repeat([2, 1], 40))
    for draw in (histograms, box_plots, pair_plot, correlation_heat_map):
        assert png(draw(look(table(80, 2)))) != png(draw(look(changed)))


def test_labels_tell_unit_and_log_scale() -> None:
    customers = table(60, 2).assign(column_1=lambda table: np.exp(np.linspace(0, 9, len(table))))
    assert shown(histograms(look(customers))) == ["column_0 (k$)", "column_1 (log)"]
    axes = histograms(look(customers)).axes[1]
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == ["1", "10", "100", "1k"]


def test_bars_and_cells_show_the_numbers() -> None:
    customers = pd.DataFrame(
        {"customer_id": list("abcd"), "x": [1.0, 2, 3, 4], "y": [1.0, 2, 4, 3], "group": ["f", "f", "f", None]}
    )
    seen = look(customers)
    assert [text.get_text() for text in count_plots(seen).axes[0].texts] == ["3 · 75%", "1 · 25%"]
    assert [text.get_text() for text in correlation_heat_map(seen).axes[0].texts] == [".80"]
    assert [patch.get_data().values.tolist() for patch in histograms(seen).axes[0].patches] == [
        seen.histograms["x"].counts
    ]


@pytest.mark.parametrize(
    "customers",
    [
        pd.DataFrame({"customer_id": ["1"], "x": [1.0]}),
        pd.DataFrame({"customer_id": ["1", "2"], "x": [1.0, 1.0], "empty": [np.nan, np.nan]}),
        pd.DataFrame({"customer_id": ["1", "2"], "empty": [np.nan, np.nan], "group": ["a", None]}),
        pd.DataFrame({"customer_id": ["1", "2", "3", "4"], "x": [1.0, 2, np.nan, np.nan], "y": [np.nan, np.nan, 1, 2]}),
        pd.DataFrame(
            {
                "customer_id": ["1", "2", "3"],
                "x": [0.0, 0, 1e9],
                "y": [-1e-9, 0, 1e-9],
                "group": ["a" * 90, "$\\bad$ %", "é"],
            }
        ),
    ],
)
def test_odd_tables_are_drawn_without_a_warning(customers: pd.DataFrame) -> None:
    drawn = exploratory_pictures(look(customers))
    assert drawn
    for figure in drawn.values():
        png(figure)


def test_drawing_changes_no_number_and_opens_no_window() -> None:
    seen = look(table(60, 3, 1))
    before = (seen.sample.copy(), seen.spearman.copy(), seen.columns.copy())
    exploratory_pictures(seen)
    for old, new in zip(before, (seen.sample, seen.spearman, seen.columns), strict=True):
        pd.testing.assert_frame_equal(old, new)
    source = Path(sys.modules["segments.io.plots.explore"].__file__ or "").read_text()
    assert "pyplot" not in source
