"""Candidates and what is known of them -> the chosen one. Comes in: one table, the rule, a person's decision if there is one. Goes out: choice, runner-up, reason.

Gates first: what a segmentation must have to be one at all. Those that pass are narrowed down, one question after another, until one is left:

1. Are there clusters? Natural candidates go first, and of those of a cell the finest: where there is a gap between every two of k + 1 clusters, k of them hide one (:func:`segments.evidence.grades.finer`).
2. Does it stay? Segments that are firm under every single change go before those that hang on one feature, scaler or day.
3. The better grade.
4. Is it as useful as the best: does it explain nearly as much of what customers did in the time after, or as much within the error of the difference?
5. The excess, how far the silhouette lies above that of data without clusters; what lies within its error is a tie.
6. Whose least stable segment comes back more often (within the error of that, a tie again).
7. Fewer segments.

What a source cannot tell (a log for 4, changes for 2) asks nothing. A person may overrule: it is recorded with the reason, and what the rule would have chosen stays beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.exact import significant
from segments.config.decisions import Decision
from segments.config.evidence import AHEAD, GRADES, METRICS, NULLS, SelectionConfig
from segments.errors import ConfigError, SegmentsError
from segments.evidence.usefulness import error_of

# For each metric a ranking may use: whether a larger value is better.
LARGER_IS_BETTER = {metric: metric != "davies_bouldin" for metric in METRICS}
# Scores of a fit in its own space: they rank k within a cell, not cells among each other.
OWN_SPACE = ("silhouette", "silhouette_simplified", "davies_bouldin", "calinski_harabasz")
# Standard errors of scores that have one.
_ERRORS = {"excess": "excess_error", "usefulness": "usefulness_error"}
NOT_EVALUATED_REASON = "evidence (not evaluated)"
USEFUL = "usefulness"
_NO_GROUPS = pd.DataFrame()


class Gate(NamedTuple):
    """What a candidate must reach: the gate's name in words, the score, its limit, and whether more is better.

    Where the table has no such score (revenue, of a source without money) there is no gate.
    """

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
        Three short sentences: which, why, how sure.
    details : list of str
        The figures behind it, a sentence each: the evidence, the runner-up, what would have changed the choice.
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
    details: list[str]
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


def choose(
    candidates: pd.DataFrame,
    config: SelectionConfig,
    decision: Decision | None = None,
    without: pd.DataFrame = _NO_GROUPS,
) -> Choice:
    """Apply the gates, narrow down what passes, and say why.

    Parameters
    ----------
    candidates : DataFrame
        One row per candidate: the sweep's table with the evidence's columns beside it and, where they are known, ``usefulness``, ``firm`` and ``agreement_min``.
    config : SelectionConfig
        Gates and metric.
    decision : Decision, optional
        A person's choice, which goes before the rule.
    without : DataFrame of shape (n_groups, n_candidates), optional
        The usefulness of each candidate without one group of the customers: tells the error of a difference.

    Returns
    -------
    Choice
        The order of the finalists is the rule's, asked again of those that are left. Equal ones are ranked by the smaller k, then by the order of the table.

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
    ...     "jaccard_min": 0.9, "jaccard_error": 0.01, "prediction_strength": 0.9, "excess": [0.2, 0.3], "excess_error": 0.01,
    ...     "null": "unimodal", "reason": "Natural: why."})
    >>> choice = choose(table, SelectionConfig())
    >>> choice.candidate_id, choice.failed["smallest segment"]
    ('a', 1)
    """
    choice = _by_rule(candidates, config, without)
    if decision is not None:
        return _by_person(choice, decision, candidates, config)
    return choice


def _by_rule(candidates: pd.DataFrame, config: SelectionConfig, without: pd.DataFrame) -> Choice:
    """What the gates and the order of questions choose; where nothing passes no candidate, and the closest ones as finalists."""
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
    missing = [len(misses.get(i, ())) for i in candidates["candidate_id"]]
    ranked = _ranked(candidates.assign(_misses=missing).reset_index(drop=True), config.metric)
    passed = int((ranked["_misses"] == 0).sum())
    passing, steps = _in_order(_finest(ranked[ranked["_misses"] == 0]), config, without)
    if passing.empty:
        order, best, runner_up = _closest(ranked), None, None
        nearest = order.iloc[0]
        lacks = _lacks(nearest, misses[nearest["candidate_id"]], candidates, config)
        reason = f"None of {len(candidates)} candidates passes. Closest: {name_of(nearest)}, which fails on {lacks}."
        details = [f"Of the candidates, {_counts(failed)}.", str(nearest["reason"])]
    else:
        order, best = passing, passing.iloc[0]
        runner_up = str(passing.iloc[1]["candidate_id"]) if len(passing) > 1 else None
        reason = _reason(candidates, passing, passed, steps)
        details = _details(candidates, ranked, passing, misses, config, without)
    return Choice(
        candidate_id=None if best is None else str(best["candidate_id"]),
        runner_up=runner_up,
        feature_set=None if best is None else str(best["feature_set"]),
        cell=None if best is None else _cell_of(best),
        finalists=[str(i) for i in order["candidate_id"][: config.finalists]],
        rule=_rule(config),
        reason=reason,
        details=details,
        passed=passed,
        total=len(candidates),
        failed=failed,
        elbows=elbows(candidates),
        front=pareto_front(candidates, config),
        misses=misses,
    )


def _closest(ranked: pd.DataFrame) -> pd.DataFrame:
    """All candidates, those that fail on the fewest gates first: what was not evaluated fails on that alone, and is not close for it."""
    evaluated = ranked["jaccard_min"].notna()
    return ranked.assign(_evaluated=evaluated).sort_values(
        ["_evaluated", "_misses"], ascending=[False, True], kind="stable"
    )


def _by_person(choice: Choice, decision: Decision, candidates: pd.DataFrame, config: SelectionConfig) -> Choice:
    """A person's decision over the rule's choice, which stays on record and becomes the runner-up."""
    known = candidates.set_index("candidate_id", drop=False)
    if decision.candidate_id not in known.index:
        raise SegmentsError(
            f"the decision of {decision.by} names candidate {decision.candidate_id} ({decision.name}), which this sweep does not have",
            where="conf/decisions.yaml: selected",
            fix="choose again with `segments select CANDIDATE_ID`, or return to the rule with `segments select rule`",
        )
    best = known.loc[decision.candidate_id]
    said = f"Chosen by {decision.by} on {decision.at[:10]}: {name_of(best)}, because {decision.because.rstrip('.')}."
    if fails := choice.misses.get(decision.candidate_id):
        said += f" It fails on {_lacks(best, fails, candidates, config)}."
    others = [i for i in choice.finalists if i != decision.candidate_id]
    return replace(
        choice,
        candidate_id=decision.candidate_id,
        runner_up=choice.runner_up if choice.candidate_id == decision.candidate_id else choice.candidate_id,
        feature_set=str(best["feature_set"]),
        cell=_cell_of(best),
        finalists=[decision.candidate_id, *others][: config.finalists],
        reason=f"{said} By the rule: {choice.reason}",
        details=[str(best["reason"]), *choice.details],
        overruled={
            "by": decision.by,
            "at": decision.at,
            "because": decision.because,
            "candidate_id": choice.candidate_id,
            "name": None if choice.candidate_id is None else name_of(known.loc[choice.candidate_id]),
        },
    )


def _cell_of(candidate: pd.Series[Any]) -> str:
    return f"{candidate['feature_set']} · {candidate['scaler']}"


def to_try(candidates: pd.DataFrame, config: SelectionConfig, most: int) -> list[str]:
    """Whose firmness can matter: candidates that pass the gates, of more than so many the best by grade and metric; as :func:`choose` takes them."""
    ok = np.logical_and.reduce(list(gates_of(candidates, config).values()))
    return [str(i) for i in _finest(_ranked(candidates[ok], config.metric)).head(most)["candidate_id"]]


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
    found["prediction strength"] = found["prediction strength"] | (candidates["grade"] == GRADES[0]).to_numpy()
    found["grade"] = candidates["grade"].isin(config.grades).to_numpy()
    passes = {name: passing | ~evaluated for name, passing in found.items()}
    passes = cheap_gates_of(candidates, config) | passes | {NOT_EVALUATED_REASON: evaluated}
    if useful := _useful(candidates, np.logical_and.reduce(list(passes.values())), config):
        passes[useful.name] = useful.passes(candidates)
    return passes


def _useful(candidates: pd.DataFrame, ok: NDArray[np.bool_], config: SelectionConfig) -> Gate | None:
    """The gate on usefulness: a share of what the most useful one explains that passes all others; none where nothing is known, or nothing is useful."""
    best = candidates.loc[ok, USEFUL].max() if USEFUL in candidates else np.nan
    return Gate(USEFUL, USEFUL, float(f"{config.min_useful * best:.4g}")) if best > 0 else None


def cheap_gates_of(candidates: pd.DataFrame, config: SelectionConfig) -> dict[str, NDArray[np.bool_]]:
    """Whether each candidate passes each gate that needs no evidence; as :func:`gates_of`."""
    return {gate.name: gate.passes(candidates) for gate in _cheap(config) if gate.column in candidates}


def largest_revenue_shares(labels: pd.DataFrame, revenue: pd.Series[float]) -> list[float]:
    """The share of all revenue in the segment with the most, of each column of cluster numbers; NaN where nobody spent anything.

    Examples
    --------
    >>> largest_revenue_shares(pd.DataFrame({"a": [0, 0, 1], "b": [0, 1, 1]}), pd.Series([1.0, 2.0, 5.0]))
    [0.625, 0.875]
    """
    total = float(revenue.sum())
    return [
        float(revenue.groupby(own.to_numpy()).sum().max()) / total if total > 0 else np.nan for _, own in labels.items()
    ]


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
    ...     "silhouette": 0.5, "excess": [0.05, 0.09, 0.04], "jaccard_min": [0.9, 0.8, 0.7]})
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
        Gate("revenue in one segment", "revenue_share", config.max_revenue_share, at_least=False),
        Gate("silhouette", "silhouette", config.min_silhouette),
    ]


def _dear(config: SelectionConfig) -> list[Gate]:
    """The gates on numbers of the evidence."""
    return [
        Gate("stability", "jaccard_min", config.min_jaccard),
        Gate("prediction strength", "prediction_strength", config.min_prediction_strength),
    ]


def _lacks(
    row: Mapping[str, Any] | pd.Series[Any], names: Sequence[str], candidates: pd.DataFrame, config: SelectionConfig
) -> str:
    """The gates a candidate fails, each with what it has and what is asked."""
    gates = [*_cheap(config), *_dear(config)]
    if USEFUL in names:
        others = [passes for name, passes in gates_of(candidates, config).items() if name != USEFUL]
        gates += [gate for gate in (_useful(candidates, np.logical_and.reduce(others), config),) if gate]
    said = {gate.name: gate.lack(row) for gate in gates if gate.name in names}
    said["grade"] = f"grade ({row['grade']}; asked is {' or '.join(config.grades)})"
    return " and ".join(said.get(name, name) for name in names)


def _ranked(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The best first: by grade, then by the metric, then by the number of segments."""
    grade = table["grade"].map({name: place for place, name in enumerate(GRADES)})
    return table.assign(_grade=grade).sort_values(
        ["_grade", metric, "k"], ascending=[True, not LARGER_IS_BETTER[metric], True], kind="stable"
    )


