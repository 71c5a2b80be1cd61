"""Do the tests bite? Cosmic Ray's small faults go one by one into the nouns that decide; each must make a fast test of its module fail.

`make mutants` tries a seeded sample in a temporary copy, a fork for each fault: what takes long to import is imported once.
`docs/mutants.md` says which faults survive, and why.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import importlib
import itertools
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
# The modules, and what is to fail.
TESTED_BY = {
    **{f"evidence/{name}": f"evidence/test_{name}.py" for name in ("grades", "selection", "stability", "sensitivity", "usefulness")},
    **{f"evidence/{name}": f"evidence/test_{name}.py" for name in ("lumps", "null_models", "valleys")},
    "evidence/existence": "evidence/test_existence.py evidence/test_grades.py",
    **{f"identity/{name}": f"identity/test_{name}.py" for name in ("descriptors", "migration", "profiles", "rfm", "rules")},
    **{f"identity/{name}": "identity/test_matching.py identity/test_overlap.py" for name in ("matching", "names", "overlap")},
    **{name: f"{name.replace('/', '/test_')}.py" for name in ("action/target_list", "action/uplift", "model/promotion")},
    **{f"io/store/{name}": "io/store/test_store.py" for name in ("cache", "files")},
}  # fmt: skip
HEAVY = "duckdb hypothesis mlflow narwhals numba pandas pandera pyarrow.parquet pytest scipy.optimize scipy.stats sklearn.cluster sklearn.model_selection sklearn.tree"
FAST = ["-qxp", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning", "-m", "not slow and not browser and not server"]  # fmt: skip
# Bits in the place of sums, `is` in the place of `==`: a TypeError, or of small whole numbers the same.
DULL = re.compile(r"Variable|NoOp|_(Add|Sub|Mul|Div|FloorDiv|Mod|Pow)_(RShift|LShift|Bit\w+)|_(UAdd|USub)_Invert|(Eq|Lt|LtE|Gt|GtE)_Is")  # fmt: skip
LAST_DIGITS = 8


class Mutant(NamedTuple):
    """A module with one fault, and its line before and after; or without."""

    module: str
    code: str
    words: str = ""


def mutants_of(module: str, chance: random.Random) -> Iterator[Mutant]:
    """Faults of a module that mean something, any place as likely as another."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    code = (ROOT / "src" / "segments" / f"{module}.py").read_text()
    nodes, plain = list(ast_nodes(get_ast(code))), meaning(code)
    places: dict[tuple[int, int], list[tuple[str, int]]] = {}
    for name in (name for name in operator_names() if not DULL.search(name)):
        starts = (start for node in nodes for start, _ in get_operator(name)().mutation_positions(node))
        for occurrence, start in enumerate(starts):
            places.setdefault(start, []).append((name, occurrence))
    for start in chance.sample(sorted(places), len(places)):
        name, occurrence = chance.choice(places[start])
        with contextlib.suppress(AttributeError, SyntaxError):  # Cosmic Ray cannot replace the `a.b` of `except a.b`
            made = mutate_code(code, get_operator(name)(), occurrence)
            if meaning(made) != plain:
                lines = list(difflib.ndiff(code.splitlines(), made.splitlines()))
                before, after = (" ".join(x[2:].strip() for x in lines if x[:2] == sign) for sign in ("- ", "+ "))
                yield Mutant(module, made, f"src/segments/{module}.py:{start[0]}  {before}  →  {after}")


def meaning(code: str) -> str:
    """What some code does: without annotations, and without `strict=` and `frozen=`, which say what cannot happen.

    Nor does it matter which stream of draws it takes, as long as it is always the same, which of the last digits it rounds at, or on how many threads.
    """
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.Call):
            node.keywords = [
                one for one in node.keywords if one.arg not in ("strict", "frozen", "random_state", "threads")
            ]
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
            numbers = [one for one in ast.walk(ast.Tuple(node.args)) if isinstance(one, ast.Constant)]
            for number in numbers if called in ("default_rng", "round") else []:
                if called == "default_rng" or (isinstance(number.value, int) and number.value >= LAST_DIGITS):
                    number.value = LAST_DIGITS
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.test, node.body = ast.Constant(None), []
    return ast.dump(tree)


