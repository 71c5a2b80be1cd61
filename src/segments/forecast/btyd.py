"""Buy till you die: how often a customer buys while active, and when that ends. Comes in: purchase lines, or a BTYD table. Goes out: fitted models.

Maximum likelihood by SciPy, from the papers' own formulas. Every sum and integral is of positive terms and in logarithms, so that neither a
customer with hundreds of purchases nor a group that hardly ever leaves overflows. Time is in weeks, a day with purchases is one purchase.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from segments.clustering.exact import exp, expm1, log, log1p
from segments.errors import DataError
from segments.features.purchases import MONEY_UNIT, day_number, whole_units

Floats = NDArray[np.float64]

NEVER_BACK = date.max.toordinal() + 1  # the day on which a purchase was sent back that was kept
DAYS_PER_WEEK = 7
BTYD_NAMES = {
    "bg_nbd": ("r", "alpha", "a", "b"),
    "mbg_nbd": ("r", "alpha", "a", "b"),
    "pareto_nbd": ("r", "alpha", "s", "beta"),
}
POINTS = 32  # of a mean over a beta distribution
_BOUNDS = (-7.0, 12.0)  # of a parameter's logarithm: beyond, the likelihood is flat
_TINY = 1e-5  # how near to 1 `s` may come, where a ratio in Pareto/NBD's expectation is 0 / 0


@dataclass(frozen=True)
class Purchases:
    """A fitted model of repeat purchases.

    Parameters
    ----------
    kind : {"bg_nbd", "mbg_nbd", "pareto_nbd"}
        Which model.
    params : dict of str to float
        ``r, alpha`` (purchase rate: gamma with mean r / alpha per week), then ``a, b`` (beta, chance of leaving after a purchase) or
        ``s, beta`` (gamma, rate of leaving).
    log_likelihood : float
        Of the customers it was fitted on.
    at_bound : list of str
        Parameters the data do not pin down: the search left them at the end of its range.
    """

    kind: str
    params: dict[str, float]
    log_likelihood: float
    at_bound: list[str]


@dataclass(frozen=True)
class Money:
    """A fitted Gamma-Gamma model of money per purchase: ``p, q, v``, their log-likelihood, and the population's mean."""

    params: dict[str, float]
    log_likelihood: float

    @property
    def mean(self) -> float:
        """Money per purchase of a customer nothing is known about; needs q > 1, which :func:`fit_money` holds."""
        return self.params["p"] * self.params["v"] / (self.params["q"] - 1)


def daily(lines: Any) -> pd.DataFrame:
    """Sum up a purchase log by customer and day; a line with a negative amount is a return, and no purchase.

    Parameters
    ----------
    lines : native frame
        ``customer_id``, ``purchased_at``, ``amount`` and, where the log has it, ``sent_back_at``; any frame Narwhals knows.

    Returns
    -------
    DataFrame
        One row per customer, day with a purchase, and day from which this is none any more because it was sent back (``back``, ``NEVER_BACK``
        where it was kept), sorted: ``customer_id``, ``day`` (as ``date.toordinal``), ``back``, ``spend``. :func:`as_known` takes one day's view.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": ["7", "7", "7"], "amount": [9.0, 20.0, 10.0],
    ...     "purchased_at": pd.to_datetime(["2024-03-01 08:00", "2024-03-15 09:30", "2024-03-15 18:00"])})
    >>> daily(log)["spend"].tolist()
    [9.0, 30.0]
    """
    frame = nw.from_native(lines).lazy().filter(nw.col("amount") >= 0)
    frame = frame.with_columns(day=day_number("purchased_at"), spend=whole_units("amount"), back=nw.lit(NEVER_BACK))
    if "sent_back_at" in frame.collect_schema().names():
        was_kept = nw.col("sent_back_at").is_null()
        # pandas makes no whole number of a day that is missing, even where it is not taken
        frame = frame.with_columns(
            sent_back_at=nw.when(was_kept).then("purchased_at").otherwise("sent_back_at"), was_kept=was_kept
        )
        frame = frame.with_columns(
            back=nw.when("was_kept").then(nw.lit(NEVER_BACK)).otherwise(day_number("sent_back_at"))
        )
    keys = ["customer_id", "day", "back"]
    days: pd.DataFrame = frame.group_by(keys).agg(nw.col("spend").sum()).collect("pandas").to_native()
    days = days.sort_values(keys, kind="stable", ignore_index=True).astype({"day": "int64", "back": "int64"})
    return days.assign(spend=days["spend"].astype("int64") / MONEY_UNIT)


