"""Churn and value on later time: no leak, honest comparison, forecasts that add up; and the stage that writes and records them."""

from __future__ import annotations

import shutil
from copy import deepcopy
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

import by_hand
from segments.app.load import checked, load
from segments.app.stages import prediction as stage
from segments.app.stages import profiles as profiles_stage
from segments.clustering.candidate import Spec, sweep_cell
from segments.config.features import FeaturesConfig
from segments.config.prediction import PredictionConfig, PredictionModel
from segments.config.registry import TrackingConfig
from segments.config.source import Source, Transactions
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.errors import ConfigError, DataError, ForecastError
from segments.features.table import build_features
from segments.forecast import comparison as room
from segments.forecast.btyd import as_known, daily
from segments.forecast.comparison import rows_of
from segments.forecast.earlier_days import align, blind, model_inputs
from segments.forecast.forecast import Prediction, _beyond_seen, predict
from segments.forecast.models import GLOBAL, Snapshot, fit
from segments.forecast.timeline import timeline, with_horizon
from segments.io.records import prediction
from segments.io.records.prediction import write_prediction_record
from segments.io.store.cache import forecasts
from segments.io.store.files import artifact, read_json, read_table, write_json, write_table
from segments.io.store.fingerprints import Start
from segments.io.tracking.candidates import track_candidates
from segments.io.tracking.connection import Tracker, connect
from segments.io.tracking.results import track_predictions

FIRST, AS_OF = date(2024, 1, 1), date(2024, 12, 30)
SOURCE = Source("shop", as_of=str(AS_OF), transactions=Transactions("log.csv", "c", "t", "a"))
SPEC = Spec(
    "shop",
    FeatureSet("rf", {"recency_days": Feature("log1p"), "frequency": Feature("log1p")}),
    Scaler("standard"),
    Algorithm(starts=2, max_fits=10),
    k=3,
    seed=0,
)
CONFIG = PredictionConfig(models=["recency"], horizon_days=90, bootstrap=100, min_customers=40, min_events=8)
MODELS = {
    "linear": PredictionModel("linear", "linear"),
    "recency": PredictionModel("recency", "recency"),
    "last_period": PredictionModel("last_period", "last_period"),
    "mbg_nbd": PredictionModel("mbg_nbd", "btyd"),
}


def shop(seed: int = 0, n: int = 400) -> pd.DataFrame:
    """A year of purchases; customers buy at their own rate until they leave."""
    random, rows = np.random.default_rng(seed), []
    for customer in range(n):
        rate, leaves, spend = random.gamma(2, 1 / 40), random.exponential(500), random.gamma(4, 5)
        day = random.uniform(0, 60)
        while day < min(leaves, 365):
            rows.append((str(customer), FIRST + timedelta(days=int(day)), round(random.gamma(3, spend / 3), 2) + 0.01))
            day += random.exponential(1 / rate)
    log = pd.DataFrame(rows, columns=["customer_id", "purchased_at", "amount"])
    log["purchased_at"] = pd.to_datetime(log["purchased_at"])
    return log.assign(order_id=[str(i) for i in range(len(log))])


def build(lines: Any, day: date) -> pd.DataFrame:
    return build_features(None, lines, replace(SOURCE, as_of=str(day)), FeaturesConfig()).table


def predicted(
    log: pd.DataFrame, models: dict[str, PredictionModel] = MODELS, config: PredictionConfig = CONFIG
) -> Prediction:
    features = build(log, AS_OF)
    [candidate] = sweep_cell(features, [SPEC])
    return predict(features, candidate.labels, log, build, SPEC, models, AS_OF, config)


@pytest.fixture(scope="session")
def log() -> pd.DataFrame:
    return shop()


@pytest.fixture(scope="session")
def made(log: pd.DataFrame) -> Prediction:
    return predicted(log)


# --- the days ------------------------------------------------------------------------------------------------------------


