"""`make bench`: every measurement, one after another, printed and written to benchmarks/results.md.

``python benchmarks/run.py SECTION ...`` runs only some of: stages, silhouette, grid, large_grid, growth, floor, scoring, serving, pages, calibration, gains, true_k, spark;
the other sections of results.md stay.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import sys
import tempfile
from pathlib import Path

import calibration
import floor
import gains
import growth
import pages
import scoring
import serving
import silhouette
import spark_log
import stages
import true_k

RESULTS = Path(__file__).resolve().parent / "results.md"
PLAIN = RESULTS.with_name("plain_sweep.py")
HEADINGS = {
    "stages": "Where the time goes: every stage of the bundled data, from nothing",
    "silhouette": "Scores for k = 2…15: one pass against scikit-learn's loop",
    "grid": "The grid of the bundled data against the sweep a person would write by hand",
    "large_grid": "The same grid at 30,000 customers",
    "floor": "What bounds the grid of the bundled data",
    "growth": "A cell (k = 2…15) as customers grow",
    "scoring": "Ten million feature rows through `segments score`, record included",
    "calibration": "How often clusters are found where there are none",
    "true_k": "Is the true number of clusters named, and nothing where there is none",
    "gains": "Gains of campaigns that did nothing",
    "serving": "`segments serve` under load (wrk, on the same two cores)",
    "pages": "The dashboard of a million customers",
    "spark": "A made log through the stages `data` and `features`: DuckDB beside Spark on two cores",
}


def measure_silhouette() -> list[str]:
    lines = list(silhouette.HEADING)
    for n, n_features in ((2_469, 4), (2_469, 8), (30_000, 4), (30_000, 8), (100_000, 4)):
        ks, repeats = (range(8, 9), 1) if n > 50_000 else (silhouette.KS, 1 if n > 10_000 else 5)
        lines.append(silhouette.compare(n, n_features, ks, repeats))
        print(lines[-1], flush=True)
    lines += ["", f"One float64 root and one addition on one core: {silhouette.root_and_addition():.2f} ns."]
    print(lines[-1], flush=True)
    return lines


def measure_grid() -> list[str]:
    """Our sweep stage, pictures and record included, against benchmarks/plain_sweep.py, in turns; medians of several."""
    segments = str(Path(sys.executable).parent / "segments")
    taken: dict[str, list[float]] = {"by hand (`plain_sweep.py`)": [], "`segments sweep`": []}
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            project = stages.fresh_copy(Path(folder))
            for stage in ("data", "features"):
                stages.seconds([segments, stage], project)
            commands = ([sys.executable, str(PLAIN), str(project)], [segments, "sweep"])
            for times, command in zip(taken.values(), commands, strict=True):
                times.append(stages.seconds(command, project)[0])
    theirs, ours = (statistics.median(times) for times in taken.values())
    lines = ["| | seconds, median of 3 | least |", "|---|---|---|"]
    lines += [f"| {name} | {statistics.median(times):.1f} | {min(times):.1f} |" for name, times in taken.items()]
    lines.append(f"| ratio | {theirs / ours:.1f} | |")
    print("\n".join(lines), flush=True)
    return lines


def measure_large_grid() -> list[str]:
    """The bundled customers drawn 30,000 times with a little noise; the sweep by hand is timed on some cells only and scaled."""
    import numpy as np
    import pandas as pd

    cells, n = 2, 30_000
    segments = str(Path(sys.executable).parent / "segments")
    with tempfile.TemporaryDirectory() as folder:
        project = stages.fresh_copy(Path(folder))
        for stage in ("data", "features"):
            stages.seconds([segments, stage], project)
        path = project / "artifacts" / "features" / "customers.parquet"
        table, random = pd.read_parquet(path), np.random.default_rng(0)
        drawn = table.iloc[random.integers(len(table), size=n)].reset_index(drop=True)
        for name in drawn.select_dtypes("number"):
            # up to 2 % more: no two customers are equal, and logarithms stay defined
            drawn[name] = drawn[name].astype(float) * random.uniform(1, 1.02, n)
        drawn["customer_id"] = [str(i) for i in range(n)]
        drawn.to_parquet(path, index=False)
        ours, _ = stages.seconds([segments, "sweep"], project)
        theirs = {}
        for some in (cells, 0):  # what it costs without any cell is not to be multiplied
            theirs[some], _ = stages.seconds([sys.executable, str(PLAIN), str(project), "--cells", str(some)], project)
    whole = theirs[0] + (theirs[cells] - theirs[0]) * 25 / cells
    lines = [
        "| | seconds |",
        "|---|---|",
        f"| by hand, {cells} cells of 25 timed ({theirs[cells]:.0f} s), scaled | {whole:.0f} |",
        f"| `segments sweep` | {ours:.0f} |",
        f"| ratio | {whole / ours:.1f} |",
    ]
    print("\n".join(lines), flush=True)
    return lines


MEASURES = {
    "stages": stages.table,
    "silhouette": measure_silhouette,
    "grid": measure_grid,
    "growth": growth.table,
    "scoring": scoring.table,
    "serving": serving.table,
    "pages": pages.table,
    "floor": floor.table,
    "calibration": calibration.table,
    "true_k": true_k.table,
    "gains": gains.table,
    "large_grid": measure_large_grid,
    "spark": spark_log.table,
}


def main() -> None:
    wanted = sys.argv[1:] or list(MEASURES)
    if unknown := [name for name in wanted if name not in MEASURES]:
        raise SystemExit(f"no such section: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    kept = (
        dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", RESULTS.read_text(), re.DOTALL))
        if RESULTS.exists()
        else {}
    )
    for name in wanted:
        print(f"\n{HEADINGS[name]}\n", flush=True)
        machine = f"{len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, load before {os.getloadavg()[0]:.1f}"
        lines = MEASURES[name]()
        kept[name] = f"## {HEADINGS[name]}\n\n{machine}.\n\n" + "\n".join(lines)
        sections = [f"<!-- {key} -->\n{kept[key]}\n<!-- end -->" for key in MEASURES if key in kept]
        RESULTS.write_text("# Measured by `make bench`\n\n" + "\n\n".join(sections) + "\n")


if __name__ == "__main__":
    main()
