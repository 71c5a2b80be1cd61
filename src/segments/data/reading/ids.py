"""Ids of customers and products: as they are written, and what they are joined by.

An id leaves as it came in. Beside it stands a key by which tables are joined: the number, where the id is one, so that a spreadsheet
that ate the zeros of one table parts nobody. Whether ``007`` and ``7`` in *one* table are the same, only a person knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from segments.data.rows import ROW_NUMBER, quoted, rounded_ids
from segments.errors import DataError

INTEGER = r"[+-]?[0-9]+([.,]0{1,2})?"  # not three zeros: 1.000 may be a thousand
# A number written with an exponent: as an id it has lost its last digits, and several customers may now be one.
ROUNDED_ID = r"[+-]?\d(\.\d+)?[eE]\+\d+"
WHOLE_TYPES = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
}  # one spelling each
BARE = "regexp_replace(id, '[.,]00?$', '')"  # 7.0 is 7 to whom a spreadsheet made a fraction of it: nobody has both; no braces, which Spark takes for names
INVISIBLE = "[\u200b-\u200d\u2060\ufeff\u00ad]"

# What is done to ids without asking, in how many rows, by the condition on a raw cell.
MENDED = {
    f"regexp_matches({{0}}, '{INVISIBLE}')": "held signs that nobody sees: they are taken out",
    r"regexp_matches({0}, '^[\s\x{{a0}}]+\S|\S[\s\x{{a0}}]+$')": "had blanks around them: they are taken off",
    "nfc_normalize({0}) <> {0}": "had letters in two parts: they are composed (NFC)",
}


def id_sql(cell: str) -> str:
    """Write SQL for an id as it is written: only what nobody sees is taken out, and letters are composed (NFC)."""
    return f"nullif(trim(nfc_normalize(regexp_replace({cell}, '{INVISIBLE}', '', 'g'))), '')"


def key_sql(id_: str, id_type: str = "auto") -> str:
    """Write SQL for what an id is joined by: the number where it is one (``007`` and ``7.0`` are 7), unless ids are texts."""
    if id_type == "text":
        return id_
    bare = rf"regexp_replace(regexp_replace({id_}, '[.,]0{{1,2}}$', ''), '^\+?(-?)0*([0-9])', '\1\2')"
    return f"CASE WHEN regexp_full_match({id_}, '{INTEGER}') THEN {bare} ELSE {id_} END"


def id_key(text: str) -> str:
    """One id as :func:`key_sql` joins it.

    Examples
    --------
    >>> [id_key(text) for text in ("0001", "+20", "3.0", "GUEST", "1.000")]
    ['1', '20', '3', 'GUEST', '1.000']
    """
    if not re.fullmatch(INTEGER, text):
        return text
    return re.sub(r"^\+?(-?)0*([0-9])", r"\1\2", re.sub("[.,]0{1,2}$", "", text))


def id_keys(ids: pa.Array) -> pa.Array:
    """The same for many ids at once.

    Examples
    --------
    >>> id_keys(pa.array(["0001", "GUEST", None])).to_pylist()
    ['1', 'GUEST', None]
    """
    bare = pc.replace_substring_regex(pc.replace_substring_regex(ids, "[.,]0{1,2}$", ""), r"^\+?(-?)0*([0-9])", r"\1\2")
    return pc.if_else(pc.match_substring_regex(ids, f"^{INTEGER}$"), bare, ids)


def refuse_rounded(table: duckdb.DuckDBPyRelation, header: str, cell: str, where: str) -> None:
    """Stop at ids that lost their digits on the way here.

    Raises
    ------
    DataError
        Shows one of them.
    """
    if _is_whole(table, header):
        return
    found = table.filter(f"regexp_full_match({cell}, '{ROUNDED_ID}')").limit(1).project(cell).fetchall()
    if found:
        raise rounded_ids(header, found[0][0], where)


def _is_whole(table: duckdb.DuckDBPyRelation, header: str) -> bool:
    return dict(zip(table.columns, map(str, table.types), strict=True))[header] in WHOLE_TYPES


def customer_ids(
    table: duckdb.DuckDBPyRelation, header: str, cell: str, id_type: str, where: str, notes: list[str]
) -> str:
    """Write SQL for the customers' ids of a raw table, one spelling for each.

    Parameters
    ----------
    table : DuckDBPyRelation
        The raw table.
    header : str
        The column of the id.
    cell : str
        SQL of its cells (:func:`~segments.data.reading.cells.text_sql`).
    id_type : {"auto", "text", "integer"}
        As the source says.
    where : str
        The file, for the message.
    notes : list of str
        Gets a sentence where ids were mended.

    Raises
    ------
    DataError
        If ids were rounded, or one number is written in two ways and the source does not say what that means.
    """
    own = id_sql(cell)
    if _is_whole(table, header):
        return own
    refuse_rounded(table, header, cell, where)
    raw, names = f"{quoted(header)}::VARCHAR", [f"mended{at}" for at in range(len(MENDED))]
    # row by row first: what asks many rows is SQL that another engine reads, and knows none of these functions
    ways = zip(MENDED, names, strict=True)
    marked = table.project(", ".join(f"CASE WHEN {way.format(raw)} THEN 1 END AS {name}" for way, name in ways))
    counts = marked.aggregate(", ".join(f"count({name})" for name in names)).fetchall()[0]
    for rows, said in zip(counts, MENDED.values(), strict=True):
        if rows:
            notes.append(f"{rows:,} ids of '{header}' {said}")
    if id_type == "text":
        return own
    spelled = table.project(f"row_number() OVER () AS {ROW_NUMBER}, {own} AS id").project(f"*, {key_sql('id')} AS key")
    twice = (
        spelled.filter("key IS NOT NULL")
        .aggregate(
            f"key, min_by(id, {ROW_NUMBER}) AS id, min(id) AS low, max(id) AS high, min({BARE}) AS least, max({BARE}) AS most",
            "key",
        )
        .filter("low <> high")
    )
    found = twice.aggregate("count(*), min(low), min_by(high, low)").fetchall()[0]
    if not found[0]:
        return own
    unlike = twice.filter("least <> most").aggregate("count(*), min(least), min_by(most, least)").fetchall()[0]
    if id_type == "auto" and unlike[0]:
        raise DataError(
            f"column '{header}' has the ids '{unlike[1]}' and '{unlike[2]}': one customer or two? "
            f"{unlike[0]:,} numbers are written in several ways",
            where=where,
            fix="write id_type: integer into the source if they are one, id_type: text if they are two",
        )
    notes.append(
        f"{found[0]:,} ids are written in several ways, such as '{found[1]}' and '{found[2]}': they are one, by the first"
    )
    twice.create("spelled_ids")
    return f"coalesce((SELECT id FROM spelled_ids WHERE spelled_ids.key = {key_sql(own, id_type)}), {own})"  # noqa: S608 - columns are quoted


def one_spelling(table: duckdb.DuckDBPyRelation, cell: str) -> Callable[[str], str]:
    """How a table's ids are joined: by their keys, unless two of its ids would share one."""
    spelled = table.project(f"{cell} AS id").project(f"id, {key_sql('id')} AS key").filter("key IS NOT NULL")
    twice = spelled.aggregate("key, min(id) AS low, max(id) AS high", "key").filter("low <> high")
    return (lambda id_: id_) if twice.limit(1).fetchall() else key_sql