def test_the_holdout_is_later_than_everything_learned() -> None:
    when = timeline(FIRST, AS_OF, CONFIG)
    assert when.train + timedelta(days=90) == when.test == when.latest == AS_OF - timedelta(days=90)
    earlier = timeline(FIRST, AS_OF, replace(CONFIG, cutoff="2024-08-01"))
    assert (earlier.train, earlier.test, earlier.latest) == (date(2024, 5, 3), date(2024, 8, 1), date(2024, 10, 1))


@pytest.mark.parametrize(
    ("changes", "what", "where", "fix"),
    [
        ({"cutoff": "2030-01-01"}, "outside the data", "prediction.cutoff", "2024-06-28 to 2024-10-01"),
        ({"cutoff": "2020-01-01"}, "outside the data", "prediction.cutoff", "or null"),
        ({"cutoff": "2024-12-01"}, "leaves no room for 90 days", "prediction.cutoff", "2024-10-01"),
        ({"cutoff": "2024-02-01"}, "leaves no room for 90 days", "prediction.cutoff", "2024-06-28"),
        ({"horizon_days": 400}, "too long for a log of 365 days", "prediction.horizon_days", "at most 121 days"),
        ({"horizon_days": 122}, "too long", "prediction.horizon_days", "at most 121 days"),
    ],
)
def test_impossible_days_are_one_clear_error(changes: dict[str, Any], what: str, where: str, fix: str) -> None:
    with pytest.raises(ConfigError) as refused:
        timeline(FIRST, AS_OF, replace(CONFIG, **changes))
    assert what in refused.value.what and refused.value.where == where and fix in refused.value.fix


@pytest.mark.parametrize(("days", "horizon"), [(400, 90), (270, 90), (269, 89), (100, 33), (21, 7)])
def test_a_horizon_left_to_be_found_is_a_third_of_a_short_log(days: int, horizon: int) -> None:
    auto = checked(PredictionConfig, {"models": ["recency"], "horizon_days": "auto"})
    assert checked(PredictionConfig, asdict(auto)) == auto, "what is kept with a version is read again"
    config, said = with_horizon(auto, FIRST, FIRST + timedelta(days=days - 1))
    assert config.horizon_days == horizon and bool(said) == (horizon < 90)
    assert timeline(FIRST, FIRST + timedelta(days=days - 1), config).horizon_days == horizon


def test_of_less_than_three_weeks_nothing_is_foreseen() -> None:
    auto = replace(CONFIG, horizon_days="auto")
    with pytest.raises(ForecastError, match="the log covers 20 days, and 21 are needed"):
        with_horizon(auto, FIRST, FIRST + timedelta(days=19))


def test_segments_that_cannot_be_made_of_an_earlier_days_customers_end_in_a_sentence(log: pd.DataFrame) -> None:
    few = log[
        (log["purchased_at"] >= pd.Timestamp("2024-10-15")) | log["customer_id"].isin(log["customer_id"].unique()[:3])
    ]
    with pytest.raises(ForecastError, match="the segments cannot be made of the 3 customers who had bought by 2024-"):
        predicted(few)


@pytest.mark.slow
def test_where_nobody_buys_again_nothing_is_foreseen(log: pd.DataFrame) -> None:
    once = log.sort_values("purchased_at").drop_duplicates("customer_id", keep="first")
    once = once[once["purchased_at"] <= pd.Timestamp("2024-06-01")]
    with pytest.raises(
        ForecastError, match=r"none of the \d+ customers of 2024-\d\d-\d\d bought anything in the 90 days after"
    ):
        predicted(once)


