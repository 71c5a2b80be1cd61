"""Which model to use, and how good it is. Comes in: predictions of later time and what happened. Goes out: scores with intervals, the simplest model that nothing beats, and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from segments.config.prediction import PredictionConfig, PredictionModel
from segments.forecast.holdout import (
    CHURN_SCORES,
    VALUE_SCORES,
    bootstrap,
    calibration_bins,
    calibration_line,
    interval,
)
from segments.forecast.models import FEATURE, GLOBAL, OUTCOMES, PER_SEGMENT, Snapshot

Floats = NDArray[np.float64]

OUTCOME_SCORES = {"churn": CHURN_SCORES, "value": VALUE_SCORES}
# What the recommendation is decided by: the whole distance to what happened, so that a good ranking of wrong numbers does not win.
DECIDES = {"churn": "brier", "value": "mae"}
OUTCOME_WORDS = {
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
EVERYBODY = "all"


def rows_of(table: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    """The rows that hold these values.

    Examples
    --------
    >>> rows_of(pd.DataFrame({"model": ["a", "b"], "value": [1, 2]}), model="b")["value"].tolist()
    [2]
    """
    return table[(table[list(wanted)] == pd.Series(wanted)).all(axis="columns")]


def simple_first(models: Mapping[str, PredictionModel]) -> list[str]:
    """The models' names, from the simplest to the most complex.

    Examples
    --------
    >>> simple_first({"trees": PredictionModel("trees", "boosting"), "r": PredictionModel("r", "recency")})
    ['r', 'trees']
    """
    return sorted(models, key=lambda name: SIMPLE_FIRST.index(models[name].kind))


def compare_models(
    test: Snapshot,
    predicted: Mapping[str, Mapping[tuple[str, str], Floats]],
    config: PredictionConfig,
) -> tuple[pd.DataFrame, dict[str, tuple[str, str]], list[dict[str, Any]]]:
    """Score all models on the test day, and recommend one per outcome.

    Parameters
    ----------
    test : Snapshot
        Customers whose outcome is known.
    predicted : mapping of str to mapping
        Per outcome, and per model and variant: what was predicted of them, from the simplest model on.
    config : PredictionConfig
        Bootstrap and seed.

    Returns
    -------
    comparison : DataFrame
        One row per outcome, model, variant, segment and metric, with 95 % intervals, and the paired difference to the model's global variant.
    winners : dict of str to (str, str)
        The recommended model and variant per outcome.
    steps : list of dict
        What was compared with what on the way, and taken or not.
    """
    groups = {EVERYBODY: np.ones(len(test.segment), dtype=bool)}
    groups |= {str(cluster): test.segment == cluster for cluster in sorted(set(test.segment.tolist()))}
    rows, winners, steps = [], {}, []
    for outcome in OUTCOMES:
        by_name = {" | ".join(key): values for key, values in predicted[outcome].items()}
        found = bootstrap(
            test.outcome(outcome), by_name, OUTCOME_SCORES[outcome], groups, config.bootstrap, config.seed
        )
        for name, variant in predicted[outcome]:
            for group, mask in groups.items():
                for metric in OUTCOME_SCORES[outcome]:
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


def calibration_table(test: Snapshot, predicted: Mapping[str, Mapping[tuple[str, str], Floats]]) -> pd.DataFrame:
    """What was predicted and what happened, by bins of what was predicted, for every outcome, model and variant."""
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


def metrics_of(comparison: pd.DataFrame, name: str, variant: str) -> dict[str, float]:
    """Scores of one model and variant over all customers, as ``churn_brier``; undefined ones are left out."""
    own = rows_of(comparison, model=name, variant=variant, segment=EVERYBODY)
    return {f"{row.outcome}_{row.metric}": float(row.value) for row in own.itertuples() if np.isfinite(row.value)}


def recommendation(
    comparison: pd.DataFrame,
    winners: Mapping[str, tuple[str, str]],
    test: Snapshot,
    predicted: Mapping[str, Mapping[tuple[str, str], Floats]],
    models: Mapping[str, PredictionModel],
    horizon_days: int,
) -> dict[str, Any]:
    """What is recommended, in numbers and words, as plain data.

    Parameters
    ----------
    comparison, winners
        What :func:`compare_models` found.
    test, predicted
        What it was given.
    models : mapping of str to PredictionModel
        By name.
    horizon_days : int
        How far ahead was looked.

    Returns
    -------
    dict
        ``recommended, recommendation, segments_help, plain``, and the ``calibration`` of the recommended churn model.
    """
    line = calibration_line(test.outcome("churn"), predicted["churn"][winners["churn"]])
    return {
        "recommended": {outcome: {"model": name, "variant": variant} for outcome, (name, variant) in winners.items()},
        "recommendation": [_sentence(comparison, outcome, winners[outcome], test) for outcome in OUTCOMES],
        "segments_help": [_segments_help(comparison, outcome, winners[outcome]) for outcome in OUTCOMES],
        "plain": _plainly(test, predicted, winners, models, horizon_days),
        "calibration": {
            "error": _score(comparison, "churn", winners["churn"], "calibration_error")["value"],
            "slope": line[0] if line else None,
            "intercept": line[1] if line else None,
        },
    }


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


def _score(comparison: pd.DataFrame, outcome: str, winner: tuple[str, str], metric: str) -> dict[str, Any]:
    name, variant = winner
    wanted = rows_of(comparison, outcome=outcome, model=name, variant=variant, metric=metric, segment=EVERYBODY)
    [row] = wanted[["value", "low", "high"]].to_dict("records")
    return {str(key): float(value) if np.isfinite(value) else None for key, value in row.items()}  # JSON knows no NaN


def _sentence(comparison: pd.DataFrame, outcome: str, winner: tuple[str, str], test: Snapshot) -> str:
    scores = ", ".join(
        f"{OUTCOME_WORDS[metric]} {_short(row['value'])} ({_short(row['low'])} to {_short(row['high'])})"
        for metric in OUTCOME_SCORES[outcome]
        for row in [_score(comparison, outcome, winner, metric)]
    )
    happened = test.outcome(outcome)
    base = f"{int(happened.sum())} of them left" if outcome == "churn" else f"they spent {happened.mean():.2f} each"
    name = f"{winner[0]}, {'one global model' if winner[1] == GLOBAL else winner[1]}"
    return (
        f"For {outcome} use {name}: the simplest that no other beat beyond doubt in {OUTCOME_WORDS[DECIDES[outcome]]}. "
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
        f"In {OUTCOME_WORDS[metric]} against the same model without segments, {said}."
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
            f"{checked}it expected {ahead.mean() * 100:.1f} % to leave; {happened.mean() * 100:.1f} % did."
            if outcome == "churn"
            else f"The expected value is what customers will spend in the next {days} days, judged by {by}. {checked}"
            f"it expected {ahead.sum():,.0f} in all; they spent {happened.sum():,.0f}. For one customer it was off by {np.abs(ahead - happened).mean():,.0f} on average."
        )
    return said


def _short(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:,.1f}"
