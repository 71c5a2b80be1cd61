"""Code -> a hash of what it computes. Comes in: a module's name. Goes out: the modules it brings in, and one hash of all they say.

Results are kept under a hash of the code that made them. A hash of files would call a comment a change, and ten minutes of fits would be
made again for it. So the code is read as a syntax tree, and what computes nothing is left out: comments, docstrings, layout, types of
arguments and variables, and where a thing stands and by which path it was imported. Nothing is imported for it: files are read.

Two parts of the package do not count as others do:

- ``errors``, and this module, not at all: one words messages, and a better explanation in the other shall not make all results anew.
- ``config`` only in what the code imports of it by name: its constants, and the methods and properties of its classes. The fields and
  their defaults do not count, for the values themselves are hashed with whatever is asked for, and neither do the checks (``__post_init__``):
  they refuse a value or let it pass.

What syntax cannot show does not count either: modules imported by a name made at run time, and other packages, whose versions stand beside
this hash.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

# Parts of the package that do not count as others do, wherever they stand in it: see above.
_MESSAGES = "errors"
_CONFIG = "config"

# Where a name comes from: nowhere else (a variable), another package ("numpy.float64"), or a module of our own and what is taken of it.
Origin: TypeAlias = "str | tuple[str, str | None] | None"
Scope: TypeAlias = dict[str, Origin]
# From the outermost inwards; True: a class.
Scopes: TypeAlias = tuple[tuple[bool, Scope], ...]

_NAMES = (ast.Name, ast.Attribute)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_CLOSED = frozenset({*_FUNCTIONS, ast.ClassDef, ast.Name, ast.Constant, ast.Import, ast.ImportFrom})
# Fields that are read inside the scope a node opens.
_INSIDE = frozenset({"body", "elt", "key", "value", "generators"})
# Where statements hold statements.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Fields without a meaning of their own, or that not every Python has.
_SKIPPED = frozenset({"ctx", "type_comment", "kind", "type_params", "type_ignores", "annotation", "returns", "simple"})


def import_tree(
    module: str | ModuleType, src: Path | None = None, skip: Callable[[str], bool] = lambda name: False
) -> dict[str, Path]:
    """All modules of its package that a module brings in, itself first, found from the imports at the top and inside functions.

    Parameters
    ----------
    module : str or module
        Such as ``segments.clustering.candidate``.
    src : Path, optional
        Folder that holds the package; where Python finds it by default.
    skip : callable, optional
        Says of a module's name whether it is left out, with what only it imports.

    Returns
    -------
    dict of str to Path
        File of each module, by its name. Imports for type checkers (``if TYPE_CHECKING:``) bring in nothing, and a package whose
        ``__init__`` is a docstring is not listed.

    Raises
    ------
    ModuleNotFoundError
        If there is no such module.

    Examples
    --------
    >>> list(import_tree("segments.errors"))
    ['segments.errors']
    """
    return {found.name: found.path for found in _Package(_name(module), src).tree(_name(module), skip)}


def code_meaning(module: str | ModuleType, src: Path | None = None) -> str:
    """Hash what a module computes, with all that it imports of its package.

    The same for a comment, a docstring, another layout or type, a file moved or renamed, a thing moved to another module or imported
    by another path; different for any constant, operator, default or decorator, and for code that was not there. The same on every
    version of Python that reads the code.

    Parameters
    ----------
    module : str or module
        Such as ``segments.clustering.candidate``; a module says ``__name__`` of itself.
    src : Path, optional
        Folder that holds the package; where Python finds it by default, and then each module is read once per process.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    ModuleNotFoundError
        If there is no such module.

    Examples
    --------
    >>> code_meaning("segments.clustering.candidate") == code_meaning("segments.evidence.grades")
    False
    """
    return _installed(_name(module)) if src is None else _meaning(_name(module), src)


@functools.cache
def _installed(name: str) -> str:
    return _meaning(name, None)


def _meaning(name: str, src: Path | None) -> str:
    """One hash of the set of all top-level statements, each told apart by those it refers to."""
    package = _Package(name, src, lambda one: one == __name__ or _part(one) == _MESSAGES)
    statements: dict[tuple[str, int], _Statement] = {}
    wanted: list[tuple[str, int]] = []
    for found in package.tree(name, lambda one: _part(one) == _CONFIG):
        wanted += [(found.name, at) for at in range(len(found.body))]
        for origin in (*found.brings, *found.imports.values()):
            wanted += package.of_config(origin)
    while wanted:
        if (key := wanted.pop()) not in statements:
            statements[key] = package.read(*key)
            wanted += [one for group in statements[key].uses for one in group]
    shallow = {key: _sha256(one.text.encode()) for key, one in statements.items()}
    digests, kinds = shallow, 0
    # Two modules may each have a `_scaled` of their own. Statements that read alike are told apart by what their names stand for, round
    # by round, until no round finds more (Weisfeiler and Leman's refinement; one round where no two read alike).
    while kinds < (kinds := len(set(digests.values()))):
        digests = {
            key: _sha256(b"\0".join([shallow[key], *(b"".join(digests[used] for used in group) for group in one.uses)]))
            for key, one in statements.items()
        }
    return _sha256(b"".join(sorted(set(digests.values())))).hex()


def _name(module: str | ModuleType) -> str:
    return module if isinstance(module, str) else module.__name__


def _part(module: str) -> str:
    """The part of the package that a module belongs to."""
    return module.split(".")[1] if "." in module else ""


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


# --- modules -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Module:
    """A file: its statements, and what its names are bound to."""

    name: str
    path: Path
    body: list[ast.stmt]  # those that compute
    brings: list[tuple[str, str | None]]  # own modules, and names taken of them, from all imports in the file
    imports: Scope  # names bound by imports at the top
    defines: dict[str, list[int]]  # statements that bind a name


@dataclass(frozen=True)
class _Statement:
    """A top-level statement as text, and the statements that its names stand for, in the order of the text."""

    text: str
    uses: list[list[tuple[str, int]]]


class _Package:
    """The modules of a package, read when they are asked for."""

    def __init__(self, module: str, src: Path | None, silent: Callable[[str], bool] = lambda name: False) -> None:
        self.name, self.silent = module.partition(".")[0], silent
        self.read_modules: dict[str, _Module | None] = {}
        if src is None:
            # asked for a module in the package, Python would import the package
            spec = importlib.util.find_spec(self.name)
            if spec is None or not spec.submodule_search_locations:
                raise ModuleNotFoundError(f"there is no package {self.name}", name=self.name)
            self.folder = Path(spec.submodule_search_locations[0])
        else:
            self.folder = src / self.name

    def module(self, name: str) -> _Module | None:
        """A module of the package; None when there is none of that name, or nothing it says shall count."""
        if name not in self.read_modules:
            self.read_modules[name] = None if self.silent(name) else self._read_module(name)
        return self.read_modules[name]

    def _read_module(self, name: str) -> _Module | None:
        base = self.folder.joinpath(*name.split(".")[1:])
        path = next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
        if path is None or name.partition(".")[0] != self.name:
            return None
        parsed = ast.parse(path.read_bytes(), path)
        brings: list[tuple[str, str | None]] = []
        for node in _importing(parsed.body):
            brings += [one for one in self._imported(node, name, path).values() if isinstance(one, tuple)]
            brings += [(alias.name, None) for alias in node.names if isinstance(node, ast.Import)]
        body = [node for node in _computing(parsed.body) if not _about_the_file(node)]
        imports = self.bindings(parsed.body, name, path, imports=True)
        defines: dict[str, list[int]] = {}
        for at, statement in enumerate(body):
            for bound in self.bindings([statement], name, path):
                if bound not in imports:
                    defines.setdefault(bound, []).append(at)
        return _Module(name, path, body, brings, imports, defines)

    def tree(self, name: str, skip: Callable[[str], bool]) -> Iterator[_Module]:
        """A module and, breadth first, all that it brings in."""
        if self.module(name) is None:
            raise ModuleNotFoundError(f"there is no module {name} in {self.folder}", name=name)
        coming, seen = [name], set[str]()
        for one in coming:
            found = None if one in seen or skip(one) else self.module(one)
            seen.add(one)
            if found is None:
                continue
            if found.path.name != "__init__.py" or found.body or found.brings or one == name:
                yield found
            for module, taken in found.brings:
                coming += [module] if taken is None else [module, f"{module}.{taken}"]
            parents = one.split(".")
            coming += [".".join(parents[:depth]) for depth in range(1, len(parents))]  # Python runs these first

    def _imported(self, node: ast.Import | ast.ImportFrom, module: str, path: Path) -> Scope:
        """Names that an import binds."""
        if isinstance(node, ast.Import):
            whole = {alias.asname or alias.name.partition(".")[0]: alias for alias in node.names}
            names = {name: alias.name if alias.asname else name for name, alias in whole.items()}
            return {name: (origin, None) if self._owns(origin) else origin for name, origin in names.items()}
        origin = node.module or ""
        if node.level:
            parts = module.split(".")
            up = parts[: len(parts) - node.level + (path.name == "__init__.py")]
            origin = ".".join([*up, origin] if origin else up)
        return {
            alias.asname or alias.name: (origin, alias.name) if self._owns(origin) else f"{origin}.{alias.name}"
            for alias in node.names
        }

    def _owns(self, origin: str) -> bool:
        return origin.partition(".")[0] == self.name

    def bindings(self, nodes: Iterable[ast.AST], module: str, path: Path, imports: bool = False) -> Scope:
        """Names bound by these nodes in the scope they stand in: by imports, or by anything."""
        bound: Scope = {}
        for node in _in_scope(nodes):
            if isinstance(node, ast.Import | ast.ImportFrom):
                bound |= self._imported(node, module, path)
            elif imports:
                continue
            elif isinstance(node, ast.Name):
                if not isinstance(node.ctx, ast.Load):
                    bound.setdefault(node.id, None)
            elif isinstance(
                named := getattr(node, "name", None), str
            ):  # a function, a class, an error, part of a pattern
                bound.setdefault(named, None)
        return bound

    def resolve(self, origin: Origin) -> Origin:
        """Follow a name to where it is bound: through modules that only pass it on, to a module, or out of the package."""
        seen = set[Origin]()
        while isinstance(origin, tuple) and origin[1] is not None and origin not in seen:
            seen.add(origin)
            module, name = origin
            found = self.module(module)
            if found is not None and name in found.imports:
                origin = found.imports[name]
            elif (found is None or name not in found.defines) and self.module(f"{module}.{name}"):
                return f"{module}.{name}", None
        return origin

    def read(self, module: str, at: int) -> _Statement:
        """One statement of a module."""
        found = self.module(module)
        assert found is not None
        statement = found.body[at]
        writer = _Writer(self, found)
        if _part(module) == _CONFIG and isinstance(statement, ast.ClassDef):
            methods = [node for node in statement.body if isinstance(node, ast.FunctionDef)]
            writer.write([node for node in methods if node.name != "__post_init__"], ())
        else:
            writer.write(statement, ())
        return _Statement("".join(writer.parts), [self._bound_at(*one) for one in writer.uses])

    def of_config(self, origin: Origin) -> list[tuple[str, int]]:
        """What is imported of the config by name, also when it is only the type of an argument, whose methods are called."""
        match self.resolve(origin):
            case (str(module), str(name)) if _part(module) == _CONFIG:
                return self._bound_at(module, name)
        return []

    def _bound_at(self, module: str, name: str | None) -> list[tuple[str, int]]:
        """Statements that bind a name; all of a module that is handed on as a whole."""
        if (found := self.module(module)) is None:
            return []
        return [(module, at) for at in (range(len(found.body)) if name is None else found.defines.get(name, []))]


def _about_the_file(node: ast.stmt) -> bool:
    """Whether it is `__version__ = ...`, `__all__ = ...` and the like, or what a module answers when it is asked for a name: a way to what stands elsewhere."""
    if isinstance(node, ast.FunctionDef):
        return node.name in ("__getattr__", "__dir__")
    targets = [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
    return any(name.startswith("__") and name.endswith("__") for name in targets)


def _for_types(node: ast.AST) -> bool:
    """Whether it is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and getattr(node.test, "id", getattr(node.test, "attr", "")) == "TYPE_CHECKING"