def test_what_was_never_seen_is_not_learned_and_said() -> None:
    """A line through figures from 0 to 39 is not drawn on to 10,000, and more than anybody spent is marked."""
    ids = np.array([str(number) for number in range(40)], dtype=object)
    inputs = pd.DataFrame({"recent_spend": np.arange(40.0)})
    btyd = pd.DataFrame({"T": np.ones(40)})
    spend = np.arange(40.0) * 2
    train = Snapshot(FIRST, ids, inputs, np.zeros(40, dtype=np.int32), btyd, spend, (spend == 0).astype(float))
    ahead, _ = fit(PredictionModel("linear", kind="linear"), "global", "value", train, replace(CONFIG, min_events=5))
    far = replace(train, inputs=inputs.assign(recent_spend=10_000.0))
    [most] = set(ahead(far))
    assert 78 < most < 80, "as for the largest that was learned"
    assert ahead(train).max() == 78, "nobody spent more"
    now = replace(train.only(np.arange(40) < 5), inputs=pd.DataFrame({"recent_spend": [0.0, 0.0, 0.0, 0.0, 78.0]}))
    own = pd.Series([500.0, 5.0, 5.0, np.nan, 500.0])
    found = _beyond_seen(
        np.array([78.0, 30.0, 50.0, 50.0, 78.0]), train, now, own
    )  # 78 is the most, 40 the mean of buyers
    assert found.tolist() == [True, False, True, True, False]


def test_the_longest_horizon_that_is_offered_works() -> None:
    when = timeline(FIRST, AS_OF, replace(CONFIG, horizon_days=121))
    assert (when.train - FIRST).days + 1 >= 121


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("prediction.cutoff=soon", "'soon' is not a date"),
        ("prediction.models=[]", "the list is empty"),
        ("prediction.models=[linaer]", "there is no prediction_model 'linaer'"),
        ("prediction.models=[linear,linear]", "named twice: linear"),
        ("prediction.horizon_days=0", "0 is out of range"),
        ("prediction.horizn=3", "'prediction.horizn' is not a known key"),
    ],
)
def test_bad_settings_are_named(override: str, what: str, project: Path) -> None:
    with pytest.raises(ConfigError, match=what.replace("[", r"\[")):
        load([override], project)


def test_the_model_that_cannot_rank_one_time_buyers_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot rank who left"):
        checked(PredictionModel, {"name": "mine", "kind": "btyd", "purchases": "bg_nbd"})


# --- no leak -------------------------------------------------------------------------------------------------------------


def next_spend(lines: pd.DataFrame, day: date) -> pd.DataFrame:
    """A planted leak: features beside which stands what will be spent."""
    later = lines[lines["purchased_at"] > pd.Timestamp(day)].groupby("customer_id")["amount"].sum()
    table = build(lines, day)
    return table.assign(promising=table["customer_id"].map(later).fillna(0.0))


def one_day_more(lines: pd.DataFrame, day: date) -> pd.DataFrame:
    """Another: the cutoff is off by a day."""
    return build(lines, day + timedelta(days=1))


def whole_log(lines: pd.DataFrame, day: date) -> pd.DataFrame:
    """Another: everybody who ever buys is already known."""
    return lines.groupby("customer_id", as_index=False)["amount"].sum()


@pytest.mark.parametrize(("leak", "named"), [(next_spend, "promising"), (one_day_more, "."), (whole_log, ".")])
def test_a_planted_leak_is_caught(log: pd.DataFrame, leak: Any, named: str) -> None:
    features = build(log, AS_OF)
    [candidate] = sweep_cell(features, [SPEC])
    with pytest.raises(DataError, match=f"know what came later: .*{named}"):
        predict(features, candidate.labels, log, leak, SPEC, MODELS, AS_OF, CONFIG)


def test_our_own_features_are_blind(log: pd.DataFrame) -> None:
    cutoff = date(2024, 7, 1)
    before = blind(build, log, cutoff)
    changed = log.copy()
    later = changed["purchased_at"] > pd.Timestamp(cutoff)
    changed.loc[later, "amount"] *= 7
    changed.loc[later, "purchased_at"] += pd.Timedelta(days=3)
    pd.testing.assert_frame_equal(blind(build, changed, cutoff), before)
    when = timeline(FIRST, AS_OF, CONFIG)
    inputs = [model_inputs(before, as_known(daily(lines), cutoff), when, cutoff) for lines in (log, changed)]
    pd.testing.assert_frame_equal(*inputs)


