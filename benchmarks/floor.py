"""What the grid of the bundled data cannot go below on this machine: CPU seconds of each part, done as barely as the libraries allow.

MLflow's own calls for 275 runs (created, one batch, terminated; no pictures), the imports of the three processes, plain scikit-learn fits
(ten restarts, as in the sweep by hand, one thread), and two matplotlib pictures a candidate with nothing reused.
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
    names = ("segments.making, numba, matplotlib.backends.backend_agg", "mlflow, sqlalchemy")
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
    """CPU seconds of ten restarts, mean over k = 2...12."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    from silhouette import skewed

    X = skewed(CUSTOMERS, 4)
    with threadpool_limits(1):
        started = time.process_time()
        for k in range(2, 13):
            KMeans(k, n_init=10, random_state=0).fit(X)
    return (time.process_time() - started) / 11


def pictures() -> float:
    """CPU seconds of one scatter picture on a fresh Figure."""
    import io

    from matplotlib.figure import Figure

    from silhouette import skewed

    X = skewed(CUSTOMERS, 2)
    taken = []
    for _ in range(6):
        started = time.process_time()
        figure = Figure(figsize=(5.2, 5.2))
        figure.subplots().scatter(X[:, 0], X[:, 1], s=5)
        figure.savefig(io.BytesIO(), format="png", dpi=100)
        taken.append(time.process_time() - started)
    return min(taken)


def table() -> list[str]:
    """Rows of a markdown table."""
    parts = {
        "imports of three processes, and MLflow's": imports(),
        f"MLflow's calls for {CANDIDATES} runs": runs() * CANDIDATES,
        f"scikit-learn's fits, ten restarts of {CANDIDATES} candidates": fits() * CANDIDATES,
        f"{2 * CANDIDATES} matplotlib pictures, nothing reused": pictures() * 2 * CANDIDATES,
    }
    lines = ["| part | CPU seconds |", "|---|---|", *(f"| {name} | {value:.1f} |" for name, value in parts.items())]
    lines.append(f"| **all** | **{sum(parts.values()):.1f}** |")
    print("\n".join(lines), flush=True)
    return lines


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    table()
