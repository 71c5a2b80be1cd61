"""Buy till you die: the papers' figures on CDNOW, the known traps, and agreement with brute force."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, gammaln, hyp2f1

from segments.errors import DataError
from segments.forecast import btyd
from segments.forecast.btyd import (
    Money,
    Purchases,
    alive,
    as_known,
    btyd_table,
    daily,
    expected_money,
    expected_purchases,
    fit_money,
    fit_purchases,
    silent,
)

WEEKS = 39
# Fader, Hardie & Lee (2005) and the papers that refit the same 2,357 customers: parameters, log-likelihood.
PUBLISHED = {
    "bg_nbd": ({"r": 0.2426, "alpha": 4.4135, "a": 0.7929, "b": 2.4258}, -9582.43),
    "mbg_nbd": ({"r": 0.5248, "alpha": 6.1830, "a": 0.8914, "b": 1.6140}, -9582.13),
    "pareto_nbd": ({"r": 0.5533, "alpha": 10.578, "s": 0.6062, "beta": 11.668}, -9594.97),
}
MODELS = {kind: Purchases(kind, params, 0.0, []) for kind, (params, _) in PUBLISHED.items()}


@pytest.fixture(scope="session")
def log(shared_data: Path) -> pd.DataFrame:
    """CDNOW's sample as a purchase log."""
    names = ["master", "customer_id", "day", "cds", "amount"]
    text = {"master": str, "customer_id": str, "day": str}
    raw = pd.read_csv(shared_data / "cdnow/CDNOW_sample.txt", sep=r"\s+", header=None, names=names, dtype=text)
    return raw.assign(purchased_at=pd.to_datetime(raw["day"], format="%Y%m%d"))[
        ["customer_id", "purchased_at", "amount"]
    ]


@pytest.fixture(scope="session")
def published(shared_data: Path) -> pd.DataFrame:
    """The summary everybody fits: times rounded to two digits."""
    summary = pd.read_csv(shared_data / "cdnow/cdnow_customers_summary_with_transactions.csv")
    return summary.rename(columns={"x": "frequency", "t_x": "recency", "zbar": "monetary_value"}).astype("float64")


def row(x: float, t_x: float, T: float) -> pd.DataFrame:
    return pd.DataFrame({"frequency": [x], "recency": [t_x], "T": [T]})


# --- the table ----------------------------------------------------------------------------------------------------------


def test_the_table_is_rebuilt_from_the_log(log: pd.DataFrame, published: pd.DataFrame) -> None:
    assert (len(log), (log["amount"] == 0).sum()) == (6919, 8)
    assert int(log.duplicated(["customer_id", "purchased_at"]).sum()) == 223
    table = btyd_table(as_known(daily(log), date(1997, 9, 30)), date(1997, 9, 30))
    assert table["frequency"].tolist() == published["frequency"].tolist()
    for name, within in {"recency": 0.005, "T": 0.005, "monetary_value": 0.006}.items():
        assert np.abs(table[name].to_numpy() - published[name].to_numpy()).max() < within


def test_later_purchases_change_nothing(log: pd.DataFrame) -> None:
    cutoff = date(1997, 9, 30)
    known = log[log["purchased_at"] <= pd.Timestamp(cutoff)]
    pd.testing.assert_frame_equal(*(btyd_table(as_known(daily(lines), cutoff), cutoff) for lines in (known, log)))


def test_a_return_is_no_purchase() -> None:
    when = pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-15"])
    days = daily(pd.DataFrame({"customer_id": ["a"] * 3, "purchased_at": when, "amount": [5.0, -5.0, 0.0]}))
    assert btyd_table(as_known(days, date(2024, 1, 22)), date(2024, 1, 22)).iloc[0].tolist() == [
        "a",
        1.0,
        2.0,
        3.0,
        0.0,
    ]


# --- the published figures ----------------------------------------------------------------------------------------------


