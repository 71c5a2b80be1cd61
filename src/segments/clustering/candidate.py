"""Features x feature set x scaler x algorithm x k -> candidates. Comes in: a feature table and what to try. Goes out: candidates with scores.

A *cell* is one feature set with one scaler: its candidates share the clustered space, and so the distances for their silhouettes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segments.clustering.fitted.columns import check_columns
from segments.clustering.kmeans import best_kmeans
from segments.clustering.meaning import code_meaning
from segments.clustering.scores import CLUSTER_SCORES, SILHOUETTES, reference_space, score, score_reference
from segments.clustering.space import Space, fit_space, fold
from segments.config.sweep import Algorithm, FeatureSet, Scaler, ScoringConfig
from segments.errors import SweepError

SCORES = (*SILHOUETTES, *CLUSTER_SCORES, "smallest_share", "largest_share", "n_iter", "n_init", "hits", "hit_rate")
# Customers whose ids are spelt at a time.
_IDS = 100_000
PARAMS = ("source", "feature_set", "scaler", "algorithm", "k", "seed", "n_customers")


@dataclass(frozen=True)
class Spec:
    """What makes a candidate the one it is.

    Parameters
    ----------
    source : str
        Name of the raw data set.
    feature_set, scaler, algorithm
        The members of the groups, with all their settings.
    k : int
        Number of clusters.
    seed : int
        Seed of the search and of the sample.
    scoring : ScoringConfig
        Up to how many customers silhouettes are exact.
    """

    source: str
    feature_set: FeatureSet
    scaler: Scaler
    algorithm: Algorithm
    k: int
    seed: int
    scoring: ScoringConfig = field(default_factory=ScoringConfig)

    @property
    def name(self) -> str:
        """A name a person can read, such as ``rfm · power · k=5``."""
        return f"{self.cell} · k={self.k}"

    @property
    def cell(self) -> str:
        """Feature set and scaler, such as ``rfm · power``."""
        return f"{self.feature_set.name} · {self.scaler.name}"


@dataclass(frozen=True)
class TableHash:
    """A feature table, as far as ids are concerned.

    Parameters
    ----------
    digest : str
        Hash of its ids and numeric columns: 64 hexadecimal digits.
    n_customers : int
        Its rows.
    texts : dict of str to str
        Hash of each column of texts: it counts where a feature set names the column.
    """

    digest: str
    n_customers: int
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One alternative segmentation with its fit and scores.

    Parameters
    ----------
    candidate_id : str
        Hash of the spec, the data and the code that computes it.
    spec : Spec
        What was tried.
    n_customers : int
        Customers clustered.
    scores : dict of str to float
        The scores named in ``SCORES``.
    space : Space
        The fitted way from feature rows to the clustered space.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer; 0 is the largest.
    centres : ndarray of shape (k, n_columns)
        In the clustered space.
    rows : ndarray of shape (n_measured,)
        Customers whose silhouette is kept: all of them, or a sample of very many.
    silhouettes : ndarray of shape (n_measured,)
        Their silhouettes in the clustered space.
    seconds : float
        Time for fit and scores. Not part of the result: it differs from run to run.
    """

    candidate_id: str
    spec: Spec
    n_customers: int
    scores: dict[str, float]
    space: Space
    labels: NDArray[np.integer[Any]]
    centres: NDArray[np.float64]
    rows: NDArray[np.intp]
    silhouettes: NDArray[np.float64]
    seconds: float

    @property
    def params(self) -> dict[str, str | int]:
        """The parameters under the names they have in the candidates table and in MLflow."""
        spec = self.spec
        return dict(
            zip(
                PARAMS,
                (
                    spec.source,
                    spec.feature_set.name,
                    spec.scaler.name,
                    spec.algorithm.name,
                    spec.k,
                    spec.seed,
                    self.n_customers,
                ),
                strict=True,
            )
        )

    def to_plain(self) -> dict[str, Any]:
        """Everything but the arrays and the space, as plain data."""
        return {
            "candidate_id": self.candidate_id,
            "name": self.spec.name,
            "cell": self.spec.cell,
            "params": self.params,
            "scores": self.scores,
            "seconds": self.seconds,
            "spec": asdict(self.spec),
        }


