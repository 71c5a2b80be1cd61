"""Command `sql`: the registered model as one SELECT, for tables that shall not or cannot leave their database."""

from __future__ import annotations

from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.config.source import Reader
from segments.io.registry import files
from segments.io.store.fingerprints import sha256
from segments.model.as_sql import as_sql
from segments.model.segmentation import Segmentation


def run(
    config: Config, dialect: str = "duckdb", table: str = "customers", id: str = "customer_id", model: str = ""
) -> str:
    """Say a registered model (the champion by default) in SQL; returns the SELECT."""
    found = files.read_model(config.tracking, model or f"models:/{config.registry.model}@{IN_USE}")
    segmentation = Segmentation.from_json(found.document)
    people = config.source.customers
    reader = people.read if people is not None and config.source.transactions is None else Reader()
    title = f"{found.name} version {found.version}, sha256 of the model {sha256(found.document.encode())}"
    return as_sql(segmentation, dialect, table, id, reader.missing, title)
