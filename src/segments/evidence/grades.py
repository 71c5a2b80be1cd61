"""Candidates -> what speaks for each. Comes in: a cell's points and clusterings. Goes out: stability, existence, gap, and a grade in words.

Existence is asked of a cell (a feature set with a scaler) as a whole, see :mod:`segments.evidence.existence`;
``valley_p`` asks the candidate itself for a gap between every two clusters: no null knows of every shape that one cloud can have.
Where clusters exist, :func:`finer` asks whether a coarse candidate hides some.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segments.clustering.exact import significant
from segments.clustering.meaning import code_meaning
from segments.clustering.plane import letter
from segments.config.evidence import EvidenceConfig, GradesConfig
from segments.evidence.existence import Existence, Gap, existence, gap_statistic
from segments.evidence.resample_fits import Floats, Integers
from segments.evidence.stability import Stability, bootstrap_draws, stability
from segments.evidence.valleys import UNDECIDED, Valley, valley

EVIDENCE_COLUMNS = (
    "candidate_id",
    "evaluated",
    "stopped",
    "bootstraps",
    "jaccard_min",
    "jaccard_error",
    "jaccard_mean",
    "ari",
    "prediction_strength",
    "excess",
    "excess_error",
    "z_wcss",
    "p_wcss",
    "z_silhouette",
    "p_silhouette",
    "p_adjusted",
    "valley_p",
    "gap",
    "gap_error",
    "nulls",
    "grade",
    "reason",
    "null",
    "valley_pair",
)

# The effort of a resample's search where clusters lie apart, as a multiple of the usual.
_THOROUGH = 100


@dataclass(frozen=True)
class CellEvidence:
    """Everything known of the candidates of one cell.

    Parameters
    ----------
    ks : list of int
        Of the candidates, in order.
    existence : Existence
        Data and null scores.
    gap : Gap
        The gap statistic.
    stability : list of Stability or None
        One per candidate; ``None`` for those not evaluated.
    valleys : list of Valley
        One per candidate.
    """

    ks: list[int]
    existence: Existence
    gap: Gap
    stability: list[Stability | None]
    valleys: list[Valley]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as named arrays, ready for a file."""
        arrays: dict[str, NDArray[Any]] = {
            "ks": np.array(self.ks),
            "valleys.p": np.array([one.p for one in self.valleys]),
            "valleys.pair": np.array([one.pair for one in self.valleys]),
        }
        parts: list[tuple[str, Existence | Gap | Stability]] = [("existence", self.existence), ("gap", self.gap)]
        parts += [(f"stability{i}", stable) for i, stable in enumerate(self.stability) if stable is not None]
        for name, part in parts:
            arrays |= {f"{name}.{field.name}": np.asarray(getattr(part, field.name)) for field in fields(part)}
        return arrays

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> CellEvidence:
        """What :meth:`to_arrays` wrote."""

        def part(kind: type[Any], name: str) -> Any:
            values = {field.name: arrays[f"{name}.{field.name}"] for field in fields(kind)}
            plain = kind is Gap
            return kind(**{key: v.tolist() if plain or v.ndim == 0 else v for key, v in values.items()})

        return CellEvidence(
            arrays["ks"].tolist(),
            part(Existence, "existence"),
            part(Gap, "gap"),
            [
                part(Stability, f"stability{i}") if f"stability{i}.ari" in arrays else None
                for i in range(len(arrays["ks"]))
            ],
            [
                Valley(p, (a, b))
                for p, (a, b) in zip(arrays["valleys.p"].tolist(), arrays["valleys.pair"].tolist(), strict=True)
            ],
        )


