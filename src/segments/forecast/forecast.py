"""Who will leave, and what will the others spend? Comes in: a purchase log and the chosen segmentation. Goes out: a comparison on later time, and forecasts.

Three days split the log. Models learn from what was known on the *train* day and what happened in the horizon after it; they are measured
on the *test* day (one horizon later) against the horizon after that; the recommended ones are fitted again on the newest horizon whose end
is known, and look ahead from the as-of date. Segments are refitted on each of these days, on what was known then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from threadpoolctl import threadpool_limits

from segments.clustering.candidate import Spec, sweep_cell
from segments.config.prediction import AUTO_DAYS, PredictionConfig, PredictionModel
from segments.errors import ConfigError, DataError, ForecastError, SweepError
from segments.forecast.btyd import DAYS_PER_WEEK, as_known, btyd_table, daily, kept_in_part
from segments.forecast.comparison import (
    BASELINE,
    calibration_table,
    compare_models,
    metrics_of,
    recommendation,
    simple_first,
)
from segments.forecast.models import (
    CONSTANT,
    OUTCOMES,
    Learned,
    Predictor,
    Snapshot,
    constant,
    fit,
    most_seen,
    variants,
)

Floats = NDArray[np.float64]
Build = Callable[[Any, date], pd.DataFrame]

USUAL_DAYS, FEWEST_DAYS_AHEAD = 90, 7  # of a horizon that is left to be found

# Sums grow with the length of the history, which differs between the three days: per week they do not.
PER_WEEK = ("frequency", "purchase_days", "monetary")
AS_THEY_ARE = ("recency_days", "basket_value", "gap_days_mean", "gap_days_std", "trend")
SHARES = tuple(f"{part}_share" for part in ("weekend", "morning", "evening", "private_label", "discount", "coupon"))


@dataclass(frozen=True)
class Timeline:
    """The days that split a log.

    Parameters
    ----------
    first : date
        Of the log's first purchase.
    train, test : date
        Last known day of what is learned from, and of what is measured; one horizon apart.
    latest : date
        The newest day whose horizon is over: one horizon before `as_of`.
    as_of : date
        The day from which forecasts look ahead.
    horizon_days : int
        Length of the time ahead.
    window_days : int, optional
        Days the features look back; all by default.
    """

    first: date
    train: date
    test: date
    latest: date
    as_of: date
    horizon_days: int
    window_days: int | None = None


@dataclass(frozen=True)
class Prediction:
    """What was compared, recommended and forecast.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id, cluster, churn_risk, expected_value`` for the horizon after the as-of date, ``beyond_seen``: whether that value is
        more than the customer spent in all and than an average buyer does in a horizon, or was cut to the most anybody spent in one; and
        ``outside_learned``: whether the customer has figures beyond those learned from. A risk or value without skill is no column.
    segments : DataFrame
        Per cluster: ``customers`` and, where they have skill, mean ``churn_risk``, total ``expected_value``, and ``at_risk_revenue``: what its customers spent in
        the horizon before the as-of date, each weighted by the risk of leaving.
    comparison : DataFrame
        One row per outcome, model, variant, segment (or ``all``) and metric, with its 95 % bootstrap interval, and the paired
        difference to the same model's global variant with its own.
    calibration : DataFrame
        Predicted against observed on the test day, in ten groups, per outcome, model and variant.
    runs : list of dict
        Per model and variant: ``name, params, metrics``.
    facts : dict
        The days, the sizes, the recommendation in words, notes; plain data.
    """

    customers: pd.DataFrame
    segments: pd.DataFrame
    comparison: pd.DataFrame
    calibration: pd.DataFrame
    runs: list[dict[str, Any]]
    facts: dict[str, Any]


def predict(
    features: pd.DataFrame,
    labels: NDArray[np.int32],
    lines: Any,
    build: Build,
    spec: Spec,
    models: Mapping[str, PredictionModel],
    as_of: date,
    config: PredictionConfig,
    window_days: int | None = None,
) -> Prediction:
    """Compare all models on later time, recommend, and look ahead from the as-of date.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table as of the as-of date.
    labels : ndarray of shape (n_customers,)
        Cluster of each of its customers.
    lines : native frame
        The clean purchase log, as any frame Narwhals knows.
    build : callable
        Features of a log as of a day: ``build(lines, day)``.
    spec : Spec
        The chosen segmentation, to be refitted on earlier days.
    models : mapping of str to PredictionModel
        What to compare, by name.
    as_of : date
        The "today" of `features`.
    config : PredictionConfig
        Horizon, cutoff and sizes.
    window_days : int, optional
        Days that `build` looks back; all by default.

    Returns
    -------
    Prediction
        Equal inputs give equal bytes.

    Raises
    ------
    ConfigError
        If the cutoff lies outside the data, or the horizon is too long for them.
    ForecastError
        If the log is too short for any horizon, the segmentation cannot be made again on an earlier day, or no model can be fitted.
    DataError
        If features of an earlier day depend on what came later.
    """
    days = daily(lines)
    first = date.fromordinal(int(days["day"].min()))
    config, shorter = with_horizon(config, first, as_of)
    when = replace(timeline(first, as_of, config), window_days=window_days)
    snapshots = {as_of: _snapshot(features, labels, days, when, as_of)}
    later = snapshots[as_of]
    agreement: dict[str, float] = {}
    for cutoff in sorted({when.latest, when.test, when.train}, reverse=True):
        table = blind(build, lines, cutoff)
        try:
            [candidate] = sweep_cell(table, [spec])
        except SweepError as error:
            raise ForecastError(
                f"the segments cannot be made of the {len(table)} customers who had bought by {cutoff}: {error.what}"
            ) from error
        renumbered, agreement[str(cutoff)] = align(
            table["customer_id"], candidate.labels.astype(np.int32), pd.Series(later.customer_id), later.segment
        )
        later = snapshots[cutoff] = _snapshot(table, renumbered, days, when, cutoff)
    shared = [name for name in snapshots[when.train].inputs if all(name in s.inputs for s in snapshots.values())]
    snapshots = {day: replace(snapshot, inputs=snapshot.inputs[shared]) for day, snapshot in snapshots.items()}
    train, test = snapshots[when.train], snapshots[when.test]
    for one in (train, test):
        if not one.outcome("value").any():
            raise ForecastError(
                f"none of the {len(one.customer_id)} customers of {one.cutoff} bought anything in the {config.horizon_days} days after it"
            )

    with threadpool_limits(limits=1):  # how floats are summed depends on the number of threads
        fitted, notes = _fit_all(train, models, config)
        predicted = {outcome: {key: fitted[outcome][key](test) for key in fitted[outcome]} for outcome in OUTCOMES}
        comparison, winners, steps, skill = compare_models(test, predicted, config)
        final: dict[str, Floats] = {}
        for outcome, (name, variant) in winners.items():
            if not skill[outcome]["shown"]:
                continue
            ahead, more = fit(models[name], variant, outcome, snapshots[when.latest], config)
            notes += [f"{name}, {variant}, {outcome}, refitted for the forecast: {note}" for note in more]
            final[outcome] = ahead(snapshots[as_of])
    calibration = calibration_table(test, predicted)
    spent = as_known(days, as_of).groupby("customer_id")["spend"].sum()
    outside = _outside(snapshots[when.latest], snapshots[as_of])
    beyond = None
    if "value" in final:
        own = pd.Series(snapshots[as_of].customer_id).map(spent)
        beyond = _beyond_seen(final["value"], snapshots[when.latest], snapshots[as_of], own)
    customers, segments = _forecasts(snapshots[as_of], final, outside, beyond)
    if final:
        notes += _said_of(outside, beyond)
    runs = [
        {
            "name": f"{name} · {variant}",
            "params": {
                "model": name,
                "kind": CONSTANT if name == CONSTANT else models[name].kind,
                "variant": variant,
                "horizon_days": config.horizon_days,
                "train_cutoff": str(when.train),
                "cutoff": str(when.test),
                "seed": config.seed,
                "n_customers": len(test.customer_id),
            },
            "metrics": metrics_of(comparison, name, variant),
        }
        for name, variant in predicted["churn"]
    ]
    facts = {
        "applies": True,
        "timeline": {
            name: str(value) for name, value in asdict(when).items() if name not in ("horizon_days", "window_days")
        },
        "settings": asdict(config),
        "customers": {"train": len(train.customer_id), "test": len(test.customer_id), "forecast": len(customers)},
        "left": {"train": int(train.outcome("churn").sum()), "test": int(test.outcome("churn").sum())},
        "segment_agreement": agreement,
        "steps": steps,
        "notes": [*shorter, *notes],
    }
    advice = recommendation(comparison, winners, skill, test, predicted, models, config.horizon_days)
    if "value" in final:
        advice["plain"] += returns_said(kept_in_part(lines, days))
    return Prediction(customers, segments, comparison, calibration, runs, facts | advice)


def returns_said(share: float) -> list[str]:
    """What a forecast of spend leaves out, where that can be seen in a tenth of a percent.

    Examples
    --------
    >>> returns_said(0.034), returns_said(0.0)
    (['Spend is of purchases: of those kept in part, what was paid back (3.4 % of all spend so far) is not taken off, neither of what is expected nor of what came.'], [])
    """
    said = (
        f"Spend is of purchases: of those kept in part, what was paid back ({share * 100:.1f} % of all spend so far) is not taken off, "
        "neither of what is expected nor of what came."
    )
    return [said] if share >= 0.0005 else []


def with_horizon(config: PredictionConfig, first: date, as_of: date) -> tuple[PredictionConfig, list[str]]:
    """The config with the days ahead it leaves to be found, and what is to be said of them.

    Parameters
    ----------
    config : PredictionConfig
        Its horizon may be ``AUTO_DAYS``.
    first, as_of : date
        First and last day of the log.

    Raises
    ------
    ForecastError
        If the log is shorter than three weeks.

    Examples
    --------
    >>> auto = PredictionConfig(models=["recency"], horizon_days="auto")
    >>> config, said = with_horizon(auto, date(2024, 1, 1), date(2024, 4, 9))
    >>> config.horizon_days, said
    (33, ['the log covers 100 days: what is foreseen is the next 33 days, a third of it, instead of 90'])
    """
    if config.horizon_days != AUTO_DAYS:
        return config, []
    span = (as_of - first).days + 1
    days = min(USUAL_DAYS, span // 3)
    if days < FEWEST_DAYS_AHEAD:
        raise ForecastError(
            f"the log covers {span} day{'s' * (span != 1)}, and {3 * FEWEST_DAYS_AHEAD} are needed: a week to know, one to learn from, one to measure"
        )
    said = (
        f"the log covers {span} days: what is foreseen is the next {days} days, a third of it, instead of {USUAL_DAYS}"
    )
    return replace(config, horizon_days=days), [said] if days < USUAL_DAYS else []


def timeline(first: date, as_of: date, config: PredictionConfig) -> Timeline:
    """The days that split a log, or why there are none.

    Parameters
    ----------
    first, as_of : date
        First and last day of the log.
    config : PredictionConfig
        Cutoff and horizon.

    Raises
    ------
    ConfigError
        If the cutoff lies outside the data, its horizon is not over yet, or there is no history left to learn from.

    Examples
    --------
    >>> when = timeline(date(2017, 1, 1), date(2018, 1, 1), PredictionConfig(models=["recency"], horizon_days=90))
    >>> str(when.train), str(when.test)
    ('2017-07-05', '2017-10-03')
    """
    horizon, span = timedelta(days=config.horizon_days), (as_of - first).days + 1
    if 3 * config.horizon_days > span:
        raise ConfigError(
            f"a horizon of {config.horizon_days} days is too long for a log of {span} days: one is learned from, one is measured, and one must come before",
            where="prediction.horizon_days",
            fix=f"choose at most {span // 3} days" if span >= 3 else "use a source with a longer log",
        )
    cutoff = date.fromisoformat(config.cutoff) if config.cutoff else as_of - horizon
    earliest, newest = first + 2 * horizon - timedelta(days=1), as_of - horizon
    if not earliest <= cutoff <= newest:
        inside = first <= cutoff <= as_of
        why = f"leaves no room for {config.horizon_days} days" if inside else "is outside the data"
        raise ConfigError(
            f"the cutoff {cutoff} {why}: the log goes from {first} to {as_of}",
            where="prediction.cutoff",
            fix=f"choose a day from {earliest} to {newest}, or null for the latter",
        )
    return Timeline(first, cutoff - horizon, cutoff, newest, as_of, config.horizon_days)


def blind(build: Build, lines: Any, cutoff: date) -> pd.DataFrame:
    """Features as of a day, proved not to know what came later.

    They are made twice, from the whole log and from one that ends with that day, and must be equal to the last bit.

    Parameters
    ----------
    build : callable
        ``build(lines, day)``.
    lines : native frame
        The whole log.
    cutoff : date
        The last day that may be known.

    Raises
    ------
    DataError
        Names the columns that know the future.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "purchased_at": pd.to_datetime(["2024-01-01", "2024-02-01"])})
    >>> leaky = lambda lines, day: lines.groupby("customer_id", as_index=False).size()
    >>> blind(leaky, log, date(2024, 1, 15))
    Traceback (most recent call last):
    segments.errors.DataError: features as of 2024-01-15 know what came later: size
      where: features
      do:    make them of lines up to the day only
    """
    end = datetime.combine(cutoff + timedelta(days=1), time())
    known = nw.to_native(nw.from_native(lines).filter(nw.col("purchased_at") < end))
    whole, past = build(lines, cutoff), build(known, cutoff)
    if list(whole["customer_id"]) != list(past["customer_id"]):
        leaks = ["who is a customer"]
    else:
        leaks = sorted(set(whole.columns) ^ set(past.columns)) + [
            name for name in past.columns if name in whole and not whole[name].equals(past[name])
        ]
    if leaks:
        raise DataError(
            f"features as of {cutoff} know what came later: {', '.join(leaks)}",
            where="features",
            fix="make them of lines up to the day only",
        )
    return past


def model_inputs(features: pd.DataFrame, days: pd.DataFrame, when: Timeline, cutoff: date) -> pd.DataFrame:
    """Columns a model may use: what the log told by then, in numbers that mean the same after a longer history.

    What the customers table says is left out: nobody knows when it was written down.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table as of the cutoff.
    days : DataFrame
        From :func:`segments.forecast.btyd.as_known`, as known at the cutoff.
    when : Timeline
        First day and horizon.
    cutoff : date
        The last day that is known.

    Returns
    -------
    DataFrame of shape (n_customers, ...)
        Recency, gaps, shares and trend as they are; orders, purchase days and money per week; ``tenure_share`` of the log's
        length; ``recent_days`` and ``recent_spend``: purchase days and money in the horizon before the cutoff.
    """
    span = min((cutoff - when.first).days + 1, when.window_days or date.max.toordinal())
    inputs = features[[*AS_THEY_ARE, *(name for name in SHARES if name in features)]].copy()
    for name in PER_WEEK:
        inputs[f"{name}_per_week"] = features[name] / span * DAYS_PER_WEEK
    inputs["tenure_share"] = features["tenure_days"] / span
    since = cutoff.toordinal() - when.horizon_days
    recent = days[(days["day"] > since) & (days["day"] <= cutoff.toordinal())].groupby("customer_id")["spend"]
    inputs["recent_days"] = features["customer_id"].map(recent.size()).fillna(0).astype("float64").to_numpy()
    inputs["recent_spend"] = features["customer_id"].map(recent.sum()).fillna(0.0).to_numpy()
    return inputs


def align(
    ids: pd.Series[str], labels: NDArray[np.int32], known_ids: pd.Series[str], known: NDArray[np.int32]
) -> tuple[NDArray[np.int32], float]:
    """Renumber clusters so that they agree best with those of another day: numbers of one fit mean nothing in another.

    Parameters
    ----------
    ids, labels
        Customers and their clusters.
    known_ids, known
        Customers and clusters of the other day.

    Returns
    -------
    ndarray
        `labels`, renumbered.
    float
        Share of the customers of both days who are in the same segment then.

    Examples
    --------
    >>> two = np.array([0, 0, 1], dtype=np.int32)
    >>> align(pd.Series(["a", "b", "c"]), two, pd.Series(["a", "c", "b"]), np.array([1, 0, 1], dtype=np.int32))
    (array([1, 1, 0], dtype=int32), 1.0)
    """
    there = dict(zip(known_ids, known.tolist(), strict=True))
    pairs = [(label, there[i]) for i, label in zip(ids, labels.tolist(), strict=True) if i in there]
    k = int(max(labels.max(), known.max())) + 1
    both = np.zeros((k, k))
    for own, other in pairs:
        both[own, other] += 1
    own, other = linear_sum_assignment(both, maximize=True)
    return other.astype(np.int32)[labels], float(both[own, other].sum() / max(len(pairs), 1))


# --- inside -------------------------------------------------------------------------------------------------------------


def _snapshot(
    features: pd.DataFrame, labels: NDArray[np.int32], days: pd.DataFrame, when: Timeline, cutoff: date
) -> Snapshot:
    today = cutoff.toordinal()
    in_time = as_known(days, when.as_of)  # what came after is told as it is known by now
    in_time = in_time[(in_time["day"] > today) & (in_time["day"] <= today + when.horizon_days)]
    ahead = in_time.groupby("customer_id")["spend"].sum()
    days = as_known(days, cutoff)
    known = cutoff <= when.latest
    ids = features["customer_id"]
    table = btyd_table(days, cutoff).set_index("customer_id").reindex(ids).reset_index()
    if table["T"].isna().any():
        raise DataError(
            f"{int(table['T'].isna().sum())} customers have returns but no purchase by {cutoff}",
            where="transactions",
            fix="write returns: net in the source's policy",
        )
    return Snapshot(
        cutoff=cutoff,
        customer_id=ids.to_numpy(dtype=object),
        inputs=model_inputs(features, days, when, cutoff),
        segment=labels,
        btyd=table,
        spend=ids.map(ahead).fillna(0.0).to_numpy(dtype=np.float64) if known else None,
        churned=(~ids.isin(ahead.index)).to_numpy(dtype=np.float64) if known else None,
    )


def _fit_all(
    train: Snapshot, models: Mapping[str, PredictionModel], config: PredictionConfig
) -> tuple[dict[str, dict[tuple[str, str], Predictor]], list[str]]:
    fitted: dict[str, dict[tuple[str, str], Predictor]] = {
        outcome: {BASELINE: constant(train.outcome(outcome), outcome)} for outcome in OUTCOMES
    }
    notes: list[str] = []
    known: Learned = {}
    for name in simple_first(models):
        for variant in variants(models[name]):
            try:
                made = {outcome: fit(models[name], variant, outcome, train, config, known) for outcome in OUTCOMES}
            except DataError as error:
                notes.append(f"{name} is left out: {error.what}")
                continue
            for outcome, (predictor, more) in made.items():
                fitted[outcome][name, variant] = predictor
                notes += [f"{name}, {variant}, {outcome}: {note}" for note in more]
    if len(fitted["churn"]) == 1:
        raise ForecastError(
            f"no model can be fitted ({'; '.join(notes)})", where="prediction.models", fix="name another one"
        )
    return fitted, notes


def _beyond_seen(value: Floats, learned: Snapshot, now: Snapshot, spent: pd.Series[float]) -> NDArray[np.bool_]:
    """Which forecasts of money are more than was ever seen of the customer, or were cut to the most that was seen of anybody."""
    ahead, recent = learned.outcome("value"), now.inputs["recent_spend"].to_numpy()
    usual = float(ahead[ahead > 0].mean()) if (ahead > 0).any() else 0.0
    own = np.maximum(spent.fillna(0.0).to_numpy(dtype=np.float64), usual)
    return np.asarray((value > own) | ((value >= most_seen(learned, now)) & (value > recent)), dtype=np.bool_)


def _outside(learned: Snapshot, now: Snapshot) -> NDArray[np.bool_]:
    """Who has figures beyond those that the models learned from."""
    low, high = learned.inputs.min(), learned.inputs.max()
    return np.asarray(((now.inputs < low) | (now.inputs > high)).any(axis="columns"), dtype=np.bool_)


def _said_of(outside: NDArray[np.bool_], beyond: NDArray[np.bool_] | None) -> list[str]:
    notes = []
    if outside.any():
        notes.append(
            f"{int(outside.sum()):,} customers have figures beyond those the models learned from (outside_learned): regression and trees take the nearest that was learned"
        )
    if beyond is not None and beyond.any():
        notes.append(
            f"{int(beyond.sum()):,} customers are forecast to spend more than was ever seen of them, or as much as anybody ever did (beyond_seen)"
        )
    return notes


def _forecasts(
    now: Snapshot, final: Mapping[str, Floats], outside: NDArray[np.bool_], beyond: NDArray[np.bool_] | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Forecasts per customer and segment, of what can be foreseen: nobody reads a figure that is not there."""
    customers = pd.DataFrame({"customer_id": now.customer_id, "cluster": now.segment})
    per_segment = {"customers": ("customer_id", "size")}
    if "churn" in final:
        customers["churn_risk"] = final["churn"]
        per_segment["churn_risk"] = ("churn_risk", "mean")
    if "value" in final:
        customers["expected_value"] = final["value"]
        customers["beyond_seen"] = beyond
        per_segment["expected_value"] = ("expected_value", "sum")
    if "churn" in final:
        per_segment["at_risk_revenue"] = ("at_risk_revenue", "sum")
    customers["outside_learned"] = outside
    at_risk = customers.assign(
        at_risk_revenue=final.get("churn", np.zeros(len(customers))) * now.inputs["recent_spend"].to_numpy()
    )
    segments = at_risk.groupby("cluster").agg(**per_segment)
    return customers.astype({"customer_id": "str"}), segments.reset_index()
