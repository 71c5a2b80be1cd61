"""One name, four places: the plan of the house, held. And every choice in conf/ can be chosen."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from segments.app.cli import COMMANDS, STAGES
from segments.app.load import load
from segments.config.root import Config
from small_project import CHECKOUT, SmallProject, expected_grid

PIPELINE: dict[str, Any] = yaml.safe_load((CHECKOUT / "dvc.yaml").read_text())["stages"]
SECTIONS: dict[str, Any] = yaml.safe_load((CHECKOUT / "conf/config.yaml").read_text())
GROUPS = ("source", "feature_set", "scaler", "algorithm", "experiment", "tracking")
LISTED = ("prediction_model",)  # groups whose members are named in a list only
# What the stage `data` can be told stands with the source; the room of `registry` is the model it registers.
SECTION_OF = {"data": None}
ROOM_OF = {"registry": "model"}
PUBLIC = [
    "data",
    "features",
    "explore",
    "sweep",
    "evidence",
    "selection",
    "sensitivity",
    "identity",
    "prediction",
    "profiles",
    "playbook",
    "briefing",
    "registry",
    "fetch",
    "describe",
    "fit",
    "select",
    "rename",
    "verify",
    "promote",
    "rollback",
    "migration",
    "export",
    "uplift",
    "score",
    "serve",
    "track",
    "server",
    "ui",
    "dashboard",
    "summary",
    "catalog",
]


def members(group: str) -> list[str]:
    return sorted(path.stem for path in (CHECKOUT / "conf" / group).glob("*.yaml"))


# --- one name, four places -----------------------------------------------------------------------------------------------


def test_the_stages_of_dvc_are_those_of_the_command() -> None:
    assert list(PIPELINE) == list(STAGES)
    assert {name: stage["cmd"] for name, stage in PIPELINE.items()} == {name: f"segments {name}" for name in STAGES}
    assert [
        name
        for name in PIPELINE
        if PIPELINE[name]["outs"] not in ([f"artifacts/{name}"], [{f"artifacts/{name}": {"persist": True}}])
    ] == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_has_its_file_room_section_and_tests(name: str) -> None:
    room = ROOM_OF.get(name, name)
    assert (CHECKOUT / f"src/segments/stages/{name}.py").is_file()
    assert (CHECKOUT / f"src/segments/{room}.py").is_file()
    assert (CHECKOUT / f"tests/test_{room}.py").is_file()
    section = SECTION_OF.get(name, name)
    if section is not None:
        assert section in SECTIONS
        assert section in {field.name for field in fields(Config)}
        assert section in PIPELINE[name]["params"][0]["conf/config.yaml"], "an edit of the section must rerun the stage"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reruns_when_its_code_or_its_choices_change(name: str) -> None:
    stage = PIPELINE[name]
    code = {f"src/segments/stages/{name}.py", f"src/segments/{ROOM_OF.get(name, name)}.py"}
    assert {*code, "conf/experiment"} <= set(stage["deps"])
    assert "defaults" in stage["params"][0]["conf/config.yaml"]
    assert [
        path for path in stage["deps"] if path.startswith(("src/", "conf/")) and not (CHECKOUT / path).exists()
    ] == []


# What every stage passes through: settings, files, the record. A change there changes no result.
PASSED = ("config", "errors", "store", "tracking", "versions", "model_files", "fetch", "stages/__init__")


def code_of(module: str, seen: set[str]) -> set[str]:
    """Files of the package that a module brings in, itself included, wherever in it the imports stand."""
    name = module.removeprefix("segments.").replace(".", "/")
    file = next(
        (path for path in (f"{name}.py", f"{name}/__init__.py") if (CHECKOUT / "src/segments" / path).is_file()), None
    )
    if file is None or file in seen or file.startswith(PASSED):
        return seen
    seen.add(file)
    for node in ast.walk(ast.parse((CHECKOUT / "src/segments" / file).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("segments"):
            for wanted in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                code_of(str(wanted), seen)
    return seen


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reruns_when_code_it_imports_changes(name: str) -> None:
    listed = {path.removeprefix("src/segments/") for path in PIPELINE[name]["deps"] if path.startswith("src/")}
    assert sorted(code_of(f"segments.app.stages.{name}", set()) - listed) == []


# --- the console command -------------------------------------------------------------------------------------------------


def test_help_lists_every_public_name_and_imports_nothing_heavy() -> None:
    assert set(PUBLIC) <= {*STAGES, *COMMANDS}
    script = "import sys; from segments.app.cli import main; main(['--help']); print(sorted({'mlflow', 'sklearn', 'pandas', 'hydra'} & set(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=CHECKOUT
    ).stdout
    listed = re.findall(r"^  (\w+) ", printed, re.MULTILINE)
    assert set(PUBLIC) <= set(listed)
    assert printed.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from segments.app.cli import main

    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: segments {name} ")


# --- every choice can be chosen ------------------------------------------------------------------------------------------


def test_the_folders_of_conf_are_the_groups() -> None:
    assert {path.name for path in (CHECKOUT / "conf").iterdir() if path.is_dir()} == {*GROUPS, *LISTED, "playbook"}


def test_every_playbook_is_used() -> None:
    """No choice among them: one more YAML is one more playbook."""
    assert list(load(project=CHECKOUT).playbooks) == members("playbook")


@pytest.mark.parametrize(("group", "name"), [(group, name) for group in GROUPS for name in members(group)])
def test_every_member_of_a_group_composes_and_loads(group: str, name: str) -> None:
    config = load([f"{group}={name}"], project=CHECKOUT)
    if group not in ("experiment", "tracking"):  # these have no name of their own
        text = yaml.safe_load((CHECKOUT / f"conf/{group}/{name}.yaml").read_text())
        assert getattr(config, group).name == text["name"]


@pytest.mark.parametrize("group", ["feature_set", "scaler"])
def test_every_member_of_a_grid_group_can_stand_in_the_grid(group: str) -> None:
    config = load([f"sweep.{group}s=[{','.join(members(group))}]"], project=CHECKOUT)
    assert list(getattr(config, f"grid_{group}s")) == members(group)


def test_every_prediction_model_can_stand_in_the_list() -> None:
    config = load([f"prediction.models=[{','.join(members('prediction_model'))}]"], project=CHECKOUT)
    assert list(config.grid_prediction_models) == members("prediction_model")


@pytest.mark.parametrize("name", members("source"))
def test_the_feature_sets_of_a_source_are_its_grid(name: str) -> None:
    config = load([f"source={name}"], project=CHECKOUT)
    assert config.sweep.feature_sets == config.source.feature_sets == list(config.grid_feature_sets)


@pytest.mark.slow
def test_the_smoke_recipe_goes_through_every_stage(small_project: Callable[[], SmallProject]) -> None:
    """The stages called by hand, one after another, with a recipe on the command line."""
    project = small_project()
    for name in STAGES:
        project.run("segments", name, "experiment=smoke")
    table = project.table("sweep/candidates.parquet")
    wanted = expected_grid(["income_spending", "age_income"], ["standard", "none"], range(2, 5))
    assert sorted(zip(table["feature_set"], table["scaler"], table["k"], strict=True)) == wanted
    assert Path(project / "artifacts/registry/receipt.json").is_file()
