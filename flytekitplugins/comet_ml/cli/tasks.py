"""The decorated tasks of Flyte 1 that have been made in this process."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities

from ..flyte1.registration import TemplateConfig
from ..flyte1.tasks import Task
from ..tracked_function import layers


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
    used = {id(layer) for task in _tasks() for layer in layers(getattr(task, "task_function", None))}
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if callable(value)
        and isinstance(getattr(value, "get_config", None), TemplateConfig)
        and not isinstance(value, PythonTask)
        and id(value) not in used
    }
