"""How a cell (k = 2...15 of one feature set and scaler) grows with the number of customers: seconds and peak memory, per process.

Run as ``python benchmarks/growth.py [N ...]``; each size runs in a process of its own, those below a million three times, of which the
median counts. Fits, all scores (clustered and reference space) on made-up, skewed customers with four features; exact up to
``sweep.scoring.exact_up_to``, estimated beyond; one row of RFM scores shows folding, one a feature table of twenty columns of which four are
clustered, one the pass over all pairs of a million customers without any fit. Libraries are loaded before the clock starts and memory is
looked at.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
MILLION = 1_000_000


def peak_mib() -> float:
    """Peak memory of this process. Not getrusage's, which a child inherits from its parent."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def exact(n: int) -> dict[str, float]:
    """Silhouettes of k = 2...15, every customer against every other; clusters from fits on a sample, which cost seconds."""
    import numpy as np
    from sklearn.cluster import KMeans

    from segments.clustering.silhouette import silhouette_samples_many
    from silhouette import KS, skewed

    X = skewed(n, 4)
    fits = [KMeans(k, n_init=1, random_state=0).fit(X[:20_000]) for k in KS]
    labelings = np.array([fit.predict(X) for fit in fits], dtype=np.int32)
    silhouette_samples_many(X[:9], np.arange(9)[None] % 2)  # compiles, or loads what was compiled
    before, started = peak_mib(), time.perf_counter()
    samples = silhouette_samples_many(X, labelings)
    return {
        "seconds": time.perf_counter() - started,
        "peak_mib": peak_mib(),
        # what comes out, a silhouette per customer and k, is not the pass's own memory
        "over_table": (peak_mib() - before - samples.nbytes / 2**20) / (X.nbytes / 2**20),
        "exact": 1.0,
        "silhouette": float(samples[6].mean()),
    }


def one(n: int, kind: str) -> dict[str, float]:
    if kind == "exact":
        return exact(n)
    import numpy as np
    import pandas as pd

    from segments.clustering.candidate import Spec, sweep_cell
    from segments.clustering.kmeans import best_kmeans
    from segments.clustering.silhouette import cores_to_use
    from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler

    for library in ("sklearn.cluster", "segments.clustering.kmeans_kernel", "segments.clustering.silhouette_kernel"):
        importlib.import_module(library)
    random = np.random.default_rng(0)
    if kind == "scores":
        columns = {f"{letter}_score": random.integers(1, 6, n).astype(float) for letter in "rfm"}
    else:
        common = random.normal(size=n)
        wide = range(20 if kind == "wide" else 4)
        columns = {f"x{j}": np.exp(0.5 * (random.normal(size=n) + common)) for j in wide}
    features = pd.DataFrame({"customer_id": np.arange(n)} | columns)
    table_mib = features.memory_usage(index=False).sum() / 2**20
    feature_set = FeatureSet("x", {name: Feature() for name in list(columns)[:4]})
    specs = [Spec("made up", feature_set, Scaler("standard"), Algorithm(), k, 0) for k in range(2, 16)]
    before = peak_mib()
    started = time.perf_counter()
    candidates = sweep_cell(features, specs, threads=cores_to_use(0))
    seconds = time.perf_counter() - started
    peak = peak_mib()
    found = {
        "n": n,
        "seconds": seconds,
        "peak_mib": peak,
        "over_table": (peak - before) / table_mib,
        "exact": candidates[6].scores["silhouette_exact"],
        "silhouette": candidates[6].scores["silhouette"],
        "error": candidates[6].scores["silhouette_error"],
    }
    if kind == "excess":
        # WCSS over that of a search on all customers with twenty fits and more, mean of three k and the worst of them
        X = features[list(columns)].to_numpy()
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        ratios = []
        for candidate in (candidates[1], candidates[6], candidates[13]):
            full = best_kmeans(X, candidate.spec.k, Algorithm(sample_rows=10**8, max_rows=20 * n), seed=0)
            wcss = sum(
                ((X[full.labels == c] - X[full.labels == c].mean(axis=0)) ** 2).sum() for c in range(candidate.spec.k)
            )
            ratios.append(candidate.scores["wcss"] / wcss - 1)
        found["excess_mean"] = sum(ratios) / len(ratios)
        found["excess"] = max(ratios)
    return found


def table(sizes: tuple[int, ...] = SIZES) -> list[str]:
    """Rows of a markdown table, printed as they come."""
    lines = [
        "| customers | seconds | peak MiB | of the feature table | silhouette at k=8 | |",
        "|---|---|---|---|---|---|",
    ]
    runs = [(n, "excess" if n in (100_000, MILLION) else "plain") for n in sizes] + [(max(sizes), "scores")]
    runs += [(MILLION, "wide")] * (max(sizes) >= MILLION)
    runs += [(MILLION, "exact")] * (max(sizes) >= MILLION)
    for n, kind in runs:
        repeats = [
            subprocess.run(
                [sys.executable, __file__, "--one", str(n), kind], capture_output=True, text=True, check=True
            )
            for _ in range(3 if n < MILLION else 1)
        ]
        every = [json.loads(done.stdout.splitlines()[-1]) for done in repeats]
        found = sorted(every, key=lambda one: one["seconds"])[len(every) // 2]
        how = "exact" if found["exact"] else f"± {1.96 * found['error']:.4f}"
        # The libraries alone weigh more than small tables.
        over = f"{found['over_table']:.1f} times" if n >= MILLION else ""
        notes = {
            "exact": "the pass over all pairs alone, no fits",
            "wide": "a feature table of 20 columns, 4 of them clustered",
            "scores": "RFM scores: 125 different rows",
            "excess": f"excess WCSS over a full search {found.get('excess_mean', 0):.1e}, at worst {found.get('excess', 0):.1e}",
        }
        lines.append(
            f"| {n:,} | {found['seconds']:.1f} | {found['peak_mib']:,.0f} | {over} | {found['silhouette']:.4f} {how} | {notes.get(kind, '')} |"
        )
        print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(int(sys.argv[2]), sys.argv[3])))
    else:
        table(tuple(int(word) for word in sys.argv[1:]) or SIZES)
