"""How much of the time after segments explain: by hand, at random, perfectly; and nothing of later time in the labels."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from segments.app.load import checked
from segments.clustering.candidate import Spec
from segments.config.evidence import UsefulnessConfig
from segments.config.features import FeaturesConfig
from segments.config.source import Source, Transactions
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.errors import ConfigError
from segments.evidence.sensitivity import labels_of
from segments.evidence.usefulness import GROUPS, Outcome, error_of, outcomes_of, usefulness
from segments.features.table import build_features
from segments.forecast.earlier_days import blind

CONFIG = UsefulnessConfig()


def outcome(values: list[float] | np.ndarray, loss: str = "squares", name: str = "spend") -> Outcome:
    table = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    return Outcome(name, np.arange(len(table)), table, loss)


def test_by_hand() -> None:
    """Each of four is predicted by the other of its segment and one as everybody else: 0 by (0 + 20 / 3) / 2, 10 by (10 + 10 / 3) / 2."""
    found = usefulness({"s": np.array([0, 0, 1, 1])}, [outcome([0.0, 0, 10, 10])], UsefulnessConfig(folds=4))
    lost, before = 4 * (10 / 3) ** 2, 4 * (20 / 3) ** 2
    assert found.table.loc["s", "useful_spend"] == pytest.approx(1 - lost / before)
    # without one customer three of each remain, which are all alike: no error
    assert found.table.loc["s", "useful_spend_error"] == pytest.approx(0, abs=1e-9)
    assert found.without.shape == (4, 1)


@pytest.mark.parametrize("loss", ["squares", "poisson", "bernoulli"])
def test_random_segments_explain_nothing_and_those_that_know_it_explain_it_all(loss: str) -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 2, 4000)
    labels = {"perfect": truth, "random": random.integers(0, 4, 4000), "one": np.zeros(4000, dtype=int)}
    table = usefulness(labels, [outcome(truth, loss)], CONFIG).table["usefulness"]
    assert table["perfect"] > 0.99
    assert abs(table["random"]) < 0.005
    assert table["one"] == 0


def test_the_error_is_that_of_other_customers() -> None:
    """The spread over forty samples of 500 customers is what the error of one says, within a fifth."""
    random = np.random.default_rng(2)
    values, errors = [], []
    for _ in range(40):
        labels = random.integers(0, 2, 500)
        found = usefulness({"s": labels}, [outcome(labels + random.normal(size=500))], CONFIG).table
        values.append(found.loc["s", "usefulness"])
        errors.append(found.loc["s", "usefulness_error"])
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.25)


def test_differences_are_measured_on_the_same_customers() -> None:
    """Two cuts that differ in one customer of a thousand differ by far less than either errs."""
    random = np.random.default_rng(3)
    one = random.integers(0, 2, 1000)
    other = np.r_[1 - one[0], one[1:]]
    found = usefulness({"a": one, "b": other}, [outcome(one + random.normal(size=1000))], CONFIG)
    assert found.without.shape == (GROUPS, 2)
    assert error_of((found.without["a"] - found.without["b"]).to_numpy()) < found.table["usefulness_error"]["a"] / 5


def test_one_group_of_customers_tells_no_error() -> None:
    assert np.isnan(error_of(np.array([0.3])))


def test_what_it_is_made_for_decides_the_mean() -> None:
    spend, visits = outcome([0.0, 0, 9, 9]), outcome([0.0, 9, 0, 9], name="visits")
    labels = {"s": np.array([0, 0, 1, 1])}
    both = usefulness(labels, [spend, visits], CONFIG).table.loc["s"]
    assert both["usefulness"] == pytest.approx((both["useful_spend"] + both["useful_visits"]) / 2)
    for_visits = usefulness(labels, [spend, visits], UsefulnessConfig(weights={"visits": 2})).table.loc["s"]
    assert for_visits["usefulness"] == for_visits["useful_visits"]
    nothing = usefulness(labels, [spend], UsefulnessConfig(weights={"churn": 1}))
    assert np.isnan(nothing.table.loc["s", "usefulness"])


def test_outcomes_by_hand() -> None:
    ahead = pd.DataFrame(
        {
            "customer_id": ["a", "c", "stranger"],
            "monetary": [10.0, -5.0, 99.0],
            "frequency": [2.0, 1.0, 9.0],
            "discount_share": [0.5, 0.25, 0.0],
        }
    )
    mix = pd.DataFrame({"customer_id": ["a", "c"], "spend_on_fish": [1.0, 0.25], "spend_on_other": [0.0, 0.75]})
    found, notes = outcomes_of(pd.Series(["a", "b", "c"]), ahead, mix, CONFIG)
    outcomes = {one.name: (one.rows.tolist(), one.values.tolist()) for one in found}
    assert outcomes == {
        "spend": ([0, 1, 2], [[10.0], [0.0], [0.0]]),  # what came back is no spend
        "visits": ([0, 1, 2], [[2.0], [0.0], [1.0]]),
        "churn": ([0, 1, 2], [[0.0], [1.0], [0.0]]),
        "discount_share": ([0, 2], [[0.5], [0.25]]),
        "category_mix": ([0, 2], [[1.0, 0.0], [0.25, 0.75]]),
    }
    assert notes == []
    everybody, notes = outcomes_of(pd.Series(["a", "c"]), ahead, mix[["customer_id"]], CONFIG)
    assert [one.name for one in everybody] == ["spend", "visits", "discount_share"]
    assert notes == ["churn: the same of all 2 customers", "category_mix: the log tells none"]


def test_few_large_ones_are_capped() -> None:
    people = [str(i) for i in range(200)]
    ahead = pd.DataFrame({"customer_id": people, "monetary": np.r_[np.arange(199.0), 1e9], "frequency": 1.0})
    [spend], _ = outcomes_of(pd.Series(people), ahead, ahead[["customer_id"]], UsefulnessConfig(outcomes=["spend"]))
    assert spend.values.max() == 197.0, "99 % of 200 is the 198th"


def test_a_line_after_the_day_changes_no_label() -> None:
    random = np.random.default_rng(4)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 60, 300), unit="D")
    log = pd.DataFrame(
        {
            "customer_id": random.integers(0, 40, 300).astype(str),
            "order_id": [str(i) for i in range(300)],
            "purchased_at": days,
            "amount": random.exponential(20, 300),
        }
    )
    source = Source("toy", as_of="2024-03-31", transactions=Transactions("log.csv", "who", "when", "paid"))
    spec = Spec("toy", FeatureSet("x", {"monetary": Feature()}), Scaler("standard"), Algorithm(), 3, 0)

    def build(lines: pd.DataFrame, day: date) -> pd.DataFrame:
        return build_features(None, lines, Source(**{**source.__dict__, "as_of": str(day)}), FeaturesConfig()).table

    later = log.assign(purchased_at=pd.Timestamp("2024-03-15"), amount=9999.0)
    before, after = (blind(build, one, date(2024, 3, 1)) for one in (log, pd.concat([log, later])))
    pd.testing.assert_frame_equal(before, after)
    assert np.array_equal(labels_of(before, [spec])[0], labels_of(after, [spec])[0])


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [("outcomes", [], "the list is empty"), ("cap", 0, "out of range"), ("folds", 1, "out of range")],
)
def test_the_section_refuses_what_makes_no_sense(key: str, value: object, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        checked(UsefulnessConfig, {key: value}, "usefulness")
    assert refused.value.where == f"usefulness.{key}"
