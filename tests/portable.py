"""Is the result the same on every processor, with any number of threads, on every Python? ``make portable`` asks all of them.

The smallest recipe runs through every stage under each setting, in a process of its own that is told to behave as an older processor would. Files that
differ are named with the column, the row and the size of the difference. :func:`compared` is what a test asks of a few settings.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from small_project import CHECKOUT, STAGES, make_record

PYTHONS = ("3.11", "3.12", "3.13")
# Every scaler, of two feature sets: one with logarithms, one without.
RECIPE = [
    "experiment=smoke",
    "sweep.scalers=[none,standard,minmax,robust,power,quantile]",
    "sweep.feature_sets=[rfm,behaviour]",
]
# Kernels of BLAS, richest first, and what a processor must have to run them: one without is stopped in mid-sum.
BLAS = {"SkylakeX": "avx512f", "Haswell": "avx2", "Zen": "avx2", "Nehalem": ""}
_AVX512 = "X86_V4 AVX512_ICL AVX512_SPR"
# What NumPy may use; a processor without AVX2 has no fused multiply-add in the C library's logarithm either.
SIMD = {
    "all there is": {},
    "no AVX-512": {"NPY_DISABLE_CPU_FEATURES": _AVX512},
    "no AVX2": {
        "NPY_DISABLE_CPU_FEATURES": f"X86_V3 {_AVX512}",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX2_Usable,-FMA,-FMA_Usable,-FMA4",
    },
}
NUMBA: dict[str, dict[str, str]] = {"host": {}, "generic": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}}
THREADS = (2, 1)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

Setting = tuple[str, str, str, str, int]  # Python, BLAS, SIMD, numba, threads


def variables(setting: Setting) -> dict[str, str]:
    """What a process is told, so that it computes as under this setting."""
    _, blas, simd, numba, threads = setting
    own = {"OPENBLAS_CORETYPE": blas} | SIMD[simd] | NUMBA[numba]
    return own | dict.fromkeys(THREAD_VARIABLES, str(threads))


def runnable(flags: str) -> list[str]:
    """The kernels of BLAS that a processor with these flags can run."""
    return [blas for blas, needed in BLAS.items() if needed in {"", *flags.split()}]


def flags_here() -> str:
    """What this processor says it has; of a system that does not say it, nothing."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")


def settings(pythons: Sequence[str], kernels: Sequence[str]) -> list[Setting]:
    """All of them."""
    return [(python, *how) for how in itertools.product(kernels, SIMD, NUMBA, THREADS) for python in pythons]


def run(
    root: Path,
    python: Path,
    setting: Setting,
    recipe: Sequence[str] = RECIPE,
    stages: Sequence[str] = STAGES,
    bring: Callable[[Path], None] = lambda root: None,
) -> dict[str, str]:
    """Run the stages in a fresh project at `root`, with a source that `bring` brings; returns the hash of every file that stages hand on."""
    for name in ("conf", "src"):
        shutil.copytree(CHECKOUT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("data.dvc", "dvc.yaml", ".gitignore"):
        shutil.copyfile(CHECKOUT / name, root / name)
    bring(root)
    recipe = [*recipe, f"sweep.workers={setting[-1]}"]
    script = (
        "import sys; from segments.app.cli import main\n"
        f"for stage in {['fetch', *stages]!r}:\n    if main([stage, *{recipe!r}]):\n        sys.exit(stage)"
    )
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "OPENBLAS"))}
    environment = (
        inherited | variables(setting) | {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(CHECKOUT / "src")}
    )
    done = subprocess.run([python, "-c", script], cwd=root, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, f"{setting}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return {
        str(path.relative_to(root / "artifacts")): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in handed_on(root)
    }


def handed_on(root: Path) -> list[Path]:
    """Files of the stages, without caches and records."""
    return sorted(path for stage in STAGES for path in (root / "artifacts" / stage).rglob("*") if path.is_file())


