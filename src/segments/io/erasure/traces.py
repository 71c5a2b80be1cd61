"""What one file holds of a customer. Comes in: a file, and whom to look for. Goes out: how many rows, and the same file without them.

A row is his by a column that holds customers. An id that can be taken for nothing else (:attr:`Sought.telling`) is looked for in every cell and every byte,
whatever the file; a short number would be found everywhere, so it is looked for in such columns only.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segments.config.source import Reader
from segments.data.reading.dialect import dialect_of, split_rows
from segments.data.reading.ids import id_key, id_keys
from segments.data.reading.kinds import FILE_KINDS, HEAD_BYTES
from segments.data.rows import normal_header
from segments.errors import DataError

_PARQUET, _ZIP, _GZIP, _SQLITE = b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"SQLite format 3\x00"
_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
_SHORT_NUMBER = re.compile(r"[+-]?\d{1,7}([.,]0{1,2})?")
_FEWEST_SIGNS = 5  # of an id that can be taken for nothing else
_ROWS = 1 << 17  # at once


@dataclass(frozen=True)
class Sought:
    """Whom to look for.

    Parameters
    ----------
    ids : tuple of str
        As they are written.
    id_type : {"auto", "text", "integer"}
        As the source says: whether ``007`` and ``7`` are one customer.
    headers : tuple of str
        What a column of customers may be called; case, blanks and punctuation never matter.
    """

    ids: tuple[str, ...]
    id_type: str
    headers: tuple[str, ...]

    @property
    def telling(self) -> list[str]:
        """Ids that can be taken for nothing else.

        Examples
        --------
        >>> Sought(("7", "C-4711", "0004711"), "auto", ("customer_id",)).telling
        ['C-4711']
        """
        return [one for one in self.ids if len(one) >= _FEWEST_SIGNS and not _SHORT_NUMBER.fullmatch(one)]

    @property
    def keys(self) -> frozenset[str]:
        """What the ids are joined by."""
        return frozenset(self.key(one) for one in self.ids)

    def key(self, text: str) -> str:
        """What one id is joined by."""
        return text.strip() if self.id_type == "text" else id_key(text.strip())

    def is_header(self, name: str) -> bool:
        """Whether a column holds customers by its name."""
        return normal_header(name) in {normal_header(one) for one in self.headers}

    def is_his(self, column: str, cell: object) -> bool:
        """Whether a cell names him."""
        text = str(cell)
        return (self.is_header(column) and self.key(text) in self.keys) or text.strip() in self.telling

    def in_bytes(self, content: bytes) -> bool:
        """Whether a telling id stands somewhere in it, in one of the encodings that files here have."""
        return any(one.encode(code) in content for one in self.telling for code in ("utf-8", "utf-16-le", "utf-32-le"))


@dataclass(frozen=True)
class Trace:
    """What a file holds of him.

    Parameters
    ----------
    kind : {"table", "document", "database", "other"}
        Rows can be taken out of a table; of what else there is only the whole file can go.
    rows : int
        Rows, values or places that name him.
    where : str
        Of a workbook, the sheets that hold these rows.
    """

    kind: str
    rows: int
    where: str = ""


def trace_in(path: Path, wanted: Sought, reader: Reader | None = None) -> Trace | None:
    """What a file holds of him; ``None``, nothing that can be seen.

    Parameters
    ----------
    path : Path
        The file; what it is, its first bytes say.
    wanted : Sought
        Who.
    reader : Reader, optional
        How a raw CSV is read, where its source says so.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(_PARQUET):
        rows = sum(int(pc.sum(mask).as_py() or 0) for _, mask in _parquet(path, wanted))
        return Trace("table", rows) if rows else _in_texts(path, wanted)
    if head.startswith(_SQLITE):
        rows = _in_database(path, wanted) or int(wanted.in_bytes(path.read_bytes()))
        return Trace("database", rows) if rows else None
    if head.startswith(_ZIP):
        return _in_zip(path, wanted, reader)
    if head.startswith(_GZIP):
        return _in_gzip(path, wanted, reader)
    if head.lstrip()[:1] in (b"{", b"["):
        with suppress(ValueError, RecursionError):
            rows = _in_document(json.loads(path.read_bytes()), wanted, "")
            return Trace("document", rows) if rows else None
    is_text = b"\0" not in head or head.startswith(_BOMS)
    named = FILE_KINDS.get(path.suffix.lower(), "csv" if not path.suffix else "")  # DVC's cache has no suffixes
    if is_text and named == "csv" and (rows := _in_text_table(path, head, wanted, reader)):
        return Trace("table", rows)
    return Trace("other", 1) if wanted.telling and wanted.in_bytes(path.read_bytes()) else None


