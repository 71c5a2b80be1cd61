"""Functions whose last digit is the same on every processor. Comes in: numbers. Goes out: numbers.

A processor adds, multiplies, divides and takes square roots exactly rounded (IEEE 754); what libraries build of that differs: a BLAS sums in the order that
suits the processor's registers, and NumPy's logarithm has another last digit with AVX-512 than without. A search that starts from such a digit may
end elsewhere, and a model made on one machine could not be made again on another. So what a result hangs on is computed here, of exactly rounded
steps in an order of their own. To 1 unit in the last place or so; a few times slower than what it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# ln 2 in two parts: the first has so few digits that its multiples are exact.
_LN2 = Decimal("0.69314718055994530941723212145817656807550013436026")
_LN2_HIGH = int(_LN2 * 2**32) / 2**32
_LN2_LOW = float(_LN2 - Decimal(_LN2_HIGH))
# Written out, as a power has another last digit on another processor.
_LOWEST = -300
_TENS = np.array([float(f"1e{n}") for n in range(_LOWEST, 301)])
# Terms of the series of log and exp, the smallest first.
_OF_LOG = tuple(2.0 / n for n in range(23, 1, -2))
_OF_EXP = tuple(1.0 / math.factorial(n) for n in range(14, 1, -1))
_ROOT_OF_HALF = float(np.sqrt(0.5))
_ROWS = 8192  # at a time: what is between the steps stays in the processor's cache
_FEW = 32  # numbers up to here are taken one by one: the calls would take longer than the steps


def _by_rows(one: Callable[[float], float]) -> Callable[[Callable[[Floats], Floats]], Callable[[ArrayLike], Floats]]:
    """Compute piece by piece, in the shape that came in; and few numbers one by one, by the same steps."""

    def whole(compute: Callable[[Floats], Floats]) -> Callable[[ArrayLike], Floats]:
        def computed(numbers: ArrayLike) -> Floats:
            x = np.asarray(numbers, dtype=np.float64)
            if x.size <= _FEW:
                return np.array([one(number) for number in x.ravel().tolist()], dtype=np.float64).reshape(x.shape)
            flat, out = x.ravel(), np.empty(x.size)
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                for at in range(0, x.size, _ROWS):
                    out[at : at + _ROWS] = compute(flat[at : at + _ROWS])
            return out.reshape(x.shape)

        computed.__doc__, computed.__name__ = compute.__doc__, compute.__name__
        return computed

    return whole


def _log_of_one(x: float, more: float = 0.0) -> float:
    """As :func:`_log`."""
    if not 0.0 < x < math.inf:
        return -math.inf if x == 0 else x if x > 0 else math.nan
    part, power = math.frexp(x)
    if part < _ROOT_OF_HALF:
        part, power = 2.0 * part, power - 1
    f = part - 1.0
    s = f / (2.0 + f)
    square, rest = s * s, 0.0
    for term in _OF_LOG:
        rest = (rest + term) * square
    return power * _LN2_HIGH + (f - (s * (f - rest) - (power * _LN2_LOW + more)))


def log1p_of_one(x: float) -> float:
    """As :func:`log1p`, of one number.

    Examples
    --------
    >>> log1p_of_one(0.0), log1p_of_one(1e-20)
    (0.0, 1e-20)
    """
    one_more = 1.0 + x
    if not 0.0 < one_more < math.inf:
        return _log_of_one(one_more)
    lost = 1.0 - (one_more - x) if x > 1.0 else x - (one_more - 1.0)
    return _log_of_one(one_more, lost / one_more)


def _exp_of_one(x: float) -> float:
    powers, grown = _parts_of_one(x)
    return _grown(1.0 + grown, powers)


def expm1_of_one(x: float) -> float:
    """As :func:`expm1`, of one number.

    Examples
    --------
    >>> expm1_of_one(0.0), round(expm1_of_one(-1.0), 12)
    (0.0, -0.632120558829)
    """
    powers, grown = _parts_of_one(x)
    if powers < 53:
        return math.ldexp(grown, powers) + (math.ldexp(1.0, powers) - 1.0)
    return _grown(1.0 + grown, powers)


def _parts_of_one(x: float) -> tuple[int, float]:
    """As :func:`_exp`."""
    if math.isnan(x):
        return 0, x
    x = min(max(x, -800.0), 800.0)
    powers = round(x / float(_LN2))  # ties to even, as NumPy's rint
    r = (x - powers * _LN2_HIGH) - powers * _LN2_LOW
    grown = 0.0
    for term in _OF_EXP:
        grown = (grown + term) * r
    return powers, r + grown * r


def _grown(part: float, powers: int) -> float:
    try:
        return math.ldexp(part, powers)
    except OverflowError:
        return math.inf


@_by_rows(_log_of_one)
def log(x: Floats) -> Floats:
    """Natural logarithm; of 0 minus infinity, of less NaN.

    Examples
    --------
    >>> log(np.array([1.0, np.e, 10.0])).tolist()
    [0.0, 1.0, 2.302585092994046]
    """
    return _log(x, np.zeros(len(x)))


@_by_rows(log1p_of_one)
def log1p(x: Floats) -> Floats:
    """Natural logarithm of 1 + x, also where x is tiny.

    Examples
    --------
    >>> log1p(np.array([0.0, 1e-20, np.e - 1])).tolist()
    [0.0, 1e-20, 1.0]
    """
    one_more = 1.0 + x
    lost = np.where(x > 1.0, 1.0 - (one_more - x), x - (one_more - 1.0))
    return _log(one_more, np.where(np.isfinite(x), lost / one_more, 0.0))


@_by_rows(_exp_of_one)
def exp(x: Floats) -> Floats:
    """The exponential function.

    Examples
    --------
    >>> exp(np.array([0.0, 1.0, -1.0])).round(12).tolist()
    [1.0, 2.718281828459, 0.367879441171]
    """
    powers, grown = _exp(x)
    return np.ldexp(1.0 + grown, powers)


@_by_rows(expm1_of_one)
def expm1(x: Floats) -> Floats:
    """exp(x) - 1, also where x is tiny.

    Examples
    --------
    >>> expm1(np.array([0.0, 1e-20, -1.0])).round(12).tolist()
    [0.0, 0.0, -0.632120558829]
    >>> float(expm1(1e-20))
    1e-20
    """
    powers, grown = _exp(x)
    # 2^n - 1 is exact below 2^53; above, 1 less is nothing
    return np.where(powers < 53, np.ldexp(grown, powers) + (np.ldexp(1.0, powers) - 1.0), np.ldexp(1.0 + grown, powers))


def product(one: Floats, other: Floats) -> Floats:
    """Matrix product: sums in the order of the inner axis.

    Parameters
    ----------
    one : ndarray of shape (n, m)
    other : ndarray of shape (m,) or (m, p)

    Returns
    -------
    ndarray of shape (n,) or (n, p)

    Examples
    --------
    >>> product(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [10.0]])).tolist()
    [[21.0], [43.0]]
    """
    out = np.zeros((len(one), *other.shape[1:]))
    for j in range(len(other)):
        out += np.multiply.outer(one[:, j], other[j])
    return out


def principal_axes(X: Floats) -> tuple[Floats, Floats]:
    """Variances along the principal axes, largest first, and the axes.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Points; their mean is taken off.

    Returns
    -------
    ndarray of shape (d,)
        Variances (of n, not n - 1), not below 0.
    ndarray of shape (d, d)
        A column per axis, of length 1, its largest part positive: the sign of an axis is arbitrary.

    Examples
    --------
    >>> variances, axes = principal_axes(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0], [3.0, 1.0]]))
    >>> variances.tolist(), axes.tolist()
    ([2.25, 0.25], [[1.0, 0.0], [0.0, 1.0]])
    """
    centred = X - X.mean(axis=0)
    values, vectors = eigen(product(np.ascontiguousarray(centred.T), centred) / len(X))
    values, vectors = values[::-1].clip(min=0.0), vectors[:, ::-1]
    largest = np.abs(vectors).argmax(axis=0)
    return values, vectors * np.where(vectors[largest, np.arange(len(values))] < 0, -1.0, 1.0)


def eigen(symmetric: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues of a small symmetric matrix, rising, and its eigenvectors, by Jacobi's rotations.

    Parameters
    ----------
    symmetric : ndarray of shape (d, d)

    Returns
    -------
    ndarray of shape (d,)
    ndarray of shape (d, d)
        A column per value.

    References
    ----------
    Golub & Van Loan (2013), Matrix Computations, section 8.5: the cyclic Jacobi method.

    Examples
    --------
    >>> values, vectors = eigen(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> values.round(12).tolist(), np.abs(vectors).round(3).tolist()
    ([1.0, 3.0], [[0.707, 0.707], [0.707, 0.707]])
    """
    a, vectors = np.array(symmetric, dtype=np.float64), np.eye(len(symmetric))
    enough = (a**2).sum() * np.finfo(np.float64).eps ** 2
    for _ in range(60):  # it converges quadratically: a dozen rounds are many
        if (np.tril(a, -1) ** 2).sum() <= enough:
            break
        for p in range(len(a) - 1):
            for q in range(p + 1, len(a)):
                if a[p, q] == 0.0:
                    continue
                ratio = (a[q, q] - a[p, p]) / (2.0 * a[p, q])
                tangent = (1.0 if ratio >= 0 else -1.0) / (abs(ratio) + np.sqrt(1.0 + ratio * ratio))
                cosine = 1.0 / np.sqrt(1.0 + tangent * tangent)
                sine = tangent * cosine
                for matrix in (a.T, a, vectors):  # rows, then columns
                    of_p, of_q = matrix[:, p].copy(), matrix[:, q].copy()
                    matrix[:, p] = cosine * of_p - sine * of_q
                    matrix[:, q] = sine * of_p + cosine * of_q
    order = np.argsort(np.diag(a), kind="stable")
    return np.diag(a)[order], vectors[:, order]


