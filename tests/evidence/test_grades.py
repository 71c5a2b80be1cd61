"""Evidence: calibration and gap rules by hand, grades in words, and what is and is not structure."""

from __future__ import annotations

import dataclasses
import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.preprocessing import StandardScaler

from segments.app.load import checked
from segments.clustering.kmeans import best_kmeans
from segments.config.evidence import EvidenceConfig, GradesConfig, SelectionConfig
from segments.config.sweep import Algorithm
from segments.errors import ConfigError
from segments.evidence import grades
from segments.evidence.existence import Existence, Gap, calibrated, existence, first_se, gap_statistic, global_se_max
from segments.evidence.grades import (
    EVIDENCE_COLUMNS,
    CellEvidence,
    cell_table,
    chosen_for,
    evaluate_cell,
    evidence_id,
    finer,
    grade,
    not_evaluated,
    p_in_words,
    scores_table,
)
from segments.evidence.selection import choose
from segments.evidence.stability import Stability
from segments.evidence.valleys import Valley
from structureless import KINDS, SCALERS, false_findings, structureless

QUICK = EvidenceConfig(bootstraps=10, splits=4, nulls=39, references=10, starts=4, grades=GradesConfig(alpha=0.05))
FACTS = {
    "jaccard_min": 0.95,
    "p_adjusted": 0.01,
    "nulls": 99,
    "null": "unimodal",
    "valley_p": 0.001,
    "valley_pair": "A and B",
    "bootstraps": 100,
    "stopped": False,
}


def blobs(n: int = 50) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.concatenate([random.normal(size=(n, 2)) + centre for centre in ([0, 0], [9, 0], [0, 9])])


def evaluated(X: np.ndarray, ks: list[int], config: EvidenceConfig = QUICK) -> CellEvidence:
    fits = [best_kmeans(X, k, Algorithm(max_rows=20_000), 0) for k in ks]
    return evaluate_cell(X, [fit.labels for fit in fits], [fit.centres for fit in fits], config)


def test_calibration_by_hand() -> None:
    """Null maxima of the standardised columns are 1, 1, 0: the second column pays for the first one's luck."""
    null = np.array([[1.0, 0.0], [-1.0, 2.0], [0.0, 1.0]])
    z, p, adjusted = calibrated(np.array([0.5, 1.5]), null, np.array([1.0, 1.0, 0.0]))
    assert z.tolist() == [0.5, 0.5]
    assert p.tolist() == [0.5, 0.5]
    assert adjusted.tolist() == [0.75, 0.75]


def test_gap_rules_on_a_curve_where_they_differ() -> None:
    gap, error = np.array([0.30, 0.28, 0.50, 0.55, 0.40]), np.full(5, 0.02)
    assert first_se(gap, error) == 0
    assert global_se_max(gap, error) == 3
    assert first_se(np.array([0.1, 0.2, 0.3]), np.full(3, 0.01)) == 2


@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        ({}, "natural", "clusters exist"),
        ({"p_adjusted": 0.2}, "reproducible", "no evidence of clusters: stable cuts of a continuum (p = 0.2 against the unimodal null"),
        ({"valley_p": 0.3, "valley_pair": "B and D"}, "reproducible", "but no gap between clusters B and D (p = 0.3)"),
        ({"valley_p": 0.3, "jaccard_min": 0.65}, "constructive", "but no gap between clusters A and B"),
        ({"valley_p": 0.3, "p_adjusted": 0.2, "jaccard_min": 0.65}, "constructive", "no evidence of clusters (p = 0.2"),
        ({"jaccard_min": 0.8}, "reproducible", "Jaccard of 0.85 in every cluster"),
        ({"jaccard_min": 0.65}, "constructive", "a pattern only"),
        ({"jaccard_min": 0.4, "stopped": True, "bootstraps": 10}, "not supported", "10 bootstraps"),
    ],
)  # fmt: skip
def test_grades_say_why(change: dict[str, object], expected: str, words: str) -> None:
    got, reason = grade(FACTS | change, GradesConfig())
    assert got == expected
    assert words in reason