def compared(
    folder: Path,
    chosen: Sequence[Setting],
    recipe: Sequence[str] = RECIPE,
    stages: Sequence[str] = STAGES,
    bring: Callable[[Path], None] = lambda root: None,
) -> list[str]:
    """Run under these settings; a line for every file that is not the same in all, with what differs first from the first setting."""
    make_record(folder / "mlflow.db")  # MLflow takes seconds to make one
    roots = {setting: folder / str(number) for number, setting in enumerate(chosen)}
    with ThreadPoolExecutor(2) as pool:
        jobs = {s: pool.submit(_quick, root, s, recipe, stages, bring) for s, root in roots.items()}
        found = {}
        for setting, job in jobs.items():
            found[setting] = job.result()
            print(f"{' · '.join(map(str, setting))}: {_digest(found[setting])}", flush=True)
    first = chosen[0]
    lines = []
    for name in sorted(set[str]().union(*found.values())):
        groups: dict[str | None, list[Setting]] = defaultdict(list)
        for setting, hashes in found.items():
            groups[hashes.get(name)].append(setting)
        for other in [group[0] for group in groups.values() if first not in group]:
            paths = [roots[s] / "artifacts" / name for s in (first, other)]
            lines.append(f"{name}: {difference(*paths)} ({' · '.join(map(str, other))}; {len(groups)} versions)")
    return lines


def _quick(
    root: Path, setting: Setting, recipe: Sequence[str], stages: Sequence[str], bring: Callable[[Path], None]
) -> dict[str, str]:
    root.mkdir(parents=True)
    shutil.copyfile(root.parent / "mlflow.db", root / "mlflow.db")
    return run(root, python_of(setting[0]), setting, recipe, stages, bring)


def _digest(hashes: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()[:16]


def difference(one: Path, other: Path) -> str:
    """Where two versions of a file differ first, and by how much at most."""
    if not (one.is_file() and other.is_file()):
        return "is made under one of them only"
    if one.suffix in (".parquet", ".csv"):
        read = pd.read_parquet if one.suffix == ".parquet" else pd.read_csv
        return _of_tables(read(one), read(other))
    if one.suffix == ".json":
        return _of_tables(_flat(one), _flat(other))
    return f"{one.stat().st_size} and {other.stat().st_size} bytes"


def _flat(path: Path) -> pd.DataFrame:
    return pd.DataFrame({key: [value] for key, value in _leaves(json.loads(path.read_text()), "")})


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(part, f"{place}.{key}" if place else str(key))
    else:
        yield place, value


def _of_tables(one: pd.DataFrame, other: pd.DataFrame) -> str:
    if one.shape != other.shape or list(one) != list(other):
        return f"shapes {one.shape} and {other.shape}, columns {sorted(set(one) ^ set(other))}"
    said = []
    for column in one:
        a, b = one[column], other[column]
        unequal = ~((a == b) | (a.isna() & b.isna())).to_numpy()
        if unequal.any():
            row = int(np.flatnonzero(unequal)[0])
            size = ""
            if pd.api.types.is_numeric_dtype(a):
                with np.errstate(all="ignore"):
                    size = f", at most {float((a - b).abs().max()):.2g}"
            said.append(
                f"{column} in {unequal.sum()} of {len(a)} rows, first {row} ({a.iloc[row]} and {b.iloc[row]}){size}"
            )
    return f"{len(said)} columns: " + "; ".join(said[:4]) if said else "bytes"


def python_of(version: str) -> Path:
    """An interpreter with what the lock names; made when it is not there yet."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    folder = Path(tempfile.gettempdir()) / f"segments-python{version}"
    python = folder / "bin/python"
    if not (folder / "ready").is_file():
        found = installed(version)
        assert found is not None
        subprocess.run([found, "-m", "venv", "--clear", folder], check=True)
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, "--compile-bytecode"]
        subprocess.run([*uv, "--require-hashes", "-r", CHECKOUT / "requirements.lock"], check=True)
        (folder / "ready").touch()
    return python


def installed(version: str) -> Path | None:
    """Where this Python is, if it is: on the path, or where pyenv keeps them."""
    found = [Path(path) for path in [shutil.which(f"python{version}")] if path]
    found += sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python"))
    for path in found:
        if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    return None


def main() -> int:
    """Run under all settings; returns how many files differ."""
    pythons = [version for version in PYTHONS if installed(version)]
    kernels = runnable(flags_here())
    chosen = settings(pythons, kernels)
    print(f"{len(chosen)} settings, Python {', '.join(pythons)}", flush=True)
    if left := [f"{blas} ({needed})" for blas, needed in BLAS.items() if blas not in kernels]:
        print(f"Left out, as this processor cannot run it: BLAS for {', '.join(left)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        lines = compared(Path(folder), chosen)
    print("\n".join(lines) or f"one hash of every file in {len(chosen)} settings")
    return len(lines)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
