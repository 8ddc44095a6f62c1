"""What the decorator adds to a task of Flyte 2: the link and the secret, by changing the task in place.

`override` makes a copy, of which neither the task's environment nor a later `override` knows. A task that is made
*of* a decorated function (the decorator stands below ``@env.task``, or flyte-migrate makes it) says nothing to the
function: so every new task is looked at, by its `__post_init__`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from flyte._secret import secrets_from_request
from flyte.extend import AsyncFunctionTaskTemplate

from ..decorated import ACTION_TASK, ActionTask
from ..errors import InvalidOptionError
from ..options import Options
from .link import CometActionLink
from .secret import flyte_secret, is_same


def action_link(options: Options) -> CometActionLink:
    """The link of a decorated task."""
    return CometActionLink(
        options.project_name, options.workspace, options.host, options.experiment_key, options.scope, options.resolver
    )


def add_to_task(task: AsyncFunctionTaskTemplate[Any, Any, Any], action_task: ActionTask) -> None:
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
            f"comet_ml_login: the task {task.name!r} runs in a reusable environment, whose containers have the secrets "
            f"of the environment only. Name it there: flyte.TaskEnvironment(..., secrets=[flyte.Secret("
            f"key={secret.key!r}{f', group={secret.group!r}' if secret.group else ''}"
            f"{f', as_env_var={secret.as_env_var!r}' if secret.as_env_var else ''})])."
        )
    # A new list: the environment's is shared by its tasks.
    task.secrets = [*present, secret]


def watch_tasks() -> None:
    """Have every task that is made of a decorated function from now on get its link and its secret."""
    made = AsyncFunctionTaskTemplate.__post_init__
    if hasattr(made, "__wrapped__"):
        return

    @functools.wraps(made)
    def look_at_function(task: AsyncFunctionTaskTemplate[Any, Any, Any]) -> None:
        made(task)
        for function in _wrapped(task.func):
            action_task = getattr(function, ACTION_TASK, None)
            if isinstance(action_task, ActionTask):
                add_to_task(task, action_task)
                return

    AsyncFunctionTaskTemplate.__post_init__ = look_at_function


def _wrapped(function: Any) -> Iterator[Any]:
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)
