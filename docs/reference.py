"""Pages of the site that are made from the code, and what holds for every page. Comes in: the package, conf/. Goes out: Markdown, and what is wrong.

`docs/conf.py` calls this when the site is built (`make docs`); `tests/test_docs.py` asks it what is undocumented.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import yaml

CHECKOUT = Path(__file__).resolve().parent.parent
DOCS = CHECKOUT / "docs"
MADE = "made"  # folder of made pages, under docs/
# Pages that stand beside README, and what they are called on the site.
ROOT_PAGES = {
    "GLOSSARY.md": "glossary",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "security",
    "CHANGELOG.md": "changelog",
    "benchmarks/results.md": "benchmarks",
}
# The nouns, which compute and can be called with plain tables; `app` and `io` are reached through the commands and `import segments`.
NOUNS = ("action", "identity", "forecast", "model", "evidence", "clustering", "features", "data", "config")
GROUPS = ("source", "feature_set", "scaler", "algorithm", "prediction_model", "playbook")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source|video|audio|embed)\b[^>]*?\b(?:src|href)\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)"""
    r"""|@import\s+(?:url\()?["']?((?:https?:)?//[^"')\s]+)|url\(\s*["']?((?:https?:)?//[^"')\s]+)""",
    re.IGNORECASE,
)


def pages() -> dict[str, str]:
    """Every made page by its path under ``docs/``."""
    made = {f"{MADE}/commands.md": commands_page(), f"{MADE}/settings.md": settings_page()}
    made |= {f"{MADE}/python.md": python_page()} | {f"{MADE}/python_{noun}.md": noun_page(noun) for noun in NOUNS}
    for name, page in ROOT_PAGES.items():
        made[f"{MADE}/{page}.md"] = for_site((CHECKOUT / name).read_text(), name, f"docs/{MADE}/{page}.md")
    return made


# --- commands ------------------------------------------------------------------------------------------------------------


def commands() -> dict[str, click.Command]:
    """Every command of `segments` that is not hidden."""
    from segments.app.cli import app

    return {name: command for name, command in app.commands.items() if not command.hidden}


def commands_page() -> str:
    """What each command says of itself."""
    from segments.app.cli import STAGES

    parts = ["# Commands", "What `segments COMMAND --help` prints."]
    for title, own in (("Stages", True), ("Commands", False)):
        parts.append(f"## {title}")
        for name, command in commands().items():
            if (name in STAGES) == own:
                context = click.Context(
                    command, info_name=f"segments {name}", parent=None, max_content_width=110, terminal_width=110
                )
                parts += [f"### segments {name}", f"```text\n{command.get_help(context).rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


# --- settings ------------------------------------------------------------------------------------------------------------


def meanings(cls: type[Any]) -> dict[str, str]:
    """What the docstrings of a dataclass and of those it extends say of each field (NumPy style).

    Examples
    --------
    >>> from segments.config.serving import ServingConfig
    >>> sorted(meanings(ServingConfig))[:2]
    ['max_mib', 'max_rows']
    """
    by_name: dict[str, str] = {}
    for one in reversed([one for one in cls.__mro__ if is_dataclass(one)]):
        section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\n|\Z)", inspect.getdoc(one) or "", re.DOTALL | re.MULTILINE)
        found = re.findall(r"^(\w[\w, ]*?)(?: : .+)?\n((?:    .*\n?)+)", section[1] if section else "", re.MULTILINE)
        by_name |= {name: " ".join(text.split()) for names, text in found for name in names.split(", ")}
    return by_name


def sections() -> Iterator[tuple[str, type[Any]]]:
    """Path and class of every section of ``conf/``, of every group's members, and of what stands in them."""
    from segments.config.root import Config

    seen: set[type[Any]] = set()

    def inside(path: str, hint: Any) -> Iterator[tuple[str, type[Any]]]:
        if isinstance(hint, type) and is_dataclass(hint):
            if hint in seen or not hint.__module__.startswith("segments.config"):
                return
            seen.add(hint)
            yield path, hint
            for name, inner in get_type_hints(hint).items():
                yield from inside(f"{path}.{name}", inner)
        for inner in get_args(hint):
            origin = getattr(hint, "__origin__", None)
            yield from inside(f"{path}.NAME" if origin in (dict, list) and is_dataclass(inner) else path, inner)

    for name, hint in get_type_hints(Config, include_extras=True).items():
        shown = {"grid_prediction_models": "prediction_model", "playbooks": "playbook", "targets": "targets"}.get(
            name, name
        )
        if shown == "decisions" or (name.startswith("grid_") and shown == name) or name == "queries":
            continue
        yield from inside(
            shown, next(iter(get_args(hint)[1:]), hint) if name in ("grid_prediction_models", "playbooks") else hint
        )