def test_limits_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ConfigError, match="asks for less"):
        checked(GradesConfig, {"natural_jaccard": 0.7})
    with pytest.raises(ConfigError, match="unimodal"):
        checked(EvidenceConfig, {"null_model": "unimodl"})


def test_three_blobs_are_natural_at_three() -> None:
    found = evaluated(blobs(), [2, 3, 4])
    table, clusters = cell_table(["a", "b", "c"], found, QUICK)
    assert list(table.columns) == list(EVIDENCE_COLUMNS)
    assert table.set_index("candidate_id").loc["b", ["grade", "p_adjusted"]].tolist() == ["natural", 1 / 40]
    assert table["grade"].tolist().count("natural") == 1
    assert table["valley_p"].tolist() == [float(f"{one.p:.10g}") for one in found.valleys]
    assert table.loc[1, "valley_p"] < 1e-6
    assert clusters.groupby("candidate_id").size().tolist() == [2, 3, 4]
    assert (found.gap.first_se, found.gap.global_se_max) == (3, 3)


def test_evidence_survives_a_file_and_depends_on_nothing_but_the_seed() -> None:
    config = dataclasses.replace(QUICK, nulls=19, bootstraps=4)
    once, again = (evaluated(blobs(), [2, 3], config).to_arrays() for _ in range(2))
    back = CellEvidence.from_arrays(once).to_arrays()
    assert list(once) == list(again) == list(back)
    for name in once:
        assert np.array_equal(once[name], again[name]), name
        assert np.array_equal(once[name], back[name]), name


def test_candidates_out_of_scope_have_an_empty_row() -> None:
    X = blobs()
    fits = [best_kmeans(X, k, Algorithm(max_rows=20_000), 0) for k in (2, 3)]
    found = evaluate_cell(X, [f.labels for f in fits], [f.centres for f in fits], QUICK, evaluate=[False, True])
    back = CellEvidence.from_arrays(found.to_arrays())
    table, clusters = cell_table(["a", "b"], back, QUICK)
    assert table["evaluated"].tolist() == [False, True]
    assert table.loc[0, ["grade", "reason", "null", "valley_pair"]].tolist() == [""] * 4
    assert table.loc[0, list(EVIDENCE_COLUMNS[4:19])].isna().all()
    assert set(clusters["candidate_id"]) == set(scores_table(["a", "b"], back)["candidate_id"]) == {"b"}
    # the search over k was made all the same
    assert found.existence.null_wcss.shape == (39, 2)


def test_scope_picks_the_best_by_the_comparable_silhouette() -> None:
    table = pd.DataFrame({"silhouette_reference": [0.3, 0.1, 0.3, 0.2]})
    config = EvidenceConfig(scope="finalists", finalists=2)
    assert chosen_for(table, config).tolist() == [True, False, True, False]


def test_what_cannot_be_selected_takes_no_place_among_the_finalists() -> None:
    table = pd.DataFrame({"silhouette_reference": [0.9, 0.1, 0.8, 0.2]})
    eligible = np.array([False, True, False, True])
    config = EvidenceConfig(scope="finalists", finalists=2)
    assert chosen_for(table, config, eligible).tolist() == [False, True, False, True]
    # a place nobody else wants goes to the best of the others: something is always evaluated
    assert chosen_for(table, dataclasses.replace(config, finalists=3), eligible).tolist() == [True, True, False, True]


def test_the_id_follows_what_matters() -> None:
    base = evidence_id(["a"], [True], QUICK)
    assert re.fullmatch("[0-9a-f]{16}", evidence_id(["a"], [True], QUICK))
    assert base == evidence_id(["a"], [True], dataclasses.replace(QUICK, scope="finalists", finalists=3))
    assert base == evidence_id(["a"], [True], dataclasses.replace(QUICK, grades=GradesConfig(alpha=0.1)))
    changed = [
        evidence_id(["b"], [True], QUICK),
        evidence_id(["a"], [False], QUICK),
        evidence_id(["a"], [True], dataclasses.replace(QUICK, null_model="gaussian")),
        evidence_id(["a"], [True], dataclasses.replace(QUICK, seed=1)),
    ]
    assert len({base, *changed}) == 5