def evaluate_cell(
    X: Floats,
    labelings: Sequence[Integers],
    centres: Sequence[Floats],
    config: EvidenceConfig,
    evaluate: Sequence[bool] | None = None,
) -> CellEvidence:
    """Gather the evidence for the candidates of one cell.

    Parameters
    ----------
    X : ndarray of shape (n_customers, n_columns)
        The clustered space.
    labelings : sequence of ndarray of shape (n_customers,)
        Cluster of each customer, per candidate.
    centres : sequence of ndarray of shape (k, n_columns)
        Per candidate; k must rise.
    config : EvidenceConfig
        Numbers of resamples and null data sets, effort, seed.
    evaluate : sequence of bool, optional
        Candidates whose stability is wanted; all by default. Existence always regards every k that was searched.

    Returns
    -------
    CellEvidence
        The same on any number of threads.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> X = np.concatenate([random.normal(size=(40, 2)) + [x, 0] for x in (0, 9)])
    >>> quickly = EvidenceConfig(bootstraps=10, splits=5, nulls=99)
    >>> found = evaluate_cell(X, [np.repeat([0, 1], 40)], [np.array([[0.0, 0], [9, 0]])], quickly)
    >>> found.existence.verdict()["p_adjusted"].tolist(), found.gap.global_se_max
    ([0.01], 2)
    """
    rows = np.arange(len(X))
    if len(X) > config.sample:
        rows = np.sort(np.random.default_rng([config.seed, 0]).choice(len(X), config.sample, replace=False))
    ks = [len(own) for own in centres]
    wanted = [True] * len(ks) if evaluate is None else evaluate
    with threadpool_limits(limits=1):  # many small steps: more threads only wait for one another
        valleys = [valley(X[rows], labels[rows], own) for labels, own in zip(labelings, centres, strict=True)]
        # Where clusters lie apart, their return must not hang on how hard a resample is searched: fifteen are not found from one start.
        thorough = replace(config, max_distances=_THOROUGH * config.max_distances)
        draws = bootstrap_draws(rows, config)
        found: list[Stability | None] = []
        enough = config.grades.gap_alpha  # for the first that lie apart; then for finer ones
        for labels, own, between, yes in zip(labelings, centres, valleys, wanted, strict=True):
            apart = between.p <= enough
            found.append(stability(X, labels, own, thorough if apart else config, rows, draws) if yes else None)
            enough = max(enough, UNDECIDED) if apart else enough
        return CellEvidence(
            ks,
            existence(X[rows], ks, config),
            gap_statistic(X[rows], ks, config),
            found,
            valleys,
        )


def grade(facts: Mapping[str, Any], limits: GradesConfig) -> tuple[str, str]:
    """Grade a candidate, after Dolnicar, Grün & Leisch, and say why.

    Clusters exist where the data hold more than the null does and there is a gap between every two clusters. Without, a candidate can
    be reproducible all the same: stable cuts of a continuum. Prediction strength is shown, not asked for: it is the worst of k clusters in the worse of two halves,
    and falls as k rises, however far apart they lie.

    Parameters
    ----------
    facts : mapping
        ``jaccard_min``, ``p_adjusted``, ``null``, ``nulls``, ``valley_p``, ``valley_pair``, ``bootstraps``, ``stopped``.
    limits : GradesConfig
        What each grade asks for.

    Returns
    -------
    grade : {"natural", "reproducible", "constructive", "not supported"}
    reason : str
        In words, with the numbers.

    References
    ----------
    Dolnicar, Grün & Leisch (2018), Market Segmentation Analysis, Springer, ch. 2: natural, reproducible and constructive segmentation.

    Examples
    --------
    >>> facts = {"jaccard_min": 0.8, "p_adjusted": 0.4, "null": "unimodal", "nulls": 99, "valley_p": 1.0,
    ...     "valley_pair": "A and B", "bootstraps": 100, "stopped": False}
    >>> said, why = grade(facts, GradesConfig())
    >>> said, "no evidence of clusters: stable cuts of a continuum" in why
    ('reproducible', True)
    """
    weakest, valley_p = facts["jaccard_min"], facts["valley_p"]
    structure, apart = facts["p_adjusted"] <= limits.alpha, valley_p <= limits.gap_alpha
    exists = structure and apart
    returns = f"its weakest cluster returns with Jaccard {weakest:.3f}"
    against = f"({p_in_words(facts['p_adjusted'], facts['nulls'])} against the {facts['null']} null, adjusted for all k and cells)"
    if exists:
        clusters = f"clusters exist {against} with a gap between every two (p = {valley_p:.2g})"
    elif structure:
        clusters = f"more structure than the null has {against}, but no gap between clusters {facts['valley_pair']} (p = {valley_p:.2g})"
    else:
        clusters = f"no evidence of clusters {against}"
    if weakest < limits.constructive_jaccard:
        count = f" in {facts['bootstraps']} bootstraps, after which it was given up" if facts["stopped"] else ""
        return (
            "not supported",
            f"Not supported: {returns}{count}, under {limits.constructive_jaccard:g}; {clusters}.",
        )
    if weakest < limits.reproducible_jaccard:
        return (
            "constructive",
            f"Constructive: {returns}, a pattern only (under {limits.reproducible_jaccard:g}); {clusters}.",
        )
    missing = [
        *(
            []
            if exists
            else [clusters if structure else f"no evidence of clusters: stable cuts of a continuum {against}"]
        ),
        *(
            []
            if weakest >= limits.natural_jaccard
            else [f"natural asks for a Jaccard of {limits.natural_jaccard:g} in every cluster"]
        ),
    ]
    if missing:
        return "reproducible", f"Reproducible: {returns}; {'; '.join(missing)}."
    return "natural", f"Natural: {clusters}, {returns}."


