"""Command `new`: a folder that `dvc repro` runs in, without a checkout of this repository; with a raw file, its source and feature set drafted too.

What is written is what the package carries (``segments/project/`` of a wheel, or the checkout's own files). Only ``dvc.yaml`` is another: a
stage there depends on folders of ``src/``, which a project has not, and here on a file of the stage `code` (:mod:`segments.app.commands.code`).
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
import tomllib
from importlib.resources import files
from pathlib import Path

import yaml

import segments
from segments.app.commands.describe import draft_with_features
from segments.app.load import load
from segments.errors import ConfigError, DataError, StoreError
from segments.io.store.files import refuse_kept
from segments.io.store.raw_files import PINS, fetch

PACKAGE = Path(segments.__file__).parent
CODE = "src/segments/"
PREFACE = """\
# The order of the stages: `dvc repro` runs those that are not up to date. Each reads conf/ itself; here stands what makes it run again.
# The first one always runs, in less than a second: it writes down which code of the installed package every stage depends on.
"""
CODE_STAGE = """\
  code:
    cmd: segments code
    desc: "the installed package -> a hash of the code that each stage depends on"
    always_changed: true
    outs:
      - artifacts/code:
          persist: true

"""


def run(folder: str, origin: str = "") -> str:
    """Write a project, whole or not at all.

    Parameters
    ----------
    folder : str
        Where; it must not exist, or be empty.
    origin : str
        A raw file to segment; none by default: the project then has the bundled data's source.

    Returns
    -------
    str
        What to do next.

    Raises
    ------
    StoreError
        If the folder holds something, or cannot be written.
    DataError
        If the raw file cannot be read, or holds nothing to segment on.
    """
    target = Path(folder).absolute()
    refuse_kept(target)
    try:
        taken = "a link" if target.is_symlink() else "a file" if target.is_file() else ""
        if taken or (target.is_dir() and any(target.iterdir())):
            raise StoreError(
                f"{folder} is {taken or 'not empty'}", where=str(target), fix="name a new folder, or an empty one"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".segments-new-", dir=target.parent) as name:
            made = Path(name, "project")
            _lay_out(made, target.name)
            said, first = (
                _own_data(made, Path(origin).absolute()) if origin else ([], ["segments fetch # the bundled data"])
            )
            _under_git(made, target.parent)
            made.replace(target)
    except OSError as error:
        raise StoreError(
            f"cannot write {folder}: {error.strerror}", where=str(target), fix="check free space and permissions"
        ) from error
    lines = [f"{folder} is a project of segments.", *(f"        {line}" for line in said)]
    lines.append(f"Next    cd {shlex.quote(str(folder))}")
    lines += [f"        {line}" for line in (*first, "dvc repro", "segments summary")]
    if shutil.which("dvc") is None:
        lines.append(
            "There is no `dvc` on PATH: install with `pipx install --include-deps segments`, or activate the environment."
        )
    return "\n".join(lines)


def _lay_out(made: Path, name: str) -> None:
    """What the package carries, a README, and the link by which the stage `data` depends on the pins."""
    for path, origin in carried().items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, made / path)
    (made / "dvc.yaml").write_text(outside((made / "dvc.yaml").read_text()))
    (made / "README.md").write_text((files(__package__) / "project.md").read_text().replace("NAME", name, 1))
    (made / PINS).write_text("outs: []\n")
    (made / "conf/pins.yaml").symlink_to(f"../{PINS}")


def carried() -> dict[str, Path]:
    """Every file of a new project that the package carries, by its path in the project."""
    home = PACKAGE / "project"
    if home.is_dir():
        parts = [home]
    else:  # a checkout
        home = PACKAGE.parents[1]
        listed = tomllib.loads((home / "pyproject.toml").read_text())["tool"]["segments"]["project"]
        parts = [home / name for name in listed]
    found = [path for part in parts for path in (sorted(part.rglob("*")) if part.is_dir() else [part])]
    return {path.relative_to(home).as_posix(): path for path in found if path.is_file() and not path.is_symlink()}


def code_of_stages(pipeline: str) -> dict[str, list[str]]:
    """Files and folders of the package that each stage depends on, as the checkout's ``dvc.yaml`` lists them.

    Examples
    --------
    >>> code_of_stages("stages: {data: {cmd: segments data, deps: [conf/source, src/segments/data]}}")
    {'data': ['data']}
    """
    return {
        name: [dep.removeprefix(CODE) for dep in stage["deps"] if dep.startswith(CODE)]
        for name, stage in yaml.safe_load(pipeline)["stages"].items()
    }


def outside(pipeline: str) -> str:
    """The checkout's ``dvc.yaml`` for a project without ``src/``: a stage depends on its file of the stage `code`."""
    stages = pipeline.split("\nstages:\n")[1]
    lines, stage = [], ""
    for line in stages.splitlines():
        if started := re.fullmatch(r"  (\w+):", line):
            stage = started[1]
        if line.startswith(f"      - {CODE}"):
            continue
        lines.append(line)
        if stage and line == "    deps:":
            lines.append(f"      - artifacts/code/{stage}")
    return f"{PREFACE}stages:\n{CODE_STAGE}" + "\n".join(lines) + "\n"


def _own_data(made: Path, origin: Path) -> tuple[list[str], list[str]]:
    """Draft the source and its feature set, choose both in ``conf/config.yaml``, fetch the file; what was done, and what a person does first."""
    draft, beside = draft_with_features(origin, made / "conf")
    source = yaml.safe_load(draft)
    name, sets = source["name"], source["feature_sets"]
    if not sets:
        raise DataError(
            f"{origin.name} has no column to segment on, and is no log of purchases",
            where=str(origin),
            fix=f"see `segments describe {origin.name}`, and name another file",
        )
    place = f"conf/source/{name}.yaml"
    (made / place).write_text(draft)
    config = made / "conf/config.yaml"
    text = re.sub(r"^  - source: \w+", f"  - source: {name}", config.read_text(), flags=re.MULTILINE)
    config.write_text(re.sub(r"^  - feature_set: \w+", f"  - feature_set: {sets[0]}", text, flags=re.MULTILINE))
    said = [f"{place} was drafted from {origin.name}: read every line, what is a guess says so", *beside]
    asked = re.findall(r"\bQUESTION: (.*)", draft)
    said += [f"only you know: {question}" for question in asked]
    first = [f"# answer each QUESTION in {place}"] if asked else []
    try:
        drafted = load(project=made).source
    except ConfigError:
        if not asked:
            raise
        return said, [*first, f"segments fetch from={shlex.quote(str(origin))}"]
    return [*said, *fetch(drafted, origin, project=made)], first


def _under_git(made: Path, above: Path) -> None:
    """Let git know the project, unless it lies in a folder that git knows; DVC asks for one or the other: git, or to be told that there is none."""
    if shutil.which("git") is None:
        config = made / ".dvc/config"
        config.write_text(config.read_text().replace("[core]\n", "[core]\n    no_scm = true\n"))
        return
    asked = ["git", "rev-parse", "--is-inside-work-tree"]
    if subprocess.run(asked, cwd=above, capture_output=True, check=False).returncode:
        subprocess.run(["git", "init", "--quiet"], cwd=made, check=True)
