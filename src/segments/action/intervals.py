"""Counts and values of two groups -> intervals. Comes in: plain numbers. Goes out: proportions and differences with their 95 % limits."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE_LEVEL = 0.95
PERMUTATIONS = 1_999
LARGE = 10_000  # customers in the smaller group from which on a skewed mean is normal enough
FARTHEST = 1_000.0  # standard errors: what is not refuted there is refuted nowhere


@dataclass(frozen=True)
class Difference:
    """A difference with its 95 % interval.

    Parameters
    ----------
    estimate, low, high : float
        Treatment minus control; NaN where the groups are too small for it.
    """

    estimate: float
    low: float
    high: float


def wilson(successes: int, n: int, level: float = CONFIDENCE_LEVEL) -> tuple[float, float]:
    """Score interval of a proportion.

    Parameters
    ----------
    successes, n : int
        So many of so many.
    level : float
        Confidence level.

    Returns
    -------
    tuple of float
        Lower and upper limit; NaN when `n` is 0.

    References
    ----------
    Wilson, E. B. (1927). Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> [round(limit, 4) for limit in wilson(81, 263)]
    [0.2553, 0.3662]
    """
    if n == 0:
        return math.nan, math.nan
    # Not SciPy's binomtest: it computes an exact p with it, in a thousandth of a second, and the export asks thousands of times.
    z = NormalDist().inv_cdf(0.5 + level / 2)
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def difference_of_proportions(
    treated: int, n_treated: int, control: int, n_control: int, level: float = CONFIDENCE_LEVEL
) -> Difference:
    """Difference of two independent proportions with Newcombe's hybrid score interval: good also for small and rare.

    Parameters
    ----------
    treated, n_treated : int
        Responses and customers in the treatment group.
    control, n_control : int
        The same in the control group.
    level : float
        Confidence level.

    References
    ----------
    Newcombe, R. G. (1998). Statistics in Medicine 17, 873-890, method 10.

    Examples
    --------
    The paper's first example, 56 of 70 against 48 of 80:

    >>> made = difference_of_proportions(56, 70, 48, 80)
    >>> round(made.estimate, 4), round(made.low, 4), round(made.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    if min(n_treated, n_control) == 0:
        return Difference(math.nan, math.nan, math.nan)
    p1, p2 = treated / n_treated, control / n_control
    (l1, u1), (l2, u2) = wilson(treated, n_treated, level), wilson(control, n_control, level)
    d = p1 - p2
    return Difference(d, d - math.hypot(p1 - l1, u2 - p2), d + math.hypot(u1 - p1, p2 - l2))


def difference_of_means(treated: NDArray[np.float64], control: NDArray[np.float64]) -> Difference:
    """Difference of two means with the interval of a permutation test: all differences that dealing the groups out anew does not refute.

    Spend is skewed and mostly zero. Student's intervals then miss to one side: with a tenth as control, they found a gain of a campaign that
    did nothing in up to 11 % of segments, where 2.5 % are promised. Who is dealt out anew has no such shape: when the campaign adds the same
    to everybody, the interval holds at any group size. What is compared is Welch's t, so that groups may vary differently.

    Parameters
    ----------
    treated, control : ndarray
        Values of the customers in each group, in any order; at least two each, not all equal, or the limits are NaN.

    Notes
    -----
    1,999 ways of dealing out, drawn with a fixed seed: equal values give equal limits. For a difference other than zero it is first taken off the
    treated; the sums it takes are quadratic in the difference, so each limit is a root that needs no new draws. Welch's own interval is given
    for groups of 10,000 and more, whose means are normal enough, and for so few customers (three and three) that no way of dealing is rare.

    References
    ----------
    Welch, B. L. (1947). Biometrika 34, 28-35.
    Janssen, A. (1997). Statistics & Probability Letters 36, 9-21 (permutations of the studentised difference).
    Ernst, M. D. (2004). Statistical Science 19, 676-685 (the interval from the test).

    Examples
    --------
    >>> made = difference_of_means(np.array([3.0, 5.0, 7.0, 6.0, 4.0]), np.array([1.0, 2.0, 3.0, 2.0, 2.0]))
    >>> made.estimate, round(made.low, 1), round(made.high, 1)
    (3.0, 1.0, 5.0)
    """
    if min(len(treated), len(control)) == 0:
        return Difference(math.nan, math.nan, math.nan)
    estimate = float(treated.mean() - control.mean())
    if min(len(treated), len(control)) < 2 or np.ptp(treated) == np.ptp(control) == 0:
        return Difference(estimate, math.nan, math.nan)
    few = min(len(treated), 50), min(len(control), 50)
    if math.comb(sum(few), few[1]) * (1 - CONFIDENCE_LEVEL) / 2 < 1 or min(len(treated), len(control)) >= LARGE:
        from scipy.stats import ttest_ind  # costs most of a second

        with warnings.catch_warnings(
            action="ignore", category=RuntimeWarning
        ):  # of one group whose values are all alike
            limits = ttest_ind(treated, control, equal_var=False).confidence_interval()
        return Difference(estimate, float(limits.low), float(limits.high))
    return Difference(estimate, *_permuted_limits(treated, control))


def _permuted_limits(treated: NDArray[np.float64], control: NDArray[np.float64]) -> tuple[float, float]:
    """The least and the greatest difference that the test does not refute; NaN where it refutes none."""
    sizes = np.array([len(treated), len(control)])
    estimate = float(treated.mean() - control.mean())
    error = math.sqrt(treated.var(ddof=1) / sizes[0] + control.var(ddof=1) / sizes[1])
    # Sorted: the order of the rows decides nothing.
    values = np.concatenate([np.sort(treated), np.sort(control)]) - np.concatenate([treated, control]).mean()
    is_treated = np.repeat([1.0, 0.0], sizes)
    customers = np.stack([values, is_treated, values**2, values * is_treated])
    random, smaller = np.random.default_rng(0), int(sizes.argmin())
    drawn = np.empty((4, PERMUTATIONS))
    for way in range(PERMUTATIONS):
        drawn[:, way] = customers[:, random.choice(len(values), sizes[smaller], replace=False, shuffle=False)].sum(
            axis=1
        )
    dealt = [drawn, customers.sum(axis=1)[:, None] - drawn]
    groups = dealt if smaller == 0 else dealt[::-1]

    def refuted(side: int, reach: float) -> bool:
        """Whether the true difference is not so many errors from the estimate on this side: few ways of dealing give as large a t."""
        off = estimate - side * reach * error
        means, variances = [], []
        for (value, marked, square, both), size in zip(groups, sizes, strict=True):
            means.append((value - off * marked) / size)
            squares = square - 2 * off * both + off**2 * marked
            variances.append(np.maximum(squares - size * means[-1] ** 2, 0.0) / (size - 1) / size)
        apart, spread = side * (means[0] - means[1]), np.sqrt(variances[0] + variances[1])
        # The real way counts, whatever its last digit.
        as_large = int(np.count_nonzero(apart >= reach * (1 - 1e-9) * spread))
        return (1 + as_large) / (1 + PERMUTATIONS) <= (1 - CONFIDENCE_LEVEL) / 2

    limits = []
    for side in (1, -1):
        near, far = 0.0, 2.0
        while far < FARTHEST and not refuted(side, far):
            near, far = far, 2 * far
        while far - near > 1e-4 and far < FARTHEST:
            half = (near + far) / 2
            near, far = (near, half) if refuted(side, half) else (half, far)
        limits.append(estimate - side * far * error if far < FARTHEST else math.nan)
    return limits[0], limits[1]


def without_habit(values: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values less what they owe to the same customers' values before: the mean stays, and most of the spread goes.

    Parameters
    ----------
    values, before : ndarray of shape (n_customers,)
        Of both groups together: the slope must not know who was treated.

    References
    ----------
    Deng, Xu, Kohavi & Walker (2013), Improving the sensitivity of online controlled experiments by utilizing pre-experiment data, WSDM (CUPED).

    Examples
    --------
    >>> without_habit(np.array([3.0, 5.0, 7.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [5.0, 5.0, 5.0]
    """
    apart = before - before.mean()
    varies = float(apart @ apart)
    slope = float(apart @ values) / varies if varies else 0.0
    return np.asarray(values - slope * apart)


def combine(differences: Sequence[Difference], sizes: Sequence[float]) -> Difference:
    """Mean of independent differences, weighted by size: the effect if everybody were treated; limits by MOVER.

    Each limit's distance from its estimate is recovered and added in squares, so that one rule serves proportions and means.
    Strata without limits are left out.

    Parameters
    ----------
    differences : sequence of Difference
        One per segment.
    sizes : sequence of float
        Customers in each.

    References
    ----------
    Zou, G. Y. and Donner, A. (2008). Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> made = combine([Difference(1.0, 0.0, 2.0), Difference(3.0, 2.0, 4.0)], [50, 50])
    >>> made.estimate, round(made.low, 3), round(made.high, 3)
    (2.0, 1.293, 2.707)
    """
    usable = [(d, w) for d, w in zip(differences, sizes, strict=True) if math.isfinite(d.low)]
    total = sum(w for _, w in usable)
    if not total:
        return Difference(math.nan, math.nan, math.nan)
    estimate = sum(w / total * d.estimate for d, w in usable)
    below = math.sqrt(sum((w / total * (d.estimate - d.low)) ** 2 for d, w in usable))
    above = math.sqrt(sum((w / total * (d.high - d.estimate)) ** 2 for d, w in usable))
    return Difference(estimate, estimate - below, estimate + above)
