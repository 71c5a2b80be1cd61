"""What sets segments apart: figures by hand, effects and tests against scipy, and no test of what differs by construction."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segments.identity.descriptors import (
    CLUSTERED,
    DERIVED,
    DESCRIPTOR,
    descriptor_tests,
    holm,
    role,
    segment_descriptors,
)

NAMES = ["big", "small"]
LABELS = np.array([0, 0, 0, 1, 1, 1], dtype=np.int32)


def people() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": list("abcdef"),
            "visits": [9.0, 8, 7, 1, 2, 3],
            "age": [20.0, 30, np.nan, 30, 40, 50],
            "trend": [-1.0, 0, 1, -1, 0, 1],
            "region": pd.Series(["n", "n", "s", "s", None, "s"], dtype="string"),
        }
    )


def cell(rows: pd.DataFrame, feature: str, segment: str, level: str = "") -> pd.Series:
    found = rows[(rows["feature"] == feature) & (rows["segment"] == segment) & (rows["level"] == level)]
    assert len(found) == 1
    return found.iloc[0]


def test_figures_by_hand() -> None:
    rows = segment_descriptors(people(), LABELS, NAMES, ["visits"])
    age = cell(rows, "age", "big")
    assert age[["known", "mean", "median", "overall", "overall_median"]].tolist() == [2, 25.0, 25.0, 34.0, 30.0]
    assert age["index"] == pytest.approx(100 * 25 / 34)
    # pairs of (big, small): 20 < 30, 40, 50; 30 = 30, 30 < 40, 50: none above, five of six below
    assert age["effect"] == pytest.approx(-5 / 6)
    assert cell(rows, "visits", "big")[["effect", "role"]].tolist() == [1.0, CLUSTERED]
    north = cell(rows, "region", "big", "n")
    assert north[["known", "mean", "overall"]].tolist() == [3, pytest.approx(2 / 3), pytest.approx(2 / 5)]
    assert north["effect"] == pytest.approx(2 * np.arcsin(np.sqrt(2 / 3)) - 0)
    assert "customer_id" not in set(rows["feature"])


def test_an_index_of_values_below_zero_is_none() -> None:
    """A mean near zero is no yardstick: 0.13 against 0.01 is not thirteen times the trend."""
    rows = segment_descriptors(people(), LABELS, NAMES, ["visits"])
    assert rows[rows["feature"] == "trend"]["index"].isna().all()
    assert rows[rows["feature"] == "age"]["index"].notna().all()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 3)), min_size=4, max_size=40))
@settings(max_examples=60, deadline=None)
def test_the_effect_is_what_all_pairs_say(customers: list[tuple[int, int]]) -> None:
    labels = np.array([0, 1, 2, *(c for c, _ in customers)], dtype=np.int32)
    values = np.array([0.0, 0, 0, *(v for _, v in customers)])
    rows = segment_descriptors(pd.DataFrame({"x": values}), labels, ["a", "b", "c"], [])
    for c in range(3):
        pairs = [np.sign(a - b) for a, b in itertools.product(values[labels == c], values[labels != c])]
        assert rows["effect"].iloc[c] == pytest.approx(np.mean(pairs))


def test_tests_are_scipys() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300).astype(np.int32)
    table = pd.DataFrame({"x": rng.normal(size=300) + labels, "colour": rng.choice(["red", "blue"], 300)})
    found = descriptor_tests(table, labels, []).set_index("feature")
    groups = [table["x"][labels == c] for c in range(3)]
    assert found.loc["x", ["statistic", "p"]].tolist() == pytest.approx(list(stats.kruskal(*groups)))
    counts = pd.crosstab(labels, table["colour"])
    chi = stats.chi2_contingency(counts, correction=False)
    assert found.loc["colour", ["statistic", "p"]].tolist() == pytest.approx([chi.statistic, chi.pvalue])
    assert found.loc["colour", "effect"] == pytest.approx(stats.contingency.association(counts, method="cramer"))


def test_what_was_clustered_on_is_not_tested() -> None:
    """Nor what follows from it by arithmetic: p-values there would say only that clustering took place."""
    table = pd.DataFrame(
        {
            name: np.arange(30.0) + i
            for i, name in enumerate(["frequency", "monetary", "basket_value", "f_score", "r_score", "age"])
        }
    )
    table["age"], table["r_score"] = np.repeat([30.0, 40.0, 30.0], 10), np.tile([1.0, 2.0, 3.0], 10)
    labels = np.repeat([2, 1, 0], 10).astype(np.int32)
    found = descriptor_tests(table, labels, ["frequency", "monetary"]).set_index("feature")
    assert found["role"].to_dict() == {
        "frequency": CLUSTERED,
        "monetary": CLUSTERED,
        "basket_value": DERIVED,
        "f_score": DERIVED,
        "r_score": DESCRIPTOR,
        "age": DESCRIPTOR,
    }
    by_construction = found.loc[["frequency", "monetary", "basket_value", "f_score"]]
    assert by_construction[["p", "p_holm", "statistic"]].isna().all(axis=None)
    assert set(by_construction["note"]) == {"differs by construction"}
    assert found.loc[["age", "r_score"], "p_holm"].notna().all()
    # and the adjustment counts only what was tested: two, not six
    assert found.loc["age", "p_holm"] == pytest.approx(2 * found.loc["age", "p"])


def test_what_follows_a_clustered_feature_is_not_tested_either() -> None:
    """Money that grows with visits, and a level that only frequent guests have: a small p would say that clustering took place."""
    visits = np.arange(40.0)
    table = pd.DataFrame({"visits": visits, "money": visits // 8, "card": np.where(visits < 20, "none", "gold")})
    table["shoe"], table["town"] = np.tile([40.0, 44.0], 20), np.tile(["n", "s"], 20)
    found = descriptor_tests(table, np.repeat([1, 0], 20).astype(np.int32), ["visits"]).set_index("feature")
    assert found.loc[["money", "card"], "note"].tolist() == ["differs by construction as far as it follows visits"] * 2
    assert found.loc[["money", "card"], ["p", "p_holm", "statistic"]].isna().all(axis=None)
    assert (found.loc[["money", "card"], "effect"] > 0.7).all(), "the effect stands"
    assert found.loc["money", "correlation"] == pytest.approx(stats.spearmanr(visits, visits // 8).statistic)
    # ranks 1 to 20 and 21 to 40: of their variance of 133.25 a hundred lie between the two levels; less one level's chance
    assert found.loc["card", "correlation"] == pytest.approx(np.sqrt(1 - (1 - 100 / 133.25) * 39 / 38))
    assert found.loc[["shoe", "town"], "p_holm"].notna().all() and found.loc["town", "follows"] == "visits"
    assert found.loc["shoe", "p_holm"] == pytest.approx(min(1.0, 2 * found.loc["shoe", "p"])), "two are tested"


def test_a_feature_is_derived_only_when_all_it_is_made_of_was_clustered_on() -> None:
    assert role("basket_value", ["monetary"]) == DESCRIPTOR
    assert role("m_score", ["monetary"]) == DERIVED
    # money is orders times the money in each, and its score follows from it
    assert role("m_score", ["frequency", "basket_value"]) == DERIVED
    assert role("m_score", ["frequency"]) == DESCRIPTOR


def test_a_feature_that_is_the_same_for_all_or_unknown_is_not_tested() -> None:
    table = people().assign(constant=1.0, unknown=np.nan, word=pd.Series(["x", None] * 3, dtype="string"))
    found = descriptor_tests(table, LABELS, ["visits"]).set_index("feature")
    assert found.loc[["constant", "unknown", "word"], "p"].isna().all()
    assert set(found.loc[["constant", "unknown", "word"], "note"]) == {"the same for all"}
    rows = segment_descriptors(table, LABELS, NAMES, ["visits"])
    assert rows[rows["feature"] == "unknown"]["mean"].isna().all()


def test_small_counts_are_simulated_and_the_same_every_time() -> None:
    table = pd.DataFrame({"region": ["n", "n", "s", "s", "n", "s"]})
    labels = np.array([0, 0, 1, 1, 1, 0], dtype=np.int32)
    first, second = (descriptor_tests(table, labels, []).iloc[0] for _ in range(2))
    assert "simulated" in first["note"]
    assert first["p"] == second["p"]
    # Fisher's exact test agrees where the table is 2 x 2
    assert first["p"] == pytest.approx(stats.fisher_exact(pd.crosstab(labels, table["region"])).pvalue, abs=0.02)


def test_holm_by_hand() -> None:
    """Holm (1979): the smallest times four, the next times three, never below the one before, never above one."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert np.isnan(holm(np.array([np.nan]))).all()