def test_null_data_sets_that_could_never_reach_alpha_are_refused() -> None:
    with pytest.raises(ConfigError, match="with 98 null data sets the smallest p") as said:
        checked(EvidenceConfig, {"nulls": 98}, "evidence")
    assert "at least 99" in str(said.value.fix)
    assert said.value.where == "evidence.nulls, evidence.grades.alpha"
    assert EvidenceConfig(nulls=98, grades=GradesConfig(alpha=0.02)).nulls == 98


def test_wcss_is_compared_as_a_share_so_units_do_not_matter() -> None:
    one, other = existence(blobs(), [2, 3], QUICK), existence(1024 * blobs(), [2, 3], QUICK)
    np.testing.assert_allclose(one.wcss, other.wcss, rtol=1e-9)
    np.testing.assert_allclose(one.null_silhouette, other.null_silhouette, rtol=1e-9)


# --- structure and its absence ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_evidence_where_there_are_no_clusters(kind: str, scaler: str) -> None:
    """Of 20 data sets without clusters at most one may be called clustered at any k; `make bench` asks a hundred."""
    assert false_findings(kind, scaler, 20) <= 1


def test_a_gaussian_null_calls_skew_structure_and_the_default_does_not() -> None:
    X = StandardScaler().fit_transform(structureless("log-normal", 0, 400))
    p = {null: existence(X, range(2, 8), dataclasses.replace(QUICK, null_model=null)).verdict() for null in ("gaussian", "unimodal")}  # fmt: skip
    assert p["gaussian"]["p_adjusted"].min() <= 0.05
    assert p["unimodal"]["p_adjusted"].min() > 0.05


def funnel(seed: int, n: int = 1200) -> np.ndarray:
    """One cloud whose third column is noisier for rare buyers: dependence that is no correlation."""
    random = np.random.default_rng(seed)
    frequency = random.normal(size=n)
    recency = -0.7 * frequency + 0.7 * random.normal(size=n)
    trend = np.tanh(0.45 * random.normal(size=n) * np.exp(-0.6 * frequency))
    return StandardScaler().fit_transform(np.column_stack([frequency, recency, trend]))


def test_a_funnel_is_far_from_every_null_but_not_natural() -> None:
    X = funnel(0)
    found = evaluated(X, [2, 3, 4], dataclasses.replace(QUICK, stop_from=10_000))
    table, _ = cell_table(["2", "3", "4"], found, QUICK)
    at_three = table.set_index("candidate_id").loc["3"]
    assert at_three["p_adjusted"] <= QUICK.grades.alpha, "the null alone is fooled"
    assert at_three["jaccard_min"] >= QUICK.grades.natural_jaccard
    assert at_three["grade"] == "reproducible"
    assert "no gap between clusters" in at_three["reason"]
    assert "natural" not in set(table["grade"])


def labelled(shared_data: Path, name: str) -> np.ndarray:
    with gzip.open(shared_data / "labelled" / f"{name}.data.gz", "rt") as file:
        return StandardScaler().fit_transform(np.loadtxt(file))


