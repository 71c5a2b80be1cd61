"""Silhouettes of many labelings in one pass, against Rousseeuw's definition and scikit-learn; and their estimates."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_samples
from sklearn.preprocessing import StandardScaler

from segments.clustering import silhouette
from segments.clustering.silhouette import silhouette_estimate, silhouette_samples_many
from segments.errors import SweepError


def by_definition(X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rousseeuw's words, one point at a time, from differences (not from x² + y² − 2xy, which loses digits)."""
    out = np.zeros(len(X))
    for i, own in enumerate(labels):
        distances = np.sqrt(((X - X[i]) ** 2).sum(axis=1))
        if (labels == own).sum() > 1:
            a = distances[labels == own].sum() / ((labels == own).sum() - 1)
            b = min(distances[labels == other].mean() for other in set(labels.tolist()) - {own})
            out[i] = (b - a) / max(a, b) if max(a, b) > 0 else 0.0
    return out


def kmeans_labelings(X: np.ndarray, ks: range) -> np.ndarray:
    return np.array([KMeans(k, n_init=1, random_state=0).fit(X).labels_ for k in ks])


def test_four_points_by_hand() -> None:
    """For the point at 0: a = 1, b = (10 + 11) / 2 = 10.5, s = 9.5 / 10.5; for the one at 1: b = 9.5, s = 8.5 / 9.5."""
    X = np.array([[0.0], [1.0], [10.0], [11.0]])
    s = silhouette_samples_many(X, np.array([[0, 0, 1, 1]]))
    assert s[0] == pytest.approx([9.5 / 10.5, 8.5 / 9.5, 8.5 / 9.5, 9.5 / 10.5], abs=1e-12)


def test_a_cluster_of_one_has_silhouette_zero() -> None:
    X = np.array([[0.0], [1.0], [10.0]])
    assert silhouette_samples_many(X, np.array([[0, 0, 1]]))[0, 2] == 0.0


