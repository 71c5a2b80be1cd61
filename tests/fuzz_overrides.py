"""Overrides nobody would write: whatever stands on the command line, the answer is done, one clear error, or rows rejected. `make fuzz` runs it.

Seeded: the same count and seed make the same overrides. A finding is an override list and what was seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import random
import shutil
import sys
import tempfile
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from segments.app import cli

CHECKOUT = Path(__file__).resolve().parent.parent
RAW = Path("data/mall/Mall_Customers.csv")
LOG = Path("data/log/log.csv")
LOG_SOURCE = f"""name: log
as_of: "2024-03-31"
feature_sets: [rfm]
transactions:
  path: {LOG}
  customer: who
  time: when
  amount: paid
  time_format: "%d/%m/%Y"
  order: basket
  read: {{separator: ";", encoding: utf-8, decimal: ".", missing: [x]}}
policy: {{max_bad_share: 0.5}}
"""
MOST_SIGNS = 2500  # of an error: three lines, each cut
GROUPS = ("source", "feature_set", "scaler", "algorithm", "experiment", "tracking", "settings", "playbook")
NAMES = ("mall", "completejourney", "rfm", "income_spending", "robust", "none", "kmeans", "smoke", "server", "briefing")
# What runs long when it is huge, or asks another machine, is not what is looked for here.
LEFT_ALONE = ("algorithm", "evidence", "sweep.workers", "sweep.scoring", "hydra/launcher", "tracking.uri")
ODD_KEYS = (
    *(
        "",
        ".",
        "..",
        "a..b",
        "=",
        "hydra",
        "hydra.run.dir",
        "hydra.sweep.dir",
        "hydra.searchpath",
        "hydra.job.env_copy",
    ),
    *("hydra.callbacks.x", "hydra/sweeper", "hydra/job_logging", "hydra.launcher.n_jobs", "hydra.launcher._target_"),
    *("_target_", "source._target_", "source.x._partial_", "defaults", "_self_", "source@x", "source@hydra", "/source"),
    *("source/mall", "../source", "a$b", "é", "a b", "k[0]", "sweep.k_min.x", "decisions.names", "playbooks.x.name"),
    *(
        "source.customers.path",
        "source.transactions.path",
        "source.fetch.files",
        "source.fetch.package",
        "source.fetch.url",
    ),
    *(
        "+source.customers.read.encoding",
        "+source.customers.read.separator",
        "+source.customers.read.missing",
        "+source.customers.read.decimal",
    ),
    *("registry.model", "tracking.uri", "source.name", "feature_set.name", "scaler.name", "--config-dir", "-cd", "-m"),
)
ODD_VALUES = (
    *(
        "",
        "null",
        "true",
        "0",
        "-1",
        "1",
        "2",
        "3",
        "1e300",
        "-1e300",
        "nan",
        "inf",
        "-inf",
        "1e-400",
        "9" * 40,
        "0x10",
        "1_0",
    ),
    *(
        "???",
        "a",
        "a,b",
        "[a,b]",
        "[]",
        "[[]]",
        "{}",
        "{a:b}",
        "{a:{b:[c,{d:e}]}}",
        "[null]",
        "{a:null}",
        "'",
        '"',
        "'a",
        "\\",
        "$",
        "%s",
    ),
    *(
        "${b",
        "${k}",
        "${source}",
        "${source.name}",
        "${sweep}",
        "${oc.env:HOME}",
        "$\\{oc.env:HOME\\}",
        "'${oc.env:HOME}'",
    ),
    *("${oc.create:{a:b}}", "${hydra:runtime.cwd}", "${hydra.runtime.cwd}", "${.x}", "${..}", "${}", "${${k}}"),
    *(
        "../../x",
        "/etc/passwd",
        ".git/hooks/pre-commit",
        ".dvc/config",
        "conf/config.yaml",
        "data/../x",
        "~/x",
        "file:///x",
        "data/x.csv",
    ),
    *(
        "range(2,4)",
        "range(2,1000000000)",
        "range(0,inf)",
        "range(1,2,0)",
        "choice(a,b)",
        "glob(*)",
        "interval(0,1)",
        "sort(3,2)",
    ),
    *(
        "shuffle(a,b)",
        "int(a)",
        "str([1,2])",
        "json_str({a:1})",
        "tag(a,range(1,2))",
        "float(1)",
        "bool(x)",
        "extend_list(a)",
    ),
    *(
        "{_target_:joblib.load,filename:evil}",
        "{\\(\\):pandas.read_pickle}",
        "!!python/object/apply:os.system [ls]",
        "2017-13-45",
    ),
    *(
        "2017-06-30",
        "é€漢",
        "a\nb",
        "\x1b[31m",
        "\x00",
        "\udcff",
        "a" * 5000,
        "[" * 300,
        "{a:" * 200,
        "[" + "a," * 900 + "a]",
    ),
    *(name for name in NAMES),
)

LIKELY = (
    *(
        "0",
        "1",
        "2",
        "3",
        "7",
        "0.5",
        "1.5",
        "-1",
        "true",
        "null",
        "a",
        "mall",
        "age",
        "standard",
        "2017-06-30",
        "[age,annual_income]",
    ),
    *(
        "[robust,none]",
        "[income_spending]",
        "{age:{}}",
        "{age:{high:a,low:b}}",
        "[mbg_nbd]",
        "data/mall/Mall_Customers.csv",
        "data/x.csv",
    ),
)


class Marker:
    """Leaves a file where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("../unpickled"),)


