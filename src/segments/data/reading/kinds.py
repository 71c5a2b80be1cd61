"""What a raw file is, by its name and its first bytes. Comes in: a path. Goes out: csv, parquet or xlsx, or one clear sentence."""

from __future__ import annotations

import codecs
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from segments.errors import DataError

HEAD_BYTES = 1 << 18
FILE_KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xls": "xlsx",
}
SCORED = {suffix: kind for suffix, kind in FILE_KINDS.items() if kind != "xlsx"}  # what can be read in chunks
PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz")
NO_EXCEL = "save it as CSV or parquet"
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
# What a file is by its first bytes, when that is not what its name says.
SIGNATURES = (
    (b"PK\x03\x04", "an Excel or zip file", "name it .xlsx if it is Excel, unpack it if it is a zip"),
    (b"PAR1", "a parquet file", "name it .parquet"),
    (OLD_EXCEL, "an Excel file of the old kind or with a password", "name it .xls, or save it without a password"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"%PDF", "a PDF", "export the table as CSV"),
    (b"version https://git-lfs", "a Git LFS pointer, not the data", "run `git lfs pull` where it came from"),
)


def kind_of(path: Path, kinds: Mapping[str, str] = FILE_KINDS) -> str:
    """What a file says it is, by its name.

    Parameters
    ----------
    path : Path
        The file.
    kinds : mapping of str to str
        Which endings can be read here, and the kind of each: "csv", "parquet" or "xlsx".

    Raises
    ------
    DataError
        If the name ends in something else.

    Examples
    --------
    >>> kind_of(Path("customers.tsv"))
    'csv'
    """
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        what = f"files named '{path.suffix or path.name}' cannot be read"
        fix = f"use one of {', '.join(kinds)}: text of another name may be called .csv"
        if FILE_KINDS.get(path.suffix.lower()) == "xlsx":
            what, fix = f"{path} is an Excel file", NO_EXCEL
        elif path.suffix.lower() in PACKED:
            fix = "unpack it, and name the file that was in it"
        raise DataError(what, where=str(path), fix=fix)
    return kind


def first_bytes(path: Path) -> bytes:
    """The first 256 KiB of a file.

    Raises
    ------
    DataError
        If the file is missing, a folder, empty, or cannot be opened.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file", where=str(path), fix="name a file in it")
    if not path.exists():
        raise DataError(f"{path} does not exist", where=str(path.absolute()), fix="check the path")
    if not path.is_file():  # a pipe would be waited for, and a device has no end
        raise DataError(f"{path} is no plain file", where=str(path), fix="write what comes from it into a file")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise DataError(
            f"{path} cannot be opened: {error.strerror}", where=str(path), fix="check its permissions"
        ) from error
    if not head.strip():
        raise DataError(f"{path} is empty", where=str(path), fix="get the file again")
    return head


def refuse_foreign(path: Path, head: bytes, kind: str, kinds: Mapping[str, str] = FILE_KINDS) -> None:
    """One clear sentence for a file that is not what its name says.

    Parameters
    ----------
    path : Path
        The file, for the message.
    head : bytes
        Its first bytes.
    kind : {"csv", "parquet", "xlsx"}
        What its name says.
    kinds : mapping of str to str
        As of :func:`kind_of`: nobody is advised to name a file what cannot be read here.

    Raises
    ------
    DataError
        If the first bytes are those of something else.

    Examples
    --------
    >>> refuse_foreign(Path("customers.csv"), b"id,age", "csv")
    """
    excel = OLD_EXCEL if path.suffix.lower() == ".xls" else b"PK\x03\x04"
    fitting = {"csv": b"", "parquet": b"PAR1", "xlsx": excel}[kind]
    if fitting and head.startswith(fitting):
        return
    start = head.lstrip(codecs.BOM_UTF8 + b" \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")):
        raise DataError(
            f"{path} is a web page (HTML), not data",
            where=str(path),
            fix="open it in a spreadsheet and save it as .xlsx, or if a link led to it, download the file itself",
        )
    for signature, what, fix in SIGNATURES:
        if head.startswith(signature):
            unread = "Excel" in what and "xlsx" not in kinds.values()
            raise DataError(f"{path} is {what}", where=str(path), fix=NO_EXCEL if unread else fix)
    if kind == "xlsx":
        raise DataError(f"{path} is not an Excel file", where=str(path), fix="name it .csv if it is text")
    if kind == "parquet":
        raise DataError(f"{path} is not a parquet file", where=str(path), fix="name it .csv if it is text")


def refuse_repeated(path: Path, header: list[str]) -> None:
    """Refuse a file with two columns of one name.

    Raises
    ------
    DataError
        Names the first such column.

    Examples
    --------
    >>> refuse_repeated(Path("customers.csv"), ["id", "age"])
    """
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise DataError(
                f"column '{name}' appears twice in {path}", where=str(path), fix="rename or remove one of them"
            )
        seen.add(name)


def guarded(path: Path, what: str, read: Callable[[], Any]) -> Any:
    """What `read` returns; whatever a damaged file makes it raise becomes one sentence.

    Parameters
    ----------
    path : Path
        The file, for the message.
    what : str
        What it should be, in words.
    read : callable
        Reads it.

    Raises
    ------
    DataError
        If `read` fails for any reason but lack of memory.

    Examples
    --------
    >>> guarded(Path("customers.parquet"), "parquet file", lambda: 7)
    7
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # readers warn about styles and metadata, which are not data
            return read()
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # damaged archives raise whatever a parser stumbled over; Rust panics
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path} is not a complete {what}: {cause}", where=str(path), fix="get the file again; it may be cut off"
        ) from error
