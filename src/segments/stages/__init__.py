"""Stages: each reads, makes one call into a room, writes and tracks. Here: the one loader, where Hydra ends and dataclasses begin.

Comes in: the project's ``conf/`` and overrides in Hydra's grammar. Goes out: a :class:`~segments.config.Config`.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from segments.config import Config
from segments.errors import ConfigError, SegmentsError
from segments.store import find_project

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from pydantic import ValidationError


def load(overrides: Sequence[str] = (), project: Path | None = None) -> Config:
    """Compose ``conf/`` with overrides into frozen dataclasses.

    Parameters
    ----------
    overrides : sequence of str
        In Hydra's grammar, such as ``source=mall`` or ``sweep.k_max=8``.
    project : Path, optional
        The project's folder; found upwards from the working directory by default.

    Returns
    -------
    Config
        Checked: no unknown keys, no values out of range.

    Raises
    ------
    ConfigError
        Names the key, what is wrong with it and what is allowed.
    """
    from hydra import compose, initialize_config_dir

    conf = (project or find_project()) / "conf"
    try:
        with initialize_config_dir(str(conf.absolute()), version_base="1.3"):
            composed = compose("config", overrides=list(overrides))
    except SegmentsError:
        raise
    except Exception as error:
        raise _readable(error, conf) from error
    return to_config(composed, conf)


def to_config(composed: DictConfig, conf: Path) -> Config:
    """A composed Hydra config as frozen dataclasses; names in the grid are looked up in ``conf/``.

    Raises
    ------
    ConfigError
        As :func:`load`.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from pydantic import TypeAdapter, ValidationError

    try:
        plain = OmegaConf.to_container(composed, resolve=True)
    except OmegaConfBaseException as error:
        raise _readable(error, conf) from error
    assert isinstance(plain, dict)
    grid = plain.get("sweep") or {}
    # null in config.yaml, not ${source.feature_sets}: `dvc exp run -S` resolves that file alone and fails on it
    if "feature_sets" in grid and grid["feature_sets"] is None:
        grid["feature_sets"] = (plain.get("source") or {}).get("feature_sets")
    plain["grid_feature_sets"] = {name: _member(conf, "feature_set", name) for name in _names(grid, "feature_sets")}
    plain["grid_scalers"] = {name: _member(conf, "scaler", name) for name in _names(grid, "scalers")}
    try:
        return TypeAdapter(Config).validate_python(plain)
    except ValidationError as error:
        raise _invalid(error) from error


def multirun(overrides: Sequence[str], task: Callable[[Config], None]) -> None:
    """Run a task once per combination of swept overrides (``k=2,3``, ``k='range(2,8)'``), under any Hydra launcher.

    Raises
    ------
    SegmentsError
        From the first combination that fails.
    """
    import hydra

    conf = find_project() / "conf"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that errors reach us as exceptions instead of Hydra's own printing

    def run(composed: DictConfig) -> None:
        task(to_config(composed, conf))

    argv = sys.argv
    sys.argv = ["segments", *overrides, "--multirun"]
    try:
        hydra.main(version_base="1.3", config_path=str(conf.absolute()), config_name="config")(run)()
    except SegmentsError:
        raise
    except Exception as error:
        raise _readable(error, conf) from error
    finally:
        sys.argv = argv


def _names(grid: dict[str, Any], key: str) -> list[str]:
    names = grid.get(key) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"{names!r} is not a list of names", where=f"sweep.{key}", fix=f"write it as sweep.{key}=[a,b]"
        )
    return names


def _member(conf: Path, group: str, name: str) -> Any:
    """One YAML of a group, as plain data."""
    from omegaconf import OmegaConf

    path = conf / group / f"{name}.yaml"
    if not path.is_file():
        raise _no_member(conf, group, name, where=f"sweep.{group}s")
    return OmegaConf.to_container(OmegaConf.load(path), resolve=True)


def _no_member(conf: Path, group: str, name: str, where: str) -> ConfigError:
    have = sorted(path.stem for path in (conf / group).glob("*.yaml"))
    close = difflib.get_close_matches(name, have, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return ConfigError(f"there is no {group} '{name}'", where=where, fix=f"{hint}conf/{group}/ has: {', '.join(have)}")


def _invalid(error: ValidationError) -> ConfigError:
    """The first thing pydantic found wrong, with the key as a person would write it."""
    first = error.errors()[0]
    keys = [str(part) for part in first["loc"]]
    for group in ("feature_set", "scaler"):
        if keys[0] == f"grid_{group}s":
            keys[:2] = [f"conf/{group}/{keys[1]}.yaml:", *([] if len(keys) > 2 else [""])]
    where = ".".join(keys).replace(":.", ": ")
    if first["type"] in ("unexpected_keyword_argument", "missing"):
        known = _known_keys(first["loc"][:-1])
        close = difflib.get_close_matches(keys[-1], known, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        what = f"'{keys[-1]}' is missing" if first["type"] == "missing" else f"'{keys[-1]}' is not a known key"
        return ConfigError(what, where=where, fix=f"{hint}known here: {', '.join(known)}")
    return ConfigError(
        f"{first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}", where=where, fix="correct this value"
    )


def _known_keys(path: Sequence[str | int]) -> list[str]:
    """Keys the dataclass at a path has; names that stand for dictionary keys are stepped over."""
    cls: Any = Config
    for part in path:
        hints = get_type_hints(cls) if is_dataclass(cls) else {}
        inner = hints.get(str(part), cls)
        candidates = [inner, *get_args(inner)]
        cls = next((c for c in reversed(candidates) if is_dataclass(c)), cls)
    return [f.name for f in fields(cls) if not f.name.startswith("grid_")]


def _readable(error: Exception, conf: Path) -> ConfigError:
    """Hydra's and OmegaConf's errors in this project's words."""
    text = str(error)
    if match := re.search(r"Could not find '([\w-]+)/([^']+)'", text):
        return _no_member(conf, match[1], match[2], where=f"{match[1]}={match[2]}")
    if match := re.search(r"Could not override '([^']+)'", text):
        return ConfigError(f"'{match[1]}' is not a known key", where=match[1], fix=_nearest_key(match[1]))
    key = getattr(error, "full_key", None)
    return ConfigError(
        _first_line(error),
        where=str(key or "the overrides on the command line, or conf/"),
        fix="see conf/config.yaml for what can be set",
    )


def _nearest_key(key: str) -> str:
    *path, last = key.split(".")
    known = _known_keys(path)
    if last in known:
        return f"it is not set in conf/ yet: write +{key}=VALUE"
    close = difflib.get_close_matches(last, known, n=1)
    return (f"did you mean '{'.'.join([*path, close[0]])}'? " if close else "") + f"known here: {', '.join(known)}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
