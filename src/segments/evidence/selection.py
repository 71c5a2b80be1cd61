"""Candidates and their evidence -> the chosen one. Comes in: one table, the rule, a person's decision if there is one. Goes out: choice, runner-up, reason.

Gates first, then a ranking: the better grade goes first, and within a grade a score that can be compared between feature sets and
scalers. The score says how far the data are from data without clusters, and pieces of true clusters lie far from it too; the
grade says whether these very clusters are the ones that exist. A person may overrule: it is recorded
with the reason, and what the rule would have chosen stays beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.config.decisions import Decision
from segments.config.evidence import GRADES, METRICS, NULLS, SelectionConfig
from segments.errors import ConfigError, SegmentsError

# For each metric a ranking may use: whether a larger value is better.
LARGER_IS_BETTER = {metric: metric != "davies_bouldin" for metric in METRICS}
# Scores of a fit in its own space: they rank k within a cell, not cells among each other.
OWN_SPACE = ("silhouette", "silhouette_simplified", "davies_bouldin", "calinski_harabasz")
NOT_EVALUATED_REASON = "evidence (not evaluated)"


class Gate(NamedTuple):
    """What a candidate must reach: the gate's name in words, the score, its limit, and whether more is better."""

    name: str
    column: str
    limit: float
    at_least: bool = True

    def passes(self, candidates: pd.DataFrame) -> NDArray[np.bool_]:
        """Whether each candidate does; one whose score is missing does not."""
        values = candidates[self.column]
        return np.asarray(values >= self.limit if self.at_least else values <= self.limit)

    def lack(self, row: Mapping[str, Any] | pd.Series[Any]) -> str:
        """Its name with value and limit."""
        value = "not measured" if np.isnan(row[self.column]) else f"{row[self.column]:.4g}"
        return f"{self.name} ({value} against at {'least' if self.at_least else 'most'} {self.limit:g})"


class Chosen(NamedTuple):
    """The chosen candidate: its id, feature set and cell."""

    candidate_id: str
    feature_set: str
    cell: str


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
        Why this one, in words; names the runner-up and what would have changed the choice.
    passed, total : int
        Candidates that passed every gate, and candidates in all.
    failed : dict of str to int
        Candidates that failed each gate (one may fail several).
    elbows : list of dict
        Per feature set and scaler the k at the knee of the WCSS curve, or ``None``: advice, not a rule.
    front : list of str
        Ids on the Pareto front of fit, stability and simplicity, simplest first.
    misses : dict of str to list of str
        The gates each candidate fails; candidates that pass are left out, and one that was not evaluated fails no gate of the evidence.
    overruled : dict or None
        When a person chose: ``by, at, because`` and the rule's own ``candidate_id`` and ``name``.
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
    front: list[str]
    misses: dict[str, list[str]]
    overruled: dict[str, Any] | None = None

    @property
    def chosen(self) -> Chosen | None:
        """The chosen candidate, if there is one."""
        if self.candidate_id is None or self.feature_set is None or self.cell is None:
            return None
        return Chosen(self.candidate_id, self.feature_set, self.cell)

    def to_plain(self) -> dict[str, Any]:
        """The choice as plain data, ready for JSON."""
        return asdict(self)