def test_a_purchase_that_came_back_was_one_until_then():
    """Bought for 5 and for 7 on one day; the 7 came back ten days later."""
    when = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-11"])
    back = pd.to_datetime([None, "2024-01-11", None])
    days = daily(
        pd.DataFrame({"customer_id": "a", "purchased_at": when, "amount": [5.0, 7.0, -7.0], "sent_back_at": back})
    )
    assert [as_known(days, date(2024, 1, day))["spend"].tolist() for day in (10, 11)] == [[12.0], [5.0]]


def test_what_was_paid_back_in_part_is_counted_in_the_share_it_is_of_spend() -> None:
    """100 of which 30 came back, 50 kept, and 20 sent back as a whole, which counts on neither side: 30 of 150."""
    when = pd.to_datetime(["2024-03-01", "2024-03-02", "2024-03-03", "2024-03-04", "2024-03-05"])
    back = [pd.NaT, pd.NaT, when[4], pd.NaT, pd.NaT]
    log = pd.DataFrame(
        {"customer_id": "a", "purchased_at": when, "amount": [100.0, 50.0, 20.0, -30.0, -20.0], "sent_back_at": back}
    )
    assert btyd.kept_in_part(log, daily(log)) == pytest.approx(0.2)
    assert btyd.kept_in_part(log[:2], daily(log[:2])) == 0.0
    assert btyd.kept_in_part(log[3:], daily(log[3:])) == 0.0, "no purchase at all"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bg_nbd", "mbg_nbd", pytest.param("pareto_nbd", marks=pytest.mark.slow)])
def test_published_fits(kind: str, published: pd.DataFrame) -> None:
    params, log_likelihood = PUBLISHED[kind]
    fitted = fit_purchases(published, kind)
    assert fitted.log_likelihood == pytest.approx(log_likelihood, abs=0.01)
    assert fitted.params == pytest.approx(params, rel=1e-3)
    assert fitted.at_bound == []


def test_published_money(published: pd.DataFrame) -> None:
    money = fit_money(published)
    assert money.params == pytest.approx({"p": 6.249, "q": 3.745, "v": 15.448}, rel=1e-3)
    assert money.log_likelihood == pytest.approx(-4055.92, abs=0.01)
    assert money.mean == pytest.approx(35.171, abs=0.01)


def test_published_customer() -> None:
    known = row(2, 30.43, 38.86)
    assert alive(MODELS["bg_nbd"], known)[0] == pytest.approx(0.7266, abs=1e-4)
    assert expected_purchases(MODELS["bg_nbd"], known, WEEKS)[0] == pytest.approx(1.226, abs=1e-3)


@pytest.mark.slow
def test_published_holdout(log: pd.DataFrame, published: pd.DataFrame) -> None:
    """39 weeks later: 1,882 purchases happened, BG/NBD expected 1,653.4."""
    expected = expected_purchases(fit_purchases(published, "bg_nbd"), published, WEEKS)
    days, cutoff = as_known(daily(log), date.max), date(1997, 9, 30).toordinal()
    later = days[(days["day"] > cutoff) & (days["day"] <= cutoff + WEEKS * 7)].groupby("customer_id").size()
    actual = later.reindex(sorted(set(days["customer_id"])), fill_value=0).to_numpy()
    assert actual.sum() == 1882
    assert expected.sum() == pytest.approx(1653.4, abs=0.1)
    assert np.abs(expected - actual).mean() == pytest.approx(0.785, abs=0.001)


# --- traps ---------------------------------------------------------------------------------------------------------------


def test_trap_one_time_buyers_never_leave_under_bg_nbd(published: pd.DataFrame) -> None:
    once = published[published["frequency"] == 0]
    assert len(once) == 1411
    assert (alive(MODELS["bg_nbd"], once) == 1).all()
    with pytest.raises(DataError, match="cannot tell who has left"):
        silent(MODELS["bg_nbd"], once, WEEKS)
    for kind in ("mbg_nbd", "pareto_nbd"):
        risk = silent(MODELS[kind], once.sort_values("T"), WEEKS)
        assert (np.diff(risk) >= -1e-12).all(), "the longer ago, the less likely to return"
        assert risk.max() - risk.min() > 0.02


