"""Tables of Spark that answer as DuckDB's relations do, so that a log is cleaned by one set of rules wherever it lies.

What a row says of itself (is this a number, a time, an id?) is DuckDB's SQL on Spark, too: batches go to DuckDB in the workers, by the
very text that one machine runs. What many rows say together (counts, groups, joins) is SQL that both know, and Spark does it. So the two
agree to the last byte without a second grammar of numbers and times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import duckdb
import pandas as pd
import pyarrow as pa

from segments.data import returns
from segments.data.rows import ROW_NUMBER, RawLog, quoted
from segments.io.engines import carried
from segments.io.engines.spark import back_quoted

RAW_PLACE = "segments place"  # of a raw row in its files
_NUMBERED = "row_number() OVER ()"
_EVERY = re.compile(r"(^|, )\*(?=$|, )")


@dataclass(frozen=True)
class SparkRows:
    """A table of Spark, with the methods of DuckDB's relations that cleaning asks for; each means the same.

    Parameters
    ----------
    tables : SparkTables
        The session it lives in.
    frame : pyspark.sql.DataFrame
        What Spark has.
    layers : tuple of (str, str)
        DuckDB's SQL over it, each layer over the one before: what is selected, and where.
    hidden : str
        A column that says where a row stood; it is there, and not among :attr:`columns`.
    """

    tables: SparkTables
    frame: Any
    layers: tuple[tuple[str, str], ...] = ()
    hidden: str = ""

    # --- what it holds

    @cached_property
    def _schema(self) -> pa.Schema:
        """As Arrow has it."""
        from pyspark.sql.pandas.types import to_arrow_schema

        given = to_arrow_schema(self.frame.schema, timezone="UTC")
        with _connected({"batch": given.empty_table(), **self._sides}) as connection:
            return connection.sql(self._query("batch")).to_arrow_table().schema

    @cached_property
    def _shown(self) -> list[tuple[str, str]]:
        with _connected({"batch": self._schema.empty_table()}) as connection:
            table = connection.table("batch")
            return [
                (name, str(kind)) for name, kind in zip(table.columns, table.types, strict=True) if name != self.hidden
            ]

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""
        return [name for name, _ in self._shown]

    @property
    def types(self) -> list[str]:
        """DuckDB's names of their types."""
        return [kind for _, kind in self._shown]

    def _query(self, source: str) -> str:
        query = f"FROM {source}"
        for selected, where in self.layers:
            query = f"SELECT {selected} FROM ({query})" + (f" WHERE {where}" if where else "")  # noqa: S608 - columns are quoted
        return query

    @property
    def _sides(self) -> dict[str, pa.Table]:
        """The small tables that its SQL names."""
        words = set(re.findall(r"\w+", str(self.layers)))
        return {name: self.tables.small(name) for name in sorted(self.tables.named & words)}

    def spark(self) -> Any:
        """The frame of Spark that has all of it."""
        if not self.layers:
            return self.frame
        from pyspark.sql.pandas.types import from_arrow_schema

        # Spark cannot see into the SQL: what no layer names need not travel.
        text = " ".join(part for layer in self.layers for part in layer)
        takes_all = all(selected.startswith("*") for selected, _ in self.layers)
        needed = [name for name in self.frame.columns if takes_all or quoted(name)[1:-1] in text]
        frame = self.frame.select(*map(back_quoted, needed or self.frame.columns[:1]))
        return frame.mapInArrow(carried.rows_by_sql(self._query("batch"), self._sides), from_arrow_schema(self._schema))

    def arrow(self) -> pa.Table:
        """All rows, here."""
        return self.spark().toArrow()

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows, here, as tuples."""
        table = self.arrow().select(self.columns)
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def df(self) -> pd.DataFrame:
        """All rows, here, with the types that DuckDB gives pandas."""
        table = self.arrow()
        with _connected({"batch": table}) as connection:
            return connection.table("batch").select(*map(quoted, self.columns)).df()

    # --- row by row: DuckDB in the workers

    def project(self, expressions: str) -> SparkRows:
        """Columns by DuckDB's SQL."""
        if _NUMBERED in expressions:  # only raw rows have a place
            assert self.hidden == RAW_PLACE, "only raw rows are numbered"
            expressions = expressions.replace(_NUMBERED, quoted(RAW_PLACE))
        assert " OVER " not in expressions, "a worker sees some of the rows"
        if self.hidden:
            expressions = _EVERY.sub(lambda found: found[1] + ", ".join(map(quoted, self.columns)), expressions)
        keeps = self.hidden if self.hidden != RAW_PLACE else ""
        more = f", {quoted(keeps)}" if keeps else ""
        return replace(self, layers=(*self.layers, (f"{expressions}{more}", "")), hidden=keeps)

    def filter(self, condition: str) -> SparkRows:
        """The rows of which DuckDB's SQL holds."""
        return replace(self, layers=(*self.layers, ("*", condition)))

    # --- of many rows: SQL that Spark and DuckDB share

    def _asked(self, query: str) -> SparkRows:
        return SparkRows(self.tables, self.tables.session.sql(query, rows=self._named()))

    def _named(self) -> Any:
        """The frame as SQL may name it: PySpark drops that name after the query, and Spark lets go of what is kept by the same plan with it."""
        return self.spark().where("true")

    def aggregate(self, expressions: str, group: str = "") -> SparkRows:
        """Aggregates of its columns."""
        return self._asked(f"SELECT {expressions} FROM {{rows}}" + (f" GROUP BY {group}" if group else ""))  # noqa: S608 - SQL of our own

    def order(self, keys: str) -> SparkRows:
        """In order; rows in the order of the log stay where they are, and keep their number as a hidden column."""
        if keys == ROW_NUMBER:
            return replace(self, hidden=ROW_NUMBER.strip('"'))
        return self._asked(f"SELECT * FROM {{rows}} ORDER BY {keys}")  # noqa: S608 - SQL of our own

    def limit(self, rows: int) -> SparkRows:
        """Some rows."""
        return replace(self, frame=self.spark().limit(rows), layers=())

    def distinct(self) -> SparkRows:
        """Different rows."""
        shown = self.spark().select(*map(back_quoted, self.columns))
        return SparkRows(self.tables, shown.distinct())

    def join(self, other: SparkRows, condition: str, how: str = "inner") -> SparkRows:
        """Joined to another table, by equal columns."""
        joined = f"SELECT * FROM {{one}} {how} JOIN {{another}} ON {condition}"  # noqa: S608 - SQL of our own
        return SparkRows(self.tables, self.tables.session.sql(joined, one=self._named(), another=other._named()))

    # --- named

    def create(self, name: str) -> None:
        """Make a table of it: it is computed once."""
        self.tables.keep(name, self)

    def create_view(self, name: str) -> None:
        """Give it a name."""
        self.tables.put(name, self)


