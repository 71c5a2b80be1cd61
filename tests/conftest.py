"""What tests share: where the reference data lie, and a small project to run the real pipeline in."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from small_project import SmallProject, make

PROJECT = Path(__file__).resolve().parent.parent

# The same examples every time, so that what fails is the change at hand; `--hypothesis-profile=default` looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def mlflow_forgets() -> Iterator[None]:
    """MLflow keeps addresses for the whole process: no test may find another one's registry."""
    yield
    if "mlflow" in sys.modules:
        import mlflow

        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        mlflow.set_registry_uri(None)  # type: ignore[arg-type]
        os.environ.pop("MLFLOW_REGISTRY_URI", None)  # which that leaves


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


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> SmallProject:
    """A small project after its first `dvc repro`, committed. For reading only: change a copy (``small_project``)."""
    project = make(tmp_path_factory.mktemp("reproduced") / "project", shared_data / "mall" / "Mall_Customers.csv")
    project.repro()
    project.commit()
    return project


@pytest.fixture
def small_project(reproduced: SmallProject, tmp_path: Path) -> Callable[[], SmallProject]:
    """A factory: each call gives a copy of the reproduced project to change."""
    numbers = itertools.count()
    return lambda: reproduced.copy(tmp_path / f"copy{next(numbers)}")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> Path:
    """An empty project to track into."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path
