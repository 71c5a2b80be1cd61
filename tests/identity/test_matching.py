"""Who is who in the next version: the same people keep their segment, splits and merges are called by name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentations import on_a_line
from segments.clustering.candidate import Candidate, Spec, sweep_cell
from segments.config.decisions import GivenName
from segments.config.identity import COLOURS, ConfidenceConfig, IdentityConfig
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.errors import ConfigError, DataError
from segments.evidence.stability import contingency
from segments.identity.matching import (
    EarlierVersion,
    Identity,
    SegmentIdentity,
    compare_versions,
    first,
    identify,
    match,
    match_centres,
)
from segments.identity.names import RESERVED, alike, renamed, reworded, sentences
from segments.identity.overlap import centre_distances, centroids
from segments.io.plots.style import PALETTE
from segments.model.segmentation import Segment, Segmentation, fit_limits, number_segments

CONFIG = IdentityConfig()
OLD = number_segments(["frequent", "rare", "lapsed"])
SET = FeatureSet("s", {"x": Feature(), "y": Feature()})
PLACES = {"a": (0.0, 0.0), "b": (10.0, 0.0), "c": (0.0, 10.0), "d": (10.0, 10.0)}


def matched(table: list[list[int]], names: str = "uvwxyz", old: list[Segment] = OLD, after: int = 4) -> Identity:
    return match(old, np.array(table), list(names[: len(table[0])]), after, CONFIG)


def message(identity: Identity) -> list[tuple[str, str]]:
    return [(lineage.segment.segment_id, lineage.status) for lineage in identity.lineage]


def people(sizes: dict[str, int], seed: int = 0) -> pd.DataFrame:
    """Customers in blobs at the places named; the id tells the place."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"{place}{i}", *(np.array(PLACES[place]) + rng.normal(0, 0.8, 2)))
        for place, n in sizes.items()
        for i in range(n)
    ]
    return pd.DataFrame(rows, columns=["customer_id", "x", "y"])


def fitted(table: pd.DataFrame, k: int, seed: int = 0) -> Candidate:
    [candidate] = sweep_cell(
        table, [Spec("toy", SET, Scaler("standard"), Algorithm(starts=3, max_fits=20, hits=2), k, seed)]
    )
    return candidate


def version(table: pd.DataFrame, candidate: Candidate, segments: list[Segment], next_number: int) -> EarlierVersion:
    limits = fit_limits(candidate.space, candidate.centres, table, ConfidenceConfig())
    model = Segmentation(candidate.candidate_id, candidate.space, candidate.centres, segments, limits)
    members = pd.DataFrame({"customer_id": table["customer_id"], "cluster": candidate.labels})
    return EarlierVersion(model, members, centroids(table, candidate.labels), next_number)


def by_place(table: pd.DataFrame, candidate: Candidate, identity: Identity) -> dict[str, tuple[str, str, int]]:
    """Segment of the people of each place (known by where they are, whatever they are called)."""
    out = {}
    for place, (x, y) in PLACES.items():
        here = ((table["x"] - x).abs() < 4) & ((table["y"] - y).abs() < 4)
        clusters = set(candidate.labels[here.to_numpy()].tolist())
        if len(clusters) == 1:
            segment = identity.segments[clusters.pop()]
            out[place] = (segment.segment_id, segment.name, segment.colour)
    return out


# --- by hand -------------------------------------------------------------------------------------------------------------


def test_a_first_version_numbers_its_clusters() -> None:
    identity = first(["p", "q"])
    assert message(identity) == [("S1", "born"), ("S2", "born")]
    assert (identity.next_number, identity.gone, [s.colour for s in identity.segments]) == (3, [], [0, 1])
    assert sentences(identity) == ["S1 'p' is new.", "S2 'q' is new."]


def test_continued_segments_keep_id_name_colour_and_who_named_them() -> None:
    old = [Segment("S7", "Ruth's best", 3, named_by="ruth"), Segment("S2", "rare", 0)]
    identity = matched([[5, 90], [50, 1]], old=old, after=9)
    assert identity.segments == [old[1], old[0]]
    assert [lineage.proposed for lineage in identity.lineage] == ["u", "v"]
    assert identity.next_number == 9
    assert sentences(identity)[1] == "S7 'Ruth's best' continues: 90 of 95 members stayed."


