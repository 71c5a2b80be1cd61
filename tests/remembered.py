"""`segments.app.load.load` for tests: what conf/ and the overrides were composed to before is not composed again.

A config hangs on the bytes of ``conf/`` and the overrides only, and Hydra takes a fifth of a second for each: as long as many a stage of the small
project. So whoever asks for the same again gets what was made then, also in another process. Errors are not remembered: the real loader says them each
time.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

from segments.app import load
from segments.config.root import Config
from segments.io.store.files import find_project


def contents(conf: Path) -> list[tuple[str, bytes]] | None:
    """Every file by its path and bytes; None where something stands that is neither a plain file of the project nor a folder."""
    project, found = conf.resolve().parent, []
    for path in sorted(conf.rglob("*")):
        if path.is_file() and path.resolve().is_relative_to(project):
            found.append((f"{path.relative_to(conf)}{' is a link' * path.is_symlink()}", path.read_bytes()))
        elif path.is_symlink() or not path.is_dir():
            return None
    return found


def remembering(real: Callable[..., Config], folder: Path) -> Callable[..., Config]:
    """The loader, with a memory in a folder."""

    @functools.wraps(real)
    def loaded(overrides: Sequence[str] = (), project: Path | None = None) -> Config:
        project = project or find_project()
        held = contents(project / "conf")
        if held is None:
            return real(overrides, project)
        place = folder / f"config-{hashlib.sha256(repr((list(overrides), held)).encode()).hexdigest()}"
        if not place.exists():
            half = place.with_suffix(f".{os.getpid()}")
            made = real(overrides, project)
            try:
                half.write_bytes(pickle.dumps(made))
                half.rename(place)
            except OSError:  # a test in which no file can be written
                half.unlink(missing_ok=True)
                return made
        found: Config = pickle.loads(place.read_bytes())  # of its own: nobody can change what the next one gets
        return found

    return loaded


def install(folder: Path) -> None:
    """From now on, in this process: before anybody imports the loader by its name."""
    load.load = remembering(load.load, folder)