def hash_table(features: pd.DataFrame) -> TableHash:
    """Hash a feature table; of millions of customers this takes seconds, so it is done once and handed on.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        All numeric columns count: what is not clustered on is in the reference space.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": ["a", "b"], "x": [0.0, 1.0]})
    >>> hash_table(table).n_customers, hash_table(table) == hash_table(table.assign(x=2.0))
    (2, False)
    """
    digest, ids, texts = hashlib.sha256(), features["customer_id"], {}
    for at in range(0, len(ids), _IDS):
        digest.update("".join(f"{i}\0" for i in ids.iloc[at : at + _IDS]).encode())
    for column in features.columns.drop("customer_id"):
        if pd.api.types.is_numeric_dtype(features[column]):
            digest.update(column.encode())
            digest.update(np.ascontiguousarray(features[column].to_numpy(dtype=np.float64)).tobytes())
        else:
            numbers, levels = pd.factorize(features[column], sort=True)
            said = json.dumps([str(level) for level in levels]).encode()
            texts[str(column)] = hashlib.sha256(said + numbers.astype(np.int64).tobytes()).hexdigest()
    return TableHash(digest.hexdigest(), len(features), texts)


def candidate_ids(specs: Iterable[Spec], data: TableHash) -> list[str]:
    """Hash each spec with the data it uses and the code that computes it: the same alternative has the same id, whichever entry point it came through.

    Parameters
    ----------
    specs : iterable of Spec
        What is tried.
    data : TableHash
        What :func:`hash_table` says of the feature table.

    Returns
    -------
    list of str
        16 hexadecimal digits each.
    """
    code = [code_meaning(__name__), *map(version, ("numba", "numpy", "scipy", "scikit-learn"))]
    ids: list[str] = []
    plain: dict[str, Any] = {}
    texts: dict[str, str] = {}
    last: Spec | None = None
    for spec in specs:
        if last is None or replace(spec, k=last.k) != last:  # to make a spec plain takes longer than to hash it
            plain = asdict(spec)
            if spec.scoring.is_exact(data.n_customers):
                plain["scoring"] = "exact"  # the limits do not matter below them
            texts = {name: data.texts[name] for name in spec.feature_set.columns if name in data.texts}
        last = spec
        facts = {"spec": plain | {"k": spec.k}, "data": data.digest, "code": code} | ({"texts": texts} if texts else {})
        ids.append(hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16])
    return ids


def candidate_id(spec: Spec, features: pd.DataFrame) -> str:
    """Hash one spec and its feature table, as :func:`candidate_ids` does many."""
    return candidate_ids([spec], hash_table(features))[0]


def plan(
    source: str,
    feature_sets: Iterable[FeatureSet],
    scalers: Iterable[Scaler],
    algorithm: Algorithm,
    ks: Sequence[int],
    seed: int,
    scoring: ScoringConfig,
) -> list[list[Spec]]:
    """The grid as cells: one list of specs per feature set and scaler."""
    scalers = list(scalers)
    return [
        [Spec(source, feature_set, scaler, algorithm, k, seed, scoring) for k in ks]
        for feature_set in feature_sets
        for scaler in scalers
    ]


def check_plan(features: pd.DataFrame, cells: Iterable[Sequence[Spec]]) -> list[str]:
    """Refuse a plan before anything of it is computed, rather than half-way through; returns what is said of columns that are left out.

    Raises
    ------
    SweepError
        If a feature set cannot be served, or a k is above the number of distinct customers in it.
    """
    seen: dict[str, int] = {}
    notes: list[str] = []
    for specs in cells:
        feature_set = specs[0].feature_set
        if feature_set.name not in seen:
            notes += check_columns(features, feature_set).values()
            seen[feature_set.name] = len(features[list(feature_set.columns)].drop_duplicates())
        distinct, largest = seen[feature_set.name], max(spec.k for spec in specs)
        if distinct <= largest:
            raise SweepError(
                f"k = {largest} needs more than {largest} different customers, and there are {distinct}",
                where=f"feature_set {feature_set.name} ({len(features)} customers)",
                fix=f"lower k to at most {distinct - 1}"
                if distinct > 2
                else "add features that tell customers apart, or more customers",
            )
    return notes


