"""One customer's features after new purchases are those of the whole log summed up again with them, to the last digit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.config.features import FeaturesConfig
from segments.features.purchases import transaction_features
from segments.features.update import CustomerLog

BEGIN = datetime(2024, 1, 1)
MORE = {
    "discount": st.sampled_from([0.0, 0.5, 1.25, 0.1]),
    "coupon": st.sampled_from([0.0, 1.0]),
    "product_id": st.sampled_from(["p1", "p2", "p3", None]),
    "store_id": st.sampled_from(["s1", "s2", None]),
    "department": st.sampled_from(["bread", "fish", None]),
    "private_label": st.booleans(),
}
TIMES = st.one_of(
    st.integers(0, 40).map(lambda day: BEGIN + timedelta(days=day)),
    st.integers(0, 40 * 86_400).map(lambda second: BEGIN + timedelta(seconds=second)),
)


def line(columns: list[str], *, bought: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    money = st.sampled_from([0.0, 0.1, 3.333, 19.99, 1e9, 0.00004] + ([] if bought else [-3.333, -0.00004]))
    own = {"order_id": st.sampled_from(["a", "b", "c", "new"]), "purchased_at": TIMES, "amount": money}
    return st.fixed_dictionaries(own | {name: MORE[name] for name in columns})


@st.composite
def cases(draw: st.DrawFn) -> tuple[pd.DataFrame, list[dict[str, Any]], date, FeaturesConfig]:
    columns = draw(st.sampled_from([[], ["discount", "product_id"], list(MORE)]))
    log = draw(st.lists(line(columns), min_size=2, max_size=8))
    customers = draw(st.lists(st.sampled_from(["7", "7", "8"]), min_size=len(log), max_size=len(log)))
    lines = pd.DataFrame(log).assign(customer_id=customers)
    if draw(st.booleans()):
        back = [
            one + timedelta(days=draw(st.integers(0, 9))) if draw(st.booleans()) else None
            for one in lines["purchased_at"]
        ]
        lines["sent_back_at"] = pd.Series(back, dtype="datetime64[us]")
    events = draw(st.lists(line(columns, bought=True), max_size=4))
    config = FeaturesConfig(window_days=draw(st.sampled_from([None, 10])))
    return lines, events, (BEGIN + timedelta(days=45 - draw(st.integers(0, 45)))).date(), config


def typed(lines: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in lines if name.endswith("_id") or name == "department"]
    times = [name for name in lines if name.endswith("_at")]
    return lines.astype(dict.fromkeys(texts, "string") | dict.fromkeys(times, "datetime64[us]"))


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(cases())
def test_after_events_the_features_are_those_of_the_whole_log(
    case: tuple[pd.DataFrame, list[dict[str, Any]], date, FeaturesConfig],
) -> None:
    lines, events, as_of, config = case
    log = CustomerLog(pa.Table.from_pandas(typed(lines), preserve_index=False))
    numbers = [
        one | {"purchased_at": int((one["purchased_at"] - datetime(1970, 1, 1)).total_seconds())} for one in events
    ]
    found = log.features("7", log.lines_of_events(numbers), as_of, config)

    more = pd.DataFrame([one | {"customer_id": "7"} for one in events], columns=[*lines.columns])
    whole = typed(pd.concat([lines, more.astype(lines.dtypes.to_dict())]) if events else lines)
    until = pd.Timestamp(as_of) + timedelta(days=1)
    begins = until - timedelta(days=config.window_days or 10_000)
    if not whole["purchased_at"].between(begins, until, inclusive="left").any():
        assert found is None
        return
    expected = transaction_features(whole, as_of, config).set_index("customer_id")
    if "7" not in expected.index:
        assert found is None
        return
    assert found is not None
    assert found == expected.loc["7"].to_dict()


@pytest.mark.parametrize("window", [None, 15])
def test_on_a_log_of_all_kinds_of_lines(window: int | None) -> None:
    """Every column at once, with lines on the edges of days, weekends, halves, and of being sent back."""
    random, n = np.random.default_rng(3), 400
    days, config = random.integers(0, 40, n), FeaturesConfig(window_days=window)
    seconds = random.choice([0, 1, 43_199, 43_200, 61_199, 61_200, 86_399], n)
    at = pd.Timestamp(BEGIN) + pd.to_timedelta(days * 86_400 + seconds, unit="s")
    lines = pd.DataFrame({
        "customer_id": random.choice(["7", "8", "9", "10"], n),
        "order_id": random.choice([f"o{number}" for number in range(90)], n),
        "purchased_at": at,
        "amount": random.choice([0.0, 0.00005, 3.333, 19.99, -3.333, 250.0], n),
        "discount": random.choice([0.0, 0.1, 1.25], n),
        "coupon": random.choice([0.0, 1.0], n),
        "product_id": random.choice(["p1", "p2", "p3", None], n),
        "store_id": random.choice(["s1", "s2", None], n),
        "department": random.choice(["bread", "fish"], n),
        "private_label": random.random(n) < 0.4,
        "sent_back_at": pd.Series(at.normalize() + pd.to_timedelta(random.integers(1, 9, n), unit="D")).where(random.random(n) < 0.3),
    })  # fmt: skip
    old, new = (
        lines[days < 30],
        lines[(days >= 30) & (lines["amount"] > 0) & (lines["customer_id"] == "7")].assign(sent_back_at=pd.NaT),
    )
    assert len(new) > 10
    log = CustomerLog(pa.Table.from_pandas(typed(old), preserve_index=False))
    rows = new.drop(columns="sent_back_at").replace({np.nan: None}).to_dict("records")
    events = log.lines_of_events(
        [one | {"purchased_at": int((one["purchased_at"] - pd.Timestamp(0)).total_seconds())} for one in rows]
    )
    for as_of in (date(2024, 1, 20), date(2024, 1, 31), date(2024, 2, 9), date(2024, 2, 14)):
        expected = transaction_features(typed(pd.concat([old, new])), as_of, config).set_index("customer_id")
        assert log.features("7", events, as_of, config) == expected.loc["7"].to_dict()
        none = log.lines_of_events([])
        before = (
            transaction_features(typed(old), as_of, config).set_index("customer_id")
            if as_of < date(2024, 2, 9)
            else None
        )
        for other in ("8", "9", "10"):
            if before is not None:
                assert log.features(other, none, as_of, config) == before.loc[other].to_dict()


def test_a_stranger_is_what_the_events_say() -> None:
    table = pa.table(
        {
            "customer_id": ["8"],
            "order_id": ["a"],
            "amount": [1.0],
            "purchased_at": pa.array([datetime(2024, 1, 1)], pa.timestamp("us")),
        }
    )
    log = CustomerLog(table)
    assert log.columns == ["order_id", "amount", "purchased_at"]
    assert log.features("7", log.lines_of_events([]), date(2024, 1, 2), FeaturesConfig()) is None
    at = int(datetime(2024, 1, 2).timestamp() - datetime(1970, 1, 1).timestamp())
    event = {"order_id": "b", "amount": 2.5, "purchased_at": at}
    found = log.features("7", log.lines_of_events([event]), date(2024, 1, 2), FeaturesConfig())
    assert found is not None and (found["monetary"], found["recency_days"], found["frequency"]) == (2.5, 0.0, 1.0)
    assert "morning_share" not in found  # no line tells the time


@pytest.mark.parametrize("seconds", [0, 1])
def test_the_last_second_of_a_day_is_that_day(seconds: int) -> None:
    at = datetime(2024, 1, 2) - timedelta(seconds=1 - seconds)
    table = pa.table(
        {"customer_id": ["7"], "order_id": ["a"], "amount": [1.0], "purchased_at": pa.array([at], pa.timestamp("us"))}
    )
    log = CustomerLog(table)
    found = log.features("7", log.lines_of_events([]), date(2024, 1, 1), FeaturesConfig())
    assert (found is None) == bool(seconds)
