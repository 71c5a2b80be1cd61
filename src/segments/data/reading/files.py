"""The edge that opens raw files. Comes in: paths and hints of a source. Goes out: cells for :mod:`segments.data.clean`.

Three kinds of files, told apart by their names and checked by their first bytes (:mod:`segments.data.reading.kinds`): CSV (``.csv``,
``.tsv``, ``.txt``), parquet, xlsx. What the source does not say about a CSV is found out from the file
(:mod:`segments.data.reading.dialect`). A customers table becomes text cells in pandas; a transaction log becomes a DuckDB relation,
which streams and spills to a temporary folder (``TMPDIR``), so that it may be larger than memory. Every
failure is one :class:`~segments.errors.DataError`.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv_format
import pyarrow.parquet as pq

from segments.config.source import Reader, Source
from segments.data.reading.cells import EXACT
from segments.data.reading.dialect import Dialect, decimal_mark, decoding, dialect_of
from segments.data.reading.kinds import SCORED, first_bytes, guarded, kind_of, refuse_foreign, refuse_repeated
from segments.data.rows import RawLog, RawTable
from segments.errors import DataError, first_line

ROWS_AT_ONCE = 1 << 17  # of a parquet to score, and about as many of a CSV
BYTES_AT_ONCE = 1 << 22
ODD_AT_FIRST = (
    100_000  # rows not as long as the header before the first that is: more, and the file is not what it seems
)


# --- what the stages call -----------------------------------------------------------------------------------------


def read_customers(source: Source, project: Path = Path()) -> RawTable:
    """Read a source's customers table, every cell as text.

    Parameters
    ----------
    source : Source
        Names the file (``source.customers.path``) and how to read it.
    project : Path
        Folder the path is relative to.

    Raises
    ------
    DataError
        If the file is missing, empty, not what its name says, or cannot be read; says which line where it can.
    """
    assert source.customers is not None
    return read_cells(_existing(project, source.customers.path, source.name), source.customers.read)


@contextmanager
def open_log(source: Source, project: Path = Path()) -> Iterator[RawLog]:
    """Open a source's transaction log (and products) in DuckDB; results live as long as the ``with`` block.

    Raises
    ------
    DataError
        As :func:`read_customers`.
    """
    spec = source.transactions
    assert spec is not None
    with workspace(project / spec.path) as (connection, folder):
        lines, decimal, notes = relation(
            connection, _existing(project, spec.path, source.name), spec.read, folder, "raw_lines"
        )
        products = None
        if spec.products is not None:
            path = _existing(project, spec.products.path, source.name)
            products, _, more = relation(connection, path, spec.products.read, folder, "raw_products")
            notes += more
        yield RawLog(connection, lines, products, decimal, notes)


def read_cells(path: Path, reader: Reader) -> RawTable:
    """Read a whole file as text cells; same errors as :func:`read_customers`."""
    head = first_bytes(path)
    kind = kind_of(path)
    refuse_foreign(path, head, kind)
    if kind == "csv":
        return _read_csv(path, head, reader)
    decimal = reader.decimal or "."
    if kind == "parquet":
        frame = guarded(path, "parquet file", lambda: pd.read_parquet(path, dtype_backend="numpy_nullable"))
    else:
        frame = _read_xlsx(path, reader)
    refuse_repeated(path, [str(name) for name in frame.columns])
    if frame.empty:
        raise DataError(f"{path} has a header but no rows", where=str(path), fix="check the file")
    return RawTable(as_text(frame, decimal), decimal)


@dataclass(frozen=True)
class Rows:
    """An open file of rows to score.

    Parameters
    ----------
    headers : list of str
        Its columns.
    decimal : {".", ","}
        Decimal mark of text cells.
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
        As :func:`read_customers`; while it is read, if a quote is not closed, or no row is as long as the header.
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
    return Rows(dialect.header, dialect.decimal, encoding, notes, lambda headers: _csv_batches(path, dialect, headers))