def cell(X: np.ndarray, ks: range) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The table that a selection gets, and the labels of each candidate."""
    fits = [best_kmeans(X, k, Algorithm(max_rows=20_000), 0) for k in ks]
    ids = [str(k) for k in ks]
    found = evaluate_cell(X, [fit.labels for fit in fits], [fit.centres for fit in fits], EvidenceConfig())
    shares = [np.bincount(fit.labels) / len(X) for fit in fits]
    scored = {
        "candidate_id": ids,
        "feature_set": "x",
        "scaler": "standard",
        "k": ks,
        "wcss": [float(((X - fit.centres[fit.labels]) ** 2).sum()) for fit in fits],
        "silhouette": [silhouette_score(X, fit.labels) for fit in fits],
        "smallest_share": [share.min() for share in shares],
        "largest_share": [share.max() for share in shares],
    }
    table, _ = cell_table(ids, found, EvidenceConfig())
    return pd.DataFrame(scored).merge(table, on="candidate_id"), dict(zip(ids, (f.labels for f in fits), strict=True))


def agreement_with_truth(shared_data: Path, name: str, labels: dict[str, np.ndarray]) -> dict[str, float]:
    """The adjusted Rand index of each candidate with the labels that came with the data."""
    with gzip.open(shared_data / "labelled" / f"{name}.labels0.gz", "rt") as file:
        truth = np.loadtxt(file)
    return {k: float(adjusted_rand_score(truth, own)) for k, own in labels.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "k"), [("hepta", 7), ("tetra", 4), ("twodiamonds", 2)])
def test_true_clusters_are_natural_and_chosen(shared_data: Path, name: str, k: int) -> None:
    table, labels = cell(labelled(shared_data, name), range(2, 11))
    choice = choose(table, SelectionConfig(min_k=2))
    assert choice.candidate_id == str(k), choice.reason
    assert table.set_index("k").loc[k, "grade"] == "natural"
    assert agreement_with_truth(shared_data, name, labels)[str(k)] >= 0.95


@pytest.mark.slow
def test_what_k_means_reaches_on_lsun_is_little_and_is_not_taken_for_the_truth(shared_data: Path) -> None:
    """Two long clusters and a round one. With three centres the lowest WCSS cuts a long one, and more centres only cut finer."""
    table, labels = cell(labelled(shared_data, "lsun"), range(2, 11))
    reached = agreement_with_truth(shared_data, "lsun", labels)
    assert reached["3"] == pytest.approx(0.405, abs=0.005)
    assert max(reached.values()) == pytest.approx(0.583, abs=0.005)
    assert "natural" not in set(table["grade"])
    found = choose(table, SelectionConfig(min_k=2))
    assert "cuts of a continuum: no clusters lie apart" in found.reason
    assert "but no gap between clusters" in found.details[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chainlink", "atom"])
def test_what_k_means_cannot_see_is_natural_at_no_k(shared_data: Path, name: str) -> None:
    table, _ = cell(labelled(shared_data, name), range(2, 11))
    assert "natural" not in set(table["grade"])


@pytest.mark.slow
def test_gap_on_mall(shared_data: Path) -> None:
    """The well-known disagreement: Tibshirani's rule says one cluster, the largest gap says five."""
    X = pd.read_csv(shared_data / "mall" / "Mall_Customers.csv").iloc[:, 3:].to_numpy(dtype=np.float64)
    found = gap_statistic(StandardScaler().fit_transform(X), range(2, 9), EvidenceConfig(references=50))
    assert (found.first_se, found.global_se_max) == (1, 5)


# --- limits met exactly, and tables by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"jaccard_min": 0.85, "p_adjusted": 0.01, "valley_p": 0.05}, "natural"),
        ({"jaccard_min": 0.8499}, "reproducible"),
        ({"p_adjusted": 0.0101}, "reproducible"),
        ({"valley_p": 0.0501}, "reproducible"),
        ({"jaccard_min": 0.75}, "reproducible"),
        ({"jaccard_min": 0.7499}, "constructive"),
        ({"jaccard_min": 0.6}, "constructive"),
        ({"jaccard_min": 0.5999}, "not supported"),
    ],
)
def test_a_limit_that_is_met_exactly_is_met(change: dict[str, float], expected: str) -> None:
    assert grade(FACTS | change, GradesConfig())[0] == expected


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "Natural: clusters exist (p ≤ 0.01 against the unimodal null, adjusted for all k and cells) with a gap between every two (p = 0.001), its weakest cluster returns with Jaccard 0.950."),
        ({"jaccard_min": 0.8, "p_adjusted": 0.2}, "Reproducible: its weakest cluster returns with Jaccard 0.800; no evidence of clusters: stable cuts of a continuum (p = 0.2 against the unimodal null, adjusted for all k and cells); natural asks for a Jaccard of 0.85 in every cluster."),
        ({"jaccard_min": 0.7}, "Constructive: its weakest cluster returns with Jaccard 0.700, a pattern only (under 0.75); clusters exist (p ≤ 0.01 against the unimodal null, adjusted for all k and cells) with a gap between every two (p = 0.001)."),
        ({"jaccard_min": 0.4, "valley_p": 0.3}, "Not supported: its weakest cluster returns with Jaccard 0.400, under 0.6; more structure than the null has (p ≤ 0.01 against the unimodal null, adjusted for all k and cells), but no gap between clusters A and B (p = 0.3)."),
    ],
)  # fmt: skip
def test_the_reason_word_for_word(change: dict[str, float], reason: str) -> None:
    assert grade(FACTS | change, GradesConfig())[1] == reason


