"""Ten million feature rows through `segments score`: seconds, CPU seconds and peak memory, per kind of file.

Run as ``python benchmarks/scoring.py [ROWS]``. The files (four features beside an id) are made in a temporary folder, and scored by a model made up for
them: rfm and tenure, log1p, quantile scaler, six segments. What is measured is everything from opening the file to the finished output and record.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from growth import peak_mib

ROWS = 10_000_000
COLUMNS = ("recency_days", "frequency", "monetary", "tenure_days")


def make_rows(folder: Path, rows: int) -> None:
    """The same customers as CSV and parquet, a million at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    random = np.random.default_rng(0)
    schema = pa.schema([("customer_id", pa.int64()), *[(name, pa.float64()) for name in COLUMNS]])
    with (
        pa.parquet.ParquetWriter(folder / "rows.parquet", schema) as parquet,
        pa.csv.CSVWriter(folder / "rows.csv", schema) as text,
    ):
        for start in range(0, rows, 1_000_000):
            n = min(1_000_000, rows - start)
            values = features(random, n)
            columns = [pa.array(np.arange(start, start + n)), *(pa.array(values[name]) for name in COLUMNS)]
            batch = pa.RecordBatch.from_arrays(columns, schema=schema)
            parquet.write_batch(batch)
            text.write_batch(batch)


def features(random, n):
    return {
        "recency_days": random.integers(0, 90, n).astype(float),
        "frequency": random.geometric(0.05, n).astype(float),
        "monetary": random.lognormal(5, 1, n).round(2),
        "tenure_days": random.integers(0, 700, n).astype(float),
    }


def training():
    import numpy as np
    import pandas as pd

    return pd.DataFrame(features(np.random.default_rng(1), 5_000))


def model():
    import numpy as np

    from segments.clustering.kmeans import best_kmeans
    from segments.clustering.space import fit_space
    from segments.config.identity import ConfidenceConfig
    from segments.config.sweep import Algorithm, Scaler
    from segments.model.segmentation import Segmentation, fit_limits, number_segments

    customers = training()
    space, X = fit_space(customers, feature_set(), Scaler("quantile"))
    centres = best_kmeans(X, 6, Algorithm(max_fits=20), seed=0).centres
    limits = fit_limits(space, centres, customers, ConfidenceConfig(), np.linspace(0, 1, len(customers)))
    return Segmentation("bench", space, centres, number_segments(list("abcdef")), limits)


def feature_set():
    from segments.config.sweep import Feature, FeatureSet

    return FeatureSet("four", {name: Feature("log1p") for name in COLUMNS})


def one(path: str, output: str) -> dict[str, float]:
    from segments.app.jobs.score_file import score_file
    from segments.config.root import Config
    from segments.config.source import Customers, Source
    from segments.config.sweep import Algorithm, Scaler, SweepConfig
    from segments.model.drift import reference_of

    segmentation = model()
    reference = json.dumps(reference_of(training(), segmentation))
    config = Config(
        Source("bench", customers=Customers("-")),
        feature_set(),
        Scaler("quantile"),
        Algorithm(),
        SweepConfig(["four"], ["none"]),
    )
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    batch = score_file(config, Path(path), Path(output), segmentation, {"name": "bench", "version": "1"}, reference)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"scored": batch.scored, "seconds": seconds, "cpu": cpu, "peak_mib": peak_mib()}


def table(rows: int = ROWS) -> list[str]:
    """Rows of a markdown table, printed as they come."""
    lines = ["| rows | from | to | seconds | CPU seconds | peak MiB |", "|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf").mkdir()
        (folder / "conf" / "config.yaml").touch()  # so that the record is kept there, and not in this project
        (folder / "dvc.yaml").touch()
        make_rows(folder, rows)
        for coming, going in (("parquet", "parquet"), ("csv", "parquet"), ("csv", "csv")):
            command = [sys.executable, __file__, "--one", f"rows.{coming}", f"out.{going}"]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
            found = json.loads(done.stdout.splitlines()[-1])
            assert found["scored"] == rows
            lines.append(
                f"| {rows:,} | {coming} | {going} | {found['seconds']:.1f} | {found['cpu']:.1f} | {found['peak_mib']:,.0f} |"
            )
            print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(*sys.argv[2:4])))
    else:
        table(*[int(word) for word in sys.argv[1:]])