@pytest.mark.slow
def test_what_is_learned_does_not_depend_on_the_holdout(log: pd.DataFrame, made: Prediction) -> None:
    """With the holdout's outcome changed, calibration bins still have the same predictions in them."""
    changed = log.copy()
    changed.loc[changed["purchased_at"] > pd.Timestamp("2024-10-01"), "amount"] *= 3
    other = predicted(changed)
    assert other.calibration["predicted"].tolist() == made.calibration["predicted"].tolist()
    assert other.calibration["observed"].tolist() != made.calibration["observed"].tolist()


@pytest.mark.parametrize("window", [None, 70])
def test_numbers_mean_the_same_after_a_longer_history(window: int | None) -> None:
    """Who buys for 10 once a week does so after 20 weeks as after 40, and in a window of ten."""
    days = [FIRST + timedelta(days=7 * week) for week in range(53)]
    log = pd.DataFrame({"customer_id": "a", "purchased_at": pd.to_datetime(days), "amount": 10.0, "order_id": "1"})
    log["order_id"] = [str(i) for i in range(len(log))]
    when = replace(timeline(FIRST, AS_OF, CONFIG), window_days=window)

    def known(day: date) -> pd.DataFrame:
        return build_features(None, log, replace(SOURCE, as_of=str(day)), FeaturesConfig(window_days=window)).table

    rows = [
        model_inputs(known(day), as_known(daily(log), day), when, day).iloc[0]
        for day in (days[26] - timedelta(days=1), days[40] - timedelta(days=1))
    ]
    for name in ("frequency_per_week", "purchase_days_per_week"):
        assert [row[name] for row in rows] == [1.0, 1.0]
    assert [row["monetary_per_week"] for row in rows] == [10.0, 10.0]
    assert [(row["recent_days"], row["recent_spend"]) for row in rows] == [(12.0, 120.0)] * 2
    assert [row["tenure_share"] for row in rows] == pytest.approx([1.0, 1.0], abs=0.02)


# --- segments of different days ------------------------------------------------------------------------------------------


def test_clusters_are_renumbered_to_agree() -> None:
    random = np.random.default_rng(0)
    known = random.integers(0, 5, 300).astype(np.int32)
    ids = pd.Series([str(i) for i in range(300)])
    shuffled = np.array([3, 0, 4, 1, 2], dtype=np.int32)[known]
    back, share = align(ids, shuffled, ids, known)
    assert (back == known).all() and share == 1.0
    order = random.permutation(300)
    moved, share = align(ids[order[:200]], shuffled[order[:200]], ids, known)
    assert (moved == known[order[:200]]).all() and share == 1.0


# --- the comparison ------------------------------------------------------------------------------------------------------


def test_outcomes_by_hand(log: pd.DataFrame, made: Prediction) -> None:
    test, end = pd.Timestamp("2024-10-01"), pd.Timestamp(AS_OF)
    known = log.loc[log["purchased_at"] <= test, "customer_id"].unique()
    later = log[(log["purchased_at"] > test) & (log["purchased_at"] <= end) & log["customer_id"].isin(known)]
    assert made.facts["customers"]["test"] == len(known)
    assert made.facts["left"]["test"] == len(known) - later["customer_id"].nunique()
    bins = rows_of(made.calibration, outcome="value", model="linear", variant=GLOBAL)
    assert (bins["customers"] * bins["observed"]).sum() == pytest.approx(later["amount"].sum())
    errors = rows_of(made.comparison, outcome="value", model="last_period", metric="mae", segment="all")
    recent = log[(log["purchased_at"] > test - pd.Timedelta(days=90)) & (log["purchased_at"] <= test)]
    before, after = (
        part.groupby("customer_id")["amount"].sum().reindex(known, fill_value=0) for part in (recent, later)
    )
    assert errors["value"].item() == pytest.approx((before - after).abs().mean())


