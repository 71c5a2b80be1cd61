"""Gaps between clusters: counted by hand, hardly ever seen in one cloud, always in two that are apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.cluster import KMeans
from sklearn.preprocessing import PowerTransformer, QuantileTransformer

from segments.evidence import valleys
from segments.evidence.lumps import without_lumps
from segments.evidence.valleys import Valley, neighbours_across, valley


def cut(X: np.ndarray, k: int) -> Valley:
    fit = KMeans(k, n_init=3, random_state=0).fit(X)
    return valley(X, fit.labels_.astype(np.int32), fit.cluster_centers_)


def test_the_counts_and_their_binomial_by_hand() -> None:
    """Of the two sides the poorer one is the less convincing: 2 half way against 5, not against 9. Half of as few counts: P(≤ 1) and P(≤ 2) in the mean."""
    line = np.repeat([0.0, 1 / 6 - 1e-9, 0.25, 0.5, 0.75, 1.0], [4, 5, 7, 2, 7, 5])
    X = np.column_stack([3 + 10 * line, np.full(len(line), 8.0)])
    found = valley(X, (line > 0.5).astype(np.int32), np.array([[3.0, 8.0], [13.0, 8.0]]))
    assert found.p == pytest.approx(
        (binomtest(1, 7, alternative="less").pvalue + binomtest(2, 7, alternative="less").pvalue) / 2
    )
    assert found.p > binomtest(2, 11, alternative="less").pvalue


def test_the_worst_pair_is_named_and_others_customers_do_not_count() -> None:
    """On the line from 0 to 2 sits all of cluster 1: it fills no valley of theirs, but has none towards either."""
    X = (np.repeat([0.0, 1.0, 2.0], 30) + np.tile(np.linspace(-0.01, 0.01, 30), 3))[:, None]
    labels, centres = np.repeat([0, 1, 2], 30).astype(np.int32), np.array([[0.0], [1.0], [2.0]])
    assert valley(X, labels, centres) == Valley(pytest.approx(0.5**31), (0, 1))
    filled = np.concatenate([X, np.linspace(1.45, 1.55, 40)[:, None]])
    assert valley(filled, np.concatenate([labels, np.full(40, 2)]).astype(np.int32), centres).pair == (1, 2)


def test_two_centres_in_one_place_have_no_gap() -> None:
    found = valley(np.zeros((4, 2)), np.array([0, 0, 1, 1], dtype=np.int32), np.zeros((2, 2)))
    assert found == Valley(1.0, (0, 1))


def test_who_stands_a_little_farther_than_a_sixth_does_not_count() -> None:
    """1 half way against 9 at either end: P(0) + P(1) / 2 of ten throws; the fives at 0.31 and 0.69 are neither here nor there."""
    line = np.repeat([0.0, 0.31, 0.5, 0.69, 1.0], [9, 5, 1, 5, 9])
    found = valley(line[:, None], (line > 0.5).astype(np.int32), np.array([[0.0], [1.0]]))
    assert found.p == pytest.approx((1 + 10 / 2) / 2**10)


def test_beside_a_lump_the_centres_are_those_of_what_is_left() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], [60, 40]).astype(np.int32)
    X = np.column_stack(
        [9.0 * labels + random.normal(size=100), np.where(random.random(100) < 0.4, 0, random.normal(6, 1, 100))]
    )
    smooth = without_lumps(X)
    own = np.array([smooth[labels == c].mean(axis=0) for c in (0, 1)])
    given = np.array([X[labels == c].mean(axis=0) for c in (0, 1)])
    assert valley(X, labels, given) == valley(smooth, labels, own)
    assert valley(X, labels, given).p < 1e-6
    nobody = np.vstack([given, [[4.5, 6.0]]])
    assert valley(X, labels, nobody) == valley(smooth, labels, np.vstack([own, nobody[2:]])), (
        "one without customers stays"
    )


ONE_CLOUD: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "gaussian": lambda random: random.normal(size=(400, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]]),
    "uniform line": lambda random: random.uniform(size=(400, 1)),
    "skewed": lambda random: np.exp(random.normal(size=(400, 2))),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ONE_CLOUD)
def test_one_cloud_cut_in_two_has_a_gap_no_more_often_than_alpha_says(kind: str) -> None:
    p = np.array([cut(ONE_CLOUD[kind](np.random.default_rng([seed, 5])), 2).p for seed in range(200)])
    for alpha in (0.01, 0.05, 0.1):
        assert (p <= alpha).mean() <= alpha + 2 * np.sqrt(alpha * (1 - alpha) / 200), alpha


@given(st.integers(0, 10_000), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_two_clouds_six_deviations_apart_have_one(seed: int, dimensions: int) -> None:
    random = np.random.default_rng(seed)
    X = random.normal(size=(200, dimensions))
    X[:100, 0] += 6
    assert cut(X, 2).p < 1e-6
    shuffled = random.permutation(200)
    turned = np.linalg.qr(random.normal(size=(dimensions, dimensions)))[0]
    assert cut((5 * X @ turned + 3)[shuffled], 2).p < 1e-6


def bent(random: np.random.Generator, along: np.ndarray) -> np.ndarray:
    """Points along a circle, strewn a little."""
    X = np.column_stack([np.cos(along), np.sin(along)]) + random.normal(0, 0.15, (len(along), 2))
    return (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.mark.parametrize("turn", [1.5 * np.pi, 2 * np.pi], ids=["arc", "ring"])
def test_a_bend_is_no_gap_though_fewer_points_fall_half_way(turn: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clouds = [
        bent(random, random.uniform(0, turn, 1500)) for random in (np.random.default_rng([s, 7]) for s in range(5))
    ]
    assert [cut(X, 2) for X in clouds] == [Valley(1.0, (0, 1))] * 5
    monkeypatch.setattr(valleys, "_NECK", np.inf)  # by the counts alone each of them has a gap
    assert max(cut(X, 2).p for X in clouds) < 0.01


def test_a_wave_is_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng([2000, 4, 0])
    along = random.uniform(0, 3 * np.pi, 2000)
    X = np.column_stack([along, 2 * np.sin(along)]) + random.normal(0, 0.2, (2000, 2))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    assert cut(X, 2) == Valley(1.0, (0, 1))
    monkeypatch.setattr(valleys, "_NECK", np.inf)
    assert cut(X, 2).p < 0.01


@pytest.mark.parametrize("scaler", ["power", "quantile"])
def test_nor_where_a_scaler_digs_a_valley_into_the_bend(scaler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ranks of an arc make two dense corners with a bridge between them, thinner and as thick as ever."""
    straightened = PowerTransformer() if scaler == "power" else QuantileTransformer(n_quantiles=1000, random_state=0)
    clouds = []
    for seed in range(1, 6):
        random = np.random.default_rng([seed, 8])
        along = random.uniform(0, 1.5 * np.pi, 1500)
        arc = np.column_stack([np.cos(along), np.sin(along)]) + random.normal(0, 0.2, (1500, 2))
        clouds.append(straightened.fit_transform(arc))
    assert [cut(X, 2).p for X in clouds] == [1.0] * 5
    monkeypatch.setattr(valleys, "_NECK", np.inf)
    assert max(cut(X, 2).p for X in clouds) < 1e-6


