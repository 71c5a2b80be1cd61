"""The files of operations/: what they call is there and takes these words, what they say is what docs/operations.md says, and the record goes and comes back by them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from segments.app.cli import app
from small_project import CHECKOUT, SmallProject

FILES = CHECKOUT / "operations"
SCRIPTS = sorted(path.name for path in FILES.glob("*.sh"))
PAGE = (CHECKOUT / "docs/operations.md").read_text()
WORKFLOW: dict[Any, Any] = yaml.safe_load((FILES / "monthly.yaml").read_text())
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["run"]["steps"]
CONTAINER = (FILES / "Containerfile").read_text()


def shell_of_steps() -> str:
    return "\n".join(step["run"] for step in STEPS if "run" in step)


def shells() -> dict[str, str]:
    """Every piece of shell that is handed to people."""
    pages = {f"page {number}": text for number, text in enumerate(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))}
    container = "\n".join(re.findall(r"^RUN (.*)$", CONTAINER, re.MULTILINE))
    return (
        {name: (FILES / name).read_text() for name in SCRIPTS}
        | pages
        | {"workflow": shell_of_steps(), "container": container}
    )


def commands(shell: str, program: str) -> Iterator[list[str]]:
    """The words of each call of a program."""
    for line in shell.splitlines():
        for part in re.split(r"&&|\|\||;|\bthen\b|\$\(|\)", line.split(" #")[0]):
            words = (
                shlex.split(part, comments=True)
                if part.count('"') % 2 == 0 and part.count("'") % 2 == 0
                else part.split()
            )
            if words[:1] == [program]:
                yield words[1 : words.index(">") if ">" in words else None]


@pytest.mark.parametrize("name", sorted(shells()))
def test_every_command_is_one_and_takes_these_words(name: str) -> None:
    for words in commands(shells()[name], "segments"):
        if words[0].startswith("-"):
            continue
        command = app.commands[words[0]]
        known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
        for word in words[1:]:
            key = word.partition("=")[0]
            assert key in known or f"--{key}" in known or key == "source" or not word.startswith("-"), (name, words)
            assert "=" not in word or f"--{key}" in known or key == "source", (name, words)
        command.make_context(
            words[0], [word for word in words[1:] if not word.startswith("source=")], resilient_parsing=True
        )


@pytest.mark.parametrize("name", sorted(shells()))
def test_every_shell_is_shell(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text(shells()[name])
    assert subprocess.run(["sh", "-n", str(tmp_path / "a.sh")], capture_output=True, text=True).stderr == ""


def test_dvc_takes_what_it_is_told() -> None:
    from dvc.cli.parser import get_main_parser

    parser = get_main_parser()
    called = [words for shell in shells().values() for words in commands(shell, "dvc")]
    assert {words[0] for words in called} >= {"repro", "pull", "push", "metrics", "remote"}
    for words in called:
        if words != ["--version"]:
            parser.parse_args(list(words))


def test_the_workflow_is_one_that_github_runs() -> None:
    """What actionlint would ask; it is not to be had here."""
    triggers = WORKFLOW[True]  # what YAML makes of `on`
    assert re.fullmatch(r"(\S+ ){4}\S+", triggers["schedule"][0]["cron"])
    assert set(triggers) == {"schedule", "workflow_dispatch", "pull_request"}
    assert WORKFLOW["permissions"] == {"contents": "write", "pull-requests": "write"}
    for step in STEPS:
        assert ("uses" in step) != ("run" in step)
        assert set(step) <= {"name", "uses", "run", "if", "env", "with"}
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
    # Nothing that somebody else wrote goes into a line of shell but through a variable.
    assert "${{" not in shell_of_steps()
    text = (FILES / "monthly.yaml").read_text()
    assert set(re.findall(r"\$\{\{ ?([\w.]+)", text)) == {
        "github.workspace", "github.head_ref", "secrets.ERASED_KEY", "github.token",
        "github.event.pull_request.base.sha", "github.event.pull_request.number",
    }  # fmt: skip
    for path in re.findall(r"artifacts/\w+/[\w.]+", text):
        assert any(path.endswith(f"{one.stage}/{one.file}") for one in artifacts()), path


def artifacts() -> list[Any]:
    from segments.io.store import catalog
    from segments.io.store.kinds import Artifact

    return [one for one in vars(catalog).values() if isinstance(one, Artifact)]


def test_cron_starts_the_month_once() -> None:
    (line,) = [line for line in (FILES / "crontab").read_text().splitlines() if re.match(r"[\d*]", line)]
    minute, hour, day, month, weekday, command = line.split(maxsplit=5)
    assert 0 <= int(minute) < 60 and 0 <= int(hour) < 24 and (day, month, weekday) == ("1", "*", "*")
    assert "%" not in command  # cron ends a line there
    assert 'sh "$HOME/shop/operations/monthly.sh"' in command and "flock --nonblock" in command
    assert shutil.which("flock")


def test_the_devcontainer_builds_what_the_containerfile_says() -> None:
    settings = json.loads((FILES / "devcontainer.json").read_text())
    build, home = settings["build"], CHECKOUT / ".devcontainer"
    assert (home / build["dockerfile"]).resolve() == FILES / "Containerfile"
    assert (home / build["context"]).resolve() == CHECKOUT
    assert settings["workspaceFolder"] == re.search(r"^WORKDIR (\S+)$", CONTAINER, re.MULTILINE)[1]  # type: ignore[index]
    assert settings["postCreateCommand"].split()[1] in app.commands


def test_the_containerfile_installs_the_wheel_and_asks_it_who_it_is(tmp_path: Path) -> None:
    """Its steps, one after another, in a shell; pip and apt only note what they are asked for, as no engine is to be had here."""
    lines = [line for line in CONTAINER.splitlines() if line and not line.startswith("#")]
    assert {line.split()[0] for line in lines} == {"FROM", "RUN", "COPY", "ENV", "WORKDIR", "CMD"}
    assert lines[0].startswith("FROM python:3.1")
    (tmp_path / "bin").mkdir()
    for name in ("apt-get", "python", "git"):
        noted = tmp_path / "bin" / name
        noted.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/asked"\n')
        noted.chmod(0o755)
    (tmp_path / "tmp/wheels").mkdir(parents=True)
    (tmp_path / "tmp/wheels/segments-0.1.0-py3-none-any.whl").touch()
    (tmp_path / "var/lib/apt/lists").mkdir(parents=True)
    environment = dict(word.split("=", 1) for line in lines if line.startswith("ENV ") for word in line.split()[1:])
    assert environment["DVC_SITE_CACHE_DIR"].startswith("/project/")
    steps = [
        line[4:].replace("/tmp/wheels", f"{tmp_path}/tmp/wheels").replace("/var/lib", f"{tmp_path}/var/lib")
        for line in lines
        if line.startswith("RUN ")
    ]
    path = {"PATH": os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])}
    done = subprocess.run(["sh", "-ec", "\n".join(steps)], env=os.environ | path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text()
    assert f"{tmp_path}/tmp/wheels/segments-0.1.0-py3-none-any.whl" in asked and "apt-get update" in asked
    assert not (tmp_path / "tmp/wheels").exists()
    assert re.fullmatch(r"segments \d+\.\d+\.\d+\n\d+\.\d+\.\d+\n", done.stdout)


def test_the_month_moves_the_day_and_calls_one_after_another(tmp_path: Path) -> None:
    """What each command does its own tests say; here they only note what they are asked for."""
    for name in ("operations", "conf/source", "bin"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copyfile(FILES / "monthly.sh", tmp_path / "operations/monthly.sh")
    (tmp_path / "conf/config.yaml").write_text("defaults:\n  - source: shop\n  - feature_set: rfm\n")
    (tmp_path / "conf/source/shop.yaml").write_text('name: shop\nas_of: "2024-01-31"\n')
    for name in ("segments", "dvc"):
        noted = tmp_path / "bin" / name
        noted.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/asked"\n[ "$1" != "$FAILS" ]\n')
        noted.chmod(0o755)

    def month(**variables: str) -> tuple[int, list[str]]:
        (tmp_path / "asked").unlink(missing_ok=True)
        environment = {"PATH": os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]]), "FAILS": ""} | variables
        done = subprocess.run(["sh", "operations/monthly.sh"], cwd=tmp_path, env=environment, capture_output=True)
        return done.returncode, (tmp_path / "asked").read_text().splitlines()

    called = [
        "segments fetch source=shop accept=true from=/exports/june", "segments describe --check shop",
        "segments forget source=shop yes=true", "dvc repro", "segments verify", "segments summary",
    ]  # fmt: skip
    assert month(FROM="/exports/june", AS_OF="2024-06-30") == (0, called)
    assert 'as_of: "2024-06-30"' in (tmp_path / "conf/source/shop.yaml").read_text()
    assert month(AS_OF="keep", SOURCE="shop")[1][0] == "segments fetch source=shop accept=true"
    assert 'as_of: "2024-06-30"' in (tmp_path / "conf/source/shop.yaml").read_text()
    code, asked = month(AS_OF="keep", FAILS="repro")
    assert (code, asked[-1]) == (1, "dvc repro")
    month()
    day = subprocess.run(
        ["date", "-d", f"{__import__('datetime').date.today():%Y-%m-01} -1 day", "+%F"], capture_output=True, text=True
    ).stdout
    assert f'as_of: "{day.strip()}"' in (tmp_path / "conf/source/shop.yaml").read_text()


@pytest.mark.slow
def test_the_record_goes_and_comes_back(small_project: Callable[[], SmallProject], tmp_path: Path) -> None:
    project = small_project()
    shutil.copytree(FILES, project / "operations")
    before, runs = (project.champion(), project.tracked_ids()), len(project.run_ids())
    kept = project.digests([project / "record/versions", project / "record/sweeps"])
    file = Path(project.run("sh", "operations/backup.sh", str(tmp_path / "kept")).strip())
    assert file.stat().st_mode & 0o077 == 0
    shutil.rmtree(project / "record")
    for lost in (*project.root.glob("mlflow.db*"), *(project / "mlruns").glob("[!.]*")):
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    project.run("sh", "operations/restore.sh", str(file))
    assert (project.champion(), project.tracked_ids()) == before and len(project.run_ids()) == runs
    assert project.digests([project / "record/versions", project / "record/sweeps"]) == kept
    half = tmp_path / "half.tar.gz"
    half.write_bytes(file.read_bytes()[:-2000])
    project.run("sh", "operations/restore.sh", str(half), fails=True)
    assert project.champion() == before[0]  # nothing was moved


def test_a_project_has_the_files() -> None:
    from segments.app.commands.new import carried

    assert {f"operations/{path.name}" for path in FILES.iterdir()} <= carried().keys()
    assert {path.name for path in FILES.iterdir()} == set(
        re.findall(r"operations/([\w.]+)`", PAGE.split("## Every month")[0])
    ) - {"test_operations.py"}
