"""How a CSV is written. Comes in: its first bytes and what the source says. Goes out: encoding, separator, decimal mark, header.

What the source does not say is found out from the file, and noted where it was a guess.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from segments.config.source import BLANKS, Reader
from segments.data.reading.cells import ISO_TIME, is_number, tells_decimal
from segments.data.reading.encoding import decoding, encoding_of
from segments.data.reading.kinds import HEAD_BYTES, refuse_repeated
from segments.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
FIRST_LINES = 1_000
MOST_ABOVE = 30  # rows above a header, at most


@dataclass(frozen=True)
class Header:
    """Where the columns' names are.

    Parameters
    ----------
    names : list of str
        The columns; those without a name have their place for one.
    above : int
        Rows before the header, or before the first row where there is no header.
    inside : bool
        Whether the file has a header.
    """

    names: list[str]
    above: int
    inside: bool


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written, and which part of that was found out from the file.

    Parameters
    ----------
    encoding, separator : str
        As :class:`~segments.config.source.Reader` has them.
    widths : list of int
        Signs of each field, where there is no separator.
    decimal : {".", ","} or None
        Decimal mark, as configured or where the first rows leave no doubt.
    newline : str
        What ends the first lines.
    escape : str
        What makes a quote inside quotes one: another quote, or a backslash.
    columns : Header
        The columns' names, and where they are.
    lines : int
        Lines before the first row of data.
    most : int
        Fields of the longest row that was seen.
    notes : list of str
        What was a guess.
    """

    encoding: str
    separator: str
    widths: list[int]
    decimal: str | None
    newline: str
    escape: str
    columns: Header
    lines: int
    most: int
    notes: list[str] = field(default_factory=list)

    @property
    def header(self) -> list[str]:
        """The columns' names."""
        return self.columns.names


def dialect_of(path: Path, head: bytes, reader: Reader) -> Dialect:
    """How a CSV is written: as configured, else found out from its first bytes.

    Parameters
    ----------
    path : Path
        The CSV; where its encoding is not UTF-8 and not given, more of it is read.
    head : bytes
        Its first bytes (:func:`segments.data.reading.kinds.first_bytes`).
    reader : Reader
        What the source says of it.

    Raises
    ------
    DataError
        If it is not text, has no header or one that names a column twice, or is not separated as configured.
    """
    notes: list[str] = []
    encoding = encoding_of(path, head, reader, notes)
    with decoding(path, encoding):
        # the last letter may be cut: incremental does not mind
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    if len(head) == HEAD_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    newline = (re.search("\r\n|\n|\r", text) or ["\n"])[0]
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    said = re.match(r"sep=(.)\n", text)  # how a file says it to Excel
    escape = "\\" if '\\"' in text and re.search(r'[^"]""[^",;\t|\n]', text) is None else '"'
    guess = said[1] if said else separator_of(text, reader.skip or 0, escape)
    separator = BLANKS if reader.widths else reader.separator or guess or ","
    widths = reader.widths
    if not widths and separator == "," and reader.separator is None and guess is None:
        separator, widths = _by_place(text, reader.skip or 0)
    rows, ends = [], []
    for row, end in _sample(text, separator, widths, escape):
        rows.append(row)
        ends.append(end)
    if not any(map(any, rows)):
        raise DataError(f"{path} is empty", where=str(path), fix="check the file")
    columns = header_of(rows, reader, 1 if said else 0, path)
    if reader.separator is not None and len(columns.names) == 1 and guess not in (None, reader.separator):
        raise DataError(
            f"{path} is not separated by {reader.separator!r}: its header is one field, '{columns.names[0][:60]}'",
            where=str(path),
            fix=f"set read.separator to {guess!r}, or leave it out: it is then detected",
        )
    refuse_repeated(path, columns.names)
    if columns.above and reader.skip is None and not said:
        notes.append(f"{columns.above} lines above the header of {path.name} are left out")
    if not columns.inside and not reader.names:
        notes.append(
            f"{path.name} has no header: its columns are called {columns.names[0]} and so on; read.names names them"
        )
    first = columns.above + columns.inside
    data = rows[first:]
    cells = (cell.strip() for row in data for cell in row)
    return Dialect(
        encoding,
        separator,
        widths,
        reader.decimal or decimal_mark(cells),
        newline,
        escape,
        columns,
        ends[first - 1] if first else 0,
        max(map(len, data), default=0),
        notes,
    )


