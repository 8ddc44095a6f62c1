"""Decorating Flyte 2: a task, or the function that a task is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flyte.extend import AsyncFunctionTaskTemplate

from ..decorated import ActionTask, Function, FunctionCall, Surroundings
from ..front_end.decorate import TrackedCall, attributes_of, check_input_names, checked_function, is_function
from ..front_end.outputs import check_output_names
from ..options import Options
from ..pickled_secret import warn_of_a_key
from ..tracked_function import tracked_function
from .outputs import output_names
from .registration import add_to_task, watch_tasks

if TYPE_CHECKING:
    from ..session.plan import SessionPlan


def decorated(options: Options, function: object, surroundings: Callable[[], Surroundings]) -> object:
    """The tracked form of a function, or the task itself with its function tracked.

    Args:
        options: The decorator's options.
        function: A task's function, or a task.
        surroundings: Gives what a call finds around it.

    Raises:
        UnsupportedFunctionError: For what is neither, and for a task in a sandbox.
        InvalidOptionError: If `log_inputs` or `log_outputs` names what there is not, or a secret; or if the task runs
            in a reusable environment without the secret.
    """
    watch_tasks()
    action_task = ActionTask(options)
    task = function if isinstance(function, AsyncFunctionTaskTemplate) else None
    body = function if task is None else task.func
    checked = checked_function(body, fits=is_function(body))
    if task is None:
        return _decorated_function(action_task, checked, surroundings)
    add_to_task(task, _decorated_function(action_task, checked, surroundings))
    return task


class ActionCall(TrackedCall):
    """Gives the session of each call of a task of Flyte 2.

    Args:
        action_task: What is known of the task.
        function: The function.
        surroundings: Gives what a call finds around it.
    """

    def __init__(self, action_task: ActionTask, function: Function, surroundings: Callable[[], Surroundings]) -> None:
        self._action_task = action_task
        super().__init__(function, surroundings)

    def __getstate__(self) -> dict[str, object]:
        warn_of_a_key(self._action_task.options, "flyte.Secret")
        return vars(self)

    def _plan(self, around: Surroundings, call: FunctionCall) -> SessionPlan:
        from .plan import session_plan

        return session_plan(self._action_task, call, around.environ)


def _decorated_function(
    action_task: ActionTask, function: Function, surroundings: Callable[[], Surroundings]
) -> Function:
    options = action_task.options
    check_input_names(options, function)
    check_output_names(options, function, output_names)
    tracked = tracked_function(function, ActionCall(action_task, function, surroundings))
    vars(tracked).update({**vars(function), **attributes_of(action_task, options.link.config)})
    return tracked
