"""What code means: what may change in it without changing a result's id, and what may not."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from segments.clustering import candidate, kmeans_kernel, meaning, scores, silhouette_kernel, space
from segments.clustering.meaning import code_meaning, import_tree
from segments.config import sweep as settings
from segments.evidence import grades
from small_project import CHECKOUT, SmallProject

SRC = CHECKOUT / "src"


def file_of(module: ModuleType) -> Path:
    """Where a module lies under src/."""
    return Path(str(module.__file__)).relative_to(SRC)


def write(src: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = src / "toy" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return src


# --- a small package, edit by edit ---------------------------------------------------------------------------------------

TOY = {
    "__init__": '"""A toy."""\n\n__version__ = "1"\n',
    "main": '''"""Points -> labels."""

from dataclasses import dataclass, field

import numpy as np

from toy.config import LIMITS, Options
from toy.errors import ToyError
from toy.maths import scaled

SIZES = (1, 2)


@dataclass(frozen=True)
class Made:
    """What is made."""

    labels: list[int]
    seed: int = 0
    more: dict[str, float] = field(default_factory=dict)


def make(points: list[float], options: Options, twice: bool = False) -> Made:
    """Make it."""
    from toy import loops as compiled

    found = [compiled.nearest(scaled(point)) for point in points if point > LIMITS[0] - 1]
    if not found:
        raise ToyError(f"no points above {LIMITS[0]:.1f}")
    total: float = np.log1p(sum(found))
    return Made(found * (2 if twice else 1), int(total) + options.effort() + len(SIZES))
''',
    "maths": '"""Numbers."""\n\nfrom toy.loops import STEP\n\nNumber = float\n\n\ndef scaled(x: float) -> float:\n    """Scale."""\n    return x * STEP\n',
    "loops": '"""Loops."""\n\nNumber = float\nSTEP = 0.5\n\n\ndef nearest(x: float) -> int:\n    return round(x)\n',
    "config/__init__": 'from toy.config.options import LIMITS, OTHERS, Options\n\n__all__ = ["LIMITS", "OTHERS", "Options"]\n',
    "config/options": """from dataclasses import dataclass

from toy.errors import ToyError

LIMITS = (0.0, 1.0)
OTHERS = (3,)


@dataclass
class Options:
    tries: int = 3

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise ToyError("too few tries")

    def effort(self) -> int:
        return max(self.tries, 1)


class Elsewhere:
    def effort(self) -> int:
        return 1