@pytest.mark.slow
def test_chance_alone_is_seldom_called_a_difference() -> None:
    """100 tables of noise, 8 descriptors each: any finding at all in about 5 % of them, not in 34 %."""
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        table = pd.DataFrame(rng.normal(size=(60, 8)), columns=list("abcdefgh"))
        labels = rng.permutation(np.repeat([0, 1, 2], 20)).astype(np.int32)
        found += bool((descriptor_tests(table, labels, [])["p_holm"] < 0.05).any())
    assert found <= 11  # the 99 % bound of Binomial(100, .05)


def test_the_columns_stand_in_their_order() -> None:
    rows = segment_descriptors(people(), LABELS, NAMES, ["visits"])
    figures = ["known", "mean", "median", "overall", "overall_median", "index", "effect", "rank"]
    assert list(rows.columns) == ["feature", "kind", "role", "level", "cluster", "segment", *figures]
    assert rows["segment"].tolist() == [NAMES[cluster] for cluster in rows["cluster"]]
    assert cell(rows, "age", "small")[figures].tolist() == pytest.approx(
        [3, 40.0, 40.0, 34.0, 30.0, 4000 / 34, 5 / 6, 0.7 - 1 / 30]
    )


def test_a_segment_of_whom_nothing_is_known() -> None:
    table = pd.DataFrame({"age": [1.0, 3.0, np.nan], "region": pd.Series(["n", "s", None], dtype="string")})
    rows = segment_descriptors(table, np.array([0, 0, 1], dtype=np.int32), NAMES, [])
    for feature, level in [("age", ""), ("region", "n")]:
        alone, nobody = (cell(rows, feature, name, level) for name in NAMES)
        assert (alone["known"], nobody["known"]) == (2, 0)
        assert np.isnan([alone["effect"], nobody["mean"], nobody["effect"], nobody["rank"]]).all(), (
            "there are no others"
        )


