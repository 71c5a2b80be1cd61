"""Is the true number of clusters named, and is anything called natural where nothing is? Ours beside the plain selectors.

``python benchmarks/true_k.py [SEED [SETS]]``: SETS planted mixtures and as many sets without clusters, all made from the seed. What was tuned on
one seed is reported on others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.app.jobs.pool import side_by_side
from segments.clustering.candidate import Candidate, Spec, candidates_table, sweep_cell
from segments.clustering.space import to_space
from segments.config.evidence import EvidenceConfig, SelectionConfig
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.evidence.grades import cell_table, evaluate_cell
from segments.evidence.selection import choose
from segments.evidence.stability import adjusted_rand, contingency

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Random = np.random.Generator

SEED, SETS = 1, 72
KS = range(2, 19)
SCALERS = ("standard", "power", "quantile")
# k-means at the true k agrees with the labels to this adjusted Rand index: the set is recoverable.
RECOVERABLE = 0.9
# The gates that would hide a true answer are open: two clusters are allowed, and one of 1 %.
RULE = SelectionConfig(min_k=2, min_smallest_share=0.0, max_largest_share=1.0)


@dataclass(frozen=True)
class Set:
    """A data set: its kind in words, the scaler it goes through, the rows, and the planted cluster of each (none: all 0)."""

    kind: str
    scaler: str
    rows: Floats
    labels: Labels


@dataclass(frozen=True)
class Answer:
    """What came of one set: the true k, whether k-means finds it, the k that each rule names (1: no clusters), and whether any k is natural."""

    kind: str
    scaler: str
    true_k: int
    agreement: float
    named: dict[str, int]
    natural: bool


# --- planted ---------------------------------------------------------------------------------------------------------------


def planted(seed: int, number: int) -> Set:
    """A mixture of 2 to 15 clusters in 2 to 8 columns: unequal shares (from 1.5 %), spreads and shapes, some correlated, some with tails."""
    random = np.random.default_rng([seed, 1, number])
    k = 2 + number % 14
    n, d = int(np.exp(random.uniform(np.log(200), np.log(3000)))), int(random.integers(2, 9))
    shares = np.full(k, 1 / k)
    if random.random() < 2 / 3:  # of the other two thirds of the sets the sizes differ, down to 1.5 %
        shares = 0.015 + (1 - 0.015 * k) * random.dirichlet(np.full(k, random.uniform(1, 4)))
    sizes = np.maximum(np.round(shares * n).astype(int), 3)
    spreads = np.exp(random.uniform(-0.5, 0.5, k)) if random.random() < 2 / 3 else np.ones(k)
    centres = _apart(random, k, d, spreads, random.uniform(4.5, 9))
    shape = ("normal", "normal", "correlated", "correlated", "even ball", "tails")[int(random.integers(6))]
    clouds = [
        centre + spread * _cloud(random, shape, size, d)
        for centre, spread, size in zip(centres, spreads, sizes, strict=True)
    ]
    rows = np.concatenate(clouds) * np.exp(random.normal(0, 1, d))
    return Set(f"{k} clusters, {shape}", "standard", rows, np.repeat(np.arange(k), sizes))


def _apart(random: Random, k: int, d: int, spreads: Floats, distance: float) -> Floats:
    """Centres of which every two lie at least `distance` mean spreads apart, in a box that grows until they fit."""
    side = distance
    while True:
        centres: list[Floats] = []
        for _ in range(200 * k):
            one = random.uniform(0, side, d)
            i = len(centres)
            if all(
                np.linalg.norm(one - other) >= distance * (spreads[i] + spreads[j]) / 2
                for j, other in enumerate(centres)
            ):
                centres.append(one)
                if len(centres) == k:
                    return np.array(centres)
        side *= 1.15


def _cloud(random: Random, shape: str, n: int, d: int) -> Floats:
    """A cloud around 0, of variance about 1 in each direction on average."""
    cloud = random.normal(size=(n, d))
    if shape == "correlated":
        turn, _ = np.linalg.qr(random.normal(size=(d, d)))
        widths = np.exp(random.uniform(-0.6, 0.6, d))
        return cloud * (widths / np.sqrt((widths**2).mean())) @ turn.T
    if shape == "even ball":
        cloud *= (random.uniform(size=(n, 1)) ** (1 / d)) / np.linalg.norm(cloud, axis=1, keepdims=True)
        return cloud * np.sqrt(d + 2)
    if shape == "tails":
        return cloud / np.sqrt(random.chisquare(6, (n, 1)) / 4)
    return cloud


# --- without clusters ------------------------------------------------------------------------------------------------------


def _normal(random: Random, n: int, d: int) -> Floats:
    return random.normal(size=(n, d))


def _correlated(random: Random, n: int, d: int) -> Floats:
    return random.normal(size=(n, d)) @ random.normal(size=(d, d))


def _arc(random: Random, n: int, d: int) -> Floats:
    """A chain: points along three quarters of a circle."""
    at = random.uniform(0, 1.5 * np.pi, n)
    rows = random.normal(0, 0.2, (n, d))
    rows[:, :2] += np.column_stack([np.cos(at), np.sin(at)])
    return rows


def _funnel(random: Random, n: int, d: int) -> Floats:
    rows = random.normal(size=(n, d))
    rows[:, 1:] *= np.exp(-0.7 * rows[:, :1])
    return rows


def _banana(random: Random, n: int, d: int) -> Floats:
    rows = random.normal(size=(n, d))
    rows[:, 1] = 0.5 * rows[:, 1] + rows[:, 0] ** 2
    return rows


def _rounded(random: Random, n: int, d: int) -> Floats:
    return np.round(4 * _correlated(random, n, d) / np.sqrt(d))


SMOOTH: dict[str, Callable[[Random, int, int], Floats]] = {
    "normal": _normal,
    "correlated": _correlated,
    "even box": lambda random, n, d: random.uniform(size=(n, d)),
    "even turned box": lambda random, n, d: random.uniform(size=(n, d)) @ random.normal(size=(d, d)),
    "log-normal": lambda random, n, d: np.exp(0.7 * _correlated(random, n, d) / np.sqrt(d)),
    "exponential": lambda random, n, d: random.exponential(size=(n, d)),
    "tails (t3)": lambda random, n, d: _normal(random, n, d) / np.sqrt(random.chisquare(3, (n, 1)) / 3),
    "shares": lambda random, n, d: random.beta(1, 4, (n, d)),
    "chain": _arc,
    "funnel": _funnel,
    "banana": _banana,
    "rounded": _rounded,
}


def _positive(random: Random, n: int, d: int) -> Floats:
    """A cloud of positive, correlated columns, as spend and counts are."""
    return np.exp(0.6 * _correlated(random, n, d) / np.sqrt(d))


def _share(random: Random, n: int) -> Floats:
    return random.beta(2, 6, n)


def _zeros(random: Random, n: int, d: int) -> Floats:
    """A share that 20 to 60 % do not have, whoever they are."""
    rows = _positive(random, n, d)
    rows[:, 0] = np.where(random.random(n) < random.uniform(0.2, 0.6), 0.0, _share(random, n))
    return rows


def _zeros_of_some(random: Random, n: int, d: int) -> Floats:
    """Those who spend less have none more often."""
    rows = _positive(random, n, d)
    rank = rows[:, 1].argsort().argsort() / n
    rows[:, 0] = np.where(random.random(n) < random.uniform(0.4, 1.2) * (1 - rank), 0.0, _share(random, n))
    return rows


def _zeros_together(random: Random, n: int, d: int) -> Floats:
    """Two columns about one thing: whoever has none of the one has none of the other."""
    rows = _positive(random, n, d)
    none = random.random(n) < random.uniform(0.2, 0.6)
    rows[:, 0] = np.where(none, 0.0, _share(random, n))
    rows[:, 1] = np.where(none, 0.0, rows[:, 1])
    return rows


def _zeros_in_two(random: Random, n: int, d: int) -> Floats:
    rows = _positive(random, n, d)
    for column in (0, 1):
        rows[:, column] = np.where(random.random(n) < random.uniform(0.2, 0.6), 0.0, _share(random, n))
    return rows


def _far_zeros(random: Random, n: int, d: int) -> Floats:
    """Whoever has any has much: the gap is there before any transform."""
    rows = _positive(random, n, d)
    rows[:, 0] = np.where(random.random(n) < random.uniform(0.2, 0.6), 0.0, 5 + random.normal(size=n))
    return rows


def _both_ends(random: Random, n: int, d: int) -> Floats:
    rows = _positive(random, n, d)
    rows[:, 0] = np.clip(0.5 + random.uniform(0.3, 0.8) * random.normal(size=n), 0, 1)
    return rows


def _cut_off(random: Random, n: int, d: int) -> Floats:
    """Values below a limit are written as the limit."""
    rows = random.normal(size=(n, d)) @ (np.eye(d) + 0.5)
    rows[:, 0] = np.maximum(rows[:, 0], np.quantile(rows[:, 0], random.uniform(0.2, 0.6)))
    return rows


def _topped(random: Random, n: int, d: int) -> Floats:
    rows = _positive(random, n, d)
    rows[:, 0] = np.minimum(rows[:, 0], np.quantile(rows[:, 0], random.uniform(0.5, 0.85)))
    return rows


def _default(random: Random, n: int, d: int) -> Floats:
    """A value that a form fills in."""
    rows = _positive(random, n, d)
    rows[:, 0] = np.where(random.random(n) < random.uniform(0.2, 0.6), np.median(rows[:, 0]), rows[:, 0])
    return rows


def _few_levels(random: Random, n: int, d: int) -> Floats:
    """Answers on a scale of 3 to 7."""
    levels = int(random.integers(3, 8))
    rows = _correlated(random, n, d)
    return np.round((rows.argsort(axis=0).argsort(axis=0) + 0.5) / n * (levels - 1))


def _a_flag(random: Random, n: int, d: int) -> Floats:
    rows = _positive(random, n, d)
    rows[:, 0] = random.random(n) < random.uniform(0.2, 0.6)
    return rows


def _counts(random: Random, n: int, d: int) -> Floats:
    """Numbers of rare things."""
    return random.poisson(random.uniform(0.4, 1.5) * _positive(random, n, d)).astype(float)


ATOMS: dict[str, Callable[[Random, int, int], Floats]] = {
    "zeros": _zeros,
    "zeros of small spenders": _zeros_of_some,
    "zeros in two columns": _zeros_in_two,
    "zeros in two columns together": _zeros_together,
    "zeros far from the rest": _far_zeros,
    "both ends": _both_ends,
    "cut off below": _cut_off,
    "cut off above": _topped,
    "a default value": _default,
    "few levels": _few_levels,
    "a flag": _a_flag,
    "counts": _counts,
}


def structureless(seed: int, number: int) -> Set:
    """One cloud; the kinds take turns, and with each turn the scaler changes."""
    kinds = [*SMOOTH, *ATOMS]
    random = np.random.default_rng([seed, 2, number])
    turn, at = divmod(number, len(kinds))
    n, d = int(np.exp(random.uniform(np.log(200), np.log(3000)))), int(random.integers(2, 7))
    rows = (SMOOTH | ATOMS)[kinds[at]](random, n, d)
    return Set(kinds[at], SCALERS[(at + turn) % len(SCALERS)], rows, np.zeros(n, dtype=np.int64))


# --- asked -----------------------------------------------------------------------------------------------------------------


def candidates(one: Set) -> tuple[Floats, list[Candidate]]:
    """What a sweep makes of a set: the clustered space and a candidate for every k."""
    names = [f"x{j}" for j in range(one.rows.shape[1])]
    table = pd.DataFrame(one.rows, columns=names)
    distinct = len(table.drop_duplicates())
    table.insert(0, "customer_id", [str(i) for i in range(len(table))])
    features, scaler = FeatureSet("planted", dict.fromkeys(names, Feature())), Scaler(one.scaler)
    specs = [Spec("true_k", features, scaler, Algorithm(), k, 0) for k in KS if k < distinct]
    found = sweep_cell(table, specs)
    return to_space(found[0].space, table), found


def asked(one: Set, config: EvidenceConfig) -> Answer:
    """Candidates, evidence and choice of one set, through the functions that the stages call."""
    X, found = candidates(one)
    ids = [candidate.candidate_id for candidate in found]
    evidence = evaluate_cell(X, [c.labels for c in found], [c.centres for c in found], config)
    table = candidates_table([candidate.to_plain() for candidate in found])
    rows, _ = cell_table(ids, evidence, config, silhouettes=table["silhouette"].tolist())
    table = table.merge(rows, on="candidate_id")
    k_of = table.set_index("candidate_id")["k"]
    choice = choose(table, RULE)
    true_k = int(one.labels.max()) + 1
    agreement = 0.0
    for candidate in found:
        if candidate.spec.k == true_k:
            agreement = adjusted_rand(contingency(one.labels, candidate.labels, true_k, true_k))
    strong = table.loc[table["prediction_strength"] >= 0.8, "k"]
    named = {
        "ours": 1 if choice.candidate_id is None else int(k_of[choice.candidate_id]),
        "silhouette": int(table.loc[table["silhouette"].idxmax(), "k"]),
        "Calinski-Harabasz": int(table.loc[table["calinski_harabasz"].idxmax(), "k"]),
        "Davies-Bouldin": int(table.loc[table["davies_bouldin"].idxmin(), "k"]),
        "gap, first SE": evidence.gap.first_se,
        "gap, globalSEmax": evidence.gap.global_se_max,
        "prediction strength 0.8": int(strong.max()) if len(strong) else 1,
    }
    return Answer(one.kind, one.scaler, true_k, agreement, named, bool((table["grade"] == "natural").any()))


def _planted(seed: int, number: int, config: EvidenceConfig) -> Answer:
    return asked(planted(seed, number), config)


def _structureless(seed: int, number: int, config: EvidenceConfig) -> Answer:
    return asked(structureless(seed, number), config)


def measured(seed: int, sets: int, config: EvidenceConfig) -> tuple[list[Answer], list[Answer]]:
    """Answers on so many planted sets, and on as many without clusters."""
    workers = len(os.sched_getaffinity(0))
    found = [list(side_by_side(one, ((seed, number, config) for number in range(sets)), workers)) for one in (_planted, _structureless)]  # fmt: skip
    return found[0], found[1]


def summary(planted_: list[Answer], structureless_: list[Answer]) -> list[str]:
    """The two tables of results.md."""
    fair = [one for one in planted_ if one.agreement >= RECOVERABLE]
    lines = [
        f"{len(planted_)} planted sets, of which k-means at the true k recovers {len(fair)} (adjusted Rand index at least {RECOVERABLE:g}):",
        "",
        "| rule | names the true k | too few | too many |",
        "|---|---|---|---|",
    ]
    for rule in fair[0].named if fair else ():
        off = np.array([one.named[rule] - one.true_k for one in fair])
        lines.append(
            f"| {rule} | {(off == 0).sum()} ({(off == 0).mean():.0%}) | {(off < 0).sum()} | {(off > 0).sum()} |"
        )
    lines += ["", "| without clusters | sets | called natural at some k |", "|---|---|---|"]
    for name, kinds in (("smooth", SMOOTH), ("with lumps", ATOMS)):
        own = [one for one in structureless_ if one.kind in kinds]
        wrong = sorted(f"{one.kind} ({one.scaler})" for one in own if one.natural)
        lines.append(f"| {name} | {len(own)} | {len(wrong)}{': ' if wrong else ''}{', '.join(wrong)} |")
    return lines


def table(seed: int = SEED, sets: int = SETS) -> list[str]:
    """Measured with the evidence as it is configured by default, k from 2 to 18."""
    lines = [f"Seed {seed}; k from {KS[0]} to {KS[-1]}.", "", *summary(*measured(seed, sets, EvidenceConfig()))]
    print("\n".join(lines), flush=True)
    return lines


if __name__ == "__main__":
    table(*map(int, sys.argv[1:3]))
