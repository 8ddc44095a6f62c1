"""Decorating Flyte 2: a task, or the function that a task is made of."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flyte.extend import AsyncFunctionTaskTemplate

from .. import names
from ..decorated import ACTION_TASK, ActionTask, Surroundings
from ..errors import UnsupportedFunctionError
from ..inputs.arguments import check_no_secrets, input_names
from ..log import logger
from ..options import Options, check_known_names
from ..pickled_secret import holds_a_key
from ..session import sigterm
from ..tracked_function import tracked_function
from .identity import in_pod
from .registration import add_to_task, watch_tasks

if TYPE_CHECKING:
    from ..session.session import Session


def decorated(options: Options, function: Any, surroundings: Callable[[], Surroundings]) -> Any:
    """The tracked form of a function, or the task itself with its function tracked.

    Args:
        options: The decorator's options.
        function: A task's function, or a task.
        surroundings: Gives what a call finds around it.

    Raises:
        UnsupportedFunctionError: For what is neither.
        InvalidOptionError: If `log_inputs` names what is no input of the function, or if the task runs in a reusable
            environment without the secret.
    """
    watch_tasks()
    action_task = ActionTask(options)
    if isinstance(function, AsyncFunctionTaskTemplate):
        _check_function(function.func)
        add_to_task(function, action_task)
        function.func = _decorated_function(action_task, function.func, surroundings)
        return function
    _check_function(function)
    return _decorated_function(action_task, function, surroundings)


class TrackedCall:
    """Gives the session of each call of a function.

    Args:
        action_task: What is known of the task.
        function: The function.
        surroundings: Gives what a call finds around it.
    """

    def __init__(
        self, action_task: ActionTask, function: Callable[..., Any], surroundings: Callable[[], Surroundings]
    ) -> None:
        self._action_task = action_task
        self._function = function
        self._surroundings = surroundings
        _prepare_for_threads()

    def __getstate__(self) -> dict[str, Any]:
        options = self._action_task.options
        if holds_a_key(options.secret):
            logger.warning(
                "comet_ml_login: a task of project %r is pickled with its `secret`, with a text in it that looks like "
                "an API key. Give a flyte.Secret, or a function that reads the key where it runs.",
                options.project_name,
            )
        return vars(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        _prepare_for_threads()

    def __call__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Session:
        """The session in which a call with these arguments runs."""
        # A process that only deploys tasks needs none of it.
        from ..session.session import Session
        from .plan import session_plan

        around = self._surroundings()
        plan = session_plan(self._action_task, self._function, args, kwargs, around.environ)
        return Session(around.comet_ml, around.environ, plan)


def _prepare_for_threads() -> None:
    # Flyte runs sync tasks in a thread, where Python lets nobody watch for SIGTERM.
    if in_pod(os.environ):
        sigterm.prepare()


def _check_function(function: Any) -> None:
    name = getattr(function, "__name__", None) or getattr(function, "name", None) or repr(function)
    if not callable(function) or isinstance(function, type) or not hasattr(function, "__name__"):
        kind = "class" if isinstance(function, type) else type(function).__name__
        raise UnsupportedFunctionError(
            f"@comet_ml_login decorates a task's Python function, or a task made from one; not the {kind} {name!r}."
        )
    body = inspect.unwrap(function)
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        raise UnsupportedFunctionError(
            f"@comet_ml_login is on {name!r}, a generator function, which Flyte cannot run as one: return a list "
            "instead."
        )
    if hasattr(function, ACTION_TASK):
        raise UnsupportedFunctionError(f"@comet_ml_login is on {name!r} twice; a task has one Comet experiment.")


def _decorated_function(
    action_task: ActionTask, function: Callable[..., Any], surroundings: Callable[[], Surroundings]
) -> Callable[..., Any]:
    options = action_task.options
    if not isinstance(options.log_inputs, bool):
        check_known_names("log_inputs", options.log_inputs, input_names(function), function.__name__)
        check_no_secrets("log_inputs", options.log_inputs, function)
    tracked: Callable[..., Any] = tracked_function(function, TrackedCall(action_task, function, surroundings))
    attributes = {**names.CONFIG_KEYS, "secret": options.secret, "get_extra_config": options.link.config}
    tracked.__dict__.update({**vars(function), **attributes, ACTION_TASK: action_task})
    return tracked