""",
    "errors": '"""Messages."""\n\n\nclass ToyError(Exception):\n    def __str__(self) -> str:\n        return "what went wrong"\n',
}

Edit = Callable[[dict[str, str]], dict[str, str]]


def edited(name: str, *pairs: tuple[str, str]) -> Edit:
    def edit(files: dict[str, str]) -> dict[str, str]:
        text = files[name]
        for old, new in pairs:
            assert text.count(old) == 1, f"{name} holds {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        return files | {name: text}

    return edit


def renamed(old: str, new: str) -> Edit:
    """A module under another name, and every import of it."""
    dotted_old, dotted_new = old.replace("/", "."), new.replace("/", ".")

    def edit(files: dict[str, str]) -> dict[str, str]:
        return {
            (new if name == old else name): text.replace(f"toy.{dotted_old} import", f"toy.{dotted_new} import")
            for name, text in files.items()
        }

    return edit


def moved(files: dict[str, str]) -> dict[str, str]:
    """`scaled` stands with the loops now, and nothing else changes."""
    function = files["maths"].split("\n\n\n")[1]
    files = files | {"loops": files["loops"] + "\n\n" + function, "maths": '"""Numbers."""\n\nNumber = float\n'}
    return edited("main", ("from toy.maths import scaled", "from toy.loops import scaled"))(files)


SAME: dict[str, Edit] = {
    "a comment": edited("loops", ("STEP = 0.5", "# a step\nSTEP = 0.5  # half")),
    "docstrings": edited("main", ('"""Make it."""', '"""Make it, well."""'), ('    """What is made."""\n', "")),
    "a docstring more": edited("loops", ("    return round(x)", '    """Round."""\n    return round(x)')),
    "layout": edited("main", ("SIZES = (1, 2)", "SIZES = (\n    1,\n    2,\n)"), ('"no ', "'no '\n f\""), ("not found", "(not found)")),
    "quotes": edited("main", ('f"no points above {LIMITS[0]:.1f}"', "'''no points ''' f'above {LIMITS[0]:.1f}'")),
    "a file renamed": renamed("maths", "numbers"),
    "a file moved": renamed("maths", "deep/er/maths"),
    "the main file renamed": renamed("main", "deep/most"),
    "a function moved": moved,
    "a module's attribute": edited("main", ("from toy.maths import scaled", "from toy import maths"), ("scaled(point)", "maths.scaled(point)")),
    "a long path": edited("main", ("from toy.maths import scaled", "import toy.maths"), ("scaled(point)", "toy.maths.scaled(point)")),
    "a relative import": edited("main", ("from toy.maths import", "from .maths import")),
    "our name renamed": edited("main", ("import scaled", "import scaled as s"), ("(scaled(", "(s(")),
    "their name renamed": edited("main", ("import numpy as np", "from numpy import log1p as ln"), ("np.log1p", "ln")),
    "an import in the function": edited("main", ("import numpy as np\n", ""), ("    found =", "    import numpy\n\n    found ="), ("np.log1p", "numpy.log1p")),
    "an import in the head": edited("main", ("    from toy import loops as compiled\n", ""), ("from toy.maths", "from toy.loops import nearest\nfrom toy.maths"), ("compiled.nearest", "nearest")),
    "an import of a variable's name": edited("main", ("SIZES = ", "import point\n\nSIZES = ")),
    "a way round": lambda files: edited("main", ("from toy.maths import", "from toy.door import"))(files) | {"door": "from toy.maths import scaled\n"},
    "types": edited("main", ("points: list[float]", "points: tuple[float, ...]"), ("total: float =", "total =")),
    "an import for types": edited("main", ("from toy.errors", "from typing import TYPE_CHECKING\n\nfrom toy.errors"), ("SIZES = ", "if TYPE_CHECKING:\n    from toy.unseen import Thing\n\nSIZES = ")),
    "a pass": edited("main", ("    total: float", "    pass\n    total: float")),
    "the version": edited("__init__", ('"1"', '"2"')),
    "names that are looked up": edited("__init__", ('"1"\n', '"1"\n\n\ndef __getattr__(name):\n    raise AttributeError(name)\n')),
    "the order of statements": edited("loops", ("STEP = 0.5\n\n\n", ""), ("    return round(x)\n", "    return round(x)\n\n\nSTEP = 0.5\n")),
    "a twin imported": edited("maths", ("import STEP\n\nNumber = float\n", "import STEP, Number\n")),
    "a message": edited("errors", ("what went wrong", "what is wrong")),
    "a check of the config": edited("config/options", ("< 1:", "< 2:"), ("too few tries", "too few")),
    "a default of the config": edited("config/options", ("tries: int = 3", "tries: int = 4\n    more: int = 0")),
    "a constant of the config that is not asked for": edited("config/options", ("(3,)", "(4,)")),
    "a class of the config that is not asked for": edited("config/options", ("        return 1\n", "        return 2\n")),
    "a module that nobody imports": lambda files: files | {"lonely": "X = 1\n"},
}  # fmt: skip

OTHER: dict[str, Edit] = {
    "a constant": edited("loops", ("0.5", "0.25")),
    "its type": edited("main", ("SIZES = (1, 2)", "SIZES = (1, 2.0)")),
    "a text": edited("main", ("no points above", "nothing above")),
    "a format": edited("main", (":.1f}", ":.2f}")),
    "an operator": edited("maths", ("x * STEP", "x / STEP")),
    "a comparison": edited("main", ("point > LIMITS", "point >= LIMITS")),
    "a default": edited("main", ("twice: bool = False", "twice: bool = True")),
    "a field's default": edited("main", ("seed: int = 0", "seed: int = 1")),
    "a field's type": edited("main", ("seed: int = 0", "seed: float = 0")),
    "the order of fields": edited("main", ("    labels: list[int]\n    seed: int = 0\n", "    seed: int = 0\n    labels: list[int] = field()\n")),
    "a decorator": edited("main", ("@dataclass(frozen=True)", "@dataclass")),
    "a decorator more": edited("loops", ("def nearest", "@print\ndef nearest")),
    "new code": edited("loops", ("STEP = 0.5", "STEP = 0.5\n\n\ndef more(x):\n    return x")),
    "a statement more": edited("main", ("    total: float", "    found.reverse()\n    total: float")),
    "another function of theirs": edited("main", ("np.log1p", "np.log2")),
    "another package": edited("main", ("import numpy as np", "import math as np")),
    "another thing under the same name": edited("main", ("import scaled", "import other as scaled")),
    "a module that is imported now": lambda files: edited("main", ("import scaled", "import scaled\nfrom toy import lonely"))(files) | {"lonely": "X = 1\n"},
    "a constant of the config": edited("config/options", ("(0.0, 1.0)", "(0.5, 1.0)")),
    "a method of the config, asked of an argument": edited("config/options", ("max(", "min(")),
    "what a package around a module does": lambda files: renamed("maths", "deep/maths")(files) | {"deep/__init__": "print(1)\n"},
    "what a package does": edited("__init__", ('"1"\n', '"1"\nprint(1)\n')),
}  # fmt: skip


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_what_computes_the_same_means_the_same(edit: Edit, tmp_path: Path) -> None:
    files = edit(TOY)
    assert files != TOY
    root = "toy.main" if "main" in files else "toy.deep.most"
    assert code_meaning(root, write(tmp_path / "new", files)) == code_meaning("toy.main", write(tmp_path / "old", TOY))


@pytest.mark.parametrize("edit", OTHER.values(), ids=OTHER)
def test_what_may_compute_another_thing_means_another(edit: Edit, tmp_path: Path) -> None:
    new = code_meaning("toy.main", write(tmp_path / "new", edit(TOY)))
    assert new != code_meaning("toy.main", write(tmp_path / "old", TOY))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_two_things_of_one_name_cannot_change_places(depth: int, tmp_path: Path) -> None:
    """The same statements in other modules: who calls which is what counts, however far away the difference is."""
    chain = [f"\ndef f{at}():\n    return f{at + 1}()\n" for at in range(depth)]
    one, other = (f"f{depth} = {number}\n" + "".join(chain) for number in (1, 2))
    main = {"main": "from toy import a, b\n"}
    a, b = "def use():\n    return f0()\n", "def unused():\n    return f0()\n"
    before = code_meaning("toy.main", write(tmp_path / "1", main | {"a": one + a, "b": other + b}))
    same = code_meaning("toy.main", write(tmp_path / "2", main | {"b": one + a, "a": other + b}))
    after = code_meaning("toy.main", write(tmp_path / "3", main | {"a": other + a, "b": one + b}))
    assert before == same != after


def test_names_are_looked_up_where_they_stand(tmp_path: Path) -> None:
    """A variable is no import of that name; and what a class names, its methods do not see."""
    code = """from toy.maths import {imported}