def test_statistics_are_scipys_and_say_when_they_are_simulated() -> None:
    table = pd.DataFrame(
        {"x": [1.0, 2, 3, 4, 5, 6, 7, 8], "flat": [1.0] * 8, "kind": pd.Series(list("aaabbbbb"), dtype="string")}
    )
    labels = np.repeat([0, 1], 4).astype(np.int32)
    tests = descriptor_tests(table, labels, []).set_index("feature")
    statistic, p = stats.kruskal([1, 2, 3, 4], [5, 6, 7, 8])
    assert tests.loc["x", ["statistic", "p", "effect"]].tolist() == pytest.approx([statistic, p, statistic / 7])
    assert tests.loc["flat", ["test", "note", "effect"]].tolist() == ["", "the same for all", 0.0]
    assert tests.loc["kind", "note"] == "p from 9,999 simulated tables"
    assert tests.loc["kind", "effect"] == pytest.approx(np.sqrt(4.8 / 8))
    many = pd.DataFrame({"kind": pd.Series(list("ab") * 10, dtype="string")})
    assert descriptor_tests(many, np.repeat([0, 1], 10).astype(np.int32), []).loc[0, "note"] == "", (
        "five expected everywhere"
    )


def test_what_is_known_of_nobody_follows_nothing() -> None:
    table = pd.DataFrame({"visits": np.arange(8.0), "shoe": np.full(8, np.nan), "flat": 1.0})
    tests = descriptor_tests(table, np.repeat([0, 1], 4).astype(np.int32), ["visits"]).set_index("feature")
    assert tests.loc[["shoe", "flat"], "follows"].tolist() == ["", ""]
    assert tests.loc[["shoe", "flat"], "known"].tolist() == [0, 8]
    assert tests.loc[["shoe", "flat"], "note"].tolist() == ["the same for all"] * 2


def test_a_feature_that_is_the_same_for_all_is_followed_by_nothing() -> None:
    table = pd.DataFrame({"flat": 1.0, "visits": np.arange(8.0), "shoe": [1.0, 2, 3, 4, 5, 6, 8, 7]})
    tests = descriptor_tests(table, np.repeat([0, 1], 4).astype(np.int32), ["flat", "visits"]).set_index("feature")
    assert tests.loc["shoe", ["follows", "correlation"]].tolist() == ["visits", pytest.approx(1 - 6 * 2 / (8 * 63))]


@pytest.mark.parametrize(("rare", "simulated"), [(10, True), (20, False)])
def test_less_than_one_expected_anywhere_is_simulated(rare: int, simulated: bool) -> None:
    """Cochran: of 1,000 customers 50 are in the small segment, so of 10 half a one is expected there, of 20 exactly one."""
    kinds = pd.Series(list("bcde"), dtype="string").repeat([240, 250, 250, 260 - rare])
    table = pd.DataFrame({"kind": pd.concat([pd.Series(["a"] * rare, dtype="string"), kinds], ignore_index=True)})
    labels = (np.arange(1000) % 20 == 0).astype(np.int32)
    assert bool(descriptor_tests(table, labels, []).loc[0, "note"]) is simulated
