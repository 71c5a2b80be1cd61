"""Where tables lie that are too large for pandas: DuckDB's rules carried to Spark's rows, Spark's sessions, the tables it keeps.

PySpark is imported here only, and only when a source asks for it.
"""
