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
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from flytekit import Secret
from flytekit.core import python_function_task
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities
from flytekit.core.utils import ClassDecorator
from flytekit.models.security import SecurityContext

from .errors import UnsupportedFunctionError
from .link import LINK_TYPE_KEY, CometLink
from .log import logger

Tracking = Callable[[tuple[Any, ...], Mapping[str, Any]], AbstractContextManager[Any]]
"""Gives the context manager in which a call with these arguments runs."""


def tracked_function(function: Callable[..., Any], tracking: Tracking) -> Any:
    """A function that does what `function` does, within `tracking`; async if it is.

    Args:
        function: The task's function.
        tracking: Called once a call.
    """
    # Attributes are copied below: those of flytekit's decorators would make the next one skip this function.
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function, updated=())
        async def tracked_coroutine(*args: Any, **kwargs: Any) -> Any:
            with tracking(args, kwargs):
                return await function(*args, **kwargs)

        wrapper: Any = tracked_coroutine
    else:

        @functools.wraps(function, updated=())
        def tracked(*args: Any, **kwargs: Any) -> Any:
            with tracking(args, kwargs):
                return function(*args, **kwargs)

        wrapper = tracked
    foreign = {name for decorator in class_decorators(function) for name in vars(decorator)}
    kept = {name: value for name, value in vars(function).items() if name not in foreign}
    wrapper.__dict__ = _Attributes({**kept, **vars(wrapper)})
    _locate(wrapper, function)
    return wrapper


class _Attributes(dict[str, Any]):
    """The attributes of a tracked function, of which `functools.wraps` passes on all but the secret.

    flytekit's `ClassDecorator` takes over the attributes of what it decorates, after it has set its own: a
    `@wandb_init` above would read the Comet key as its own.
    """

    def keys(self) -> Any:
        return [name for name in dict.keys(self) if name != "secret"]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __reduce__(self) -> Any:
        return dict, (dict(self.items()),)


