"""The plugin's source, as syntax trees: what each module imports, and whose private names it touches."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import flytekitplugins.comet_ml

PACKAGE = Path(flytekitplugins.comet_ml.__file__).parent
SDK = PACKAGE / "sdk"
NAME = "flytekitplugins.comet_ml"


def module_of(file: Path) -> str:
    """Dotted name of a module within the package: `sdk.call`; empty for the package itself."""
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


@functools.cache
def tree_of(file: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(file.read_text())


def imports_of(file: Path) -> Iterator[str]:
    """Full names of the modules that a module imports, wherever and for whatever it does, and by whatever function."""
    modules = _modules()
    package = module_of(file) if file.name == "__init__.py" else module_of(file).rpartition(".")[0]
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node).endswith("import_module"):
            yield from (str(each.value) for each in node.args if isinstance(each, ast.Constant))
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if package else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}".strip(".")
                yield f"{NAME}.{inner if inner in modules else base}".rstrip(".")


@functools.cache
def _modules() -> set[str]:
    return {module_of(other) for other in PACKAGE.rglob("*.py")}


def is_private(name: str) -> bool:
    """Whether a name is private by its look."""
    return name.startswith("_") and not name.startswith("__")


def foreign_private_names(file: Path) -> set[str]:
    """Private names that a module reads from other objects than its own, and does not define itself."""
    read = {
        node.attr
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") not in ("self", "cls")
    }
    texts = {
        node.value
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()
    }
    # Public, in spite of their names; one is the beginning of names of environment variables.
    return (
        {str(name) for name in read | texts if is_private(str(name))}
        - set(_defined(tree_of(file)))
        - {"_", "_exit", "_fields", "_replace", "_FSEC_"}
    )


def _called(call: ast.Call) -> str:
    """Dotted name of what is called, as far as it is one."""
    return ast.unparse(call.func)


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and getattr(node.value, "id", "") == "self"
        ):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
