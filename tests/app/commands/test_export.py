"""Command `export`: what it says where there is nothing to list."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import by_hand
from segments.app.commands import export, score
from segments.app.load import load
from segments.errors import ConfigError, StoreError
from segments.io.store import catalog


@pytest.mark.slow
def test_without_a_choice_and_a_version_it_says_that_nothing_was_chosen(root: Path, project: Path) -> None:
    config = load([], project)
    by_hand.features_of("completejourney")
    features = {"customer_id": ["1"], "recency_days": [1.0]}
    catalog.write(catalog.FEATURES, pd.DataFrame(features).astype({"customer_id": "str"}))
    by_hand.chosen(None)
    with pytest.raises(ConfigError, match="nothing was chosen, and no version is in use") as error:
        export.run(config, str(root / "list.csv"))
    assert "segments select" in error.value.fix and not (root / "list.csv").exists()


def test_neither_command_that_hands_on_customers_writes_into_git(root: Path, project: Path) -> None:
    config, out = load([], project), str(root / ".git/hooks/list.csv")
    with pytest.raises(StoreError, match="git, DVC or conf/ keep"):
        export.run(config, out)
    with pytest.raises(StoreError, match="git, DVC or conf/ keep"):
        score.run(config, "customers.csv", out)
