"""Raw files -> clean tables: kind, dialect, header, rows; every row is kept or counted under a reason.

Comes in: paths and what the source says. Goes out: clean customers and purchase lines, a report. May import config and errors only.
"""
