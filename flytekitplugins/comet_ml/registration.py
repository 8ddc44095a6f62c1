"""From a function, or a flytekit task, to its tracked form: a real function, and the hooks by which flytekit sees it.

flytekit reads a task's link from the decorator only if the decorated object is an instance of its `ClassDecorator`,
and then only from the outermost one; an instance also breaks async tasks, tasks in `__main__` and notebooks. A real
function has none of these troubles. Its link reaches the task template through `get_config`: flytekit copies a
function's attributes onto the task (`functools.update_wrapper`), and the translator calls the task's `get_config`
before it reads the task's secrets.
"""

from __future__ import annotations

import functools
import inspect
import os
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from flytekit import Secret
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities
from flytekit.models.security import SecurityContext

Tracking = Callable[[tuple[Any, ...], Mapping[str, Any]], AbstractContextManager[Any]]
"""Gives the context manager in which a call with these arguments runs."""


def tracked_function(function: Callable[..., Any], tracking: Tracking) -> Callable[..., Any]:
    """A function that does what `function` does, within `tracking`; async if it is.

    Args:
        function: The task's function.
        tracking: Called once a call.
    """
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def tracked_coroutine(*args: Any, **kwargs: Any) -> Any:
            with tracking(args, kwargs):
                return await function(*args, **kwargs)

        _locate(tracked_coroutine, function)
        return tracked_coroutine

    @functools.wraps(function)
    def tracked(*args: Any, **kwargs: Any) -> Any:
        with tracking(args, kwargs):
            return function(*args, **kwargs)

    _locate(tracked, function)
    return tracked


def source_file(function: Callable[..., Any]) -> str | None:
    """The file that a function is written in; None for one from a notebook or a pickle."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    path = os.path.abspath(code.co_filename) if isinstance(code, types.CodeType) else ""
    return path if os.path.isfile(path) else None


def _locate(wrapper: Any, function: Callable[..., Any]) -> None:
    """Make the wrapper's code say that it stands where the function does.

    flytekit asks a task's function itself for its file (`inspect.getfile` does not look through wrappers) and for
    whether it is nested in another one (a flag of its code): the first for tasks in `__main__`, the second for all.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    if isinstance(code, types.CodeType):
        own = wrapper.__code__
        wrapper.__code__ = own.replace(
            co_filename=code.co_filename,
            co_firstlineno=code.co_firstlineno,
            co_name=code.co_name,
            co_flags=(own.co_flags & ~inspect.CO_NESTED) | (code.co_flags & inspect.CO_NESTED),
        )


class TemplateConfig:
    """The `get_config` of a tracked task: the task's own config, and the link on top of it.

    Attributes:
        link_config: What the link puts into the template.
        secret: The secret to request, if the decorator was given one.
        task: The task, once it is known.
    """

    def __init__(self, link_config: Callable[[], dict[str, str]], secret: Secret | None) -> None:
        self.link_config = link_config
        self.secret = secret
        self.task: PythonTask[Any] | None = None

    def __call__(self, settings: Any) -> dict[str, str]:
        """The config for the task template (`flytekit.tools.translator`); requests the secret as well."""
        own: Mapping[str, str] = {}
        task = self._find_task()
        if task is not None:
            own = type(task).get_config(task, settings) or {}
            for entity in (task, *_mapped(task)):
                request_secret(entity, self.secret)
        return {**own, **self.link_config()}

    def _find_task(self) -> PythonTask[Any] | None:
        # flytekit copies this object onto the task, and says nothing of the task to it.
        if self.task is None:
            self.task = next((e for e in _tasks() if vars(e).get("get_config") is self), None)
        return self.task

    def __getstate__(self) -> dict[str, Any]:
        # Elastic pickles the function for its workers, which need no task.
        return {**vars(self), "task": None}


def request_secret(task: PythonTask[Any], secret: Secret | None) -> None:
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


def _tasks() -> Iterator[PythonTask[Any]]:
    return (entity for entity in FlyteEntities.entities if isinstance(entity, PythonTask))


def _mapped(task: PythonTask[Any]) -> list[PythonTask[Any]]:
    """The map tasks over a task: they took their secrets from it when they were made, before this one was there."""
    return [
        entity
        for entity in _tasks()
        if task in (getattr(entity, "python_function_task", None), getattr(entity, "run_task", None))
    ]