def test_neighbours_across_by_hand() -> None:
    """On a line of whole numbers the tenth is five away, on either side: five points look across, at 5, 4, 3, 2, 1 others, and as many back."""
    line = np.arange(100.0)[:, None]
    assert neighbours_across(line[:50], line[50:]) == 2 * (5 + 4 + 3 + 2 + 1)
    # 4 apart, the one at the border has its eleven nearest within 7, of which 4 are across; the next ones 3, 2 and 1
    assert neighbours_across(line[:50], line[50:] + 3) == 2 * (4 + 3 + 2 + 1)
    assert neighbours_across(line[:50], line[50:] + 11) == 0
    assert neighbours_across(line[:3], line[3:6]) == 2 * 3 * 3, "of six points all are neighbours"
    assert neighbours_across(line[:0], line[:9]) == 0
    aslant = np.pi * np.column_stack([line, line])
    assert neighbours_across(aslant[:50], aslant[50:]) == 30, "the sixteenth digit parts nobody"


def test_the_middle_of_the_longest_axis_is_on_neither_side() -> None:
    lower, upper = valleys._halves(np.array([[0.0, 5], [1, 0], [3, 5], [7, 1], [9, 5]]))
    assert sorted([sorted(lower[:, 0]), sorted(upper[:, 0])]) == [[0, 1], [7, 9]]
    # nor two whom the sixteenth digit parts
    assert [own.tolist() for own in valleys._halves(np.array([[0.0], [0.3], [0.1 + 0.2], [1]]))] == [[[0.0]], [[1.0]]]


