"""The fit of record: the same to the last bit however everybody is parted, and what one machine says of all."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

import odd_rows
from segments.clustering.kmeans import best_kmeans
from segments.clustering.scores import cluster_scores_many
from segments.clustering.silhouette import silhouette_samples_many
from segments.clustering.space import Space, nearest, to_space
from segments.config.sweep import Algorithm, ScoringConfig
from segments.errors import SweepError
from segments.model import of_record
from segments.model.of_record import Pass, Sums, fit_of_record, place_batch, polish, scores_of_everybody

PLANE = Space(["a", "b"], ["identity"] * 2, [1.0] * 2, "none", {})


def people(n: int = 6000, scale: float = 1.0) -> NDArray[np.float64]:
    random = np.random.default_rng(3)
    middles = np.array([[0.0, 0.0], [3.0, 1.0], [1.0, 4.0]])[random.choice(3, n, p=[0.5, 0.3, 0.2])]
    return scale * (middles + random.normal(size=(n, 2)))


def parted(points: NDArray[np.float64], parts: int) -> Callable[[Pass], Sums]:
    """Everybody in some parts, in another order for each number of them; sums travel as text."""
    order = np.random.default_rng(parts).permutation(len(points))
    pieces = np.array_split(points[order], parts)
    return lambda one: reduce(add, (Sums.from_json(one.over_points(piece).to_json()) for piece in pieces))


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
def test_one_three_and_seven_parts_give_the_same_bits(scale: float) -> None:
    everybody = people(scale=scale)
    sample = everybody[:300]
    start = best_kmeans(sample, 3, Algorithm(), 0).centres
    fits = [
        fit_of_record("c0", PLANE, start, sample, parted(everybody, parts), Algorithm(tol=0.0), ScoringConfig(), 0)
        for parts in (1, 3, 7)
    ]
    assert fits[0] == fits[1] == fits[2] and fits[0].centres != start.tolist() and fits[0].moved > 0
    assert (fits[0].customers, fits[0].of_sample, sum(fits[0].sample_sizes)) == (6000, 300, 300)
    # and they are the centres of an optimum, to rounding
    labels = nearest(everybody, np.array(fits[0].centres))[0]
    means = [everybody[labels == c].mean(axis=0) for c in range(3)]
    np.testing.assert_allclose(fits[0].centres, means, rtol=1e-12, atol=1e-12 * scale)
    assert np.bincount(labels).tolist() == fits[0].sizes
    assert fits[0].silhouette is not None
    middle, low, high = fits[0].silhouette
    own = nearest(sample, np.array(fits[0].centres))[0].astype(np.int32)
    assert middle == pytest.approx(silhouette_samples_many(sample, own[None]).mean(), abs=1e-9)
    assert low < middle < high < low + 0.1


@pytest.mark.parametrize("tol", [0.0, 1e-2])
def test_scores_of_everybody_are_those_of_one_machine(tol: float) -> None:
    everybody = people()
    centres, sums, means, passes = polish(PLANE, everybody[:3] + 0.5, parted(everybody, 4), Algorithm(tol=tol))
    labels = nearest(everybody, centres)[0]
    expected = cluster_scores_many(everybody, labels[None])
    found = scores_of_everybody(Pass(PLANE, centres, means), sums)
    assert found == pytest.approx({name: expected[name][0] for name in found}, rel=1e-9)
    assert passes > 3 and (means == centres).all() == (tol == 0.0)


def test_what_one_machine_found_of_everybody_stays_as_it_is() -> None:
    everybody = people(1500)
    found = best_kmeans(everybody, 3, Algorithm(), 0)
    fit = fit_of_record("c0", PLANE, found.centres, everybody, parted(everybody, 3), Algorithm(), ScoringConfig(), 0)
    assert fit.silhouette is not None and len(set(fit.silhouette)) == 1, "everybody is no draw"
    assert fit.centres == found.centres.tolist() and fit.moved == 0 and fit.far_off == []
    assert fit.sizes == fit.sample_sizes == np.bincount(found.labels).tolist()


@pytest.mark.slow
def test_rows_are_placed_as_the_space_says_and_who_has_no_place_is_counted() -> None:
    model = odd_rows.of_everything()
    rows = odd_rows.rows(model, 400).select(model.space.columns).combine_chunks()
    [batch] = rows.to_batches()
    points, without = place_batch(model.space, batch)
    assert len(points) + sum(without.values()) == len(batch) and len(without) > 3
    alone = [place_batch(model.space, batch.slice(i, 1))[0] for i in range(len(batch))]
    assert np.concatenate(alone).tobytes() == points.tobytes(), "a row's place depends on nothing but the row"
    plain = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    placed = place_batch(PLANE, pa.RecordBatch.from_pandas(plain))[0]
    assert placed.tolist() == to_space(PLANE, plain).tolist()


def test_nobody_and_nothing() -> None:
    centres = np.array([[0.0, 0.0], [9.0, 9.0]])
    one = Pass(PLANE, centres, centres)
    assert one.over([]) == Sums([0, 0], [[0, 0], [0, 0]], [0, 0], [0, 0])
    lacking = pa.record_batch({"a": pa.array([None, 1.0]), "b": pa.array([1.0, None])})
    with pytest.raises(SweepError, match="no customer on the engine has a place") as raised:
        polish(PLANE, centres, lambda asked: asked.over([lacking]), Algorithm())
    assert "1 a is missing; 1 b is missing" in str(raised.value)
    # a centre that nobody is near to stays where it is, and has no part in the scores
    kept, sums, means, _ = polish(PLANE, np.vstack([centres, [[500.0, 0.0]]]), parted(people(100), 2), Algorithm())
    assert sums.sizes[2] == 0 and kept[2].tolist() == [500.0, 0.0]
    assert scores_of_everybody(Pass(PLANE, kept, means), sums)["davies_bouldin"] < 100


def test_sums_hold_what_is_far_out_or_say_that_they_do_not() -> None:
    centres = np.array([[0.0, 0.0], [1.0, 1.0]])
    one, far = Pass(PLANE, centres, centres), np.array([[2.0**29, 0.0]] * 5 + [[0.25, 0.0]])
    assert one.over_points(far).places[1][0] == 5 * 2**29 * 2**44 / one.unit
    assert one.over_points(far).places[0][0] == 0.25 * 2**44 / one.unit
    with pytest.raises(SweepError, match="farther out than sums can hold"):
        one.over_points(np.array([[1e12, 0.0]]))


def test_chunks_of_a_part_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    points = people(500)
    whole = Pass(PLANE, points[:3], points[:3]).over_points(points)
    monkeypatch.setattr(of_record, "_ROWS", 7)
    assert Pass(PLANE, points[:3], points[:3]).over_points(points) == whole
