"""Command `serve`: the registered model answers requests on this machine until it is stopped."""

from __future__ import annotations

from dataclasses import asdict, replace

from segments.app.load import checked
from segments.app.servers.child import HOST
from segments.app.servers.model_api.processes import run_model_api
from segments.config.root import Config
from segments.config.serving import ServingConfig
from segments.errors import ConfigError


def run(config: Config, port: str = "", model: str = "", host: str = HOST) -> tuple[str, int]:
    """Serve a registered model (the champion by default)."""
    if host not in (HOST, "localhost"):
        raise ConfigError(
            f"'{host}' is not this machine's own address",
            where="host",
            fix=f"leave it out: the server listens on {HOST} only",
        )
    if port:
        config = replace(config, serving=checked(ServingConfig, asdict(config.serving) | {"port": port}, "serving"))
    return "", run_model_api(config, model or None)
