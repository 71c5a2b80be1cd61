"""Command `catalog`: the name of a stage or file in, or nothing; the data dictionary out, as a page of Markdown."""

from __future__ import annotations

import inspect
import re
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic.fields import FieldInfo

from segments.errors import ConfigError
from segments.io.store import catalog
from segments.io.store.kinds import Artifact, Document, Pictures, Table, TableColumn

HEAD = """# Catalog

Every file that a stage hands on: what one row of it is, what each column or key means, and its unit. In angle brackets: what differs
from data to data, so that one line stands for many columns. Optional: not every source gives it. Made by `segments catalog > docs/catalog.md`.
"""


def run(what: str = "") -> str:
    """The whole catalog, or what it says of a stage (``sweep``) or of files (``labels.parquet``, ``sweep/labels.parquet``).

    Raises
    ------
    ConfigError
        If there is no such stage or file.

    Examples
    --------
    >>> print(run("sweep/sweep.json"))
    ### `artifacts/sweep/sweep.json`
    <BLANKLINE>
    Which candidates the sweep has. Made by `segments sweep`.
    <BLANKLINE>
    - `sweep_id` (str): Hash of its candidates.
    - `source` (str): Name of the source.
    - `cells` (list of list of str): Candidate ids per feature set and scaler, k rising.
    """
    if not what:
        parts = [HEAD]
        for stage in dict.fromkeys(one.stage for one in catalog.CATALOG):
            parts += [f"## {stage}\n", *(_entry(one) + "\n" for one in catalog.CATALOG if one.stage == stage)]
        return "\n".join(parts).rstrip("\n")
    wanted = what.removeprefix("artifacts/").strip("/")
    stage, _, file = wanted.rpartition("/")
    found = [
        one
        for one in catalog.CATALOG
        if wanted == one.stage or ((stage or one.stage) == one.stage and one.covers(file))
    ]
    if not found:
        stages = ", ".join(dict.fromkeys(one.stage for one in catalog.CATALOG))
        raise ConfigError(
            f"the catalog has no stage or file '{what}'",
            where="segments catalog",
            fix=f"name a file under artifacts/, or one of: {stages}",
        )
    return "\n\n".join(map(_entry, found))


def _entry(one: Artifact[Any]) -> str:
    """What is to be said of one artifact."""
    said = [f"{one.grain[0].upper()}{one.grain[1:]}.", f"Made by `segments {one.stage}`."]
    said += [f"Absent when {one.absent}."] if one.absent else []
    return "\n".join([f"### `{one.path.as_posix()}`", "", " ".join(said), *_lines(one)])


def _lines(one: Artifact[Any]) -> list[str]:
    if isinstance(one, Table):
        return ["", *(_column(column) for column in one.columns)]
    if isinstance(one, Pictures):
        return ["", *(f"- `{name}`: {shown}" for name, shown in one.shows.items())]
    if isinstance(one, Document):
        parts = _dataclasses(one.type_of())
        named = parts != [one.type_of()]
        return [line for cls in parts for line in [*(["", f"`{cls.__name__}`:"] if named else []), *_keys(cls)]]
    return []


def _column(column: TableColumn) -> str:
    notes = [column.kind, column.unit, "may be missing" if column.gaps else "", "" if column.always else "optional"]
    return f"- `{column.name}` ({'; '.join(filter(None, notes))}): {column.meaning}"


def _keys(cls: type[Any]) -> list[str]:
    """The keys of a document, or of a part of one, from what its dataclass says of itself in NumPy style."""
    hints = get_type_hints(cls, include_extras=True)
    alias = {
        name: meta.alias
        for name, hint in hints.items()
        for meta in getattr(hint, "__metadata__", ())
        if isinstance(meta, FieldInfo) and meta.alias
    }
    text = inspect.getdoc(cls) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    keys = re.findall(
        r"^(\w[\w, ]*) : (.+)\n((?:    .*\n?)+)", (section[1] if section else "").replace("``", "`"), re.MULTILINE
    )
    return [
        "",
        *(
            f"- {', '.join(f'`{alias.get(name, name)}`' for name in names.split(', '))} ({kind}): {' '.join(meaning.split())}"
            for names, kind, meaning in keys
        ),
    ]


def _dataclasses(type_: Any) -> list[type[Any]]:
    """The dataclasses a document is made of, outermost first; sections of the config speak for themselves in conf/."""
    found: dict[type[Any], None] = {}

    def look(one: Any) -> None:
        if isinstance(one, type) and is_dataclass(one) and one not in found:
            if one.__module__.startswith("segments.config"):
                return
            found[one] = None
            for hint in get_type_hints(one).values():
                look(hint)
        for inner in get_args(one):
            look(inner)

    look(type_)
    return list(found)
