"""Loading somebody's module, and finding its decorated tasks."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities

from ..errors import CometTrackingError
from ..flyte1.registration import TemplateConfig


def load(name: str) -> list[ModuleType]:
    """Import a module as `pyflyte` does: by its dotted name, from the current directory, or by its file.

    Args:
        name: Dotted name of a module or package, or path of a `.py` file. Of a package, all modules are imported.

    Raises:
        click.ClickException: If it cannot be imported, with the place in the module and the error.
    """
    root, dotted = _file(name) if name.endswith(".py") or os.sep in name else (Path.cwd(), name)
    sys.path.insert(0, str(root))
    module = _imported(dotted)
    parts = pkgutil.walk_packages(getattr(module, "__path__", []), f"{dotted}.", onerror=lambda name: None)
    return [module, *(_imported(part.name) for part in parts if not part.name.endswith(".__main__"))]


def _file(name: str) -> tuple[Path, str]:
    path = Path(name).resolve()
    if not path.exists():
        raise click.ClickException(f"{path} does not exist. Give a .py file, or the dotted name of a module.")
    if path.suffix != ".py" or not path.is_file():
        raise click.ClickException(f"{name} is no Python file. Give a .py file, or the dotted name of a module.")
    root, names = path.parent, [] if path.stem == "__init__" else [path.stem]
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    return root, ".".join(names)


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise click.ClickException(
                f"There is no module {name!r} in {Path.cwd()} or where Python looks for modules. Give a dotted name, "
                "or the path of a .py file."
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


def tracked_tasks() -> list[tuple[PythonTask[Any], TemplateConfig]]:
    """Every decorated task that has been made in this process, with what the decorator put on it."""
    return [(task, template) for task in _tasks() if (template := template_of(task)) is not None]


def template_of(task: Any) -> TemplateConfig | None:
    """What the decorator put on a task; None for one without it."""
    # @eager alone takes over no attributes of its function.
    candidates = (vars(task).get("get_config"), getattr(getattr(task, "task_function", None), "get_config", None))
    return next((each for each in candidates if isinstance(each, TemplateConfig)), None)


def _tasks() -> Iterator[PythonTask[Any]]:
    return (entity for entity in FlyteEntities.entities if isinstance(entity, PythonTask))


def decorated_functions(modules: list[ModuleType]) -> dict[str, Any]:
    """Decorated functions of modules that no task was made of, by name."""
    used = [getattr(task, "task_function", None) for task in _tasks()]
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if callable(value)
        and isinstance(getattr(value, "get_config", None), TemplateConfig)
        and not isinstance(value, PythonTask)
        and not any(value is function or value in _wrapped(function) for function in used)
    }


def _wrapped(function: Any) -> list[Any]:
    found = []
    while (function := getattr(function, "__wrapped__", None)) is not None:
        found.append(function)
    return found
