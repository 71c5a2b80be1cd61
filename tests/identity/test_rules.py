"""Rules that reproduce the segments, and the two features that decided for each customer."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.clustering.space import nearest
from segments.identity.rules import Rules, _roundest, contributions, plain_rules, reasons


def table(seed: int, k: int, n: int = 240) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(k, 3)) * 3
    X = centres[rng.integers(0, k, n)] + rng.normal(size=(n, 3))
    X[:k] = centres
    labels, _ = nearest(X, centres)
    return pd.DataFrame(X.round(2), columns=["a", "b", "c"]), labels, centres


def holds(rule: object, features: pd.DataFrame) -> np.ndarray:
    found = np.ones(len(features), dtype=bool)
    for name, (above, at_most) in rule.bounds.items():  # type: ignore[attr-defined]
        found &= (above is None) | (features[name].to_numpy() > (above if above is not None else 0))
        found &= (at_most is None) | (features[name].to_numpy() <= (at_most if at_most is not None else 0))
    return found


@given(st.integers(0, 5_000), st.integers(2, 12), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_rules_say_of_themselves_what_they_do(seed: int, k: int, depth: int) -> None:
    """Whoever applies the words gets the figures: exactly one rule per customer, precision, coverage and fidelity as said."""
    features, labels, _ = table(seed, k)
    rules = plain_rules(features, labels, ["a", "b", "c"], depth)
    hits, right = np.zeros(len(features), dtype=int), 0
    for cluster, own in enumerate(rules.segments):
        for rule in own:
            found = holds(rule, features)
            hits += found
            mine = labels == cluster
            right += int((found & mine).sum())
            assert rule.customers == found.sum()
            assert rule.precision == pytest.approx(mine[found].mean())
            assert rule.coverage == pytest.approx(found[mine].mean())
        assert rules.coverage[cluster] == pytest.approx(sum(rule.coverage for rule in own))
    assert (hits == 1).all()
    assert rules.fidelity == pytest.approx(right / len(features))


def test_thresholds_are_round_and_part_the_same_customers() -> None:
    features = pd.DataFrame({"spend": [12.37, 353.63, 871.76, 2987.23], "visits": [1.0, 5, 6, 9]})
    rules = plain_rules(features, np.array([1, 1, 0, 0], dtype=np.int32), ["spend"], 1)
    assert rules.segments[0][0].bounds == {"spend": (600.0, None)}
    rules = plain_rules(features, np.array([1, 1, 0, 0], dtype=np.int32), ["visits"], 1)
    assert rules.segments[1][0].bounds == {"visits": (None, 5.0)}


def test_negative_and_tiny_thresholds_hold() -> None:
    for values in ([-3.4, -3.39, -0.2, -0.1], [1e-9, 2e-9, 3e-9, 4e-9], [1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4]):
        features = pd.DataFrame({"x": values})
        rules = plain_rules(features, np.array([0, 0, 1, 1], dtype=np.int32), ["x"], 1)
        assert rules.fidelity == 1.0
        assert holds(rules.segments[0][0], features).tolist() == [True, True, False, False]


def test_many_segments_get_a_deeper_tree() -> None:
    features = pd.DataFrame({"x": np.arange(120.0)})
    rules = plain_rules(features, np.repeat(np.arange(12), 10).astype(np.int32), ["x"], 1)
    assert rules.fidelity == 1.0
    assert all(len(own) == 1 for own in rules.segments)


def test_a_segment_that_no_rule_finds_has_none() -> None:
    """Three kinds in one place: the tree can name only the most frequent."""
    features = pd.DataFrame({"x": np.zeros(30)})
    rules = plain_rules(features, np.repeat([0, 1, 2], [16, 8, 6]).astype(np.int32), ["x"], 3)
    assert [len(own) for own in rules.segments] == [1, 0, 0]
    assert rules.precision == pytest.approx([16 / 30, 0, 0])
    assert rules.coverage == [1.0, 0.0, 0.0]


def test_unseen_customers_are_not_the_ones_the_rules_were_made_from() -> None:
    """Labels that have nothing to do with the features: what the rules memorised does not carry over."""
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"x": rng.normal(size=400)})
    rules = plain_rules(features, rng.integers(0, 2, 400).astype(np.int32), ["x"], 10)
    assert rules.fidelity_unseen is not None
    assert rules.fidelity_unseen < 0.57 < 0.6 < rules.fidelity
    few = plain_rules(features.head(6), np.array([0, 0, 0, 1, 1, 1], dtype=np.int32), ["x"], 2)
    assert few.fidelity_unseen is None


def test_rules_are_plain_data() -> None:
    features, labels, _ = table(3, 4)
    rules = plain_rules(features, labels, ["a", "b", "c"], 3)
    plain = json.loads(json.dumps(rules.to_plain(), allow_nan=False))
    assert set(plain) == set(Rules.__dataclass_fields__)


@given(st.integers(0, 5_000), st.integers(2, 8))
@settings(max_examples=40, deadline=None)
def test_contributions_add_up_to_the_difference_of_squared_distances(seed: int, k: int) -> None:
    features, _, centres = table(seed, k)
    X = features.to_numpy()
    labels, distances = nearest(X, centres)
    second, terms = contributions(X, labels, centres)
    ordered = np.sort(distances**2, axis=1)
    assert np.allclose(terms.sum(axis=1), ordered[:, 1] - ordered[:, 0])
    assert (second != labels).all()
    assert np.allclose(distances[np.arange(len(X)), second] ** 2, ordered[:, 1])


def test_the_feature_that_decided_comes_first() -> None:
    """A customer moved along one axis only, between centres that differ in all."""
    centres = np.array([[0.0, 0.0, 0.0], [4.0, 1.0, -2.0]])
    X = np.array([[0.0, 0.5, -1.0], [4.0, 1.0, -1.0], [0.0, 1.0, 0.0]])
    labels, _ = nearest(X, centres)
    found = reasons(X, labels, centres, ["visits", "age", "debt"], ["rare", "frequent"])
    assert found["segment"].tolist() == ["rare", "frequent", "rare"]
    assert found["next_segment"].tolist() == ["frequent", "rare", "frequent"]
    assert found["first_feature"].tolist() == ["visits"] * 3
    assert found["first_side"].tolist() == ["low", "high", "low"]
    # terms by hand: (16, 0, 0), (16, 1, 0), (16, -1, 4)
    assert found["first_share"].tolist() == pytest.approx([1.0, 16 / 17, 0.8])
    assert found["second_feature"].fillna("none").tolist() == ["none", "age", "debt"]
    assert found["second_side"].fillna("none").tolist() == ["none", "high", "high"]


def test_with_a_single_feature_there_is_no_second() -> None:
    found = reasons(np.array([[1.0]]), np.array([0], dtype=np.int32), np.array([[0.0], [9.0]]), ["x"], ["a", "b"])
    assert found["first_feature"].tolist() == ["x"]
    assert found["second_feature"].isna().all()
    assert found["second_share"].isna().all()


def test_on_the_border_nothing_speaks_for_the_segment() -> None:
    found = reasons(np.array([[2.0]]), np.array([0], dtype=np.int32), np.array([[0.0], [4.0]]), ["x"], ["a", "b"])
    assert found["first_feature"].isna().all()


@pytest.mark.parametrize(
    ("low", "high", "cut"),
    [
        (2.0, 17.3, 10.0),
        (353.63, 871.76, 600.0),
        (0.0, 1.0, 0.5),
        (5.0, 6.0, 5.0),
        (-1.0, 1.0, 0.0),
        (-6.0, -5.0, -6.0),
        (0.123, 0.129, 0.126),
        (1234.0, 1236.0, 1235.0),
        (95.0, 105.0, 100.0),
        (1e9 + 1, 1e9 + 2, 1e9 + 1),
    ],
)
def test_the_roundest_number_between_by_hand(low: float, high: float, cut: float) -> None:
    found = _roundest(low, high)
    assert low <= found < high
    assert found == cut


def test_rules_that_hold_for_everybody_hold_for_the_unseen() -> None:
    features = pd.DataFrame({"x": np.arange(50.0), "y": 0.0})
    rules = plain_rules(features, np.repeat([0, 1], 25).astype(np.int32), ["x", "y"], 3)
    assert rules.fidelity_unseen == pytest.approx(1.0, abs=0.04)
    assert rules.fidelity == 1.0
    assert [rule.bounds for own in rules.segments for rule in own] == [{"x": (None, 24.0)}, {"x": (24.0, None)}]
    assert (rules.precision, rules.coverage, rules.depth) == ([1.0, 1.0], [1.0, 1.0], 3)
    five = plain_rules(features[:10], np.repeat([0, 1], 5).astype(np.int32), ["x"], 3)
    assert five.fidelity_unseen is not None, "five of each are enough for five folds"
    assert plain_rules(features[:9], np.repeat([0, 1], [5, 4]).astype(np.int32), ["x"], 3).fidelity_unseen is None


@pytest.mark.parametrize(("k", "depth"), [(2, 1), (3, 2), (4, 2), (5, 4), (8, 4), (9, 5)])
def test_as_deep_as_so_many_segments_need(k: int, depth: int) -> None:
    features = pd.DataFrame({"x": np.arange(4.0 * k)})
    labels = np.repeat(np.arange(k), 4).astype(np.int32)
    assert plain_rules(features, labels, ["x"], 1).depth == depth
    assert plain_rules(features, labels, ["x"], 9).depth == 9


def test_a_rule_finds_one_in_two_hundred_at_least() -> None:
    """Of 400 customers the two odd ones are a rule, of 600 only with a third beside them."""
    for n, found in [(400, 2), (600, 3)]:
        labels = np.zeros(n, dtype=np.int32)
        labels[:2] = 1
        rules = plain_rules(pd.DataFrame({"x": np.arange(float(n))}), labels, ["x"], 1)
        assert [rule.customers for rule in rules.segments[1]] == [found]


def test_the_rule_that_finds_most_stands_first() -> None:
    features = pd.DataFrame({"x": np.arange(12.0)})
    rules = plain_rules(features, np.repeat([1, 0, 1], [2, 4, 6]).astype(np.int32), ["x"], 2)
    assert [(rule.bounds, rule.customers, rule.coverage) for rule in rules.segments[1]] == [
        ({"x": (5.0, None)}, 6, 0.75),
        ({"x": (None, 1.0)}, 2, 0.25),
    ]
    assert [rule.bounds for rule in rules.segments[0]] == [{"x": (1.0, 5.0)}]


def test_leaves_with_one_answer_are_one_rule() -> None:
    """The tree parts the pure half from the mixed one, and says the same of both."""
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 0, 1, 0], dtype=np.int32)
    rules = plain_rules(pd.DataFrame({"x": np.arange(10.0)}), labels, ["x"], 1)
    assert [(rule.bounds, rule.customers, rule.precision) for rule in rules.segments[0]] == [({}, 10, 0.8)]
    assert rules.segments[1] == []