def in_conf() -> tuple[dict[str, Any], dict[str, str]]:
    """Values of ``conf/config.yaml`` and ``conf/settings/`` by dotted path, and the comment beside each."""
    values: dict[str, Any] = {}
    comments: dict[str, str] = {}
    files = [("", CHECKOUT / "conf/config.yaml")]
    files += [(path.stem, path) for path in sorted((CHECKOUT / "conf/settings").glob("*.yaml"))]
    for prefix, path in files:
        text = path.read_text()
        values |= _flat(prefix, yaml.safe_load(text) or {})
        stack: list[tuple[int, str]] = []
        for line in text.splitlines():
            if match := re.match(r"( *)([\w-]+):(.*)", line):
                depth = len(match[1])
                stack = [*(one for one in stack if one[0] < depth), (depth, match[2])]
                if said := re.search(r"(?:^|\s)# ?(.+)$", match[3]):
                    comments[".".join(filter(None, [prefix, *(name for _, name in stack)]))] = said[1]
    return values, comments


def _flat(prefix: str, plain: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in plain.items():
        path = f"{prefix}.{key}".lstrip(".")
        found[path] = value
        if isinstance(value, dict):
            found |= _flat(path, value)
    return found


def settings_page() -> str:
    """Every key of ``conf/``: its default, and what it means."""
    values, comments = in_conf()
    parts = [
        "# Settings",
        "Every key of `conf/`. A default is what the file in `conf/` says, else the code's. What people turn stands in `conf/config.yaml`, what is seldom "
        "turned in `conf/settings/SECTION.yaml`, one choice a file in the folders of groups (`conf/source/`, `conf/feature_set/`, …). For one run: "
        "`segments sweep sweep.k_max=8`.",
        f"`k` is {values['k']}: number of clusters of `segments fit`.",
    ]
    for path, cls in sections():
        group = path.split(".")[0]
        where = f"`conf/{group}/NAME.yaml`" if group in GROUPS else "`conf/targets.yaml`" if group == "targets" else ""
        said = [f"## {path}", (inspect.getdoc(cls) or "").split("\n")[0].replace("``", "`")]
        said += [f"In {where}."] if where else []
        by_name = meanings(cls)
        rows = ["| key | default | meaning |", "|---|---|---|"]
        for one in fields(cls):
            full = f"{path}.{one.name}"
            default = values.get(full, _default(one))
            shown = "" if default is MISSING else f"`{_short(default)}`"
            comment = f" *In conf/: {comments[full]}.*" if full in comments else ""
            rows.append(
                f"| `{one.name}` | {_cell(shown)} | {_cell(by_name.get(one.name, '').replace('``', '`') + comment)} |"
            )
        parts += ["\n\n".join(said), "\n".join(rows)]
    return _roles("\n\n".join(parts)) + "\n"


def _default(one: Any) -> Any:
    if one.default is not MISSING:
        return one.default
    factory = one.default_factory
    if factory is MISSING:
        return MISSING
    made = factory()
    return MISSING if is_dataclass(made) else made


def _short(value: Any) -> str:
    text = (
        '""'
        if value == ""
        else "null"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
    return text if len(text) <= 60 else f"{text[:57]}..."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _roles(text: str) -> str:
    """Roles of docstrings as plain code."""
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)


# --- Python --------------------------------------------------------------------------------------------------------------


def python_page() -> str:
    """What `import segments` gives, and where the nouns stand."""
    import segments

    parts = ["# Python", (inspect.getdoc(segments) or "").replace("``", "`")]
    for name in segments.__all__:
        found = getattr(segments, name)
        if not isinstance(found, str):
            kind = "autoclass" if inspect.isclass(found) else "autofunction"
            members = "\n   :members:" if kind == "autoclass" else ""
            parts += [
                f"## segments.{name}",
                f"```{{eval-rst}}\n.. {kind}:: segments.{name}{members}\n```",
            ]
    parts += ["## The nouns", "They know no Hydra, MLflow, DVC or matplotlib: plain tables in, results out."]
    listed = "\n".join(f"python_{noun}" for noun in NOUNS)
    return "\n\n".join([*parts, f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```"]) + "\n"


def modules(noun: str) -> list[str]:
    """Modules of a noun, by name."""
    root = CHECKOUT / "src"
    return sorted(
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in (root / "segments" / noun).rglob("*.py")
        if path.name not in ("__init__.py", "mlflow_model.py")  # the second is run by MLflow, in a folder of its own
    )


def noun_page(noun: str) -> str:
    """All that is public in a noun."""
    import segments

    found = [getattr(segments, name) for name in segments.__all__]
    public = {one.__module__: one.__name__ for one in found if not isinstance(one, str)}
    head = ast.get_docstring(ast.parse((CHECKOUT / f"src/segments/{noun}/__init__.py").read_text())) or ""
    parts = [f"# segments.{noun}", head]
    for name in modules(noun):
        shown = "" if name not in public else f"\n   :exclude-members: {public[name]}"  # it stands on the page `Python`
        parts += [f"## {name}", f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:{shown}\n```"]
    return "\n\n".join(parts) + "\n"


def undocumented() -> list[str]:
    """What is public and says nothing of itself: commands, their options, settings, names of the nouns."""
    found = [f"segments {name}" for name, command in commands().items() if not command.help]
    for name, command in commands().items():
        found += [
            f"segments {name} {param.opts[0]}"
            for param in command.params
            if isinstance(param, click.Option) and not param.hidden and not param.help
        ]
    for path, cls in sections():
        by_name = meanings(cls)
        found += [f"{path}.{one.name}" for one in fields(cls) if one.name not in by_name]
    for noun in NOUNS:
        for name in modules(noun):
            tree = ast.parse((CHECKOUT / "src" / (name.replace(".", "/") + ".py")).read_text())
            for node in (tree, *tree.body):
                public = not getattr(node, "name", "").startswith("_")
                if (
                    isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                    and public
                    and not ast.get_docstring(node)
                ):
                    found.append(f"{name}.{getattr(node, 'name', '')}")
    return found


# --- every page ----------------------------------------------------------------------------------------------------------


def for_site(text: str, origin: str, page: str) -> str:
    """A page with its links as the site has them; a link to a file that is no page becomes its words.

    Parameters
    ----------
    text : str
        In Markdown.
    origin, page : str
        Where it stands in the checkout, and where on the site, seen from the checkout.

    Examples
    --------
    >>> for_site("[sweeps](docs/sweeps.md#a), [a test](tests/warm.py), [words](GLOSSARY.md)", "README.md", "docs/made/x.md")
    '[sweeps](../sweeps.md#a), a test, [words](glossary.md)'
    """

    def moved(match: re.Match[str]) -> str:
        picture, label, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, hash_, anchor = target.partition("#")
        absolute = (CHECKOUT / origin).parent.joinpath(path).resolve()
        if not absolute.is_relative_to(CHECKOUT):
            return match[0]
        name = absolute.relative_to(CHECKOUT).as_posix()
        name = f"docs/{MADE}/{ROOT_PAGES[name]}.md" if name in ROOT_PAGES else name
        shown = name.startswith("docs/") and (name.endswith((".md", ".ipynb")) or picture)
        if not shown:
            return label
        return f"{picture}[{label}]({_relative(name, page)}{hash_}{anchor})"

    return LINK.sub(moved, text)


def _relative(name: str, page: str) -> str:
    return Path(os.path.relpath(name, Path(page).parent)).as_posix()


def loaded_from_network(html: str) -> list[str]:
    """Addresses beyond the site that a browser loads to show a page: scripts, styles, fonts, pictures; a link that somebody may follow is none.

    Examples
    --------
    >>> loaded_from_network('<a href="https://a.org">a</a><script src="https://b.org/c.js"></script><img src="d.png">')
    ['https://b.org/c.js']
    """
    return [
        next(filter(None, found))
        for found in LOADED.findall(re.sub(r'<link rel="(?:canonical|next|prev)"[^>]*>', "", html))
    ]
