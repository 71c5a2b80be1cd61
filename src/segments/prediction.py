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
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from segments.btyd import DAYS_PER_WEEK, btyd_table, daily
from segments.config import PredictionConfig, PredictionModel
from segments.errors import ConfigError, DataError
from segments.forecast import FEATURE, GLOBAL, OUTCOMES, PER_SEGMENT, Predictor, Snapshot, fit, variants
from segments.holdout import CHURN_SCORES, VALUE_SCORES, bootstrap, calibration_bins, calibration_line, interval
from segments.sweep import Spec, sweep_cell

Floats = NDArray[np.float64]
Build = Callable[[Any, date], pd.DataFrame]

SCORES = {"churn": CHURN_SCORES, "value": VALUE_SCORES}
# What the recommendation is decided by: the whole distance to what happened, so that a good ranking of wrong numbers does not win.
DECIDES = {"churn": "brier", "value": "mae"}
WORDS = {
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "mae": "mean absolute error",
    "spearman": "Spearman",
    "decile_lift": "top-decile lift",
    "total_ratio": "predicted / actual total",
}
PLAIN = {
    "recency": "how long ago the customer last bought",
    "last_period": "what the customer did in as many days before",
    "btyd": "how often and how long ago the customer bought",
    "linear": "a formula learned from all that is known of customers",
    "boosting": "decision trees learned from all that is known of customers",
}
VARIANTS = (GLOBAL, FEATURE, PER_SEGMENT)
SIMPLE_FIRST = ("recency", "last_period", "btyd", "linear", "boosting")
# Sums grow with the length of the history, which differs between the three days: per week they do not.
PER_WEEK = ("frequency", "purchase_days", "monetary")
AS_THEY_ARE = ("recency_days", "basket_value", "gap_days_mean", "gap_days_std", "trend")
SHARES = tuple(f"{part}_share" for part in ("weekend", "morning", "evening", "private_label", "discount", "coupon"))
EVERYBODY = "all"


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
    """

    first: date
    train: date
    test: date
    latest: date
    as_of: date
    horizon_days: int


@dataclass(frozen=True)
class Prediction:
    """What was compared, recommended and forecast.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id, cluster, churn_risk, expected_value`` for the horizon after the as-of date.
    segments : DataFrame
        Per cluster: ``customers``, mean ``churn_risk``, total ``expected_value``, and ``at_risk_revenue``: what its customers spent in
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

    Returns
    -------
    Prediction
        Equal inputs give equal bytes.

    Raises
    ------
    ConfigError
        If the cutoff lies outside the data, or the horizon is too long for them.
    DataError
        If features of an earlier day depend on what came later.
    SweepError
        If the segmentation cannot be refitted on an earlier day.
    """
    days = daily(lines)
    when = timeline(date.fromordinal(int(days["day"].min())), as_of, config)
    snapshots = {as_of: _snapshot(features, labels, days, when, as_of)}
    later = snapshots[as_of]
    agreement: dict[str, float] = {}
    for cutoff in sorted({when.latest, when.test, when.train}, reverse=True):
        table = blind(build, lines, cutoff)
        [candidate] = sweep_cell(table, [spec])
        renumbered, agreement[str(cutoff)] = align(
            table["customer_id"], candidate.labels.astype(np.int32), pd.Series(later.customer_id), later.segment
        )
        later = snapshots[cutoff] = _snapshot(table, renumbered, days, when, cutoff)
    shared = [name for name in snapshots[when.train].inputs if all(name in s.inputs for s in snapshots.values())]
    snapshots = {day: replace(snapshot, inputs=snapshot.inputs[shared]) for day, snapshot in snapshots.items()}
    train, test = snapshots[when.train], snapshots[when.test]

    with threadpool_limits(limits=1):  # how floats are summed depends on the number of threads
        fitted, notes = _fit_all(train, models, config)
        predicted = {outcome: {key: fitted[outcome][key](test) for key in fitted[outcome]} for outcome in OUTCOMES}
        comparison, winners, steps = _compare(test, predicted, config)
        final: dict[str, Floats] = {}
        for outcome, (name, variant) in winners.items():
            ahead, more = fit(models[name], variant, outcome, snapshots[when.latest], config)
            notes += [f"{name}, {variant}, {outcome}, refitted for the forecast: {note}" for note in more]
            final[outcome] = ahead(snapshots[as_of])
    calibration = _calibration(test, predicted)
    customers, segments = _forecasts(snapshots[as_of], final)
    runs = [
        {
            "name": f"{name} · {variant}",
            "params": {
                "model": name,
                "kind": models[name].kind,
                "variant": variant,
                "horizon_days": config.horizon_days,
                "train_cutoff": str(when.train),
                "cutoff": str(when.test),
                "seed": config.seed,
                "n_customers": len(test.customer_id),
            },
            "metrics": _metrics(comparison, name, variant),
        }
        for name, variant in predicted["churn"]
    ]
    risk = predicted["churn"][winners["churn"]]
    line = calibration_line(test.outcome("churn"), risk)
    facts = {
        "applies": True,
        "timeline": {name: str(value) for name, value in asdict(when).items() if name != "horizon_days"},
        "settings": asdict(config),
        "customers": {"train": len(train.customer_id), "test": len(test.customer_id), "forecast": len(customers)},
        "left": {"train": int(train.outcome("churn").sum()), "test": int(test.outcome("churn").sum())},
        "segment_agreement": agreement,
        "recommended": {outcome: {"model": name, "variant": variant} for outcome, (name, variant) in winners.items()},
        "recommendation": [_sentence(comparison, outcome, winners[outcome], test) for outcome in OUTCOMES],
        "segments_help": [_segments_help(comparison, outcome, winners[outcome]) for outcome in OUTCOMES],
        "plain": _plainly(test, predicted, winners, models, config.horizon_days),
        "steps": steps,
        "calibration": {
            "error": _score(comparison, "churn", winners["churn"], "calibration_error")["value"],
            "slope": line[0] if line else None,
            "intercept": line[1] if line else None,
        },
        "notes": notes,
    }
    return Prediction(customers, segments, comparison, calibration, runs, facts)


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
        From :func:`segments.btyd.daily`.
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
    span = (cutoff - when.first).days + 1
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


def rows_of(table: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    """The rows that hold these values.

    Examples
    --------
    >>> rows_of(pd.DataFrame({"model": ["a", "b"], "value": [1, 2]}), model="b")["value"].tolist()
    [2]
    """
    return table[(table[list(wanted)] == pd.Series(wanted)).all(axis="columns")]


# --- inside -------------------------------------------------------------------------------------------------------------


def _snapshot(
    features: pd.DataFrame, labels: NDArray[np.int32], days: pd.DataFrame, when: Timeline, cutoff: date
) -> Snapshot:
    today = cutoff.toordinal()
    ahead = (
        days[(days["day"] > today) & (days["day"] <= today + when.horizon_days)].groupby("customer_id")["spend"].sum()
    )
    known = cutoff <= when.latest
    ids = features["customer_id"]
    table = btyd_table(days, cutoff).set_index("customer_id").reindex(ids).reset_index()
    if table["T"].isna().any():
        raise DataError(
            f"{int(table['T'].isna().sum())} customers have returns but no purchase by {cutoff}",
            where="transactions",
            fix="drop returns in the source's policy",
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
    fitted: dict[str, dict[tuple[str, str], Predictor]] = {outcome: {} for outcome in OUTCOMES}
    notes: list[str] = []
    for name in _simple_first(models):
        for variant in variants(models[name]):
            try:
                made = {outcome: fit(models[name], variant, outcome, train, config) for outcome in OUTCOMES}
            except DataError as error:
                notes.append(f"{name} is left out: {error.what}")
                continue
            for outcome, (predictor, more) in made.items():
                fitted[outcome][name, variant] = predictor
                notes += [f"{name}, {variant}, {outcome}: {note}" for note in more]
    if not fitted["churn"]:
        raise DataError(
            f"no model can be fitted ({'; '.join(notes)})", where="prediction.models", fix="name another one"
        )
    return fitted, notes


def _simple_first(models: Mapping[str, PredictionModel]) -> list[str]:
    return sorted(models, key=lambda name: SIMPLE_FIRST.index(models[name].kind))


def _compare(
    test: Snapshot,
    predicted: Mapping[str, Mapping[tuple[str, str], Floats]],
    config: PredictionConfig,
) -> tuple[pd.DataFrame, dict[str, tuple[str, str]], list[dict[str, Any]]]:
    """Scores of all models on the test day, the recommended one per outcome, and the steps that led there."""
    groups = {EVERYBODY: np.ones(len(test.segment), dtype=bool)}
    groups |= {str(cluster): test.segment == cluster for cluster in sorted(set(test.segment.tolist()))}
    rows, winners, steps = [], {}, []
    for outcome in OUTCOMES:
        by_name = {" | ".join(key): values for key, values in predicted[outcome].items()}
        found = bootstrap(test.outcome(outcome), by_name, SCORES[outcome], groups, config.bootstrap, config.seed)
        for name, variant in predicted[outcome]:
            for group, mask in groups.items():
                for metric in SCORES[outcome]:
                    own, base = found[f"{name} | {variant}", group, metric], found[f"{name} | {GLOBAL}", group, metric]
                    gap = own - base if variant != GLOBAL else np.full(len(own), np.nan)
                    where = (outcome, name, variant, group, int(mask.sum()), metric)
                    rows.append((*where, own[0], *interval(own[1:]), gap[0], *interval(gap[1:])))
        metric = DECIDES[outcome]
        replicates = {key: found[" | ".join(key), EVERYBODY, metric] for key in predicted[outcome]}
        winners[outcome], taken = _recommend(replicates)
        steps += [{"outcome": outcome, "metric": metric, **step} for step in taken]
    columns = [
        "outcome",
        "model",
        "variant",
        "segment",
        "customers",
        "metric",
        "value",
        "low",
        "high",
        "difference",
        "difference_low",
        "difference_high",
    ]
    return pd.DataFrame(rows, columns=columns), winners, steps


def _recommend(
    replicates: Mapping[tuple[str, str], Floats],
) -> tuple[tuple[str, str], list[dict[str, Any]]]:
    """From the simplest to the most complex; one is left only for one whose error is smaller beyond doubt.

    The intervals of these steps are wider than 95 % (Bonferroni): of eight that are no better, one in three would else pass by chance.
    """
    best, *others = sorted(replicates, key=lambda key: VARIANTS.index(key[1]))  # stable: models stay in their order
    z = float(norm.ppf(1 - 0.025 / max(len(others), 1)))
    steps = []
    for key in others:
        gap = replicates[key] - replicates[best]
        half = z * float(gap[1:].std())
        better = bool(gap[0] + half < 0)
        names = {"from": " · ".join(best), "to": " · ".join(key)}
        steps.append(
            {
                **names,
                "difference": float(gap[0]),
                "low": float(gap[0] - half),
                "high": float(gap[0] + half),
                "taken": better,
            }
        )
        best = key if better else best
    return best, steps


def _calibration(test: Snapshot, predicted: Mapping[str, Mapping[tuple[str, str], Floats]]) -> pd.DataFrame:
    tables = [
        calibration_bins(test.outcome(outcome), values, shares=outcome == "churn").assign(
            outcome=outcome, model=name, variant=variant
        )
        for outcome in OUTCOMES
        for (name, variant), values in predicted[outcome].items()
    ]
    table = pd.concat(tables, ignore_index=True)
    return table[
        [
            "outcome",
            "model",
            "variant",
            *[name for name in table.columns if name not in ("outcome", "model", "variant")],
        ]
    ]


def _forecasts(now: Snapshot, final: Mapping[str, Floats]) -> tuple[pd.DataFrame, pd.DataFrame]:
    customers = pd.DataFrame(
        {
            "customer_id": now.customer_id,
            "cluster": now.segment,
            "churn_risk": final["churn"],
            "expected_value": final["value"],
        }
    )
    at_risk = final["churn"] * now.inputs["recent_spend"].to_numpy()
    by = customers.assign(at_risk_revenue=at_risk).groupby("cluster")
    segments = by.agg(
        customers=("customer_id", "size"),
        churn_risk=("churn_risk", "mean"),
        expected_value=("expected_value", "sum"),
        at_risk_revenue=("at_risk_revenue", "sum"),
    )
    return customers.astype({"customer_id": "str"}), segments.reset_index()


def _score(comparison: pd.DataFrame, outcome: str, winner: tuple[str, str], metric: str) -> dict[str, Any]:
    name, variant = winner
    wanted = rows_of(comparison, outcome=outcome, model=name, variant=variant, metric=metric, segment=EVERYBODY)
    [row] = wanted[["value", "low", "high"]].to_dict("records")
    return {str(key): float(value) if np.isfinite(value) else None for key, value in row.items()}  # JSON knows no NaN


def _metrics(comparison: pd.DataFrame, name: str, variant: str) -> dict[str, float]:
    own = rows_of(comparison, model=name, variant=variant, segment=EVERYBODY)
    return {f"{row.outcome}_{row.metric}": float(row.value) for row in own.itertuples() if np.isfinite(row.value)}


def _sentence(comparison: pd.DataFrame, outcome: str, winner: tuple[str, str], test: Snapshot) -> str:
    scores = ", ".join(
        f"{WORDS[metric]} {_short(row['value'])} ({_short(row['low'])} to {_short(row['high'])})"
        for metric in SCORES[outcome]
        for row in [_score(comparison, outcome, winner, metric)]
    )
    happened = test.outcome(outcome)
    base = f"{int(happened.sum())} of them left" if outcome == "churn" else f"they spent {happened.mean():.2f} each"
    name = f"{winner[0]}, {'one global model' if winner[1] == GLOBAL else winner[1]}"
    return (
        f"For {outcome} use {name}: the simplest that no other beat beyond doubt in {WORDS[DECIDES[outcome]]}. "
        f"On {len(happened)} customers after {test.cutoff} ({base}): {scores}."
    )


def _segments_help(comparison: pd.DataFrame, outcome: str, winner: tuple[str, str]) -> str:
    """Does modelling per segment help? In words, from the paired differences to each model's global variant."""
    metric = DECIDES[outcome]
    rows = rows_of(comparison, outcome=outcome, metric=metric, segment=EVERYBODY)
    rows = rows[rows["variant"] != GLOBAL]
    if rows.empty:
        return f"Whether segments help to foresee {outcome} was not asked: no model in the list can use them."
    verdicts: dict[str, list[str]] = {"it lowers": [], "it raises": [], "it makes no sure difference to": []}
    for row in rows.itertuples():
        verdict = (
            "it lowers" if row.difference_high < 0 else "it raises" if row.difference_low > 0 else list(verdicts)[2]
        )
        gap = f"{row.difference:+.3g}, {row.difference_low:+.3g} to {row.difference_high:+.3g}"
        verdicts[verdict].append(f"that of {row.model}, {row.variant} ({gap})")
    said = "; ".join(f"{verdict} {', '.join(which)}" for verdict, which in verdicts.items() if which)
    if winner[1] != GLOBAL:
        answer = f"Yes: the recommended model, {winner[0]}, uses segments ({winner[1]})"
    elif verdicts["it lowers"]:
        answer = f"Not enough: segments help some models, but none of those beats the recommended one, {winner[0]}, which uses none"
    else:
        answer = f"No: use one model for all customers ({winner[0]})"
    return (
        f"Does modelling per segment help to foresee {outcome}? {answer}. "
        f"In {WORDS[metric]} against the same model without segments, {said}."
    )


def _plainly(
    test: Snapshot,
    predicted: Mapping[str, Mapping[tuple[str, str], Floats]],
    winners: Mapping[str, tuple[str, str]],
    models: Mapping[str, PredictionModel],
    days: int,
) -> list[str]:
    """What the forecasts rest on and how they did, for people who read no scores; one sentence or two per outcome."""
    said = []
    for outcome, (name, variant) in winners.items():
        happened, ahead = test.outcome(outcome), predicted[outcome][name, variant]
        by = PLAIN[models[name].kind] + ("" if variant == GLOBAL else ", with segments")
        checked = (
            f"Checked on {len(happened):,} customers over the {days} days after {test.cutoff}, then unknown to it: "
        )
        said.append(
            f"The risk of leaving is the chance that a customer buys nothing in the next {days} days, judged by {by}. "
            f"{checked}it expected {ahead.mean():.1%} to leave; {happened.mean():.1%} did."
            if outcome == "churn"
            else f"The expected value is what customers will spend in the next {days} days, judged by {by}. {checked}"
            f"it expected {ahead.sum():,.0f} in all; they spent {happened.sum():,.0f}. For one customer it was off by {np.abs(ahead - happened).mean():,.0f} on average."
        )
    return said


def _short(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:,.1f}"
