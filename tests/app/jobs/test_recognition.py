"""Whose segments clusters are, where nothing is registered yet."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from segments.app.jobs import recognition
from segments.config.registry import TrackingConfig
from segments.errors import TrackingError
from segments.identity import matching
from segments.io.tracking import connection


@pytest.mark.parametrize(
    ("statements", "asked"),
    [
        (["CREATE TABLE model_versions (name)"], False),
        (["CREATE TABLE model_versions (name)", "INSERT INTO model_versions VALUES ('customer-segments')"], True),
        (["CREATE TABLE something (else_)"], True),
        (None, True),
    ],
)
def test_mlflow_is_started_only_where_something_may_be_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: list[str] | None, asked: bool
) -> None:
    if statements is not None:
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
            for statement in statements:
                database.execute(statement)

    def connect(*_: object) -> None:
        raise TrackingError("MLflow is asked", where="")

    monkeypatch.setattr(connection, "checkout", lambda: tmp_path)
    monkeypatch.setattr(recognition, "connect", connect)
    nobody = SimpleNamespace(name="toy")
    config = SimpleNamespace(
        tracking=TrackingConfig(),
        source=nobody,
        registry=SimpleNamespace(model="m"),
        decisions=SimpleNamespace(names={}),
    )
    given = (config, "c", None, None, ["few", "many"])
    if asked:
        with pytest.raises(TrackingError, match="MLflow is asked"):
            recognition.recognised(*given)  # type: ignore[arg-type]
    else:
        assert recognition.recognised(*given) == matching.first(["few", "many"])  # type: ignore[arg-type]