def finer(
    rows: Sequence[Mapping[str, Any]], grades: Sequence[str], silhouettes: Sequence[float], limits: GradesConfig
) -> tuple[int, int] | None:
    """The candidate of which a natural one of its cell hides clusters, and that one, as their places; ``None`` if there is none.

    Clusters exist in a cell with a natural candidate, and of these merges have gaps too. How many they are is another question, and there the burden of proof is another: of k(k-1)/2
    pairs of small clusters one always lacks the customers to prove its gap. So of the candidates finer than the finest natural one the tightest (by silhouette)
    is natural too, if it is tighter than that one, every cluster returns as *reproducible* asks, and of no two clusters it is more likely that they are one.

    Parameters
    ----------
    rows : sequence of mapping
        Of a cell, k rising: ``jaccard_min``, ``p_adjusted``, ``valley_p``.
    grades : sequence of str
        Of the same candidates, each by itself (:func:`grade`).
    silhouettes : sequence of float
        Of the same candidates.
    limits : GradesConfig
        What each grade asks for.

    Returns
    -------
    tuple of (int, int) or None

    Examples
    --------
    >>> rows = [{"jaccard_min": 0.9, "p_adjusted": 0.01, "valley_p": p} for p in (0.01, 0.1)]
    >>> [finer(rows, ["natural", "reproducible"], silhouettes, GradesConfig()) for silhouettes in ([0.3, 0.5], [0.5, 0.3])]
    [(1, 0), None]
    """
    coarse = max((i for i, one in enumerate(grades) if one == "natural"), default=len(rows))  # after it there is none
    tighter = [
        i
        for i, row in enumerate(rows)
        if i > coarse
        and silhouettes[i] > silhouettes[coarse]
        and row["jaccard_min"] >= limits.reproducible_jaccard
        and row["p_adjusted"] <= limits.alpha
        and row["valley_p"] <= UNDECIDED
    ]
    return (max(tighter, key=lambda i: silhouettes[i]), coarse) if tighter else None


def p_in_words(p: float, nulls: int) -> str:
    """A p that is a rank among so many null data sets; the smallest there is says no more than "at most".

    Examples
    --------
    >>> p_in_words(0.02, 99), p_in_words(0.01, 99)
    ('p = 0.02', 'p ≤ 0.01')
    """
    return f"p {'=' if p > 1.5 / (nulls + 1) else '≤'} {p:.2g}"