def tested(job: tuple[Path, float, float, Mutant]) -> tuple[Mutant, float, int | None]:
    """How long the tests took in this worker's copy, and what pytest ended with: nothing when it was too late, or took too long."""
    folder, limit, end, mutant = job
    began, copy, ended = time.monotonic(), folder / multiprocessing.current_process().name, None
    if began > end:
        return mutant, 0.0, None
    if not copy.is_dir():
        shutil.copytree(folder / "copy", copy, symlinks=True)
    path = copy / "src" / "segments" / f"{mutant.module}.py"
    path.write_text(mutant.code)
    if not (child := os.fork()):
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(1, 2)
        os.chdir(copy)
        sys.path.insert(0, str(copy / "src"))
        os.environ["PYTHONPATH"] = sys.path[0]
        sys.dont_write_bytecode = True  # a fault of the same size in the same second would be taken for the last one
        files = [f"tests/{name}" for name in TESTED_BY[mutant.module].split()]
        files.append(f"tests/test_examples.py::test_examples_run[segments.{mutant.module.replace('/', '.')}]")
        os._exit(importlib.import_module("pytest").main([*FAST, f"--basetemp={copy}-tmp", *files]))
    while ended is None and time.monotonic() < began + limit:
        done, status = os.waitpid(child, os.WNOHANG)
        ended = os.waitstatus_to_exitcode(status) if done else None
        time.sleep(0.01)
    if ended is None:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    path.write_text((folder / "copy" / path.relative_to(copy)).read_text())
    return mutant, time.monotonic() - began, ended


def main() -> None:
    """Try a sample of every module's mutants, say which survived, and of how many the tests made an end."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual, what in (("seed", 0, ""), ("each", 12, "of a module"), ("minutes", 9, "then no further one")):
        parser.add_argument(f"--{name}", type=int, default=usual, help=what)
    parser.add_argument("--module", nargs="+", choices=TESTED_BY, default=list(TESTED_BY), metavar="FOLDER/NAME")
    asked = parser.parse_args()
    for name in HEAVY.split():
        importlib.import_module(name)
    began, tried = time.monotonic(), {module: list[bool]() for module in asked.module}
    end, took = began + 60 * asked.minutes, {}
    with tempfile.TemporaryDirectory(prefix="segments-mutants-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        shutil.copytree(ROOT, folder / "copy", ignore=shutil.ignore_patterns(".*", "mlruns", "artifacts", "*.db"))
        if (shared := ROOT.parent / "shared").is_dir():
            (folder / "shared").symlink_to(shared.resolve())
        with multiprocessing.get_context("fork").Pool(2) as pool:
            whole = [Mutant(name, (ROOT / "src" / "segments" / f"{name}.py").read_text()) for name in tried]
            for one, seconds, code in pool.imap_unordered(tested, [(folder, 300.0, end, one) for one in whole]):
                took[one.module] = seconds
                if code != 0:
                    sys.exit(f"without a fault the tests of {one.module} fail, or take too long")
            samples = (mutants_of(name, random.Random(f"{asked.seed} {name}")) for name in tried)
            turns = itertools.zip_longest(*(list(itertools.islice(sample, asked.each)) for sample in samples))
            jobs = [(folder, 10 + 5 * took[one.module], end, one) for turn in turns for one in turn if one]
            for one, seconds, code in pool.imap_unordered(tested, jobs):
                tried[one.module] += [code != 0] if seconds else []
                if code == 0:
                    print(f"survived  {one.words}", flush=True)
    for module, found in {**tried, "all": list(itertools.chain(*tried.values()))}.items():
        print(f"{module:22}{len(found):5} tried{sum(found):5} killed{sum(found) / max(len(found), 1):6.0%}")
    print(f"seed {asked.seed}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
