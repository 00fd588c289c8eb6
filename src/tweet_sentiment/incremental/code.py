"""The code behind a node: its module and every module of the project that it imports, found by reading the source.

A module counts as parsed code without docstrings: comments and layout change nothing. An import by a computed name is
not seen. Each file is read once per process: after an edit during a run, the record says the code as it was, and the
node runs again.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[2]  # the folder that holds the package
LIST = "tweet_sentiment.techniques"  # of all techniques: importing it is no dependence on each of its modules


@cache
def code_of(module: str, root: Path = ROOT, alone: bool = False) -> Mapping[str, str]:
    """Return a hash of the module, and unless ``alone`` of all that it imports, by path below ``root``.

    Modules outside ``root`` are left out: they belong to libraries, which have versions.
    """
    todo, code = [module] if alone else _with_packages(module), dict[str, str]()
    while todo:
        name = todo.pop()
        path = root.joinpath(*name.split("."))
        file = next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)
        if file is None or (key := file.relative_to(root).as_posix()) in code:
            continue
        code[key], imports = _parsed(file, name)
        for data in (one for kind in ("j2", "yml", "csv") for one in path.glob(f"*.{kind}")):  # of a package
            code[data.relative_to(root).as_posix()] = hashlib.sha256(data.read_bytes()).hexdigest()
        todo += [] if alone else [part for imported in imports for part in _with_packages(imported)]
    return MappingProxyType(code)


def _with_packages(name: str) -> list[str]:
    """Importing a.b.c runs a and a.b first."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


@cache
def _parsed(file: Path, name: str) -> tuple[str, frozenset[str]]:
    """Return a hash of the module's code and the modules that it imports."""
    tree = ast.parse(file.read_bytes())
    tree.body = [one for one in tree.body if not (isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING")]
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    imports = frozenset(found for node in ast.walk(tree) for found in _imported(node, package))
    if name == LIST:
        imports = frozenset(one for one in imports if not one.startswith(f"{LIST}.") or one == f"{LIST}.technique")
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports


def _imported(node: ast.AST, package: list[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = package[: len(package) + 1 - node.level] if node.level else []
        module = ".".join([*start, *([node.module] if node.module else [])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)  # a name, or a module of the package
