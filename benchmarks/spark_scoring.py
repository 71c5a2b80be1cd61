"""Feature rows through `segments score connect=local[2]`, and the same file scored without Spark: seconds of each, and whether the bits are equal.

Run as ``python benchmarks/spark_scoring.py [ROWS]``; ten million by default. Rows and model are those of benchmarks/scoring.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import scoring
from growth import peak_mib

DIFFERENT = """
SELECT count(*) FROM read_parquet('{one}') AS a FULL JOIN read_parquet('{other}/*.parquet') AS b USING (customer_id)
WHERE a.cluster IS DISTINCT FROM b.cluster OR a.segment IS DISTINCT FROM b.segment OR a.distance IS DISTINCT FROM b.distance
   OR a.margin IS DISTINCT FROM b.margin OR a.confidence IS DISTINCT FROM b.confidence OR a.agreement IS DISTINCT FROM b.agreement
   OR a.boundary IS DISTINCT FROM b.boundary OR a.out_of_range IS DISTINCT FROM b.out_of_range
"""


def on_spark(path: str, output: str) -> dict[str, float]:
    from segments.config.engine import Engine
    from segments.io.engines.score_table import score_table
    from segments.io.engines.spark import spark_session

    with spark_session(Engine(connect="local[2]"), "benchmark") as session:
        started = time.perf_counter()
        made = score_table(session, path, output, scoring.model().to_json(), ["customer_id"], [])
        return {"scored": made.scored, "seconds": time.perf_counter() - started, "peak_mib": peak_mib()}


def table(rows: int = scoring.ROWS) -> list[str]:
    """Rows of a markdown table, printed as they come."""
    import duckdb

    lines = ["| rows | by | seconds | peak MiB of the driver | rows that differ |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf").mkdir()
        (folder / "conf" / "config.yaml").touch()
        (folder / "dvc.yaml").touch()
        scoring.make_rows(folder, rows)
        results = {}
        for by, script, output in (
            ("one process", scoring.__file__, "out.parquet"),
            ("Spark, local[2]", __file__, "out"),
        ):
            command = [sys.executable, script, "--one", str(folder / "rows.parquet"), str(folder / output)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=folder)
            results[by] = json.loads(done.stdout.splitlines()[-1])
            assert results[by]["scored"] == rows
        [(differ,)] = duckdb.sql(DIFFERENT.format(one=folder / "out.parquet", other=folder / "out")).fetchall()
        for by, found in results.items():
            lines.append(f"| {rows:,} | {by} | {found['seconds']:.1f} | {found['peak_mib']:,.0f} | {differ:,} |")
            print(lines[-1], flush=True)
        assert not differ
    return lines


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(on_spark(*sys.argv[2:4])))
    else:
        table(*[int(word) for word in sys.argv[1:]])