def choose(candidates: pd.DataFrame, config: SelectionConfig, decision: Decision | None = None) -> Choice:
    """Apply the gates, rank what passes, and say why.

    Parameters
    ----------
    candidates : DataFrame
        One row per candidate: the sweep's table with the evidence's columns beside it.
    config : SelectionConfig
        Gates and metric.
    decision : Decision, optional
        A person's choice, which goes before the rule.

    Returns
    -------
    Choice
        Ranked by grade, then by the metric; ties are broken by the smaller k, then by the order of the table.

    Raises
    ------
    ConfigError
        If the metric is a score of a fit in its own space, and the candidates lie in several.
    SegmentsError
        If the decision names a candidate that is not in the table.

    Examples
    --------
    >>> table = pd.DataFrame({"candidate_id": ["a", "b"], "feature_set": "x", "scaler": "none", "k": [3, 4], "wcss": [2.0, 1.0],
    ...     "silhouette": [0.5, 0.6], "smallest_share": [0.2, 0.001], "largest_share": [0.5, 0.5], "grade": "natural",
    ...     "jaccard_min": 0.9, "prediction_strength": 0.9, "z_silhouette": [7.0, 9.0], "null": "unimodal", "reason": "Natural: why."})
    >>> choice = choose(table, SelectionConfig())
    >>> choice.candidate_id, choice.failed["smallest segment"]
    ('a', 1)
    """
    spaces = candidates[["feature_set", "scaler"]].drop_duplicates()
    if config.metric in OWN_SPACE and len(spaces) > 1:
        raise ConfigError(
            f"{config.metric} cannot be compared between feature sets and scalers, and the candidates lie in {len(spaces)} of them",
            where="selection.metric",
            fix=f"allowed here: {', '.join(metric for metric in METRICS if metric not in OWN_SPACE)}; or sweep one feature set with one scaler",
        )
    gates = gates_of(candidates, config)
    ok = np.logical_and.reduce(list(gates.values()))
    failed = {name: int((~passes).sum()) for name, passes in gates.items()}
    misses = {
        str(identity): [name for name, passes in gates.items() if not passes[row]]
        for row, identity in enumerate(candidates["candidate_id"])
        if not ok[row]
    }
    ranked = _ranked(
        candidates.assign(_misses=[len(misses.get(i, ())) for i in candidates["candidate_id"]]), config.metric
    )
    passing = ranked[ranked["_misses"] == 0]
    overruled = None
    if passing.empty:
        # What was not evaluated fails on that alone, and is not close for it.
        evaluated = ranked["jaccard_min"].notna()
        closest = ranked.assign(_evaluated=evaluated).sort_values(
            ["_evaluated", "_misses"], ascending=[False, True], kind="stable"
        )
        nearest = closest.iloc[0]
        lacks = _lacks(nearest, misses[nearest["candidate_id"]], config)
        reason = (
            f"None of {len(candidates)} candidates passes: {_counts(failed)}. Closest: {name_of(nearest)}, which fails on {lacks}. "
            f"{nearest['reason']} Nothing is registered."
        )
        order, best, runner_up = closest["candidate_id"].tolist(), None, None
    else:
        best = passing.iloc[0]
        runner_up = str(passing.iloc[1]["candidate_id"]) if len(passing) > 1 else None
        reason = _reason(candidates, ranked, passing, misses, config)
        order = passing["candidate_id"].tolist()
    if decision is not None:
        known = candidates.set_index("candidate_id")
        if decision.candidate_id not in known.index:
            raise SegmentsError(
                f"the decision of {decision.by} names candidate {decision.candidate_id} ({decision.name}), which this sweep does not have",
                where="conf/decisions.yaml: selected",
                fix="choose again with `segments select CANDIDATE_ID`, or return to the rule with `segments select rule`",
            )
        rule = None if best is None else best
        best = candidates[candidates["candidate_id"] == decision.candidate_id].iloc[0]
        overruled = {
            "by": decision.by,
            "at": decision.at,
            "because": decision.because,
            "candidate_id": None if rule is None else str(rule["candidate_id"]),
            "name": None if rule is None else name_of(rule),
        }
        said = (
            f"Chosen by {decision.by} on {decision.at[:10]}: {name_of(best)}, because {decision.because.rstrip('.')}."
        )
        if fails := misses.get(decision.candidate_id):
            said += f" It fails on {_lacks(best, fails, config)}."
        reason = f"{said} {best['reason']} By the rule: {reason}"
        runner_up = None if rule is None else str(rule["candidate_id"])
        if runner_up == decision.candidate_id:
            runner_up = order[1] if len(order) > 1 else None
        order = [decision.candidate_id, *[i for i in order if i != decision.candidate_id]]
    return Choice(
        candidate_id=None if best is None else str(best["candidate_id"]),
        runner_up=runner_up,
        feature_set=None if best is None else str(best["feature_set"]),
        cell=None if best is None else f"{best['feature_set']} · {best['scaler']}",
        finalists=[str(i) for i in order[: config.finalists]],
        rule=_rule(config),
        reason=reason,
        passed=len(passing),
        total=len(candidates),
        failed=failed,
        elbows=elbows(candidates),
        front=pareto_front(candidates, config),
        misses=misses,
        overruled=overruled,
    )


