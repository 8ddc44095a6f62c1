"""The decorated tasks of Flyte 1 that have been made in this process."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities

from ..flyte1.registration import TemplateConfig
from ..flyte1.tasks import Task


def tracked_tasks() -> list[tuple[Task, TemplateConfig]]:
    """Every decorated task that has been made in this process, with what the decorator put on it."""
    return [(task, template) for task in _tasks() if (template := template_of(task)) is not None]


def template_of(task: object) -> TemplateConfig | None:
    """What the decorator put on a task; None for one without it."""
    # @eager alone takes over no attributes of its function.
    candidates = (vars(task).get("get_config"), getattr(getattr(task, "task_function", None), "get_config", None))
    return next((each for each in candidates if isinstance(each, TemplateConfig)), None)


def _tasks() -> Iterator[Task]:
    return (entity for entity in FlyteEntities.entities if isinstance(entity, PythonTask))


def decorated_functions(modules: list[ModuleType]) -> dict[str, object]:
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


def _wrapped(function: object) -> list[object]:
    found = []
    while (function := getattr(function, "__wrapped__", None)) is not None:
        found.append(function)
    return found