NATURAL = {"grade": "natural", "jaccard_min": 0.95, "p_adjusted": 0.01, "valley_p": 0.001}
FINER = {"grade": "reproducible", "jaccard_min": 0.75, "p_adjusted": 0.01, "valley_p": 0.5}


@pytest.mark.parametrize(
    ("rows", "silhouettes", "expected"),
    [
        ([NATURAL, FINER], [0.3, 0.31], (1, 0)),
        ([NATURAL, FINER], [0.3, 0.3], None),  # no tighter
        ([NATURAL, FINER | {"jaccard_min": 0.7499}], [0.3, 0.4], None),
        ([NATURAL, FINER | {"p_adjusted": 0.02}], [0.3, 0.4], None),
        ([NATURAL, FINER | {"valley_p": 0.5001}], [0.3, 0.4], None),  # two are rather one
        ([NATURAL, FINER | {"jaccard_min": np.nan}], [0.3, 0.4], None),  # not evaluated
        ([FINER, FINER], [0.3, 0.4], None),  # no clusters exist
        ([FINER, NATURAL], [0.4, 0.3], None),  # a coarser one
        ([NATURAL, FINER, NATURAL, FINER, FINER], [0.3, 0.9, 0.4, 0.6, 0.5], (3, 2)),  # beyond the finest natural one, the tightest
    ],
)  # fmt: skip
def test_of_the_candidates_beyond_a_natural_one_the_tightest_is_natural_too(
    rows: list[dict[str, Any]], silhouettes: list[float], expected: tuple[int, int] | None
) -> None:
    assert finer(rows, [row["grade"] for row in rows], silhouettes, GradesConfig()) == expected


def test_eight_clusters_of_which_two_cannot_prove_their_gap_go_before_two_that_hide_them() -> None:
    """Judged by the table: without the silhouettes the fine candidate is only reproducible."""
    steady, few = np.full(8, 0.9), np.full(8, 0.01)
    found = CellEvidence(
        [2, 8],
        Existence(np.array([-1.0, -3.0]), np.array([0.2, 0.5]), np.tile([[0.0], [-0.1], [-0.2]], 2), np.tile([[0.1], [0.11], [0.12]], 2), np.full(2, 0.01)),
        Gap([1, 2, 8], [0.0, 0.25, 0.75], [0.0, 0.1, 0.2], 8, 8),
        [Stability(steady[:k], few[:k], steady[:k], few[:k], 0.9, 0.6, np.ones(5), 40, stopped=False) for k in (2, 8)],
        [Valley(0.001, (0, 1)), Valley(0.2, (3, 5))],
    )  # fmt: skip
    config = dataclasses.replace(QUICK, grades=GradesConfig(alpha=0.25))
    assert cell_table(["a", "b"], found, config)[0]["grade"].tolist() == ["natural", "reproducible"]
    table, _ = cell_table(["a", "b"], found, config, silhouettes=[0.21, 0.52])
    assert table["grade"].tolist() == ["natural", "natural"]
    assert table.loc[1, "reason"] == (
        "Natural: clusters exist (2 of them have a gap between every two), and these are tighter (silhouette 0.520, of the 2 0.210) "
        "and no two of them rather one (at worst D and F, p = 0.2); its weakest cluster returns with Jaccard 0.900."
    )
    assert "gap between every two" in table.loc[0, "reason"]


