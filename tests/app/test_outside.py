"""One's own data without a checkout: the wheel in a venv of its own, and README's section on it, command by command."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import warm as warm_commands
from small_project import CHECKOUT, STAGES, SmallProject, expected_grid, ran

pytestmark = pytest.mark.slow
PARTS = (
    "src",
    "conf",
    "operations",
    ".dvc",
    "mlruns",
    "dvc.yaml",
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    ".dvcignore",
    ".gitignore",
    "LICENSE",
)


class Outside(SmallProject):
    """A folder beside no checkout, and the commands of the installed wheel."""

    @property
    def venv(self) -> Path:
        return next(folder / "venv" for folder in self.root.parents if (folder / "venv").is_dir())

    def environment(self, warm: bool = False) -> dict[str, str]:
        variables = super().environment()
        folders = [str(warm_commands.folder(str(self.venv / "bin/python")))] if warm else []
        del variables["PYTHONPATH"]
        return variables | {"PATH": os.pathsep.join([*folders, str(self.venv / "bin"), variables["PATH"]])}


def install(venv: Path) -> None:
    """Build the wheel of a copy of the checkout, and install it where nothing else is; what it needs is lent by the tests' environment."""
    source = venv.parent / "source"
    source.mkdir()
    for name in PARTS:
        kept = shutil.ignore_patterns("*.egg-info", "cache", "tmp", "__pycache__")
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, source / name, symlinks=True, ignore=kept)
        else:
            shutil.copyfile(CHECKOUT / name, source / name)
    options = ["-q", "--no-deps", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", *options, "--no-build-isolation", "-w", str(venv.parent), str(source)], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    [wheel] = venv.parent.glob("*.whl")
    subprocess.run([*pip, "--python", str(venv), "install", *options, str(wheel)], check=True)
    [packages] = venv.glob("lib/python*/site-packages")
    # a folder that is lent has no .pth files of its own: the checkout is not in it
    (packages / "lent.pth").write_text(f"{Path(np.__file__).parents[1]}\n")
    # what numba has compiled, half a minute of work, it knows by the source's time
    for compiled in (CHECKOUT / "src/segments").rglob("*.nb?"):
        shutil.copy2(compiled, packages / compiled.relative_to(CHECKOUT / "src"))
        module = compiled.parents[1] / f"{compiled.name.split('.')[0]}.py"
        shutil.copystat(module, packages / module.relative_to(CHECKOUT / "src"))


@pytest.fixture(scope="module")
def desk(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Outside:
    """A folder with a file of one's own, beside the venv."""
    venv = made_once("venv", install)
    desk = Outside(venv.parent / "desk")
    desk.root.mkdir()
    random = np.random.default_rng(0)
    group = np.arange(150) % 3
    people = {
        "Customer": [f"{number:04d}" for number in range(150)],
        "Age": (20 + 20 * group + random.normal(0, 2, 150)).round(),
        "Spend": (100 + 100 * group + random.normal(0, 10, 150)).round(2),
        "Town": np.where(group > 1, "A", "B"),
    }
    pd.DataFrame(people).to_csv(desk / "customers.csv", index=False)
    return desk


def commands(section: str) -> list[list[str]]:
    """The commands of each block of a section of the README, as printed, without what is said of them."""
    text = (CHECKOUT / "README.md").read_text().split(f"### {section}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [[line.partition("#")[0].strip() for line in block.splitlines()] for block in blocks]


def test_the_readme_from_a_file_of_ones_own_to_its_segments(desk: Outside) -> None:
    imported = "import segments; print(segments.__file__)"
    assert desk.run("python", "-c", imported).startswith(str(desk.venv)), "the wheel, not the checkout"

    install, new, enter, repro, summary = commands("Your own data")[0]
    assert install == "pipx install --include-deps segments-0.1.0-py3-none-any.whl"
    assert new == "segments new shop --from customers.csv"
    assert "Next    cd shop" in desk.run(*new.split())
    assert enter == "cd shop"
    shop = Outside(desk / "shop")
    shop.edit("conf/config.yaml", {"- experiment: null": "- experiment: smoke"})  # seconds instead of minutes
    assert ran(shop.run(*repro.split())) == ["code", *STAGES]
    printed = shop.run(*summary.split())
    assert "Swept   customers: 6 candidates" in printed
    table = shop.table("sweep/candidates.parquet")
    wanted = expected_grid(["customers"], ["standard", "none"], range(2, 5))
    assert sorted(zip(table["feature_set"], table["scaler"], table["k"], strict=True)) == wanted, "the recipe's grid"
    sizes = shop.table("profiles/segments.parquet")["segment_id"].value_counts()
    assert list(sizes) == [50, 50, 50]
    assert "Model   models:/customer-segments@champion (version 1)" in printed
    assert ran(shop.run("dvc", "repro")) == ["code"], "nothing has changed"


def test_the_readme_in_a_project_that_is_there(desk: Outside) -> None:
    desk.run("segments", "new", "there")
    there = Outside(desk / "there")
    there.edit("conf/config.yaml", {"- experiment: null": "- experiment: smoke"})
    there.run("git", "config", "user.name", "A Tester")
    there.run("git", "config", "user.email", "tester@example.org")
    there.commit()
    shutil.copyfile(desk / "customers.csv", there / "customers.csv")
    for command in commands("Your own data")[1]:
        last = " features" if command.startswith("dvc") else ""  # what follows is the same as with the project above
        there.run("sh", "-c", command + last)
    assert len(there.table("features/customers.parquet")) == 150
    assert (there / "conf/feature_set/customers.yaml").is_file()
