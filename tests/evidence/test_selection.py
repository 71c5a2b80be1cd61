"""Candidates -> the chosen one: gates, ranking, ties, elbows, and nothing when nothing passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segments.config.decisions import Decision
from segments.config.evidence import SelectionConfig
from segments.errors import ConfigError, SegmentsError
from segments.evidence.selection import choose, elbow, pareto_front

RULE = SelectionConfig(min_k=2, metric="silhouette")


def candidates(*rows: tuple[str, int, float, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["candidate_id", "k", "silhouette", "smallest_share", "largest_share"])
    return frame.assign(
        feature_set="rfm",
        scaler="robust",
        wcss=[1000 / k for k in frame["k"]],
        davies_bouldin=1 - frame["silhouette"],
        calinski_harabasz=frame["silhouette"] * 100,
        silhouette_reference=frame["silhouette"] / 2,
        z_silhouette=frame["silhouette"] * 10,
        z_wcss=frame["silhouette"] * 10,
        jaccard_min=0.9,
        prediction_strength=0.8,
        grade="natural",
        null="unimodal",
        reason="Natural: it comes back.",
    )


def test_the_best_of_those_that_pass_wins_and_the_next_is_runner_up() -> None:
    choice = choose(candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5), ("c", 5, 0.9, 0.01, 0.5)), RULE)
    assert (choice.candidate_id, choice.runner_up, choice.finalists) == ("b", "a", ["b", "a"])
    assert (choice.passed, choice.total, choice.failed["smallest segment"]) == (2, 3, 1)
    assert "k=4" in choice.reason
    assert "0.6000" in choice.reason
    assert "Runner-up: rfm · robust · k=3 (natural, 0.5000)" in choice.reason


@pytest.mark.parametrize(
    ("gate", "value", "left"),
    [
        ("min_k", 4, "b"),
        ("min_smallest_share", 0.15, "a"),
        ("max_largest_share", 0.55, "a"),
        ("min_silhouette", 0.55, "b"),
        ("min_jaccard", 0.85, "a"),
        ("min_prediction_strength", 0.75, "b"),
        ("grades", ["reproducible"], "b"),
    ],
)
def test_each_gate_shuts_on_its_own(gate: str, value: Any, left: str) -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.6)).assign(
        jaccard_min=[0.9, 0.8], prediction_strength=[0.7, 0.8], grade=["natural", "reproducible"]
    )
    assert choose(table, replace(RULE, **{gate: value})).passed == 1
    assert choose(table, replace(RULE, **{gate: value})).candidate_id == left


def test_a_smaller_davies_bouldin_is_better() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5)).assign(davies_bouldin=[0.3, 0.4])
    assert choose(table, replace(RULE, metric="davies_bouldin")).candidate_id == "a"


def test_the_better_grade_goes_before_the_better_score() -> None:
    """Pieces of true clusters are farther from the null than the clusters themselves can be."""
    table = candidates(("a", 4, 0.9, 0.2, 0.5), ("b", 2, 0.4, 0.2, 0.5), ("c", 3, 0.5, 0.2, 0.5))
    choice = choose(table.assign(grade=["reproducible", "natural", "natural"]), RULE)
    assert choice.finalists == ["c", "b", "a"]
    assert "2 have the best grade, natural" in choice.reason
    # a better grade does not help what fails a gate, but the reason tells of it
    gone = choose(table.assign(grade=["reproducible", "natural", "natural"], smallest_share=[0.2, 0.01, 0.01]), RULE)
    assert gone.candidate_id == "a"
    assert (
        "Without the gate on smallest segment (0.01 against at least 0.03) it would have been rfm · robust · k=3 (natural, 0.5000)."
        in gone.reason
    )


def test_equal_scores_go_to_fewer_segments() -> None:
    assert choose(candidates(("a", 5, 0.5, 0.2, 0.5), ("b", 3, 0.5, 0.2, 0.5)), RULE).candidate_id == "b"


def test_nothing_passes_nothing_is_chosen_and_the_closest_is_named() -> None:
    choice = choose(candidates(("a", 3, 0.1, 0.2, 0.5), ("b", 4, 0.15, 0.001, 0.5)), RULE)
    assert choice.candidate_id is None
    assert choice.runner_up is None
    assert (
        "Closest: rfm · robust · k=3, which fails on silhouette (0.1 against at least 0.2). Natural: it"
        in choice.reason
    )
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
    rule = replace(RULE, metric="z_silhouette")
    assert [(e["scaler"], e["k"] is not None) for e in choose(table, rule).elbows] == [("robust", True), ("none", True)]


def test_what_has_no_evidence_does_not_pass() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5))
    table.loc[1, ["jaccard_min", "prediction_strength", "z_silhouette"]] = np.nan
    table.loc[1, "grade"] = None
    assert choose(table, replace(RULE, metric="z_silhouette")).candidate_id == "a"
    choice = choose(table, RULE)
    assert choice.misses == {"b": ["evidence (not evaluated)"]}
    assert (choice.failed["stability"], choice.failed["grade"], choice.failed["evidence (not evaluated)"]) == (0, 0, 1)


def test_what_was_not_evaluated_is_not_what_came_closest() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5)).assign(jaccard_min=[0.2, np.nan])
    table["prediction_strength"] = np.nan
    table.loc[1, "grade"] = ""
    reason = choose(table, RULE).reason
    assert "1 fail on evidence (not evaluated)" in reason
    assert (
        "Closest: rfm · robust · k=3, which fails on stability (0.2 against at least 0.6) and prediction strength (not measured against at least 0.5)"
        in reason
    )


def test_a_near_miss_is_told_with_its_number() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5)).assign(jaccard_min=0.9487, grade="reproducible")
    reason = choose(table, replace(RULE, min_jaccard=0.999, grades=["natural"])).reason
    assert "stability (0.9487 against at least 0.999) and grade (reproducible; asked is natural)" in reason


def test_the_reason_says_whether_there_are_clusters_and_against_which_null() -> None:
    none = "Reproducible: no evidence of clusters: stable cuts of a continuum."
    table = candidates(("a", 3, 0.5, 0.2, 0.5)).assign(grade="reproducible", reason=none, null="copula")
    said = choose(table, replace(RULE, metric="z_silhouette")).reason
    assert none in said
    assert "z_silhouette (5.0000 against a Gaussian copula with the data's own columns; least stable" in said
    chosen = Decision("a", "rfm · robust · k=3", "they are liked", "Ann", "2026-01-02T03:04:05+00:00")
    assert f"because they are liked. {none} By the rule" in choose(table, RULE, chosen).reason


@pytest.mark.parametrize("metric", ["silhouette", "davies_bouldin", "calinski_harabasz"])
def test_scores_of_one_space_do_not_rank_several(metric: str) -> None:
    one = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5))
    rule = replace(RULE, metric=metric)
    assert choose(one, rule).candidate_id is not None
    for other in ({"scaler": ["robust", "none"]}, {"feature_set": ["rfm", "value"]}):
        with pytest.raises(ConfigError, match="the candidates lie in 2") as said:
            choose(one.assign(**other), rule)
        assert said.value.where == "selection.metric"
        assert "z_silhouette" in str(said.value.fix)
        assert choose(one.assign(**other), replace(RULE, metric="silhouette_reference")).candidate_id == "b"


def test_the_reason_says_what_would_have_changed_the_choice() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.01, 0.5), ("c", 5, 0.4, 0.2, 0.5))
    table["z_silhouette"] = [1.0, 2.0, 3.0]
    reason = choose(table, RULE).reason
    assert (
        "Without the gate on smallest segment (0.01 against at least 0.03) it would have been rfm · robust · k=4 (natural, 0.6000)."
        in reason
    )
    assert "By z_silhouette it would have been rfm · robust · k=5." in reason
    assert (
        "the best grade, natural; of those, rfm · robust · k=3 has the highest silhouette (0.5000; least stable segment 0.90)"
        in reason
    )


WISH = Decision("c", "rfm · robust · k=5", "five leaflets are printed", "Ann", "2026-01-02T03:04:05+00:00")


def test_a_person_goes_before_the_rule_and_the_rule_stays_on_record() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5), ("c", 5, 0.9, 0.01, 0.5))
    choice = choose(table, RULE, WISH)
    assert (choice.candidate_id, choice.runner_up, choice.finalists) == ("c", "b", ["c", "b", "a"])
    assert choice.overruled is not None
    assert (choice.overruled["by"], choice.overruled["candidate_id"]) == ("Ann", "b")
    assert choice.reason.startswith(
        "Chosen by Ann on 2026-01-02: rfm · robust · k=5, because five leaflets are printed. It fails on smallest segment (0.01 against at least 0.03). "
        "Natural: it comes back. By the rule:"
    )


def test_a_person_may_choose_when_nothing_passes() -> None:
    choice = choose(candidates(("c", 5, 0.1, 0.2, 0.5)), RULE, WISH)
    assert (choice.candidate_id, choice.runner_up, choice.passed) == ("c", None, 0)


def test_a_decision_about_a_candidate_that_is_gone_is_an_error() -> None:
    with pytest.raises(SegmentsError, match="which this sweep does not have"):
        choose(candidates(("a", 3, 0.5, 0.2, 0.5)), RULE, WISH)


def test_nobody_on_the_front_is_beaten_and_everybody_else_is() -> None:
    random = np.random.default_rng(0)
    table = candidates(*[(f"c{i}", int(random.integers(2, 9)), 0.5, 0.2, 0.5) for i in range(40)])
    table["silhouette"], table["jaccard_min"] = random.uniform(0.3, 1, (2, 40)).round(2)
    front = set(pareto_front(table, RULE))
    rows = table.to_dict("records")

    def beaten(a: dict[str, Any]) -> bool:
        return any(
            b["silhouette"] >= a["silhouette"]
            and b["jaccard_min"] >= a["jaccard_min"]
            and b["k"] <= a["k"]
            and (b["silhouette"], b["jaccard_min"], b["k"]) != (a["silhouette"], a["jaccard_min"], a["k"])
            for b in rows
        )

    assert front == {row["candidate_id"] for row in rows if not beaten(row)}


# --- limits met exactly, and words ---------------------------------------------------------------------------------------

MET = {
    "min_k": ("k", 3, -1),
    "min_smallest_share": ("smallest_share", 0.25, -0.001),
    "max_largest_share": ("largest_share", 0.5, 0.001),
    "min_silhouette": ("silhouette", 0.5, -0.001),
    "min_jaccard": ("jaccard_min", 0.75, -0.001),
    "min_prediction_strength": ("prediction_strength", 0.625, -0.001),
}


@pytest.mark.parametrize("gate", MET)
def test_a_gate_that_is_met_exactly_lets_pass(gate: str) -> None:
    column, value, beyond = MET[gate]
    table = candidates(("a", 3, 0.5, 0.25, 0.5))
    rule = replace(RULE, **{gate: value})
    assert choose(table.assign(**{column: value}), rule).candidate_id == "a"
    assert choose(table.assign(**{column: value + beyond}), rule).candidate_id is None


def test_word_for_word() -> None:
    """The elbow of 1000, 500, 120, 100, 90, 85 is at the third."""
    table = candidates(*[(f"c{k}", k, 0.3 + k / 100, 0.2, 0.5) for k in range(2, 8)])
    table = table.assign(
        wcss=[1000.0, 500.0, 120.0, 100.0, 90.0, 85.0],
        z_silhouette=[9.0, 3, 3, 3, 3, 1],
        z_wcss=[9.0, 3, 3, 3, 3, 1],
        grade=["natural"] * 5 + ["reproducible"],
    )
    choice = choose(table[::-1], replace(RULE, finalists=3))
    assert choice.finalists == ["c6", "c5", "c4"]
    assert choice.reason == (
        "Of the 6 candidates (of 6) that pass the gates, 5 have the best grade, natural; of those, rfm · robust · k=6 has the highest "
        "silhouette (0.3600; least stable segment 0.90). Natural: it comes back. Runner-up: rfm · robust · k=5 (natural, 0.3500). "
        "By z_silhouette and by z_wcss it would have been rfm · robust · k=2. The elbow of its WCSS curve is at k=4."
    )
    assert choice.rule == (
        "At least 2 segments, the smallest holding at least 3% and the largest at most 80% of customers, silhouette at least 0.2, "
        "every segment's Jaccard at least 0.6, prediction strength at least 0.5, graded natural or reproducible or constructive; "
        "of those, the best grade, and within it the highest silhouette."
    )
    alone = choose(table[:2], replace(RULE, min_k=3, metric="davies_bouldin"))
    assert alone.reason == (
        "Of the 1 candidates (of 2) that pass the gates, 1 has the best grade, natural; of those, rfm · robust · k=3 has the lowest "
        "davies_bouldin (0.6700; least stable segment 0.90). Natural: it comes back. By z_silhouette and by z_wcss it would have been nothing."
    ).replace(" By z_silhouette and by z_wcss it would have been nothing.", " Its WCSS curve has no knee.")
    assert "within it the lowest davies_bouldin" in alone.rule


def test_a_gate_is_only_blamed_where_it_alone_decided() -> None:
    """The best one fails two gates, the next one alone; one that is worse than the chosen is not worth a word."""
    table = candidates(
        ("a", 3, 0.9, 0.01, 0.9), ("b", 4, 0.8, 0.01, 0.5), ("c", 5, 0.5, 0.2, 0.5), ("d", 6, 0.4, 0.01, 0.5)
    )
    reason = choose(table, RULE).reason
    assert (
        "Without the gate on smallest segment (0.01 against at least 0.03) it would have been rfm · robust · k=4"
        in reason
    )
    assert reason.count("Without the gate") == 1
    assert "Without" not in choose(table[2:], RULE).reason


def test_a_person_may_choose_what_the_rule_has_second_or_first() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5), ("c", 5, 0.7, 0.2, 0.5))
    same = choose(table, RULE, WISH)
    assert (same.candidate_id, same.runner_up, same.finalists) == ("c", "b", ["c", "b", "a"])
    alone = choose(table[2:], RULE, WISH)
    assert (alone.candidate_id, alone.runner_up) == ("c", None)
    assert alone.overruled == {
        "by": "Ann",
        "at": "2026-01-02T03:04:05+00:00",
        "because": "five leaflets are printed",
        "candidate_id": "c",
        "name": "rfm · robust · k=5",
    }
    assert alone.chosen == ("c", "rfm", "rfm · robust")
    assert choose(table, replace(RULE, min_silhouette=0.9)).chosen is None


def test_those_that_came_closest_in_order() -> None:
    """Evaluated first, then by how many gates they fail, then by rank."""
    table = candidates(
        ("a", 3, 0.1, 0.01, 0.5), ("b", 4, 0.15, 0.2, 0.5), ("c", 5, 0.19, 0.2, 0.5), ("d", 6, 0.9, 0.2, 0.5)
    )
    table.loc[3, "jaccard_min"] = np.nan
    choice = choose(table, RULE)
    assert choice.finalists == ["c", "b", "a", "d"]
    assert choice.reason.startswith(
        "None of 4 candidates passes: 1 fail on smallest segment, 3 fail on silhouette, 1 fail on evidence (not evaluated). Closest: rfm · robust · k=5"
    )
    assert (choice.passed, choice.total, choice.chosen) == (0, 4, None)


def test_the_front_by_hand() -> None:
    """A twin is on it too; what is worse in one and better in none is not, nor what fails a gate or was not measured."""
    table = candidates(
        *[
            (name, k, s, 0.2, 0.5)
            for name, k, s in [("a", 3, 0.5), ("b", 3, 0.5), ("c", 4, 0.5), ("d", 4, 0.9), ("e", 2, 0.1), ("f", 2, 0.4)]
        ]
    )
    assert pareto_front(table.assign(jaccard_min=[0.9, 0.9, 0.9, 0.8, 0.9, np.nan]), RULE) == ["a", "b", "d"]
    lower = replace(RULE, metric="davies_bouldin")
    assert pareto_front(
        table.assign(davies_bouldin=[0.5, 0.6, 0.4, 0.3, 0.1, 0.1], jaccard_min=[0.9, 0.9, 0.95, 0.8, 0.9, 0.7]), lower
    ) == ["f", "a", "c", "d"]