def found_by_hand() -> CellEvidence:
    """Two of three candidates evaluated; of three null data sets none is as good at 3, the second is at 4."""
    half, third = np.full(3, 1 / 2), np.array([0.9, 0.8, 1 / 3])
    none = np.zeros(4)
    return CellEvidence(
        [2, 3, 4],
        Existence(
            np.array([-1.0, -3.0, -1.0]), np.array([0.1, 0.9, 0.1]), np.tile([[0.0], [-1.0], [-2.0]], 3) * 0.5, np.tile([[0.1], [0.2], [0.3]], 3), np.full(3, 0.125)
        ),
        Gap([1, 2, 3, 4], [0.0, 0.25, 0.75, 0.5], [0.0, 0.1, 0.2, 0.3], 3, 3),
        [None, Stability(third, np.array([0.1, 0.2, 0.05]), half, third, 0.7, 0.6, np.ones(5), 40, stopped=False), Stability(none, none, none, none, 0.0, np.nan, np.ones(5), 10, stopped=True)],
        [Valley(0.5, (0, 1)), Valley(0.001, (1, 2)), Valley(1 / 3, (0, 3))],
    )  # fmt: skip


def test_a_cells_tables_by_hand() -> None:
    table, clusters = cell_table(["a", "b", "c"], found_by_hand(), QUICK)
    rows = table.set_index("candidate_id")
    assert rows["evaluated"].tolist() == [False, True, True]
    assert rows["stopped"].tolist() == [False, False, True]
    assert rows["bootstraps"].tolist() == [0, 40, 10]
    assert rows.loc["b", ["jaccard_min", "jaccard_mean"]].tolist() == [0.3333333333, 0.6777777778], "ten digits"
    assert rows.loc["b", ["jaccard_error", "nulls"]].tolist() == [0.05, 3], "of the weakest"
    assert rows.loc["b", ["excess", "excess_error"]].tolist() == pytest.approx([0.7, np.hypot(0.125, 0.1 / np.sqrt(3))])
    assert rows.loc["b", ["ari", "prediction_strength", "gap", "gap_error"]].tolist() == [0.7, 0.6, 0.75, 0.2]
    assert rows.loc["b", ["z_wcss", "p_wcss", "p_adjusted"]].tolist() == [5.0, 0.25, 0.25]
    assert rows.loc["b", ["valley_p", "valley_pair", "null"]].tolist() == [0.001, "B and C", "unimodal"]
    assert rows.loc["c", ["gap", "gap_error", "valley_pair"]].tolist() == [0.5, 0.3, "A and D"]
    assert np.isnan(rows.loc["c", "prediction_strength"])
    assert rows["grade"].tolist() == ["", "not supported", "not supported"]
    assert "in 10 bootstraps, after which it was given up, under 0.6" in rows.loc["c", "reason"]
    assert "given up" not in rows.loc["b", "reason"]
    assert clusters.to_numpy().tolist()[:3] == [
        ["b", 0, 0.9, 0.5, 0.9],
        ["b", 1, 0.8, 0.5, 0.8],
        ["b", 2, *[0.3333333333, 0.5, 0.3333333333]],
    ]
    assert clusters["candidate_id"].tolist() == ["b"] * 3 + ["c"] * 4


def test_what_was_not_evaluated_has_every_column() -> None:
    [row] = cell_table(["a"], dataclasses.replace(found_by_hand(), stability=[None]), QUICK)[0].to_dict("records")
    assert not_evaluated("a").keys() == set(EVIDENCE_COLUMNS) == row.keys()
    assert [name for name, value in row.items() if isinstance(value, float)] == list(EVIDENCE_COLUMNS[4:19])
    assert (row["nulls"], row["bootstraps"], row["evaluated"]) == (0, 0, False)


