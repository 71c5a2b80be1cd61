"""The one loader of `conf/`, where Hydra ends and dataclasses begin.

Comes in: the project's ``conf/`` and overrides in Hydra's grammar. Goes out: a :class:`~segments.config.Config`.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from segments.app.allowed import NEEDLESS, check_conf, check_name, check_overrides
from segments.config.root import Config
from segments.config.source import is_query
from segments.errors import ConfigError, SegmentsError, first_line
from segments.io.store.decisions import DECISIONS
from segments.io.store.files import checkout, find_project

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from pydantic import ValidationError

TARGETS = "targets.yaml"
BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
# What Hydra's own sections say, whatever conf/ holds: stages run where they stand and write only artifacts; `-m` leaves a note of its overrides.
FIXED = (
    *("hydra.run.dir=.", "hydra.output_subdir=null", "hydra.job.chdir=false"),
    *("hydra.sweep.dir=multirun", "hydra.sweep.subdir=.", "hydra/job_logging=none", "hydra/hydra_logging=none"),
)
# Groups of which many members are read at once, and where the config keeps them.
MEMBERS = {
    "feature_set": "grid_feature_sets",
    "scaler": "grid_scalers",
    "prediction_model": "grid_prediction_models",
    "playbook": "playbooks",
}
# How a person says what pydantic calls a bound.
BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
}
T = TypeVar("T")


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
    _check(conf, overrides)
    try:
        with initialize_config_dir(str(conf.absolute()), version_base="1.3"):
            composed = compose("main", overrides=for_hydra(overrides), return_hydra_config=True)
    except SegmentsError:
        raise
    except Exception as error:
        raise _readable(error, conf) from error
    return to_config(composed, conf, composed.hydra.runtime.choices)


def to_config(composed: DictConfig, conf: Path, choices: Mapping[str, str]) -> Config:
    """A composed Hydra config as frozen dataclasses; names in the grid are looked up in ``conf/``.

    Parameters
    ----------
    composed : DictConfig
        What Hydra made of ``conf/`` and the overrides.
    conf : Path
        The folder ``conf/``.
    choices : mapping of str to str
        The file that was taken of each group.

    Raises
    ------
    ConfigError
        As :func:`load`.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        keys: Any = [key for key in composed if key != "hydra"]
        own = OmegaConf.masked_copy(composed, keys)
        plain: Any = OmegaConf.to_container(own, resolve=True)
    except (OmegaConfBaseException, RecursionError) as error:
        raise _readable(error, conf) from error
    for group in ("source", "feature_set", "scaler"):
        chosen = check_name(choices.get(group), where=f"the {group} in the defaults list of conf/config.yaml")
        _check_name(conf / group / f"{chosen}.yaml", plain.get(group))
    grid = _mapping(plain.get("sweep"))
    # null in config.yaml, not ${source.feature_sets}: `dvc exp run -S` resolves that file alone and fails on it
    if "feature_sets" in grid and grid["feature_sets"] is None:
        grid["feature_sets"] = _mapping(plain.get("source")).get("feature_sets")
    plain["grid_feature_sets"] = {name: _member(conf, "feature_set", name) for name in _names(grid, "feature_sets")}
    plain["grid_scalers"] = {name: _member(conf, "scaler", name) for name in _names(grid, "scalers")}
    plain["decisions"] = _file_of(conf, DECISIONS)
    plain["targets"] = _file_of(conf, TARGETS)
    models = _names(_mapping(plain.get("prediction")), "models", section="prediction")
    plain["grid_prediction_models"] = {
        name: _member(conf, "prediction_model", name, where="prediction.models") for name in models
    }
    books = sorted(path.stem for path in (conf / "playbook").glob("*.yaml"))
    plain["playbooks"] = {name: _member(conf, "playbook", name) for name in books}
    plain["queries"] = {path: _query(conf, path) for path in sorted(set(filter(is_query, _texts(plain.get("source")))))}
    return checked(Config, plain)


