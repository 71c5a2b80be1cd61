"""Clusters -> what segments are like, and their names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.app.load import checked
from segments.config.profiles import ProfilesConfig, Trait
from segments.errors import ConfigError
from segments.identity.profiles import (
    _lean,
    _level,
    _word,
    make_up,
    mean_ranks,
    overall_profile,
    segment_names,
    segment_profiles,
    segment_traits,
)

WORDS = ProfilesConfig(
    traits={
        "visits": Trait("frequent", "rare"),
        "spend": Trait("high-spending", "low-spending"),
        "age": Trait("older", "younger"),
    }
)


def customers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": list("abcdef"),
            "visits": [1.0, 2, 3, 10, 11, 12],
            "spend": [10.0, 10, 10, 100, 100, 100],
            "monetary": [10.0, 20, 30, 100, 140, 100],
            "region": pd.Series(["n", "n", "s", "s", None, "s"], dtype="string"),
        }
    )


LABELS = np.array([1, 1, 1, 0, 0, 0], dtype=np.int32)


def test_profiles_by_hand() -> None:
    profile = segment_profiles(customers(), LABELS, ["big", "small"]).set_index("segment")
    assert profile.loc["big", ["size", "share", "revenue", "revenue_share"]].tolist() == [3, 0.5, 340.0, 0.85]
    assert profile.loc["small", "visits_mean"] == 2.0
    assert profile.loc["small", "monetary_median"] == 20.0
    assert profile.loc["big", "visits_index"] == pytest.approx(100 * 11 / 6.5)


def test_a_feature_that_can_be_negative_has_no_index() -> None:
    table = customers().assign(trend=[-1.0, -1, 0.1, 1, 1, 0])
    profile = segment_profiles(table, LABELS, ["big", "small"])
    assert profile["trend_index"].isna().all()
    assert profile["visits_index"].notna().all()
    assert profile["trend_mean"].round(9).tolist() == [round(2 / 3, 9), round(-1.9 / 3, 9)]


def test_no_money_no_revenue() -> None:
    assert "revenue" not in segment_profiles(customers().drop(columns="monetary"), LABELS, ["big", "small"])


def test_make_up_counts_the_unknown_apart() -> None:
    rows = make_up(customers(), LABELS, ["big", "small"]).set_index(["segment", "value"])
    assert rows.loc[("big", "s"), ["customers", "share"]].tolist() == [2, 1.0]
    assert rows.loc[("big", "unknown"), "customers"] == 1
    assert rows.loc[("small", "n"), "overall_share"] == pytest.approx(2 / 5)
    assert rows.groupby("segment")["customers"].sum().tolist() == [3, 3]


def test_a_source_without_categories_has_no_make_up() -> None:
    assert make_up(customers().drop(columns="region"), LABELS, ["big", "small"]).empty


def test_overall_is_over_everybody() -> None:
    assert overall_profile(customers())["visits"] == {"mean": 6.5, "median": 6.5}


def test_names_say_what_sets_a_segment_apart() -> None:
    assert segment_names(customers(), LABELS, ["visits", "spend"], WORDS) == [
        "frequent, high-spending customers",
        "rare, low-spending customers",
    ]


def test_the_most_distinctive_trait_comes_first() -> None:
    table = pd.DataFrame({"visits": [5.0, 1, 6, 2, 7, 8], "spend": [1.0, 2, 3, 4, 5, 6]})
    [name, _] = segment_names(table, np.array([1, 1, 1, 0, 0, 0])[::-1].astype(np.int32), ["visits", "spend"], WORDS)
    assert name.startswith("low-spending")


def test_a_feature_without_words_is_named_plainly() -> None:
    names = segment_names(customers().rename(columns={"visits": "store_trips"}), LABELS, ["store_trips"], WORDS)
    assert names == ["high-store-trips customers", "low-store-trips customers"]


def test_equal_names_get_what_tells_them_apart() -> None:
    """Two segments high in both named traits differ in the third."""
    table = pd.DataFrame(
        {"visits": [9.0, 9, 9, 9, 1, 1], "spend": [9.0, 9, 9, 9, 1, 1], "age": [70.0, 70, 20, 20, 45, 45]}
    )
    names = segment_names(table, np.array([0, 0, 1, 1, 2, 2], dtype=np.int32), ["visits", "spend", "age"], WORDS)
    assert len(set(names)) == 3
    assert "older" in names[0]
    assert "younger" in names[1]


def test_what_no_word_tells_apart_is_numbered() -> None:
    table = pd.DataFrame({"visits": [1.0, 1, 1, 1]})
    names = segment_names(table, np.array([0, 0, 1, 1], dtype=np.int32), ["visits"], WORDS)
    assert names == ["frequent customers (1)", "frequent customers (2)"]


@given(st.integers(0, 10_000), st.integers(2, 12))
@settings(max_examples=40, deadline=None)
def test_names_are_unique_and_sizes_sum(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "customer_id": [str(i) for i in range(60)],
            "visits": rng.poisson(3, 60).astype(float),
            "spend": rng.lognormal(size=60),
            "age": rng.normal(40, 9, 60),
        }
    )
    labels = np.concatenate([np.arange(k), rng.integers(0, k, 60 - k)]).astype(np.int32)
    names = segment_names(table, labels, ["visits", "spend", "age"], WORDS)
    assert len(set(names)) == k
    assert names == segment_names(table, labels, ["visits", "spend", "age"], WORDS)
    assert segment_profiles(table, labels, names)["size"].sum() == 60


@given(st.permutations(range(6)))
def test_row_order_is_irrelevant(order: list[int]) -> None:
    shuffled = customers().iloc[order].reset_index(drop=True)
    assert segment_names(shuffled, LABELS[order], ["visits", "spend"], WORDS) == segment_names(
        customers(), LABELS, ["visits", "spend"], WORDS
    )


# --- names ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(1, 4), st.sampled_from(["customers", "loyalty members"]))
@settings(max_examples=60, deadline=None)
def test_names_have_five_words_at_most_and_say_the_strongest_first(seed: int, k: int, most: int, noun: str) -> None:
    """Also when many segments share their traits, and when features have long names and no words."""
    rng = np.random.default_rng(seed)
    columns = ["visits", "spend", "age", "average_days_between_visits", "share_of_online_orders"]
    table = pd.DataFrame(rng.integers(0, 3, (48, 5)).astype(float), columns=columns)
    labels = np.concatenate([np.arange(k), rng.integers(0, k, 48 - k)]).astype(np.int32)
    config = ProfilesConfig(max_traits=most, noun=noun, traits=WORDS.traits)
    names = segment_names(table, labels, columns, config)
    assert len(set(names)) == len(names) == k
    assert max(len(name.split()) for name in names) <= 5
    means = mean_ranks(table, labels, columns)
    words = {config.traits[c].high: c for c in ("visits", "spend", "age")} | {
        config.traits[c].low: c for c in ("visits", "spend", "age")
    }
    for cluster, name in enumerate(names):
        said = [words[word.strip(",")] for word in name.split() if word.strip(",") in words]
        apart = [
            abs(means.loc[cluster, column] - 0.5)
            for column in said
            if config.low >= means.loc[cluster, column] or means.loc[cluster, column] >= config.high
        ]
        assert apart == sorted(apart, reverse=True)


def test_twelve_segments_with_the_same_traits_are_told_apart() -> None:
    table = pd.DataFrame({"visits": [9.0] * 24 + [1.0] * 24, "spend": [9.0] * 24 + [1.0] * 24})
    labels = np.repeat(np.arange(12), 4).astype(np.int32)
    names = segment_names(table, labels, ["visits", "spend"], WORDS)
    assert len(set(names)) == 12
    assert names[0] == "frequent, high-spending customers (1)"
    assert names[11] == "rare, low-spending customers (6)"


@pytest.mark.parametrize("words", ["very often", "", " "])
def test_a_trait_is_one_word(words: str) -> None:
    with pytest.raises(ConfigError, match="is not one word") as refused:
        checked(Trait, {"high": words, "low": "low"}, "profiles.traits.visits")
    assert refused.value.where == "profiles.traits.visits.high"


def test_a_noun_is_two_words_at_most() -> None:
    with pytest.raises(ConfigError, match="'all of our customers' is not one word or two"):
        checked(ProfilesConfig, {"noun": "all of our customers"})


def test_levels_stand_in_the_order_of_their_numbers() -> None:
    income = ["100-124K", "Under 15K", "15-24K", "250K+", "25-34K", "other"]
    table = pd.DataFrame({"customer_id": list("abcdef"), "income": pd.Series(income, dtype="string")})
    rows = make_up(table, np.zeros(6, dtype=np.int32), ["all"])
    assert rows["value"].tolist() == ["Under 15K", "15-24K", "25-34K", "100-124K", "250K+", "other"]
    assert rows["known"].tolist() == [6] * 6


def test_names_grow_until_they_differ_and_are_numbered_only_then() -> None:
    """Four segments: two alike but in their fourth feature, two alike in all."""
    high, low = [9.0, 9, 9, 9], [1.0, 1, 1, 1]
    table = pd.DataFrame(dict(zip("abc", [high + low] * 3, strict=True)) | {"d": [6.0, 6, 5, 5, 4, 4, 4, 4]})
    labels = np.repeat([0, 1, 2, 3], 2).astype(np.int32)
    assert segment_names(table, labels, list("abcd"), ProfilesConfig(high=0.99, low=0.01, max_traits=4)) == [
        "high-d, high-a, high-b customers",
        "high-a, high-b, high-c customers",
        "low-a, low-b, low-c customers (1)",
        "low-a, low-b, low-c customers (2)",
    ]


@pytest.mark.parametrize(
    ("visits", "spend", "expected"),
    [
        # the second comes clearly more often, and the order of words is no name of its own
        ([6, 7, 8, 9, 1, 2, 1, 2], [8, 7, 9, 6, 1, 2, 1, 2], ["high-spending, frequent", "especially frequent, high-spending", "rare, low-spending"]),
        # as often, as much: no degree tells them apart
        ([6, 9, 7, 8, 1, 2, 1, 2], [8, 7, 6, 9, 1, 2, 1, 2], ["frequent, high-spending customers (1)", "frequent, high-spending customers (2)", "rare, low-spending"]),
    ],
)  # fmt: skip
def test_a_degree_tells_apart_what_no_word_does(visits: list[float], spend: list[float], expected: list[str]) -> None:
    table = pd.DataFrame({"visits": visits, "spend": spend}, dtype=float)
    names = segment_names(table, np.repeat([0, 1, 2, 2], 2).astype(np.int32), ["visits", "spend"], WORDS)
    assert names == [name if name.endswith(")") else f"{name} customers" for name in expected]


def test_of_three_alike_one_is_it_especially_and_two_are_numbered() -> None:
    table = pd.DataFrame({"visits": [9.0, 9, 6, 6, 6, 6, 1, 1, 1, 1]})
    names = segment_names(table, np.repeat([2, 0, 1, 3, 3], 2).astype(np.int32), ["visits"], WORDS)
    said = ["frequent customers (1)", "frequent customers (2)", "especially frequent customers", "rare customers"]
    assert names == said
    german = ProfilesConfig(noun="Kunden", emphasis="besonders", traits={"visits": Trait("häufige", "seltene")})
    labels = np.repeat([1, 0, 0, 2, 2], 2).astype(np.int32)
    assert segment_names(table, labels, ["visits"], german) == [
        "häufige Kunden",
        "besonders häufige Kunden",
        "seltene Kunden",
    ]


def test_one_word_more_is_enough_where_one_is() -> None:
    """Two are frequent; their spending is hardly apart, and that is the word that is left."""
    visits, spend = [9.0] * 8 + [1.0] * 4, [1.0, 4, 9, 12, 2, 5, 8, 10, 3, 6, 7, 11]
    labels = np.repeat([0, 1, 2], 4).astype(np.int32)
    config = ProfilesConfig(max_traits=1, traits=WORDS.traits)
    assert segment_names(pd.DataFrame({"visits": visits, "spend": spend}), labels, ["visits", "spend"], config) == [
        "frequent, high-spending customers",
        "frequent, low-spending customers",
        "rare customers",
    ]


@pytest.mark.parametrize(("rank", "word"), [(0.6, "high"), (0.5999, None), (0.4, "low"), (0.4001, None)])
def test_a_trait_that_is_met_exactly_counts(rank: float, word: str | None) -> None:
    config = ProfilesConfig(high=0.6, low=0.4, traits={"x": Trait("high", "low")})
    assert _word("x", rank, config, {}) == word
    assert _lean("x", 0.5, config, {}) == "high"
    assert _lean("x", 0.4999, config, {}) == "low"


def test_traits_that_are_met_exactly_count() -> None:
    """Ten customers: mean ranks 0.1 and 0.9 of the outer ones, 0.5 in the middle."""
    table = pd.DataFrame({"customer_id": list("abcdefghij"), "x": np.arange(10.0), "name": list("abcdefghij")})
    labels = np.repeat([0, 1, 2], [2, 6, 2]).astype(np.int32)
    assert segment_traits(table, labels, ProfilesConfig(high=0.9, low=0.1)) == [{"x": "low"}, {}, {"x": "high"}]
    assert segment_traits(table, labels, ProfilesConfig(high=0.91, low=0.09)) == [{}, {}, {}]
    assert mean_ranks(table, labels, ["x"])["x"].tolist() == [0.1, 0.5, 0.9]


def test_an_index_needs_a_mean_above_zero_and_no_value_below() -> None:
    for values, there in [([0.0, 0, 0], False), ([0.0, 0, 3], True), ([-1.0, 0, 3], False)]:
        table = pd.DataFrame({"x": values})
        found = segment_profiles(table, np.array([0, 0, 1], dtype=np.int32), ["a", "b"])
        assert found["x_index"].tolist() == ([0.0, 300.0] if there else [pytest.approx(np.nan, nan_ok=True)] * 2)


def test_levels_of_one_number_stand_with_the_open_one_first() -> None:
    assert sorted(["15-24K", "Under 15K", "15.5K", "14-20K", "< 14", "x", "15K+"], key=_level) == [
        "< 14",
        "14-20K",
        "Under 15K",
        "15-24K",
        "15K+",
        "15.5K",
        "x",
    ]
    assert [_level(text)[0] for text in ("Under 15K", "15K", "x")] == [14.5, 15.0, np.inf]


def test_a_segment_of_whom_nothing_is_known_has_no_shares() -> None:
    table = pd.DataFrame({"customer_id": list("abc"), "region": pd.Series(["n", "s", None], dtype="string")})
    found = make_up(table, np.array([0, 0, 1], dtype=np.int32), ["a", "b"])
    assert found[["cluster", "value", "customers", "known"]].to_numpy().tolist() == [
        [0, "n", 1, 2],
        [0, "s", 1, 2],
        [1, "n", 0, 0],
        [1, "s", 0, 0],
        [1, "unknown", 1, 0],
    ]
    assert found["share"].isna().tolist() == [False, False, True, True, True]
    assert found["share"].tolist()[:2] == found["overall_share"].tolist()[:2] == [0.5, 0.5]


def test_a_sixth_word_tells_nobody_apart() -> None:
    """Alike in four features and different in the fifth, for which a name has no room: they are numbered."""
    table = pd.DataFrame(dict.fromkeys("abcd", [9.0] * 4 + [1.0] * 4) | {"e": [6.0, 6, 5, 5, 5.5, 5.5, 5.5, 5.5]})
    labels = np.repeat([0, 1, 2], [2, 2, 4]).astype(np.int32)
    names = segment_names(table, labels, list("abcde"), ProfilesConfig(high=0.74, low=0.2, max_traits=4))
    assert names[:2] == ["high-e, high-a, high-b, high-c customers", "low-e, high-a, high-b, high-c customers"]
    nearer = table.assign(e=[5.6, 5.4, 5.5, 5.3, 5.2, 5.1, 5.7, 5.8])
    names = segment_names(nearer, labels, list("abcde"), ProfilesConfig(max_traits=4))
    assert names == [f"high-a, high-b, high-c customers ({i})" for i in (1, 2)] + [
        "low-a, low-b, low-c, low-d customers"
    ]