def take_out(path: Path, wanted: Sought, to: Path, reader: Reader | None = None) -> int:
    """Write a table without his rows, every other row as it was; returns how many are left.

    Parameters
    ----------
    path : Path
        A file in which :func:`trace_in` saw a table.
    wanted : Sought
        Who.
    to : Path
        The new file.
    reader : Reader, optional
        As there.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(_PARQUET):
        return _take_out_of_parquet(path, wanted, to)
    return _take_out_of_text(path, head, wanted, to, reader)


# --- parquet ------------------------------------------------------------------------------------------------------------


def _parquet(path: Path, wanted: Sought) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=_ROWS):
        yield batch, _his(batch, wanted)


def _his(batch: pa.RecordBatch, wanted: Sought) -> pa.Array:
    mask = pa.array(np.zeros(batch.num_rows, dtype=bool))
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        own = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        is_text = pa.types.is_string(own.type) or pa.types.is_large_string(own.type)
        if wanted.is_header(name) and not pa.types.is_nested(own.type):
            texts = pc.utf8_trim_whitespace(own.cast(pa.string()))
            keys = texts if wanted.id_type == "text" else id_keys(texts)
            mask = pc.or_(mask, pc.fill_null(pc.is_in(keys, pa.array(sorted(wanted.keys))), fill_value=False))
        elif is_text and wanted.telling:
            texts = pc.utf8_trim_whitespace(own.cast(pa.string()))
            mask = pc.or_(mask, pc.fill_null(pc.is_in(texts, pa.array(wanted.telling)), fill_value=False))
    return mask


def _in_texts(path: Path, wanted: Sought) -> Trace | None:
    """Columns of a parquet in whose texts a telling id stands beside other things, and its metadata."""
    found = int(wanted.in_bytes(repr(pq.read_metadata(path).metadata).encode()))
    for batch in pq.ParquetFile(path).iter_batches(batch_size=_ROWS) if wanted.telling else ():
        for column in batch.columns:
            if not (pa.types.is_primitive(column.type) or pa.types.is_null(column.type)):  # not a number, flag or time
                found += int(wanted.in_bytes(repr(column.to_pylist()).encode()))
    return Trace("other", found) if found else None


def _take_out_of_parquet(path: Path, wanted: Sought, to: Path) -> int:
    file = pq.ParquetFile(path)
    groups = file.metadata
    codec = groups.row_group(0).column(0).compression if groups.num_row_groups and groups.num_columns else "ZSTD"
    left = 0
    with pq.ParquetWriter(to, file.schema_arrow, compression="NONE" if codec == "UNCOMPRESSED" else codec) as writer:
        for batch, mask in _parquet(path, wanted):
            others = batch.filter(pc.invert(mask))
            left += others.num_rows
            writer.write_batch(others)
    return left


# --- texts --------------------------------------------------------------------------------------------------------------


def _in_text_table(path: Path, head: bytes, wanted: Sought, reader: Reader | None) -> int:
    """His rows of a CSV; none of what is none."""
    try:
        return sum(is_his for _, is_his in _records(path, head, wanted, reader))
    except (DataError, UnicodeError, csv.Error, LookupError):
        return 0


def _records(path: Path, head: bytes, wanted: Sought, reader: Reader | None) -> Iterator[tuple[str, bool]]:
    """Every record of a CSV as it is written, and whether it is his; what stands above its rows is nobody's."""
    dialect = dialect_of(path, head, reader or Reader())
    header = dialect.header
    columns = [place for place, name in enumerate(header) if wanted.is_header(name)]
    if not columns and not wanted.telling:
        return
    hints = [*wanted.keys, *wanted.telling]
    with path.open(encoding=dialect.encoding, newline="") as file:
        read: list[str] = []

        def lines() -> Iterator[str]:
            for line in file:
                read.append(line)
                yield line

        for row, ends_at in split_rows(lines(), dialect.separator, dialect.widths, dialect.escape):
            record, read[:] = "".join(read), []
            hinted = ends_at > dialect.lines and any(hint in record for hint in hints)
            cells = zip([*header, *[""] * len(row)], row, strict=False)
            yield record, hinted and any(wanted.is_his(name, cell) for name, cell in cells)
        if rest := "".join([*read, *file]):  # where the reader stopped, as at a quote that is not closed
            yield rest, False