def test_a_split_is_called_by_name_and_the_larger_part_inherits() -> None:
    identity = matched([[40, 60, 0, 0], [0, 0, 50, 0], [0, 0, 0, 30]])
    assert message(identity) == [("S4", "split"), ("S1", "split"), ("S2", "continued"), ("S3", "continued")]
    assert [lineage.parent for lineage in identity.lineage] == ["S1", None, None, None]
    assert sentences(identity)[:2] == [
        "S4 'u' splits off from S1 'frequent': 40 of 100 of its customers are here.",
        "S1 'frequent' splits: 60 of 100 members stayed; S4 'u' split off.",
    ]


def test_a_merge_is_called_by_name_and_the_larger_parts_id_stays() -> None:
    identity = matched([[0, 100], [30, 0], [40, 0]])
    assert message(identity) == [("S3", "merged"), ("S1", "continued")]
    assert (identity.lineage[0].absorbed, identity.gone) == (["S2"], ["S2"])
    assert sentences(identity) == [
        "S3 'lapsed' takes up others: 40 of 40 members stayed; 30 of 30 of S2 'rare' came in.",
        "S1 'frequent' continues: 100 of 100 members stayed.",
        "S2 'rare' is now part of S3 'lapsed'.",
    ]


def test_equal_parts_of_a_merge_leave_the_older_id() -> None:
    old = [Segment("S12", "new", 0), Segment("S3", "old", 1)]
    assert message(matched([[50], [50]], old=old, after=13)) == [("S3", "merged")]


def test_what_is_scattered_is_neither_continued_nor_inherited() -> None:
    table = [[20, 20, 20, 20, 20], [80, 0, 0, 0, 0], [0, 80, 0, 0, 0]]
    identity = matched(table)
    assert [status for _, status in message(identity)] == ["continued", "continued", "split", "split", "split"]
    scattered = matched([[20, 20, 20, 20, 20], [180, 0, 0, 0, 0], [0, 180, 180, 180, 180]])
    assert "S1" in scattered.gone
    assert "S1 'frequent' is gone." in sentences(scattered)


# S1 holds 56 % of the customers, so it is most of clusters that have nothing to do with it.
CHANCE = [
    [301, 84, 239, 182, 200, 95, 138, 64, 70],
    [67, 103, 36, 36, 31, 87, 59, 73, 88],
    [24, 115, 23, 50, 23, 66, 47, 106, 62],
]


def test_a_large_segments_id_is_not_inherited_by_chance() -> None:
    identity = matched(CHANCE, names="opqrstuvw")
    assert identity.gone == ["S1", "S2", "S3"], "no cluster holds more than a quarter of any of them"
    # Of 307, 239 come from S1: 78 %, half of the way from the 56 % that chance makes to all; of 392, 301: 77 %, not quite.
    assert {lineage.proposed: lineage.parent for lineage in identity.lineage if lineage.parent} == {
        "q": "S1",
        "s": "S1",
    }
    assert [lineage.status for lineage in identity.lineage if not lineage.parent] == ["born"] * 7
    q, s = (f"{identity.lineage[c].segment.segment_id} '{name}'" for c, name in ((2, "q"), (4, "s")))
    assert sentences(identity)[9] == f"S1 'frequent' is gone; {q}, {s} came out of it."


@pytest.mark.parametrize("seed", range(20))
def test_clusters_drawn_by_lot_are_nobodys_successors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    old = rng.choice(3, 2400, p=[0.6, 0.2, 0.2]).astype(np.int32)
    table = contingency(old, rng.choice(6, 2400).astype(np.int32), 3, 6)
    identity = match(OLD, table, list("uvwxyz"), 4, CONFIG)
    assert [lineage.status for lineage in identity.lineage] == ["born"] * 6
    assert identity.gone == ["S1", "S2", "S3"]


def test_two_in_whom_most_of_either_are_the_same_are_one_segment_though_chance_would_do_as_much() -> None:
    assert message(matched([[89, 6], [4, 1]], old=OLD[:2], after=3)) == [("S1", "continued"), ("S3", "born")]


