"""Which model to use, and how good it is. Comes in: predictions of later time and what happened. Goes out: scores with intervals, the simplest model that nothing beats, and sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from segments.config.prediction import PredictionConfig, PredictionModel
from segments.features.meanings import money_text
from segments.forecast.holdout import (
    CHURN_SCORES,
    LEAST,
    VALUE_SCORES,
    bootstrap,
    calibration_bins,
    calibration_line,
    interval,
)
from segments.forecast.models import CONSTANT, FEATURE, GLOBAL, OUTCOMES, PER_SEGMENT, Snapshot

Floats = NDArray[np.float64]

OUTCOME_SCORES = {"churn": CHURN_SCORES, "value": VALUE_SCORES}
# What the recommendation is decided by: the whole distance to what happened, so that a good ranking of wrong numbers does not win.
# Both are least for the true mean of what happens: absolute error is least for the median, which is nothing where half buy nothing.
DECIDES = {"churn": "brier", "value": "poisson_deviance"}
RANKS = {"churn": ("roc_auc", 0.5), "value": ("spearman", 0.0)}  # and what these are where all customers are alike
OUTCOME_WORDS = {
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "poisson_deviance": "Poisson deviance",
    "mae": "mean absolute error",
    "spearman": "Spearman",
    "decile_lift": "top-decile lift",
    "total_ratio": "predicted / actual total",
}
PLAIN = {
    "constant": "nothing: the same of everybody",
    "recency": "how long ago the customer last bought",
    "last_period": "what the customer did in as many days before",
    "btyd": "how often and how long ago the customer bought",
    "linear": "a formula learned from all that is known of customers",
    "boosting": "decision trees learned from all that is known of customers",
}
VARIANTS = (GLOBAL, FEATURE, PER_SEGMENT)
SIMPLE_FIRST = ("recency", "last_period", "btyd", "linear", "boosting")
EVERYBODY = "all"
OUTCOME_NAMES = {"churn": "risk of leaving", "value": "expected value"}
BASELINE = (CONSTANT, GLOBAL)


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
) -> tuple[pd.DataFrame, dict[str, tuple[str, str]], list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Score all models on the test day, and recommend one per outcome.

    A model that ranks no better than chance is never taken, however well it foresees how many leave: risks of single customers would say nothing.

    Parameters
    ----------
    test : Snapshot
        Customers whose outcome is known.
    predicted : mapping of str to mapping
        Per outcome, and per model and variant: what was predicted of them, from the simplest model on, which says the same of everybody.
    config : PredictionConfig
        Bootstrap, seed and horizon.

    Returns
    -------
    comparison : DataFrame
        One row per outcome, model, variant, segment and metric, with 95 % intervals, and the paired difference to the model's global variant.
    winners : dict of str to (str, str)
        The recommended model and variant per outcome; the constant where nothing is better.
    steps : list of dict
        What was compared with what on the way, and taken or not.
    skill : dict of str to dict
        Per outcome, whether the recommended model is better than the constant: ``shown``, the ``constant``, the ``model`` (without skill the one
        that came nearest), the ``share`` by which its error is less, that ``improvement`` with ``low`` and ``high``, and ``words``.
    """
    groups = {EVERYBODY: np.ones(len(test.segment), dtype=bool)}
    groups |= {str(cluster): test.segment == cluster for cluster in sorted(set(test.segment.tolist()))}
    rows, winners, steps, skill = [], {}, [], {}
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
        rank, chance = RANKS[outcome]
        ranking = [key for key in replicates if interval(found[" | ".join(key), EVERYBODY, rank][1:])[0] > chance]
        winners[outcome], taken = _recommend(replicates, ranking)
        steps += [{"outcome": outcome, "metric": metric, **step} for step in taken]
        same = float(predicted[outcome][BASELINE][0])
        skill[outcome] = _skill(outcome, replicates, winners[outcome], same, test, config.horizon_days)
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
    return pd.DataFrame(rows, columns=columns), winners, steps, skill


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
    skill: Mapping[str, Mapping[str, Any]],
    test: Snapshot,
    predicted: Mapping[str, Mapping[tuple[str, str], Floats]],
    models: Mapping[str, PredictionModel],
    horizon_days: int,
    currency: str,
) -> dict[str, Any]:
    """What is recommended, in numbers and words, as plain data.

    Parameters
    ----------
    comparison, winners, skill
        What :func:`compare_models` found.
    test, predicted
        What it was given.
    models : mapping of str to PredictionModel
        By name.
    horizon_days : int
        How far ahead was looked.
    currency : str
        Of the money; may be empty.

    Returns
    -------
    dict
        ``recommended, recommendation, segments_help, plain, skill``, and the ``calibration`` of the recommended churn model.
    """
    line = calibration_line(test.outcome("churn"), predicted["churn"][winners["churn"]])
    return {
        "recommended": {outcome: {"model": name, "variant": variant} for outcome, (name, variant) in winners.items()},
        "recommendation": [
            f"{_sentence(comparison, outcome, winners[outcome], test)} {skill[outcome]['words']}"
            if skill[outcome]["shown"]
            else skill[outcome]["words"]
            for outcome in OUTCOMES
        ],
        "segments_help": [_segments_help(comparison, outcome, winners[outcome]) for outcome in OUTCOMES],
        "plain": _plainly(comparison, test, predicted, winners, skill, models, horizon_days, currency),
        "skill": dict(skill),
        "calibration": {
            "error": _score(comparison, "churn", winners["churn"], "calibration_error")["value"],
            "slope": line[0] if line else None,
            "intercept": line[1] if line else None,
        },
    }


