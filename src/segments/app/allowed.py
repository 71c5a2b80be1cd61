"""What ``conf/`` and overrides may say, looked at before Hydra sees it. Comes in: files, overrides. Goes out: nothing, or what is refused and where.

Hydra makes objects of what its own sections name, and OmegaConf has resolvers that read the environment. So of Hydra a config
says the launcher's name and its number of jobs, and of interpolations it has those that name another key; what is chosen lies in ``conf/``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from math import inf, isfinite
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from segments.errors import PASSWORD, ConfigError
from segments.io.store.decisions import DECISIONS

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

# The name of a file of conf/, without its suffix: it goes into paths and names of experiments.
NAME = re.compile(r"\w[\w.-]{0,99}")
# An entry of a defaults list, the word that stands for its place, and what people may choose of Hydra's own groups.
GROUP = re.compile(r"(override |optional )*/?(\w[\w-]*)")
MEMBER = re.compile(r"/?\w[\w-]*(/\w[\w-]*)*(@(?!hydra)[a-z]\w*)?")
LAUNCHER = re.compile(r"override /?hydra/launcher")
KEY = re.compile(r"\w[\w-]*([./]\w[\w-]*)*")
# Keys by which Hydra and Python's logging are told to make an object.
MAKES = re.compile(r"_\w+_|\(\)")
OTHER_KEY = re.compile(r"\$\{(?!hydra\b)[\w.\[\]-]+\}")
# A file without any of these can say nothing that is refused here, and need not be parsed: most of conf/.
SUSPECT = re.compile(r"[!&*%?@\\]|\$\{|<<|hydra|defaults|\(\)|(?<!\w)_\w+_(?!\w)|(?i:passw|pwd)")
INT, NULL, MERGE = (f"tag:yaml.org,2002:{kind}" for kind in ("int", "null", "merge"))
PLAIN_TAGS = {INT, NULL, *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "float", "bool", "timestamp", "map", "seq"))}
NEEDLESS = ("experiment", "tracking")  # groups of which none need be chosen
LONGEST_OVERRIDE = 4_000  # signs of an override: what reads them takes seconds for much more
MOST_RUNS = 10_000
WRITE_IT = "write the value; the only interpolation is that of another key of conf/, ${key.of.conf}"
LEAVE_IT_OUT = (
    "leave it out: a database has it from PGPASSWORD or ~/.pgpass, a tracking server from MLFLOW_TRACKING_PASSWORD"
)
IN_CLEAR = "the value holds a password, and configs are kept in git and MLflow"
OF_HYDRA = (
    "of Hydra, only the launcher and its number of jobs can be chosen: hydra/launcher=NAME hydra.launcher.n_jobs=N"
)


def check_conf(conf: Path) -> None:
    """Refuse what no file of ``conf/`` may say, whether it is used or not.

    Parameters
    ----------
    conf : Path
        The folder ``conf/``. A file that is not valid YAML is left to who reads it, and says which line.

    Raises
    ------
    ConfigError
        Names the file and the line.
    """
    project = Path(realpath(conf)).parent
    for path in sorted(conf.rglob("*")):
        shown = f"conf/{path.relative_to(conf).as_posix()}"
        if path.is_symlink() and (path.is_dir() or not Path(realpath(path)).is_relative_to(project)):
            raise ConfigError(f"{shown} is a link to {realpath(path)}", where=shown, fix="put the file itself there")
        if path.exists() and not path.is_dir() and not path.is_file():
            raise ConfigError(f"{shown} is no plain file", where=shown, fix="remove it")
        if path.suffix != ".yaml" or not path.is_file():
            continue
        if shown.startswith("conf/hydra/"):
            raise ConfigError("a config cannot say what Hydra is made of", where=shown, fix=f"remove it; {OF_HYDRA}")
        try:
            text = path.read_text(encoding="utf-8")
            root = yaml.compose(text, Loader=yaml.SafeLoader) if SUSPECT.search(text) else None
        except RecursionError:
            raise ConfigError(f"{shown} is nested too deep", where=shown, fix="write it flatter") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue
        if root is not None:
            _check_file(root, text, shown, free_text=path.name == DECISIONS)


def check_overrides(overrides: Sequence[str], groups: Collection[str]) -> None:
    """Refuse what no override may say.

    Parameters
    ----------
    overrides : sequence of str
        In Hydra's grammar.
    groups : collection of str
        The folders of ``conf/``.

    Raises
    ------
    ConfigError
        Names the override.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create()
    runs = 1.0
    for text in overrides:
        if len(text) > LONGEST_OVERRIDE:
            raise ConfigError(
                f"an override of {len(text):,} signs",
                where=text,
                fix=f"write at most {LONGEST_OVERRIDE:,}, or a file in conf/",
            )
        try:
            override = parser.parse_override(text)
        except Exception as error:
            raise ConfigError(
                f"'{text}' cannot be read: {_reason(error)}",
                where=text,
                fix="write KEY=VALUE as conf/config.yaml would have it; put a value with signs of its own into quotes",
            ) from error
        _check_override(override, text, groups)
        runs *= _runs(override)
    if runs > MOST_RUNS:
        raise ConfigError(
            f"these make {runs:,.0f} runs", where=" ".join(overrides), fix=f"ask for at most {MOST_RUNS:,} at once"
        )