def test_what_falls_to_pieces_is_gone_and_its_pieces_know_where_they_come_from() -> None:
    identity = matched([[35, 33, 32, 0], [0, 0, 0, 60], [0, 0, 0, 0]], old=OLD, after=4)
    assert message(identity) == [("S4", "split"), ("S5", "split"), ("S6", "split"), ("S2", "continued")]
    assert [lineage.parent for lineage in identity.lineage] == ["S1", "S1", "S1", None]
    assert sentences(identity)[0] == "S4 'u' comes out of S1 'frequent': 35 of 100 of its customers are here."
    assert sentences(identity)[4] == "S1 'frequent' is gone; S4 'u', S5 'v', S6 'w' came out of it."
    loose = match(OLD, np.array(identity.table), list("uvwx"), 4, replace(CONFIG, min_kept=0.3))
    assert message(loose)[0] == ("S1", "split"), "how much an successor must hold is a choice"


def test_one_that_falls_in_two_lives_on_though_some_of_its_customers_are_elsewhere() -> None:
    assert message(matched([[48, 47, 5], [0, 0, 60], [0, 0, 0]]))[:2] == [("S1", "split"), ("S4", "split")]


# --- between any two versions --------------------------------------------------------------------------------------------

THIRD = [OLD[0], Segment("S12", "late", 11), Segment("S13", "early", 3)]


def test_versions_far_apart_are_matched_by_the_ids_they_have() -> None:
    there = compare_versions(OLD, THIRD, np.array([[90, 10, 0], [0, 50, 0], [0, 0, 40]]), CONFIG)
    assert [(lineage.segment, lineage.status, lineage.parent, lineage.absorbed) for lineage in there.lineage] == [
        (OLD[0], "continued", None, []),
        (THIRD[1], "split", "S2", []),
        (THIRD[2], "split", "S3", []),
    ]
    assert sentences(there)[3] == "S2 'rare' is gone; S12 'late' came out of it."
    back = compare_versions(THIRD, OLD, np.array([[90, 0, 0], [10, 50, 0], [0, 0, 40]]), CONFIG)
    assert sentences(back)[0] == "S1 'frequent' continues: 90 of 90 of its customers are in it in both versions."
    assert (there.gone, back.gone) == (["S2", "S3"], ["S12", "S13"])


def test_a_version_beside_itself_has_not_changed() -> None:
    same = compare_versions(OLD, OLD, np.diag([5, 4, 0]), CONFIG)
    assert [lineage.status for lineage in same.lineage] == ["continued"] * 3
    assert (same.gone, same.segments) == ([], OLD)


# --- numbers, names, colours ---------------------------------------------------------------------------------------------


def test_a_new_number_was_never_given_before() -> None:
    """S9 was gone two versions ago: the counter remembers it, the earlier version's segments do not."""
    identity = matched([[10, 0], [0, 0], [0, 0]], old=OLD, after=10)
    assert message(identity) == [("S1", "continued"), ("S10", "born")]
    assert identity.next_number == 11
    assert matched([[10, 0], [0, 0], [0, 0]], old=OLD, after=1).next_number == 5, "nor can a lost counter repeat one"


def test_a_proposed_name_that_is_taken_is_told_apart() -> None:
    identity = match(OLD, np.array([[9, 0], [0, 0], [0, 0]]), ["rare", "frequent"], 4, CONFIG)
    assert [segment.name for segment in identity.segments] == ["frequent", "frequent (S4)"]


def test_a_new_segment_takes_no_colour_that_was_just_seen() -> None:
    identity = matched([[9, 0], [0, 0], [0, 0]])
    assert [segment.colour for segment in identity.segments] == [0, 3]


def test_a_new_segment_takes_no_colour_that_any_earlier_one_had_until_all_were_used() -> None:
    """From three to eleven to ten segments, as it was: the third version's new ones took the colours of the first one's."""
    nobody = np.zeros((3, 8), dtype=np.int64)
    second = match(OLD, nobody, list("opqrstuv"), 4, CONFIG)
    assert [s.colour for s in second.segments] == list(range(3, 11))
    kept = np.zeros((8, 3), dtype=np.int64)
    kept[0, 0] = 9
    third = match(second.segments, kept, list("abc"), second.next_number, CONFIG, second.colours)
    assert [(s.segment_id, s.colour) for s in third.segments] == [("S4", 3), ("S12", 11), ("S13", 0)]
    assert third.colours == [1, 2, 4, 5, 6, 7, 8, 9, 10, 0, 3, 11], "the longest unused stands first"
    fourth = match_centres(third.segments, np.full((3, 1), 9.0), ["d"], third.next_number, CONFIG, third.colours)
    assert fourth.segments[0].colour == 1