class SparkTables:
    """The tables of a session by name, in place of a connection of DuckDB.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        The session.
    """

    def __init__(self, session: Any) -> None:
        from pyspark.cloudpickle import register_pickle_by_value

        for module in (carried, returns):
            register_pickle_by_value(module)
        self.session = session
        self.made: dict[str, SparkRows] = {}
        self._small: dict[str, pa.Table] = {}
        self._kept: list[Any] = []

    @property
    def named(self) -> set[str]:
        """Names of tables that SQL may name."""
        return {*self.made, *self._small}

    def put(self, name: str, rows: SparkRows) -> None:
        """Name a table."""
        frame = rows.spark()
        frame.createOrReplaceTempView(name)
        self.made[name] = SparkRows(self, frame)

    def keep(self, name: str, rows: SparkRows) -> None:
        """Name a table, and keep it beside the workers as long as :meth:`close` is not called."""
        from pyspark.storagelevel import StorageLevel

        frame = rows.spark().persist(StorageLevel.DISK_ONLY)
        self._kept.append(frame)
        self.put(name, SparkRows(self, frame))

    def small(self, name: str) -> pa.Table:
        """A named table, here: what workers are to have beside their rows."""
        if name not in self._small:
            self._small[name] = self.made[name].arrow()
        return self._small[name]

    def table(self, name: str) -> SparkRows:
        """A named table."""
        return self.made[name]

    def sql(self, query: str) -> SparkRows:
        """What a query over named tables answers, in SQL that both engines know."""
        return SparkRows(self, self.session.sql(query))

    def register(self, name: str, table: pd.DataFrame) -> None:
        """Name a small table of this machine."""
        self._small[name] = pa.Table.from_pandas(table, preserve_index=False)

    def close(self) -> None:
        """Let go of what was kept."""
        for frame in self._kept:
            frame.unpersist()


@dataclass(frozen=True)
class SparkLog(RawLog):
    """A raw log of Spark, which the cleaner takes for one of DuckDB's."""

    def whole_returns(self, rows: Any) -> Any:
        """As of any raw log; each customer's lines go to one worker."""
        keys = [*returns.RETURN_KEYS, *returns.RETURN_ORDER]
        parted = rows.spark().repartition(*returns.RETURN_KEYS).sortWithinPartitions(*keys)
        found = parted.mapInArrow(carried.returned_rows(returns.returned), "row BIGINT, sent_back_at TIMESTAMP_NTZ")
        return SparkRows(rows.tables, found)


def raw_log(tables: SparkTables, lines: Any, products: Any, decimal: str | None, notes: list[str]) -> RawLog:
    """A raw log as the cleaner takes it, of frames that have a column :data:`RAW_PLACE`."""
    # The cleaner asks a relation for nothing that SparkRows has not.
    as_relation = cast("Any", SparkRows)
    return SparkLog(
        cast("duckdb.DuckDBPyConnection", tables),
        as_relation(tables, lines, hidden=RAW_PLACE),
        decimal,
        notes,
        None if products is None else as_relation(tables, products, hidden=RAW_PLACE),
    )


def _connected(tables: Mapping[str, pa.Table]) -> Any:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    for name, table in tables.items():
        connection.register(name, table)
    return connection
