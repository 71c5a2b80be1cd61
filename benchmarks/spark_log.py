"""A made log of 20 million lines and 1 million customers through `segments data` and `segments features`: DuckDB beside Spark on two cores.

``SEGMENTS_BENCH_LINES=2000000 python benchmarks/run.py spark`` takes another size; there are 20 lines a customer. Memory is the peak of all processes of a
command together: this one, Java, and the workers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from segments.data.rows import quoted

LINES = int(os.environ.get("SEGMENTS_BENCH_LINES", "20000000"))
PER_CUSTOMER = 20
FILES = 8
SOURCE = """name: made
as_of: "2024-12-31"
feature_sets: [rfm]
transactions: {path: data/made/*.parquet, customer: customer, order: order, time: time, amount: amount, product: product}
"""
ENGINE = 'engine: {kind: spark, connect: "local[2]", sample: 200000}\n'


def make_log(folder: Path, lines: int) -> None:
    """The log, by DuckDB: the same for the same number of lines."""
    import duckdb

    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        for part in range(FILES):
            first, last = part * lines // FILES, (part + 1) * lines // FILES
            of_line = {
                "customer": f"CAST(hash(i) % {max(1, lines // PER_CUSTOMER)} AS BIGINT)",
                "order": "i // 3",
                "time": "TIMESTAMP '2023-01-01' + INTERVAL (CAST(hash(i // 3 + 1) % 63072000 AS BIGINT)) SECOND",
                "amount": "round((hash(i + 2) % 10000) / 100 - 3, 2)",
                "product": "CAST(hash(i + 3) % 5000 AS BIGINT)",
            }
            columns = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in of_line.items())
            made = connection.sql(f"SELECT {columns} FROM range({first}, {last}) AS made(i)")
            made.write_parquet(str(folder / f"part-{part}.parquet"), compression="zstd")


def memory(session: int) -> dict[str, int]:
    """MiB in memory of the processes of a session, by name."""
    found: dict[str, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition(") ")
            if int(rest.split()[3]) == session:
                private = [
                    int(line.split()[1])
                    for line in (stat.parent / "smaps_rollup").read_text().splitlines()
                    if line.startswith("Pss:")
                ]
                kind = "Java" if "(java" in name else "Python"
                found[kind] = found.get(kind, 0) + sum(private) // 1024
        except OSError:  # it has ended meanwhile
            continue
    return found


def measured(command: list[str], project: Path) -> tuple[float, float, dict[str, int]]:
    """Seconds, CPU seconds and peak MiB by kind of process."""
    peak: dict[str, int] = {}
    started, before = time.perf_counter(), os.times()
    process = subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )

    def watch() -> None:
        while process.poll() is None:
            for kind, mib in memory(process.pid).items():
                peak[kind] = max(peak.get(kind, 0), mib)
            time.sleep(0.5)

    watching = threading.Thread(target=watch)
    watching.start()
    _, err = process.communicate()
    watching.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{err.decode()}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, cpu, peak


def table() -> list[str]:
    """Rows of a markdown table."""
    from stages import fresh_copy

    segments = str(Path(sys.executable).parent / "segments")
    rows = [
        f"{LINES:,} lines, {LINES // PER_CUSTOMER:,} customers.",
        "",
        "| engine | stage | seconds | CPU seconds | MiB of Python | MiB of Java |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        project = fresh_copy(Path(folder) / "project")
        make_log(project / "data/made", LINES)
        for engine, text in (("DuckDB", SOURCE), ("Spark, local[2]", SOURCE + ENGINE)):
            (project / "conf/source/made.yaml").write_text(text)
            measured([segments, "fetch", "source=made"], project)
            for stage in ("data", "features"):
                took, cpu, peak = measured([segments, stage, "source=made"], project)
                rows.append(
                    f"| {engine} | {stage} | {took:.0f} | {cpu:.0f} | {peak.get('Python', 0):,} | {peak.get('Java', 0):,} |"
                )
                print(rows[-1], flush=True)
    return rows