def as_known(days: pd.DataFrame, known: date) -> pd.DataFrame:
    """Days with purchases that were not sent back by the end of a day: one row per customer and day.

    Parameters
    ----------
    days : DataFrame
        From :func:`daily`.
    known : date
        Returns after it are not known; purchases after it are.

    Examples
    --------
    >>> days = pd.DataFrame({"customer_id": ["7", "7"], "day": [1, 1], "back": [5, NEVER_BACK], "spend": [9.0, 1.0]})
    >>> [as_known(days, date.fromordinal(day))["spend"].tolist() for day in (4, 5)]
    [[10.0], [1.0]]
    """
    left = days[days["back"] > known.toordinal()].drop(columns="back")
    if not left.duplicated(["customer_id", "day"]).any():
        return left.reset_index(drop=True)
    return left.groupby(["customer_id", "day"], as_index=False)["spend"].sum()


def kept_in_part(lines: Any, days: pd.DataFrame) -> float:
    """Share of the spend of :func:`daily` that was paid back: of purchases of which a part was kept, which stand there with all of their money.

    Parameters
    ----------
    lines : native frame
        The log, returns included.
    days : DataFrame
        What :func:`daily` made of it.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": "7", "amount": [100.0, 50.0, -30.0],
    ...     "purchased_at": pd.to_datetime(["2024-03-01", "2024-03-15", "2024-03-18"])})
    >>> kept_in_part(log, daily(log))
    0.2
    """
    frame = nw.from_native(lines).lazy().select(paid=whole_units("amount").sum()).collect("pandas").to_native()
    spent = float(days.loc[days["back"] == NEVER_BACK, "spend"].sum())
    return (spent - float(frame["paid"].iloc[0]) / MONEY_UNIT) / spent if spent else 0.0


