"""A segmentation from centres and names alone, for tests that do not ask how far it can be believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segments.clustering.space import Space
from segments.model.segmentation import Limits, Segmentation, number_segments


def segmentation(candidate_id: str, space: Space, centres: NDArray[np.float64], names: Sequence[str]) -> Segmentation:
    """Segments numbered in cluster order; nothing is out of range."""
    far = np.full(len(space.columns), 1e300)
    limits = Limits(np.full(len(centres), 1e300), -far, far, boundary=0.1)
    return Segmentation(candidate_id, space, centres, number_segments(names), limits)