def test_what_is_said_to_people_is_what_was_measured(made: Prediction) -> None:
    churn, value = made.facts["plain"]
    known, left = made.facts["customers"]["test"], made.facts["left"]["test"]
    assert f"on {known:,} customers over the 90 days after 2024-10-01" in churn
    assert f"; {left / known * 100:.1f} % did." in churn
    errors = rows_of(
        made.comparison, outcome="value", segment="all", metric="mae", **made.facts["recommended"]["value"]
    )
    assert value.endswith(f"off by {errors['value'].item():,.0f} on average.")
    ratio = rows_of(
        made.comparison, outcome="value", segment="all", metric="total_ratio", **made.facts["recommended"]["value"]
    ).iloc[0]
    said = ", ".join(f"{(ratio[end] - 1) * 100:+.1f} %" for end in ("value", "low"))
    assert f"(off by {said} to {(ratio['high'] - 1) * 100:+.1f} %)" in value


def comparison(*differences: tuple[str, str, float, float, float]) -> pd.DataFrame:
    columns = ["model", "variant", "difference", "difference_low", "difference_high"]
    return pd.DataFrame(differences, columns=columns).assign(outcome="churn", metric="brier", segment="all")


def test_the_question_whether_segments_help_is_answered_first() -> None:
    worse, same, better = (
        ("linear", "per segment", sign * 0.02, sign * 0.02 - 0.01, sign * 0.02 + 0.01) for sign in (1.0, 0.0, -1.0)
    )
    asked = "Does modelling per segment help to foresee churn? "
    for rows, winner, answer in (
        ([worse], ("recency", GLOBAL), "No: use one model for all customers (recency)."),
        ([same], ("recency", GLOBAL), "No: use one model"),
        ([better], room.BASELINE, "No: no model is better than saying the same of everybody."),
        ([better], ("recency", GLOBAL), "Not enough: segments help some models"),
        ([better], ("linear", "per segment"), "Yes: the recommended model, linear, uses segments (per segment)."),
    ):
        assert room._segments_help(comparison(*rows), "churn", winner).startswith(asked + answer)


def test_the_table_has_every_model_variant_segment_and_metric(made: Prediction) -> None:
    table = made.comparison
    assert len(table) == (4 + 5) * (1 + 3 + 3) * 4
    assert set(table["segment"]) == {"all", "0", "1", "2"}
    assert table.loc[table["variant"] == GLOBAL, "difference"].isna().all()
    sizes = rows_of(table, outcome="churn", model="recency", metric="brier").set_index("segment")["customers"]
    assert sizes["all"] == sizes.drop("all").sum()


def test_the_simple_model_stays_unless_beaten_beyond_doubt() -> None:
    random = np.random.default_rng(0)
    base = random.normal(1.0, 0.1, 500)
    lucky, better = base + random.normal(0, 0.01, 500), base - 0.05 + random.normal(0, 0.01, 500)
    lucky[0], better[0] = base[0] - 0.001, base[0] - 0.05
    all_rank = {("a", GLOBAL), ("b", GLOBAL), ("c", GLOBAL)}
    winner, steps = room._recommend({("a", GLOBAL): base, ("b", GLOBAL): lucky}, all_rank)
    assert winner == ("a", GLOBAL) and [step["taken"] for step in steps] == [False]
    three = {("a", GLOBAL): base, ("b", GLOBAL): better, ("c", GLOBAL): better}
    winner, steps = room._recommend(three, all_rank)
    assert winner == ("b", GLOBAL) and [step["taken"] for step in steps] == [True, False]
    assert room._recommend(three, {("c", GLOBAL)})[0] == ("c", GLOBAL), (
        "one that ranks no better than chance is passed over"
    )


def test_simple_models_come_first_however_they_are_listed(made: Prediction) -> None:
    order = list(dict.fromkeys(made.comparison["model"]))
    assert order == ["constant", "recency", "last_period", "mbg_nbd", "linear"]
    assert [step["to"] for step in made.facts["steps"] if step["outcome"] == "churn"][-1] == "linear · per segment"


@pytest.mark.slow
def test_equal_inputs_give_equal_tables_on_any_number_of_threads(log: pd.DataFrame, made: Prediction) -> None:
    with threadpool_limits(limits=1):
        again = predicted(log)
    for name in ("customers", "segments", "comparison", "calibration"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(made, name), check_exact=True)
    assert again.facts == made.facts