def btyd_table(days: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Describe customers as buy-till-you-die models want it: a table of its own, not to be mixed with the RFM features.

    Parameters
    ----------
    days : DataFrame
        From :func:`as_known`.
    as_of : date
        Later days change nothing.

    Returns
    -------
    DataFrame
        Every customer who bought by then, sorted by ``customer_id``: ``frequency`` (days with purchases after the first), ``recency``
        (weeks from the first to the last), ``T`` (weeks from the first to the as-of date), ``monetary_value`` (mean spend of a repeat
        day; 0 without one).

    Examples
    --------
    >>> first = date(2024, 3, 1).toordinal()
    >>> days = pd.DataFrame({"customer_id": ["7", "7"], "day": [first, first + 14], "spend": [9.0, 30.0]})
    >>> btyd_table(days, date(2024, 3, 29)).iloc[0].to_dict()
    {'customer_id': '7', 'frequency': 1.0, 'recency': 2.0, 'T': 4.0, 'monetary_value': 30.0}
    """
    by = days[days["day"] <= as_of.toordinal()].groupby("customer_id", sort=True)
    first, repeats = by["day"].min(), by.size() - 1
    repeat_spend = by["spend"].sum() - by["spend"].first()
    table = pd.DataFrame(
        {
            "frequency": repeats.astype("float64"),
            "recency": (by["day"].max() - first) / DAYS_PER_WEEK,
            "T": (as_of.toordinal() - first) / DAYS_PER_WEEK,
            "monetary_value": (repeat_spend / repeats.where(repeats > 0)).fillna(0.0),
        }
    )
    return table.rename_axis("customer_id").reset_index()


def fit_purchases(table: pd.DataFrame, kind: str) -> Purchases:
    """Fit BG/NBD, MBG/NBD or Pareto/NBD by maximum likelihood.

    Parameters
    ----------
    table : DataFrame
        From :func:`btyd_table`; of ALL customers: without those who never came back, the answer is another one, and wrong.
    kind : {"bg_nbd", "mbg_nbd", "pareto_nbd"}
        Which model.

    Raises
    ------
    DataError
        If nobody bought again.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24:275 (BG/NBD). Batislam, Denizel & Filiztekin (2007), Int. J. of Research in
    Marketing 24:201 (MBG/NBD: one may leave right after the first purchase too). Schmittlein, Morrison & Colombo (1987), Management
    Science 33:1 (Pareto/NBD).
    """
    x, t_x, T, counts = _fold(table)
    if not (x > 0).any():
        raise DataError(
            "no customer bought again: there is no rate to learn", where="transactions", fix="use more history"
        )
    log_density = {"bg_nbd": _bg, "mbg_nbd": _mbg, "pareto_nbd": _pareto}[kind]

    def loss(logs: Floats) -> float:
        return -float((counts * log_density(exp(logs), x, t_x, T)).sum())

    rate = float((counts * x).sum() / (counts * T).sum())
    starts = [log(np.array([1.0, 1.0 / rate, *ends])) for ends in ([1.0, 2.0], [0.5, 10.0])]
    logs, value = _lowest(loss, starts, float(counts.sum()))
    return Purchases(
        kind, dict(zip(BTYD_NAMES[kind], exp(logs).tolist(), strict=True)), -value, _stuck(BTYD_NAMES[kind], logs)
    )


def fit_money(table: pd.DataFrame) -> Money:
    """Fit Gamma-Gamma by maximum likelihood to the customers with a repeat purchase that cost something.

    Parameters
    ----------
    table : DataFrame
        From :func:`btyd_table`.

    Raises
    ------
    DataError
        If nobody has one, or the fitted mean is infinite (q not above 1).

    References
    ----------
    Fader & Hardie (2013), The Gamma-Gamma model of monetary value, note 025.
    """
    own = table[(table["frequency"] > 0) & (table["monetary_value"] > 0)]
    x, z = own["frequency"].to_numpy(), own["monetary_value"].to_numpy()
    if not len(own):
        raise DataError("no repeat purchase cost anything: there is no money to learn", where="transactions")

    def loss(logs: Floats) -> float:
        p, q, v = exp(logs)
        px = p * x
        density = gammaln(px + q) - gammaln(px) - gammaln(q) + q * log(v) - log(z)
        return -float((density + px * log(x * z) - (px + q) * log(v + x * z)).sum())

    centre = float(log(z.mean()))
    logs, value = _lowest(loss, [np.array([1.5, 1.0, centre]), np.array([0.0, 1.0, centre])], float(len(own)))
    money = Money(dict(zip("pqv", exp(logs).tolist(), strict=True)), -value)
    if money.params["q"] <= 1:
        raise DataError("money per purchase has no finite mean (q <= 1)", where="Gamma-Gamma", fix="use another model")
    return money


def alive(model: Purchases, table: pd.DataFrame) -> Floats:
    """Probability that each customer has not left by the as-of date.

    Under BG/NBD it is 1 for every one-time buyer, however long ago: there one may only leave after a repeat purchase.

    Parameters
    ----------
    model : Purchases
        From :func:`fit_purchases`.
    table : DataFrame
        Any customers' BTYD table.

    Examples
    --------
    >>> model = Purchases("bg_nbd", {"r": 0.2426, "alpha": 4.4135, "a": 0.7929, "b": 2.4258}, 0.0, [])
    >>> rows = pd.DataFrame({"frequency": [2.0, 0.0], "recency": [30.43, 0.0], "T": [38.86, 38.86]})
    >>> alive(model, rows).round(4).tolist()
    [0.7266, 1.0]
    """
    x, t_x, T = (_column(table, name) for name in ("frequency", "recency", "T"))
    p = _values(model)
    if model.kind == "pareto_nbd":
        stayed = -(p[0] + x) * log(p[1] + T) - p[2] * log(p[3] + T)
        left = (
            -(p[0] + x) * log(p[1] + t_x)
            - p[2] * log(p[3] + t_x)
            + _log_left(p[0] + x, p[1] + t_x, p[2], p[3] + t_x, T - t_x)
        )
    else:
        stayed, left = np.zeros(len(x)), _log_odds_left(model.kind, p, x, t_x, T)
    chance: Floats = exp(stayed - _log_sum(stayed, left))
    return chance


def expected_purchases(model: Purchases, table: pd.DataFrame, weeks: float) -> Floats:
    """Expected purchases of each customer in the weeks after the as-of date.

    Parameters
    ----------
    model, table
        As in :func:`alive`.
    weeks : float
        Length of the time ahead.

    Examples
    --------
    >>> model = Purchases("bg_nbd", {"r": 0.2426, "alpha": 4.4135, "a": 0.7929, "b": 2.4258}, 0.0, [])
    >>> rows = pd.DataFrame({"frequency": [2.0], "recency": [30.43], "T": [38.86]})
    >>> expected_purchases(model, rows, 39).round(3).tolist()
    [1.226]
    """
    x, T = _column(table, "frequency"), _column(table, "T")
    r, alpha, third, fourth = _values(model)
    rate, since = r + x, alpha + T
    if model.kind == "pareto_nbd":
        ends = third - 1 if abs(third - 1) > _TINY else _TINY
        ahead = rate / since * (fourth + T) * -expm1(ends * log((fourth + T) / (fourth + T + weeks))) / ends
    else:
        # The papers' 2F1 overflows for frequent buyers. It is the mean, over the chance of leaving, of what one with that chance
        # buys; a mean at quadrature points can never leave the range of what is averaged.
        leave, weights = _beta_points(third, fourth + x + (model.kind == "mbg_nbd"))
        buys = -expm1(-rate[:, None] * log1p(leave * (weeks / since)[:, None])) / leave
        ahead = (weights * buys).sum(axis=1)
    expected: Floats = alive(model, table) * ahead
    return expected


def silent(model: Purchases, table: pd.DataFrame, weeks: float) -> Floats:
    """Probability that a customer buys nothing in the weeks after the as-of date: gone already, or leaving or resting meanwhile.

    Parameters
    ----------
    model, table, weeks
        As in :func:`expected_purchases`.

    Raises
    ------
    DataError
        With BG/NBD: it holds every one-time buyer to be alive for certain, so it cannot rank who has left.

    Examples
    --------
    >>> model = Purchases("mbg_nbd", {"r": 0.5248, "alpha": 6.183, "a": 0.8914, "b": 1.614}, 0.0, [])
    >>> rows = pd.DataFrame({"frequency": [0.0, 0.0], "recency": [0.0, 0.0], "T": [5.0, 38.0]})
    >>> silent(model, rows, 39).round(3).tolist()
    [0.689, 0.889]
    """
    if model.kind == "bg_nbd":
        raise DataError(
            "BG/NBD cannot tell who has left: it gives every one-time buyer a chance of 1 to be active",
            where="prediction.models",
            fix="use mbg_nbd or pareto_nbd",
        )
    x, T = _column(table, "frequency"), _column(table, "T")
    r, alpha, third, fourth = _values(model)
    rests = (r + x) * log((alpha + T) / (alpha + T + weeks))
    if model.kind == "pareto_nbd":
        rests = rests + third * log((fourth + T) / (fourth + T + weeks))
        leaves = _log_left(r + x, alpha + T, third, fourth + T, np.full(len(x), float(weeks)))
        rests = _log_sum(rests, leaves)
    nothing: Floats = 1 + alive(model, table) * expm1(np.minimum(rests, 0.0))
    return nothing


def expected_money(money: Money, table: pd.DataFrame) -> Floats:
    """Expected money per future purchase of each customer: between their own mean and everybody's.

    Parameters
    ----------
    money : Money
        From :func:`fit_money`.
    table : DataFrame
        Any customers' BTYD table.

    Examples
    --------
    >>> money = Money({"p": 6.249, "q": 3.745, "v": 15.448}, 0.0)
    >>> expected_money(money, pd.DataFrame({"frequency": [0.0, 50.0], "monetary_value": [0.0, 80.0]})).round(2).tolist()
    [35.17, 79.61]
    """
    p, q, v = (money.params[name] for name in "pqv")
    z = _column(table, "monetary_value")
    x = np.where(z > 0, _column(table, "frequency"), 0.0)
    return p * (v + x * z) / (p * x + q - 1)


# --- likelihoods: logarithms, per customer -----------------------------------------------------------------------------


def _bg(p: Floats, x: Floats, t_x: Floats, T: Floats) -> Floats:
    r, alpha, a, b = p
    stayed: Floats = betaln(a, b + x) - betaln(a, b) - (r + x) * log(alpha + T)
    return _rate_part(r, alpha, x) + stayed + _log_sum(0.0, _log_odds_left("bg_nbd", p, x, t_x, T))


def _mbg(p: Floats, x: Floats, t_x: Floats, T: Floats) -> Floats:
    r, alpha, a, b = p
    stayed: Floats = betaln(a, b + x + 1) - betaln(a, b) - (r + x) * log(alpha + T)
    return _rate_part(r, alpha, x) + stayed + _log_sum(0.0, _log_odds_left("mbg_nbd", p, x, t_x, T))


def _pareto(p: Floats, x: Floats, t_x: Floats, T: Floats) -> Floats:
    r, alpha, s, beta = p
    stayed = -(r + x) * log(alpha + T) - s * log(beta + T)
    left = -(r + x) * log(alpha + t_x) - s * log(beta + t_x) + _log_left(r + x, alpha + t_x, s, beta + t_x, T - t_x)
    density: Floats = _rate_part(r, alpha, x) + s * log(beta) + _log_sum(stayed, left)
    return density


def _rate_part(r: float, alpha: float, x: Floats) -> Floats:
    part: Floats = gammaln(r + x) - gammaln(r) + r * log(alpha)
    return part


def _log_odds_left(kind: str, p: Floats, x: Floats, t_x: Floats, T: Floats) -> Floats:
    """Odds of having left right after the last purchase, under BG/NBD and MBG/NBD."""
    r, alpha, a, b = p
    stays = b + x if kind == "mbg_nbd" else b + np.maximum(x, 1) - 1
    odds: Floats = log(a) - log(stays) + (r + x) * log((alpha + T) / (alpha + t_x))
    return odds if kind == "mbg_nbd" else np.where(x > 0, odds, -np.inf)


def _log_left(rate: Floats, A: Floats, s: float, B: Floats, span: Floats) -> Floats:
    """Log of the chance to leave within `span` without a purchase before it: the integral of s A^rate B^s (A+t)^-rate (B+t)^-(s+1).

    In v = log(A + t) the integrand falls at least like exp(-(rate - 1) v), so it is cut off where nothing is left of it, and
    Gauss-Legendre nodes do the rest to the last digits. The papers' form, a difference of two 2F1, loses them.
    """
    longest = log1p(span / A)
    reach = np.minimum(longest, 45.0 / np.maximum(rate - 1, 1e-9))
    nodes, weights = legendre_points(48)
    v = reach[:, None] * (0.5 * (nodes + 1))
    t = A[:, None] * expm1(v)
    density = -(rate - 1)[:, None] * v + log(A)[:, None] - (s + 1) * log1p(t / B[:, None])
    with np.errstate(divide="ignore"):  # nobody leaves in no time
        highest = density.max(axis=1)
        inside = highest + log((exp(density - highest[:, None]) * (weights / 2)).sum(axis=1)) + log(reach)
    whole: Floats = inside + log(s) - log(B)
    return whole


@functools.cache
def legendre_points(n: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre points and weights on -1 to 1, by Newton's steps from the usual first guess; NumPy's have other last digits per processor.

    Examples
    --------
    >>> points, weights = legendre_points(2)
    >>> points.round(6).tolist(), weights.round(6).tolist()
    ([-0.57735, 0.57735], [1.0, 1.0])
    """
    x = -np.cos(np.pi * (np.arange(n) + 0.75) / (n + 0.5)).round(6)
    for _ in range(8):
        before, value = np.ones(n), x
        for j in range(2, n + 1):
            before, value = value, ((2 * j - 1) * x * value - (j - 1) * before) / j
        slope = n * (x * value - before) / (x * x - 1)
        x = x - value / slope
    return x, 2 / ((1 - x * x) * slope * slope)


def _beta_points(a: float, b: Floats) -> tuple[Floats, Floats]:
    """Gauss-Jacobi points and weights of beta(a, b) distributions, a row for each `b` (Golub & Welsch 1969)."""
    different, own = np.unique(b, return_inverse=True)
    high, low = different[:, None] - 1, a - 1
    n = np.arange(1, POINTS)
    both = 2 * n + high + low
    middle = np.concatenate([(low - high) / (high + low + 2), (low**2 - high**2) / (both * (both + 2))], axis=1)
    # at n = 1 a factor of 1 + low + high cancels, which may be 0
    free = np.where(n == 1, 1.0, n + high + low) / np.where(n == 1, 1.0, both - 1)
    beside = np.sqrt(4 * n * (n + high) * (n + low) * free / (both**2 * (both + 1)))
    matrices = np.zeros((len(different), POINTS, POINTS))
    at = np.arange(POINTS)
    matrices[:, at, at] = middle
    matrices[:, at[1:], at[:-1]] = beside  # eigh reads the lower triangle
    points, vectors = np.linalg.eigh(matrices)
    return np.clip((points + 1) / 2, 1e-12, 1.0)[own], (vectors[:, 0, :] ** 2)[own]


def _log_sum(one: ArrayLike, other: ArrayLike) -> Floats:
    """log(exp(one) + exp(other))."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    return high + log1p(exp(np.where(low == -np.inf, -np.inf, low - high)))


# --- the search ---------------------------------------------------------------------------------------------------------


def _fold(table: pd.DataFrame) -> tuple[Floats, Floats, Floats, Floats]:
    """Different customers, and how many there are of each: one-time buyers of a day are all alike."""
    rows = table.groupby(["frequency", "recency", "T"], sort=True).size()
    x, t_x, T = (rows.index.get_level_values(i).to_numpy(dtype=np.float64) for i in range(3))
    return x, t_x, T, rows.to_numpy(dtype=np.float64)


def _lowest(loss: Callable[[Floats], float], starts: Sequence[Floats], n: float) -> tuple[Floats, float]:
    """The lowest loss found from several starts, in the logarithms of the parameters, to five decimals.

    Nelder & Mead's simplex needs no gradient, whose differences would bring noise, and no matrix product: with a loss of exact steps it goes the
    same way on every processor. It may stall; begun again where it ended, it goes on.
    """
    options = {"xatol": 1e-7, "fatol": 1e-13, "maxfev": 2000}
    found = []
    for start in starts:
        for _ in range(2):
            result = minimize(
                lambda logs: loss(logs) / n, start, method="Nelder-Mead", bounds=[_BOUNDS] * len(start), options=options
            )
            start = result.x
        found.append(result)
    logs = min(found, key=lambda result: result.fun).x.round(5)
    return logs, float(loss(logs))


def _stuck(names: Sequence[str], logs: Floats) -> list[str]:
    low, high = _BOUNDS
    return [name for name, value in zip(names, logs, strict=True) if value < low + 0.01 or value > high - 0.01]


def _values(model: Purchases) -> Floats:
    return np.array([model.params[name] for name in BTYD_NAMES[model.kind]])


def _column(table: pd.DataFrame, name: str) -> Floats:
    values: Floats = table[name].to_numpy(dtype=np.float64)
    return values
