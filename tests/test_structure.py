"""One name, four places: the plan of the house, held. And every choice in conf/ can be chosen."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

import small_project
from segments.app.cli import COMMANDS, STAGES
from segments.app.load import load
from segments.clustering.meaning import import_tree
from segments.config.root import Config
from segments.errors import ConfigError
from small_project import CHECKOUT

PIPELINE: dict[str, Any] = yaml.safe_load((CHECKOUT / "dvc.yaml").read_text())["stages"]
SECTIONS: dict[str, Any] = yaml.safe_load((CHECKOUT / "conf/config.yaml").read_text())
SETTINGS: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text()) for path in (CHECKOUT / "conf/settings").glob("*.yaml")
}
GROUPS = ("source", "feature_set", "scaler", "algorithm", "experiment", "tracking")
LISTED = ("prediction_model",)  # groups whose members are named in a list only
# What can be set for the stage `data` stands with the source.
SECTION_OF = {"data": None}
PUBLIC = [
    *small_project.STAGES,
    "new",
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
    "sql",
    "serve",
    "track",
    "forget",
    "prune",
    "clean",
    "server",
    "ui",
    "dashboard",
    "summary",
    "experiments",
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
def test_a_stage_has_its_file_its_section_and_a_sentence(name: str) -> None:
    assert (CHECKOUT / f"src/segments/app/stages/{name}.py").is_file()
    assert PIPELINE[name]["desc"] == STAGES[name]
    section = SECTION_OF.get(name, name)
    if section is not None:
        assert section in SECTIONS
        assert section in {field.name for field in fields(Config)}
        assert section in PIPELINE[name]["params"][0]["conf/config.yaml"], "an edit of the section must rerun the stage"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reruns_when_its_choices_change(name: str) -> None:
    stage = PIPELINE[name]
    assert "conf/experiment" in stage["deps"]
    sections = stage["params"][0]["conf/config.yaml"]
    assert "defaults" in sections
    assert "conf/main.yaml" in stage["deps"]
    moved = {f"conf/settings/{section}.yaml" for section in sections if section in SETTINGS}
    assert {path for path in stage["deps"] if path.startswith("conf/settings")} == moved
    assert [
        path for path in stage["deps"] if path.startswith(("src/", "conf/")) and not (CHECKOUT / path).exists()
    ] == []


def test_every_file_of_settings_is_composed_and_its_section_stands_in_config() -> None:
    """What is written into a section of config.yaml goes before, and DVC must see it there too: a section may be empty, never absent."""
    composed = yaml.safe_load((CHECKOUT / "conf/main.yaml").read_text())["defaults"]
    assert composed == [*(f"settings/{name}@{name}" for name in sorted(SETTINGS)), "config", "_self_"]
    assert [name for name in SETTINGS if name not in SECTIONS] == []
    assert [(name, key) for name in SETTINGS for key in SETTINGS[name] if key in SECTIONS[name]] == []
    named = {section for stage in PIPELINE.values() for section in stage["params"][0]["conf/config.yaml"]}
    tracked = {name for name in named if name.partition(".")[0] not in named - {name}}
    assert set(SETTINGS) <= tracked


def test_dvc_shows_few_params() -> None:
    named = {section for stage in PIPELINE.values() for section in stage["params"][0]["conf/config.yaml"]}
    tracked = {name for name in named if name.partition(".")[0] not in named - {name}}
    shown = [key for name in tracked for key in (SECTIONS[name] if isinstance(SECTIONS[name], dict) else [name])]
    assert 10 < len(shown) <= 25


@pytest.mark.slow
def test_a_word_on_the_command_line_goes_before_settings_and_a_recipe_too() -> None:
    before = load(project=CHECKOUT)
    assert (before.profiles.max_traits, before.evidence.bootstraps, before.evidence.starts) == (2, 100, 20)
    words = ["profiles.max_traits=3", "evidence.bootstraps=20", "evidence.starts=7"]
    after = load(words, project=CHECKOUT)
    assert (after.profiles.max_traits, after.evidence.bootstraps, after.evidence.starts) == (3, 20, 7)
    assert load(["experiment=smoke"], project=CHECKOUT).evidence.grades.alpha == 0.05
    with pytest.raises(ConfigError, match="'maxtraits' is not a known key"):
        load(["+profiles.maxtraits=3"], project=CHECKOUT)


@pytest.fixture(scope="module", autouse=True)
def each_file_is_parsed_once() -> Iterator[None]:
    """Whatever asks for its tree: nobody here changes one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ast, "parse", functools.cache(ast.parse))
        yield


# What every stage passes through: files, the record, the loader, what a person sees meanwhile. A change there changes no result.
PASSED = re.compile(r"segments\.(errors|io\.(store|tracking|registry)|app\.(load|terminal))(\..*)?")
# Not imported, but copied into what the stage makes: the file by which MLflow loads the model.
COPIED = {"registry": "segments.model.mlflow_model"}


def tree_of(stage: str, skip: Callable[[str], bool]) -> set[str]:
    """Files of the package that a stage brings in, as dvc.yaml writes them."""
    roots = [f"segments.app.stages.{stage}", *([COPIED[stage]] if stage in COPIED else [])]
    trees = (import_tree(root, CHECKOUT / "src", skip).values() for root in roots)
    return {path.relative_to(CHECKOUT).as_posix() for tree in trees for path in tree}


