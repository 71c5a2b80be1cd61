"""How a CSV is written. Comes in: its first bytes and what the source says. Goes out: encoding, separator, decimal mark, header.

What the source does not say is found out from the file, and noted where it was a guess.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from segments.config.source import Reader
from segments.data.reading.kinds import HEAD_BYTES, refuse_foreign, refuse_repeated
from segments.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
WESTERN = ("Unknown", "English", "French", "German", "Spanish", "Portuguese", "Italian", "Dutch")


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written, and which part of that was found out from the file."""

    encoding: str
    separator: str
    decimal: str
    header: list[str]
    notes: list[str] = field(default_factory=list)


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
        text = codecs.getincrementaldecoder(encoding)().decode(
            head
        )  # the last letter may be cut: incremental does not mind
    if len(head) == HEAD_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    guess = _separator(text)
    separator = reader.separator or guess or ","
    rows = [row for row in _sample_rows(text, separator) if any(row)]
    names = [name.replace("\0", "").strip() for name in rows[0]] if rows else []  # no reader after this keeps a NUL
    header = [name or f"column {position}" for position, name in enumerate(names, start=1)]
    if not header:
        raise DataError(f"{path} is empty", where=str(path), fix="check the file")
    if reader.separator is not None and len(header) == 1 and guess is not None and guess != reader.separator:
        raise DataError(
            f"{path} is not separated by {reader.separator!r}: its header is one field, '{header[0][:60]}'",
            where=str(path),
            fix=f"set read.separator to {guess!r}, or leave it out: it is then detected",
        )
    refuse_repeated(path, header)
    return Dialect(encoding, separator, reader.decimal or decimal_mark(rows[1:]), header, notes)


def decimal_mark(rows: list[list[str]]) -> str:
    """Find a decimal comma, only where it is certain.

    ``1,234`` may be a thousand or a decimal: read as neither, it is counted as unreadable and never scaled by 1000 in
    silence.
    """
    commas = [cell for row in rows for cell in row if "," in cell and re.fullmatch(r"\s*[+-]?\d+,\d+\s*", cell)]
    if not any(not re.fullmatch(r"\s*[+-]?\d{1,3},\d{3}\s*", cell) for cell in commas):
        return "."
    dots = any(re.fullmatch(r"\s*[+-]?\d+\.\d+\s*", cell) for row in rows for cell in row)
    return "." if dots else ","


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
        raise DataError(
            f"{path} cannot be read: {error.strerror}", where=str(path), fix="check its permissions"
        ) from error


def _sample_rows(text: str, separator: str, most: int = 1_000) -> list[list[str]]:
    rows: list[list[str]] = []
    with suppress(csv.Error):  # the reading itself names the line
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            rows.append(row)
            if len(rows) == most:
                break
    return rows


def _separator(text: str) -> str | None:
    """Find the separator under which most lines have as many fields (at least two) as the header."""
    best, found = (0, 0), None
    for separator in SEPARATORS:
        rows = [row for row in _sample_rows(text, separator, 200) if row]
        width = len(rows[0]) if rows else 0
        agreeing = sum(len(row) == width for row in rows)
        if width > 1 and (agreeing, width) > best:
            best, found = (agreeing, width), separator
    return found


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
    guesses = ["cp1252", "latin_1"]
    if size > 2_000:  # a few letters fit every code page
        best = from_bytes(sample).best()
        if best is not None and best.language not in WESTERN:
            guesses.insert(0, best.encoding)
    for guess in guesses:
        with suppress(UnicodeDecodeError):
            sample.decode(guess)
            return guess
    return "latin_1"
