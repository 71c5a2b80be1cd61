"""Models of every kind, and rows to ask them of: ordinary ones, wild ones, and every value at which something may break."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from segments.clustering.kmeans import best_kmeans
from segments.clustering.space import fit_space, read_columns
from segments.config.identity import ConfidenceConfig
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.model.segmentation import Segmentation, fit_limits, number_segments

EDGES = [
    None, np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, -1.0000000000000002, -0.9999999999999999, 5e-324, -5e-324, 1e-310, -1e-310,
    1e-160, 1e-17, -1e-17, 3.0, 1e15, 1e150, 1.2e154, 1.3e154, 1.4e154, -1.3e154, 1e300, 1.7e308, 1.7976931348623157e308, -1.7976931348623157e308,
]  # fmt: skip
WORDS = [
    None,
    "",
    "NA",
    " gold ",
    "gold",
    "GOLD",
    "lead",
    "blue",
    "it's",
    "two\nlines",
    "nan",
    "Perhaps",
    "No",
    "Yes",
    "b",
    "c",
]
KINDS = [f"{scaler}-{transform}" for scaler, transform in product(
    ("none", "standard", "minmax", "robust", "power", "quantile"), ("identity", "log1p", "signed_log1p", "sqrt")
)]  # fmt: skip


def training(customers: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    table = pd.DataFrame(
        {
            "spend": rng.lognormal(3, 1.2, customers).round(2),
            "orders": rng.geometric(0.2, customers).astype(float),  # many share a value
            "balance": rng.normal(-20, 300, customers),
            "plan": rng.choice(["blue", "gold", "it's", "two\nlines"], customers),
            "size": rng.choice(["a", "b", "c"], customers),
            "partner": rng.choice(["No", "Yes"], customers),
        }
    )
    table.loc[::9, "balance"] = np.nan
    table.loc[::11, "plan"] = None
    return table


def fitted(columns: dict[str, Feature], scaler: Scaler, k: int = 4, names: list[str] | None = None) -> Segmentation:
    """A model with everything that the registered ones have."""
    table = training()
    space, X = fit_space(table, FeatureSet("odd", columns), scaler)
    centres = best_kmeans(X, k, Algorithm(starts=2, max_fits=4), seed=0).centres
    agreement = np.random.default_rng(1).uniform(0.3, 1, len(table))
    limits = fit_limits(space, centres, table, ConfidenceConfig(), agreement)
    return Segmentation("c0", space, centres, number_segments(names or [f"segment {c}" for c in range(k)]), limits)


def of_numbers(scaler: str, transform: str) -> Segmentation:
    """Two numbers, transformed and weighted."""
    columns = {"spend": Feature(transform), "orders": Feature(transform, weight=1.7)}
    return fitted(columns, Scaler("odd", scaler, n_quantiles=150))


def of_everything(indicators: bool = False) -> Segmentation:
    """Categories of every kind, missing values with something to stand in, caps."""
    columns = {
        "spend": Feature("log1p", winsorise=[0.05, 0.95]),
        "balance": Feature(missing="median", indicator=True, clip=[-400.0, None]),
        "orders": Feature(missing=2.0),
        "plan": Feature(missing="gold", indicator=True),
        "size": Feature(levels=["c", "a", "b"], weight=0.5),
        "partner": Feature(levels=["No", "Yes"]),
    }
    return fitted(columns, Scaler("standard", indicators=indicators))


def rows(model: Segmentation, n: int, seed: int = 0) -> pa.Table:
    """As many rows, their numbers as ids; every edge value in every column at least once."""
    rng = np.random.default_rng(seed)
    known = training()
    columns: dict[str, list] = {}
    for name in model.space.columns:
        drawn = known[name].sample(n, replace=True, random_state=rng.integers(1 << 30)).tolist()
        levels = model.space.levels(name)
        if levels is not None:
            edges: list = [*WORDS, *levels]
            drawn = [None if pd.isna(level) else level for level in drawn]
        else:
            j = model.space.columns.index(name)
            ends = [float(model.limits.low[j]), float(model.limits.high[j])]
            near = [float(np.nextafter(end, to)) for end in ends for to in (-np.inf, np.inf)]
            landmarks = [float(x) for x in np.ravel(model.space.fitted.get("quantiles_", []))]
            edges = [*EDGES, *ends, *near, *rng.permutation(landmarks)[:20]]
            wild = np.exp(rng.uniform(-740, 709, n)) * rng.choice([-1, 1], n)
            drawn = np.where(
                rng.random(n) < 0.1, wild, np.array(drawn, dtype=float) * rng.choice([1, 1, 1, 0.3, 3], n)
            ).tolist()
        for i, edge in enumerate(edges):
            drawn[(7 * i + 3 * len(columns)) % n] = edge
        for i in rng.integers(0, n, n // 50):
            drawn[i] = edges[rng.integers(len(edges))]
        columns[name] = drawn
    for i, row in enumerate(on_borders(model, 12)):
        for name, value in zip(columns, row, strict=True):
            columns[name][n - 1 - i] = value
    arrays = {
        name: pa.array(cells, pa.string() if model.space.levels(name) else pa.float64())
        for name, cells in columns.items()
    }
    return pa.table({"customer_id": pa.array([str(i) for i in range(n)]), **arrays})


def on_borders(model: Segmentation, n: int) -> list[list]:
    """Rows between customers of two segments, halved until no number lies between; and the rows beside them."""
    known = training()[model.space.columns].dropna()
    values = read_columns(model.space, known)
    labels = model.columns(values)["cluster"]
    found: list[list] = []
    for i in range(1, len(known)):
        a, b = values[0].copy(), values[i].copy()
        categories = [j for j, name in enumerate(model.space.columns) if model.space.levels(name)]
        b[categories] = a[categories]
        if labels[0] == labels[i] or _cluster(model, b) == labels[0]:
            continue
        for _ in range(80):
            middle = 0.5 * (a + b)
            a, b = (middle, b) if _cluster(model, middle) == labels[0] else (a, middle)
        for row in (a, b):
            cells = zip(model.space.columns, row, strict=True)
            found.append([levels[int(x)] if (levels := model.space.levels(name)) else float(x) for name, x in cells])
        if len(found) >= n:
            break
    return found[:n]


def _cluster(model: Segmentation, row: NDArray[np.float64]) -> int:
    return int(model.columns(row[None, :])["cluster"][0])
