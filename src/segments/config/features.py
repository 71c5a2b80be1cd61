"""Sections ``features`` and ``explore``: what is made of the clean tables, and what is looked at."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, in_range, one_of
from segments.errors import ConfigError

# Columns made of other features: kept beside them, never counted twice.
RFM_SCORES = ("r_score", "f_score", "m_score")


@dataclass(frozen=True, config=CLOSED)
class FeaturesConfig:
    """Section ``features``: the engine for transaction logs and the edges of "evening" and "weekend".

    Parameters
    ----------
    engine : {"duckdb", "pandas"}
        Which engine runs the expressions over the log; the features are equal.
    morning_until, evening_from : int
        Hours of the day: a purchase before the first is a morning one, from the second on an evening one.
    """

    engine: str = "duckdb"
    morning_until: int = 12
    evening_from: int = 17

    def __post_init__(self) -> None:
        one_of(self.engine, ("duckdb", "pandas"), "features.engine")
        in_range(self.morning_until, 0, 24, "features.morning_until")
        in_range(self.evening_from, 0, 24, "features.evening_from")
        if self.evening_from < self.morning_until:
            raise ConfigError(
                f"the evening begins at {self.evening_from}, before the morning ends at {self.morning_until}",
                where="features.morning_until, features.evening_from",
                fix="make evening_from the later one",
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
    correlation : float
        Absolute Spearman correlation above which a pair is reported.
    pair_columns : int
        Columns in the pair plot at most.
    sample : int
        Customers drawn as points at most; the numbers always use all of them.
    """

    missing_share: float = 0.0
    skew: float = 2.0
    outlier_share: float = 0.01
    near_constant_share: float = 0.95
    correlation: float = 0.9
    pair_columns: int = 6
    sample: int = 2000

    def __post_init__(self) -> None:
        in_range(self.missing_share, 0, 1, "explore.missing_share")
        in_range(self.skew, 0, 1e9, "explore.skew")
        in_range(self.outlier_share, 0, 1, "explore.outlier_share")
        in_range(self.near_constant_share, 0, 1, "explore.near_constant_share")
        in_range(self.correlation, 0, 1, "explore.correlation")
        in_range(self.pair_columns, 2, 20, "explore.pair_columns")
        in_range(self.sample, 10, 1_000_000, "explore.sample")