def test_an_identity_of_before_colours_were_remembered_is_read() -> None:
    plain = matched([[9, 0], [0, 0], [0, 0]]).to_plain()
    del plain["colours"]
    assert Identity.from_plain(plain).colours == [1, 2, 0, 3]


def test_centres_alone_continue_or_bear() -> None:
    distances = np.array([[0.1, 5.0, 0.9], [5.0, 3.0, 0.2], [4.0, 4.0, 4.0]])
    identity = match_centres(OLD, distances, ["u", "v", "w"], 4, CONFIG)
    assert message(identity) == [("S1", "continued"), ("S4", "born"), ("S2", "continued")]
    assert (identity.gone, identity.matched_by) == (["S3"], "centres")
    assert (
        sentences(identity)[0] == "S1 'frequent' continues: its centre lies 0.10 standard deviations from the old one."
    )


def test_centre_distances_are_in_standard_deviations() -> None:
    features = pd.DataFrame({"x": [0.0, 2.0, 4.0, 6.0], "still": [1.0] * 4, "name": list("abcd")})
    old, new = pd.DataFrame({"x": [0.0, 6.0], "gone": [1.0, 2.0]}), pd.DataFrame({"x": [6.0], "still": [1.0]})
    assert centre_distances(old, new, features)[:, 0] == pytest.approx([6 / np.sqrt(5), 0.0])
    assert np.isinf(centre_distances(old[["gone"]], new, features)).all()


def test_json_and_back() -> None:
    identity = matched([[40, 60, 0], [0, 0, 50], [0, 0, 9]])
    assert Identity.from_plain(json.loads(json.dumps(identity.to_plain()))) == identity
    for plain in ({}, {"kin": [{}]}, {**identity.to_plain(), "more": 1}):
        with pytest.raises(DataError, match="not the identity"):
            Identity.from_plain(plain)


# --- properties ----------------------------------------------------------------------------------------------------------

Tables = st.integers(1, 5).flatmap(
    lambda n: st.integers(1, 5).flatmap(
        lambda k: st.lists(
            st.lists(st.one_of(st.just(0), st.integers(0, 60)), min_size=k, max_size=k), min_size=n, max_size=n
        )
    )
)


@settings(deadline=None)
@given(Tables, st.randoms(use_true_random=False))
def test_the_numbers_clusters_bear_never_decide_who_gets_which_id(table: list[list[int]], random: Any) -> None:
    counts = np.array(table)
    n, k = counts.shape
    old = number_segments([f"o{i}" for i in range(n)])
    names = [f"n{i}" for i in range(k)]
    plain = match(old, counts, names, n + 1, CONFIG)
    order, rows = random.sample(range(k), k), random.sample(range(n), n)
    shuffled = match([old[r] for r in rows], counts[np.ix_(rows, order)], [names[c] for c in order], n + 1, CONFIG)
    assert [shuffled.lineage[order.index(c)] for c in range(k)] == plain.lineage
    assert (shuffled.gone, shuffled.next_number) == (plain.gone, plain.next_number)


