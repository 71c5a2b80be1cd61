"""Evidence as stages share it: who records it when."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from segments.app.jobs import evidence


@pytest.mark.parametrize(
    ("stage", "records"), [(None, True), ("evidence", False), ("usefulness", False), ("sensitivity", True)]
)
def test_of_the_stages_of_dvc_the_last_records_for_all(
    monkeypatch: pytest.MonkeyPatch, stage: str | None, records: bool
) -> None:
    """A stage that a person starts records what it measured itself."""
    monkeypatch.delenv("DVC_STAGE", raising=False)
    if stage is not None:
        monkeypatch.setenv("DVC_STAGE", stage)
    recorded: list[str] = []
    monkeypatch.setattr(evidence, "connect", lambda _, source: nullcontext(source))
    monkeypatch.setattr(evidence, "record_evidence", recorded.append)
    evidence.record_measured(SimpleNamespace(tracking=None, source=SimpleNamespace(name="toy")))  # type: ignore[arg-type]
    assert recorded == ["toy"] * records
