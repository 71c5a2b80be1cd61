"""A folder like a clone: this checkout's conf/ and dvc.yaml, the mall data fetched; commands run in it as a user types them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

CHECKOUT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).with_name("segments")
RAW = "data/mall/Mall_Customers.csv"

# Two feature sets x two scalers x k 2-4 with few restarts: twelve candidates in a second.
GRID = [
    "source=mall",
    "sweep.feature_sets=[income_spending,age_income]",
    "sweep.scalers=[none,quantile]",
    "sweep.k_max=4",
    "sweep.workers=2",
    "algorithm.starts=2",
    "algorithm.max_fits=10",
    "explore.sample=50",
    "evidence.bootstraps=5",
    "evidence.splits=3",
    "evidence.nulls=19",
    "evidence.grades.alpha=0.05",
    "evidence.references=3",
    "evidence.starts=3",
    "selection.metric=silhouette",
    "selection.min_jaccard=0",
    "selection.min_prediction_strength=0",
    "selection.grades=[natural,reproducible,constructive,not supported]",
]


@dataclass(frozen=True)
class Project:
    """The folder, and commands in it."""

    root: Path

    def __truediv__(self, path: str) -> Path:
        return self.root / path

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [str(COMMAND), *words],
            cwd=self.root,
            env={key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, **options)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def works(self, *words: str) -> str:
        """What a command that must succeed prints."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def work(self, stages: Iterable[str], *words: str) -> None:
        """Stages one after the other in one process, which imports once; all must succeed."""
        code = f"from segments.cli import main\nfor stage in {list(stages)}:\n    assert main([stage, *{list(words)}]) == 0"
        done = subprocess.run([sys.executable, "-c", code], cwd=self.root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def refuses(self, *words: str, **options: Any) -> str:
        """The one clear error of a command: exit code 2, what and what to do, nothing made is lost. Returns it."""
        before = self.made()
        done = self.run(*words, **options)
        assert done.returncode == 2, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.stdout == ""
        lines = [line for line in done.stderr.splitlines() if not line.startswith("[")]  # progress is no complaint
        assert lines[0].startswith(f"segments {words[0]}: "), done.stderr
        assert [line[:9] for line in lines[1:]] in (["  where: ", "  do:    "], ["  do:    "]), done.stderr
        after = self.made()
        assert {path: after.get(path) for path in before} == before
        return done.stderr

    def made(self) -> dict[str, str]:
        """Digest of every file that earlier commands made."""
        files = [path for path in sorted((self / "artifacts").rglob("*")) if path.is_file() and path.suffix != ".lock"]
        return {str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def put_raw(self, content: bytes, path: str = RAW) -> None:
        """Another raw file, pinned as `segments fetch accept=true` would."""
        (self / path).write_bytes(content)
        pin = f"- md5: {hashlib.md5(content).hexdigest()}\n  size: {len(content)}\n  hash: md5\n  path: {path}\n"
        (self / "data.dvc").write_text("outs:\n" + pin)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        (self / path).write_text(text.replace(old, new, 1))

    def shelf(self) -> set[str]:
        """Ids of the finished candidates."""
        return {path.name for path in (self / "artifacts/candidates").glob("[!.]*")}

    def runs(self, kind: str = "candidate") -> list[Any]:
        """Runs of a kind in MLflow, complete or not."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self / 'mlflow.db'}")
        experiment = client.get_experiment_by_name("mall")
        assert experiment is not None
        return list(
            client.search_runs([experiment.experiment_id], f"tags.`segments.kind` = '{kind}'", max_results=1000)
        )

    def tracked(self) -> list[str]:
        """Candidate ids of the complete runs in MLflow, sorted: a double shows twice."""
        runs = self.runs()
        assert all(run.data.tags.get("segments.complete") == "true" for run in runs)
        return sorted(run.data.tags["segments.candidate_id"] for run in runs)

    def candidates(self) -> list[str]:
        """Candidate ids of the sweep's table, sorted."""
        return sorted(pd.read_parquet(self / "artifacts/sweep/candidates.parquet")["candidate_id"])

    def copy(self, root: Path) -> Project:
        shutil.copytree(self.root, root, symlinks=True)
        return Project(root)


def make(root: Path, shared_data: Path, *stages: str) -> Project:
    """A project at `root` with its raw data, after these stages."""
    root.mkdir(parents=True)
    shutil.copytree(CHECKOUT / "conf", root / "conf", symlinks=True)
    shutil.copyfile(CHECKOUT / "dvc.yaml", root / "dvc.yaml")
    (root / "conf/pins.yaml").unlink(missing_ok=True)
    (root / "conf/pins.yaml").symlink_to("../data.dvc")
    project = Project(root)
    project.works("fetch", "source=mall", f"from={shared_data / 'mall' / 'Mall_Customers.csv'}")
    project.work(stages, *GRID)
    return project