def check_name(name: Any, where: str) -> str:
    """A name of a file in a folder of ``conf/``, which cannot lead out of it.

    Raises
    ------
    ConfigError
        If it could.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not a name",
            where=where,
            fix="give one name of letters, digits, '_', '-' and '.', such as that of a file in conf/",
        )
    return name


# --- files ----------------------------------------------------------------------------------------------------------


def _check_file(root: yaml.Node, text: str, shown: str, *, free_text: bool) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip().lstrip("#").split() if line.strip().startswith("#") else []
        if words[:1] == ["@package"] and words[1:] != ["_global_"]:
            raise ConfigError(
                "a file belongs where it lies",
                where=f"{shown}, line {number}",
                fix="remove the line; a recipe says # @package _global_",
            )
    top = root.value if isinstance(root, yaml.MappingNode) else []
    for key, value in top:
        if key.value == "hydra" and not _only_jobs(value):
            raise _at(key, "'hydra' cannot be set here", shown, OF_HYDRA)
        if key.value == "defaults" and isinstance(value, yaml.SequenceNode):
            for entry in value.value:
                _check_default(entry, shown)
    known: set[int] = set()
    for node, is_key in _nodes(root):
        if id(node) in known or node.tag == MERGE:
            raise _at(node, "YAML's & * and << are not read here", shown, "write out what is meant")
        known.add(id(node))
        if node.tag not in PLAIN_TAGS:
            raise _at(node, f"the YAML tag '{node.tag}' makes more than text and numbers", shown, "write a plain value")
        if isinstance(node, yaml.ScalarNode):
            if is_key and MAKES.fullmatch(node.value):
                raise _at(node, f"'{node.value}' is not a known key", shown, "remove it: no config names code to run")
            if not free_text and _reaches_out(node.value):
                raise _at(node, _read_elsewhere(node.value), shown, WRITE_IT)
            if not free_text and PASSWORD.search(node.value):
                raise _at(node, IN_CLEAR, shown, LEAVE_IT_OUT)


def _nodes(root: yaml.Node) -> Iterator[tuple[yaml.Node, bool]]:
    """Every node, and whether it is a key; one that stands in two places comes twice, and what is under it once."""
    waiting, opened = [(root, False)], set()
    while waiting:
        node, is_key = waiting.pop()
        yield node, is_key
        if id(node) in opened:
            continue
        opened.add(id(node))
        if isinstance(node, yaml.MappingNode):
            waiting += [(part, part is key) for key, value in node.value for part in (key, value)]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(part, False) for part in node.value]


def _only_jobs(node: yaml.Node) -> bool:
    """Whether a section `hydra` says no more than ``launcher: {n_jobs: N}``."""
    for key in ("launcher", "n_jobs"):
        if not isinstance(node, yaml.MappingNode) or [one.value for one, _ in node.value] != [key]:
            return False
        node = node.value[0][1]
    return bool(node.tag == INT)


def _check_default(entry: yaml.Node, shown: str) -> None:
    """An entry of a defaults list chooses a file of ``conf/`` for its own place."""
    if isinstance(entry, yaml.MappingNode) and len(entry.value) == 1:
        key, value = entry.value[0]
        names = value.value if isinstance(value, yaml.SequenceNode) else [value]
        fits = all(
            isinstance(name, yaml.ScalarNode) and (NAME.fullmatch(name.value) or name.tag == NULL) for name in names
        )
        place = GROUP.fullmatch(str(key.value))
        if fits and ((place and place[2] != "hydra") or LAUNCHER.fullmatch(str(key.value))):
            return
    elif isinstance(entry, yaml.ScalarNode):
        named = MEMBER.fullmatch(entry.value)
        if entry.value == "_self_" or (named and not {"hydra", "decisions", "pins"} & set(re.split("[/@]", named[0]))):
            return
    said = entry.value[0][0].value if isinstance(entry, yaml.MappingNode) and entry.value else entry.value
    raise _at(entry, f"'{said}' is no choice of a defaults list", shown, f"name files of conf/; {OF_HYDRA}")


def _at(node: yaml.Node, what: str, shown: str, fix: str) -> ConfigError:
    return ConfigError(what, where=f"{shown}, line {node.start_mark.line + 1}", fix=fix)


# --- overrides ------------------------------------------------------------------------------------------------------


def _check_override(override: Override, text: str, groups: Collection[str]) -> None:
    key, value = override.key_or_group, _value(override)
    if not KEY.fullmatch(key) or override.package is not None:
        raise ConfigError(
            f"'{text.partition('=')[0]}' is not a known key", where=text, fix="write KEY=VALUE, without @ : or $"
        )
    parts = re.split("[./]", key)
    if parts[0] == "hydra":
        plain = not override.is_delete() and not override.is_sweep_override()
        if key == "hydra/launcher" and plain and not (override.is_add() or override.is_force_add()):
            check_name(value, text)
        elif key != "hydra.launcher.n_jobs" or not plain or type(value) is not int:
            raise ConfigError(f"'{key}' cannot be set", where=text, fix=OF_HYDRA)
    for word, is_key in [*((part, True) for part in parts), *_words(value)]:
        if is_key and MAKES.fullmatch(word):
            raise ConfigError(f"'{word}' is not a known key", where=text, fix="remove it: no config names code to run")
        if _reaches_out(word):
            raise ConfigError(_read_elsewhere(word), where=text, fix=WRITE_IT)
        if PASSWORD.search(word):
            raise ConfigError(IN_CLEAR, where=text, fix=LEAVE_IT_OUT)
    if key in groups:
        _check_choice(override, text)


def _check_choice(override: Override, text: str) -> None:
    """A choice of a group is one name, in a sweep one after another; recipes may be several, and a section may be written out."""
    group, value = override.key_or_group, _value(override)
    if override.is_delete() and group not in NEEDLESS:
        raise ConfigError(f"{group} cannot be taken out", where=text, fix=f"choose another: {group}=NAME")
    if override.is_sweep_override():
        chosen = getattr(value, "list", [])
    else:
        chosen = value if isinstance(value, list) and group == "experiment" else [value]
    for name in chosen:
        name = getattr(name, "text", name)  # in quotes
        if not isinstance(name, dict) and not (name is None and group in NEEDLESS):
            check_name(name, text)


def _value(override: Override) -> Any:
    """The value as Hydra has read it: Override.value() would take the quotes off, but not in a sweep."""
    return override._value


def _words(value: Any) -> Iterator[tuple[str, bool]]:
    """Every text in a value, and whether it is a key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ((word, True) for word, _ in _words(key))
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str):
        yield value, False
    elif hasattr(value, "text"):  # in quotes
        yield value.text, False
    elif hasattr(value, "list"):  # a sweep
        yield from _words(value.list)


def _runs(override: Override) -> float:
    """How many values a sweep has; 1 for what is none."""
    value = _value(override)
    if hasattr(value, "start") and hasattr(value, "stop"):
        length = abs(value.stop - value.start) / (abs(value.step) or 1)
        return max(1, length) if isfinite(length) else inf
    return max(1, len(getattr(value, "list", ())))


def _reason(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return said[0] if said and not isinstance(error, RecursionError) else "it is nested too deep"


def _reaches_out(text: str) -> bool:
    """Whether a text holds an interpolation that is more than the name of another key."""
    return "${" in OTHER_KEY.sub("", text)


def _read_elsewhere(text: str) -> str:
    return f"'{text}' would be read from elsewhere"