@pytest.mark.slow
def test_trap_without_one_time_buyers_the_fit_is_of_other_people(published: pd.DataFrame) -> None:
    fitted = fit_purchases(published[published["frequency"] > 0], "bg_nbd")
    assert fitted.params == pytest.approx({"r": 2.88, "alpha": 20.3, "a": 0.67, "b": 1.21}, rel=0.01)


def test_nobody_returned() -> None:
    with pytest.raises(DataError, match="no customer bought again"):
        fit_purchases(row(0, 0, 10), "mbg_nbd")
    with pytest.raises(DataError, match="no repeat purchase cost anything"):
        fit_money(row(0, 0, 10).assign(monetary_value=0.0))


# --- against brute force -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0.0, 30.0), (3, 20.0, 30.0), (12, 29.0, 30.0)])
@pytest.mark.parametrize("kind", ["mbg_nbd", "pareto_nbd"])
def test_forecasts_are_the_mean_over_a_million_customers(kind: str, x: int, t_x: float, T: float) -> None:
    """Each simulated customer's own rate and chance of leaving, weighted by how well they explain what was seen."""
    random, weeks, n = np.random.default_rng(1), 10.0, 1_000_000
    r, alpha, third, fourth = MODELS[kind].params.values()
    rate = random.gamma(r, 1 / alpha, n)
    if kind == "mbg_nbd":
        leave = random.beta(third, fourth, n)
        stayed = (1 - leave) ** (x + 1) * rate**x * np.exp(-rate * T)
        left = leave * (1 - leave) ** x * rate**x * np.exp(-rate * t_x)
        nothing, ahead = np.exp(-rate * weeks), -np.expm1(-rate * leave * weeks) / leave
    else:
        leave = random.gamma(third, 1 / fourth, n)
        both = rate + leave
        stayed = rate**x * np.exp(-both * T)
        left = rate**x * leave / both * (np.exp(-both * t_x) - np.exp(-both * T))
        nothing = np.exp(-both * weeks) - leave / both * np.expm1(-both * weeks)
        ahead = rate * -np.expm1(-leave * weeks) / leave
    whole, customer, model = (stayed + left).mean(), row(x, t_x, T), MODELS[kind]
    assert alive(model, customer)[0] == pytest.approx(stayed.mean() / whole, rel=0.02)
    assert silent(model, customer, weeks)[0] == pytest.approx(1 - (stayed * (1 - nothing)).mean() / whole, rel=0.02)
    expected = expected_purchases(model, customer, weeks)[0]
    assert expected == pytest.approx(np.nanmean(stayed * ahead) / whole, rel=0.03)


@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0.0, 38.86), (2, 30.43, 38.86), (7, 3.0, 20.0)])
def test_pareto_likelihood_is_the_papers_difference_of_hypergeometrics(x: int, t_x: float, T: float) -> None:
    r, alpha, s, beta = params = np.array([0.55, 10.6, 0.61, 11.7])
    c = r + s + x

    def part(t: float) -> float:  # alpha < beta
        return hyp2f1(c, r + x, c + 1, (beta - alpha) / (beta + t)) / (beta + t) ** c

    stayed = (alpha + T) ** -(r + x) * (beta + T) ** -s
    paper = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    paper += np.log(stayed + s / c * (part(t_x) - part(T)))
    [own] = btyd._pareto(params, *(np.array([float(value)]) for value in (x, t_x, T)))
    assert own == pytest.approx(paper, rel=1e-10)