class A:
    scaled = 1
    twice = scaled * 2
    def first(self): return {name}(twice)

def second(scaled): return scaled(1)

def third(): return [scaled for scaled in (1,)], {name}(2)
"""
    plain, other = (
        write(tmp_path / name, TOY | {"main": code.format(imported=imported, name=name)})
        for imported, name in (("scaled", "scaled"), ("scaled as s", "s"))
    )
    assert code_meaning("toy.main", plain) == code_meaning("toy.main", other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('f"{x:}"', 'f"{x}"', True),
        ("1_000", "1000", True),
        ("...", "Ellipsis", False),  # a name can be bound to anything
        ("1e999", "inf", False),
        ("True", "1", False),
    ],
)
def test_values_that_read_alike(one: str, other: str, same: bool, tmp_path: Path) -> None:
    texts = {name: TOY | {"main": f"x = 1\nX = {value}\n"} for name, value in (("one", one), ("other", other))}
    a, b = (code_meaning("toy.main", write(tmp_path / name, files)) for name, files in texts.items())
    assert (a == b) == same


def test_the_tree_is_what_is_imported() -> None:
    found = import_tree(candidate)
    assert next(iter(found)) == candidate.__name__
    assert found[space.__name__] == SRC / file_of(space)
    assert grades.__name__ not in found
    assert "segments" not in found, "it is a docstring"
    assert kmeans_kernel.__name__ in import_tree(grades), "inside stability: by hand it had been forgotten"
    assert silhouette_kernel.__name__ in import_tree(scores), "inside functions"
    assert list(import_tree(candidate, skip=lambda name: name != candidate.__name__)) == [candidate.__name__]


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"no module segments\.nowhere"):
        code_meaning("segments.nowhere")
    with pytest.raises(ModuleNotFoundError, match="no package nowhere"):
        import_tree("nowhere.at_all")


def test_nothing_is_imported_to_read_it() -> None:
    script = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("meaning", {meaning.__file__!r})
sys.modules["meaning"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.code_meaning({candidate.__name__!r})
print([name for name in sys.modules if name.partition(".")[0] in ("segments", "numpy")])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert done.stdout == "[]\n"


# --- the real code -------------------------------------------------------------------------------------------------------


@pytest.fixture
def src(tmp_path: Path) -> Path:
    """A copy of the package to change."""
    shutil.copytree(SRC / "segments", tmp_path / "segments", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))


def reprinted(path: Path, edit: ast.NodeTransformer | None = None) -> None:
    """The file as Python prints its syntax tree: no comment is left, and no line as it was."""
    tree = ast.parse(path.read_text())
    path.write_text(ast.unparse(edit.visit(tree) if edit else tree))


@pytest.mark.slow
def test_the_real_code_means_the_same_in_another_dress(src: Path) -> None:
    """Every file printed anew, with comments; one file renamed, with all imports of it."""
    files = list((src / "segments").rglob("*.py"))
    for path in files:
        reprinted(path)
        path.write_text("# a comment\n" + path.read_text())
    old, new = space.__name__, f"{space.__name__}_of_customers"
    (src / file_of(space)).rename(src / f"{new.replace('.', '/')}.py")
    for path in (src / "segments").rglob("*.py"):
        path.write_text(re.sub(rf"\bfrom {re.escape(old)} import", f"from {new} import", path.read_text()))
    assert old not in import_tree(candidate, src)
    assert new in import_tree(candidate, src)
    for module in (candidate, grades):
        assert code_meaning(module, src) == code_meaning(module)


class Raise(ast.NodeTransformer):
    """Adds 1 to one number of the code."""

    def __init__(self, which: int) -> None:
        self.left = which

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if type(node.value) in (int, float):
            self.left -= 1
            if self.left == -1:
                return ast.Constant(node.value + 1)
        return node


def numbers(path: Path) -> int:
    return sum(
        isinstance(n, ast.Constant) and type(n.value) in (int, float) for n in ast.walk(ast.parse(path.read_text()))
    )


@pytest.mark.parametrize("module", [candidate, space, scores, silhouette_kernel])
def test_any_number_of_the_real_code_counts(module: ModuleType, src: Path) -> None:
    before, path = code_meaning(candidate), src / file_of(module)
    text, found = path.read_text(), numbers(path)
    seen = {before}
    for which in {0, found // 2, found - 1}:
        path.write_text(text)
        reprinted(path, Raise(which))
        seen.add(code_meaning(candidate, src))
    assert len(seen) == 4


def test_of_the_real_config_only_what_computes_counts(src: Path) -> None:
    path = src / file_of(settings)
    change(path, "the range of k is reversed", "k_min lies above k_max")
    change(path, "ge=0)] = 50_000", "ge=0)] = 40_000")  # in the spec of each candidate
    assert code_meaning(candidate, src) == code_meaning(candidate)
    change(path, "max(self.exact_up_to", "min(self.exact_up_to")  # whether scores are exact
    assert code_meaning(candidate, src) != code_meaning(candidate)


PRINTED = """
import importlib.util, json, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location({name!r}, {file!r})
sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(json.dumps([sys.version_info[:2], *(module.code_meaning(name, Path({src!r})) for name in {names!r})]))
"""
# Where versions of Python read the same text differently: pieces of f-strings, letters that are new.
TEXTS = r"""
a = f"a{1}" "b" f"{a!r:>{b}.{c}}" f"{a:}" f"{a=}" f"" f"{{}}" f"{a:%H:%M}" f'{a["x"]:{"<"}10}'
e = f""
b = "\N{SMILE}", u"c", b"\xff", "\U0001fae8", 1e300, 1_000, -0.0, 2j, ...
match a:
    case [1, *rest] | {"x": rest}: pass