def _computing(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that do something: no docstrings, no imports, no `pass`."""
    for node in body:
        idle = isinstance(node, ast.Import | ast.ImportFrom | ast.Pass) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )
        if _for_types(node):
            yield from _computing(node.orelse)  # type: ignore[attr-defined]
        elif not idle:
            yield node


def _importing(body: Iterable[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports in these statements, however deep, but for those for type checkers."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        for part in _BLOCKS:
            if (part != "body" or not _for_types(node)) and isinstance(inner := getattr(node, part, None), list):
                yield from _importing(inner)


def _in_scope(nodes: Iterable[ast.AST]) -> list[ast.AST]:
    """Nodes and those in them, but for what has a scope of its own."""
    found, waiting = list[ast.AST](), list(nodes)
    while waiting:
        node = waiting.pop()
        kind = type(node)
        found.append(node)
        if kind in _COMPREHENSIONS:
            waiting += [inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
        elif kind not in _CLOSED:
            for name in node._fields:  # ast.iter_child_nodes takes three times as long
                value = getattr(node, name, None)
                if isinstance(value, ast.AST):
                    waiting.append(value)
                elif isinstance(value, list):
                    waiting += [one for one in value if isinstance(one, ast.AST)]
    return found


# --- statements ----------------------------------------------------------------------------------------------------------


class _Writer:
    """Writes a syntax tree as text that is the same for the same meaning."""

    def __init__(self, package: _Package, module: _Module) -> None:
        self.package, self.module = package, module
        self.parts: list[str] = []
        self.uses: list[tuple[str, str | None]] = []

    def write(self, node: object, scopes: Scopes) -> None:
        """Append a node, a list of nodes or a plain value, as read inside these scopes."""
        if isinstance(node, _NAMES):
            self._write_name(node, scopes)
        elif isinstance(node, ast.Constant):
            # !a: which letters repr shows as they are differs between versions
            self.parts.append(f"{type(node.value).__name__}:{node.value!a};")
        elif isinstance(node, list):
            self.parts.append("[")
            for one in _computing(node) if node and isinstance(node[0], ast.stmt) else node:
                self.write(one, scopes)
            self.parts.append("]")
        elif isinstance(node, ast.AnnAssign):
            self._write_annotated(node, scopes)
        elif isinstance(node, ast.AST):
            self._write_node(node, scopes, self._inside(node, scopes))
        else:
            self.parts.append(f"{node!a};")

    def _write_node(self, node: ast.AST, scopes: Scopes, inside: Scopes) -> None:
        """Append the kind of a node and its fields; its body is read inside another scope."""
        self.parts.append(f"{type(node).__name__}(")
        for name in node._fields:
            value = _pieces(node) if isinstance(node, ast.JoinedStr) else getattr(node, name, None)
            if name in _SKIPPED or value is None or value == []:
                continue
            if isinstance(value, ast.JoinedStr) and name == "format_spec" and not _pieces(value):  # f"{x:}"
                continue
            self.parts.append(f"{name}=")
            self.write(value, inside if name in _INSIDE else scopes)
        self.parts.append(")")

    def _write_annotated(self, node: ast.AnnAssign, scopes: Scopes) -> None:
        """Append ``x: int = 1`` as ``x = 1``; but the type of a field is part of what its class does."""
        if scopes and scopes[-1][0]:
            self.parts.append("field ")
            self.write(node.annotation, scopes)
            self._write_node(node, scopes, scopes)
        elif node.value is not None:
            self._write_node(ast.Assign([node.target], node.value), scopes, scopes)

    def _inside(self, node: ast.AST, scopes: Scopes) -> Scopes:
        """The scopes of a node's body: with its own, where it has one."""
        if isinstance(node, _FUNCTIONS):
            given = [one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)]
            body = node.body if isinstance(node.body, list) else [node.body]
            return (*scopes, (False, dict.fromkeys(given) | self._bindings(body)))
        if isinstance(node, ast.ClassDef):
            return (*scopes, (True, self._bindings(node.body)))
        if isinstance(node, _COMPREHENSIONS):
            return (*scopes, (False, self._bindings(one.target for one in node.generators)))
        return scopes

    def _bindings(self, nodes: Iterable[ast.AST]) -> Scope:
        return self.package.bindings(nodes, self.module.name, self.module.path)

    def _write_name(self, node: ast.Name | ast.Attribute, scopes: Scopes) -> None:
        origin = self._origin(node, scopes)
        if isinstance(origin, tuple):
            self.parts.append(f"our {origin[1] or 'module'};")
            self.uses.append(origin)
        elif isinstance(origin, str):
            self.parts.append(f"their {origin};")
        elif isinstance(node, ast.Name):
            self.parts.append(f"{node.id};")
        else:
            self.write(node.value, scopes)
            self.parts.append(f".{node.attr};")

    def _origin(self, node: ast.AST, scopes: Scopes) -> Origin:
        """Where a name, or an attribute of a module, comes from."""
        if isinstance(node, ast.Attribute):
            origin = self._origin(node.value, scopes)
            if isinstance(origin, str):
                return f"{origin}.{node.attr}"
            if isinstance(origin, tuple) and origin[1] is None:
                return self.package.resolve((origin[0], node.attr))
            return None
        if not isinstance(node, ast.Name):
            return None
        for depth, (of_class, names) in enumerate(reversed(scopes)):
            if node.id in names and not (of_class and depth):  # functions do not see the names of a class around them
                return self.package.resolve(names[node.id])
        if node.id in self.module.imports:
            return self.package.resolve(self.module.imports[node.id])
        return (self.module.name, node.id) if node.id in self.module.defines else None


def _pieces(text: ast.JoinedStr) -> list[ast.expr]:
    """The pieces of an f-string; Python 3.12 has empty texts between them."""
    return [piece for piece in text.values if not (isinstance(piece, ast.Constant) and piece.value == "")]
