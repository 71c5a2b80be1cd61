"""How a CSV is written. Comes in: its first bytes and what the source says. Goes out: encoding, separator, decimal mark, header.

What the source does not say is found out from the file, and noted where it was a guess.
"""

from __future__ import annotations

import codecs
import csv
import errno
import io
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from segments.config.source import BLANKS, Reader
from segments.data.reading.cells import ISO_TIME, is_number, tells_decimal
from segments.data.reading.kinds import HEAD_BYTES, refuse_foreign, refuse_repeated
from segments.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FIRST_LINES = 1_000
WESTERN = ("Unknown", "English", "French", "German", "Spanish", "Portuguese", "Italian", "Dutch")
# Code pages that files outside the West come in: others are only ever guessed by mistake (German text as hp_roman8).
OTHER_PAGES = re.compile(
    r"cp(125[013-8]|866|852|932|949)|koi8_[ru]|shift_jis.*|euc_.*|gb.*|big5.*|iso8859_[2-9]|mac_(cyrillic|greek|turkish)|tis_620|cp874"
)
# Letters that tables in East Asian languages are full of, by the code page that such files come in.
_KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC)))
EVERYDAY = {
    "cp932": frozenset(
        _KANA
        + "顧客会員番号購入日付時注文店舗金額数量単価商品名前男女年月東京大阪都道府県市区町村売上合計円税込送料住所電話氏性別分類"
    ),
    "gb18030": frozenset(
        "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运男客户编号单额付款省京州广城店商购买卡积级姓职岁"
    ),
    "big5": frozenset(
        "的一是不在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於下自之年過發後作用道行所家事成方多經去法學如都同當沒動起看定天分還進好小部其些主日月名男女客戶編號單額付款數量商品店訂購買員金電話地址市區路台北高雄"
    ),
    "cp949": frozenset(
        "이다는에의가을고지도한하기로사시서인자리어나대수정부은를상보일제전스원주성국학구아동장산고객명번호금액회품목날짜매월년남여울경광천포총량단점분류출판결입등급주소연락처코드합계김박최강조윤임오신권황안송류홍"
    ),
}
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
    encoding = _encoding(path, head, reader, notes)
    with decoding(path, encoding):
        # the last letter may be cut: incremental does not mind
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    if len(head) == HEAD_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    newline = (re.search("\r\n|\n|\r", text) or ["\n"])[0]
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    said = re.match(r"sep=(.)\n", text)  # how Excel is told
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

    Examples
    --------
    >>> decimal_mark(["10,5", "1.234"]), decimal_mark(["1.234"]), decimal_mark(["10,5", "3.5"])
    (',', None, None)
    """
    found = {mark for cell in cells if ("." in cell or "," in cell) and (mark := tells_decimal(cell))}
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


@contextmanager
def decoding(path: Path, encoding: str) -> Iterator[None]:
    """While a text is read: one clear error where a byte does not fit the encoding, or the file cannot be read.

    Raises
    ------
    DataError
        Instead of the UnicodeError or OSError.
    """
    try:
        yield
    except UnicodeError as error:
        raise DataError(
            f"{path} is not {encoding} text: {error.reason if isinstance(error, UnicodeDecodeError) else error}",
            where=str(path),
            fix="set read.encoding to the file's own encoding (utf-8, latin-1, utf-16, ...)",
        ) from error
    except OSError as error:
        if error.errno in FULL:
            raise DataError(
                f"the UTF-8 copy of {path} cannot be written: {error.strerror}",
                where=tempfile.gettempdir(),
                fix="check free space; TMPDIR names another folder",
            ) from error
        raise DataError(
            f"{path} cannot be read: {error.strerror}", where=str(path), fix="check its permissions"
        ) from error


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
    return [*fields, line[ends[-1] :].strip()] if line[ends[-1] :].strip() else fields  # too long a line is told of


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
    return titled if best[0] <= 1 < below[0] and titled else found or titled


def _by_place(text: str, skip: int) -> tuple[str, list[int]]:
    """Whether fields are told by blanks or by their places; a comma where they are not."""
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


def _encoding(path: Path, head: bytes, reader: Reader, notes: list[str]) -> str:
    """Return the encoding as configured, by its byte order mark, or guessed; a guess is noted."""
    marks = (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    )
    marked = next((name for mark, name in marks if head.startswith(mark)), None)
    if reader.encoding is not None:
        try:
            codec = codecs.lookup(reader.encoding).name
            io.TextIOWrapper(io.BytesIO(), codec)  # hex and the like are codecs too, not of text
        except (LookupError, ValueError):
            raise DataError(
                f"'{reader.encoding}' is not an encoding",
                where="source.*.read.encoding",
                fix="use utf-8, latin-1, cp1252, utf-16, ... or leave it out: it is then detected",
            ) from None
        return "utf-8-sig" if codec == "utf-8" else codec
    if marked is None and b"\0" in head:
        marked = _bare_utf16(head)
        if marked is None:
            raise DataError(
                f"{path} is a binary file, not text",
                where=str(path),
                fix="export the table as CSV or parquet, and name the file so",
            )
    if marked is not None:
        refuse_foreign(path, head.decode(marked, errors="replace")[:500].encode(), "csv")
        return marked
    refuse_foreign(path, head, "csv")
    if _is_utf8(path):
        return "utf-8"
    control = sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in head[:4096])
    if control > len(head[:4096]) / 50:
        raise DataError(
            f"{path} is a binary file, not text",
            where=str(path),
            fix="export the table as CSV or parquet, and name the file so",
        )
    guess = _guess_encoding(path)
    notes.append(
        f"{path.name} is not UTF-8; read as {guess}, which is a guess: if letters look wrong, set read.encoding"
    )
    return guess


def _bare_utf16(head: bytes) -> str | None:
    """UTF-16 without its mark: every second byte of mostly Latin text is zero."""
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    half = len(head[:2000]) / 2
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.7 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guess_encoding(path: Path) -> str:
    """Name the encoding by the lines that hold letters beyond ASCII; Western Windows text unless others fit better."""
    from charset_normalizer import from_bytes

    telling, size = [], 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                telling.append(line)
                size += len(line)
                if size > 100_000:
                    break
    sample = b"".join(telling)
    if (eastern := eastern_page(sample)) is not None:
        return eastern
    guesses = ["cp1252", "latin_1"]
    if size > 2_000:  # a few letters fit every code page
        best = from_bytes(sample).best()
        if best is not None and best.language not in WESTERN and OTHER_PAGES.fullmatch(best.encoding):
            guesses.insert(0, best.encoding)
    for guess in guesses:
        with suppress(UnicodeDecodeError):
            sample.decode(guess)
            return guess
    return "latin_1"


def eastern_page(sample: bytes) -> str | None:
    """The code page under which most letters beyond ASCII are everyday ones of its language; none where that is not so.

    Bytes of one of these pages are letters in the others too, but rare ones.

    Examples
    --------
    >>> [eastern_page("会员编号,金额".encode("gb18030")), eastern_page("Müller, Größe".encode("cp1252"))]
    ['gb18030', None]
    """
    shares = {}
    for page, everyday in EVERYDAY.items():
        with suppress(UnicodeDecodeError):
            letters = [letter for letter in sample.decode(page) if not letter.isascii()]
            shares[page] = sum(letter in everyday for letter in letters) / len(letters)
    best = max(shares, key=lambda page: shares[page], default=None)
    return best if best is not None and shares[best] > 0.5 else None  # most
