"""Data sets without clusters, and how often the existence test finds some in them all the same."""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from segments.config.evidence import EvidenceConfig
from segments.evidence.existence import existence

KINDS = ("gaussian", "uniform", "log-normal")
SCALERS = ("standard", "quantile")


def structureless(kind: str, seed: int, n: int) -> np.ndarray:
    """One cloud of n points in two correlated columns, or in a square."""
    random = np.random.default_rng([seed, 77])
    cloud = random.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], n)
    return {"gaussian": cloud, "uniform": random.uniform(size=(n, 2)), "log-normal": np.exp(cloud)}[kind]


def false_findings(kind: str, scaler: str, sets: int) -> int:
    """Of so many data sets of 150 points, those that are called clustered at any k of 2…5."""
    config, found = EvidenceConfig(starts=2), 0
    for seed in range(sets):
        method = StandardScaler() if scaler == "standard" else QuantileTransformer(n_quantiles=150, subsample=None)
        X = method.fit_transform(structureless(kind, seed, 150))
        verdict = existence(X, range(2, 6), dataclasses.replace(config, seed=seed)).verdict()
        found += bool((verdict["p_adjusted"] <= config.grades.alpha).any())
    return found
