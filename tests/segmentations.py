"""Segmentations made of a few numbers, for tests that do not ask where they come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.space import Space, fit_space
from segments.config.identity import ConfidenceConfig
from segments.config.sweep import Feature, FeatureSet, Scaler
from segments.model.segmentation import Limits, Segment, Segmentation, fit_limits, number_segments

TABLE = pd.DataFrame({"customer_id": list("abcdef"), "x": [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]})
SPACE = Space(["x"], ["identity"], [1.0], "none", {})
LOW_MIDDLE_HIGH = number_segments(["low", "middle", "high"])


def segmentation(candidate_id: str, space: Space, centres: NDArray[np.float64], names: Sequence[str]) -> Segmentation:
    """Segments numbered in cluster order; nothing is out of range."""
    far = np.full(len(space.columns), 1e300)
    limits = Limits(np.full(len(centres), 1e300), -far, far, boundary=0.1)
    return Segmentation(candidate_id, space, centres, number_segments(names), limits)


def on_a_line(centres: Sequence[float], column: str = "x") -> Segmentation:
    """Two segments on a line, with the limits that the customers of TABLE give."""
    table = TABLE.rename(columns={"x": column})
    space, _ = fit_space(table, FeatureSet("s", {column: Feature()}), Scaler("none"))
    points = np.array(centres)[:, None]
    limits = fit_limits(space, points, table, ConfidenceConfig())
    return Segmentation("id", space, points, number_segments(["low", "high"]), limits)


def model(*centres: float, segments: list[Segment] = LOW_MIDDLE_HIGH) -> Segmentation:
    """Up to three segments on a line, nothing out of range but below 0 and above 1."""
    limits = Limits(np.ones(len(centres)), np.zeros(1), np.ones(1), 0.1)
    return Segmentation("m", SPACE, np.array(centres)[:, None], segments[: len(centres)], limits)


def table(**x: float) -> pd.DataFrame:
    """Customers by id, each with its x."""
    return pd.DataFrame({"customer_id": list(x), "x": list(x.values())})


# The earlier model parts at 5 and 15; the later one at 8 and 15.
EARLIER, LATER = model(0, 10, 20), model(4, 12, 18)
