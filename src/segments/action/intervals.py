"""Counts and values of two groups -> intervals. Comes in: plain numbers. Goes out: proportions and differences with their 95 % limits."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray


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


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
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
    treated: int, n_treated: int, control: int, n_control: int, level: float = 0.95
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
    """Difference of two means with Welch's interval, which lets the groups vary differently.

    Parameters
    ----------
    treated, control : ndarray
        Values of the customers in each group; at least two each, not all equal, or the limits are NaN.

    References
    ----------
    Welch, B. L. (1947). Biometrika 34, 28-35; degrees of freedom by Satterthwaite.

    Examples
    --------
    >>> made = difference_of_means(np.array([3.0, 5.0, 7.0]), np.array([1.0, 2.0, 3.0]))
    >>> round(made.estimate, 2), round(made.low, 2), round(made.high, 2)
    (3.0, -1.16, 7.16)
    """
    if min(len(treated), len(control)) == 0:
        return Difference(math.nan, math.nan, math.nan)
    estimate = float(treated.mean() - control.mean())
    if min(len(treated), len(control)) < 2 or np.ptp(treated) == np.ptp(control) == 0:
        return Difference(estimate, math.nan, math.nan)
    from scipy.stats import ttest_ind  # costs most of a second, and only this needs it

    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of one group whose values are all alike
        limits = ttest_ind(treated, control, equal_var=False).confidence_interval()
    return Difference(estimate, float(limits.low), float(limits.high))


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
