"""Silhouettes of k = 2...15: one pass over the pairs against scikit-learn's loop over k, in one run on one machine.

The two take turns (after every k of scikit-learn's loop comes one whole pass of ours), so that a busy machine slows both
alike. Prints, per size: the seconds of scikit-learn's loop (the sum over k of medians) and of our pass (median and minimum), their
ratio, the largest difference of a mean silhouette, and what bounds the pass: the CPU time of one thread per pair of points, beside what
one root and one addition cost this core.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from segments.clustering.silhouette import silhouette_samples_many

KS = range(2, 16)
HEADING = [
    "| n × features | scikit-learn's loop, s | one pass, s | its least | ratio | difference | ns per pair, 1 thread |",
    "|---|---|---|---|---|---|---|",
]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def skewed(n: int, n_features: int) -> np.ndarray:
    """Skewed, correlated, standard-scaled features."""
    random = np.random.default_rng(0)
    common = random.normal(size=(n, 1))
    X = np.exp(0.5 * (random.normal(size=(n, n_features)) + common))
    return (X - X.mean(axis=0)) / X.std(axis=0)


def customers(n: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Such features, and k-means labels under every k."""
    X = skewed(n, n_features)
    return X, np.array([KMeans(k, n_init=1, random_state=0).fit(X).labels_ for k in KS], dtype=np.int32)


def cpu_seconds(call: Callable[[], Any], repeats: int) -> float:
    """Of this thread alone: others, of libraries, may still spin. The least of several."""
    taken = []
    for _ in range(repeats):
        started = time.thread_time()
        call()
        taken.append(time.thread_time() - started)
    return min(taken)


def root_and_addition() -> float:
    """Nanoseconds of one float64 root and one addition, done by numpy within the second-level cache."""
    x, root, total = np.random.default_rng(0).random((3, 16_384))

    def pass_() -> None:
        for _ in range(100):
            np.sqrt(x, out=root)
            np.add(total, root, out=total)

    return cpu_seconds(pass_, 20) / (100 * len(x)) * 1e9


def compare(n: int, n_features: int, ks: range, repeats: int) -> str:
    X, labelings = customers(n, n_features)
    silhouette_samples_many(X[:9], np.arange(9)[None] % 2)  # compiles, or loads what was compiled
    theirs: dict[int, list[float]] = {k: [] for k in ks}
    ours: list[float] = []
    worst = 0.0
    for _ in range(repeats):
        for k in ks:
            seconds, score = timed(lambda k=k: silhouette_score(X, labelings[k - KS[0]]))
            theirs[k].append(seconds)
            time.sleep(0.05)  # until their threads, which spin for a while, leave the cores to ours
            seconds, samples = timed(lambda: silhouette_samples_many(X, labelings))
            ours.append(seconds)
            worst = max(worst, abs(score - samples[k - KS[0]].mean()))
    loop = sum(float(np.median(seconds)) for seconds in theirs.values()) * len(KS) / len(theirs)
    pass_, least = float(np.median(ours)), min(ours)
    alone = cpu_seconds(lambda: silhouette_samples_many(X, labelings, threads=1), 3) / n**2 * 1e9
    partly = "" if len(theirs) == len(KS) else f" (k = {ks[0]} alone, times {len(KS)})"
    return (
        f"| {n:,} × {n_features} | {loop:.3f}{partly} | {pass_:.4f} | {least:.4f} | {loop / pass_:.0f} | {worst:.0e} | "
        f"{alone:.2f} |"
    )
