"""The edge that opens raw files. Comes in: paths and hints of a source. Goes out: tables for the cleaners, as relations of DuckDB.

Three kinds of files, told apart by their names and checked by their first bytes (:mod:`segments.data.reading.kinds`): CSV (``.csv``,
``.tsv``, ``.txt``), parquet, workbooks (``.xlsx``, ``.xlsm``, ``.xls``). What the source does not say about a CSV is found out from the file
(:mod:`segments.data.reading.dialect`). DuckDB streams, and spills to a temporary folder (``TMPDIR``), so that a file may be larger than
memory. Every failure is one :class:`~segments.errors.DataError`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segments.config.source import Reader, Source, paths_of
from segments.data.reading.cells import text_sql
from segments.data.reading.dialect import FIRST_LINES, decimal_mark, dialect_of
from segments.data.reading.kinds import SCORED, first_bytes, guarded, kind_of, refuse_foreign, refuse_repeated
from segments.data.reading.text_file import ROWS_AT_ONCE, text_batches, text_table
from segments.data.rows import RawCells, RawLog, RawTable, normal_header, quoted, quoted_list
from segments.errors import DataError

# --- what the stages call -----------------------------------------------------------------------------------------


@contextmanager
def open_customers(source: Source, project: Path = Path()) -> Iterator[RawTable]:
    """Open a source's customers table in DuckDB; results live as long as the ``with`` block.

    Parameters
    ----------
    source : Source
        Names the files (``source.customers.path``) and how to read them.
    project : Path
        Folder the paths are relative to.

    Raises
    ------
    DataError
        If a file is missing, empty, not what its name says, or cannot be read; says which line where it can.
    """
    spec = source.customers
    assert spec is not None
    with workspace(project / paths_of(spec.path)[0]) as (connection, folder):
        paths = raw_files(project, spec.path, source.name)
        yield RawTable(connection, *relation(connection, paths, spec.read, folder, "raw_customers"))


@contextmanager
def open_log(source: Source, project: Path = Path()) -> Iterator[RawLog]:
    """Open a source's transaction log (and products) in DuckDB; results live as long as the ``with`` block.

    Raises
    ------
    DataError
        As :func:`open_customers`.
    """
    spec = source.transactions
    assert spec is not None
    with workspace(project / paths_of(spec.path)[0]) as (connection, folder):
        paths = raw_files(project, spec.path, source.name)
        lines, decimal, notes = relation(connection, paths, spec.read, folder, "raw_lines")
        products = None
        if spec.products is not None:
            paths = raw_files(project, spec.products.path, source.name)
            products, _, more = relation(connection, paths, spec.products.read, folder, "raw_products")
            notes += more
        yield RawLog(connection, lines, decimal, notes, products)


def read_cells(path: Path, reader: Reader) -> RawCells:
    """Read a whole file as text cells; same errors as :func:`open_customers`."""
    with workspace(path) as (connection, folder):
        rows, decimal, _ = relation(connection, path, reader, folder, "raw_cells")
        return RawCells(as_text(rows), decimal or ".")


def as_text(rows: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """Cells as the text a CSV would hold; missing stays missing."""
    kinds = dict(zip(rows.columns, map(str, rows.types), strict=True))
    plain = Reader(missing=[])
    cells = [
        quoted(name) if kind == "VARCHAR" else f"{text_sql(name, kind, plain)} AS {quoted(name)}"
        for name, kind in kinds.items()
    ]
    return rows.project(", ".join(cells)).df().astype("string")


@dataclass(frozen=True)
class Rows:
    """An open file of rows to score.

    Parameters
    ----------
    headers : list of str
        Its columns.
    decimal : {".", ",", ""}
        Decimal mark of text cells; "" where the first rows do not tell.
    encoding : str or None
        How the text of a CSV is read.
    notes : list of str
        What was assumed about it.
    batches : callable
        Takes the headers wanted; yields them as :class:`pyarrow.RecordBatch`, in the order of the file. A row of a CSV that is not as long as
        the header has no cells; in a batch with such rows a last column says of them what they look like.
    """

    headers: list[str]
    decimal: str
    encoding: str | None
    notes: list[str]
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]


def open_rows(path: Path, reader: Reader) -> Rows:
    """Open a CSV or parquet of any length, to be read in chunks: cells of a CSV stay text, those of a parquet have their types.

    Raises
    ------
    DataError
        As :func:`open_customers`; while it is read, if a quote is not closed, or no row is as long as the header.
    """
    head = first_bytes(path)
    kind = kind_of(path, SCORED)
    refuse_foreign(path, head, kind, SCORED)
    if kind == "parquet":
        file = guarded(path, "parquet file", lambda: pq.ParquetFile(path))
        refuse_repeated(path, file.schema_arrow.names)

        def parquet_batches(headers: list[str]) -> Iterator[pa.RecordBatch]:
            batches = file.iter_batches(batch_size=ROWS_AT_ONCE, columns=headers)
            while (batch := guarded(path, "parquet file", lambda: next(batches, None))) is not None:
                yield batch.select(headers)

        return Rows(file.schema_arrow.names, reader.decimal or ".", None, [], parquet_batches)
    dialect = dialect_of(path, head, reader)
    encoding = "utf-8" if dialect.encoding == "utf-8-sig" else dialect.encoding
    notes = dialect.notes or ([f"{path.name} was read as {encoding}"] if encoding != "utf-8" else [])

    def csv_batches(headers: list[str]) -> Iterator[pa.RecordBatch]:
        with workspace(path) as (connection, folder):
            yield from text_batches(connection, path, dialect, folder, headers)

    return Rows(dialect.header, dialect.decimal or "", encoding, notes, csv_batches)


# --- files of any kind --------------------------------------------------------------------------------------------


def raw_files(project: Path, path: str | list[str], source: str) -> list[Path]:
    """The files of a table: a path with ``*`` is all that it fits, by name.

    Raises
    ------
    DataError
        If there is none.
    """
    found: list[Path] = []
    for one in paths_of(path):
        fitting = sorted(project.glob(one)) if "*" in one and not Path(one).is_absolute() else [project / one]
        if not fitting or not fitting[0].exists():
            raise DataError(
                f"the raw file {one} is missing" if "*" not in one else f"no raw file is called like {one}",
                where=str((project / one).absolute()),
                fix=f"run `segments fetch source={source}`, or mend the path in conf/source/{source}.yaml",
            )
        found += fitting
    return list(dict.fromkeys(found))


@contextmanager
def workspace(path: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Open a DuckDB connection that may spill to a temporary folder, and never loads anything from the network.

    A parquet file that is being looked at is read as it is needed, so its damage may show anywhere in the block.
    """
    with tempfile.TemporaryDirectory(prefix="segments-") as folder:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": str(Path(folder) / "spill"),
            "autoinstall_known_extensions": "false",
        }
        connection = duckdb.connect(":memory:", config=settings)
        try:
            connection.execute("SET TimeZone = 'UTC'")  # times with a zone must not depend on the machine
            yield connection, Path(folder)
        except duckdb.Error:
            if path.suffix.lower() == ".parquet":
                for one in sorted(path.parent.glob(path.name)):
                    guarded(one, "parquet file", partial(read_through, one))
            raise
        finally:
            connection.close()