def _take_out_of_text(path: Path, head: bytes, wanted: Sought, to: Path, reader: Reader | None) -> int:
    encoding, left = dialect_of(path, head, reader or Reader()).encoding, 0
    with to.open("w", encoding=encoding, newline="") as file:
        for record, is_his in _records(path, head, wanted, reader):
            if not is_his:
                file.write(record)
                left += 1
    return left


# --- documents, archives, databases -------------------------------------------------------------------------------------


def _in_document(content: Any, wanted: Sought, column: str) -> int:
    """How many values and keys of a JSON document name him."""
    if isinstance(content, dict):
        if isinstance(columns := content.get("columns"), list) and isinstance(content.get("data"), list):
            rows = [row for row in content["data"] if isinstance(row, list) and len(row) == len(columns)]
            names = [name if isinstance(name, str) else "" for name in columns]
            return sum(_in_document(cell, wanted, name) for row in rows for name, cell in zip(names, row, strict=True))
        return sum(
            any(one in key for one in wanted.telling) + _in_document(value, wanted, key)
            for key, value in content.items()
        )
    if isinstance(content, list):
        return sum(_in_document(one, wanted, column) for one in content)
    if isinstance(content, str | int) and not isinstance(content, bool):
        return int(wanted.is_his(column, content) or any(one in str(content) for one in wanted.telling))
    return 0


def _in_zip(path: Path, wanted: Sought, reader: Reader | None) -> Trace | None:
    """Rows of a workbook that name him, or parts of any other archive (arrays), or of a workbook beside its rows."""
    sheets: dict[str, int] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.namelist()
            found = sum(wanted.in_bytes(archive.read(name)) for name in parts)
        if "xl/workbook.xml" in parts:  # by its name it is none in DVC's cache
            sheets = _in_workbook(path, wanted, reader or Reader())
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
        found = int(wanted.in_bytes(path.read_bytes()))
    said = ", ".join(f"{rows:,} in sheet '{name}'" for name, rows in sheets.items())
    return Trace("other", sum(sheets.values()) or found, said) if sheets or found else None


def _in_workbook(path: Path, wanted: Sought, reader: Reader) -> dict[str, int]:
    """How many rows of each sheet are his, by the source's reading of it or by any; a sheet without a table has none."""
    from segments.data.reading.workbook import sheets, sheets_of

    found: dict[str, int] = {}
    with suppress(DataError):
        for name in sheets_of(path):
            for way in (reader, Reader()):
                with suppress(DataError):
                    for _, table, _ in sheets(path, replace(way, sheet=[name])):
                        rows = sum(int(pc.sum(_his(batch, wanted)).as_py() or 0) for batch in table.to_batches())
                        found[name] = max(rows, found.get(name, 0))
    return {name: rows for name, rows in found.items() if rows}


def _in_gzip(path: Path, wanted: Sought, reader: Reader | None) -> Trace | None:
    """What the unpacked file holds; its rows are not taken out, as no source reads it packed."""
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder, path.stem if path.suffix == ".gz" else path.name)
        # of a broken one, as far as it could be unpacked
        with suppress(gzip.BadGzipFile, EOFError, zlib.error), gzip.open(path) as packed, unpacked.open("wb") as file:
            shutil.copyfileobj(packed, file)
        trace = trace_in(unpacked, wanted, reader)
    return trace and Trace("other", trace.rows, trace.where)


def _in_database(path: Path, wanted: Sought) -> int:
    """Rows of a SQLite database in which an id is a cell, or a telling one stands in it."""
    found = 0
    with (
        suppress(sqlite3.Error),
        closing(
            sqlite3.connect(f"file:{path.as_posix().replace('%', '%25').replace('?', '%3f')}?mode=ro", uri=True)
        ) as open_,
    ):
        tables = [row[0] for row in open_.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            name = table.replace('"', '""')
            for column in [row[1] for row in open_.execute(f'PRAGMA table_info("{name}")')]:
                cell = column.replace('"', '""')
                if wanted.is_header(column):
                    rows = open_.execute(f'SELECT "{cell}" FROM "{name}"')  # noqa: S608 - quoted
                    found += sum(wanted.key(str(row[0])) in wanted.keys for row in rows)
                for one in wanted.telling:
                    asked = f'SELECT count(*) FROM "{name}" WHERE instr(CAST("{cell}" AS TEXT), ?) > 0'  # noqa: S608 - quoted
                    found += int(open_.execute(asked, [one]).fetchone()[0])
    return found