def checked(kind: type[T], plain: Mapping[str, Any], where: str = "") -> T:
    """One of the config's dataclasses, from plain data.

    Parameters
    ----------
    kind : type
        Such as ``Config``, or the class of a section.
    plain : mapping
        Its fields, numbers as numbers or text.
    where : str
        What stands before the keys in an error: the name of the section.

    Raises
    ------
    ConfigError
        Names the key, what is wrong with it and what is allowed.

    Examples
    --------
    >>> from segments.config.serving import ServingConfig
    >>> checked(ServingConfig, {"port": "5002"}, "serving").port
    5002
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(plain)
    except ValidationError as error:
        raise _invalid(error, kind, where) from error


def multirun(overrides: Sequence[str], task: Callable[..., None], together: bool = False) -> None:
    """Run a task once per combination of swept overrides (``k=2,3``, ``k='range(2,8)'``), under any Hydra launcher.

    Parameters
    ----------
    overrides : sequence of str
        In Hydra's grammar.
    task : callable
        Takes the config of a combination.
    together : bool
        Whether the task takes many: under Hydra's own launcher, which knows no side by side, it is then called once, with
        the configs of all combinations that can be composed.

    Raises
    ------
    SegmentsError
        From the first combination that fails.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig

    conf = find_project() / "conf"
    _check(conf, overrides)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that errors reach us as exceptions instead of Hydra's own printing
    gathered: list[Config] = []
    failed: SegmentsError | None = None

    def run(composed: DictConfig) -> None:
        nonlocal failed
        own = HydraConfig.get()
        here = own.launcher._target_ == BASIC_LAUNCHER
        try:
            config = to_config(composed, conf, own.runtime.choices)
            if together and here:
                gathered.append(config)
            else:
                task(config)
        except SegmentsError as error:
            if not here:  # whoever started this process prints it
                raise
            combination = f"the run {' '.join(own.overrides.task)}"
            failed = failed or error.within(combination)

    argv = sys.argv
    sys.argv = ["segments", *for_hydra(overrides), *FIXED, "--multirun"]
    try:
        hydra.main(version_base="1.3", config_path=str(conf.absolute()), config_name="main")(run)()
    except Exception as error:
        failed = error if isinstance(error, SegmentsError) else _readable(error, conf)
        failed.__cause__ = error.__cause__ if failed is error else error
    finally:
        sys.argv = argv
    if gathered:
        task(*gathered)
    if failed is not None:
        raise failed


def _check(conf: Path, overrides: Sequence[str]) -> None:
    """Refuse what Hydra must not see."""
    check_conf(conf)
    check_overrides(overrides, {path.name for path in conf.iterdir() if path.is_dir()})


def for_hydra(overrides: Sequence[str]) -> list[str]:
    """Overrides as Hydra knows them: to it, ``experiment=null`` is no choice of none.

    Examples
    --------
    >>> for_hydra(["source=mall", "experiment=null"])
    ['source=mall', '~experiment']
    """
    none = {f"{group}=null": f"~{group}" for group in NEEDLESS}
    return [none.get(override, override) for override in overrides]


def _names(grid: dict[str, Any], key: str, section: str = "sweep") -> list[str]:
    names = grid.get(key) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"{names!r} is not a list of names", where=f"{section}.{key}", fix=f"write it as {section}.{key}=[a,b]"
        )
    return names


def _member(conf: Path, group: str, name: str, where: str = "") -> Any:
    """One YAML of a group, as plain data."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    where = where or f"sweep.{group}s"
    path = conf / group / f"{check_name(name, where)}.yaml"
    if not path.is_file():
        raise _no_member(conf, group, name, where=where)
    try:
        plain = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (OmegaConfBaseException, YAMLError, ValueError, RecursionError) as error:
        raise _readable(error, conf) from error
    _check_name(path, plain)
    return plain


def _texts(plain: Any) -> Iterator[str]:
    """Every text that a section holds as a value."""
    inner = plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ()
    for value in [plain] if isinstance(plain, str) else inner:
        yield from [value] if isinstance(value, str) else _texts(value)


def _query(conf: Path, path: str) -> str:
    """The SQL of a file of ``conf/query/``."""
    file = conf.parent / path
    check_name(file.stem, where=path)
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        have = ", ".join(sorted(other.name for other in file.parent.glob("*.sql"))) or "no file"
        raise ConfigError(f"there is no {path}", where="source", fix=f"write it; conf/query/ has: {have}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {first_line(error)}", where=path, fix="save it as UTF-8") from error


def _file_of(conf: Path, name: str) -> Any:
    """A file of ``conf/`` that Hydra does not compose, as plain data; nothing when there is no such file."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    path = conf / name
    if not path.is_file():
        return {}
    try:
        return _mapping(OmegaConf.to_container(OmegaConf.load(path)))
    except (OmegaConfBaseException, YAMLError, ValueError, RecursionError) as error:
        raise _readable(error, conf) from error


def _mapping(plain: Any) -> dict[str, Any]:
    """Itself, or nothing where a person wrote something else: pydantic says so later."""
    return plain if isinstance(plain, dict) else {}


def _check_name(path: Path, plain: Any) -> None:
    """Refuse a YAML that calls itself by another name than its file's: a copy under a forgotten name would pass for the original."""
    name = _mapping(plain).get("name", path.stem)
    if name != path.stem:
        group = path.parent.name
        raise ConfigError(
            f"the {group} in {path.name} calls itself '{name}'",
            where=f"conf/{group}/{path.name}: name",
            fix=f"write name: {path.stem}, or rename the file to {name}.yaml",
        )


def _no_member(conf: Path, group: str, name: str, where: str) -> ConfigError:
    have = sorted(path.stem for path in (conf / group).glob("*.yaml"))
    file = f"conf/{group}/{name}.yaml"
    if (real := checkout(conf.parent)) != conf.parent and (real / file).is_file():
        # DVC copies what git knows into the folder of an experiment.
        return ConfigError(
            f"the experiment has no {file}, which is untracked",
            where=where,
            fix=f"run `git add -N {file}`, then start it again",
        )
    return ConfigError(
        f"there is no {group} '{name}'",
        where=where,
        fix=f"{_did_you_mean(name, have)}conf/{group}/ has: {', '.join(have)}",
    )