def decimal_mark(cells: Iterable[str]) -> str | None:
    """Find the decimal mark, only where it is certain: some numbers can be read in one way only, and all of these in the same.

    What ends in one zero tells nothing: a program wrote a whole number so, an id perhaps.

    Examples
    --------
    >>> decimal_mark(["10,5", "1.234", "7.0"]), decimal_mark(["1.234", "7.0"]), decimal_mark(["10,5", "3.5"])
    (',', None, None)
    """
    telling = (cell for cell in cells if ("." in cell or "," in cell) and not re.fullmatch(r"\d+[.,]0", cell))
    found = {mark for cell in telling if (mark := tells_decimal(cell))}
    return found.pop() if len(found) == 1 else None


def header_of(rows: Sequence[Sequence[str]], reader: Reader, above: int = 0, path: Path = Path()) -> Header:
    """Where the header is, and what the columns are called.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first rows of a file or a sheet.
    reader : Reader
        ``skip`` and ``names`` say it; else titles above the header (few cells of many) are passed over, and there is none where the
        first row looks like all others.
    above : int
        Rows that are known to be no data.
    path : Path
        The file, for the message.

    Raises
    ------
    DataError
        If there are fewer names than columns, or nothing is left below `skip`.

    Examples
    --------
    >>> header_of([["Report"], [], ["id", "spent"], ["7", "1.5"], ["8", "2"]], Reader())
    Header(names=['id', 'spent'], above=2, inside=True)
    >>> header_of([["7", "1.5"], ["8", "2"]], Reader())
    Header(names=['column 1', 'column 2'], above=0, inside=False)
    """
    width = Counter(len(row) for row in rows[above:] if any(row)).most_common(1)
    usual = width[0][0] if width else 0
    above = max(above, reader.skip) if reader.skip is not None else _titles(rows, above, usual)
    while above < len(rows) and not any(map(str.strip, rows[above])):
        above += 1
    if above >= len(rows):
        raise DataError(f"{path} has nothing below its first {above} lines", where=str(path), fix="mend read.skip")
    first = [cell.strip() for cell in rows[above]]
    below = [row for row in rows[above + 1 :] if any(row)]
    if reader.names:
        names = list(reader.names)
        inside = [name.casefold() for name in first] == [name.casefold() for name in names]
        if len(names) < (most := max((len(row) for row in [first, *below][:20]), default=0)) and any(
            row[len(names)].strip() for row in [first, *below] if len(row) > len(names)
        ):
            raise DataError(
                f"{path} has {most} columns, and read.names has {len(names)}",
                where="read.names",
                fix=f"name them all; the first row is: {', '.join(first)[:200]}",
            )
        return Header(names, above, inside)
    inside = _is_header(first, below)
    names = first if inside else [""] * max(len(first), usual)
    while (
        len(names) > 1
        and not names[-1]
        and not any(row[len(names) - 1].strip() for row in below if len(row) >= len(names))
    ):
        names.pop()  # a separator at the end of every line
    return Header([name or f"column {place}" for place, name in enumerate(names, start=1)], above, inside)


