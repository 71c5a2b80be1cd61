"""A raw feature row -> its segment, in Python's own numbers. Comes in: one row of ordinary numbers. Goes out: what the model says of all rows, to the last bit.

Arrays are made for many rows: of a single one, NumPy's hundred calls take ten times as long as these steps. What is not ordinary (a
category, a missing or odd value, the quantile scaler) is left to :class:`segments.model.segmentation.Segmentation`, which knows all of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segments.clustering.exact import expm1_of_one, log1p_of_one

if TYPE_CHECKING:
    from segments.model.segmentation import Segmentation

ORDINARY = 1e12  # a value up to here overflows in no scaler


@dataclass(frozen=True)
class OneRow:
    """A segmentation in plain numbers, asked for one row at a time.

    Parameters
    ----------
    transforms : list of str
        Of each column.
    powers : list of float or None
        Of the power transform, where there is one.
    units : list of tuple (taken_off, divided_by, multiplied_by, added)
        Of each column, in this order.
    weights : list of float
        Of each column.
    centres : list of list of float
        In the clustered space.
    seen : list of tuple (low, high)
        Lowest and highest training value of each column.
    reach : list of float
        How far training customers lie from each centre.
    segments : list of tuple (segment_id, name)
        Of each centre.
    boundary : float
        Confidence below which a customer is on the border of two segments.
    agreement : list of tuple of ndarray, or None
        Of each centre, confidences and how often resamples agree.

    Examples
    --------
    >>> from segments.clustering.space import Space
    >>> from segments.model.segmentation import Limits, Segmentation, number_segments
    >>> space, limits = Space(["x"], ["log1p"], [1.0], "none", {}), Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> one = one_row(Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits))
    >>> one.answer([0.5])["segment"], one.answer([-1.0])
    ('low', None)
    """

    transforms: list[str]
    powers: list[float] | None
    units: list[tuple[float, float, float, float]]
    weights: list[float]
    centres: list[list[float]]
    seen: list[tuple[float, float]]
    reach: list[float]
    segments: list[tuple[str, str]]
    boundary: float
    agreement: list[tuple[NDArray[np.float64], NDArray[np.float64]]] | None

    def answer(self, row: Sequence[float]) -> dict[str, Any] | None:
        """What :meth:`segments.model.segmentation.Segmentation.predict` says of a row; ``None`` where that is to be asked instead."""
        place = []
        outside = False
        for j, value in enumerate(row):
            transform = self.transforms[j]
            least = -ORDINARY if transform == "identity" and self.powers is None else 0.0
            if not least <= value <= ORDINARY:  # neither is what is no number
                return None
            low, high = self.seen[j]
            outside = outside or value < low or value > high
            if transform == "sqrt":
                value = math.sqrt(value)
            elif transform != "identity":  # with a sign or without: it is not below 0
                value = log1p_of_one(value)
            if self.powers is not None:
                value = log1p_of_one(value)
                if power := self.powers[j]:
                    value = expm1_of_one(power * value) / power
            taken_off, divided_by, multiplied_by, added = self.units[j]
            place.append(((value - taken_off) / divided_by * multiplied_by + added) * self.weights[j])
        distances = [math.sqrt(_squared(place, centre)) for centre in self.centres]
        first, second = sorted(distances)[:2]
        if not second < math.inf:
            return None
        cluster = distances.index(first)
        confidence = 1 - first / second if second > 0 else 0.0
        segment_id, segment = self.segments[cluster]
        found = {
            "cluster": cluster,
            "segment_id": segment_id,
            "segment": segment,
            "distance": first,
            "margin": second - first,
            "confidence": confidence,
            "boundary": confidence < self.boundary,
            "out_of_range": outside or first > self.reach[cluster],
        }
        if self.agreement is not None:
            found["agreement"] = float(np.interp(confidence, *self.agreement[cluster]))
        return found


def one_row(segmentation: Segmentation) -> OneRow | None:
    """A segmentation in plain numbers; ``None`` where it has a part that is only known for arrays.

    Parameters
    ----------
    segmentation : Segmentation
        The model.

    Examples
    --------
    >>> from segments.clustering.space import Space
    >>> from segments.model.segmentation import Limits, Segmentation, number_segments
    >>> space = Space(["x"], ["identity"], [1.0], "none", {}, {"x": {"fill": 0.0}})
    >>> limits = Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> one_row(Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits)) is None
    True
    """
    space, limits = segmentation.space, segmentation.limits
    if space.inputs or space.scaler == "quantile" or len(segmentation.centres) < 2:
        return None
    fitted, prefix = space.fitted, "inner_" if space.scaler == "power" else ""
    zeros, ones = [0.0] * len(space.columns), [1.0] * len(space.columns)
    taken_off, divided_by, multiplied_by, added = zeros, ones, ones, zeros
    if space.scaler == "minmax":
        multiplied_by, added = fitted["scale_"], fitted["min_"]
    elif space.scaler != "none":
        middle = "center_" if space.scaler == "robust" else "mean_"
        taken_off, divided_by = fitted[prefix + middle], fitted[prefix + "scale_"]
    return OneRow(
        space.transforms,
        fitted["lambdas_"] if space.scaler == "power" else None,
        list(zip(taken_off, divided_by, multiplied_by, added, strict=True)),
        space.weights,
        segmentation.centres.tolist(),
        list(zip(limits.low.tolist(), limits.high.tolist(), strict=True)),
        limits.reach.tolist(),
        [(segment.segment_id, segment.name) for segment in segmentation.segments],
        limits.boundary,
        limits.agreement,
    )


def _squared(one: list[float], other: list[float]) -> float:
    """Squared distance, summed in the order of the columns."""
    total = 0.0
    for a, b in zip(one, other, strict=True):
        difference = a - b
        total += difference * difference
    return total
