"""A source's log on its engine. Comes in: a source with ``engine``. Goes out: raw rows for the cleaner, and the tables Spark keeps.

What Spark keeps has a pointer here: where it lies, its columns and counts, and a digest that depends neither on the order of rows nor on how they
are parted. Who is brought to this machine, a keyed hash of the id says: the same customers on any cluster, and mostly the same next month.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from segments.config.engine import Engine
from segments.config.source import CUSTOMER_ID, TABLE, Reader, Source, is_foreign, paths_of
from segments.data.reading import files as raw_reading
from segments.data.rows import ROW_NUMBER, RawLog, quoted, quoted_list
from segments.errors import DataError
from segments.io.engines import carried
from segments.io.engines.spark import back_quoted, spark_session
from segments.io.engines.spark_rows import RAW_PLACE, SparkTables, raw_log
from segments.io.store import files
from segments.io.store.documents import KeptTable

SALT = "segments sample "  # another than that of control groups: who is looked at says nothing of who is left alone
HASH = f"md5(concat('{SALT}', {CUSTOMER_ID}))"  # SQL of either engine
ROWS_BROUGHT = 1_000_000  # that come to this machine in one go
ROW_COLUMN = ROW_NUMBER.strip('"')


@dataclass(frozen=True)
class LogEngine:
    """A source's log on Spark, as long as the session lasts.

    Parameters
    ----------
    source : Source
        With its ``engine``.
    session : pyspark.sql.SparkSession
        The session.
    tables : SparkTables
        What cleaning makes in between.
    """

    source: Source
    session: Any
    tables: SparkTables

    @property
    def engine(self) -> Engine:
        """As the source says."""
        assert self.source.engine is not None
        return self.source.engine

    def _place(self, name: str) -> str:
        """Where a table of this source is kept, as its pointer says it: an address, or a folder of ``record/``."""
        return f"{(self.engine.folder or 'engine').rstrip('/')}/{self.source.name}/{name}"

    def _opened(self, place: str) -> Any:
        return self.session.read.parquet(_address(place))

    # --- raw

    def raw_log(self, folder: Path) -> RawLog:
        """The raw log, and its products; `folder` is for what has to be made of files that Spark does not read as we do.

        Raises
        ------
        DataError
            If a file is missing or cannot be read.
        """
        spec = self.source.transactions
        assert spec is not None
        lines, decimal, notes = self._raw(spec.path, spec.read, folder / "lines")
        products = None
        if spec.products is not None:
            products, _, more = self._raw(spec.products.path, spec.products.read, folder / "products")
            notes += more
        return raw_log(self.tables, lines, products, decimal, notes)

    def _raw(self, path: str | list[str], reader: Reader, folder: Path) -> tuple[Any, str | None, list[str]]:
        paths = paths_of(path)
        if any(map(is_foreign, paths)):
            frames = [self._foreign(one).selectExpr("*", "monotonically_increasing_id() AS number") for one in paths]
            return _in_a_row(paths, frames), reader.decimal, []
        found = raw_reading.raw_files(Path(), path, self.source.name)
        decimal: str | None = reader.decimal
        notes: list[str] = []
        if any(one.suffix.lower() != ".parquet" for one in found):
            # A CSV or workbook is read by the one reader, and goes on as parquet.
            folder.mkdir(parents=True)
            with raw_reading.workspace(found[0]) as (connection, room):
                rows, decimal, notes = raw_reading.relation(connection, found, reader, room, "raw_lines")
                rows.write_parquet(str(folder / "rows.parquet"), compression="zstd")
            found = [folder / "rows.parquet"]
        read = self.session.read.parquet
        frames = [read(str(one.absolute())).selectExpr("*", "_metadata.row_index AS number") for one in found]
        if len(found) > 1:
            notes.append(f"{len(found)} tables are read as one: {quoted_list((one.name for one in found), 4)}")
        return _in_a_row([str(one) for one in found], frames), decimal, notes

    def _foreign(self, path: str) -> Any:
        if path.startswith(TABLE):
            return self.session.read.table(path.removeprefix(TABLE))
        return self.session.read.parquet(path)

    # --- what is kept

    def keep(self, name: str, frame: Any) -> tuple[KeptTable, Any]:
        """Have a frame written by the engine, then looked at as it lies there."""
        place = self._place(name)
        frame.write.mode("overwrite").parquet(_address(place))
        return self._looked_at(name, place), self._opened(place)

    def _looked_at(self, name: str, place: str) -> KeptTable:
        """What a kept table holds now."""
        frame = self._opened(place)
        columns = {field.name: field.dataType.simpleString() for field in frame.schema if field.name != ROW_COLUMN}
        listed = ", ".join(map(quoted, columns))
        [(rows, customers, total, mixed)] = self.session.sql(
            f"SELECT count(*), count(DISTINCT {CUSTOMER_ID}), sum(CAST(xxhash64({listed}) AS DECIMAL(38, 0))), bit_xor(xxhash64({listed}))"  # noqa: S608 - columns are quoted
            " FROM {rows}",
            rows=frame,
        ).collect()
        summary = repr((sorted(columns.items()), rows, str(total), mixed))
        return KeptTable(name, place, rows, customers, columns, hashlib.sha256(summary.encode()).hexdigest())

    def kept(self, table: KeptTable, stage: str) -> Any:
        """A kept table.

        Raises
        ------
        DataError
            If it is not the one that the pointer says.
        """
        fix = f"run `segments {stage}`: it is made anew"
        try:
            found = self._looked_at(table.name, table.place)
        except Exception as error:
            if not re.search("PATH_NOT_FOUND|UNABLE_TO_INFER_SCHEMA", str(error)):
                raise
            raise DataError(f"the engine no longer has {table.place}", where=table.place, fix=fix) from error
        if found.digest != table.digest:
            raise DataError(
                f"the engine's table is not the one that artifacts/{stage} speaks of", where=table.place, fix=fix
            )
        return self._opened(table.place).drop(ROW_COLUMN)

    # --- everybody

    def joined(self, frame: Any, people: pd.DataFrame) -> Any:
        """Customers of the engine with what a table of this machine knows of them; it may lack some."""
        here = self.session.createDataFrame(pa.Table.from_pandas(people, preserve_index=False))
        return frame.join(here, "customer_id", "left")

    def complete(self, frame: Any, asked: Sequence[str], columns: Sequence[str]) -> Any:
        """Some columns of the rows that lack none of those asked for."""
        whole = frame.dropna(subset=list(asked)) if asked else frame
        return whole.select(*map(back_quoted, columns))

    def texts_by_parts(self, frame: Any, work: Callable[[Iterable[pa.RecordBatch]], str]) -> list[str]:
        """What workers say of a frame: a text for each of its parts, in any order; they need what `work` needs."""
        return [row.text for row in frame.mapInArrow(carried.one_text(work), "text STRING").collect()]

    # --- the sample

    def sample_until(self, log: KeptTable) -> str | None:
        """The last hash of the sample: the customers of the smallest are in it; ``None`` where all are."""
        if log.customers <= self.engine.sample:
            return None
        hashes = f"SELECT DISTINCT {HASH} AS hash FROM {{rows}} ORDER BY hash LIMIT {self.engine.sample}"  # noqa: S608 - SQL of our own
        [(last,)] = self.session.sql(f"SELECT max(hash) FROM ({hashes})", rows=self._opened(log.place)).collect()  # noqa: S608 - SQL of our own
        return str(last)

    def sampled(self, frame: Any, until: str | None) -> Any:
        """The rows of the customers in the sample."""
        return frame if until is None else frame.where(f"{HASH} <= '{until}'")

    def quantiles(self, frame: Any, names: Iterable[str], shares: Sequence[float]) -> dict[str, list[float]]:
        """Exact quantiles of columns, by counting: each a value that occurs (NumPy: ``inverted_cdf``)."""
        names = list(names)
        wanted = ", ".join(
            f"percentile_disc({share}) WITHIN GROUP (ORDER BY {name})" for name in names for share in shares
        )
        [found] = self.session.sql(f"SELECT {wanted} FROM {{rows}}", rows=frame).collect()  # noqa: S608 - SQL of our own
        cuts = iter(found)
        return {name: [float(next(cuts)) for _ in shares] for name in names}

    def fetch_log(self, log: KeptTable, until: str | None, folder: Path) -> duckdb.DuckDBPyRelation:
        """The lines of the sample, here, in the order of the log: read where they lie, or brought to `folder` a piece at a time."""
        files_here = f"{_address(log.place)}/*.parquet"
        if is_foreign(log.place):
            files_here = str(folder / "rows.parquet")
            self._bring(self.sampled(self._opened(log.place), until), Path(files_here))
        connection = duckdb.connect(config={"temp_directory": str(folder / "spill")})
        rows = connection.read_parquet(files_here)
        rows = (rows if until is None else rows.filter(f"{HASH} <= '{until}'")).order(ROW_NUMBER)
        # Of one file DuckDB knows which columns lack nothing, of several it does not, and what is written says so:
        # it would be another file for every number of parts that the engine wrote.
        rows.write_parquet(here := str(folder / "in_order.parquet"), compression="zstd")
        return connection.read_parquet(here)

    def _bring(self, frame: Any, target: Path) -> None:
        pieces = 1 + frame.count() // ROWS_BROUGHT
        with files.growing_table(target, raw=True) as write:
            for piece in range(pieces):
                part = frame.where(f"pmod(xxhash64({CUSTOMER_ID}), {pieces}) = {piece}")
                for batch in part.toArrow().to_batches():
                    write(batch)


def _address(place: str) -> str:
    """What Spark calls a place."""
    return place if is_foreign(place) else str(files.kept(place).absolute())


def _in_a_row(names: list[str], frames: list[Any]) -> Any:
    """Frames one after another, with the place of each row."""
    first, *_ = frames
    wanted = [name for name in first.columns if name != "number"]
    placed = []
    for number, (name, frame) in enumerate(zip(names, frames, strict=True)):
        if lacking := [column for column in wanted if column not in frame.columns]:
            raise DataError(
                f"{name} lacks {quoted_list(lacking)}, which {names[0]} has",
                where=name,
                fix=f"all files that are read as one need the same columns; this one has {quoted_list(frame.columns[:-1])}",
            )
        placed.append(frame.selectExpr(*map(back_quoted, wanted), f"{number << 40}L + number AS `{RAW_PLACE}`"))
    together, *others = placed
    for other in others:
        together = together.unionAll(other)
    return together


@contextmanager
def log_engine(source: Source) -> Iterator[LogEngine]:
    """Open the engine of a source.

    Raises
    ------
    DataError
        If it cannot be reached, or fails within the block.
    """
    assert source.engine is not None
    with spark_session(source.engine, f"conf/source/{source.name}.yaml: engine") as session:
        tables = SparkTables(session)
        try:
            yield LogEngine(source, session, tables)
        finally:
            tables.close()


@contextmanager
def room() -> Iterator[Path]:
    """A folder for what is on its way."""
    with tempfile.TemporaryDirectory(prefix="segments-engine-") as folder:
        yield Path(folder)