def read_through(path: Path) -> None:
    """Read every value of a parquet file; raises DuckDB's error where one cannot be read."""
    duckdb.read_parquet(str(path)).aggregate("bit_xor(hash(COLUMNS(*)))").fetchall()


def relation(
    connection: duckdb.DuckDBPyConnection, path: Path | Sequence[Path], reader: Reader, folder: Path, name: str
) -> tuple[duckdb.DuckDBPyRelation, str | None, list[str]]:
    """Open a file, or several of the same columns, as one relation of DuckDB.

    Returns
    -------
    DuckDBPyRelation
        The rows, in the order of the files.
    str or None
        Their decimal mark, as configured or where the files leave no doubt.
    list of str
        What was guessed, and what was left out.

    Raises
    ------
    DataError
        If a file cannot be read, or lacks a column of the first.
    """
    parts: list[tuple[str, duckdb.DuckDBPyRelation]] = []
    decimals: set[str | None] = set()
    notes: list[str] = []
    for number, one in enumerate([path] if isinstance(path, Path) else path):
        for label, table, decimal, more in _tables(connection, one, reader, folder, f"{name}_{number}"):
            parts.append((label, table))
            decimals.add(decimal)
            notes += [note for note in more if note not in notes]
    known = decimals - {None}
    decimal = known.pop() if len(known) == 1 else None
    if len(parts) == 1:
        return parts[0][1], decimal, notes
    notes.append(f"{len(parts)} tables are read as one: {quoted_list((Path(label).name for label, _ in parts), 4)}")
    return _together(connection, parts, name, notes), decimal, notes


