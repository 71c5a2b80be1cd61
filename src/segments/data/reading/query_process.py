"""The process that runs one query of a source, and can do nothing else; :mod:`segments.data.reading.query` starts it, bounds its time and reads its answer.

Comes in: a DuckDB file with the source's tables, the SQL (on standard input), limits. Goes out: the answer as parquet, or one line of JSON that says
why not. DuckDB reads the file as it is, opens no other, loads no extension and takes no setting; an interrupt stops it only between two
vectors, and its own limit of memory does not count every list, hence a process that the system bounds.
"""

from __future__ import annotations

import json
import resource
import sys

import duckdb
import pyarrow.parquet as pq

# What is another answer tomorrow, or runs SQL that stands in a text.
PASSING = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
DYNAMIC = {"query", "query_table"}
ROWS_IN_A_BATCH = 1 << 16
LIBRARIES = 3072  # MiB of address space that libraries and stacks take, most of it never touched
ON_DISK = 8  # times as much as in memory


class Refused(Exception):  # noqa: N818 - no error: an answer
    """What the SQL may not be: said in a sentence."""


def check(sql: str) -> None:
    """Take one SELECT whose answer is the same every day.

    Examples
    --------
    >>> check("SELECT 1; SELECT 2")
    Traceback (most recent call last):
    segments.data.reading.query_process.Refused: it is more than one SELECT
    """
    own = duckdb.connect(":memory:", config={"enable_external_access": "false", "python_enable_replacements": "false"})
    statements = own.extract_statements(sql)
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        several = set(kinds) == {"SELECT"}
        raise Refused(
            "it is more than one SELECT" if several else f"it is not one SELECT but {', '.join(kinds) or 'empty'}"
        )
    found = own.execute("SELECT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'").fetchall()
    passing = {name for (name,) in found} - {"error"}
    tokens = duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(sql.encode())]
    text = sql.encode()  # places are counted in bytes
    words = [
        text[start:end].decode().strip().strip('"').lower()
        for (start, kind), end in zip(tokens, ends, strict=True)
        if kind not in (duckdb.token_type.comment, duckdb.token_type.string_const)
    ]
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in PASSING or (word in passing and after.startswith("(")):
            raise Refused(f"'{word}' gives another answer each time: a query gives the same for the same files")
        if word in DYNAMIC and after.startswith("("):
            raise Refused(f"'{word}' runs SQL that stands in a text")
        if word == "tablesample" or (word == "using" and after == "sample"):
            raise Refused("a sample gives another answer each time: a query gives the same for the same files")


def answer(sql: str, database: str, target: str, spill: str, mib: int) -> None:
    """Answer from the tables of a DuckDB file, into a parquet file; with so much memory, in MiB, and eight times as much on disk."""
    check(sql)
    connection = duckdb.connect(
        database,
        read_only=True,
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "memory_limit": f"{mib}MiB",
            "temp_directory": spill,
            "max_temp_directory_size": f"{ON_DISK * mib}MiB",
            "threads": "1",  # with several the order of rows is another each time
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    batches = connection.sql(sql).to_arrow_reader(ROWS_IN_A_BATCH)
    with pq.ParquetWriter(target, batches.schema) as file:
        for batch in batches:
            file.write_batch(batch)


if __name__ == "__main__":
    limit = int(sys.argv[4])
    for kind, most in ((resource.RLIMIT_AS, 2 * limit + LIBRARIES), (resource.RLIMIT_FSIZE, ON_DISK * limit)):
        resource.setrlimit(kind, (most << 20, most << 20))
    try:
        answer(sys.stdin.buffer.read().decode(), sys.argv[1], sys.argv[2], sys.argv[3], limit)
    except (Refused, duckdb.Error, MemoryError, OSError, ValueError) as error:
        sys.stdout.write(json.dumps([type(error).__name__, str(error)]))
        sys.exit(3)
