"""A project in a notebook: what the stages made, the model in use, its answers. And the page of docs/ and README's lines run as they stand."""

from __future__ import annotations

import ast
import json
from contextlib import chdir
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import segments
from segments.app.notebook.project import Project
from segments.config.registry import TrackingConfig
from segments.errors import ConfigError, DataError, StoreError, TrackingError
from segments.io.registry.files import read_model
from small_project import CHECKOUT, SmallProject
from small_record import as_pyfunc

CELLS: list[dict[str, Any]] = json.loads((CHECKOUT / "docs/notebook.ipynb").read_text())["cells"]

AS_IN_A_NOTEBOOK = ("display.max_columns", 20, "display.width", 80)  # a terminal's width decides otherwise


@pytest.fixture(scope="module")
def here(reproduced: SmallProject) -> Project:
    """The project, seen from elsewhere."""
    found: Project = segments.Project(reproduced.root / "conf")
    return found


@pytest.mark.slow
def test_its_tables_are_those_of_the_catalog(here: Project, reproduced: SmallProject) -> None:
    assert here.root == reproduced.root
    for found, path in (
        (here.candidates(), "selection/candidates.parquet"),
        (here.evidence(), "evidence/evidence.parquet"),
        (here.segments(), "profiles/profiles.parquet"),
        (here.customers(), "profiles/segments.parquet"),
    ):
        pd.testing.assert_frame_equal(found, reproduced.table(path), check_dtype=False)
    assert len(here.curves()) == len(here.candidates())
    choice = json.loads((reproduced / "artifacts/selection/choice.json").read_text())
    assert str(here.why()).startswith(choice["reason"])
    assert "<table" in here._repr_html_()
    assert Path.cwd() != reproduced.root, "it leaves one where one is"


def test_its_pictures_are_figures(here: Project) -> None:
    chosen = here.candidates().set_index("candidate_id").loc[here._preferred()]
    cell = f"{chosen['feature_set']} · {chosen['scaler']}"
    assert here.plot_elbow().axes[0].get_title().startswith(cell)
    assert len(here.plot_elbow().axes[0].lines[0].get_xdata()) == 3, "k = 2, 3, 4"
    own = [text.get_text().replace("\n", " ") for text in here.plot_silhouette().axes[0].texts]
    assert own == here.segments()["segment"].tolist(), "the chosen candidate's clusters are segments"
    k = 3 if chosen["k"] == 2 else 2
    assert not here.plot_silhouette(k).axes[0].texts
    legend = here.plot_clusters().axes[0].get_legend()
    assert [one.get_text() for one in legend.get_texts()] == [f"S{at} · {name}" for at, name in enumerate(own, 1)]
    for figure in (here.plot_silhouette(2), here.plot_clusters(k=3, cell=cell)):
        assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="has no k=7"):
        here.plot_silhouette(7)


def test_it_scores_as_the_registered_model_does(here: Project, reproduced: SmallProject) -> None:
    table = reproduced.table("features/customers.parquet")
    scored = here.score(table.set_index(np.arange(1000, 1000 + len(table))))
    assert scored.index[0] == 1000
    assert scored["customer_id"].tolist() == table["customer_id"].tolist()
    with chdir(reproduced.root):
        answers = as_pyfunc(read_model(TrackingConfig(), "models:/customer-segments@champion")).predict(table)
    pd.testing.assert_frame_equal(scored[list(answers)].reset_index(drop=True), answers, check_dtype=False)
    assert repr(here.champion).startswith("customer-segments version 1: ")
    column = here.champion.model.space.columns[0]
    with pytest.raises(DataError, match=f"no column {column}"):
        here.score(table.drop(columns=column))
    with pytest.raises(DataError, match=rf"1 of 200 rows cannot be scored \(1 because {column} is missing\)") as caught:
        here.score(table.assign(**{column: table[column].where(table.index != 3)}))
    assert "row 4" in str(caught.value)
    with pytest.raises(DataError, match=rf"1 of 2 rows cannot be scored \(1 because {column} is not a number\)"):
        here.score(table.head(2).assign(**{column: ["much", 2**70]}))
    exact = table.assign(**{column: table[column].map(lambda number: Decimal(str(number)))})
    pd.testing.assert_frame_equal(here.score(exact), here.score(table))
    with pytest.raises(DataError, match="takes a DataFrame, not int"):
        here.score(5)


def test_a_model_that_was_changed_answers_nothing(reproduced: SmallProject, tmp_path: Path) -> None:
    copy = reproduced.copy(tmp_path / "copy")
    [document] = [path for path in (copy / "mlruns").rglob("segmentation.json") if "registered" not in str(path)][-1:]
    document.write_text(document.read_text().replace("S1", "S9"))
    with pytest.raises(TrackingError, match="is not what was registered"):
        segments.Project(copy.root).score(copy.table("features/customers.parquet"))


def test_without_a_run_it_names_the_stage(tmp_path: Path) -> None:
    (tmp_path / "conf").symlink_to(CHECKOUT / "conf")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    empty = segments.Project(tmp_path, "source=mall")
    for read in (empty.candidates, empty.segments, empty.customers, empty.why, empty.plot_elbow):
        with pytest.raises(StoreError, match="run `segments"):
            read()
    with pytest.raises(TrackingError, match="no version of mall is in use"):
        _ = empty.champion


# --- pages that are run -------------------------------------------------------------------------------------------------


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; what its last line is, as a notebook would show it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_notebook_shows_what_it_says(reproduced: SmallProject, capsys: pytest.CaptureFixture[str]) -> None:
    """Cells on the shop's data show now what the page shows; those on a project run on the small one."""
    names: dict[str, Any] = {}
    compared = 0
    for cell in CELLS:
        if cell["cell_type"] != "code":
            continue
        of_project = "project" in cell["metadata"].get("tags", ())
        with chdir(reproduced.root if of_project else CHECKOUT):
            shown = run_cell("".join(cell["source"]), names)
        printed = capsys.readouterr().out
        assert cell["outputs"], f"{cell['source']} was not run: make notebook"
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                assert printed == "".join(output["text"])
                compared += 1
            elif "image/png" in output["data"]:
                assert shown._repr_png_().startswith(b"\x89PNG")
            elif not of_project:
                with pd.option_context(*AS_IN_A_NOTEBOOK):
                    assert repr(shown) == "".join(output["data"]["text/plain"])
                compared += 1
    assert compared > 4


@pytest.mark.slow
def test_the_readmes_lines_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [block] = (CHECKOUT / "README.md").read_text().split("```python\n")[1:]
    random, group = np.random.default_rng(0), np.arange(60) % 3
    ages = 20 + 20 * group + random.normal(0, 2, 60)
    pd.DataFrame({"Customer ID": range(60), "age": ages}).to_csv(tmp_path / "customers.csv", index=False)
    with chdir(tmp_path):
        figure = run_cell(block.split("```")[0], {})
    assert "is chosen: 3 segments, graded natural" in capsys.readouterr().out
    assert figure.axes[0].get_xlabel() == "age"
