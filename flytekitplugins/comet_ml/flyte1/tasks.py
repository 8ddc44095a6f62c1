"""The tasks of flytekit in this process: which are mapped, and which secrets they ask for."""

from __future__ import annotations

import threading
from typing import Protocol, TypeAlias

from flytekit import Secret
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities
from flytekit.models.security import SecurityContext

Task: TypeAlias = PythonTask[object]


class TakesTask(Protocol):
    """What a tracked task has for its `get_config`, and wants to know the task (`registration.TemplateConfig`)."""

    task: Task | None


def request_secret(task: Task, secret: Secret | None) -> None:
    """Make a task ask Flyte for a secret, unless it does.

    Args:
        task: Any task.
        secret: The secret; None where the decorator was given a callable.
    """
    if secret is None:
        return
    context = task.security_context
    secrets = list(context.secrets or []) if context else []
    if any((s.group, s.key, s.group_version) == (secret.group, secret.key, secret.group_version) for s in secrets):
        return
    # No setter, and the list may be shared with other tasks.
    task._security_ctx = SecurityContext(
        run_as=context.run_as if context else None,
        secrets=[*secrets, secret],
        tokens=context.tokens if context else None,
    )


_introducing = threading.Lock()
_introduced: list[object] = []
# By the id of the task that they are over: they took their secrets from it when they were made, before this plugin's
# was among them.
_map_tasks: dict[int, list[Task]] = {}


def introduce_tasks(template_config: type[TakesTask]) -> None:
    """Tell every `TemplateConfig` its task, and note the map tasks. Only tasks that are new are looked at.

    A look through all tasks for each of them would take long, because there can be many.

    Args:
        template_config: The class `registration.TemplateConfig`, which a tracked task has for its `get_config`.
    """
    with _introducing:
        entities = FlyteEntities.entities
        number = len(_introduced)
        if 0 < number <= len(entities) and entities[number - 1] is _introduced[-1]:
            # That one again: another thread may have been making it.
            del _introduced[-1]
        else:
            _introduced.clear()
            _map_tasks.clear()
        for entity in entities[len(_introduced) :]:
            _introduced.append(entity)
            if not isinstance(entity, PythonTask):
                continue
            config = vars(entity).get("get_config")
            if isinstance(config, template_config) and config.task is None:
                config.task = entity
            for inner in (getattr(entity, "python_function_task", None), getattr(entity, "run_task", None)):
                if inner is not None and not any(known is entity for known in _map_tasks.get(id(inner), [])):
                    _map_tasks.setdefault(id(inner), []).append(entity)


def maps_over(task: Task) -> list[Task]:
    """The map tasks over a task, of those that have been introduced."""
    return _map_tasks.get(id(task), [])