def _did_you_mean(word: str, known: Sequence[str], path: Sequence[str] = ()) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{'.'.join([*path, close[0]])}'? " if close else ""


def _invalid(error: ValidationError, kind: type, where: str) -> ConfigError:
    """The first thing pydantic found wrong, with the key as a person would write it."""
    # A misspelt key comes with the complaint that the right one is missing: the misspelt one is what to mend.
    first = min(error.errors(), key=lambda found: found["type"] != "unexpected_keyword_argument")
    found, given, more = first["type"], first["input"], first.get("ctx", {})
    keys = [*([where] if where else []), *map(str, first["loc"])]
    for group, members in MEMBERS.items():
        if keys and keys[0] == members:
            keys[:2] = [f"conf/{group}/{keys[1]}.yaml" + ":" * (len(keys) > 2 or bool(more.get("keys")))]
    where = ".".join(keys).replace(":.", ": ")
    if found == "rule":
        about = [f"{where}{' ' if where.endswith(':') else '.'}{key}".lstrip(".") for key in more["keys"]]
        return ConfigError(more["what"], where=", ".join(about) or where, fix=more["fix"])
    if found in BOUNDS:
        key, said = BOUNDS[found]
        limit = f"{more[key]:g}" if isinstance(more[key], float) else more[key]
        return ConfigError(f"{given} is out of range", where=where, fix=f"choose a value of {said} {limit}")
    if found == "literal_error":
        allowed = re.findall(r"'([^']*)'", more["expected"])
        hint = _did_you_mean(str(given), allowed)
        return ConfigError(f"'{given}' is not a known value", where=where, fix=f"{hint}allowed: {', '.join(allowed)}")
    known = _known_keys(kind, first["loc"][:-1])
    if found == "missing":
        return ConfigError(f"'{keys[-1]}' is missing", where=where, fix=f"add it; known here: {', '.join(known)}")
    if found == "unexpected_keyword_argument":
        hint = _did_you_mean(keys[-1], known)
        return ConfigError(f"'{keys[-1]}' is not a known key", where=where, fix=f"{hint}known here: {', '.join(known)}")
    return ConfigError(f"{given!r}: {first['msg'][0].lower()}{first['msg'][1:]}", where=where, fix="correct this value")


def _known_keys(kind: type, path: Sequence[str | int]) -> list[str]:
    """Keys the dataclass at a path has; names that stand for dictionary keys are stepped over."""
    cls: Any = kind
    for part in path:
        hints = get_type_hints(cls) if is_dataclass(cls) else {}
        inner = hints.get(str(part), cls)
        candidates = [inner, *get_args(inner)]
        cls = next((c for c in reversed(candidates) if is_dataclass(c)), cls)
    return [f.name for f in fields(cls) if cls is not Config or f.name not in (*MEMBERS.values(), "queries")]


def _readable(error: Exception, conf: Path) -> ConfigError:
    """Hydra's and OmegaConf's errors in this project's words."""
    text = str(error)
    if match := re.search(r"Could not find 'hydra/launcher/([^']+)'", text):
        return ConfigError(
            f"there is no launcher '{match[1]}'", where="hydra/launcher", fix="install Hydra's plugin of that name"
        )
    if match := re.search(r"Could not find '([\w-]+)/([^']+)'", text):
        return _no_member(conf, match[1], match[2], where=f"{match[1]}={match[2]}")
    if match := re.search(r"Could not override '([^']+)'", text):
        return ConfigError(f"'{match[1]}' is not a known key", where=match[1], fix=_nearest_key(match[1]))
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        return ConfigError(
            f"'{match[1]}' is several values",
            where="the overrides on the command line",
            fix="give one; a list is written [a,b], and -m runs every value in turn",
        )
    if broken := _broken_yaml(conf):
        return broken
    key = getattr(error, "full_key", None) or getattr(error, "override", None)
    return ConfigError(
        first_line(error),
        where=str(key or "the overrides on the command line, or conf/"),
        fix="see conf/config.yaml and conf/settings/ for what can be set",
    )


def _broken_yaml(conf: Path) -> ConfigError | None:
    """The first file of ``conf/`` that cannot be read at all: what a parser says does not always name the file."""
    from omegaconf import DictConfig, OmegaConf
    from yaml import YAMLError

    for path in filter(Path.is_file, sorted(conf.rglob("*.yaml"))):
        try:
            if not isinstance(OmegaConf.load(path), DictConfig):
                raise ValueError("it is a list, not keys with values")
        except (OSError, YAMLError, ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            why = getattr(error, "problem", None) or first_line(error)
            place = f"{path.relative_to(conf.parent)}{line}"
            return ConfigError(f"{path.name} is not valid YAML: {why}", where=place, fix="mend that line")
    return None


def _nearest_key(key: str) -> str:
    *path, last = key.split(".")
    known = _known_keys(Config, path)
    if last in known:
        return f"it is not set in conf/ yet: write +{key}=VALUE"
    return f"{_did_you_mean(last, known, path)}known here: {', '.join(known)}"
