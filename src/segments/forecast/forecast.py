"""Who will leave, and what will the others spend? Comes in: a purchase log and the chosen segmentation. Goes out: a comparison on later time, and forecasts.

Three days split the log. Models learn from what was known on the *train* day and what happened in the horizon after it; they are measured
on the *test* day (one horizon later) against the horizon after that; the recommended ones are fitted again on the newest horizon whose end
is known, and look ahead from the as-of date. Segments are refitted on each of these days, on what was known then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segments.clustering.candidate import Spec
from segments.config.prediction import PredictionConfig, PredictionModel
from segments.errors import DataError, ForecastError
from segments.forecast.btyd import as_known, daily, kept_in_part
from segments.forecast.comparison import (
    BASELINE,
    calibration_table,
    compare_models,
    metrics_of,
    recommendation,
    simple_first,
)
from segments.forecast.earlier_days import Build, snapshots
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
from segments.forecast.timeline import Timeline, timeline, with_horizon

Floats = NDArray[np.float64]


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
    currency: str = "",
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
    currency : str
        Of the money, for the words about it.

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
    known, agreement = snapshots(features, labels, lines, build, spec, when, days)
    train, test, now = known[when.train], known[when.test], known[as_of]
    for one in (train, test):
        if not one.outcome("value").any():
            raise ForecastError(
                f"none of the {len(one.customer_id)} customers of {one.cutoff} bought anything in the {config.horizon_days} days after it"
            )

    with threadpool_limits(limits=1):  # how floats are summed depends on the number of threads
        fitted, notes = _fit_all(train, models, config)
        predicted = {outcome: {key: fitted[outcome][key](test) for key in fitted[outcome]} for outcome in OUTCOMES}
        comparison, winners, steps, skill = compare_models(test, predicted, config)
        shown = {outcome: winner for outcome, winner in winners.items() if skill[outcome]["shown"]}
        final, more = _look_ahead(shown, models, known[when.latest], now, config)
    customers, segments, said = _forecasts(now, known[when.latest], final, as_known(days, as_of))
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
        "notes": [*shorter, *notes, *more, *said],
    }
    advice = recommendation(comparison, winners, skill, test, predicted, models, config.horizon_days, currency)
    if "value" in final:
        advice["plain"] += returns_said(kept_in_part(lines, days))
    runs = [
        {
            "name": f"{name} · {variant}",
            "params": _params(name, variant, models, when, config) | {"n_customers": len(test.customer_id)},
            "metrics": metrics_of(comparison, name, variant),
        }
        for name, variant in predicted["churn"]
    ]
    return Prediction(customers, segments, comparison, calibration_table(test, predicted), runs, facts | advice)


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


# --- inside -------------------------------------------------------------------------------------------------------------


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


def _look_ahead(
    winners: Mapping[str, tuple[str, str]],
    models: Mapping[str, PredictionModel],
    latest: Snapshot,
    now: Snapshot,
    config: PredictionConfig,
) -> tuple[dict[str, Floats], list[str]]:
    """What the winners say of today's customers, once they learned from the newest horizon that is over."""
    final, notes = {}, []
    for outcome, (name, variant) in winners.items():
        ahead, more = fit(models[name], variant, outcome, latest, config)
        notes += [f"{name}, {variant}, {outcome}, refitted for the forecast: {note}" for note in more]
        final[outcome] = ahead(now)
    return final, notes


def _params(
    name: str, variant: str, models: Mapping[str, PredictionModel], when: Timeline, config: PredictionConfig
) -> dict[str, Any]:
    """What one model's run says of how it was made."""
    return {
        "model": name,
        "kind": CONSTANT if name == CONSTANT else models[name].kind,
        "variant": variant,
        "horizon_days": config.horizon_days,
        "train_cutoff": str(when.train),
        "cutoff": str(when.test),
        "seed": config.seed,
    }


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
    now: Snapshot, learned: Snapshot, final: Mapping[str, Floats], days: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Forecasts per customer and segment, of what can be foreseen: nobody reads a figure that is not there. And what is to be said of them."""
    outside, beyond = _outside(learned, now), None
    customers = pd.DataFrame({"customer_id": now.customer_id, "cluster": now.segment})
    per_segment = {"customers": ("customer_id", "size")}
    if "churn" in final:
        customers["churn_risk"] = final["churn"]
        per_segment["churn_risk"] = ("churn_risk", "mean")
    if "value" in final:
        spent = pd.Series(now.customer_id).map(days.groupby("customer_id")["spend"].sum())
        customers["expected_value"] = final["value"]
        customers["beyond_seen"] = beyond = _beyond_seen(final["value"], learned, now, spent)
        per_segment["expected_value"] = ("expected_value", "sum")
    if "churn" in final:
        per_segment["at_risk_revenue"] = ("at_risk_revenue", "sum")
    customers["outside_learned"] = outside
    at_risk = customers.assign(
        at_risk_revenue=final.get("churn", np.zeros(len(customers))) * now.inputs["recent_spend"].to_numpy()
    )
    segments = at_risk.groupby("cluster").agg(**per_segment).reset_index()
    return customers.astype({"customer_id": "str"}), segments, _said_of(outside, beyond) if final else []