def test_a_pictures_scores_are_the_datas_and_then_the_nulls() -> None:
    scores = scores_table(["a", "b", "c"], found_by_hand())
    assert scores["candidate_id"].tolist() == ["b"] * 4 + ["c"] * 4
    assert scores["draw"].tolist() == [0, 1, 2, 3] * 2
    assert scores.index.tolist() == list(range(8))
    assert scores["log_wcss_share"].tolist() == [-3.0, 0.0, -0.5, -1.0, -1.0, 0.0, -0.5, -1.0]
    assert scores["silhouette"].tolist() == [0.9, 0.1, 0.2, 0.3, 0.1, 0.1, 0.2, 0.3]


def test_by_hand_there_and_back() -> None:
    once = found_by_hand().to_arrays()
    back = CellEvidence.from_arrays(once)
    assert (back.ks, back.valleys, back.gap) == ([2, 3, 4], found_by_hand().valleys, found_by_hand().gap)
    assert back.stability[0] is None
    assert back.stability[2] is not None
    assert (back.stability[2].bootstraps, back.stability[2].stopped, back.stability[2].ari) == (10, True, 0.0)
    assert isinstance(back.existence.wcss, np.ndarray)


@pytest.mark.parametrize(("rows", "seen"), [(100, 100), (101, 100), (400, 100)])
def test_many_customers_are_judged_by_a_sample_in_which_each_is_once(
    monkeypatch: pytest.MonkeyPatch, rows: int, seen: int
) -> None:
    asked: list[list[float]] = []
    monkeypatch.setattr(grades, "existence", lambda X, *_: asked.append(X[:, 0].tolist()))
    monkeypatch.setattr(grades, "gap_statistic", lambda X, *_: asked.append(X[:, 0].tolist()))
    monkeypatch.setattr(
        grades, "valley", lambda X, labels, _: asked.append(X[:, 0].tolist()) or Valley(1.0, tuple(labels))
    )
    X = np.arange(float(rows))[:, None]
    labels = (X[:, 0] >= rows / 2).astype(np.int32)
    config = EvidenceConfig(sample=100)
    found = evaluate_cell(X, [labels], [np.array([[0.0], [rows]])], config, evaluate=[False])
    assert found.stability == [None]
    assert asked[0] == asked[1] == asked[2] == sorted(set(asked[0]))
    assert len(asked[0]) == seen
    assert found.valleys[0].pair == tuple(int(x >= rows / 2) for x in asked[0]), "each with its own label"


@pytest.mark.parametrize(
    ("p", "times"), [([0.05], [100]), ([0.051], [1]), ([0.5, 0.05, 0.5, 0.51, 0.5], [1, 100, 100, 1, 100])]
)
def test_where_clusters_lie_apart_resamples_are_searched_harder(
    monkeypatch: pytest.MonkeyPatch, p: list[float], times: list[int]
) -> None:
    """Beyond the first that lie apart, also those of which no two are rather one."""
    asked: list[int] = []
    monkeypatch.setattr(
        grades, "stability", lambda X, labels, own, config, rows, draws: asked.append(config.max_distances)
    )
    values = iter(p)
    monkeypatch.setattr(grades, "valley", lambda *_: Valley(next(values), (0, 1)))
    for name in ("existence", "gap_statistic"):
        monkeypatch.setattr(grades, name, lambda *_: None)
    config = EvidenceConfig(max_distances=1000, grades=GradesConfig(gap_alpha=0.05))
    many = len(p)
    evaluate_cell(np.zeros((4, 1)), [np.zeros(4, dtype=np.int32)] * many, [np.zeros((2, 1))] * many, config)
    assert asked == [1000 * one for one in times]


def test_the_smallest_p_is_at_most_and_the_next_is_itself() -> None:
    assert (p_in_words(0.25, 3), p_in_words(0.5, 3)) == ("p ≤ 0.25", "p = 0.5")
