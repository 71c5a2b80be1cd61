"""The evidence pictures show the numbers they were given, and draw for every grade."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segments.io.plots.evidence import GRADE_COLOURS, _of_rules, card, evidence_overview
from segments.io.plots.selection import front
from segments.io.plots.style import png

LIMITS = {"natural_jaccard": 0.85, "reproducible_jaccard": 0.75, "constructive_jaccard": 0.6}


@pytest.mark.parametrize("grade", GRADE_COLOURS)
def test_a_card_says_grade_reason_and_numbers(grade: str) -> None:
    facts = {"grade": grade, "reason": "Because it is so.", "ari": 0.9, "prediction_strength": np.nan, "bootstraps": 20, "stopped": True,
        "null": "unimodal", "valley_p": 0.25, "valley_pair": "A and B", "z_silhouette": 4.2, "z_wcss": 3.1, "p_adjusted": 0.01, "nulls": 99}  # fmt: skip
    clusters = pd.DataFrame({"cluster": [0, 1], "jaccard": [0.9, 0.5]})
    scores = pd.DataFrame({"draw": range(20), "silhouette": np.linspace(0.5, 0.3, 20)})
    gap = {"k": [1, 2], "gap": [0.1, 0.2], "error": [0.01, 0.01], "first_se": 2, "global_se_max": 2}
    figure = card("x · none · k=2", facts, clusters, scores, gap, 2, LIMITS, "Not firm: it hangs on trend.")
    texts = " ".join(text.get_text() for text in figure.texts)
    assert grade in texts
    assert "Because it is so." in texts
    assert "20 bootstraps, given up" in texts
    assert [tick.get_text() for axis in figure.axes for tick in axis.get_xticklabels()][:2] == ["A", "B"]
    assert "gap between every two clusters: p = 0.25 (worst: A and B)" in texts
    assert "Not firm: it hangs on trend." in texts
    assert {"0.90", "0.50"} <= {text.get_text() for text in figure.axes[0].texts}
    assert "a Gaussian copula with the data's columns, each made one-peaked" in figure.axes[1].get_xlabel()
    assert figure.axes[2].get_xlabel() == "k; both rules agree with it"
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0.9, 0.5]
    assert png(figure)[1:4] == b"PNG"


def test_the_overview_has_every_cell_and_leaves_out_what_was_not_evaluated() -> None:
    table = pd.DataFrame({"feature_set": "x", "scaler": ["none", "none", "power", "power"], "k": [2, 3, 2, 3],
        "silhouette_reference": [0.1, 0.2, 0.3, 0.4], "excess": [1.0, 2.0, np.nan, 4.0], "grade": ["natural", "not supported", "", "constructive"], "null": ["copula", "copula", "", "copula"]})  # fmt: skip
    left, right = evidence_overview(table).axes
    assert [label.get_text() for label in right.get_yticklabels()] == ["x · none", "x · power"]
    assert sum(len(points.get_offsets()) for points in left.collections) == 3
    assert [text.get_text() for text in right.texts] == ["N", "–", "", "C"]
    assert left.get_xlabel().endswith("\nwithout clusters: a Gaussian copula with the data's own columns")


@pytest.mark.parametrize(
    ("rules", "words"),
    [((4, 5), "both rules ask for more"), ((1, 1), "no clusters at all"), ((1, 2), "fewer"), ((3, 5), "one of the rules"), ((1, 5), "neither")],
)  # fmt: skip
def test_the_card_says_what_the_gap_rules_mean_for_its_k(rules: tuple[int, int], words: str) -> None:
    assert words in _of_rules({"first_se": rules[0], "global_se_max": rules[1]}, 3)


@pytest.mark.parametrize(("metric", "label"), [
    ("z_wcss", "fit: z_wcss against\na Gaussian with the data's covariance"), ("silhouette", "fit: silhouette")])  # fmt: skip
def test_the_front_names_the_null_that_its_z_is_against(metric: str, label: str) -> None:
    table = pd.DataFrame({"candidate_id": ["a", "b"], "feature_set": "x", "scaler": "none", "k": [2, 3], metric: [1.0, np.nan],
        "jaccard_min": [0.9, np.nan], "null": ["gaussian", ""]})  # fmt: skip
    assert front(table, metric, ["a"], [], "a").axes[0].get_ylabel() == label
