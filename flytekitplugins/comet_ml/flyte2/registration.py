"""What the decorator adds to a task of Flyte 2: the link and the secret, by changing the task in place.

`override` makes a copy, and neither the task's environment nor a later `override` knows the copy. A task can also be
made *of* a decorated function: the decorator stands below ``@env.task``, or flyte-migrate makes the task. The function
is not told of it. So every new task is looked at, by its `__post_init__`.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TypeAlias

from flyte._secret import secrets_from_request
from flyte.extend import AsyncFunctionTaskTemplate

from ..decorated import ACTION_TASK, ActionTask, Function
from ..errors import InvalidOptionError, UnsupportedFunctionError
from ..options import Options
from ..shown import shown
from ..tracked_function import layers
from .link import CometActionLink
from .secret import flyte_secret, is_same
from .task_call import function_for, shared_function

Task: TypeAlias = AsyncFunctionTaskTemplate[object, object, object]


def action_link(options: Options) -> CometActionLink:
    """The link of a decorated task."""
    return CometActionLink(
        options.project_name, options.workspace, options.host, options.experiment_key, options.scope, options.resolver
    )


def add_to_task(task: Task, function: Function) -> None:
    """Give a task its function and its link, and have it ask Flyte for the secret, unless it has them.

    Args:
        task: The task; it is changed.
        function: The decorated function, which is told of the task.

    Raises:
        UnsupportedFunctionError: If the task runs in a sandbox.
        InvalidOptionError: If the task runs in a reusable environment that has not the secret.
    """
    function = shared_function(function)
    action_task = action_task_of(function)
    if action_task is None:
        return
    if any(kind.__module__.startswith("flyte.sandbox.") for kind in type(task).__mro__):
        raise UnsupportedFunctionError(
            f"@comet_ml_login is on {shown(task.name)}, which runs in a sandbox of Flyte 2: nothing can be logged "
            "there. Put it on the tasks that it calls."
        )
    options = action_task.options
    secret = flyte_secret(options.secret)
    present = secrets_from_request(task.secrets) if task.secrets else []
    if secret is not None and not any(is_same(secret, other) for other in present):
        if task.reusable is not None:
            raise InvalidOptionError(
                f"comet_ml_login: the task {shown(task.name)} runs in a reusable environment, whose containers have "
                "the secrets of the environment only. Name it there: flyte.TaskEnvironment(..., secrets=[flyte.Secret("
                f"key={shown(secret.key)}{f', group={shown(secret.group)}' if secret.group else ''}"
                f"{f', as_env_var={shown(secret.as_env_var)}' if secret.as_env_var else ''})])."
            )
        # A new list: the environment's is shared by its tasks.
        task.secrets = present = [*present, secret]
    if not any(isinstance(link, CometActionLink) for link in task.links):
        task.links = (*task.links, action_link(options))
    action_task.name, action_task.report = task.name, bool(task.report)
    action_task.secret_variables.update(each.as_env_var for each in present if each.as_env_var)
    task.func = function_for(replace(action_task), function)


def watch_tasks() -> None:
    """Have every task that is made of a decorated function from now on get its link and its secret."""
    made = AsyncFunctionTaskTemplate.__post_init__
    if hasattr(made, "__wrapped__"):
        return

    @functools.wraps(made)
    def look_at_function(task: Task) -> None:
        made(task)
        add_to_task(task, task.func)

    AsyncFunctionTaskTemplate.__post_init__ = look_at_function


def action_task_of(function: object) -> ActionTask | None:
    """What is known of the task of a function that is decorated, or under other decorators; None for another one."""
    found = (getattr(each, ACTION_TASK, None) for each in layers(function))
    return next((each for each in found if isinstance(each, ActionTask)), None)
