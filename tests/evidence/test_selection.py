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
from segments.evidence.selection import Choice, choose, elbow, largest_revenue_shares, pareto_front, to_try

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
        excess=frame["silhouette"] / 4,
        excess_error=0.01,
        jaccard_min=0.9,
        jaccard_error=0.01,
        prediction_strength=0.8,
        grade="reproducible",
        null="unimodal",
        reason="Reproducible: it comes back.",
    )


def all_said(choice: Choice) -> str:
    return " ".join([choice.reason, *choice.details])


def test_the_best_of_those_that_pass_wins_and_the_next_is_runner_up() -> None:
    choice = choose(candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5), ("c", 5, 0.9, 0.01, 0.5)), RULE)
    assert (choice.candidate_id, choice.runner_up, choice.finalists) == ("b", "a", ["b", "a"])
    assert (choice.passed, choice.total, choice.failed["smallest segment"]) == (2, 3, 1)
    assert "k=4" in choice.reason
    assert "0.6000" in choice.reason
    assert "Runner-up: rfm · robust · k=3 (reproducible, 0.5000)." in choice.details


@pytest.mark.parametrize(
    ("gate", "value", "left"),
    [
        ("min_k", 4, "b"),
        ("min_smallest_share", 0.15, "a"),
        ("max_largest_share", 0.55, "a"),
        ("min_silhouette", 0.55, "b"),
        ("min_jaccard", 0.85, "a"),
        ("min_prediction_strength", 0.75, "b"),
        ("grades", ["constructive"], "b"),
    ],
)
def test_each_gate_shuts_on_its_own(gate: str, value: Any, left: str) -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.6)).assign(
        jaccard_min=[0.9, 0.8], prediction_strength=[0.7, 0.8], grade=["reproducible", "constructive"]
    )
    assert choose(table, replace(RULE, **{gate: value})).passed == 1
    assert choose(table, replace(RULE, **{gate: value})).candidate_id == left


def test_a_smaller_davies_bouldin_is_better() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5)).assign(davies_bouldin=[0.3, 0.4])
    assert choose(table, replace(RULE, metric="davies_bouldin")).candidate_id == "a"


def test_the_better_grade_goes_before_the_better_score() -> None:
    """Pieces of true clusters are farther from the null than the clusters themselves can be."""
    table = candidates(("a", 4, 0.9, 0.2, 0.5), ("b", 2, 0.4, 0.2, 0.5), ("c", 3, 0.5, 0.2, 0.5))
    choice = choose(table.assign(grade=["constructive", "reproducible", "reproducible"]), RULE)
    assert choice.finalists == ["c", "b", "a"]
    # a better grade does not help what fails a gate, but the reason tells of it
    gone = choose(table.assign(grade=["reproducible", "natural", "natural"], smallest_share=[0.2, 0.01, 0.01]), RULE)
    assert gone.candidate_id == "a"
    assert (
        "Without the gate on smallest segment (0.01 against at least 0.03) it would have been rfm · robust · k=3 (natural, 0.5000)."
        in gone.details
    )


def test_equal_scores_go_to_fewer_segments() -> None:
    assert choose(candidates(("a", 5, 0.5, 0.2, 0.5), ("b", 3, 0.5, 0.2, 0.5)), RULE).candidate_id == "b"


def test_nothing_passes_nothing_is_chosen_and_the_closest_is_named() -> None:
    choice = choose(candidates(("a", 3, 0.1, 0.2, 0.5), ("b", 4, 0.15, 0.001, 0.5)), RULE)
    assert choice.candidate_id is None
    assert choice.runner_up is None
    assert choice.reason.endswith("Closest: rfm · robust · k=3, which fails on silhouette (0.1 against at least 0.2).")


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
    reason = all_said(choose(table, RULE))
    assert "1 fail on evidence (not evaluated)" in reason
    assert (
        "Closest: rfm · robust · k=3, which fails on stability (0.2 against at least 0.6) and prediction strength (not measured against at least 0.5)"
        in reason
    )


def test_a_near_miss_is_shown_with_its_number() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5)).assign(jaccard_min=0.9487, grade="reproducible")
    reason = choose(table, replace(RULE, min_jaccard=0.999, grades=["natural"])).reason
    assert "stability (0.9487 against at least 0.999) and grade (reproducible; asked is natural)" in reason


