"""Features -> candidates: identity, canonical order, the search for the best solution, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, davies_bouldin_score, silhouette_score

from segments.clustering.candidate import (
    Candidate,
    Spec,
    candidate_id,
    candidates_table,
    check_plan,
    plan,
    sweep_cell,
    sweep_id,
)
from segments.clustering.kmeans import canonical_order
from segments.clustering.space import fit_space
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler, ScoringConfig
from segments.errors import SweepError

QUICK = Algorithm(starts=3, max_fits=30)
XY = FeatureSet("xy", {"x": Feature(), "y": Feature()})


def table(X: np.ndarray, ids: list[str] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": ids or [str(i) for i in range(len(X))], "x": X[:, 0], "y": X[:, 1]})


def blobs(seed: int = 0, n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0], [10, 0], [0, 10]])
    return table(np.concatenate([c + rng.normal(size=(n + 10 * i, 2)) for i, c in enumerate(centres)]))


def spec(k: int = 3, scaler: str = "none", **changes: object) -> Spec:
    return dataclasses.replace(Spec("toy", XY, Scaler(scaler), QUICK, k, 0), **changes)


def one(features: pd.DataFrame, what: Spec) -> Candidate:
    [candidate] = sweep_cell(features, [what])
    return candidate


def test_four_points_by_hand() -> None:
    """Two pairs one apart: WCSS 2 x 2 x 0.5^2 = 1, centres in the middle, silhouette worked out on paper."""
    candidate = one(table(np.array([[0.0, 0], [0, 1], [10, 0], [10, 1]])), spec(k=2))
    assert candidate.scores["wcss"] == pytest.approx(1.0)
    assert sorted(candidate.centres.tolist()) == [[0.0, 0.5], [10.0, 0.5]]
    b = (10 + 101**0.5) / 2
    assert candidate.scores["silhouette"] == pytest.approx((b - 1) / b)
    assert candidate.scores["smallest_share"] == candidate.scores["largest_share"] == 0.5


def test_largest_cluster_is_number_zero() -> None:
    candidate = one(blobs(), spec())
    sizes = np.bincount(candidate.labels)
    assert sizes.tolist() == sorted(sizes, reverse=True) == [60, 50, 40]


def test_ties_in_size_are_ordered_by_the_centres() -> None:
    labels, centres = canonical_order(np.array([0, 1, 2], dtype=np.int32), np.array([[2.0, 0], [1.0, 5], [1.0, 3]]))
    assert centres.tolist() == [[1.0, 3], [1.0, 5], [2.0, 0]]
    assert labels.tolist() == [2, 1, 0]


@pytest.mark.slow
@given(st.integers(0, 20), st.permutations(range(6)))
@settings(max_examples=15, deadline=None)
def test_scores_agree_with_scikit_learn_on_the_clustered_space(seed: int, order: list[int]) -> None:
    """The scores are those of the scaled rows, whatever the order of the columns or the number of clusters."""
    features = blobs(seed)
    k = 2 + order[0] % 4
    candidate = one(features, spec(k=k, scaler="robust"))
    _, X = fit_space(features, XY, Scaler("robust"))
    assert candidate.scores["silhouette"] == pytest.approx(silhouette_score(X, candidate.labels), abs=1e-9)
    assert candidate.scores["davies_bouldin"] == pytest.approx(davies_bouldin_score(X, candidate.labels))
    assert candidate.scores["wcss"] == pytest.approx(
        sum(((X[candidate.labels == c] - X[candidate.labels == c].mean(axis=0)) ** 2).sum() for c in range(k)), rel=1e-6
    )


@given(st.integers(0, 20))
@settings(max_examples=10, deadline=None)
def test_standard_scaling_makes_the_partition_invariant_to_units(seed: int) -> None:
    features = blobs(seed)
    in_cents = features.assign(x=features["x"] * 100 + 7)
    assert (
        adjusted_rand_score(
            one(features, spec(scaler="standard")).labels, one(in_cents, spec(scaler="standard")).labels
        )
        == 1.0
    )


def test_weights_multiply_after_scaling() -> None:
    weighted = FeatureSet("xy", {"x": Feature(weight=3.0), "y": Feature()})
    _, plain = fit_space(blobs(), XY, Scaler("standard"))
    _, heavy = fit_space(blobs(), weighted, Scaler("standard"))
    np.testing.assert_allclose(heavy, plain * [3.0, 1.0])


def test_the_candidate_is_what_it_is_whichever_cell_it_was_computed_in() -> None:
    """k=3 alone and k=3 among others: same id, same labels, same scores to the last digit."""
    alone = one(blobs(), spec(k=3))
    among = {c.spec.k: c for c in sweep_cell(blobs(), [spec(k=k) for k in (2, 3, 4)])}[3]
    assert alone.candidate_id == among.candidate_id
    assert alone.scores == among.scores
    assert np.array_equal(alone.labels, among.labels)


@pytest.mark.parametrize(
    "changed",
    [
        spec(k=4),
        spec(seed=1),
        spec(scaler="standard"),
        spec(source="other"),
        spec(algorithm=dataclasses.replace(QUICK, hits=4)),
        spec(feature_set=FeatureSet("xy", {"x": Feature(weight=2.0), "y": Feature()})),
    ],
)
def test_the_id_follows_every_choice(changed: Spec) -> None:
    assert candidate_id(changed, blobs()) != candidate_id(spec(), blobs())


def test_the_id_follows_the_data() -> None:
    features = blobs()
    touched = features.assign(x=features["x"].where(features.index != 3, 0.5))
    assert candidate_id(spec(), touched) != candidate_id(spec(), features)
    assert candidate_id(spec(), features.assign(more=1.0)) != candidate_id(spec(), features)  # in the reference space
    assert candidate_id(spec(), features.assign(region="north")) == candidate_id(spec(), features)


def test_the_search_finds_the_solution_that_few_restarts_miss(shared_data) -> None:
    """Mall income+spending, minmax, k=6: the second best solution is hit as often as the best, 3.0987 against 3.0984."""
    raw = pd.read_csv(shared_data / "mall" / "Mall_Customers.csv")
    features = table(raw.iloc[:, 3:5].to_numpy(float))
    candidate = one(features, Spec("mall", XY, Scaler("minmax"), Algorithm(max_rows=200_000), 6, 0))
    assert candidate.scores["wcss"] <= 3.0984 * (1 + 1e-4)
    assert candidate.scores["hits"] >= 10


def test_fewer_fits_for_larger_tables() -> None:
    few, many = (
        one(blobs(), spec(k=8, algorithm=Algorithm(starts=2, hits=1000, max_rows=150 * fits))).scores["n_init"]
        for fits in (30, 200)
    )
    assert few <= 40  # one chain, which is ended; another is not begun where there is no room for it
    assert 120 < many <= 240


def test_a_table_row_bears_parameters_and_scores() -> None:
    [row] = candidates_table([one(blobs(), spec()).to_plain()]).to_dict("records")
    fixed = "candidate_id source feature_set scaler algorithm k seed n_customers wcss silhouette davies_bouldin calinski_harabasz smallest_share"
    assert set(fixed.split()) <= set(row)
    assert (row["source"], row["feature_set"], row["k"], row["n_customers"]) == ("toy", "xy", 3, 150)


def test_the_plan_is_the_whole_grid() -> None:
    cells = plan("toy", [XY], [Scaler("none"), Scaler("robust")], QUICK, range(2, 5), 0, ScoringConfig())
    assert [[(s.scaler.name, s.k) for s in cell] for cell in cells] == [
        [("none", 2), ("none", 3), ("none", 4)],
        [("robust", 2), ("robust", 3), ("robust", 4)],
    ]


def test_a_sweep_is_its_candidates_in_any_order() -> None:
    assert sweep_id(["a", "b"]) == sweep_id(["b", "a"]) != sweep_id(["a"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns="y"), "unknown feature y"),
        (lambda t: t.assign(y=np.nan), "'y' has no value for any customer"),
        (lambda t: t.assign(y=t["y"].where(t.index > 4)), "'y' has no value for 5 of 150 customers"),
        (lambda t: t.assign(y=t["y"].where(t.index > 0, np.inf)), "'y' is infinite for 1 customers"),
        (lambda t: t.assign(x=1.0, y=5.0), "'x' is 1 for every customer.*so it is with all its columns"),
        (lambda t: t.head(1), "there are 1"),
        (lambda t: t.assign(x=t.index % 2, y=t.index % 2), "there are 2"),
    ],
)
def test_features_that_cannot_be_clustered_are_refused_before_anything_is_computed(change, says: str) -> None:
    with pytest.raises(SweepError, match=says):
        check_plan(change(blobs()), [[spec(k=3)]])


def test_a_transform_outside_its_domain_is_refused() -> None:
    logged = FeatureSet("xy", {"x": Feature("log1p"), "y": Feature()})
    with pytest.raises(SweepError, match="log1p is not defined"):
        check_plan(blobs(), [[spec(feature_set=logged)]])


def test_the_seed_of_a_spec_is_the_searchs() -> None:
    features = table(np.random.default_rng(0).uniform(size=(200, 2)))
    little = Algorithm(starts=1, max_fits=1, hits=1)
    found = {one(features, spec(k=9, seed=seed, algorithm=little)).scores["wcss"] for seed in range(3)}
    assert len(found) == 3


def test_k_is_less_than_the_number_of_different_customers() -> None:
    """Of three different ones, each would be a segment of its own: nothing is said by that."""
    three = table(np.repeat([[0.0, 0], [5, 0], [0, 9]], 4, axis=0))
    check_plan(three, [[spec(k=2)]])
    with pytest.raises(SweepError, match="k = 3 needs more than 3 different customers, and there are 3") as refused:
        check_plan(three, [[spec(k=2), spec(k=3)]])
    assert refused.value.fix == "lower k to at most 2"
    with pytest.raises(SweepError) as refused:
        check_plan(table(np.array([[0.0, 0], [5, 7], [5, 7]])), [[spec(k=2)]])
    assert str(refused.value.fix).startswith("add features that tell customers apart")
