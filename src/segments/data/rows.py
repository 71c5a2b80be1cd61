"""What customers and logs share while they are raw: how they come, what a header may be called, and the count of their rows."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import duckdb
import pandas as pd

from segments.config.source import Policy
from segments.data.returns import RETURN_KEYS, RETURN_ORDER, returned
from segments.errors import DataError

Report = dict[str, Any]
ROWS_FETCHED = 100_000


@dataclass(frozen=True)
class RawTable:
    """A raw table that DuckDB holds or streams, as :mod:`segments.data.reading.files` hands it over.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the relations live; results live as long as it does.
    lines : DuckDBPyRelation
        One row per row of the file, in its order; columns are text or have the type of the file.
    decimal : {".", ","} or None
        Decimal mark of text cells, where the file as a whole leaves no doubt.
    notes : list of str
        How the files were read, where that was a guess, and what of them is no data.
    """

    connection: duckdb.DuckDBPyConnection
    lines: duckdb.DuckDBPyRelation
    decimal: str | None = "."
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RawLog(RawTable):
    """A raw transaction log.

    Parameters
    ----------
    products : DuckDBPyRelation, optional
        One row per product.
    """

    products: duckdb.DuckDBPyRelation | None = None

    def whole_returns(self, rows: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
        """Which purchase lines were sent back as a whole, and when: ``row`` and ``sent_back_at``.

        Parameters
        ----------
        rows : DuckDBPyRelation
            Lines of customers and products that have returns: :data:`RETURN_KEYS`, then what :class:`~segments.data.returns.Line` has, then
            :data:`RETURN_ORDER`.
        """
        cursor = self.connection.cursor().execute(
            f"FROM ({rows.sql_query()}) ORDER BY {', '.join((*RETURN_KEYS, *RETURN_ORDER))}"
        )
        fetched = chain.from_iterable(iter(lambda: cursor.fetchmany(ROWS_FETCHED), []))
        frame = pd.DataFrame(returned(fetched), columns=["row", "sent_back_at"])
        return self.connection.from_df(frame.astype({"row": "int64", "sent_back_at": "datetime64[us]"}))


@dataclass(frozen=True)
class RawCells:
    """A small raw table in memory.

    Parameters
    ----------
    cells : DataFrame
        One text column per header of the file.
    decimal : {".", ","}
        Decimal mark of the cells.
    """

    cells: pd.DataFrame
    decimal: str = "."


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

ROW_NUMBER = '"segments row"'  # the blank keeps it apart from any column of ours


def judged_rows(
    connection: duckdb.DuckDBPyConnection,
    rows: duckdb.DuckDBPyRelation,
    parsed: Mapping[str, str],
    judged: Sequence[tuple[Reason, str]],
    name: str,
) -> duckdb.DuckDBPyRelation:
    """Parse the rows of a raw table, and number the first reason that applies to each.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the result is made.
    rows : DuckDBPyRelation
        The raw table, with :data:`ROW_NUMBER`.
    parsed : mapping of str to str
        SQL by the name of each column of the result.
    judged : sequence of (Reason, str)
        Reasons, as :func:`in_order` puts them, and SQL over the parsed columns of what they apply to.
    name : str
        Of the table that is made.

    Returns
    -------
    DuckDBPyRelation
        The parsed columns, and ``verdict``: the number of a reason from 1, or 0.
    """
    verdict = " ".join(f"WHEN {condition} THEN {number}" for number, (_, condition) in enumerate(judged, start=1))
    lines = rows.project(", ".join(f"{expression} AS {column}" for column, expression in parsed.items()))
    lines.project(f"*, {f'CASE {verdict} ELSE 0 END' if verdict else '0'} AS verdict").create(name)
    return connection.table(name)


def repeated_rows(raw: RawTable, numbered: duckdb.DuckDBPyRelation) -> str:
    """Write SQL for whether a row equals an earlier one in every column.

    A 64-bit hash per row finds the few that may be equal; only those are compared in full.
    """
    columns = ", ".join(quoted(header) for header in raw.lines.columns)
    of_row = f"CAST(hash({columns}) // 2 AS BIGINT)"  # not every engine has the 64th bit
    hashed = numbered.project(f"{of_row} AS hashed")
    hashed.aggregate("hashed, count(*) AS n", "hashed").filter("n > 1").project("hashed").create("repeated_hashes")
    if not raw.connection.table("repeated_hashes").aggregate("count(*)").fetchall()[0][0]:
        return "false"
    maybe = numbered.filter(f"{of_row} IN (FROM repeated_hashes)")
    firsts = maybe.aggregate(f"{columns}, min({ROW_NUMBER}) AS first_row", columns)
    firsts.project("first_row").create("first_rows")
    maybe.filter(f"{ROW_NUMBER} NOT IN (FROM first_rows)").project(ROW_NUMBER).create("repeated_rows")
    return f"{ROW_NUMBER} IN (FROM repeated_rows)"


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
            fix="mend the file or how it is read (read, kind, minimum, maximum); what means no value goes into read.missing"
            + (
                "; if these rows may be left out, source.policy.max_bad_share allows more" if bad < rows_raw / 2 else ""
            ),
        )
    if dropped == rows_raw:
        raise DataError(f"no row is left of {rows_raw}: {message}", where=where, fix="check the file and source.policy")
    return {"rows_raw": rows_raw, "rows_clean": rows_raw - int(dropped), "reasons": listed, "notes": notes}


def in_order(reasons: Iterable[Any]) -> list[Any]:
    """Reasons that drop rows first, in their own order: what is only counted must not hide what is dropped."""
    return sorted(reasons, key=lambda reason: (reason[0] if isinstance(reason, tuple) else reason).action == "keep")
