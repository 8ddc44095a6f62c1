"""The decorated tasks of Flyte 2 that have been made in this process, and where a pod looks for each."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from flyte._environment import list_loaded_environments
from flyte._internal.resolvers.default import DefaultTaskResolver
from flyte.extend import AsyncFunctionTaskTemplate

from ..decorated import ACTION_TASK, ActionTask
from .registration import Task, action_task_of


@dataclass(frozen=True)
class Place:
    """Where a pod looks for a task.

    Attributes:
        module: The module.
        name: The name in it.
        value: What stands there; None if nothing does.
        right: Whether that is the task, or the one that it is an override of.
    """

    module: str
    name: str
    value: object
    right: bool


def tracked_tasks(modules: Iterable[ModuleType]) -> list[tuple[Task, ActionTask]]:
    """The decorated tasks in some modules, each once: those that have a name in one, and those that have none."""
    modules = list(modules)
    named = [value for module in modules for value in vars(module).values()]
    made = [task for environment in list_loaded_environments() for task in getattr(environment, "tasks", {}).values()]
    tasks = {id(task): task for task in [*named, *made] if isinstance(task, AsyncFunctionTaskTemplate)}
    places, with_names = {module.__name__ for module in modules}, {id(value) for value in named}
    found = ((task, action_task_of(task.func)) for task in tasks.values())
    return [
        (task, action_task)
        for task, action_task in found
        if action_task is not None and (id(task) in with_names or task.func.__module__ in places)
    ]


def place_of(task: Task) -> Place | None:
    """Where a pod looks for a task; None if that is for a resolver of the task's own to say."""
    resolver = task.task_resolver
    if resolver is not None and type(resolver).loader_args is not DefaultTaskResolver.loader_args:
        return None
    module, name = task.func.__module__, task.func.__name__
    names = vars(sys.modules[module]) if module in sys.modules else {}
    if not name.isidentifier():
        # Flyte looks for a lambda by what it is.
        name = next((each for each, value in names.items() if value is task), name)
    value = names.get(name)
    return Place(module, name, value, isinstance(value, AsyncFunctionTaskTemplate) and value.name == task.name)


def decorated_functions(modules: Iterable[ModuleType]) -> list[str]:
    """Names of decorated functions in some modules that no task was made of."""
    return [
        f"{module.__name__}.{name}"
        for module in modules
        for name, value in vars(module).items()
        if not isinstance(value, (AsyncFunctionTaskTemplate, type)) and _is_left(getattr(value, ACTION_TASK, None))
    ]


def _is_left(action_task: object) -> bool:
    return isinstance(action_task, ActionTask) and action_task.name is None