def fuzz(count: int, seed: int, record: Path | None = None) -> list[str]:
    """Run `count` commands with odd overrides in a small project; returns what should not have happened.

    Parameters
    ----------
    count : int
        Commands.
    seed : int
        Of the choices.
    record : Path, optional
        An empty record to copy; MLflow takes seconds to make one.

    Returns
    -------
    list of str
        Each the words, and what was seen: a traceback, another exit code than 0, 2 and 3, an error that is long or no three lines,
        a file where none belongs, or one of conf/, .git or .dvc that is changed.
    """
    chosen = random.Random(seed)
    findings = []
    with small_project(record) as root:
        keys = [key for key in _keys() if not key.startswith(LEFT_ALONE)]
        kept = _state(root)
        for _ in range(count):
            words = _words(chosen, keys)
            if seen := _run(words):
                findings.append(f"{words!r}: {seen}")
            if (now := _state(root)) != kept:
                changed = sorted(
                    str(path) for path in now.keys() ^ kept.keys() or now if now.get(path) != kept.get(path)
                )
                findings.append(f"{words!r}: made or changed {', '.join(changed)}")
                kept = now
    return findings


@contextlib.contextmanager
def small_project(record: Path | None = None) -> Iterator[Path]:
    """A project with the mall's customers as features, in which commands run; no download, and a pickle that would show."""

    def refuse(*words: Any, **options: Any) -> Any:
        raise urllib.error.URLError("no network here")

    where, variables = Path.cwd(), dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="segments-fuzz-") as folder:
        root = Path(folder) / "project"
        shutil.copytree(CHECKOUT / "conf", root / "conf", symlinks=True)
        shutil.copyfile(CHECKOUT / "dvc.yaml", root / "dvc.yaml")
        (root / ".git/hooks").mkdir(parents=True)
        text = (root / "conf/config.yaml").read_text().replace("- source: completejourney", "- source: mall")
        (root / "conf/config.yaml").write_text(text.replace("- feature_set: rfm", "- feature_set: income_spending"))
        chosen = random.Random(0)
        rows = [
            f"{i},Male,{chosen.randrange(18, 70)},{chosen.randrange(15, 137)},{chosen.randrange(1, 100)}"
            for i in range(1, 41)
        ]
        content = "\n".join(["CustomerID,Gender,Age,Annual Income (k$),Spending Score (1-100)", *rows, ""])
        (root / RAW).parent.mkdir(parents=True)
        (root / RAW).write_text(content)
        lines = [f"{i % 9};{1 + i % 28:02}/0{1 + i % 3}/2024;{i}.5;b{i // 2}" for i in range(60)]
        (root / LOG).parent.mkdir()
        (root / LOG).write_text("\n".join(["who;when;paid;basket", *lines, ""]))
        (root / "conf/source/log.yaml").write_text(LOG_SOURCE)
        if record is not None:
            shutil.copyfile(record, root / "mlflow.db")
        os.chdir(root)
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        Path("evil").write_bytes(pickle.dumps(Marker()))
        try:
            with patch.object(urllib.request, "urlopen", refuse):
                for command in (["fetch", "source=log"], ["fetch", "accept=true"], ["data"], ["features"]):
                    if seen := _run(command, refused=False):
                        raise RuntimeError(f"the project cannot be made: {command}: {seen}")
                yield root
        finally:
            os.chdir(where)
            os.environ.clear()
            os.environ.update(variables)