def f(x, /, y: int = 1, *z, k=None, **more): return lambda: (yield)
async def g(): return [x async for x in f() if x]
"""


def pythons() -> dict[str, str]:
    """Other versions of Python on this machine."""
    places = [*Path.home().glob(".pyenv/versions/*/bin"), *map(Path, os.environ["PATH"].split(os.pathsep))]
    return {
        v: str(p / f"python{v}")
        for v in ("3.11", "3.12", "3.13")
        for p in places
        if (p / f"python{v}").is_file() and "shims" not in p.parts
    }


@pytest.mark.slow
def test_every_version_of_python_finds_the_same(src: Path) -> None:
    """As this one does."""
    others = {version: path for version, path in pythons().items() if version != "{}.{}".format(*sys.version_info)}
    if not others:
        pytest.skip("no other Python on this machine")
    (src / "segments/texts.py").write_text(TEXTS)
    names = [candidate.__name__, grades.__name__, "segments.texts", "segments.app.cli"]
    here = [code_meaning(name, src) for name in names]
    script = PRINTED.format(name=meaning.__name__, file=meaning.__file__, src=str(src), names=names)
    for version, path in others.items():
        done = subprocess.run([path, "-I", "-c", script], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == [[*map(int, version.split("."))], *here]


@pytest.mark.slow
def test_a_comment_computes_no_candidate_and_a_constant_all(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    path, ids = project.root / "src" / file_of(space), project.candidate_ids()
    kept, runs = project.kept(), project.run_ids()
    path.write_text("# one comment more\n" + path.read_text().replace('"""', '"""In other words: ', 1))
    assert f"{len(ids)} candidates, 0 new" in project.run("segments", "sweep")
    assert project.candidate_ids() == ids
    assert project.kept() == kept
    assert project.run_ids() == runs
    change(path, "+ 1) > len(X) / 2:", "+ 1) > len(X) / 3:")
    assert f"{len(ids)} candidates, {len(ids)} new" in project.run("segments", "sweep")
    assert not set(project.candidate_ids()) & set(ids)
    assert len(project.runs()) == 2 * len(ids)