def test_the_reason_says_whether_there_are_clusters_and_against_which_null() -> None:
    none = "Reproducible: no evidence of clusters: stable cuts of a continuum."
    table = candidates(("a", 3, 0.5, 0.2, 0.5)).assign(grade="reproducible", reason=none, null="copula")
    said = choose(table, replace(RULE, metric="z_silhouette"))
    assert said.reason.endswith("they are cuts of a continuum: no clusters lie apart at this k.")
    assert (
        f"{none} Its least stable segment: 0.90; the null: a Gaussian copula with the data's own columns."
        in said.details
    )
    chosen = Decision("a", "rfm · robust · k=3", "they are liked", "Ann", "2026-01-02T03:04:05+00:00")
    assert "because they are liked. By the rule" in choose(table, RULE, chosen).reason


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
    details = choose(table, RULE).details
    assert (
        "Without the gate on smallest segment (0.01 against at least 0.03) it would have been rfm · robust · k=4 (reproducible, 0.6000)."
        in details
    )
    assert "By z_silhouette it would have been rfm · robust · k=5." in details


WISH = Decision("c", "rfm · robust · k=5", "five leaflets are printed", "Ann", "2026-01-02T03:04:05+00:00")


def test_a_person_goes_before_the_rule_and_the_rule_stays_on_record() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5), ("b", 4, 0.6, 0.1, 0.5), ("c", 5, 0.9, 0.01, 0.5))
    choice = choose(table, RULE, WISH)
    assert (choice.candidate_id, choice.runner_up, choice.finalists) == ("c", "b", ["c", "b", "a"])
    assert choice.overruled is not None
    assert (choice.overruled["by"], choice.overruled["candidate_id"]) == ("Ann", "b")
    assert choice.reason.startswith(
        "Chosen by Ann on 2026-01-02: rfm · robust · k=5, because five leaflets are printed. It fails on smallest segment (0.01 against at least 0.03). "
        "By the rule:"
    )
    assert choice.details[0] == "Reproducible: it comes back."


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
    assert choice.finalists == ["c6", "c7"]
    assert choice.reason == (
        "rfm · robust · k=6 is chosen: 6 segments, graded natural. Of 6 candidates 6 pass the gates; of these one is natural, the finest of its cell. "
        "There are clusters in the data: these lie apart, and they come back with other customers."
    )


def test_a_gate_is_only_blamed_where_it_alone_decided() -> None:
    """The best one fails two gates, the next one alone; one that is worse than the chosen is not worth a word."""
    table = candidates(
        ("a", 3, 0.9, 0.01, 0.9), ("b", 4, 0.8, 0.01, 0.5), ("c", 5, 0.5, 0.2, 0.5), ("d", 6, 0.4, 0.01, 0.5)
    )
    reason = all_said(choose(table, RULE))
    assert (
        "Without the gate on smallest segment (0.01 against at least 0.03) it would have been rfm · robust · k=4"
        in reason
    )
    assert reason.count("Without the gate") == 1
    assert "Without" not in all_said(choose(table[2:], RULE))


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
    against = choose(table, replace(RULE, min_silhouette=0.9), WISH)
    assert against.candidate_id == "c"