def _recommend(
    replicates: Mapping[tuple[str, str], Floats], ranking: Collection[tuple[str, str]]
) -> tuple[tuple[str, str], list[dict[str, Any]]]:
    """From the simplest to the most complex; one is left only for one whose error is smaller beyond doubt, and that ranks customers."""
    best, *others = sorted(replicates, key=lambda key: VARIANTS.index(key[1]))  # stable: models stay in their order
    steps = []
    for key in others:
        gap, low, high = _difference(replicates, key, best)
        better = high < 0 and key in ranking
        names = {"from": " · ".join(best), "to": " · ".join(key)}
        steps.append(
            {
                **names,
                "difference": gap,
                "low": low,
                "high": high,
                "taken": better,
            }
        )
        best = key if better else best
    return best, steps


def _difference(
    replicates: Mapping[tuple[str, str], Floats], one: tuple[str, str], other: tuple[str, str]
) -> tuple[float, float, float]:
    """Score of the one less that of the other, and its paired interval.

    It is wider than 95 % (Bonferroni): of eight models that are no better, one in three would else pass by chance.
    """
    gap = replicates[one] - replicates[other]
    half = float(norm.ppf(1 - 0.025 / max(len(replicates) - 1, 1))) * float(gap[1:].std())
    return float(gap[0]), float(gap[0] - half), float(gap[0] + half)


def _skill(
    outcome: str,
    replicates: Mapping[tuple[str, str], Floats],
    winner: tuple[str, str],
    same: float,
    test: Snapshot,
    days: int,
) -> dict[str, Any]:
    """Whether the recommended model is better than saying the same of everybody, in numbers and words."""
    shown = winner != BASELINE
    others = [key for key in replicates if key != BASELINE]
    best = winner if shown else min(others, key=lambda key: replicates[key][0])
    gap, low, high = _difference(replicates, best, BASELINE)
    worst = float(replicates[BASELINE][0])
    said = f"{same * 100:.1f} % of everybody" if outcome == "churn" else f"{same:,.2f} of everybody"
    where = f"on {len(test.segment):,} customers over the {days} days after {test.cutoff}"
    name, own = " · ".join(best), float(replicates[best][0])
    figures = f"{OUTCOME_WORDS[DECIDES[outcome]]} {_short(own)} against {_short(worst)}, {_short(-gap)} better ({_short(-high)} to {_short(-low)})"
    words = (
        f"The {OUTCOME_NAMES[outcome]} by {name} is better than saying {said}, {where}: {figures}."
        if shown
        else f"The {OUTCOME_NAMES[outcome]} is not shown: no model is better beyond doubt than saying {said}, {where}. Nearest comes {name}: {figures}."
    )
    share = 1 - own / worst if worst else 0.0
    figures_of = {"share": share, "improvement": -gap, "low": -high, "high": -low}
    return {"shown": shown, "constant": same, "model": name, **figures_of, "words": words}


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
    rule = OUTCOME_WORDS[DECIDES[outcome]]
    if outcome == "value":
        rule += f", which is least for the true mean (forecasts below {LEAST:.0%} of the mean are scored as that)"
    return (
        f"For {outcome} use {name}: the simplest that no other beat beyond doubt in {rule}. "
        f"On {len(happened):,} customers after {test.cutoff} ({base}): {scores}."
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
    if winner == BASELINE:
        answer = "No: no model is better than saying the same of everybody"
    elif winner[1] != GLOBAL:
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
    comparison: pd.DataFrame,
    test: Snapshot,
    predicted: Mapping[str, Mapping[tuple[str, str], Floats]],
    winners: Mapping[str, tuple[str, str]],
    skill: Mapping[str, Mapping[str, Any]],
    models: Mapping[str, PredictionModel],
    days: int,
    currency: str,
) -> list[str]:
    """What the forecasts rest on and how they did, for people who read no scores; one sentence or two per outcome."""
    said = []
    for outcome, (name, variant) in winners.items():
        if not skill[outcome]["shown"]:
            said.append(skill[outcome]["words"])
            continue
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
            f"it expected {money_text(ahead.sum(), currency)} in all; they spent {money_text(happened.sum(), currency)} ({_bias(comparison, (name, variant))}). "
            f"For one customer it was off by {money_text(np.abs(ahead - happened).mean(), currency)} on average."
        )
    return said


def _bias(comparison: pd.DataFrame, winner: tuple[str, str]) -> str:
    """How far off the total was, with its interval."""
    ratio = _score(comparison, "value", winner, "total_ratio")
    if ratio["low"] is None:
        return "too few to say how sure"
    off = [f"{(ratio[end] - 1) * 100:+.1f} %" for end in ("value", "low", "high")]
    return f"off by {off[0]}, {off[1]} to {off[2]}"


def _short(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:,.1f}"