def test_bg_likelihood_by_hand() -> None:
    r, alpha, a, b = params = np.array([0.24, 4.4, 0.8, 2.4])
    x, t_x, T = 2, 30.43, 38.86
    stayed = np.exp(betaln(a, b + x) - betaln(a, b)) * (alpha + T) ** -(r + x)
    left = np.exp(betaln(a + 1, b + x - 1) - betaln(a, b)) * (alpha + t_x) ** -(r + x)
    paper = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + np.log(stayed + left)
    assert btyd._bg(params, *(np.array([float(value)]) for value in (x, t_x, T)))[0] == pytest.approx(paper, rel=1e-12)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(
    kind=st.sampled_from(["mbg_nbd", "pareto_nbd"]),
    logs=st.lists(st.floats(-5, 6), min_size=4, max_size=4),
    x=st.integers(0, 2000),
    share=st.floats(0, 1),
    T=st.floats(0, 500),
    weeks=st.floats(0.1, 200),
)
def test_extremes_stay_probabilities(
    kind: str, logs: list[float], x: int, share: float, T: float, weeks: float
) -> None:
    """Thousands of purchases, hardly anybody leaving, nobody seen twice: no overflow, nothing outside 0 to 1."""
    model = Purchases(kind, dict(zip(btyd.BTYD_NAMES[kind], np.exp(logs).tolist(), strict=True)), 0.0, [])
    customer = row(x, share * T if x else 0.0, T)
    assert 0 <= alive(model, customer)[0] <= 1
    assert -1e-12 <= silent(model, customer, weeks)[0] <= 1 + 1e-12
    expected = expected_purchases(model, customer, weeks)[0]
    rate = (model.params["r"] + x) / (model.params["alpha"] + T)
    assert -1e-9 <= expected <= rate * weeks * (1 + 1e-6) + 1e-9, "nobody buys more than one who never leaves"


def test_leaving_at_exactly_one_is_no_singularity() -> None:
    near = [
        expected_purchases(
            Purchases(kind, dict(zip(btyd.BTYD_NAMES[kind], values, strict=True)), 0.0, []), row(3, 9, 10), 20
        )[0]
        for kind, values in (
            ("mbg_nbd", (1.0, 2.0, 1.0, 3.0)),
            ("mbg_nbd", (1.0, 2.0, 1.0001, 3.0)),
            ("pareto_nbd", (1.0, 2.0, 1.0, 3.0)),
            ("pareto_nbd", (1.0, 2.0, 1.0001, 3.0)),
        )
    ]
    assert near[0] == pytest.approx(near[1], rel=1e-3)
    assert near[2] == pytest.approx(near[3], rel=1e-3)


@pytest.mark.slow
def test_known_parameters_are_found_again() -> None:
    random, n, T = np.random.default_rng(0), 4000, 52.0
    rows = []
    for rate, leave in zip(random.gamma(1.0, 1 / 4, n), random.beta(1.0, 4.0, n), strict=True):
        t, x, last = 0.0, 0, 0.0
        while random.random() >= leave:
            t += random.exponential(1 / rate)
            if t > T:
                break
            x, last = x + 1, t
        rows.append((x, last, T))
    table = pd.DataFrame(rows, columns=["frequency", "recency", "T"]).astype("float64")
    fitted = fit_purchases(table, "mbg_nbd").params
    assert fitted["r"] / fitted["alpha"] == pytest.approx(0.25, rel=0.1)
    assert fitted["a"] / (fitted["a"] + fitted["b"]) == pytest.approx(0.2, rel=0.1)


def test_money_shrinks_to_everybodys_mean() -> None:
    money = Money({"p": 6.249, "q": 3.745, "v": 15.448}, 0.0)
    means = expected_money(money, pd.DataFrame({"frequency": [0.0, 1, 10, 1000], "monetary_value": [0.0, 80, 80, 80]}))
    assert means[0] == pytest.approx(money.mean)
    assert (np.diff(means) > 0).all()
    assert means[-1] == pytest.approx(80, rel=1e-2)
