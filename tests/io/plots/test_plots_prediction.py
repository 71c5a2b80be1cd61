"""Pictures of forecasts: what is recommended is marked; as SVG they are the same for equal figures."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from segments.io.plots import prediction as draw
from segments.io.plots.style import png, svg
from segments.io.store import catalog


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


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_pictures_of_both_kinds_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.chdir(tmp_path)
    figure = draw.comparison(scores(), "churn", "x")
    made = {"png": {"front": png(figure)}, "svg": {"front": svg(figure)}}
    catalog.write(catalog.SELECTION_PICTURES, made["png"])
    catalog.write(catalog.SELECTION_VECTORS, made["svg"])
    both = {"png": catalog.SELECTION_PICTURES, "svg": catalog.SELECTION_VECTORS}
    assert catalog.read(both[suffix]) == made[suffix]
    catalog.drop(both[suffix])
    other = "svg" if suffix == "png" else "png"
    assert [path.name for path in catalog.path_of(both[other]).parent.iterdir()] == [f"front.{other}"]