def test_equal_points_have_silhouette_zero() -> None:
    assert silhouette_samples_many(np.ones((4, 2)), np.array([[0, 0, 1, 1]])).tolist() == [[0.0] * 4]


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(3, 200), st.sampled_from([1, 2, 4, 9, 30]), st.sampled_from([0, 1, 6]))
@example(0, 3, 30, 0)
@settings(max_examples=60, deadline=None)
def test_agrees_with_scikit_learn_on_every_labeling(seed: int, n: int, d: int, decimals: int) -> None:
    """Few decimals make duplicates; labels drawn at random make clusters of one and numbers that no point bears."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)).round(decimals)
    labelings = []
    for k in (2, 3, 7, n):
        labels = random.integers(0, k, n)
        labels[:2] = [0, k - 1]
        labelings.append(labels)
    ours = silhouette_samples_many(X, np.array(labelings))
    for row, labels in zip(ours, labelings, strict=True):
        np.testing.assert_allclose(row, by_definition(X, labels), atol=1e-12)
        if (
            len(set(labels)) < n and decimals > 0
        ):  # scikit-learn takes tiny distances between equal points for real ones
            np.testing.assert_allclose(row, silhouette_samples(X, labels), atol=1e-12)


@pytest.mark.parametrize("columns", [["annual_income", "spending_score"], ["age", "annual_income", "spending_score"]])
def test_agrees_with_scikit_learn_on_the_mall_customers(shared_data: Path, columns: list[str]) -> None:
    table = pd.read_csv(shared_data / "mall" / "Mall_Customers.csv")
    table.columns = ["id", "gender", "age", "annual_income", "spending_score"]
    for X in (table[columns].to_numpy(float), StandardScaler().fit_transform(table[columns])):
        labelings = kmeans_labelings(X, range(2, 16))
        for row, labels in zip(silhouette_samples_many(X, labelings), labelings, strict=True):
            np.testing.assert_allclose(row, silhouette_samples(X, labels), atol=1e-12)


@pytest.mark.parametrize("offset", [1e8, -1e12])
def test_far_from_the_origin_no_digit_is_lost(offset: float) -> None:
    X = np.random.default_rng(0).normal(size=(150, 3)) + offset
    labels = (X[:, 0] > offset).astype(int)
    np.testing.assert_allclose(silhouette_samples_many(X, labels[None])[0], by_definition(X, labels), atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e200, 1e307])
def test_the_unit_does_not_matter(scale: float) -> None:
    X = np.random.default_rng(0).uniform(-1, 1, size=(50, 3))
    labels = (X[:, 0] > 0).astype(int)[None]
    np.testing.assert_allclose(
        silhouette_samples_many(X * scale, labels), silhouette_samples_many(X, labels), atol=1e-12
    )


def test_numbers_that_no_point_bears_change_nothing() -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    labels = np.arange(20) % 3
    plain = silhouette_samples_many(X, labels[None])
    assert np.array_equal(silhouette_samples_many(X, labels[None] * 4), plain)
    assert np.array_equal(silhouette_samples_many(X, labels[None] * 1_000_000_000), plain)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_weight_stands_for_equal_rows(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(3, 60))
    X, weights = random.normal(size=(n, 3)), random.integers(1, 5, n)
    labelings = np.array([np.arange(n) % 2, np.arange(n) % 3])
    folded = silhouette_samples_many(X, labelings, weights)
    unfolded = silhouette_samples_many(np.repeat(X, weights, axis=0), np.repeat(labelings, weights, axis=1))
    np.testing.assert_allclose(np.repeat(folded, weights, axis=1), unfolded, atol=1e-12)


def test_a_cluster_of_total_weight_one_has_silhouette_zero() -> None:
    X, labels = np.array([[0.0], [1.0], [10.0]]), np.array([[0, 0, 1]])
    assert silhouette_samples_many(X, labels, np.array([5, 2, 1]))[0, 2] == 0.0
    assert silhouette_samples_many(X, labels, np.array([5, 2, 2]))[0, 2] == 1.0


@pytest.mark.slow
def test_labelings_of_different_origin_do_not_disturb_one_another() -> None:
    """Unrelated labelings cut the points into cells of one."""
    random = np.random.default_rng(0)
    X = random.normal(size=(700, 4))
    labelings = np.concatenate(
        [kmeans_labelings(random.normal(size=(700, 3)), range(2, 7)) for _ in range(4)]
        + [kmeans_labelings(X, range(2, 9))]
    )
    together = silhouette_samples_many(X, labelings)
    for row, labels in zip(together, labelings, strict=True):
        np.testing.assert_allclose(row, silhouette_samples_many(X, labels[None])[0], atol=1e-12)
    shuffled = random.permutation(len(labelings))
    np.testing.assert_allclose(silhouette_samples_many(X, labelings[shuffled]), together[shuffled], atol=1e-12)


def test_threads_and_strips_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(1000, 4))
    labelings = kmeans_labelings(X, range(2, 8))
    one = silhouette_samples_many(X, labelings, threads=1)
    assert np.array_equal(silhouette_samples_many(X, labelings, threads=2), one)
    monkeypatch.setattr(silhouette, "_PAIRS", 100_000)
    for threads in (1, 2, 3):
        assert np.array_equal(silhouette_samples_many(X, labelings, threads=threads), one)


@pytest.mark.parametrize("d", [1, 3, 4, 6])
def test_columns_of_zeros_change_no_bit(d: int) -> None:
    """The loop takes four features at a time, and gets zeros where there are fewer."""
    random = np.random.default_rng(d)
    X, labelings = random.normal(size=(150, d)), random.integers(0, 3, size=(2, 150)).astype(np.int32)
    wider = np.hstack([X, np.zeros((150, 5))])
    np.testing.assert_array_equal(silhouette_samples_many(X, labelings), silhouette_samples_many(wider, labelings))


def test_the_order_of_the_rows_does_not_matter() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 2))
    labelings, shuffled = kmeans_labelings(X, range(2, 6)), random.permutation(300)
    np.testing.assert_allclose(
        silhouette_samples_many(X[shuffled], labelings[:, shuffled]),
        silhouette_samples_many(X, labelings)[:, shuffled],
        atol=1e-12,
    )


@pytest.mark.parametrize(
    ("numbers", "clusters"), [(np.float32, np.uint8), (np.float64, np.uint64), (np.int64, np.int64)]
)
def test_inputs_are_left_alone_whatever_their_layout(numbers: type, clusters: type) -> None:
    X = np.asfortranarray(np.random.default_rng(0).normal(size=(40, 3)) * 9).astype(numbers, order="K")
    labelings = np.asfortranarray(np.stack([np.arange(40) % 2, np.arange(40) % 5])).astype(clusters, order="K")
    X.flags.writeable = labelings.flags.writeable = False
    ours = silhouette_samples_many(X, labelings)
    for row, labels in zip(ours, labelings, strict=True):
        np.testing.assert_allclose(row, by_definition(X.astype(float), labels), atol=1e-12)


@pytest.fixture(scope="module")
def crowd() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    X = np.exp(0.5 * np.random.default_rng(0).normal(size=(900, 3)))
    labelings = kmeans_labelings(X, range(2, 8, 2))
    return X, labelings, silhouette_samples_many(X, labelings).mean(axis=1)


def test_the_interval_covers_the_exact_value_about_95_times_in_100(crowd: tuple[np.ndarray, ...]) -> None:
    """400 draws x 3 labelings; 0.95 ± 3 binomial standard errors of 400 draws."""
    X, labelings, exact = crowd
    found = [silhouette_estimate(X, labelings, 60, seed, threads=1) for seed in range(400)]
    covers = np.mean([(e.low <= exact) & (exact <= e.high) for e in found], axis=0)
    assert (np.abs(covers - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 400)).all(), covers
    means, errors = np.array([e.mean for e in found]), np.array([e.standard_error for e in found])
    assert (np.abs(means.mean(axis=0) - exact) < 3 * means.std(axis=0) / np.sqrt(400)).all()
    assert errors.mean(axis=0) == pytest.approx(means.std(axis=0), rel=0.15)


def test_weighted_estimates_are_those_of_the_repeated_rows() -> None:
    random = np.random.default_rng(0)
    X, weights = random.normal(size=(300, 2)), random.integers(1, 30, 300)
    labelings = kmeans_labelings(X, range(2, 5))
    exact = np.average(silhouette_samples_many(X, labelings, weights), axis=1, weights=weights)
    found = [silhouette_estimate(X, labelings, 40, seed, weights, threads=1) for seed in range(400)]
    means = np.array([e.mean for e in found])
    assert (np.abs(means.mean(axis=0) - exact) < 3 * means.std(axis=0) / np.sqrt(400)).all()
    assert np.mean([(e.low <= exact) & (exact <= e.high) for e in found]) == pytest.approx(0.95, abs=0.03)


def test_measuring_every_sample_is_exact(crowd: tuple[np.ndarray, ...]) -> None:
    X, labelings, exact = crowd
    found = silhouette_estimate(X, labelings, 900, seed=0)
    np.testing.assert_allclose(found.mean, exact, atol=1e-12)
    assert not found.standard_error.any()
    assert np.array_equal(found.low, found.mean)
    # Strata of two have nothing left to draw either.
    nearly = silhouette_estimate(X[:-1], labelings[:, :-1], 898, seed=0)
    assert (nearly.standard_error < 1e-3).all()


def test_an_estimate_tells_which_samples_it_measured(crowd: tuple[np.ndarray, ...]) -> None:
    X, labelings, _ = crowd
    found, again = (silhouette_estimate(X, labelings, 101, seed=3, threads=threads) for threads in (1, 2))
    assert np.array_equal(found.samples, again.samples)
    assert np.array_equal(found.mean, again.mean)
    assert found.rows.shape == (100,)
    assert len(set(found.rows.tolist())) == 100
    np.testing.assert_allclose(found.samples, silhouette_samples_many(X, labelings)[:, found.rows], atol=1e-12)
    assert not np.array_equal(found.rows, silhouette_estimate(X, labelings, 101, seed=4).rows)


TWO = np.array([[0, 1]])


@pytest.mark.parametrize(
    ("X", "labelings", "weights", "names"),
    [
        (np.array([[np.nan], [1.0]]), TWO, None, "X holds NaN"),
        (np.array([[np.inf], [1.0]]), TWO, None, "X holds NaN or infinity"),
        (np.zeros((0, 2)), np.zeros((1, 0), dtype=int), None, "X has shape"),
        (np.zeros((2, 0)), TWO, None, "X has shape"),
        (np.zeros(2), TWO, None, "X has shape"),
        (np.array([["a"], ["b"]]), TWO, None, "X holds <U1"),
        (np.zeros((3, 2)), TWO, None, "labelings has shape"),
        (np.zeros((2, 2)), np.array([0, 1]), None, "labelings has shape"),
        (np.zeros((2, 2)), np.zeros((0, 2), dtype=int), None, "labelings has shape"),
        (np.zeros((2, 2)), np.array([[0, 1], [0, 0]]), None, "labeling 1 puts every point into one cluster"),
        (np.zeros((1, 2)), np.array([[0]]), None, "labeling 0 puts every point into one cluster"),
        (np.zeros((2, 2)), np.array([[0.5, 1.0]]), None, "integers"),
        (np.zeros((2, 2)), np.array([[-1, 1]]), None, "integers from 0"),
        (np.zeros((2, 2)), TWO, np.ones(3), "weights has shape"),
        (np.zeros((2, 2)), TWO, np.array([1, 0]), "a weight says"),
        (np.zeros((2, 2)), TWO, np.array([1.5, 1]), "a weight says"),
        (np.zeros((2, 2)), TWO, np.array([np.nan, 1]), "a weight says"),
        (np.zeros((2, 2)), TWO, np.array([np.inf, 1]), "a weight says"),
        (np.zeros((2, 2)), TWO, np.array(["1", "1"]), "a weight says"),
    ],
)
def test_bad_arguments_are_named(X: np.ndarray, labelings: np.ndarray, weights: np.ndarray | None, names: str) -> None:
    for call in (silhouette_samples_many, lambda *arguments: silhouette_estimate(*arguments[:2], 4, 0, arguments[2])):
        with pytest.raises(SweepError, match=names):
            call(X, labelings, weights)


def test_other_bad_arguments_are_named() -> None:
    X, labels = np.arange(10.0)[:, None], np.arange(10)[None] % 2
    with pytest.raises(SweepError, match="n_queries is 3"):
        silhouette_estimate(X, labels, 3, 0)
    with pytest.raises(SweepError, match="threads is -1"):
        silhouette_samples_many(X, labels, threads=-1)


SCRIPT = """
import logging, sys
logging.basicConfig(format="%(message)s")
import segments.clustering.silhouette
assert "numba" not in sys.modules, "importing segments.clustering.silhouette costs seconds"
import numpy as np
def score(seed):
    X = np.random.default_rng(seed).normal(size=(200, 2))
    return segments.clustering.silhouette.silhouette_samples_many(X, np.arange(200)[None] % 2, threads=1).sum()
"""


def python(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "compiled"), "PYTHONPATH": path}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_only_the_first_process_compiles_and_says_so(tmp_path: Path) -> None:
    first, second = (python(SCRIPT + "print(score(0))", tmp_path) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "compiling the silhouette loop for this processor" in first.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout


def test_any_number_of_threads_computes_the_same_bits() -> None:
    X = np.random.default_rng(0).normal(size=(700, 5))
    labelings = np.array([np.arange(700) % 3, np.arange(700) % 50])
    one, two, four = (silhouette_samples_many(X, labelings, threads=threads) for threads in (1, 2, 4))
    assert np.array_equal(one, two) and np.array_equal(one, four)


@pytest.mark.slow
def test_workers_compute_what_this_process_does(tmp_path: Path) -> None:
    (tmp_path / "scoring.py").write_text(SCRIPT)
    script = (
        "from scoring import score\n"
        "from joblib import Parallel, delayed\n"
        "here = [score(seed) for seed in range(4)]\n"
        "assert Parallel(2)(delayed(score)(seed) for seed in range(4)) == here\n"
    )
    done = python(script, tmp_path)
    assert done.returncode == 0, done.stderr