def class_decorators(function: Any) -> list[ClassDecorator]:
    """Flytekit's own kind of decorators on a function, from the outermost in."""
    found: list[ClassDecorator] = []
    while function is not None:
        if isinstance(function, ClassDecorator):
            found.append(function)
        function = getattr(function, "__wrapped__", None)
    return found


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
    """What a tracked task adds to its template: the link, beside those of other decorators; and the secret request.

    Attributes:
        link: The link.
        secret: The secret to request, if the decorator was given one.
        task: The task, once it is known.
    """

    def __init__(self, link: CometLink, secret: Secret | None) -> None:
        self.link = link
        self.secret = secret
        self.task: PythonTask[Any] | None = None

    def __call__(self, settings: Any) -> dict[str, str]:
        """The config for the task template: the `get_config` of a tracked task (`flytekit.tools.translator`).

        Raises:
            UnsupportedFunctionError: For a lambda, which a pod could not find by its name.
        """
        task = self._find_task()
        if task is None:
            return self.config()
        own: Mapping[str, str] = type(task).get_config(task, settings) or {}
        return {**own, **self.on_template(task)}

    def on_template(self, task: PythonTask[Any]) -> dict[str, str]:
        """Request the secret, warn of what will not do what one might think, and return the config of the links."""
        self.task = task
        _introduce_tasks()
        function = inspect.unwrap(task.task_function)
        if function.__name__ == "<lambda>":
            raise UnsupportedFunctionError(
                f"@comet_ml_login is on a lambda in {function.__module__!r}, which a pod could not find by its name: "
                "write it as a function."
            )
        mapped = _map_tasks.get(id(task), [])
        for entity in (task, *mapped):
            request_secret(entity, self.secret)
        if mapped and self.link.experiment_key is not None:
            logger.warning(
                "All nodes of the map task over %r, and all their attempts, log to the one experiment %r, since the "
                "decorator has an experiment_key. Without it, each has its own.",
                task.name,
                self.link.experiment_key,
            )
        others = self._others()
        for decorator, key, value in self._conflicts(others):
            logger.warning(
                "Task %r: %s and comet_ml_login both set %r in the task template. It is comet_ml_login's, so the link "
                "of %s in the Flyte console, which needs %r there, will be wrong.",
                task.name,
                type(decorator).__name__,
                key,
                type(decorator).__name__,
                value,
            )
        return self._merged(others)

    def config(self) -> dict[str, str]:
        """The config of the link, beside what other decorators of the task put into the template.

        flytekit reads only the outermost decorator: this stands in for all of them, and so lists all link types.
        """
        return self._merged(self._others())

    @property
    def _own(self) -> dict[str, str]:
        return _config_of(self.link)

    def _others(self) -> list[tuple[ClassDecorator, dict[str, str]]]:
        task = self._find_task()
        decorators = class_decorators(task.task_function) if task is not None else []
        # By type: a decorator above this one has this one's method as an attribute of its own.
        return [(decorator, dict(type(decorator).get_extra_config(decorator) or {})) for decorator in decorators]

    def _merged(self, others: list[tuple[ClassDecorator, dict[str, str]]]) -> dict[str, str]:
        own = self._own
        if not others:
            return dict(own)
        merged: dict[str, str] = {}
        link_types = [own[LINK_TYPE_KEY]]
        for _, config in others:
            link_types += [text for text in config.pop(LINK_TYPE_KEY, "").split(",") if text not in ("", *link_types)]
            merged = {**config, **merged}
        return {**merged, **own, LINK_TYPE_KEY: ",".join(link_types)}

    def _conflicts(self, others: list[tuple[ClassDecorator, dict[str, str]]]) -> list[tuple[ClassDecorator, str, str]]:
        return [
            (decorator, key, value)
            for decorator, config in others
            for key, value in config.items()
            if key != LINK_TYPE_KEY and self._own.get(key, value) != value
        ]

    def _find_task(self) -> PythonTask[Any] | None:
        # flytekit copies this object onto the task, and says nothing of the task to it.
        if self.task is None:
            _introduce_tasks()
        return self.task

    def __getstate__(self) -> dict[str, Any]:
        # Elastic pickles the function for its workers, which need no task.
        return {**vars(self), "task": None}


# Many tasks have the same link.
@functools.lru_cache(maxsize=128)
def _config_of(link: CometLink) -> dict[str, str]:
    return link.config()


def _watch_eager_tasks() -> None:
    """Let `@eager` above the decorator have its link: alone of flytekit's tasks, it takes over no attributes."""
    eager: Any = getattr(python_function_task, "EagerAsyncPythonFunctionTask", None)
    # There since flytekit 1.14; a class of its own since then, on which nobody has a get_config.
    if eager is None or "get_config" in vars(eager):
        return

    def get_config(task: Any, settings: Any) -> Mapping[str, str]:
        own = super(eager, task).get_config(settings) or {}
        template = getattr(task.task_function, "get_config", None)
        return {**own, **template.on_template(task)} if isinstance(template, TemplateConfig) else own

    eager.get_config = get_config


_watch_eager_tasks()


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


_introducing = threading.Lock()
_introduced: list[Any] = []
# By the id of the task that they are over: they took their secrets from it when they were made, before this plugin's
# was among them.
_map_tasks: dict[int, list[PythonTask[Any]]] = {}


def _introduce_tasks() -> None:
    """Tell every `TemplateConfig` its task, and note the map tasks, of the tasks that are new since the last time.

    To look through all tasks for each of them would take long where there are many.
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
            if isinstance(config, TemplateConfig) and config.task is None:
                config.task = entity
            for inner in (getattr(entity, "python_function_task", None), getattr(entity, "run_task", None)):
                if inner is not None and not any(known is entity for known in _map_tasks.get(id(inner), [])):
                    _map_tasks.setdefault(id(inner), []).append(entity)
