"""Sections ``identity`` and ``confidence``: who a segment is from version to version, and how surely a customer is in it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, Share

# Colours that people can tell apart; as many as plots has.
COLOURS = 12


@dataclass(frozen=True, config=CLOSED)
class IdentityConfig:
    """Section ``identity``: when a segment of a new version is the segment of an earlier one.

    Parameters
    ----------
    min_common : float
        Share of the customers of either version (whichever has fewer) who must be in both, for segments to be matched by
        their members; below it the earlier model is asked where it would put the new customers.
    min_overlap : float
        Share of one of two segments that must lie in the other beyond what chance would put there (0: as much as chance, 1:
        all of it), or of those in either that must be in both, for the two to be related at all.
    min_kept : float
        Share of an old segment's customers whom its successor must hold; where nobody does, its id is not borne any more. Less
        than half, so that one that falls in two lives on in the larger part though some of its customers are elsewhere.
    max_distance : float
        Where no customers can be compared: the farthest two centres of one segment may lie apart, in standard deviations.
    """

    min_common: Share = 0.5
    min_overlap: Annotated[float, Field(ge=0.01, le=1)] = 0.5
    min_kept: Annotated[float, Field(ge=0.01, le=1)] = 0.4
    max_distance: Annotated[float, Field(ge=0)] = 1.0


@dataclass(frozen=True, config=CLOSED)
class ConfidenceConfig:
    """Section ``confidence``: when the model warns of its own answer.

    Parameters
    ----------
    boundary : float
        A customer with a lower confidence is on the border of two segments.
    reach : float
        Share of a cluster's training customers within reach of its centre; a customer farther out is out of range.
    """

    boundary: Share = 0.1
    reach: Annotated[float, Field(ge=0.5, le=1)] = 0.99
