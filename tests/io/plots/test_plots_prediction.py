"""Pictures of forecasts: what is recommended is marked; as SVG they are the same for equal figures."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from segments.config.features import ExploreConfig
from segments.features.explore import explore
from segments.io.plots import prediction as draw
from segments.io.plots.explore import box_plots, pair_plot
from segments.io.plots.style import drawn, svg


def scores() -> pd.DataFrame:
    return pd.DataFrame(
        {"model": ["linear", "boosting"], "variant": "global", "value": [0.1, 0.2], "low": 0.05, "high": 0.3}
    )


def test_the_recommended_model_is_marked_by_shape_colour_and_word() -> None:
    axis = draw.comparison(scores(), "churn", "Brier score", ("boosting", "global")).axes[0]
    ticks = axis.get_yticklabels()
    assert [one.get_text() for one in ticks] == ["linear · global", "recommended: boosting · global"]
    assert [one.get_fontweight() for one in ticks] == ["normal", "bold"]
    [diamond] = [one for one in axis.lines if one.get_marker() == "D"]
    assert (diamond.get_xdata()[0], diamond.get_ydata()[0]) == (0.2, 1)
    plain = draw.comparison(scores(), "churn", "Brier score").axes[0]
    assert not [one for one in plain.lines if one.get_marker() == "D"]


def test_svg_bears_no_digits_that_differ_by_processor() -> None:
    made, again = (svg(draw.comparison(scores(), "churn", "x")).decode() for _ in range(2))
    assert made == again
    moved = svg(draw.comparison(scores().assign(value=[0.1 + 1e-12, 0.2]), "churn", "x")).decode()
    assert moved == made
    assert not re.search(r"\d\.\d{3}", re.sub(r"scale\([^)]*\)", "", made.partition("<defs>")[2]))
    for name in re.findall(r'(?:href="|url\()#([^")]+)', made):
        assert f'id="{name}"' in made


def test_a_picture_is_drawn_as_png_and_svg() -> None:
    made, again = (drawn({"front": draw.comparison(scores(), "churn", "x")}) for _ in range(2))
    assert made == again
    assert made["front.png"][1:4] == b"PNG" and made["front.svg"].startswith(b"<?xml")


def test_thousands_of_customers_are_pixels_in_an_svg() -> None:
    many = pd.DataFrame(np.random.default_rng(0).lognormal(size=(3000, 2)), columns=["a", "b"])
    seen = explore(many.assign(customer_id=many.index.astype(str)), ExploreConfig(), {})
    for picture in (svg(pair_plot(seen)), svg(box_plots(seen))):
        assert b"data:image/png" in picture and len(picture) < 200_000