def _tables(
    connection: duckdb.DuckDBPyConnection, path: Path, reader: Reader, folder: Path, name: str
) -> Iterator[tuple[str, duckdb.DuckDBPyRelation, str | None, list[str]]]:
    """The tables of one file: more than one only in a workbook."""
    head = first_bytes(path)
    kind = kind_of(path)
    refuse_foreign(path, head, kind)
    if kind == "parquet":
        lines = guarded(path, "parquet file", lambda: connection.read_parquet(str(path)))
        if not guarded(path, "parquet file", lambda: lines.aggregate("count(*)").fetchall())[0][0]:
            raise DataError(f"{path} has a header but no rows", where=str(path), fix="check the file")
        yield str(path), lines, reader.decimal, []
    elif kind == "xlsx":
        from segments.data.reading.workbook import sheets

        for number, (sheet, table, notes) in enumerate(sheets(path, reader)):
            connection.from_arrow(table).create(f"{name}_{number}")
            yield (
                f"{path}, sheet {sheet}",
                connection.table(f"{name}_{number}"),
                reader.decimal or _mark_in(table),
                notes,
            )
    else:
        dialect = dialect_of(path, head, reader)
        lines, notes = text_table(connection, path, dialect, folder, name)
        if not lines.limit(1).fetchall():
            raise DataError(f"{path} has a header but no rows", where=str(path), fix="check the file")
        yield str(path), lines, dialect.decimal, [*dialect.notes, *notes]


def _mark_in(table: pa.Table) -> str | None:
    """The decimal mark of the first cells that a workbook holds as text."""
    texts = [column.slice(0, FIRST_LINES) for column in table.columns if pa.types.is_string(column.type)]
    return decimal_mark(cell.strip() for column in texts for cell in column.to_pylist() if cell)


def _together(
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[tuple[str, duckdb.DuckDBPyRelation]],
    name: str,
    notes: list[str],
) -> duckdb.DuckDBPyRelation:
    """Several tables one after another, under the headers of the first."""
    first, rows = parts[0]
    wanted = {normal_header(header): header for header in rows.columns}
    selects = []
    for number, (label, table) in enumerate(parts):
        own = {normal_header(header): header for header in table.columns}
        if lacking := [header for key, header in wanted.items() if key not in own]:
            raise DataError(
                f"{label} lacks {quoted_list(lacking)}, which {first} has",
                where=label,
                fix=f"all files and sheets that are read as one need the same columns; this one has {quoted_list(table.columns)}",
            )
        if extra := [header for key, header in own.items() if key not in wanted]:
            notes.append(f"{label} has {quoted_list(extra)}, which {first} has not: left out")
        columns = ", ".join(f"{quoted(own[key])} AS {quoted(header)}" for key, header in wanted.items())
        table.project(f'{number} AS "segments part", row_number() OVER () AS "segments row", {columns}').create_view(
            f"{name}_part{number}"
        )
        selects.append(f"SELECT * FROM {name}_part{number}")  # noqa: S608 - names of our own
    union = " UNION ALL ".join(selects)
    together = connection.sql(f"SELECT * FROM ({union})").order('"segments part", "segments row"')  # noqa: S608 - names of our own
    together.project(", ".join(map(quoted, rows.columns))).create(name)
    return connection.table(name)
