"""The wheel also carries what `segments new` writes a project from: ``tool.segments.project`` of pyproject.toml, as ``segments/project/``."""

import shutil
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class WithProject(build_py):
    """Build the package, and lay the project beside it; an editable install finds it in the checkout."""

    def run(self) -> None:
        """Copy files and folders under their own names."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "segments", "project")
        for name in tomllib.loads((HERE / "pyproject.toml").read_text())["tool"]["segments"]["project"]:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            if (HERE / name).is_dir():
                shutil.copytree(HERE / name, target / name, ignore=_links, dirs_exist_ok=True)
            else:
                shutil.copyfile(HERE / name, target / name)


def _links(folder: str, names: list[str]) -> list[str]:
    """A wheel holds no links."""
    return [name for name in names if Path(folder, name).is_symlink()]


setup(cmdclass={"build_py": WithProject})
