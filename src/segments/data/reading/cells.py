"""What a cell may hold: the grammar of numbers, times and ids, and the SQL by which DuckDB reads cells by it."""

from __future__ import annotations

from segments.config.source import Reader
from segments.data.rows import quoted

NUMBER = r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?|∞)"
INTEGER = r"[+-]?\d+([.,]0{1,2})?"  # not three zeros: 1.000 may be a thousand
# A number written with an exponent: as an id it has lost its last digits, and several customers may now be one.
ROUNDED_ID = r"[+-]?\d(\.\d+)?[eE]\+\d+"
LARGEST = 1e100  # beyond it, squares and their sums leave what a float can hold, and no distance can be computed
EXACT = 2**53  # from here on a float no longer tells every whole number from the next
ISO_TIME = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T].*)?"


def literal(text: str) -> str:
    """Quote a text for SQL.

    Examples
    --------
    >>> literal("Men's")
    "'Men''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def text_sql(header: str, kind: str, reader: Reader) -> str:
    """Write SQL for a cell as text without surrounding blanks, NULL where it means "no value"."""
    name = quoted(header)
    if kind == "VARCHAR":
        text = f"trim({name}, ' \t\r\n\u00a0')"
        missing = ", ".join(
            literal(word) for word in sorted({"", *(word.strip().casefold() for word in reader.missing)})
        )
        return f"CASE WHEN lower({text}) NOT IN ({missing}) THEN {text} END"
    if kind in ("DOUBLE", "FLOAT"):
        # An id column with one missing value arrives as float from pandas: 7.0 is the id 7.
        is_whole = f"{name} = trunc({name}) AND abs({name}) < {EXACT}"
        rounded = f"WHEN isfinite({name}) AND abs({name}) >= {EXACT} THEN format('{{:.16e}}', CAST({name} AS DOUBLE))"
        whole = f"WHEN {is_whole} THEN CAST(CAST({name} AS BIGINT) AS VARCHAR)"
        text = f"CASE {whole} {rounded} ELSE CAST({name} AS VARCHAR) END"
        return f"CASE WHEN NOT isnan({name}) THEN {text} END"
    return f"CAST({name} AS VARCHAR)"


def number_sql(header: str, kind: str, cell: str, decimal: str) -> str:
    """Write SQL for a cell as a number (DOUBLE), NULL where it is none; `cell` is what :func:`text_sql` wrote for it."""
    name = quoted(header)
    if kind == "VARCHAR":
        text = f"replace({cell}, ',', '.')" if decimal == "," else cell
        return (
            f"CASE WHEN regexp_full_match({text}, '{NUMBER}') THEN TRY_CAST(replace({text}, '∞', 'inf') AS DOUBLE) END"
        )
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN NOT isnan({name}) THEN CAST({name} AS DOUBLE) END"
    return f"TRY_CAST({name} AS DOUBLE)"


def time_sql(header: str, kind: str, cell: str, time_format: str | None) -> str:
    """Write SQL for a cell as a time (TIMESTAMP), NULL where it is none: by `time_format` (strptime), without one as ISO text."""
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"TRY_CAST({quoted(header)} AS TIMESTAMP)"
    if time_format is not None:
        return f"CAST(try_strptime({cell}, {literal(time_format)}) AS TIMESTAMP)"
    return f"CASE WHEN regexp_full_match({cell}, '{ISO_TIME}') THEN TRY_CAST({cell} AS TIMESTAMP) END"


def id_sql(cell: str, all_integer: bool) -> str:
    """Write SQL for an id: where every id of the column is an integer, the spelling of one (``007`` and ``7.0`` are 7)."""
    if not all_integer:
        return cell
    return rf"regexp_replace(regexp_replace({cell}, '[.,]0{{1,2}}$', ''), '^\+?(-?)0*(\d)', '\1\2')"