def sweep_cell(
    features: pd.DataFrame, specs: Sequence[Spec], threads: int = 1, data: TableHash | None = None
) -> list[Candidate]:
    """Compute the candidates of one cell.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table, with ``customer_id``.
    specs : sequence of Spec
        Same feature set and scaler, one per k.
    threads : int
        For the pass over the distances; the results do not depend on it.
    data : TableHash, optional
        What :func:`hash_table` says of `features`, where that is known.

    Returns
    -------
    list of Candidate
        In the order of `specs`.

    Raises
    ------
    SweepError
        If the features cannot be clustered this way.

    Examples
    --------
    >>> from segments.config.sweep import Feature
    >>> table = pd.DataFrame({"customer_id": list("abcd"), "x": [0.0, 1.0, 10.0, 11.0]})
    >>> spec = Spec("toy", FeatureSet("x", {"x": Feature()}), Scaler("none"), Algorithm(), k=2, seed=0)
    >>> [candidate] = sweep_cell(table, [spec])
    >>> candidate.scores["wcss"], candidate.labels.tolist()
    (1.0, [0, 0, 1, 1])
    """
    check_plan(features, [specs])
    # On one thread: how floats are summed depends on the number of threads, and equal candidates must be equal to the last
    # bit, whichever entry point they came through. The cells run side by side instead.
    with threadpool_limits(limits=1):
        space, X = fit_space(features, specs[0].feature_set, specs[0].scaler)
        points, own, weights = fold(X) or (X, slice(None), None)
        # Of ten million customers, fourteen labelings in four bytes each would be the largest of all tables.
        few = max(spec.k for spec in specs) <= 127
        labelings: NDArray[Any] = np.empty((len(specs), len(X)), dtype=np.int8 if few else np.int16)
        fits = []
        for labels, spec in zip(labelings, specs, strict=True):
            started = time.perf_counter()
            found = best_kmeans(points, spec.k, spec.algorithm, spec.seed, weights)
            labels[:] = found.labels[own]
            fits.append((replace(found, labels=labels), time.perf_counter() - started))
        started = time.perf_counter()
        scored = score(X, labelings, specs[0].scoring, specs[0].seed, threads)
        del X, points, own  # before the next space of all customers is made
        common = score_reference(reference_space(features), labelings, specs[0].scoring, specs[0].seed, threads)
        shared_seconds = (time.perf_counter() - started) / len(specs)

    candidates = []
    ids = candidate_ids(specs, data or hash_table(features))
    for spec, identity, (found, seconds), scores, reference, samples in zip(
        specs, ids, fits, scored.scores, common, scored.silhouettes, strict=True
    ):
        shares = np.bincount(found.labels, minlength=spec.k) / len(found.labels)
        scores = scores | {
            "silhouette_reference": float(reference),
            "smallest_share": float(shares.min()),
            "largest_share": float(shares.max()),
            "n_iter": float(found.n_iter),
            "n_init": float(found.n_init),
            "hits": float(found.hits),
            "hit_rate": found.hit_rate,
        }
        candidates.append(
            Candidate(
                identity,
                spec,
                len(features),
                scores,
                space,
                found.labels,
                found.centres,
                scored.rows,
                samples,
                seconds + shared_seconds,
            )
        )
    return candidates


def candidates_table(facts: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per candidate: id, parameters, scores; in the order given.

    Parameters
    ----------
    facts : iterable of mapping
        What :meth:`Candidate.to_plain` says of each.
    """
    return pd.DataFrame([{"candidate_id": fact["candidate_id"], **fact["params"], **fact["scores"]} for fact in facts])


def sweep_id(candidate_ids: Iterable[str]) -> str:
    """Hash of the candidates of a sweep: the same grid on the same data is the same sweep."""
    return hashlib.sha256(" ".join(sorted(candidate_ids)).encode()).hexdigest()[:12]
