"""Loading somebody's module."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import click

from ..errors import CometTrackingError

# A directory can have scripts in it that do things when they are imported: without Flyte, there is no task in them.
_IMPORTS_FLYTE = re.compile(r"^\s*(?:from|import)\s+flyte", re.MULTILINE)


@dataclass
class Loaded:
    """What was imported for one target.

    Attributes:
        modules: The modules.
        failures: For each module that could not be imported, by its name: where the error is, and what it says.
    """

    modules: list[ModuleType] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def load(target: str) -> Loaded:
    """Import what a target names, as `pyflyte` does: dotted names are looked for in the current directory first.

    Args:
        target: Dotted name of a module or package, path of a ``.py`` file, or a directory. Of a package, all modules
            are imported; of a directory, those files that import Flyte.

    Raises:
        click.ClickException: If there is nothing to import, or the one module of the target cannot be imported.
    """
    path = Path(target)
    if path.is_dir() and not (target.isidentifier() and (path / "__init__.py").is_file()):
        return _load_directory(path.resolve())
    root, dotted = _file(target) if target.endswith(".py") or os.sep in target else (Path.cwd(), target)
    sys.path.insert(0, str(root))
    module = _imported(dotted)
    names = pkgutil.walk_packages(getattr(module, "__path__", []), f"{dotted}.", onerror=lambda name: None)
    loaded = _load_all(part.name for part in names if not part.name.endswith(".__main__"))
    loaded.modules.insert(0, module)
    return loaded


def _load_directory(directory: Path) -> Loaded:
    root = _root(directory)
    files = [file for file in _python_files(directory) if _IMPORTS_FLYTE.search(file.read_text(errors="replace"))]
    if not files:
        raise click.ClickException(f"{directory} has no Python file that imports Flyte.")
    sys.path.insert(0, str(root))
    return _load_all(_dotted(file.relative_to(root)) for file in files)


def _python_files(directory: Path) -> Iterator[Path]:
    """The Python files in a directory; without hidden directories, environments and what is installed in them."""
    for place, directories, files in os.walk(directory):
        directories[:] = sorted(name for name in directories if _is_source(Path(place, name)))
        yield from (Path(place, name) for name in sorted(files) if name.endswith(".py"))


def _is_source(directory: Path) -> bool:
    return (
        not directory.name.startswith(".")
        and directory.name not in ("__pycache__", "site-packages", "node_modules")
        and not (directory / "pyvenv.cfg").is_file()
    )


def _dotted(path: Path) -> str:
    names = path.with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def _root(directory: Path) -> Path:
    """The directory that the package of a directory is in; the directory itself if it is in none."""
    return next(each for each in (directory, *directory.parents) if not (each / "__init__.py").is_file())


def _file(name: str) -> tuple[Path, str]:
    path = Path(name).resolve()
    if not path.exists():
        raise click.ClickException(
            f"{path} does not exist. Give a .py file, a directory, or the dotted name of a module."
        )
    if path.suffix != ".py" or not path.is_file():
        raise click.ClickException(
            f"{name} is no Python file. Give a .py file, a directory, or the dotted name of a module."
        )
    root = _root(path.parent)
    return root, _dotted(path.relative_to(root))


def _load_all(names: Iterable[str]) -> Loaded:
    loaded = Loaded()
    for name in names:
        try:
            loaded.modules.append(_imported(name))
        except click.ClickException as error:
            loaded.failures[name] = error.message
    return loaded


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise click.ClickException(
                f"There is no module {name!r} in {Path.cwd()} or where Python looks for modules. Give a dotted name, "
                "the path of a .py file, or a directory."
            ) from None
        raise click.ClickException(_told(name, error)) from None
    except (Exception, SystemExit) as error:
        raise click.ClickException(_told(name, error)) from None


def _told(name: str, error: BaseException) -> str:
    """An error in somebody's module: where it is, and what it says."""
    here = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    own = [frame for frame in here if not _installed(frame.filename)]
    if isinstance(error, SyntaxError):
        place = f"{error.filename}, line {error.lineno}"
    else:
        place = f"{own[-1].filename}, line {own[-1].lineno}" if own else name
    text = str(error) if isinstance(error, CometTrackingError) else f"{type(error).__name__}: {error}"
    return f"The module {name!r} cannot be imported.\n{place}:\n{text}"


def _installed(filename: str) -> bool:
    parts = Path(filename).parts
    return "site-packages" in parts or Path(__file__).parents[1] in Path(filename).parents or filename.startswith("<")
