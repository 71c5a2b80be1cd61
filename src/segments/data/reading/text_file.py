"""A CSV, or a text whose fields stand at fixed places, as DuckDB reads it. Comes in: a path and its dialect. Goes out: a relation of text cells.

DuckDB parses; what it does not know is done to the copy that it parses: other encodings, mixed ends of lines, fields without
separators. The copy ends in a row of our own: where that does not come out again, a quote was not closed and has swallowed the rest.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from segments.config.source import BLANKS
from segments.data.reading.cells import is_number, literal
from segments.data.reading.dialect import Dialect, split_rows
from segments.data.reading.encoding import decoding
from segments.data.rows import quoted
from segments.errors import DataError, first_line

END = "\x03end\x03"
NO_TEXT = "\x03none\x03"  # so that an empty cell stays a text: what is NULL is a field that its row does not have
MORE = 16  # fields beyond those of the header and of the longest row that was seen
ROW, ODD = '"segments row"', '"segments odd"'
ROWS_AT_ONCE = 1 << 17  # of a file to score
ODD_AT_FIRST = (
    100_000  # rows not as long as the header before the first that is: more, and the file is not what it seems
)
AT_THE_END = 3  # rows that may be totals or remarks
TOTALS = re.compile(
    r"((grand|sub|overall)[ -]?)?totals?( g[ée]n[ée]ral)?|gesamt(summe|ergebnis)?|summe|sum(me)?|somme|suma|totale|(eind)?totaal|[合总総小][计計]",
    re.I,
)


def text_table(
    connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, folder: Path, name: str
) -> tuple[duckdb.DuckDBPyRelation, list[str]]:
    """Parse a text once, in full, into a table of this name.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the table is made.
    path : Path
        The file.
    dialect : Dialect
        How it is written.
    folder : Path
        Takes the copy that is parsed.
    name : str
        Of the table.

    Returns
    -------
    DuckDBPyRelation
        Its rows in the order of the file, every cell text; rows without any text, and totals at the end, are not among them.
    list of str
        What was left out.

    Raises
    ------
    DataError
        If a row is not as long as the header, or a quote is not closed; says on which line.
    """
    with parsing(path):
        _scan(connection, path, dialect, folder / f"{name}.csv").filter(f"NOT {_blank(dialect)}").create(name)
    (folder / f"{name}.csv").unlink()
    table = connection.table(name)
    ends = table.order(f"{ROW} DESC").limit(AT_THE_END + 1).fetchall()
    if not ends or ends[0][1] != END:
        raise _unclosed(path, dialect, ends[0][0] if ends else 0)
    notes = []
    dropped = [ends[0]]
    for row in ends[1:]:
        if not is_remark(row[1:-1], odd=row[-1] is not None):
            break
        dropped.append(row)
        shown = dialect_sign(dialect).join(cell or "" for cell in row[1:-1])
        notes.append(f"a row at the end of {path.name} is no data and left out: {shown[:60]!r}")
    rows = ends[0][0] - 1
    connection.execute(f"DELETE FROM {quoted(name)} WHERE {ROW} >= {dropped[-1][0]}")  # noqa: S608 - a name of our own
    kept = table.aggregate("count(*)").fetchall()[0][0]
    if blank := rows - kept - len(dropped) + 1:
        notes.append(f"{blank:,} rows of {path.name} have nothing in any column and count for nothing")
    odd = table.filter(f"{ODD} IS NOT NULL").order(ROW).limit(1).project(f"{ROW}, {ODD}").fetchall()
    if odd:
        found = int(odd[0][1].partition(" ")[0])
        raise _ragged(path, _line(path, dialect, odd[0][0]), len(dialect.header), found)
    return table.project(", ".join(map(quoted, dialect.header))), notes


def text_batches(
    connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, folder: Path, headers: list[str]
) -> Iterator[pa.RecordBatch]:
    """Cells of a text under these headers, piece by piece; rows that are not as long as the header have no cells and say what they look like.

    Raises
    ------
    DataError
        If a quote is not closed, or no row is as long as the header.
    """
    wanted = ", ".join(f"CASE WHEN {ODD} IS NULL THEN {quoted(header)} END AS {quoted(header)}" for header in headers)
    ended, leading, done = False, 0, 0
    with parsing(path):
        rows = _scan(connection, path, dialect, folder / "rows.csv")
        reader = (
            rows.filter(f"NOT {_blank(dialect)}")
            .project(f"{wanted}, {ODD}, {quoted(dialect.header[0])} = {literal(END)}")
            .to_arrow_reader(ROWS_AT_ONCE)
        )
        for batch in reader:
            if batch.column(len(headers) + 1)[len(batch) - 1].as_py():
                ended, batch = True, batch.slice(0, len(batch) - 1)
            odd = batch.column(len(headers))
            if odd.null_count == 0 and leading == done:
                leading += len(batch)
            done += len(batch)
            if leading > ODD_AT_FIRST:
                raise DataError(
                    f"{path} cannot be read: its header has {len(dialect.header)} fields, and none of the first {leading:,} rows has as many",
                    where=str(path),
                    fix="mend it, or set read.separator or read.encoding",
                )
            if len(batch):
                yield batch.select(range(len(headers) + (odd.null_count < len(odd))))
    if not ended:
        raise _unclosed(path, dialect, done)


def is_remark(cells: tuple[str | None, ...], *, odd: bool = False) -> bool:
    """Whether a row at the end is none: it sums up the rows before it, or is one remark in a table of several columns.

    Examples
    --------
    >>> is_remark(("Total", "", "750", "")), is_remark(("exported by hand", None, None), odd=True), is_remark(("K7", "", "750"))
    (True, True, False)
    >>> is_remark(("Grand Total", "750")), is_remark(("Total", "Paris")), is_remark(("750", "12"))
    (True, False, False)
    >>> is_remark(("", "750", "", "Total")), is_remark(("7", "12", "", "Total"))
    (True, False)
    """
    filled = [cell.strip() for cell in cells if cell and cell.strip()]
    if not filled:
        return False
    if len(filled) == len(cells) and (len(cells) < 2 or not all(map(is_number, filled[1:]))):
        return False
    remark = odd and len(filled) == 1 and len(cells) > 2 and not is_number(filled[0])
    first, *others = sorted(filled, key=is_number)
    if len(filled) <= len(cells) / 2 and all(map(is_number, others)):  # the word may stand behind the sums
        return remark or _is_total(first)
    return remark or _is_total(filled[0])


def _is_total(cell: str) -> bool:
    return TOTALS.fullmatch(cell.rstrip(" :.")) is not None


# --- parsing ------------------------------------------------------------------------------------------------------


def _scan(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect, copy: Path) -> duckdb.DuckDBPyRelation:
    """All rows below the header, and ours: their number, their cells, and of a row that is not as long as the header what it looks like."""
    is_mixed = _write_copy(path, dialect, copy)
    rows = _parsed(connection, dialect, copy)
    if is_mixed:
        try:
            rows.aggregate("count(*)").fetchall()
        except duckdb.Error:  # lines end in several ways, and not only inside quotes
            _write_copy(path, dialect, copy, None)
    return rows


def _parsed(connection: duckdb.DuckDBPyConnection, dialect: Dialect, copy: Path) -> duckdb.DuckDBPyRelation:
    more = [f"segments more {number}" for number in range(max(0, dialect.most - len(dialect.header)) + MORE)]
    rows = connection.read_csv(
        str(copy),
        header=False,
        sep=dialect_sign(dialect),
        quotechar='"',
        escapechar=dialect.escape,
        columns=dict.fromkeys([*dialect.header, *more], "VARCHAR"),
        auto_detect=False,
        strict_mode=True,
        null_padding=True,
        parallel=False,  # in the order of the file, and quotes may hold line ends
        na_values=[NO_TEXT],
    )
    every, beyond = (", ".join(map(quoted, names)) for names in ([*dialect.header, *more], more))
    first, last = quoted(dialect.header[0]), quoted(dialect.header[-1])
    is_odd = f"({last} IS NULL OR trim(concat({beyond})) <> '') AND {first} IS DISTINCT FROM {literal(END)}"
    fields = f"len(list_filter([{every}], lambda cell: cell IS NOT NULL))"
    sign, width = literal(dialect_sign(dialect)), len(dialect.header)
    looks = f"{fields} || ' field' || CASE WHEN {fields} = 1 THEN '' ELSE 's' END || ', the header has {width}: ''' || left(concat_ws({sign}, {every}), 60) || ''''"
    own = ", ".join(map(quoted, dialect.header))
    numbered = rows.project(f"row_number() OVER () - 1 AS {ROW}, {own}, CASE WHEN {is_odd} THEN {looks} END AS {ODD}")
    return numbered.filter(f"{ROW} > 0")


def _blank(dialect: Dialect) -> str:
    return f"(trim(concat({', '.join(map(quoted, dialect.header))}), ' \t\u00a0') = '')"


def dialect_sign(dialect: Dialect) -> str:
    """What separates fields in the copy that is parsed."""
    return "\t" if dialect.separator == BLANKS else dialect.separator


def _write_copy(path: Path, dialect: Dialect, copy: Path, newline: str | None = "") -> bool:
    """The text as DuckDB parses it, and our row at its end; whether its lines end in several ways, or quotes hold other ends."""
    ends: set[str] = set()
    with (
        decoding(path, dialect.encoding),
        path.open(encoding=dialect.encoding, newline=None if dialect.separator == BLANKS else newline) as text,
        copy.open("w", encoding="utf-8", newline="") as out,
    ):
        if dialect.separator == BLANKS:
            out.write(f"{END}\n")
            writer = csv.writer(out, delimiter="\t", lineterminator="\n")
            writer.writerows(
                row for row, line in split_rows(text, BLANKS, dialect.widths) if line > dialect.lines and row
            )
            out.write(f"{END}\n")
            return False
        for _ in range(dialect.lines):
            text.readline()
        end = dialect.newline if newline == "" else "\n"
        block = f"{END}{end}"  # the first line tells DuckDB how lines end
        out.write(block)
        while read := text.read(1 << 20):
            block = read + text.read(1) if read.endswith("\r") else read
            both = block.count("\r\n")
            counts = {"\r\n": both, "\n": block.count("\n") - both, "\r": block.count("\r") - both}
            ends |= {end for end, count in counts.items() if count}
            out.write(block)
        out.write(f"{'' if block.endswith(end) else end}{END}{end}")
    return len(ends) > 1


@contextmanager
def parsing(path: Path) -> Iterator[None]:
    """While DuckDB parses a text: its errors become one sentence."""
    try:
        yield
    except duckdb.Error as error:
        message = str(error)
        line = re.search(r"Line: (\d+)", message)
        fields = re.search(r"Number of Columns: (\d+) Found: (\d+)", message)
        if line and fields:
            raise DataError(
                f"line {line[1]} of {path} has many more fields than its header",
                where=f"{path}, line {line[1]}",
                fix="mend that line (unquoted separators?), or set read.separator",
            ) from error
        cause = "a quote is not closed, or its cell goes on behind it" if "quote" in message else first_line(error)
        raise DataError(
            f"{f'line {line[1]} of ' if line else ''}{path} cannot be read: {cause}",
            where=str(path),
            fix="mend the file (look for an unclosed quote in or before that line), or set read.separator or read.encoding",
        ) from error


def _line(path: Path, dialect: Dialect, number: int) -> int:
    """The line on which a row ends."""
    with decoding(path, dialect.encoding), path.open(encoding=dialect.encoding) as text:
        seen = 0
        for row, line in split_rows(text, dialect.separator, dialect.widths, dialect.escape):
            seen += bool(row) and line > dialect.lines
            if seen == number:
                return line
    return dialect.lines + number


def _unclosed(path: Path, dialect: Dialect, last: int) -> DataError:
    line = (_line(path, dialect, last) if last else dialect.lines) + 1
    return DataError(
        f"line {line} of {path} cannot be read: a quote in or before it is not closed",
        where=f"{path}, line {line}",
        fix="look for an unclosed quote in or before that line, and mend it",
    )


def _ragged(path: Path, line: int, expected: int, found: int) -> DataError:
    return DataError(
        f"line {line} of {path} has {found} field{'s' * (found != 1)}, its header has {expected}",
        where=f"{path}, line {line}",
        fix="mend that line (an unquoted separator or a missing field?), or set read.separator",
    )
