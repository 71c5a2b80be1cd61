"""What is used of MLflow beyond its public interface, held against the version that is installed."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import mlflow
import pytest

from segments.io.tracking import mlflow_internals as internals
from segments.io.tracking.moved import mend_moved

PAGE = Path(mlflow.__file__).parent / "server/js/build/static/js"


@pytest.fixture(scope="module")
def scripts() -> str:
    """All that the page is made of."""
    found = sorted(PAGE.glob("*.js"))
    assert found, "MLflow has no page"
    return "\n".join(path.read_text() for path in found)


def test_this_minor_version_was_tried() -> None:
    minor = ".".join(mlflow.__version__.split(".")[:2])
    assert minor in internals.TRIED, f"MLflow {minor}: run this file and the browser tests, then add it to TRIED"


@pytest.mark.parametrize(
    "known",
    [
        internals.TAG.rstrip("."),
        internals.SHARED.rstrip("="),
        *internals.TRAINING.split("="),
        internals.MODE.rstrip("="),
        internals.COLOUR,
        internals.LOGGED_IMAGES,
        internals.PICTURE.partition("?")[0],
        "compareRunCharts",  # what a view's tag holds
        "compareRunSections",
        "runsHiddenMode",
        "searchFilter",
        "orderByKey",
    ],
)
def test_the_page_knows_it(scripts: str, known: str) -> None:
    assert known in scripts


def test_every_address_is_a_column_that_mlflow_makes(root: Path) -> None:
    """A table that is called otherwise would be passed over, and a moved project would show empty lists."""
    with sqlite3.connect(root / "mlflow.db") as record:
        for table, columns in internals.ADDRESSES.items():
            assert set(columns) <= {row[1] for row in record.execute(f"PRAGMA table_info({table})")}
        holding = {
            (name, row[1])
            for (name,) in record.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for row in record.execute(f"PRAGMA table_info({name})")
            if re.search("artifact_(uri|location)|storage_location", row[1])
        }
        assert (
            holding - {(table, column) for table, columns in internals.ADDRESSES.items() for column in columns} == set()
        )
    assert mend_moved(root) == 0


def test_pictures_lie_where_mlflow_puts_its_own(root: Path) -> None:
    import numpy as np

    client = mlflow.MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.create_experiment("toy", artifact_location=(root / "mlruns").as_uri())
    run = client.create_run(experiment).info.run_id
    client.log_image(run, np.zeros((2, 2), dtype="uint8"), key="clusters", step=0, timestamp=5)
    theirs = sorted(re.sub(r"[0-9a-f-]{36}", "u", path.name) for path in (root / "mlruns").rglob("images/*"))
    own = internals.image_files("clusters", 5, "u")
    assert [name.replace(".webp", ".png") for name in theirs] == sorted(own)
    assert client.get_run(run).data.tags[internals.LOGGED_IMAGES] == "True"