def _keys() -> list[str]:
    """Every key that conf/ sets, dotted."""

    def under(plain: dict[str, Any], before: str) -> Iterator[str]:
        for key, value in plain.items():
            yield f"{before}{key}"
            if isinstance(value, dict):
                yield from under(value, f"{before}{key}.")

    files = {
        "config": "",
        "source/mall": "source.",
        "feature_set/income_spending": "feature_set.",
        "scaler/standard": "scaler.",
    }
    parts = [(yaml.safe_load((CHECKOUT / f"conf/{path}.yaml").read_text()), before) for path, before in files.items()]
    parts.append((yaml.safe_load(LOG_SOURCE), "source."))
    return sorted({key for plain, before in parts for key in under(plain, before) if key != "defaults"})


def _words(chosen: random.Random, keys: list[str]) -> list[str]:
    """A command and one to three overrides, made of what is known and what is odd."""
    command = chosen.choice([*["data"] * 6, *["features"] * 2, "fetch", "fetch", "selection", "export", "track", "fit"])
    overrides = []
    for _ in range(chosen.choice((1, 1, 1, 2, 3))):
        if chosen.random() < 0.4:  # what may be right, and goes on into the command
            group = chosen.choice(GROUPS)
            overrides.append(
                chosen.choice((f"{chosen.choice(keys)}={chosen.choice(LIKELY)}", f"{group}={chosen.choice(NAMES)}"))
            )
            continue
        key = chosen.choice([chosen.choice(keys), chosen.choice(GROUPS), chosen.choice(ODD_KEYS)])
        value = chosen.choice(ODD_VALUES)
        if chosen.random() < 0.1:
            value = value[: chosen.randrange(len(value) + 1)] + chosen.choice(ODD_VALUES)
        sign = chosen.choice(("", "", "", "+", "++", "~"))
        overrides.append(f"{sign}{key}" if sign == "~" and chosen.random() < 0.5 else f"{sign}{key}={value}")
    if chosen.random() < 0.3:
        overrides.append("source=log")
    if command == "fit":
        overrides += [f"k={chosen.choice((2, '2,3'))}", "sweep.workers=1"]
    return [command, *["-m"] * (chosen.random() < 0.3), *overrides]


def _run(words: list[str], *, refused: bool = True) -> str:
    """What is wrong with how a command ends; nothing when all is well."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(words)
    except BaseException as error:
        return f"a traceback: {''.join(traceback.format_exception(error)[-3:])}"
    said = err.getvalue()
    complaints = [line for line in said.splitlines() if not line.startswith("[")]  # progress is no complaint
    if code not in ((0, 2, 3) if refused else (0,)):
        return f"exit code {code}: {said[-500:]}"
    if "Traceback" in out.getvalue() + said:
        return f"a traceback is printed: {said[-500:]}"
    if code == 2 and (
        len(said) > MOST_SIGNS or not 2 <= len(complaints) <= 3 or not complaints[0].startswith("segments ")
    ):
        return f"not one error in three lines: {said[:500]}"
    return ""


def _state(root: Path) -> dict[Path, str]:
    """What no override may touch: hashes of conf/, .git, .dvc, and all that lies beside what commands make."""
    own = [path for name in ("conf", ".git", ".dvc") for path in sorted((root / name).rglob("*"))]
    made = {"artifacts", "record", "data", "data.dvc", "mlruns", "multirun"}
    beside = [
        *root.parent.iterdir(),
        *(path for path in root.iterdir() if path.name.split(".db")[0] not in {*made, "mlflow"}),
    ]
    return {
        path.relative_to(root.parent): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in [*own, *beside]
    }


if __name__ == "__main__":
    wanted, sown = (int(word) for word in (*sys.argv[1:3], *("200", "0")[len(sys.argv[1:3]) :]))
    found = fuzz(wanted, sown)
    print(*found, sep="\n")
    print(f"{wanted} commands with odd overrides, seed {sown}: {len(found)} findings")
    sys.exit(bool(found))
