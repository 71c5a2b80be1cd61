"""Candidates -> the chosen one: gates, ranking, ties, elbows, and nothing when nothing passes."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from segments.config import SelectionConfig
from segments.selection import choose, elbow

RULE = SelectionConfig(min_k=2)


def candidates(*rows: tuple[str, int, float, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["candidate_id", "k", "silhouette", "smallest_share", "largest_share"])
    return frame.assign(
        feature_set="rfm",
        scaler="robust",
        wcss=[1000 / k for k in frame["k"]],
        davies_bouldin=1 - frame["silhouette"],
        calinski_harabasz=frame["silhouette"] * 100,
    )


def test_the_best_of_those_that_pass_wins_and_the_next_is_runner_up() -> None:
    choice = choose(candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5), ("c", 5, 0.9, 0.01, 0.5)), RULE)
    assert (choice.candidate_id, choice.runner_up, choice.finalists) == ("b", "a", ["b", "a"])
    assert (choice.passed, choice.total, choice.failed["smallest segment"]) == (2, 3, 1)
    assert "k=4" in choice.reason
    assert "0.6000" in choice.reason
    assert "Runner-up: rfm · robust · k=3 (0.5000)" in choice.reason


@pytest.mark.parametrize(
    ("gate", "value", "left"),
    [
        ("min_k", 4, "b"),
        ("min_smallest_share", 0.15, "a"),
        ("max_largest_share", 0.55, "a"),
        ("min_silhouette", 0.55, "b"),
    ],
)
def test_each_gate_shuts_on_its_own(gate: str, value: float, left: str) -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.6))
    assert choose(table, replace(RULE, **{gate: value})).passed == 1
    assert choose(table, replace(RULE, **{gate: value})).candidate_id == left


def test_a_smaller_davies_bouldin_is_better() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5)).assign(davies_bouldin=[0.3, 0.4])
    assert choose(table, replace(RULE, metric="davies_bouldin")).candidate_id == "a"


def test_equal_scores_go_to_fewer_segments() -> None:
    assert choose(candidates(("a", 5, 0.5, 0.2, 0.5), ("b", 3, 0.5, 0.2, 0.5)), RULE).candidate_id == "b"


def test_nothing_passes_nothing_is_chosen_and_the_closest_is_named() -> None:
    choice = choose(candidates(("a", 3, 0.1, 0.2, 0.5), ("b", 4, 0.15, 0.001, 0.5)), RULE)
    assert choice.candidate_id is None
    assert choice.runner_up is None
    assert "Closest: rfm · robust · k=3, which fails on silhouette" in choice.reason
    assert "Nothing is registered" in choice.reason


def test_the_knee_of_the_kneedle_paper() -> None:
    """Figure 2 of Satopää et al.: f(x) = -1/(x + 0.1) + 5 bends at x = 0.2222; here turned over, on ten points of [0, 1]."""
    x = [i / 9 for i in range(10)]
    curve = [1 / (v + 0.1) for v in x]
    assert elbow(list(range(10)), curve) == 2


def test_a_straight_line_has_no_knee() -> None:
    assert elbow([2, 3, 4, 5, 6], [5.0, 4.0, 3.0, 2.0, 1.0]) is None
    assert elbow([2, 3], [5.0, 4.0]) is None
    assert elbow([2, 3, 4], [0.0, 0.0, 0.0]) is None


def test_elbows_are_advice_per_cell() -> None:
    table = pd.concat(
        [candidates(*[(f"{s}{k}", k, 0.5, 0.2, 0.5) for k in range(2, 9)]).assign(scaler=s) for s in ("robust", "none")]
    )
    assert [(e["scaler"], e["k"] is not None) for e in choose(table, RULE).elbows] == [("robust", True), ("none", True)]
