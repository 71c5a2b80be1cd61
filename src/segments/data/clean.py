"""Raw tables to clean tables. Comes in: cells as the files hold them. Goes out: clean customers, clean lines, a report.

Every raw row ends in exactly one place: in the clean table, or counted under the first reason that applies to it, in
this order:

* customers: duplicate row, missing customer id, then for each number column (in config order) missing, unreadable,
  infinite, beyond 1e100, out of range, and last duplicate customer id, so that a bad copy of a customer never pushes out a good one;
* transactions: excluded by a value, duplicate row, missing customer id, missing order id, missing time, unreadable time, then for what
  the money is made of (amount, or quantity and price) missing, unreadable, infinite, then unreadable discount or coupon, after the as-of
  date, return (amount below zero), zero amount.

A reason whose policy is ``keep`` only counts rows that no other reason drops, and
``rows_raw == rows_clean + rows dropped``, always.

The entry point to three modules: :mod:`segments.data.customers` cleans in pandas, :mod:`segments.data.transactions` on DuckDB, and
:mod:`segments.data.rows` holds what they share.
"""

from __future__ import annotations

import duckdb
import pandas as pd

from segments.data.rows import quoted_list
from segments.errors import DataError


def compare_ids(customers: pd.DataFrame, lines: duckdb.DuckDBPyRelation) -> list[str]:
    """Note customers that only one of the two clean tables knows.

    Raises
    ------
    DataError
        If they share no customer: then the id columns do not mean the same.
    """
    buyers = {row[0] for row in lines.aggregate("customer_id", "customer_id").fetchall()}
    known = set(customers["customer_id"])
    if not buyers & known:
        raise DataError(
            f"no customer of the log is in the customers table: the log has {quoted_list(sorted(buyers), 3)}, "
            f"the table {quoted_list(sorted(known), 3)}",
            where="source.customers.id and source.transactions.customer",
            fix="name columns that hold the same ids",
        )
    notes = []
    if buyers - known:
        notes.append(f"{len(buyers - known)} of {len(buyers)} customers of the log are not in the customers table")
    if known - buyers:
        notes.append(
            f"{len(known - buyers)} of {len(known)} customers of the customers table have no purchase left in the log"
        )
    return notes
