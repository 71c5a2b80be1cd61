"""A small project in a temporary folder: this checkout's conf/, dvc.yaml and package, the mall data, a grid of seconds.

It stands alone like a fresh clone: commands started in it use its own copy of the package.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

import warm as warm_commands

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LIMIT = (
    900  # seconds, for what takes some: a test fails by it only when nothing goes on any more, however busy the machine
)
RAW = "data/mall/Mall_Customers.csv"
STAGES = [
    "data",
    "features",
    "explore",
    "sweep",
    "evidence",
    "usefulness",
    "sensitivity",
    "selection",
    "identity",
    "prediction",
    "profiles",
    "playbook",
    "performance",
    "briefing",
    "registry",
]

# What makes the grid small; everything else is as it is committed.
EDITS = {
    "conf/config.yaml": {
        "- source: completejourney": "- source: mall",
        "feature_set: rfm": "feature_set: income_spending",
        "scalers: [standard, minmax, robust, power, quantile]": "scalers: [quantile, none]",
        "k_max: 12": "k_max: 4",
        "workers: 0": "workers: 1",
        "bootstraps: 100": "bootstraps: 5",
        "nulls: 99": "nulls: 19",
        # so that what is chosen does not hang on a handful of resamples
        "min_jaccard: 0.6": "min_jaccard: 0.0",
        "min_prediction_strength: 0.5": "min_prediction_strength: 0.0",
        "grades: [natural, reproducible, constructive]": "grades: [natural, reproducible, constructive, not supported]",
        "max_revenue_share: 0.7": "max_revenue_share: 1",
        "metric: excess": "metric: silhouette_reference",
        "tolerance: 0.01": "tolerance: 2.0",  # whatever is chosen shall be champion
    },
    "conf/settings/evidence.yaml": {
        "splits: 50": "splits: 3",
        "alpha: 0.01": "alpha: 0.05",
        "references: 20": "references: 3",
        "starts: 20": "starts: 3",
    },
    "conf/settings/explore.yaml": {"sample: 2000": "sample: 200"},
    "conf/settings/selection.yaml": {"finalists: 6": "finalists: 3"},  # each has a picture of its own
    "conf/source/mall.yaml": {
        "feature_sets: [income_spending, age_spending, age_income, age_income_spending]": "feature_sets: [income_spending, age_income]",
    },
    "conf/algorithm/kmeans.yaml": {"starts: 4": "starts: 2", "max_fits: 1000": "max_fits: 10"},
}


@dataclass(frozen=True)
class SmallProject:
    """The project's folder, and commands in it."""

    root: Path

    def __truediv__(self, path: str) -> Path:
        return self.root / path

    def run(self, *words: str, fails: bool = False) -> str:
        """What a command prints (both streams); its exit code is checked."""
        done = subprocess.run(
            words,
            cwd=self.root,
            env=self.environment(warm=True),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert (done.returncode != 0) == fails, f"{' '.join(words)} exited {done.returncode}:\n{done.stdout}"
        return done.stdout

    def start(self, *words: str, warm: bool = False, **options: Any) -> subprocess.Popen[str]:
        """Start `segments` in a process group of its own, as a terminal does; its two streams stay apart."""
        return subprocess.Popen(
            ["segments", *words],
            cwd=self.root,
            env=self.environment(warm),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def refuses(self, *words: str, **options: Any) -> str:
        """The one clear error of `segments`: exit code 2, what and what to do, nothing made is lost. Returns it."""
        made = (self / "artifacts", self / "record")
        before = self.digests(made)
        process = self.start(*words, warm=True, **options)
        out, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 2, f"exit code {process.returncode}\n{out}\n{err}"
        assert out == ""
        lines = [line for line in err.splitlines() if not line.startswith("[")]  # progress is no complaint
        assert lines[0].startswith(f"segments {words[0]}: "), err
        assert [line[:9] for line in lines[1:]] in (["  where: ", "  do:    "], ["  do:    "]), err
        assert self.digests(made).items() >= before.items()
        return err

    def environment(self, warm: bool = False) -> dict[str, str]:
        """Variables for a command; where its code is the checkout's, it may be a ``warm`` one that need not import."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_", "GIT_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        folders = [str(warm_commands.folder()), str(BIN)] if warm and self.has_code_of_checkout() else [str(BIN)]
        own = {
            "PATH": os.pathsep.join([*folders, os.environ["PATH"]]),
            "PYTHONPATH": str(self / "src"),
            "DVC_SITE_CACHE_DIR": str(self.root.parent / f"{self.root.name}-dvc"),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        return kept | own

    def has_code_of_checkout(self) -> bool:
        """Whether nobody edited its copy of the package."""
        own, checkout = (
            {path.relative_to(root): path for path in (root / "src/segments").rglob("*.py")}
            for root in (self.root, CHECKOUT)
        )
        return own.keys() == checkout.keys() and all(
            filecmp.cmp(own[name], checkout[name])
            for name in own  # copies keep the time; where it differs, the bytes
        )

    def repro(self, *words: str) -> list[str]:
        """Stages that `dvc repro` ran, in order."""
        return ran(self.run("dvc", "repro", *words))

    def would_run(self) -> list[str]:
        """Stages that `dvc repro` would run now, in order: those `dvc status` says are changed, and all that follow from them."""
        pipeline = yaml.safe_load((self / "dvc.yaml").read_text())["stages"]
        changed = {name for name in json.loads(self.run("dvc", "status", "--json")) if name in pipeline}
        for name in STAGES:  # in their order: what comes before is known
            made_of = {dep.split("/")[1] for dep in pipeline[name]["deps"] if dep.startswith("artifacts/")}
            if changed & made_of:
                changed.add(name)
        return [name for name in STAGES if name in changed]

    def go_on(self, first: str, only: Collection[str] = STAGES) -> None:
        """Run a stage and those after it, as `dvc repro` would but without its bookkeeping, which takes longer than the stages."""
        for name in STAGES[STAGES.index(first) :]:
            if name in only:
                self.run("segments", name)

    def edit(self, path: str, changes: dict[str, str]) -> None:
        """Replace pieces of a file, each of which must be there once."""
        text = (self / path).read_text()
        for old, new in changes.items():
            assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        (self / path).write_text(text)

    def put_raw(self, content: bytes, path: str = RAW) -> None:
        """Another raw file, pinned as `segments fetch accept=true` would."""
        (self / path).write_bytes(content)
        pin = f"- md5: {hashlib.md5(content).hexdigest()}\n  size: {len(content)}\n  hash: md5\n  path: {path}\n"
        (self / "data.dvc").write_text("outs:\n" + pin)

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "a step")

    def changes(self) -> str:
        """What git sees changed or new."""
        return self.run("git", "status", "--porcelain")

    def table(self, path: str) -> pd.DataFrame:
        return pd.read_parquet(self / f"artifacts/{path}")

    def candidate_ids(self) -> list[str]:
        return list(self.table("sweep/candidates.parquet")["candidate_id"])

    def kept(self) -> dict[str, int]:
        """Finished candidates, and when each was made (ns)."""
        return {path.name: path.stat().st_mtime_ns for path in (self / "record/candidates").glob("[!.]*")}

    def client(self) -> Any:
        from mlflow import MlflowClient

        uri = f"sqlite:///{self / 'mlflow.db'}"
        return MlflowClient(uri, registry_uri=uri)

    def runs(self, kind: str = "candidate", source: str = "mall") -> list[Any]:
        """Runs of a kind in MLflow."""
        client = self.client()
        experiment = client.get_experiment_by_name(source)
        assert experiment is not None, f"MLflow has no experiment {source}"
        return list(
            client.search_runs([experiment.experiment_id], f"tags.`segments.kind` = '{kind}'", max_results=1000)
        )

    def experiment_tags(self, source: str = "mall") -> dict[str, str]:
        """What MLflow shows of an experiment: its description, and its saved views."""
        return dict(self.client().get_experiment_by_name(source).tags)

    def tracked(self, source: str = "mall") -> list[tuple[str, str, int]]:
        """Feature set, scaler and k of every candidate in MLflow, sorted; a double shows twice."""
        params = [run.data.params for run in self.runs(source=source)]
        return sorted((p["feature_set"], p["scaler"], int(p["k"])) for p in params)

    def tracked_ids(self) -> list[str]:
        """Candidate ids of the runs in MLflow, which must all be complete, sorted; a double shows twice."""
        runs = self.runs()
        assert all(run.data.tags.get("segments.complete") == "true" for run in runs)
        return sorted(run.data.tags["segments.candidate_id"] for run in runs)

    def run_ids(self, source: str = "mall") -> list[str]:
        """All runs in MLflow, of whatever kind, sorted."""
        client = self.client()
        experiment = client.get_experiment_by_name(source)
        return sorted(run.info.run_id for run in client.search_runs([experiment.experiment_id], max_results=1000))

    def champion(self) -> str:
        """The candidate behind the alias."""
        version = self.client().get_model_version_by_alias("customer-segments", "champion")
        return str(version.tags["segments.candidate_id"])

    def hashes(self, folders: Iterable[str]) -> dict[str, str]:
        """Digest of every file under these folders of artifacts/."""
        return self.digests(self / "artifacts" / folder for folder in folders)

    def digests(self, folders: Iterable[Path]) -> dict[str, str]:
        """Digest of every file under these folders."""
        files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
        return {str(path.relative_to(self.root)): digest(path) for path in files}

    def restore(self, original: SmallProject) -> None:
        """Make it again what it was when it was copied: a tenth of the work of another copy."""

        def found(root: Path) -> dict[Path, tuple[bool, int, int]]:
            """Files and links by size and time, which a copy keeps; folders."""
            entries = {}
            for folder, folders, files in os.walk(root):
                here = Path(folder).relative_to(root)
                for name in folders + files:
                    own = os.lstat(Path(folder, name))
                    is_folder = stat.S_ISDIR(own.st_mode)
                    entries[here / name] = (is_folder, *((0, 0) if is_folder else (own.st_size, own.st_mtime_ns)))
            return entries

        mine, theirs = found(self.root), found(original.root)
        for path in sorted(mine, reverse=True):  # what is in a folder before the folder
            if mine[path] != theirs.get(path):
                (self.root / path).rmdir() if mine[path][0] else (self.root / path).unlink()
        for path in sorted(theirs):
            if mine.get(path) != theirs[path]:
                if theirs[path][0]:
                    (self.root / path).mkdir()
                else:
                    shutil.copy2(original.root / path, self.root / path, follow_symlinks=False)

    def copy(self, root: Path) -> SmallProject:
        """The whole project, with its record and DVC's cache, in another folder."""
        shutil.copytree(self.root, root, symlinks=True)
        return SmallProject(root)


def make_record(database: Path) -> None:
    """An empty record, as MLflow makes it: all its tables."""
    from mlflow import MlflowClient

    MlflowClient(f"sqlite:///{database}").search_experiments(max_results=1)


def write_conf(root: Path) -> None:
    """This checkout's conf/ with a grid of seconds."""
    shutil.copytree(CHECKOUT / "conf", root / "conf", symlinks=True)
    for path, changes in EDITS.items():
        SmallProject(root).edit(path, changes)


def make(root: Path, mall: Path, record: Path | None = None) -> SmallProject:
    """A git and DVC project at `root`, its raw data fetched, nothing run yet; with a copy of an empty `record`, which takes seconds to make."""
    root.mkdir(parents=True)
    project = SmallProject(root)
    shutil.copytree(CHECKOUT / ".dvc/plots", root / ".dvc/plots", symlinks=True)
    # With what Python and numba have compiled: both know it by the time and size of the source, which a copy keeps.
    shutil.copytree(CHECKOUT / "src", root / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"):
        shutil.copyfile(CHECKOUT / name, root / name)
    if record is not None:
        shutil.copyfile(record, root / "mlflow.db")
    write_conf(root)
    project.run("git", "init", "--quiet")
    project.run("git", "config", "user.name", "A Tester")
    project.run("git", "config", "user.email", "tester@example.org")
    project.run("segments", "fetch", "source=mall", f"from={mall}")
    project.commit()
    return project


def write_shop(root: Path, customers: int = 60) -> None:
    """A source `shop`: half a year of purchases, ten of each customer on average."""
    (root / "conf/source/shop.yaml").write_text(
        'name: shop\nas_of: "2024-06-30"\nfeature_sets: [rfm]\n'
        "transactions: {path: data/shop/log.csv, customer: customer, order: order, time: time, amount: amount}\n"
    )
    random, n = np.random.default_rng(0), 10 * customers
    customer = random.integers(1, customers + 1, n)
    hours = pd.to_timedelta(random.integers(0, 180 * 24, n), unit="h")
    times = (pd.Timestamp("2024-01-01") + hours).strftime("%Y-%m-%d %H:%M:%S")
    amounts = (random.gamma(2, 10, n) * (1 + customer % 3)).round(2) + 0.01
    (root / "data/shop").mkdir(parents=True)
    log = pd.DataFrame({"customer": customer, "order": np.arange(n), "time": times, "amount": amounts})
    log.to_csv(root / "data/shop/log.csv", index=False)


def ran(printed: str) -> list[str]:
    """Stages that DVC says it ran."""
    return re.findall(r"^Running stage '(\w+)'", printed, re.MULTILINE)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def expected_grid(feature_sets: Iterable[str], scalers: Iterable[str], ks: Iterable[int]) -> list[tuple[str, str, int]]:
    """A grid as :meth:`SmallProject.tracked` tells it."""
    scalers, ks = list(scalers), list(ks)
    return sorted((feature_set, scaler, k) for feature_set in feature_sets for scaler in scalers for k in ks)
