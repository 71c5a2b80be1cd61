"""Sections ``registry`` and ``tracking``: which version is in use, and where MLflow's record lives."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, Port, parts_of, rule, without_password

IN_USE = "champion"  # alias of the version in use; not a choice, as links and colleagues know it by this name

SIGN_IN = "put them into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or ~/.mlflow/credentials"


def _server(address: str) -> str:
    parts = parts_of(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise rule(
            "this is not the address of a tracking server", "write http://HOST:PORT, or null for the local record"
        )
    return address


@dataclass(frozen=True, config=CLOSED)
class RegistryConfig:
    """Section ``registry``: the name a segmentation is registered under, and when it takes over.

    Parameters
    ----------
    model : str
        Name of the registered model.
    tolerance : float
        How much lower a challenger's silhouette over all features may be than the champion's, on the same customers. About
        what chance can make of it: every promotion may give away as much again.
    require_commit : bool
        Whether a version made from uncommitted code waits as challenger: another person could not rebuild it.
    """

    model: Annotated[str, Field(pattern=r"^\w[\w .-]{0,99}$")] = "customer-segments"
    tolerance: Annotated[float, Field(ge=0, le=2)] = 0.01
    require_commit: bool = False


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

    uri: Annotated[str, without_password(SIGN_IN), AfterValidator(_server)] | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    retries: Annotated[int, Field(ge=0, le=20)] = 1
    port: Port = 5000