def test_forecasts_add_up(log: pd.DataFrame, made: Prediction) -> None:
    customers, segments = made.customers, made.segments.set_index("cluster")
    assert sorted(customers["customer_id"]) == sorted(set(log["customer_id"]))
    assert customers["churn_risk"].between(0, 1).all() and (customers["expected_value"] >= 0).all()
    by = customers.groupby("cluster")
    assert segments["expected_value"].tolist() == pytest.approx(by["expected_value"].sum().tolist())
    assert segments["churn_risk"].tolist() == pytest.approx(by["churn_risk"].mean().tolist())
    recent = log[log["purchased_at"] > pd.Timestamp("2024-10-01")].groupby("customer_id")["amount"].sum()
    weighted = customers["customer_id"].map(recent).fillna(0) * customers["churn_risk"]
    assert segments["at_risk_revenue"].sum() == pytest.approx(weighted.sum())


@pytest.mark.slow
def test_a_model_that_cannot_be_fitted_is_left_out_and_said() -> None:
    """Nobody buys again before the cutoff of training: there is no rate of return to learn."""
    log = shop()
    first = ~log.duplicated("customer_id")
    log = log[first | (log["purchased_at"] >= pd.Timestamp(AS_OF) - pd.Timedelta(days=2 * CONFIG.horizon_days - 1))]
    spec = replace(SPEC, feature_set=FeatureSet("r", {"recency_days": Feature(), "monetary": Feature()}))
    features = build(log, AS_OF)
    [candidate] = sweep_cell(features, [spec])
    made = predict(features, candidate.labels, log, build, spec, MODELS, AS_OF, CONFIG)
    assert "mbg_nbd is left out: no customer bought again: there is no rate to learn" in made.facts["notes"]
    assert set(made.comparison["model"]) == {"constant", "recency", "last_period", "linear"}
    with pytest.raises(ForecastError, match="bought anything in the"):
        predict(features, candidate.labels, shop().drop_duplicates("customer_id"), build, spec, MODELS, AS_OF, CONFIG)


# --- no skill ------------------------------------------------------------------------------------------------------------


def coins(seed: int = 0, n: int = 300) -> pd.DataFrame:
    """A log in which who bought, when and for how much says nothing of who buys next: every day each tosses a coin."""
    random = np.random.default_rng(seed)
    buys = random.random((n, 364)) < 0.012
    buys[np.arange(n), random.integers(0, 30, n)] = True  # all are known from the first month on
    customer, day = np.nonzero(buys)
    log = pd.DataFrame({"customer_id": customer.astype(str), "amount": random.gamma(4, 5, len(day)).round(2)})
    log["purchased_at"] = pd.Timestamp(FIRST) + pd.to_timedelta(day, unit="D")
    return log.assign(order_id=[str(i) for i in range(len(log))])


@pytest.fixture(scope="module")
def unknowable() -> Prediction:
    models = {name: MODELS[name] for name in ("recency", "last_period", "linear")}
    return predicted(coins(), models, replace(CONFIG, horizon_days=60))


@pytest.mark.slow
def test_a_log_of_coin_flips_shows_no_risk_and_no_value(unknowable: Prediction) -> None:
    facts = unknowable.facts
    assert facts["recommended"] == {outcome: {"model": "constant", "variant": GLOBAL} for outcome in ("churn", "value")}
    for table in (unknowable.customers, unknowable.segments):
        assert {"churn_risk", "expected_value", "beyond_seen", "at_risk_revenue"}.isdisjoint(table)
    skill = facts["skill"]["churn"]
    assert not skill["shown"] and skill["low"] < 0
    rate = rows_of(unknowable.calibration, outcome="churn", model="constant")["predicted"].item()
    assert skill["constant"] == rate == pytest.approx(0.988**60, abs=0.08), "sixty tails"
    said = (
        f"The risk of leaving is not shown: no model is better beyond doubt than saying {rate * 100:.1f} % of everybody"
    )
    for text in (facts["recommendation"][0], facts["plain"][0], skill["words"]):
        assert text.startswith(said)
    assert facts["plain"][1].startswith("The expected value is not shown: ")


