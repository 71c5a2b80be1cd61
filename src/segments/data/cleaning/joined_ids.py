"""Customers of both tables, under one id. Comes in: clean customers, a clean log. Goes out: the log with the ids of the customers table."""

from __future__ import annotations

import duckdb
import pandas as pd

from segments.config.source import CUSTOMER_ID
from segments.data.reading.ids import id_key, key_sql
from segments.data.rows import quoted_list
from segments.errors import DataError


def joined_ids(
    customers: pd.DataFrame, lines: duckdb.DuckDBPyRelation, connection: duckdb.DuckDBPyConnection, id_type: str
) -> tuple[duckdb.DuckDBPyRelation, list[str]]:
    """Give the customers of a log the ids they have in the customers table, however the log pads them.

    Parameters
    ----------
    customers : DataFrame
        The clean customers table.
    lines : DuckDBPyRelation
        The clean log.
    connection : DuckDBPyConnection
        Where the log lives.
    id_type : {"auto", "text", "integer"}
        As the source says; texts are joined as they are written.

    Returns
    -------
    DuckDBPyRelation
        The log, in its order.
    list of str
        Which customers only one of the two tables knows, and which are written in two ways.

    Raises
    ------
    DataError
        If they share no customer: then the id columns do not mean the same.
    """
    known = {str(one) if id_type == "text" else id_key(str(one)): str(one) for one in customers[CUSTOMER_ID]}
    key = key_sql(CUSTOMER_ID, id_type)
    buyers = dict(lines.project(CUSTOMER_ID).distinct().project(f"{CUSTOMER_ID}, {key}").fetchall())
    keys = set(buyers.values())
    if not keys & known.keys():
        raise DataError(
            f"no customer of the log is in the customers table: the log has {quoted_list(sorted(buyers), 3)}, "
            f"the table {quoted_list(sorted(known.values()), 3)}",
            where="source.customers.id and source.transactions.customer",
            fix="name columns that hold the same ids",
        )
    notes = []
    other = {spelled: known[keyed] for spelled, keyed in buyers.items() if known.get(keyed, spelled) != spelled}
    if other:
        one, another = next(iter(sorted(other.items())))
        notes.append(
            f"{len(other)} customers are written otherwise in the log ('{one}' is '{another}'): they have the id of the customers table"
        )
        connection.register("other_names", pd.DataFrame({"log_id": list(other), "table_id": list(other.values())}))
        known_as = f"(SELECT table_id FROM other_names WHERE log_id = {CUSTOMER_ID})"  # noqa: S608 - names of our own
        own = ", ".join(
            f"coalesce({known_as}, {CUSTOMER_ID}) AS {CUSTOMER_ID}" if name == CUSTOMER_ID else name
            for name in lines.columns
        )
        lines = lines.project(own)
    if strangers := len(keys - known.keys()):
        notes.append(f"{strangers} of {len(keys)} customers of the log are not in the customers table")
    if quiet := len(known.keys() - keys):
        notes.append(f"{quiet} of {len(known)} customers of the customers table have no purchase left in the log")
    return lines, notes
