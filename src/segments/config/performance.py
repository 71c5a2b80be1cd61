"""Section ``performance`` and ``conf/targets.yaml``: how segments are followed over time, and what is wanted of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, Count, rule

Measure = Literal[
    "members",
    "active_customers",
    "revenue",
    "visits",
    "basket",
    "discount_share",
    "coupon_share",
    "churned",
    "won_back",
]


@dataclass(frozen=True, config=CLOSED)
class PerformanceConfig:
    """Section ``performance``: the segments period by period.

    Parameters
    ----------
    period : {"month", "week"}
        Of the calendar; a week begins on Monday.
    periods : int
        How many at most, the latest.
    inactive_days : int, optional
        Who buys nothing for so many days has churned, and who buys after that is won back; ``None``: as far as the forecast looks
        ahead, or 90 days without one.
    worth_periods : int
        How many periods' revenue tells what it is worth when customers move to another segment.
    """

    period: Literal["month", "week"] = "month"
    periods: Annotated[int, Field(ge=1, le=600)] = 24
    inactive_days: Count | None = None
    worth_periods: Annotated[int, Field(ge=1, le=60)] = 3


@dataclass(frozen=True, config=CLOSED)
class Target:
    """What is wanted of a segment; an entry of ``conf/targets.yaml``.

    Parameters
    ----------
    metric : str
        A measure of the performance table.
    at_least, at_most : float, optional
        The target: exactly one of them.
    segment : str
        Id or name of the segment, or ``all``.
    period : str, optional
        The period it is for, as the table calls it; ``None``: the last whole one.
    """

    metric: Measure
    at_least: float | None = None
    at_most: float | None = None
    segment: str = "all"
    period: str | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise rule("a target has either at_least or at_most", "write one of the two, such as at_least: 50000")
