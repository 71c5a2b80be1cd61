"""Candidates -> the chosen one. Comes in: the candidates table and the rule. Goes out: choice, runner-up, and the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from kneed import KneeLocator

from segments.config import METRICS, SelectionConfig

# For each metric a ranking may use: whether a larger value is better.
LARGER_IS_BETTER = {metric: metric != "davies_bouldin" for metric in METRICS}


@dataclass(frozen=True)
class Choice:
    """What was chosen and why.

    Parameters
    ----------
    candidate_id, runner_up : str or None
        Ids of the chosen candidate and the next best; ``None`` when there is none.
    feature_set, cell : str or None
        The chosen candidate's feature set, and its cell's name.
    finalists : list of str
        Ids of the best, in order, the chosen one first; when nothing passed, those that came closest.
    rule : str
        The rule in words.
    reason : str
        Why this one, in words.
    passed, total : int
        Candidates that passed every gate, and candidates in all.
    failed : dict of str to int
        Candidates that failed each gate (one may fail several).
    elbows : list of dict
        Per feature set and scaler the k at the knee of the WCSS curve, or ``None``: advice, not a rule.
    """

    candidate_id: str | None
    runner_up: str | None
    feature_set: str | None
    cell: str | None
    finalists: list[str]
    rule: str
    reason: str
    passed: int
    total: int
    failed: dict[str, int]
    elbows: list[dict[str, Any]]

    def to_plain(self) -> dict[str, Any]:
        """The choice as plain data, ready for JSON."""
        return asdict(self)


def choose(candidates: pd.DataFrame, config: SelectionConfig) -> Choice:
    """Apply the gates, rank what passes, and say why.

    Parameters
    ----------
    candidates : DataFrame
        One row per candidate, as the sweep stage writes it.
    config : SelectionConfig
        Gates and metric.

    Returns
    -------
    Choice
        Ties are broken by the smaller k, then by the order of the table.

    Examples
    --------
    >>> table = pd.DataFrame({"candidate_id": ["a", "b"], "feature_set": "x", "scaler": "none", "k": [3, 4], "wcss": [2.0, 1.0],
    ...     "silhouette": [0.5, 0.6], "smallest_share": [0.2, 0.001], "largest_share": [0.5, 0.5]})
    >>> choice = choose(table, SelectionConfig())
    >>> choice.candidate_id, choice.failed["smallest segment"]
    ('a', 1)
    """
    gates = _gates(candidates, config)
    ok = np.logical_and.reduce(list(gates.values()))
    failed = {name: int((~passes).sum()) for name, passes in gates.items()}
    larger = LARGER_IS_BETTER[config.metric]
    ranked = candidates.assign(_order=np.arange(len(candidates))).sort_values(
        [config.metric, "k", "_order"], ascending=[not larger, True, True]
    )
    passing = ranked[ok[ranked["_order"].to_numpy()]]
    rule = _rule(config)
    elbows = _elbows(candidates)
    if passing.empty:
        misses = np.sum([~passes for passes in gates.values()], axis=0)
        closest = ranked.assign(_misses=misses[ranked["_order"].to_numpy()]).sort_values("_misses", kind="stable")
        nearest = closest.iloc[0]
        missed = [name for name, passes in gates.items() if not passes[int(nearest["_order"])]]
        reason = f"None of {len(candidates)} candidates passes: {_counts(failed)}. Closest: {_name(nearest)}, which fails on {' and '.join(missed)}. Nothing is registered."
        return Choice(
            None,
            None,
            None,
            None,
            closest["candidate_id"].head(config.finalists).tolist(),
            rule,
            reason,
            0,
            len(candidates),
            failed,
            elbows,
        )
    best = passing.iloc[0]
    reason = f"{_name(best)} has the {'highest' if larger else 'lowest'} {config.metric} ({best[config.metric]:.4f}) of the {len(passing)} candidates (of {len(candidates)}) that pass the gates."
    runner_up = None
    if len(passing) > 1:
        second = passing.iloc[1]
        runner_up = str(second["candidate_id"])
        reason += f" Runner-up: {_name(second)} ({second[config.metric]:.4f})."
    elbow = next(
        (e["k"] for e in elbows if e["feature_set"] == best["feature_set"] and e["scaler"] == best["scaler"]), None
    )
    reason += f" The elbow of its WCSS curve is at k={elbow}." if elbow else " Its WCSS curve has no knee."
    cell = f"{best['feature_set']} · {best['scaler']}"
    return Choice(
        str(best["candidate_id"]),
        runner_up,
        str(best["feature_set"]),
        cell,
        passing["candidate_id"].head(config.finalists).tolist(),
        rule,
        reason,
        len(passing),
        len(candidates),
        failed,
        elbows,
    )


def elbow(ks: Sequence[int], wcss: Sequence[float]) -> int | None:
    """K at the knee of a WCSS curve, or ``None`` when it has none.

    References
    ----------
    Satopää, Albrecht, Irwin & Raghavan (2011), Finding a "Kneedle" in a Haystack, ICDCS Workshops.

    Examples
    --------
    >>> elbow([2, 3, 4, 5, 6], [100.0, 50.0, 20.0, 18.0, 17.0])
    4
    """
    if len(ks) < 3 or max(wcss) == min(wcss):
        return None
    knee = KneeLocator(list(ks), list(wcss), curve="convex", direction="decreasing").knee
    return None if knee is None else int(knee)


def _gates(candidates: pd.DataFrame, config: SelectionConfig) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    return {
        "number of segments": (candidates["k"] >= config.min_k).to_numpy(),
        "smallest segment": (candidates["smallest_share"] >= config.min_smallest_share).to_numpy(),
        "largest segment": (candidates["largest_share"] <= config.max_largest_share).to_numpy(),
        "silhouette": (candidates["silhouette"] >= config.min_silhouette).to_numpy(),
    }


def _rule(config: SelectionConfig) -> str:
    better = "highest" if LARGER_IS_BETTER[config.metric] else "lowest"
    return (
        f"At least {config.min_k} segments, the smallest holding at least {config.min_smallest_share:.0%} and the largest at most {config.max_largest_share:.0%} of customers, "
        f"silhouette at least {config.min_silhouette:g}; of those, the {better} {config.metric}."
    )


def _elbows(candidates: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for (feature_set, scaler), cell in candidates.groupby(["feature_set", "scaler"], sort=False):
        cell = cell.sort_values("k")
        rows.append(
            {"feature_set": feature_set, "scaler": scaler, "k": elbow(cell["k"].tolist(), cell["wcss"].tolist())}
        )
    return rows


def _counts(failed: dict[str, int]) -> str:
    return ", ".join(f"{count} fail on {name}" for name, count in failed.items() if count)


def _name(row: pd.Series[Any]) -> str:
    return f"{row['feature_set']} · {row['scaler']} · k={row['k']}"
