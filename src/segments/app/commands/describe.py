"""Command `describe`: saves a draft with its feature set, or says whether a source and its raw files agree, with counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from segments.app.stages.data import cleaned
from segments.config.root import Config
from segments.data.rows import Report
from segments.errors import ConfigError

SOURCES, FOLDER = "conf/source", "conf/feature_set"


def saved(draft: str, project: Path) -> list[str]:
    """Write a draft into ``conf/source/``, with the feature set that goes with it; returns what was written.

    Raises
    ------
    ConfigError
        If there is such a source already, or the folder is no project's.
    """
    path = project / SOURCES / f"{yaml.safe_load(draft)['name']}.yaml"
    if not path.parent.is_dir() or path.exists():
        raise ConfigError(
            f"{path} is there already" if path.exists() else f"there is no {SOURCES}/ here",
            where=str(path.absolute()),
            fix="remove it, or leave --save out: the draft is then printed" if path.exists() else "run it in a project",
        )
    draft, numbers = with_feature_set(draft, project)
    path.write_text(draft)
    beside = yaml.safe_load(draft)["feature_sets"] if numbers else []
    return [f"{path}: drafted; read every line"] + [f"{FOLDER}/{name}.yaml: drafted beside it" for name in beside]


def with_feature_set(draft: str, project: Path) -> tuple[str, list[str]]:
    """Write a feature set of all columns of numbers where a draft names none, and name it there.

    Parameters
    ----------
    draft : str
        YAML of a source.
    project : Path
        Has ``conf/feature_set``.

    Returns
    -------
    str
        The draft, with the feature set's name; as it was where it names one already, or there is no column of numbers.
    list of str
        The columns of the feature set; none where none was written.
    """
    drafted = yaml.safe_load(draft)
    columns = (drafted.get("customers") or {}).get("columns") or {}
    numbers = [column for column, meaning in columns.items() if meaning.get("kind", "number") == "number"]
    if drafted["feature_sets"] or not numbers:
        return draft, []
    text = "".join(f"  {column}: {{}}\n" for column in numbers)
    remark = "# Drafted: every column of numbers, each counting the same. Leave out what shall not decide.\n"
    name, number = drafted["name"], 2
    while (path := project / FOLDER / f"{name}.yaml").exists():
        if path.read_text() == f"{remark}name: {name}\ncolumns:\n{text}":  # drafted before
            break
        name, number = f"{drafted['name']}_{number}", number + 1
    path.write_text(f"{remark}name: {name}\ncolumns:\n{text}")
    named = re.sub(
        r"^feature_sets: \[\].*",
        f"feature_sets: [{name}] # drafted beside it: {FOLDER}/{name}.yaml",
        draft,
        flags=re.MULTILINE,
    )
    return named, numbers


def compared_with_files(config: Config, file: Path | None = None) -> Iterator[str]:
    """Clean the tables of a source and say what came of it, line by line; `file` stands in for the one raw file of the source.

    Raises
    ------
    ConfigError
        If a file is given for a source that reads several.
    DataError
        If source and files do not agree.
    """
    source = config.source
    if file is not None:
        parts = [name for name in ("customers", "transactions") if getattr(source, name) is not None]
        if len(source.raw_paths) != 1 or source.tables:
            raise ConfigError(
                f"the source {source.name} reads several files",
                where=f"conf/source/{source.name}.yaml",
                fix=f"leave {file.name} out: segments describe --check {source.name}",
            )
        part = replace(getattr(source, parts[0]), path=str(file.absolute()))
        config = replace(config, source=replace(source, **{parts[0]: part}))
    with cleaned(config) as found:
        for name, report in found.reports.items():
            yield from _told(name, report)
        if found.lines is not None:
            customers, orders, first, last, money = found.lines.aggregate(
                "count(DISTINCT customer_id), count(DISTINCT (customer_id, order_id)), min(purchased_at), max(purchased_at), sum(amount)"
            ).fetchall()[0]
            yield f"  {customers:,} customers, {orders:,} orders, {money:,.2f} in all, from {first} to {last}"
        if found.customers is not None:
            numbers = found.customers.select_dtypes("number")
            for column, values in numbers.items():
                yield f"  {column}: {values.min():g} to {values.max():g}, mean {values.mean():g}, missing {int(values.isna().sum()):,}"
    yield f"conf/source/{source.name}.yaml agrees with its files."


def _told(name: str, report: Report) -> Iterator[str]:
    yield f"{name}: {report['rows_clean']:,} of {report['rows_raw']:,} rows are clean"
    for one in report["reasons"]:
        yield f"  {one['rows']:,} {one['reason']} ({one['action']})"
    for note in report["notes"]:
        yield f"  note: {note}"