def gates_of(candidates: pd.DataFrame, config: SelectionConfig) -> dict[str, NDArray[np.bool_]]:
    """Whether each candidate passes each gate.

    Parameters
    ----------
    candidates : DataFrame of shape (n_candidates, ...)
        The sweep's table with the evidence's columns beside it; what was not evaluated is missing there, and fails on that alone.
    config : SelectionConfig
        Where the gates stand.

    Returns
    -------
    dict of str to ndarray of shape (n_candidates,)
        By the gate's name in words.
    """
    evaluated = candidates["jaccard_min"].notna().to_numpy()
    found = {gate.name: gate.passes(candidates) for gate in _dear(config)}
    found["grade"] = candidates["grade"].isin(config.grades).to_numpy()
    passes = {name: passing | ~evaluated for name, passing in found.items()}
    return cheap_gates_of(candidates, config) | passes | {NOT_EVALUATED_REASON: evaluated}


def cheap_gates_of(candidates: pd.DataFrame, config: SelectionConfig) -> dict[str, NDArray[np.bool_]]:
    """Whether each candidate passes each gate that needs no evidence; as :func:`gates_of`."""
    return {gate.name: gate.passes(candidates) for gate in _cheap(config)}


def pareto_front(candidates: pd.DataFrame, config: SelectionConfig) -> list[str]:
    """Candidates that no other beats in fit, stability and simplicity at once, among those that pass the gates that need no evidence.

    Parameters
    ----------
    candidates : DataFrame
        As in :func:`choose`.
    config : SelectionConfig
        Its metric is the fit; stability is the least stable cluster's Jaccard; simplicity is a small k.

    Returns
    -------
    list of str
        Candidate ids, fewest segments first.

    Examples
    --------
    >>> table = pd.DataFrame({"candidate_id": ["a", "b", "c"], "k": [3, 4, 4], "smallest_share": 0.2, "largest_share": 0.5,
    ...     "silhouette": 0.5, "z_silhouette": [5.0, 9.0, 4.0], "jaccard_min": [0.9, 0.8, 0.7]})
    >>> pareto_front(table, SelectionConfig())
    ['a', 'b']
    """
    ok = np.logical_and.reduce(list(cheap_gates_of(candidates, config).values()))
    known = candidates[ok & candidates[[config.metric, "jaccard_min"]].notna().all(axis=1).to_numpy()]
    sign = 1 if LARGER_IS_BETTER[config.metric] else -1
    points = np.column_stack([sign * known[config.metric], known["jaccard_min"], -known["k"]]).astype(np.float64)
    as_good = (points[:, None] >= points).all(axis=2)
    better = (points[:, None] > points).any(axis=2)
    front = known[~(as_good & better).any(axis=0)]
    return [str(i) for i in front.sort_values("k", kind="stable")["candidate_id"]]


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
    from kneed import KneeLocator  # brings matplotlib's pyplot and scipy.signal: most of a second

    knee = KneeLocator(list(ks), list(wcss), curve="convex", direction="decreasing").knee
    return None if knee is None else int(knee)


def elbows(candidates: pd.DataFrame) -> list[dict[str, Any]]:
    """The elbow of every feature set and scaler: ``feature_set, scaler, k``."""
    rows = []
    for (feature_set, scaler), cell in candidates.groupby(["feature_set", "scaler"], sort=False):
        cell = cell.sort_values("k")
        rows.append(
            {"feature_set": feature_set, "scaler": scaler, "k": elbow(cell["k"].tolist(), cell["wcss"].tolist())}
        )
    return rows


def name_of(row: Mapping[str, Any] | pd.Series[Any]) -> str:
    """A candidate's name for a person, such as ``rfm · power · k=5``."""
    return f"{row['feature_set']} · {row['scaler']} · k={row['k']}"


def _cheap(config: SelectionConfig) -> list[Gate]:
    """The gates that need no evidence."""
    return [
        Gate("number of segments", "k", config.min_k),
        Gate("smallest segment", "smallest_share", config.min_smallest_share),
        Gate("largest segment", "largest_share", config.max_largest_share, at_least=False),
        Gate("silhouette", "silhouette", config.min_silhouette),
    ]


