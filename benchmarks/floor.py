"""What the grid of the bundled data cannot go below on this machine: CPU seconds of the libraries' parts alone, done as barely as they allow.

The imports of the three processes, MLflow's own calls for 275 runs (created, one batch, terminated; no pictures), scikit-learn's fit of
record of each candidate from its final centres, and two empty PNGs a candidate written by matplotlib. Nothing of ours: no search, no
scores, nothing drawn, nothing stored.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

CANDIDATES, RUNS, CUSTOMERS = 275, 40, 2_469


def imports() -> float:
    """CPU seconds to import what one worker and what the tracking process need."""
    code = "import time; import {}; print(time.process_time())"
    names = ("segments.app.jobs.candidates, numba, matplotlib.backends.backend_agg", "mlflow, sqlalchemy")
    worker, tracking = (
        float(
            subprocess.run([sys.executable, "-c", code.format(name)], capture_output=True, text=True, check=True).stdout
        )
        for name in names
    )
    return 3 * worker + tracking


def runs() -> float:
    """CPU seconds of MLflow per run with 20 metrics and 8 params on a fresh SQLite store."""
    import logging

    logging.disable(logging.INFO)
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    with tempfile.TemporaryDirectory() as folder:
        client = MlflowClient(f"sqlite:///{folder}/floor.db")
        experiment = client.create_experiment("floor", artifact_location=folder)
        started = time.process_time()
        for i in range(RUNS):
            run = client.create_run(experiment, tags={f"tag{j}": str(i) for j in range(5)})
            metrics = [Metric(f"metric{j}", float(j), 0, i) for j in range(20)]
            client.log_batch(run.info.run_id, metrics=metrics, params=[Param(f"param{j}", "x") for j in range(8)])
            client.set_terminated(run.info.run_id)
        return (time.process_time() - started) / RUNS


def fits() -> float:
    """CPU seconds of one fit that starts where it will end, mean over k = 2...12."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    from silhouette import skewed

    X = skewed(CUSTOMERS, 4)
    taken = []
    with threadpool_limits(1):
        for k in range(2, 13):
            centers = KMeans(k, n_init=1, random_state=0).fit(X).cluster_centers_
            started = time.process_time()
            KMeans(k, init=centers, n_init=1).fit(X)
            taken.append(time.process_time() - started)
    return sum(taken) / len(taken)


def pictures() -> float:
    """CPU seconds of one picture with nothing in it."""
    import io

    from matplotlib.figure import Figure

    figure, taken = Figure(figsize=(5.2, 5.2)), []
    for _ in range(6):
        started = time.process_time()
        figure.savefig(io.BytesIO(), format="png", dpi=100, pil_kwargs={"compress_level": 3})
        taken.append(time.process_time() - started)
    return min(taken)


def table() -> list[str]:
    """Rows of a markdown table."""
    parts = {
        "imports of three processes, and MLflow's": imports(),
        f"MLflow's calls for {CANDIDATES} runs": runs() * CANDIDATES,
        f"scikit-learn's fits of record of {CANDIDATES} candidates": fits() * CANDIDATES,
        f"{2 * CANDIDATES} empty PNGs from matplotlib": pictures() * 2 * CANDIDATES,
    }
    lines = ["| part | CPU seconds |", "|---|---|", *(f"| {name} | {value:.1f} |" for name, value in parts.items())]
    lines.append(f"| **all** | **{sum(parts.values()):.1f}** |")
    print("\n".join(lines), flush=True)
    return lines


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    table()
