"""What customers and logs share while they are raw: how they come, what a header may be called, and the count of their rows."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pandas as pd

from segments.config.source import Policy
from segments.errors import DataError

Report = dict[str, Any]


@dataclass(frozen=True)
class RawTable:
    """A raw table with every cell as text, as :mod:`segments.data.reading.files` hands it over.

    Parameters
    ----------
    cells : DataFrame
        One text column per header of the file; missing cells may be missing values or any text in ``Reader.missing``.
    decimal : {".", ","}
        Decimal mark of the cells.
    notes : list of str
        How the file was read, where that was a guess.
    """

    cells: pd.DataFrame
    decimal: str = "."
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RawLog:
    """A raw transaction log that DuckDB streams, as :mod:`segments.data.reading.files` hands it over.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the relations live; results live as long as it does.
    lines : DuckDBPyRelation
        One row per line, in the order of the file; columns are text or have the type of the file.
    products : DuckDBPyRelation, optional
        One row per product.
    decimal : {".", ","}
        Decimal mark of text cells.
    notes : list of str
        How the files were read, where that was a guess.
    """

    connection: duckdb.DuckDBPyConnection
    lines: duckdb.DuckDBPyRelation
    products: duckdb.DuckDBPyRelation | None = None
    decimal: str = "."
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reason:
    """Why rows are counted: the words, the policy's action and key, and whether it is a fault of the data."""

    text: str
    action: str
    key: str
    fault: bool = True


# --- headers ------------------------------------------------------------------------------------------------------


def normal_header(header: str) -> str:
    """Reduce a header to what its spellings share: letters and digits, case folded.

    Units stay, because income in k$ is not income in k€.

    Examples
    --------
    >>> normal_header("AnnualIncome (k$)") == normal_header("Annual_Income (K$)")
    True
    """
    return "".join(letter for letter in unicodedata.normalize("NFKC", header).casefold() if letter.isalnum())


