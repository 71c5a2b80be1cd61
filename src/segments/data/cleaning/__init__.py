"""Raw tables to clean tables. Comes in: cells as the files hold them. Goes out: clean customers, clean lines, a report.

Every raw row ends in exactly one place: in the clean table, or counted under the first reason that applies to it, in
this order:

* customers: duplicate row, missing customer id, then for each number column (in config order) missing, unreadable,
  infinite, beyond 1e100, out of range, and last duplicate customer id, so that a bad copy of a customer never pushes out a good one;
* transactions: excluded by a value, duplicate row, missing customer id, missing order id, missing time, unreadable time, then for what
  the money is made of (amount, or quantity and price) missing, unreadable, infinite, then unreadable discount or coupon, unreadable refunded amount, after
  the as-of date, return (amount below zero), zero amount.

A reason whose policy is ``keep`` only counts rows that no other reason drops, and
``rows_raw == rows_clean + rows dropped``, always. May import reading, days, returns, rows, times, config and errors only.
"""