def test_those_that_came_closest_in_order() -> None:
    """Evaluated first, then by how many gates they fail, then by rank."""
    table = candidates(
        ("a", 3, 0.1, 0.01, 0.5), ("b", 4, 0.15, 0.2, 0.5), ("c", 5, 0.19, 0.2, 0.5), ("d", 6, 0.9, 0.2, 0.5)
    )
    table.loc[3, "jaccard_min"] = np.nan
    choice = choose(table, RULE)
    assert choice.finalists == ["c", "b", "a", "d"]
    assert choice.reason.startswith("None of 4 candidates passes. Closest: rfm · robust · k=5")
    assert choice.details[0] == (
        "Of the candidates, 1 fail on smallest segment, 3 fail on silhouette, 1 fail on evidence (not evaluated)."
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


# --- the finest, and ties ------------------------------------------------------------------------------------------------

EXCESS = SelectionConfig(min_k=2)


def rivals(**columns: Any) -> pd.DataFrame:
    """Three candidates of three cells, whose excess falls from 0.125 in steps of 0.0156 and errs by 0.01."""
    rows = [("a", 5, 0.5, 0.2, 0.5), ("b", 4, 0.4375, 0.2, 0.5), ("c", 3, 0.375, 0.2, 0.5)]
    return candidates(*rows).assign(feature_set=["x", "y", "z"], **columns)


def test_of_natural_ones_in_a_cell_the_finest_wins_and_other_cells_keep_theirs() -> None:
    """Two clusters of four hide a gap, however far apart they lie."""
    table = candidates(
        ("a", 2, 0.9, 0.2, 0.5), ("b", 4, 0.5, 0.2, 0.5), ("c", 5, 0.6, 0.2, 0.5), ("d", 3, 0.3, 0.2, 0.5)
    )
    table = table.assign(
        grade=["natural", "natural", "reproducible", "natural"], scaler=["none", "none", "none", "robust"]
    )
    choice = choose(table, EXCESS)
    assert choice.finalists == ["b", "d", "c"]
    assert choice.passed == 4
    # what a gate keeps out hides nothing
    assert choose(table.assign(smallest_share=[0.2, 0.01, 0.2, 0.2]), EXCESS).candidate_id == "a"


def test_natural_ones_need_no_prediction_strength() -> None:
    table = candidates(("a", 3, 0.5, 0.2, 0.5)).assign(prediction_strength=0.1)
    assert choose(table, EXCESS).candidate_id is None
    assert choose(table.assign(grade="natural"), EXCESS).candidate_id == "a"


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({}, "a"),
        ({"excess": [0.125, 0.125 - 0.01, 0.1]}, "b"),
        ({"excess": [0.5, 0.0, 0.0], "excess_error": [0.3, 0.4, 0.39]}, "b"),
        ({"excess": [0.5, 0.0, 0.0], "excess_error": [0.3, 0.399, 0.39]}, "a"),
        ({"excess_error": 1.0}, "c"),
        ({"excess_error": 1.0, "jaccard_min": [0.95, 0.9, 0.9]}, "a"),
        ({"excess_error": 1.0, "jaccard_min": [0.75, 0.5, 1.0], "jaccard_error": [0.2, 0.2, 0.15]}, "c"),
        ({"excess_error": 1.0, "jaccard_min": [0.85, 1.0, 0.75], "jaccard_error": [0.2, 0.2, 0.15]}, "c"),
        ({"excess_error": 1.0, "jaccard_min": [0.85, 1.0, 0.74], "jaccard_error": [0.2, 0.2, 0.15]}, "b"),
    ],
)
def test_what_lies_within_the_error_is_a_tie(columns: dict[str, Any], chosen: str) -> None:
    """sqrt(0.3² + 0.4²) is 0.5: met exactly, it is a tie. Stability decides, within its own error the number of segments."""
    assert choose(rivals(**columns), EXCESS).candidate_id == chosen


def test_a_tie_is_shown_with_whom() -> None:
    said = choose(rivals(excess_error=1.0), EXCESS)
    assert (
        "of these 3 tie for the highest excess (0.125 ± 1.000), then of these one has the fewest segments."
        in said.reason
    )
    assert (
        "Tied with it, with excess and least stable segment: x · robust · k=5 (0.125 ± 1.000, 0.90), y · robust · k=4 (0.109 ± 1.000, 0.90)."
        in said.details
    )


def test_within_a_cell_nothing_ties() -> None:
    assert choose(rivals(excess_error=1.0).assign(feature_set="x"), EXCESS).candidate_id == "a"


def test_the_rule_says_what_a_tie_is() -> None:
    assert "of these the highest excess; within its error a tie" in choose(rivals(), EXCESS).rule
    assert "tie" not in choose(rivals(), replace(EXCESS, metric="silhouette_reference")).rule


def test_revenue_in_one_segment_is_a_gate_where_there_is_revenue() -> None:
    rule = replace(EXCESS, max_revenue_share=0.7)
    choice = choose(rivals(revenue_share=[0.7001, 0.7, 0.5]), rule)
    assert (choice.candidate_id, choice.passed) == ("b", 2), "met exactly, it is met"
    assert (
        "Without the gate on revenue in one segment (0.7001 against at most 0.7) it would have been x · robust · k=5 (reproducible, 0.125 ± 0.010)."
        in choice.details
    )
    assert "at most 80% of customers and 70% of revenue" in choice.rule
    assert choose(rivals(), rule).candidate_id == "a"


def test_the_largest_share_of_revenue_by_hand() -> None:
    labels = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 2, 3]})
    assert largest_revenue_shares(labels, pd.Series([1.0, 2.0, 3.0, 2.0])) == [0.625, 0.375]
    assert np.isnan(largest_revenue_shares(labels, pd.Series(np.zeros(4)))).all()


# --- firm, and useful -----------------------------------------------------------------------------------------------------