def _csv_batches(path: Path, dialect: Dialect, headers: list[str]) -> Iterator[pa.RecordBatch]:
    """Cells of a CSV under these headers, as text, chunk by chunk."""
    odd: deque[tuple[int, str]] = (
        deque()
    )  # rows not as long as the header: their place in the file, what they look like
    leading, cause = 0, ""

    def put_aside(row: csv_format.InvalidRow) -> str:
        # pyarrow calls this in the order of the file, and may be chunks ahead
        nonlocal leading, cause
        place = row.number - 2  # rows are numbered from 1, the header among them
        leading += place == leading
        if not _ends_well(row.text, dialect.separator):  # what looks like one row is several
            cause = f"a quote that begins in row {place + 1} is not closed in its line"
        elif leading > ODD_AT_FIRST:
            cause = f"its header has {row.expected_columns} fields, and none of the first {leading:,} rows has as many"
        fields = f"{row.actual_columns} field{'s' * (row.actual_columns != 1)}"
        odd.append((place, f"{fields}, the header has {row.expected_columns}: {row.text[:60]!r}"))
        return "error" if cause else "skip"

    types = dict.fromkeys(headers, pa.string())
    options = {
        "read_options": csv_format.ReadOptions(
            encoding=dialect.encoding,
            block_size=BYTES_AT_ONCE,
            column_names=dialect.header,
            skip_rows_after_names=1,
            use_threads=False,  # with several, pyarrow does not number the rows; text cells gain nothing from them
        ),
        "parse_options": csv_format.ParseOptions(
            delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=put_aside
        ),
        "convert_options": csv_format.ConvertOptions(
            include_columns=headers, column_types=types, strings_can_be_null=False
        ),
    }
    done = 0
    try:
        for batch in csv_format.open_csv(path, **options):
            whole = _put_back(batch, odd, done)
            done += len(whole)
            yield whole
    except (pa.ArrowInvalid, UnicodeError, OSError) as error:
        if not cause:
            cause = first_line(error)
        if "straddling" in cause:
            cause = f"a quote is not closed, or a row is longer than {BYTES_AT_ONCE >> 20} MiB"
        raise DataError(
            f"{path} cannot be read: {cause}",
            where=str(path),
            fix="mend it (look for an unclosed quote), or set read.separator or read.encoding",
        ) from error
    if odd:
        yield _put_back(pa.RecordBatch.from_pylist([], schema=pa.schema(types)), odd, done)


def _ends_well(text: str, separator: str) -> bool:
    """Whether a row that is not as long as the header is one all the same: on one line, or broken inside closed quotes only."""
    if not {"\n", "\r"} & set(text.strip()):
        return True
    try:
        return len(list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))) == 1
    except csv.Error:
        return False


def _put_back(batch: pa.RecordBatch, odd: deque[tuple[int, str]], done: int) -> pa.RecordBatch:
    """Put the odd rows that stood among or right behind these, or before them, back in their places; `done` rows of the file stand before them all."""
    before: list[int] = []  # rows of the batch before each
    looks: list[str] = []
    while odd and (here := odd[0][0] - done - len(before)) <= len(batch):
        before.append(here)
        looks.append(odd.popleft()[1])
    if not before:
        return batch
    rows = np.insert(np.arange(len(batch)), before, -1)
    reasons = np.full(len(rows), None, dtype=object)
    reasons[rows < 0] = looks
    return batch.take(pa.array(rows, mask=rows < 0)).append_column("", pa.array(reasons, pa.string()))


# --- files of any kind --------------------------------------------------------------------------------------------


def _existing(project: Path, path: str, source: str) -> Path:
    full = project / path
    if not full.exists():
        raise DataError(
            f"the raw file {path} is missing",
            where=str(full.absolute()),
            fix=f"run `segments fetch source={source}`, or mend the path in conf/source/{source}.yaml",
        )
    return full


def _read_xlsx(path: Path, reader: Reader) -> pd.DataFrame:
    def read() -> tuple[list[str], pd.DataFrame | None]:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            names = [str(name) for name in book.sheet_names]
            if reader.sheet is not None and reader.sheet not in names:
                return names, None
            return names, book.parse(
                reader.sheet or names[0], header=None, dtype=object, keep_default_na=False, na_filter=False
            )

    names, grid = guarded(path, "Excel file", read)
    if grid is None:
        raise DataError(
            f"{path} has no sheet '{reader.sheet}'",
            where=str(path),
            fix=f"its sheets are: {', '.join(names)}; set read.sheet",
        )
    blank = grid.map(lambda cell: cell is None or (isinstance(cell, float) and cell != cell) or str(cell).strip() == "")
    grid = grid.loc[~blank.all(axis=1), ~blank.all(axis=0)]
    if grid.empty:
        raise DataError(f"{path} is empty", where=str(path), fix="check the sheet (read.sheet)")
    header = [str(cell).strip() or f"column {position}" for position, cell in enumerate(grid.iloc[0], start=1)]
    frame: pd.DataFrame = grid.iloc[1:].reset_index(drop=True)
    frame.columns = pd.Index(header)
    return frame


def as_text(frame: pd.DataFrame, decimal: str) -> pd.DataFrame:
    """Typed cells as the text a CSV would hold; missing stays missing."""
    columns = {}
    for name, column in frame.items():
        if pd.api.types.is_integer_dtype(column) or isinstance(column.dtype, pd.StringDtype):
            columns[str(name)] = column.astype("string")
        else:
            columns[str(name)] = pd.Series(
                [_cell_text(cell, decimal) for cell in column], index=column.index, dtype="string"
            )
    return pd.DataFrame(columns, index=frame.index)