def find_header(headers: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the header that goes by one of these names, or ``None``.

    Parameters
    ----------
    headers : sequence of str
        Headers of the raw table.
    names : sequence of str
        What the column may be called. An exact match wins over one that ignores case, blanks and punctuation.

    Raises
    ------
    DataError
        If two headers fit equally well.

    Examples
    --------
    >>> find_header(["Customer ID", "AGE"], ["age"])
    'AGE'
    """
    exact = [header for header in headers if header in names]
    wanted = {normal_header(name) for name in names}
    found = exact or [header for header in headers if normal_header(header) in wanted]
    if len(found) > 1:
        raise DataError(
            f"{len(found)} columns may be '{names[0]}': {quoted_list(found)}",
            fix="rename all but one, or name the right one exactly in the source config",
        )
    return found[0] if found else None


def require(headers: Sequence[str], wanted: dict[str, Sequence[str]], where: str) -> dict[str, str]:
    """Headers for what is needed; one error that names all that is missing, what was found and what is near.

    Parameters
    ----------
    headers : sequence of str
        Headers of the raw table.
    wanted : dict of str to sequence of str
        Per key what its column may be called.
    where : str
        The file, for the message.

    Raises
    ------
    DataError
        If a key has no header, or two that fit equally well.

    Examples
    --------
    >>> require(["Customer ID", "AGE"], {"age": ["age"]}, "shop.csv")
    {'age': 'AGE'}
    """
    found = {key: find_header(headers, names) for key, names in wanted.items()}
    absent = [key for key, header in found.items() if header is None]
    if absent:
        spelled = {normal_header(header): header for header in headers}
        hints = []
        for key in absent:
            close = [
                near for name in wanted[key] for near in difflib.get_close_matches(normal_header(name), spelled, n=1)
            ]
            if close:
                hints.append(f"'{wanted[key][0]}' may be '{spelled[close[0]]}'")
        missing = quoted_list([wanted[key][0] for key in absent])
        raise DataError(
            f"missing column{'s' * (len(absent) > 1)}: {missing}; the file has: {quoted_list(headers)}",
            where=where,
            fix=("; ".join(hints) + ": " if hints else "")
            + "name the header of this file in the source config (raw, aliases), or check the separator",
        )
    return {key: header for key, header in found.items() if header is not None}


def rounded_ids(header: str, example: str, where: str) -> DataError:
    """The error of ids that went through a spreadsheet, or a column of floats, and lost their last digits there.

    Examples
    --------
    >>> print(rounded_ids("Card", "4.00123E+11", "shop.csv").what)
    column 'Card' holds ids that were rounded to a few digits, such as '4.00123E+11': who they were cannot be known
    """
    return DataError(
        f"column '{header}' holds ids that were rounded to a few digits, such as '{example}': who they were cannot be known",
        where=where,
        fix="export the file again with the ids as text (or as 64-bit integers), not as numbers of a spreadsheet or floats",
    )


def quoted(name: str) -> str:
    """Quote a column's name for SQL.

    Examples
    --------
    >>> quoted('5" pipes')
    '"5"" pipes"'
    """
    return '"' + name.replace('"', '""') + '"'


def quoted_list(names: Iterable[str], most: int = 12) -> str:
    """Names for a message, each in quotes, the first few of many.

    Examples
    --------
    >>> quoted_list(["age", "city", "income"], most=2)
    "'age', 'city' and 1 more"
    """
    names = list(names)
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


# --- judging: the same words and numbers for both tables ----------------------------------------------------------


def counted(
    reasons: Sequence[Reason], counts: Sequence[int], rows_raw: int, policy: Policy, notes: list[str], where: str
) -> Report:
    """Make the report of one table, or the error that carries the same counts.

    Parameters
    ----------
    reasons : sequence of Reason
        Why rows are counted.
    counts : sequence of int
        Rows per reason; each row under one reason at most.
    rows_raw : int
        Rows of the raw table.
    policy : Policy
        Which share of them may be bad.
    notes : list of str
        What else a person should know; goes into the report as it is.
    where : str
        The file, for the message.

    Raises
    ------
    DataError
        If a reason stops, more rows are bad than the policy allows, or none is left.

    Examples
    --------
    >>> missing = Reason("missing age", "drop", "bad_value")
    >>> counted([missing], [1], 40, Policy(), [], "shop.csv")["rows_clean"]
    39
    """
    listed = [
        {"reason": reason.text, "rows": int(rows), "action": reason.action}
        for reason, rows in zip(reasons, counts, strict=True)
        if rows
    ]
    dropped = sum(rows for reason, rows in zip(reasons, counts, strict=True) if reason.action != "keep")
    message = "; ".join(f"{item['rows']} {item['reason']}" for item in listed)
    stopping = [reason for reason, rows in zip(reasons, counts, strict=True) if rows and reason.action == "stop"]
    if stopping:
        keys = list(dict.fromkeys(f"source.policy.{reason.key}" for reason in stopping))
        raise DataError(
            f"the policy stops at: {', '.join(reason.text for reason in stopping)}. Of {rows_raw} rows: {message}",
            where=where,
            fix=f"mend the file, or choose another value for {', '.join(keys)}",
        )
    bad = sum(rows for reason, rows in zip(reasons, counts, strict=True) if reason.fault and reason.action != "keep")
    if bad > policy.max_bad_share * rows_raw:
        raise DataError(
            f"{bad} of {rows_raw} rows ({bad / rows_raw:.1%}) are bad, "
            f"more than the {policy.max_bad_share:.1%} allowed: {message}",
            where=where,
            fix="mend the file, or allow more with source.policy.max_bad_share",
        )
    if dropped == rows_raw:
        raise DataError(f"no row is left of {rows_raw}: {message}", where=where, fix="check the file and source.policy")
    return {"rows_raw": rows_raw, "rows_clean": rows_raw - int(dropped), "reasons": listed, "notes": notes}


def in_order(reasons: Iterable[Any]) -> list[Any]:
    """Reasons that drop rows first, in their own order: what is only counted must not hide what is dropped."""
    return sorted(reasons, key=lambda reason: (reason[0] if isinstance(reason, tuple) else reason).action == "keep")
