"""Sections ``registry`` and ``tracking``: which version is in use, and where MLflow's record lives."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, in_range
from segments.errors import ConfigError


@dataclass(frozen=True, config=CLOSED)
class RegistryConfig:
    """Section ``registry``: the name a segmentation is registered under, and when it takes over.

    Parameters
    ----------
    model : str
        Name of the registered model.
    alias : str
        The version in use bears it; the one before bears ``previous``, one that waits ``challenger``.
    tolerance : float
        How much lower a challenger's silhouette over all features may be than the champion's, on the same customers. About
        what chance can make of it: every promotion may give away as much again.
    require_commit : bool
        Whether a version made from uncommitted code waits as challenger: another person could not rebuild it.
    """

    model: str = "customer-segments"
    alias: str = "champion"
    tolerance: float = 0.01
    require_commit: bool = False

    def __post_init__(self) -> None:
        in_range(self.tolerance, 0, 2, "registry.tolerance")
        if self.alias in ("previous", "challenger"):
            raise ConfigError(
                f"the alias '{self.alias}' is taken for another purpose",
                where="registry.alias",
                fix="choose another name",
            )


@dataclass(frozen=True, config=CLOSED)
class TrackingConfig:
    """Section ``tracking``: where MLflow's record lives.

    Parameters
    ----------
    uri : str, optional
        Tracking server (``http://...``); ``None`` is MLflow's own local default, ``mlflow.db`` and ``mlruns/`` in the project.
    timeout_seconds : int
        How long one request to a server may take.
    retries : int
        How often a failed request is tried again.
    port : int
        Port of 127.0.0.1 that ``segments ui`` listens on; the next free one when it is taken.
    """

    uri: str | None = None
    timeout_seconds: int = 10
    retries: int = 1
    port: int = 5000

    def __post_init__(self) -> None:
        if self.uri and "@" in urlsplit(self.uri).netloc:
            raise ConfigError(
                "the address of the server holds a user or a password, and configs are kept in MLflow",
                where="tracking.uri",
                fix="leave them out: put them into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or ~/.mlflow/credentials",
            )
        in_range(self.timeout_seconds, 1, 3600, "tracking.timeout_seconds")
        in_range(self.retries, 0, 20, "tracking.retries")
        in_range(self.port, 1024, 65535, "tracking.port")