def measured(**columns: Any) -> pd.DataFrame:
    """The rivals with firmness and usefulness: a is best by excess, c by usefulness; none is firm."""
    known = {"usefulness": [0.2, 0.3, 0.4], "usefulness_error": 0.01, "agreement_min": 0.4, "firm": False}
    known |= {"hangs_on": "scaler robust", "useful_spend": 0.5, "useful_spend_error": 0.02}
    return rivals(**(known | columns))


@pytest.mark.parametrize(
    ("columns", "chosen", "why"),
    [
        ({}, "c", "one is the most useful"),
        ({"firm": [True, False, False]}, "a", "one is firm"),
        ({"firm": [True, True, False]}, "b", "2 are firm, then of these one is the most useful"),
        # clusters that exist are found, whatever they hang on
        ({"firm": [True, False, False], "grade": ["reproducible", "natural", "reproducible"]}, "b", "one is natural, the finest of its cell"),
        # a firm pattern goes before cuts that come back but hang on one thing
        ({"firm": [True, False, False], "grade": ["constructive", "reproducible", "reproducible"]}, "a", "one is firm"),
        ({"grade": ["reproducible", "reproducible", "constructive"]}, "b", "2 are reproducible, then of these one is the most useful"),
        # nine tenths of the best are as useful, and the excess decides
        ({"usefulness": [0.36, 0.35, 0.4]}, "a", "2 are about as useful as the best, then of these one has the highest excess (0.125 ± 0.010)"),
        ({"usefulness": np.nan}, "a", "one has the highest excess"),
    ],
)  # fmt: skip
def test_one_question_after_another(columns: dict[str, Any], chosen: str, why: str) -> None:
    choice = choose(measured(**columns), EXCESS)
    assert choice.candidate_id == chosen
    assert f"Of 3 candidates 3 pass the gates; of these {why}" in choice.reason


def test_a_difference_within_its_error_is_no_difference() -> None:
    """The columns differ by 0.1 and -0.1 from their mean difference: an error of 0.1, while each column alone errs far more or less."""
    table = measured(usefulness=[0.31, 0.2, 0.4], excess=[0.5, 0.2, 0.1])
    apart = pd.DataFrame({"a": [0.31, 0.31], "b": [0.2, 0.2], "c": [0.3, 0.5]})
    alike = pd.DataFrame({"a": [0.21, 0.41], "b": [0.2, 0.2], "c": [0.3, 0.5]})
    assert choose(table, EXCESS, without=apart).candidate_id == "a"
    assert choose(table, EXCESS, without=alike).candidate_id == "c"


def test_what_explains_too_little_does_not_pass_however_firm() -> None:
    """A third of the best that passes all else: of 0.3, since the one of 0.9 has too small a segment."""
    table = measured(usefulness=[0.0989, 0.3, 0.9], firm=[True, False, False], smallest_share=[0.2, 0.2, 0.01])
    choice = choose(table, EXCESS)
    assert (choice.candidate_id, choice.misses["a"], choice.failed["usefulness"]) == ("b", ["usefulness"], 1)
    assert "Without the gate on usefulness (0.0989 against at least 0.099) it would have been x · robust · k=5 (reproducible, 0.125 ± 0.010)." in choice.details  # fmt: skip
    assert choose(table.assign(usefulness=[0.099, 0.3, 0.9]), EXCESS).candidate_id == "a", "met exactly, it is met"
    # where nothing explains anything there is no gate
    assert choose(table.assign(usefulness=[-0.1, -0.2, 0.9]), EXCESS).candidate_id == "a"


def test_firmness_and_usefulness_are_shown() -> None:
    choice = choose(measured(firm=[True, False, False]), EXCESS)
    assert choice.reason.startswith("x · robust · k=5 is chosen: 5 segments, graded reproducible and firm.")
    assert "Of the time after its segments explain 50 % of spend (46 to 54)." in choice.details
    assert "Its lowest agreement under a single change is 0.40 (scaler robust)." in choice.details
    assert "Runner-up: z · robust · k=3 (reproducible, not firm, 0.094 ± 0.010, usefulness 0.400 ± 0.010)." in choice.details  # fmt: skip
    assert "firm" not in choose(rivals(), EXCESS).reason, "nobody asked"


def test_whose_firmness_is_tried() -> None:
    table = measured(smallest_share=[0.2, 0.01, 0.2])
    assert to_try(table, EXCESS, 9) == ["a", "c"]
    assert to_try(table, EXCESS, 1) == ["a"]
