"""The code behind a node: its module and every module of the project that it imports, found by reading the source.

A module counts as it is parsed, without docstrings: comments and layout change nothing. An import that is made by a
computed name is not seen. Each file is read once a process, as Python itself does: who edits a module during a run
gets a record of the code as it was, and the node runs again.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[2]  # the folder that holds the package


@dataclass(frozen=True)
class _Module:
    digest: str
    imports: frozenset[str]


@cache
def code_of(module: str, root: Path = ROOT) -> Mapping[str, str]:
    """Return a hash of the module, and of all that it imports, directly or not, by path below ``root``.

    Modules that do not lie below ``root`` are left out: they are the libraries', which have versions.
    """
    todo, code = [*_with_packages(module)], dict[str, str]()
    while todo:
        name = todo.pop()
        file = file_of(name, root)
        if file is None or (key := file.relative_to(root).as_posix()) in code:
            continue
        parsed = _parsed(file, name)
        code[key] = parsed.digest
        todo += [part for imported in parsed.imports for part in _with_packages(imported)]
    return MappingProxyType(code)


def code_alone(module: str, root: Path = ROOT) -> dict[str, str]:
    """Return the hash of one module, without what it imports; empty if it does not lie below ``root``."""
    file = file_of(module, root)
    return {} if file is None else {file.relative_to(root).as_posix(): _parsed(file, module).digest}


@cache
def file_of(module: str, root: Path) -> Path | None:
    """Return the file of a module or a package below ``root``."""
    path = root.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _with_packages(name: str) -> Iterator[str]:
    """Importing a.b.c runs a and a.b first."""
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


@cache
def _parsed(file: Path, name: str) -> _Module:
    """Hash the code of the module ``name`` and find what it imports."""
    tree = ast.parse(file.read_bytes())
    _drop_type_checking(tree)
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    imports = frozenset(found for node in ast.walk(tree) for found in _imported(node, package))
    _drop_docstrings(tree)
    return _Module(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports)


def _imported(node: ast.AST, package: list[str]) -> Iterator[str]:
    """Return the modules that a node of the tree imports; ``package`` is what relative imports start from."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = package[: len(package) + 1 - node.level] if node.level else []
        module = ".".join([*start, *([node.module] if node.module else [])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)  # a name, or a module of the package


def _drop_type_checking(tree: ast.Module) -> None:
    """Take out what is imported for annotations alone: it never runs."""
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse)
    ]


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
