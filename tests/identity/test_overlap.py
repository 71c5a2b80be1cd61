"""Who may continue whom: limits met exactly, and by one customer not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from segments.config.identity import IdentityConfig
from segments.identity.matching import match, match_centres
from segments.identity.overlap import centre_distances, left_over, may_be_continued_by, share_kept
from segments.model.segmentation import number_segments

CONFIG = IdentityConfig(min_overlap=0.5, min_kept=0.4)
OLD = number_segments(["frequent", "rare"])


def continued(table: list[list[int]], config: IdentityConfig = CONFIG) -> list[list[bool]]:
    return [[bool(one) for one in row] for row in may_be_continued_by(np.array(table), config)]


@pytest.mark.parametrize(("kept", "enough"), [(40, True), (39, False)])
def test_a_successor_holds_exactly_enough(kept: int, enough: bool) -> None:
    """40 of 100, and all of the new cluster: related for sure, so what it holds decides alone."""
    assert continued([[kept, 100 - kept, 0], [0, 0, 100]])[0][0] is enough


@pytest.mark.parametrize(("common", "related"), [(75, True), (74, False)])
def test_exactly_half_of_the_way_from_chance_to_all_is_related(common: int, related: bool) -> None:
    """Of two halves, chance alone puts 50 of 100 there; 75 are half of the way. In either are then 125, and 75 of them in both: more than half."""
    strict = replace(CONFIG, min_overlap=0.5)
    table = np.array([[common, 100 - common], [100 - common, common]])
    parents, absorbed = left_over(table, {}, strict)
    assert parents == ({0: 0, 1: 1} if related else {})
    assert absorbed == {0: [], 1: []}


@pytest.mark.parametrize(
    ("counts", "related"), [([[50, 25], [25, 0]], True), ([[50, 40], [10, 0]], True), ([[49, 25], [25, 1]], False)]
)
def test_exactly_half_of_those_in_either_in_both_is_one_segment(counts: list[list[int]], related: bool) -> None:
    """Chance alone would put 56 of 100 there, so only those in both of those in either tell."""
    assert continued(counts)[0][0] is related


def test_nobody_in_common_is_no_relation() -> None:
    assert continued([[0, 0], [0, 5]]) == [[False, False], [False, True]]
    assert left_over(np.zeros((2, 2), dtype=np.int64), {}, CONFIG) == ({}, {0: [], 1: []})


def test_who_comes_from_whom_and_who_went_where() -> None:
    counts = np.array([[60, 40, 0], [0, 0, 50], [0, 0, 20]])
    assert left_over(counts, {0: 0, 2: 1}, CONFIG) == ({1: 0}, {0: [], 1: [], 2: [2]})
    assert left_over(counts, {}, CONFIG) == ({0: 0, 1: 0, 2: 1}, {0: [], 1: [], 2: [2]}), "a part takes up no whole"


@pytest.mark.parametrize(("distance", "status"), [(1.0, "continued"), (1.001, "born")])
def test_a_centre_exactly_within_reach_continues(distance: float, status: str) -> None:
    config = IdentityConfig(max_distance=1.0)
    found = match_centres(OLD[:1], np.array([[distance]]), ["u"], 2, config)
    assert found.lineage[0].status == status


def test_most_pairs_within_reach_go_before_near_ones() -> None:
    """S1 with u alone is nearest, but then S2 has nobody; both have somebody the other way."""
    config = IdentityConfig(max_distance=1.0)
    found = match_centres(OLD, np.array([[0.0, 1.0], [1.0, 9.0]]), ["u", "v"], 3, config)
    assert [one.segment.segment_id for one in found.lineage] == ["S2", "S1"]


def test_whole_customers_go_before_age_and_age_before_order() -> None:
    old = number_segments(["a", "b", "c"])
    assert (
        match(old, np.array([[50], [51], [50]]), ["u"], 4, replace(CONFIG, min_overlap=0.01)).lineage[0].segment
        == old[1]
    )
    assert match(old, np.array([[50], [50], [0]]), ["u"], 4, CONFIG).lineage[0].segment == old[0]


def test_distances_are_a_root_mean_square_over_what_both_have() -> None:
    people = pd.DataFrame({"age": [0.0, 2.0], "spend": [0.0, 20.0], "still": [3.0, 3.0], "lost": [np.inf, 1.0]})
    old = pd.DataFrame({"age": [1.0], "spend": [10.0], "still": [3.0], "lost": [1.0]})
    new = pd.DataFrame({"age": [4.0, 1.0], "spend": [50.0, 10.0], "still": [9.0, 3.0], "lost": [1.0, 1.0]})
    with np.errstate(invalid="ignore"):
        assert centre_distances(old, new, people)[0] == pytest.approx([np.sqrt((3**2 + 4**2) / 2), 0.0])


def test_the_share_that_can_keep_its_segment() -> None:
    assert share_kept(np.array([[30, 10], [20, 40]])) == 0.7
    assert share_kept(np.array([[10, 30], [40, 20]])) == 0.7


def test_with_no_distance_allowed_only_the_same_place_continues() -> None:
    found = match_centres(OLD, np.array([[9.0, 0.0], [0.0, 9.0]]), ["u", "v"], 3, IdentityConfig(max_distance=0.0))
    assert [one.segment.segment_id for one in found.lineage] == ["S2", "S1"]
