"""A raw file -> its cells: kind, dialect, header, and the one grammar of texts, numbers, times and ids.

Comes in: a path and how the source says to read it. Goes out: a relation of DuckDB, and the SQL that
reads its cells. May import config, errors and data/rows only.
"""
