"""Sheets of a workbook as tables. Comes in: a path. Goes out: Arrow tables, whose columns are numbers, times or text.

A column of numbers stays one, whatever its decimals look like; one that mixes numbers with text is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from functools import partial, reduce
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa

from segments.config.source import Reader
from segments.data.reading.cells import EXACT
from segments.data.reading.dialect import header_of
from segments.data.reading.kinds import guarded, refuse_repeated
from segments.data.reading.text_file import is_remark
from segments.errors import DataError

EVERY_SHEET = "all"
# Cells of a sheet from the first to the last that is written, whether there is anything between them: all of these are laid out in memory at once,
# and one reference to a cell far away would end the process.
MOST_CELLS = 50_000_000
MOST_CELLS_OLD = 256 * 65_536  # of a sheet of the old kind, by its format
COLUMN, ROW = (re.compile(rb"""\sr\s*=\s*["']""" + inner) for inner in (rb"([A-Za-z]+)\d", rb"[A-Za-z]*(\d+)"))
BLOCK, LONGEST_REFERENCE = 1 << 20, 64  # bytes


def sheets_of(path: Path) -> list[str]:
    """Names of a workbook's sheets.

    Raises
    ------
    DataError
        If it is damaged.
    """
    return [str(name) for name in _opened(path).sheet_names]


def sheets(path: Path, reader: Reader) -> Iterator[tuple[str, pa.Table, list[str]]]:
    """Each sheet that is asked for: its name, its table, and what was left out.

    Raises
    ------
    DataError
        If the workbook is damaged, lacks a sheet, or a sheet has no rows.
    """
    book = _opened(path)
    names = [str(name) for name in book.sheet_names]
    if not names:
        raise DataError(f"{path} has no sheets", where=str(path), fix="get the file again; it may be damaged")
    wanted = names[:1] if reader.sheet is None else [reader.sheet] if isinstance(reader.sheet, str) else reader.sheet
    if absent := [name for name in wanted if name not in names and wanted != [EVERY_SHEET]]:
        raise DataError(
            f"{path} has no sheet '{absent[0]}'",
            where=str(path),
            fix=f"its sheets are: {', '.join(names)}; set read.sheet to one of them, to several, or to {EVERY_SHEET}",
        )
    if wanted == [EVERY_SHEET] and EVERY_SHEET not in names:
        wanted = names
    others = [name for name in names if name not in wanted]
    for name in wanted:
        grid = guarded(path, "Excel file", partial(_grid, book, name))
        table, notes = _table(path, name, grid, reader)
        if others and name == wanted[-1] and reader.sheet is None:
            notes.append(
                f"{path.name} has {len(names)} sheets; only '{name}' is read, not {', '.join(map(repr, others))} (read.sheet)"
            )
        yield name, table, notes


def _grid(book: Any, name: str) -> list[list[Any]]:
    return list(book.get_sheet_by_name(name).to_python(skip_empty_area=False))


def _opened(path: Path) -> Any:
    def opened() -> Any:
        from python_calamine import CalamineWorkbook  # only where there is a workbook

        return CalamineWorkbook.from_path(path)

    if (cells := guarded(path, "Excel file", partial(_most_cells, path))) > MOST_CELLS:
        raise DataError(
            f"a sheet of {path} reaches over {cells:,} cells",
            where=str(path),
            fix=f"remove what is written far from the table, so that at most {MOST_CELLS:,} are left, or save the table as CSV",
        )
    return guarded(path, "Excel file", opened)


def _most_cells(path: Path) -> int:
    """How many cells the widest and longest part of a workbook reaches over, by the references in it."""
    if path.suffix.lower() == ".xls":
        return MOST_CELLS_OLD
    most = 0
    with ZipFile(path) as book:
        for part in book.namelist():
            columns, rows, tail = set[bytes](), set[bytes](), b""
            with book.open(part) as file:
                while block := file.read(BLOCK):
                    columns.update(COLUMN.findall(tail + block))
                    rows.update(ROW.findall(tail + block))
                    tail = block[-LONGEST_REFERENCE:]
            most = max(most, max(map(_number, columns), default=0) * max(map(int, rows), default=0))
    return most


