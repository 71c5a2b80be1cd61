"""Sections ``monitoring``, ``serving`` and ``dashboard``: scored batches and the two pages that listen on 127.0.0.1."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, Port, rule


@dataclass(frozen=True, config=CLOSED)
class LightLimits:
    """From where a figure of a scored batch is amber, and from where red.

    Parameters
    ----------
    amber, red : float
        In the figure's own unit; red is the larger one.
    """

    amber: Annotated[float, Field(ge=0)]
    red: float

    def __post_init__(self) -> None:
        if self.red < self.amber:
            raise rule(
                f"amber {self.amber} and red {self.red} are not in order", "make red the larger one", "amber", "red"
            )


@dataclass(frozen=True, config=CLOSED)
class MonitoringConfig:
    """Section ``monitoring``: when a scored batch differs from the training data so much that the segmentation should be refitted.

    Parameters
    ----------
    psi : Limits
        Of the population stability index of the segments and of every feature, less what chance alone adds to it.
    far : Limits
        Of the share of customers far from their centre, or outside the training data's range (a hundredth of the training customers are).
    silhouette : Limits
        Of the loss against the training data.
    moved : Limits
        Of the share of known customers who change their segment.
    rejected : Limits
        Of the share of rows that cannot be scored.
    false_alarms : float
        Share of batches that may show amber or red though nothing has changed.
    """

    psi: LightLimits = field(default_factory=lambda: LightLimits(0.1, 0.25))
    far: LightLimits = field(default_factory=lambda: LightLimits(0.03, 0.1))
    silhouette: LightLimits = field(default_factory=lambda: LightLimits(0.05, 0.1))
    moved: LightLimits = field(default_factory=lambda: LightLimits(0.15, 0.3))
    rejected: LightLimits = field(default_factory=lambda: LightLimits(0.01, 0.05))
    false_alarms: Annotated[float, Field(ge=1e-6, le=0.5)] = 0.01


@dataclass(frozen=True, config=CLOSED)
class ServingConfig:
    """Section ``serving``: what ``segments serve`` takes.

    Parameters
    ----------
    port : int
        Of 127.0.0.1; the next free one when it is taken.
    max_rows : int
        Customers per request.
    max_mib : float
        Size of a request.
    workers : int
        Processes that answer, one where the system is not Linux. Each holds the tables it is asked for.
    """

    port: Port = 5001
    max_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    max_mib: Annotated[float, Field(ge=0.001, le=1024)] = 4.0
    workers: Annotated[int, Field(ge=1, le=1024)] = 2


@dataclass(frozen=True, config=CLOSED)
class DashboardConfig:
    """Section ``dashboard``: the page ``segments dashboard`` shows.

    Parameters
    ----------
    port : int
        Of 127.0.0.1; the next free one when it is taken.
    max_upload_mib : int
        Size of a file that may be scored on the page.
    """

    port: Port = 8501
    max_upload_mib: Annotated[int, Field(ge=1, le=4096)] = 200
