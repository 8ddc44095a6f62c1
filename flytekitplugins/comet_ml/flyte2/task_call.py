"""Which task of Flyte 2 calls a decorated function: one function can be that of many tasks.

Flyte does not say it. So each task has a function of its own, around the decorated one.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from contextvars import ContextVar

from ..decorated import ACTION_TASK, ActionTask, Function
from ..tracked_function import layers, tracked_function

_INNER = "comet_ml_function_of_tasks"

# The task that runs, and the function that it has in common with others.
_current: ContextVar[tuple[ActionTask, Function] | None] = ContextVar("comet_ml_task", default=None)


def function_for(action_task: ActionTask, function: Function) -> Function:
    """The function of one task, which says that this task calls it.

    Args:
        action_task: What is known of the task.
        function: The decorated function, or that of another task.
    """
    inner = shared_function(function)
    own = tracked_function(inner, _Calls(action_task, inner))
    vars(own).update({**vars(inner), ACTION_TASK: action_task, _INNER: inner, "__wrapped__": inner})
    return own


def shared_function(function: Function) -> Function:
    """The function that tasks have in common, from that of one of them."""
    wrapped: Function = getattr(function, "__wrapped__", function)
    # A decorator above takes over the attribute.
    return wrapped if getattr(function, _INNER, None) is wrapped else function


def calling_task(action_task: ActionTask, function: Function) -> ActionTask:
    """What is known of the task that calls a function now.

    Args:
        action_task: What the decorated function knows of its task. It stands for the task where no task calls it.
        function: The function that is decorated.
    """
    known, shared = _current.get() or (action_task, function)
    # By the function: if that is pickled, what is known of its tasks is copied.
    return known if any(each is function for each in layers(shared)) else action_task


class _Calls:
    def __init__(self, action_task: ActionTask, function: Function) -> None:
        self._action_task = action_task
        self._function = function

    def __call__(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> _Calling:
        return _Calling(self._action_task, self._function)


class _Calling:
    """Notes a task for the time of a block (`tracked_function.Around`)."""

    def __init__(self, action_task: ActionTask, function: Function) -> None:
        self._noted = (action_task, function)
        self._before = _current.get()

    def __enter__(self) -> _Calling:
        _current.set(self._noted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None, /
    ) -> None:
        _current.set(self._before)

    async def __aenter__(self) -> _Calling:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None, /
    ) -> None:
        self.__exit__(kind, error, traceback)

    def returned(self, value: object, /) -> None:
        """Nothing is to be done with it."""
