"""Customers who asked to be forgotten, left out of whatever is read. Comes in: a raw table, keyed hashes. Goes out: the table without them, and how many rows that were.

Nobody's id is kept: what is kept is an HMAC of it, under a key that only this project has. Without the key a hash tells nothing, although ids can be counted through.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from segments.config.source import Reader
from segments.data.reading.cells import literal, text_sql
from segments.data.reading.ids import id_key, id_sql
from segments.data.rows import RawTable, Report, find_header

Raw = TypeVar("Raw", bound=RawTable)
HASH_DIGITS = 32  # of the hash, in hexadecimal


@dataclass(frozen=True)
class Erased:
    """The erased customers of a source.

    Parameters
    ----------
    source : str
        Its name: the same id of another source is somebody else.
    id_type : {"auto", "text", "integer"}
        As the source says: whether ``007`` and ``7`` are one customer.
    key : bytes
        Of the hashes.
    hashes : frozenset of str
        Of the ids.

    Examples
    --------
    >>> erased = Erased("shop", "auto", b"key", frozenset())
    >>> erased.hash_of("7") == erased.hash_of("007"), erased.hash_of("7") == erased.hash_of("8")
    (True, False)
    """

    source: str
    id_type: str
    key: bytes = field(repr=False)
    hashes: frozenset[str] = frozenset()

    def hash_of(self, customer_id: str) -> str:
        """HMAC-SHA256 of a customer's id, as it is joined by, in hexadecimal."""
        joined_by = customer_id if self.id_type == "text" else id_key(customer_id)
        return hmac.digest(self.key, f"{self.source}\0{joined_by}".encode(), "sha256").hex()[:HASH_DIGITS]

    def among(self, ids: Iterable[str]) -> list[str]:
        """Those of these ids that are erased, sorted."""
        return sorted(one for one in set(ids) if self.hash_of(one) in self.hashes)


def erased_in(raw: RawTable, names: Sequence[str], read: Reader, erased: Erased | None) -> tuple[list[str], str]:
    """The ids of erased customers that a raw table has, as they are written there, and SQL of the cells they stand in.

    Parameters
    ----------
    raw, names, read, erased
        As for :func:`without_erased`.
    """
    kinds = dict(zip(raw.lines.columns, map(str, raw.lines.types), strict=True))
    if erased is None or (header := find_header(list(kinds), names)) is None:
        return [], ""
    own = id_sql(text_sql(header, kinds[header], read))
    known = raw.lines.project(f"{own} AS id").distinct().filter("id IS NOT NULL").fetchall()
    return erased.among(row[0] for row in known), own


def without_erased(raw: Raw, names: Sequence[str], read: Reader, erased: Erased | None) -> tuple[Raw, int]:
    """A raw table without the rows of erased customers.

    Parameters
    ----------
    raw : RawTable
        As it is read.
    names : sequence of str
        What the column of the customer may be called; of a table without it nothing is left out.
    read : Reader
        How its cells are read.
    erased : Erased or None
        Who.

    Returns
    -------
    RawTable
        The others, in their order.
    int
        Rows that are left out.

    Examples
    --------
    >>> import duckdb
    >>> connection = duckdb.connect()
    >>> raw = RawTable(connection, connection.sql("SELECT unnest(['007', '8']) AS Id"))
    >>> erased = Erased("shop", "auto", b"key")
    >>> others, rows = without_erased(raw, ["id"], Reader(), replace(erased, hashes=frozenset([erased.hash_of("7")])))
    >>> others.lines.fetchall(), rows
    ([('8',)], 1)
    """
    found, own = erased_in(raw, names, read, erased)
    if not found:
        return raw, 0
    is_erased = f"coalesce({own} IN ({', '.join(map(literal, found))}), false)"
    rows = int(raw.lines.filter(is_erased).aggregate("count(*)").fetchall()[0][0])
    return replace(raw, lines=raw.lines.filter(f"NOT {is_erased}")), rows


def with_erased(report: Report, rows: int) -> Report:
    """The report of a table, with the rows of erased customers among those that were dropped.

    Examples
    --------
    >>> with_erased({"rows_raw": 9, "rows_clean": 9, "reasons": [], "notes": []}, 1)["reasons"]
    [{'reason': 'erased', 'rows': 1, 'action': 'drop'}]
    """
    if not rows:
        return report
    reason = {"reason": "erased", "rows": rows, "action": "drop"}
    return report | {"rows_raw": report["rows_raw"] + rows, "reasons": [reason, *report["reasons"]]}
