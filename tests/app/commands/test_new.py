"""`segments new`: what a project has, and of which code its stages depend on. A wheel, and a whole run outside the checkout: tests/app/test_outside.py."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from segments.app.cli import STAGES, main
from segments.app.commands import code
from segments.app.commands.new import carried
from segments.app.load import load
from segments.io.store.raw_files import check_pins, read_pins
from small_project import CHECKOUT

PEOPLE = "Client;Age;Spend;Town\n" + "".join(f"{i:04d};{20 + i};{i},50;{'AB'[i % 2]}\n" for i in range(12))
LOG = "customer,order,time,amount\n" + "".join(f"c{i % 4},o{i},2024-01-{i + 1:02d},{i}.50\n" for i in range(12))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pipeline(project: Path) -> dict[str, Any]:
    stages: dict[str, Any] = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]
    return stages


@pytest.mark.slow
def test_a_project_has_all_that_its_stages_depend_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "deep/shop"]) == 0
    assert "cd deep/shop\n        segments fetch" in capsys.readouterr().out
    project = Path("deep/shop")
    stages = pipeline(project)
    assert list(stages) == ["code", *STAGES]
    made = [f"artifacts/{name}" for name in stages]
    for name in STAGES:
        assert f"artifacts/code/{name}" in stages[name]["deps"]
        assert [
            dep for dep in stages[name]["deps"] if not (project / dep).exists() and not dep.startswith("artifacts")
        ] == []
        assert {dep for dep in stages[name]["deps"] if dep in made} == {
            dep for dep in pipeline(CHECKOUT)[name]["deps"] if dep in made
        }
        assert {key: part for key, part in stages[name].items() if key != "deps"} == {
            key: part for key, part in pipeline(CHECKOUT)[name].items() if key != "deps"
        }
    assert load(project=project) == load(project=CHECKOUT)
    assert (project / ".git").is_dir() and (project / "README.md").read_text().startswith("# shop\n")
    assert read_pins(project) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "source", "feature_sets"), [(PEOPLE, "people", ["people"]), (LOG, "people", ["rfm"])], ids=["table", "log"]
)
def test_with_a_file_its_source_is_drafted_chosen_fetched_and_pinned(
    text: str, source: str, feature_sets: list[str]
) -> None:
    Path("people.csv").write_text(text)
    assert main(["new", "shop", "from=people.csv"]) == 0
    config = load(project=Path("shop").absolute())
    assert (config.source.name, config.sweep.feature_sets, config.feature_set.name) == (
        source,
        feature_sets,
        *feature_sets,
    )
    if config.source.customers is not None:
        assert list(config.feature_set.columns) == ["age", "spend", "town"]
    check_pins(config.source, Path("shop"))
    assert Path("shop/data/people/people.csv").read_text() == text


@pytest.mark.slow
def test_what_only_a_person_knows_is_asked_in_a_project_that_is_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("log.csv").write_text(LOG.replace("amount", "unit price"))
    assert main(["new", "shop", "from=log.csv"]) == 0
    said = capsys.readouterr().out
    assert 'only you know: what was paid for a line? "unit price" is what one unit costs' in said
    assert said.index("# answer each QUESTION in conf/source/log.yaml") < said.index("segments fetch from=/")
    monkeypatch.chdir("shop")
    assert main(["fetch", "from=../log.csv"]) == 2
    draft = Path("conf/source/log.yaml")
    draft.write_text(draft.read_text().replace("  # amount: until", '  amount: "unit price" # until'))
    assert main(["fetch", "from=../log.csv"]) == 0
    check_pins(load(project=Path.cwd()).source, Path())


@pytest.mark.slow
def test_a_file_called_like_a_bundled_feature_set_does_not_replace_it() -> None:
    Path("rfm.csv").write_text(PEOPLE)
    assert main(["new", "shop", "--from", "rfm.csv"]) == 0
    assert load(project=Path("shop").absolute()).sweep.feature_sets == ["rfm_2"]
    assert Path("shop/conf/feature_set/rfm.yaml").read_text() == (CHECKOUT / "conf/feature_set/rfm.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["full"], "full is not empty"),
        (["file"], "file is a file"),
        (["link"], "link is a link"),
        (["mine/.git/hooks"], "within what git, DVC or conf/ keep"),
        (["mine/conf/x"], "within what git, DVC or conf/ keep"),
        (["elsewhere/x"], "within what git, DVC or conf/ keep"),
        (["n" * 300], "File name too long"),
        (["shop", "--from", "missing.csv"], "missing.csv does not exist"),
        (["shop", "--from", "texts.csv"], "no column to segment on"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    words: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    Path("file").write_text("")
    Path("link").symlink_to("nowhere")
    Path("mine/conf").mkdir(parents=True)
    Path("mine/dvc.yaml").touch()
    Path("elsewhere").symlink_to("mine/conf")
    Path("texts.csv").write_text("id,name\n" + "".join(f"{i},of {i}\n" for i in range(90)))
    before = sorted(Path().rglob("*"))
    assert main(["new", *words]) == 2
    assert what in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.slow
def test_describe_writes_the_feature_set_beside_and_leaves_one_that_a_person_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("people.csv").write_text(PEOPLE)
    assert main(["new", "shop"]) == 0
    monkeypatch.chdir("shop")
    capsys.readouterr()
    assert main(["describe", "../people.csv"]) == 0
    said = capsys.readouterr()
    assert yaml.safe_load(said.out)["feature_sets"] == ["people"]
    assert said.err == "conf/feature_set/people.yaml was drafted beside it: age, spend, town\n"
    changed = Path("conf/feature_set/people.yaml")
    changed.write_text("name: people\ncolumns: {age: {weight: 2}}\n")
    assert main(["describe", "../people.csv"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["feature_sets"] == ["people"]
    assert "weight: 2" in changed.read_text()
    monkeypatch.chdir("..")
    assert main(["describe", "people.csv"]) == 0, "no project is needed to look at a file"
    assert yaml.safe_load(capsys.readouterr().out)["feature_sets"] == []


def test_without_git_dvc_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main(["new", "shop"]) == 0
    assert "no_scm = true" in Path("shop/.dvc/config").read_text()
    assert "no `dvc` on PATH" in capsys.readouterr().out


@pytest.mark.slow
def test_a_stage_runs_again_when_code_it_depends_on_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written() -> dict[str, str]:
        code.run()
        return {path.name: path.read_text() for path in Path("artifacts/code").iterdir()}

    before = written()
    assert sorted(before) == sorted(STAGES)
    package = tmp_path / "segments"
    shutil.copytree(CHECKOUT / "src/segments", package)
    monkeypatch.setattr(code, "PACKAGE", package)
    assert written() == before, "where the package lies does not matter"
    (package / "data/cleaning/joined_ids.py").write_text("# another\n")
    touched = {name for name, stage in pipeline(CHECKOUT).items() if "src/segments/data" in stage["deps"]}
    assert {name for name, line in written().items() if line != before[name]} == touched != set(STAGES)


def test_the_package_carries_no_link_and_nothing_of_a_person() -> None:
    assert not [path for path in carried() if path.startswith(("data", "artifacts", "record", "src"))]
    assert "conf/pins.yaml" not in carried()