def _titles(rows: Sequence[Sequence[str]], start: int, width: int) -> int:
    """Rows before the header: of few cells, where the row after them has many, none of them a number."""
    at = start
    while at < min(len(rows), MOST_ABOVE):
        filled, reach = sum(bool(cell.strip()) for cell in rows[at]), _reach(rows[at])
        is_title = not filled or (filled <= max(1, width // 2) and (reach < width or (width > 2 and filled == 1)))
        if not is_title:
            break
        at += 1
    header = [cell.strip() for cell in rows[at]] if at < len(rows) else []
    below = [row for row in rows[at + 1 :] if any(row)]
    whole = len(header) >= width > 1 and sum(map(bool, header)) > width // 2
    return at if whole and below and _is_header(header, below) else start


def _reach(row: Sequence[str]) -> int:
    """Up to which column there is something: a sheet's rows are all as long as the longest."""
    return max((place for place, cell in enumerate(row, start=1) if cell.strip()), default=0)


def _is_header(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is of another kind than those below it: no number or day where they have some."""
    kinds = []
    for place, cell in enumerate(first):
        column = [text for row in below if place < len(row) and (text := row[place].strip())]
        if column and sum(map(_is_value, column)) > 0.9 * len(column):
            kinds.append(_is_value(cell.strip()) or not cell.strip())
    values = [cell for cell in first if _is_value(cell)]
    years = all(re.fullmatch(r"(19|20)\d\d", cell) for cell in values)  # columns of a pivot table
    return not kinds or not all(kinds) or not values or (years and len(values) < len(first))


def _is_value(text: str) -> bool:
    return is_number(text) or re.fullmatch(rf"{ISO_TIME}|\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}( .*)?", text) is not None


def split_line(line: str, widths: Sequence[int]) -> list[str]:
    """Fields of a line without separators: by their places, or by the blanks between them.

    Examples
    --------
    >>> split_line(" 7  New York 1.50", [4, 8, 5])
    ['7', 'New York', '1.50']
    """
    if not widths:
        return line.split()
    ends = [sum(widths[: place + 1]) for place in range(len(widths))]
    fields = [line[end - width : end].strip() for width, end in zip(widths, ends, strict=True)]
    beyond = line[ends[-1] :].strip()  # what is too long for the widths is kept, and reported
    return [*fields, beyond] if beyond else fields


def split_rows(
    lines: Iterable[str], separator: str, widths: Sequence[int] = (), escape: str = '"'
) -> Iterator[tuple[list[str], int]]:
    """Rows of a text, and on which line each ends; it is no more than a look: the reading itself is strict."""
    if separator == BLANKS:
        for number, line in enumerate(lines, start=1):
            yield split_line(line.rstrip("\n"), widths), number
        return
    rows = csv.reader(lines, delimiter=separator, escapechar=escape.replace('"', "") or None, doublequote=escape == '"')
    with suppress(csv.Error):
        for row in rows:
            yield row, rows.line_num


def _sample(
    text: str, separator: str, widths: Sequence[int] = (), escape: str = '"', most: int = FIRST_LINES
) -> Iterator[tuple[list[str], int]]:
    return islice(split_rows(io.StringIO(text, newline=""), separator, widths, escape), most)


def separator_of(text: str, skip: int = 0, escape: str = '"') -> str | None:
    """Find the separator under which most lines have as many fields (at least two) as the first; or most others, below a title."""
    best, below, found, titled = (0, 0), (0, 0), None, None
    for separator in SEPARATORS:
        rows = [row for row, _ in _sample(text, separator, (), escape, 200)][skip:]
        rows = [row for row in rows if any(row)]
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        width, often = widths.most_common(1)[0]
        first = len(rows[0])
        if first > 1 and (widths[first], first) > best:
            best, found = (widths[first], first), separator
        header = next(row for row in rows if len(row) == width)
        if not any(map(_is_value, header)) and (often, width) > below:
            below, titled = (often, width), separator
    return titled if best[0] <= max(1, below[0] // 2) and below[0] > 1 and titled else found or titled


def _by_place(text: str, skip: int) -> tuple[str, list[int]]:
    """Whether fields are separated by blanks or known by their places; a comma where they are not."""
    lines = [line.expandtabs() for line in text.split("\n")[skip:FIRST_LINES] if line.strip()]
    if len(lines) < 2:
        return ",", []
    counts = Counter(len(line.split()) for line in lines)
    (usual, often), *_ = counts.most_common(1)
    if usual > 1 and often == len(lines):
        return BLANKS, []
    longest = max(map(len, lines))
    blank = [all(len(line) <= place or line[place] == " " for line in lines) for place in range(longest)]
    starts = [place for place in range(longest) if not blank[place] and (place == 0 or blank[place - 1])]
    aligned = len({len(line.rstrip()) for line in lines}) < len(lines) or len(lines) < 4
    if len(starts) < 2 or not aligned or any(len(line) < starts[-1] for line in lines):
        return ",", []
    if _is_header(
        lines[0].split(), [line.split() for line in lines[1:]]
    ):  # what has no name belongs to what stands before it
        starts = [
            start for start, end in zip(starts, [*starts[1:], longest], strict=True) if lines[0][start:end].strip()
        ]
    # the blanks before a field are its own: numbers stand to the right
    ends = [max(place for place in range(start) if not blank[place]) + 1 for start in starts[1:]] + [longest]
    return BLANKS, [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]