def _number(letters: bytes) -> int:
    """A column by its letters: 1 is A, 28 is AB."""
    return reduce(lambda number, letter: 26 * number + letter - 64, letters.upper(), 0)


def _table(path: Path, sheet: str, grid: list[list[Any]], reader: Reader) -> tuple[pa.Table, list[str]]:
    place = f"{path}, sheet {sheet}"
    texts = [[_text(cell) for cell in row] for row in grid]
    used = [any(row[at].strip() for row in texts) for at in range(len(texts[0]) if texts else 0)]
    if not any(used):
        raise DataError(
            f"{path} is empty: sheet '{sheet}' has no cells", where=place, fix="check the sheet (read.sheet)"
        )
    left = used.index(True)  # a table may begin further right
    texts = [row[left:] for row in texts]
    columns = header_of(texts, reader, path=path)
    names, first = columns.names, columns.above + columns.inside
    refuse_repeated(path, names)
    cells = [row[left : left + len(names)] for row in grid[first:]]
    seen = [row[: len(names)] for row in texts[first:]]
    notes = []
    if columns.above and reader.skip is None and any(any(row) for row in texts[: columns.above]):
        notes.append(f"{columns.above} rows above the header of sheet '{sheet}' of {path.name} are left out")
    if not columns.inside and not reader.names:
        notes.append(
            f"sheet '{sheet}' of {path.name} has no header: its columns are called {names[0]} and so on; read.names names them"
        )
    filled = [any(cell.strip() for cell in row) for row in seen]
    while filled and not filled[-1]:
        filled.pop()
    while len(filled) > 1 and is_remark(tuple(seen[len(filled) - 1]), odd=True):
        notes.append(
            f"a row at the end of sheet '{sheet}' of {path.name} is no data and left out: {' '.join(seen[len(filled) - 1]).strip()[:60]!r}"
        )
        filled.pop()
    rows = [row for row, kept in zip(cells, filled, strict=False) if kept]
    if blank := len(filled) - len(rows):
        notes.append(
            f"{blank:,} rows of sheet '{sheet}' of {path.name} have nothing in any column and count for nothing"
        )
    if not rows:
        raise DataError(f"{path} has a header but no rows", where=place, fix="check the sheet (read.sheet)")
    return pa.table([_column([row[at] for row in rows]) for at in range(len(names))], names=names), notes


def _column(cells: list[Any]) -> pa.Array:
    """Cells as one Arrow column: of numbers, times or yes and no where all are, else of text."""
    present = [cell for cell in cells if not _is_empty(cell)]
    kinds = {type(cell) for cell in present}
    values = [None if _is_empty(cell) else cell for cell in cells]
    if kinds and kinds <= {int, float}:
        return pa.array(values, pa.float64())
    if kinds and kinds <= {date, datetime}:
        at = [
            cell if cell is None or isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)
            for cell in values
        ]
        return pa.array(at, pa.timestamp("us"))
    return pa.array([None if cell is None else _text(cell) for cell in values], pa.string())


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip()) or cell != cell


def _text(cell: Any) -> str:
    """A cell as the text a CSV would hold."""
    if _is_empty(cell):
        return ""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        if isinstance(cell, datetime):
            return cell.isoformat(sep=" ")
        return cell.isoformat() if isinstance(cell, date | time) else str(cell)
    if EXACT <= abs(cell) < float("inf"):  # larger than a float can count: as an id it is none any more
        return f"{cell:.16e}"
    if float(cell).is_integer():
        return str(int(cell))
    text = repr(float(cell))
    return f"{text}0" if len(text.partition(".")[2]) == 3 else text  # 1.234 would be a thousand to some
