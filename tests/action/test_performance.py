"""The segments over time: figures by hand and by pandas, sums equal to the log's, lights for targets."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from segmentations import on_a_line
from segments.action.performance import Performance, performance, targets_met
from segments.app.load import load
from segments.app.stages.performance import scored_as_of
from segments.config.performance import PerformanceConfig, Target
from segments.config.source import Source, Transactions
from segments.errors import ConfigError
from segments.features.table import build_features
from segments.io.store import catalog
from segments.io.store.documents import CleaningReport
from segments.model.segmentation import number_segments
from small_project import CHECKOUT
from smallest_config import config as smallest

SEGMENTS = number_segments(["regular", "rare"])
LAST = date(2024, 4, 30)


def log(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["customer_id", "order_id", "purchased_at", "amount"])
    return table.assign(purchased_at=pd.to_datetime(table["purchased_at"]))


def followed(
    lines: pd.DataFrame, by_day: dict[str, dict[str, int]], last: date = LAST, **settings: object
) -> Performance:
    """As of a day, members are those of the latest entry that is not later."""

    def members(day: date) -> pd.DataFrame:
        known = by_day[max(one for one in by_day if one <= str(day))]
        return pd.DataFrame({"customer_id": list(known), "cluster": list(known.values())})

    relation = duckdb.from_df(lines, connection=duckdb.connect())
    return performance(relation, members, members(last), SEGMENTS, last, PerformanceConfig(**settings))  # type: ignore[arg-type]


BY_HAND = log(
    ("a", "1", "2024-01-01 10:00", 10.0),
    ("a", "1", "2024-01-01 10:00", 5.5),  # a second line of the same visit
    ("b", "2", "2024-01-20 10:00", 20.0),
    ("a", "3", "2024-02-10 10:00", 30.0),
    ("a", "4", "2024-03-01 10:00", 8.0),
    ("a", "5", "2024-03-02 10:00", -3.0),  # a return is no visit
    ("b", "6", "2024-04-02 10:00", 7.0),  # after 73 days
    ("c", "7", "2024-04-30 10:00", 1.0),
)
WHERE = {
    "2024-01-01": {"a": 0, "b": 0},
    "2024-02-29": {"a": 0, "b": 1},
    "2024-04-30": {"a": 1, "b": 0},  # c cannot be scored
}


def test_figures_by_hand() -> None:
    made = followed(BY_HAND, WHERE, inactive_days=30)
    then = made.table[made.table["membership"] == "then"].set_index(["period", "segment_id"])
    assert then.loc["2024-01", "S1"][["members", "active_customers", "visits"]].tolist() == [2, 2, 2]
    assert then.loc["2024-01", "S1"][["revenue", "basket"]].tolist() == [35.5, 17.75]
    assert then.loc["2024-03", "S1"][["revenue", "visits", "basket"]].tolist() == [5.0, 1, 5.0]
    assert then.loc["2024-02", "S1"]["revenue_change"] == pytest.approx(30 / 35.5 - 1)
    assert then.loc["2024-02", "S2"][["members", "active_customers", "revenue"]].tolist() == [1, 0, 0.0]
    assert np.isnan(then.loc["2024-02", "S2"]["basket"]) and np.isnan(then.loc["2024-02", "S2"]["revenue_change"])
    assert then.loc["2024-04", "none"][["segment", "members", "revenue"]].tolist() == ["in no segment", 1, 1.0]
    assert then.loc["2024-04", "all"][["members", "active_customers", "revenue"]].tolist() == [3, 2, 8.0]
    assert ("2024-03", "none") not in then.index


def test_who_churned_is_counted_where_they_bought_last_and_who_is_won_back_where_they_are() -> None:
    made = followed(BY_HAND, WHERE, inactive_days=30)
    for membership, rows in (
        # a is silent from 1 to 31 January and from 1 (the return is no purchase) to 31 March, b from 20 January to 19 February
        ("then", {("2024-01", "S1"): 1, ("2024-02", "S1"): 1, ("2024-03", "S1"): 1}),
        ("today", {("2024-01", "S2"): 1, ("2024-02", "S1"): 1, ("2024-03", "S2"): 1}),
    ):
        own = made.table[(made.table["membership"] == membership) & (made.table["segment_id"] != "all")]
        long = own.melt(["period", "segment_id"], ["churned", "won_back"]).query("value > 0")
        found = long.set_index(["period", "segment_id", "variable"])["value"].to_dict()
        churned = {(period, segment, "churned"): count for (period, segment), count in rows.items()}
        a = "S1" if membership == "then" else "S2"
        assert found == churned | {("2024-02", a, "won_back"): 1, ("2024-04", "S1", "won_back"): 1}


@pytest.mark.slow
def test_movers_of_the_last_whole_month_and_what_they_are_worth() -> None:
    moves = followed(BY_HAND, WHERE, inactive_days=30, worth_periods=2).movers
    assert moves[["from_id", "to_id", "customers", "revenue"]].values.tolist() == [
        ["S1", "S2", 1, 5.0],
        ["S2", "S1", 1, 7.0],
    ]
    # March and April: a, now S2, paid 5; b, now S1, paid 7
    assert moves["worth"].tolist() == [-2.0, 2.0]
    begun = followed(BY_HAND, WHERE, last=date(2024, 4, 29))
    assert (begun.facts.last, len(begun.movers)) == ("2024-03", 0)
    assert begun.facts.notes == ["2024-04 is not whole: the log covers 29 of its 30 days"]


@pytest.mark.slow
@pytest.mark.parametrize(("period", "frequency"), [("month", "M"), ("week", "W-SUN")])
def test_segments_and_periods_add_up_to_the_log(period: str, frequency: str) -> None:
    random = np.random.default_rng(1)
    n = 4000
    days = pd.Timestamp("2022-11-05") + pd.to_timedelta(random.integers(0, 500 * 24, n), unit="h")
    lines = pd.DataFrame(
        {
            "customer_id": random.integers(0, 200, n).astype(str),
            "order_id": random.integers(0, 1500, n).astype(str),
            "purchased_at": days,
            "amount": random.integers(-500, 5000, n) / 100,
            "discount": random.integers(0, 300, n) / 100,
        }
    )
    last = lines["purchased_at"].max().date()
    members = {str(one): {str(i): (i * one) % 2 for i in range(0, 200, 3)} for one in (1, 2)}
    relation = duckdb.from_df(lines, connection=duckdb.connect())
    who = [pd.DataFrame({"customer_id": list(one), "cluster": list(one.values())}) for one in members.values()]
    settings = PerformanceConfig(period=period, periods=600)  # type: ignore[arg-type]
    table = performance(relation, lambda day: who[day.month % 2], who[0], SEGMENTS, last, settings).table
    cents = int((lines["amount"] * 100).round().sum())
    parts = table[table["segment_id"] != "all"]
    assert [round(own["revenue"].sum() * 100) for _, own in parts.groupby("membership")] == [cents, cents]
    lines["period"] = lines["purchased_at"].dt.to_period(frequency).dt.start_time.dt.strftime("%Y-%m-%d")
    bought = lines[lines["amount"] >= 0]
    expected = pd.DataFrame(
        {
            "revenue": lines.groupby("period")["amount"].sum(),
            "active_customers": bought.groupby("period")["customer_id"].nunique(),
            "visits": bought.drop_duplicates(["period", "customer_id", "order_id"]).groupby("period").size(),
            "discount_share": lines.groupby("period")["discount"].sum(),
        }
    )
    spend = lines["amount"].clip(lower=0).groupby(lines["period"]).sum()
    expected["discount_share"] /= expected["discount_share"] + spend
    for membership in ("then", "today"):
        whole = table[(table["membership"] == membership) & (table["segment_id"] == "all")].set_index("first_day")
        pd.testing.assert_frame_equal(whole[list(expected)], expected, check_names=False, check_dtype=False)
    assert "coupon_share" not in table
    year = table[(table["membership"] == "then") & (table["segment_id"] == "all")].set_index("first_day")["revenue"]
    now, before = ("2024-01-01", "2023-01-01") if period == "month" else ("2024-02-05", "2023-02-06")
    latest = table[(table["membership"] == "then") & (table["segment_id"] == "all") & (table["first_day"] == now)]
    assert latest["revenue_change_year"].item() == pytest.approx(year[now] / year[before] - 1)


def test_only_the_latest_periods_are_shown_and_that_is_said() -> None:
    made = followed(BY_HAND, WHERE, periods=2, inactive_days=30)
    assert made.table["period"].unique().tolist() == ["2024-03", "2024-04"]
    assert made.facts.notes == [
        "the log begins on 2024-01-01; of its 4 months the last 2 are shown (performance.periods)"
    ]


@pytest.mark.slow
def test_the_members_of_a_month_are_those_its_features_are_scored_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = Source("shop", transactions=Transactions("x.csv", "a", "b", "c"), as_of=str(LAST))
    config = replace(smallest(), source=source)
    lines = BY_HAND.assign(store_id="s", product_id="p", department="d")
    catalog.write(catalog.CLEAN_TRANSACTIONS, lines)
    catalog.write(catalog.CLEANING_REPORT, CleaningReport("shop", {}))
    model = on_a_line([10.0, 40.0], "monetary")
    assert scored_as_of(config, model, date(2023, 12, 31)).empty
    for day, customers in ((date(2024, 1, 31), 2), (date(2024, 3, 31), 2), (LAST, 3)):
        features = build_features(None, lines, replace(source, as_of=str(day)), config.features).table
        expected = features[["customer_id"]].assign(cluster=model.predict(features)["cluster"])
        found = scored_as_of(config, model, day)
        assert len(found) == customers
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_a_light_for_each_target() -> None:
    made = followed(BY_HAND, WHERE, inactive_days=30)
    wanted = [
        Target("revenue", at_least=8),
        Target("revenue", at_most=7, segment="regular"),
        Target("churned", at_most=0, segment="S1", period="2024-02"),
        Target("basket", at_least=1, segment="rare", period="2024-02"),
        Target("revenue", at_least=1, segment="regulars"),
        Target("revenue", at_least=1, period="2023-01"),
        Target("coupon_share", at_most=0.1),
    ]
    lights = targets_met(wanted, made.table, SEGMENTS, made.facts.last)
    assert lights["light"].tolist() == ["met", "met", "missed", *["no data"] * 4]
    assert lights["value"].tolist()[:3] == [8.0, 7.0, 1.0]
    assert lights["why"].tolist()[3:] == [
        "there is no basket of it",
        "no segment is called 'regulars'; there are: all, S1 regular, S2 rare",
        "the table has no period '2023-01'",
        "there is no coupon_share of it",
    ]


@pytest.mark.slow
def test_targets_are_read_from_conf_and_a_wrong_one_is_an_error(tmp_path: Path) -> None:
    assert load(project=CHECKOUT).targets["completejourney"][0] == Target("revenue", at_least=400000)
    shutil.copytree(CHECKOUT / "conf", tmp_path / "conf")
    for line, complaint in (
        ("{metric: revenu, at_least: 1}", "'revenu' is not a known value"),
        ("{metric: revenue, at_least: 1, at_most: 2}", "a target has either at_least or at_most"),
    ):
        (tmp_path / "conf/targets.yaml").write_text(f"shop:\n  - {line}\n")
        with pytest.raises(ConfigError, match=complaint) as raised:
            load(project=tmp_path)
        assert str(raised.value.where).startswith("targets.shop")
    (tmp_path / "conf/targets.yaml").unlink()
    assert load(project=tmp_path).targets == {}