@settings(deadline=None)
@given(Tables)
def test_every_segment_is_accounted_for(table: list[list[int]]) -> None:
    counts = np.array(table)
    n, k = counts.shape
    old = number_segments([f"o{i}" for i in range(n)])
    identity = match(old, counts, [f"n{i}" for i in range(k)], n + 1, CONFIG)
    ids = [segment.segment_id for segment in identity.segments]
    names, colours = [s.name for s in identity.segments], [s.colour for s in identity.segments]
    assert len(set(ids)) == len(set(names)) == len(set(colours)) == k
    olds = {segment.segment_id for segment in old}
    assert olds == (olds & set(ids)) | set(identity.gone)
    assert not set(identity.gone) & set(ids)
    absorbed = [o for lineage in identity.lineage for o in lineage.absorbed]
    assert len(absorbed) == len(set(absorbed))
    assert set(absorbed) <= set(identity.gone)
    born = sorted(int(i[1:]) for i in ids if i not in olds)
    assert born == list(range(n + 1, identity.next_number))
    for lineage in identity.lineage:
        assert lineage.parent is None or lineage.parent in olds
        assert (lineage.status == "born") == (
            lineage.segment.segment_id not in olds and lineage.parent is None and not lineage.absorbed
        )
        if lineage.segment.segment_id in olds:
            o, c = [s.segment_id for s in old].index(lineage.segment.segment_id), identity.lineage.index(lineage)
            assert counts[o, c] >= CONFIG.min_kept * counts[o].sum(), "an successor holds enough of what it inherits"
    assert len(sentences(identity)) == k + len(identity.gone)
    again = compare_versions(old, identity.segments, counts, CONFIG)
    assert [(lineage.segment, lineage.status, lineage.parent) for lineage in again.lineage] == [
        (lineage.segment, lineage.status, lineage.parent) for lineage in identity.lineage
    ], "the ids tell the same story"


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.lists(st.integers(0, 2), min_size=60, max_size=60))
def test_counts_add_up(old: list[int], new: list[int]) -> None:
    table = contingency(np.array(old, dtype=np.int32), np.array(new[: len(old)], dtype=np.int32), 4, 3)
    assert table.sum() == len(old)
    assert table.sum(axis=1).tolist() == [old.count(c) for c in range(4)]
    crossed = pd.crosstab(np.array(old), np.array(new[: len(old)]))
    assert all(table[o, c] == crossed.loc[o, c] for o in crossed.index for c in crossed.columns)


# --- must hold: the same people, the same segments -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def earlier() -> tuple[pd.DataFrame, EarlierVersion, dict[str, tuple[str, str, int]]]:
    table = people({"a": 60, "b": 50, "c": 40, "d": 30})
    candidate = fitted(table, 4)
    identity = first(["at a", "at b", "at c", "at d"])
    return table, version(table, candidate, identity.segments, 5), by_place(table, candidate, identity)