@pytest.mark.filterwarnings("error")
def test_a_column_of_next_to_nothing_is_no_axis() -> None:
    X = np.random.default_rng(0).normal(size=(31, 3)) @ [[1, 1, 0], [0, 1, 0], [0, 0, 1e-170]]
    assert [len(own) for own in valleys._halves(X)] == [15, 15]


def two_ends(half_way: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A line with dense ends and so many points in its middle, cut there."""
    line = np.concatenate([np.linspace(-0.1, 0.1, 80), np.linspace(0.4, 0.6, half_way), np.linspace(0.9, 1.1, 80)])
    return line[:, None], (line > 0.5).astype(np.int32), np.array([[0.0], [1.0]])


def test_a_handful_half_way_is_no_bend(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a line thirty are across any border, also where it is thin: of ten that is seen, of nine it is chance."""
    assert neighbours_across(two_ends(10)[0][:85], two_ends(10)[0][85:]) >= 30
    assert [valley(*two_ends(n)).p for n in (9, 10)] == [pytest.approx(0, abs=1e-12), 1.0]
    monkeypatch.setattr(valleys, "_NECK", np.inf)
    assert valley(*two_ends(10)).p < 1e-12


def test_two_fifths_of_the_thicker_one_are_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Across the border a hundred; across the middle of the one 250, or one less, of the other fewer."""
    for thicker, p in ((250, pytest.approx(0, abs=1e-12)), (249, 1.0)):
        counts = iter([100, 120, thicker])
        monkeypatch.setattr(valleys, "neighbours_across", lambda *_, counts=counts: next(counts))
        assert valley(*two_ends(10)).p == p, thicker


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_a_mirrored_column_and_another_order_change_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    X = random.normal(size=(201, 3)).round(1) * [3, 2, 1]
    labels = (X[:, 0] > 0).astype(np.int32)
    order = random.permutation(201)
    mirrored = (X * random.choice([-1, 1], 3))[order]
    for c in (0, 1):
        own, other = valleys._halves(X[labels == c]), valleys._halves(mirrored[labels[order] == c])
        assert neighbours_across(*own) == neighbours_across(*other)
    border = [[P[own == c] for c in (0, 1)] for P, own in ((X, labels), (mirrored, labels[order]))]
    assert neighbours_across(*border[0]) == neighbours_across(*border[1])


def test_an_arc_with_a_piece_cut_out_has_a_gap() -> None:
    random = np.random.default_rng(3)
    along = random.uniform(0, 1.5 * np.pi, 1500)
    arc = bent(random, along[np.abs(along - 0.75 * np.pi) > 0.4])
    assert cut(arc, 2).p < 1e-6


@pytest.mark.parametrize(("dimensions", "apart"), [(5, 4.5), (8, 5.0)])
def test_two_evenly_filled_balls_are_no_bend(dimensions: int, apart: float) -> None:
    """At a ball's border points are as near to one another as in its middle; but two balls touch in fewer."""
    for seed in range(5):
        random = np.random.default_rng([seed, 11])
        X = random.normal(size=(300, dimensions))
        X *= np.sqrt(dimensions + 2) * random.uniform(size=(300, 1)) ** (1 / dimensions) / np.linalg.norm(X, axis=1)[:, None]  # fmt: skip
        X[150:, 0] += apart
        assert cut(X, 2).p < 0.01, seed


def test_a_tight_cluster_beside_a_wide_one_is_no_bend() -> None:
    """Points half way lie nearer to one another than those of the wide cluster do, and farther than those of the tight one."""
    for seed in range(5):
        random = np.random.default_rng([seed, 9])
        X = np.concatenate([random.normal(0, 0.5, (400, 3)), random.normal([4.5, 0, 0], 1.25, (400, 3))])
        assert cut(X, 2).p < 0.01, seed
