"""Features x feature set x scaler x algorithm x k -> candidates. Comes in: a feature table and what to try. Goes out: candidates with scores.

A *cell* is one feature set with one scaler: its candidates share the clustered space, and so the distances for their silhouettes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score
from threadpoolctl import threadpool_limits

from segments.config import Algorithm, FeatureSet, Scaler
from segments.errors import SweepError
from segments.silhouette import silhouette_samples_many
from segments.space import Space, check_columns, fit_space, nearest

SCORES = (
    "wcss",
    "silhouette",
    "davies_bouldin",
    "calinski_harabasz",
    "smallest_share",
    "largest_share",
    "n_iter",
    "n_init",
    "hits",
    "hit_rate",
)
PARAMS = ("source", "feature_set", "scaler", "algorithm", "k", "seed", "n_customers")

# Two fits found the same solution when their WCSS agree to this relative difference.
_SAME = 1e-6


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
        Seed of the restarts.
    """

    source: str
    feature_set: FeatureSet
    scaler: Scaler
    algorithm: Algorithm
    k: int
    seed: int

    @property
    def name(self) -> str:
        """A name a person can read, such as ``rfm · power · k=5``."""
        return f"{self.cell} · k={self.k}"

    @property
    def cell(self) -> str:
        """Feature set and scaler, such as ``rfm · power``."""
        return f"{self.feature_set.name} · {self.scaler.name}"


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
    silhouettes : ndarray of shape (n_customers,)
        Silhouette of each customer in the clustered space.
    seconds : float
        Time for fit and scores. Not part of the result: it differs from run to run.
    """

    candidate_id: str
    spec: Spec
    n_customers: int
    scores: dict[str, float]
    space: Space
    labels: NDArray[np.int32]
    centres: NDArray[np.float64]
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


def candidate_id(spec: Spec, features: pd.DataFrame) -> str:
    """Hash of the spec, the data it uses and the code that computes it: the same alternative has the same id, whichever door it came through.

    Parameters
    ----------
    spec : Spec
        What is tried.
    features : DataFrame of shape (n_customers, ...)
        Only the columns of the feature set and the customer ids count.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    facts = {"spec": asdict(spec), "data": _data_hash(features, tuple(spec.feature_set.columns)), "code": _code_hash()}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def plan(
    source: str,
    feature_sets: Iterable[FeatureSet],
    scalers: Iterable[Scaler],
    algorithm: Algorithm,
    ks: Sequence[int],
    seed: int,
) -> list[list[Spec]]:
    """The grid as cells: one list of specs per feature set and scaler."""
    scalers = list(scalers)
    return [
        [Spec(source, feature_set, scaler, algorithm, k, seed) for k in ks]
        for feature_set in feature_sets
        for scaler in scalers
    ]


def check_plan(features: pd.DataFrame, cells: Iterable[Sequence[Spec]]) -> None:
    """Refuse a plan before anything of it is computed, rather than half-way through.

    Raises
    ------
    SweepError
        If a feature set cannot be served, or a k is above the number of distinct customers in it.
    """
    seen: dict[str, int] = {}
    for specs in cells:
        feature_set = specs[0].feature_set
        if feature_set.name not in seen:
            check_columns(features, feature_set)
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