def _cell_text(cell: Any, decimal: str) -> str | None:
    if cell is None or cell is pd.NaT or cell is pd.NA or (isinstance(cell, float) and cell != cell):
        return None
    if isinstance(cell, int | float) and EXACT <= abs(cell) < float("inf"):
        # Larger than a float can count (whole numbers of a workbook are floats, too): as an id it is none any more.
        return f"{cell:.16e}".replace(".", decimal)
    if isinstance(cell, float):
        # An id column with one missing value arrives as float: 7.0 is the id 7.
        text = str(int(cell)) if cell.is_integer() else repr(float(cell))
        return text.replace(".", decimal)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)


# --- CSV ----------------------------------------------------------------------------------------------------------


def _read_csv(path: Path, head: bytes, reader: Reader) -> RawTable:
    dialect = dialect_of(path, head, reader)
    rows: list[list[str]] = []
    with decoding(path, dialect.encoding), path.open(encoding=dialect.encoding, newline="") as file:
        lines = csv.reader(file, delimiter=dialect.separator, strict=True)
        try:
            next(line for line in lines if any(line))
            for line in lines:
                if not line:
                    continue
                if len(line) != len(dialect.header):
                    raise _ragged(path, lines.line_num, len(dialect.header), len(line))
                rows.append(line)
        except csv.Error as error:
            raise DataError(
                f"line {lines.line_num} of {path} cannot be read: {error}",
                where=str(path),
                fix="look for an unclosed quote in or before that line",
            ) from error
    if not rows:
        raise DataError(f"{path} has a header but no rows", where=str(path), fix="check the file")
    cells = pd.DataFrame(rows, columns=dialect.header, dtype="string")
    decimal = reader.decimal or decimal_mark(rows)
    return RawTable(
        cells,
        decimal,
        dialect.notes + ([] if reader.decimal or decimal == "." else ["decimal commas were found and read as such"]),
    )


def _ragged(path: Path, line: int, expected: int, found: int) -> DataError:
    return DataError(
        f"line {line} of {path} has {found} field{'s' * (found != 1)}, its header has {expected}",
        where=f"{path}, line {line}",
        fix="mend that line (an unquoted separator or a missing field?), or set read.separator",
    )


# --- DuckDB -------------------------------------------------------------------------------------------------------


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
                guarded(path, "parquet file", lambda: read_through(path))
            raise
        finally:
            connection.close()


def read_through(path: Path) -> None:
    """Read every value of a parquet file; raises DuckDB's error where one cannot be read."""
    duckdb.read_parquet(str(path)).aggregate("bit_xor(hash(COLUMNS(*)))").fetchall()


def relation(
    connection: duckdb.DuckDBPyConnection, path: Path, reader: Reader, folder: Path, name: str
) -> tuple[duckdb.DuckDBPyRelation, str, list[str]]:
    """Open a file as a DuckDB relation, its decimal mark, and notes on guesses."""
    head = first_bytes(path)
    kind = kind_of(path)
    refuse_foreign(path, head, kind)
    if kind == "parquet":
        relation = guarded(path, "parquet file", lambda: connection.read_parquet(str(path)))
        guarded(path, "parquet file", lambda: relation.aggregate("count(*)").fetchall())
        return relation, reader.decimal or ".", []
    if kind == "xlsx":
        raw = read_cells(path, reader)
        connection.from_arrow(pa.Table.from_pandas(raw.cells, preserve_index=False)).create(name)
        return connection.table(name), raw.decimal, raw.notes
    dialect = dialect_of(path, head, reader)
    text = path if dialect.encoding == "utf-8" else folder / f"{name}.csv"
    if text != path:
        with (
            decoding(path, dialect.encoding),
            path.open(encoding=dialect.encoding, newline="") as raw_text,
            text.open("w", encoding="utf-8", newline="") as copy,
        ):
            while block := raw_text.read(1 << 20):
                copy.write(block)
    try:
        lines = connection.read_csv(
            str(text),
            header=True,
            sep=dialect.separator,
            quotechar='"',
            escapechar='"',
            columns=dict.fromkeys(dialect.header, "VARCHAR"),
            auto_detect=False,
            strict_mode=True,
        )
        lines.create(name)  # parsed once, in full: a bad line is named here, and later passes read the parsed columns
    except duckdb.Error as error:
        raise _csv_error(path, error) from error
    table = connection.table(name)
    return table, dialect.decimal, dialect.notes


def _csv_error(path: Path, error: duckdb.Error) -> DataError:
    message = str(error)
    line = re.search(r"Line: (\d+)", message)
    fields = re.search(r"Number of Columns: (\d+) Found: (\d+)", message)
    if line and fields:
        return _ragged(path, int(line[1]), int(fields[1]), int(fields[2]))
    place = f"line {line[1]} of {path}" if line else str(path)
    cause = "a quote is not closed" if "unterminated quote" in message else message.splitlines()[0]
    return DataError(
        f"{place} cannot be read: {cause}",
        where=str(path),
        fix="mend the file; look for an unclosed quote in or before that line",
    )
