"""Several raw tables made one by SQL. Comes in: a source with ``tables`` and queries. Goes out: the source with the answers in place of the queries.

The tables are read by the one reader, every cell of a CSV or workbook as text, "no value" as NULL. What is answered is a raw table like
any other: the cleaner reads its numbers and times, keeps its rows or counts them. The SQL may come from somebody else: it runs in a process
of its own that can do nothing but answer (:mod:`segments.data.reading.query_process`), within limits of time and memory.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from segments.config.source import Source, shown_path
from segments.data.reading import files
from segments.data.rows import quoted
from segments.errors import DataError

PROCESS = Path(__file__).with_name("query_process.py")
# What a query needs of our environment: nothing that is a secret.
INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")


@dataclass(frozen=True)
class QueryLimits:
    """What a query may take: wall time in seconds, working memory in MiB (eight times as much on disk)."""

    seconds: float = 600
    mib: int = 1024


@dataclass(frozen=True)
class Asked:
    """A source after its queries.

    Parameters
    ----------
    source : Source
        As it was: its paths are those that messages show.
    files : Source
        The same, with the paths of the answers in place of those of queries: what is read.
    notes : dict of str to list of str
        How the raw tables were read, where that was a guess, for ``customers`` and ``transactions``.
    """

    source: Source
    files: Source
    notes: dict[str, list[str]] = field(default_factory=dict)


@contextmanager
def asked(
    source: Source, queries: Mapping[str, str], project: Path = Path(), limits: QueryLimits | None = None
) -> Iterator[Asked]:
    """Answer the queries of a source; the answers live as long as the ``with`` block.

    Parameters
    ----------
    source : Source
        One without queries comes back as it is.
    queries : mapping of str to str
        SQL by the path of its file.
    project : Path
        Folder the raw paths are relative to.
    limits : QueryLimits, optional
        Ten minutes and 1 GiB by default.

    Raises
    ------
    DataError
        If a table cannot be read, or a query is not one SELECT over these tables, fails, or takes too long or too much.
    """
    if not source.queries:
        yield Asked(source, source)
        return
    with tempfile.TemporaryDirectory(prefix="segments-query-") as name:
        folder = Path(name)
        notes, decimals = _hand_in(source, project, folder)
        answers: dict[str, Any] = {}
        for key, query in source.queries.items():
            answer = folder / f"{key}.parquet"
            _answer(queries[query], folder, answer, query, list(source.tables), limits or QueryLimits())
            if not pq.read_metadata(answer).num_rows:
                raise DataError("the query answers no row", where=query, fix="look at its joins and conditions")
            part = getattr(source, key)
            decimal = part.read.decimal or _one_of(
                decimals, query, f"conf/source/{source.name}.yaml: {key}.read.decimal"
            )
            answers[key] = replace(part, path=str(answer), read=replace(part.read, decimal=decimal))
        yield Asked(source, replace(source, tables={}, **answers), dict.fromkeys(answers, notes))


def _hand_in(source: Source, project: Path, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Lay the raw tables into one DuckDB file; returns notes, and the decimal mark of each table of texts."""
    notes: list[str] = []
    decimals: dict[str, str] = {}
    with files.workspace(folder) as (connection, room):
        connection.execute(f"ATTACH '{folder / 'tables.duckdb'}' AS handed")
        for name, table in source.tables.items():
            raw, decimal, said = files.relation(
                connection, files.raw_files(project, table.path, source.name), table.read, room, f"raw_{name}"
            )
            notes += said
            texts = [
                column for column, kind in zip(raw.columns, raw.types, strict=True) if kind == duckdb.sqltypes.VARCHAR
            ]
            if texts and decimal is not None:
                decimals[shown_path(table.path)] = decimal
            words = [word.casefold() for word in table.read.missing]
            cells = ", ".join(
                _or_null(quoted(column), words) if column in texts else quoted(column) for column in raw.columns
            )
            raw.project(cells).create(f"handed.{name}")
            connection.execute(f"DROP TABLE IF EXISTS {quoted(f'raw_{name}')}")
        connection.execute("DETACH handed")
    return notes, decimals


def _or_null(column: str, words: list[str]) -> str:
    listed = ", ".join(f"'{word.replace(chr(39), chr(39) * 2)}'" for word in words)
    return f"CASE WHEN lower(trim({column})) IN ({listed}) THEN NULL ELSE {column} END AS {column}" if words else column


def _one_of(decimals: Mapping[str, str], query: str, key: str) -> str | None:
    if len(set(decimals.values())) > 1:
        commas = [path for path, mark in decimals.items() if mark == ","]
        others = [path for path, mark in decimals.items() if mark == "."]
        raise DataError(
            f"{', '.join(commas)} has decimal commas, {', '.join(others)} has none, and {query} brings them together",
            where=key,
            fix="write there which mark the texts of the answer have: '.' or ','",
        )
    return next(iter(decimals.values()), None)


def _answer(sql: str, folder: Path, answer: Path, shown: str, tables: list[str], limits: QueryLimits) -> None:
    """Run one query in a process of its own."""
    words = [str(folder / "tables.duckdb"), str(answer), str(folder / "spill"), str(limits.mib)]
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(PROCESS), *words],
            input=sql.encode(),
            env={name: os.environ[name] for name in INHERITED if name in os.environ},
            capture_output=True,
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(
            f"the query did not end within {limits.seconds:g} s",
            where=shown,
            fix="look for a join without a condition",
        ) from None
    if done.returncode == 0:
        return
    try:
        kind, message = json.loads(done.stdout)
    except ValueError:  # killed, or no word of ours
        kind, message = "MemoryError", ""
    what, fix = _explained(kind, re.sub(r"^[\w ]+ Error: ", "", message.partition("\n")[0]), limits)
    raise DataError(what, where=shown, fix=f"{fix}; its tables are: {', '.join(tables)}")


def _explained(kind: str, message: str, limits: QueryLimits) -> tuple[str, str]:
    """What was wrong, and what to do."""
    join = "look for a join without a condition"
    if kind == "Refused":
        return f"the query is refused: {message}", "write one SELECT"
    if kind == "PermissionException":
        return f"the query is refused: {message}", "a query reads the source's tables and nothing else"
    if kind in ("MemoryError", "OutOfMemoryException", "OSError"):
        return f"the query takes more than {limits.mib:,} MiB of memory, or eight times that on disk", join
    return (
        f"the query fails: {message}",
        "mend it; cells of CSV files and workbooks are text, such as price::DECIMAL(12,2)",
    )
