"""Sections ``features`` and ``explore``: what is made of the clean tables, and what is looked at."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, Share, rule

# Columns made of other features: kept beside them, never counted twice.
RFM_SCORES = ("r_score", "f_score", "m_score")


@dataclass(frozen=True, config=CLOSED)
class FeaturesConfig:
    """Section ``features``: how far back a log is looked at, and the parts of the day.

    Parameters
    ----------
    morning_until, evening_from : int
        Hours of the day: a purchase before the first is a morning one, from the second on an evening one.
    window_days : int, optional
        Purchases of this many days count, the as-of date among them; all by default. With it, features of two dates compare although
        the log grew.
    """

    morning_until: Annotated[int, Field(ge=0, le=24)] = 12
    evening_from: Annotated[int, Field(ge=0, le=24)] = 17
    window_days: Annotated[int, Field(ge=1, le=100_000)] | None = None

    def __post_init__(self) -> None:
        if self.evening_from < self.morning_until:
            raise rule(
                f"the evening begins at {self.evening_from}, before the morning ends at {self.morning_until}",
                "make evening_from the later one",
                *("morning_until", "evening_from"),
            )


@dataclass(frozen=True, config=CLOSED)
class ExploreConfig:
    """Section ``explore``: limits for the warnings and pictures.

    Parameters
    ----------
    missing_share : float
        Share of missing values above which a column is reported.
    skew : float
        Absolute skewness above which a column is reported.
    outlier_share : float
        Share of values beyond 3 interquartile ranges above which a column is reported.
    near_constant_share : float
        Share of the most frequent value above which a column is reported.
    category_share : float
        Share of the distances of a feature set from which its categories are reported.
    correlation : float
        Absolute Spearman correlation above which a pair is reported.
    pair_columns : int
        Columns in the pair plot at most.
    sample : int
        Customers drawn as points at most; the numbers always use all of them.
    """

    missing_share: Share = 0.0
    skew: Annotated[float, Field(ge=0)] = 2.0
    outlier_share: Share = 0.01
    near_constant_share: Share = 0.95
    category_share: Share = 0.5
    correlation: Share = 0.9
    pair_columns: Annotated[int, Field(ge=2, le=20)] = 6
    sample: Annotated[int, Field(ge=10, le=1_000_000)] = 2000