def cell_table(
    candidate_ids: Sequence[str],
    found: CellEvidence,
    config: EvidenceConfig,
    peaks: Floats | None = None,
    silhouettes: Sequence[float] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row per candidate of a cell, and one per cluster.

    Parameters
    ----------
    candidate_ids : sequence of str
        In the order of `found`.
    found : CellEvidence
        What :func:`evaluate_cell` found.
    config : EvidenceConfig
        For the null's name and the grades.
    peaks : ndarray of shape (2, nulls), optional
        The best z of every draw in all cells of the sweep, for which the p are adjusted; by default for this cell alone.
    silhouettes : sequence of float, optional
        Of the candidates, as the sweep measured them: by these a finer one is natural, see :func:`finer`; without, none is.

    Returns
    -------
    candidates : DataFrame
        The columns ``COLUMNS``; NaN and "" where a candidate was not evaluated.
    clusters : DataFrame
        ``candidate_id, cluster, jaccard, recovered, dissolved``.
    """
    verdict = found.existence.verdict(peaks)
    rows, clusters = [], []
    for i, (candidate_id, stable) in enumerate(zip(candidate_ids, found.stability, strict=True)):
        if stable is None:
            rows.append(not_evaluated(candidate_id))
            continue
        at, between = found.gap.k.index(found.ks[i]), found.valleys[i]
        row: dict[str, Any] = {
            "candidate_id": candidate_id,
            "evaluated": True,
            "stopped": stable.stopped,
            "bootstraps": stable.bootstraps,
            "jaccard_min": float(stable.jaccard.min()),
            "jaccard_error": float(stable.jaccard_error[stable.jaccard.argmin()]),
            "jaccard_mean": float(stable.jaccard.mean()),
            "ari": stable.ari,
            "prediction_strength": stable.prediction_strength,
            **{name: float(values[i]) for name, values in verdict.items()},
            "valley_p": between.p,
            "valley_pair": " and ".join(map(letter, between.pair)),
            "gap": found.gap.gap[at],
            "gap_error": found.gap.error[at],
            "nulls": len(found.existence.null_wcss),
            "null": config.null_model,
        }
        # ten digits before anything is compared with a limit: the sixteenth decides nothing
        row |= {name: float(significant(value)) for name, value in row.items() if isinstance(value, float)}
        rows.append(row)
        clusters += [
            {"candidate_id": candidate_id, "cluster": c, "jaccard": j, "recovered": r, "dissolved": d}
            for c, (j, r, d) in enumerate(
                zip(
                    *(significant(v).tolist() for v in (stable.jaccard, stable.recovered, stable.dissolved)),
                    strict=True,
                )
            )
        ]
    said = [grade(row, config.grades) if row["evaluated"] else ("", "") for row in rows]
    if len(silhouettes) and (places := finer(rows, [one for one, _ in said], silhouettes, config.grades)):
        place, coarse = places
        row, k = rows[place], found.ks[coarse]
        said[place] = (
            "natural",
            f"Natural: clusters exist ({k} of them have a gap between every two), and these are tighter (silhouette {silhouettes[place]:.3f}, of the {k} "
            f"{silhouettes[coarse]:.3f}) and no two of them rather one (at worst {row['valley_pair']}, p = {row['valley_p']:.2g}); its weakest cluster returns with Jaccard {row['jaccard_min']:.3f}.",
        )
    graded = [{**row, "grade": one, "reason": why} for row, (one, why) in zip(rows, said, strict=True)]
    return pd.DataFrame(graded, columns=list(EVIDENCE_COLUMNS)), pd.DataFrame(
        clusters, columns=["candidate_id", "cluster", "jaccard", "recovered", "dissolved"]
    )


def scores_table(candidate_ids: Sequence[str], found: CellEvidence) -> pd.DataFrame:
    """Scores of data and null data, for the picture: columns ``candidate_id, draw, log_wcss_share, silhouette``; draw 0 is the data."""
    shown = found.existence
    tables = [
        pd.DataFrame(
            {
                "candidate_id": candidate_id,
                "draw": np.arange(len(shown.null_wcss) + 1),
                "log_wcss_share": significant(np.append(shown.wcss[i], shown.null_wcss[:, i])),
                "silhouette": significant(np.append(shown.silhouette[i], shown.null_silhouette[:, i])),
            }
        )
        for i, candidate_id in enumerate(candidate_ids)
        if found.stability[i] is not None
    ]
    return pd.concat(tables, ignore_index=True)


def not_evaluated(candidate_id: str) -> dict[str, Any]:
    """The row of a candidate that was left out."""
    texts = dict.fromkeys(("grade", "reason", "null", "valley_pair"), "")
    numbers = dict.fromkeys(EVIDENCE_COLUMNS[4:19], np.nan)
    return (
        {"candidate_id": candidate_id, "evaluated": False, "stopped": False, "bootstraps": 0}
        | numbers
        | {"nulls": 0}
        | texts
    )


def chosen_for(
    candidates: pd.DataFrame, config: EvidenceConfig, eligible: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Which candidates are put to the test.

    Parameters
    ----------
    candidates : DataFrame
        One row per candidate, with ``silhouette_reference``, which is comparable across cells.
    config : EvidenceConfig
        Its scope.
    eligible : ndarray of bool, shape (n_candidates,), optional
        Candidates that can be selected at all: they are evaluated before any other; all by default.

    Returns
    -------
    ndarray of bool, shape (n_candidates,)

    Examples
    --------
    >>> table = pd.DataFrame({"silhouette_reference": [0.1, 0.3, 0.2]})
    >>> chosen_for(table, EvidenceConfig(scope="finalists", finalists=2)).tolist()
    [False, True, True]
    """
    if config.scope == "all":
        return np.ones(len(candidates), dtype=np.bool_)
    last = np.zeros(len(candidates), dtype=np.bool_) if eligible is None else ~eligible
    order = np.lexsort((-candidates["silhouette_reference"].to_numpy(), last))
    return np.isin(np.arange(len(candidates)), order[: config.finalists])


def evidence_id(candidate_ids: Sequence[str], evaluate: Sequence[bool], config: EvidenceConfig) -> str:
    """Hash of a cell's candidates (and so of its data), what is asked of them, and the code that answers.

    The limits of the grades do not count, but those that stop a hopeless candidate and say where clusters lie apart.
    """
    asked = asdict(config)
    asked["grades"] = [config.grades.constructive_jaccard, config.grades.gap_alpha]
    for key in ("scope", "finalists"):
        del asked[key]
    code = [code_meaning(__name__), *map(version, ("numba", "numpy", "scipy", "scikit-learn"))]
    facts = [list(candidate_ids), [bool(yes) for yes in evaluate], asked, code]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
