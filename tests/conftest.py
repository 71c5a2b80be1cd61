"""What tests share: where the reference data lie, and a small project to run the real pipeline in."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout under test."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data laid beside the project; never committed."""
    folder = PROJECT.parent / "shared" / "data"
    assert folder.is_dir(), f"the reference data are missing: put them at {folder}"
    return folder