def under(path: str, listed: str) -> bool:
    return path == listed or path.startswith(f"{listed.rstrip('/')}/")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reruns_when_code_it_imports_changes(name: str) -> None:
    listed = [path for path in PIPELINE[name]["deps"] if path.startswith("src/")]
    tree = tree_of(name, lambda module: PASSED.fullmatch(module) is not None)
    assert sorted(path for path in tree if not any(under(path, one) for one in listed)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reruns_for_no_code_it_does_not_import(name: str) -> None:
    tree = tree_of(name, lambda module: False)
    listed = [path for path in PIPELINE[name]["deps"] if path.startswith("src/")]
    assert [one for one in listed if not any(under(path, one) for path in tree)] == []


# --- the street plan -----------------------------------------------------------------------------------------------------

HOUSE = CHECKOUT / "src" / "segments"
NOUNS = ("data", "features", "clustering", "evidence", "model", "forecast", "identity", "action")
ONE_EACH = {"app/stages", "app/commands", "config"}  # one file a stage, a command, a section


def python_folders() -> list[Path]:
    return sorted({path.parent for path in HOUSE.rglob("*.py")})


def test_the_top_fits_the_sentence() -> None:
    """`app` starts things, `io` keeps and shows them, the nouns compute; `stages` forwards for versions of before."""
    there = {path.name for path in HOUSE.iterdir() if not path.name.startswith("__")}
    assert there == {*NOUNS, "io", "app", "config", "errors.py", "stages"}


def test_a_folder_holds_at_most_ten_files() -> None:
    counts = {
        folder.relative_to(HOUSE).as_posix(): len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        for folder in python_folders()
    }
    assert {name: count for name, count in counts.items() if count > 10 and name not in ONE_EACH} == {}


def test_a_folder_says_what_lives_there_and_passes_nothing_on() -> None:
    for folder in python_folders():
        if folder == HOUSE:
            continue
        module = ast.parse((folder / "__init__.py").read_text())
        assert len(module.body) == 1, f"{folder}: names are imported from where they stand"
        assert len((ast.get_docstring(module) or "").split()) > 10, folder


def test_a_name_has_one_meaning() -> None:
    """A public name stands in one module; `run` of stages and commands and `show` of pages are what these have in common."""
    where: dict[str, list[str]] = {}
    for path in sorted(HOUSE.rglob("*.py")):
        # What the catalog names is always said with it (catalog.CANDIDATES); the command's functions are its words.
        if path.relative_to(HOUSE).as_posix() in ("io/store/catalog.py", "app/cli.py"):
            continue
        for node in ast.parse(path.read_bytes(), path).body:
            names = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            names += [target.id for target in targets if isinstance(target, ast.Name)]
            for name in set(names):
                if not name.startswith("_") and path.name not in where.get(name, []):
                    where.setdefault(name, []).append(path.relative_to(HOUSE).as_posix())
    common = {"run", "show", "main", "Floats", "Integers", "T"}  # the last three are types
    assert {name: places for name, places in where.items() if len(places) > 1 and name not in common} == {}


# Words that meant something here and nothing to a reader: GLOSSARY.md has the plain ones.
SLANG = re.compile(
    r"(.*_)?(shelf|shelves?|shelved|weigh(s|ed|ing)?|(fore)?told|heirs?|doors?|accounts?|ledgers?)(_.*)?"
)


def names_in(path: Path) -> Iterator[str]:
    """What a module gives a name: itself, functions, classes, arguments, fields, variables."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_bytes(), path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_no_name_is_slang() -> None:
    # Finished work is kept under a hash of this code, to which another name for a variable is other code: these two wait
    # for a change by which it is done again anyway.
    hashed = {"clustering/fitted/columns.py": {"told"}, "clustering/plane.py": {"told"}}
    found = {
        path.relative_to(HOUSE).as_posix(): slang
        for path in sorted(HOUSE.rglob("*.py"))
        if (slang := {name for name in names_in(path) if SLANG.fullmatch(name.lower())})
    }
    assert found == hashed


def test_tests_stand_where_the_code_does() -> None:
    folders = {path.parent.relative_to(CHECKOUT / "tests") for path in (CHECKOUT / "tests").rglob("test_*.py")}
    assert sorted(str(folder) for folder in folders if not (HOUSE / folder).is_dir()) == []


def test_the_rule_is_at_most_six_contracts_over_folders() -> None:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert len(contracts) <= 6


def test_pandera_is_imported_where_rows_are_cleaned_alone() -> None:
    # a third of a second of every process that reads a table, and more where PySpark is installed, which it imports
    named = [
        path for path in HOUSE.rglob("*.py") if "import pandera" in (text := path.read_text()) or "from pandera" in text
    ]
    assert {path.relative_to(HOUSE).parts[0] for path in named} == {"data"}


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
    assert capsys.readouterr().out.startswith(f"Usage: segments {name} ")


# --- every choice can be chosen ------------------------------------------------------------------------------------------


def test_the_folders_of_conf_are_the_groups() -> None:
    assert {path.name for path in (CHECKOUT / "conf").iterdir() if path.is_dir()} == {
        *GROUPS,
        *LISTED,
        "playbook",
        "query",
        "settings",
    }


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


def test_every_test_that_the_security_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (CHECKOUT / "SECURITY.md").read_text())
    assert len(named) > 20
    assert [f"{file}::{name}" for file, name in named if f"def {name}(" not in (CHECKOUT / file).read_text()] == []