def with_new_ids(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(customer_id=[f"new-{i}" for i in range(len(table))])


def shuffled(table: pd.DataFrame) -> pd.DataFrame:
    return table.sample(frac=1, random_state=3).reset_index(drop=True)


def renumbered(table: pd.DataFrame) -> pd.DataFrame:
    """The ids of the earlier version, given to other people: what a source without ids does when its rows are shuffled."""
    return shuffled(table).assign(customer_id=table["customer_id"].to_numpy())


@pytest.mark.parametrize(
    ("change", "how"),
    [(lambda t: t, "members"), (shuffled, "members"), (with_new_ids, "prediction"), (renumbered, "prediction")],
    ids=["refit", "shuffled", "renamed", "renumbered"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_people_keep_id_name_and_colour(earlier: Any, change: Any, how: str, seed: int) -> None:
    table, old, expected = earlier
    new = change(table)
    candidate = fitted(new, 4, seed)
    identity = identify(old, new, candidate.labels, ["p", "q", "r", "s"], CONFIG)
    assert identity.matched_by == how
    assert by_place(new, candidate, identity) == expected
    assert identify(old, new, candidate.labels, ["p", "q", "r", "s"], CONFIG) == identity


def test_other_features_and_other_people_are_matched_by_centres(earlier: Any) -> None:
    table, old, expected = earlier
    gone = EarlierVersion(old.model, old.members.iloc[:0], old.centroids, old.next_number)
    new = with_new_ids(table)
    candidate = fitted(new, 4, 1)
    without = Segmentation(
        "c",
        candidate.space.__class__(["z"], ["identity"], [1.0], "none", {}),
        np.zeros((4, 1)),
        old.model.segments,
        old.model.limits,
    )
    identity = identify(
        EarlierVersion(without, gone.members, gone.centroids, 5), new, candidate.labels, ["p", "q", "r", "s"], CONFIG
    )
    assert identity.matched_by == "centres"
    assert by_place(new, candidate, identity) == expected


@pytest.mark.parametrize("change", [shuffled, with_new_ids])
def test_a_planted_split_and_a_planted_merge(earlier: Any, change: Any) -> None:
    """Four places once fitted as three (the merge, seen backwards), then as four."""
    table = change(people({"a": 60, "b": 50, "c": 40}))
    three = people({"a": 60, "b": 50, "c": 40})
    old_labels = np.where(three["customer_id"].str[0] == "c", 1, 0).astype(np.int32)
    centres = np.array([three[["x", "y"]][old_labels == c].mean() for c in (0, 1)])
    space = fitted(three, 3).space.__class__(["x", "y"], ["identity"] * 2, [1.0] * 2, "none", {})
    model = Segmentation(
        "two",
        space,
        centres,
        number_segments(["south", "north"]),
        fit_limits(space, centres, three, ConfidenceConfig()),
    )
    two = EarlierVersion(
        model,
        pd.DataFrame({"customer_id": three["customer_id"], "cluster": old_labels}),
        centroids(three, old_labels),
        3,
    )
    candidate = fitted(table, 3)
    split = identify(two, table, candidate.labels, ["p", "q", "r"], CONFIG)
    places = by_place(table, candidate, split)
    assert (places["a"][0], places["b"][0], places["c"][0]) == ("S1", "S3", "S2")
    assert {lineage.segment.segment_id: (lineage.status, lineage.parent) for lineage in split.lineage} == {
        "S1": ("split", None),
        "S2": ("continued", None),
        "S3": ("split", "S1"),
    }
    back = identify(version(table, candidate, split.segments, split.next_number), three, old_labels, ["p", "q"], CONFIG)
    assert [(lineage.segment.segment_id, lineage.status, lineage.absorbed) for lineage in back.lineage] == [
        ("S1", "merged", ["S3"]),
        ("S2", "continued", []),
    ]
    assert back.gone == ["S3"]
    assert back.next_number == 4


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.permutations(range(4)))
def test_permuted_clusters_are_the_same_segments(earlier: Any, order: list[int]) -> None:
    table, old, _ = earlier
    candidate = fitted(table, 4, 1)
    rank = np.array(order, dtype=np.int32)
    identity = identify(old, table, rank[candidate.labels], ["p", "q", "r", "s"], CONFIG)
    assert {lineage.segment.segment_id for lineage in identity.lineage} == {"S1", "S2", "S3", "S4"}
    plain = identify(old, table, candidate.labels, ["p", "q", "r", "s"], CONFIG)
    assert [identity.segments[order[c]] for c in range(4)] == plain.segments


# --- names people gave ------------------------------------------------------------------------------------------------

GIVEN = GivenName("Sunday shoppers", "they come on Sundays", "Ann", "2026-01-02T03:04:05+00:00")


def test_a_given_name_replaces_the_rules_and_a_withdrawn_one_makes_room_again() -> None:
    found = first(["frequent customers", "rare customers"])
    named = renamed(found, {"S2": GIVEN, "S9": GIVEN})
    assert [(s.name, s.named_by) for s in named.segments] == [
        ("frequent customers", "rules"),
        ("Sunday shoppers", "Ann"),
    ]
    assert renamed(named, {}) == found


def test_a_given_name_goes_before_an_equal_one_of_the_rules() -> None:
    found = renamed(first(["frequent customers", "rare customers"]), {"S2": replace(GIVEN, name="frequent customers")})
    assert [s.name for s in found.segments] == ["frequent customers (S1)", "frequent customers"]


def test_two_given_names_that_are_equal_are_an_error() -> None:
    for other in ("Sunday shoppers", "sunday  Shoppers "):
        with pytest.raises(ConfigError, match="two segments are called"):
            renamed(first(["a", "b"]), {"S1": GIVEN, "S2": replace(GIVEN, name=other)})


def test_new_words_reach_names_of_the_rules_only() -> None:
    named = renamed(first(["frequent customers", "rare customers"]), {"S2": GIVEN})
    again = reworded(named, ["loyal customers", "ghosts"])
    assert [s.name for s in again.segments] == ["loyal customers", "Sunday shoppers"]
    assert reworded(named, ["frequent customers", "rare customers"]) == named
    assert renamed(again, {}).segments[1].name == "ghosts"


def test_a_given_name_follows_the_segment_into_the_next_version() -> None:
    named = renamed(first(["frequent customers", "rare customers"]), {"S2": GIVEN})
    moved = match(named.segments, np.array([[0, 40], [30, 2]]), ["x", "y"], 3, IdentityConfig())
    assert [(s.segment_id, s.name, s.named_by) for s in moved.segments] == [
        ("S2", "Sunday shoppers", "Ann"),
        ("S1", "frequent customers", "rules"),
    ]


def test_colours_stay_within_the_palette_while_there_are_enough() -> None:
    identity, seen = first(list("abcdef")), []
    for _ in range(5):  # every segment is new each time
        identity = match(
            identity.segments, np.zeros((6, 6), dtype=np.int64), list("abcdef"), identity.next_number, IdentityConfig()
        )
        seen.append(sorted(s.colour for s in identity.segments))
    assert all(len(set(colours)) == 6 and max(colours) < COLOURS for colours in seen)
    assert len(PALETTE) == COLOURS


@pytest.mark.parametrize(("common", "how"), [(30, "members"), (29, "prediction")])
@pytest.mark.parametrize("longer", ["earlier", "now"])
def test_enough_in_common_is_a_share_of_the_shorter_list(common: int, how: str, longer: str) -> None:
    """Half of the 60 of the shorter list, exactly; of the 90 of the longer one it would not be half."""
    config = replace(CONFIG, min_common=0.5)
    was, now = (90, 60) if longer == "earlier" else (60, 90)
    ids = [f"old{i}" for i in range(was)]
    model = on_a_line([1.0, 11.0])
    members = pd.DataFrame({"customer_id": ids, "cluster": np.arange(was) % 2})
    centres = pd.DataFrame({"x": [1.0, 11.0]})
    people = pd.DataFrame({"customer_id": [*ids[:common], *(f"new{i}" for i in range(now - common))]})
    people["x"] = np.where(np.arange(now) % 2 == 0, 1.0, 11.0)
    labels = (np.arange(now) % 2).astype(np.int32)
    found = identify(EarlierVersion(model, members, centres, 3), people, labels, ["low", "high"], config)
    assert found.matched_by == how


def test_when_every_colour_was_used_the_longest_unused_comes_and_then_others() -> None:
    """Twelve old segments with all colours, one continues: its colour is nobody else's; eleven are free, then new ones are made."""
    old = number_segments([f"o{i}" for i in range(COLOURS)])
    table = np.zeros((COLOURS, COLOURS + 2), dtype=np.int64)
    table[0, 0] = 9
    found = match(old, table, [f"n{i:02}" for i in range(COLOURS + 2)], COLOURS + 1, CONFIG, [3, 1])
    assert [segment.colour for segment in found.segments] == [0, *range(1, COLOURS), COLOURS, COLOURS + 1]
    few = match(OLD[:1], np.array([[9] + [0] * COLOURS]), [f"n{i:02}" for i in range(COLOURS + 1)], 2, CONFIG)
    assert [segment.colour for segment in few.segments] == list(range(COLOURS + 1))
    late = [Segment("S1", "a", COLOURS + 4), Segment("S2", "b", 0)]
    found = match(late, np.zeros((2, 13), dtype=np.int64), [f"n{i:02}" for i in range(13)], 3, CONFIG)
    assert [segment.colour for segment in found.segments] == [*range(1, COLOURS), 0, COLOURS + 5]


def test_a_name_is_put_apart_by_the_number_it_gets() -> None:
    """`rare` is taken by one that continues; of two new ones called the same the second is told apart too."""
    found = match(OLD, np.array([[9, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0]]), ["x", "y", "z", "rare"], 4, CONFIG)
    assert [segment.name for segment in found.segments] == ["frequent", "rare", "lapsed", "rare (S4)"]
    born = match(OLD, np.zeros((3, 2), dtype=np.int64), ["new", "new"], 4, CONFIG)
    assert [(one.segment.segment_id, one.segment.name) for one in born.lineage] == [("S4", "new"), ("S5", "new (S5)")]
    assert born.next_number == 6


def test_the_largest_cluster_is_numbered_first_whatever_its_place() -> None:
    table = np.array([[0, 0, 0], [10, 30, 20], [10, 30, 20]])
    found = match(OLD, table, ["c", "a", "b"], 4, replace(CONFIG, min_overlap=1, min_kept=1))
    assert [one.segment.segment_id for one in found.lineage] == ["S6", "S4", "S5"]
    same = match(OLD, np.array([[0, 0], [4, 1], [1, 4]]), ["b", "a"], 4, replace(CONFIG, min_overlap=1, min_kept=1))
    assert [one.segment.segment_id for one in same.lineage] == ["S4", "S5"], (
        "by whose customers they have, the older first"
    )
    near = match_centres(OLD, np.array([[9.0, 8.0]] * 3), ["a", "b"], 4, CONFIG)
    assert [one.segment.segment_id for one in near.lineage] == ["S5", "S4"], "by distance, the nearer first"


def test_new_clusters_are_numbered_by_all_their_customers_not_by_those_of_the_oldest_segment() -> None:
    found = match(
        OLD, np.array([[0, 0, 0], [30, 28, 29], [0, 40, 38]]), ["a", "b", "c"], 4, replace(CONFIG, min_overlap=1)
    )
    assert [one.segment.segment_id for one in found.lineage] == ["S6", "S4", "S5"], "58, 68 and 67 customers"


def test_a_counter_between_versions_is_above_both() -> None:
    found = compare_versions([Segment("S9", "a", 0)], [Segment("S9", "a", 0)], np.array([[3]]), CONFIG)
    assert (found.next_number, found.matched_by, found.table) == (10, "ids", [[3]])
    assert compare_versions(OLD[:1], [Segment("S12", "a", 3)], np.array([[3]]), CONFIG).next_number == 13


def test_what_was_not_chosen_is_not_known() -> None:
    assert SegmentIdentity(first(["a"]), {}, []).known == first(["a"])
    with pytest.raises(DataError, match="there are no segments: nothing was chosen"):
        _ = SegmentIdentity(None, {}, []).known


# --- what is said ----------------------------------------------------------------------------------------------------------


def test_every_sentence_word_for_word() -> None:
    """S1 splits, S2 goes into S3's successor, S4 falls to pieces."""
    old = number_segments(["a", "b", "c", "d"])
    table = [[1500, 900, 0, 0, 0, 0], [0, 0, 300, 0, 0, 0], [0, 0, 400, 0, 0, 0], [0, 0, 0, 33, 33, 34]]
    assert sentences(match(old, np.array(table), list("uvwxyz"), 5, CONFIG)) == [
        "S1 'a' splits: 1,500 of 2,400 members stayed; S5 'v' split off.",
        "S5 'v' splits off from S1 'a': 900 of 2,400 of its customers are here.",
        "S3 'c' takes up others: 400 of 400 members stayed; 300 of 300 of S2 'b' came in.",
        "S7 'x' comes out of S4 'd': 33 of 100 of its customers are here.",
        "S8 'y' comes out of S4 'd': 33 of 100 of its customers are here.",
        "S6 'z' comes out of S4 'd': 34 of 100 of its customers are here.",
        "S2 'b' is now part of S3 'c'.",
        "S4 'd' is gone; S7 'x', S8 'y', S6 'z' came out of it.",
    ]


def test_names_that_clash_are_told_apart_only_where_the_rules_gave_them() -> None:
    given = {"S2": GivenName("Ghosts", "they never come", "Ann", "2026-01-02")}
    found = renamed(first(["Ghosts", "rare", "often"]), given)
    assert [segment.name for segment in found.segments] == ["Ghosts (S1)", "Ghosts", "often"]
    back = renamed(found, {})
    assert [(segment.name, segment.named_by) for segment in back.segments] == [
        ("Ghosts (S1)", "rules"),
        ("rare", "rules"),
        ("often", "rules"),
    ]
    three = {f"S{i}": GivenName(name, "so", "Ann", "2026-01-02") for i, name in [(1, "A  b"), (2, "c"), (3, "a B")]}
    with pytest.raises(ConfigError, match="two segments are called 'A  b'"):
        renamed(first(["x", "y", "z"]), three)
    assert alike("A  b", "a B ")
    assert not alike("ab", "a b")
    again = reworded(found, ["Ghosts", "seldom", "always"])
    assert [(one.segment.name, one.proposed) for one in again.lineage] == [
        ("Ghosts (S1)", "Ghosts"),
        ("Ghosts", "seldom"),
        ("always", "always"),
    ]


@pytest.mark.parametrize(
    ("name", "reserved"),
    [("S1", True), ("s12", True), ("ALL", True), ("S", False), ("all of us", False), ("S1b", False)],
)
def test_what_stands_for_something_else_is_reserved(name: str, reserved: bool) -> None:
    assert bool(RESERVED.fullmatch(name)) is reserved
