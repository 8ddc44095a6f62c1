"""What the decorator adds to a task of Flyte 2: the link and the secret, by changing the task in place.

`override` makes a copy, and neither the task's environment nor a later `override` knows the copy. A task can also be
made *of* a decorated function: the decorator stands below ``@env.task``, or flyte-migrate makes the task. The function
is not told of it. So every new task is looked at, by its `__post_init__`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import ModuleType
from typing import TypeAlias

from flyte._secret import secrets_from_request
from flyte.extend import AsyncFunctionTaskTemplate

from ..decorated import ACTION_TASK, ActionTask
from ..errors import InvalidOptionError
from ..options import Options
from ..shown import shown
from ..tracked_function import layers
from .link import CometActionLink
from .secret import flyte_secret, is_same

Task: TypeAlias = AsyncFunctionTaskTemplate[object, object, object]


def action_link(options: Options) -> CometActionLink:
    """The link of a decorated task."""
    return CometActionLink(
        options.project_name, options.workspace, options.host, options.experiment_key, options.scope, options.resolver
    )


def add_to_task(task: Task, action_task: ActionTask) -> None:
    """Give a task its link, and have it ask Flyte for the secret, unless it has them.

    Args:
        task: The task; it is changed.
        action_task: What is known of the task: noted here.

    Raises:
        InvalidOptionError: If the task runs in a reusable environment that has not the secret.
    """
    options = action_task.options
    action_task.name, action_task.report = task.name, bool(task.report)
    if not any(isinstance(link, CometActionLink) for link in task.links):
        task.links = (*task.links, action_link(options))
    secret = flyte_secret(options.secret)
    present = secrets_from_request(task.secrets) if task.secrets else []
    variables = (each.as_env_var for each in [*present, secret] if each is not None)
    action_task.secret_variables = tuple(name for name in variables if name)
    if secret is None or any(is_same(secret, other) for other in present):
        return
    if task.reusable is not None:
        raise InvalidOptionError(
            f"comet_ml_login: the task {shown(task.name)} runs in a reusable environment, whose containers have the "
            f"secrets of the environment only. Name it there: flyte.TaskEnvironment(..., secrets=[flyte.Secret("
            f"key={shown(secret.key)}{f', group={shown(secret.group)}' if secret.group else ''}"
            f"{f', as_env_var={shown(secret.as_env_var)}' if secret.as_env_var else ''})])."
        )
    # A new list: the environment's is shared by its tasks.
    task.secrets = [*present, secret]


def watch_tasks() -> None:
    """Have every task that is made of a decorated function from now on get its link and its secret."""
    made = AsyncFunctionTaskTemplate.__post_init__
    if hasattr(made, "__wrapped__"):
        return

    @functools.wraps(made)
    def look_at_function(task: Task) -> None:
        made(task)
        action_task = action_task_of(task.func)
        if action_task is not None:
            add_to_task(task, action_task)

    AsyncFunctionTaskTemplate.__post_init__ = look_at_function


def action_task_of(function: object) -> ActionTask | None:
    """What is known of the task of a function that is decorated, or under other decorators; None for another one."""
    found = (getattr(each, ACTION_TASK, None) for each in layers(function))
    return next((each for each in found if isinstance(each, ActionTask)), None)


def tracked_tasks(modules: Iterable[ModuleType]) -> list[tuple[Task, ActionTask]]:
    """The decorated tasks in some modules, each once."""
    values = (value for module in modules for value in vars(module).values())
    tasks = {id(value): value for value in values if isinstance(value, AsyncFunctionTaskTemplate)}
    found = ((task, action_task_of(task.func)) for task in tasks.values())
    return [(task, action_task) for task, action_task in found if action_task is not None]


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
