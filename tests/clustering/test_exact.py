"""Functions of exactly rounded steps: right to the last digits, and the same whoever computes them."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.clustering.exact import eigen, exp, expm1, log, log1p, principal_axes, product, significant

NUMBERS = st.floats(-700, 700, allow_nan=False)


def off(found: np.ndarray, true: np.ndarray) -> float:
    """Largest distance, in units in the last place."""
    return float(np.max(np.abs(found - true) / np.spacing(np.abs(true))))


def bits(numbers: np.ndarray) -> np.ndarray:
    """Also the sign of zero; of what is no number there are many, and one is as good as another."""
    return np.where(np.isnan(numbers), np.nan, numbers).view(np.int64)


def longer(function, x: np.ndarray) -> np.ndarray:
    """By numbers of 64 bits before the exponent."""
    return np.asarray(function(x.astype(np.longdouble)), dtype=np.float64)


@pytest.mark.parametrize(
    ("own", "reference", "low", "high"),
    [
        (log, np.log, 1e-300, 1e300),
        (log, np.log, 0.5, 2.0),
        (log1p, np.log1p, -0.999, 1.0),
        (log1p, np.log1p, 1.0, 1e6),
        (exp, np.exp, -700, 700),
        (expm1, np.expm1, -1.0, 1.0),
        (expm1, np.expm1, -40, 700),
    ],
)
def test_right_to_two_units_in_the_last_place(own, reference, low: float, high: float) -> None:
    x = np.random.default_rng(0).uniform(low, high, 20_000)
    assert off(own(x), longer(reference, x)) <= 2.0


def test_far_ends_and_what_is_no_number() -> None:
    with np.errstate(all="ignore"):
        for own, reference in ((log, np.log), (log1p, np.log1p), (exp, np.exp), (expm1, np.expm1)):
            x = np.array(
                [0.0, -1.0, -2.0, 1e-300, 1e-17, 1e308, 1e4, -1e4, np.inf, -np.inf, np.nan, 53.0 * math.log(2)]
            )
            np.testing.assert_allclose(own(x), reference(x), rtol=5e-16)


def test_any_shape_and_length() -> None:
    x = np.random.default_rng(0).random((3, 7001))
    assert log(x).shape == x.shape
    assert np.array_equal(log(x)[1, 2345:2350], log(x[1, 2345:2350]))
    assert float(log(2.5)) == float(log(np.array([2.5]))[0])


@pytest.mark.parametrize("own", [log, log1p, exp, expm1])
def test_one_by_one_on_both_sides_of_every_turn(own) -> None:
    """Where another branch is taken: at the root of a half, at 53 powers of two, where a result is 0, less than normal or infinite."""
    turns = [math.sqrt(0.5), math.sqrt(0.5) - 1, 1.0, *np.arange(50.4, 54.0, 0.1) * math.log(2), -745.1, 709.8]
    near = np.concatenate([turn + turn * 1e-5 * np.arange(-8, 9) for turn in turns])
    alone = np.array([float(own(number)) for number in near])
    assert np.array_equal(bits(own(near)), bits(alone))


@pytest.mark.parametrize("own", [log, log1p, exp, expm1])
@given(
    numbers=st.lists(st.one_of(st.floats(), st.floats(-750, 750), st.floats(-2, 2)), min_size=1, max_size=32),
    shape=st.sampled_from([(-1,), (1, -1), (-1, 1)]),
)
@settings(max_examples=200, deadline=None)
def test_few_numbers_have_the_bits_they_have_among_many(own, numbers: list[float], shape: tuple[int, ...]) -> None:
    few = np.array(numbers).reshape(shape)
    among_many = own(np.concatenate([few.ravel(), np.linspace(0.5, 1.5, 100)]))[: few.size].reshape(shape)
    found = own(few)
    assert found.shape == few.shape
    assert np.array_equal(bits(found), bits(among_many))


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4), min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_a_product_is_numpys(rows: list[list[float]]) -> None:
    one, other = np.array(rows), np.arange(8.0).reshape(4, 2) - 3
    np.testing.assert_allclose(product(one, other), one @ other, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(product(one, other[:, 0]), one @ other[:, 0], rtol=1e-12, atol=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_eigenvalues_are_lapacks_and_vectors_rebuild_the_matrix(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    root = random.normal(size=(size, size)) * 10.0 ** random.integers(-3, 4, size=size)
    root[:, random.integers(size)] = root[:, 0]  # two alike: it is singular
    matrix = root.T @ root
    values, vectors = eigen(matrix)
    scale = float(np.abs(matrix).max())
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix), atol=1e-12 * scale)
    np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, matrix, atol=1e-12 * scale)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(size), atol=1e-13)


def test_axes_are_the_singular_vectors() -> None:
    X = np.random.default_rng(1).normal(size=(300, 4)) * [3, 1, 2, 0.5] + 7
    variances, axes = principal_axes(X)
    _, singular, vectors = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(variances, singular**2 / len(X), rtol=1e-12)
    np.testing.assert_allclose(np.abs(axes.T), np.abs(vectors), atol=1e-10)
    assert (axes[np.abs(axes).argmax(axis=0), range(4)] > 0).all()


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20), st.integers(1, 15))
@settings(max_examples=300, deadline=None)
def test_digits_are_those_that_are_printed(values: list[float], digits: int) -> None:
    x = np.array(
        [value if not 0 < abs(value) < 1e-290 and not 1e300 < abs(value) < np.inf else 0.0 for value in values]
    )
    found = significant(x, digits)
    expected = np.array([float(f"{value:.{digits}g}") for value in x])
    half = 0.5 * 10.0 ** (np.floor(np.log10(np.where((x == 0) | ~np.isfinite(x), 1.0, np.abs(x)))) + 1 - digits)
    finite = np.isfinite(x)
    assert (np.abs(found[finite] - x[finite]) <= 1.000001 * half[finite]).all()
    np.testing.assert_allclose(found, expected, rtol=1.001 * 10.0 ** (1 - digits))
    assert np.array_equal(np.isfinite(found), finite)


DIGEST = """
import hashlib, numpy as np
from segments.clustering.exact import *
random = np.random.default_rng(0)
r = random.random(50_000)  # neither normal numbers nor powers of these: both are the processor's
x = 1000 * r * r * r
A = random.random((2000, 7))
made = [log(x), log1p(x), exp(-x), expm1(-x), product(A, A[:7]), *principal_axes(A)]
print(hashlib.sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in made)).hexdigest(), hashlib.sha256(np.log1p(x).tobytes()).hexdigest())
"""


def test_an_older_processor_has_the_same_last_digits() -> None:
    older = {
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "OPENBLAS_CORETYPE": "Nehalem",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4",
    }
    printed = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", DIGEST],
            env=os.environ | settings,
            text=True,
            capture_output=True,
            check=True,
        ).stdout.split()
        for settings in ({}, older)
    ]
    assert printed[0][0] == printed[1][0]