def _dear(config: SelectionConfig) -> list[Gate]:
    """The gates on numbers of the evidence."""
    return [
        Gate("stability", "jaccard_min", config.min_jaccard),
        Gate("prediction strength", "prediction_strength", config.min_prediction_strength),
    ]


def _lacks(row: Mapping[str, Any] | pd.Series[Any], names: Sequence[str], config: SelectionConfig) -> str:
    """The gates a candidate fails, each with what it has and what is asked."""
    said = {gate.name: gate.lack(row) for gate in (*_cheap(config), *_dear(config)) if gate.name in names}
    said["grade"] = f"grade ({row['grade']}; asked is {' or '.join(config.grades)})"
    return " and ".join(said.get(name, name) for name in names)


def _ranked(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The best first: by grade, then by the metric, then by the number of segments."""
    grade = table["grade"].map({name: place for place, name in enumerate(GRADES)})
    return table.assign(_grade=grade).sort_values(
        ["_grade", metric, "k"], ascending=[True, not LARGER_IS_BETTER[metric], True], kind="stable"
    )


def _reason(
    candidates: pd.DataFrame,
    ranked: pd.DataFrame,
    passing: pd.DataFrame,
    misses: Mapping[str, Sequence[str]],
    config: SelectionConfig,
) -> str:
    """Why the first of `passing`, and what would have made it another."""
    best, metric = passing.iloc[0], config.metric
    against = f" against {NULLS[best['null']]}" if metric.startswith("z_") else ""
    highest = "highest" if LARGER_IS_BETTER[metric] else "lowest"
    peers = int((passing["grade"] == best["grade"]).sum())
    said = [
        f"Of the {len(passing)} candidates (of {len(candidates)}) that pass the gates, {peers} {'has' if peers == 1 else 'have'} the best grade, "
        f"{best['grade']}; of those, {name_of(best)} has the {highest} {metric} ({best[metric]:.4f}{against}; least stable segment {best['jaccard_min']:.2f}).",
        best["reason"],
    ]
    if len(passing) > 1:
        second = passing.iloc[1]
        said.append(f"Runner-up: {name_of(second)} ({second['grade']}, {second[metric]:.4f}).")
    # The best that one gate alone keeps out, if it would have won.
    above = ranked.iloc[: int(np.argmax(ranked["candidate_id"] == best["candidate_id"]))]
    for row in above[above["_misses"] == 1].head(1).to_dict("records"):
        gate = _lacks(row, misses[row["candidate_id"]], config)
        said.append(
            f"Without the gate on {gate} it would have been {name_of(row)} ({row['grade']}, {row[metric]:.4f})."
        )
    others: dict[str, list[str]] = {}
    for other in ("z_silhouette", "z_wcss", "silhouette_reference"):
        if other != metric and other in passing and passing[other].notna().any():
            order = _ranked(passing, other)
            if (first := order.iloc[0])["candidate_id"] != best["candidate_id"]:
                others.setdefault(name_of(first), []).append(other)
    said += [f"By {' and by '.join(scores)} it would have been {name}." for name, scores in others.items()]
    cell = candidates[(candidates["feature_set"] == best["feature_set"]) & (candidates["scaler"] == best["scaler"])]
    knee = elbow(*(cell.sort_values("k")[column].tolist() for column in ("k", "wcss")))
    said.append(f"The elbow of its WCSS curve is at k={knee}." if knee else "Its WCSS curve has no knee.")
    return " ".join(said)


def _rule(config: SelectionConfig) -> str:
    better = "highest" if LARGER_IS_BETTER[config.metric] else "lowest"
    return (
        f"At least {config.min_k} segments, the smallest holding at least {config.min_smallest_share:.0%} and the largest at most {config.max_largest_share:.0%} of customers, "
        f"silhouette at least {config.min_silhouette:g}, every segment's Jaccard at least {config.min_jaccard:g}, prediction strength at least {config.min_prediction_strength:g}, "
        f"graded {' or '.join(config.grades)}; of those, the best grade, and within it the {better} {config.metric}."
    )


def _counts(failed: dict[str, int]) -> str:
    return ", ".join(f"{count} fail on {name}" for name, count in failed.items() if count)
