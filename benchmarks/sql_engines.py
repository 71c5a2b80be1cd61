"""A hundred thousand rows through `segments sql` on DuckDB, PostgreSQL and Spark, each compared with the model.

Run as ``python benchmarks/sql_engines.py [ROWS]``. Models of six kinds, and rows of the tests' making: ordinary ones, wild ones, and every value at
which something may break. Ends with an error if one row has another segment or reason, or a distance off by more than 1e-9.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

ROWS = 100_000
KINDS = ("none-identity", "robust-sqrt", "minmax-signed_log1p", "power-identity", "quantile-log1p", "everything")


def table(rows: int = ROWS) -> list[str]:
    """Rows of a markdown table, printed as they come."""
    import engines
    import odd_rows
    from postgresql import cluster
    from segments.config.engine import Engine
    from segments.config.source import Reader
    from segments.io.engines.spark import spark_session
    from segments.model.as_sql import as_sql

    warnings.simplefilter("ignore")
    lines = [
        "| model | engine | rows | scored | on a border | worst relative error of a distance | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    with cluster() as server, spark_session(Engine(connect="local[2]"), "benchmark") as session:
        asked = {
            "duckdb": engines.duckdb_answers,
            "postgres": engines.postgres_answers(server),
            "spark": engines.spark_answers(session),
        }
        for kind in KINDS:
            model = odd_rows.of_everything() if kind == "everything" else odd_rows.of_numbers(*kind.split("-"))
            made = odd_rows.rows(model, rows, seed=100)
            for dialect, ask in asked.items():
                started = time.perf_counter()
                found = ask(as_sql(model, dialect, missing=Reader().missing), made, "customers")
                seconds = time.perf_counter() - started
                same = engines.compare(model, made, found)
                lines.append(
                    f"| {kind} | {dialect} | {same.rows:,} | {same.scored:,} | {same.on_border:,} | {same.worst:.1e} | {seconds:.1f} |"
                )
                print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    table(*[int(word) for word in sys.argv[1:]])