def significant(numbers: ArrayLike, digits: int = 10) -> Floats:
    """Numbers rounded to so many significant digits.

    Examples
    --------
    >>> significant(np.array([123456.78912345, -0.00012345678912345, 0.0, np.inf]), 10).tolist()
    [123456.7891, -0.0001234567891, 0.0, inf]
    """
    x = np.asarray(numbers, dtype=np.float64)
    places = digits - np.searchsorted(_TENS, np.abs(x), side="right") - _LOWEST
    up, down = (_TENS[n.clip(0, -_LOWEST) - _LOWEST] for n in (places, -places))
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.rint(x * up / down) / up * down
    return np.where(np.isfinite(rounded), rounded, x)


def _log(x: Floats, more: Floats) -> Floats:
    """Log x + more."""
    part, power = np.frexp(x)  # part in 0.5 to 1
    low = part < _ROOT_OF_HALF
    part, power = np.where(low, 2.0 * part, part), power - low
    # log(1 + f) = 2 atanh(s) with s = f / (2 + f), whose first term 2 s is f - s f: f is exact
    f = part - 1.0
    s = f / (2.0 + f)
    square = s * s
    rest = np.zeros(len(x))
    for term in _OF_LOG:
        rest += term
        rest *= square
    found = power * _LN2_HIGH + (f - (s * (f - rest) - (power * _LN2_LOW + more)))
    found = np.where(x > 0, found, np.where(x == 0, -np.inf, np.nan))
    return np.where(x == np.inf, np.inf, found)


def _exp(x: Floats) -> tuple[NDArray[np.int64], Floats]:
    """N and y, so that exp(x) = 2^n (1 + y)."""
    x = np.minimum(np.maximum(x, -800.0), 800.0)  # beyond, it is 0 or infinite all the same
    powers = np.rint(x / float(_LN2))
    r = (x - powers * _LN2_HIGH) - powers * _LN2_LOW
    grown = np.zeros(len(x))
    for term in _OF_EXP:
        grown += term
        grown *= r
    return np.where(np.isnan(powers), 0.0, powers).astype(np.int64), r + grown * r