def sweep_cell(features: pd.DataFrame, specs: Sequence[Spec]) -> list[Candidate]:
    """Compute the candidates of one cell.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table, with ``customer_id``.
    specs : sequence of Spec
        Same feature set and scaler, one per k.

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
    >>> from segments.config import Feature
    >>> table = pd.DataFrame({"customer_id": list("abcd"), "x": [0.0, 1.0, 10.0, 11.0]})
    >>> spec = Spec("toy", FeatureSet("x", {"x": Feature()}), Scaler("none"), Algorithm(), k=2, seed=0)
    >>> [candidate] = sweep_cell(table, [spec])
    >>> candidate.scores["wcss"], candidate.labels.tolist()
    (1.0, [0, 0, 1, 1])
    """
    check_plan(features, [specs])
    # On one thread: how floats are summed depends on the number of threads, and equal candidates must be equal to the last
    # bit, whichever door they came through. The cells run side by side instead.
    with threadpool_limits(limits=1):
        space, X = fit_space(features, specs[0].feature_set, specs[0].scaler)
        fits = []
        for spec in specs:
            started = time.perf_counter()
            fits.append((*_fit(X, spec), time.perf_counter() - started))
        started = time.perf_counter()
        silhouettes = silhouette_samples_many(X, np.array([labels for labels, *_ in fits]))
        shared_seconds = (time.perf_counter() - started) / len(specs)

        candidates = []
        for spec, (labels, centres, facts, fit_seconds), samples in zip(specs, fits, silhouettes, strict=True):
            started = time.perf_counter()
            shares = np.bincount(labels, minlength=spec.k) / len(labels)
            scores = {
                "wcss": float(((X - centres[labels]) ** 2).sum()),
                "silhouette": float(samples.mean()),
                "davies_bouldin": float(davies_bouldin_score(X, labels)),
                "calinski_harabasz": float(calinski_harabasz_score(X, labels)),
                "smallest_share": float(shares.min()),
                "largest_share": float(shares.max()),
                **facts,
            }
            seconds = fit_seconds + shared_seconds + time.perf_counter() - started
            candidates.append(
                Candidate(
                    candidate_id(spec, features), spec, len(features), scores, space, labels, centres, samples, seconds
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


def workers_of(wanted: int) -> int:
    """Processes to use: what was asked for, or one per core this process may run on.

    Examples
    --------
    >>> workers_of(3)
    3
    """
    return wanted or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else wanted or os.cpu_count() or 1


def canonical_order(
    labels: NDArray[np.int32], centres: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Renumber clusters: largest first, ties by the centre's coordinates, so that equal partitions get equal numbers.

    Examples
    --------
    >>> labels, centres = canonical_order(np.array([1, 0, 0], dtype=np.int32), np.array([[5.0], [1.0]]))
    >>> labels.tolist(), centres.tolist()
    ([1, 0, 0], [[5.0], [1.0]])
    """
    sizes = np.bincount(labels, minlength=len(centres))
    order = np.lexsort((*centres.T[::-1], -sizes))
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank[labels], centres[order]


def _fit(X: NDArray[np.float64], spec: Spec) -> tuple[NDArray[np.int32], NDArray[np.float64], dict[str, float]]:
    """Search for the best k-means solution, by chains, until several chains agree on it or the budget is spent.

    A chain starts from the best of a few k-means++ restarts and then moves one centre at a time to a badly served customer
    (random swap, Fraenti 2018, J. Big Data 5:13), until `patience` moves in a row bring nothing.
    """
    algorithm, k = spec.algorithm, spec.k
    budget = max(2 * algorithm.starts, min(algorithm.max_fits, algorithm.max_rows // len(X)))
    random = np.random.default_rng([spec.seed, k])

    def lloyd(init: str | NDArray[np.float64]) -> KMeans:
        seed = int(random.integers(2**32 - 1))
        model = KMeans(
            k, init=init, n_init=1, max_iter=algorithm.max_iter, tol=algorithm.tol, random_state=seed, copy_x=False
        ).fit(X)
        found.append(float(model.inertia_))
        return model

    found: list[float] = []  # WCSS of every fit
    ends: list[float] = []  # WCSS each chain ended with
    best: KMeans | None = None
    while len(found) < budget and (best is None or _hits(ends, best.inertia_) < algorithm.hits):
        chain = min((lloyd("k-means++") for _ in range(algorithm.starts)), key=lambda model: model.inertia_)
        failures = 0
        while failures < algorithm.patience * k and len(found) < budget:
            moved = chain.cluster_centers_.copy()
            far = ((X - moved[chain.labels_]) ** 2).sum(axis=1)
            if not far.any():
                break  # every customer sits on a centre: nothing left to gain
            moved[random.integers(k)] = X[random.choice(len(X), p=far / far.sum())]
            model = lloyd(moved)
            if model.inertia_ < chain.inertia_ * (1 - _SAME):
                chain, failures = model, 0
            else:
                failures += 1
        ends.append(float(chain.inertia_))
        if best is None or chain.inertia_ < best.inertia_:
            best = chain
    assert best is not None
    # Every customer belongs to its nearest centre: what the deployed model will say too, by the same function.
    labels, centres = canonical_order(nearest(X, best.cluster_centers_)[0], best.cluster_centers_)
    labels = nearest(X, centres)[0]
    facts = {
        "n_iter": float(best.n_iter_),
        "n_init": float(len(found)),
        "hits": float(_hits(ends, best.inertia_)),
        "hit_rate": _hits(found, best.inertia_) / len(found),
    }
    return labels, centres, facts


def _hits(values: Sequence[float], best: float) -> int:
    return sum(value <= best * (1 + _SAME) for value in values)


@functools.lru_cache(maxsize=1)
def _code_hash() -> str:
    digest = hashlib.sha256()
    for name in ("sweep.py", "space.py", "silhouette.py"):
        digest.update((Path(__file__).parent / name).read_bytes())
    for package in ("numpy", "scipy", "scikit-learn"):
        digest.update(version(package).encode())
    return digest.hexdigest()


def _data_hash(features: pd.DataFrame, columns: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\0".join(features["customer_id"].astype(str)).encode())
    for column in columns:
        digest.update(column.encode())
        digest.update(np.ascontiguousarray(features[column].to_numpy(dtype=np.float64)).tobytes())
    return digest.hexdigest()
