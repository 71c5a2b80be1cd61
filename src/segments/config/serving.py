"""Sections ``monitoring``, ``serving`` and ``dashboard``: scored batches and the two pages that listen on 127.0.0.1."""

from __future__ import annotations

from dataclasses import field

from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, in_range
from segments.errors import ConfigError


@dataclass(frozen=True, config=CLOSED)
class Limits:
    """From where a figure of a scored batch is amber, and from where red.

    Parameters
    ----------
    amber, red : float
        In the figure's own unit; red is the larger one.
    """

    amber: float
    red: float

    def __post_init__(self) -> None:
        if not 0 <= self.amber <= self.red:
            raise ConfigError(
                f"amber {self.amber} and red {self.red} are not in order",
                where="monitoring.*.amber, monitoring.*.red",
                fix="write 0 or more, red the larger one",
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

    psi: Limits = field(default_factory=lambda: Limits(0.1, 0.25))
    far: Limits = field(default_factory=lambda: Limits(0.03, 0.1))
    silhouette: Limits = field(default_factory=lambda: Limits(0.05, 0.1))
    moved: Limits = field(default_factory=lambda: Limits(0.15, 0.3))
    rejected: Limits = field(default_factory=lambda: Limits(0.01, 0.05))
    false_alarms: float = 0.01

    def __post_init__(self) -> None:
        in_range(self.false_alarms, 1e-6, 0.5, "monitoring.false_alarms")


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
    """

    port: int = 5001
    max_rows: int = 10_000
    max_mib: float = 4.0

    def __post_init__(self) -> None:
        in_range(self.port, 1024, 65535, "serving.port")
        in_range(self.max_rows, 1, 1_000_000, "serving.max_rows")
        in_range(self.max_mib, 0.001, 1024, "serving.max_mib")


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

    port: int = 8501
    max_upload_mib: int = 200

    def __post_init__(self) -> None:
        in_range(self.port, 1024, 65535, "dashboard.port")
        in_range(self.max_upload_mib, 1, 4096, "dashboard.max_upload_mib")
