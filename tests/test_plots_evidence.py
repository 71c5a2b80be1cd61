"""The evidence pictures show the numbers they were given, and draw for every grade."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segments.plots import png
from segments.plots.evidence import GRADE_COLOURS, card, overview

LIMITS = {"natural_jaccard": 0.85, "reproducible_jaccard": 0.75, "constructive_jaccard": 0.6}


@pytest.mark.parametrize("grade", GRADE_COLOURS)
def test_a_card_says_grade_reason_and_numbers(grade: str) -> None:
    facts = {"grade": grade, "reason": "Because it is so.", "ari": 0.9, "prediction_strength": np.nan, "bootstraps": 20, "stopped": True,
        "null": "unimodal", "z_silhouette": 4.2, "z_wcss": 3.1, "p_adjusted": 0.01}  # fmt: skip
    clusters = pd.DataFrame({"cluster": [0, 1], "jaccard": [0.9, 0.5]})
    scores = pd.DataFrame({"draw": range(20), "silhouette": np.linspace(0.5, 0.3, 20)})
    gap = {"k": [1, 2], "gap": [0.1, 0.2], "error": [0.01, 0.01], "first_se": 2, "global_se_max": 2}
    figure = card("x · none · k=2", facts, clusters, scores, gap, 2, LIMITS)
    texts = " ".join(text.get_text() for text in figure.texts)
    assert grade in texts
    assert "Because it is so." in texts
    assert "20 bootstraps, given up" in texts
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0.9, 0.5]
    assert png(figure)[1:4] == b"PNG"


def test_the_overview_has_every_cell_and_leaves_out_what_was_not_weighed() -> None:
    table = pd.DataFrame({"feature_set": "x", "scaler": ["none", "none", "power", "power"], "k": [2, 3, 2, 3],
        "silhouette_reference": [0.1, 0.2, 0.3, 0.4], "z_silhouette": [1.0, 2.0, np.nan, 4.0], "grade": ["natural", "not supported", "", "constructive"]})  # fmt: skip
    left, right = overview(table).axes
    assert [label.get_text() for label in right.get_yticklabels()] == ["x · none", "x · power"]
    assert sum(len(points.get_offsets()) for points in left.collections) == 3
    assert [text.get_text() for text in right.texts] == ["N", "–", "", "C"]