def test_what_can_be_foreseen_is_better_than_the_same_of_everybody(made: Prediction) -> None:
    scores = rows_of(made.comparison, outcome="value", metric="poisson_deviance", segment="all").set_index("model")
    skill = made.facts["skill"]["value"]
    best = rows_of(scores.reset_index(), **made.facts["recommended"]["value"])["value"].item()
    worst = scores.loc["constant", "value"]
    assert skill["shown"] and skill["low"] > 0
    assert (skill["improvement"], skill["share"]) == pytest.approx((worst - best, 1 - best / worst))


# --- the record ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> Path:
    """A project with this one's conf/ and nothing made yet."""
    shutil.copytree(project / "conf", tmp_path / "conf")
    shutil.copyfile(project / "dvc.yaml", tmp_path / "dvc.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# A candidate whose run gets the predictions.
FACT = {
    "candidate_id": "c1",
    "name": "x",
    "cell": "x",
    "params": {"k": 3},
    "scores": {"n_init": 1.0},
    "seconds": 1.0,
    "started_ms": 1,
}


def runs(tracker: Tracker, kind: str = "prediction") -> list[Any]:
    return list(tracker.client.search_runs([tracker.experiment_id], f"tags.`segments.kind` = '{kind}'"))


@pytest.mark.slow
def test_every_model_and_variant_is_a_run_once(root: Path, made: Prediction, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [prediction.png, lambda figure: b"a picture"]  # drawn once, too
    for png in pictures:
        monkeypatch.setattr(prediction, "png", png)
        folder = write_prediction_record(made, "shop", "c1", Start(1_700_000_000_000))
        with connect(TrackingConfig(), "shop") as tracker:
            track_candidates(tracker, [FACT])
            track_predictions(tracker, read_json(folder / "record.json"), folder)
    assert forecasts() == [folder]
    found = {run.info.run_name: run for run in runs(tracker)}
    assert len(runs(tracker)) == len(found) == 7
    assert found["recency · global"].data.tags["mlflow.note.content"].startswith("For churn use ")
    run = found["linear · per segment"]
    assert run.data.params["cutoff"] == "2024-10-01" and run.data.params["variant"] == "per segment"
    brier = rows_of(
        made.comparison, outcome="churn", model="linear", variant="per segment", segment="all", metric="brier"
    )
    assert run.data.metrics["churn_brier"] == pytest.approx(brier["value"].item())
    assert run.data.tags["segments.candidate_id"] == "c1" and run.data.tags["segments.complete"] == "true"
    images = {
        item.path.split("/")[1].split("+")[0] for item in tracker.client.list_artifacts(run.info.run_id, "images")
    }
    assert images == {"calibration_churn", "calibration_value"}
    [champion] = runs(tracker, "candidate")
    best = rows_of(
        made.comparison, outcome="churn", metric="brier", segment="all", **made.facts["recommended"]["churn"]
    )
    assert champion.data.metrics["churn_brier"] == pytest.approx(best["value"].item())
    assert len(tracker.client.get_metric_history(champion.info.run_id, "churn_brier")) == 1, "logged once"
    names = {
        item.path.removeprefix("prediction/")
        for item in tracker.client.list_artifacts(champion.info.run_id, "prediction")
    }
    assert {"prediction.json", "comparison.csv", "calibration_churn.png"} <= names
    assert not any("customers" in name for name in names), "no customer's row leaves for MLflow"


def test_the_stage_says_that_it_does_not_apply(root: Path, made: Prediction) -> None:
    by_hand.features_of("mall")
    by_hand.chosen("c1")
    write_table(artifact("prediction", "customers.parquet"), made.customers)
    said = stage.run(load(["source=mall"], root))
    assert said == "prediction does not apply: source 'mall' has no transactions"
    assert read_json(artifact("prediction", "prediction.json")) == {"applies": False, "reason": said}
    assert sorted(path.name for path in artifact("prediction").iterdir()) == ["metrics.json", "prediction.json"]


@pytest.mark.slow
def test_the_candidates_run_tells_of_the_prediction_made_last(
    root: Path, made: Prediction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another horizon, and back: MLflow would keep the larger of two values logged at one instant."""
    monkeypatch.setattr(prediction, "png", lambda figure: b"a picture")  # drawn above
    worse = replace(
        made,
        comparison=made.comparison.assign(value=2 * made.comparison["value"]),
        runs=[run | {"params": run["params"] | {"horizon_days": 60}} for run in made.runs],
        facts=made.facts | {"settings": made.facts["settings"] | {"horizon_days": 60}},
    )
    best = rows_of(
        made.comparison, outcome="churn", metric="brier", segment="all", **made.facts["recommended"]["churn"]
    )["value"].item()

    def message(folders: list[Path]) -> tuple[float, int]:
        with connect(TrackingConfig(), "shop") as tracker:
            track_candidates(tracker, [FACT])
            for folder in folders:
                track_predictions(tracker, read_json(folder / "record.json"), folder)
        [run] = runs(tracker, "candidate")
        facts = tracker.client.download_artifacts(run.info.run_id, "prediction/prediction.json")
        return run.data.metrics["churn_brier"], read_json(Path(facts))["settings"]["horizon_days"]

    first = write_prediction_record(made, "shop", "c1", Start(1_700_000_000_000))
    assert message([first]) == (pytest.approx(best), 90)
    second = write_prediction_record(worse, "shop", "c1", Start(1_700_000_001_000))
    assert message([second]) == (pytest.approx(2 * best), 60)
    assert message([write_prediction_record(made, "shop", "c1", Start(1_700_000_002_000))]) == (pytest.approx(best), 90)
    assert forecasts() == [second, first], "`segments track` tells of the one in use last"
    assert message(forecasts()) == (pytest.approx(best), 90)


@pytest.mark.slow
def test_what_is_predicted_bears_the_segments_names_and_flows_into_the_profiles(
    root: Path, made: Prediction, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["regular guests", "rare guests", "lost guests"]
    members = made.customers[["customer_id", "cluster"]].assign(
        segment_id="S" + (made.customers["cluster"] + 4).astype("str"),
        segment=[names[cluster] for cluster in made.customers["cluster"]],
    )
    by_hand.features_of("completejourney")
    by_hand.chosen("c1")
    write_table(artifact("identity", "segments.parquet"), members)
    monkeypatch.setattr(stage, "chosen", lambda config: SPEC)
    monkeypatch.setattr(stage, "_predict", lambda config, spec, labels: deepcopy(made))
    stage.run(load([], root))
    customers = read_table(artifact("prediction", "customers.parquet"))
    assert list(customers.columns) == [
        "customer_id",
        "cluster",
        "segment_id",
        "segment",
        "churn_risk",
        "expected_value",
        "beyond_seen",
        "outside_learned",
    ]
    assert customers[["segment_id", "segment"]].equals(members[["segment_id", "segment"]].astype("str"))
    segments = read_table(artifact("prediction", "segments.parquet"))
    assert dict(zip(segments["segment_id"], segments["segment"], strict=True)) == dict(
        zip(["S4", "S5", "S6"], names, strict=True)
    )
    profiles = pd.DataFrame({"cluster": [2, 0, 1], "segment": [names[2], names[0], names[1]], "size": [1, 2, 3]})
    message = profiles_stage._with_outlook(profiles, "c1").set_index("cluster")
    for name in ("churn_risk", "expected_value", "at_risk_revenue"):
        assert message[name].to_dict() == made.segments.set_index("cluster")[name].to_dict()
    with pytest.raises(DataError, match="of other segments than the chosen ones"):
        profiles_stage._with_outlook(profiles, "c2")
    write_json(artifact("prediction", "prediction.json"), {"applies": False, "reason": "no log"})
    assert profiles_stage._with_outlook(profiles, "c2") is profiles


def test_the_stage_without_a_choice_writes_no_forecast(root: Path) -> None:
    by_hand.features_of("completejourney")
    by_hand.chosen(None)
    assert stage.run(load([], root)) == "prediction does not apply: source 'completejourney' has no chosen segments"
