"""The edge to a PostgreSQL database. Comes in: tables or SQL. Goes out: snapshots as parquet, one transaction for all of them.

Who connects where is said by the variables of libpq alone (``PGHOST``, ``PGPORT``, ``PGDATABASE``, ``PGUSER``, ``PGPASSWORD`` or
``~/.pgpass``, ``PGSERVICE``, …): no config holds them, and no message repeats a user or a password. The server gives every value as it
prints it, and the column gets its exact type only where each of its values fits: whole numbers and declared numerics stay what they
are, digit by digit, and text keeps its zeros.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from segments.config.source import is_query
from segments.data.rows import quoted
from segments.errors import DataError, SegmentsError, first_line

ROWS_PER_FETCH = 10_000
MOST_DIGITS = 38  # of a numeric, in parquet
VARIABLES = ("PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD")
SESSION = (
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL statement_timeout = '10min'",
)
# DuckDB's type for what PostgreSQL calls a column's; numerics by their digits, everything else stays text as printed.
TYPES = {
    **dict.fromkeys(("int2", "int4", "int8"), "BIGINT"),
    **dict.fromkeys(("float4", "float8"), "DOUBLE"),
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
}


class Database:
    """The database that the environment names, opened when the first table is asked for; a context.

    Parameters
    ----------
    where : str
        What asks, for messages: ``conf/source/NAME.yaml: fetch``.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._connection: Any = None

    def __enter__(self) -> Database:
        """Nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened."""
        if self._connection is not None:
            self._connection.close()

    def snapshot(self, table: str, queries: Mapping[str, str], target: Path) -> list[str]:
        """Write a table, or the answer of a query, as parquet: the same rows make the same file, in order of all columns.

        Parameters
        ----------
        table : str
            ``TABLE`` or ``SCHEMA.TABLE``, or ``conf/query/NAME.sql``, whose SQL goes to the server in a read-only transaction.
        queries : mapping of str to str
            SQL by the path of its file.
        target : Path
            The file.

        Returns
        -------
        list of str
            What a person should know of its columns.

        Raises
        ------
        SegmentsError
            If there is no driver.
        DataError
            If the database does not let us in, or does not give the table.
        """
        with self._errors(table), tempfile.TemporaryDirectory(prefix="segments-snapshot-") as folder:
            import psycopg
            from psycopg import sql

            if self._connection is None:
                self._connection = _open()
            named = sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table.split(".")))
            # a named cursor takes one SELECT and nothing else
            with self._connection.cursor(name="snapshot") as cursor:
                cursor.execute(queries[table] if is_query(table) else named)
                types = {column.name: _type(column) for column in cursor.description}
                if len(types) < len(cursor.description):
                    raise psycopg.ProgrammingError("two columns have one name")
                schema = pa.schema(dict.fromkeys(types, pa.string()))
                with pq.ParquetWriter(Path(folder, "printed.parquet"), schema) as file:
                    while rows := cursor.fetchmany(ROWS_PER_FETCH):
                        file.write_table(
                            pa.table([pa.array(cells) for cells in zip(*rows, strict=True)], schema=schema)
                        )
            return _typed(Path(folder), types, target)

    @contextmanager
    def _errors(self, table: str) -> Iterator[None]:
        """What the driver says, in our words and without what is secret."""
        try:
            import psycopg
        except ImportError as error:
            raise SegmentsError(
                "the driver of PostgreSQL is not installed",
                where=self.where,
                fix="install it: `pip install 'segments[postgresql]'`",
            ) from error
        try:
            yield
        except psycopg.Error as error:
            said = first_line(error)
            for name in ("PGPASSWORD", "PGUSER"):
                said = said.replace(f'"{os.environ[name]}"', f"${name}") if os.environ.get(name) else said
            if self._connection is None:
                what, fix = (
                    f"the database does not let us in: {said}",
                    f"see that it runs, and set {', '.join(VARIABLES)}",
                )
            else:
                what, fix = (
                    f"the database does not give {table}: {said}",
                    "mend the name or the SQL, or ask for the right to read it",
                )
            # not `from error`: its text names the user
            raise DataError(what, where=self.where, fix=fix) from None


def _open() -> Any:
    """Connect as the environment says; reads only, all of it as of one instant."""
    import psycopg
    from psycopg.adapt import Loader

    class AsPrinted(Loader):
        def load(self, data: Any) -> str:
            return bytes(data).decode()

    connection = psycopg.connect("", connect_timeout=10, client_encoding="UTF8", application_name="segments")
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    for kind in psycopg.adapters.types:
        for number in (kind.oid, kind.array_oid):
            connection.adapters.register_loader(number, AsPrinted)
    for setting in SESSION:
        connection.execute(setting)
    return connection


def _type(column: Any) -> str:
    """DuckDB's type for a column, if its values fit."""
    import psycopg

    known = psycopg.adapters.types.get(column.type_code)
    name = known.name if known is not None else ""
    if name == "numeric" and column.precision is not None and column.precision <= MOST_DIGITS and column.scale >= 0:
        return f"DECIMAL({column.precision}, {column.scale})"
    return TYPES.get(name, "VARCHAR")


def _typed(folder: Path, types: Mapping[str, str], target: Path) -> list[str]:
    """Give every column its type, unless a value does not fit it (an infinite day, a NaN among numerics): then the text as printed."""
    settings: dict[str, Any] = {"threads": 1, "temp_directory": str(folder / "spill")}
    notes = []
    with duckdb.connect(":memory:", config=settings) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        printed = connection.read_parquet(str(folder / "printed.parquet"))
        cells = []
        for name, kind in types.items():
            column = quoted(name)
            odd = printed.filter(
                f"{column} IS NOT NULL AND (try_cast({column} AS {kind}) IS NULL OR {column} IN ('infinity', '-infinity'))"
            )
            if kind not in ("VARCHAR", "DOUBLE") and (first := odd.project(column).limit(1).fetchall()):
                notes.append(f"{name} stays text: '{first[0][0]}' is no {kind}")
                kind = "VARCHAR"
            if kind == "TIMESTAMPTZ":
                notes.append(f"{name} holds instants, kept in UTC")
            cells.append(f"CAST({column} AS {kind}) AS {column}")
        printed.project(", ".join(cells)).order("ALL").write_parquet(str(target), compression="zstd")
    return notes