def _finest(ranked: pd.DataFrame) -> pd.DataFrame:
    """Without the natural candidates of which there is a finer one, natural too, in the same cell."""
    natural = ranked["grade"] == GRADES[0]
    largest = ranked["k"].where(natural).groupby([ranked["feature_set"], ranked["scaler"]]).transform("max")
    return ranked[~natural | (ranked["k"] == largest)]


def _in_order(ranked: pd.DataFrame, config: SelectionConfig, without: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Those that are left of the rule, asked again and again: as many as are shown; the others as they were ranked. And what decided the first time."""
    order: list[Any] = []
    first: list[str] = []
    while len(rest := ranked.drop(index=order)) and len(order) < config.finalists:
        winner, steps = _narrowed(rest, config, without)
        order.append(winner)
        first = first or steps
    return pd.concat([ranked.loc[order], ranked.drop(index=order)]), first


def _narrowed(peers: pd.DataFrame, config: SelectionConfig, without: pd.DataFrame) -> tuple[Any, list[str]]:
    """The one that is left (its place in the table), and each question that made fewer of them."""
    steps: list[str] = []

    def narrow(left: pd.DataFrame, one: str, many: str) -> pd.DataFrame:
        if 0 < len(left) < len(peers):
            steps.append(one if len(left) == 1 else f"{len(left)} {many}")
            return left
        return peers

    peers = narrow(
        peers[peers["grade"] == GRADES[0]],
        "one is natural, the finest of its cell",
        "are natural, the finest of their cells",
    )
    if "firm" in peers:
        peers = narrow(peers[peers["firm"].fillna(False).astype(bool)], "one is firm", "are firm")
    grade = GRADES[int(peers["_grade"].min())]
    peers = narrow(peers[peers["grade"] == grade], f"one is {grade}", f"are {grade}")
    if USEFUL in peers:
        peers = narrow(_as_useful(peers, config, without), "one is the most useful", "are about as useful as the best")
    tied, metric = _tied(peers, config.metric), f"the {_highest(config.metric)} {config.metric}"
    figure = _figure(tied.iloc[0], config.metric)
    if len(tied) == len(peers) > 1:  # whether or not the tie leaves any out, it is said
        steps.append(f"{len(tied)} tie for {metric} ({figure})")
    peers = narrow(tied, f"one has {metric} ({figure})", f"tie for {metric} ({figure})")
    if len(peers) > 1:
        stable = peers.sort_values("jaccard_min", ascending=False, kind="stable")
        as_stable = _as_good(stable, "jaccard_min", "jaccard_error")
        peers = narrow(as_stable, "one has the most stable segments", "are as stable")
    best = peers.sort_values(["k", config.metric], ascending=[True, not LARGER_IS_BETTER[config.metric]], kind="stable")
    peers = narrow(best.iloc[:1], "one has the fewest segments", "")
    return peers.index[0], steps


def _as_useful(peers: pd.DataFrame, config: SelectionConfig, without: pd.DataFrame) -> pd.DataFrame:
    """Those that explain nearly as much as the best, or as much within the error of the difference."""
    useful = peers[USEFUL]
    if not useful.notna().any():
        return peers
    best = useful.idxmax()
    enough = (
        useful >= float(significant(config.as_useful * useful[best])) if useful[best] > 0 else useful == useful[best]
    )
    own = peers["candidate_id"]
    errors = [
        error_of((without[own[best]] - without[i]).to_numpy()) if {i, own[best]} <= set(without) else 0.0 for i in own
    ]
    return peers[enough | (useful >= useful[best] - np.array(errors))]


def _tied(ranked: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The best of every cell in the best grade, as far as they lie within the error of the best; that alone where the score has no error.

    Within a cell there is no tie: its candidates share customers and space, so that their difference is known far better than either.
    """
    peers = ranked[ranked["grade"] == ranked["grade"].iloc[0]].sort_values(
        metric, ascending=not LARGER_IS_BETTER[metric], kind="stable"
    )
    peers = peers.drop_duplicates(["feature_set", "scaler"])
    return _as_good(peers, metric, _ERRORS[metric]) if metric in _ERRORS else peers.iloc[:1]


def _as_good(ordered: pd.DataFrame, score: str, error: str) -> pd.DataFrame:
    """Those whose score lies no further from the first one's than the standard error of the difference."""
    best = ordered.iloc[0]
    within = np.hypot(ordered[error], best[error])
    return ordered[(ordered[score] - best[score]).abs() <= within]


def _reason(candidates: pd.DataFrame, passing: pd.DataFrame, passed: int, steps: Sequence[str]) -> str:
    """Which, why and how sure, a short sentence each."""
    best = passing.iloc[0]
    which = f"{name_of(best)} is chosen: {_counted(int(best['k']), 'segment')}, graded {best['grade']}{_firm(best)}."
    of = f"Of {len(candidates)} candidates {passed} {'passes' if passed == 1 else 'pass'} the gates"
    why = f"{of}; of these {', then of these '.join(steps)}." if steps else f"{of}."
    sure = {
        "natural": "There are clusters in the data: these lie apart, and they come back with other customers.",
        "reproducible": "The segments come back with other customers, but they are cuts of a continuum: no clusters lie apart at this k.",
        "constructive": "The segments come back as a pattern only: useful cuts, no clusters.",
        "not supported": "The segments do not come back with other customers.",
    }[best["grade"]]
    return f"{which} {why} {sure}"


def _firm(row: Mapping[str, Any] | pd.Series[Any]) -> str:
    """Whether it is firm, where that was tried."""
    if np.isnan(row.get("agreement_min", np.nan)):
        return ""
    return " and firm" if row["firm"] else ", not firm"


def useful_in_words(row: Mapping[str, Any] | pd.Series[Any]) -> str:
    """What the segments explain of the time after, each outcome with its 95 % interval; nothing where it is not known.

    Examples
    --------
    >>> useful_in_words({"usefulness": 0.3, "useful_spend": 0.4, "useful_spend_error": 0.01, "useful_churn": 0.2, "useful_churn_error": 0.01})
    'Of the time after its segments explain 40 % of spend (38 to 42), 20 % of churn (18 to 22).'
    """
    if np.isnan(row.get(USEFUL, np.nan)):
        return ""
    shares = []
    for name in AHEAD:
        if not np.isnan(value := row.get(f"useful_{name}", np.nan)):
            half = 1.96 * row[f"useful_{name}_error"]
            share, low, high = (round(100 * one) for one in (value, value - half, value + half))
            shares.append(f"{share} % of {name.replace('_', ' ')} ({low} to {high})")
    return f"Of the time after its segments explain {', '.join(shares)}."


def _details(
    candidates: pd.DataFrame,
    ranked: pd.DataFrame,
    passing: pd.DataFrame,
    misses: Mapping[str, Sequence[str]],
    config: SelectionConfig,
    without: pd.DataFrame,
) -> list[str]:
    """The figures behind the first of `passing`, and what would have made it another."""
    best, metric = passing.iloc[0], config.metric
    said = [
        f"{best['reason']} Its least stable segment: {best['jaccard_min']:.2f}; the null: {NULLS[best['null']]}.",
    ]
    said += [words for words in (useful_in_words(best), _holds(best)) if words]
    if len(tied := _rivals(passing, config, without)) > 1:
        others = [
            f"{name_of(row)} ({_figure(row, metric)}, {row['jaccard_min']:.2f})"
            for row in tied.to_dict("records")
            if row["candidate_id"] != best["candidate_id"]
        ]
        said.append(f"Tied with it, with {metric} and least stable segment: {', '.join(others)}.")
    if len(passing) > 1:
        second = passing.iloc[1]
        facts = [str(second["grade"]) + _firm(second), _figure(second, metric)]
        if not np.isnan(second.get(USEFUL, np.nan)):
            facts.append(f"usefulness {_figure(second, USEFUL)}")
        said.append(f"Runner-up: {name_of(second)} ({', '.join(facts)}).")
    # The first that one gate alone keeps out, and that would have won.
    alone = ranked.index[ranked["_misses"] == 1]
    for place in alone:
        if _narrowed(_finest(pd.concat([passing, ranked.loc[[place]]])), config, without)[0] == place:
            row = ranked.loc[place]
            gate = _lacks(row, misses[row["candidate_id"]], candidates, config)
            said.append(
                f"Without the gate on {gate} it would have been {name_of(row)} ({row['grade']}, {_figure(row, metric)})."
            )
            break
    others_by: dict[str, list[str]] = {}
    for other in ("excess", "z_silhouette", "z_wcss", "silhouette_reference"):
        if other != metric and other in passing and passing[other].notna().any():
            first = passing.loc[_narrowed(passing, replace(config, metric=other), without)[0]]
            if first["candidate_id"] != best["candidate_id"]:
                others_by.setdefault(name_of(first), []).append(other)
    said += [f"By {' and by '.join(scores)} it would have been {name}." for name, scores in others_by.items()]
    cell = candidates[(candidates["feature_set"] == best["feature_set"]) & (candidates["scaler"] == best["scaler"])]
    knee = elbow(*(cell.sort_values("k")[column].tolist() for column in ("k", "wcss")))
    said.append(f"The elbow of its WCSS curve is at k={knee}." if knee else "Its WCSS curve has no knee.")
    return said


def _holds(row: Mapping[str, Any] | pd.Series[Any]) -> str:
    if np.isnan(row.get("agreement_min", np.nan)):
        return ""
    return f"Its lowest agreement under a single change is {row['agreement_min']:z.2f} ({row['hangs_on']})."


def _rivals(passing: pd.DataFrame, config: SelectionConfig, without: pd.DataFrame) -> pd.DataFrame:
    """The candidates of which the metric made no difference to the chosen one's: as firm, of as good a grade and as useful."""
    best = passing.iloc[0]
    peers = passing[passing["grade"] == best["grade"]]
    if "firm" in peers:
        peers = peers[peers["firm"].fillna(False).astype(bool) == bool(best["firm"])]
    if USEFUL in peers:
        peers = _as_useful(peers, config, without)
    return _tied(peers, config.metric)


def _highest(metric: str) -> str:
    return "highest" if LARGER_IS_BETTER[metric] else "lowest"


def _figure(row: Mapping[str, Any] | pd.Series[Any], metric: str) -> str:
    """A score, with its error where it has one."""
    return f"{row[metric]:.3f} ± {row[_ERRORS[metric]]:.3f}" if metric in _ERRORS else f"{row[metric]:.4f}"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _of_revenue(config: SelectionConfig) -> str:
    return f" and {config.max_revenue_share:.0%} of revenue" if config.max_revenue_share < 1 else ""


def _rule(config: SelectionConfig) -> str:
    ties = (
        "; within its error a tie, which the most stable segments decide, then fewer of them"
        if config.metric in _ERRORS
        else ""
    )
    return (
        f"At least {config.min_k} segments, the smallest holding at least {config.min_smallest_share:.0%} and the largest at most {config.max_largest_share:.0%} of customers{_of_revenue(config)}, "
        f"silhouette at least {config.min_silhouette:g}, every segment's Jaccard at least {config.min_jaccard:g}, prediction strength at least {config.min_prediction_strength:g} unless natural, "
        f"graded {' or '.join(config.grades)}, and explaining at least {config.min_useful:.0%} of what the most useful explains of the time after; of those, natural ones first (the finest of each feature set and scaler), "
        f"then firm ones, then the best grade, then those as useful as the best (at least {config.as_useful:.0%} of it), and of these the {_highest(config.metric)} {config.metric}{ties}."
    )


def _counts(failed: dict[str, int]) -> str:
    return ", ".join(f"{count} fail on {name}" for name, count in failed.items() if count)
